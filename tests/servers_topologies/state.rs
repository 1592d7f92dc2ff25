//! What the tables of one server are like: existence, definition, rows, identity and age of the statistics.
//!
//! Two states of one server differ where a statement was executed there, also if it left all rows as they were.

use std::collections::BTreeMap;

use crate::pool::{Named, Seat, column};

/// The tables of the tests, all InnoDB. `o` is the schema that one seat keeps out of its log, `k` is there to be
/// dropped, and a replica without its own table of `cs` breaks at the next event about it.
pub const TABLES: [&str; 22] = [
    PRISTINE, "d.t1", "d.t2", "d.t3", "d.t4", "d.t5", "d.t6", "d.t7", "d.t8", "o.t1", "o.t2", "o.t3", "o.t4", "k.t1",
    "k.t2", "cs.b0", "cs.b1", "cs.b2", "cs.b3", "cs.b4", "cs.b5", "cs.b6",
];

/// A table that nothing ever touches, to tell how one looks.
const PRISTINE: &str = "cs.pristine";

/// The schemas of the tests; everything in them is ours.
pub const SCHEMAS: [&str; 4] = ["d", "o", "k", "cs"];

/// Names that statements make: they are looked at as well, and are not there at the beginning.
pub const MADE: [&str; 3] = ["d.made", "o.made", "d.moved"];

/// A time that no statistics are made at.
const NEVER_ANALYZED: &str = "2001-01-01 00:00:00";

/// Tables and schemas by name, each with everything that tells it from another; one that is absent has no line.
pub type State = BTreeMap<String, String>;

/// Looks at one server.
pub async fn look(seat: &mut Seat) -> State {
    let sets = seat.ask(&questions(seat)).await;
    let [schemas, columns, ids, analyzed, sums] = &sets[..] else { panic!("{} answers, expected 5", sets.len()) };
    let of = |rows: &[Named], name: &str| -> String {
        let row = rows.iter().find(|row| column(row, &["n"]) == name);
        row.map(|row| column(row, &["v"]).to_owned()).unwrap_or_default()
    };
    let mut state: State =
        schemas.iter().map(|row| (format!("{}.*", column(row, &["n"])), "there".to_owned())).collect();
    for row in sums.iter().filter(|row| row.contains_key("Checksum")) {
        let name = column(row, &["Table"]);
        let sum = column(row, &["Checksum"]);
        let parts = [&of(columns, name), sum, &of(analyzed, name), &of(ids, name)].join(" | ");
        state.insert(name.to_owned(), parts);
    }
    state
}

fn questions(seat: &Seat) -> String {
    let all: Vec<&str> = TABLES.iter().chain(&MADE).copied().collect();
    let ids = if seat.dialect.replicas_replace_on_create() { "INNODB_SYS_TABLES" } else { "INNODB_TABLES" };
    let schemas = SCHEMAS.map(|schema| format!("'{schema}'")).join(",");
    let named = SCHEMAS.map(|schema| format!("NAME LIKE '{schema}/%'")).join(" OR ");
    format!(
        "SELECT SCHEMA_NAME AS n FROM information_schema.SCHEMATA WHERE SCHEMA_NAME IN ({schemas}); \
         SELECT CONCAT(TABLE_SCHEMA, '.', TABLE_NAME) AS n, GROUP_CONCAT(CONCAT(COLUMN_NAME, ' ', COLUMN_TYPE) ORDER BY \
         ORDINAL_POSITION) AS v FROM information_schema.COLUMNS WHERE TABLE_SCHEMA IN ({schemas}) GROUP BY 1; \
         SELECT REPLACE(NAME, '/', '.') AS n, TABLE_ID AS v FROM information_schema.{ids} WHERE {named}; \
         SELECT CONCAT(database_name, '.', table_name) AS n, CAST(last_update AS CHAR) AS v FROM \
         mysql.innodb_table_stats WHERE database_name IN ({schemas}); \
         CHECKSUM TABLE {}",
        all.join(", ")
    )
}

/// Makes every table of the tests as it was at the beginning, and takes away what was made besides.
pub async fn restore(seat: &mut Seat) {
    let found = look(seat).await;
    let mut todo: Vec<String> =
        SCHEMAS.iter().map(|schema| format!("CREATE DATABASE IF NOT EXISTS {schema}")).collect();
    todo.extend(MADE.iter().filter(|name| found.contains_key(**name)).map(|name| format!("DROP TABLE {name}")));
    let wanted = found.get(PRISTINE).map(|state| without_identity(state));
    for name in TABLES {
        if wanted.is_some() && found.get(name).map(|state| without_identity(state)) == wanted {
            continue;
        }
        todo.push(format!("DROP TABLE IF EXISTS {name}"));
        todo.push(format!("CREATE TABLE {name} (id INT PRIMARY KEY, v INT NOT NULL) ENGINE=InnoDB"));
        todo.push(format!("INSERT INTO {name} VALUES (1, 10), (2, 20), (3, 30), (4, 40)"));
    }
    todo.push(format!(
        "UPDATE mysql.innodb_table_stats SET last_update = '{NEVER_ANALYZED}' WHERE database_name IN \
         ('d', 'o', 'k', 'cs') AND last_update <> '{NEVER_ANALYZED}'"
    ));
    seat.run(&todo.join("; ")).await;
}

/// Columns, rows and age of the statistics; the identity of a table differs from server to server.
fn without_identity(state: &str) -> &str {
    state.rsplit_once(" | ").map_or(state, |(rest, _)| rest)
}
