//! What makes the shipped rebuild impossible is told before anything is changed, whichever it is.

use countersign::domain::base::TableName;
use countersign::lab::{self, Damage, Flavor};

use crate::scene::{REBUILD, SERVERS, Scene, server};

/// What stands in the way of rebuilding a table, and the words by which the refusal must name it.
struct Obstacle {
    table: &'static str,
    /// On the primary, before the table is damaged.
    prepare: &'static [&'static str],
    words: &'static [&'static str],
}

/// Tables that cannot be rebuilt beside themselves, whoever tries.
const OBSTACLES: [Obstacle; 3] = [
    Obstacle {
        table: "shop.parent",
        prepare: &[
            "CREATE TABLE shop.child (id BIGINT UNSIGNED PRIMARY KEY, parent BIGINT UNSIGNED, \
             CONSTRAINT child_of FOREIGN KEY (parent) REFERENCES shop.parent (id))",
            "INSERT INTO shop.child VALUES (1, 1)",
        ],
        words: &[
            "no foreign key and no trigger ties",
            "db-c: foreign keys pointing here of shop.parent",
            "shop.child.child_of",
        ],
    },
    Obstacle {
        table: "shop.owner",
        prepare: &["ALTER TABLE shop.owner ADD CONSTRAINT belongs FOREIGN KEY (id) REFERENCES shop.keys (id)"],
        words: &["no foreign key and no trigger ties", "db-c: own foreign keys of shop.owner", "belongs"],
    },
    Obstacle {
        table: "shop.watched",
        prepare: &["CREATE TRIGGER shop.no_returns BEFORE INSERT ON shop.watched FOR EACH ROW SET NEW.state = 'new'"],
        words: &["no foreign key and no trigger ties", "db-c: triggers of shop.watched", "no_returns"],
    },
];

impl Obstacle {
    async fn set_up(&self, scene: &Scene) {
        let table = TableName::parse(self.table).unwrap();
        lab::seed::seed(&scene.topology, &table, 10).await.unwrap();
        for sql in self.prepare {
            scene.rows("db-a", sql).await;
        }
    }
}

/// Everything that a refused run must leave as it was: what servers hold, what they executed, who runs.
async fn fleet(scene: &Scene) -> Vec<Vec<Vec<Option<String>>>> {
    let mut all = Vec::new();
    for name in SERVERS {
        scene.topology.wait_until_flowing(&server(name)).await.unwrap();
        all.push(scene.everything(name).await);
        all.push(scene.gtids(name).await);
    }
    all
}

/// The rebuild of `table` is refused with these words, and nothing is changed.
async fn expect_refusal(scene: &Scene, table: &str, words: &[&str]) {
    let before = (fleet(scene).await, scene.processes().await);
    let table = format!("table={table}");
    let params = [table.as_str(), "primary=db-a", "spare=db-c"];
    let mut run = scene.office.run(REBUILD, &scene.topology.fleet_file(), &params);
    assert_eq!(run.wait(), 4, "{table}: {}", run.text());
    let text = run.text();
    for word in words {
        assert!(text.contains(word), "{table}: no `{word}` in\n{text}");
    }
    assert_eq!((fleet(scene).await, scene.processes().await), before, "{table}: a refusal changes nothing");
    scene.office.audit(&run.id());
    assert_eq!(scene.office.requests(&run.id()), 0, "nobody is asked to sign");
}

/// The acting account loses what lets it keep statements out of the binary log, on this server alone.
async fn take_the_right(scene: &Scene, verb: &str, link: &str) {
    let right = match scene.topology.flavor() {
        Flavor::Mariadb => "BINLOG ADMIN",
        Flavor::Mysql => "SESSION_VARIABLES_ADMIN, SYSTEM_VARIABLES_ADMIN",
    };
    unlogged(scene, "db-a", &format!("{verb} {right} ON *.* {link} act@'%'")).await;
}

async fn unlogged(scene: &Scene, name: &str, sql: &str) {
    use mysql_async::prelude::Queryable;
    let mut conn = scene.topology.connect(&server(name), lab::Account::Root).await.unwrap();
    conn.query_drop("SET SESSION sql_log_bin = 0").await.unwrap();
    conn.query_drop(sql).await.unwrap();
    conn.disconnect().await.unwrap();
}

/// The statistics of the copy, which the server itself keeps and reports as the table's size, say 16 TB: as much as a
/// table whose second copy fits on no disk here. Filling a disk instead would take it from everybody on the machine.
async fn make_it_look_huge(scene: &Scene) {
    let grow = "UPDATE mysql.innodb_table_stats SET clustered_index_size = 1000000000 WHERE database_name = 'shop' \
                AND table_name = 'orders'";
    unlogged(scene, "db-c", grow).await;
    // MariaDB reads its statistics when it opens a table for the first time.
    scene.topology.restart(&server("db-c")).await.unwrap();
}

async fn what_forbids_the_rebuild_is_told_before_anything_changes(flavor: Flavor) {
    let scene = Scene::whole(flavor, 100).await;
    scene.rows("db-a", "CREATE TABLE shop.keys (id BIGINT UNSIGNED PRIMARY KEY)").await;
    scene
        .rows("db-a", "INSERT INTO shop.keys SELECT id FROM shop.orders UNION SELECT id + 1000 FROM shop.orders")
        .await;
    for obstacle in &OBSTACLES {
        obstacle.set_up(&scene).await;
    }
    scene.topology.wait_caught_up().await.unwrap();
    for table in OBSTACLES.iter().map(|obstacle| obstacle.table).chain(["shop.orders"]) {
        let table = TableName::parse(table).unwrap();
        lab::break_it::break_it(&scene.topology, Damage::CorruptTable, &server("db-a"), &table).await.unwrap();
    }
    for obstacle in &OBSTACLES {
        expect_refusal(&scene, obstacle.table, obstacle.words).await;
    }
    take_the_right(&scene, "REVOKE", "FROM").await;
    expect_refusal(
        &scene,
        "shop.orders",
        &["db-a can execute without logging: fails", "db-a: unlogged sessions allowed is yes: fails"],
    )
    .await;
    take_the_right(&scene, "GRANT", "TO").await;
    make_it_look_huge(&scene).await;
    expect_refusal(&scene, "shop.orders", &["db-a has room for a second shop.orders: fails", "db-a: free bytes"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_forbids_the_rebuild_is_told_before_anything_changes_on_mariadb() {
    what_forbids_the_rebuild_is_told_before_anything_changes(Flavor::Mariadb).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_forbids_the_rebuild_is_told_before_anything_changes_on_mysql() {
    what_forbids_the_rebuild_is_told_before_anything_changes(Flavor::Mysql).await;
}
