//! CREATE, DROP, TRUNCATE and RENAME of tables, views, indexes and schemas.

use super::cursor::Cursor;
use super::query::{Within, prove_pure, with_reads};
use super::verdict::{Caution, Class, Draft, Effect, Logging, Object};
use super::{Context, Proof, serve};
use crate::domain::base::TableName;
use crate::domain::sql::dialect::Flavor;
use crate::domain::sql::lexer::Token;

/// Engines whose tables hold their rows themselves, on this server.
const ENGINES: &[&str] = &["InnoDB", "MyISAM", "Aria", "MEMORY", "ARCHIVE", "CSV", "RocksDB"];

fn draft() -> Draft {
    Draft::new(Class::Definition, Logging::WhenEffective)
}

/// Whether `IF EXISTS` stands here. A statement with it is logged even if the object is missing.
fn if_exists(cursor: &mut Cursor<'_, '_>) -> Logging {
    if cursor.phrase("IF EXISTS") { Logging::Always } else { Logging::WhenEffective }
}

pub(super) fn create(mut cursor: Cursor<'_, '_>, context: Context<'_>) -> Proof {
    cursor.word("CREATE");
    let effect = if cursor.phrase("OR REPLACE") { Effect::Replaced } else { Effect::Created };
    if cursor.word("TABLE") {
        return create_table(cursor, effect, context);
    }
    if cursor.word("VIEW") {
        return create_view(cursor, effect, context);
    }
    if cursor.any_phrase(&["DATABASE", "SCHEMA"]).is_some() {
        return create_schema(cursor, effect, context);
    }
    cursor.any_phrase(&["UNIQUE", "FULLTEXT", "SPATIAL"]);
    if cursor.word("INDEX") {
        return index(cursor, context);
    }
    if effect == Effect::Created && cursor.any_phrase(&["USER", "ROLE"]).is_some() {
        return Ok(serve::security());
    }
    Err(cursor.unknown())
}

/// What a logged creation does on a replica: MariaDB's replicas make room for it.
fn on_replicas(effect: &Effect, context: Context<'_>) -> Effect {
    match context.flavor {
        Flavor::MariaDb => Effect::Replaced,
        Flavor::MySql => effect.clone(),
    }
}

fn create_table(mut cursor: Cursor<'_, '_>, effect: Effect, context: Context<'_>) -> Proof {
    let logging = if cursor.phrase("IF NOT EXISTS") { Logging::Always } else { Logging::WhenEffective };
    let table = cursor.table(context)?;
    let there = on_replicas(&effect, context);
    let mut draft = draft().logged(logging).touch_differently(Object::Table(table), effect, there);
    if context.flavor == Flavor::MariaDb {
        draft = draft.warn(Caution::ReplacesOnReplicas);
    }
    prove_engine(cursor.rest())?;
    prove_source(draft, cursor.rest(), context)
}

/// Only engines that keep rows to themselves: others show, merge or reach tables elsewhere.
fn prove_engine(tokens: &[Token<'_>]) -> Result<(), Caution> {
    let outside = outside_parentheses(tokens);
    for (at, token) in outside.iter().enumerate() {
        let value = outside[at + 1..].iter().find(|token| !token.is_symbol("="));
        let known = value.is_some_and(|value| ENGINES.iter().any(|engine| value.is(engine)));
        if token.is("ENGINE") && !known || token.is("CONNECTION") || token.is("UNION") {
            return Err(Caution::Unknown { what: token.text.to_owned() });
        }
    }
    Ok(())
}

fn outside_parentheses<'a>(tokens: &[Token<'a>]) -> Vec<Token<'a>> {
    let mut depth = 0_i64;
    let mut outside = Vec::new();
    for token in tokens {
        depth -= i64::from(token.is_symbol(")"));
        if depth == 0 {
            outside.push(*token);
        }
        depth += i64::from(token.is_symbol("("));
    }
    outside
}

/// `CREATE TABLE .. SELECT` evaluates its query; the definitions themselves cannot call stored functions.
fn prove_source(draft: Draft, tokens: &[Token<'_>], context: Context<'_>) -> Proof {
    let begins = |token: &Token<'_>| ["TABLE", "WITH", "VALUES"].iter().any(|word| token.is(word));
    let outside = outside_parentheses(tokens).iter().filter(|token| begins(token)).map(|token| token.at).min();
    let anywhere = tokens.iter().filter(|token| token.is("SELECT")).map(|token| token.at).min();
    match outside.into_iter().chain(anywhere).min() {
        Some(start) => {
            let first = tokens.iter().position(|token| token.at >= start).unwrap_or(0);
            prove_pure(&tokens[first..], Within::Query, context)?;
            Ok(with_reads(draft, &tokens[first..], context))
        }
        None => Ok(draft),
    }
}

fn create_view(mut cursor: Cursor<'_, '_>, effect: Effect, context: Context<'_>) -> Proof {
    let table = cursor.table(context)?;
    if !cursor.word("AS") && !cursor.peek_symbol("(") {
        return Err(cursor.unknown());
    }
    Ok(draft().touch(Object::Table(table), effect))
}

fn create_schema(mut cursor: Cursor<'_, '_>, effect: Effect, context: Context<'_>) -> Proof {
    let logging = if cursor.phrase("IF NOT EXISTS") { Logging::Always } else { Logging::WhenEffective };
    let there = on_replicas(&effect, context);
    let schema = Object::Schema(cursor.identifier()?);
    Ok(draft().logged(logging).touch_differently(schema, effect, there))
}

/// `INDEX [IF [NOT] EXISTS] name .. ON table ..`: rows stay, the index changes.
fn index(mut cursor: Cursor<'_, '_>, context: Context<'_>) -> Proof {
    let _ = cursor.any_phrase(&["IF NOT EXISTS", "IF EXISTS"]);
    cursor.identifier()?;
    if cursor.word("USING") {
        cursor.identifier()?;
    }
    if !cursor.word("ON") {
        return Err(cursor.unknown());
    }
    Ok(draft().touch(Object::Table(cursor.table(context)?), Effect::Altered))
}

pub(super) fn drop(mut cursor: Cursor<'_, '_>, context: Context<'_>) -> Proof {
    cursor.word("DROP");
    match cursor.any_phrase(&["TABLES", "TABLE", "VIEW", "DATABASE", "SCHEMA", "INDEX", "USER", "ROLE"]) {
        Some("TABLES" | "TABLE" | "VIEW") => drop_tables(cursor, context),
        Some("DATABASE" | "SCHEMA") => {
            let logging = if_exists(&mut cursor);
            let schema = Object::Schema(cursor.identifier()?);
            cursor.end()?;
            Ok(draft().logged(logging).touch(schema, Effect::Lost))
        }
        Some("INDEX") => index(cursor, context),
        Some(_) => Ok(serve::security()),
        None => Err(cursor.unknown()),
    }
}

fn drop_tables(mut cursor: Cursor<'_, '_>, context: Context<'_>) -> Proof {
    let logging = if_exists(&mut cursor);
    let tables = cursor.tables(context)?;
    cursor.lock_wait();
    cursor.any_phrase(&["RESTRICT", "CASCADE"]);
    cursor.end()?;
    let draft = draft().logged(logging);
    Ok(tables.into_iter().fold(draft, |draft, table| draft.touch(Object::Table(table), Effect::Lost)))
}

pub(super) fn truncate(mut cursor: Cursor<'_, '_>, context: Context<'_>) -> Proof {
    cursor.word("TRUNCATE");
    cursor.word("TABLE");
    let table = cursor.table(context)?;
    cursor.lock_wait();
    cursor.end()?;
    Ok(draft().touch(Object::Table(table), Effect::Lost))
}

pub(super) fn rename(mut cursor: Cursor<'_, '_>, context: Context<'_>) -> Proof {
    cursor.word("RENAME");
    if cursor.word("USER") {
        return Ok(serve::security());
    }
    if cursor.any_phrase(&["TABLES", "TABLE"]).is_none() {
        return Err(cursor.unknown());
    }
    let mut draft = draft().logged(if_exists(&mut cursor));
    loop {
        let from = cursor.table(context)?;
        cursor.lock_wait();
        if !cursor.word("TO") {
            return Err(cursor.unknown());
        }
        draft = renamed(draft, from, cursor.table(context)?);
        if !cursor.symbol(",") {
            break;
        }
    }
    cursor.end()?;
    Ok(draft)
}

/// A rename gives one name away and takes another one.
pub(super) fn renamed(draft: Draft, from: TableName, to: TableName) -> Draft {
    draft.touch(Object::Table(from), Effect::Renamed { to: to.clone() }).touch(Object::Table(to), Effect::Created)
}
