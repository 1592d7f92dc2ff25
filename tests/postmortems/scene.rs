//! The servers of the CxAlloy outage: a primary whose `shop.orders` is corrupt, two replicas, and a client that writes.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use countersign::domain::base::{Digest, ServerName, TableName};
use countersign::lab::{self, Account, Damage, Flavor, Link, Setup, Shape, Topology};
use mysql_async::Conn;
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
        Self::damaged(flavor, rows, Damage::CorruptTable).await
    }

    /// Everything in place and the table damaged in this way on db-a.
    pub async fn damaged(flavor: Flavor, rows: u64, damage: Damage) -> Self {
        let scene = Self::whole(flavor, rows).await;
        let orders = TableName::parse("shop.orders").unwrap();
        lab::break_it::break_it(&scene.topology, damage, &server("db-a"), &orders).await.unwrap();
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
            "CREATE TRIGGER shop.in_capitals BEFORE INSERT ON shop.events FOR EACH ROW SET NEW.what = UPPER(NEW.what)",
        ] {
            topology.query(&server("db-a"), sql).await.unwrap();
        }
        leave_a_gap(&topology).await;
        topology.wait_caught_up().await.unwrap();
        Self { topology, office: Office::open() }
    }

    /// Waits until the server works on so many statements that compute without end.
    pub async fn until_running(&self, name: &str, wanted: usize) {
        let began = std::time::Instant::now();
        let count =
            "SELECT ID FROM information_schema.PROCESSLIST WHERE INFO LIKE '%AS every%' AND ID <> CONNECTION_ID()";
        while self.rows(name, count).await.len() != wanted {
            let list = self.rows(name, "SHOW FULL PROCESSLIST").await;
            assert!(began.elapsed() < std::time::Duration::from_secs(30), "never {wanted} of them: {list:?}");
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
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
        let next =
            self.topology.value(&server("db-a"), "SELECT MAX(id) + 5001 FROM shop.orders").await.unwrap().unwrap();
        assert!(create.contains(&format!("AUTO_INCREMENT={next} ")), "the next number is not {next}: {create}");
        let first = (self.orders("db-a").await, self.others("db-a").await, self.gtids("db-a").await);
        for name in &SERVERS[1..] {
            assert_eq!(self.orders(name).await, first.0, "shop.orders on {name}");
            assert_eq!(self.others(name).await, first.1, "the other tables on {name}");
            assert_eq!(self.gtids(name).await, first.2, "GTIDs on {name}");
            let links = self.topology.links(&server(name)).await.unwrap();
            assert!(links.len() == 1 && links.iter().all(Link::flows), "{name}: {links:?}");
        }
    }

    /// Rows, definitions and triggers of everything but `shop.orders`.
    async fn others(&self, name: &str) -> Vec<Vec<Option<String>>> {
        let mut all = self.rows(name, "CHECKSUM TABLE shop.events, crm.visits").await;
        for sql in [
            "SELECT (SELECT COUNT(*) FROM shop.events), (SELECT COUNT(*) FROM crm.visits)",
            "SHOW CREATE TABLE shop.events",
            "SHOW CREATE TABLE crm.visits",
        ] {
            all.extend(self.rows(name, sql).await);
        }
        all.extend(self.triggers(name).await);
        all
    }

    /// Every trigger of people with its statement; there is always the one on `shop.events`.
    pub async fn triggers(&self, name: &str) -> Vec<Vec<Option<String>>> {
        let sql = "SELECT trigger_schema, trigger_name, event_object_table, action_statement FROM \
                   information_schema.triggers WHERE trigger_schema <> 'sys' ORDER BY 1, 2";
        let found = self.rows(name, sql).await;
        assert!(!found.is_empty(), "the triggers of {name} are not seen");
        found
    }

    /// Every row that the client was told is written is on every server, and no other.
    pub async fn expect_every_row_of_the_client(&self, written: u64) {
        self.topology.wait_caught_up().await.unwrap();
        for name in SERVERS {
            let sql = "SELECT (SELECT COUNT(*) FROM shop.events WHERE what = 'AN EVENT') + \
                       (SELECT COUNT(*) FROM crm.visits WHERE who = 'somebody')";
            let found = self.rows(name, sql).await;
            assert_eq!(found[0][0].as_deref(), Some(written.to_string().as_str()), "the client's rows on {name}");
        }
    }

    /// The process of every server: another one after a restart, none after an abort.
    pub async fn processes(&self) -> Vec<String> {
        let processes = self.topology.processes().await.unwrap();
        SERVERS.map(|name| format!("{name} {:?}", processes[&server(name)])).to_vec()
    }

    /// What people have on a server, for comparing it before and after, but for the rows that the client writes. The
    /// damaged table's rows cannot be read: of it, the bytes of its file count.
    pub async fn everything(&self, name: &str) -> Vec<Vec<Option<String>>> {
        let view = match self.topology.flavor() {
            Flavor::Mariadb => "INNODB_SYS_TABLES",
            Flavor::Mysql => "INNODB_TABLES",
        };
        let ids = format!(
            "SELECT NAME, TABLE_ID FROM information_schema.{view} WHERE NAME LIKE 'shop/%' OR NAME LIKE 'crm/%' ORDER BY 1"
        );
        let mut all = self.tables(name).await;
        all.extend(self.rows(name, &ids).await);
        all.extend(self.triggers(name).await);
        if name == "db-a" {
            let file = self.topology.datadir(&server(name)).join("shop/orders.ibd");
            all.push(vec![std::fs::read(file).ok().map(|bytes| Digest::of(&bytes).to_string())]);
            return all;
        }
        for row in self.tables(name).await {
            let table = row.into_iter().flatten().collect::<Vec<_>>().join(".");
            if !["shop.events", "crm.visits"].contains(&table.as_str()) {
                all.extend(self.rows(name, &format!("CHECKSUM TABLE {table}")).await);
                all.extend(self.rows(name, &format!("SHOW CREATE TABLE {table}")).await);
            }
        }
        all
    }

    /// Everything a server has executed; a server that wrote on its own has more than the others.
    pub async fn gtids(&self, name: &str) -> Vec<Vec<Option<String>>> {
        match self.topology.flavor() {
            Flavor::Mariadb => self.rows(name, "SELECT @@gtid_binlog_state").await,
            Flavor::Mysql => self.rows(name, "SELECT @@gtid_executed").await,
        }
    }

    /// Starts a client that writes to two tables in two schemas, 200 transactions a second over its connections.
    pub async fn writer(&self) -> Writer {
        let (stop, written) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let mut tasks = Vec::new();
        for number in 0..CONNECTIONS {
            let conn = self.topology.connect(&server("db-a"), Account::Root).await.unwrap();
            let sql = if number % 2 == 0 {
                "INSERT INTO shop.events (at, what) VALUES (NOW(6), 'an event')"
            } else {
                "INSERT INTO crm.visits (at, who) VALUES (NOW(6), 'somebody')"
            };
            tasks.push(tokio::spawn(write(conn, sql, Arc::clone(&stop), Arc::clone(&written))));
        }
        let writer = Writer { stop, written, tasks, began: Instant::now() };
        eventually("the client writes", || (writer.count() > 20).then_some(()));
        writer
    }
}

/// Several, as an application has: one alone would keep its pace only where every answer comes within 5 ms.
const CONNECTIONS: u32 = 8;

/// Writes on one connection until it is told to stop. What was missed is caught up with, so that the pace is that of the
/// whole time.
async fn write(mut conn: Conn, sql: &'static str, stop: Arc<AtomicBool>, written: Arc<AtomicU64>) {
    let mut tick = tokio::time::interval(Duration::from_millis(5) * CONNECTIONS);
    while !stop.load(Ordering::Relaxed) {
        tick.tick().await;
        conn.query_drop(sql).await.unwrap();
        written.fetch_add(1, Ordering::Relaxed);
    }
    conn.disconnect().await.unwrap();
}

/// The last number that was given is not the highest that is there: a copy must keep it for the next row.
async fn leave_a_gap(topology: &Topology) {
    let last = "SELECT 5000 + MAX(id) FROM shop.orders";
    let last = topology.value(&server("db-a"), last).await.unwrap().unwrap();
    let row = format!(
        "INSERT INTO shop.orders (id, customer, state, amount, placed_at) VALUES ({last}, 1, 'new', 1, NOW(6))"
    );
    topology.query(&server("db-a"), &row).await.unwrap();
    topology.query(&server("db-a"), &format!("DELETE FROM shop.orders WHERE id = {last}")).await.unwrap();
}

/// A client that writes until it is stopped.
pub struct Writer {
    stop: Arc<AtomicBool>,
    written: Arc<AtomicU64>,
    tasks: Vec<tokio::task::JoinHandle<()>>,
    began: Instant,
}

/// What the client must have reached on average, of the 200 transactions a second that it is paced at.
const PACE: f64 = 190.0;

impl Writer {
    pub fn count(&self) -> u64 {
        self.written.load(Ordering::Relaxed)
    }

    /// Ends the client, which must not have failed, and gives the number of its transactions.
    pub async fn stop(self) -> u64 {
        self.stop.store(true, Ordering::Relaxed);
        for task in self.tasks {
            task.await.unwrap();
        }
        self.written.load(Ordering::Relaxed)
    }

    /// Like [`Self::stop`], and it must have kept its pace over its whole time: a pause of the server shows as one.
    pub async fn stop_having_kept_pace(self) -> u64 {
        let began = self.began;
        let written = self.stop().await;
        let took = began.elapsed().as_secs_f64();
        let pace = f64::from(u32::try_from(written).unwrap()) / took;
        assert!(pace >= PACE, "{written} transactions in {took:.1} s: {pace:.1} a second");
        written
    }
}
