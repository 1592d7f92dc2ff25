//! The sessions of one server as far as locks go: who holds, who waits for whom, and what each session is.
//!
//! Plain data and pure questions about it. Nothing here says what may be done to a session, and what a server does not
//! tell is said to be untold instead of guessed.

pub mod fixture;
mod graph;
mod kind;
mod text;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

pub use graph::{Blocker, Part};
pub use kind::{ENDS_A_DEFINITION, NOT_CLIENTS, SessionKind, UNTOUCHABLE_COMMANDS};
pub use text::{Rollback, trend};

use crate::domain::base::Span;

/// Every session of a server that waits for a lock, blocks one, or has an open transaction.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LockWaits {
    /// In ascending order of their ids.
    pub sessions: Vec<Session>,
    pub waits: BTreeSet<Wait>,
    /// Sessions that wait for somebody whom the server does not tell, each with the reason.
    pub untold: BTreeMap<u64, String>,
}

/// One session as it was seen.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Session {
    /// The server's number for the connection. Servers give a number again, so it never stands alone.
    pub id: u64,
    pub user: String,
    /// With the client's port, where it has one.
    pub host: String,
    pub kind: SessionKind,
    /// The open transaction, if there is one.
    pub transaction: Option<Transaction>,
    pub doing: Doing,
}

/// An open transaction.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Transaction {
    /// When it began, as the server writes it: compared letter by letter, never computed with.
    pub started: String,
    /// The engine's number for it, which tells two of one second apart. It changes when a reader begins to write.
    pub number: String,
    pub age: Span,
    /// What a rollback must take back.
    pub rows_changed: u64,
    pub scope: Scope,
}

/// Whether a transaction ends with the statement that is being executed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// The server says that the statement is the whole transaction.
    Statement,
    /// It goes on behind the statement, or nobody can tell.
    Open,
}

/// What a session does just now.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Doing {
    /// It waits for its client.
    Idle {
        since: Span,
    },
    Statement(Statement),
    /// It was killed or rolls back: what it held comes free when that is over.
    Ending {
        since: Span,
    },
}

/// A statement that is being executed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Statement {
    /// Its beginning, for people.
    pub text: String,
    /// SHA-256 of the whole of it, computed by the server.
    pub sha256: String,
    pub since: Span,
    /// What the server says it is at.
    pub state: String,
}

/// One session waits for another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wait {
    pub waiter: u64,
    pub blocker: u64,
    pub lock: Lock,
}

/// What is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Lock {
    Row,
    Metadata,
}

/// How many sessions waited at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sample {
    /// Since the measuring began.
    pub at: Span,
    pub waiting: u64,
}

impl LockWaits {
    /// Whether `session` no longer has the transaction that it had, or is ending it.
    pub fn let_go(&self, session: &Session) -> bool {
        let same = self.session(session.id).filter(|found| found.is_same_transaction(session));
        same.is_none_or(|found| matches!(found.doing, Doing::Ending { .. }))
    }

    /// Whether `session` is no longer as it was seen: what was left alone because it went on counts as well.
    pub fn not_as_seen(&self, session: &Session) -> bool {
        self.session(session.id).is_none_or(|found| !found.is_same(session))
    }
}

impl Session {
    /// Whether both are the same connection in the same transaction, executing the same statement.
    pub fn is_same(&self, other: &Self) -> bool {
        let number = |session: &Self| session.transaction.as_ref().map(|transaction| transaction.number.clone());
        self.is_same_transaction(other) && (number(self), self.statement()) == (number(other), other.statement())
    }

    /// Whether both are the same connection in the same transaction, whatever it executes.
    pub fn is_same_transaction(&self, other: &Self) -> bool {
        (self.id, &self.user, &self.host, self.began()) == (other.id, &other.user, &other.host, other.began())
    }

    /// Only who executes something waits; what a replication thread executes is not always listed.
    pub fn may_wait(&self) -> bool {
        self.kind == SessionKind::Replication || !matches!(self.doing, Doing::Idle { .. })
    }

    /// When its transaction began, as the server writes it.
    pub fn began(&self) -> Option<&str> {
        self.transaction.as_ref().map(|transaction| transaction.started.as_str())
    }

    /// The digest of what it executes, if it does.
    pub fn statement(&self) -> Option<&str> {
        match &self.doing {
            Doing::Statement(statement) => Some(&statement.sha256),
            Doing::Idle { .. } | Doing::Ending { .. } => None,
        }
    }

    /// How long its transaction is open; without one, how long it does what it does.
    pub fn age(&self) -> Span {
        match (&self.transaction, &self.doing) {
            (Some(transaction), _) => transaction.age,
            (None, Doing::Statement(statement)) => statement.since,
            (None, Doing::Idle { since } | Doing::Ending { since }) => *since,
        }
    }

    /// Rows that a rollback would take back.
    pub fn rows_changed(&self) -> u64 {
        self.transaction.as_ref().map_or(0, |transaction| transaction.rows_changed)
    }
}
