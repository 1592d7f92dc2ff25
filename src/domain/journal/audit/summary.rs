//! What a good audit says: enough for a person to see who allowed what.

use std::fmt;

use serde::Serialize;

use crate::domain::base::text::count;
use crate::domain::base::{Danger, Principal, RequestId, RunId, StepId, Timestamp};
use crate::domain::journal::Head;
use crate::domain::journal::record::{Ending, Opened};

/// What a journal proves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Summary {
    pub run: RunId,
    pub runbook: String,
    pub fleet: String,
    /// How the run was executed: for real or simulated.
    pub mode: String,
    pub by: Principal,
    pub head: Head,
    /// How it ended; `None` if its last line is another.
    pub ended: Option<Ending>,
    /// Every request under which something was started.
    pub gates: Vec<GateSummary>,
    /// Signed inputs of operators: answers, choices, releases, rejections.
    pub inputs: usize,
    pub signed_heads: usize,
    /// Executors that took over and that no operator's signature has vouched for since.
    pub unvouched: Vec<Takeover>,
}

/// One request that was used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GateSummary {
    pub request: RequestId,
    pub step: StepId,
    pub danger: Danger,
    /// The line in which its first command started.
    pub line: u64,
    pub at: Timestamp,
    pub need: u8,
    pub approvers: Vec<Approver>,
}

/// One person who approved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Approver {
    pub by: Principal,
    pub fingerprint: String,
    pub review: Review,
}

/// How the approver came to it, as the approver's client reported it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Review {
    Reviewed { confirmed: usize, of: usize },
    Detached,
}

/// An executor that went on with a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Takeover {
    pub line: u64,
    pub by: Principal,
    pub host: String,
}

impl Summary {
    pub(super) fn of(opened: &Opened) -> Self {
        Self {
            run: opened.run.clone(),
            runbook: opened.runbook.clone(),
            fleet: opened.fleet.clone(),
            mode: opened.mode.clone(),
            by: opened.by.clone(),
            head: Head::start(),
            ended: None,
            gates: Vec::new(),
            inputs: 0,
            signed_heads: 0,
            unvouched: Vec::new(),
        }
    }
}

impl fmt::Display for Review {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Reviewed { confirmed, of } => write!(f, "reviewed (own measurement, {confirmed} of {of})"),
            Self::Detached => f.write_str("detached"),
        }
    }
}

impl fmt::Display for Approver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.by, self.review, self.fingerprint)
    }
}

impl fmt::Display for GateSummary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { request, step, danger, line, approvers, .. } = self;
        write!(f, "line {line} step {step} ({danger}) request {request} approved by {}", approvers.len())?;
        for approver in approvers {
            write!(f, "; {approver}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "run {} of {} on {}, {}, driven by {}", self.run, self.runbook, self.fleet, self.mode, self.by)?;
        writeln!(f, "journal of {} lines, {}", self.head.entries(), count(self.signed_heads, "signed head"))?;
        for gate in &self.gates {
            writeln!(f, "{gate}")?;
        }
        writeln!(f, "{}", count(self.inputs, "signed input"))?;
        for Takeover { line, by, host } in &self.unvouched {
            writeln!(f, "line {line}: {by} went on from {host}, and no operator has signed anything since")?;
        }
        if let Some(ending) = self.ended {
            writeln!(f, "ended: {}", ending.word())?;
        }
        Ok(())
    }
}
