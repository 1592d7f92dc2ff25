//! A checksum over every row of a table, equal on all servers of one flavour that hold the same rows.
//!
//! Each row becomes an unambiguous text, the text a SHA-256, and two 60-bit parts of it are added up over all rows:
//! the order of rows does not matter and equal rows do not cancel out. It finds accidents, it is no signature.

use std::collections::BTreeSet;

use mysql_async::prelude::Queryable;
use mysql_async::{Error, Params, Row, Value};
use tokio::sync::watch;

use super::columns::{self, Layout};
use super::{Bench, Footing, MeasureError, Stop, Suspicion};
use crate::domain::base::{Digest, TableName};
use crate::domain::fleet::{Login, Server};
use crate::domain::snapshot::{Finding, Method};
use crate::domain::sql::quote;

/// Rows per statement: small enough to stop soon and to show progress.
const CHUNK: u64 = 10_000;

/// How often a quiet moment is looked for before the table is read at a moment that is not.
const QUIET_TRIES: u32 = 20;

/// Which columns are read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Columns {
    /// All of them, generated ones too.
    All,
    Only(BTreeSet<String>),
}

/// How far a checksum is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Progress {
    pub rows: u64,
}

/// Sums over the rows read so far.
#[derive(Default)]
struct Sums {
    rows: u64,
    first: u128,
    second: u128,
}

/// Reads all rows of the table in one consistent view and gives their checksum. Drop the future to stop it.
pub async fn checksum(
    server: &Server,
    login: &Login,
    table: &TableName,
    columns: &Columns,
    suspicion: Suspicion,
    step: &str,
    progress: &watch::Sender<Progress>,
) -> Result<Finding, MeasureError> {
    let mut bench = Bench::open(server, login, table, suspicion, step).await?;
    let (footing, detail) = view(&mut bench).await?;
    match read_all(&mut bench, columns, progress).await {
        Ok((layout, sums)) => {
            let mut finding = bench.finding(Method::Compare, true, detail, footing);
            finding.rows = Some(sums.rows);
            finding.checksum = Some(digest(&layout, &sums));
            Ok(finding)
        }
        Err(Stop::Damaged(detail)) => Ok(bench.finding(Method::Compare, false, detail, footing)),
        Err(Stop::Failed(error)) => Err(error),
    }
}

/// Opens a view of the rows at a known position: no transaction may end between taking down the one and the other.
async fn view(bench: &mut Bench<'_>) -> Result<(Footing, String), MeasureError> {
    let mut tries = 0;
    loop {
        let before = bench.footing().await?;
        let opened =
            bench.session.connection().query_drop("START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY").await;
        if let Err(error) = opened {
            return Err(bench.not_possible(format!("no consistent view: {error}")));
        }
        let after = bench.footing().await?;
        tries += 1;
        if before.position == after.position {
            return Ok((after, "all rows read in one view".to_owned()));
        }
        if tries == QUIET_TRIES {
            let detail =
                "all rows read in one view; it was written to meanwhile, so the view is newer than the position";
            return Ok((before, detail.to_owned()));
        }
        bench
            .session
            .connection()
            .query_drop("ROLLBACK")
            .await
            .map_err(|error| bench.not_possible(error.to_string()))?;
    }
}

async fn read_all(
    bench: &mut Bench<'_>,
    wanted: &Columns,
    progress: &watch::Sender<Progress>,
) -> Result<(Layout, Sums), Stop> {
    let layout = columns::layout(bench, wanted).await.map_err(|error| bench.stop(error))?;
    let layout = layout
        .filter(|layout| !layout.names.is_empty())
        .ok_or_else(|| Stop::Failed(bench.not_possible("it lacks columns that were asked for")))?;
    let mut sums = Sums::default();
    let mut after: Option<Vec<Value>> = None;
    loop {
        let upto = chunk_end(bench, &layout, after.as_deref()).await.map_err(|error| bench.stop(error))?;
        let chunk = read_chunk(bench, &layout, after.as_deref(), upto.as_deref()).await;
        let chunk = chunk.map_err(|error| bench.stop(error))?;
        let chunk = chunk.ok_or_else(|| Stop::Failed(bench.not_possible("a row could not be turned into text")))?;
        sums.rows += chunk.rows;
        sums.first = sums.first.wrapping_add(chunk.first);
        sums.second = sums.second.wrapping_add(chunk.second);
        // Nobody may be looking.
        progress.send_replace(Progress { rows: sums.rows });
        match upto {
            Some(key) => after = Some(key),
            None => return Ok((layout, sums)),
        }
    }
}

/// The key of the last row of the chunk behind `after`; `None` for the last chunk.
async fn chunk_end(
    bench: &mut Bench<'_>,
    layout: &Layout,
    after: Option<&[Value]>,
) -> Result<Option<Vec<Value>>, Error> {
    if layout.key.is_empty() {
        return Ok(None);
    }
    let key = quoted(&layout.key).join(", ");
    let (condition, values) =
        after.map_or_else(|| ("1 = 1".to_owned(), Vec::new()), |key| beyond(&layout.key, key, ">", ">"));
    let sql = format!(
        "SELECT {key} FROM {} FORCE INDEX (PRIMARY) WHERE {condition} ORDER BY {key} LIMIT 1 OFFSET {}",
        quote::table(bench.table),
        CHUNK - 1
    );
    let row: Option<Row> = bench.session.connection().exec_first(sql, parameters(values)).await?;
    Ok(row.map(Row::unwrap))
}

/// The sums over one chunk; `None` if a row had no text.
async fn read_chunk(
    bench: &mut Bench<'_>,
    layout: &Layout,
    after: Option<&[Value]>,
    upto: Option<&[Value]>,
) -> Result<Option<Sums>, Error> {
    let mut conditions = vec!["1 = 1".to_owned()];
    let mut values = Vec::new();
    for (bound, last, before) in [(after, ">", ">"), (upto, "<=", "<")] {
        if let Some(key) = bound {
            let (condition, its_values) = beyond(&layout.key, key, before, last);
            conditions.push(condition);
            values.extend(its_values);
        }
    }
    let part = |from: u8| format!("CAST(SUM(CAST(CONV(SUBSTRING(h, {from}, 15), 16, 10) AS UNSIGNED)) AS CHAR)");
    let sql = format!(
        "SELECT COUNT(*), COUNT(h), {}, {} FROM (SELECT SHA2(CONCAT_WS(',', {}), 256) AS h FROM {} WHERE {}) AS row_hashes",
        part(1),
        part(16),
        layout.expressions.join(", "),
        quote::table(bench.table),
        conditions.join(" AND ")
    );
    let row: Option<(u64, u64, Option<String>, Option<String>)> =
        bench.session.connection().exec_first(sql, parameters(values)).await?;
    let Some((rows, hashed, first, second)) = row else { return Ok(None) };
    let number = |text: Option<String>| text.map_or(Some(0), |text| text.parse::<u128>().ok());
    let sums = number(first).zip(number(second)).map(|(first, second)| Sums { rows, first, second });
    Ok(sums.filter(|_| rows == hashed))
}

/// The condition "the key lies before/behind these values": `inner` compares all columns but the last, which `last`
/// compares. Written out column by column, because not every server uses the index for row values.
fn beyond(key: &[String], values: &[Value], inner: &str, last: &str) -> (String, Vec<Value>) {
    let names = quoted(key);
    let mut alternatives = Vec::new();
    let mut bound = Vec::new();
    for (index, name) in names.iter().enumerate() {
        let mut terms: Vec<String> = names[..index].iter().map(|equal| format!("{equal} = ?")).collect();
        let sign = if index + 1 == names.len() { last } else { inner };
        terms.push(format!("{name} {sign} ?"));
        bound.extend(values[..=index].iter().cloned());
        alternatives.push(format!("({})", terms.join(" AND ")));
    }
    (format!("({})", alternatives.join(" OR ")), bound)
}

fn quoted(names: &[String]) -> Vec<String> {
    names.iter().filter_map(|name| quote::identifier(name).ok()).collect()
}

fn parameters(values: Vec<Value>) -> Params {
    if values.is_empty() { Params::Empty } else { Params::Positional(values) }
}

fn digest(layout: &Layout, sums: &Sums) -> String {
    let columns = layout.names.iter().map(|name| format!("{}:{name}", name.len())).collect::<Vec<_>>().join(",");
    let text = format!("rows v1 {columns} {} {} {}", sums.rows, sums.first, sums.second);
    Digest::of(text.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_of_two_columns_is_compared_column_by_column() {
        let key = ["a".to_owned(), "b".to_owned()];
        let (condition, values) = beyond(&key, &[Value::Int(1), Value::Int(2)], "<", "<=");
        assert_eq!(condition, "((`a` < ?) OR (`a` = ? AND `b` <= ?))");
        assert_eq!(values, [Value::Int(1), Value::Int(1), Value::Int(2)]);
    }
}
