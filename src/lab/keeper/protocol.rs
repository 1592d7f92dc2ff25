//! What is said over the keeper's socket: one JSON line in, one out.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::domain::base::ServerName;
use crate::lab::storm::Storm;

/// What a keeper is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case", deny_unknown_fields)]
pub enum Command {
    /// Starts the process; does not wait until the server answers.
    Start {
        server: ServerName,
    },
    /// Asks it to end in order and waits.
    Stop {
        server: ServerName,
    },
    /// Kills it and waits.
    Kill {
        server: ServerName,
    },
    /// Starts the clients of a lock storm, in place of those that are there.
    Storm {
        storm: Storm,
    },
    Status,
    /// Kills everything and ends; the answer is the end of the connection.
    End,
}

/// What a keeper says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "snake_case", deny_unknown_fields)]
pub enum Answer {
    Done,
    Servers { servers: BTreeMap<ServerName, ProcessState>, storm: ProcessState },
    Refused { message: String },
}

/// The process of one server, or of a storm's clients.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "process", rename_all = "snake_case", deny_unknown_fields)]
pub enum ProcessState {
    NotStarted,
    Running {
        pid: u32,
    },
    /// Ended, and how: `exit status: 0`, `signal: 9 (SIGKILL)`.
    Ended {
        how: String,
    },
}
