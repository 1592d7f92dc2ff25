//! Turns answers about sessions and locks into lock waits. Pure.

use std::collections::{BTreeMap, BTreeSet};

use super::metadata::{self, Held, Status};
use crate::domain::base::{Span, text};
use crate::domain::snapshot::sessions::{
    Doing, Lock, LockWaits, Scope, Session, SessionKind, Statement, Transaction, Wait,
};
use crate::domain::sql::Dialect;
use crate::observe::answer::Row;

/// Characters of a statement that people are shown.
const SHOWN: usize = 200;

/// What one server told about its sessions.
#[derive(Debug)]
pub struct Told<'a> {
    pub dialect: Dialect,
    pub sessions: &'a [Row],
    pub row_waits: &'a [Row],
    /// Metadata locks, or nothing where the server does not list them.
    pub metadata: Option<Metadata<'a>>,
    /// The connection that asked.
    pub own: u64,
    /// The users of countersign's accounts.
    pub ours: &'a [&'a str],
}

/// The metadata locks that a server lists.
#[derive(Debug, Clone, Copy)]
pub enum Metadata<'a> {
    /// Granted and pending ones.
    Whole(&'a [Row]),
    /// Only who has one.
    Granted(&'a [Row]),
}

/// The lock waits of one server.
pub fn lock_waits(told: &Told<'_>) -> Result<LockWaits, String> {
    let everybody = told.sessions.iter().map(|row| session(told, row)).collect::<Result<Vec<Session>, _>>()?;
    let mut waits = LockWaits::default();
    for row in told.row_waits {
        let (waiter, blocker) = (number(row, "WAITER")?, number(row, "BLOCKER")?);
        // An engine lists waits from a copy that may be older than the list of sessions: who is gone waits no more.
        if !everybody.iter().any(|session| session.id == waiter && session.may_wait()) {
            continue;
        }
        if blocker == 0 {
            let why = "it waits for a transaction without a connection, such as a prepared one: see XA RECOVER";
            waits.untold.insert(waiter, why.to_owned());
        } else {
            waits.waits.insert(Wait { waiter, blocker, lock: Lock::Row });
        }
    }
    waits_of_another_moment(told, &everybody, &mut waits)?;
    metadata_waits(told, &mut waits)?;
    let named: BTreeSet<u64> =
        waits.waits.iter().flat_map(|wait| [wait.waiter, wait.blocker]).chain(waits.untold.keys().copied()).collect();
    waits.sessions =
        everybody.into_iter().filter(|session| session.transaction.is_some() || named.contains(&session.id)).collect();
    waits.sessions.sort();
    Ok(waits)
}

/// Waits are listed a moment after the transactions, and not all at once. Whoever waits by its own state is no root only
/// because the list of that moment does not say for whom.
fn waits_of_another_moment(told: &Told<'_>, everybody: &[Session], waits: &mut LockWaits) -> Result<(), String> {
    for row in told.sessions.iter().filter(|row| row.get(&["TRX_STATE"]) == Some("LOCK WAIT")) {
        let id = number(row, "ID")?;
        let may_wait = everybody.iter().any(|session| session.id == id && session.may_wait());
        if may_wait && !waits.waits.iter().any(|wait| wait.waiter == id) {
            let why = "it waits for a row, and for whom was not listed at that moment";
            waits.untold.entry(id).or_insert_with(|| why.to_owned());
        }
    }
    Ok(())
}

fn metadata_waits(told: &Told<'_>, waits: &mut LockWaits) -> Result<(), String> {
    let mut all: Vec<Held> = match told.metadata {
        Some(Metadata::Whole(rows) | Metadata::Granted(rows)) => metadata::held(rows),
        None => Vec::new(),
    };
    let waiting: Vec<&Row> = told.sessions.iter().filter(|row| waits_for_metadata(row)).collect();
    // Where nobody lists who has a lock, who waits before whom proves nothing either.
    if let Some(Metadata::Granted(_)) = told.metadata {
        let granted = all.clone();
        for row in &waiting {
            let (id, info) = (number(row, "ID")?, row.get(&["INFO"]).unwrap_or_default());
            all.extend(metadata::wanted(told.dialect, id, info, row.get(&["DB"]), &granted));
        }
    }
    for pending in all.iter().filter(|held| held.status == Status::Pending) {
        let blockers = metadata::blockers(pending, &all);
        waits.waits.extend(blockers.map(|blocker| Wait { waiter: pending.id, blocker, lock: Lock::Metadata }));
    }
    for row in waiting {
        let id = number(row, "ID")?;
        if !waits.waits.iter().any(|wait| wait.waiter == id) {
            let why = match told.metadata {
                Some(_) => "whose metadata lock it waits for cannot be proved from what the server lists",
                None => metadata::how_to_tell(told.dialect),
            };
            waits.untold.insert(id, why.to_owned());
        }
    }
    Ok(())
}

/// Both flavours say it in the state of the process list, whatever else they list.
fn waits_for_metadata(row: &Row) -> bool {
    let state = row.get(&["STATE"]).unwrap_or_default().to_lowercase();
    state.starts_with("waiting for")
        && ["metadata lock", "table flush", "global read lock", "backup lock", "table level lock"]
            .iter()
            .any(|lock| state.contains(lock))
}

fn session(told: &Told<'_>, row: &Row) -> Result<Session, String> {
    let id = number(row, "ID")?;
    let word = |name: &str| row.get(&[name]).unwrap_or_default().to_owned();
    let (user, command) = (word("USER"), word("COMMAND"));
    let kind = if id == told.own { SessionKind::Ours } else { SessionKind::of(&user, &command, told.ours) };
    Ok(Session { id, user, host: word("HOST"), kind, transaction: transaction(row)?, doing: doing(row, &command) })
}

fn transaction(row: &Row) -> Result<Option<Transaction>, String> {
    let Some(started) = row.get(&["TRX_STARTED"]) else { return Ok(None) };
    let seconds = row.get(&["TRX_SECONDS"]).and_then(|text| text.parse::<i64>().ok()).unwrap_or(0);
    let scope = if row.get(&["AUTOCOMMIT"]) == Some("YES") { Scope::Statement } else { Scope::Open };
    Ok(Some(Transaction {
        started: started.to_owned(),
        number: row.need(&["TRX_ID"])?.to_owned(),
        age: Span::from_secs(u64::try_from(seconds).unwrap_or(0)),
        rows_changed: number(row, "TRX_ROWS")?,
        scope,
    }))
}

fn doing(row: &Row, command: &str) -> Doing {
    // A fraction of a millisecond is more than anybody needs, and lag can be below zero.
    let millis = row.get(&["MILLIS"]).and_then(|text| text.split('.').next()?.parse::<i64>().ok()).unwrap_or(0);
    let since = Span::from_millis(u64::try_from(millis).unwrap_or(0));
    let rolls_back = row.get(&["TRX_STATE"]) == Some("ROLLING BACK");
    if rolls_back || command.eq_ignore_ascii_case("killed") {
        return Doing::Ending { since };
    }
    match (row.get(&["INFO"]), row.get(&["DIGEST"])) {
        (Some(info), Some(digest)) if !command.eq_ignore_ascii_case("sleep") => Doing::Statement(Statement {
            text: shown(info),
            sha256: digest.to_owned(),
            since,
            state: row.get(&["STATE"]).unwrap_or_default().to_owned(),
        }),
        _ => Doing::Idle { since },
    }
}

/// The beginning of a statement; that something was cut off is said.
fn shown(info: &str) -> String {
    let mut text: String = info.chars().take(SHOWN).collect();
    if info.chars().nth(SHOWN).is_some() {
        text.push_str(" ..");
    }
    text
}

fn number(row: &Row, name: &str) -> Result<u64, String> {
    let found = row.need(&[name])?;
    found.parse().map_err(|_| format!("`{}` is no number", text::printable(found)))
}

/// What a server does not tell, in words: one line for each reason.
pub fn untold(waits: &LockWaits) -> Vec<String> {
    let mut reasons: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for (id, why) in &waits.untold {
        reasons.entry(why).or_default().push(id.to_string());
    }
    reasons.into_iter().map(|(why, ids)| format!("{}: {why}", ids.join(", "))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::sql::{Flavor, Version};

    fn row(pairs: &[(&str, &str)]) -> Row {
        Row::new(pairs.iter().map(|(name, value)| (*name, Some(*value))))
    }

    fn idle(id: &str) -> Row {
        row(&[
            ("ID", id),
            ("USER", "app"),
            ("HOST", "h:1"),
            ("COMMAND", "Sleep"),
            ("MILLIS", "38000"),
            ("TRX_STARTED", "2026-11-22 03:04:05"),
            ("TRX_SECONDS", "40"),
            ("TRX_ROWS", "3"),
            ("TRX_ID", "4711"),
        ])
    }

    fn busy(id: &str, info: &str, state: &str) -> Row {
        row(&[
            ("ID", id),
            ("USER", "app"),
            ("HOST", "h:2"),
            ("COMMAND", "Query"),
            ("STATE", state),
            ("MILLIS", "1500.25"),
            ("INFO", info),
            ("DIGEST", "ab"),
            ("DB", "shop"),
        ])
    }

    fn waiting(waiter: &str, blocker: &str) -> Row {
        row(&[("WAITER", waiter), ("BLOCKER", blocker)])
    }

    fn lock(id: &str, mode: &str) -> Row {
        row(&[
            ("ID", id),
            ("KIND", "Table metadata lock"),
            ("SCHEMA_NAME", "shop"),
            ("OBJECT_NAME", "orders"),
            ("MODE", mode),
            ("STATUS", "GRANTED"),
        ])
    }

    const MDL: &str = "Waiting for table metadata lock";

    fn told<'a>(sessions: &'a [Row], row_waits: &'a [Row], metadata: Option<Metadata<'a>>) -> LockWaits {
        let dialect = Dialect::of(Flavor::MariaDb, Version::new(10, 11, 1)).unwrap();
        lock_waits(&Told { dialect, sessions, row_waits, metadata, own: 99, ours: &["observe"] }).unwrap()
    }

    fn storm() -> Vec<Row> {
        vec![
            idle("10"),
            busy("11", "UPDATE orders SET a = 1", "Updating"),
            busy("12", "ALTER TABLE orders ADD c INT", MDL),
            busy("13", "SELECT * FROM orders", MDL),
            busy("14", "SELECT 1", ""),
        ]
    }

    #[test]
    fn the_holder_is_the_one_root_of_updates_an_alter_and_what_stands_behind_it() {
        let locks =
            [lock("10", "MDL_SHARED_WRITE"), lock("11", "MDL_SHARED_WRITE"), lock("12", "MDL_SHARED_UPGRADABLE")];
        let waits = told(&storm(), &[waiting("11", "10")], Some(Metadata::Granted(&locks)));
        let roots = waits.roots();
        assert_eq!((roots.len(), roots[0].session.id, roots[0].behind), (1, 10, 3), "{waits:?}");
        assert!(waits.untold.is_empty() && waits.session(14).is_none());
        assert_eq!(roots[0].session.rows_changed(), 3);
    }

    #[test]
    fn without_a_list_of_metadata_locks_their_waiters_are_untold_and_still_counted() {
        let waits = told(&storm(), &[waiting("11", "10")], None);
        assert_eq!((waits.waiting(), waits.roots()[0].behind), (3, 1));
        assert_eq!(waits.untold.keys().copied().collect::<Vec<_>>(), [12, 13]);
        assert!(untold(&waits)[0].starts_with("12, 13: ") && untold(&waits)[0].contains("metadata_lock_info"));
    }

    #[test]
    fn who_is_gone_or_executes_nothing_waits_no_more() {
        let waits = told(&storm(), &[waiting("77", "10"), waiting("10", "11"), waiting("11", "10")], None);
        assert_eq!(waits.roots()[0].behind, 1);
        assert!(waits.waits.iter().all(|wait| wait.waiter == 11), "{waits:?}");
    }

    #[test]
    fn who_waits_by_its_own_state_is_no_root_while_the_list_does_not_say_for_whom() {
        let state = |id: &str, state: &str| {
            let text = "SELECT a FROM orders FOR UPDATE";
            let pairs = [("ID", id), ("USER", "app"), ("COMMAND", "Query"), ("INFO", text), ("DIGEST", "ab")];
            let trx = [("TRX_STATE", state), ("TRX_STARTED", "2026-11-22 03:04:05"), ("TRX_ID", id), ("TRX_ROWS", "0")];
            row(&[&pairs[..], &trx[..]].concat())
        };
        let edges = [waiting("13", "12")];
        let waits = told(&[idle("10"), state("12", "LOCK WAIT"), state("13", "LOCK WAIT")], &edges, None);
        assert!(waits.roots().is_empty() && waits.untold.keys().eq([&12]), "{waits:?}");
        let waits = told(&[idle("10"), state("12", "RUNNING"), state("13", "LOCK WAIT")], &edges, None);
        assert_eq!(waits.roots()[0].session.id, 12);
    }

    #[test]
    fn a_transaction_without_a_connection_is_said_and_not_listed() {
        let waits = told(&storm()[1..2], &[waiting("11", "0")], None);
        assert!(waits.roots().is_empty() && waits.untold[&11].contains("XA RECOVER"));
    }

    #[test]
    fn whoever_asks_and_our_accounts_are_ours() {
        let mut own = idle("99");
        let mut other = row(&[("ID", "7"), ("USER", "observe"), ("HOST", "h"), ("COMMAND", "Query")]);
        for row in [&mut own, &mut other] {
            let session = session(
                &Told {
                    dialect: Dialect::of(Flavor::MariaDb, Version::new(10, 11, 1)).unwrap(),
                    sessions: &[],
                    row_waits: &[],
                    metadata: None,
                    own: 99,
                    ours: &["observe"],
                },
                row,
            );
            assert_eq!(session.unwrap().kind, SessionKind::Ours);
        }
    }

    #[test]
    fn a_killed_session_and_one_that_rolls_back_are_ending() {
        let killed =
            row(&[("ID", "1"), ("COMMAND", "Killed"), ("INFO", "UPDATE t"), ("DIGEST", "a"), ("MILLIS", "-5")]);
        assert_eq!(doing(&killed, "Killed"), Doing::Ending { since: Span::from_millis(0) });
        let back = row(&[("ID", "1"), ("TRX_STATE", "ROLLING BACK"), ("INFO", "ROLLBACK"), ("DIGEST", "a")]);
        assert!(matches!(doing(&back, "Query"), Doing::Ending { .. }));
    }
}
