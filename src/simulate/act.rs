//! The acting port over simulated servers: connections that die, statements that go on, answers that are lost.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use super::audit::Audit;
use super::clock::SimulatedWorld;
use super::faults::{Faults, Life, OnTheWay};
use super::fleet::{Abandoned, CHUNK_ROWS, CHUNKS, Fate, SimulatedFleet};
use super::sessions::NOT_THE_SAME;
use super::store::Machine;
use crate::domain::approval::authorized::Cleared;
use crate::domain::base::{RunId, ServerName, Span, TableName};
use crate::domain::run::{Connection, ConnectionState, CopyProgress, Outcome};
use crate::domain::script::{Command, Work};
use crate::domain::snapshot::{About, ServerFact, TableFact, Value};
use crate::domain::sql::lookup;
use crate::executor::ports::{Act, Copying, Told, World as _};

/// One process's acting side. Dropping it is the death of the process: its connections are hung up.
#[derive(Debug)]
pub struct SimulatedAct {
    pub fleet: SimulatedFleet,
    pub world: SimulatedWorld,
    pub faults: Arc<Faults>,
    pub life: Arc<Life>,
    pub machine: Machine,
    pub audit: Audit,
    pub process: u64,
}

impl Drop for SimulatedAct {
    fn drop(&mut self) {
        let mut model = self.fleet.model();
        model.advance(self.world.true_time());
        model.process_died(self.process);
    }
}

impl SimulatedAct {
    async fn pass(&self, place: &'static str) {
        self.faults.pass(place, &self.life, &self.machine).await;
    }

    fn happened(&self, what: &str, did: bool) {
        if did {
            self.faults.happened(what);
        }
    }

    /// Somebody else does something just when everybody has looked.
    fn somebody_acts(&self, server: &ServerName) {
        if !self.faults.chance(8) {
            return;
        }
        let replicas: Vec<ServerName> = self.fleet.model().replicas();
        let Some(other) = self.faults.pick(&replicas).filter(|other| other != server) else { return };
        let now = self.world.true_time();
        if self.faults.chance(50) {
            self.happened("somebody reattaches a replica before sending", self.fleet.model().reattach(&other, now));
        } else {
            self.happened("somebody starts a replica before sending", self.fleet.model().start_threads(&other, now));
        }
    }

    fn lost(&self, connection: &Connection, command: &Command) -> Outcome {
        self.fleet.model().lose(connection.id, command);
        Outcome::InDoubt { why: "the connection was lost before the answer".to_owned() }
    }

    /// One statement: it takes its time on the server, and its answer takes its way back.
    async fn statement(&self, connection: &Connection, command: &Command) -> Outcome {
        let way = self.faults.on_the_way();
        match way {
            OnTheWay::LostBefore => return self.lost(connection, command),
            OnTheWay::Stopped => {
                self.fleet.model().hang_up(connection.id);
                return Outcome::NotSent { why: "the guard stopped it".to_owned() };
            }
            OnTheWay::Refused => {
                self.fleet.model().hang_up(connection.id);
                return Outcome::Failed { code: 1205, message: "Lock wait timeout exceeded".to_owned() };
            }
            _ => {}
        }
        let takes = Span::from_millis(20 + self.faults.some_time(3000).millis());
        let until = self.world.true_time().plus(takes);
        let goes_on = way == OnTheWay::LostWhileItGoesOn || (way != OnTheWay::LostAndGivenUp && self.faults.chance(50));
        let abandoned = if goes_on { Abandoned::GoesOn } else { Abandoned::GivenUp };
        if !self.fleet.model().begin(connection.id, command, until, abandoned) {
            return self.lost(connection, command);
        }
        let waits = match way {
            OnTheWay::LostWhileItGoesOn | OnTheWay::LostAndGivenUp | OnTheWay::Restarted => takes.millis() / 2,
            _ => takes.millis() + 1,
        };
        tokio::time::sleep(Duration::from_millis(waits)).await;
        self.answer(connection, way)
    }

    fn answer(&self, connection: &Connection, way: OnTheWay) -> Outcome {
        let now = self.world.true_time();
        let mut model = self.fleet.model();
        if way == OnTheWay::Restarted {
            model.restart(&connection.server, now);
        }
        model.advance(now);
        model.hang_up(connection.id);
        let lost = Outcome::InDoubt { why: "the connection was lost".to_owned() };
        match (way, model.fate(connection.id)) {
            (OnTheWay::Fine, Some(Fate::Applied)) => Outcome::Done { detail: "0 rows affected".to_owned() },
            (OnTheWay::Fine, Some(Fate::NotApplied(code, message))) if code > 0 => Outcome::Failed { code, message },
            _ => lost,
        }
    }

    /// A copy: chunk by chunk, each committed by itself, each a chance to be cut off.
    async fn copy(&self, connection: &Connection, command: &Command, copying: &Copying) -> Outcome {
        let (began, rows_before) = (self.world.true_time(), self.fleet.model().copied_rows(command));
        for _ in 0..=CHUNKS {
            tokio::time::sleep(Duration::from_millis(300 + self.faults.some_time(900).millis())).await;
            self.pass("between two chunks").await;
            if copying.should_end() {
                self.faults.happened("a copy ends because it was asked to");
                self.fleet.model().hang_up(connection.id);
                return Outcome::Interrupted { detail: "a copy can go on there".to_owned() };
            }
            let mut model = self.fleet.model();
            if model.doing(connection.id).is_none() || self.faults.chance(4) {
                drop(model);
                self.faults.happened("a copy is cut off");
                self.fleet.model().hang_up(connection.id);
                return Outcome::InDoubt { why: "the connection was lost".to_owned() };
            }
            let copied = model.copy_chunk(command, self.world.true_time());
            let rows_done = model.copied_rows(command);
            drop(model);
            let (took, at) = (self.world.true_time().since(began), self.world.now());
            let rows_expected = Some((CHUNKS + 1) * CHUNK_ROWS);
            copying.report(CopyProgress { rows_done, rows_before, rows_expected, took, at });
            match copied {
                Ok(true) => break,
                Ok(false) => {}
                Err((code, message)) => return Outcome::Failed { code, message },
            }
        }
        self.fleet.model().hang_up(connection.id);
        Outcome::Done { detail: "copied".to_owned() }
    }
}

/// A guard that is not true any more means that the session is another one now.
fn left_alone(outcome: Outcome) -> Outcome {
    match outcome {
        Outcome::Failed { code: NOT_THE_SAME, .. } => {
            Outcome::LeftAlone { why: "the session is not any more the one that was signed".to_owned() }
        }
        outcome => outcome,
    }
}

impl Act for SimulatedAct {
    async fn prepare(&mut self, run: &RunId, command: &Command, identity: &str) -> Result<Connection, String> {
        self.pass("before preparing").await;
        tokio::time::sleep(Duration::from_millis(5)).await;
        self.fleet.advance(self.world.true_time());
        if self.faults.chance(3) {
            self.faults.happened("a connection is refused");
            return Err("too many connections".to_owned());
        }
        let connection = {
            let mut model = self.fleet.model();
            let id = model.connect(&command.server, identity, self.process)?;
            let booted = model.booted(&command.server).unwrap_or(crate::domain::base::Timestamp::from_millis(0));
            let (server, identity) = (command.server.clone(), identity.to_owned());
            Connection { server, id, lock: lookup::lock_name(run, &command.server), identity, booted }
        };
        self.somebody_acts(&command.server);
        self.pass("after preparing").await;
        Ok(connection)
    }

    async fn send(&mut self, connection: &Connection, cleared: &Cleared, copying: &Copying) -> Outcome {
        let command = cleared.command().clone();
        self.audit.sending(connection, &command).await;
        self.pass("while sending").await;
        let outcome = match &command.work {
            Work::Copy { .. } => self.copy(connection, &command, copying).await,
            Work::Kill { .. } => left_alone(self.statement(connection, &command).await),
            _ => self.statement(connection, &command).await,
        };
        self.pass("after sending").await;
        outcome
    }

    async fn look_for(&mut self, connection: &Connection) -> ConnectionState {
        self.pass("before looking for a connection").await;
        self.fleet.advance(self.world.true_time());
        let model = self.fleet.model();
        if self.faults.chance(8) {
            self.faults.happened("the process list cannot be read");
            return ConnectionState::Unknown { why: "it did not answer".to_owned() };
        }
        match (model.doing(connection.id), model.booted(&connection.server)) {
            (Some(doing), _) => ConnectionState::Alive { doing },
            (None, Some(booted)) if booted != connection.booted => ConnectionState::Restarted,
            (None, _) => ConnectionState::Gone,
        }
    }

    async fn kill(&mut self, connection: &Connection) -> Result<(), String> {
        self.pass("before ending a statement").await;
        self.fleet.advance(self.world.true_time());
        if !self.fleet.model().kill(connection.id) {
            return Err("it is gone already".to_owned());
        }
        self.faults.happened("a person ends a statement in doubt");
        Ok(())
    }

    async fn close(&mut self, connection: &Connection) {
        self.fleet.model().hang_up(connection.id);
        self.pass("after closing").await;
    }

    async fn told(&mut self, server: &ServerName, tables: &BTreeSet<TableName>) -> Result<Told, String> {
        let model = self.fleet.model();
        let Some(found) = model.servers.get(server) else { return Err("it was not told".to_owned()) };
        let fact = About::Server(ServerFact::UnloggedSessions);
        let Some(Value::Flag(unlogged_sessions)) = found.value(&fact) else {
            return Err("it was not told".to_owned());
        };
        let triggers = tables.iter().filter_map(|table| {
            let fact = About::Table { table: table.clone(), fact: TableFact::Triggers };
            match found.value(&fact) {
                Some(Value::Names(names)) => Some((table.clone(), names.clone())),
                _ => None,
            }
        });
        Ok(Told { unlogged_sessions: *unlogged_sessions, triggers: triggers.collect() })
    }
}
