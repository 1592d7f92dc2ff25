//! A runbook with every parameter in place: names are names, servers are servers of the fleet.

use std::collections::{BTreeMap, BTreeSet};

use super::param::ParamValue;
use crate::domain::base::{Danger, Digest, RunId, ServerName, Span, StepId, TableName};
use crate::domain::vocabulary::{Action, Condition};

/// A runbook that can be planned and run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Runbook {
    pub name: String,
    pub title: String,
    pub owner: String,
    /// Empty if the file does not say; lint asks for it.
    pub use_when: String,
    pub not_when: String,
    /// What each parameter stands for in this run.
    pub params: BTreeMap<String, ParamValue>,
    pub steps: Vec<Step>,
    /// SHA-256 of the file's bytes.
    pub digest: Digest,
    /// The file's text, for the journal.
    pub text: String,
}

impl Runbook {
    /// Every parameter as a person would give it, the chosen ones included. Resolving with these gives this runbook.
    pub fn chosen(&self) -> BTreeMap<String, String> {
        self.params.iter().map(|(name, value)| (name.clone(), value.plain())).collect()
    }

    /// The tables that any step of `run` needs facts about, its private ones included.
    pub fn tables(&self, run: &RunId) -> BTreeSet<TableName> {
        self.steps.iter().flat_map(|step| step.tables(run)).collect()
    }
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
    /// Offered after a stop, never run alone: a step of its own, assessed and signed like any.
    pub undo: Option<Box<Step>>,
    /// Going back behind this step.
    pub repeat: Option<Repeat>,
}

/// Does the steps from an earlier one on once more, until conditions hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repeat {
    pub from: StepId,
    /// How often the steps are done in all.
    pub at_most: u32,
    pub until: Vec<Condition>,
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

impl Step {
    /// Every condition of the step, wherever it stands.
    pub fn conditions(&self) -> impl Iterator<Item = &Condition> {
        let waited = match &self.work {
            Work::WaitUntil { conditions, .. } => conditions.as_slice(),
            Work::Act(_) | Work::Manual { .. } => &[],
        };
        let until = self.repeat.iter().flat_map(|repeat| &repeat.until);
        self.preconditions.iter().chain(waited).chain(&self.postconditions).chain(until)
    }

    /// The servers whose lock waits it needs. They are looked at for such a step only.
    pub fn lock_waits(&self) -> BTreeSet<ServerName> {
        let acted = match &self.work {
            Work::Act(action) => action.lock_waits(),
            Work::Manual { .. } | Work::WaitUntil { .. } => None,
        };
        acted.into_iter().chain(self.conditions().filter_map(Condition::lock_waits)).cloned().collect()
    }

    fn tables(&self, run: &RunId) -> Vec<TableName> {
        let acted = match &self.work {
            Work::Act(action) => action.tables(run),
            Work::Manual { .. } | Work::WaitUntil { .. } => Vec::new(),
        };
        let undone = self.undo.iter().flat_map(|undo| undo.tables(run));
        acted.into_iter().chain(self.conditions().flat_map(Condition::tables)).chain(undone).collect()
    }
}
