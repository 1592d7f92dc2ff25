//! What people ask: signatures, objections, signed inputs, hold, notes. Whatever is not accepted is recorded with why.

use super::{RETRY_OR_ABORT, Setup, hold, stop};
use crate::domain::approval::votes::{Input as SignedInput, InputVerb, Objection, Stop, Subject, number_and_reason};
use crate::domain::base::{Digest, Principal, RequestId};
use crate::domain::journal::record::{Approval, Choice, Record, SignedText, StopReason, Stopper};
use crate::domain::run::effect::{Decision, Moment, Person};
use crate::domain::run::state::{Ended, Phase, RequestState, State};
use crate::domain::vocabulary::pick::by_ids;

pub(super) fn decide(setup: &Setup, state: &State, person: Person, now: Moment) -> Decision {
    match person {
        Person::Approve { request, approval } => approve(setup, state, &request, approval, now),
        Person::Stop { request, how, text, armored } => {
            object(setup, state, &request, how, SignedText { text, armored }, now)
        }
        Person::Signed { text, armored } => signed(setup, state, SignedText { text, armored }, now),
        Person::Hold { by, reason } => hold(state, by, reason),
        Person::Note { by, text } => Decision::record(Record::Noted { by, text }),
    }
}

fn refuse(why: impl Into<String>) -> Decision {
    Decision::record(Record::InputRefused { why: why.into() })
}

fn open<'a>(state: &'a State, request: &RequestId) -> Result<&'a RequestState, String> {
    match state.requests.get(request) {
        None => Err(format!("there is no request {request} in this run")),
        Some(found) if found.ended.is_some() => Err(format!("request {request} is not open any more")),
        Some(found) => Ok(found),
    }
}

/// What is signed cannot be signed again, but a script that has begun can still be stopped before its next command.
fn open_or_at_work<'a>(state: &'a State, request: &RequestId) -> Result<&'a RequestState, String> {
    let used = |found: &&RequestState| found.ended == Some(Ended::Used) && state.at_work() == Some(request);
    state.requests.get(request).filter(used).map_or_else(|| open(state, request), Ok)
}

fn approve(setup: &Setup, state: &State, id: &RequestId, approval: Approval, now: Moment) -> Decision {
    let request = match open(state, id) {
        Ok(request) => request,
        Err(why) => return refuse(why),
    };
    let refused = |why: String| Decision::record(Record::SignatureRefused { request: id.clone(), why });
    if now.time >= request.header.expires {
        return refused(format!("it came after the request expired at {}", request.header.expires.to_seconds()));
    }
    // Only what counts is an approval: a signature that changes nothing is recorded as that, with the reason.
    match request.takes(&approval, &setup.trust, now.time) {
        Err(why) => refused(why.to_string()),
        Ok(()) => Decision::record(Record::Approved { request: id.clone(), signature: approval }),
    }
}

fn object(setup: &Setup, state: &State, id: &RequestId, how: Stopper, signed: SignedText, now: Moment) -> Decision {
    let request = match open_or_at_work(state, id) {
        Ok(request) => request,
        Err(why) => return refuse(why),
    };
    let verb = match how {
        Stopper::Rejected => Stop::Reject,
        Stopper::Withdrawn => Stop::Withdraw,
    };
    let subject =
        Subject { run: state.opened.run.clone(), request: id.clone(), sha256: Digest::of(request.text.as_bytes()) };
    match Objection::check(verb, signed.text.as_bytes(), &signed.armored, &subject, &setup.trust, now.time) {
        Err(why) => refuse(why.to_string()),
        Ok(accepted) => {
            let (by, reason) = (accepted.by().clone(), accepted.what().reason.clone());
            if how == Stopper::Withdrawn && !request.may_be_withdrawn_by(&by) {
                return refuse(format!("{by} neither asked for it nor approved it: reject it instead"));
            }
            let why = format!("{by} said no: {reason}");
            let ended = Record::RequestStopped { request: id.clone(), by, how, reason, signed };
            if matches!(state.phase, Phase::Sending { .. } | Phase::Doubt { .. } | Phase::Killing { .. }) {
                return Decision::record(ended);
            }
            Decision::record(ended).then(stop(StopReason::Approval { why }, &RETRY_OR_ABORT))
        }
    }
}

fn signed(setup: &Setup, state: &State, signed: SignedText, now: Moment) -> Decision {
    let run = &state.opened.run;
    let checked = SignedInput::check(signed.text.as_bytes(), &signed.armored, run, &setup.trust, now.time);
    let accepted = match checked {
        Ok(accepted) => accepted,
        Err(why) => return refuse(why.to_string()),
    };
    let (by, input) = (accepted.by().clone(), accepted.what());
    // What was signed for an earlier wait does not answer this one.
    if input.head.entry < state.since {
        return refuse(format!("{by} signed it for entry {}, and the run went on since", input.head.entry));
    }
    if state.entries.get(&input.head.entry) != Some(&input.head.sha256) {
        return refuse(format!("{by} signed it for entry {}, which is not in this journal", input.head.entry));
    }
    match input.verb {
        InputVerb::Answer => answer(setup, state, by, &input.argument, signed),
        InputVerb::Choose => choose(setup, state, by, &input.argument, signed),
        InputVerb::Release if state.held.is_some() => Decision::record(Record::Released { by, signed }),
        InputVerb::Release => refuse("nobody holds the run"),
        InputVerb::Abort => abort(setup, state, by, signed),
        InputVerb::Takeover | InputVerb::Close => {
            refuse(format!("`{}` is not asked of a running executor", input.verb.word()))
        }
    }
}

fn answer(setup: &Setup, state: &State, by: Principal, text: &str, signed: SignedText) -> Decision {
    match (&state.phase, setup.step(state)) {
        (Phase::Asking, Some(step)) if !text.trim().is_empty() => {
            Decision::record(Record::Answered { step: step.id.clone(), by, text: text.to_owned(), signed })
        }
        (Phase::Asking, _) => refuse("the answer is empty"),
        _ => refuse("no step waits for an answer"),
    }
}

fn choose(setup: &Setup, state: &State, by: Principal, number: &str, signed: SignedText) -> Decision {
    if let Phase::Choosing { server, offered, at_most } = &state.phase {
        let Some(step) = setup.step(state) else { return Decision::nothing() };
        return match by_ids(offered, *at_most, number) {
            Ok(picked) => {
                let (step, server) = (step.id.clone(), server.clone());
                Decision::record(Record::Picked { step, server, by: Some(by), picked, signed: Some(signed) })
            }
            Err(why) => refuse(why),
        };
    }
    let Phase::Stopped { choices, .. } = &state.phase else { return refuse("the run is not stopped") };
    let found = number_and_reason(number).and_then(|(n, reason)| Some((choices.get(n.checked_sub(1)?)?, reason)));
    match found {
        Some((Choice::SkipStep { step, .. }, "")) => {
            refuse(format!("skipping `{step}` needs a reason: expected the number and why, found `{number}`"))
        }
        Some((choice @ Choice::SkipStep { step, .. }, why)) => {
            let text = format!("{step} is skipped: {why}");
            let chosen = Record::Chosen { by: by.clone(), choice: choice.clone(), signed };
            Decision::record(chosen).then(Record::Noted { by: by.to_string(), text })
        }
        Some((choice, "")) => Decision::record(Record::Chosen { by, choice: choice.clone(), signed }),
        _ => refuse(format!("expected a number from 1 to {}, found `{number}`", choices.len())),
    }
}

/// Aborting is for a run at rest: what is being executed is let finish first. Each phase has its own way there.
fn abort(setup: &Setup, state: &State, by: Principal, signed: SignedText) -> Decision {
    match &state.phase {
        Phase::Closed { .. } | Phase::Finished { .. } => refuse("the run is over"),
        Phase::Sending { .. } if state.held.is_some() => refuse(
            "a command is running and is let finish: abort when its outcome is on record; if it never ends, stop this \
             executor and resume the run, which then offers to end the statement",
        ),
        Phase::Sending { .. } => {
            refuse("a command is running and is let finish: hold the run, and abort when its outcome is on record")
        }
        Phase::Doubt { .. } | Phase::Killing { .. } => refuse(
            "what became of a command is being looked at: in some seconds the run goes on or stops with numbered \
             choices; abort then, no hold is needed",
        ),
        _ => {
            let why = StopReason::Failed { why: format!("{by} aborts the run") };
            // What can be undone is offered first; aborting once more ends the run.
            if !matches!(state.phase, Phase::Stopped { .. }) && !super::offer::undos(setup, state).is_empty() {
                return Decision::record(stop(why, &[Choice::Abort]));
            }
            Decision::record(stop(why, &[Choice::Abort])).then(Record::Chosen { by, choice: Choice::Abort, signed })
        }
    }
}
