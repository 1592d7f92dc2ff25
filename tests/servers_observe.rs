//! What the observer sees of real servers of both flavors, and what it costs them.

#[path = "support/proxy.rs"]
mod proxy;

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use countersign::domain::base::{Digest, Known, ServerName, TableName};
use countersign::domain::fleet::{Consumer, Endpoint, Fleet, Tls, TlsMode, read};
use countersign::domain::snapshot::{FactKey, LinkFact, ServerFact, Snapshot, TableFact, Value};
use countersign::lab::{
    Account, Damage, Flavor, Setup, Shape, Topology, binaries, break_it, keeper::ProcessState, seed,
};
use countersign::observe::{Observer, Scope};
use mysql_async::prelude::Queryable;

const KEEPER: &str = env!("CARGO_BIN_EXE_countersign");

fn server(name: &str) -> ServerName {
    ServerName::parse(name).unwrap()
}

fn table(name: &str) -> TableName {
    TableName::parse(name).unwrap()
}

fn orders() -> TableName {
    table("shop.orders")
}

fn scope() -> Scope {
    Scope { tables: BTreeSet::from([orders()]) }
}

async fn start(flavor: Flavor, replicas: usize) -> Topology {
    let topology = Setup::new(flavor, Shape::replicas(replicas).unwrap()).start(Path::new(KEEPER)).await.unwrap();
    seed::seed(&topology, &orders(), 2_000).await.unwrap();
    topology.wait_caught_up().await.unwrap();
    topology
}

fn fleet(topology: &Topology) -> Fleet {
    let text = std::fs::read_to_string(topology.fleet_file()).unwrap();
    let file: read::FleetFile = serde_yaml::from_str(&text).unwrap();
    read::resolve(file, Digest::of(text.as_bytes())).unwrap()
}

/// Runs several statements on one connection as root.
async fn run(topology: &Topology, on: &str, sql: &str) {
    let mut connection = topology.connect(&server(on), Account::Root).await.unwrap();
    connection.query_drop(sql).await.unwrap();
}

fn known<'a>(snapshot: &'a Snapshot, key: &FactKey) -> &'a Known<Value> {
    snapshot.get(key).unwrap_or_else(|| panic!("{key} is missing"))
}

fn of_server(snapshot: &Snapshot, name: &str, fact: ServerFact) -> Value {
    let key = FactKey::server(&server(name), fact);
    known(snapshot, &key).value().unwrap_or_else(|why| panic!("{key}: {why}")).clone()
}

fn of_link(snapshot: &Snapshot, name: &str, fact: LinkFact) -> String {
    let key = FactKey::link(&server(name), "", fact);
    known(snapshot, &key).value().unwrap_or_else(|why| panic!("{key}: {why}")).to_string()
}

fn of_table(snapshot: &Snapshot, name: &str, table: &TableName, fact: TableFact) -> Result<String, String> {
    let known = known(snapshot, &FactKey::table(&server(name), table, fact));
    known.value().map(ToString::to_string).map_err(str::to_owned)
}

/// Looks until `ok` or for twenty seconds.
async fn eventually(observer: &mut Observer, what: &str, ok: impl Fn(&Snapshot) -> bool) -> Snapshot {
    let began = Instant::now();
    loop {
        let snapshot = observer.snapshot(&scope()).await;
        if ok(&snapshot) {
            return snapshot;
        }
        assert!(began.elapsed() < Duration::from_secs(20), "never: {what}");
    }
}

async fn every_fact_is_known(flavor: Flavor) {
    let topology = start(flavor, 2).await;
    let snapshot = Observer::new(&fleet(&topology)).snapshot(&scope()).await;
    // 3 servers of 17 facts, 2 links of 12, a table of 11 on each server.
    assert_eq!(snapshot.facts().count(), 3 * 17 + 2 * 12 + 3 * 11);
    let unknown: BTreeSet<String> =
        snapshot.facts().filter(|(_, known)| known.value().is_err()).map(|(key, _)| key.about.to_string()).collect();
    let expected = ["finding of shop.orders", "triggers of shop.orders", "unlogged sessions allowed"];
    assert_eq!(unknown, expected.map(str::to_owned).into());

    let a = |fact| of_server(&snapshot, "db-a", fact);
    let b = |fact| of_server(&snapshot, "db-b", fact);
    assert_ne!(a(ServerFact::Identity), b(ServerFact::Identity));
    assert_eq!(a(ServerFact::Position), b(ServerFact::Position));
    assert_eq!(a(ServerFact::UnexplainedReaders), Value::names([""; 0]));
    assert_eq!((a(ServerFact::Channels), b(ServerFact::Channels)), (Value::names([""; 0]), Value::names([""])));
    let Value::Time(booted) = a(ServerFact::BootedAt) else { panic!("not a time") };
    assert!(snapshot.taken().since(booted).secs() < 120, "{booted}");
    for replica in ["db-b", "db-c"] {
        let link = |fact| of_link(&snapshot, replica, fact);
        assert_eq!(link(LinkFact::Source), "db-a");
        assert_eq!(
            [link(LinkFact::Fence), link(LinkFact::Receiver), link(LinkFact::Applier)],
            ["none", "running", "running"]
        );
        assert_eq!(link(LinkFact::Received), a(ServerFact::Position).to_string());
    }
    let definitions: BTreeSet<_> = ["db-a", "db-b", "db-c"]
        .map(|name| of_table(&snapshot, name, &orders(), TableFact::Definition).unwrap())
        .into();
    assert_eq!(definitions.len(), 1, "{definitions:?}");
    topology.end().await.unwrap();
}

async fn pauses_and_fences_are_seen(flavor: Flavor) {
    let topology = start(flavor, 2).await;
    let mut observer = Observer::new(&fleet(&topology));
    observer.snapshot(&scope()).await;
    let (detach, applier, receiver) = match flavor {
        Flavor::Mariadb => (
            "STOP ALL SLAVES; CHANGE MASTER TO MASTER_HOST='//127.0.0.1'",
            "STOP SLAVE SQL_THREAD",
            "STOP SLAVE IO_THREAD",
        ),
        Flavor::Mysql => (
            "STOP REPLICA; CHANGE REPLICATION SOURCE TO SOURCE_HOST='//127.0.0.1'",
            "STOP REPLICA SQL_THREAD",
            "STOP REPLICA IO_THREAD",
        ),
    };
    run(&topology, "db-c", detach).await;
    run(&topology, "db-b", applier).await;
    let snapshot = observer.snapshot(&scope()).await;
    assert_eq!(of_link(&snapshot, "db-c", LinkFact::Fence), "detached");
    assert_eq!(of_link(&snapshot, "db-c", LinkFact::Source), "db-a", "a detached link still says whom it followed");
    assert_eq!(of_link(&snapshot, "db-c", LinkFact::Receiver), "stopped");
    assert_eq!(of_link(&snapshot, "db-b", LinkFact::Applier), "stopped");
    assert_eq!(of_link(&snapshot, "db-b", LinkFact::Receiver), "running");
    // The primary may still list the thread of the detached replica; its own status explains it.
    assert_eq!(of_server(&snapshot, "db-a", ServerFact::UnexplainedReaders), Value::names([""; 0]));

    run(&topology, "db-b", receiver).await;
    eventually(&mut observer, "the receiver stops", |s| of_link(s, "db-b", LinkFact::Receiver) == "stopped").await;
    // Started again, a detached link reaches nothing.
    let start = if flavor == Flavor::Mariadb { "START SLAVE" } else { "START REPLICA" };
    run(&topology, "db-c", start).await;
    let snapshot =
        eventually(&mut observer, "it tries", |s| of_link(s, "db-c", LinkFact::Receiver) == "connecting").await;
    assert_eq!(of_link(&snapshot, "db-c", LinkFact::Fence), "detached");
    topology.end().await.unwrap();
}

async fn an_applier_error_is_told(flavor: Flavor) {
    let topology = start(flavor, 1).await;
    run(&topology, "db-b", "SET sql_log_bin=0; DELETE FROM shop.orders WHERE id=7").await;
    run(&topology, "db-a", "UPDATE shop.orders SET note='x' WHERE id=7").await;
    let mut observer = Observer::new(&fleet(&topology));
    let snapshot =
        eventually(&mut observer, "the applier stops", |s| of_link(s, "db-b", LinkFact::Error) != "none").await;
    let error = of_link(&snapshot, "db-b", LinkFact::Error);
    assert!(error.contains("1032") && error.contains("orders"), "{error}");
    topology.end().await.unwrap();
}

async fn a_silent_server_is_unknown_not_missing(flavor: Flavor) {
    let topology = start(flavor, 2).await;
    let mut observer = Observer::new(&fleet(&topology));
    let before = observer.snapshot(&scope()).await;
    topology.kill(&server("db-b")).await.unwrap();
    let snapshot = observer.snapshot(&scope()).await;
    assert_eq!(snapshot.facts().count(), before.facts().count());
    for (key, known) in snapshot.facts().filter(|(key, _)| key.server == server("db-b")) {
        let why = known.value().expect_err(&key.to_string());
        assert!(why.contains("`db-b` cannot be reached"), "{key}: {why}");
    }
    assert_eq!(of_link(&snapshot, "db-c", LinkFact::Receiver), "running");
    topology.start(&server("db-b")).await.unwrap();
    eventually(&mut observer, "it is back", |s| {
        s.get(&FactKey::server(&server("db-b"), ServerFact::Identity)).unwrap().value().is_ok()
    })
    .await;
    topology.end().await.unwrap();
}

async fn a_wrong_password_says_so_and_shows_none(flavor: Flavor) {
    let topology = start(flavor, 0).await;
    let mut fleet = fleet(&topology);
    fleet.accounts.observe.password_command = Some(vec!["echo".to_owned(), "s3cret".to_owned()]);
    let snapshot = Observer::new(&fleet).snapshot(&scope()).await;
    let identity = known(&snapshot, &FactKey::server(&server("db-a"), ServerFact::Identity));
    let why = identity.value().unwrap_err();
    assert!(why.contains("`db-a` refused the login: 1045"), "{why}");
    assert!(!why.contains("s3cret"), "{why}");
    topology.end().await.unwrap();
}

/// The flavor's own program that reads a binary log like a replica.
fn binlog_program(flavor: Flavor) -> std::path::PathBuf {
    let name = if flavor == Flavor::Mariadb { "mariadb-binlog" } else { "mysqlbinlog" };
    let cached = binaries::cache_dir().unwrap().join(flavor.word()).join("bin").join(name);
    if cached.exists() { cached } else { name.into() }
}

async fn a_reader_that_nothing_explains_is_seen(flavor: Flavor) {
    let topology = start(flavor, 2).await;
    let declared = fleet(&topology);
    let mut observer = Observer::new(&declared);
    let readers = |snapshot: &Snapshot| of_server(snapshot, "db-a", ServerFact::UnexplainedReaders);
    assert_eq!(readers(&observer.snapshot(&scope()).await), Value::names([""; 0]));
    let port = topology.port(&server("db-a")).unwrap().to_string();
    let _stranger = tokio::process::Command::new(binlog_program(flavor))
        .args(["--no-defaults", "--read-from-remote-server", "--stop-never", "--host=127.0.0.1", "--user=repl"])
        .args([format!("--port={port}"), "--raw".to_owned(), format!("--result-file={}/", topology.dir().display())])
        .arg(if flavor == Flavor::Mariadb { "--stop-never-slave-server-id=99" } else { "--connection-server-id=99" })
        .arg("bin.000001")
        .env("MYSQL_PWD", topology.password(Account::Replicate))
        .stdout(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let seen = eventually(&mut observer, "the stranger shows", |s| readers(s) != Value::names([""; 0])).await;
    assert_eq!(readers(&seen), Value::names(["repl@127.0.0.1"]));

    let (name, user) = ("cdc".to_owned(), "repl".to_owned());
    let consumer = Consumer { name, reads: server("db-a"), user, host: None, threads: 1, replica_uuid: None };
    let explained = Fleet { consumers: vec![consumer], ..declared };
    assert_eq!(readers(&Observer::new(&explained).snapshot(&scope()).await), Value::names([""; 0]));
    topology.end().await.unwrap();
}

async fn one_packet_per_server_and_look(flavor: Flavor) {
    let topology = start(flavor, 2).await;
    let mut fleet = fleet(&topology);
    let mut proxies = Vec::new();
    for (name, server) in &mut fleet.servers {
        let proxy = proxy::Proxy::to_port(topology.port(name).unwrap()).await;
        let tls = Tls { mode: TlsMode::Off, ca: None };
        server.endpoint = Endpoint::Tcp { host: "127.0.0.1".to_owned(), port: proxy.port(), tls };
        proxies.push(proxy);
    }
    let mut observer = Observer::new(&fleet);
    let queries = || proxies.iter().map(proxy::Proxy::queries).collect::<Vec<_>>();
    let snapshot = observer.snapshot(&scope()).await;
    assert!(of_table(&snapshot, "db-a", &orders(), TableFact::Exists).is_ok());
    assert_eq!(queries(), [3, 3, 3], "the version, the session, and one packet of probes");
    for look in 1..=3 {
        observer.snapshot(&scope()).await;
        assert_eq!(queries(), [3 + look; 3]);
    }
    topology.end().await.unwrap();
}

async fn absent_is_only_said_by_one_who_would_see_it(flavor: Flavor) {
    let topology = start(flavor, 0).await;
    run(&topology, "db-a", "CREATE TABLE shop.hidden (id INT PRIMARY KEY); CREATE USER narrow@'%' IDENTIFIED BY 'n-1'; GRANT SELECT ON shop.orders TO narrow@'%'").await;
    let scope = Scope { tables: ["shop.orders", "shop.hidden", "shop.none"].map(table).into() };
    let seen = |snapshot: &Snapshot, name: &str| of_table(snapshot, "db-a", &table(name), TableFact::Exists);
    let mut wide = fleet(&topology);
    let snapshot = Observer::new(&wide).snapshot(&scope).await;
    assert_eq!(
        [seen(&snapshot, "shop.hidden"), seen(&snapshot, "shop.none")],
        [Ok("yes".to_owned()), Ok("no".to_owned())]
    );

    wide.accounts.observe.user = Some("narrow".to_owned());
    wide.accounts.observe.password_command = Some(vec!["echo".to_owned(), "n-1".to_owned()]);
    let snapshot = Observer::new(&wide).snapshot(&scope).await;
    assert_eq!(seen(&snapshot, "shop.orders"), Ok("yes".to_owned()));
    for hidden in ["shop.hidden", "shop.none"] {
        assert!(seen(&snapshot, hidden).unwrap_err().contains("grant it SELECT"), "{hidden}");
    }
    for fact in [ServerFact::UnexplainedReaders, ServerFact::Channels, ServerFact::BinlogFilter] {
        assert!(known(&snapshot, &FactKey::server(&server("db-a"), fact)).value().is_err(), "{fact:?}");
    }
    topology.end().await.unwrap();
}

async fn keys_and_odd_names_are_read(flavor: Flavor) {
    let topology = start(flavor, 0).await;
    let parent = table("shop.my-parent");
    run(&topology, "db-a", "CREATE TABLE shop.`my-parent` (id INT PRIMARY KEY, up INT, CONSTRAINT self FOREIGN KEY (up) REFERENCES shop.`my-parent` (id)); CREATE TABLE shop.child (id INT PRIMARY KEY, p INT, CONSTRAINT to_parent FOREIGN KEY (p) REFERENCES shop.`my-parent` (id)); CREATE TABLE shop.parts (id INT PRIMARY KEY) PARTITION BY HASH (id) PARTITIONS 2").await;
    let scope = Scope { tables: BTreeSet::from([parent.clone(), table("shop.child"), table("shop.parts")]) };
    let snapshot = Observer::new(&fleet(&topology)).snapshot(&scope).await;
    let fact = |table: &TableName, fact| of_table(&snapshot, "db-a", table, fact).unwrap();
    assert_eq!(fact(&parent, TableFact::OwnForeignKeys), "`self`");
    assert!(fact(&parent, TableFact::PointingForeignKeys).contains("shop.child.to_parent"));
    assert_eq!(fact(&table("shop.child"), TableFact::OwnForeignKeys), "`to_parent`");
    assert_eq!(fact(&table("shop.child"), TableFact::PointingForeignKeys), "none");
    assert!(fact(&parent, TableFact::ObjectId).starts_with("innodb "), "{}", fact(&parent, TableFact::ObjectId));
    let parts = fact(&table("shop.parts"), TableFact::ObjectId);
    assert!(parts.starts_with("innodb ") && parts.contains(','), "{parts}");
    assert!(fact(&table("shop.parts"), TableFact::Definition).len() == 64);
    topology.end().await.unwrap();
}

async fn damage_is_seen_and_the_server_lives(flavor: Flavor) {
    let topology = start(flavor, 1).await;
    break_it::break_it(&topology, Damage::CorruptTable, &server("db-a"), &orders()).await.unwrap();
    let mut observer = Observer::new(&fleet(&topology));
    for _ in 0..2 {
        let snapshot = observer.snapshot(&scope()).await;
        let damage = of_table(&snapshot, "db-a", &orders(), TableFact::Damage).unwrap();
        assert!(damage.contains("corrupted") || damage.contains("missing"), "{damage}");
        assert_eq!(of_table(&snapshot, "db-a", &orders(), TableFact::Exists), Ok("yes".to_owned()));
        assert_eq!(of_table(&snapshot, "db-b", &orders(), TableFact::Damage), Ok("none".to_owned()));
    }
    topology.end().await.unwrap();
}

async fn is_running(topology: &Topology, name: &str) -> bool {
    matches!(topology.processes().await.unwrap()[&server(name)], ProcessState::Running { .. })
}

/// Seen on MySQL 9.7: describing a table whose root page is garbage ends the server, unless its statistics are kept.
#[tokio::test]
async fn looking_at_a_damaged_table_never_ends_a_mysql_server() {
    for kept in [1, 0] {
        let topology = start(Flavor::Mysql, 0).await;
        run(&topology, "db-a", &format!("ALTER TABLE shop.orders STATS_PERSISTENT={kept}")).await;
        break_it::break_it(&topology, Damage::RootPage, &server("db-a"), &orders()).await.unwrap();
        let mut observer = Observer::new(&fleet(&topology));
        for _ in 0..3 {
            let snapshot = observer.snapshot(&scope()).await;
            let definition = of_table(&snapshot, "db-a", &orders(), TableFact::Definition);
            assert_eq!(definition.is_ok(), kept == 1, "{definition:?}");
        }
        assert!(is_running(&topology, "db-a").await);
        if kept == 0 {
            // The control: what the observer leaves out does end it.
            let asked = topology.query(&server("db-a"), "SHOW CREATE TABLE shop.orders").await;
            assert!(asked.is_err(), "{asked:?}");
        }
        topology.end().await.unwrap();
    }
}

/// Each test on a real server of each flavor.
macro_rules! on_both {
    ($($test:ident)*) => {
        mod mariadb { $(#[tokio::test] async fn $test() { super::$test(super::Flavor::Mariadb).await; })* }
        mod mysql { $(#[tokio::test] async fn $test() { super::$test(super::Flavor::Mysql).await; })* }
    };
}

on_both! {
    every_fact_is_known
    pauses_and_fences_are_seen
    an_applier_error_is_told
    a_silent_server_is_unknown_not_missing
    a_wrong_password_says_so_and_shows_none
    a_reader_that_nothing_explains_is_seen
    one_packet_per_server_and_look
    absent_is_only_said_by_one_who_would_see_it
    keys_and_odd_names_are_read
    damage_is_seen_and_the_server_lives
}
