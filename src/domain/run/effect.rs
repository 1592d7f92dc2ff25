//! What can come to a run and what a run can ask for. Plain data.

use crate::domain::approval::authorized::Cleared;
use crate::domain::base::RequestId;
use crate::domain::base::Timestamp;
use crate::domain::journal::record::{Approval, Record, Stopper};
use crate::domain::run::outcome::{Connection, ConnectionState, CopyProgress, Outcome};
use crate::domain::script::Command;
use crate::domain::snapshot::{Evidence, Snapshot};

/// The time and the randomness that a decision may use.
#[derive(Debug, Clone, Copy)]
pub struct Moment {
    pub time: Timestamp,
    pub random: [u8; 16],
}

/// What comes to a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// Nothing new: begin, or go on after records.
    Proceed,
    /// The answer to [`Effect::Observe`].
    Observed(Snapshot),
    /// The answer to [`Effect::Prepare`], with the evidence that was handed to it.
    Prepared { connection: Result<Option<Connection>, String>, before: Vec<Evidence> },
    /// The answer to [`Effect::LastLook`].
    LastLook(Snapshot),
    /// The answer to [`Effect::Send`] and [`Effect::Measure`].
    Came(Outcome),
    /// The answer to [`Effect::LookFor`].
    Looked { state: ConnectionState, snapshot: Snapshot },
    /// The answer to [`Effect::Kill`].
    Killed(Result<(), String>),
    /// How far the running copy is.
    Progress(CopyProgress),
    /// A time that was asked for has come.
    Tick,
    /// Somebody presses hold, or a signal does.
    Hold { by: String, reason: String },
    /// What somebody left in the inbox.
    Person(Person),
}

/// What people ask of a run, as their clients write it into the inbox.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Person {
    Approve {
        request: RequestId,
        approval: Approval,
    },
    Stop {
        request: RequestId,
        how: Stopper,
        text: String,
        armored: String,
    },
    /// A signed `countersign input v1`: choose, answer, release, abort, close.
    Signed {
        text: String,
        armored: String,
    },
    Hold {
        by: String,
        reason: String,
    },
    Note {
        by: String,
        text: String,
    },
}

/// What a run asks of the executor.
#[derive(Debug)]
pub enum Effect {
    Observe,
    /// Open the connection of a command; nothing is sent that changes anything. `before` comes back with the answer:
    /// the deciding facts as they stand before the command.
    Prepare {
        command: Command,
        before: Vec<Evidence>,
    },
    /// One look at the whole fleet after the intent is durable.
    LastLook,
    Send {
        cleared: Cleared,
        connection: Connection,
    },
    /// The running copy ends at its next chunk edge; its outcome comes as ever.
    StopCopy,
    Measure(Command),
    /// Close a prepared connection that will not be used.
    Close(Connection),
    LookFor(Option<Connection>),
    /// End the connection of a command in doubt, as a person chose.
    Kill(Connection),
    WakeAt(Timestamp),
    /// The run is over for this executor.
    Finish(Finish),
}

/// Why the executor stops working on a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Finish {
    Closed,
}

/// Records first, then effects: an effect is performed only after its records are durable.
#[derive(Debug, Default)]
#[must_use]
pub struct Decision {
    pub records: Vec<Record>,
    pub effects: Vec<Effect>,
}

impl Decision {
    pub fn nothing() -> Self {
        Self::default()
    }

    pub fn record(record: Record) -> Self {
        Self { records: vec![record], effects: Vec::new() }
    }

    pub fn effect(effect: Effect) -> Self {
        Self { records: Vec::new(), effects: vec![effect] }
    }

    pub fn and(mut self, effect: Effect) -> Self {
        self.effects.push(effect);
        self
    }

    pub fn then(mut self, record: Record) -> Self {
        self.records.push(record);
        self
    }
}
