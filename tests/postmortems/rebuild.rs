//! The rebuild of the corrupt table, as it ships, and what the team did instead, which is refused.

use countersign::lab::{Damage, Flavor};

use crate::scene::{PARAMS, REBUILD, SERVERS, Scene, server};

/// How many rows the table has: `COUNTERSIGN_ROWS`, else what the outage calls for.
fn rows() -> u64 {
    std::env::var("COUNTERSIGN_ROWS").map_or(200_000, |rows| rows.parse().unwrap())
}

async fn the_shipped_rebuild_ends_equal(flavor: Flavor, damage: Damage) {
    let scene = Scene::damaged(flavor, rows(), damage).await;
    let before = Before::of(&scene).await;
    let replicas = (scene.holds("db-b").await, scene.holds("db-c").await);
    let writer = scene.writer().await;
    let mut run = scene.office.run(REBUILD, &scene.topology.fleet_file(), &PARAMS);
    let code = scene.office.play(&mut run);
    assert_eq!(code, 0, "{}", run.text());
    let written = writer.stop_having_kept_pace().await;

    before.expect_nothing_more_and_nothing_restarted(&scene).await;
    scene.expect_equal_everywhere().await;
    scene.expect_every_row_of_the_client(written).await;
    // The same table, not one that was made anew with the same rows.
    assert_eq!((scene.holds("db-b").await, scene.holds("db-c").await), replicas, "the replicas' tables are untouched");
    assert_eq!(SERVERS.map(|name| scene.drops(name)), [1, 0, 0]);
    scene.the_log_is_on("db-b").await;
    scene.office.audit(&run.id());
    let signed = ["drop-corrupt ana", "drop-corrupt bob", "put-in-place ana", "reattach-spare ana"];
    assert_eq!(scene.office.signed_steps(&run.id()), signed, "{}", run.text());
    assert_eq!(scene.office.requests(&run.id()), 3);
}

/// What must be the same when a run is over.
struct Before {
    tables: Vec<Vec<Vec<Option<String>>>>,
    triggers: Vec<Vec<Vec<Option<String>>>>,
    processes: Vec<String>,
}

impl Before {
    async fn of(scene: &Scene) -> Self {
        let (mut tables, mut triggers) = (Vec::new(), Vec::new());
        for name in SERVERS {
            tables.push(scene.tables(name).await);
            triggers.push(scene.triggers(name).await);
        }
        Self { tables, triggers, processes: scene.processes().await }
    }

    async fn expect_nothing_more_and_nothing_restarted(&self, scene: &Scene) {
        let now = Self::of(scene).await;
        assert_eq!(now.tables, self.tables, "a table is left that was not there before, or one is missing");
        assert_eq!(now.triggers, self.triggers);
        assert_eq!(now.processes, self.processes, "a server was restarted or ended");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_shipped_rebuild_ends_equal_on_mariadb() {
    the_shipped_rebuild_ends_equal(Flavor::Mariadb, Damage::CorruptTable).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_shipped_rebuild_ends_equal_on_mysql() {
    the_shipped_rebuild_ends_equal(Flavor::Mysql, Damage::CorruptTable).await;
}

/// Reading this table ends the server, as `a_damaged_root_page_ends_a_mysql_server_when_it_is_read` shows of the
/// same damage; so nothing in the whole run may read it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_shipped_rebuild_never_touches_the_page_that_ends_mysql() {
    the_shipped_rebuild_ends_equal(Flavor::Mysql, Damage::RootPage).await;
}

async fn the_naive_drop_is_refused(flavor: Flavor) {
    let scene = Scene::broken(flavor, rows()).await;
    let mut before = Vec::new();
    for name in SERVERS {
        before.push(scene.everything(name).await);
    }
    let processes = scene.processes().await;
    let writer = scene.writer().await;
    let params = ["table=shop.orders", "primary=db-a"];
    let mut run = scene.office.run("tests/cases/naive-drop.yaml", &scene.topology.fleet_file(), &params);
    assert_eq!(run.wait(), 4, "{}", run.text());
    let text = run.text();
    for part in
        ["rule:   keep_copies", "db-a > db-b", "db-a > db-c", "copy:   db-b", "way back now:", "way back after:"]
    {
        assert!(
            text.contains(part),
            "no `{part}` in
{text}"
        );
    }
    assert!(
        !text.contains("GATE"),
        "nobody may be asked to sign:
{text}"
    );
    assert!(scene.office.waits_for(&run.id(), "approval").is_none());
    scene.office.audit(&run.id());
    assert_eq!(scene.office.requests(&run.id()), 0, "nobody was asked to sign");

    let written = writer.stop_having_kept_pace().await;
    for (name, before) in SERVERS.into_iter().zip(before) {
        assert_eq!(scene.everything(name).await, before, "{name} keeps what it had");
    }
    scene.expect_every_row_of_the_client(written).await;
    assert_eq!(scene.processes().await, processes);
    for name in &SERVERS[1..] {
        scene.topology.wait_until_flowing(&server(name)).await.unwrap();
    }
    assert_eq!(SERVERS.map(|name| scene.drops(name)), [0, 0, 0]);
    scene.the_log_is_on("db-a").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_naive_drop_is_refused_on_mariadb() {
    the_naive_drop_is_refused(Flavor::Mariadb).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_naive_drop_is_refused_on_mysql() {
    the_naive_drop_is_refused(Flavor::Mysql).await;
}

async fn rebuild_table_logged_ends_equal(flavor: Flavor) {
    let scene = Scene::broken(flavor, rows()).await;
    let before = Before::of(&scene).await;
    let writer = scene.writer().await;
    let mut run = scene.office.run("runbooks/rebuild-table-logged.yaml", &scene.topology.fleet_file(), &PARAMS);
    let code = scene.office.play(&mut run);
    assert_eq!(code, 0, "{}", run.text());
    let written = writer.stop_having_kept_pace().await;

    before.expect_nothing_more_and_nothing_restarted(&scene).await;
    scene.expect_equal_everywhere().await;
    scene.expect_every_row_of_the_client(written).await;
    assert_eq!(scene.drops("db-a"), 1);
    scene.office.audit(&run.id());
    // Both of its destructive steps by two people: the DROP, and the reattaching, which releases the DROP to the spare.
    let signed =
        ["drop-corrupt ana", "drop-corrupt bob", "put-in-place ana", "reattach-spare ana", "reattach-spare bob"];
    assert_eq!(scene.office.signed_steps(&run.id()), signed, "{}", run.text());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rebuild_table_logged_ends_equal_on_mariadb() {
    rebuild_table_logged_ends_equal(Flavor::Mariadb).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rebuild_table_logged_ends_equal_on_mysql() {
    rebuild_table_logged_ends_equal(Flavor::Mysql).await;
}
