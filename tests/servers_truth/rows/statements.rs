//! What the statement and its session make of one and the same fleet.

use super::super::row::{Do, PLAIN, Row, Runs, Seen, Through};
use super::*;
use crate::stage::IGNORED;

const HERE_ONLY: &[(&str, [&str; 4])] = &[("t", ["runs_here", "not_logged", "not_logged", "not_logged"])];
const HERE_UNSEEN: &[(&str, [&str; 4])] = &[("t", ["runs_here/untouched", "not_logged", "not_logged", "not_logged"])];
/// `db-b` is paused, the others run.
const HELD_AT_B: &[(&str, [&str; 4])] = &[("t", ["runs_here", "held", "held", "now"])];
const PAUSE_B: &[Do] = &[Do::Sql("db-b", STOP_APPLIER)];
const RESUME_B: &[Do] = &[Do::Sql("db-b", START_APPLIER)];
const NOT_LEAVING: &[(&str, [&str; 4])] = &[("t", ["runs_here", "filtered", "filtered", "filtered"])];
const MAKE_IGNORED: Both =
    ("SET SESSION sql_log_bin=0; CREATE DATABASE ign", "SET SESSION sql_log_bin=0; CREATE DATABASE ign");
const DROP_IGNORED: Both =
    ("SET SESSION sql_log_bin=0; DROP DATABASE ign", "SET SESSION sql_log_bin=0; DROP DATABASE ign");
const SCHEDULER: Both = ("SET GLOBAL event_scheduler=ON", "SET GLOBAL event_scheduler=ON");
const PREPARE_XA: Both = (
    "XA START '$d'; INSERT INTO $d.t VALUES (9,90); XA END '$d'; XA PREPARE '$d'",
    "XA START '$d'; INSERT INTO $d.t VALUES (9,90); XA END '$d'; XA PREPARE '$d'",
);

pub const ROWS: &[Row] = &[
    Row { id: "T9", says: "sql_log_bin=0", also: &["S9.U", "S3.unlogged"], unlogged: true, expect: HERE_ONLY, ..PLAIN },
    Row {
        id: "T11",
        says: "the source ignores the default database",
        schema: Some(IGNORED),
        database: Some(IGNORED),
        sql: "DROP TABLE t",
        expect: NOT_LEAVING,
        ..PLAIN
    },
    Row { id: "T12", says: "without a default database it is logged all the same", schema: Some(IGNORED), ..PLAIN },
    Row { id: "T12.other", says: "with another one too", schema: Some(IGNORED), database: Some("mysql"), ..PLAIN },
    Row {
        id: "T12.converse",
        says: "what is in another schema is not logged from there",
        prepare: &[Do::Sql("db-a", MAKE_IGNORED)],
        database: Some(IGNORED),
        expect: NOT_LEAVING,
        repair: &[Do::Sql("db-a", DROP_IGNORED)],
        ..PLAIN
    },
    Row {
        id: "X.source-filter-rows",
        says: "rows are judged by their own schema",
        schema: Some(IGNORED),
        database: Some("mysql"),
        sql: "DELETE FROM $d.t",
        expect: NOT_LEAVING,
        ..PLAIN
    },
    Row {
        id: "T23",
        says: "DROP IF EXISTS of what is not here destroys what is there",
        sql: "DROP TABLE IF EXISTS $d.t",
        absent: &["db-a"],
        expect: &[("t", ["runs_here/untouched", "now", "now", "now"])],
        ..PLAIN
    },
    Row {
        id: "T34",
        says: "DROP of a temporary table that hides one of the same name",
        runs: Runs::Nowhere(
            "the product's sessions make no temporary tables, and in one that did the text alone tells nothing",
        ),
        ..PLAIN
    },
    Row {
        id: "T35",
        says: "a prepared transaction arrives at its COMMIT",
        prepare: &[Do::Sql("db-a", PREPARE_XA)],
        sql: "XA COMMIT '$d'",
        expect: &[("t", ["runs_here", "unknown/touched", "unknown/touched", "unknown/touched"])],
        ..PLAIN
    },
    Row {
        id: "T36",
        says: "what an event does is replicated",
        prepare: &[Do::Sql("db-a", SCHEDULER)],
        sql: "DELETE FROM $d.t",
        through: Through::Event,
        ..PLAIN
    },
    Row { id: "T37", says: "a setting stays here", sql: "SET GLOBAL max_connections=99", expect: HERE_UNSEEN, ..PLAIN },
    Row {
        id: "S3.truncate",
        says: "TRUNCATE",
        sql: "TRUNCATE TABLE $d.t",
        prepare: PAUSE_B,
        expect: HELD_AT_B,
        undo: RESUME_B,
        ..PLAIN
    },
    Row {
        id: "S3.alter",
        says: "ALTER TABLE .. ENGINE",
        sql: "ALTER TABLE $d.t ENGINE=InnoDB",
        prepare: PAUSE_B,
        expect: HELD_AT_B,
        undo: RESUME_B,
        ..PLAIN
    },
    Row {
        id: "S3.delete",
        says: "DELETE",
        sql: "DELETE FROM $d.t",
        prepare: PAUSE_B,
        expect: HELD_AT_B,
        undo: RESUME_B,
        ..PLAIN
    },
    Row {
        id: "S3.repair",
        says: "REPAIR is logged",
        sql: "REPAIR TABLE $d.t",
        engine: "MyISAM",
        seen: Seen::InTheLog,
        ..PLAIN
    },
    Row { id: "S3.optimize", says: "OPTIMIZE is logged", sql: "OPTIMIZE TABLE $d.t", seen: Seen::InTheLog, ..PLAIN },
    Row { id: "S3.analyze", says: "ANALYZE is logged", sql: "ANALYZE TABLE $d.t", seen: Seen::InTheLog, ..PLAIN },
    Row {
        id: "S3.local",
        says: "OPTIMIZE LOCAL is not",
        sql: "OPTIMIZE LOCAL TABLE $d.t",
        seen: Seen::InTheLog,
        expect: HERE_ONLY,
        ..PLAIN
    },
    Row {
        id: "S3.no-write",
        says: "REPAIR NO_WRITE_TO_BINLOG is not",
        sql: "REPAIR NO_WRITE_TO_BINLOG TABLE $d.t",
        engine: "MyISAM",
        seen: Seen::InTheLog,
        expect: HERE_ONLY,
        ..PLAIN
    },
    Row {
        id: "S3.analyze-local",
        says: "ANALYZE LOCAL is not",
        sql: "ANALYZE LOCAL TABLE $d.t",
        seen: Seen::InTheLog,
        expect: HERE_ONLY,
        ..PLAIN
    },
    Row {
        id: "S3.check",
        says: "CHECK is not",
        sql: "CHECK TABLE $d.t",
        seen: Seen::InTheLog,
        expect: HERE_ONLY,
        ..PLAIN
    },
];
