//! Deliberately broken products: each is wired from ports that lie in one way, and each must be caught.

use std::collections::BTreeSet;
use std::sync::Mutex;

use countersign::domain::approval::authorized::Cleared;
use countersign::domain::approval::policy::Policy;
use countersign::domain::approval::trust::Trust;
use countersign::domain::base::{RunId, ServerName, TableName};
use countersign::domain::journal::{Head, Line};
use countersign::domain::run::state::{Phase, State};
use countersign::domain::run::{Connection, ConnectionState, Outcome};
use countersign::domain::script::{Command, Work};
use countersign::domain::snapshot::Snapshot;
use countersign::executor::ports::{Act, Copying, Observe, Told, World as _};
use countersign::simulate::act::SimulatedAct;
use countersign::simulate::audit::Audit;
use countersign::simulate::observe::SimulatedObserve;
use countersign::simulate::people;
use countersign::simulate::run::Rig;
use countersign::simulate::store::SimulatedStore;
use countersign::store::{Holder, Inbox, Input, InputId, Journal, Lease, Leases, Live, StoreError};

/// What is broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Broken {
    /// Two keys of one person count as two people.
    CountsSignatures,
    /// The intent becomes durable together with the outcome.
    IntentAfterAct,
    /// A lost answer is answered by sending again.
    RetriesWhenLost,
    /// What is not known is taken for done.
    UnknownIsFine,
    /// The look before sending shows what was seen earlier.
    ForgetsLastLook,
    /// Whether the lease still stands is not asked before sending.
    NoFence,
    /// What is folded on resuming is judged as well: a command that was begun is taken for done.
    ApplyEvaluates,
    /// A new executor does not know that somebody holds the run.
    ForgetsHold,
    /// Whoever reads the inbox removes what is behind the first input.
    LosesInputs,
    /// Looking at the fleet has no deadline.
    NeverAnswers,
}

impl Rig for Broken {
    type Store = LyingStore;
    type Observe = LyingObserve;
    type Act = LyingAct;

    fn store(&self, inner: SimulatedStore) -> LyingStore {
        LyingStore { inner, broken: *self, kept: Mutex::new(None) }
    }

    fn observe(&self, inner: SimulatedObserve, audit: &Audit) -> LyingObserve {
        LyingObserve { inner, broken: *self, audit: audit.clone(), last: None, looks: 0 }
    }

    fn act(&self, inner: SimulatedAct) -> LyingAct {
        LyingAct { inner, broken: *self }
    }

    fn resumed(&self, mut state: State) -> State {
        match (*self, &state.phase) {
            (Self::ForgetsHold, _) => state.held = None,
            (Self::ApplyEvaluates, Phase::Sending { plan, .. }) => {
                state.phase = Phase::Settling { plan: Some(plan.clone()) };
            }
            _ => {}
        }
        state
    }

    fn trust(&self) -> Result<Trust, String> {
        let aliases: &[(&str, u8)] = if *self == Self::CountsSignatures { &[("ana2", 11)] } else { &[] };
        people::trust(Policy::default_text(), aliases)
    }
}

#[derive(Debug)]
pub struct LyingStore {
    inner: SimulatedStore,
    broken: Broken,
    kept: Mutex<Option<(Head, Vec<Line>)>>,
}

impl Journal for LyingStore {
    async fn create_run(&self, run: &RunId) -> Result<(), StoreError> {
        self.inner.create_run(run).await
    }
    async fn runs(&self) -> Result<Vec<RunId>, StoreError> {
        self.inner.runs().await
    }
    async fn head(&self, run: &RunId) -> Result<Head, StoreError> {
        self.inner.head(run).await
    }
    async fn read(&self, run: &RunId, from: u64, most: usize) -> Result<Vec<Line>, StoreError> {
        self.inner.read(run, from, most).await
    }
    async fn append(&self, lease: &Lease, expected: &Head, lines: &[Line]) -> Result<Head, StoreError> {
        let intent = lines.iter().any(|line| line.event() == "step.started");
        if self.broken == Broken::IntentAfterAct && intent {
            *self.kept.lock().unwrap() = Some((expected.clone(), lines.to_vec()));
            return Ok(lines[lines.len() - 1].head());
        }
        let (expected, lines) = match self.kept.lock().unwrap().take() {
            Some((before, kept)) => (before, [kept, lines.to_vec()].concat()),
            None => (expected.clone(), lines.to_vec()),
        };
        self.inner.append(lease, &expected, &lines).await
    }
}

impl Leases for LyingStore {
    async fn acquire(&self, run: &RunId, holder: &Holder) -> Result<Lease, StoreError> {
        self.inner.acquire(run, holder).await
    }
    async fn still_held(&self, lease: &Lease) -> Result<(), StoreError> {
        let held = self.inner.still_held(lease).await;
        if self.broken == Broken::NoFence { Ok(()) } else { held }
    }
    async fn release(&self, lease: Lease) -> Result<(), StoreError> {
        self.inner.release(lease).await
    }
    async fn holder(&self, run: &RunId) -> Result<Option<Holder>, StoreError> {
        self.inner.holder(run).await
    }
}

impl Inbox for LyingStore {
    async fn put_input(&self, run: &RunId, body: &[u8]) -> Result<InputId, StoreError> {
        self.inner.put_input(run, body).await
    }
    async fn inputs(&self, run: &RunId) -> Result<Vec<Input>, StoreError> {
        let inputs = self.inner.inputs(run).await?;
        if self.broken == Broken::LosesInputs {
            for behind in inputs.iter().skip(1) {
                // Past the port that reports what is removed.
                self.inner.machine.store.remove_input(&behind.id).await?;
            }
        }
        Ok(inputs)
    }
    async fn remove_input(&self, id: &InputId) -> Result<(), StoreError> {
        self.inner.remove_input(id).await
    }
}

impl Live for LyingStore {
    async fn put_live(&self, lease: &Lease, values: &serde_json::Value) -> Result<(), StoreError> {
        self.inner.put_live(lease, values).await
    }
    async fn live(&self, run: &RunId) -> Result<Option<serde_json::Value>, StoreError> {
        self.inner.live(run).await
    }
}

#[derive(Debug)]
pub struct LyingObserve {
    inner: SimulatedObserve,
    broken: Broken,
    audit: Audit,
    last: Option<Snapshot>,
    looks: u32,
}

impl Observe for LyingObserve {
    async fn snapshot(&mut self, tables: &BTreeSet<TableName>) -> Snapshot {
        if self.broken == Broken::ForgetsLastLook
            && self.audit.about_to_send()
            && let Some(last) = &self.last
        {
            return last.clone().as_of(self.inner.world.now());
        }
        self.looks += 1;
        if self.broken == Broken::NeverAnswers && self.looks > 3 {
            std::future::pending::<()>().await;
        }
        let seen = self.inner.snapshot(tables).await;
        self.last = Some(seen.clone());
        seen
    }

    async fn measure(&mut self, command: &Command, step: &str) -> Outcome {
        self.inner.measure(command, step).await
    }
}

#[derive(Debug)]
pub struct LyingAct {
    inner: SimulatedAct,
    broken: Broken,
}

impl Act for LyingAct {
    async fn prepare(&mut self, run: &RunId, command: &Command, identity: &str) -> Result<Connection, String> {
        self.inner.prepare(run, command, identity).await
    }

    async fn send(&mut self, connection: &Connection, cleared: &Cleared, copying: &Copying) -> Outcome {
        let outcome = self.inner.send(connection, cleared, copying).await;
        let lost =
            matches!(outcome, Outcome::InDoubt { .. }) && matches!(cleared.command().work, Work::Statement { .. });
        match self.broken {
            Broken::RetriesWhenLost if lost => self.inner.send(connection, cleared, copying).await,
            Broken::UnknownIsFine if lost => Outcome::Done { detail: "surely".to_owned() },
            _ => outcome,
        }
    }

    async fn look_for(&mut self, connection: &Connection) -> ConnectionState {
        self.inner.look_for(connection).await
    }
    async fn close(&mut self, connection: &Connection) {
        self.inner.close(connection).await;
    }
    async fn told(&mut self, server: &ServerName, tables: &BTreeSet<TableName>) -> Result<Told, String> {
        self.inner.told(server, tables).await
    }
}
