//! The executor's ports over real servers, the real clock and the operating system's randomness.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use tokio::sync::watch;

use crate::act::Acting;
use crate::domain::base::{ServerName, TableName, Timestamp};
use crate::domain::fleet::Fleet;
use crate::domain::run::compare::compare;
use crate::domain::run::outcome::{Measured, Outcome};
use crate::domain::script::{Command, Work};
use crate::domain::snapshot::{About, Finding, Patch, Snapshot, TableFact, Value};
use crate::executor::ports::{Act as _, Observe, World, with_told};
use crate::observe::measure::{self, Columns, MeasureError, Suspicion};
use crate::observe::{Observer, Scope};

/// Looks at real servers with the observing account.
pub struct LiveObserve {
    fleet: Fleet,
    observer: Observer,
    /// Copies that the last look found damaged: they are not read again.
    suspected: BTreeSet<(ServerName, TableName)>,
}

impl LiveObserve {
    pub fn new(fleet: &Fleet) -> Self {
        Self { fleet: fleet.clone(), observer: Observer::new(fleet), suspected: BTreeSet::new() }
    }

    fn suspicion(&self, server: &ServerName, table: &TableName) -> Suspicion {
        let suspected = self.suspected.contains(&(server.clone(), table.clone()));
        if suspected { Suspicion::Suspected } else { Suspicion::Clean }
    }

    async fn check(&self, server: &ServerName, table: &TableName, step: &str) -> Result<Measured, String> {
        let declared = self.fleet.server(server).ok_or_else(|| format!("{server} is not declared"))?;
        let login = &self.fleet.accounts.observe;
        let finding = measure::check_table(declared, login, table, self.suspicion(server, table), step).await;
        measured(server, table, finding)
    }

    async fn sum(&self, server: &ServerName, table: &TableName, step: &str) -> Result<Measured, String> {
        let declared = self.fleet.server(server).ok_or_else(|| format!("{server} is not declared"))?;
        let login = &self.fleet.accounts.observe;
        let (progress, _) = watch::channel(measure::Progress::default());
        let suspicion = self.suspicion(server, table);
        let finding = measure::checksum(declared, login, table, &Columns::All, suspicion, step, &progress).await;
        measured(server, table, finding)
    }
}

impl Observe for LiveObserve {
    async fn snapshot(&mut self, tables: &BTreeSet<TableName>) -> Snapshot {
        let snapshot = self.observer.snapshot(&Scope { tables: tables.clone() }).await;
        self.suspected = damaged(&snapshot);
        snapshot
    }

    async fn lock_waits(&mut self, servers: &BTreeSet<ServerName>) -> Patch {
        self.observer.lock_waits(servers).await
    }

    async fn measure(&mut self, command: &Command, step: &str) -> Outcome {
        let found = match &command.work {
            Work::Check { table } => self.check(&command.server, table, step).await.map(|measured| vec![measured]),
            Work::Compare { copies } => {
                let sums = copies.iter().map(|(server, table)| self.sum(server, table, step));
                // All copies at the same time: what follows differs least, and the slowest decides.
                futures_util::future::join_all(sums).await.into_iter().collect::<Result<Vec<_>, _>>().map(compare)
            }
            Work::ListBlockers => return self.observer.blockers(&command.server).await,
            Work::WatchLockWaits { lasting } => return self.observer.watch(&command.server, *lasting).await,
            Work::Statement { .. } | Work::Copy { .. } | Work::Kill { .. } => Err("it is no measurement".to_owned()),
        };
        match found {
            Ok(findings) => Outcome::Measured { findings },
            Err(why) => Outcome::NotSent { why },
        }
    }
}

fn measured(
    server: &ServerName,
    table: &TableName,
    finding: Result<Finding, MeasureError>,
) -> Result<Measured, String> {
    let finding = finding.map_err(|error| error.to_string())?;
    Ok(Measured { server: server.clone(), table: table.clone(), finding })
}

fn damaged(snapshot: &Snapshot) -> BTreeSet<(ServerName, TableName)> {
    snapshot
        .facts()
        .filter_map(|(key, known)| match (&key.about, known.value()) {
            (About::Table { table, fact: TableFact::Damage }, Ok(Value::Text(damage))) if !damage.is_empty() => {
                Some((key.server.clone(), table.clone()))
            }
            _ => None,
        })
        .collect()
}

/// The operating system.
#[derive(Debug, Clone, Copy)]
pub struct OsWorld;

impl World for OsWorld {
    fn now(&self) -> Timestamp {
        super::place::now()
    }

    fn random(&self) -> [u8; 16] {
        let mut bytes = [0; 16];
        // Without randomness no request could be told from another, so nothing may go on.
        getrandom::fill(&mut bytes).unwrap_or_else(|error| panic!("the operating system gives no randomness: {error}"));
        bytes
    }

    async fn wait_until(&self, time: Timestamp) {
        tokio::time::sleep(time.since(self.now()).as_duration()).await;
    }
}

/// The snapshot with what the acting account tells, if this process has its login.
pub async fn with_acting_account(fleet: &Fleet, tables: &BTreeSet<TableName>, snapshot: Snapshot) -> Snapshot {
    let mut act = Acting::new(Arc::new(fleet.clone()));
    let mut told = BTreeMap::new();
    for server in fleet.servers.keys() {
        told.insert(server.clone(), act.told(server, tables).await);
    }
    with_told(snapshot, &told)
}
