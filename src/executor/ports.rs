//! What the executor needs of the world, so that real servers and simulated ones are the same to it.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;

use tokio::sync::watch;

use crate::domain::approval::authorized::Cleared;
use crate::domain::base::{Known, RunId, ServerName, TableName, Timestamp};
use crate::domain::run::{Connection, ConnectionState, CopyProgress, Outcome};
use crate::domain::script::Command;
use crate::domain::snapshot::{FactKey, Patch, ServerFact, Snapshot, TableFact, Value};

/// Looks at servers and changes nothing.
pub trait Observe: Send {
    /// The facts of the whole fleet, with those of `tables`.
    fn snapshot(&mut self, tables: &BTreeSet<TableName>) -> impl Future<Output = Snapshot> + Send;

    /// Carries out a command that only measures (`Work::Check`, `Work::Compare`) for `step`.
    fn measure(&mut self, command: &Command, step: &str) -> impl Future<Output = Outcome> + Send;
}

/// Changes servers. Only this port holds acting connections.
pub trait Act: Send {
    /// Opens the one connection of a command: proves the identity, pins the session and reads it back, takes the
    /// lock, and opens the second connection for KILL and progress. Sends nothing that changes anything.
    fn prepare(
        &mut self,
        run: &RunId,
        command: &Command,
        identity: &str,
    ) -> impl Future<Output = Result<Connection, String>> + Send;

    /// Sends a prepared command behind its guard and waits for what comes of it.
    fn send(
        &mut self,
        connection: &Connection,
        cleared: &Cleared,
        progress: &watch::Sender<Option<CopyProgress>>,
    ) -> impl Future<Output = Outcome> + Send;

    /// Whether the connection of an earlier command, perhaps of another process, is still at work.
    fn look_for(&mut self, connection: &Connection) -> impl Future<Output = ConnectionState> + Send;

    /// Closes a prepared connection that is not used any more.
    fn close(&mut self, connection: &Connection) -> impl Future<Output = ()> + Send;

    /// What only the acting account can see: about its own sessions, and the triggers of `tables`. Asked on a
    /// connection of its own, which sends nothing else.
    fn told(
        &mut self,
        server: &ServerName,
        tables: &BTreeSet<TableName>,
    ) -> impl Future<Output = Result<Told, String>> + Send;
}

/// What the acting account tells, because no account that cannot change anything could see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// It may set `sql_log_bin`.
    pub unlogged_sessions: bool,
    pub triggers: BTreeMap<TableName, BTreeSet<String>>,
}

/// Lays what the acting account told over a snapshot. Where a table is not there, nothing is said about it.
pub fn with_told(snapshot: &Snapshot, told: &BTreeMap<ServerName, Result<Told, String>>) -> Snapshot {
    let mut patch = Patch::default();
    for (server, answer) in told {
        let unlogged = FactKey::server(server, ServerFact::UnloggedSessions);
        match answer {
            Err(why) => patch.forget(unlogged, why),
            Ok(told) => {
                patch.set(unlogged, Value::Flag(told.unlogged_sessions), snapshot.taken());
                for (table, names) in &told.triggers {
                    let key = FactKey::table(server, table, TableFact::Triggers);
                    let exists = snapshot.get(&FactKey::table(server, table, TableFact::Exists)).map(Known::value);
                    if snapshot.get(&key).is_some() && exists != Some(Ok(&Value::Flag(false))) {
                        patch.set(key, Value::Names(names.clone()), snapshot.taken());
                    }
                }
            }
        }
    }
    snapshot.with(&patch)
}

/// The wall clock and the operating system's randomness.
pub trait World: Send + Sync {
    fn now(&self) -> Timestamp;
    fn random(&self) -> [u8; 16];
    /// Returns when the time has come.
    fn wait_until(&self, time: Timestamp) -> impl Future<Output = ()> + Send;
}
