//! Protecting a copy: one operator, seconds.

use std::time::{Duration, Instant};

use countersign::lab::keeper::ProcessState;
use countersign::lab::{Account, Flavor, Link};
use mysql_async::Row;
use mysql_async::prelude::Queryable;
use rustix::process::{Pid, Signal, kill_process};

use crate::scene::{Scene, server};

const VISITS: &str = "SELECT COUNT(*) FROM crm.visits";
const VISIT: &str = "INSERT INTO crm.visits (at, who) VALUES (NOW(6), 'late')";

/// Runs `protect-copy` with one operator, and wants it done in less than 5 seconds from the shell.
fn protect(scene: &Scene) {
    let began = Instant::now();
    let mut run = scene.office.run("runbooks/protect-copy.yaml", &scene.topology.fleet_file(), &["spare=db-c"]);
    let code = run.wait();
    let took = began.elapsed();
    assert_eq!(code, 0, "{}", run.text());
    assert!(took < Duration::from_secs(5), "{took:?}\n{}", run.text());
    assert!(!run.text().contains("GATE"), "one operator is enough:\n{}", run.text());
    scene.office.audit(&run.id());
    assert_eq!(scene.office.requests(&run.id()), 0, "nobody is asked to sign");
}

/// What db-c says of its source, for one that is detached: an address that nothing can be reached by.
async fn expect_detached(scene: &Scene) {
    let links = scene.topology.links(&server("db-c")).await.unwrap();
    assert!(!links.iter().any(Link::flows), "{links:?}");
    let (status, column) = match scene.topology.flavor() {
        Flavor::Mariadb => ("SHOW SLAVE STATUS", "Master_Host"),
        Flavor::Mysql => ("SHOW REPLICA STATUS", "Source_Host"),
    };
    let mut conn = scene.topology.connect(&server("db-c"), Account::Root).await.unwrap();
    let row: Row = conn.query_first(status).await.unwrap().unwrap();
    let host: String = row.get(column).unwrap();
    conn.disconnect().await.unwrap();
    assert!(host.starts_with("//"), "db-c still has an address to follow: {host}");
}

async fn protect_copy_takes_seconds(flavor: Flavor) {
    let scene = Scene::whole(flavor, 100).await;
    protect(&scene);
    expect_detached(&scene).await;

    // Also after somebody starts replication: what the primary writes goes to db-b and not to db-c.
    let start = if flavor == Flavor::Mariadb { "START SLAVE" } else { "START REPLICA" };
    scene.topology.query(&server("db-c"), start).await.ok();
    scene.rows("db-a", VISIT).await;
    let deadline = Instant::now() + Duration::from_secs(90);
    while scene.rows("db-b", VISITS).await[0][0].as_deref() != Some("1") {
        assert!(Instant::now() < deadline, "db-b does not follow any more");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(scene.rows("db-c", VISITS).await[0][0].as_deref(), Some("0"));
    expect_detached(&scene).await;
}

/// How the primary is gone.
#[derive(Debug, Clone, Copy)]
enum Gone {
    /// Its process ended: connections are refused.
    Killed,
    /// Its process hangs: connections are taken and nothing answers.
    Hung,
}

/// The primary is gone, for good: what is left of the data is on the replicas, and one of them is taken out of reach.
async fn protect_copy_takes_seconds_without_the_primary(flavor: Flavor, gone: Gone) {
    let scene = Scene::whole(flavor, 100).await;
    let held = scene.holds("db-c").await;
    let process = async || scene.topology.processes().await.unwrap().remove(&server("db-a")).unwrap();
    match (gone, process().await) {
        (Gone::Killed, _) => scene.topology.kill(&server("db-a")).await.unwrap(),
        (Gone::Hung, ProcessState::Running { pid }) => {
            let pid = Pid::from_raw(pid.try_into().unwrap()).unwrap();
            kill_process(pid, Signal::STOP).unwrap();
        }
        (Gone::Hung, other) => panic!("db-a does not run: {other:?}"),
    }
    protect(&scene);
    expect_detached(&scene).await;
    assert_eq!(scene.holds("db-c").await, held);
    match gone {
        Gone::Killed => assert!(matches!(process().await, ProcessState::Ended { .. })),
        Gone::Hung => {
            let primary = server("db-a");
            let asked = scene.topology.query(&primary, "SELECT 1");
            assert!(tokio::time::timeout(Duration::from_secs(1), asked).await.is_err(), "db-a answers");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn protect_copy_takes_seconds_with_the_primary_dead_on_mariadb() {
    protect_copy_takes_seconds_without_the_primary(Flavor::Mariadb, Gone::Killed).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn protect_copy_takes_seconds_with_the_primary_dead_on_mysql() {
    protect_copy_takes_seconds_without_the_primary(Flavor::Mysql, Gone::Killed).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn protect_copy_takes_seconds_with_the_primary_hanging_on_mariadb() {
    protect_copy_takes_seconds_without_the_primary(Flavor::Mariadb, Gone::Hung).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn protect_copy_takes_seconds_with_the_primary_hanging_on_mysql() {
    protect_copy_takes_seconds_without_the_primary(Flavor::Mysql, Gone::Hung).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn protect_copy_takes_seconds_on_mariadb() {
    protect_copy_takes_seconds(Flavor::Mariadb).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn protect_copy_takes_seconds_on_mysql() {
    protect_copy_takes_seconds(Flavor::Mysql).await;
}
