//! What the executor needs of the world, so that real servers and simulated ones are the same to it.

use std::collections::BTreeSet;
use std::future::Future;

use tokio::sync::watch;

use crate::domain::approval::authorized::Cleared;
use crate::domain::base::{RunId, ServerName, TableName, Timestamp};
use crate::domain::run::{Connection, ConnectionState, CopyProgress, Outcome};
use crate::domain::script::Command;
use crate::domain::snapshot::Snapshot;

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

    /// Whether the acting account may set `sql_log_bin`, asked on a connection of its own.
    fn unlogged_sessions(&mut self, server: &ServerName) -> impl Future<Output = Result<bool, String>> + Send;
}

/// The wall clock and the operating system's randomness.
pub trait World: Send + Sync {
    fn now(&self) -> Timestamp;
    fn random(&self) -> [u8; 16];
    /// Returns when the time has come.
    fn wait_until(&self, time: Timestamp) -> impl Future<Output = ()> + Send;
}
