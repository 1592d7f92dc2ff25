//! What a server is, as far as a statement could change it: everything that is compared before and after.
//!
//! Reading it changes nothing that it watches. What moves by itself is not in it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use countersign::lab::{Flavor, Topology};
use mysql_async::prelude::Queryable;
use mysql_async::{Conn, Row, Value};

use crate::fixture::{db_a, root};

/// One side of a server's state; a difference is named by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Checksums of every table, those of the server included.
    Rows,
    Definitions,
    Variables,
    /// Accounts and rights, as the server uses them.
    Accounts,
    Files,
    Sequences,
    /// Binary log and executed GTIDs.
    Position,
    Replication,
    /// Metadata locks, user locks, transactions.
    Locks,
    /// Another session that must live on.
    Sessions,
    /// Counters that only ever rise.
    Counters,
    /// What the performance schema collects.
    Instruments,
    Plugins,
}

/// What was seen at one moment.
#[derive(Debug, Clone)]
pub struct State {
    lines: BTreeMap<Kind, BTreeSet<String>>,
    counters: BTreeMap<&'static str, f64>,
}

/// One line that is there before or after only.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Difference {
    pub kind: Kind,
    pub what: String,
}

impl State {
    /// Everything that differs in `after`.
    pub fn differences(&self, after: &Self) -> Vec<Difference> {
        let mut found = Vec::new();
        for (kind, lines) in &self.lines {
            let now = &after.lines[kind];
            let gone = lines.difference(now).map(|line| format!("- {line}"));
            let new = now.difference(lines).map(|line| format!("+ {line}"));
            found.extend(gone.chain(new).map(|what| Difference { kind: *kind, what }));
        }
        for (name, count) in &self.counters {
            let now = after.counters[name];
            if now < *count {
                found.push(Difference { kind: Kind::Counters, what: format!("{name} fell from {count} to {now}") });
            }
        }
        found
    }
}

/// Variables that move by themselves, or that are watched as a position.
const MOVING: &[&str] =
    &["gtid_binlog_pos", "gtid_binlog_state", "gtid_current_pos", "gtid_executed", "gtid_slave_pos"];

/// Counters, each a query for one number. An unknown table counts as nothing.
const COUNTERS: &[(&str, &str)] = &[
    ("compressions", "SELECT SUM(compress_ops) FROM information_schema.INNODB_CMP"),
    ("compressions per index", "SELECT SUM(compress_ops) FROM information_schema.INNODB_CMP_PER_INDEX"),
    ("relocations", "SELECT SUM(relocation_ops) FROM information_schema.INNODB_CMPMEM"),
    ("statements by digest", "SELECT SUM(count_star) FROM performance_schema.events_statements_summary_by_digest"),
    (
        "statements by event",
        "SELECT SUM(count_star) FROM performance_schema.events_statements_summary_global_by_event_name",
    ),
    ("connections", "SELECT SUM(total_connections) FROM performance_schema.accounts"),
    ("file events", "SELECT SUM(count_star) FROM performance_schema.file_summary_by_event_name"),
];

/// Status values that only a reset or a restart lowers.
const STATUS: &[&str] =
    &["Questions", "Com_select", "Handler_read_rnd_next", "Created_tmp_tables", "Uptime", "Opened_tables"];

/// Looks at one server, always through the same connection.
pub struct Watch {
    conn: Conn,
    flavor: Flavor,
    folders: Vec<PathBuf>,
}

impl Watch {
    pub async fn new(topology: &Topology) -> Self {
        let mut conn = topology.connect(&db_a(), root()).await.unwrap();
        let flavor = topology.flavor();
        if flavor == Flavor::Mysql {
            conn.query_drop("SET SESSION information_schema_stats_expiry = 0").await.unwrap();
        }
        let folders = vec![topology.datadir(&db_a()), topology.option_file(&db_a()).with_file_name("tmp")];
        Self { conn, flavor, folders }
    }

    /// The state once it has come to rest: the same twice.
    pub async fn rest(&mut self) -> State {
        let mut before = self.look().await;
        for _ in 0..50 {
            // InnoDB answers from a list of transactions that it renews only when nobody has read it for 0.1 s.
            tokio::time::sleep(Duration::from_millis(150)).await;
            let after = self.look().await;
            if before.differences(&after).is_empty() {
                return after;
            }
            before = after;
        }
        panic!("the server does not come to rest: {:?}", before.differences(&self.look().await));
    }

    pub async fn look(&mut self) -> State {
        let mut lines = BTreeMap::new();
        lines.insert(Kind::Rows, self.checksums().await);
        for (kind, queries) in self.queries() {
            let mut found = BTreeSet::new();
            for (at, query) in queries.iter().enumerate() {
                found.extend(self.rows(query).await.into_iter().map(|row| format!("{at}: {row}")));
            }
            lines.insert(kind, found);
        }
        lines.insert(Kind::Files, self.folders.iter().flat_map(|folder| files(folder)).collect());
        let variables = self.rows("SHOW GLOBAL VARIABLES").await;
        let moving = |line: &String| MOVING.iter().any(|name| line.starts_with(&format!("{name}|")));
        lines.insert(Kind::Variables, variables.into_iter().filter(|line| !moving(line)).collect());
        State { lines, counters: self.counters().await }
    }

    async fn rows(&mut self, query: &str) -> Vec<String> {
        let rows: Vec<Row> = self.conn.query(query).await.unwrap_or_else(|error| panic!("{query}: {error}"));
        rows.into_iter().map(|row| row.unwrap().into_iter().map(text).collect::<Vec<_>>().join("|")).collect()
    }

    async fn checksums(&mut self) -> BTreeSet<String> {
        let tables = self
            .rows(
                "SELECT CONCAT('`', TABLE_SCHEMA, '`.`', TABLE_NAME, '`') FROM information_schema.TABLES WHERE \
                 TABLE_TYPE = 'BASE TABLE' AND TABLE_SCHEMA NOT IN ('information_schema', 'performance_schema')",
            )
            .await;
        self.rows(&format!("CHECKSUM TABLE {} EXTENDED", tables.join(", "))).await.into_iter().collect()
    }

    async fn counters(&mut self) -> BTreeMap<&'static str, f64> {
        let mut counters = BTreeMap::new();
        for (name, query) in COUNTERS {
            let count = self.rows(query).await.first().and_then(|count| count.parse().ok()).unwrap_or(0.0);
            counters.insert(*name, count);
        }
        let status = self.rows("SHOW GLOBAL STATUS").await;
        for name in STATUS {
            let line = status.iter().find_map(|line| line.strip_prefix(&format!("{name}|")));
            counters.insert(name, line.unwrap().parse().unwrap());
        }
        counters
    }

    fn queries(&self) -> Vec<(Kind, Vec<&'static str>)> {
        let of_flavor = match self.flavor {
            Flavor::Mariadb => of_mariadb(),
            Flavor::Mysql => of_mysql(),
        };
        let common = vec![
            (Kind::Definitions, DEFINITIONS.to_vec()),
            (
                Kind::Plugins,
                vec!["SELECT PLUGIN_NAME, PLUGIN_STATUS FROM information_schema.PLUGINS", "SELECT * FROM mysql.func"],
            ),
            (Kind::Sessions, vec!["SELECT ID, USER, COMMAND FROM information_schema.PROCESSLIST WHERE USER = 'act'"]),
            (
                Kind::Instruments,
                vec![
                    "SELECT * FROM performance_schema.setup_consumers",
                    "SELECT * FROM performance_schema.setup_actors",
                    "SELECT * FROM performance_schema.setup_objects",
                    "SELECT NAME, ENABLED, TIMED FROM performance_schema.setup_instruments",
                ],
            ),
            (
                Kind::Locks,
                vec![
                    "SELECT OBJECT_TYPE, OBJECT_SCHEMA, OBJECT_NAME, LOCK_TYPE, LOCK_STATUS FROM \
                     performance_schema.metadata_locks WHERE OWNER_THREAD_ID <> (SELECT THREAD_ID FROM \
                     performance_schema.threads WHERE PROCESSLIST_ID = CONNECTION_ID())",
                    "SELECT trx_state, trx_query, trx_rows_locked, trx_rows_modified FROM information_schema.INNODB_TRX",
                    "SHOW OPEN TABLES WHERE In_use > 0 OR Name_locked > 0",
                ],
            ),
        ];
        common.into_iter().chain(of_flavor).collect()
    }
}

/// Of schemas that are not computed: what a statement could define.
const DEFINITIONS: &[&str] = &[
    "SELECT * FROM information_schema.SCHEMATA",
    "SELECT TABLE_SCHEMA, TABLE_NAME, TABLE_TYPE, ENGINE, ROW_FORMAT, AUTO_INCREMENT, CREATE_TIME, TABLE_COLLATION, \
     CREATE_OPTIONS, TABLE_COMMENT FROM information_schema.TABLES WHERE TABLE_SCHEMA NOT IN ('information_schema', \
     'performance_schema')",
    "SELECT * FROM information_schema.COLUMNS WHERE TABLE_SCHEMA NOT IN ('information_schema', 'performance_schema', 'sys')",
    "SELECT TABLE_SCHEMA, TABLE_NAME, INDEX_NAME, SEQ_IN_INDEX, COLUMN_NAME, NON_UNIQUE, INDEX_TYPE, INDEX_COMMENT FROM \
     information_schema.STATISTICS WHERE TABLE_SCHEMA NOT IN ('information_schema', 'performance_schema', 'sys')",
    "SELECT * FROM information_schema.TRIGGERS",
    "SELECT * FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA <> 'sys'",
    "SELECT * FROM information_schema.VIEWS",
    "SELECT * FROM information_schema.EVENTS",
    "SELECT TABLE_SCHEMA, TABLE_NAME, PARTITION_NAME, PARTITION_DESCRIPTION FROM information_schema.PARTITIONS WHERE \
     TABLE_SCHEMA = 'shop'",
    "SELECT * FROM information_schema.REFERENTIAL_CONSTRAINTS",
];

fn of_mysql() -> Vec<(Kind, Vec<&'static str>)> {
    vec![
        (
            Kind::Accounts,
            vec![
                "SELECT * FROM mysql.user",
                "SELECT * FROM mysql.role_edges",
                "SELECT * FROM information_schema.USER_PRIVILEGES",
                "SELECT * FROM information_schema.SCHEMA_PRIVILEGES",
                "SELECT * FROM information_schema.TABLE_PRIVILEGES",
                "SELECT VARIABLE_NAME, VARIABLE_VALUE FROM performance_schema.persisted_variables",
            ],
        ),
        (Kind::Position, vec!["SHOW BINARY LOGS", "SHOW BINARY LOG STATUS", "SELECT @@GLOBAL.gtid_purged"]),
        (
            Kind::Replication,
            vec![
                "SELECT CHANNEL_NAME, HOST, PORT, USER, AUTO_POSITION FROM \
                 performance_schema.replication_connection_configuration",
                "SELECT CHANNEL_NAME, DESIRED_DELAY FROM performance_schema.replication_applier_configuration",
                "SELECT CHANNEL_NAME, SERVICE_STATE FROM performance_schema.replication_applier_status",
                "SELECT * FROM performance_schema.replication_applier_filters",
                "SELECT * FROM performance_schema.replication_asynchronous_connection_failover",
            ],
        ),
        (Kind::Sequences, Vec::new()),
    ]
}

fn of_mariadb() -> Vec<(Kind, Vec<&'static str>)> {
    vec![
        (
            Kind::Accounts,
            vec![
                "SELECT * FROM mysql.global_priv",
                "SELECT * FROM mysql.roles_mapping",
                "SELECT * FROM information_schema.USER_PRIVILEGES",
                "SELECT * FROM information_schema.SCHEMA_PRIVILEGES",
                "SELECT * FROM information_schema.TABLE_PRIVILEGES",
            ],
        ),
        (
            Kind::Position,
            vec!["SHOW BINARY LOGS", "SHOW MASTER STATUS", "SELECT @@GLOBAL.gtid_binlog_pos, @@GLOBAL.gtid_slave_pos"],
        ),
        (Kind::Replication, vec!["SHOW ALL SLAVES STATUS"]),
        (Kind::Sequences, vec!["SELECT * FROM shop.s"]),
    ]
}

fn text(value: Value) -> String {
    match value {
        Value::NULL => "NULL".to_owned(),
        Value::Bytes(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        other => other.as_sql(true),
    }
}

/// Files that a server writes on its own: logs and data whose content is watched as rows or as a position.
const WRITTEN_BY_ITSELF: &[&str] =
    &["ib_", "ibdata", "ibtmp", "undo", "#ib_", "#innodb_", "aria_log", "bin.", "relay", "mysql.ibd", "#sql"];

/// Files of tables, which reach their size some time after the statement; what is in them is watched as rows.
const DATA: &[&str] = &["ibd", "MAD", "MAI", "MYD", "MYI", "CSV", "CSM"];

/// Name and size of each file below `folder`.
fn files(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap().flatten() {
            let (path, name) = (entry.path(), entry.file_name().to_string_lossy().into_owned());
            // A file may be gone again since the folder was read.
            let Ok(about) = entry.metadata() else { continue };
            if WRITTEN_BY_ITSELF.iter().any(|start| name.starts_with(start)) {
                continue;
            }
            if about.is_dir() {
                found.push(path.display().to_string());
                folders.push(path);
            } else if path.extension().is_some_and(|extension| DATA.iter().any(|data| extension == *data)) {
                found.push(path.display().to_string());
            } else {
                found.push(format!("{} {}", path.display(), about.len()));
            }
        }
    }
    found
}
