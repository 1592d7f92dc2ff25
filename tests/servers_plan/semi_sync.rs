//! A replica that is the last one to acknowledge: taking it away makes commits wait, so that needs two signatures.

use std::path::Path;

use countersign::lab::{Flavor, Setup, Shape, Topology};
use serde_json::Value;

use crate::driver::{Office, eventually};
use crate::scene::server;

const PROTECT: &str = "runbooks/protect-copy.yaml";
const TIMEOUT_MS: &str = "7000";

/// A primary that waits for acknowledgments, and two replicas of which only db-c gives any.
async fn one_acknowledges(flavor: Flavor) -> Topology {
    let keeper = Path::new(env!("CARGO_BIN_EXE_countersign"));
    let topology = Setup::new(flavor, Shape::replicas(2).unwrap()).start(keeper).await.unwrap();
    acknowledge(&topology, "db-c").await;
    let waits = match flavor {
        Flavor::Mariadb => vec![
            format!("SET GLOBAL rpl_semi_sync_master_timeout = {TIMEOUT_MS}"),
            "SET GLOBAL rpl_semi_sync_master_enabled = ON".to_owned(),
        ],
        Flavor::Mysql => vec![
            "INSTALL PLUGIN rpl_semi_sync_source SONAME 'semisync_source.so'".to_owned(),
            format!("SET GLOBAL rpl_semi_sync_source_timeout = {TIMEOUT_MS}"),
            "SET GLOBAL rpl_semi_sync_source_enabled = ON".to_owned(),
        ],
    };
    for sql in waits {
        topology.query(&server("db-a"), &sql).await.unwrap();
    }
    // A replica says so itself only on a connection that it makes while its source waits.
    restart_receiver(&topology, "db-c").await;
    topology
}

async fn acknowledge(topology: &Topology, name: &str) {
    let switch: &[&str] = match topology.flavor() {
        Flavor::Mariadb => &["SET GLOBAL rpl_semi_sync_slave_enabled = ON"],
        Flavor::Mysql => &[
            "INSTALL PLUGIN rpl_semi_sync_replica SONAME 'semisync_replica.so'",
            "SET GLOBAL rpl_semi_sync_replica_enabled = ON",
        ],
    };
    for sql in switch {
        topology.query(&server(name), sql).await.unwrap();
    }
}

async fn restart_receiver(topology: &Topology, name: &str) {
    let word = if topology.flavor() == Flavor::Mariadb { "SLAVE" } else { "REPLICA" };
    for verb in ["STOP", "START"] {
        topology.query(&server(name), &format!("{verb} {word} IO_THREAD")).await.unwrap();
    }
    topology.wait_until_flowing(&server(name)).await.unwrap();
}

/// The step of the plan that takes this replica out of reach.
fn detaching(office: &Office, topology: &Topology, spare: &str) -> Value {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(PROTECT);
    let (fleet, spare) = (topology.fleet_file(), format!("spare={spare}"));
    let (file, fleet) = (file.to_str().unwrap(), fleet.to_str().unwrap());
    let said = office.cli(&["plan", file, "--fleet", fleet, "-p", &spare, "--json"]).expect(0);
    serde_json::from_str::<Value>(&said.out).unwrap()["steps"][0].clone()
}

async fn the_last_acknowledger_needs_two(flavor: Flavor) {
    let topology = one_acknowledges(flavor).await;
    let office = Office::open();
    let last = eventually("db-c acknowledges", || {
        let step = detaching(&office, &topology, "db-c");
        (step["danger"] == "disruptive").then_some(step)
    });
    assert_eq!(last["approvals"], 2);
    let against = last["against"][0].as_str().unwrap();
    assert!(against.contains("commits on db-a wait for up to 7s"), "{against}");
    let other = detaching(&office, &topology, "db-b");
    assert_eq!((&other["danger"], &other["approvals"]), (&Value::from("protective"), &Value::from(0)));

    let mut run = office.run(PROTECT, &topology.fleet_file(), &["spare=db-c"]);
    let request = office.play_until_gate(&mut run, "protect");
    let shown = office.cli(&["request", "show", &request, "--state", "S"]).expect(0);
    assert!(shown.out.contains("danger: disruptive"), "{}", shown.out);
    assert!(shown.out.contains("wait for up to 7s"), "{}", shown.out);
    assert_eq!(office.play(&mut run), 0, "{}", run.text());

    // Now there is none left that db-a could wait for, and db-b has never been one.
    let other = detaching(&office, &topology, "db-b");
    assert_eq!(other["danger"], "protective");
}

async fn one_of_two_acknowledgers_needs_nobody(flavor: Flavor) {
    let topology = one_acknowledges(flavor).await;
    let office = Office::open();
    let danger_is = |word: &str| {
        eventually(word, || (detaching(&office, &topology, "db-c")["danger"] == word).then_some(()));
    };
    danger_is("disruptive");
    acknowledge(&topology, "db-b").await;
    restart_receiver(&topology, "db-b").await;
    danger_is("protective");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_last_acknowledger_needs_two_on_mariadb() {
    the_last_acknowledger_needs_two(Flavor::Mariadb).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_last_acknowledger_needs_two_on_mysql() {
    the_last_acknowledger_needs_two(Flavor::Mysql).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_of_two_acknowledgers_needs_nobody_on_mariadb() {
    one_of_two_acknowledgers_needs_nobody(Flavor::Mariadb).await;
}
