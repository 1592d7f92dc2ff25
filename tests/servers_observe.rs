//! What the observer sees of real servers of both flavours.

use std::collections::BTreeSet;
use std::path::Path;

use countersign::domain::base::{Digest, Known, ServerName, TableName};
use countersign::domain::fleet::{Fleet, read};
use countersign::domain::snapshot::{About, FactKey, LinkFact, ServerFact, Snapshot, TableFact, Value};
use countersign::lab::{Flavor, Setup, Shape, Topology, seed};
use countersign::observe::{Observer, Scope};

const KEEPER: &str = env!("CARGO_BIN_EXE_countersign");

fn server(name: &str) -> ServerName {
    ServerName::parse(name).unwrap()
}

fn orders() -> TableName {
    TableName::parse("shop.orders").unwrap()
}

fn scope() -> Scope {
    Scope { tables: BTreeSet::from([orders()]) }
}

async fn start(flavor: Flavor) -> Topology {
    let topology = Setup::new(flavor, Shape::replicas(2).unwrap()).start(Path::new(KEEPER)).await.unwrap();
    seed::seed(&topology, &orders(), 25_000).await.unwrap();
    topology.wait_caught_up().await.unwrap();
    topology
}

fn fleet(topology: &Topology) -> Fleet {
    let text = std::fs::read_to_string(topology.fleet_file()).unwrap();
    let file: read::FleetFile = serde_yaml::from_str(&text).unwrap();
    read::resolve(file, Digest::of(text.as_bytes())).unwrap()
}

fn all(snapshot: &Snapshot) -> String {
    snapshot
        .facts()
        .map(|(key, known)| match known {
            Known::Observed { value, .. } => format!("{key}: {value}\n"),
            Known::Unknown { why } => format!("{key}: UNKNOWN {why}\n"),
        })
        .collect()
}

async fn healthy(flavor: Flavor) {
    let topology = start(flavor).await;
    let mut observer = Observer::new(&fleet(&topology));
    let snapshot = observer.snapshot(&scope()).await;
    println!("{}", all(&snapshot));
    let t = std::time::Instant::now();
    observer.snapshot(&scope()).await;
    println!("second look: {:?}", t.elapsed());
    topology.end().await.unwrap();
}

#[tokio::test]
async fn a_healthy_mariadb_fleet_is_seen() {
    healthy(Flavor::Mariadb).await
}
#[tokio::test]
async fn a_healthy_mysql_fleet_is_seen() {
    healthy(Flavor::Mysql).await
}
