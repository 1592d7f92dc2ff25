//! A simulated run and the real run of the same shipped runbook, on the same fleet, with the same people, write the same
//! records: up to times, ids and what only a server can measure. Otherwise the simulation would prove another program.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use countersign::act::Acting;
use countersign::cli::servers::{LiveObserve, OsWorld, with_acting_account};
use countersign::domain::approval::votes::InputVerb;
use countersign::domain::base::{RunId, TableName, Timestamp};
use countersign::domain::journal::Head;
use countersign::domain::journal::record::Record;
use countersign::domain::snapshot::Snapshot;
use countersign::executor::journal::open;
use countersign::executor::ports::{Act, Observe, World};
use countersign::keys::RunKey;
use countersign::lab::{self, Damage, Flavor, Setup, Shape, Topology};
use countersign::simulate::act::SimulatedAct;
use countersign::simulate::audit::Audit;
use countersign::simulate::clock::SimulatedWorld;
use countersign::simulate::dice::Dice;
use countersign::simulate::faults::{Faults, Weather};
use countersign::simulate::fleet::SimulatedFleet;
use countersign::simulate::observe::SimulatedObserve;
use countersign::simulate::scenario::Promise;
use countersign::simulate::store::Machine;
use countersign::store::memory::MemoryStore;
use countersign::store::{Journal as _, Leases as _};
use serde_json::Value;
use tokio::sync::mpsc;

use crate::play::{self, Listener, Told};
use crate::stage::{Case, server};

const PATIENCE: Duration = Duration::from_mins(3);

async fn topology(flavor: Flavor) -> Topology {
    let keeper = Path::new(env!("CARGO_BIN_EXE_countersign"));
    let topology = Setup::new(flavor, Shape::replicas(2).unwrap()).start(keeper).await.unwrap();
    let orders = TableName::parse("shop.orders").unwrap();
    lab::seed::seed(&topology, &orders, 500).await.unwrap();
    topology.wait_caught_up().await.unwrap();
    lab::break_it::break_it(&topology, Damage::CorruptTable, &server("db-a"), &orders).await.unwrap();
    topology
}

/// The people of both runs: they sign what is asked, answer what is asked, and choose nothing.
async fn people(
    store: &MemoryStore,
    run: &RunId,
    world: &impl World,
    mut heard: mpsc::UnboundedReceiver<(Record, Head)>,
) {
    while let Some((record, head)) = heard.recv().await {
        match &record {
            Record::Requested { header, text, .. } => play::sign(store, run, &header.request, text).await,
            Record::Asked { .. } => {
                play::ask(store, run, &head, (InputVerb::Answer, "maintenance"), world.now()).await;
            }
            Record::Stopped { .. } => return,
            _ => {}
        }
    }
    std::future::pending::<()>().await;
}

/// One run over these ports, to its end or its first stop.
async fn records<O: Observe, A: Act, W: World + Clone>(
    case: &Case,
    run: &RunId,
    store: &MemoryStore,
    ports: (O, A, W),
) -> Vec<Record> {
    let told = Told::default();
    let (mut watcher, heard) = Listener::new(&told);
    let world = ports.2.clone();
    let mut key = RunKey::from_seed(run.clone(), &[9; 32]).unwrap();
    let setup = play::setup(case, run, &key);
    let lease = store.acquire(run, &play::holder()).await.unwrap();
    let first = play::opened(case, &setup, run);
    let state = open(store, &lease, &mut key, &first, world.now(), &mut watcher).await.unwrap();
    let mut executor = play::wire(setup, state, (store.clone(), lease), key, ports, watcher);
    let over = async {
        tokio::select! {
            ended = executor.run() => drop(ended.unwrap()),
            () = people(store, run, &world, heard) => {}
        }
    };
    tokio::time::timeout(PATIENCE * 100, over).await.unwrap();
    told.records()
}

async fn real(case: &Case, run: &RunId) -> Vec<Record> {
    let store = MemoryStore::new();
    store.create_run(run).await.unwrap();
    let ports = (LiveObserve::new(&case.fleet), Acting::new(Arc::new(case.fleet.clone())), OsWorld);
    tokio::time::timeout(PATIENCE, records(case, run, &store, ports)).await.unwrap()
}

/// On servers that are as `seen`, on a clock that nobody waits for.
fn simulated(case: &Case, run: &RunId, seen: &Snapshot, now: Timestamp) -> Vec<Record> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let dice = Dice::new(1);
        let world = SimulatedWorld::new(now, dice.fork("world"));
        let store = MemoryStore::new();
        store.create_run(run).await.unwrap();
        let machine = Machine { store: store.clone(), run: run.clone(), world: world.clone() };
        let fleet = SimulatedFleet::new(&case.fleet, seen);
        let table = TableName::parse("shop.orders").unwrap();
        let audit = Audit::new(&store, run, &fleet, &world, &table, Promise::Nothing);
        let faults = Faults::new(Weather::Fair, &dice, mpsc::unbounded_channel().0);
        let observe = SimulatedObserve {
            fleet: fleet.clone(),
            world: world.clone(),
            faults: Arc::clone(&faults),
            life: Arc::default(),
            machine: machine.clone(),
        };
        let (life, process) = (Arc::default(), 1);
        let act = SimulatedAct { fleet, world: world.clone(), faults, life, machine, audit, process };
        records(case, run, &store, (observe, act, world)).await
    })
}

/// A record in the words in which two runs can be compared. How often a load was estimated is measured, and so is what
/// a head covers.
fn comparable(records: &[Record]) -> Vec<(String, Value)> {
    let one = |record: &Record| {
        let (event, payload) = record.to_line();
        let mut data: Value = serde_json::from_str(&payload).unwrap();
        mask("", &mut data);
        (event, data)
    };
    let kept = |record: &&Record| !matches!(record, Record::Estimated { .. } | Record::Head { .. });
    records.iter().filter(kept).map(one).collect()
}

/// Fields whose values are ids, times, or what only a server can measure. Every other value must be equal.
const MEASURED: [(&str, &str); 9] = [
    ("armored", "a signature over what has times in it"),
    ("sha256", "a digest over what has times in it"),
    ("input", "the name that an input got in the inbox"),
    ("detail", "the words of a server"),
    ("rows", "a number of rows that was counted"),
    ("checksum", "a sum that was computed"),
    ("position", "how much a server had written by then"),
    ("object_id", "the number that a server gives a table"),
    ("id", "the number of a connection"),
];

/// Takes out what two runs need not have in common: by the name of the field, and inside texts by the shape.
fn mask(key: &str, value: &mut Value) {
    if MEASURED.iter().any(|(name, _)| *name == key) && !value.is_null() {
        *value = Value::String(format!("<{key}>"));
        return;
    }
    match value {
        Value::Object(fields) => {
            let hidden: &[&str] = if is_of_a_server(fields) { &["known", "test", "value"] } else { &[] };
            for (key, value) in fields.iter_mut() {
                mask(key, value);
                if hidden.contains(&key.as_str()) {
                    *value = Value::String(format!("<{key}>"));
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| mask(key, item)),
        Value::String(text) => *text = masked(text),
        _ => {}
    }
}

/// Facts whose values a server chooses or measures.
const OF_A_SERVER: [&str; 2] = ["object_id", "bytes"];

/// Whether these fields say what is known or claimed of such a fact.
fn is_of_a_server(fields: &serde_json::Map<String, Value>) -> bool {
    let about = fields.get("about").or_else(|| fields.get("key").and_then(|key| key.get("about")));
    let fact = about.and_then(|about| about["table"]["fact"].as_str());
    fact.is_some_and(|fact| OF_A_SERVER.contains(&fact))
}

/// Times, positions, ids and counts inside a text.
fn masked(text: &str) -> String {
    let is_part = |letter: char| letter.is_ascii_alphanumeric() || "-:._".contains(letter);
    let mut pieces: Vec<String> = Vec::new();
    let mut rest = text;
    while let Some(begin) = rest.find(is_part) {
        pieces.push(rest[..begin].to_owned());
        let end = rest[begin..].find(|letter| !is_part(letter)).map_or(rest.len(), |length| begin + length);
        let word = &rest[begin..end];
        // The word before: a count stands before what is counted, a number behind what it numbers.
        let before = pieces.len().checked_sub(2).map(|at| &mut pieces[at]);
        let shaped = shape(before.as_ref().map_or("", |name| name.as_str()), word);
        if let Some(count) = before.filter(|count| word == "rows" && is_number(count)) {
            "<n>".clone_into(count);
        }
        pieces.push(shaped);
        rest = &rest[end..];
    }
    pieces.concat() + rest
}

fn is_number(word: &str) -> bool {
    !word.is_empty() && word.bytes().all(|letter| letter.is_ascii_digit())
}

/// What stands for a word behind another one.
fn shape(before: &str, word: &str) -> String {
    let is_hex = |word: &str| word.bytes().all(|letter| letter.is_ascii_hexdigit());
    let bare = word.trim_end_matches([':', '.']);
    let parts: Vec<&str> = bare.split('-').collect();
    let head = bare.split_once(':').is_some_and(|(entry, digest)| is_number(entry) && digest.len() == 64);
    match () {
        () if parts.len() == 3 && bare.contains('T') && bare.ends_with('Z') => "<time>",
        () if parts.len() == 3 && parts.iter().all(|part| is_number(part)) => "<position>",
        // A set of MySQL: the server's uuid and how far.
        () if bare.len() > 36 && parts.len() >= 5 && is_hex(parts[0]) && bare[36..].starts_with(':') => "<position>",
        () if bare.len() == 32 && is_hex(bare) => "<request>",
        () if head || (before == "<entry>" && bare.len() == 64) => "<head>",
        () if before == "journal:" && is_number(bare) => "<entry>",
        () if before == "innodb" && is_number(bare) => "<object>",
        () if bare.contains("-new-") => "innodb <object>",
        () => word,
    }
    .to_owned()
}

/// A damaged table on real servers, and a runbook for it.
struct Scene {
    case: Case,
    run: RunId,
    seen: Snapshot,
    topology: Topology,
}

impl Scene {
    async fn new(flavor: Flavor, runbook: &str, params: &[(&str, &str)]) -> Self {
        let topology = topology(flavor).await;
        let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(runbook)).unwrap();
        let case = Case::new(&topology.fleet_file(), &text, params);
        let run = play::next_run();
        let tables = case.runbook.tables(&run);
        let seen = LiveObserve::new(&case.fleet).snapshot(&tables).await;
        let seen = with_acting_account(&case.fleet, &tables, seen).await;
        Self { case, run, seen, topology }
    }

    /// Needs a thread of its own: its clock is that of its own runtime.
    fn simulated(&self, case: &Case) -> Vec<(String, Value)> {
        let now = OsWorld.now();
        let records = std::thread::scope(|scope| {
            scope.spawn(|| simulated(case, &self.run, &self.seen, now)).join().expect("the simulation ends")
        });
        comparable(&records)
    }

    async fn real(&self) -> Vec<(String, Value)> {
        comparable(&real(&self.case, &self.run).await)
    }
}

/// Every record of both, and the lines in which they differ.
fn expect_the_same(simulated: &[(String, Value)], real: &[(String, Value)]) {
    let events = |records: &[(String, Value)]| records.iter().map(|(event, _)| event.clone()).collect::<Vec<_>>();
    assert_eq!(events(simulated), events(real));
    for (number, (simulated, real)) in simulated.iter().zip(real).enumerate() {
        let (left, right) = (lines(simulated), lines(real));
        let only = |these: &[String], others: &[String]| {
            these.iter().filter(|line| !others.contains(line)).cloned().collect::<Vec<_>>().join("\n")
        };
        let (simulated_only, real_only) = (only(&left, &right), only(&right, &left));
        assert!(left == right, "{number} {}\nsimulated:\n{simulated_only}\nreal:\n{real_only}", simulated.0);
    }
}

fn lines((event, data): &(String, Value)) -> Vec<String> {
    format!("{event}\n{data:#}").lines().map(str::to_owned).collect()
}

const REBUILD: [(&str, &str); 3] = [("table", "shop.orders"), ("primary", "db-a"), ("spare", "db-c")];
const PROTECT: &str = include_str!("../../runbooks/protect-copy.yaml");

async fn are_the_same(flavor: Flavor, runbook: &str, params: &[(&str, &str)], at_least: usize) {
    let scene = Scene::new(flavor, runbook, params).await;
    let (simulated, real) = (scene.simulated(&scene.case), scene.real().await);
    expect_the_same(&simulated, &real);
    assert!(real.len() >= at_least, "{} records", real.len());
    assert_eq!(real.last().unwrap().0, "run.closed");
}

async fn protecting_a_copy(flavor: Flavor) {
    let scene = Scene::new(flavor, "runbooks/protect-copy.yaml", &[("spare", "db-c")]).await;
    let simulated = scene.simulated(&scene.case);
    // The control: another server's run is another run, whatever is left out.
    let other = Case::new(&scene.topology.fleet_file(), PROTECT, &[("spare", "db-b")]);
    let other = scene.simulated(&other);
    assert!(std::panic::catch_unwind(|| expect_the_same(&simulated, &other)).is_err());
    expect_the_same(&simulated, &scene.real().await);
}

macro_rules! on_both {
    ($($on_mariadb:ident $on_mysql:ident: $runbook:literal, $at_least:literal;)*) => {$(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $on_mariadb() {
            are_the_same(Flavor::Mariadb, $runbook, &REBUILD, $at_least).await;
        }
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $on_mysql() {
            are_the_same(Flavor::Mysql, $runbook, &REBUILD, $at_least).await;
        }
    )*};
}

on_both! {
    the_rebuild_on_mariadb_writes_what_its_simulation_writes the_rebuild_on_mysql_writes_what_its_simulation_writes:
        "runbooks/rebuild-table-from-replica.yaml", 70;
    the_logged_rebuild_on_mariadb_writes_what_its_simulation_writes the_logged_rebuild_on_mysql_writes_what_its_simulation_writes:
        "runbooks/rebuild-table-logged.yaml", 80;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn protecting_a_copy_on_mariadb_writes_what_its_simulation_writes() {
    protecting_a_copy(Flavor::Mariadb).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn protecting_a_copy_on_mysql_writes_what_its_simulation_writes() {
    protecting_a_copy(Flavor::Mysql).await;
}

/// A runbook that is shipped and not compared here would be forgotten.
#[test]
fn every_shipped_runbook_is_compared() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("runbooks");
    let mut names: Vec<String> =
        std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    assert_eq!(names, ["protect-copy.yaml", "rebuild-table-from-replica.yaml", "rebuild-table-logged.yaml"]);
}
