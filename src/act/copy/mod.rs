//! Copies a table from another server into a private table here, in chunks that are committed in key order.
//!
//! The greatest key in the private table is the marker: a copy that was cut off anywhere goes on behind it. The source
//! is read with the account that cannot change anything, on a connection of its own.

mod read;
mod source;
mod write;

use std::time::{Duration, Instant};

use tokio::sync::mpsc;

use super::ask;
use super::fault::Fault;
use super::now;
use super::proof::LogProof;
use super::send;
use super::session::Prepared;
use crate::domain::base::{ServerName, Span, TableName};
use crate::domain::fleet::Fleet;
use crate::domain::run::{CopyProgress, Outcome};
use crate::domain::script::{Command, Work};
use crate::domain::snapshot::{FactKey, TableFact, Value};
use crate::domain::sql::packet::{BinlogWriting, Packet, Session};
use crate::domain::sql::{Dialect, chunk, create};
use crate::executor::ports::Copying;

use source::Source;
use write::{End, Writer};

/// A table of this name does not exist.
const NO_SUCH_TABLE: u16 = 1146;
/// Batches that wait for the writer.
const WAITING: usize = 3;

/// What a copy is told.
struct Order<'a> {
    from: &'a ServerName,
    table: &'a TableName,
    into: &'a TableName,
    session: Session,
    dialect: Dialect,
}

/// Copies, or goes on copying, until the source has no more rows.
pub(super) async fn copy(fleet: &Fleet, prepared: &mut Prepared, command: &Command, copying: &Copying) -> Outcome {
    let Work::Copy { from, table, into, session, dialect, .. } = &command.work else {
        return Outcome::NotSent { why: "expected a copy, found another command".to_owned() };
    };
    let order = Order { from, table, into, session: *session, dialect: *dialect };
    let source = match Source::open(fleet, &order, &prepared.identity.to_string()).await {
        Ok(source) => source,
        Err(why) => return Outcome::NotSent { why },
    };
    let proof = match order.session.binlog {
        BinlogWriting::Off => Some(LogProof::begin(&mut prepared.control, order.dialect, command).await),
        BinlogWriting::On => None,
    };
    let expected = expected_rows(command, &order);
    let written = match run(prepared, source, &order, expected, copying).await {
        Err(outcome) => return outcome,
        Ok(written) => written,
    };
    let mut detail = written.said;
    if let Some(proof) = proof {
        detail.push_str("; ");
        detail.push_str(&proof.finish(&mut prepared.control).await);
    }
    match written.end {
        End::Everything => Outcome::Done { detail },
        End::Asked => Outcome::Interrupted { detail: format!("{detail}; a copy can go on there") },
    }
}

/// The rows of the last finding, as far as the prediction carries them.
fn expected_rows(command: &Command, order: &Order<'_>) -> Option<u64> {
    let key = FactKey::table(&command.server, order.into, TableFact::Finding);
    let known = command.patch.changes().find(|(one, _)| **one == key)?.1;
    match known.value() {
        Ok(Value::Finding(finding)) => finding.rows,
        _ => None,
    }
}

async fn run(
    prepared: &mut Prepared,
    mut source: Source,
    order: &Order<'_>,
    expected: Option<u64>,
    copying: &Copying,
) -> Result<Ended, Outcome> {
    let rows_expected = match expected {
        Some(rows) => Some(rows),
        None => source.estimated_rows(order).await,
    };
    let packet = chunk_begin(prepared, order).map_err(|why| Outcome::NotSent { why })?;
    let begun = begin(prepared, &source, order).await?;
    let longest = ask::number(&mut prepared.conn, chunk::LONGEST_PACKET).await.map_err(Fault::after_sending)?;
    let batches = read::Batches::sized(source.layout.width(), longest);
    let (sender, receiver) = mpsc::channel(WAITING);
    let query = source.reading(order.table, begun.marker);
    let layout = source.layout.clone();
    let reader = tokio::spawn(read::read(source.conn, query, batches, sender));
    let started = Instant::now();
    let report = |rows_done| {
        let (rows_before, took) = (begun.rows, spanned(started.elapsed()));
        copying.report(CopyProgress { rows_done, rows_before, rows_expected, took, at: now() });
    };
    report(begun.rows);
    let Prepared { conn, control, connection, .. } = prepared;
    let writer = Writer { conn, begin: packet, layout: &layout, into: order.into, batches };
    let should_end = || copying.should_end();
    let written = tokio::select! {
        written = writer.write(receiver, begun.rows, &report, &should_end) => written,
        outcome = send::vanished(control, connection) => Err(outcome),
    };
    let read = reader.await;
    let written = written?;
    let ended = Ended { said: written.said(begun.rows, started.elapsed()), end: written.end };
    match read {
        Ok(Ok(())) => Ok(ended),
        Ok(Err(fault)) => Err(source_failed(order, written.rows, &fault)),
        Err(panic) => Err(Outcome::Failed { code: 0, message: format!("reading the source ended early: {panic}") }),
    }
}

fn spanned(duration: Duration) -> Span {
    Span::from_millis(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX))
}

/// How a copy ended that nothing went wrong with.
struct Ended {
    said: String,
    end: End,
}

/// Where a copy begins.
struct Begun {
    rows: u64,
    /// The greatest key of the private table, if it has rows.
    marker: Option<Vec<mysql_async::Value>>,
}

/// Creates the private table, or finds the place in the one that is there.
async fn begin(prepared: &mut Prepared, source: &Source, order: &Order<'_>) -> Result<Begun, Outcome> {
    let not_sent = |why: String| Outcome::NotSent { why };
    match ask::row(&mut prepared.conn, &chunk::show_create(order.into)).await {
        Err(fault) if fault.code() == Some(NO_SUCH_TABLE) => {
            let guards = prepared.guards(order.session.binlog);
            let packet = Packet::guarded(order.dialect, &guards, &source.twin).map_err(|e| not_sent(e.to_string()))?;
            send::deliver(&mut prepared.conn, &packet).await?;
            Ok(Begun { rows: 0, marker: None })
        }
        Err(fault) => Err(fault.before_sending("looking for the private table failed")),
        Ok(row) => {
            let found = row.get(1).cloned().flatten().unwrap_or_default();
            same_definition(order, source, &found).map_err(not_sent)?;
            let looking = |fault: Fault| fault.before_sending("looking for the place to go on at failed");
            let marker = read::marker(&mut prepared.conn, &source.layout.marker(order.into)).await.map_err(looking)?;
            let rows = ask::number(&mut prepared.conn, &chunk::count(order.into)).await.map_err(looking)?;
            Ok(Begun { rows: rows.unwrap_or(0), marker })
        }
    }
}

/// A table that is there already is gone on with only if it is defined as the source is.
fn same_definition(order: &Order<'_>, source: &Source, found: &str) -> Result<(), String> {
    let flavor = order.dialect.flavor();
    let comparable = |text: &str| create::comparable(flavor, text).map_err(|problem| problem.to_string());
    if comparable(found)? == comparable(&source.create)? {
        return Ok(());
    }
    Err(format!(
        "expected {} to be defined like {} on {}, found another definition: it is not the table this copy made",
        order.into, order.table, order.from
    ))
}

/// Every chunk begins behind the guard: on the approved server, in the approved session, under the lock.
fn chunk_begin(prepared: &Prepared, order: &Order<'_>) -> Result<Packet, String> {
    Packet::guarded(order.dialect, &prepared.guards(order.session.binlog), chunk::BEGIN).map_err(|e| e.to_string())
}

fn source_failed(order: &Order<'_>, rows: u64, fault: &Fault) -> Outcome {
    let message = format!(
        "reading {} from {} failed: {fault}; {rows} rows are committed in {}, and a copy can go on there",
        order.table, order.from, order.into
    );
    Outcome::Failed { code: fault.code().unwrap_or(0), message }
}
