//! Two real servers that follow nobody, a table on both, and the runs that drop it on the first.

use std::collections::BTreeMap;
use std::path::Path;

use countersign::domain::approval::policy::Policy;
use countersign::domain::approval::trust::Trust;
use countersign::domain::base::{Digest, ServerName};
use countersign::domain::fleet::read::{FleetFile, resolve};
use countersign::domain::fleet::{Endpoint, Fleet};
use countersign::domain::runbook::{self, Runbook};
use countersign::lab::{Account, Flavor, Setup, Shape, Topology};
use countersign::simulate::people;
use countersign::store::sqlite::SqliteStore;
use mysql_async::Conn;
use mysql_async::prelude::Queryable as _;

use crate::proxy::Proxy;

pub const DROP: &str = "DROP TABLE `d`.`t`";
const RUNBOOK: &str = include_str!("../cases/drop-logged.yaml");
const TABLE: &str = "CREATE TABLE IF NOT EXISTS d.t (id INT PRIMARY KEY) ENGINE=InnoDB";

pub fn server(name: &str) -> ServerName {
    name.parse().unwrap()
}

/// What a run is made of, as every process reads it anew.
pub struct Case {
    pub fleet: Fleet,
    pub fleet_text: String,
    pub runbook: Runbook,
    pub trust: Trust,
}

impl Case {
    /// The DROP that most of these tests are about.
    pub fn of(fleet_file: &Path) -> Self {
        Self::new(fleet_file, RUNBOOK, &[("table", "d.t"), ("primary", "db-a"), ("spare", "db-b")])
    }

    pub fn new(fleet_file: &Path, runbook: &str, params: &[(&str, &str)]) -> Self {
        let fleet_text = std::fs::read_to_string(fleet_file).unwrap();
        let file: FleetFile = serde_yaml::from_str(&fleet_text).unwrap();
        let fleet = resolve(file, Digest::of(fleet_text.as_bytes())).unwrap();
        let params: BTreeMap<String, String> =
            params.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let runbook = runbook::read("a runbook", runbook).unwrap().resolve(&params, &fleet).unwrap();
        let trust = people::trust(Policy::default_text(), &[]).unwrap();
        Self { fleet, fleet_text, runbook, trust }
    }
}

pub struct Stage {
    pub topology: Topology,
    pub case: Case,
    pub store: SqliteStore,
    home: tempfile::TempDir,
}

impl Stage {
    pub async fn new(flavor: Flavor) -> Self {
        let shape = Shape::of(&[("db-a", &[]), ("db-b", &[])]).unwrap();
        let keeper = Path::new(env!("CARGO_BIN_EXE_countersign"));
        let topology = Setup::new(flavor, shape).start(keeper).await.unwrap();
        let case = Case::of(&topology.fleet_file());
        let home = tempfile::tempdir().unwrap();
        let store = SqliteStore::create(home.path()).unwrap();
        let stage = Self { topology, case, store, home };
        for name in ["db-a", "db-b"] {
            // A server tells that a table is absent only to somebody who sees another one beside it.
            for sql in ["CREATE DATABASE d", "CREATE TABLE d.sibling (id INT PRIMARY KEY)", TABLE] {
                stage.sql(name, sql).await;
            }
            stage.sql(name, "INSERT INTO d.t VALUES (1)").await;
        }
        stage
    }

    pub fn flavor(&self) -> Flavor {
        self.topology.flavor()
    }

    /// Where the journals are.
    pub fn state(&self) -> &Path {
        self.home.path()
    }

    pub async fn sql(&self, name: &str, sql: &str) -> Vec<Vec<Option<String>>> {
        self.topology.query(&server(name), sql).await.unwrap_or_else(|error| panic!("{sql}: {error}"))
    }

    /// The table is on the first server as it was before the last run.
    pub async fn restore(&self) {
        self.sql("db-a", TABLE).await;
        self.sql("db-a", "INSERT IGNORE INTO d.t VALUES (1)").await;
    }

    pub async fn has_table(&self) -> bool {
        let sql = "SELECT 1 FROM information_schema.TABLES WHERE TABLE_SCHEMA='d' AND TABLE_NAME='t'";
        !self.sql("db-a", sql).await.is_empty()
    }

    /// A session that keeps the table from being dropped, until it commits.
    pub async fn holder(&self) -> Conn {
        let mut conn = self.topology.connect(&server("db-a"), Account::Root).await.unwrap();
        conn.query_drop("BEGIN").await.unwrap();
        conn.query_drop("SELECT * FROM d.t").await.unwrap();
        conn
    }

    /// Whether a DROP waits for that session.
    pub async fn drop_waits(&self) -> bool {
        let list = self.sql("db-a", "SHOW FULL PROCESSLIST").await;
        list.into_iter().any(|row| row.iter().flatten().any(|text| text.contains("Waiting for table metadata lock")))
    }

    /// A relay in front of the first server, and the fleet as it is reached through it.
    pub fn relayed(&self) -> (Proxy, Fleet) {
        let proxy = Proxy::to_socket(&self.topology.socket(&server("db-a")));
        let mut fleet = self.case.fleet.clone();
        let path = proxy.socket().to_string_lossy().into_owned();
        fleet.servers.get_mut(&server("db-a")).unwrap().endpoint = Endpoint::Socket { path };
        (proxy, fleet)
    }
}
