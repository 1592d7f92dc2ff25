//! The observing port over simulated servers.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use super::clock::SimulatedWorld;
use super::faults::{Faults, Life};
use super::fleet::SimulatedFleet;
use super::store::Machine;
use crate::domain::base::TableName;
use crate::domain::run::{Measured, Outcome};
use crate::domain::script::{Command, Work};
use crate::domain::snapshot::{Finding, Method, Snapshot};
use crate::executor::ports::{Observe, World as _};

/// One process's observer.
#[derive(Debug, Clone)]
pub struct SimulatedObserve {
    pub fleet: SimulatedFleet,
    pub world: SimulatedWorld,
    pub faults: Arc<Faults>,
    pub life: Arc<Life>,
    pub machine: Machine,
}

impl SimulatedObserve {
    async fn pass(&self, place: &'static str) {
        self.faults.pass(place, &self.life, &self.machine).await;
    }

    /// A server that does not answer this one time.
    fn darken(&self) -> Option<crate::domain::base::ServerName> {
        if !self.faults.chance(3) {
            return None;
        }
        let dark = self.faults.pick(&self.fleet.model().names())?;
        self.faults.happened("a server does not answer");
        self.fleet.model().servers.get_mut(&dark)?.dark = true;
        Some(dark)
    }
}

impl Observe for SimulatedObserve {
    async fn snapshot(&mut self, tables: &BTreeSet<TableName>) -> Snapshot {
        self.pass("before observing").await;
        tokio::time::sleep(Duration::from_millis(5)).await;
        let now = self.world.true_time();
        self.fleet.model().application_writes(now);
        self.fleet.advance(now);
        let dark = self.darken();
        let snapshot = self.fleet.snapshot(tables, self.world.now());
        if let Some(dark) = dark {
            self.fleet.model().servers.entry(dark).and_modify(|server| server.dark = false);
        }
        self.pass("after observing").await;
        snapshot
    }

    async fn measure(&mut self, command: &Command, step: &str) -> Outcome {
        self.pass("before measuring").await;
        tokio::time::sleep(Duration::from_millis(200 + self.faults.some_time(2000).millis())).await;
        self.fleet.advance(self.world.true_time());
        if self.faults.chance(6) {
            self.faults.happened("a measurement is lost");
            return Outcome::InDoubt { why: "the connection was lost".to_owned() };
        }
        let outcome = self.measured(command, step);
        self.pass("after measuring").await;
        outcome
    }
}

impl SimulatedObserve {
    fn measured(&self, command: &Command, step: &str) -> Outcome {
        let model = self.fleet.model();
        let (copies, method, good) = match &command.work {
            Work::Check { table } => (vec![(command.server.clone(), table.clone())], Method::Check, true),
            Work::Compare { copies } => (copies.clone(), Method::Compare, model.equal(copies)),
            Work::ListBlockers | Work::WatchLockWaits { .. } => {
                return model.looked(&command.server, &command.work);
            }
            Work::Statement { .. } | Work::Copy { .. } | Work::Kill { .. } => {
                return Outcome::NotSent { why: "it is no measurement".to_owned() };
            }
        };
        let detail = if good { "OK" } else { "the copies differ" };
        let what = Finding {
            method,
            good,
            detail: detail.to_owned(),
            rows: None,
            checksum: None,
            at: self.world.now(),
            position: None,
            booted: None,
            definition: None,
            object_id: None,
            step: step.to_owned(),
        };
        let findings: Option<Vec<Measured>> = copies
            .into_iter()
            .map(|(server, table)| {
                let finding = model.finding(&server, &table, &what)?;
                Some(Measured { server, table, finding })
            })
            .collect();
        match findings {
            Some(findings) => Outcome::Measured { findings },
            None => Outcome::Failed { code: 2013, message: "a server does not answer".to_owned() },
        }
    }
}
