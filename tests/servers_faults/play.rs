//! One run in this very process, with the real store, the real observer and the real acting side; ana and bob sign what
//! is asked of them. What the run recorded is kept; it is left where it stops.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use countersign::cli::servers::{LiveObserve, OsWorld};
use countersign::domain::approval::sshsig::Verb;
use countersign::domain::approval::votes::{Input, InputVerb, JournalHead};
use countersign::domain::base::{RequestId, RunId, Span, Timestamp};
use countersign::domain::journal::record::{Approval, Choice, DoubtAnswer, Opened, OwnMeasurement, Record, StopReason};
use countersign::domain::journal::{Head, Line};
use countersign::domain::run::decide::Setup;
use countersign::domain::run::effect::Person;
use countersign::domain::run::state::{Phase, State};
use countersign::executor::journal::{ExecutorError, Recorder, Watcher, fold, open};
use countersign::executor::ports::{Act, Observe, World};
use countersign::executor::{AtStop, Executor};
use countersign::keys::RunKey;
use countersign::simulate::people;
use countersign::store::sqlite::SqliteStore;
use countersign::store::{Holder, Journal as _, Lease, Leases as _, Store};
use tokio::sync::mpsc;

use crate::stage::{Case, Stage};

/// The longest that a run may take.
const PATIENCE: Duration = Duration::from_mins(2);

/// Every record of a run so far, for whoever meddles with it meanwhile.
#[derive(Debug, Clone, Default)]
pub struct Told(Arc<Mutex<Vec<Record>>>);

impl Told {
    pub fn records(&self) -> Vec<Record> {
        self.0.lock().unwrap().clone()
    }

    /// The kinds of the records, in order.
    pub fn events(&self) -> Vec<String> {
        self.records().iter().map(|record| record.to_line().0).collect()
    }

    /// What was answered each time a command in doubt was looked at.
    pub fn answers(&self) -> Vec<DoubtAnswer> {
        let answer = |record: &Record| match record {
            Record::DoubtLooked { answer, .. } => Some(*answer),
            _ => None,
        };
        self.records().iter().filter_map(answer).collect()
    }

    /// Whether the intent to send the DROP is durable.
    fn intends(&self) -> bool {
        self.records().iter().any(|record| matches!(record, Record::Intended { request: Some(_), .. }))
    }

    /// What the run says of its DROP.
    pub fn verdict(&self) -> Verdict {
        for record in self.records().iter().rev() {
            match record {
                Record::Closed { .. } => return Verdict::Applied,
                Record::Stopped { why: StopReason::Doubt { answer: DoubtAnswer::NotApplied }, .. } => {
                    return Verdict::NotApplied;
                }
                Record::Stopped { why: StopReason::Failed { .. }, .. } => return Verdict::NotSent,
                // Nothing could be prepared: the request is void, and no intent was ever written for it.
                Record::Stopped { why: StopReason::Approval { .. }, .. } if !self.intends() => return Verdict::NotSent,
                Record::Stopped { why, .. } => return Verdict::Other(why.to_string()),
                _ => {}
            }
        }
        Verdict::Other(format!("no end: {:?}", self.events()))
    }
}

/// What a run says of its one destructive statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    Applied,
    NotApplied,
    NotSent,
    /// Never right where the server can be asked.
    Other(String),
}

/// Keeps what is recorded and passes it on.
pub struct Listener {
    told: Told,
    news: mpsc::UnboundedSender<(Record, Head)>,
}

impl Listener {
    pub fn new(told: &Told) -> (Self, mpsc::UnboundedReceiver<(Record, Head)>) {
        let (news, heard) = mpsc::unbounded_channel();
        (Self { told: told.clone(), news }, heard)
    }
}

impl Watcher for Listener {
    fn recorded(&mut self, _before: Option<&State>, _at: Timestamp, line: &Line, record: &Record) {
        self.told.0.lock().unwrap().push(record.clone());
        // Nobody listens any more once the run is left.
        let _ = self.news.send((record.clone(), line.head()));
    }
}

pub fn setup(case: &Case, run: &RunId, key: &RunKey) -> Setup {
    Setup {
        tables: case.runbook.tables(run),
        runbook: case.runbook.clone(),
        fleet: case.fleet.clone(),
        trust: case.trust.clone(),
        driver: people::principal("ana"),
        journal_key: key.journal_key(),
        armed_for: Span::default(),
        settle_for: Span::from_secs(15),
    }
}

pub fn opened(case: &Case, setup: &Setup, run: &RunId) -> Record {
    Record::Opened(Box::new(Opened {
        format: 1,
        run: run.clone(),
        by: setup.driver.clone(),
        host: "bastion-1".to_owned(),
        mode: "LAB".to_owned(),
        reason: "INC-1".to_owned(),
        fleet: setup.fleet.name.clone(),
        fleet_digest: setup.fleet.digest.clone(),
        fleet_text: case.fleet_text.clone(),
        runbook: setup.runbook.name.clone(),
        runbook_digest: setup.runbook.digest.clone(),
        runbook_text: setup.runbook.text.clone(),
        params: setup.runbook.chosen(),
        steps: setup.runbook.steps.iter().map(|step| step.id.clone()).collect(),
        tables: setup.tables.iter().cloned().collect(),
        trust_serial: setup.trust.serial(),
        trust_digest: setup.trust.digest().clone(),
        journal_key: setup.journal_key.clone(),
    }))
}

pub fn holder() -> Holder {
    let since = OsWorld.now();
    Holder { operator: people::principal("ana"), host: "bastion-1".to_owned(), pid: std::process::id(), since }
}

/// The executor of this test.
pub type Process<A> = Executor<SqliteStore, LiveObserve, A, OsWorld, Listener>;

/// Opens the journal of a new run.
pub async fn begin<A: Act>(case: &Case, store: &SqliteStore, run: &RunId, act: A, mut watcher: Listener) -> Process<A> {
    let mut key = RunKey::generate(run.clone()).unwrap();
    let setup = setup(case, run, &key);
    store.create_run(run).await.unwrap();
    let lease = store.acquire(run, &holder()).await.unwrap();
    let first = opened(case, &setup, run);
    let state = open(store, &lease, &mut key, &first, OsWorld.now(), &mut watcher).await.unwrap();
    process(setup, state, (store.clone(), lease), key, act, watcher)
}

/// Goes on under a lease that was just taken. Nothing, if the run is closed.
pub async fn go_on<A: Act>(
    case: &Case,
    store: &SqliteStore,
    lease: Lease,
    act: A,
    watcher: Listener,
) -> Result<Option<Process<A>>, ExecutorError> {
    let run = lease.run().clone();
    let key = RunKey::generate(run.clone()).unwrap();
    let state = fold(store, &run, &mut Silent).await?;
    if matches!(state.phase, Phase::Closed { .. }) {
        return Ok(None);
    }
    let setup = setup(case, &run, &key);
    let (by, journal_key) = (setup.driver.clone(), setup.journal_key.clone());
    let changed = Record::ExecutorChanged { by, host: "bastion-1".to_owned(), journal_key, signed: None };
    let mut process = process(setup, state, (store.clone(), lease), key, act, watcher);
    process.recorder.append(&[changed], OsWorld.now()).await?;
    Ok(Some(process))
}

/// Says nothing about records that were seen before.
pub struct Silent;

impl Watcher for Silent {
    fn recorded(&mut self, _before: Option<&State>, _at: Timestamp, _line: &Line, _record: &Record) {}
}

fn process<A: Act>(
    setup: Setup,
    state: State,
    store: (SqliteStore, Lease),
    key: RunKey,
    act: A,
    watcher: Listener,
) -> Process<A> {
    let observe = LiveObserve::new(&setup.fleet);
    wire(setup, state, store, key, (observe, act, OsWorld), watcher)
}

/// An executor over these ports.
pub fn wire<S: Store, O: Observe, A: Act, W: World>(
    setup: Setup,
    state: State,
    (store, lease): (S, Lease),
    key: RunKey,
    (observe, act, world): (O, A, W),
    watcher: Listener,
) -> Executor<S, O, A, W, Listener> {
    let recorder = Recorder { setup, state, store, lease, world, key, watcher, pending: VecDeque::new(), wake: None };
    // Nobody presses keys at this executor; holds come through the inbox.
    let (_, holds) = mpsc::channel(1);
    Executor {
        recorder,
        observe,
        act,
        holds,
        leaving: Arc::new(AtomicBool::new(false)),
        at_stop: AtStop::Wait,
        told: BTreeMap::new(),
        told_for: None,
        last: None,
    }
}

/// Plays a new run with this acting side until it is over or stops.
pub async fn play(stage: &Stage, run: &RunId, act: impl Act, told: &Told) {
    let (watcher, mut heard) = Listener::new(told);
    let mut process = begin(&stage.case, &stage.store, run, act, watcher).await;
    let stopped = async {
        while let Some((record, _)) = heard.recv().await {
            match &record {
                Record::Requested { header, text, .. } => sign(&stage.store, run, &header.request, text).await,
                Record::Stopped { .. } => return,
                _ => {}
            }
        }
        std::future::pending::<()>().await;
    };
    let over = async {
        tokio::select! {
            ended = process.run() => drop(ended.unwrap()),
            () = stopped => {}
        }
    };
    tokio::time::timeout(PATIENCE, over).await.unwrap_or_else(|_| panic!("no end: {:?}", told.events()));
}

/// Ana and bob approve.
pub async fn sign(store: &impl Store, run: &RunId, request: &RequestId, text: &str) {
    for (name, seed) in [("ana", 1), ("bob", 2)] {
        let approval = Approval {
            by: people::principal(name),
            armored: people::key(seed).sign(Verb::Approve, text.as_bytes()),
            measured: Some(OwnMeasurement { confirmed: 3, of: 3 }),
            answer: Some("3".to_owned()),
            reason: None,
        };
        leave(store, run, &Person::Approve { request: request.clone(), approval }).await;
    }
}

/// Ana chooses.
pub async fn choose(store: &impl Store, state: &State, wanted: Choice) {
    let Phase::Stopped { choices, .. } = &state.phase else { panic!("nothing to choose: {:?}", state.phase.word()) };
    let number = choices.iter().position(|choice| *choice == wanted).unwrap() + 1;
    ask(store, &state.opened.run, &state.head, (InputVerb::Choose, &number.to_string()), OsWorld.now()).await;
}

/// Ana signs an input over the journal as it ends there.
pub async fn ask(store: &impl Store, run: &RunId, head: &Head, (verb, argument): (InputVerb, &str), at: Timestamp) {
    let input = Input {
        run: run.clone(),
        head: JournalHead { entry: head.seq().unwrap(), sha256: head.digest().clone() },
        by: people::principal("ana"),
        created: at,
        verb,
        argument: argument.to_owned(),
    };
    let text = input.render().unwrap();
    let armored = people::key(1).sign(Verb::Input, text.as_bytes());
    leave(store, run, &Person::Signed { text, armored }).await;
}

pub async fn leave(store: &impl Store, run: &RunId, person: &Person) {
    store.put_input(run, &serde_json::to_vec(person).unwrap()).await.unwrap();
}

/// A name for the next run.
pub fn next_run() -> RunId {
    static RUNS: AtomicU32 = AtomicU32::new(0);
    RunId::parse(&format!("r-{:08x}", RUNS.fetch_add(1, Ordering::SeqCst))).unwrap()
}
