//! Small modelled sessions, for tests and for simulated servers.

use super::{Doing, Lock, LockWaits, Scope, Session, SessionKind, Statement, Transaction, Wait};
use crate::domain::base::Span;

/// A client that is idle in a transaction.
pub fn idle(id: u64) -> Session {
    Session {
        id,
        user: "app".to_owned(),
        host: format!("10.0.0.7:{}", 50_000 + id),
        kind: SessionKind::Client,
        transaction: Some(Transaction {
            started: "2026-11-22 03:04:05".to_owned(),
            number: "4711".to_owned(),
            age: Span::from_secs(40),
            rows_changed: 1,
            scope: Scope::Open,
        }),
        doing: Doing::Idle { since: Span::from_secs(38) },
    }
}

/// A client that executes `text` for eight seconds.
pub fn busy(id: u64, text: &str) -> Session {
    let statement = Statement {
        text: text.to_owned(),
        sha256: crate::domain::base::Digest::of(text.as_bytes()).to_string(),
        since: Span::from_secs(8),
        state: "updating".to_owned(),
    };
    Session { doing: Doing::Statement(statement), ..idle(id) }
}

/// Idle sessions, and who waits for whom.
pub fn waits(ids: &[u64], edges: &[(u64, u64)]) -> LockWaits {
    LockWaits {
        sessions: ids.iter().map(|id| idle(*id)).collect(),
        waits: edges
            .iter()
            .map(|(waiter, blocker)| Wait { waiter: *waiter, blocker: *blocker, lock: Lock::Row })
            .collect(),
        untold: std::collections::BTreeMap::new(),
    }
}
