//! SHOW, EXPLAIN, DESCRIBE, HELP: statements that tell, as long as nothing in them calls a function or executes.

use super::cursor::Cursor;
use super::query::{self, Within, prove_pure};
use super::verdict::{Caution, Class, Draft, Effect, Logging};
use super::{Context, Proof};
use crate::domain::sql::dialect::Flavor;
use crate::domain::sql::lexer::{Kind, Token};

/// What may follow SHOW. A longer phrase stands before a shorter one that it begins with.
#[rustfmt::skip]
const SHOWABLE: &[&str] = &[
    "ALL REPLICAS STATUS", "ALL SLAVES STATUS", "ANALYZE", "BINARY LOG STATUS", "BINARY LOGS", "BINLOG EVENTS",
    "BINLOG STATUS", "CHARACTER SET", "CHARSET", "CLIENT_STATISTICS", "COLLATION", "COLUMNS", "CREATE DATABASE",
    "CREATE EVENT", "CREATE FUNCTION", "CREATE PACKAGE", "CREATE PROCEDURE", "CREATE SCHEMA", "CREATE SEQUENCE",
    "CREATE TABLE", "CREATE TRIGGER", "CREATE USER", "CREATE VIEW", "DATABASES", "ENGINE", "ENGINES", "ERRORS",
    "EVENTS", "EXPLAIN", "EXTENDED COLUMNS", "EXTENDED FIELDS", "EXTENDED FULL COLUMNS", "EXTENDED INDEX",
    "EXTENDED INDEXES", "EXTENDED KEYS", "FIELDS", "FULL COLUMNS", "FULL FIELDS", "FULL PROCESSLIST", "FULL TABLES",
    "FUNCTION STATUS", "GLOBAL STATUS", "GLOBAL VARIABLES", "GRANTS", "INDEX", "INDEXES", "INDEX_STATISTICS", "KEYS",
    "LOCAL STATUS", "LOCAL VARIABLES", "MASTER LOGS", "MASTER STATUS", "OPEN TABLES", "PACKAGE BODY STATUS",
    "PACKAGE STATUS", "PLUGINS", "PRIVILEGES", "PROCEDURE STATUS", "PROCESSLIST", "PROFILE", "PROFILES",
    "RELAYLOG EVENTS", "REPLICA HOSTS", "REPLICA STATUS", "REPLICAS", "SCHEMAS", "SESSION STATUS",
    "SESSION VARIABLES", "SLAVE HOSTS", "SLAVE STATUS", "STATUS", "STORAGE ENGINES", "TABLE STATUS", "TABLES",
    "TABLE_STATISTICS", "TRIGGERS", "USER_STATISTICS", "VARIABLES", "WARNINGS",
];

pub(super) fn show(mut cursor: Cursor<'_, '_>) -> Proof {
    cursor.word("SHOW");
    if !shows_a_count(&mut cursor) && !shows_one_replica(&mut cursor) && cursor.any_phrase(SHOWABLE).is_none() {
        return Err(cursor.unknown());
    }
    prove_tail(cursor.rest())?;
    Ok(Draft::new(Class::Read, Logging::Never))
}

/// `SHOW COUNT(*) WARNINGS`.
fn shows_a_count(cursor: &mut Cursor<'_, '_>) -> bool {
    let mut ahead = *cursor;
    let found = ahead.word("COUNT")
        && ahead.symbol("(")
        && ahead.symbol("*")
        && ahead.symbol(")")
        && ahead.any_phrase(&["WARNINGS", "ERRORS"]).is_some();
    if found {
        *cursor = ahead;
    }
    found
}

/// MariaDB's `SHOW SLAVE 'name' STATUS`.
fn shows_one_replica(cursor: &mut Cursor<'_, '_>) -> bool {
    let mut ahead = *cursor;
    let found =
        ahead.any_phrase(&["SLAVE", "REPLICA"]).is_some() && ahead.kind(Kind::Text).is_some() && ahead.word("STATUS");
    if found {
        *cursor = ahead;
    }
    found
}

/// What follows may filter and name, but not call: FOR is harmless here, everything else is as in a query. So is a FOR
/// inside of parentheses, where it may end a subquery that locks what it reads.
fn prove_tail(tokens: &[Token<'_>]) -> Result<(), Caution> {
    // SHOW evaluates WHERE like a query. A function must be built into both flavours here; nobody needs the others.
    let both = [Flavor::MySql, Flavor::MariaDb].map(|flavor| Context { flavor, default: None });
    let mut depth = 0_i64;
    let parts = tokens.split(|token| {
        depth += i64::from(token.is_symbol("(")) - i64::from(token.is_symbol(")"));
        depth == 0 && token.is("FOR")
    });
    for part in parts {
        for context in both {
            prove_pure(part, Within::Query, context)?;
        }
    }
    Ok(())
}

pub(super) fn explain(mut cursor: Cursor<'_, '_>, context: Context<'_>) -> Proof {
    cursor.next();
    if cursor.word("ANALYZE") {
        return executed(cursor, context);
    }
    while cursor.any_phrase(&["EXTENDED", "PARTITIONS"]).is_some() || format(&mut cursor) {}
    if cursor.phrase("FOR CONNECTION") {
        cursor.kind(Kind::Number).ok_or_else(|| cursor.unknown())?;
        cursor.end()?;
        return Ok(Draft::new(Class::Read, Logging::Never));
    }
    let verb = cursor.verb().unwrap_or_default();
    match verb.as_str() {
        "ANALYZE" => executed(cursor, context),
        "SELECT" | "WITH" | "TABLE" | "VALUES" | "" => query::judge(cursor, context),
        "INSERT" | "REPLACE" | "UPDATE" | "DELETE" => explained_change(cursor, context),
        _ => described(cursor, context),
    }
}

/// `EXPLAIN ANALYZE` and MariaDB's `ANALYZE` execute what follows.
pub(super) fn executed(mut cursor: Cursor<'_, '_>, context: Context<'_>) -> Proof {
    cursor.word("ANALYZE");
    format(&mut cursor);
    super::judge_inner(cursor, context)
}

/// `FORMAT = word`.
fn format(cursor: &mut Cursor<'_, '_>) -> bool {
    let mut ahead = *cursor;
    let found = ahead.word("FORMAT") && ahead.symbol("=") && ahead.kind(Kind::Word).is_some();
    if found {
        *cursor = ahead;
    }
    found
}

/// The plan of a change is made without executing it, but its subqueries and constants may be evaluated, and so may the
/// view that a name stands for.
fn explained_change(mut cursor: Cursor<'_, '_>, context: Context<'_>) -> Proof {
    let deletes = cursor.peek_word("DELETE");
    cursor.next();
    while cursor.any_phrase(&["LOW_PRIORITY", "DELAYED", "HIGH_PRIORITY", "QUICK", "IGNORE"]).is_some() {}
    cursor.word("INTO");
    let tokens = cursor.rest();
    if deletes && tokens.windows(2).any(|pair| pair[0].is("USING") && !pair[1].is_symbol("(")) {
        return Err(Caution::Unknown { what: "DELETE .. USING".to_owned() });
    }
    // The parenthesis after a table's name holds columns; it is no call.
    let mut columns = cursor;
    if columns.named().is_ok() && columns.peek_symbol("(") {
        cursor = columns;
    }
    prove_pure(cursor.rest(), Within::RowChange, context)?;
    let targets = if deletes { Vec::new() } else { query::tables_first_named(tokens) };
    let named = targets.into_iter().chain(query::tables_read(tokens));
    Ok(named
        .fold(Draft::new(Class::Read, Logging::Never), |draft, named| draft.touch(named.object(context), Effect::Read)))
}

/// `DESCRIBE table [column | 'pattern']`.
fn described(mut cursor: Cursor<'_, '_>, context: Context<'_>) -> Proof {
    let named = cursor.named()?;
    if !cursor.is_at_end() && cursor.kind(Kind::Text).is_none() {
        cursor.identifier()?;
    }
    cursor.end()?;
    Ok(Draft::new(Class::Read, Logging::Never).touch(named.object(context), Effect::Read))
}

pub(super) fn help(mut cursor: Cursor<'_, '_>) -> Proof {
    cursor.word("HELP");
    if cursor.kind(Kind::Text).is_none() {
        cursor.identifier()?;
    }
    cursor.end()?;
    Ok(Draft::new(Class::Read, Logging::Never))
}
