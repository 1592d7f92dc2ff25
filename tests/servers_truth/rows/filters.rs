//! Filters at the replica: `db-c` and `db-d` have one each, `db-b` has none.

use countersign::lab::Flavor;

use super::super::row::{Do, PLAIN, Row, Runs};
use super::*;

/// Sets one filter in both flavours' words, and takes it away again.
macro_rules! filter {
    ($of_maria:literal, $of_mysql:literal, $maria:literal, $mysql:literal) => {
        (
            concat!("STOP ALL SLAVES; SET GLOBAL ", $of_maria, "='", $maria, "'; START ALL SLAVES"),
            concat!(
                "STOP REPLICA SQL_THREAD; CHANGE REPLICATION FILTER ",
                $of_mysql,
                "=(",
                $mysql,
                "); START REPLICA SQL_THREAD"
            ),
        )
    };
}

const TABLE: Both = filter!("replicate_ignore_table", "REPLICATE_IGNORE_TABLE", "$d.t", "$d.t");
const NO_TABLE: Both = filter!("replicate_ignore_table", "REPLICATE_IGNORE_TABLE", "", "");
const SCHEMA: Both = filter!("replicate_ignore_db", "REPLICATE_IGNORE_DB", "$d", "$d");
const NO_SCHEMA: Both = filter!("replicate_ignore_db", "REPLICATE_IGNORE_DB", "", "");
const WILD: Both = filter!("replicate_wild_ignore_table", "REPLICATE_WILD_IGNORE_TABLE", "$d.%", "'$d.%'");
const NO_WILD: Both = filter!("replicate_wild_ignore_table", "REPLICATE_WILD_IGNORE_TABLE", "", "");
const WANTED: Both = filter!("replicate_do_table", "REPLICATE_DO_TABLE", "$d.u", "$d.u");
const NO_WANTED: Both = filter!("replicate_do_table", "REPLICATE_DO_TABLE", "", "");
const WANTED_SCHEMA: Both = filter!("replicate_do_db", "REPLICATE_DO_DB", "elsewhere", "elsewhere");
const NO_WANTED_SCHEMA: Both = filter!("replicate_do_db", "REPLICATE_DO_DB", "", "");

const NOT_FROM_A: Both = ("STOP ALL SLAVES; CHANGE MASTER TO IGNORE_SERVER_IDS=(1); START ALL SLAVES", "");
const FROM_ALL: Both = ("STOP ALL SLAVES; CHANGE MASTER TO IGNORE_SERVER_IDS=(); START ALL SLAVES", "");
const NOT_OF_DOMAIN: Both = ("STOP ALL SLAVES; CHANGE MASTER TO IGNORE_DOMAIN_IDS=(0); START ALL SLAVES", "");
const OF_ALL_DOMAINS: Both = ("STOP ALL SLAVES; CHANGE MASTER TO IGNORE_DOMAIN_IDS=(); START ALL SLAVES", "");

/// By table at `db-c`, by schema at `db-d`.
const BY_TABLE: &[Do] = &[Do::Sql("db-c", TABLE), Do::Sql("db-d", SCHEMA)];
const NOT_BY_TABLE: &[Do] = &[Do::Sql("db-c", NO_TABLE), Do::Sql("db-d", NO_SCHEMA)];
/// By pattern at `db-c` and `db-d`.
const BY_PATTERN: &[Do] = &[Do::Sql("db-c", WILD)];
const NOT_BY_PATTERN: &[Do] = &[Do::Sql("db-c", NO_WILD)];

const BOTH_KEEP: &[(&str, [&str; 4])] = &[("t", ["runs_here", "now", "filtered", "filtered"])];
const TABLE_KEEPS: &[(&str, [&str; 4])] = &[("t", ["runs_here", "now", "filtered", "now"])];
const SCHEMA_KEEPS: &[(&str, [&str; 4])] = &[("t", ["runs_here", "now", "now", "filtered"])];

/// One row: the statement, its default database, and what the filters make of it.
const fn by_table(
    id: &'static str,
    database: Option<&'static str>,
    sql: &'static str,
    expect: &'static [(&'static str, [&'static str; 4])],
) -> Row {
    Row { id, says: "by table, by schema", prepare: BY_TABLE, database, sql, expect, repair: NOT_BY_TABLE, ..PLAIN }
}

const fn by_pattern(id: &'static str, database: Option<&'static str>, sql: &'static str) -> Row {
    Row {
        id,
        says: "by pattern",
        prepare: BY_PATTERN,
        database,
        sql,
        expect: TABLE_KEEPS,
        repair: NOT_BY_PATTERN,
        ..PLAIN
    }
}

pub const ROWS: &[Row] = &[
    Row { also: &["T13"], ..by_table("S3.filter-drop", None, "DROP TABLE $d.t", TABLE_KEEPS) },
    by_table("S3.filter-drop-here", Some("$d"), "DROP TABLE t", BOTH_KEEP),
    Row { also: &["T14"], ..by_table("S3.filter-drop-elsewhere", Some("mysql"), "DROP TABLE $d.t", TABLE_KEEPS) },
    by_table("S3.filter-truncate-here", Some("$d"), "TRUNCATE TABLE t", BOTH_KEEP),
    by_table("S3.filter-truncate-elsewhere", Some("mysql"), "TRUNCATE TABLE $d.t", TABLE_KEEPS),
    by_table("S3.filter-delete", Some("mysql"), "DELETE FROM $d.t", BOTH_KEEP),
    by_table("S3.filter-schema", None, "DROP DATABASE $d", SCHEMA_KEEPS),
    by_pattern("S3.pattern-drop", None, "DROP TABLE $d.t"),
    by_pattern("S3.pattern-drop-here", Some("$d"), "DROP TABLE t"),
    by_pattern("S3.pattern-drop-elsewhere", Some("mysql"), "DROP TABLE $d.t"),
    by_pattern("S3.pattern-truncate", Some("mysql"), "TRUNCATE TABLE $d.t"),
    by_pattern("S3.pattern-delete", Some("mysql"), "DELETE FROM $d.t"),
    Row { also: &["T15"], ..by_pattern("S3.pattern-schema", None, "DROP DATABASE $d") },
    Row {
        id: "T16",
        says: "the first table that meets a rule decides for all of them",
        prepare: &[Do::Sql("db-d", WANTED)],
        sql: "DROP TABLE $d.u, $d.t",
        expect: &[("u", ["runs_here", "now", "now", "now"]), ("t", ["runs_here", "now", "now", "now"])],
        repair: &[Do::Sql("db-d", NO_WANTED)],
        ..PLAIN
    },
    Row {
        id: "T16.alone",
        says: "the same table alone is kept away",
        prepare: &[Do::Sql("db-d", WANTED)],
        expect: SCHEMA_KEEPS,
        repair: &[Do::Sql("db-d", NO_WANTED)],
        ..PLAIN
    },
    Row {
        id: "X.rows-of-two",
        says: "of changed rows each table is judged alone",
        prepare: &[Do::Sql("db-d", WANTED)],
        sql: "DELETE $d.t, $d.u FROM $d.t JOIN $d.u ON t.id = u.id",
        expect: &[("t", ["runs_here", "now", "now", "filtered"]), ("u", ["runs_here", "now", "now", "now"])],
        repair: &[Do::Sql("db-d", NO_WANTED)],
        ..PLAIN
    },
    Row {
        id: "X.not-from-a",
        says: "a replica ignores what began on a server",
        runs: Runs::Only(Flavor::Mariadb, "MySQL refuses such a list where replication goes by GTID"),
        prepare: &[Do::Sql("db-d", NOT_FROM_A)],
        expect: SCHEMA_KEEPS,
        repair: &[Do::Sql("db-d", FROM_ALL)],
        ..PLAIN
    },
    Row {
        id: "X.not-of-domain",
        says: "a replica ignores a domain",
        runs: Runs::Only(Flavor::Mariadb, "MySQL has no domains"),
        prepare: &[Do::Sql("db-d", NOT_OF_DOMAIN)],
        expect: SCHEMA_KEEPS,
        repair: &[Do::Sql("db-d", OF_ALL_DOMAINS)],
        ..PLAIN
    },
    Row {
        id: "X.wanted-schema",
        says: "a list of wanted schemas without a default database",
        prepare: &[Do::Sql("db-d", WANTED_SCHEMA)],
        expect: SCHEMA_KEEPS,
        repair: &[Do::Sql("db-d", NO_WANTED_SCHEMA)],
        ..PLAIN
    },
    Row {
        id: "X.wanted-schema-rows",
        says: "a list of wanted schemas, and rows elsewhere",
        prepare: &[Do::Sql("db-d", WANTED_SCHEMA)],
        sql: "DELETE FROM $d.t",
        expect: SCHEMA_KEEPS,
        repair: &[Do::Sql("db-d", NO_WANTED_SCHEMA)],
        ..PLAIN
    },
];
