//! One run in this very process, with the real store, the real observer and the real acting side; ana and bob sign what
//! is asked of them. What the run recorded is kept; it is left where it stops.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use countersign::cli::servers::{LiveObserve, OsWorld};
use countersign::domain::approval::sshsig::Verb;
use countersign::domain::base::{RequestId, RunId, Span, Timestamp};
use countersign::domain::journal::Line;
use countersign::domain::journal::record::{Approval, DoubtAnswer, Opened, OwnMeasurement, Record, StopReason};
use countersign::domain::run::decide::Setup;
use countersign::domain::run::effect::Person;
use countersign::domain::run::state::State;
use countersign::executor::journal::{Recorder, Watcher, open};
use countersign::executor::ports::{Act, World as _};
use countersign::executor::{AtStop, Executor};
use countersign::keys::RunKey;
use countersign::simulate::people;
use countersign::store::{Holder, Journal as _, Leases as _, Store};
use tokio::sync::mpsc;

use crate::stage::Stage;

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

struct Listener {
    told: Told,
    news: mpsc::UnboundedSender<Record>,
}

impl Watcher for Listener {
    fn recorded(&mut self, _before: Option<&State>, _at: Timestamp, _line: &Line, record: &Record) {
        self.told.0.lock().unwrap().push(record.clone());
        // Nobody listens any more once the run is left.
        let _ = self.news.send(record.clone());
    }
}

/// What a run is made of.
pub fn setup(stage: &Stage, run: &RunId, key: &RunKey) -> Setup {
    Setup {
        tables: stage.runbook.tables(run),
        runbook: stage.runbook.clone(),
        fleet: stage.fleet.clone(),
        trust: stage.trust.clone(),
        driver: people::principal("ana"),
        journal_key: key.journal_key(),
        armed_for: Span::default(),
        settle_for: Span::from_secs(15),
    }
}

pub fn opened(stage: &Stage, setup: &Setup, run: &RunId) -> Record {
    Record::Opened(Box::new(Opened {
        format: 1,
        run: run.clone(),
        by: setup.driver.clone(),
        host: "bastion-1".to_owned(),
        mode: "LAB".to_owned(),
        reason: "INC-1".to_owned(),
        fleet: setup.fleet.name.clone(),
        fleet_digest: setup.fleet.digest.clone(),
        fleet_text: stage.fleet_text.clone(),
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

pub fn holder() -> Holder {
    let since = OsWorld.now();
    Holder { operator: people::principal("ana"), host: "bastion-1".to_owned(), pid: std::process::id(), since }
}

/// Plays a new run with this acting side until it is over or stops.
pub async fn play(stage: &Stage, run: &RunId, act: impl Act, told: &Told) {
    let store = stage.store.clone();
    let mut key = RunKey::generate(run.clone()).unwrap();
    let setup = setup(stage, run, &key);
    store.create_run(run).await.unwrap();
    let lease = store.acquire(run, &holder()).await.unwrap();
    let (news, mut heard) = mpsc::unbounded_channel();
    let mut watcher = Listener { told: told.clone(), news };
    let first = opened(stage, &setup, run);
    let state = open(&store, &lease, &mut key, &first, OsWorld.now(), &mut watcher).await.unwrap();
    let recorder = Recorder {
        setup,
        state,
        store: store.clone(),
        lease,
        world: OsWorld,
        key,
        watcher,
        pending: VecDeque::new(),
        wake: None,
    };
    let (_hold, holds) = mpsc::channel(1);
    let mut executor = Executor {
        recorder,
        observe: LiveObserve::new(&stage.fleet),
        act,
        holds,
        leaving: Arc::new(AtomicBool::new(false)),
        at_stop: AtStop::Wait,
        told: BTreeMap::new(),
        told_for: None,
        last: None,
    };
    let stopped = async {
        while let Some(record) = heard.recv().await {
            match &record {
                Record::Requested { header, text, .. } => sign(&store, run, &header.request, text).await,
                Record::Stopped { .. } => return,
                _ => {}
            }
        }
        std::future::pending::<()>().await;
    };
    let over = async {
        tokio::select! {
            ended = executor.run() => drop(ended.unwrap()),
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
        let person = Person::Approve { request: request.clone(), approval };
        store.put_input(run, &serde_json::to_vec(&person).unwrap()).await.unwrap();
    }
}

/// A name for the next run.
pub fn next_run() -> RunId {
    static RUNS: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
    RunId::parse(&format!("r-{:08x}", RUNS.fetch_add(1, Ordering::SeqCst))).unwrap()
}
