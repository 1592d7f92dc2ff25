//! What a storm's process says of itself, as the file that `lab status` and the tests read.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::lab::error::LabError;
use crate::lab::files::write_private;

use super::{Storm, StormKind};

/// A storm at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StormReport {
    pub storm: Storm,
    /// The connection at the root of it.
    pub root: u32,
    /// Whether it still holds what the others wait for: its connection and its statement were ended by nobody.
    pub root_holds: bool,
    /// Whether there was a moment in which everybody waited as was meant.
    pub stood: bool,
    pub waiting: Waiting,
    pub clients: Vec<ClientReport>,
}

/// How many sessions of the server wait.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Waiting {
    /// For a row.
    pub row: u32,
    /// For a table's metadata lock.
    pub metadata: u32,
}

/// What a client is there for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Holds what the others wait for.
    Root,
    /// Holds a row and waits for the root's, as long as it takes.
    Queue,
    /// Waits for a row that one of the queue holds, as long as it takes.
    SecondRow,
    /// Changes the table's definition, once.
    Alter,
    /// Writes, gives up after a moment, and comes again.
    Writer,
    /// Reads, gives up after a moment, and comes again.
    Reader,
    /// On the source: writes what the applier then waits with.
    Source,
    /// Works on tables of its own and counts what it commits.
    Innocent,
}

/// One client.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClientReport {
    pub role: Role,
    /// The number of the client among those of its role, from 0.
    pub number: u32,
    /// The server's number of its last connection, 0 before the first.
    pub connection: u32,
    /// How often it connected; more than once when somebody ended its connection.
    pub connects: u32,
    /// How often all it sends went through: commits, but for the root, which commits nothing.
    pub done: u64,
    /// Transactions that it gave up after waiting or a deadlock, and began again.
    pub retries: u64,
    /// Answers and ends of connections that were none of these.
    pub failures: u64,
    pub last_failure: Option<String>,
}

impl ClientReport {
    pub fn new(role: Role, number: u32) -> Self {
        Self { role, number, connection: 0, connects: 0, done: 0, retries: 0, failures: 0, last_failure: None }
    }

    /// Nothing happened to it but its own work.
    pub fn is_untouched(&self) -> bool {
        self.connects == 1 && self.failures == 0 && self.retries == 0
    }
}

impl StormReport {
    pub fn innocents(&self) -> impl Iterator<Item = &ClientReport> {
        self.clients.iter().filter(|client| client.role == Role::Innocent)
    }

    /// Those who came to wait: everybody but the root, the innocents and the writer on another server.
    pub fn crowd(&self) -> impl Iterator<Item = &ClientReport> {
        let bystander = |role| matches!(role, Role::Root | Role::Innocent | Role::Source);
        self.clients.iter().filter(move |client| !bystander(client.role))
    }

    /// What the root is, in words.
    pub const fn root_is(&self) -> &'static str {
        match self.storm.kind {
            StormKind::Idle => "idle in a transaction that changed a row",
            StormKind::Update => "one UPDATE of the whole table",
            StormKind::Metadata => "a forgotten transaction that read the table",
            StormKind::Applier => "idle in a transaction for which the replication applier waits as well",
        }
    }

    pub(super) fn write(&self, path: &Path) -> Result<(), LabError> {
        let text = serde_json::to_string_pretty(self).map_err(|error| bad(path, &error))?;
        write_private(path, &text)
    }

    /// None before the process has written it for the first time.
    pub(super) fn read(path: &Path) -> Result<Option<Self>, LabError> {
        match std::fs::read_to_string(path) {
            Ok(text) => serde_json::from_str(&text).map(Some).map_err(|error| bad(path, &error)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(LabError::at(path)(error)),
        }
    }
}

fn bad(path: &Path, error: &serde_json::Error) -> LabError {
    LabError::BadRecord { path: path.to_owned(), found: error.to_string() }
}
