//! Four real servers for all rows: `db-a` > `db-b` > `db-c`, and `db-a` > `db-d`, which does not log what it applies.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::{Duration, Instant};

use countersign::domain::base::{Digest, ServerName, TableName};
use countersign::domain::fleet::{Fleet, read};
use countersign::domain::snapshot::{Position, Snapshot};
use countersign::lab::{Account, Flavor, Setup, Shape, Topology};
use countersign::observe::{Observer, Scope};
use mysql_async::prelude::Queryable;
use mysql_async::{Conn, Row as SqlRow};

use super::row::{Do, Row, Through};

/// How long the fleet may move behind one row.
const SETTLE: Duration = Duration::from_secs(15);

pub const SERVERS: [&str; 4] = ["db-a", "db-b", "db-c", "db-d"];
/// The schema that `db-a` keeps out of its binary log.
pub const IGNORED: &str = "ign";

/// The servers and the files that say how they began.
pub struct Stage {
    pub topology: Topology,
    pub fleet: Fleet,
}

/// What one table is on one server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Print {
    table: String,
    mentions: usize,
}

pub fn server(name: &str) -> ServerName {
    name.parse().unwrap()
}

/// Whether one waits for what a delay keeps back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Delays {
    Stand,
    Pass,
}

/// One replication link as its replica shows it.
#[derive(Debug)]
struct Link {
    port: u16,
    fenced: bool,
    receiver: String,
    applier: String,
    delay: String,
    by_gtid: bool,
    received: String,
    read_at: String,
    executed_at: String,
    error: String,
}

impl Stage {
    pub async fn start(flavor: Flavor) -> Self {
        let shape = Shape::of(&[("db-a", &[]), ("db-b", &["db-a"]), ("db-c", &["db-b"]), ("db-d", &["db-a"])]).unwrap();
        let not_logging = if flavor == Flavor::Mariadb { "log_slave_updates" } else { "log_replica_updates" };
        let setup = Setup::new(flavor, shape).server_option("db-a", "binlog_ignore_db", IGNORED).server_option(
            "db-d",
            not_logging,
            "OFF",
        );
        let topology = setup.start(Path::new(env!("CARGO_BIN_EXE_countersign"))).await.unwrap();
        let text = std::fs::read_to_string(topology.fleet_file()).unwrap();
        let file: read::FleetFile = serde_yaml::from_str(&text).unwrap();
        let fleet = read::resolve(file, Digest::of(text.as_bytes())).unwrap();
        Self { topology, fleet }
    }

    pub fn flavor(&self) -> Flavor {
        self.topology.flavor()
    }

    async fn connect(&self, name: &str) -> Conn {
        self.topology.connect(&server(name), Account::Root).await.unwrap()
    }

    /// Runs statements one after the other in one session.
    pub async fn run(&self, name: &str, statements: &[String]) -> Result<(), String> {
        let mut conn = self.connect(name).await;
        for sql in statements {
            conn.query_drop(sql).await.map_err(|error| format!("{name}: {sql}: {error}"))?;
        }
        let _ = conn.disconnect().await;
        Ok(())
    }

    pub async fn value(&self, name: &str, sql: &str) -> String {
        self.topology.value(&server(name), sql).await.unwrap().unwrap_or_default()
    }

    /// A fresh look with the product's own observer.
    pub async fn look(&self, fleet: &Fleet, row: &Row) -> Snapshot {
        let tables: BTreeSet<TableName> =
            row.expect.iter().map(|(table, _)| format!("{}.{table}", row.schema()).parse().unwrap()).collect();
        Observer::new(fleet).with_deadline(Duration::from_secs(20)).snapshot(&Scope { tables }).await
    }

    /// The row's tables on every server that shall have them, without a word in any binary log.
    pub async fn make_tables(&self, row: &Row) {
        let schema = row.schema();
        for name in SERVERS {
            let mut sql = vec!["SET SESSION sql_log_bin=0".to_owned(), format!("CREATE DATABASE {schema}")];
            if !row.absent.contains(&name) {
                for table in ["t", "u"] {
                    let engine = row.engine;
                    sql.push(format!("CREATE TABLE {schema}.{table} (id INT PRIMARY KEY, v INT) ENGINE={engine}"));
                    sql.push(format!("INSERT INTO {schema}.{table} VALUES (1,10),(2,20),(3,30)"));
                }
            }
            self.run(name, &sql).await.unwrap();
        }
    }

    pub async fn drop_tables(&self, row: &Row) {
        for name in SERVERS {
            let drop = format!("DROP DATABASE IF EXISTS {}", row.schema());
            self.run(name, &["SET SESSION sql_log_bin=0, lock_wait_timeout=20".to_owned(), drop]).await.unwrap();
        }
    }

    /// The row's statement in a session like the one the row describes.
    pub async fn execute(&self, row: &Row) -> Result<(), String> {
        let mut sql = Vec::new();
        if let Some(database) = row.database {
            sql.push(self.filled(row, &format!("USE {database}")));
        }
        if row.unlogged {
            sql.push("SET SESSION sql_log_bin=0".to_owned());
        }
        if row.through == Through::Session {
            sql.push(self.filled(row, row.sql));
            return self.run(row.on, &sql).await;
        }
        let event = format!("CREATE EVENT {}.e ON SCHEDULE AT CURRENT_TIMESTAMP DO {}", row.schema(), row.sql);
        sql.push(self.filled(row, &event));
        self.run(row.on, &sql).await?;
        let left = format!("SELECT COUNT(*) FROM information_schema.EVENTS WHERE EVENT_SCHEMA='{}'", row.schema());
        let began = Instant::now();
        // An event that is over is gone.
        while self.value(row.on, &left).await != "0" {
            if began.elapsed() > Duration::from_secs(20) {
                return Err("the event never ran".to_owned());
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        Ok(())
    }

    pub fn filled(&self, row: &Row, sql: &str) -> String {
        let mut sql = sql.replace("$d", &row.schema());
        for name in SERVERS {
            let port = self.topology.port(&server(name)).unwrap().to_string();
            sql = sql.replace(&format!("$port({name})"), &port);
        }
        sql.replace("$password", self.topology.password(Account::Replicate))
    }

    pub async fn print(&self, row: &Row, name: &str, table: &str) -> Print {
        let schema = row.schema();
        let full = format!("{schema}.{table}");
        let there = self
            .value(name, &format!("SELECT COUNT(*) FROM information_schema.TABLES WHERE TABLE_SCHEMA='{schema}' AND TABLE_NAME='{table}'"))
            .await;
        let view = if self.flavor() == Flavor::Mariadb { "INNODB_SYS_TABLES" } else { "INNODB_TABLES" };
        let table = if there == "0" {
            "absent".to_owned()
        } else {
            let rows = self.topology.query(&server(name), &format!("SELECT * FROM {full} ORDER BY 1")).await.unwrap();
            let create = self.topology.query(&server(name), &format!("SHOW CREATE TABLE {full}")).await.unwrap();
            let id = self
                .value(name, &format!("SELECT TABLE_ID FROM information_schema.{view} WHERE NAME='{schema}/{table}'"))
                .await;
            format!("{rows:?} {create:?} {id}")
        };
        let log = self.topology.general_log(&server(name)).unwrap();
        let mentions = log.matches(self.filled(row, row.sql).as_str()).count();
        Print { table, mentions }
    }

    /// Everything that the server has executed.
    pub async fn position(&self, name: &str) -> Position {
        match self.flavor() {
            Flavor::Mysql => Position::parse_mysql(&self.value(name, "SELECT @@GLOBAL.gtid_executed").await).unwrap(),
            Flavor::Mariadb => {
                let logged = Position::parse_mariadb(&self.value(name, "SELECT @@GLOBAL.gtid_binlog_pos").await);
                let applied = Position::parse_mariadb(&self.value(name, "SELECT @@GLOBAL.gtid_slave_pos").await);
                logged.unwrap().union(&applied.unwrap()).unwrap()
            }
        }
    }

    /// Everything that the server's binary log offers to its replicas.
    async fn logged(&self, name: &str) -> Position {
        match self.flavor() {
            // What a server applies and does not log counts as purged.
            Flavor::Mysql => {
                let offered = "SELECT GTID_SUBTRACT(@@GLOBAL.gtid_executed, @@GLOBAL.gtid_purged)";
                Position::parse_mysql(&self.value(name, offered).await).unwrap()
            }
            Flavor::Mariadb => {
                Position::parse_mariadb(&self.value(name, "SELECT @@GLOBAL.gtid_binlog_pos").await).unwrap()
            }
        }
    }

    async fn links(&self, name: &str) -> Vec<Link> {
        let mut conn = self.connect(name).await;
        let maria = self.flavor() == Flavor::Mariadb;
        let sql = if maria { "SHOW ALL SLAVES STATUS" } else { "SHOW REPLICA STATUS" };
        let rows: Vec<SqlRow> = conn.query(sql).await.unwrap();
        let _ = conn.disconnect().await;
        let text = |row: &SqlRow, (of_maria, of_mysql): (&str, &str)| -> String {
            let name = if maria { of_maria } else { of_mysql };
            row.get::<Option<String>, _>(name).flatten().unwrap_or_default()
        };
        let one = |row: &SqlRow| Link {
            port: text(row, ("Master_Port", "Source_Port")).parse().unwrap(),
            fenced: text(row, ("Master_Host", "Source_Host")).starts_with("//"),
            receiver: text(row, ("Slave_IO_Running", "Replica_IO_Running")),
            applier: text(row, ("Slave_SQL_Running", "Replica_SQL_Running")),
            delay: text(row, ("SQL_Delay", "SQL_Delay")),
            by_gtid: !maria || text(row, ("Using_Gtid", "")) != "No",
            received: text(row, ("Gtid_IO_Pos", "Retrieved_Gtid_Set")),
            read_at: text(row, ("Read_Master_Log_Pos", "Read_Source_Log_Pos")),
            executed_at: text(row, ("Exec_Master_Log_Pos", "Exec_Source_Log_Pos")),
            error: text(row, ("Last_IO_Error", "Last_IO_Error")) + &text(row, ("Last_SQL_Error", "Last_SQL_Error")),
        };
        rows.iter().map(one).collect()
    }

    /// Every link, for whoever has to find out why a row is wrong.
    pub async fn describe(&self) -> String {
        let mut links = Vec::new();
        for name in SERVERS {
            links.push(format!("{name}: {:?} {:?}", self.position(name).await.to_string(), self.links(name).await));
        }
        links.join("; ")
    }

    /// Waits until every link has done all that its threads can do.
    pub async fn settle(&self) -> Result<(), String> {
        self.settled(Delays::Stand).await
    }

    async fn settled(&self, delays: Delays) -> Result<(), String> {
        let began = Instant::now();
        loop {
            let moving = self.moving(delays).await;
            let Some(moving) = moving else { return Ok(()) };
            if began.elapsed() > SETTLE {
                return Err(format!("it never settled: {moving}"));
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// What still moves, if anything does. Sources come before their replicas, so that one pass sees a chain through.
    async fn moving(&self, delays: Delays) -> Option<String> {
        for name in SERVERS {
            for link in self.links(name).await {
                let source = SERVERS.into_iter().find(|other| self.topology.port(&server(other)).unwrap() == link.port);
                let Some(source) = source.filter(|_| !link.fenced) else { continue };
                if let Some(why) = self.link_moves(name, source, &link, delays).await {
                    return Some(format!("{name} < {source}: {why}: {link:?}"));
                }
            }
        }
        None
    }

    async fn link_moves(&self, name: &str, source: &str, link: &Link, delays: Delays) -> Option<&'static str> {
        if !matches!(link.receiver.as_str(), "Yes" | "No") {
            return Some("connecting");
        }
        let parse = |text: &str| match self.flavor() {
            Flavor::Mysql => Position::parse_mysql(text).unwrap(),
            Flavor::Mariadb => Position::parse_mariadb(text).unwrap(),
        };
        let has = self.position(name).await;
        let received = has.union(&parse(&link.received)).unwrap();
        if link.receiver == "Yes" {
            let all = if link.by_gtid {
                received.contains(&self.logged(source).await).unwrap()
            } else {
                link.read_at == self.log_end(source).await
            };
            if !all {
                return Some("receiving");
            }
        }
        let applied = if link.by_gtid { has.contains(&received).unwrap() } else { link.executed_at == link.read_at };
        (link.applier == "Yes" && (delays == Delays::Pass || link.delay == "0") && !applied).then_some("applying")
    }

    async fn log_end(&self, name: &str) -> String {
        let sql = if self.flavor() == Flavor::Mariadb { "SHOW MASTER STATUS" } else { "SHOW BINARY LOG STATUS" };
        let rows = self.topology.query(&server(name), sql).await.unwrap();
        rows[0][1].clone().unwrap()
    }

    pub async fn act(&self, row: &Row, what: Do) -> Result<(), String> {
        match what {
            Do::Sql(name, (maria, mysql)) => {
                let sql = if self.flavor() == Flavor::Mariadb { maria } else { mysql };
                let all: Vec<String> =
                    self.filled(row, sql).split("; ").filter(|s| !s.is_empty()).map(str::to_owned).collect();
                self.run(name, &all).await
            }
            Do::Restart(name, option) => self.restart(name, option).await,
            Do::Rebuild(name) => self.rebuild(name).await,
            Do::WaitBroken(name) => self.wait_broken(name).await,
            Do::WaitFlowing(name) => {
                self.topology.wait_until_flowing(&server(name)).await.map_err(|error| error.to_string())
            }
            Do::Inject(name) => self.inject(row, name).await,
            Do::StartUntilNext(name) => self.start_until_next(name).await,
            Do::Execute => self.execute(row).await,
            Do::Settle => self.settle().await,
            Do::WaitDelays => self.settled(Delays::Pass).await,
            Do::Purge(name) => self.purge(row, name).await,
        }
    }

    async fn restart(&self, name: &str, option: Option<(&str, &str)>) -> Result<(), String> {
        let file = self.topology.option_file(&server(name));
        let text = std::fs::read_to_string(&file).unwrap();
        let kept = text.lines().filter(|line| !line.ends_with("# for a row")).map(|line| format!("{line}\n"));
        let own = option.map(|(of_maria, of_mysql)| {
            format!("{} # for a row\n", if self.flavor() == Flavor::Mariadb { of_maria } else { of_mysql })
        });
        let text: String = kept.chain(own).collect();
        std::fs::write(&file, text).unwrap();
        self.topology.restart(&server(name)).await.map_err(|error| error.to_string())
    }

    /// Everything but the tables: a replica that begins where its source is.
    async fn rebuild(&self, name: &str) -> Result<(), String> {
        let source = match name {
            "db-c" => "db-b",
            _ => "db-a",
        };
        let port = self.topology.port(&server(source)).unwrap();
        let password = self.topology.password(Account::Replicate);
        let sql = match self.flavor() {
            Flavor::Mariadb => {
                let position = self.position(source).await;
                format!(
                    "STOP ALL SLAVES; RESET SLAVE ALL; RESET MASTER; SET GLOBAL gtid_slave_pos='{position}'; CHANGE MASTER TO \
                     MASTER_HOST='127.0.0.1', MASTER_PORT={port}, MASTER_USER='repl', MASTER_PASSWORD='{password}', \
                     MASTER_CONNECT_RETRY=1, MASTER_USE_GTID=slave_pos; START SLAVE"
                )
            }
            Flavor::Mysql => {
                let position = self.position(source).await;
                format!(
                    "STOP REPLICA; RESET REPLICA ALL; RESET BINARY LOGS AND GTIDS; SET GLOBAL gtid_purged='{position}'; \
                     CHANGE REPLICATION SOURCE TO SOURCE_HOST='127.0.0.1', SOURCE_PORT={port}, SOURCE_USER='repl', \
                     SOURCE_PASSWORD='{password}', SOURCE_CONNECT_RETRY=1, SOURCE_AUTO_POSITION=1, \
                     GET_SOURCE_PUBLIC_KEY=1; START REPLICA"
                )
            }
        };
        let all: Vec<String> = sql.split("; ").map(str::to_owned).collect();
        self.run(name, &all).await
    }

    /// Writes and purges until one log is left: a server keeps the log that a leftover thread still sends.
    async fn purge(&self, row: &Row, name: &str) -> Result<(), String> {
        let began = Instant::now();
        loop {
            let schema = format!("{}_x", row.schema());
            let sql = [
                format!("CREATE DATABASE {schema}"),
                format!("DROP DATABASE {schema}"),
                "FLUSH BINARY LOGS".to_owned(),
                "PURGE BINARY LOGS BEFORE DATE_ADD(NOW(), INTERVAL 1 DAY)".to_owned(),
            ];
            self.run(name, &sql).await?;
            if self.topology.query(&server(name), "SHOW BINARY LOGS").await.unwrap().len() == 1 {
                return Ok(());
            }
            if began.elapsed() > Duration::from_secs(20) {
                return Err(format!("{name} keeps its logs"));
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    async fn wait_broken(&self, name: &str) -> Result<(), String> {
        let began = Instant::now();
        loop {
            let links = self.links(name).await;
            if links.iter().any(|link| !link.error.is_empty() && (link.receiver == "No" || link.applier == "No")) {
                return Ok(());
            }
            if began.elapsed() > Duration::from_secs(30) {
                return Err(format!("{name} never broke: {links:?}"));
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// The transaction that the last statement of `name` was executed as.
    pub async fn last_transaction(&self, name: &str) -> String {
        match self.flavor() {
            Flavor::Mariadb => self.value(name, "SELECT @@GLOBAL.gtid_binlog_pos").await,
            Flavor::Mysql => {
                let uuid = self.value(name, "SELECT @@server_uuid").await;
                let Position::MySql(sets) = self.position(name).await else { panic!("not MySQL's") };
                format!("{uuid}:{}", sets[&uuid].last().unwrap().1)
            }
        }
    }

    async fn start_until_next(&self, name: &str) -> Result<(), String> {
        let last = self.last_transaction("db-a").await;
        let sign = if self.flavor() == Flavor::Mariadb { '-' } else { ':' };
        let (head, number) = last.rsplit_once(sign).unwrap();
        let next = format!("{head}{sign}{}", number.parse::<u64>().unwrap() + 1);
        let start = match self.flavor() {
            Flavor::Mariadb => format!("START SLAVE UNTIL master_gtid_pos='{next}'"),
            Flavor::Mysql => format!("START REPLICA UNTIL SQL_BEFORE_GTIDS='{next}'"),
        };
        self.run(name, &[start]).await
    }

    async fn inject(&self, row: &Row, name: &str) -> Result<(), String> {
        let gtid = self.last_transaction(row.on).await;
        let sql = match self.flavor() {
            Flavor::Mariadb => vec![format!("SET GLOBAL gtid_slave_pos='{gtid}'")],
            Flavor::Mysql => ["SET SESSION gtid_next='$g'", "BEGIN", "COMMIT", "SET SESSION gtid_next='AUTOMATIC'"]
                .map(|sql| sql.replace("$g", &gtid))
                .to_vec(),
        };
        self.run(name, &sql).await
    }
}

impl Print {
    /// Whether something arrived between the two.
    pub fn differs(&self, before: &Self, seen: super::row::Seen) -> bool {
        match seen {
            super::row::Seen::InTheTable => self.table != before.table,
            super::row::Seen::InTheLog => self.mentions > before.mentions,
        }
    }
}
