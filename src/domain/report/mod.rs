//! The report of a run: its journal told as a timeline, with what was sent, who signed it, what came and what it cost.
//!
//! A fold of records and nothing else, so it can be written while a run goes on and says the same each time. It judges
//! nothing: whether the journal is to be believed is the audit's answer.

mod fold;
mod markdown;
mod say;
pub use say::{chosen, found_words};

use std::collections::BTreeMap;

use serde::Serialize;

use crate::domain::base::{Danger, Principal, RequestId, RunId, ServerName, Span, StepId, Timestamp};
use crate::domain::journal::audit::Review;
use crate::domain::journal::record::{Ending, NoRecord};
use crate::domain::journal::{Head, Line};
use crate::domain::reach::Refusal;
use crate::domain::run::state::Impossible;

/// Why there is no report.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReportError {
    #[error("the journal has no lines: there is nothing to report")]
    Empty,
    #[error(transparent)]
    NoRecord(#[from] NoRecord),
    #[error("line {line}: {why}")]
    Impossible { line: u64, why: Impossible },
}

/// Everything that is told of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    pub run: RunId,
    pub runbook: String,
    pub fleet: String,
    pub mode: String,
    pub reason: String,
    pub driver: Principal,
    pub params: BTreeMap<String, String>,
    pub head: Head,
    pub started: Timestamp,
    /// When the newest line was made.
    pub until: Timestamp,
    pub outcome: Option<Ending>,
    /// Who has signed how it ended; no record says it, so whoever checked the signatures fills it in.
    pub closed_by: Vec<Principal>,
    /// What the run is doing, if it has not ended.
    pub standing: Option<String>,
    pub time: Time,
    pub steps: Vec<StepTime>,
    pub statements: Vec<Statement>,
    pub requests: Vec<Asked>,
    pub refusals: Vec<Refused>,
    pub doubts: Vec<Doubt>,
    pub comparisons: Vec<Compared>,
    /// What speaks against steps that were done all the same.
    pub given_up: Vec<String>,
    pub timeline: Vec<Entry>,
}

/// Where the time went. The parts add up to the whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Time {
    pub whole: Span,
    pub working: Span,
    /// Until enough people had signed.
    pub signatures: Span,
    /// Until a person had done something and read it back.
    pub people: Span,
    /// For facts to become so.
    pub facts: Span,
    pub held: Span,
    /// Until somebody chose how to go on.
    pub stopped: Span,
}

/// How long one step took, over all attempts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StepTime {
    pub step: StepId,
    pub started: Timestamp,
    pub took: Span,
    pub attempts: u32,
    pub done: bool,
}

/// One command as it was started, and what came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Statement {
    pub line: u64,
    pub at: Timestamp,
    pub step: StepId,
    pub server: Option<ServerName>,
    pub danger: Danger,
    pub text: Vec<String>,
    pub request: Option<RequestId>,
    pub outcome: String,
    pub took: Option<Span>,
}

/// One request and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Asked {
    pub request: RequestId,
    pub step: StepId,
    pub danger: Danger,
    pub made: Timestamp,
    pub need: u8,
    pub signed: Vec<Signature>,
    pub ended: String,
    pub way_back_before: Option<String>,
    pub way_back_after: Option<String>,
}

/// One approval.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Signature {
    pub by: Principal,
    pub at: Timestamp,
    /// `None` if the signature cannot be read; the audit says why.
    pub fingerprint: Option<String>,
    pub review: Review,
    /// As reported by the approver's client.
    pub answer: Option<String>,
    pub reason: Option<String>,
}

/// A step that a rule forbade.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Refused {
    pub at: Timestamp,
    pub step: StepId,
    pub refusal: Refusal,
}

/// A command whose answer was lost, and how that was settled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Doubt {
    pub at: Timestamp,
    pub step: StepId,
    pub why: String,
    pub looks: Vec<String>,
    pub settled: Option<Timestamp>,
}

/// What was relied on and promised, against what was seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Compared {
    pub at: Timestamp,
    pub step: StepId,
    pub relied_on: usize,
    pub promised: usize,
    /// What was not as predicted, in the words of the claims.
    pub drifted: Vec<String>,
}

/// One line of the timeline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Entry {
    pub line: u64,
    pub at: Timestamp,
    pub who: Option<String>,
    pub step: Option<StepId>,
    pub what: String,
}

impl Report {
    /// Tells the journal that these lines are, from its first line on.
    pub fn of(lines: &[Line]) -> Result<Self, ReportError> {
        fold::report(lines)
    }

    /// The report for people, as Markdown in printable ASCII.
    pub fn markdown(&self) -> String {
        markdown::write(self)
    }

    /// The report for programs: one object.
    pub fn json(&self) -> String {
        // Plain data with string keys always serializes.
        serde_json::to_string(self).unwrap_or_default()
    }
}
