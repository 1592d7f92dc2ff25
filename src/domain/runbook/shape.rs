//! A runbook with every parameter in place: names are names, servers are servers of the fleet.

use crate::domain::base::{Danger, Digest, Span, StepId};
use crate::domain::vocabulary::{Action, Condition};

/// A runbook that can be planned and run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Runbook {
    pub name: String,
    pub title: String,
    pub owner: String,
    pub use_when: String,
    pub not_when: String,
    pub steps: Vec<Step>,
    /// SHA-256 of the file's bytes.
    pub digest: Digest,
    /// The file's text, for the journal.
    pub text: String,
}

/// One step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    pub id: StepId,
    pub title: String,
    pub why: Option<String>,
    pub work: Work,
    pub preconditions: Vec<Condition>,
    pub postconditions: Vec<Condition>,
    /// What the author raises the danger to.
    pub danger: Option<Danger>,
    /// Offered after a stop, never run alone.
    pub undo: Option<Action>,
}

/// What a step does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Work {
    Act(Action),
    /// A person does it and reads something back.
    Manual {
        text: String,
        read_back: String,
    },
    WaitUntil {
        conditions: Vec<Condition>,
        at_most: Span,
    },
}
