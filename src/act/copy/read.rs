//! Reads rows and hands them on in batches of bounded size. Binary protocol: numbers are not printed and parsed again.

use mysql_async::prelude::Queryable;
use mysql_async::{Conn, Params, Row, Value};
use tokio::sync::mpsc;

use super::source::Reading;
use crate::act::fault::Fault;

/// A prepared statement takes so many values.
const MOST_VALUES: usize = 65_535;
/// More rows in one statement bring nothing.
const MOST_ROWS: usize = 1_024;
/// More bytes neither.
const MOST_BYTES: u64 = 1 << 20;

/// How large a batch may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Batches {
    /// A power of two.
    pub rows: usize,
    pub bytes: u64,
    pub width: usize,
}

impl Batches {
    /// For rows of `width` values, and a server that takes packets of `longest` bytes.
    pub fn sized(width: usize, longest: Option<u64>) -> Self {
        let fit = (MOST_VALUES / width.max(1)).clamp(1, MOST_ROWS);
        let rows = if fit.is_power_of_two() { fit } else { fit.next_power_of_two() / 2 };
        Self { rows, bytes: MOST_BYTES.min(longest.unwrap_or(MOST_BYTES) / 2), width }
    }
}

/// Rows, one after the other.
#[derive(Debug, Default)]
pub(super) struct Batch {
    pub values: Vec<Value>,
    pub rows: usize,
    bytes: u64,
}

impl Batch {
    fn push(&mut self, row: Row) {
        let values = row.unwrap();
        self.bytes += values.iter().map(Value::bin_len).sum::<u64>();
        self.values.extend(values);
        self.rows += 1;
    }

    fn is_full(&self, batches: Batches) -> bool {
        self.rows >= batches.rows || self.bytes >= batches.bytes
    }
}

/// Reads everything that `reading` finds. Ends early, and well, when nobody takes the rows any more.
pub(super) async fn read(
    mut conn: Conn,
    reading: Reading,
    batches: Batches,
    sender: mpsc::Sender<Batch>,
) -> Result<(), Fault> {
    let taken_away = sender.clone();
    let read = tokio::select! {
        read = stream(&mut conn, reading, batches, sender) => read,
        () = taken_away.closed() => Ok(()),
    };
    // Without this the driver would first read the rest of the table.
    let _ = conn.disconnect().await;
    read
}

async fn stream(conn: &mut Conn, reading: Reading, batches: Batches, sender: mpsc::Sender<Batch>) -> Result<(), Fault> {
    let parameters = if reading.parameters.is_empty() { Params::Empty } else { Params::Positional(reading.parameters) };
    let mut result = conn.exec_iter(reading.sql, parameters).await?;
    let mut batch = Batch::default();
    while let Some(row) = result.next().await? {
        batch.push(row);
        if batch.is_full(batches) && sender.send(std::mem::take(&mut batch)).await.is_err() {
            return Ok(());
        }
    }
    if batch.rows > 0 {
        let _ = sender.send(batch).await;
    }
    Ok(())
}

/// The one row of the marker query, if there is one.
pub(super) async fn marker(conn: &mut Conn, sql: &str) -> Result<Option<Vec<Value>>, Fault> {
    let row: Option<Row> = conn.exec_first(sql, Params::Empty).await?;
    Ok(row.map(Row::unwrap))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_fits_the_servers_limits() {
        assert_eq!(Batches::sized(7, Some(1 << 26)), Batches { rows: 1024, bytes: 1 << 20, width: 7 });
        assert_eq!(Batches::sized(100, Some(1 << 16)), Batches { rows: 512, bytes: 1 << 15, width: 100 });
        assert_eq!(Batches::sized(4_096, None).rows, 8);
        assert_eq!(Batches::sized(70_000, None).rows, 1);
    }

    #[test]
    fn a_large_row_fills_a_batch_alone() {
        let batches = Batches::sized(1, Some(64));
        let mut batch = Batch::default();
        assert!(!batch.is_full(batches));
        let column = mysql_async::Column::new(mysql_async::consts::ColumnType::MYSQL_TYPE_BLOB);
        batch.push(mysql_common_row(vec![Value::Bytes(vec![0; 40])], column));
        assert!(batch.is_full(batches));
    }

    fn mysql_common_row(values: Vec<Value>, column: mysql_async::Column) -> Row {
        Row::new(values, vec![column].into())
    }
}
