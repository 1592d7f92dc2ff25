//! The only module that holds connections which may change a server.
//!
//! One dedicated connection for each command: nothing is pooled, nothing reconnects, nothing is sent twice. The texts
//! come from `domain::sql`; here is only who is asked what, and in which order. What is read on these connections may
//! stop a statement, never permit one: that is decided before, from a snapshot that this module has no part in.

mod ask;
mod copy;
mod doubt;
mod fault;
mod proof;
mod send;
mod session;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use crate::domain::approval::authorized::Cleared;
use crate::domain::base::TableName;
use crate::domain::base::{RunId, ServerName, Timestamp};
use crate::domain::fleet::Fleet;
use crate::domain::run::{Connection, ConnectionState, Outcome};
use crate::domain::script::{Command, Work};
use crate::executor::ports::{Act, Copying, Told};

pub use fault::Fault;
pub use session::Refusal;

/// How long opening, looking and closing may take in all. Statements themselves have no such limit.
const LOOK_LIMIT: Duration = Duration::from_secs(20);

/// The acting side of a fleet: prepared connections by server and connection id.
pub struct Acting {
    fleet: Arc<Fleet>,
    prepared: BTreeMap<(ServerName, u64), session::Prepared>,
}

impl Acting {
    pub fn new(fleet: Arc<Fleet>) -> Self {
        Self { fleet, prepared: BTreeMap::new() }
    }
}

impl Act for Acting {
    async fn prepare(&mut self, run: &RunId, command: &Command, identity: &str) -> Result<Connection, String> {
        let prepared = limited(session::prepare(&self.fleet, run, command, identity)).await;
        let prepared = prepared.map_err(str::to_owned)?.map_err(|refusal| refusal.to_string())?;
        let connection = prepared.connection.clone();
        self.prepared.insert((connection.server.clone(), connection.id), prepared);
        Ok(connection)
    }

    async fn send(&mut self, connection: &Connection, cleared: &Cleared, copying: &Copying) -> Outcome {
        let command = cleared.command();
        if command.server != connection.server {
            let why = format!("the connection is to {}, not to {}", connection.server, command.server);
            return Outcome::NotSent { why };
        }
        // Taken out first: if this future is dropped half-way, nobody can send on the connection again.
        let Some(mut prepared) = self.take(connection) else {
            return Outcome::NotSent { why: "expected a prepared connection, found none: prepare one".to_owned() };
        };
        let outcome = match &command.work {
            Work::Statement { text, session, dialect } => {
                send::statement(&mut prepared, command, text, *session, *dialect).await
            }
            Work::Copy { .. } => copy::copy(&self.fleet, &mut prepared, command, copying).await,
            Work::Kill { victim, how, session, dialect } => {
                send::kill(&mut prepared, &victim.session, *how, *session, *dialect).await
            }
            Work::Check { .. } | Work::Compare { .. } | Work::ListBlockers | Work::WatchLockWaits { .. } => {
                Outcome::NotSent {
                    why: "this command only measures; it is not sent by an acting connection".to_owned(),
                }
            }
        };
        if !matches!(outcome, Outcome::InDoubt { .. }) {
            self.prepared.insert((connection.server.clone(), connection.id), prepared);
        }
        outcome
    }

    async fn look_for(&mut self, connection: &Connection) -> ConnectionState {
        let state = limited(doubt::look_for(&self.fleet, connection)).await;
        state.unwrap_or_else(|late| ConnectionState::Unknown { why: late.to_owned() })
    }

    async fn kill(&mut self, connection: &Connection) -> Result<(), String> {
        limited(doubt::kill(&self.fleet, connection)).await.unwrap_or_else(|late| Err(late.to_owned()))
    }

    async fn close(&mut self, connection: &Connection) {
        if let Some(prepared) = self.take(connection) {
            // A server that does not answer the goodbye ends the connection when it sees it gone.
            let _ = limited(prepared.close()).await;
        }
    }

    async fn told(&mut self, server: &ServerName, tables: &BTreeSet<TableName>) -> Result<Told, String> {
        let answer = limited(session::told(&self.fleet, server, tables)).await;
        answer.map_err(str::to_owned)?.map_err(|refusal| refusal.to_string())
    }
}

impl Acting {
    fn take(&mut self, connection: &Connection) -> Option<session::Prepared> {
        let key = (connection.server.clone(), connection.id);
        // A server that was restarted counts its connections anew.
        match self.prepared.get(&key) {
            Some(prepared) if prepared.connection == *connection => self.prepared.remove(&key),
            _ => None,
        }
    }
}

/// Waits for `work`, but not for ever.
async fn limited<T>(work: impl Future<Output = T>) -> Result<T, &'static str> {
    tokio::time::timeout(LOOK_LIMIT, work).await.map_err(|_| "the server did not answer within 20 s")
}

/// The time for people; measuring is done with a clock that nobody can set.
fn now() -> Timestamp {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}
