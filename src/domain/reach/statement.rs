//! A statement as replication sees it: whether it is logged, what it names, in which default database, and as which
//! transaction.

use serde::{Deserialize, Serialize};

use crate::domain::base::TableName;
use crate::domain::snapshot::Position;
use crate::domain::sql::classify::{Class, Classified, Effect, Logging, Object};

/// What the executing session does to the statement's journey.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Carry {
    /// It is written to the binary log if the server keeps one.
    Logged,
    /// `sql_log_bin=0`, or a statement that is never logged.
    Unlogged,
}

/// What a statement names, as far as filters compare it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Names {
    /// Tables in the order they stand in; the statement itself is logged.
    Tables(Vec<TableName>),
    /// Tables whose rows change; rows or the statement are logged.
    Rows(Vec<TableName>),
    Schema(String),
    Unknown,
}

/// See the module's description.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    pub carry: Carry,
    pub names: Names,
    /// The default database of the session that executes it.
    pub default: Option<String>,
    /// The transaction that it was executed as, if it has been.
    pub executed_as: Option<Position>,
}

/// A statement of which nothing is known but whether it is logged.
impl From<Carry> for Statement {
    fn from(carry: Carry) -> Self {
        Self { carry, names: Names::Unknown, default: None, executed_as: None }
    }
}

impl Carry {
    /// How a statement travels from a session that logs.
    pub fn of(logging: Logging) -> Self {
        use crate::domain::sql::classify::Written;
        if logging.written() == Written::No { Self::Unlogged } else { Self::Logged }
    }
}

impl Statement {
    /// What the classifier knows of a statement that is executed with this default database.
    pub fn of(classified: &Classified, carry: Carry, default: Option<&str>) -> Self {
        Self { carry, names: names(classified), default: default.map(str::to_owned), executed_as: None }
    }

    /// The same for one table of a statement that changes the rows of several: each one's rows are filtered alone.
    #[must_use]
    pub fn about(mut self, table: &TableName) -> Self {
        if let Names::Rows(tables) = &mut self.names {
            tables.retain(|named| named == table);
        }
        self
    }

    /// Says that it has been executed, as this transaction.
    #[must_use]
    pub fn executed_as(mut self, transaction: Position) -> Self {
        self.executed_as = Some(transaction);
        self
    }
}

fn names(classified: &Classified) -> Names {
    let written = || classified.objects.iter().filter(|touched| touched.effect != Effect::Read);
    let tables: Option<Vec<TableName>> = written()
        .map(|touched| match &touched.object {
            Object::Table(table) => Some(table.clone()),
            _ => None,
        })
        .collect();
    let reads = written().count() < classified.objects.len();
    match (classified.class, tables) {
        (Class::Rows, Some(tables)) if !tables.is_empty() => Names::Rows(tables),
        // What a definition reads may be logged as rows behind it.
        (Class::Definition | Class::Maintenance, Some(tables)) if !tables.is_empty() && !reads => Names::Tables(tables),
        (Class::Definition, None) => match &classified.objects[..] {
            [touched] => match &touched.object {
                Object::Schema(schema) => Names::Schema(schema.clone()),
                _ => Names::Unknown,
            },
            _ => Names::Unknown,
        },
        _ => Names::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::sql::Flavor;
    use crate::domain::sql::classify::classify;

    fn named(text: &str) -> Names {
        let classified = classify(text, Flavor::MariaDb, Some("d"));
        Statement::of(&classified, Carry::of(classified.logging), Some("d")).names
    }

    fn tables(names: &[&str]) -> Vec<TableName> {
        names.iter().map(|name| name.parse().unwrap()).collect()
    }

    #[test]
    fn definitions_rows_and_schemas_are_told_apart() {
        assert_eq!(named("DROP TABLE d.b, a"), Names::Tables(tables(&["d.b", "d.a"])));
        assert_eq!(named("OPTIMIZE TABLE t"), Names::Tables(tables(&["d.t"])));
        assert_eq!(named("DELETE FROM t"), Names::Rows(tables(&["d.t"])));
        assert_eq!(named("INSERT INTO t SELECT * FROM e.u"), Names::Rows(tables(&["d.t"])));
        assert_eq!(named("DROP DATABASE e"), Names::Schema("e".to_owned()));
        assert_eq!(named("CREATE TABLE t SELECT * FROM e.u"), Names::Unknown);
        assert_eq!(named("CALL p()"), Names::Unknown);
    }

    #[test]
    fn a_keyword_that_keeps_a_statement_out_of_the_log_is_heard() {
        let carry = |text| Carry::of(classify(text, Flavor::MySql, None).logging);
        assert_eq!(carry("OPTIMIZE TABLE d.t"), Carry::Logged);
        assert_eq!(carry("OPTIMIZE LOCAL TABLE d.t"), Carry::Unlogged);
        assert_eq!(carry("REPAIR NO_WRITE_TO_BINLOG TABLE d.t"), Carry::Unlogged);
        assert_eq!(carry("CHECK TABLE d.t"), Carry::Unlogged);
        assert_eq!(carry("CALL p()"), Carry::Logged);
    }

    #[test]
    fn one_table_of_several_is_asked_about_alone() {
        let classified = classify("DELETE d.t, d.u FROM d.t JOIN d.u", Flavor::MySql, None);
        let both = Statement::of(&classified, Carry::Logged, None);
        assert_eq!(both.clone().about(&"d.u".parse().unwrap()).names, Names::Rows(tables(&["d.u"])));
    }
}
