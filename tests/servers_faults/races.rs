//! Several processes at one run: two executors that both want to send, and twenty people's programs that leave inputs.
//!
//! The other processes are this same test program, started with a role.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use countersign::act::Acting;
use countersign::domain::base::RunId;
use countersign::domain::journal::record::{Choice, Record};
use countersign::domain::run::effect::Person;
use countersign::domain::run::state::{Phase, State};
use countersign::executor::journal::{ExecutorError, fold};
use countersign::lab::Flavor;
use countersign::store::sqlite::SqliteStore;
use countersign::store::{Journal as _, Lease, Leases as _, StoreError};

use crate::judge::{self, Drops, Judge};
use crate::play::{self, Listener, Silent, Told};
use crate::stage::{Case, Stage};

const ROLE: &str = "COUNTERSIGN_TEST_ROLE";
const FLEET: &str = "COUNTERSIGN_TEST_FLEET";
const STATE: &str = "COUNTERSIGN_TEST_STATE";

/// No test by itself: what the other processes do.
#[test]
fn as_another_process() {
    let Ok(role) = std::env::var(ROLE) else { return };
    let path = |name| PathBuf::from(std::env::var(name).unwrap());
    let store = SqliteStore::open(&path(STATE)).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    match role.as_str() {
        "execute" => runtime.block_on(execute_what_is_named(&Case::of(&path(FLEET)), &store)),
        "put" => runtime.block_on(put(&store)),
        other => panic!("no role `{other}`"),
    }
}

/// Another process with a line to and from it; it does not outlive the test.
struct Other {
    child: Child,
    to: Option<ChildStdin>,
    from: mpsc::Receiver<String>,
}

/// The longest that another process may take to say something.
const SOON: Duration = Duration::from_mins(1);

impl Other {
    fn start(stage: &Stage, role: &str) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "races::as_another_process", "--nocapture", "--test-threads=1"]);
        command.env(ROLE, role).env(FLEET, stage.topology.fleet_file()).env(STATE, stage.state());
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (to, out) = (child.stdin.take(), child.stdout.take().unwrap());
        let (said, from) = mpsc::channel();
        // The mark tells what it says from the test harness's own output.
        std::thread::spawn(move || {
            for line in BufReader::new(out).lines().map_while(Result::ok) {
                if let Some(text) = line.strip_prefix("> ") {
                    // Nobody listens any more once the test is over.
                    let _ = said.send(text.to_owned());
                }
            }
        });
        Self { child, to, from }
    }

    fn tell(&mut self, text: &str) {
        writeln!(self.to.as_mut().unwrap(), "{text}").unwrap();
    }

    /// The next thing that it says.
    fn answer(&mut self) -> String {
        self.from.recv_timeout(SOON).expect("the other process says something")
    }

    /// Closes its line and waits until it has ended well.
    fn end(mut self) {
        drop(self.to.take());
        assert!(self.child.wait().unwrap().success());
    }
}

impl Drop for Other {
    fn drop(&mut self) {
        // Fails only for one that has ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn say(text: &str) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "\n> {text}").unwrap();
    out.flush().unwrap();
}

fn hear() -> Option<String> {
    let mut text = String::new();
    (std::io::stdin().read_line(&mut text).unwrap() > 0).then(|| text.trim_end().to_owned())
}

/// Wants every run that is named to it, until the run is closed; says how often it lost the lease of one.
async fn execute_what_is_named(case: &Case, store: &SqliteStore) {
    say("ready");
    while let Some(name) = hear() {
        let lost = want(case, store, &RunId::parse(&name).unwrap()).await;
        say(&lost.to_string());
    }
}

async fn want(case: &Case, store: &SqliteStore, run: &RunId) -> u32 {
    let mut lost = 0;
    loop {
        let lease = match store.acquire(run, &play::holder()).await {
            Ok(lease) => lease,
            // The lock's name was taken away between opening and asking for it.
            Err(StoreError::Busy { .. } | StoreError::Replaced { .. }) => {
                if is_closed(store, run).await {
                    return lost;
                }
                tokio::time::sleep(Duration::from_millis(2)).await;
                continue;
            }
            Err(other) => panic!("{other}"),
        };
        let (watcher, _heard) = Listener::new(&Told::default());
        let act = Acting::new(Arc::new(case.fleet.clone()));
        let ended = match play::go_on(case, store, lease, act, watcher).await {
            Ok(Some(mut process)) => process.run().await.map(drop),
            Ok(None) => return lost,
            Err(error) => Err(error),
        };
        match ended {
            Ok(()) => return lost,
            Err(ExecutorError::Store(StoreError::Fenced { .. } | StoreError::Replaced { .. })) => lost += 1,
            Err(other) => panic!("{other}"),
        }
    }
}

async fn is_closed(store: &SqliteStore, run: &RunId) -> bool {
    let state = fold(store, run, &mut Silent).await.unwrap();
    matches!(state.phase, Phase::Closed { .. })
}

/// Whether a run is where something is to happen to it.
type Moment = fn(&Phase) -> bool;

/// Where in a run the name of its lock is taken away, so that a second executor gets the lease while the first still
/// lives and believes in it.
const MOMENTS: [Option<Moment>; 6] = [
    None,
    Some(|phase| matches!(phase, Phase::Requested { .. })),
    Some(|phase| matches!(phase, Phase::Armed { .. })),
    Some(|phase| matches!(phase, Phase::Sending { command: 0, plan, .. } if plan.request.is_some())),
    Some(|phase| matches!(phase, Phase::Between { .. } | Phase::Sending { .. })),
    Some(|phase| matches!(phase, Phase::Settling { .. })),
];

/// The people of a run: sign every request that is open, and have the step begin again where the run stops.
struct People<'a> {
    stage: &'a Stage,
    run: RunId,
    signed: BTreeSet<String>,
    chosen: Option<u64>,
}

impl People<'_> {
    async fn look(&mut self) -> State {
        let state = fold(&self.stage.store, &self.run, &mut Silent).await.unwrap();
        match &state.phase {
            Phase::Requested { request } if self.signed.insert(request.to_string()) => {
                play::sign(&self.stage.store, &self.run, request, &state.requests[request].text).await;
            }
            Phase::Stopped { choices, .. } if self.chosen != Some(state.since) => {
                self.chosen = Some(state.since);
                let wanted = if choices.contains(&Choice::TryAgain) { Choice::TryAgain } else { Choice::LookAgain };
                play::choose(&self.stage.store, &state, wanted).await;
            }
            _ => {}
        }
        state
    }
}

/// One race for one run. Gives how often an executor lost its lease to the other.
async fn race(stage: &Stage, executors: &mut [Other; 2], moment: Option<Moment>) -> u32 {
    stage.restore().await;
    let judge = Judge::from_now(stage).await;
    let run = play::next_run();
    let (watcher, _heard) = Listener::new(&Told::default());
    let act = Acting::new(Arc::new(stage.case.fleet.clone()));
    // Opened by a process that is gone at once.
    drop(play::begin(&stage.case, &stage.store, &run, act, watcher).await);
    for executor in executors.iter_mut() {
        executor.tell(run.as_str());
    }
    let lock = stage.state().join("runs").join(run.as_str()).join("lock");
    let mut taken_away = moment.is_none();
    let mut people = People { stage, run: run.clone(), signed: BTreeSet::new(), chosen: None };
    let began = Instant::now();
    loop {
        let state = people.look().await;
        if matches!(state.phase, Phase::Closed { .. }) {
            break;
        }
        if !taken_away && moment.is_some_and(|is| is(&state.phase)) {
            std::fs::remove_file(&lock).unwrap();
            taken_away = true;
        }
        assert!(began.elapsed() < Duration::from_mins(1), "{run} does not end: {:?}", state.phase);
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let lost = executors.iter_mut().map(|executor| executor.answer().parse::<u32>().unwrap()).sum();
    let drops = judge.drops(stage).await;
    let lines = stage.store.read(&run, 0, 1000).await.unwrap();
    let story: Vec<&str> = lines.iter().map(countersign::domain::journal::Line::event).collect();
    assert_eq!(drops, Drops { sent: 1, logged: 1, table: false }, "{run}: {story:?}");
    lost
}

#[expect(clippy::print_stdout, reason = "the figures are for whoever runs it with --nocapture")]
async fn of_two_executors_exactly_one_sends(flavor: Flavor, times: usize) {
    let stage = Stage::new(flavor).await;
    judge::expect_to_see(&stage).await;
    let mut executors = [Other::start(&stage, "execute"), Other::start(&stage, "execute")];
    for executor in &mut executors {
        assert_eq!(executor.answer(), "ready");
    }
    let (began, mut lost) = (Instant::now(), 0);
    for number in 0..times {
        lost += race(&stage, &mut executors, MOMENTS[number % MOMENTS.len()]).await;
    }
    println!("{flavor}: {times} races in {:?}, {lost} leases lost to the other", began.elapsed());
    assert!(lost >= u32::try_from(times / 3).unwrap(), "the executors hardly met: {lost}");
    executors.into_iter().for_each(Other::end);
    judge::expect_to_see(&stage).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_executors_on_mariadb_exactly_one_sends_a_hundred_times() {
    of_two_executors_exactly_one_sends(Flavor::Mariadb, 100).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_executors_on_mysql_exactly_one_sends() {
    of_two_executors_exactly_one_sends(Flavor::Mysql, 24).await;
}

const PROCESSES: usize = 20;
const INPUTS: usize = 10;

/// Leaves its inputs for the run that is named to it.
async fn put(store: &SqliteStore) {
    say("ready");
    let run = RunId::parse(&hear().unwrap()).unwrap();
    for number in 0..INPUTS {
        let text = format!("{} {number}", std::process::id());
        play::leave(store, &run, &Person::Note { by: "eve".to_owned(), text: text.clone() }).await;
        say(&text);
    }
}

/// The lease of a run whose last executor was dropped; its last call to the disk may have to end first.
async fn acquire(stage: &Stage, run: &RunId) -> Lease {
    let began = Instant::now();
    loop {
        match stage.store.acquire(run, &play::holder()).await {
            Err(StoreError::Busy { .. }) if began.elapsed() < Duration::from_secs(30) => {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            other => return other.unwrap(),
        }
    }
}

/// The notes in the journal, in order.
async fn notes(store: &SqliteStore, run: &RunId) -> Vec<String> {
    let lines = store.read(run, 0, 10_000).await.unwrap();
    let note =
        |line: &countersign::domain::journal::Line| match Record::from_line(line.seq(), line.event(), line.payload())
            .unwrap()
        {
            Record::Noted { text, .. } => Some(text),
            _ => None,
        };
    lines.iter().filter_map(note).collect()
}

/// Every input of twenty processes is in the journal once, although the executor that takes them in dies again and again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_inputs_from_twenty_processes_are_recorded_once_each() {
    let stage = Stage::new(Flavor::Mariadb).await;
    let run = play::next_run();
    let acting = || Acting::new(Arc::new(stage.case.fleet.clone()));
    drop(play::begin(&stage.case, &stage.store, &run, acting(), Listener::new(&Told::default()).0).await);
    let mut others: Vec<Other> = (0..PROCESSES).map(|_| Other::start(&stage, "put")).collect();
    for other in &mut others {
        assert_eq!(other.answer(), "ready");
    }
    for other in &mut others {
        other.tell(run.as_str());
    }
    let began = Instant::now();
    let mut processes = 0;
    while notes(&stage.store, &run).await.len() < PROCESSES * INPUTS {
        assert!(began.elapsed() < Duration::from_mins(1), "{} arrived", notes(&stage.store, &run).await.len());
        let lease = acquire(&stage, &run).await;
        let watcher = Listener::new(&Told::default()).0;
        let mut process = play::go_on(&stage.case, &stage.store, lease, acting(), watcher).await.unwrap().unwrap();
        // Dropped wherever it is: between recording an input and removing it as well.
        let life = Duration::from_millis(40 + 37 * (processes % 7));
        let _ = tokio::time::timeout(life, process.run()).await;
        processes += 1;
    }
    let sent: BTreeSet<String> =
        others.iter_mut().flat_map(|other| (0..INPUTS).map(|_| other.answer()).collect::<Vec<_>>()).collect();
    others.into_iter().for_each(Other::end);
    let recorded = notes(&stage.store, &run).await;
    assert_eq!(recorded.len(), PROCESSES * INPUTS, "none is counted twice");
    assert_eq!(recorded.into_iter().collect::<BTreeSet<_>>(), sent, "none is lost");
    assert!(processes > 2, "the executor died only {processes} times");
    expect_empty(&stage.state().join("inbox"), &stage, &run).await;
}

/// What the last executor recorded and had no time to remove, the next one removes without counting it.
async fn expect_empty(inbox: &Path, stage: &Stage, run: &RunId) {
    let lease = acquire(stage, run).await;
    let act = Acting::new(Arc::new(stage.case.fleet.clone()));
    let watcher = Listener::new(&Told::default()).0;
    let mut process = play::go_on(&stage.case, &stage.store, lease, act, watcher).await.unwrap().unwrap();
    let before = notes(&stage.store, run).await.len();
    let emptied = async {
        while std::fs::read_dir(inbox).unwrap().count() > 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::select! {
        ended = process.run() => panic!("{:?}", ended.map(|state| state.phase.word())),
        () = emptied => {}
    }
    assert_eq!(notes(&stage.store, run).await.len(), before);
}
