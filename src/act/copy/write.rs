//! Writes batches in transactions of about half a second, so that a stop costs little and the log of the engine stays
//! small. What is committed is the marker.

use std::collections::BTreeMap;
use std::time::Duration;

use mysql_async::prelude::Queryable;
use mysql_async::{Conn, Params, Statement, Value};
use tokio::sync::mpsc;

use super::read::{Batch, Batches};
use crate::act::ask;
use crate::act::fault::Fault;
use crate::act::send;
use crate::domain::base::TableName;
use crate::domain::run::Outcome;
use crate::domain::sql::chunk::{self, Layout};
use crate::domain::sql::packet::Packet;

/// How long one transaction gathers rows.
const CHUNK: Duration = Duration::from_millis(500);

/// Writes one copy.
pub(super) struct Writer<'a> {
    pub conn: &'a mut Conn,
    pub begin: Packet,
    pub layout: &'a Layout,
    pub into: &'a TableName,
    pub batches: Batches,
}

/// What is committed, and why it is not more.
pub(super) struct Written {
    pub rows: u64,
    chunks: u64,
    pub end: End,
}

/// Why writing ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// The reader has no more rows.
    Everything,
    /// Somebody asked for it.
    Asked,
}

impl Written {
    /// For people: how many and how fast.
    pub fn said(&self, before: u64, took: Duration) -> String {
        let new = self.rows.saturating_sub(before);
        let millis = u64::try_from(took.as_millis()).unwrap_or(u64::MAX).max(1);
        let rate = new.saturating_mul(1000) / millis;
        let resumed = if before > 0 { format!(" behind {before} that were there") } else { String::new() };
        format!(
            "{new} rows copied{resumed} in {} chunks, {}.{} s, {rate} rows/s",
            self.chunks,
            millis / 1000,
            millis % 1000 / 100
        )
    }
}

impl Writer<'_> {
    /// Writes until the reader ends, or until `should_end` says so while there are more rows. `report` is told the rows
    /// in the table after each commit.
    pub async fn write(
        mut self,
        mut batches: mpsc::Receiver<Batch>,
        before: u64,
        report: &(impl Fn(u64) + Sync),
        should_end: &(impl Fn() -> bool + Sync),
    ) -> Result<Written, Outcome> {
        let mut inserts = BTreeMap::new();
        let mut written = Written { rows: before, chunks: 0, end: End::Everything };
        while let Some(first) = batches.recv().await {
            if should_end() {
                written.end = End::Asked;
                break;
            }
            send::deliver(self.conn, &self.begin).await.map_err(|outcome| begin_failed(outcome, written.rows))?;
            let rows = match self.fill(first, &mut batches, &mut inserts).await {
                Ok(rows) => rows,
                Err(fault) => return Err(self.give_up(fault, written.rows).await),
            };
            ask::run(self.conn, chunk::COMMIT).await.map_err(Fault::after_sending)?;
            written.rows += rows;
            written.chunks += 1;
            report(written.rows);
        }
        for (_, insert) in inserts {
            // The connection ends soon anyway.
            let _ = self.conn.close(insert).await;
        }
        Ok(written)
    }

    /// Inserts `first` and what follows, until the chunk is old enough. Does not wait for a slow reader longer.
    async fn fill(
        &mut self,
        first: Batch,
        batches: &mut mpsc::Receiver<Batch>,
        inserts: &mut BTreeMap<usize, Statement>,
    ) -> Result<u64, Fault> {
        let until = tokio::time::Instant::now() + CHUNK;
        let mut rows = 0;
        let mut next = Some(first);
        while let Some(batch) = next {
            rows += batch.rows as u64;
            self.insert(batch, inserts).await?;
            // A reader that is ahead would win against the clock for ever.
            let due = tokio::time::Instant::now() >= until;
            next = if due { None } else { tokio::time::timeout_at(until, batches.recv()).await.ok().flatten() };
        }
        Ok(rows)
    }

    /// Inserts one batch in statements whose row counts are powers of two, so that a few prepared ones serve all.
    async fn insert(&mut self, batch: Batch, inserts: &mut BTreeMap<usize, Statement>) -> Result<(), Fault> {
        let mut values: Vec<Value> = batch.values;
        let mut left = batch.rows;
        while left > 0 {
            let rows = largest_power(left).min(self.batches.rows);
            let rest = values.split_off(rows * self.batches.width);
            let statement = if let Some(statement) = inserts.get(&rows) {
                statement.clone()
            } else {
                let statement = self.conn.prep(self.layout.insert(self.into, rows)).await?;
                inserts.insert(rows, statement.clone());
                statement
            };
            self.conn.exec_drop(&statement, Params::Positional(values)).await?;
            values = rest;
            left -= rows;
        }
        Ok(())
    }

    /// Takes the open chunk back. What was committed before stays and is the marker.
    async fn give_up(&mut self, fault: Fault, rows: u64) -> Outcome {
        let _ = ask::run(self.conn, chunk::ROLLBACK).await;
        match fault.after_sending() {
            Outcome::Failed { code, message } => Outcome::Failed { code, message: committed(&message, rows) },
            other => other,
        }
    }
}

/// A guard that stops a chunk leaves the table and the chunks before it.
fn begin_failed(outcome: Outcome, rows: u64) -> Outcome {
    match outcome {
        Outcome::NotSent { why } => Outcome::Failed { code: 0, message: committed(&why, rows) },
        other => other,
    }
}

fn committed(message: &str, rows: u64) -> String {
    format!("{message}; {rows} rows are committed, and a copy can go on there")
}

/// The largest power of two that is not above `number`, which is not zero.
fn largest_power(number: usize) -> usize {
    1 << number.max(1).ilog2()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_of_rows_is_made_of_a_few_powers_of_two() {
        let mut sizes = std::collections::BTreeSet::new();
        for rows in 1..=1_024_usize {
            let mut left = rows;
            while left > 0 {
                let part = largest_power(left);
                assert!(part <= left && part.is_power_of_two());
                sizes.insert(part);
                left -= part;
            }
        }
        assert_eq!(sizes.len(), 11);
    }

    #[test]
    fn a_guard_that_stops_a_chunk_does_not_hide_what_was_done_before() {
        let stopped = Outcome::NotSent { why: "the guard is not true".to_owned() };
        let Outcome::Failed { message, .. } = begin_failed(stopped, 7) else { panic!() };
        assert!(message.contains("7 rows are committed"), "{message}");
    }

    #[test]
    fn the_rate_counts_new_rows_only() {
        let written = Written { rows: 1_500, chunks: 3, end: End::Everything };
        assert_eq!(
            written.said(500, Duration::from_millis(2_500)),
            "1000 rows copied behind 500 that were there in 3 chunks, 2.5 s, 400 rows/s"
        );
    }
}
