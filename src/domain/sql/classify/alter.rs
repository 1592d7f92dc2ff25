//! ALTER TABLE: which of its changes keep every row.
//!
//! A change is charged as losing rows unless it is one of the few that cannot.

use super::cursor::Cursor;
use super::define::renamed;
use super::verdict::{Caution, Class, Draft, Effect, Keyword, Logging, Object};
use super::{Context, Proof, serve};
use crate::domain::base::TableName;
use crate::domain::sql::lexer::{Kind, Token};

/// Beginnings of changes that keep all rows and all values.
#[rustfmt::skip]
const KEEPS_ROWS: &[&str] = &[
    "ADD INDEX", "ADD KEY", "ADD FULLTEXT", "ADD SPATIAL", "ADD UNIQUE", "ADD CONSTRAINT", "ADD FOREIGN KEY",
    "ADD PRIMARY KEY", "ADD CHECK", "ADD COLUMN", "DROP INDEX", "DROP KEY", "DROP FOREIGN KEY", "DROP CHECK",
    "DROP CONSTRAINT", "RENAME INDEX", "RENAME KEY", "RENAME COLUMN", "ALTER INDEX", "ALTER COLUMN",
];

/// Options that keep all rows, if nothing but a value follows.
#[rustfmt::skip]
const KEEPING_OPTIONS: &[&str] = &[
    "ALGORITHM", "LOCK", "COMMENT", "AUTO_INCREMENT", "STATS_PERSISTENT", "STATS_AUTO_RECALC", "STATS_SAMPLE_PAGES",
];

/// Words that turn a change which begins harmlessly into another one: options need no comma before them.
#[rustfmt::skip]
const TURNING: &[&str] = &[
    "CONNECTION", "CONVERT", "DIRECTORY", "DISCARD", "ENGINE", "FORCE", "IMPORT", "ORDER", "PARTITION", "REMOVE",
    "TABLESPACE", "TYPE", "UNION",
];

/// Words after ADD that add something other than a column, and not in the list above.
const NO_COLUMN: &[&str] = &["PARTITION", "SYSTEM", "PERIOD"];

pub(super) fn judge(mut cursor: Cursor<'_, '_>, context: Context<'_>) -> Proof {
    cursor.word("ALTER");
    if cursor.any_phrase(&["USER", "ROLE"]).is_some() {
        return Ok(serve::security());
    }
    cursor.word("ONLINE");
    let ignores_errors = cursor.word("IGNORE");
    if !cursor.word("TABLE") {
        return Err(cursor.unknown());
    }
    let logging = if cursor.phrase("IF EXISTS") { Logging::Always } else { Logging::WhenEffective };
    let table = cursor.table(context)?;
    cursor.lock_wait();
    let draft = Draft::new(Class::Definition, logging);
    if ignores_errors {
        // Rows that violate a new unique key are dropped without an error.
        return Ok(draft.touch(Object::Table(table), Effect::Lost));
    }
    changes(cursor, &table, draft, context)
}

fn changes(cursor: Cursor<'_, '_>, table: &TableName, mut draft: Draft, context: Context<'_>) -> Proof {
    let parts = split_at_commas(cursor.rest());
    if parts.iter().any(|part| part.is_empty()) {
        return Err(cursor.unknown());
    }
    for part in parts {
        draft = change(Cursor::new(part), table, draft, context)?;
    }
    Ok(draft)
}

fn change(mut cursor: Cursor<'_, '_>, table: &TableName, draft: Draft, context: Context<'_>) -> Proof {
    let object = Object::Table(table.clone());
    if is_plain_keeper(cursor) {
        return Ok(draft.touch(object, Effect::Altered));
    }
    if cursor.any_phrase(&["RENAME TO", "RENAME AS", "RENAME"]).is_some() {
        let to = cursor.table(context)?;
        cursor.end()?;
        return Ok(renamed(draft, table.clone(), to));
    }
    if cursor.any_phrase(&["ANALYZE PARTITION", "OPTIMIZE PARTITION", "REPAIR PARTITION"]).is_some() {
        let logging = Logging::UnlessKeyword(no_write_keyword(&mut cursor));
        return Ok(draft.logged(logging).touch(object, Effect::Lost));
    }
    if cursor.phrase("EXCHANGE PARTITION") {
        let other = exchanged_with(cursor, context)?;
        return Ok(draft.touch(object, Effect::Lost).touch(Object::Table(other), Effect::Lost));
    }
    if cursor.word("CONVERT") && (cursor.word("PARTITION") || cursor.peek_word("TABLE")) {
        // MariaDB makes a table of a partition or the reverse: another table is touched as well.
        return Err(Caution::Unknown { what: "CONVERT PARTITION".to_owned() });
    }
    Ok(draft.touch(object, Effect::Lost))
}

fn is_plain_keeper(mut cursor: Cursor<'_, '_>) -> bool {
    if cursor.any_phrase(KEEPING_OPTIONS).is_some() {
        cursor.symbol("=");
        return cursor.next().is_some() && cursor.is_at_end();
    }
    let mut column = cursor;
    let begins = cursor.any_phrase(KEEPS_ROWS).is_some()
        || (column.word("ADD") && column.peek().is_some_and(|token| !NO_COLUMN.iter().any(|word| token.is(word))));
    begins && !cursor.rest().iter().any(|token| TURNING.iter().any(|word| token.is(word)))
}

/// The table in `EXCHANGE PARTITION p WITH TABLE t ..`.
fn exchanged_with(mut cursor: Cursor<'_, '_>, context: Context<'_>) -> Result<TableName, Caution> {
    cursor.identifier()?;
    if !cursor.phrase("WITH TABLE") {
        return Err(cursor.unknown());
    }
    cursor.table(context)
}

/// Takes `NO_WRITE_TO_BINLOG` or `LOCAL`.
pub(super) fn no_write_keyword(cursor: &mut Cursor<'_, '_>) -> Keyword {
    if cursor.any_phrase(&["NO_WRITE_TO_BINLOG", "LOCAL"]).is_some() { Keyword::Present } else { Keyword::Absent }
}

/// Splits at the commas outside of parentheses.
fn split_at_commas<'t, 'a>(tokens: &'t [Token<'a>]) -> Vec<&'t [Token<'a>]> {
    let mut depth = 0_i64;
    tokens
        .split(|token| {
            depth += i64::from(token.is_symbol("(")) - i64::from(token.is_symbol(")"));
            depth == 0 && token.kind == Kind::Symbol && token.text == ","
        })
        .collect()
}
