//! Measurements of tables on real servers of both flavors: checks, counts and checksums.

use std::collections::BTreeSet;
use std::path::Path;

use countersign::domain::base::{Digest, ServerName, TableName};
use countersign::domain::fleet::{Fleet, Server, read};
use countersign::domain::snapshot::{FactKey, Finding, ServerFact, TableFact, Value};
use countersign::lab::{Account, Damage, Flavor, Setup, Shape, Topology, break_it, keeper::ProcessState, seed};
use countersign::observe::measure::{Columns, MeasureError, Progress, Suspicion, check_table, checksum};
use countersign::observe::{Observer, Scope};
use mysql_async::prelude::Queryable;
use tokio::sync::watch;

const KEEPER: &str = env!("CARGO_BIN_EXE_countersign");
const ROWS: u64 = 25_000;

fn server(name: &str) -> ServerName {
    ServerName::parse(name).unwrap()
}

fn orders() -> TableName {
    TableName::parse("shop.orders").unwrap()
}

struct Measured {
    topology: Topology,
    fleet: Fleet,
}

impl Measured {
    async fn start(flavor: Flavor, replicas: usize) -> Self {
        let topology = Setup::new(flavor, Shape::replicas(replicas).unwrap()).start(Path::new(KEEPER)).await.unwrap();
        seed::seed(&topology, &orders(), ROWS).await.unwrap();
        topology.wait_caught_up().await.unwrap();
        let text = std::fs::read_to_string(topology.fleet_file()).unwrap();
        let file: read::FleetFile = serde_yaml::from_str(&text).unwrap();
        let fleet = read::resolve(file, Digest::of(text.as_bytes())).unwrap();
        Self { topology, fleet }
    }

    fn server(&self, name: &str) -> &Server {
        self.fleet.server(&server(name)).unwrap()
    }

    async fn run(&self, on: &str, sql: &str) {
        let mut connection = self.topology.connect(&server(on), Account::Root).await.unwrap();
        connection.query_drop(sql).await.unwrap();
    }

    async fn checksum(&self, on: &str, table: &TableName) -> Finding {
        let (progress, _) = watch::channel(Progress::default());
        let login = &self.fleet.accounts.observe;
        checksum(self.server(on), login, table, &Columns::All, Suspicion::Clean, "compare", &progress).await.unwrap()
    }

    async fn check(&self, on: &str, suspicion: Suspicion) -> Result<Finding, MeasureError> {
        check_table(self.server(on), &self.fleet.accounts.observe, &orders(), suspicion, "check").await
    }
}

async fn equal_rows_have_equal_checksums(flavor: Flavor) {
    let fleet = Measured::start(flavor, 2).await;
    let findings = [
        fleet.checksum("db-a", &orders()).await,
        fleet.checksum("db-b", &orders()).await,
        fleet.checksum("db-c", &orders()).await,
    ];
    let sums: BTreeSet<_> = findings.iter().map(|finding| finding.checksum.clone().unwrap()).collect();
    assert_eq!(sums.len(), 1, "{sums:?}");
    assert!(findings.iter().all(|finding| finding.good && finding.rows == Some(ROWS)));

    // One row, changed where nobody else sees it: the smallest difference there is.
    fleet.run("db-b", "SET sql_log_bin=0; UPDATE shop.orders SET note='' WHERE note IS NULL LIMIT 1").await;
    assert_ne!(fleet.checksum("db-b", &orders()).await.checksum, findings[0].checksum);
    fleet.topology.end().await.unwrap();
}

async fn a_finding_says_what_it_depends_on(flavor: Flavor) {
    let fleet = Measured::start(flavor, 0).await;
    let (progress, watched) = watch::channel(Progress::default());
    let login = &fleet.fleet.accounts.observe;
    let some = Columns::Only(["id".to_owned(), "amount".to_owned()].into());
    let target = fleet.server("db-a");
    let partly = checksum(target, login, &orders(), &some, Suspicion::Clean, "compare", &progress).await.unwrap();
    assert_eq!(watched.borrow().rows, ROWS);
    let whole = fleet.checksum("db-a", &orders()).await;
    assert_ne!(partly.checksum, whole.checksum);

    let checked = fleet.check("db-a", Suspicion::Clean).await.unwrap();
    assert!(checked.good && checked.rows == Some(ROWS), "{checked:?}");
    let scope = Scope { tables: BTreeSet::from([orders()]) };
    let snapshot = Observer::new(&fleet.fleet).snapshot(&scope).await;
    let value = |key: FactKey| snapshot.get(&key).unwrap().value().unwrap().clone();
    for finding in [&whole, &checked] {
        let position = finding.position.clone().map(Value::Position);
        assert_eq!(position, Some(value(FactKey::server(&server("db-a"), ServerFact::Position))));
        for (fact, kept) in [(TableFact::Definition, &finding.definition), (TableFact::ObjectId, &finding.object_id)] {
            assert_eq!(kept.clone().map(Value::Text), Some(value(FactKey::table(&server("db-a"), &orders(), fact))));
        }
        assert!(finding.booted.is_some());
    }
    let missing = TableName::parse("shop.none").unwrap();
    let error = check_table(target, login, &missing, Suspicion::Clean, "check").await.unwrap_err();
    assert!(matches!(error, MeasureError::Missing { .. }), "{error}");
    fleet.topology.end().await.unwrap();
}

/// Every kind of column and key: what two servers hold alike must sum up alike, in chunks or in one piece.
async fn every_kind_of_column_is_summed(flavor: Flavor) {
    let fleet = Measured::start(flavor, 1).await;
    let columns = "f FLOAT, d DOUBLE, b BIT(64), j JSON, e ENUM('x','y'), s SET('p','q'), t TIME(3), y YEAR, ts TIMESTAMP(6) NULL, \
                   lb LONGBLOB, c CHAR(5) CHARACTER SET latin1, g GEOMETRY, big BIGINT UNSIGNED";
    let values = "0.1, 1e300, b'1', '{\"b\": [1, 2], \"a\": null}', 'y', 'p,q', '-12:30:00.5', 2026, '2026-11-22 03:04:05.6', \
                  REPEAT('z', 100000), 'é', ST_GeomFromText('POINT(1 2)'), 18446744073709551615";
    for (name, key) in
        [("by_two", "k1 VARCHAR(20), k2 BIGINT UNSIGNED, PRIMARY KEY (k1, k2)"), ("no_key", "k1 INT, k2 INT")]
    {
        fleet.run("db-a", &format!("SET time_zone='+05:00'; CREATE TABLE shop.{name} ({key}, {columns}); INSERT INTO shop.{name} VALUES ('1', 18446744073709551615 % 100, {values})")).await;
    }
    // Enough rows for several chunks, over a key of two columns.
    fleet.run("db-a", "INSERT INTO shop.by_two (k1, k2) SELECT CONCAT('K', id % 7), id FROM shop.orders; INSERT INTO shop.no_key (k1) VALUES (1), (1)").await;
    fleet.topology.wait_caught_up().await.unwrap();
    let table = |name: &str| TableName::new("shop", name).unwrap();
    for (name, rows) in [("by_two", ROWS + 1), ("no_key", 3)] {
        let here = fleet.checksum("db-a", &table(name)).await;
        let there = fleet.checksum("db-b", &table(name)).await;
        assert_eq!((here.rows, here.checksum.clone()), (Some(rows), there.checksum), "{name}");
        // Two equal rows must not cancel out.
        fleet.run("db-b", &format!("SET sql_log_bin=0; DELETE FROM shop.{name} WHERE f IS NULL LIMIT 2")).await;
        assert_ne!(fleet.checksum("db-b", &table(name)).await.checksum, here.checksum, "{name}");
    }
    for column in ["f", "d", "b", "e", "s", "t", "y", "ts", "lb", "c", "big"] {
        let before = fleet.checksum("db-b", &table("by_two")).await.checksum;
        fleet
            .run("db-b", &format!("SET sql_log_bin=0; UPDATE shop.by_two SET {column}=NULL WHERE {column} IS NOT NULL"))
            .await;
        assert_ne!(fleet.checksum("db-b", &table("by_two")).await.checksum, before, "{column}");
    }
    fleet.topology.end().await.unwrap();
}

async fn damage_is_a_finding(flavor: Flavor) {
    let fleet = Measured::start(flavor, 0).await;
    break_it::break_it(&fleet.topology, Damage::CorruptTable, &server("db-a"), &orders()).await.unwrap();
    let finding = fleet.check("db-a", Suspicion::Clean).await.unwrap();
    assert!(!finding.good, "{finding:?}");
    let finding = fleet.checksum("db-a", &orders()).await;
    assert!(!finding.good && finding.checksum.is_none(), "{finding:?}");
    fleet.topology.end().await.unwrap();
}

#[tokio::test]
async fn a_suspected_mysql_table_is_not_read_and_one_that_ends_the_server_is_a_finding() {
    let fleet = Measured::start(Flavor::Mysql, 0).await;
    break_it::break_it(&fleet.topology, Damage::RootPage, &server("db-a"), &orders()).await.unwrap();
    let refused = fleet.check("db-a", Suspicion::Suspected).await.unwrap_err();
    assert!(matches!(refused, MeasureError::TooDangerous { .. }), "{refused}");
    let processes = fleet.topology.processes().await.unwrap();
    assert!(matches!(processes[&server("db-a")], ProcessState::Running { .. }));

    let finding = fleet.check("db-a", Suspicion::Clean).await.unwrap();
    assert!(!finding.good && finding.detail.contains("went away"), "{finding:?}");
    fleet.topology.end().await.unwrap();
}

/// Each test on a real server of each flavor.
macro_rules! on_both {
    ($($test:ident)*) => {
        mod mariadb { $(#[tokio::test] async fn $test() { super::$test(super::Flavor::Mariadb).await; })* }
        mod mysql { $(#[tokio::test] async fn $test() { super::$test(super::Flavor::Mysql).await; })* }
    };
}

on_both! {
    equal_rows_have_equal_checksums
    a_finding_says_what_it_depends_on
    every_kind_of_column_is_summed
    damage_is_a_finding
}
