//! The executor's ports over real servers, the real clock and the operating system's randomness.

use std::collections::BTreeSet;

use crate::domain::base::{TableName, Timestamp};
use crate::domain::fleet::Fleet;
use crate::domain::run::compare::compare;
use crate::domain::run::outcome::{Measured, Outcome};
use crate::domain::script::{Command, Work};
use crate::domain::snapshot::Snapshot;
use crate::executor::ports::{Observe, World};
use crate::observe::{Observer, Scope};

/// Looks at real servers with the observing account.
#[derive(Debug)]
pub struct LiveObserve {
    observer: Observer,
}

impl LiveObserve {
    pub fn new(fleet: &Fleet) -> Self {
        Self { observer: Observer::new(fleet) }
    }
}

impl Observe for LiveObserve {
    async fn snapshot(&mut self, tables: &BTreeSet<TableName>) -> Snapshot {
        self.observer.snapshot(&Scope { tables: tables.clone() }).await
    }

    async fn measure(&mut self, command: &Command, step: &str) -> Outcome {
        match &command.work {
            Work::Check { table } => match self.observer.check_table(&command.server, table, step).await {
                Ok(finding) => Outcome::Measured {
                    findings: vec![Measured { server: command.server.clone(), table: table.clone(), finding }],
                },
                Err(why) => Outcome::NotSent { why },
            },
            Work::Compare { copies } => {
                let mut found = Vec::new();
                for (server, table) in copies {
                    match self.observer.checksum(server, table, step).await {
                        Ok(finding) => found.push(Measured { server: server.clone(), table: table.clone(), finding }),
                        Err(why) => return Outcome::NotSent { why },
                    }
                }
                Outcome::Measured { findings: compare(found) }
            }
            Work::Statement { .. } | Work::Copy { .. } => Outcome::NotSent { why: "it is no measurement".to_owned() },
        }
    }
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

/// The snapshot with what the acting account may do about its own sessions, asked of each server on a connection that
/// sends nothing else.
pub async fn with_unlogged(fleet: &Fleet, snapshot: Snapshot) -> Snapshot {
    use crate::domain::snapshot::{FactKey, Patch, ServerFact, Value};
    use crate::executor::ports::Act as _;
    let mut act = crate::act::Actor::new(fleet);
    let mut patch = Patch::default();
    for server in fleet.servers.keys() {
        let key = FactKey::server(server, ServerFact::UnloggedSessions);
        match act.unlogged_sessions(server).await {
            Ok(allowed) => patch.set(key, Value::Flag(allowed), snapshot.taken()),
            Err(why) => patch.forget(key, why),
        }
    }
    snapshot.with(&patch)
}
