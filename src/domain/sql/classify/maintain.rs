//! CHECK, CHECKSUM, ANALYZE, OPTIMIZE, REPAIR and FLUSH.

use super::alter::no_write_keyword;
use super::cursor::Cursor;
use super::show;
use super::verdict::{Caution, Class, Draft, Effect, Logging, Object};
use super::{Context, Proof};
use crate::domain::base::Danger;

/// Options after the tables; none of them makes the statement do something else.
#[rustfmt::skip]
const OPTIONS: &[&str] = &[
    "FOR UPGRADE", "QUICK", "FAST", "MEDIUM", "EXTENDED", "CHANGED", "USE_FRM", "FORCE", "PERSISTENT FOR ALL",
];

/// `ANALYZE TABLE` refreshes statistics; MariaDB's `ANALYZE statement` executes the statement.
pub(super) fn analyze(cursor: Cursor<'_, '_>, context: Context<'_>) -> Proof {
    let mut ahead = cursor;
    ahead.word("ANALYZE");
    no_write_keyword(&mut ahead);
    if ahead.any_phrase(&["TABLES", "TABLE"]).is_some() {
        tables(cursor, context)
    } else {
        show::executed(cursor, context)
    }
}

/// `VERB [NO_WRITE_TO_BINLOG | LOCAL] TABLE t, .. [options]`.
pub(super) fn tables(mut cursor: Cursor<'_, '_>, context: Context<'_>) -> Proof {
    let verb = cursor.verb().unwrap_or_default();
    cursor.next();
    let keyword = no_write_keyword(&mut cursor);
    if cursor.any_phrase(&["TABLES", "TABLE"]).is_none() {
        return Err(cursor.unknown());
    }
    let mut named = vec![cursor.named()?];
    while cursor.symbol(",") {
        named.push(cursor.named()?);
    }
    cursor.lock_wait();
    while cursor.any_phrase(OPTIONS).is_some() {}
    cursor.end()?;
    let logged = Logging::UnlessKeyword(keyword);
    let (draft, effect) = match verb.as_str() {
        "CHECKSUM" => (Draft::new(Class::Read, Logging::Never), Effect::Read),
        "CHECK" => (verify(), Effect::Read),
        "ANALYZE" => (Draft::new(Class::Maintenance, logged), Effect::Altered),
        // A repair, and the rebuild of a damaged table, may leave rows behind.
        _ => (Draft::new(Class::Maintenance, logged), Effect::Lost),
    };
    named.iter().try_fold(draft, |draft, named| {
        let object =
            if effect == Effect::Read { named.object(context) } else { Object::Table(named.resolve(context)?) };
        Ok(draft.touch(object, effect.clone()))
    })
}

/// One approval by default: it changes no rows, but is not free of consequences.
fn verify() -> Draft {
    Draft::new(Class::Verify, Logging::Never).at_least(Danger::Reversible).warn(Caution::MayEndDamagedServer)
}

/// What may be flushed, and whether the statement can be logged.
#[rustfmt::skip]
const FLUSHABLE: &[(&str, Flushed)] = &[
    ("TABLES WITH READ LOCK", Flushed::Locally), ("BINARY LOGS", Flushed::Locally), ("ENGINE LOGS", Flushed::Logged),
    ("ERROR LOGS", Flushed::Logged), ("GENERAL LOGS", Flushed::Logged), ("HOSTS", Flushed::Logged),
    ("LOGS", Flushed::Locally), ("PRIVILEGES", Flushed::Logged), ("SLOW LOGS", Flushed::Logged),
    ("STATUS", Flushed::Logged), ("TABLES", Flushed::Logged), ("USER_RESOURCES", Flushed::Logged),
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flushed {
    Locally,
    /// Logged, unless its keyword stands there.
    Logged,
}

/// The plain forms only; a FLUSH of named tables for export or with a lock is not recognised.
pub(super) fn flush(mut cursor: Cursor<'_, '_>) -> Proof {
    cursor.word("FLUSH");
    let keyword = no_write_keyword(&mut cursor);
    let flushed = FLUSHABLE.iter().find(|(phrase, _)| cursor.phrase(phrase)).ok_or_else(|| cursor.unknown())?;
    cursor.end()?;
    let logging = match flushed.1 {
        Flushed::Locally => Logging::Never,
        Flushed::Logged => Logging::UnlessKeyword(keyword),
    };
    Ok(Draft::new(Class::Server, logging).touch(Object::Server, Effect::Altered))
}
