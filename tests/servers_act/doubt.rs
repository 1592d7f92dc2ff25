//! What is found when the answer was lost.

use super::signed::cleared;
use std::time::{Duration, Instant};

use countersign::domain::run::{Connection, ConnectionState, Outcome};
use countersign::domain::sql::packet::BinlogWriting::Off;
use countersign::executor::ports::Act;
use countersign::lab::{Account, Flavor};
use mysql_async::Conn;
use mysql_async::prelude::Queryable;

use crate::stage::{Line, Stage, run, server, silent, table};

/// Waits until a DROP queues behind somebody's lock.
pub async fn until_waiting(stage: &Stage) {
    let began = Instant::now();
    loop {
        let waiting = stage
            .sql("db-a", "SHOW FULL PROCESSLIST")
            .await
            .into_iter()
            .any(|row| row.iter().flatten().any(|text| text.contains("Waiting for table metadata lock")));
        if waiting {
            return;
        }
        assert!(began.elapsed() < Duration::from_secs(10), "nobody waits");
        tokio::task::yield_now().await;
    }
}

/// A session that keeps `d.t` from being dropped.
async fn holder(stage: &Stage) -> Conn {
    let mut conn = stage.topology.connect(&server("db-a"), Account::Root).await.unwrap();
    conn.query_drop("BEGIN").await.unwrap();
    conn.query_drop("SELECT * FROM d.t").await.unwrap();
    conn
}

/// Sends a DROP that has to wait, and cuts the line.
async fn lose_a_waiting_drop(stage: &Stage) -> (Connection, Conn) {
    stage.with_table().await;
    let holder = holder(stage).await;
    let line = Line::to(stage);
    let mut acting = stage.behind(&line);
    let command = stage.statement("DROP TABLE d.t", Off);
    let connection = acting.prepare(&run(), &command, &stage.identity("db-a").await).await.unwrap();
    let sent_on = connection.clone();
    let sending = tokio::spawn(async move { acting.send(&sent_on, &cleared(&command), &silent()).await });
    until_waiting(stage).await;
    line.cut().await;
    let outcome = sending.await.unwrap();
    assert!(matches!(outcome, Outcome::InDoubt { .. }), "{outcome:?}");
    (connection, holder)
}

fn is_alive(state: &ConnectionState) -> bool {
    matches!(state, ConnectionState::Alive { doing } if doing.contains("DROP TABLE d.t"))
}

fn is_gone(state: &ConnectionState) -> bool {
    *state == ConnectionState::Gone
}

#[tokio::test]
async fn mysql_goes_on_with_a_drop_whose_client_is_gone_and_applies_it() {
    let stage = Stage::new(Flavor::Mysql, 0).await;
    let (connection, mut holder) = lose_a_waiting_drop(&stage).await;
    let state = stage.acting().look_for(&connection).await;
    assert!(is_alive(&state), "{state:?}");
    let command = stage.statement("DROP TABLE d.t", Off);
    let refused = stage.acting().prepare(&run(), &command, &connection.identity).await.unwrap_err();
    assert!(refused.contains("still at work"), "{refused}");
    assert!(stage.has("db-a", &table("d.t")).await);
    holder.query_drop("COMMIT").await.unwrap();
    stage.eventually(&connection, is_gone).await;
    assert!(!stage.has("db-a", &table("d.t")).await, "it was applied after its client had gone");
}

#[tokio::test]
async fn a_drop_in_doubt_on_mysql_can_be_killed_before_it_is_applied() {
    let stage = Stage::new(Flavor::Mysql, 0).await;
    let (connection, mut holder) = lose_a_waiting_drop(&stage).await;
    stage.acting().kill(&connection).await.unwrap();
    stage.eventually(&connection, is_gone).await;
    holder.query_drop("COMMIT").await.unwrap();
    assert!(stage.has("db-a", &table("d.t")).await);
    let gone = stage.acting().kill(&connection).await.unwrap_err();
    assert!(gone.contains("gone already"), "{gone}");
}

#[tokio::test]
async fn mariadb_gives_up_a_drop_whose_client_is_gone() {
    let stage = Stage::new(Flavor::Mariadb, 0).await;
    let (connection, mut holder) = lose_a_waiting_drop(&stage).await;
    stage.eventually(&connection, is_gone).await;
    holder.query_drop("COMMIT").await.unwrap();
    assert!(stage.has("db-a", &table("d.t")).await, "it was not applied");
}

/// A connection that waits and whose client lives is alive on both.
async fn a_working_connection_is_alive(flavor: Flavor) {
    let stage = Stage::new(flavor, 0).await;
    stage.with_table().await;
    let mut holder = holder(&stage).await;
    let mut acting = stage.acting();
    let command = stage.statement("DROP TABLE d.t", Off);
    let connection = acting.prepare(&run(), &command, &stage.identity("db-a").await).await.unwrap();
    let sent_on = connection.clone();
    let sending = tokio::spawn(async move { acting.send(&sent_on, &cleared(&command), &silent()).await });
    until_waiting(&stage).await;
    let state = stage.acting().look_for(&connection).await;
    assert!(is_alive(&state), "{state:?}");
    holder.query_drop("COMMIT").await.unwrap();
    assert!(matches!(sending.await.unwrap(), Outcome::Done { .. }));
}

#[tokio::test]
async fn a_working_mariadb_connection_is_alive() {
    a_working_connection_is_alive(Flavor::Mariadb).await;
}

#[tokio::test]
async fn a_working_mysql_connection_is_alive() {
    a_working_connection_is_alive(Flavor::Mysql).await;
}

async fn a_killed_connection_is_in_doubt(flavor: Flavor) {
    let stage = Stage::new(flavor, 0).await;
    stage.with_table().await;
    let holder = holder(&stage).await;
    let mut acting = stage.acting();
    let command = stage.statement("DROP TABLE d.t", Off);
    let connection = acting.prepare(&run(), &command, &stage.identity("db-a").await).await.unwrap();
    let sent_on = connection.clone();
    let sending = tokio::spawn(async move { acting.send(&sent_on, &cleared(&command), &silent()).await });
    until_waiting(&stage).await;
    stage.acting().kill(&connection).await.unwrap();
    let outcome = sending.await.unwrap();
    assert!(matches!(outcome, Outcome::InDoubt { .. }), "{outcome:?}");
    stage.eventually(&connection, is_gone).await;
    drop(holder);
    assert!(stage.has("db-a", &table("d.t")).await);
}

#[tokio::test]
async fn a_killed_mariadb_connection_is_in_doubt() {
    a_killed_connection_is_in_doubt(Flavor::Mariadb).await;
}

#[tokio::test]
async fn a_killed_mysql_connection_is_in_doubt() {
    a_killed_connection_is_in_doubt(Flavor::Mysql).await;
}

/// The answer cannot come, and no network error either: only the second connection can tell.
#[tokio::test]
async fn an_answer_that_cannot_come_is_not_waited_for() {
    let stage = Stage::new(Flavor::Mariadb, 0).await;
    stage.with_table().await;
    let holder = holder(&stage).await;
    let line = Line::to(&stage);
    let mut acting = stage.behind(&line);
    let command = stage.statement("DROP TABLE d.t", Off);
    let connection = acting.prepare(&run(), &command, &stage.identity("db-a").await).await.unwrap();
    let sent_on = connection.clone();
    let sending = tokio::spawn(async move { acting.send(&sent_on, &cleared(&command), &silent()).await });
    until_waiting(&stage).await;
    line.freeze_the_first();
    stage.acting().kill(&connection).await.unwrap();
    let outcome = tokio::time::timeout(Duration::from_secs(20), sending).await.unwrap().unwrap();
    assert!(matches!(&outcome, Outcome::InDoubt { why } if why.contains("has ended the connection")), "{outcome:?}");
    drop(holder);
}

async fn a_restart_in_between_is_seen(flavor: Flavor) {
    let stage = Stage::new(flavor, 0).await;
    let db_a = server("db-a");
    let mut acting = stage.acting();
    let command = stage.statement("DROP TABLE d.t", Off);
    let connection = acting.prepare(&run(), &command, &stage.identity("db-a").await).await.unwrap();
    stage.topology.kill(&db_a).await.unwrap();
    let state = acting.look_for(&connection).await;
    assert!(matches!(state, ConnectionState::Unknown { .. }), "{state:?}");
    stage.topology.start(&db_a).await.unwrap();
    assert_eq!(acting.look_for(&connection).await, ConnectionState::Restarted);
    let outcome = acting.send(&connection, &cleared(&command), &silent()).await;
    assert!(matches!(outcome, Outcome::NotSent { .. }), "{outcome:?}");
    let mut other = connection.clone();
    other.identity.push('x');
    let state = acting.look_for(&other).await;
    assert!(matches!(&state, ConnectionState::Unknown { why } if why.contains("another server")), "{state:?}");
}

#[tokio::test]
async fn a_mariadb_restart_in_between_is_seen() {
    a_restart_in_between_is_seen(Flavor::Mariadb).await;
}

#[tokio::test]
async fn a_mysql_restart_in_between_is_seen() {
    a_restart_in_between_is_seen(Flavor::Mysql).await;
}
