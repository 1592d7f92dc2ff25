//! Who must never be killed, however somebody asks for it; and a session that only has the number of the one that was
//! signed.

use std::time::{Duration, Instant};

use countersign::lab::{Account, Flavor, Topology};
use mysql_async::prelude::Queryable;
use mysql_async::{Conn, Opts};

use crate::daily::Practice;
use crate::driver::{Office, eventually};
use crate::scene::server;

/// How a runbook of somebody else's asks for victims.
fn altered(which: &str, by: &str) -> String {
    format!(
        "countersign: 1\nname: altered\ntitle: Kill somebody\nowner: eve@example.com\nparams:\n  \
         server: {{type: server, role: primary}}\nsteps:\n  - id: look\n    title: Look\n    server: $server\n    \
         do: list_blockers\n  - id: choose\n    title: Choose\n    server: $server\n    do:\n      \
         pick_sessions: {{where: {which}, at_most: 9, by: {by}}}\n  - id: kill\n    title: Kill\n    \
         server: $server\n    do: kill_sessions\n"
    )
}

/// Free statements of a runbook of somebody else's.
fn with_statement(statement: &str) -> String {
    format!(
        "countersign: 1\nname: altered\ntitle: Kill somebody\nowner: eve@example.com\nparams:\n  \
         server: {{type: server, role: primary}}\nsteps:\n  - id: kill\n    title: Kill\n    server: $server\n    \
         do:\n      sql: {statement}\n"
    )
}

/// The run of such a file is refused with these words, and nobody is asked to sign.
fn expect_refusal(practice: &Practice, runbook: &str, on: &str, words: &[&str]) {
    let file = practice.office.path("altered.yaml");
    std::fs::write(&file, runbook).unwrap();
    let mut run = practice.run(file.to_str().unwrap(), &[&format!("server={on}")]);
    assert_eq!(run.wait(), 4, "{runbook}\n{}", run.text());
    for word in words {
        assert!(run.text().contains(word), "no `{word}` in\n{}", run.text());
    }
    assert!(!run.text().contains("GATE"), "{}", run.text());
}

/// A session that holds a row of `shop.orders`, as an application that forgot to commit.
async fn holder(topology: &Topology, on: &str, account: Account) -> Conn {
    let mut conn = topology.connect(&server(on), account).await.unwrap();
    hold(&mut conn).await;
    conn
}

async fn hold(conn: &mut Conn) {
    conn.query_drop("BEGIN").await.unwrap();
    conn.query_drop("SELECT state FROM shop.orders WHERE id = 1 FOR UPDATE").await.unwrap();
}

/// Somebody who waits for that row as long as the test lasts.
async fn waiter(topology: &Topology, on: &str) -> tokio::task::JoinHandle<()> {
    let mut conn = topology.connect(&server(on), Account::Root).await.unwrap();
    let id = conn.id();
    let task = tokio::spawn(async move {
        conn.query_drop("SET SESSION innodb_lock_wait_timeout = 600").await.ok();
        conn.query_drop("SELECT state FROM shop.orders WHERE id = 1 FOR UPDATE").await.ok();
    });
    let waits = format!(
        "SELECT COUNT(*) FROM information_schema.innodb_trx WHERE trx_mysql_thread_id = {id} AND trx_state = 'LOCK WAIT'"
    );
    until(topology, on, &waits, "1").await;
    task
}

async fn until(topology: &Topology, on: &str, sql: &str, wanted: &str) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while topology.value(&server(on), sql).await.unwrap().as_deref() != Some(wanted) {
        assert!(Instant::now() < deadline, "never {wanted}: {sql}");
        // MariaDB tells new transactions only to who comes more than 100 ms after the last reader.
        tokio::time::sleep(Duration::from_millis(150)).await;
    }
}

async fn who_is_never_killed_is_refused_however_it_is_asked_for(flavor: Flavor) {
    let practice = Practice::begin(flavor, 100, Office::open());
    let topology = practice.topology();

    // Our own session stands at the root, by the shipped predicate.
    let ours = holder(&topology, "db-a", Account::Act).await;
    let behind = waiter(&topology, "db-a").await;
    let never = ["never killed", "countersign"];
    expect_refusal(&practice, &altered("{blocks_others: true}", "predicate"), "db-a", &never);
    let id = ours.id();
    for statement in [format!("KILL {id}"), format!("KILL QUERY {id}"), "KILL (SELECT 1)".to_owned()] {
        expect_refusal(&practice, &with_statement(&statement), "db-a", &["`kill_sessions` kills"]);
    }
    ours.disconnect().await.unwrap();
    behind.await.unwrap();

    // The applier waits for a row, in a transaction of its own.
    let root = holder(&topology, "db-b", Account::Root).await;
    topology.query(&server("db-a"), "UPDATE shop.orders SET amount = amount + 1 WHERE id = 1").await.unwrap();
    let applier = "SELECT COUNT(*) FROM information_schema.innodb_trx t JOIN information_schema.processlist p ON p.ID = \
                   t.trx_mysql_thread_id WHERE p.USER = 'system user' AND t.trx_state = 'LOCK WAIT'";
    until(&topology, "db-b", applier, "1").await;
    let only = "{blocks_others: false, user: system user}";
    expect_refusal(&practice, &altered(only, "predicate"), "db-b", &["never killed", "replication"]);
    expect_refusal(&practice, &altered(only, "person"), "db-b", &["never killed", "replication"]);
    by_hand(&practice, &root, applier).await;
    root.disconnect().await.unwrap();
    topology.wait_caught_up().await.unwrap();
}

/// Whoever chooses is offered the root alone, and a name that is not offered is not taken.
async fn by_hand(practice: &Practice, root: &Conn, applier: &str) {
    let file = practice.office.path("altered.yaml");
    std::fs::write(&file, altered("{blocks_others: false}", "person")).unwrap();
    let mut run = practice.run(file.to_str().unwrap(), &["server=db-b"]);
    let waiting = eventually("a choice among sessions", || {
        assert!(run.ended().is_none(), "{}", run.text());
        practice.office.status(&run.id())["waiting"].as_array()?.first().cloned()
    });
    assert!(waiting.to_string().contains(&format!("\"id\":{}", root.id())), "{waiting}");
    assert!(!waiting.to_string().contains("system user"), "{waiting}");
    let id = applier.replace("COUNT(*)", "p.ID");
    let id = practice.topology().value(&server("db-b"), &id).await.unwrap().unwrap();
    let by = ["--state", "S", "--operator", "ana", "--key", "ana"];
    practice.office.cli(&[&["choose", &run.id(), &id], &by[..]].concat());
    run.wait_for_line(&["not offered"]);
    practice.office.cli(&[&["choose", &run.id(), "none"], &by[..]].concat()).expect(0);
    assert_eq!(run.wait(), 0, "{}", run.text());
    assert!(practice.topology().query(&server("db-b"), "SELECT 1").await.is_ok());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_never_killed_is_refused_however_it_is_asked_for_on_mariadb() {
    who_is_never_killed_is_refused_however_it_is_asked_for(Flavor::Mariadb).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_never_killed_is_refused_however_it_is_asked_for_on_mysql() {
    who_is_never_killed_is_refused_however_it_is_asked_for(Flavor::Mysql).await;
}

/// Connects until the server gives the number `wanted`, after starting anew and counting from the beginning.
async fn with_the_number(topology: &Topology, wanted: u32) -> Conn {
    let login: Opts = topology.login(&server("db-a"), Account::Root).into();
    for _ in 0..5 {
        topology.restart(&server("db-a")).await.unwrap();
        // Somebody else may be given the number; then the server counts anew.
        loop {
            let conn = Conn::new(login.clone()).await.unwrap();
            match conn.id() {
                id if id == wanted => return conn,
                id if id > wanted => break,
                _ => conn.disconnect().await.unwrap(),
            }
        }
    }
    panic!("the server never gave the number {wanted}");
}

/// The victim ends with its server, and when that is back, another session of the same user from the same host, idle in a
/// transaction of its own that holds the same row, has its number.
async fn a_session_that_has_the_number_of_the_signed_one_is_left_alone(flavor: Flavor) {
    let practice = Practice::begin(flavor, 100, Office::open());
    let topology = practice.topology();
    let mut others = Vec::new();
    // A number that nobody else is given soon after a start.
    while others.len() < 60 {
        others.push(topology.connect(&server("db-a"), Account::Root).await.unwrap());
    }
    let victim = holder(&topology, "db-a", Account::Root).await;
    let number = victim.id();
    let behind = waiter(&topology, "db-a").await;
    let (mut run, request) = practice.kill_roots("db-a", number).await;
    assert!(practice.text_of(&request).contains(&format!("KILL CONNECTION {number}")));

    drop(others);
    let mut another = with_the_number(&topology, number).await;
    hold(&mut another).await;
    drop((victim, behind));
    let _second = waiter(&topology, "db-a").await;
    practice.office.approve(&request, "ana");
    practice.office.approve(&request, "bob");
    run.wait_for_line(&["not any more"]);
    let alive: Option<u32> = another.query_first("SELECT CONNECTION_ID()").await.unwrap();
    assert_eq!(alive, Some(number), "the session with the same number was killed");
    run.kill();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_that_has_the_number_of_the_signed_one_is_left_alone_on_mariadb() {
    a_session_that_has_the_number_of_the_signed_one_is_left_alone(Flavor::Mariadb).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_that_has_the_number_of_the_signed_one_is_left_alone_on_mysql() {
    a_session_that_has_the_number_of_the_signed_one_is_left_alone(Flavor::Mysql).await;
}
