//! What the state of links makes of one and the same statement.

use countersign::lab::Flavor;

use super::super::row::{Do, PLAIN, Row, Runs};
use super::*;

const DELAY: Both = (
    "STOP ALL SLAVES; CHANGE MASTER TO MASTER_DELAY=3600; START ALL SLAVES",
    "STOP REPLICA SQL_THREAD; CHANGE REPLICATION SOURCE TO SOURCE_DELAY=3600; START REPLICA SQL_THREAD",
);
pub const NO_DELAY: Both = (
    "STOP ALL SLAVES; CHANGE MASTER TO MASTER_DELAY=0; START ALL SLAVES",
    "STOP REPLICA SQL_THREAD; CHANGE REPLICATION SOURCE TO SOURCE_DELAY=0; START REPLICA SQL_THREAD",
);
const READ_ONLY: Both = ("SET GLOBAL read_only=1", "SET GLOBAL super_read_only=1");
const WRITABLE: Both = ("SET GLOBAL read_only=0", "SET GLOBAL super_read_only=0; SET GLOBAL read_only=0");
/// `db-b` follows `db-a` by a named connection only.
const NAMED: Both = (
    "STOP ALL SLAVES; RESET SLAVE ALL; CHANGE MASTER 'x' TO MASTER_HOST='127.0.0.1', MASTER_PORT=$port(db-a), \
     MASTER_USER='repl', MASTER_PASSWORD='$password', MASTER_CONNECT_RETRY=1, MASTER_USE_GTID=slave_pos; \
     START SLAVE 'x'",
    "",
);
/// `db-a` follows `db-b`, which follows it.
const RING: Both = (
    "SET GLOBAL gtid_slave_pos=@@GLOBAL.gtid_binlog_pos; CHANGE MASTER TO MASTER_HOST='127.0.0.1', \
     MASTER_PORT=$port(db-b), MASTER_USER='repl', MASTER_PASSWORD='$password', MASTER_CONNECT_RETRY=1, \
     MASTER_USE_GTID=slave_pos; START SLAVE",
    "CHANGE REPLICATION SOURCE TO SOURCE_HOST='127.0.0.1', SOURCE_PORT=$port(db-b), SOURCE_USER='repl', \
     SOURCE_PASSWORD='$password', SOURCE_CONNECT_RETRY=1, SOURCE_AUTO_POSITION=1, GET_SOURCE_PUBLIC_KEY=1; \
     START REPLICA",
);
const NO_RING: Both = ("STOP ALL SLAVES; RESET SLAVE ALL", "STOP REPLICA; RESET REPLICA ALL");
/// `db-c` follows `db-a` by a second channel.
const SECOND: Both = (
    "STOP ALL SLAVES; SET GLOBAL gtid_ignore_duplicates=ON; CHANGE MASTER 'second' TO MASTER_HOST='127.0.0.1', \
     MASTER_PORT=$port(db-a), MASTER_USER='repl', MASTER_PASSWORD='$password', MASTER_CONNECT_RETRY=1, \
     MASTER_USE_GTID=slave_pos; START ALL SLAVES",
    "CHANGE REPLICATION SOURCE TO SOURCE_HOST='127.0.0.1', SOURCE_PORT=$port(db-a), SOURCE_USER='repl', \
     SOURCE_PASSWORD='$password', SOURCE_CONNECT_RETRY=1, SOURCE_AUTO_POSITION=1, GET_SOURCE_PUBLIC_KEY=1 FOR CHANNEL \
     'second'; START REPLICA FOR CHANNEL 'second'",
);
const STOP_FIRST: Both = ("STOP SLAVE ''", "STOP REPLICA FOR CHANNEL ''");
const NO_SECOND: Both = (
    "STOP ALL SLAVES; RESET SLAVE 'second' ALL; SET GLOBAL gtid_ignore_duplicates=OFF; START ALL SLAVES",
    "STOP REPLICA FOR CHANNEL 'second'; RESET REPLICA ALL FOR CHANNEL 'second'; START REPLICA",
);
/// `db-c` follows `db-d`, whose log has nothing of what others wrote.
const BELOW_D: Both = (
    "STOP ALL SLAVES; CHANGE MASTER TO MASTER_PORT=$port(db-d), MASTER_USE_GTID=no; START ALL SLAVES",
    "STOP REPLICA; CHANGE REPLICATION SOURCE TO SOURCE_PORT=$port(db-d); START REPLICA",
);
const SEMI_SYNC_SOURCE: Both = (
    "SET GLOBAL rpl_semi_sync_master_timeout=500; SET GLOBAL rpl_semi_sync_master_enabled=ON",
    "INSTALL PLUGIN rpl_semi_sync_source SONAME 'semisync_source.so'; SET GLOBAL rpl_semi_sync_source_timeout=500; \
     SET GLOBAL rpl_semi_sync_source_enabled=ON",
);
const SEMI_SYNC_REPLICA: Both = (
    "SET GLOBAL rpl_semi_sync_slave_enabled=ON; STOP SLAVE IO_THREAD; START SLAVE IO_THREAD",
    "INSTALL PLUGIN rpl_semi_sync_replica SONAME 'semisync_replica.so'; SET GLOBAL rpl_semi_sync_replica_enabled=ON; \
     STOP REPLICA IO_THREAD; START REPLICA IO_THREAD",
);
const NO_SEMI_SYNC: Both = (
    "SET GLOBAL rpl_semi_sync_master_enabled=OFF",
    "SET GLOBAL rpl_semi_sync_source_enabled=OFF; UNINSTALL PLUGIN rpl_semi_sync_source",
);
const NO_ACKNOWLEDGING: Both = (
    "SET GLOBAL rpl_semi_sync_slave_enabled=OFF; STOP SLAVE IO_THREAD; START SLAVE IO_THREAD",
    "STOP REPLICA IO_THREAD; UNINSTALL PLUGIN rpl_semi_sync_replica; START REPLICA IO_THREAD",
);
const FAILOVER: Both = (
    "",
    "STOP REPLICA; DO asynchronous_connection_failover_add_source('', '127.0.0.1', $port(db-a), '', 50); CHANGE \
     REPLICATION SOURCE TO SOURCE_HOST='//127.0.0.1', SOURCE_CONNECT_RETRY=1, SOURCE_RETRY_COUNT=1, \
     SOURCE_CONNECTION_AUTO_FAILOVER=1",
);
const NO_FAILOVER: Both = (
    "",
    "STOP REPLICA; DO asynchronous_connection_failover_delete_source('', '127.0.0.1', $port(db-a), ''); CHANGE \
     REPLICATION SOURCE TO SOURCE_HOST='127.0.0.1', SOURCE_RETRY_COUNT=10, SOURCE_CONNECTION_AUTO_FAILOVER=0; START REPLICA",
);

const HELD_AT_B: &[(&str, [&str; 4])] = &[("t", ["runs_here", "held", "held", "now"])];
const ALL: &[(&str, [&str; 4])] = &[("t", ["runs_here", "now", "now", "now"])];

pub const ROWS: &[Row] = &[
    Row { id: "T1", says: "everything runs", also: &["S2.running", "S3.drop"], ..PLAIN },
    Row {
        id: "T2",
        says: "a stopped replica keeps it in the source's log",
        also: &["S2.stopped", "S9.L1"],
        prepare: &[Do::Sql("db-b", STOP)],
        expect: HELD_AT_B,
        undo: &[Do::Sql("db-b", START)],
        ..PLAIN
    },
    Row {
        id: "T3",
        says: "a stopped applier keeps it in the relay log",
        also: &["S2.applier"],
        prepare: &[Do::Sql("db-b", STOP_APPLIER)],
        expect: HELD_AT_B,
        undo: &[Do::Sql("db-b", START_APPLIER)],
        ..PLAIN
    },
    Row {
        id: "T4",
        says: "a stopped receiver keeps it at the source",
        also: &["S2.receiver"],
        prepare: &[Do::Sql("db-b", STOP_RECEIVER)],
        expect: HELD_AT_B,
        undo: &[Do::Sql("db-b", START_RECEIVER)],
        ..PLAIN
    },
    Row {
        id: "T6",
        says: "a restart resumes a paused replica",
        prepare: &[Do::Sql("db-b", STOP_APPLIER), Do::Restart("db-b", None)],
        expect: ALL,
        ..PLAIN
    },
    Row {
        id: "T7",
        says: "with skip_replica_start it does not",
        prepare: &[Do::Restart("db-b", Some(("skip_slave_start=ON", "skip_replica_start=ON")))],
        expect: HELD_AT_B,
        undo: &[Do::Sql("db-b", START)],
        ..PLAIN
    },
    Row {
        id: "T8",
        says: "a delay keeps it for a time",
        also: &["S2.delayed"],
        prepare: &[Do::Sql("db-b", DELAY)],
        expect: &[("t", ["runs_here", "delayed", "delayed", "now"])],
        undo: &[Do::Sql("db-b", NO_DELAY)],
        ..PLAIN
    },
    Row {
        id: "S2.delay-stopped",
        says: "a delay that is stopped is a pause",
        prepare: &[Do::Sql("db-b", DELAY), Do::Sql("db-b", STOP_APPLIER)],
        expect: HELD_AT_B,
        undo: &[Do::Sql("db-b", NO_DELAY)],
        ..PLAIN
    },
    Row {
        id: "T10",
        says: "read_only stops no replication",
        prepare: &[Do::Sql("db-b", READ_ONLY)],
        expect: ALL,
        undo: &[Do::Sql("db-b", WRITABLE)],
        ..PLAIN
    },
    Row {
        id: "T17",
        says: "an applier that stops by itself may stop before it or behind it",
        runs: Runs::Only(Flavor::Mysql, "MariaDB 10.11 can stop behind a transaction only: T17.through"),
        prepare: &[Do::Sql("db-b", STOP), Do::StartUntilNext("db-b")],
        expect: &[("t", ["runs_here", "unknown/untouched", "unknown/untouched", "now"])],
        undo: &[Do::Sql("db-b", START)],
        ..PLAIN
    },
    Row {
        id: "T17.through",
        says: "an applier that stops by itself may stop behind it",
        runs: Runs::Only(Flavor::Mariadb, "MySQL's form is T17"),
        prepare: &[Do::Sql("db-b", STOP), Do::StartUntilNext("db-b")],
        expect: &[("t", ["runs_here", "unknown/touched", "unknown/touched", "now"])],
        undo: &[Do::Sql("db-b", STOP), Do::Sql("db-b", START)],
        ..PLAIN
    },
    Row {
        id: "T19",
        says: "STOP SLAVE stops the default connection only",
        runs: Runs::Only(Flavor::Mariadb, "MySQL's STOP REPLICA stops every channel"),
        prepare: &[Do::Sql("db-b", NAMED), Do::Sql("db-b", ("STOP SLAVE", ""))],
        expect: ALL,
        repair: &[
            Do::Sql("db-b", ("STOP ALL SLAVES; RESET SLAVE 'x' ALL", "")),
            Do::Rebuild("db-b"),
            Do::Rebuild("db-c"),
        ],
        ..PLAIN
    },
    Row {
        id: "T20",
        says: "what is thrown away when threads start is fetched again",
        prepare: &[Do::Sql("db-b", STOP_APPLIER)],
        expect: HELD_AT_B,
        undo: &[Do::Sql("db-b", STOP), Do::Sql("db-b", START)],
        ..PLAIN
    },
    Row {
        id: "T22",
        says: "in a ring the direction counts",
        prepare: &[Do::Sql("db-a", RING), Do::Settle, Do::Sql("db-b", STOP)],
        on: "db-b",
        expect: &[("t", ["now", "runs_here", "now", "now"])],
        undo: &[Do::Sql("db-b", START)],
        repair: &[Do::Sql("db-a", NO_RING)],
        ..PLAIN
    },
    Row {
        id: "T30",
        says: "a second channel brings what the first one holds",
        prepare: &[Do::Sql("db-c", SECOND), Do::Settle, Do::Sql("db-c", STOP_FIRST)],
        expect: ALL,
        undo: &[Do::Sql("db-c", START)],
        repair: &[Do::Sql("db-c", NO_SECOND)],
        ..PLAIN
    },
    Row {
        id: "T33",
        says: "the last acknowledger is stopped: the source waits, then goes on",
        prepare: &[
            Do::Sql("db-a", SEMI_SYNC_SOURCE),
            Do::Sql("db-b", SEMI_SYNC_REPLICA),
            Do::Settle,
            Do::Sql("db-b", STOP_RECEIVER),
        ],
        sql: "INSERT INTO $d.t VALUES (9,90)",
        expect: HELD_AT_B,
        undo: &[Do::Sql("db-b", START_RECEIVER)],
        repair: &[Do::Sql("db-b", NO_ACKNOWLEDGING), Do::Settle, Do::Sql("db-a", NO_SEMI_SYNC)],
        ..PLAIN
    },
    Row {
        id: "T39",
        says: "behind an error everything waits, and mending it lets it through",
        prepare: &[
            Do::Sql(
                "db-b",
                (
                    "SET SESSION sql_log_bin=0; INSERT INTO $d.u VALUES (9,0)",
                    "SET SESSION sql_log_bin=0; INSERT INTO $d.u VALUES (9,0)",
                ),
            ),
            Do::Sql("db-a", ("INSERT INTO $d.u VALUES (9,90)", "INSERT INTO $d.u VALUES (9,90)")),
            Do::WaitBroken("db-b"),
        ],
        expect: &[("t", ["runs_here", "blocked", "blocked", "now"])],
        undo: &[Do::Sql(
            "db-b",
            (
                "SET SESSION sql_log_bin=0; DELETE FROM $d.u WHERE id=9; START SLAVE",
                "SET SESSION sql_log_bin=0; DELETE FROM $d.u WHERE id=9; START REPLICA",
            ),
        )],
        ..PLAIN
    },
    Row {
        id: "T40",
        says: "a declared manager resumes what is paused",
        prepare: &[Do::Sql("db-b", STOP)],
        managers: &["orchestrator"],
        expect: &[("t", ["runs_here", "now/untouched", "now/untouched", "now"])],
        undo: &[Do::Sql("db-b", START)],
        ..PLAIN
    },
    Row {
        id: "S3.no-log-on-the-way",
        says: "what a server applies and does not log goes no further",
        prepare: &[Do::Sql("db-c", BELOW_D)],
        expect: &[("t", ["runs_here", "now", "not_logged", "now"])],
        repair: &[Do::Rebuild("db-c")],
        ..PLAIN
    },
    Row {
        id: "X.detached",
        says: "a detached replica never gets it, nor does what follows it",
        prepare: &[Do::Sql("db-b", DETACH)],
        expect: &[("t", ["runs_here", "never", "never", "now"])],
        undo: &[Do::Sql("db-b", ATTACH)],
        ..PLAIN
    },
    Row {
        id: "X.detached-started",
        says: "nor when somebody starts it",
        prepare: &[Do::Sql("db-b", DETACH), Do::Sql("db-b", START)],
        expect: &[("t", ["runs_here", "never", "never", "now"])],
        undo: &[Do::Sql("db-b", ATTACH)],
        ..PLAIN
    },
    Row {
        id: "X.detached-restarted",
        says: "nor when it restarts",
        prepare: &[Do::Sql("db-b", DETACH), Do::Restart("db-b", None)],
        expect: &[("t", ["runs_here", "never", "never", "now"])],
        undo: &[Do::Sql("db-b", ATTACH)],
        ..PLAIN
    },
    Row {
        id: "X.failover",
        says: "a detached replica that looks for another source finds one",
        runs: Runs::Only(Flavor::Mysql, "MariaDB's replicas choose no source by themselves"),
        prepare: &[Do::Sql("db-b", FAILOVER)],
        expect: &[("t", ["runs_here", "unknown/untouched", "unknown/untouched", "now"])],
        undo: &[Do::Sql("db-b", START), Do::WaitFlowing("db-b")],
        repair: &[Do::Sql("db-b", NO_FAILOVER)],
        ..PLAIN
    },
];

/// What takes the source's log away; done last, because every replica begins anew afterwards.
pub const LOG_LOST: &[Row] = &[
    Row {
        id: "T32",
        says: "what the source has purged can never be fetched",
        prepare: &[Do::Sql("db-b", STOP), Do::Purge("db-a"), Do::Sql("db-b", START), Do::WaitBroken("db-b")],
        expect: &[("t", ["runs_here", "blocked", "blocked", "now"])],
        repair: &[Do::Rebuild("db-b"), Do::Rebuild("db-c")],
        ..PLAIN
    },
    Row {
        id: "T38",
        says: "a source that forgets its log breaks its replicas, and touches no table",
        sql: "RESET MASTER",
        runs: Runs::Only(Flavor::Mariadb, "MySQL 9.7 has other words for it: T38.mysql"),
        expect: &[("t", ["runs_here/untouched", "not_logged", "not_logged", "not_logged"])],
        repair: &[Do::Rebuild("db-b"), Do::Rebuild("db-c"), Do::Rebuild("db-d")],
        ..PLAIN
    },
    Row {
        id: "T38.mysql",
        says: "the same in MySQL's words",
        sql: "RESET BINARY LOGS AND GTIDS",
        runs: Runs::Only(Flavor::Mysql, "MariaDB's words are those of T38"),
        expect: &[("t", ["runs_here/untouched", "not_logged", "not_logged", "not_logged"])],
        repair: &[Do::Rebuild("db-b"), Do::Rebuild("db-c"), Do::Rebuild("db-d")],
        ..PLAIN
    },
];
