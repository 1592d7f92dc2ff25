//! The columns of a table as expressions whose text is the same wherever the row is the same, and its key for chunks.

use mysql_async::Error;
use mysql_async::prelude::Queryable;

use super::{Bench, Columns};
use crate::domain::sql::quote;

/// What a checksum reads of each row.
pub(super) struct Layout {
    /// One expression per column, ordered by column name.
    pub(super) expressions: Vec<String>,
    /// Names of the columns in that order.
    pub(super) names: Vec<String>,
    /// The primary key in its order, if it can be used to walk the table in chunks.
    pub(super) key: Vec<String>,
}

#[derive(Debug)]
struct Column {
    name: String,
    kind: String,
    /// Position in the primary key, from 1.
    key_part: Option<u64>,
}

/// Reads the layout of the table; `None` if one of the wanted columns is not there.
pub(super) async fn layout(bench: &mut Bench<'_>, wanted: &Columns) -> Result<Option<Layout>, Error> {
    let (schema, name) = (quote::string(bench.table.schema()), quote::string(bench.table.name()));
    let sql = format!(
        "SELECT c.COLUMN_NAME, LOWER(c.DATA_TYPE), s.SEQ_IN_INDEX FROM information_schema.COLUMNS c LEFT JOIN \
         information_schema.STATISTICS s ON s.TABLE_SCHEMA = {schema} AND s.TABLE_NAME = {name} AND s.INDEX_NAME = \
         'PRIMARY' AND s.COLUMN_NAME = c.COLUMN_NAME AND s.SUB_PART IS NULL WHERE c.TABLE_SCHEMA = {schema} AND \
         c.TABLE_NAME = {name}"
    );
    let rows: Vec<(String, String, Option<u64>)> = bench.session.connection().query(sql).await?;
    let columns = rows.into_iter().map(|(name, kind, key_part)| Column { name, kind, key_part }).collect();
    Ok(arrange(columns, wanted))
}

fn arrange(mut columns: Vec<Column>, wanted: &Columns) -> Option<Layout> {
    columns.sort_by(|a, b| a.name.cmp(&b.name));
    let mut key: Vec<&Column> = columns.iter().filter(|column| column.key_part.is_some()).collect();
    key.sort_by_key(|column| column.key_part);
    // A gap means that part of the key is a prefix or an expression.
    let whole = key.iter().zip(1..).all(|(column, part)| column.key_part == Some(part));
    let walkable = whole && key.iter().all(|column| walks(&column.kind));
    let key = if walkable { key.iter().map(|column| column.name.clone()).collect() } else { Vec::new() };
    let chosen: Vec<&Column> = match wanted {
        Columns::All => columns.iter().collect(),
        Columns::Only(names) => {
            let found: Vec<_> = columns.iter().filter(|column| names.contains(&column.name)).collect();
            if found.len() != names.len() {
                return None;
            }
            found
        }
    };
    Some(Layout {
        expressions: chosen.iter().map(|column| expression(column)).collect::<Option<_>>()?,
        names: chosen.iter().map(|column| column.name.clone()).collect(),
        key,
    })
}

/// Types whose values come back from the client exactly, in the order of the index. Not those that the server would
/// compare as floating point numbers, and not ENUM, whose index order is not that of its text.
fn walks(kind: &str) -> bool {
    matches!(
        kind,
        "tinyint"
            | "smallint"
            | "mediumint"
            | "int"
            | "bigint"
            | "char"
            | "varchar"
            | "binary"
            | "varbinary"
            | "date"
            | "datetime"
    )
}

/// `v` and the value, or `n` for NULL, which no value can look like. Long values go in by their hash, because a text
/// longer than the largest packet would silently become NULL.
fn expression(column: &Column) -> Option<String> {
    let name = quote::identifier(&column.name).ok()?;
    let value = match column.kind.as_str() {
        "tinyint" | "smallint" | "mediumint" | "int" | "bigint" | "decimal" | "date" | "time" | "datetime"
        | "timestamp" | "year" | "uuid" | "inet4" | "inet6" => format!("CAST({name} AS CHAR)"),
        // As text FLOAT loses digits that it has.
        "float" | "double" => format!("CAST({name} + 0e0 AS CHAR)"),
        "bit" => format!("CAST({name} + 0 AS CHAR)"),
        "json" => format!("SHA2(CAST({name} AS CHAR), 256)"),
        "char" | "varchar" | "binary" | "varbinary" | "tinytext" | "text" | "mediumtext" | "longtext" | "tinyblob"
        | "blob" | "mediumblob" | "longblob" | "enum" | "set" => format!("SHA2({name}, 256)"),
        _ => format!("SHA2(HEX({name}), 256)"),
    };
    Some(format!("IFNULL(CONCAT('v', {value}), 'n')"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(name: &str, kind: &str, key_part: Option<u64>) -> Column {
        Column { name: name.to_owned(), kind: kind.to_owned(), key_part }
    }

    #[test]
    fn columns_are_ordered_by_name_and_the_key_by_its_parts() {
        let columns = vec![column("b", "int", Some(2)), column("c", "text", None), column("a", "varchar", Some(1))];
        let layout = arrange(columns, &Columns::All).unwrap();
        assert_eq!(layout.names, ["a", "b", "c"]);
        assert_eq!(layout.key, ["a", "b"]);
    }

    #[test]
    fn a_key_that_cannot_be_walked_exactly_is_not_walked() {
        for columns in [
            vec![column("a", "decimal", Some(1))],
            vec![column("a", "enum", Some(1))],
            vec![column("a", "int", Some(2))],
            vec![column("a", "int", None)],
        ] {
            assert!(arrange(columns, &Columns::All).unwrap().key.is_empty());
        }
    }

    #[test]
    fn a_column_that_is_not_there_is_noticed() {
        let wanted = Columns::Only(["a".to_owned(), "z".to_owned()].into());
        assert!(arrange(vec![column("a", "int", None)], &wanted).is_none());
    }
}
