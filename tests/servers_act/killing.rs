//! Sessions on real servers: who blocks whom, and a kill that reaches only the session that was signed.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use countersign::domain::base::{Danger, Span};
use countersign::domain::reach::Carry;
use countersign::domain::run::Outcome;
use countersign::domain::script::{Command, Kill, Work};
use countersign::domain::snapshot::sessions::{Blocker, Doing, LockWaits, Part, Session, SessionKind};
use countersign::domain::snapshot::{FactKey, Patch, ServerFact, Value};
use countersign::domain::sql::packet::{self, BinlogWriting};
use countersign::lab::Flavor;
use countersign::observe::Observer;
use mysql_async::prelude::Queryable;
use mysql_async::{Conn, OptsBuilder};
use tokio::task::JoinHandle;

use crate::stage::{Stage, server};

/// A client that answers how its one statement ended.
type Client = JoinHandle<Result<(), mysql_async::Error>>;

async fn client(stage: &Stage, sql: &'static str) -> Client {
    let mut conn = connect(stage).await;
    conn.query_drop("SET SESSION innodb_lock_wait_timeout=60, lock_wait_timeout=60").await.unwrap();
    tokio::spawn(async move { conn.query_drop(sql).await })
}

/// An application's account: MySQL lets nobody but its like end an administrator's session.
async fn connect(stage: &Stage) -> Conn {
    stage.sql("db-a", "CREATE USER IF NOT EXISTS app@localhost IDENTIFIED BY 'app'").await;
    stage.sql("db-a", "GRANT ALL ON d.* TO app@localhost").await;
    let socket = stage.topology.socket(&server("db-a")).to_string_lossy().into_owned();
    let opts = OptsBuilder::default().socket(Some(socket)).user(Some("app")).pass(Some("app")).prefer_socket(true);
    Conn::new(opts).await.unwrap()
}

/// A client that is idle in a transaction which has changed a row, and its id.
async fn idle_holder(stage: &Stage) -> (Conn, u64) {
    let mut conn = connect(stage).await;
    conn.query_drop("BEGIN").await.unwrap();
    conn.query_drop("UPDATE d.t SET id = 2 WHERE id = 1").await.unwrap();
    let id: u64 = conn.query_first("SELECT CONNECTION_ID()").await.unwrap().unwrap();
    (conn, id)
}

async fn waits(observer: &mut Observer) -> LockWaits {
    let patch = observer.lock_waits(&BTreeSet::from([server("db-a")])).await;
    let key = FactKey::server(&server("db-a"), ServerFact::LockWaits);
    let found = patch.changes().find(|(found, _)| **found == key).map(|(_, known)| known.clone());
    match found.unwrap().value() {
        Ok(Value::LockWaits(waits)) => waits.clone(),
        other => panic!("{other:?}"),
    }
}

/// Looks until so many sessions wait.
async fn until_waiting(observer: &mut Observer, wanted: u64) -> LockWaits {
    let began = Instant::now();
    loop {
        let waits = waits(observer).await;
        if waits.waiting() == wanted {
            return waits;
        }
        assert!(began.elapsed() < Duration::from_secs(20), "expected {wanted} waiting, found {waits}: {waits:?}");
        tokio::task::yield_now().await;
    }
}

fn kill(stage: &Stage, victim: Session, how: Kill) -> Command {
    let victim = Blocker { session: victim, behind: 1, part: Part::Root };
    let session = packet::Session::statement(BinlogWriting::On);
    Command {
        server: server("db-a"),
        work: Work::Kill { victim: Box::new(victim), how, session, dialect: stage.dialect },
        danger: Danger::Disruptive,
        effects: Vec::new(),
        carry: Carry::Unlogged,
        patch: Patch::default(),
    }
}

fn left_alone(outcome: Outcome) -> String {
    match outcome {
        Outcome::LeftAlone { why } => why,
        other => panic!("{other:?}"),
    }
}

/// Three writers behind an idle transaction, an ALTER behind them and a SELECT behind the ALTER.
async fn the_one_root_is_named_and_its_end_lets_everybody_go(flavor: Flavor) {
    let stage = Stage::new(flavor, 0).await;
    stage.with_table().await;
    let (_holder, id) = idle_holder(&stage).await;
    let mut observer = Observer::new(&stage.fleet);
    let mut clients = Vec::new();
    for _ in 0..3 {
        clients.push(client(&stage, "UPDATE d.t SET id = id + 10 WHERE id = 1").await);
    }
    until_waiting(&mut observer, 3).await;
    clients.push(client(&stage, "ALTER TABLE d.t ADD COLUMN c INT").await);
    until_waiting(&mut observer, 4).await;
    clients.push(client(&stage, "SELECT * FROM d.t").await);
    let seen = until_waiting(&mut observer, 5).await;
    if flavor == Flavor::Mariadb {
        let roots = seen.roots();
        assert_eq!((roots.len(), roots[0].session.id, roots[0].behind), (1, id, 3), "{seen:?}");
        assert_eq!(seen.untold.len(), 2, "nobody tells whose metadata lock it is: {seen:?}");
        stage.sql("db-a", "INSTALL SONAME 'metadata_lock_info'").await;
    }
    let seen = waits(&mut observer).await;
    let roots = seen.roots();
    assert_eq!((roots.len(), roots[0].session.id, roots[0].behind), (1, id, 5), "{seen:?}");
    assert!(seen.untold.is_empty(), "{seen:?}");
    let root = roots[0].session.clone();
    assert!(matches!(root.doing, Doing::Idle { .. }) && root.rows_changed() > 0, "{root:?}");

    let outcome = stage.act(&kill(&stage, root.clone(), Kill::Connection)).await;
    assert!(matches!(outcome, Outcome::Done { .. }), "{outcome:?}");
    for client in clients {
        client.await.unwrap().unwrap();
    }
    let after = until_waiting(&mut observer, 0).await;
    assert!(after.let_go(&root));
    let watched = observer.watch(&server("db-a"), Span::from_millis(10)).await;
    assert!(matches!(&watched, Outcome::Watched { samples } if samples.iter().all(|s| s.waiting == 0)), "{watched:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_one_root_is_named_and_its_end_lets_everybody_go_on_mariadb() {
    the_one_root_is_named_and_its_end_lets_everybody_go(Flavor::Mariadb).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_one_root_is_named_and_its_end_lets_everybody_go_on_mysql() {
    the_one_root_is_named_and_its_end_lets_everybody_go(Flavor::Mysql).await;
}

/// Everything by which a session may be another one than it was, and every kind that is never killed.
async fn only_the_session_that_was_signed_is_killed(flavor: Flavor) {
    let stage = Stage::new(flavor, 1).await;
    stage.with_table().await;
    let mut observer = Observer::new(&stage.fleet);
    let (mut holder, id) = idle_holder(&stage).await;
    let seen = waits(&mut observer).await.session(id).unwrap().clone();

    for (what, other) in [
        ("another user", Session { user: "other".to_owned(), ..seen.clone() }),
        ("another place", Session { host: "10.0.0.7:1".to_owned(), ..seen.clone() }),
        ("no transaction", Session { transaction: None, ..seen.clone() }),
    ] {
        let why = left_alone(stage.act(&kill(&stage, other, Kill::Connection)).await);
        assert!(why.contains("now it is app@"), "{what}: {why}");
    }

    // The same connection in a later transaction, of the same second, is not what anybody signed.
    holder.query_drop("COMMIT").await.unwrap();
    holder.query_drop("BEGIN").await.unwrap();
    holder.query_drop("UPDATE d.t SET id = 3 WHERE id = 2").await.unwrap();
    left_alone(stage.act(&kill(&stage, seen.clone(), Kill::Connection)).await);
    assert_eq!(holder.query_first::<u64, _>("SELECT CONNECTION_ID()").await.unwrap(), Some(id), "it lives");

    // The control: as it is now, it is killed.
    let now = waits(&mut observer).await.session(id).unwrap().clone();
    let outcome = stage.act(&kill(&stage, now.clone(), Kill::Connection)).await;
    assert!(matches!(outcome, Outcome::Done { .. }), "{outcome:?}");
    let gone = left_alone(stage.act(&kill(&stage, now, Kill::Connection)).await);
    assert!(gone.contains("it is gone") || gone.contains("Killed"), "{gone}");
    never_killed(&stage).await;
}

/// The dump thread of a replica, named as if it were somebody's program.
async fn never_killed(stage: &Stage) {
    let list = "SELECT ID, USER, HOST FROM information_schema.PROCESSLIST WHERE COMMAND LIKE 'Binlog Dump%'";
    let row = stage.sql("db-a", list).await.remove(0);
    let word = |column: usize| row[column].clone().unwrap();
    let dump = Session {
        id: word(0).parse().unwrap(),
        user: word(1),
        host: word(2),
        kind: SessionKind::Client,
        transaction: None,
        doing: Doing::Idle { since: Span::from_secs(1) },
    };
    let why = left_alone(stage.act(&kill(stage, dump, Kill::Connection)).await);
    assert!(why.contains("Binlog Dump"), "{why}");
    assert_eq!(stage.sql("db-a", list).await[0], row, "it lives");
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_session_that_was_signed_is_killed_on_mariadb() {
    only_the_session_that_was_signed_is_killed(Flavor::Mariadb).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_session_that_was_signed_is_killed_on_mysql() {
    only_the_session_that_was_signed_is_killed(Flavor::Mysql).await;
}
