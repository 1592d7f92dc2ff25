//! What is recorded of a run, as typed values: one variant for each kind of journal line.
//!
//! Records say what was decided, seen and sent. They are facts about the past: nothing here is evaluated again when a
//! journal is read. Formats only grow; an event that this program does not know is an error, not something to skip.

use serde::{Deserialize, Serialize};

use crate::domain::approval::counting::{Review, Submission};
use crate::domain::approval::request::Header;
use crate::domain::base::{
    Danger, Digest, Principal, RequestId, RunId, ServerName, Span, StepId, TableName, Timestamp, Verdict,
};
use crate::domain::reach::{Reach, Refusal};
use crate::domain::run::outcome::{Connection, ConnectionState, Outcome};
use crate::domain::script::Command;
use crate::domain::snapshot::sessions::Blocker;
use crate::domain::snapshot::{Claim, Evidence, FactKey, Patch, Value};
use crate::domain::vocabulary::promotion::ByHand;

/// One journal entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", content = "data", rename_all = "snake_case", deny_unknown_fields)]
pub enum Record {
    #[serde(rename = "run.opened")]
    Opened(Box<Opened>),
    /// Another process executes the run from here on. What its driver signed names the new journal key; journals from
    /// before that have no signature here, and the key counts once an operator signs something behind it.
    #[serde(rename = "executor.changed")]
    ExecutorChanged {
        by: Principal,
        host: String,
        journal_key: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        signed: Option<SignedText>,
    },
    #[serde(rename = "step.entered")]
    Entered { step: StepId, number: usize, attempt: u32 },
    /// What a person must do and read back.
    #[serde(rename = "step.asked")]
    Asked { step: StepId, text: String, read_back: String },
    #[serde(rename = "step.answered")]
    Answered { step: StepId, by: Principal, text: String, signed: SignedText },
    /// Waiting for facts, each as it was bound when the wait began.
    #[serde(rename = "step.waiting")]
    Waiting { step: StepId, claims: Vec<Claim>, until: Timestamp },
    /// A person chooses sessions of this list, by their ids.
    #[serde(rename = "step.offered")]
    Offered { step: StepId, server: ServerName, offered: Vec<Blocker>, at_most: u32 },
    /// What was chosen: by a person, or by the predicate that the runbook states.
    #[serde(rename = "step.picked")]
    Picked { step: StepId, server: ServerName, by: Option<Principal>, picked: Vec<Blocker>, signed: Option<SignedText> },
    /// There is nothing to do, so nothing was done.
    #[serde(rename = "step.skipped")]
    Skipped { step: StepId, why: String },
    /// The step's `until` does not hold yet: the run goes back and does the steps from there on once more.
    #[serde(rename = "step.repeated")]
    Repeated { step: StepId, from: StepId, round: u32, checks: Vec<Checked> },
    /// A condition does not hold or cannot be told, or the step cannot be rendered.
    #[serde(rename = "step.blocked")]
    Blocked { step: StepId, why: Vec<String> },
    /// A rule of the program forbids the step. Nobody was asked to sign.
    #[serde(rename = "step.refused")]
    Refused { step: StepId, refusals: Vec<Refusal> },
    #[serde(rename = "request.made")]
    Requested { header: Header, danger: Danger, text: String, assessed: Assessed },
    #[serde(rename = "request.approved")]
    Approved { request: RequestId, signature: Approval },
    #[serde(rename = "request.signature_refused")]
    SignatureRefused { request: RequestId, why: String },
    #[serde(rename = "request.stopped")]
    RequestStopped { request: RequestId, by: Principal, how: Stopper, reason: String, signed: SignedText },
    #[serde(rename = "request.void")]
    RequestVoid { request: RequestId, why: String },
    /// Everything is there; it begins when the time has come and nobody holds.
    #[serde(rename = "step.armed")]
    Armed { step: StepId, request: Option<RequestId>, until: Timestamp, danger: Danger, assessed: Assessed },
    /// Durable before the command is sent. Without an outcome or `not_sent` behind it, the command is in doubt.
    #[serde(rename = "step.started")]
    Intended {
        step: StepId,
        command: usize,
        request: Option<RequestId>,
        /// Of the request's text, if it needed one.
        sha256: Option<Digest>,
        text: Vec<String>,
        connection: Option<Connection>,
        /// The deciding facts as they stand before.
        before: Vec<Evidence>,
    },
    #[serde(rename = "step.not_sent")]
    NotSent { step: StepId, command: usize, why: String },
    #[serde(rename = "step.outcome")]
    Came { step: StepId, command: usize, outcome: Outcome, learned: Vec<Learned> },
    #[serde(rename = "step.in_doubt")]
    InDoubt { step: StepId, command: usize, why: String },
    #[serde(rename = "step.doubt_looked")]
    DoubtLooked { step: StepId, command: usize, state: ConnectionState, answer: DoubtAnswer, evidence: Vec<Evidence> },
    /// The connection of a command in doubt was ended because a person chose so, or could not be. What became of the
    /// command is looked at again.
    #[serde(rename = "step.killed")]
    Killed { step: StepId, command: usize, refused: Option<String> },
    #[serde(rename = "step.estimated")]
    Estimated {
        step: StepId,
        rows_done: u64,
        /// Not known where nobody counted or estimated them.
        rows_expected: Option<u64>,
        rows_per_second: u64,
        /// How long was measured.
        took: Span,
        left_low: Span,
        left_high: Span,
    },
    #[serde(rename = "step.drifted")]
    Drifted { step: StepId, evidence: Vec<Evidence> },
    #[serde(rename = "step.done")]
    Done { step: StepId, checks: Vec<Checked> },
    #[serde(rename = "run.held")]
    Held { by: String, reason: String },
    #[serde(rename = "run.released")]
    Released { by: Principal, signed: SignedText },
    /// No further step runs until somebody chooses.
    #[serde(rename = "run.stopped")]
    Stopped { why: StopReason, choices: Vec<Choice> },
    #[serde(rename = "run.chosen")]
    Chosen { by: Principal, choice: Choice, signed: SignedText },
    /// What a person does by hand to promote a server, as it follows from the facts. Nothing of it was done.
    #[serde(rename = "run.advised")]
    Advised { promote: ServerName, steps: Vec<ByHand> },
    #[serde(rename = "run.noted")]
    Noted { by: String, text: String },
    /// Which input the records behind it, of the same append, come from: one that is delivered again, because the
    /// executor died before it could remove it, is known by this.
    #[serde(rename = "input.taken")]
    InputTaken { input: String },
    #[serde(rename = "input.refused")]
    InputRefused { why: String },
    /// The last record of a run, but for the head that covers it.
    #[serde(rename = "run.closed")]
    Closed { outcome: Ending },
    /// The executor's own signature over the head that ends with the line before this one.
    #[serde(rename = "journal.head")]
    Head { signature: String },
}

/// The first record of a run: everything that a later reader needs to judge the rest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Opened {
    pub format: u32,
    pub run: RunId,
    pub by: Principal,
    pub host: String,
    pub mode: String,
    pub reason: String,
    pub fleet: String,
    pub fleet_digest: Digest,
    pub fleet_text: String,
    pub runbook: String,
    pub runbook_digest: Digest,
    pub runbook_text: String,
    pub params: std::collections::BTreeMap<String, String>,
    pub steps: Vec<StepId>,
    pub tables: Vec<TableName>,
    pub trust_serial: u64,
    pub trust_digest: Digest,
    /// The public half of this process's key for signing heads, base64 of the key blob.
    pub journal_key: String,
}

/// What an assessment found, as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Assessed {
    pub script: Vec<Command>,
    /// What each command is predicted to change, links included.
    pub predicted: Vec<Patch>,
    pub reaches: Vec<Reach>,
    pub checks: Vec<Checked>,
    pub relies_on: Vec<Claim>,
    pub against: Vec<String>,
    pub way_back: Option<crate::domain::reach::WayBack>,
}

/// A condition with its verdict, as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Checked {
    pub says: String,
    pub verdict: Verdict,
    pub seen: Vec<String>,
}

/// An approval as it came in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Approval {
    pub by: Principal,
    pub armored: String,
    /// Facts that the approver's own client measured, of those the request names; `None` if it was detached.
    pub measured: Option<OwnMeasurement>,
    /// As reported by the approver's client; not covered by the signature.
    pub answer: Option<String>,
    pub reason: Option<String>,
}

impl Approval {
    /// The signature as it is counted.
    pub fn submission(&self) -> Submission<'_> {
        let review = if self.measured.is_some() { Review::OwnMeasurement } else { Review::Detached };
        Submission { armored: &self.armored, claimed: Some(&self.by), review }
    }
}

/// How much of a request an approver's own look confirmed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OwnMeasurement {
    pub confirmed: usize,
    pub of: usize,
}

/// A small signed document with its signature.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignedText {
    pub text: String,
    pub armored: String,
}

/// How an operator ended a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stopper {
    Rejected,
    Withdrawn,
}

/// A fact that only the run knows: a finding, or effects held at a link. No value takes it back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Learned {
    pub key: FactKey,
    pub value: Option<Value>,
}

/// What looking after a doubt found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DoubtAnswer {
    Applied,
    NotApplied,
    Running,
    Partial,
    Unknown,
}

/// Why a run stopped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum StopReason {
    Refused,
    Blocked,
    /// Rejected, withdrawn, expired or void.
    Approval {
        why: String,
    },
    Drift,
    Failed {
        why: String,
    },
    Doubt {
        answer: DoubtAnswer,
    },
    /// A measurement said that something is not good. No time changes that, only measuring again.
    NotGood {
        what: String,
    },
    /// An earlier step was undone, or its undoing was left.
    Undone,
    /// A wait ended without what it waited for.
    Deadline {
        what: String,
    },
    /// A load would take, or has taken, longer than the runbook's limit.
    TooLong {
        took: Span,
        /// The shortest that the rest could take; not known where nobody knows how many rows there are.
        left: Option<Span>,
        limit: Span,
    },
}

/// What a person can choose after a stop. The number on the screen is its place in the list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Choice {
    /// Assess the step again; what was signed before is void.
    TryAgain,
    /// Look again and change nothing.
    LookAgain,
    /// Go on although it will take longer than the limit.
    GoOn,
    /// Go on behind the step although it was not done, for a reason that is signed. Never offered for a step that
    /// protects.
    SkipStep {
        step: StepId,
        /// The steps that rely on what it would have measured.
        needed_by: Vec<StepId>,
    },
    /// Do what an earlier step offers to undo it, as a step of its own; the run stops here again behind it.
    Undo { step: StepId, does: String },
    /// End the connection on which a statement in doubt still runs.
    EndStatement,
    /// End the run here and write down how a person promotes the copy's source. None of it is done.
    PromoteByHand,
    /// End the run here; offered undos are printed, none is done.
    Abort,
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    Completed,
    Aborted,
}

/// Why a journal line is no record.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("journal line {seq} (`{event}`) is no record of this version: {why}")]
pub struct NoRecord {
    pub seq: u64,
    pub event: String,
    pub why: String,
}

impl Record {
    /// Whether the journal up to here is signed by the executor's key before anything else happens: a key comes into
    /// use, something is about to reach a server or has reached it, or the run ends.
    pub fn wants_head(&self) -> bool {
        matches!(
            self,
            Self::Opened(_)
                | Self::ExecutorChanged { .. }
                | Self::Requested { .. }
                | Self::Intended { .. }
                | Self::NotSent { .. }
                | Self::Came { .. }
                | Self::InDoubt { .. }
                | Self::DoubtLooked { .. }
                | Self::Killed { .. }
                | Self::Chosen { .. }
                | Self::Picked { .. }
                | Self::Closed { .. }
        )
    }

    /// The step that a record is about. The run is at exactly one step, so it must be that one.
    pub fn step(&self) -> Option<&StepId> {
        match self {
            Self::Entered { step, .. }
            | Self::Asked { step, .. }
            | Self::Answered { step, .. }
            | Self::Waiting { step, .. }
            | Self::Offered { step, .. }
            | Self::Picked { step, .. }
            | Self::Skipped { step, .. }
            | Self::Repeated { step, .. }
            | Self::Blocked { step, .. }
            | Self::Refused { step, .. }
            | Self::Armed { step, .. }
            | Self::Intended { step, .. }
            | Self::NotSent { step, .. }
            | Self::Came { step, .. }
            | Self::InDoubt { step, .. }
            | Self::DoubtLooked { step, .. }
            | Self::Killed { step, .. }
            | Self::Estimated { step, .. }
            | Self::Drifted { step, .. }
            | Self::Done { step, .. } => Some(step),
            Self::Requested { header, .. } => Some(&header.step),
            _ => None,
        }
    }

    /// The event name and the payload of the line.
    pub fn to_line(&self) -> (String, String) {
        // A record is plain data with string keys, which always serializes.
        let mut whole = serde_json::to_value(self).unwrap_or_default();
        let event = whole["event"].as_str().unwrap_or_default().to_owned();
        (event, whole["data"].take().to_string())
    }

    /// Reads a line back.
    pub fn from_line(seq: u64, event: &str, payload: &str) -> Result<Self, NoRecord> {
        let bad = |error: serde_json::Error| NoRecord { seq, event: event.to_owned(), why: error.to_string() };
        // Read in one pass, the event before its data. A payload that is more than one object makes a field that is
        // there twice or is not known, and both are refused.
        let whole = format!("{{\"event\":{},\"data\":{payload}}}", serde_json::Value::from(event));
        serde_json::from_str(&whole).map_err(bad)
    }
}

impl Ending {
    pub const fn word(self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::Aborted => "aborted",
        }
    }
}

impl std::fmt::Display for Choice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::SkipStep { step, needed_by } => {
                write!(f, "skip `{step}`: it is not done, and the run goes on behind it; needs a reason")?;
                return match &needed_by[..] {
                    [] => Ok(()),
                    steps => {
                        let steps: Vec<&str> = steps.iter().map(StepId::as_str).collect();
                        write!(f, "; what it would find is needed by {}", steps.join(", "))
                    }
                };
            }
            Self::Undo { step, does } => {
                return write!(
                    f,
                    "undo `{step}`: {does} (assessed and signed like any step; the run stops here again)"
                );
            }
            Self::TryAgain => "assess the step again",
            Self::LookAgain => "look again (changes nothing)",
            Self::GoOn => "go on behind the last committed chunk, past the limit",
            Self::EndStatement => {
                "end the statement: KILL the connection it runs on (what became of it is looked at, not assumed)"
            }
            Self::PromoteByHand => {
                "end the run here and print how to promote the spare by hand (nothing of it is done)"
            }
            Self::Abort => "abort the run here (nothing is undone by itself)",
        })
    }
}

impl std::fmt::Display for StopReason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Refused => f.write_str("refused by a rule of the program"),
            Self::Blocked => f.write_str("a condition does not hold"),
            Self::Approval { why } => write!(f, "no approval: {why}"),
            Self::Drift => f.write_str("the fleet is not as predicted"),
            Self::Failed { why } => write!(f, "failed: {why}"),
            Self::Doubt { answer } => write!(f, "the outcome is {}", doubt_word(*answer)),
            Self::Undone => f.write_str("behind an undo; the step is not begun again by itself"),
            Self::NotGood { what } => write!(f, "measured, and not good: {what}"),
            Self::Deadline { what } => write!(f, "waited in vain for: {what}"),
            Self::TooLong { took, left: Some(left), limit } => {
                let (took, left) = (took.rounded(), left.rounded());
                write!(f, "the load has taken {took} and needs at least {left} more; its limit is {limit}")
            }
            Self::TooLong { took, left: None, limit } => {
                let took = took.rounded();
                write!(f, "the load has taken {took}, and nobody knows how much is left; its limit is {limit}")
            }
        }
    }
}

/// The word for an answer after a doubt.
pub const fn doubt_word(answer: DoubtAnswer) -> &'static str {
    match answer {
        DoubtAnswer::Applied => "applied",
        DoubtAnswer::NotApplied => "not applied",
        DoubtAnswer::Running => "running",
        DoubtAnswer::Partial => "partial",
        DoubtAnswer::Unknown => "unknown",
    }
}
