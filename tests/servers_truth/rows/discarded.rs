//! Statements that were executed already: what they still reach, and what discarding them leaves behind.

use countersign::lab::Flavor;

use super::super::row::{Asked, Do, PLAIN, Row, Runs};
use super::links::NO_DELAY;
use super::*;

/// What is still to come once `db-a` and `db-d` have it: `db-b` keeps it, and `db-c` behind it.
const COMES: &[(&str, [&str; 4])] = &[("t", ["runs_here/untouched", "held/touched", "held/touched", "never"])];
const BOTH_STOPPED: &[Do] = &[Do::Sql("db-b", STOP_APPLIER), Do::Execute, Do::Settle, Do::Sql("db-b", STOP_RECEIVER)];
const SHORT_DELAY: Both = (
    "STOP ALL SLAVES; CHANGE MASTER TO MASTER_DELAY=3; START ALL SLAVES",
    "STOP REPLICA SQL_THREAD; CHANGE REPLICATION SOURCE TO SOURCE_DELAY=3; START REPLICA SQL_THREAD",
);
/// The replica resumes without the DROP and keeps its table, which the source makes anew.
const DISCARD_THE_DROP: &[Do] = &[
    Do::Sql("db-b", STOP),
    Do::Sql("db-a", ("DROP TABLE $d.t", "DROP TABLE $d.t")),
    Do::Inject("db-b"),
    Do::Sql("db-b", START),
];
const REBUILT: &str = "CREATE TABLE $d.t (id INT PRIMARY KEY, v INT)";
const ASIDE: Both = (
    "SET SESSION sql_log_bin=0; RENAME TABLE $d.t TO $d.t_aside",
    "SET SESSION sql_log_bin=0; RENAME TABLE $d.t TO $d.t_aside",
);
const FORGET_RELAY_LOG: Both = ("STOP ALL SLAVES; RESET SLAVE", "STOP REPLICA; RESET REPLICA");

pub const ROWS: &[Row] = &[
    Row {
        id: "T5",
        says: "a receiver that is stopped too late has it already",
        prepare: &[Do::Sql("db-b", SHORT_DELAY), Do::Execute, Do::Settle, Do::Sql("db-b", STOP_RECEIVER)],
        asked: Asked::OfExecuted,
        expect: &[("t", ["runs_here/untouched", "delayed/touched", "delayed/touched", "never"])],
        undo: &[Do::WaitDelays],
        repair: &[Do::Sql("db-b", NO_DELAY), Do::Sql("db-b", START)],
        ..PLAIN
    },
    Row {
        id: "T5.applied",
        says: "what waits in the relay log is applied without a receiver",
        runs: Runs::Only(Flavor::Mysql, "MariaDB throws the relay log away when the first thread starts: T5.thrown"),
        prepare: BOTH_STOPPED,
        asked: Asked::OfExecuted,
        expect: COMES,
        undo: &[Do::Sql("db-b", START_APPLIER)],
        repair: &[Do::Sql("db-b", START)],
        ..PLAIN
    },
    Row {
        id: "T5.thrown",
        says: "what waits in the relay log is thrown away when the first thread starts, and comes with the receiver",
        runs: Runs::Only(Flavor::Mariadb, "MySQL applies it: T5.applied"),
        prepare: BOTH_STOPPED,
        asked: Asked::OfExecuted,
        expect: &[("t", ["runs_here/untouched", "held/untouched", "held/untouched", "never"])],
        undo: &[Do::Sql("db-b", START_APPLIER)],
        repair: &[Do::Sql("db-b", START)],
        ..PLAIN
    },
    Row {
        id: "T31",
        says: "a relay log that is thrown away is fetched again",
        prepare: &[Do::Sql("db-b", STOP_APPLIER), Do::Execute, Do::Settle, Do::Sql("db-b", FORGET_RELAY_LOG)],
        asked: Asked::OfExecuted,
        expect: COMES,
        undo: &[Do::Sql("db-b", START)],
        ..PLAIN
    },
    Row {
        id: "T18",
        says: "an empty transaction of the same number keeps it away, also further on",
        runs: Runs::Only(Flavor::Mysql, "MariaDB's way is T21"),
        prepare: &[Do::Sql("db-b", STOP), Do::Execute, Do::Inject("db-b")],
        asked: Asked::OfExecuted,
        expect: &[("t", ["runs_here/untouched", "never", "never", "never"])],
        undo: &[Do::Sql("db-b", START)],
        ..PLAIN
    },
    Row {
        id: "S9.L2",
        says: "only the DROP is discarded: the load that follows replaces the copy that was kept",
        runs: Runs::Only(Flavor::Mariadb, "a MySQL replica stops at the CREATE: S9.L2.mysql"),
        prepare: DISCARD_THE_DROP,
        sql: REBUILT,
        repair: &[Do::Rebuild("db-b"), Do::Rebuild("db-c")],
        ..PLAIN
    },
    Row {
        id: "X.L2.mysql",
        says: "only the DROP is discarded: the load that follows breaks the replica",
        runs: Runs::Only(Flavor::Mysql, "a MariaDB replica replaces the table: S9.L2"),
        prepare: DISCARD_THE_DROP,
        sql: REBUILT,
        expect: &[("t", ["runs_here", "now/untouched", "now/untouched", "now"])],
        repair: &[Do::WaitBroken("db-b"), Do::Rebuild("db-b"), Do::Rebuild("db-c")],
        ..PLAIN
    },
    Row {
        id: "S9.L3",
        says: "the copy is renamed aside, unlogged, before the replica resumes: DROP IF EXISTS passes it by",
        prepare: &[Do::Sql("db-b", STOP), Do::Sql("db-b", ASIDE)],
        sql: "DROP TABLE IF EXISTS $d.t",
        expect: &[("t", ["runs_here", "held", "held", "now"])],
        undo: &[Do::Sql("db-b", START)],
        never_arrives: &["db-b"],
        ..PLAIN
    },
    Row {
        id: "T21",
        says: "a position set behind it keeps it away",
        runs: Runs::Only(Flavor::Mariadb, "MySQL's way is T18"),
        prepare: &[Do::Sql("db-b", STOP), Do::Execute, Do::Inject("db-b")],
        asked: Asked::OfExecuted,
        expect: &[("t", ["runs_here/untouched", "never", "unknown/untouched", "never"])],
        undo: &[Do::Sql("db-b", START)],
        ..PLAIN
    },
];
