//! A throwaway server with everything that a statement could reach: tables of several kinds, functions and views that
//! write, a sequence, an event, a stopped and a running replication thread.

use std::path::Path;

use countersign::domain::base::ServerName;
use countersign::domain::sql::Dialect;
use countersign::lab::{Account, Flavor, Setup, Shape, Topology};
use mysql_async::prelude::Queryable;

const KEEPER: &str = env!("CARGO_BIN_EXE_countersign");

pub fn db_a() -> ServerName {
    ServerName::parse("db-a").unwrap()
}

pub const fn root() -> Account {
    Account::Root
}

pub struct Fixture {
    pub topology: Topology,
    pub dialect: Dialect,
}

impl Fixture {
    pub async fn start(flavor: Flavor) -> Self {
        let setup = Setup::new(flavor, Shape::replicas(0).unwrap())
            .option("innodb_stats_auto_recalc", "OFF")
            .option("innodb_cmp_per_index_enabled", "ON")
            .option("performance_schema", "ON")
            .option("performance_schema_instrument", "'wait/lock/metadata/sql/mdl=ON'");
        let topology = setup.start(Path::new(KEEPER)).await.unwrap();
        let mut conn = topology.connect(&db_a(), root()).await.unwrap();
        let own = if flavor == Flavor::Mariadb { MARIADB } else { MYSQL };
        for statement in COMMON.iter().chain(own) {
            conn.query_drop(*statement).await.unwrap_or_else(|error| panic!("{statement}: {error}"));
        }
        conn.disconnect().await.unwrap();
        let version = topology.value(&db_a(), "SELECT @@version").await.unwrap().unwrap();
        Self { dialect: Dialect::detect(&version, "").unwrap(), topology }
    }

    pub fn flavor(&self) -> Flavor {
        self.topology.flavor()
    }
}

const COMMON: &[&str] = &[
    "CREATE DATABASE shop",
    "CREATE DATABASE heartbeat",
    "USE shop",
    "CREATE TABLE orders (id INT AUTO_INCREMENT PRIMARY KEY, customer_id INT, status VARCHAR(20), note VARCHAR(50), name \
     VARCHAR(20), amount DECIMAL(10,2), created_at DATETIME, sent_at DATETIME, KEY idx_created (created_at))",
    "INSERT INTO orders (customer_id, status, note, name, amount, created_at) VALUES (1, 'stuck', 'it''s', 'a', 1.5, \
     '2024-01-01 10:00:00'), (2, 'failed', NULL, 'b', 20, '2024-01-01 11:00:00'), (1, 'a', 'x', 'c', 3, '2024-01-02 10:00:00')",
    "CREATE TABLE customers (id INT PRIMARY KEY, name VARCHAR(20))",
    "INSERT INTO customers VALUES (1, 'ana'), (2, 'bob')",
    "CREATE TABLE items (id INT PRIMARY KEY, order_id INT, qty INT)",
    "INSERT INTO items VALUES (1, 1, 5), (2, 2, 6)",
    "CREATE TABLE t (id INT PRIMARY KEY, a INT, b VARCHAR(20), c INT, x INT, y INT, v VARCHAR(20), k INT, name VARCHAR(20))",
    "INSERT INTO t VALUES (1, 1, 'x', 1, 1, 1, '1', 1, 'n'), (2, 2, 'y', 2, 2, 2, '2', 2, 'm')",
    "CREATE TABLE a (id INT PRIMARY KEY)",
    "CREATE TABLE b (id INT PRIMARY KEY)",
    "INSERT INTO a VALUES (1), (2)",
    "INSERT INTO b VALUES (2), (3)",
    "CREATE TABLE m (id INT PRIMARY KEY, b VARCHAR(20)) ENGINE=MyISAM",
    "INSERT INTO m VALUES (1, 'x'), (2, 'y')",
    "CREATE TABLE mem (id INT PRIMARY KEY) ENGINE=MEMORY",
    "INSERT INTO mem VALUES (1)",
    "CREATE TABLE squeezed (id INT PRIMARY KEY, b TEXT) ROW_FORMAT=COMPRESSED KEY_BLOCK_SIZE=4",
    "INSERT INTO squeezed VALUES (1, REPEAT('abc', 999)), (2, REPEAT('xyz', 999)), (3, REPEAT('pqr', 999))",
    "UPDATE squeezed SET b = CONCAT(b, UUID())",
    "CREATE TABLE events (id INT PRIMARY KEY, amount INT) PARTITION BY RANGE (id) (PARTITION p0 VALUES LESS THAN (10), \
     PARTITION p2023 VALUES LESS THAN (20), PARTITION p2024 VALUES LESS THAN MAXVALUE)",
    "INSERT INTO events VALUES (1, 1), (11, 2), (21, 3)",
    "CREATE TABLE docs (id INT PRIMARY KEY, doc JSON)",
    "INSERT INTO docs VALUES (1, '{\"status\": \"x\", \"a\": 1}')",
    "CREATE TABLE articles (id INT PRIMARY KEY, title VARCHAR(50), body VARCHAR(200), FULLTEXT KEY (title, body))",
    "CREATE TABLE `odd name` (`select` INT PRIMARY KEY, `a``b` INT)",
    "INSERT INTO `odd name` VALUES (1, 2)",
    "CREATE TABLE audit (id INT AUTO_INCREMENT PRIMARY KEY, what VARCHAR(50))",
    "CREATE TABLE heartbeat.heartbeat (ts DATETIME)",
    "CREATE VIEW v AS SELECT id, status FROM orders",
    "CREATE FUNCTION f() RETURNS INT DETERMINISTIC BEGIN INSERT INTO shop.audit (what) VALUES ('f'); RETURN 1; END",
    "CREATE FUNCTION g(n INT) RETURNS INT DETERMINISTIC BEGIN INSERT INTO shop.audit (what) VALUES ('g'); RETURN n; END",
    "CREATE FUNCTION turns() RETURNS INT DETERMINISTIC BEGIN SET GLOBAL long_query_time = 7; RETURN 1; END",
    "CREATE PROCEDURE p() BEGIN INSERT INTO shop.audit (what) VALUES ('p'); END",
    "CREATE VIEW v_writes AS SELECT f() AS x, id FROM t",
    "CREATE VIEW v_sets AS SELECT turns() AS x",
    "CREATE TRIGGER tr BEFORE INSERT ON items FOR EACH ROW SET NEW.qty = NEW.qty + 1",
    "CREATE EVENT ev ON SCHEDULE EVERY 1 DAY DISABLE DO INSERT INTO shop.audit (what) VALUES ('event')",
    "CREATE USER app@localhost",
    "GRANT SELECT ON shop.* TO app@localhost",
];

const MARIADB: &[&str] = &[
    "CREATE SEQUENCE s NOCACHE",
    "CREATE TABLE drawn (a INT DEFAULT (NEXTVAL(s)), b INT)",
    "INSERT INTO drawn VALUES (1, 1)",
    "CREATE VIEW v_draws AS SELECT NEXTVAL(s) AS x",
    "CREATE TABLE aria (id INT PRIMARY KEY) ENGINE=Aria",
    "INSERT INTO aria VALUES (1)",
    "CREATE TABLE versioned (id INT PRIMARY KEY) WITH SYSTEM VERSIONING",
    "INSERT INTO versioned VALUES (1)",
    "CHANGE MASTER TO MASTER_HOST='127.0.0.1', MASTER_PORT=1, MASTER_USER='nobody'",
    "START SLAVE SQL_THREAD",
];

const MYSQL: &[&str] = &[
    "CREATE TABLE drawn (a INT DEFAULT 5, b INT)",
    "INSERT INTO drawn VALUES (1, 1)",
    "CREATE VIEW v_draws AS SELECT f() AS x",
    "CHANGE REPLICATION SOURCE TO SOURCE_HOST='127.0.0.1', SOURCE_PORT=1, SOURCE_USER='nobody'",
    "START REPLICA SQL_THREAD",
];

/// Views that change the server when they are read.
pub const WRITING_VIEWS: &[&str] = &["v_writes", "v_sets", "v_draws"];
