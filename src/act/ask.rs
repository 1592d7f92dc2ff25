//! Asks a server one question and reads the answer as text.

use mysql_async::prelude::Queryable;
use mysql_async::{Conn, Row, Value};

use super::fault::Fault;

/// One row, as the server prints it.
pub(super) type TextRow = Vec<Option<String>>;

/// All rows of the answer to one query.
pub(super) async fn rows(conn: &mut Conn, sql: &str) -> Result<Vec<TextRow>, Fault> {
    let rows: Vec<Row> = conn.query(sql).await?;
    Ok(rows.into_iter().map(|row| row.unwrap().into_iter().map(text).collect()).collect())
}

/// The first row; empty if there is none.
pub(super) async fn row(conn: &mut Conn, sql: &str) -> Result<TextRow, Fault> {
    Ok(rows(conn, sql).await?.into_iter().next().unwrap_or_default())
}

/// The first column of the first row; `None` for NULL and for no row.
pub(super) async fn value(conn: &mut Conn, sql: &str) -> Result<Option<String>, Fault> {
    Ok(row(conn, sql).await?.into_iter().next().flatten())
}

/// The same as a number.
pub(super) async fn number(conn: &mut Conn, sql: &str) -> Result<Option<u64>, Fault> {
    Ok(value(conn, sql).await?.and_then(|text| text.parse().ok()))
}

/// Sends a statement that answers without rows.
pub(super) async fn run(conn: &mut Conn, sql: &str) -> Result<(), Fault> {
    Ok(conn.query_drop(sql).await?)
}

/// A value of the text protocol, where everything but NULL is bytes.
pub(super) fn text(value: Value) -> Option<String> {
    match value {
        Value::NULL => None,
        Value::Bytes(bytes) => Some(String::from_utf8_lossy(&bytes).into_owned()),
        other => Some(other.as_sql(true)),
    }
}
