//! The dry run against real servers: it writes nothing, it is the same from a snapshot file, and the run that follows
//! ends in the state that it predicted, fact by fact.
//!
//! What is left out of the comparison stands in a closed list for each runbook; an entry that nothing needs is an error.

#[path = "servers_plan/compare.rs"]
mod compare;
#[path = "servers_plan/counters.rs"]
mod counters;
#[path = "postmortems/driver.rs"]
#[expect(dead_code, reason = "shared with the outages, which use all of it")]
mod driver;
#[path = "postmortems/scene.rs"]
#[expect(dead_code, reason = "shared with the outages, which use all of it")]
mod scene;
#[path = "servers_plan/semi_sync.rs"]
mod semi_sync;

use std::path::Path;

use countersign::domain::base::RunId;
use countersign::domain::journal::record::Record;
use countersign::domain::run::state::State;
use countersign::domain::snapshot::text::{Difference, difference};
use countersign::domain::snapshot::{ServerFact, Snapshot, SnapshotFile, TableFact};
use countersign::lab::Flavor;
use countersign::store::export::all_lines;
use countersign::store::sqlite::SqliteStore;
use serde_json::Value;

use compare::{Kind, Left, compare};
use counters::Counters;
use scene::{PARAMS, REBUILD, Scene};

const LOGGED: &str = "runbooks/rebuild-table-logged.yaml";
const PROTECT: &str = "runbooks/protect-copy.yaml";
const TABLE: &str = "shop.orders";

/// One dry run: its JSON and, read from it, the facts behind the last step.
struct Planned {
    json: Value,
    after: Snapshot,
}

fn plan(scene: &Scene, runbook: &str, params: &[&str], more: &[&str]) -> Planned {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(runbook);
    let fleet = scene.topology.fleet_file();
    let mut arguments = vec!["plan", file.to_str().unwrap(), "--fleet", fleet.to_str().unwrap(), "--json"];
    arguments.extend(params.iter().flat_map(|param| ["-p", param]));
    let said = scene.office.cli(&[&arguments[..], more].concat()).expect(0);
    let json: Value = serde_json::from_str(&said.out).unwrap();
    let after: SnapshotFile = serde_json::from_value(json["after"].clone()).unwrap();
    Planned { json, after: after.into() }
}

/// The facts of the fleet as a file, and read back.
fn snapshot(scene: &Scene, name: &str, tables: &[&str]) -> Snapshot {
    let fleet = scene.topology.fleet_file();
    let mut arguments = vec!["fleet", "snapshot", "--fleet", fleet.to_str().unwrap(), "-o", name];
    arguments.extend(tables.iter().flat_map(|table| ["--table", table]));
    scene.office.cli(&arguments).expect(0);
    let text = std::fs::read_to_string(scene.office.path(name)).unwrap();
    serde_yaml::from_str::<SnapshotFile>(&text).unwrap().into()
}

/// What the run knows besides what servers tell: findings, and what waits at links.
async fn known_to(scene: &Scene, run: &RunId, seen: &Snapshot) -> Snapshot {
    let store = SqliteStore::open(&scene.office.path("S")).unwrap();
    let mut state: Option<State> = None;
    for line in all_lines(&store, run).await.unwrap() {
        let record = Record::from_line(line.seq(), line.event(), line.payload()).unwrap();
        match &mut state {
            None => state = Some(State::open(&record, line.head(), line.at()).unwrap()),
            Some(state) => state.apply(&record, line.head(), line.at()).unwrap(),
        }
    }
    state.unwrap().with_known(seen)
}

/// The name that a run gives to its private table beside the table of the tests.
fn private(run: &str) -> String {
    format!("{TABLE}_cs_{}", run.trim_start_matches("r-").replace('-', "_"))
}

async fn comes_true(
    scene: Scene,
    runbook: &str,
    params: &[&str],
    tables: &[&str],
    left: &[Left],
    (at_least, at_most_left): (usize, usize),
) {
    let before = Counters::of(&scene).await;
    let live = plan(&scene, runbook, params, &[]);
    before.expect_only_reads(&scene).await;
    the_file_says_the_same(&scene, runbook, params, tables, &live);

    let mut run = scene.office.run(runbook, &scene.topology.fleet_file(), params);
    let code = scene.office.play(&mut run);
    assert_eq!(code, 0, "{}", run.text());
    let id = run.id();
    let own = private(&id);
    let tables: Vec<&str> = tables.iter().copied().chain((!tables.is_empty()).then_some(own.as_str())).collect();
    let seen = snapshot(&scene, "after.yaml", &tables);
    let seen = known_to(&scene, &RunId::parse(&id).unwrap(), &seen).await;
    compare(runbook, &live.after, &seen, &|table| table.replace(&private("r-plan"), &own), left)
        .expect(at_least, at_most_left);
    Counters::expect_a_write_to_show(&scene).await;
}

/// The plan of a snapshot file is the plan of the fleet that the file was made of.
fn the_file_says_the_same(scene: &Scene, runbook: &str, params: &[&str], tables: &[&str], live: &Planned) {
    let own = private("r-plan");
    let tables: Vec<&str> = tables.iter().copied().chain((!tables.is_empty()).then_some(own.as_str())).collect();
    snapshot(scene, "before.yaml", &tables);
    let filed = plan(scene, runbook, params, &["--simulate", "before.yaml"]);
    assert_eq!(filed.json["steps"], live.json["steps"]);
    assert_eq!(filed.json["now"], live.json["now"]);
    assert_eq!(filed.json["outlook"], live.json["outlook"]);
    // A predicted finding is dated by the look that the prediction began with.
    let same = |difference: &Difference| match (difference.before.value(), difference.after.value()) {
        (Ok(before), Ok(after)) => before.came_true_as(after),
        _ => false,
    };
    let differs: Vec<String> = difference(&live.after, &filed.after)
        .into_iter()
        .filter(|difference| difference.key.about.moves().is_none() && !same(difference))
        .map(|difference| difference.to_string())
        .collect();
    assert_eq!(differs, Vec::<String>::new());
}

const FREE: Left = Left { kind: Kind::Server(ServerFact::FreeBytes), why: "every write on the machine moves it" };
/// What a run that makes a table anew leaves out.
const REBUILT: [Left; 3] = [
    FREE,
    Left { kind: Kind::Table(TableFact::Bytes), why: "it is the server's own estimate" },
    Left { kind: Kind::Untold(TableFact::ObjectId), why: "the engine numbers a table when it makes it" },
];

async fn rebuild(flavor: Flavor) {
    comes_true(Scene::broken(flavor, 500).await, REBUILD, &PARAMS, &[TABLE], &REBUILT, (85, 7)).await;
}

async fn logged(flavor: Flavor) {
    comes_true(Scene::broken(flavor, 500).await, LOGGED, &PARAMS, &[TABLE], &REBUILT, (80, 9)).await;
}

async fn protect(flavor: Flavor) {
    comes_true(Scene::broken(flavor, 500).await, PROTECT, &["spare=db-c"], &[], &[FREE], (55, 3)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_rebuild_ends_as_planned_on_mariadb() {
    rebuild(Flavor::Mariadb).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_rebuild_ends_as_planned_on_mysql() {
    rebuild(Flavor::Mysql).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_logged_rebuild_ends_as_planned_on_mariadb() {
    logged(Flavor::Mariadb).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_logged_rebuild_ends_as_planned_on_mysql() {
    logged(Flavor::Mysql).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn protecting_a_copy_ends_as_planned_on_mariadb() {
    protect(Flavor::Mariadb).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn protecting_a_copy_ends_as_planned_on_mysql() {
    protect(Flavor::Mysql).await;
}
