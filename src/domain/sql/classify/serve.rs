//! Statements about the session, the server, its accounts and its replication.
//!
//! Only forms whose whole text is known. Starting or repointing replication is not among them: it releases what was
//! held back, and what that is does not stand in the text.

use super::cursor::Cursor;
use super::verdict::{Caution, Class, Draft, Effect, Logging, Object};
use super::{Context, Proof};
use crate::domain::sql::lexer::{Kind, Token};

/// Session variables that change how long a session waits or how much it shows, never what a statement does.
const SESSION: &[&str] = &[
    "group_concat_max_len",
    "innodb_lock_wait_timeout",
    "lock_wait_timeout",
    "max_execution_time",
    "max_statement_time",
    "net_read_timeout",
    "net_write_timeout",
    "wait_timeout",
];

/// Global variables that slow, fence or open a server and that are set back by one statement. No rows depend on them.
const GLOBAL: &[&str] = &[
    "connect_timeout",
    "event_scheduler",
    "innodb_io_capacity",
    "innodb_io_capacity_max",
    "innodb_lock_wait_timeout",
    "interactive_timeout",
    "lock_wait_timeout",
    "long_query_time",
    "max_connections",
    "max_execution_time",
    "max_statement_time",
    "max_user_connections",
    "offline_mode",
    "read_only",
    "slow_query_log",
    "super_read_only",
    "wait_timeout",
];

pub(super) fn use_database(mut cursor: Cursor<'_, '_>) -> Proof {
    cursor.word("USE");
    cursor.identifier()?;
    cursor.end()?;
    Ok(Draft::new(Class::Session, Logging::Never))
}

pub(super) fn set(mut cursor: Cursor<'_, '_>, context: Context<'_>) -> Proof {
    cursor.word("SET");
    if cursor.phrase("NAMES utf8mb4") {
        if cursor.word("COLLATE") {
            cursor.identifier()?;
        }
        cursor.end()?;
        return Ok(Draft::new(Class::Session, Logging::Never));
    }
    if cursor.word("STATEMENT") {
        return set_for_statement(cursor, context);
    }
    let mut draft = assignment(&mut cursor)?;
    while cursor.symbol(",") {
        draft = draft.worst(assignment(&mut cursor)?);
    }
    cursor.end()?;
    Ok(draft)
}

/// MariaDB's `SET STATEMENT x=1, .. FOR statement`.
fn set_for_statement(mut cursor: Cursor<'_, '_>, context: Context<'_>) -> Proof {
    loop {
        let name = cursor.identifier()?;
        if !listed(&name, SESSION) || !cursor.symbol("=") {
            return Err(Caution::Unknown { what: name });
        }
        literal(&mut cursor)?;
        if !cursor.symbol(",") {
            break;
        }
    }
    if !cursor.word("FOR") {
        return Err(cursor.unknown());
    }
    super::judge_inner(cursor, context)
}

/// Where an assignment stores its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scope {
    Session,
    Global,
}

fn assignment(cursor: &mut Cursor<'_, '_>) -> Proof {
    if cursor.kind(Kind::UserVariable).is_some() {
        equals(cursor)?;
        literal(cursor)?;
        return Ok(Draft::new(Class::Session, Logging::Never));
    }
    let scope = scope(cursor);
    let name = cursor.identifier()?;
    equals(cursor)?;
    let value = literal(cursor)?;
    match scope {
        Scope::Session if listed(&name, SESSION) => Ok(Draft::new(Class::Session, Logging::Never)),
        Scope::Global if listed(&name, GLOBAL) && value.kind != Kind::Text => {
            Ok(Draft::new(Class::Server, Logging::Never).touch(Object::Server, Effect::Altered))
        }
        _ => Err(Caution::Unknown { what: name }),
    }
}

/// `GLOBAL x`, `SESSION x`, `@@GLOBAL.x`, `@@x`, `x`. PERSIST stays in front and is refused as a name.
fn scope(cursor: &mut Cursor<'_, '_>) -> Scope {
    let dotted = cursor.symbol("@@");
    let mut ahead = *cursor;
    let scope = match ahead.any_phrase(&["GLOBAL", "SESSION", "LOCAL"]) {
        Some("GLOBAL") => Scope::Global,
        Some(_) => Scope::Session,
        None => return Scope::Session,
    };
    if !dotted || ahead.symbol(".") {
        *cursor = ahead;
    }
    scope
}

fn listed(name: &str, list: &[&str]) -> bool {
    list.iter().any(|listed| listed.eq_ignore_ascii_case(name))
}

fn equals(cursor: &mut Cursor<'_, '_>) -> Result<(), Caution> {
    if cursor.symbol("=") || cursor.symbol(":=") { Ok(()) } else { Err(cursor.unknown()) }
}

/// A number, a string, ON, OFF or DEFAULT; nothing that is evaluated.
fn literal<'a>(cursor: &mut Cursor<'_, 'a>) -> Result<Token<'a>, Caution> {
    let token = cursor.peek().ok_or_else(|| cursor.unknown())?;
    let word = ["ON", "OFF", "DEFAULT"].iter().any(|word| token.is(word));
    if !word && !matches!(token.kind, Kind::Number | Kind::Text) {
        return Err(cursor.unknown());
    }
    cursor.next();
    Ok(token)
}

/// `KILL [HARD | SOFT] [CONNECTION | QUERY [ID]] number`.
pub(super) fn kill(mut cursor: Cursor<'_, '_>) -> Proof {
    cursor.word("KILL");
    cursor.any_phrase(&["HARD", "SOFT"]);
    cursor.any_phrase(&["CONNECTION", "QUERY ID", "QUERY"]);
    cursor.kind(Kind::Number).ok_or_else(|| cursor.unknown())?;
    cursor.end()?;
    Ok(Draft::new(Class::Server, Logging::Never).touch(Object::Server, Effect::Aborted))
}

/// `STOP {REPLICA | SLAVE | ALL SLAVES} ..`: nothing is lost by it, and nothing new arrives.
pub(super) fn stop(mut cursor: Cursor<'_, '_>) -> Proof {
    cursor.word("STOP");
    if cursor.any_phrase(&["ALL SLAVES", "ALL REPLICAS"]).is_none() {
        if cursor.any_phrase(&["REPLICA", "SLAVE"]).is_none() {
            return Err(cursor.unknown());
        }
        cursor.kind(Kind::Text);
    }
    if cursor.any_phrase(&["IO_THREAD", "SQL_THREAD"]).is_some() && cursor.symbol(",") {
        cursor.any_phrase(&["IO_THREAD", "SQL_THREAD"]).ok_or_else(|| cursor.unknown())?;
    }
    if cursor.phrase("FOR CHANNEL") {
        cursor.kind(Kind::Text).ok_or_else(|| cursor.unknown())?;
    }
    cursor.end()?;
    Ok(Draft::new(Class::Topology, Logging::Never).touch(Object::Server, Effect::Paused))
}

/// Accounts and privileges: nothing in such a statement is evaluated, so the verb alone tells. No rows of user tables
/// change, but perhaps nobody can log in afterwards.
pub(super) fn security() -> Draft {
    Draft::new(Class::Security, Logging::Always).touch(Object::Server, Effect::Altered)
}

/// Deleting binary logs. Other forms of PURGE and RESET are not recognised.
pub(super) fn purge(mut cursor: Cursor<'_, '_>) -> Proof {
    let logs = ["PURGE BINARY LOGS", "PURGE MASTER LOGS", "RESET MASTER", "RESET BINARY LOGS AND GTIDS"];
    cursor.any_phrase(&logs).ok_or_else(|| cursor.unknown())?;
    if cursor.any_phrase(&["TO", "BEFORE"]).is_some() && cursor.kind(Kind::Text).is_none() {
        return Err(cursor.unknown());
    }
    if cursor.word("TO") {
        cursor.kind(Kind::Number).ok_or_else(|| cursor.unknown())?;
    }
    cursor.end()?;
    Ok(Draft::new(Class::Topology, Logging::Never).touch(Object::BinaryLog, Effect::Lost))
}
