//! Where the run is and whose turn it is, in words: the first two lines of every screen, and the line of each step.

use super::model::{Executor, Model};
use super::review::{may_approve, signers, unmeasured};
use super::theme::{Role, Sign};
use super::words::{ago, clip, count, long, say, until};
use crate::domain::base::Principal;
use crate::domain::journal::record::{Choice, DoubtAnswer, Ending, StopReason};
use crate::domain::run::state::{Phase, RequestState, State};

/// The word for the whole run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Word {
    pub word: &'static str,
    pub role: Role,
}

/// The state word of the run.
pub fn run_word(model: &Model) -> Word {
    let as_word = |word, role| Word { word, role };
    let Some(state) = &model.state else { return as_word("READY", Role::Text) };
    match &state.phase {
        Phase::Finished { outcome } | Phase::Closed { outcome } => match outcome {
            Ending::Completed => as_word("DONE", Role::Strong),
            Ending::Aborted => as_word("ABORTED", Role::Strong),
        },
        _ if model.executor == Executor::Gone => as_word("ORPHANED", Role::Badge),
        Phase::Stopped { .. } => as_word("STOPPED", Role::Badge),
        Phase::Doubt { .. } | Phase::Killing { .. } => as_word("IN DOUBT", Role::Badge),
        _ if state.held.is_some() => as_word("HELD", Role::Caution),
        Phase::Asking | Phase::Choosing { .. } | Phase::Waiting { .. } | Phase::Requested { .. } => {
            as_word("WAITING", Role::Caution)
        }
        Phase::Entering if state.cursor == 0 && model.seen.len() == 1 => as_word("READY", Role::Text),
        _ => as_word("RUNNING", Role::Text),
    }
}

/// How much may be said: all of it, or what fits in so many columns, the least needed dropped first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Words {
    All,
    Within(usize),
}

impl Words {
    /// The first that fits, else the last one, whose `tail` always stands.
    fn fit<const N: usize>(self, variants: [String; N], tail: &str) -> String {
        let Self::Within(width) = self else { return variants.into_iter().next().unwrap_or_default() };
        if let Some(fits) = variants.iter().find(|text| text.chars().count() <= width) {
            return fits.clone();
        }
        let last = variants.last().map(String::as_str).unwrap_or_default();
        let head = last.strip_suffix(tail).unwrap_or(last);
        format!("{}{tail}", clip(head, width.saturating_sub(tail.chars().count())))
    }
}

/// Whose turn it is, on what, until when.
pub fn next(model: &Model, words: Words) -> String {
    let Some(state) = &model.state else { return "nobody: no run is open yet".to_owned() };
    if model.executor == Executor::Gone && !model.is_over() {
        return format!("anybody: the executor is gone; countersign resume {}", state.opened.run);
    }
    if let Some(why) = &model.broken {
        return format!("nobody: this screen stopped following: {}", say(why));
    }
    if let Some(by) = &state.held
        && !matches!(state.phase, Phase::Stopped { .. } | Phase::Finished { .. } | Phase::Closed { .. })
    {
        return held(state, &say(by));
    }
    phase(model, state, words)
}

fn held(state: &State, by: &str) -> String {
    let when = match state.phase {
        Phase::Sending { .. } | Phase::Doubt { .. } | Phase::Killing { .. } => "after the command that runs now",
        _ => "now",
    };
    format!("any operator: {by} holds the run {when}; release it when it may go on")
}

fn phase(model: &Model, state: &State, words: Words) -> String {
    let now = model.now;
    let step = step_name(state);
    match &state.phase {
        Phase::Entering => format!("nobody: {step} is being looked at"),
        Phase::Asking => format!("{}: do {step} and type what you read back (Tab)", who(model, &state.opened.by)),
        Phase::Choosing { at_most, .. } => {
            format!("{}: type the sessions to kill, at most {at_most}, or none (Tab)", who(model, &state.opened.by))
        }
        Phase::Waiting { claims, until: end } => {
            let then = format!("until {} (in {}), then it stops", end.clock(), until(now, *end));
            let facts = format!("nobody: {step} waits for {} {then}", count(claims.len(), "fact"));
            let named = claims.iter().map(|claim| say(&claim.to_string())).collect::<Vec<_>>().join("; ");
            words.fit([format!("nobody: {step} waits for {named} {then}"), facts], "")
        }
        Phase::Requested { request } => match state.requests.get(request) {
            Some(request) => asked(model, state, request, words),
            None => format!("nobody: {step}"),
        },
        Phase::Armed { until: end, .. } => {
            format!("nobody: {step} begins in {}; anybody may hold (H)", until(now, *end))
        }
        Phase::Between { .. } => format!("nobody: {step} goes on with its next command"),
        Phase::Sending { plan, command, .. } => {
            let server = plan.assessed.script.get(*command).map_or("?", |command| command.server.as_str());
            format!("nobody: {step} runs on {server} since {}", ago(now, state.at_phase))
        }
        Phase::Doubt { .. } => {
            let all = format!("nobody: what became of {step} is being looked at; nothing is sent again");
            words.fit([all, format!("nobody: {step} is being looked at; nothing is sent again")], "")
        }
        Phase::Killing { .. } => format!("nobody: the statement of {step} is being ended, then it is looked at again"),
        Phase::Settling { .. } => format!("nobody: {step} is compared with what was promised"),
        Phase::Stopped { choices, .. } => stopped(model, state, choices, words),
        Phase::Undone => format!("nobody: {step} stops again"),
        Phase::Advising { .. } => "nobody: how to promote by hand is being looked up; nothing is sent".to_owned(),
        Phase::Finished { .. } => "nobody: the journal is being closed".to_owned(),
        Phase::Closed { .. } => format!("nobody: the run is over; countersign report {}", state.opened.run),
    }
}

fn stopped(model: &Model, state: &State, choices: &[Choice], words: Words) -> String {
    let numbers = match choices.len() {
        0 => "nothing can be chosen".to_owned(),
        1 => "choose 1".to_owned(),
        n => format!("choose 1 to {n}"),
    };
    let waiting = ago(model.now, state.at_phase);
    let short = format!("{}: {numbers} below (since {waiting})", who(model, &state.opened.by));
    words.fit([format!("{short}. No step runs until somebody decides."), short], "")
}

fn asked(model: &Model, state: &State, request: &RequestState, words: Words) -> String {
    let header = &request.header;
    let asked = ago(model.now, header.created);
    let unmeasured = unmeasured(model, request);
    if signed_by_enough(request) && unmeasured == 0 {
        return format!("nobody: {} has its approvals; the fleet is looked at again", step_name(state));
    }
    let missing = missing_people(model, request);
    let (names, fewer) = match missing.as_slice() {
        [] => ("another operator".to_owned(), "another operator".to_owned()),
        [first, _, _, ..] => (missing.join(" or "), format!("{first} or {}", count(missing.len() - 1, "other"))),
        few => (few.join(" or "), few.join(" or ")),
    };
    let step = step_name(state);
    let left = until(model.now, header.expires);
    if signed_by_enough(request) {
        let tail = format!(" ({} missing)", count(unmeasured, "own measurement"));
        return words.fit([format!("{names}: review {step}{tail}"), format!("{fewer}: review {step}{tail}")], &tail);
    }
    let tail = format!(" (expires in {left})");
    let all = format!("{names}: review {step} (asked {asked} ago, expires in {left})");
    words.fit([all, format!("{names}: review {step}{tail}"), format!("{fewer}: review {step}{tail}")], &tail)
}

/// Who could still approve, the one at the keyboard first.
fn missing_people(model: &Model, request: &RequestState) -> Vec<String> {
    let header = &request.header;
    let counts = |who: &&Principal| header.requester_counts || **who != header.requested_by;
    let mut people: Vec<&Principal> = model.viewer.operators.iter().filter(counts).collect();
    people.retain(|who| may_approve(model, request, who));
    people.sort_by_key(|person| Some(*person) != model.viewer.who.as_ref());
    people.into_iter().map(|person| who(model, person)).collect()
}

fn who(model: &Model, person: &Principal) -> String {
    if model.viewer.who.as_ref() == Some(person) { format!("you ({person})") } else { person.to_string() }
}

/// `step 6/10 drop-corrupt`, of the step that a request is about.
pub fn requested_step(request: &RequestState) -> String {
    let header = &request.header;
    format!("step {}/{} {}", header.step_number, header.steps, header.step)
}

/// `step 6/10 drop-corrupt`.
pub fn step_name(state: &State) -> String {
    match state.step() {
        Some(step) => format!("step {}/{} {step}", state.cursor + 1, state.opened.steps.len()),
        None => "the run".to_owned(),
    }
}

/// One step's line: sign, word, and a figure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepLine {
    pub sign: Sign,
    pub word: String,
}

/// The line of the step at `index`.
pub fn step_line(model: &Model, index: usize) -> StepLine {
    let line = |sign, word: &str| StepLine { sign, word: word.to_owned() };
    let Some(state) = &model.state else { return line(Sign::Pending, "") };
    let took = model.history.took(index, model.now).map(long).unwrap_or_default();
    if index != state.cursor {
        let reached = state.undoing.unwrap_or(state.cursor);
        let is_in = |steps: &std::collections::BTreeSet<_>| {
            state.opened.steps.get(index).is_some_and(|step| steps.contains(step))
        };
        return match () {
            () if index > reached => line(Sign::Pending, ""),
            () if index == reached => line(Sign::Waiting, "stopped"),
            () if is_in(&state.skipped) => line(Sign::Skipped, "skipped"),
            () if is_in(&state.undone) => line(Sign::Skipped, "undone"),
            () => line(Sign::Done, &format!("done {took}")),
        };
    }
    match &state.phase {
        Phase::Entering => line(Sign::Checking, "checking"),
        Phase::Asking => line(Sign::Waiting, "by hand"),
        Phase::Choosing { .. } => line(Sign::Waiting, "choose"),
        Phase::Waiting { .. } => line(Sign::Waiting, "waiting"),
        Phase::Requested { request } => match state.requests.get(request) {
            Some(request) if signed_by_enough(request) && unmeasured(model, request) > 0 => {
                line(Sign::Waiting, "needs look")
            }
            Some(request) => line(Sign::Waiting, &gate_count(request)),
            None => line(Sign::Waiting, "GATE"),
        },
        Phase::Armed { .. } => line(Sign::Armed, "armed"),
        Phase::Between { .. } | Phase::Sending { .. } => match &model.history.step.estimate {
            Some(estimate) => line(Sign::Running, &format!("{}% {took}", estimate.percent())),
            None => line(Sign::Running, &format!("runs {took}")),
        },
        Phase::Doubt { .. } | Phase::Killing { .. } => line(Sign::Unknown, "in doubt"),
        Phase::Settling { .. } => line(Sign::Verifying, "verifying"),
        Phase::Stopped { why, .. } => stop_line(why),
        Phase::Undone => line(Sign::Waiting, "stopped"),
        Phase::Advising { .. } | Phase::Finished { .. } | Phase::Closed { .. } => line(Sign::Skipped, "ended"),
    }
}

/// What became of a command whose answer was lost, as far as it is known.
pub const fn doubt_title(answer: DoubtAnswer) -> &'static str {
    match answer {
        DoubtAnswer::Applied => "APPLIED",
        DoubtAnswer::NotApplied => "NOT APPLIED",
        DoubtAnswer::Running => "STILL RUNS",
        DoubtAnswer::Partial => "PARTLY APPLIED",
        DoubtAnswer::Unknown => "UNKNOWN",
    }
}

fn stop_line(why: &StopReason) -> StepLine {
    let (sign, word) = match why {
        StopReason::Refused => (Sign::Refused, "REFUSED"),
        StopReason::Blocked => (Sign::Blocked, "blocked"),
        StopReason::Approval { .. } => (Sign::Blocked, "no approval"),
        StopReason::Drift => (Sign::Drifted, "DRIFT"),
        StopReason::Undone => (Sign::Waiting, "stopped"),
        StopReason::NotGood { .. } => (Sign::Drifted, "NOT GOOD"),
        StopReason::Failed { .. } => (Sign::Failed, "FAILED"),
        StopReason::Doubt { answer } => (Sign::Unknown, doubt_title(*answer)),
        StopReason::Deadline { .. } => (Sign::Blocked, "too late"),
        StopReason::TooLong { .. } => (Sign::Armed, "too long"),
    };
    StepLine { sign, word: word.to_owned() }
}

/// `GATE 1/2`: how many people have signed.
pub fn gate_count(request: &RequestState) -> String {
    format!("GATE {}/{}", signers(request), request.header.need)
}

/// The same with what is missing besides people: `GATE 2/2, 1 own measurement missing`.
pub fn gate(model: &Model, request: &RequestState) -> String {
    match unmeasured(model, request) {
        missing if missing > 0 && signed_by_enough(request) => {
            format!("{}, {} missing", gate_count(request), count(missing, "own measurement"))
        }
        _ => gate_count(request),
    }
}

/// Whether enough people have signed; what else the policy wants is not asked.
pub fn signed_by_enough(request: &RequestState) -> bool {
    signers(request) >= usize::from(request.header.need)
}
