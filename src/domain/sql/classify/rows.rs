//! INSERT, REPLACE, UPDATE, DELETE. Always destructive: old values are gone, and triggers may do more.

use super::cursor::Cursor;
use super::query::{Within, prove_pure, tables_read, with_reads};
use super::verdict::{Caution, Class, Draft, Effect, Logging, Object};
use super::{Context, Proof};
use crate::domain::base::TableName;
use crate::domain::sql::lexer::Token;

/// Words between the verb and the table.
const MODIFIERS: &[&str] = &["LOW_PRIORITY", "HIGH_PRIORITY", "DELAYED", "QUICK", "IGNORE"];

fn draft() -> Draft {
    Draft::new(Class::Rows, Logging::WhenEffective).warn(Caution::Triggers).warn(Caution::Views)
}

fn skip_modifiers(cursor: &mut Cursor<'_, '_>) {
    while cursor.any_phrase(MODIFIERS).is_some() {}
}

pub(super) fn insert(mut cursor: Cursor<'_, '_>, context: Context<'_>) -> Proof {
    cursor.next();
    skip_modifiers(&mut cursor);
    cursor.word("INTO");
    let table = cursor.table(context)?;
    prove_pure(cursor.rest(), Within::RowChange, context)?;
    Ok(with_reads(draft().touch(Object::Table(table), Effect::RowsChanged), cursor.rest(), context))
}

pub(super) fn update(mut cursor: Cursor<'_, '_>, context: Context<'_>) -> Proof {
    cursor.next();
    skip_modifiers(&mut cursor);
    let tokens = cursor.rest();
    prove_pure(tokens, Within::RowChange, context)?;
    let set = tokens.iter().position(|token| token.is("SET")).ok_or_else(|| cursor.unknown())?;
    let draft = draft().warn(Caution::Cascades);
    Ok(with_reads(changed(draft, &tokens[..set], &Effect::RowsChanged, context)?, tokens, context))
}

pub(super) fn delete(mut cursor: Cursor<'_, '_>, context: Context<'_>) -> Proof {
    cursor.next();
    skip_modifiers(&mut cursor);
    prove_pure(cursor.rest(), Within::RowChange, context)?;
    let draft = draft().warn(Caution::Cascades);
    let mut single = cursor;
    if single.word("FROM") {
        let table = single.table(context)?;
        if single.is_at_end() || ["WHERE", "ORDER", "LIMIT", "RETURNING"].iter().any(|word| single.peek_word(word)) {
            return Ok(with_reads(draft.touch(Object::Table(table), Effect::Lost), cursor.rest(), context));
        }
    }
    // With several tables the targets may be aliases, so every table that is named counts as a target.
    if cursor.rest().windows(2).any(|pair| pair[0].is("USING") && !pair[1].is_symbol("(")) {
        return Err(Caution::Unknown { what: "DELETE .. USING".to_owned() });
    }
    let mut targets = cursor;
    targets.word("FROM");
    let named = tables_read(targets.rest()).into_iter().chain(tables_read(cursor.rest()));
    let tables = named.map(|named| named.resolve(context)).collect::<Result<Vec<TableName>, _>>()?;
    if tables.is_empty() {
        return Err(cursor.unknown());
    }
    Ok(tables.into_iter().fold(draft, |draft, table| draft.touch(Object::Table(table), Effect::Lost)))
}

/// Charges every table between the verb and SET: a join may change any of them.
fn changed(draft: Draft, references: &[Token<'_>], effect: &Effect, context: Context<'_>) -> Proof {
    let mut cursor = Cursor::new(references);
    let mut tables = vec![cursor.table(context)?];
    while let Some(token) = cursor.next() {
        if (token.is("USING") || token.is("INDEX") || token.is("KEY")) && cursor.peek_symbol("(") {
            while cursor.next().is_some_and(|inside| !inside.is_symbol(")")) {}
        }
        if token.is_symbol(",") || token.is("JOIN") || token.is("STRAIGHT_JOIN") || token.is("FROM") {
            while cursor.symbol("(") {}
            if !cursor.peek_word("SELECT") {
                tables.push(cursor.table(context)?);
            }
        }
    }
    Ok(tables.into_iter().fold(draft, |draft, table| draft.touch(Object::Table(table), effect.clone())))
}
