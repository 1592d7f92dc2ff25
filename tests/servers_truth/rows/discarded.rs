//! Statements that were executed already: what they still reach, and what discarding them leaves behind.

use countersign::lab::Flavor;

use super::super::row::{Asked, Do, PLAIN, Row, Runs};
use super::*;

/// What is still to come once `db-a` and `db-d` have it: `db-b` keeps it, and `db-c` behind it.
const COMES: &[(&str, [&str; 4])] = &[("t", ["runs_here/untouched", "held/touched", "held/touched", "never"])];
const FORGET_RELAY_LOG: Both = ("STOP ALL SLAVES; RESET SLAVE", "STOP REPLICA; RESET REPLICA");

pub const ROWS: &[Row] = &[
    Row {
        id: "T5",
        says: "a receiver that is stopped too late has it already",
        prepare: &[Do::Sql("db-b", STOP_APPLIER), Do::Execute, Do::Settle, Do::Sql("db-b", STOP_RECEIVER)],
        asked: Asked::OfExecuted,
        expect: COMES,
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
