//! The servers of the CxAlloy outage: a primary whose `shop.orders` is corrupt, two replicas, and a client that writes.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use countersign::domain::base::{ServerName, TableName};
use countersign::lab::{self, Account, Damage, Flavor, Link, Setup, Shape, Topology};
use mysql_async::prelude::Queryable;

use crate::driver::{Office, eventually};

pub const SERVERS: [&str; 3] = ["db-a", "db-b", "db-c"];
pub const REBUILD: &str = "runbooks/rebuild-table-from-replica.yaml";
pub const PARAMS: [&str; 3] = ["table=shop.orders", "primary=db-a", "spare=db-c"];
const DROP: &str = "DROP TABLE `shop`.`orders`";

pub fn server(name: &str) -> ServerName {
    name.parse().unwrap()
}

pub struct Scene {
    pub topology: Topology,
    pub office: Office,
}

/// What a server answers.
pub type Rows = Vec<Vec<Option<String>>>;

/// What a server holds, for comparing it before and after.
#[derive(Debug, PartialEq, Eq)]
pub struct Holds {
    tables: Vec<Vec<Option<String>>>,
    orders: Vec<Vec<Option<String>>>,
    identity: Vec<Vec<Option<String>>>,
}

impl Scene {
    /// Everything in place and the table corrupt on db-a.
    pub async fn broken(flavor: Flavor, rows: u64) -> Self {
        let scene = Self::whole(flavor, rows).await;
        let orders = TableName::parse("shop.orders").unwrap();
        lab::break_it::break_it(&scene.topology, Damage::CorruptTable, &server("db-a"), &orders).await.unwrap();
        scene
    }

    pub async fn whole(flavor: Flavor, rows: u64) -> Self {
        let keeper = Path::new(env!("CARGO_BIN_EXE_countersign"));
        let topology = Setup::new(flavor, Shape::replicas(2).unwrap()).start(keeper).await.unwrap();
        lab::seed::seed(&topology, &TableName::parse("shop.orders").unwrap(), rows).await.unwrap();
        for sql in [
            "CREATE DATABASE crm",
            "CREATE TABLE shop.events (id BIGINT AUTO_INCREMENT PRIMARY KEY, at DATETIME(6), what VARCHAR(40))",
            "CREATE TABLE crm.visits (id BIGINT AUTO_INCREMENT PRIMARY KEY, at DATETIME(6), who VARCHAR(40))",
        ] {
            topology.query(&server("db-a"), sql).await.unwrap();
        }
        topology.wait_caught_up().await.unwrap();
        Self { topology, office: Office::open() }
    }

    pub async fn rows(&self, name: &str, sql: &str) -> Vec<Vec<Option<String>>> {
        self.topology.query(&server(name), sql).await.unwrap()
    }

    /// How often a server was sent the DROP to run it, by its general log. Preparing it, which only proves that it is one
    /// statement, is not running it.
    pub fn drops(&self, name: &str) -> usize {
        let log = self.topology.general_log(&server(name)).unwrap();
        let runs = |line: &&str| line.contains(DROP) && line.contains("Query") && !line.contains("PREPARE ");
        log.lines().filter(runs).count()
    }

    /// The control of [`Self::drops`]: the log is on and tells a statement like it.
    pub async fn the_log_is_on(&self, name: &str) {
        let log = || self.topology.general_log(&server(name)).unwrap();
        assert!(!log().contains("DROP TABLE `crm`.`control`"));
        self.rows(name, "CREATE TABLE crm.control (id INT)").await;
        self.rows(name, "DROP TABLE `crm`.`control`").await;
        assert!(log().lines().any(|line| line.contains("DROP TABLE `crm`.`control`") && line.contains("Query")));
    }

    /// The names of all tables of people.
    pub async fn tables(&self, name: &str) -> Vec<Vec<Option<String>>> {
        let sql = "SELECT table_schema, table_name FROM information_schema.tables WHERE table_schema NOT IN \
                   ('mysql', 'sys', 'information_schema', 'performance_schema') ORDER BY 1, 2";
        self.rows(name, sql).await
    }

    /// What the storage engine calls the table: a table made anew has another number.
    pub async fn identity(&self, name: &str) -> Rows {
        self.identity_of(name, "orders").await
    }

    pub async fn identity_of(&self, name: &str, table: &str) -> Rows {
        let view = match self.topology.flavor() {
            Flavor::Mariadb => "INNODB_SYS_TABLES",
            Flavor::Mysql => "INNODB_TABLES",
        };
        let sql = format!("SELECT TABLE_ID FROM information_schema.{view} WHERE NAME = 'shop/{table}'");
        let found = self.rows(name, &sql).await;
        assert_eq!(found.len(), 1, "the identity of shop.{table} on {name}");
        found
    }

    /// What a replica holds.
    pub async fn holds(&self, name: &str) -> Holds {
        Holds { tables: self.tables(name).await, orders: self.orders(name).await, identity: self.identity(name).await }
    }

    /// Checksum, number of rows and definition of the table on one server.
    pub async fn orders(&self, name: &str) -> Vec<Vec<Option<String>>> {
        let mut all = self.rows(name, "CHECKSUM TABLE shop.orders").await;
        all.extend(self.rows(name, "SELECT COUNT(*), MIN(id), MAX(id), SUM(tax) FROM shop.orders").await);
        all.extend(self.rows(name, "SHOW CREATE TABLE shop.orders").await);
        all
    }

    /// Every table is equal on all servers, replication runs, and nobody wrote but db-a.
    pub async fn expect_equal_everywhere(&self) {
        self.topology.wait_caught_up().await.unwrap();
        let create = format!("{:?}", self.rows("db-a", "SHOW CREATE TABLE shop.orders").await);
        assert!(create.contains("AUTO_INCREMENT="), "{create}");
        let first = (self.orders("db-a").await, self.others("db-a").await, self.gtids("db-a").await);
        for name in &SERVERS[1..] {
            assert_eq!(self.orders(name).await, first.0, "shop.orders on {name}");
            assert_eq!(self.others(name).await, first.1, "the other tables on {name}");
            assert_eq!(self.gtids(name).await, first.2, "GTIDs on {name}");
            let links = self.topology.links(&server(name)).await.unwrap();
            assert!(links.len() == 1 && links.iter().all(Link::flows), "{name}: {links:?}");
        }
    }

    async fn others(&self, name: &str) -> Vec<Vec<Option<String>>> {
        let mut all = self.rows(name, "CHECKSUM TABLE shop.events, crm.visits").await;
        all.extend(
            self.rows(name, "SELECT (SELECT COUNT(*) FROM shop.events), (SELECT COUNT(*) FROM crm.visits)").await,
        );
        all
    }

    /// Everything a server has executed; a server that wrote on its own has more than the others.
    async fn gtids(&self, name: &str) -> Vec<Vec<Option<String>>> {
        match self.topology.flavor() {
            Flavor::Mariadb => self.rows(name, "SELECT @@gtid_binlog_state").await,
            Flavor::Mysql => self.rows(name, "SELECT @@gtid_executed").await,
        }
    }

    /// Starts a client that writes to two tables, some 200 transactions a second.
    pub async fn writer(&self) -> Writer {
        let (stop, written) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let mut conn = self.topology.connect(&server("db-a"), Account::Root).await.unwrap();
        let (stopped, count) = (Arc::clone(&stop), Arc::clone(&written));
        let task = tokio::spawn(async move {
            let mut tick = tokio::time::interval(Duration::from_millis(5));
            while !stopped.load(Ordering::Relaxed) {
                tick.tick().await;
                let number = count.fetch_add(1, Ordering::Relaxed);
                let sql = if number.is_multiple_of(2) {
                    "INSERT INTO shop.events (at, what) VALUES (NOW(6), 'an event')"
                } else {
                    "INSERT INTO crm.visits (at, who) VALUES (NOW(6), 'somebody')"
                };
                conn.query_drop(sql).await.unwrap();
            }
            conn.disconnect().await.unwrap();
        });
        let writer = Writer { stop, written, task };
        eventually("the client writes", || (writer.count() > 20).then_some(()));
        writer
    }
}

/// A client that writes until it is stopped.
pub struct Writer {
    stop: Arc<AtomicBool>,
    written: Arc<AtomicU64>,
    task: tokio::task::JoinHandle<()>,
}

impl Writer {
    pub fn count(&self) -> u64 {
        self.written.load(Ordering::Relaxed)
    }

    /// Ends the client, which must not have failed, and gives the number of its transactions.
    pub async fn stop(self) -> u64 {
        self.stop.store(true, Ordering::Relaxed);
        self.task.await.unwrap();
        self.written.load(Ordering::Relaxed)
    }
}
