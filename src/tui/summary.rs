//! One record as one sentence: the timeline's lines, and the first line of each event in plain output.

use super::status::gate_count;
use super::words::{count, long, say};
use crate::domain::base::StepId;
use crate::domain::journal::record::{DoubtAnswer, Ending, Record, Stopper, doubt_word};
use crate::domain::report::{chosen, found_words};
use crate::domain::run::outcome::{ConnectionState, Outcome};
use crate::domain::run::state::{RequestState, State};
use crate::domain::snapshot::sessions;

/// A record in words. All of it is safe to show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// Who did it, if a person did.
    pub who: Option<String>,
    /// The step it is about, with its number from 1.
    pub step: Option<(usize, String)>,
    /// One word for what happened.
    pub word: &'static str,
    pub text: String,
}

/// Says what `record` means; `before` is the state it was applied to, `None` for the first record.
pub fn summary(before: Option<&State>, record: &Record) -> Summary {
    let (word, text) = said(before, record);
    Summary { who: who(record), step: step(before, record), word, text }
}

fn who(record: &Record) -> Option<String> {
    match record {
        Record::Opened(opened) => Some(opened.by.to_string()),
        Record::ExecutorChanged { by, .. }
        | Record::Answered { by, .. }
        | Record::RequestStopped { by, .. }
        | Record::Released { by, .. }
        | Record::Chosen { by, .. } => Some(by.to_string()),
        Record::Approved { signature, .. } => Some(signature.by.to_string()),
        Record::Picked { by, .. } => by.as_ref().map(ToString::to_string),
        Record::Held { by, .. } | Record::Noted { by, .. } => Some(say(by)),
        _ => None,
    }
}

fn step(before: Option<&State>, record: &Record) -> Option<(usize, String)> {
    let named: Option<&StepId> = match record {
        Record::Entered { step, .. }
        | Record::Offered { step, .. }
        | Record::Picked { step, .. }
        | Record::Skipped { step, .. }
        | Record::Repeated { step, .. }
        | Record::Asked { step, .. }
        | Record::Answered { step, .. }
        | Record::Waiting { step, .. }
        | Record::Blocked { step, .. }
        | Record::Refused { step, .. }
        | Record::Armed { step, .. }
        | Record::Intended { step, .. }
        | Record::NotSent { step, .. }
        | Record::Came { step, .. }
        | Record::InDoubt { step, .. }
        | Record::DoubtLooked { step, .. }
        | Record::Killed { step, .. }
        | Record::Estimated { step, .. }
        | Record::Drifted { step, .. }
        | Record::Done { step, .. } => Some(step),
        Record::Requested { header, .. } => Some(&header.step),
        Record::Approved { request, .. }
        | Record::SignatureRefused { request, .. }
        | Record::RequestStopped { request, .. }
        | Record::RequestVoid { request, .. } => before?.requests.get(request).map(|found| &found.header.step),
        _ => None,
    };
    let step = named?;
    let place = before?.opened.steps.iter().position(|other| other == step)?;
    Some((place + 1, step.to_string()))
}

fn said(before: Option<&State>, record: &Record) -> (&'static str, String) {
    match record {
        Record::Opened(opened) => {
            let steps = count(opened.steps.len(), "step");
            let text = format!(
                "runbook {} ({steps}), fleet {}, mode {}, reason: {}",
                say(&opened.runbook),
                say(&opened.fleet),
                say(&opened.mode),
                say(&opened.reason)
            );
            ("started", text)
        }
        Record::ExecutorChanged { host, .. } => {
            ("taken over", format!("executed from {} now; what was open to sign is void", say(host)))
        }
        Record::Held { reason, .. } => ("held", say(reason)),
        Record::Released { .. } => ("released", "the run goes on".to_owned()),
        Record::Stopped { why, choices } => {
            ("stopped", format!("{} ({})", say(&why.to_string()), count(choices.len(), "choice")))
        }
        Record::Chosen { choice, .. } => ("chosen", choice.to_string()),
        Record::Advised { promote, .. } => {
            ("advised", format!("how to promote {promote} by hand; nothing of it was done"))
        }
        Record::Noted { text, .. } => ("note", format!("\"{}\"", say(text))),
        Record::InputTaken { .. } => ("heard", "somebody's input is on record".to_owned()),
        Record::InputRefused { why } => ("not accepted", say(why)),
        Record::Head { .. } => ("head", "the journal's head is signed".to_owned()),
        Record::Closed { outcome: Ending::Completed } => ("completed", "the run is over".to_owned()),
        Record::Closed { outcome: Ending::Aborted } => ("aborted", "the run is over".to_owned()),
        Record::Requested { .. }
        | Record::Approved { .. }
        | Record::SignatureRefused { .. }
        | Record::RequestStopped { .. }
        | Record::RequestVoid { .. } => approval(before, record),
        _ => step_said(before, record),
    }
}

fn approval(before: Option<&State>, record: &Record) -> (&'static str, String) {
    let of = |request| before.and_then(|state| state.requests.get(request));
    match record {
        Record::Requested { header, danger, .. } => {
            let text = format!(
                "GATE 0/{}  {danger}  request {}  until {}",
                header.need,
                header.request,
                header.expires.clock()
            );
            ("waiting", text)
        }
        Record::Approved { request, signature } => {
            let how = match signature.measured {
                Some(own) => format!("reviewed: own measurement, {} of {}", own.confirmed, own.of),
                None => "detached: no measurement of their own".to_owned(),
            };
            let reason = signature.reason.as_ref().map(|r| format!("  \"{}\"", say(r))).unwrap_or_default();
            let gate = of(request).map(|found: &RequestState| {
                let mut behind = found.clone();
                behind.approvals.push(signature.clone());
                format!("{}  ", gate_count(&behind))
            });
            ("approved", format!("{}{how}{reason}", gate.unwrap_or_default()))
        }
        Record::SignatureRefused { why, .. } => ("not counted", say(why)),
        Record::RequestStopped { how, reason, .. } => {
            let word = match how {
                Stopper::Rejected => "rejected",
                Stopper::Withdrawn => "withdrawn",
            };
            (word, format!("\"{}\"", say(reason)))
        }
        Record::RequestVoid { why, .. } => ("void", say(why)),
        _ => ("", String::new()),
    }
}

fn step_said(before: Option<&State>, record: &Record) -> (&'static str, String) {
    match record {
        Record::Entered { attempt: 1, .. } => ("checking", String::new()),
        Record::Entered { attempt, .. } => ("checking", format!("attempt {attempt}")),
        Record::Asked { text, .. } => ("by hand", say(text.lines().next().unwrap_or_default())),
        Record::Answered { text, .. } => ("answered", format!("\"{}\"", say(text))),
        Record::Waiting { claims, until, .. } => {
            ("waiting", format!("for {} until {}", count(claims.len(), "fact"), until.clock()))
        }
        Record::Offered { offered, at_most, .. } => {
            ("choose", format!("at most {at_most} of {}", count(offered.len(), "session")))
        }
        Record::Picked { picked, .. } => ("chosen", say(&chosen(picked))),
        Record::Skipped { why, .. } => ("skipped", say(why)),
        Record::Repeated { from, round, .. } => ("repeated", format!("round {round} is over, goes back to {from}")),
        Record::Blocked { why, .. } => ("blocked", say(&why.join("; "))),
        Record::Refused { refusals, .. } => {
            ("refused", refusals.first().map_or_else(String::new, |refusal| say(&refusal.rule)))
        }
        Record::Armed { until, assessed, .. } => {
            let again = match assessed.checks.len() {
                0 => String::new(),
                all => format!("  checks {all}/{all} measured again"),
            };
            ("armed", format!("begins {}{again}", until.clock()))
        }
        Record::Intended { command, text, connection, .. } => {
            let server = connection.as_ref().map(|c| format!("{}  ", c.server)).unwrap_or_default();
            ("running", format!("{server}{}{}", command_number(before, *command), say(&text.join(" "))))
        }
        Record::NotSent { why, .. } => ("not sent", say(why)),
        Record::Came { outcome, .. } => came(outcome),
        Record::InDoubt { why, .. } => ("in doubt", say(why)),
        Record::Killed { refused: None, .. } => ("ended", "its connection; what became of it is looked at".to_owned()),
        Record::Killed { refused: Some(why), .. } => ("not ended", say(why)),
        Record::DoubtLooked { state, answer, .. } => ("looked", looked(state, *answer)),
        Record::Estimated { rows_done, rows_expected, rows_per_second, took, .. }
            if rows_expected.is_none_or(|expected| *rows_done >= expected) =>
        {
            ("measured", format!("{rows_done} rows in {}, {rows_per_second} rows/s", took.rounded()))
        }
        Record::Estimated { rows_done, rows_expected, rows_per_second, left_low, left_high, .. } => {
            let expected = rows_expected.unwrap_or(0);
            let percent = rows_done.saturating_mul(100).checked_div(expected).unwrap_or(0).min(100);
            let left = format!("{} to {} left", long(*left_low), long(*left_high));
            ("running", format!("{percent}%  {left}, {rows_per_second} rows/s"))
        }
        Record::Drifted { evidence, .. } => ("drift", format!("{} not as predicted", count(evidence.len(), "fact"))),
        Record::Done { checks, .. } if checks.is_empty() => ("done", "as predicted".to_owned()),
        Record::Done { checks, .. } => ("done", format!("as predicted, {} held", count(checks.len(), "postcondition"))),
        _ => ("", String::new()),
    }
}

/// `2/3  ` when a script has several commands.
fn command_number(before: Option<&State>, command: usize) -> String {
    use crate::domain::run::state::Phase;
    let Some(Phase::Armed { plan, .. } | Phase::Between { plan, .. }) = before.map(|state| &state.phase) else {
        return String::new();
    };
    match plan.assessed.script.len() {
        0 | 1 => String::new(),
        all => format!("{}/{all}  ", command + 1),
    }
}

fn came(outcome: &Outcome) -> (&'static str, String) {
    match outcome {
        Outcome::Done { detail } => ("executed", say(detail)),
        Outcome::Measured { findings } => {
            let all: Vec<String> =
                findings.iter().map(|m| format!("{} on {}: {}", m.table, m.server, m.finding)).collect();
            ("measured", say(&all.join("; ")))
        }
        Outcome::Found { blockers, waiting, untold } => ("found", say(&found_words(blockers, *waiting, untold))),
        Outcome::Watched { samples } => ("measured", sessions::trend(samples)),
        Outcome::LeftAlone { why } => ("left alone", say(why)),
        Outcome::NotSent { why } => ("not sent", say(why)),
        Outcome::Failed { code, message } => ("failed", format!("ERROR {code}: {}", say(message))),
        Outcome::Interrupted { detail } => ("cut short", say(detail)),
        Outcome::InDoubt { why } => ("in doubt", say(why)),
    }
}

/// What looking after a lost answer found.
pub fn looked(state: &ConnectionState, answer: DoubtAnswer) -> String {
    let connection = match state {
        ConnectionState::Alive { doing } => format!("its connection is alive ({})", say(doing)),
        ConnectionState::Gone => "its connection is gone".to_owned(),
        ConnectionState::Restarted => "the server was restarted".to_owned(),
        ConnectionState::Unknown { why } => format!("its connection cannot be told: {}", say(why)),
    };
    format!("{}: {connection}", doubt_word(answer))
}
