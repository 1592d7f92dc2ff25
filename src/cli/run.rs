//! `run` and `resume`: wires stores, servers and people's output to the executor.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use tokio::sync::{mpsc, watch};

use super::args::{OutputArgs, ResumeArgs, RunArgs};
use super::error::CliError;
use super::exit::Exit;
use super::output::{Narrator, say};
use super::place::{now, open_store, params, parse_fleet, read_file, read_fleet, state_dir};
use super::preflight;
use super::say::sign_text;
use super::screen::{self, DriverScreen, Over};
use super::servers::{LiveObserve, OsWorld};
use super::typed::Typed;
use super::who::{Driver, Operator};
use crate::act::Acting;
use crate::domain::approval::trust::Trust;
use crate::domain::approval::votes::InputVerb;
use crate::domain::base::{Principal, RunId, Span, text};
use crate::domain::fleet::Fleet;
use crate::domain::journal::record::{Ending, Opened, Record, StopReason};
use crate::domain::run::decide::Setup;
use crate::domain::run::state::{Phase, State};
use crate::domain::runbook::{self, Runbook};
use crate::executor::journal::{Recorder, fold, open};
use crate::executor::ports::Act;
use crate::executor::{AtStop, Executor};
use crate::keys::RunKey;
use crate::store::sqlite::SqliteStore;
use crate::store::{Holder, Journal as _, Lease, Leases as _, Store};

/// How long a step is armed before it begins.
const ARMED: Span = Span::from_secs(5);
/// How long what was promised may take to be seen.
const SETTLE: Span = Span::from_secs(15);

/// What a run is made of, read and checked before anything is written.
pub struct Prepared {
    pub fleet: Fleet,
    pub fleet_text: String,
    pub runbook: Runbook,
    pub trust: Trust,
    pub params: BTreeMap<String, String>,
}

/// The ports through which an executor reaches its journal and changes servers. What wants to stand in between, as a
/// test does that dies at an exact point, wires its own; everything else of a run stays the same.
pub trait Wires {
    type Store: Store;
    type Act: Act;

    fn store(&self, store: SqliteStore) -> Self::Store;
    fn act(&self, act: Acting) -> Self::Act;
}

/// Straight to the state directory and to the servers.
#[derive(Debug, Clone, Copy)]
pub struct Straight;

impl Wires for Straight {
    type Store = SqliteStore;
    type Act = Acting;

    fn store(&self, store: SqliteStore) -> SqliteStore {
        store
    }

    fn act(&self, act: Acting) -> Acting {
        act
    }
}

pub async fn run(args: RunArgs, wires: &impl Wires) -> Result<Exit, CliError> {
    let (fleet, fleet_text) = read_fleet(&args.runbook.fleet)?;
    let params = params(&args.runbook.param)?;
    let runbook = read_runbook(&args.runbook.runbook, &params, &fleet)?;
    let driver = Driver::of(args.output, &args.operator, &args.state).await?;
    preflight::account(&fleet, &runbook)?;
    preflight::logins(&fleet, &runbook).await?;
    let params = runbook.chosen();
    let prepared = Prepared { fleet, fleet_text, runbook, trust: driver.trust().clone(), params };
    let (id, name) = (new_run_id(), driver.name().clone());
    let typed = Typed::here(&args.state);
    let goes_on = typed.clone().by(&name).person(&format!("resume {id}"));
    let plan = RunPlan { run: id, driver: name, reason: args.reason };
    let store = SqliteStore::create(&state_dir(&args.state)?)?;
    let exit = start(prepared, plan, store, wires, Shown::to(args.output, typed, driver)).await?;
    Ok(left(exit, &goes_on))
}

/// How the driver sees the run.
#[derive(Debug)]
pub enum Shown {
    Lines(OutputArgs, Typed),
    Screen(Operator),
}

impl Shown {
    /// A screen if there is a terminal for it and nobody asked for lines.
    fn to(output: OutputArgs, typed: Typed, driver: Driver) -> Self {
        match driver {
            Driver::Proved(operator) if screen::is_wanted(output) => Self::Screen(operator),
            _ => Self::Lines(output, typed),
        }
    }

    fn narrator(&self) -> Narrator {
        match self {
            Self::Lines(output, typed) => Narrator::new(*output, typed.clone()),
            Self::Screen(_) => Narrator::silent(),
        }
    }

    /// Somebody at a screen can choose; without one, waiting at a refusal would change nothing.
    fn at_stop(&self) -> AtStop {
        match self {
            Self::Lines(..) => AtStop::LeaveIfRefused,
            Self::Screen(_) => AtStop::Wait,
        }
    }
}

/// Which run it is, who drives it, and why.
#[derive(Debug)]
pub struct RunPlan {
    pub run: RunId,
    pub driver: Principal,
    pub reason: String,
}

/// Opens the journal of a new run and executes it.
pub async fn start(
    prepared: Prepared,
    plan: RunPlan,
    files: SqliteStore,
    wires: &impl Wires,
    shown: Shown,
) -> Result<Exit, CliError> {
    let store = wires.store(files.clone());
    let mut narrator = shown.narrator();
    let RunPlan { run, driver, reason } = plan;
    let mut key = RunKey::generate(run.clone())?;
    store.create_run(&run).await?;
    let lease = store.acquire(&run, &holder(&driver)).await?;
    let setup = setup(&prepared, &run, driver.clone(), key.journal_key());
    let opened = opened(&prepared, &setup, &run, &reason, &driver);
    let state = open(&store, &lease, &mut key, &Record::Opened(Box::new(opened)), now(), &mut narrator).await?;
    let act = wires.act(Acting::new(Arc::new(setup.fleet.clone())));
    execute(None, Executing { setup, state, store, act, files, lease, key, narrator, shown }).await
}

pub async fn resume(args: ResumeArgs, wires: &impl Wires) -> Result<Exit, CliError> {
    let files = open_store(&args.state)?;
    let store = wires.store(files.clone());
    let driver = Driver::of(args.output, &args.operator, &args.state).await?;
    let (name, trust) = (driver.name().clone(), driver.trust().clone());
    let lease = store.acquire(&args.run, &holder(&name)).await?;
    let key = RunKey::generate(args.run.clone())?;
    let changed = takeover(&store, &args.run, &driver, key.journal_key()).await?;
    let typed = Typed::here(&args.state);
    let goes_on = typed.clone().by(&name).person(&format!("resume {}", args.run));
    let shown = Shown::to(args.output, typed.clone(), driver);
    let mut narrator = shown.narrator();
    let state = fold(&store, &args.run, &mut narrator).await?;
    if let Phase::Closed { .. } = state.phase {
        let report = typed.anybody(&format!("report {}", args.run));
        return Err(CliError::usage(format!("run {} is over", args.run)).hint(format!("it is told by: {report}")));
    }
    let prepared = recorded(&state.opened, trust)?;
    let setup = setup(&prepared, &args.run, name, key.journal_key());
    let act = wires.act(Acting::new(Arc::new(setup.fleet.clone())));
    let with = Executing { setup, state, store, act, files, lease, key, narrator, shown };
    Ok(left(execute(Some(changed), with).await?, &goes_on))
}

/// That `driver` executes the run from here on; a driver whom a key proves signs it, over the journal as it ends and
/// the key that goes on with it.
async fn takeover(store: &impl Store, run: &RunId, driver: &Driver, journal_key: String) -> Result<Record, CliError> {
    let signed = match driver {
        Driver::Stated { .. } => None,
        Driver::Proved(Operator { who, signer, .. }) => {
            let head = store.head(run).await?;
            Some(sign_text(signer, who, (run, &head), InputVerb::Takeover, &journal_key).await?)
        }
    };
    Ok(Record::ExecutorChanged { by: driver.name().clone(), host: host(), journal_key, signed })
}

/// The setup that the journal itself recorded: a run goes on with the texts that it began with.
fn recorded(opened: &Opened, trust: Trust) -> Result<Prepared, CliError> {
    let fleet = parse_fleet("the journal's fleet file", &opened.fleet_text)?;
    let source = runbook::read("the journal's runbook", &opened.runbook_text)?;
    let runbook = source.resolve(&opened.params, &fleet)?;
    Ok(Prepared { fleet, fleet_text: opened.fleet_text.clone(), runbook, trust, params: opened.params.clone() })
}

pub fn read_runbook(path: &Path, params: &BTreeMap<String, String>, fleet: &Fleet) -> Result<Runbook, CliError> {
    parse_runbook(&path.display().to_string(), &read_file(path)?, params, fleet)
}

pub fn parse_runbook(
    name: &str,
    text: &str,
    params: &BTreeMap<String, String>,
    fleet: &Fleet,
) -> Result<Runbook, CliError> {
    Ok(runbook::read(name, text)?.resolve(params, fleet)?)
}

fn setup(prepared: &Prepared, run: &RunId, driver: Principal, journal_key: String) -> Setup {
    Setup {
        tables: prepared.runbook.tables(run),
        runbook: prepared.runbook.clone(),
        fleet: prepared.fleet.clone(),
        trust: prepared.trust.clone(),
        driver,
        journal_key,
        armed_for: ARMED,
        settle_for: SETTLE,
    }
}

fn opened(prepared: &Prepared, setup: &Setup, run: &RunId, reason: &str, by: &Principal) -> Opened {
    Opened {
        format: 1,
        run: run.clone(),
        by: by.clone(),
        host: host(),
        mode: prepared.fleet.environment.clone(),
        reason: reason.to_owned(),
        fleet: prepared.fleet.name.clone(),
        fleet_digest: prepared.fleet.digest.clone(),
        fleet_text: prepared.fleet_text.clone(),
        runbook: prepared.runbook.name.clone(),
        runbook_digest: prepared.runbook.digest.clone(),
        runbook_text: prepared.runbook.text.clone(),
        params: prepared.params.clone(),
        steps: prepared.runbook.steps.iter().map(|step| step.id.clone()).collect(),
        tables: setup.tables.iter().cloned().collect(),
        trust_serial: prepared.trust.serial(),
        trust_digest: prepared.trust.digest().clone(),
        journal_key: setup.journal_key.clone(),
    }
}

/// What executing takes.
struct Executing<S, A> {
    setup: Setup,
    state: State,
    store: S,
    act: A,
    /// The same store for the driver's screen, which reads it like anybody else.
    files: SqliteStore,
    lease: Lease,
    key: RunKey,
    narrator: Narrator,
    shown: Shown,
}

async fn execute<S: Store, A: Act>(first: Option<Record>, with: Executing<S, A>) -> Result<Exit, CliError> {
    let Executing { setup, state, store, act, files, lease, key, narrator, shown } = with;
    let run = state.opened.run.clone();
    let observe = LiveObserve::new(&setup.fleet);
    let mut recorder = Recorder {
        setup,
        state,
        store,
        lease,
        world: OsWorld,
        key,
        watcher: narrator,
        pending: std::collections::VecDeque::new(),
        wake: None,
    };
    if let Some(record) = first {
        recorder.append(&[record], now()).await?;
    }
    let (hold, holds) = mpsc::channel(8);
    let leaving = Arc::new(AtomicBool::new(false));
    super::signals::hold_on_signal(&hold, &leaving);
    let at_stop = shown.at_stop();
    let screen = Beside::open(shown, files, run, hold, &leaving)?;
    let mut executor =
        Executor { recorder, observe, act, holds, leaving, at_stop, told: BTreeMap::new(), told_for: None, last: None };
    let ended = executor.run().await.map(|state| (where_left(state), state.clone()));
    let Executor { recorder: Recorder { store, lease, .. }, .. } = executor;
    let released = store.release(lease).await;
    screen.close(ended.as_ref().map_or(Over::Left, |(over, _)| *over)).await?;
    let (_, state) = ended?;
    released?;
    Ok(exit_of(&state))
}

fn where_left(state: &State) -> Over {
    if matches!(state.phase, Phase::Closed { .. }) { Over::Closed } else { Over::Left }
}

/// The driver's screen, if there is one, while the executor works.
struct Beside {
    over: watch::Sender<Over>,
    screen: Option<std::thread::JoinHandle<Result<(), CliError>>>,
}

impl Beside {
    fn open(
        shown: Shown,
        files: SqliteStore,
        run: RunId,
        hold: mpsc::Sender<(String, String)>,
        leaving: &Arc<AtomicBool>,
    ) -> Result<Self, CliError> {
        let (over, seen) = watch::channel(Over::Works);
        let Shown::Screen(person) = shown else { return Ok(Self { over, screen: None }) };
        let driver = DriverScreen { over: seen, hold, leaving: Arc::clone(leaving) };
        let screen = driver
            .spawn(files, run, person)
            .map_err(|error| CliError::new(Exit::Error, format!("the screen cannot start: {error}")))?;
        Ok(Self { over, screen: Some(screen) })
    }

    /// Says how the run was left, and waits until the terminal is given back.
    async fn close(self, how: Over) -> Result<(), CliError> {
        self.over.send_replace(how);
        let Some(screen) = self.screen else { return Ok(()) };
        match tokio::task::spawn_blocking(move || screen.join()).await {
            Ok(Ok(shown)) => shown,
            Ok(Err(_)) | Err(_) => Err(CliError::new(Exit::Error, "the screen broke; its message is above")),
        }
    }
}

/// Says how a run that is not over goes on.
fn left(exit: Exit, goes_on: &str) -> Exit {
    if !matches!(exit, Exit::Ok | Exit::Aborted) {
        say(&format!("the run can go on: {goes_on}"));
    }
    exit
}

/// The exit code that says how a run was left.
pub fn exit_of(state: &State) -> Exit {
    match &state.phase {
        Phase::Closed { outcome: Ending::Completed } => Exit::Ok,
        Phase::Closed { outcome: Ending::Aborted } => Exit::Aborted,
        // Where it stood does not say why it was left: somebody holds it.
        _ if state.held.is_some() => Exit::Held,
        Phase::Stopped { why, .. } => stop_exit(why),
        _ => Exit::Waiting,
    }
}

fn stop_exit(why: &StopReason) -> Exit {
    match why {
        StopReason::Refused | StopReason::Blocked => Exit::Refused,
        StopReason::Approval { .. } => Exit::Approval,
        StopReason::Drift | StopReason::NotGood { .. } => Exit::Drift,
        StopReason::Undone => Exit::Waiting,
        StopReason::Failed { .. } | StopReason::Deadline { .. } | StopReason::TooLong { .. } => Exit::Failed,
        StopReason::Doubt { .. } => Exit::Unknown,
    }
}

pub fn new_run_id() -> RunId {
    let random = crate::executor::ports::World::random(&OsWorld);
    let name = format!("r-{}", text::hex(&random[..4]));
    // Eight hex digits behind the prefix always make a run id.
    RunId::parse(&name).unwrap_or_else(|error| unreachable!("{error}"))
}

fn holder(driver: &Principal) -> Holder {
    Holder { operator: driver.clone(), host: host(), pid: std::process::id(), since: now() }
}

/// This machine's name, for people.
pub fn host() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}
