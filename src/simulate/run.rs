//! Runs one scenario from one seed to its end, with every process, person and fault, and reports what was found.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use tokio::sync::mpsc;

use super::act::SimulatedAct;
use super::audit::{Audit, Covered};
use super::clock::SimulatedWorld;
use super::dice::Dice;
use super::faults::{Faults, Life, Weather};
use super::fleet::SimulatedFleet;
use super::invariant::Violation;
use super::observe::SimulatedObserve;
use super::people::{self, Crowd};
use super::scenario::Scenario;
use super::store::{Machine, SimulatedStore};
use crate::domain::approval::policy::Policy;
use crate::domain::approval::trust::Trust;
use crate::domain::base::{RunId, Span, StepId, Timestamp};
use crate::domain::journal::Line;
use crate::domain::journal::record::{Ending, Opened, Record, StopReason};
use crate::domain::run::decide::Setup;
use crate::domain::run::state::{Phase, State};
use crate::domain::snapshot::Snapshot;
use crate::executor::journal::{ExecutorError, Recorder, Watcher, fold, open};
use crate::executor::ports::{Act, Observe, World as _};
use crate::executor::{AtStop, Executor};
use crate::keys::RunKey;
use crate::store::memory::MemoryStore;
use crate::store::{Holder, Journal as _, Leases as _, Store, StoreError};

/// Longer than this no simulated run takes, people being patient for only so long.
const LONGEST: Duration = Duration::from_hours(6);
/// More processes than this one run does not need, whatever happens.
const MOST_PROCESSES: u64 = 40;

/// How the real executor is wired to the simulation. A test that breaks something puts its own ports in between.
pub trait Rig {
    type Store: Store + 'static;
    type Observe: Observe + 'static;
    type Act: Act + 'static;

    fn store(&self, store: SimulatedStore) -> Self::Store;
    fn observe(&self, observe: SimulatedObserve, audit: &Audit) -> Self::Observe;
    fn act(&self, act: SimulatedAct) -> Self::Act;

    /// What a new executor makes of the state that it folded.
    fn resumed(&self, state: State) -> State {
        state
    }

    /// Who counts as whom, as the executor believes.
    fn trust(&self) -> Result<Trust, String> {
        people::trust(Policy::default_text(), &[])
    }
}

/// The product as it is.
#[derive(Debug, Clone, Copy, Default)]
pub struct Honest;

impl Rig for Honest {
    type Store = SimulatedStore;
    type Observe = SimulatedObserve;
    type Act = SimulatedAct;

    fn store(&self, store: SimulatedStore) -> SimulatedStore {
        store
    }
    fn observe(&self, observe: SimulatedObserve, _audit: &Audit) -> SimulatedObserve {
        observe
    }
    fn act(&self, act: SimulatedAct) -> SimulatedAct {
        act
    }
}

/// What came of one simulation.
#[derive(Debug, Clone)]
pub struct Report {
    pub scenario: String,
    pub seed: u64,
    pub end: End,
    /// Each broken invariant. Empty in a product that works.
    pub violations: Vec<Violation>,
    pub faults: BTreeMap<String, u64>,
    /// The kinds of places where a process could have died.
    pub places: BTreeSet<&'static str>,
    pub covered: Covered,
    pub records: u64,
    pub processes: u64,
    /// Which rules or conditions stopped the run on its way.
    pub stops: Vec<StopReason>,
    pub journal: Vec<Line>,
    /// What the run knew of the fleet whenever a step was done.
    pub reached: Vec<(StepId, Snapshot)>,
}

/// Where a simulation ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    Closed(Ending),
    /// It waits, and says for what.
    Waits(String),
    /// It stands still and does not say why.
    Stuck(String),
}

/// Notes why the run stopped, and shows the audit the executor's own state.
struct Stops {
    noted: mpsc::UnboundedSender<StopReason>,
    audit: Audit,
}

impl Watcher for Stops {
    fn recorded(&mut self, before: Option<&State>, _at: Timestamp, _line: &Line, record: &Record) {
        let Some(before) = before else { return };
        self.audit.compare(before);
        if let Record::Stopped { why, .. } = record {
            // The receiver lives as long as the simulation.
            let _ = self.noted.send(why.clone());
        }
    }
}

/// Everything that the processes of one simulation share.
struct Stage<'a, R: Rig> {
    rig: &'a R,
    setup: Setup,
    first: Record,
    machine: Machine,
    fleet: SimulatedFleet,
    faults: Arc<Faults>,
    audit: Audit,
    stops: mpsc::UnboundedSender<StopReason>,
}

/// How a process ended.
enum Exit {
    Left,
    Died,
    Failed(ExecutorError),
}

/// Simulates `scenario` from `seed`. Needs a runtime of one thread; with a paused clock it takes no real time.
pub async fn simulate<R: Rig>(rig: &R, scenario: &Scenario, seed: u64, weather: Weather) -> Result<Report, String> {
    let dice = Dice::new(seed).fork(&scenario.name);
    let world = SimulatedWorld::new(Timestamp::from_millis(1_795_316_645_000), dice.fork("world"));
    let run = RunId::parse(&format!("r-{seed:x}")).map_err(|error| error.to_string())?;
    let machine = Machine { store: MemoryStore::new(), run: run.clone(), world: world.clone() };
    machine.store.create_run(&run).await.map_err(|error| error.to_string())?;
    let fleet = SimulatedFleet::new(&scenario.fleet, &scenario.snapshot);
    let audit = Audit::new(&machine.store, &run, &fleet, &world, &scenario.table, scenario.promise);
    let (another, wanted) = mpsc::unbounded_channel();
    let (stops, stopped) = mpsc::unbounded_channel();
    let faults = Faults::new(weather, &dice, another);
    let setup = setup(scenario, &run, rig.trust()?);
    let first = opened(&setup, &run);
    let stage = Stage { rig, setup, first, machine, fleet, faults, audit, stops };
    let crowd = Crowd::new(&stage.machine.store, &run, &world, &dice, &stage.faults, &stage.audit);
    let processes = tokio::select! {
        biased;
        processes = drive(&stage, wanted) => processes,
        () = crowd.live() => 0,
        () = disturb(&stage, dice.fork("somebody")) => 0,
        () = tokio::time::sleep(LONGEST) => 0,
    };
    report(&stage, scenario, seed, processes, stopped).await
}

/// Simulates on a clock that nobody waits for: hours of a run pass in milliseconds, and the same seed gives the same
/// journal. Not to be called from inside another runtime.
pub fn simulate_in_no_time<R: Rig>(
    rig: &R,
    scenario: &Scenario,
    seed: u64,
    weather: Weather,
) -> Result<Report, String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.map_err(|error| error.to_string())?.block_on(simulate(rig, scenario, seed, weather))
}

async fn report<R: Rig>(
    stage: &Stage<'_, R>,
    scenario: &Scenario,
    seed: u64,
    processes: u64,
    mut stopped: mpsc::UnboundedReceiver<StopReason>,
) -> Result<Report, String> {
    stage.audit.finish().await;
    let end = end(stage.audit.state().as_deref());
    if let End::Stuck(at) = &end {
        stage.audit.blame(format!("the run ended {at} and does not name what it waits for"));
    }
    let mut stops = Vec::new();
    while let Ok(stop) = stopped.try_recv() {
        stops.push(stop);
    }
    let run = &stage.machine.run;
    let journal = stage.machine.store.read(run, 0, usize::MAX).await.map_err(|error| error.to_string())?;
    Ok(Report {
        scenario: scenario.name.clone(),
        seed,
        end,
        violations: stage.audit.violations(),
        faults: stage.faults.counts(),
        places: stage.faults.places(),
        covered: stage.audit.covered(),
        records: stage.audit.records(),
        processes,
        stops,
        journal,
        reached: stage.audit.reached(),
    })
}

/// What a run that is not closed waits for, in the words of its phase.
fn end(state: Option<&State>) -> End {
    let Some(state) = state else { return End::Stuck("before its first record".to_owned()) };
    match &state.phase {
        // A hold that came when nothing was left to begin keeps nothing from its end.
        Phase::Closed { outcome } => End::Closed(*outcome),
        _ if state.held.is_some() => End::Waits("a release".to_owned()),
        Phase::Requested { request } => End::Waits(format!("signatures for {request}")),
        Phase::Asking => End::Waits("an answer".to_owned()),
        Phase::Waiting { until, .. } => End::Waits(format!("facts, until {until}")),
        Phase::Stopped { why, .. } => End::Waits(format!("a choice: {why}")),
        Phase::Doubt { .. } | Phase::Killing { .. } => End::Waits("a command in doubt".to_owned()),
        other => End::Stuck(other.word().to_owned()),
    }
}

fn setup(scenario: &Scenario, run: &RunId, trust: Trust) -> Setup {
    Setup {
        runbook: scenario.runbook.clone(),
        fleet: scenario.fleet.clone(),
        trust,
        tables: scenario.runbook.tables(run),
        driver: people::principal("ana"),
        journal_key: run_key(run).journal_key(),
        armed_for: Span::from_secs(3),
        settle_for: Span::from_secs(10),
    }
}

fn opened(setup: &Setup, run: &RunId) -> Record {
    Record::Opened(Box::new(Opened {
        format: 1,
        run: run.clone(),
        by: setup.driver.clone(),
        host: "bastion-1".to_owned(),
        mode: "simulated".to_owned(),
        reason: "INC-1".to_owned(),
        fleet: setup.fleet.name.clone(),
        fleet_digest: setup.fleet.digest.clone(),
        fleet_text: "modelled".to_owned(),
        runbook: setup.runbook.name.clone(),
        runbook_digest: setup.runbook.digest.clone(),
        runbook_text: setup.runbook.text.clone(),
        params: BTreeMap::new(),
        steps: setup.runbook.steps.iter().map(|step| step.id.clone()).collect(),
        tables: setup.tables.iter().cloned().collect(),
        trust_serial: setup.trust.serial(),
        trust_digest: setup.trust.digest().clone(),
        journal_key: setup.journal_key.clone(),
    }))
}

/// Keeps a process on the run until it is closed; answers how many it took.
async fn drive<R: Rig>(stage: &Stage<'_, R>, mut wanted: mpsc::UnboundedReceiver<()>) -> u64 {
    let mut running: FuturesUnordered<Pin<Box<dyn Future<Output = Exit> + '_>>> = FuturesUnordered::new();
    let mut started = 1;
    running.push(Box::pin(process(stage, started)));
    while started < MOST_PROCESSES {
        tokio::select! {
            biased;
            exit = running.next() => match exit {
                Some(Exit::Left) => return started,
                Some(Exit::Failed(error)) => blame(stage, &error),
                Some(Exit::Died) | None => {}
            },
            Some(()) = wanted.recv() => {}
        }
        started += 1;
        running.push(Box::pin(process(stage, started)));
    }
    stage.audit.blame("the run needs more and more processes");
    started
}

/// A store that fails is a fault; anything else that ends an executor is a bug.
fn blame<R: Rig>(stage: &Stage<'_, R>, error: &ExecutorError) {
    match error {
        ExecutorError::Store(
            StoreError::Fenced { .. }
            | StoreError::Unsure { .. }
            | StoreError::DiskFull { .. }
            | StoreError::ReadOnly { .. }
            | StoreError::HeadMoved { .. },
        ) => stage.faults.happened("an executor gave up"),
        other => stage.audit.blame(format!("an executor gave up: {other}")),
    }
}

/// One process: takes the lease, folds, says that it is here, and executes until it ends or dies.
async fn process<R: Rig>(stage: &Stage<'_, R>, number: u64) -> Exit {
    tokio::time::sleep(Duration::from_millis(300)).await;
    let life = Arc::new(Life::default());
    let executed = Box::pin(execute(stage, number, Arc::clone(&life)));
    tokio::select! {
        biased;
        () = life.over() => Exit::Died,
        left = executed => match left {
            Ok(()) => Exit::Left,
            Err(error) => Exit::Failed(error),
        },
    }
}

async fn execute<R: Rig>(stage: &Stage<'_, R>, number: u64, life: Arc<Life>) -> Result<(), ExecutorError> {
    let (run, world) = (&stage.machine.run, &stage.machine.world);
    let store = stage.rig.store(SimulatedStore {
        machine: stage.machine.clone(),
        faults: Arc::clone(&stage.faults),
        life: Arc::clone(&life),
        audit: stage.audit.clone(),
    });
    let pid = u32::try_from(number).unwrap_or(u32::MAX);
    let holder = Holder { operator: stage.setup.driver.clone(), host: "bastion-1".to_owned(), pid, since: world.now() };
    let lease = loop {
        match store.acquire(run, &holder).await {
            Err(StoreError::Busy { .. }) => tokio::time::sleep(Duration::from_millis(500)).await,
            other => break other?,
        }
    };
    let mut watcher = Stops { noted: stage.stops.clone(), audit: stage.audit.clone() };
    let mut key = run_key(run);
    let (state, resumed) = match fold(&store, run, &mut Silent).await {
        Ok(state) => {
            let state = stage.rig.resumed(state);
            stage.audit.resumed(&state).await;
            (state, true)
        }
        Err(ExecutorError::Empty { .. }) => {
            (open(&store, &lease, &mut key, &stage.first, world.now(), &mut watcher).await?, false)
        }
        Err(error) => return Err(error),
    };
    let recorder = Recorder {
        setup: stage.setup.clone(),
        state,
        store,
        lease,
        world: world.clone(),
        key,
        watcher,
        pending: VecDeque::new(),
        wake: None,
    };
    let mut executor = executor(stage, number, life, recorder);
    if resumed {
        let changed = Record::ExecutorChanged {
            by: stage.setup.driver.clone(),
            host: "bastion-1".to_owned(),
            journal_key: stage.setup.journal_key.clone(),
            signed: None,
        };
        executor.recorder.append(&[changed], world.now()).await?;
    }
    executor.run().await.map(|_| ())
}

/// Every simulated executor signs with this key: a simulation is to be the same each time.
fn run_key(run: &RunId) -> RunKey {
    RunKey::from_seed(run.clone(), &[9; 32]).unwrap_or_else(|error| unreachable!("a constant seed is a key: {error}"))
}

/// Says nothing about records that were seen before.
struct Silent;

impl Watcher for Silent {
    fn recorded(&mut self, _before: Option<&State>, _at: Timestamp, _line: &Line, _record: &Record) {}
}

type Wired<R> = Executor<<R as Rig>::Store, <R as Rig>::Observe, <R as Rig>::Act, SimulatedWorld, Stops>;

fn executor<R: Rig>(
    stage: &Stage<'_, R>,
    number: u64,
    life: Arc<Life>,
    recorder: Recorder<R::Store, SimulatedWorld, Stops>,
) -> Wired<R> {
    let (fleet, world, faults) = (stage.fleet.clone(), stage.machine.world.clone(), Arc::clone(&stage.faults));
    let observe = SimulatedObserve { fleet, world, faults, life: Arc::clone(&life), machine: stage.machine.clone() };
    let act = SimulatedAct {
        fleet: stage.fleet.clone(),
        world: stage.machine.world.clone(),
        faults: Arc::clone(&stage.faults),
        life,
        machine: stage.machine.clone(),
        audit: stage.audit.clone(),
        process: number,
    };
    // Nobody presses keys in the executor's own terminal; holds come through the inbox.
    let (_, holds) = mpsc::channel(1);
    Executor {
        recorder,
        observe: stage.rig.observe(observe, &stage.audit),
        act: stage.rig.act(act),
        holds,
        at_stop: if stage.faults.weather == Weather::Fair { AtStop::LeaveIfRefused } else { AtStop::Wait },
        leaving: Arc::new(AtomicBool::new(false)),
        told: BTreeMap::new(),
        told_for: None,
        last: None,
    }
}

/// Somebody else acts on the fleet from time to time, whenever no command of the run is on its way: what happens
/// between the last look and the server no program can see.
async fn disturb<R: Rig>(stage: &Stage<'_, R>, mut dice: Dice) {
    if stage.faults.weather == Weather::Fair {
        return std::future::pending().await;
    }
    loop {
        tokio::time::sleep(Duration::from_secs(5 + dice.below(120))).await;
        let now = stage.machine.world.true_time();
        let names = stage.fleet.model().names();
        let Some(server) = dice.pick(&names).cloned() else { continue };
        match dice.below(10) {
            0..3 if stage.fleet.quiet() => {
                stage.faults.happened("a server restarts");
                stage.fleet.model().restart(&server, now);
            }
            3..7 if stage.fleet.model().start_threads(&server, now) => {
                stage.faults.happened("somebody starts a replica");
            }
            7 if stage.fleet.quiet() && stage.fleet.model().reattach(&server, now) => {
                stage.faults.happened("somebody reattaches a replica");
            }
            _ => {}
        }
    }
}
