//! One record in one line, for the timeline. Bookkeeping that tells a reader nothing has no line.

use crate::domain::base::StepId;
use crate::domain::journal::record::{Approval, Record, Stopper, doubt_word};
use crate::domain::run::outcome::{ConnectionState, Outcome};
use crate::domain::snapshot::Evidence;
use crate::domain::snapshot::sessions::{self, Blocker};
use crate::domain::vocabulary::promotion;

/// Who did it and what, if the timeline tells it.
pub(super) struct Said {
    pub(super) who: Option<String>,
    pub(super) step: Option<StepId>,
    pub(super) what: String,
}

fn by(who: &impl ToString, what: String) -> Said {
    Said { who: Some(who.to_string()), step: None, what }
}

fn at(step: &StepId, what: String) -> Said {
    Said { who: None, step: Some(step.clone()), what }
}

fn both(who: &impl ToString, step: &StepId, what: String) -> Said {
    Said { who: Some(who.to_string()), step: Some(step.clone()), what }
}

fn alone(what: String) -> Said {
    Said { who: None, step: None, what }
}

/// The line of a record.
pub(super) fn say(record: &Record) -> Option<Said> {
    Some(match record {
        Record::Opened(opened) => by(&opened.by, format!("started the run from {}: {}", opened.host, opened.reason)),
        Record::ExecutorChanged { by: who, host, .. } => {
            by(who, format!("went on with the run from {host}; what was open to sign is void"))
        }
        Record::Entered { step, attempt: 1, .. } => at(step, "begins".to_owned()),
        Record::Entered { step, attempt, .. } => at(step, format!("begins again, attempt {attempt}")),
        Record::Asked { step, text, read_back } => at(step, format!("asked: {text} (read back: {read_back})")),
        Record::Answered { step, by: who, text, .. } => both(who, step, format!("answered \"{text}\"")),
        Record::Waiting { step, claims, until } => {
            at(step, format!("waits for {} facts until {}", claims.len(), until.clock()))
        }
        Record::Blocked { step, why } => at(step, format!("blocked: {}", why.join("; "))),
        Record::Refused { step, refusals } => {
            let rules: Vec<&str> = refusals.iter().map(|refusal| refusal.rule.as_str()).collect();
            at(step, format!("REFUSED: {}", rules.join("; ")))
        }
        Record::Armed { step, request, until, .. } => {
            let what = if request.is_some() { "signed and armed" } else { "armed" };
            at(step, format!("{what}, begins at {}", until.clock()))
        }
        Record::Done { step, checks } if checks.is_empty() => at(step, "done".to_owned()),
        Record::Done { step, checks } => {
            let checks: Vec<&str> = checks.iter().map(|check| check.says.as_str()).collect();
            at(step, format!("done: {}", checks.join("; ")))
        }
        Record::Drifted { step, evidence } => at(step, format!("DRIFT: {}", evidence_words(evidence))),
        Record::Advised { promote, steps } => {
            alone(format!("how to promote {promote} by hand: {}", promotion::lines(steps).join(" ")))
        }
        Record::Held { by: who, reason } => by(who, format!("HOLD: {reason}")),
        Record::Released { by: who, .. } => by(who, "released the run".to_owned()),
        Record::Stopped { why, choices } => {
            let choices: Vec<String> =
                choices.iter().enumerate().map(|(n, choice)| format!("{} {choice}", n + 1)).collect();
            alone(format!("stopped: {why}; choices: {}", choices.join(", ")))
        }
        Record::Chosen { by: who, choice, .. } => by(who, format!("chose: {choice}")),
        Record::Noted { by: who, text } => by(who, format!("note: {text}")),
        Record::InputRefused { why } => alone(format!("an input was not taken: {why}")),
        Record::Closed { outcome } => alone(format!("the run is over: {}", outcome.word())),
        Record::InputTaken { .. } | Record::Head { .. } => return None,
        Record::Requested { .. }
        | Record::Approved { .. }
        | Record::SignatureRefused { .. }
        | Record::RequestStopped { .. }
        | Record::RequestVoid { .. } => return say_request(record),
        Record::Offered { .. } | Record::Picked { .. } | Record::Skipped { .. } | Record::Repeated { .. } => {
            return say_round(record);
        }
        Record::Intended { .. }
        | Record::NotSent { .. }
        | Record::Came { .. }
        | Record::Estimated { .. }
        | Record::InDoubt { .. }
        | Record::DoubtLooked { .. }
        | Record::Killed { .. } => return say_command(record),
    })
}

/// What is chosen among sessions, and going back for another round.
fn say_round(record: &Record) -> Option<Said> {
    Some(match record {
        Record::Offered { step, server, offered, at_most } => {
            let all: Vec<String> = offered.iter().map(Blocker::line).collect();
            at(step, format!("asks to choose at most {at_most} sessions on {server}: {}", all.join("; ")))
        }
        Record::Picked { step, by: who, picked, .. } => {
            let what = format!("chose {}", chosen(picked));
            match who {
                Some(who) => both(who, step, what),
                None => at(step, format!("the predicate {what}")),
            }
        }
        Record::Skipped { step, why } => at(step, why.clone()),
        Record::Repeated { step, from, round, checks } => {
            let checks: Vec<&str> = checks.iter().map(|check| check.says.as_str()).collect();
            at(step, format!("round {round} is over, not yet: {}; goes back to {from}", checks.join("; ")))
        }
        _ => return None,
    })
}

fn say_request(record: &Record) -> Option<Said> {
    Some(match record {
        Record::Requested { header, danger, .. } => both(&header.requested_by, &header.step, {
            let who = if header.need == 1 { "one person".to_owned() } else { format!("{} people", header.need) };
            format!("asked {who} to sign what is {danger}, until {}", header.expires.clock())
        }),
        Record::Approved { signature: Approval { by: who, measured, .. }, .. } => match measured {
            Some(measured) => {
                by(who, format!("approved after an own look, {} of {} confirmed", measured.confirmed, measured.of))
            }
            None => by(who, "approved the text alone (detached)".to_owned()),
        },
        Record::SignatureRefused { why, .. } => alone(format!("a signature was not taken: {why}")),
        Record::RequestStopped { by: who, how, reason, .. } => {
            let how = match how {
                Stopper::Rejected => "REJECTED",
                Stopper::Withdrawn => "withdrew the approval",
            };
            by(who, format!("{how}: {reason}"))
        }
        Record::RequestVoid { why, .. } => alone(format!("the request is void: {why}")),
        _ => return None,
    })
}

fn say_command(record: &Record) -> Option<Said> {
    Some(match record {
        Record::Intended { step, text, .. } => at(step, format!("started: {}", text.join(" "))),
        Record::Estimated { step, rows_done, rows_expected, rows_per_second, took, left_low, left_high } => {
            let of = rows_expected.map(|rows| format!(" of {rows}")).unwrap_or_default();
            let measured = format!("{rows_done}{of} rows in {}, {rows_per_second} rows/s", took.rounded());
            at(step, format!("{measured}, {left_low} to {left_high} left"))
        }
        Record::NotSent { step, why, .. } => at(step, format!("NOT SENT: {why}")),
        Record::Came { step, outcome, .. } => at(step, outcome_words(outcome)),
        Record::InDoubt { step, why, .. } => at(step, format!("IN DOUBT: {why}")),
        Record::Killed { step, refused: None, .. } => at(step, "its connection was ended".to_owned()),
        Record::Killed { step, refused: Some(why), .. } => at(step, format!("its connection was not ended: {why}")),
        Record::DoubtLooked { step, state, answer, .. } => {
            at(step, format!("looked: {}, so {}", connection_words(state), doubt_word(*answer)))
        }
        _ => return None,
    })
}

/// The sessions of a choice.
pub fn chosen(picked: &[Blocker]) -> String {
    let all: Vec<String> = picked.iter().map(|blocker| blocker.session.to_string()).collect();
    if all.is_empty() { "no session".to_owned() } else { all.join("; ") }
}

/// What a look for blockers found, the roots first.
pub fn found_words(blockers: &[Blocker], waiting: u64, untold: &[String]) -> String {
    let roots: Vec<String> =
        blockers.iter().filter(|blocker| blocker.part == sessions::Part::Root).map(Blocker::line).collect();
    let root = if roots.is_empty() { "no root is seen".to_owned() } else { format!("root: {}", roots.join("; ")) };
    let first = [format!("{waiting} sessions wait"), root];
    first.into_iter().chain(untold.iter().cloned()).collect::<Vec<_>>().join("; ")
}

/// What came of a command, in words.
pub(super) fn outcome_words(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Done { detail } => format!("ok: {detail}"),
        Outcome::Measured { findings } => {
            let all: Vec<String> =
                findings.iter().map(|m| format!("{} on {}: {}", m.table, m.server, m.finding)).collect();
            format!("measured: {}", all.join("; "))
        }
        Outcome::Found { blockers, waiting, untold } => found_words(blockers, *waiting, untold),
        Outcome::Watched { samples } => sessions::trend(samples),
        Outcome::LeftAlone { why } => format!("left alone: {why}"),
        Outcome::NotSent { why } => format!("not sent: {why}"),
        Outcome::Failed { code, message } => format!("FAILED, server error {code}: {message}"),
        Outcome::Interrupted { detail } => format!("cut short: {detail}"),
        Outcome::InDoubt { why } => format!("in doubt: {why}"),
    }
}

/// The state of a connection that is looked for, in words.
pub(super) fn connection_words(state: &ConnectionState) -> String {
    match state {
        ConnectionState::Alive { doing } => format!("the connection is alive ({doing})"),
        ConnectionState::Gone => "the connection and its lock are gone".to_owned(),
        ConnectionState::Restarted => "the server was restarted".to_owned(),
        ConnectionState::Unknown { why } => format!("the connection cannot be looked for ({why})"),
    }
}

/// Evidence in the words of its claims.
pub(super) fn evidence_words(evidence: &[Evidence]) -> String {
    evidence.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}
