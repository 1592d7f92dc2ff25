//! An executor that dies by SIGKILL at exact points: this test binary, started again as a child, runs the program's own
//! wiring with ports in between that kill the process before or after they pass something on.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};

use clap::Parser as _;
use countersign::act::Acting;
use countersign::cli::args::{Cli, Command as Asked};
use countersign::cli::run::{Wires, resume, run};
use countersign::domain::approval::authorized::Cleared;
use countersign::domain::base::{RunId, ServerName, TableName};
use countersign::domain::journal::{Head, Line};
use countersign::domain::run::{Connection, ConnectionState, Outcome};
use countersign::domain::script::{Command as Sent, Work};
use countersign::executor::ports::{Act, Copying, Told, copying};
use countersign::store::sqlite::SqliteStore;
use countersign::store::{Holder, Inbox, Input, InputId, Journal, Lease, Leases, Live, StoreError};

use crate::driver::{Office, Run, resume_arguments, run_arguments, words};

/// The arguments of the child, as a JSON list.
const ARGUMENTS: &str = "COUNTERSIGN_TEST_ARGUMENTS";
/// Where it dies, as one JSON object.
const DEATHS: &str = "COUNTERSIGN_TEST_DEATHS";

/// Where an executor dies, once at each place.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub enum Where {
    Everywhere,
    /// One place in so many, another choice for each seed.
    Some {
        one_in: u64,
        seed: u64,
    },
    At(BTreeSet<String>),
}

/// Where it dies and where that is written down.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub struct Deaths {
    pub places: Where,
    pub died: PathBuf,
}

impl Deaths {
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "mortal::the_child_that_is_killed", "--nocapture"]);
        command.env(ARGUMENTS, serde_json::to_string(arguments).unwrap());
        command.env(DEATHS, serde_json::to_string(self).unwrap());
        command
    }

    /// Every place where an executor died, in order.
    pub fn so_far(&self) -> Vec<String> {
        let text = std::fs::read_to_string(&self.died).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    fn chosen(&self, place: &str) -> bool {
        match &self.places {
            Where::Everywhere => true,
            Where::Some { one_in, seed } => place_number(place).wrapping_add(*seed).is_multiple_of(*one_in),
            Where::At(places) => places.contains(place),
        }
    }

    /// Ends this process as nothing else does, if it is to die here and never has.
    fn pass(&self, place: &str) {
        if !self.chosen(place) || self.so_far().iter().any(|before| before == place) {
            return;
        }
        let mut file = std::fs::OpenOptions::new().create(true).append(true).open(&self.died).unwrap();
        writeln!(file, "{place}").unwrap();
        rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL).unwrap();
        // The signal is delivered before the call returns to a process with one thread, and soon in any other.
        loop {
            std::thread::park();
        }
    }
}

/// The same number for the same place, whatever runs it.
fn place_number(place: &str) -> u64 {
    place.bytes().fold(0xcbf2_9ce4_8422_2325, |sum, byte| (sum ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)) >> 16
}

/// No test by itself: what the tests of this binary start as a child. Without their variables it has nothing to run.
#[test]
#[expect(clippy::exit, reason = "the child ends with the exit code of the command line")]
fn the_child_that_is_killed() {
    let (Ok(arguments), Ok(deaths)) = (std::env::var(ARGUMENTS), std::env::var(DEATHS)) else { return };
    let mut words = vec!["countersign".to_owned()];
    words.extend(serde_json::from_str::<Vec<String>>(&arguments).unwrap());
    let wires = Mortal(Arc::new(serde_json::from_str(&deaths).unwrap()));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let ended = runtime.block_on(async {
        match Cli::parse_from(words).command {
            Asked::Run(args) => run(args, &wires).await,
            Asked::Resume(args) => resume(args, &wires).await,
            other => panic!("the child only runs and resumes, not {other:?}"),
        }
    });
    std::process::exit(match ended {
        Ok(exit) => i32::from(exit.code()),
        Err(error) => {
            countersign::cli::output::error(&error);
            i32::from(error.exit.code())
        }
    });
}

struct Mortal(Arc<Deaths>);

impl Wires for Mortal {
    type Store = MortalStore;
    type Act = MortalAct;

    fn store(&self, inner: SqliteStore) -> MortalStore {
        MortalStore { inner, deaths: Arc::clone(&self.0), step: Mutex::default() }
    }

    fn act(&self, inner: Acting) -> MortalAct {
        MortalAct { inner, deaths: Arc::clone(&self.0) }
    }
}

struct MortalStore {
    inner: SqliteStore,
    deaths: Arc<Deaths>,
    /// The step that the newest line with one names.
    step: Mutex<String>,
}

impl MortalStore {
    /// What is appended, in words that are the same in every run: the events, the step, the command, the signer.
    fn name(&self, lines: &[Line]) -> String {
        let mut step = self.step.lock().unwrap();
        let mut words = Vec::new();
        for line in lines.iter().filter(|line| line.event() != "journal.head") {
            let data: serde_json::Value = serde_json::from_str(line.payload()).unwrap();
            if let Some(named) = data["step"].as_str().or_else(|| data["header"]["step"].as_str()) {
                named.clone_into(&mut step);
            }
            let by = data["signature"]["by"].as_str().unwrap_or_default();
            let command = data["command"].as_u64().map(|number| number.to_string()).unwrap_or_default();
            words.push(format!("{}{by}{command}", line.event()));
        }
        format!("{} of {}", words.join("+"), if step.is_empty() { "the run" } else { &step })
    }
}

impl Journal for MortalStore {
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
        let lines = self.inner.read(run, from, most).await?;
        self.name(&lines);
        Ok(lines)
    }

    async fn append(&self, lease: &Lease, expected: &Head, lines: &[Line]) -> Result<Head, StoreError> {
        let name = self.name(lines);
        self.deaths.pass(&format!("before {name}"));
        let head = self.inner.append(lease, expected, lines).await?;
        self.deaths.pass(&format!("after {name}"));
        Ok(head)
    }
}

impl Leases for MortalStore {
    async fn acquire(&self, run: &RunId, holder: &Holder) -> Result<Lease, StoreError> {
        self.inner.acquire(run, holder).await
    }

    async fn still_held(&self, lease: &Lease) -> Result<(), StoreError> {
        self.inner.still_held(lease).await
    }

    async fn release(&self, lease: Lease) -> Result<(), StoreError> {
        self.inner.release(lease).await
    }

    async fn holder(&self, run: &RunId) -> Result<Option<Holder>, StoreError> {
        self.inner.holder(run).await
    }
}

impl Inbox for MortalStore {
    async fn put_input(&self, run: &RunId, body: &[u8]) -> Result<InputId, StoreError> {
        self.inner.put_input(run, body).await
    }

    async fn inputs(&self, run: &RunId) -> Result<Vec<Input>, StoreError> {
        self.inner.inputs(run).await
    }

    async fn remove_input(&self, id: &InputId) -> Result<(), StoreError> {
        self.inner.remove_input(id).await
    }
}

impl Live for MortalStore {
    async fn put_live(&self, lease: &Lease, values: &serde_json::Value) -> Result<(), StoreError> {
        self.inner.put_live(lease, values).await
    }

    async fn live(&self, run: &RunId) -> Result<Option<serde_json::Value>, StoreError> {
        self.inner.live(run).await
    }
}

struct MortalAct {
    inner: Acting,
    deaths: Arc<Deaths>,
}

/// What is sent, in words.
fn sent(command: &Sent) -> String {
    match &command.work {
        Work::Statement { text, .. } => {
            format!("the packet of {}", text.split_whitespace().next().unwrap_or("nothing"))
        }
        Work::Copy { .. } => "the copy".to_owned(),
        Work::Kill { victim, how, .. } => how.sql(victim.session.id),
        Work::Check { .. } | Work::Compare { .. } | Work::ListBlockers | Work::WatchLockWaits { .. } => {
            "a measurement".to_owned()
        }
    }
}

impl Act for MortalAct {
    async fn prepare(&mut self, run: &RunId, command: &Sent, identity: &str) -> Result<Connection, String> {
        self.inner.prepare(run, command, identity).await
    }

    async fn send(&mut self, connection: &Connection, cleared: &Cleared, outer: &Copying) -> Outcome {
        let what = format!("{} to {}", sent(cleared.command()), connection.server);
        self.deaths.pass(&format!("before {what}"));
        let (mut reins, inner) = copying();
        let work = self.inner.send(connection, cleared, &inner);
        let mut work = std::pin::pin!(work);
        let outcome = loop {
            tokio::select! {
                outcome = &mut work => break outcome,
                Ok(()) = reins.progress.changed() => {
                    let now = reins.progress.borrow().clone();
                    let inside = now.as_ref().is_some_and(|now| now.rows_done > 0 && Some(now.rows_done) < now.rows_expected);
                    if inside {
                        self.deaths.pass(&format!("inside {what}"));
                    }
                    if let Some(now) = now {
                        outer.report(now);
                    }
                    if outer.should_end() {
                        reins.end();
                    }
                }
            }
        };
        self.deaths.pass(&format!("after {what}"));
        outcome
    }

    async fn kill(&mut self, connection: &Connection) -> Result<(), String> {
        self.inner.kill(connection).await
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

impl Office {
    /// Starts a run by an executor that dies; the path of the runbook is relative to this repository.
    pub fn mortal_run(&self, deaths: &Deaths, runbook: &str, fleet: &Path, params: &[&str]) -> Run {
        let arguments = run_arguments(runbook, fleet, params);
        Run::start(self.at_home(deaths.command(&words(&arguments))), None)
    }

    pub fn mortal_resume(&self, deaths: &Deaths, id: &str) -> Run {
        Run::start(self.at_home(deaths.command(&resume_arguments(id))), Some(id))
    }
}
