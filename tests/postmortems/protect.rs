//! Protecting a copy: one operator, seconds.

use std::time::{Duration, Instant};

use countersign::lab::{Flavor, Link};

use crate::scene::{Scene, server};

const VISITS: &str = "SELECT COUNT(*) FROM crm.visits";
const VISIT: &str = "INSERT INTO crm.visits (at, who) VALUES (NOW(6), 'late')";

async fn protect_copy_takes_seconds(flavor: Flavor) {
    let scene = Scene::whole(flavor, 100).await;
    let began = Instant::now();
    let mut run = scene.office.run("runbooks/protect-copy.yaml", &scene.topology.fleet_file(), &["spare=db-c"]);
    let code = run.wait();
    let took = began.elapsed();
    assert_eq!(code, 0, "{}", run.text());
    assert!(took < Duration::from_secs(5), "{took:?}\n{}", run.text());
    assert!(!run.text().contains("GATE"), "one operator is enough:\n{}", run.text());

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
    let links = scene.topology.links(&server("db-c")).await.unwrap();
    assert!(!links.iter().any(Link::flows), "{links:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn protect_copy_takes_seconds_on_mariadb() {
    protect_copy_takes_seconds(Flavor::Mariadb).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn protect_copy_takes_seconds_on_mysql() {
    protect_copy_takes_seconds(Flavor::Mysql).await;
}
