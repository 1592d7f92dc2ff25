//! What came of one command, in the words that go into the journal.

use serde::{Deserialize, Serialize};

use crate::domain::base::{ServerName, Span, TableName, Timestamp};
use crate::domain::snapshot::Finding;
use crate::domain::snapshot::sessions::{Blocker, Sample};

/// The connection that a command is sent on, as it must be known before sending, to look for it afterwards.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Connection {
    pub server: ServerName,
    /// `CONNECTION_ID()`.
    pub id: u64,
    /// The user lock it holds while it lives. It denies a second run; holding it permits nothing.
    pub lock: String,
    /// What the server proved to be on this very connection.
    pub identity: String,
    /// When the server was started, to tell a crash in between.
    pub booted: Timestamp,
}

/// What came of one command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Outcome {
    /// The server said that it is done.
    Done { detail: String },
    /// It was measured; one finding for each copy.
    Measured { findings: Vec<Measured> },
    /// Who blocks whom was looked at.
    Found {
        blockers: Vec<Blocker>,
        waiting: u64,
        /// What the server does not tell, in words.
        untold: Vec<String>,
    },
    /// How many sessions waited, one look after the other.
    Watched { samples: Vec<Sample> },
    /// It is not any more what was signed, so nothing was done to it; what comes behind it goes on.
    LeftAlone { why: String },
    /// The guard in front of the statement stopped it, or it was never sent. Nothing was executed.
    NotSent { why: String },
    /// The server refused or gave up and said so.
    Failed { code: u16, message: String },
    /// It was asked to end and ended between two chunks. What is committed stands, and going on begins behind it.
    Interrupted { detail: String },
    /// The answer was lost. Whether it is executed, and whether it still runs, must be looked at.
    InDoubt { why: String },
}

/// A finding and whose it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Measured {
    pub server: ServerName,
    pub table: TableName,
    pub finding: Finding,
}

/// Whether the connection of a command in doubt is still at work.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum ConnectionState {
    /// It is in the process list, or its lock is still held: nothing is decided yet.
    Alive {
        doing: String,
    },
    /// It is gone, and so is its lock.
    Gone,
    /// The server was restarted since.
    Restarted,
    Unknown {
        why: String,
    },
}

/// How far a copy has come. Last values: for screens and for the estimate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CopyProgress {
    /// Committed rows.
    pub rows_done: u64,
    /// Those of them that were there before this load began, which say nothing about its rate.
    pub rows_before: u64,
    /// The source's rows, counted by an earlier finding or estimated by the server.
    pub rows_expected: Option<u64>,
    /// How long this load has taken so far, by a clock that nobody can set.
    pub took: Span,
    pub at: Timestamp,
}
