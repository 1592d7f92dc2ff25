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

    /// The lock waits of `servers`, as facts to lay over a snapshot: asked only for a step that needs them. A port that
    /// cannot tell says nothing, and what nobody said is not known.
    fn lock_waits(&mut self, _servers: &BTreeSet<ServerName>) -> impl Future<Output = Patch> + Send {
        std::future::ready(Patch::default())
    }

    /// Carries out a command that only measures for `step`.
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

    /// Sends a prepared command behind its guard and waits for what comes of it. A copy says meanwhile how far it is,
    /// and ends between two chunks when it is asked to.
    fn send(
        &mut self,
        connection: &Connection,
        cleared: &Cleared,
        copying: &Copying,
    ) -> impl Future<Output = Outcome> + Send;

    /// Whether the connection of an earlier command, perhaps of another process, is still at work.
    fn look_for(&mut self, connection: &Connection) -> impl Future<Output = ConnectionState> + Send;

    /// Ends the connection of a command in doubt, if it is still the one that holds its lock. What its statement did
    /// until then must be looked at. A side that cannot do it says so.
    fn kill(&mut self, connection: &Connection) -> impl Future<Output = Result<(), String>> + Send {
        let why = format!("connection {} on {} cannot be ended from here", connection.id, connection.server);
        async { Err(why) }
    }

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

/// A running copy's end of the line to whoever waits for it.
#[derive(Debug)]
pub struct Copying {
    progress: watch::Sender<Option<CopyProgress>>,
    wish: watch::Receiver<Wish>,
}

/// The other end: how far the copy is, and the wish that it ends.
#[derive(Debug)]
pub struct Reins {
    pub progress: watch::Receiver<Option<CopyProgress>>,
    wish: watch::Sender<Wish>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wish {
    GoOn,
    End,
}

/// Both ends of a line. Last values only: what is not read is replaced by what comes next.
pub fn copying() -> (Reins, Copying) {
    let (sender, progress) = watch::channel(None);
    let (wish, wished) = watch::channel(Wish::GoOn);
    (Reins { progress, wish }, Copying { progress: sender, wish: wished })
}

impl Copying {
    pub fn report(&self, progress: CopyProgress) {
        self.progress.send_replace(Some(progress));
    }

    /// Asked between two chunks.
    pub fn should_end(&self) -> bool {
        *self.wish.borrow() == Wish::End
    }
}

impl Reins {
    /// The copy ends at its next chunk edge.
    pub fn end(&self) {
        self.wish.send_replace(Wish::End);
    }

    /// What was reported since the last time.
    pub fn news(&mut self) -> Option<CopyProgress> {
        if !self.progress.has_changed().unwrap_or(false) {
            return None;
        }
        self.progress.borrow_and_update().clone()
    }
}

/// What the acting account tells, because no account that cannot change anything could see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// It may set `sql_log_bin`.
    pub unlogged_sessions: bool,
    pub triggers: BTreeMap<TableName, BTreeSet<String>>,
}

/// Lays what the acting account told over a snapshot. Where a table is not there, nothing is said about it.
pub fn with_told(snapshot: Snapshot, told: &BTreeMap<ServerName, Result<Told, String>>) -> Snapshot {
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
    snapshot.patched(&patch)
}

/// The wall clock and the operating system's randomness.
pub trait World: Send + Sync {
    fn now(&self) -> Timestamp;
    fn random(&self) -> [u8; 16];
    /// Returns when the time has come.
    fn wait_until(&self, time: Timestamp) -> impl Future<Output = ()> + Send;
}
