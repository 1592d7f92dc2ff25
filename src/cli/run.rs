//! `run` and `resume`: wires stores, servers and people's output to the executor.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use tokio::sync::mpsc;

use super::args::{OutputArgs, ResumeArgs, RunArgs};
use super::error::CliError;
use super::exit::Exit;
use super::output::{Narrator, say};
use super::place::{expect_operator, now, open_store, params, parse_fleet, read_file, read_fleet, signer, state_dir};
use super::servers::{LiveObserve, OsWorld};
use crate::act::Acting;
use crate::domain::approval::trust::Trust;
use crate::domain::base::{Principal, RunId, Span, text};
use crate::domain::fleet::Fleet;
use crate::domain::journal::record::{Ending, Opened, Record, StopReason};
use crate::domain::run::decide::Setup;
use crate::domain::run::state::{Phase, State};
use crate::domain::runbook::{self, Runbook};
use crate::executor::journal::{Recorder, fold, open};
use crate::executor::{AtStop, Executor};
use crate::keys::RunKey;
use crate::store::sqlite::SqliteStore;
use crate::store::trust_files;
use crate::store::{Holder, Journal, Lease, Leases};

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

pub async fn run(args: RunArgs) -> Result<Exit, CliError> {
    let (fleet, fleet_text) = read_fleet(&args.runbook.fleet)?;
    let params = params(&args.runbook.param)?;
    let runbook = read_runbook(&args.runbook.runbook, &params, &fleet)?;
    let dir = state_dir(&args.state)?;
    let trust = trust_files::load(&dir)?;
    expect_operator(&trust, &signer(&args.operator)?, &args.operator.operator)?;
    let params = runbook.chosen();
    let prepared = Prepared { fleet, fleet_text, runbook, trust, params };
    let plan = RunPlan { run: new_run_id(), driver: args.operator.operator, reason: args.reason };
    start(prepared, plan, SqliteStore::create(&dir)?, args.output).await
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
    store: SqliteStore,
    output: OutputArgs,
) -> Result<Exit, CliError> {
    let mut narrator = Narrator::new(output);
    let RunPlan { run, driver, reason } = plan;
    let mut key = RunKey::generate(run.clone())?;
    store.create_run(&run).await?;
    let lease = store.acquire(&run, &holder(&driver)).await?;
    let setup = setup(&prepared, &run, driver.clone(), key.journal_key());
    let opened = opened(&prepared, &setup, &run, &reason, &driver);
    let state = open(&store, &lease, &mut key, &Record::Opened(Box::new(opened)), now(), &mut narrator).await?;
    execute(None, Executing { setup, state, store, lease, key, narrator }).await
}

pub async fn resume(args: ResumeArgs) -> Result<Exit, CliError> {
    let store = open_store(&args.state)?;
    let trust = trust_files::load(&state_dir(&args.state)?)?;
    expect_operator(&trust, &signer(&args.operator)?, &args.operator.operator)?;
    let driver = args.operator.operator;
    let lease = store.acquire(&args.run, &holder(&driver)).await?;
    let mut narrator = Narrator::new(args.output);
    let state = fold(&store, &args.run, &mut narrator).await?;
    if let Phase::Closed { .. } = state.phase {
        return Err(CliError::usage(format!("run {} is over; `countersign report {}` tells it", args.run, args.run)));
    }
    let prepared = recorded(&state.opened, trust)?;
    let key = RunKey::generate(args.run.clone())?;
    let setup = setup(&prepared, &args.run, driver.clone(), key.journal_key());
    let changed = Record::ExecutorChanged { by: driver, host: host(), journal_key: setup.journal_key.clone() };
    execute(Some(changed), Executing { setup, state, store, lease, key, narrator }).await
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
struct Executing {
    setup: Setup,
    state: State,
    store: SqliteStore,
    lease: Lease,
    key: RunKey,
    narrator: Narrator,
}

async fn execute(first: Option<Record>, with: Executing) -> Result<Exit, CliError> {
    let Executing { setup, state, store, lease, key, narrator } = with;
    let act = Acting::new(Arc::new(setup.fleet.clone()));
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
    let mut executor = Executor {
        recorder,
        observe,
        act,
        holds,
        leaving,
        at_stop: AtStop::LeaveIfRefused,
        told: BTreeMap::new(),
        told_for: None,
        last: None,
    };
    let exit = exit_of(executor.run().await?);
    let Executor { recorder: Recorder { store, lease, .. }, .. } = executor;
    store.release(lease).await?;
    Ok(exit)
}

/// The exit code that says how a run was left.
pub fn exit_of(state: &State) -> Exit {
    let exit = match &state.phase {
        Phase::Closed { outcome: Ending::Completed } => Exit::Ok,
        Phase::Closed { outcome: Ending::Aborted } => Exit::Aborted,
        Phase::Stopped { why, .. } => stop_exit(why),
        _ if state.held.is_some() => Exit::Held,
        _ => Exit::Waiting,
    };
    if !matches!(state.phase, Phase::Closed { .. }) {
        say(&format!("run {} can go on: countersign resume {}", state.opened.run, state.opened.run));
    }
    exit
}

fn stop_exit(why: &StopReason) -> Exit {
    match why {
        StopReason::Refused | StopReason::Blocked => Exit::Refused,
        StopReason::Approval { .. } => Exit::Approval,
        StopReason::Drift => Exit::Drift,
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
