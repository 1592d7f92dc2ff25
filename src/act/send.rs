//! Sends one statement behind its guard, as the bytes that were approved, and says what came of it.

use std::time::Duration;

use mysql_async::prelude::Queryable;
use mysql_async::{Conn, Row, Value};

use super::ask;
use super::fault::Fault;
use super::proof::LogProof;
use super::session::Prepared;
use crate::domain::base::text::{count, printable};
use crate::domain::run::{Connection, Outcome};
use crate::domain::script::{Command, Kill};
use crate::domain::snapshot::sessions::{ENDS_A_DEFINITION, NOT_CLIENTS, Session as Victim, UNTOUCHABLE_COMMANDS};
use crate::domain::sql::packet::{BinlogWriting, Packet, Session};
use crate::domain::sql::sessions::Still;
use crate::domain::sql::{Dialect, lookup, sessions};

/// The server cannot prepare this kind of statement.
const CANNOT_PREPARE: u16 = 1295;
/// Both flavours answer from a copy of their list of transactions until nobody has read it for a tenth of a second. The
/// last look has just read it, and the guard must see the transactions as they are now.
const TRANSACTIONS_AGE: Duration = Duration::from_millis(150);
/// There is no connection of that number.
const UNKNOWN_THREAD: u16 = 1094;
/// What a guard answers whose condition is false or NULL.
const GUARD_IS_FALSE: u16 = 1242;
/// The name under which a statement is prepared, to be forgotten at once.
const PROOF: &str = "countersign_proof";
/// How often to look whether a statement's connection is still there while its answer is awaited.
const WATCH: Duration = Duration::from_secs(2);
/// Rows of an answer that are kept; `CHECK TABLE` and the like answer with a few.
const KEPT_ROWS: usize = 20;

/// Sends `text` and waits for what comes of it.
pub(super) async fn statement(
    prepared: &mut Prepared,
    command: &Command,
    text: &str,
    session: Session,
    dialect: Dialect,
) -> Outcome {
    let packet = match Packet::guarded(dialect, &prepared.guards(session.binlog), text) {
        Ok(packet) => packet,
        Err(problem) => return Outcome::NotSent { why: problem.to_string() },
    };
    let single = match prove_single(&mut prepared.conn, text).await {
        Ok(single) => single,
        Err(not_sent) => return not_sent,
    };
    let proof = match session.binlog {
        BinlogWriting::Off => Some(LogProof::begin(&mut prepared.control, dialect, command).await),
        BinlogWriting::On => None,
    };
    let mut detail = match deliver_watched(prepared, &packet).await {
        Ok(answer) => answer,
        Err(outcome) => return outcome,
    };
    if single == Single::ByLexerOnly {
        detail.push_str("; this server cannot prepare the statement, so only its text proves that it is one");
    }
    if let Some(proof) = proof {
        detail.push_str("; ");
        detail.push_str(&proof.finish(&mut prepared.control).await);
    }
    Outcome::Done { detail }
}

/// Kills `victim` behind a guard that asks once more, in the same packet, whether it is still the one that was signed.
pub(super) async fn kill(
    prepared: &mut Prepared,
    victim: &Victim,
    how: Kill,
    session: Session,
    dialect: Dialect,
) -> Outcome {
    let own = match ask::number(&mut prepared.control, lookup::CONNECTION_ID).await {
        Ok(own) => own,
        Err(fault) => return fault.before_sending("asking for the second connection's number failed"),
    };
    let not: Vec<u64> = own.into_iter().chain([prepared.connection.id]).collect();
    let still = Still {
        id: victim.id,
        user: &victim.user,
        host: &victim.host,
        transaction: victim.transaction.as_ref().map(|open| (open.started.as_str(), open.number.as_str())),
        statement: victim.statement(),
        never: [NOT_CLIENTS, UNTOUCHABLE_COMMANDS, ENDS_A_DEFINITION],
        not: &not,
    };
    let text = how.sql(victim.id);
    let guards = prepared.guards(session.binlog);
    let packet = match Packet::guarded_while(dialect, &guards, &still.condition(dialect), &text) {
        Ok(packet) => packet,
        Err(problem) => return Outcome::NotSent { why: problem.to_string() },
    };
    if let Err(not_sent) = prove_single(&mut prepared.conn, &text).await {
        return not_sent;
    }
    tokio::time::sleep(TRANSACTIONS_AGE).await;
    match deliver_watched(prepared, &packet).await {
        Ok(_) => Outcome::Done { detail: format!("{text}: the server took it") },
        Err(Outcome::Failed { code: GUARD_IS_FALSE | UNKNOWN_THREAD, .. }) => {
            let why = left_alone(&mut prepared.control, victim, dialect).await;
            Outcome::LeftAlone { why }
        }
        Err(outcome) => outcome,
    }
}

/// What became of a session that is not any more the one that was signed.
async fn left_alone(control: &mut Conn, victim: &Victim, dialect: Dialect) -> String {
    let signed = format!("session {} is not any more the one that was signed ({})", victim.id, victim.who());
    let Ok(row) = ask::row(control, &sessions::now(dialect, victim.id)).await else { return signed };
    let word = |column: usize| printable(row.get(column).and_then(Option::as_deref).unwrap_or("nothing"));
    if row.is_empty() {
        return format!("{signed}: it is gone");
    }
    format!("{signed}: now it is {}@{}, {}: {}", word(0), word(1), word(2), word(3))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Single {
    Proved,
    ByLexerOnly,
}

/// Lets the server say that it sees one statement, by preparing it. Executes nothing.
async fn prove_single(conn: &mut Conn, text: &str) -> Result<Single, Outcome> {
    match ask::run(conn, &lookup::prove_single(PROOF, text)).await {
        Ok(()) => match ask::run(conn, &lookup::forget_proof(PROOF)).await {
            Ok(()) => Ok(Single::Proved),
            Err(fault) => Err(fault.before_sending("forgetting the prepared statement failed")),
        },
        Err(fault) if fault.code() == Some(CANNOT_PREPARE) => Ok(Single::ByLexerOnly),
        Err(fault) => Err(fault.before_sending("the server does not take it as one statement")),
    }
}

/// Delivers while a second connection watches that the first is still there: a broken network may leave us waiting for
/// an answer that cannot come.
async fn deliver_watched(prepared: &mut Prepared, packet: &Packet) -> Result<String, Outcome> {
    let Prepared { conn, control, connection, .. } = prepared;
    tokio::select! {
        answer = deliver(conn, packet) => answer,
        outcome = vanished(control, connection) => Err(outcome),
    }
}

/// Returns when the server has twice not known the connection any more. Never returns if nothing can be learned.
pub(super) async fn vanished(control: &mut Conn, connection: &Connection) -> Outcome {
    let mut missed = 0;
    while missed < 2 {
        tokio::time::sleep(WATCH).await;
        match ask::number(control, &lookup::lock_holder(&connection.lock)).await {
            Ok(holder) if holder == Some(connection.id) => missed = 0,
            Ok(_) => missed += 1,
            Err(_) => std::future::pending().await,
        }
    }
    Outcome::InDoubt { why: "the server has ended the connection, and no answer came".to_owned() }
}

/// Sends the packet as one, and reads the guard's answer and the statement's.
///
/// A server stops at the first error of a packet. An error before the guard's row therefore means that the statement
/// was not looked at; the same error number after it is the statement's own.
pub(super) async fn deliver(conn: &mut Conn, packet: &Packet) -> Result<String, Outcome> {
    let mut result = conn.query_iter(packet.text()).await.map_err(|error| at_the_guard(error.into()))?;
    match result.next().await {
        Ok(Some(_)) => {}
        Ok(None) => return Err(Outcome::InDoubt { why: "the guard answered without a row".to_owned() }),
        Err(error) => return Err(at_the_guard(error.into())),
    }
    let mut said = Vec::new();
    while !result.is_empty() {
        while let Some(row) = result.next().await.map_err(|error| Fault::from(error).after_sending())? {
            if said.len() < KEPT_ROWS {
                said.push(line(row));
            }
        }
    }
    let (changed, warnings, info) = (result.affected_rows(), result.warnings(), printable(&result.info()));
    result.drop_result().await.map_err(|error| Fault::from(error).after_sending())?;
    let mut detail =
        format!("{changed} row{} affected, {}", if changed == 1 { "" } else { "s" }, count(warnings.into(), "warning"));
    for part in [info].into_iter().chain(said).filter(|part| !part.is_empty()) {
        detail.push_str("; ");
        detail.push_str(&part);
    }
    Ok(detail)
}

fn at_the_guard(fault: Fault) -> Outcome {
    match fault {
        Fault::Refused { code: GUARD_IS_FALSE, .. } => Outcome::NotSent {
            why: "the guard is not true on the server: identity, session or lock are not as approved".to_owned(),
        },
        Fault::Refused { code, message } => {
            Outcome::NotSent { why: format!("the guard could not be evaluated: error {code} {message}") }
        }
        Fault::Lost { why } => Outcome::InDoubt { why },
    }
}

/// A row as one printable line.
fn line(row: Row) -> String {
    let text = |value: Value| ask::text(value).map_or_else(|| "NULL".to_owned(), |text| printable(&text));
    row.unwrap().into_iter().map(text).collect::<Vec<_>>().join(" | ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_at_the_guard_means_that_nothing_was_executed() {
        for code in [GUARD_IS_FALSE, 1193, 1227] {
            let fault = Fault::Refused { code, message: "x".to_owned() };
            assert!(matches!(at_the_guard(fault), Outcome::NotSent { .. }), "{code}");
        }
        let lost = Fault::Lost { why: "x".to_owned() };
        assert!(matches!(at_the_guard(lost), Outcome::InDoubt { .. }), "the whole packet may have arrived");
    }
}
