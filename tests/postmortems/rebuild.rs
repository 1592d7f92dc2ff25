//! The rebuild of the corrupt table, as it ships, and what the team did instead, which is refused.

use countersign::lab::Flavor;

use crate::scene::{PARAMS, REBUILD, SERVERS, Scene};

/// How many rows the table has: `COUNTERSIGN_ROWS`, else few enough for every day.
fn rows() -> u64 {
    std::env::var("COUNTERSIGN_ROWS").map_or(20_000, |rows| rows.parse().unwrap())
}

async fn the_shipped_rebuild_ends_equal(flavor: Flavor) {
    let scene = Scene::broken(flavor, rows()).await;
    let tables = scene.tables("db-a").await;
    let (db_b, db_c) = (scene.holds("db-b").await, scene.holds("db-c").await);
    let writer = scene.writer().await;
    let began = std::time::Instant::now();
    let mut run = scene.office.run(REBUILD, &scene.topology.fleet_file(), &PARAMS);
    let code = scene.office.play(&mut run);
    assert_eq!(code, 0, "{}", run.text());
    let took = began.elapsed();
    let written = writer.stop().await;
    assert!(written > 50 * took.as_secs(), "{written} transactions in {took:?}");

    scene.expect_equal_everywhere().await;
    assert_eq!(scene.tables("db-a").await, tables, "no table is left that was not there before");
    assert_eq!(scene.holds("db-b").await, db_b, "db-b's table is the one it was");
    assert_eq!(scene.holds("db-c").await, db_c, "db-c's table is the one it was");
    assert_eq!(SERVERS.map(|name| scene.drops(name)), [1, 0, 0]);
    scene.the_log_is_on("db-b").await;
    // Two for the DROP, one for the renaming and one for letting the spare follow again; more if a fact moved between
    // a signature and the send, so that a request became void and was asked for again.
    let approvals = scene.office.audit(&run.id());
    assert!(approvals >= 4, "{approvals} approvals");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_shipped_rebuild_ends_equal_on_mariadb() {
    the_shipped_rebuild_ends_equal(Flavor::Mariadb).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_shipped_rebuild_ends_equal_on_mysql() {
    the_shipped_rebuild_ends_equal(Flavor::Mysql).await;
}

async fn the_naive_drop_is_refused(flavor: Flavor) {
    let scene = Scene::broken(flavor, 1_000).await;
    let tables = scene.tables("db-a").await;
    let before = (scene.holds("db-b").await, scene.holds("db-c").await);
    let params = ["table=shop.orders", "primary=db-a"];
    let mut run = scene.office.run("tests/cases/naive-drop.yaml", &scene.topology.fleet_file(), &params);
    assert_eq!(run.wait(), 4, "{}", run.text());
    let text = run.text();
    for part in
        ["rule:   keep_copies", "db-a > db-b", "db-a > db-c", "copy:   db-b", "way back now:", "way back after:"]
    {
        assert!(text.contains(part), "no `{part}` in\n{text}");
    }
    assert!(!text.contains("GATE"), "nobody may be asked to sign:\n{text}");
    assert!(scene.office.waits_for(&run.id(), "approval").is_none());
    assert_eq!(scene.tables("db-a").await, tables);
    assert_eq!((scene.holds("db-b").await, scene.holds("db-c").await), before);
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
    let scene = Scene::broken(flavor, 2_000).await;
    let tables = scene.tables("db-a").await;
    let mut run = scene.office.run("runbooks/rebuild-table-logged.yaml", &scene.topology.fleet_file(), &PARAMS);
    let code = scene.office.play(&mut run);
    assert_eq!(code, 0, "{}", run.text());
    scene.expect_equal_everywhere().await;
    for name in SERVERS {
        assert_eq!(scene.tables(name).await, tables, "no table is left on {name} that was not there before");
    }
    assert_eq!(scene.drops("db-a"), 1);
    let text = run.text();
    for step in ["drop-corrupt", "reattach-spare"] {
        for by in ["ana: GATE 1/2", "bob: GATE 2/2"] {
            let found = text.lines().any(|line| line.contains(step) && line.contains(by));
            assert!(found, "no `{by}` for {step} in\n{text}");
        }
    }
    assert!(scene.office.audit(&run.id()) >= 4);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rebuild_table_logged_ends_equal_on_mariadb() {
    rebuild_table_logged_ends_equal(Flavor::Mariadb).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rebuild_table_logged_ends_equal_on_mysql() {
    rebuild_table_logged_ends_equal(Flavor::Mysql).await;
}
