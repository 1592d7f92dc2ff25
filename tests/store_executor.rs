//! A running executor whose journal is taken away, replaced, set back, locked or taken over: it sends nothing more,
//! does not break what it has sent, says what happened, and the run goes on once the journal is as it was.
//!
//! The journal is the real one; the servers are a value in this process that does what commands promise.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use countersign::cli::servers::OsWorld;
use countersign::domain::approval::authorized::Cleared;
use countersign::domain::approval::policy::Policy;
use countersign::domain::approval::sshsig::Verb;
use countersign::domain::approval::votes::{Input, InputVerb, JournalHead};
use countersign::domain::base::{RunId, ServerName, Span, TableName, Timestamp};
use countersign::domain::journal::Line;
use countersign::domain::journal::record::{Opened, Record};
use countersign::domain::run::decide::Setup;
use countersign::domain::run::effect::Person;
use countersign::domain::run::state::{Phase, State};
use countersign::domain::run::{Connection, ConnectionState, Outcome};
use countersign::domain::runbook::{self, Runbook};
use countersign::domain::script::Command;
use countersign::domain::snapshot::Snapshot;
use countersign::domain::snapshot::fixture::{Fixture, Replica};
use countersign::executor::journal::{ExecutorError, Recorder, Watcher, fold, open};
use countersign::executor::ports::{Act, Copying, Observe, Told, World as _};
use countersign::executor::{AtStop, Executor};
use countersign::keys::RunKey;
use countersign::simulate::people;
use countersign::store::sqlite::SqliteStore;
use countersign::store::{Holder, Inbox as _, Journal as _, Lease, Leases as _, StoreError};
use tokio::sync::{mpsc, watch};

const RUNBOOK: &str = "
countersign: 1
name: ask-and-protect
title: Ask somebody, then take a replica out of reach
owner: dba@example.com
use_when: never; this file is a test of the program
not_when: always
params:
  spare: {type: server, role: replica, help: the replica}
steps:
  - id: ask
    title: Ask
    do:
      manual: Tell the application.
      read_back: Which word does it show?
  - id: protect
    title: Take $spare out of reach
    server: $spare
    do: detach_replica
    postconditions:
      - fenced
";

fn run() -> RunId {
    RunId::parse("r-7k3q9d").unwrap()
}

fn holder() -> Holder {
    Holder { operator: people::principal("ana"), host: "bastion-1".to_owned(), pid: 1, since: OsWorld.now() }
}

/// The servers: their facts, what was sent to them, and whether they answer yet.
#[derive(Debug, Clone)]
struct Servers {
    facts: Arc<Mutex<Snapshot>>,
    sent: Arc<Mutex<Vec<String>>>,
    answer: Arc<watch::Sender<bool>>,
}

impl Observe for Servers {
    async fn snapshot(&mut self, _tables: &BTreeSet<TableName>) -> Snapshot {
        self.facts.lock().unwrap().clone().as_of(OsWorld.now())
    }

    async fn measure(&mut self, _command: &Command, _step: &str) -> Outcome {
        unreachable!("nothing is measured here")
    }
}

impl Act for Servers {
    async fn prepare(&mut self, run: &RunId, command: &Command, identity: &str) -> Result<Connection, String> {
        let (server, lock) = (command.server.clone(), format!("cs.{run}"));
        Ok(Connection { server, id: 1, lock, identity: identity.to_owned(), booted: Timestamp::from_millis(0) })
    }

    async fn send(&mut self, _connection: &Connection, cleared: &Cleared, _copying: &Copying) -> Outcome {
        let command = cleared.command();
        self.sent.lock().unwrap().push(command.lines().join(" "));
        self.answer.subscribe().wait_for(|answers| *answers).await.unwrap();
        let mut facts = self.facts.lock().unwrap();
        *facts = facts.with(&command.patch);
        Outcome::Done { detail: "done".to_owned() }
    }

    async fn look_for(&mut self, _connection: &Connection) -> ConnectionState {
        ConnectionState::Gone
    }

    async fn close(&mut self, _connection: &Connection) {}

    async fn told(&mut self, _server: &ServerName, _tables: &BTreeSet<TableName>) -> Result<Told, String> {
        Ok(Told { unlogged_sessions: true, triggers: BTreeMap::new() })
    }
}

/// The newest state, for whoever waits for it.
struct Shown(watch::Sender<Option<State>>);

impl Watcher for Shown {
    fn recorded(&mut self, before: Option<&State>, at: Timestamp, line: &Line, record: &Record) {
        let state = match before {
            None => State::open(record, line.head(), at).unwrap(),
            Some(before) => {
                let mut state = before.clone();
                state.apply(record, line.head(), at).unwrap();
                state
            }
        };
        self.0.send_replace(Some(state));
    }
}

/// A run in a state directory of its own.
struct Place {
    dir: tempfile::TempDir,
    store: SqliteStore,
    runbook: Runbook,
    fixture: Fixture,
    servers: Servers,
}

type Process = Executor<SqliteStore, Servers, Servers, OsWorld, Shown>;

/// What an executor is led by from outside.
struct Strings {
    state: watch::Receiver<Option<State>>,
    hold: mpsc::Sender<(String, String)>,
}

impl Place {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = SqliteStore::create(&dir.path().join("state")).unwrap();
        let fixture = Fixture::new().server("a").replica("b", Replica::of("a")).replica("c", Replica::of("a"));
        let params = BTreeMap::from([("spare".to_owned(), "c".to_owned())]);
        let runbook = runbook::read("a runbook", RUNBOOK).unwrap().resolve(&params, &fixture.fleet()).unwrap();
        let (facts, answer) = (Arc::new(Mutex::new(fixture.snapshot())), Arc::new(watch::channel(true).0));
        let servers = Servers { facts, sent: Arc::default(), answer };
        Self { dir, store, runbook, fixture, servers }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.dir.path().join("state/runs").join(run().as_str()).join(name)
    }

    fn sent(&self) -> usize {
        self.servers.sent.lock().unwrap().len()
    }

    fn setup(&self, key: &RunKey) -> Setup {
        Setup {
            tables: BTreeSet::new(),
            runbook: self.runbook.clone(),
            fleet: self.fixture.fleet(),
            trust: people::trust(Policy::default_text(), &[]).unwrap(),
            driver: people::principal("ana"),
            journal_key: key.journal_key(),
            armed_for: Span::default(),
            settle_for: Span::from_secs(15),
        }
    }

    async fn begin(&self) -> (Process, Strings) {
        let mut key = RunKey::generate(run()).unwrap();
        let setup = self.setup(&key);
        self.store.create_run(&run()).await.unwrap();
        let lease = self.store.acquire(&run(), &holder()).await.unwrap();
        let (shown, state) = watch::channel(None);
        let mut shown = Shown(shown);
        let first = opened(&setup);
        let folded = open(&self.store, &lease, &mut key, &first, OsWorld.now(), &mut shown).await.unwrap();
        self.process(setup, folded, lease, key, (shown, state))
    }

    /// Another process takes the run over.
    async fn resume(&self) -> (Process, Strings) {
        let key = RunKey::generate(run()).unwrap();
        let setup = self.setup(&key);
        let lease = self.store.acquire(&run(), &holder()).await.unwrap();
        let (shown, state) = watch::channel(None);
        let mut shown = Shown(shown);
        let folded = fold(&self.store, &run(), &mut shown).await.unwrap();
        let (by, journal_key) = (setup.driver.clone(), setup.journal_key.clone());
        let changed = Record::ExecutorChanged { by, host: "bastion-2".to_owned(), journal_key, signed: None };
        let (mut process, strings) = self.process(setup, folded, lease, key, (shown, state));
        process.recorder.append(&[changed], OsWorld.now()).await.unwrap();
        (process, strings)
    }

    fn process(
        &self,
        setup: Setup,
        folded: State,
        lease: Lease,
        key: RunKey,
        (watcher, state): (Shown, watch::Receiver<Option<State>>),
    ) -> (Process, Strings) {
        let (store, pending) = (self.store.clone(), VecDeque::new());
        let recorder =
            Recorder { setup, state: folded, store, lease, world: OsWorld, key, watcher, pending, wake: None };
        let (hold, holds) = mpsc::channel(1);
        let process = Executor {
            recorder,
            observe: self.servers.clone(),
            act: self.servers.clone(),
            holds,
            leaving: Arc::new(AtomicBool::new(false)),
            at_stop: AtStop::Wait,
            told: BTreeMap::new(),
            told_for: None,
            last: None,
        };
        (process, Strings { state, hold })
    }

    /// Ana answers the step that asks.
    async fn answer(&self, state: &State) {
        let input = Input {
            run: run(),
            head: JournalHead { entry: state.head.seq().unwrap(), sha256: state.head.digest().clone() },
            by: people::principal("ana"),
            created: OsWorld.now(),
            verb: InputVerb::Answer,
            argument: "maintenance".to_owned(),
        };
        let text = input.render().unwrap();
        let armored = people::key(1).sign(Verb::Input, text.as_bytes());
        let person = serde_json::to_vec(&Person::Signed { text, armored }).unwrap();
        self.store.put_input(&run(), &person).await.unwrap();
    }

    /// Once the journal is as it was: another executor goes on, and the run ends with both commands sent once.
    async fn expect_to_go_on(&self) {
        let (mut process, mut strings) = self.resume().await;
        let people = async {
            let state = strings.until(|_| true).await;
            if matches!(state.phase, Phase::Asking) {
                self.answer(&state).await;
            }
            std::future::pending::<()>().await;
        };
        tokio::select! {
            ended = soon(process.run()) => assert!(matches!(ended.unwrap().phase, Phase::Closed { .. })),
            () = people => {}
        }
        assert_eq!(self.sent(), 2);
    }
}

impl Strings {
    async fn until(&mut self, is: impl Fn(&State) -> bool) -> State {
        let seen = self.state.wait_for(|state| state.as_ref().is_some_and(&is));
        soon(seen).await.unwrap().clone().unwrap()
    }
}

async fn soon<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_mins(1), work).await.expect("it comes to an end")
}

fn opened(setup: &Setup) -> Record {
    Record::Opened(Box::new(Opened {
        format: 1,
        run: run(),
        by: setup.driver.clone(),
        host: "bastion-1".to_owned(),
        mode: "LAB".to_owned(),
        reason: "INC-1".to_owned(),
        fleet: setup.fleet.name.clone(),
        fleet_digest: setup.fleet.digest.clone(),
        fleet_text: "a fixture".to_owned(),
        runbook: setup.runbook.name.clone(),
        runbook_digest: setup.runbook.digest.clone(),
        runbook_text: setup.runbook.text.clone(),
        params: BTreeMap::new(),
        steps: setup.runbook.steps.iter().map(|step| step.id.clone()).collect(),
        tables: Vec::new(),
        trust_serial: setup.trust.serial(),
        trust_digest: setup.trust.digest().clone(),
        journal_key: setup.journal_key.clone(),
    }))
}

fn replaced(error: &ExecutorError) -> bool {
    matches!(error, ExecutorError::Store(StoreError::Replaced { .. }))
}

/// The executor waits for an answer while `fault` is done to its files: it ends with the fact, sends nothing, and
/// another one goes on after `repair`.
async fn broken_while_it_waits(
    fault: impl FnOnce(&Place),
    is: impl Fn(&ExecutorError) -> bool,
    repair: impl FnOnce(&Place),
) {
    let place = Place::new();
    let (mut process, mut strings) = place.begin().await;
    let broken = async {
        strings.until(|state| matches!(state.phase, Phase::Asking)).await;
        fault(&place);
        std::future::pending::<()>().await;
    };
    let error = tokio::select! {
        ended = soon(process.run()) => ended.map(|state| state.phase.word()).unwrap_err(),
        () = broken => unreachable!("it waits for ever"),
    };
    assert!(is(&error), "{error}");
    assert_eq!(place.sent(), 0);
    drop(process);
    repair(&place);
    place.expect_to_go_on().await;
}

fn rename(place: &Place, from: &str, to: &str) {
    std::fs::rename(place.file(from), place.file(to)).unwrap();
}

#[tokio::test]
async fn a_journal_that_is_replaced_while_the_run_waits_ends_the_executor() {
    let copied = |place: &Place| {
        rename(place, "journal.db", "aside");
        std::fs::copy(place.file("aside"), place.file("journal.db")).unwrap();
    };
    broken_while_it_waits(copied, replaced, |place| rename(place, "aside", "journal.db")).await;
}

#[tokio::test]
async fn a_journal_that_is_gone_ends_the_executor_and_is_gone_on_with_when_it_is_back() {
    let gone = |place: &Place| rename(place, "journal.db", "aside");
    broken_while_it_waits(gone, replaced, |place| rename(place, "aside", "journal.db")).await;
}

#[tokio::test]
async fn a_journal_that_is_set_back_while_the_run_waits_ends_the_executor() {
    let taken: Mutex<Option<(i64, Vec<u8>)>> = Mutex::new(None);
    let set_back = |place: &Place| {
        let journal = rusqlite::Connection::open(place.file("journal.db")).unwrap();
        let last = "SELECT seq, bytes FROM line ORDER BY seq DESC LIMIT 1";
        let line: (i64, Vec<u8>) = journal.query_row(last, [], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
        journal.execute("DELETE FROM line WHERE seq = ?1", [line.0]).unwrap();
        *taken.lock().unwrap() = Some(line);
    };
    let restored = |place: &Place| {
        let journal = rusqlite::Connection::open(place.file("journal.db")).unwrap();
        journal.execute("INSERT INTO line VALUES (?1, ?2)", taken.lock().unwrap().take().unwrap()).unwrap();
    };
    let is = |error: &ExecutorError| matches!(error, ExecutorError::Store(StoreError::RolledBack { .. }));
    broken_while_it_waits(set_back, is, restored).await;
}

/// An executor whose lock has lost its name waits for nothing that would tell it; it looks by itself.
#[tokio::test]
async fn an_executor_whose_lock_is_gone_leaves_although_nobody_asks_anything() {
    let unlocked = |place: &Place| std::fs::remove_file(place.file("lock")).unwrap();
    broken_while_it_waits(unlocked, replaced, |_| {}).await;
}

#[tokio::test]
async fn a_journal_that_somebody_locks_for_a_moment_is_waited_for() {
    let place = Place::new();
    let (mut process, mut strings) = place.begin().await;
    let meddle = async {
        let state = strings.until(|state| matches!(state.phase, Phase::Asking)).await;
        let journal = rusqlite::Connection::open(place.file("journal.db")).unwrap();
        journal.execute_batch("BEGIN IMMEDIATE").unwrap();
        place.answer(&state).await;
        tokio::time::sleep(Duration::from_millis(300)).await;
        assert_eq!(place.sent(), 0, "nothing is sent that is not on record");
        journal.execute_batch("ROLLBACK").unwrap();
    };
    let (ended, ()) = tokio::join!(soon(process.run()), meddle);
    assert!(matches!(ended.unwrap().phase, Phase::Closed { .. }));
    assert_eq!(place.sent(), 2);
}

/// The first of two commands is being executed when the journal is replaced and somebody holds: the command is not
/// broken off, and the second one is not sent, although nobody could write the hold down.
#[tokio::test]
async fn a_hold_that_cannot_be_recorded_still_holds() {
    let place = Place::new();
    place.servers.answer.send_replace(false);
    let (mut process, mut strings) = place.begin().await;
    let meddle = async {
        let state = strings.until(|state| matches!(state.phase, Phase::Asking)).await;
        place.answer(&state).await;
        soon(async {
            while place.sent() == 0 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        })
        .await;
        rename(&place, "journal.db", "aside");
        strings.hold.send(("eve".to_owned(), "wait".to_owned())).await.unwrap();
        // Taken in once its place in the line is free again.
        soon(strings.hold.reserve()).await.unwrap();
        place.servers.answer.send_replace(true);
    };
    let (ended, ()) = tokio::join!(soon(process.run()), meddle);
    let error = ended.map(|state| state.phase.word()).unwrap_err();
    assert!(replaced(&error), "{error}");
    assert_eq!(place.sent(), 1, "what was sent ended, and nothing followed it");
    drop(process);
    rename(&place, "aside", "journal.db");
    place.expect_to_go_on().await;
}
