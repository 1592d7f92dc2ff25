//! Who waits for whose metadata lock. Proved from what the server lists, or said to be untold; never guessed.

use std::collections::BTreeSet;

use crate::domain::base::TableName;
use crate::domain::sql::classify::{Class, Effect, Object, classify};
use crate::domain::sql::{Dialect, Flavor};
use crate::observe::answer::Row;

/// What is locked: kind, schema and name as the server writes them.
type Locked = (String, String, String);

/// A metadata lock that somebody has or waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    pub id: u64,
    pub on: Locked,
    pub mode: Mode,
    pub status: Status,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    Granted,
    Pending,
}

/// The modes of the locks on one object, as both flavours name them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mode {
    IntentionExclusive,
    Shared,
    SharedHighPrio,
    SharedRead,
    SharedWrite,
    SharedWriteLowPrio,
    SharedUpgradable,
    SharedReadOnly,
    SharedNoWrite,
    SharedNoReadWrite,
    Exclusive,
}

impl Mode {
    fn of(text: &str) -> Option<Self> {
        Some(match text.strip_prefix("MDL_").unwrap_or(text) {
            "INTENTION_EXCLUSIVE" => Self::IntentionExclusive,
            "SHARED" => Self::Shared,
            "SHARED_HIGH_PRIO" => Self::SharedHighPrio,
            "SHARED_READ" => Self::SharedRead,
            "SHARED_WRITE" => Self::SharedWrite,
            "SHARED_WRITE_LOW_PRIO" => Self::SharedWriteLowPrio,
            "SHARED_UPGRADABLE" => Self::SharedUpgradable,
            "SHARED_READ_ONLY" => Self::SharedReadOnly,
            "SHARED_NO_WRITE" => Self::SharedNoWrite,
            "SHARED_NO_READ_WRITE" => Self::SharedNoReadWrite,
            "EXCLUSIVE" => Self::Exclusive,
            _ => return None,
        })
    }

    /// Whether one cannot be granted while another session has the other.
    fn excludes(self, other: Self) -> bool {
        use Mode::{
            Exclusive, IntentionExclusive, Shared, SharedHighPrio, SharedNoReadWrite, SharedNoWrite, SharedRead,
            SharedReadOnly, SharedUpgradable, SharedWrite, SharedWriteLowPrio,
        };
        let (weak, strong) = if self <= other { (self, other) } else { (other, self) };
        match (weak, strong) {
            (IntentionExclusive, IntentionExclusive) => false,
            (_, Exclusive) | (IntentionExclusive, _) => true,
            (Shared | SharedHighPrio, _) => false,
            (SharedRead, strong) => strong == SharedNoReadWrite,
            (SharedWrite | SharedWriteLowPrio, strong) => {
                matches!(strong, SharedReadOnly | SharedNoWrite | SharedNoReadWrite)
            }
            (SharedUpgradable, strong) => matches!(strong, SharedUpgradable | SharedNoWrite | SharedNoReadWrite),
            (SharedReadOnly, strong) => strong == SharedNoReadWrite,
            (SharedNoWrite | SharedNoReadWrite, _) => true,
            (Exclusive, _) => true,
        }
    }

    /// Whether it goes before weaker ones that wait as well, so that those wait for it.
    fn goes_first(self) -> bool {
        self >= Self::SharedNoWrite
    }
}

/// Reads the locks; one whose mode is not known here counts as nothing, and who waits for it as untold.
pub fn held(rows: &[Row]) -> Vec<Held> {
    rows.iter().filter_map(one).collect()
}

fn one(row: &Row) -> Option<Held> {
    let status = if row.get(&["STATUS"])? == "PENDING" { Status::Pending } else { Status::Granted };
    let kind = match row.get(&["KIND"])? {
        "Table metadata lock" => "TABLE",
        kind => kind,
    };
    let text = |name: &str| row.get(&[name]).unwrap_or_default().to_owned();
    let on = (kind.to_owned(), text("SCHEMA_NAME"), text("OBJECT_NAME"));
    Some(Held { id: row.get(&["ID"])?.parse().ok()?, on, mode: Mode::of(row.get(&["MODE"])?)?, status })
}

/// Whom `wanted` waits for: those who have what excludes it, and those who wait before it for something stronger.
pub fn blockers<'a>(wanted: &'a Held, all: &'a [Held]) -> impl Iterator<Item = u64> + 'a {
    all.iter().filter(move |other| other.on == wanted.on && other.id != wanted.id).filter_map(move |other| {
        let before = match other.status {
            Status::Granted => true,
            Status::Pending => other.mode.goes_first() && !wanted.mode.goes_first(),
        };
        (before && wanted.mode.excludes(other.mode)).then_some(other.id)
    })
}

/// What a session that waits for a table's metadata lock must want, as far as its statement proves: MariaDB's plugin
/// lists who has a lock and not who waits.
pub fn wanted(dialect: Dialect, id: u64, statement: &str, schema: Option<&str>, all: &[Held]) -> Option<Held> {
    let judged = classify(statement, dialect.flavor(), schema);
    let mode = |effect: &Effect| match judged.class {
        Class::Read => Some(Mode::SharedRead),
        Class::Rows if *effect == Effect::Read => Some(Mode::SharedRead),
        Class::Rows => Some(Mode::SharedWrite),
        Class::Definition | Class::Maintenance => Some(Mode::Exclusive),
        _ => None,
    };
    let mut candidates = Vec::new();
    for touched in &judged.objects {
        let Object::Table(table) = &touched.object else { return None };
        let wanted = Held { id, on: on_table(table), mode: mode(&touched.effect)?, status: Status::Pending };
        candidates.push(wanted);
    }
    let tables: BTreeSet<&Locked> = candidates.iter().map(|wanted| &wanted.on).collect();
    // One lock is waited for at a time. If several tables of the statement could be the one, it is not told which.
    let lone = tables.len() == 1;
    let mut fitting = candidates.iter().filter(|wanted| lone || blockers(wanted, all).next().is_some());
    match (fitting.next(), fitting.find(|_| !lone)) {
        (Some(one), None) => Some(candidates.iter().filter(|w| w.on == one.on).max_by_key(|w| w.mode)?.clone()),
        _ => None,
    }
}

fn on_table(table: &TableName) -> Locked {
    ("TABLE".to_owned(), table.schema().to_owned(), table.name().to_owned())
}

/// How a server could be made to tell.
pub const fn how_to_tell(dialect: Dialect) -> &'static str {
    match dialect.flavor() {
        Flavor::MariaDb => {
            "this server does not tell who has a metadata lock: INSTALL SONAME 'metadata_lock_info' makes it, without a restart"
        }
        Flavor::MySql => {
            "this server does not tell who has a metadata lock: its performance schema or the instrument wait/lock/metadata/sql/mdl is off"
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::sql::Version;

    fn table(id: u64, mode: Mode, status: Status) -> Held {
        Held { id, on: ("TABLE".to_owned(), "shop".to_owned(), "orders".to_owned()), mode, status }
    }

    fn of(wanted: &Held, all: &[Held]) -> Vec<u64> {
        blockers(wanted, all).collect()
    }

    #[test]
    fn an_alter_waits_for_everybody_who_uses_the_table_and_a_select_only_for_the_alter() {
        let all = [
            table(10, Mode::SharedWrite, Status::Granted),
            table(11, Mode::SharedRead, Status::Granted),
            table(12, Mode::SharedUpgradable, Status::Granted),
            table(12, Mode::Exclusive, Status::Pending),
            table(13, Mode::SharedRead, Status::Pending),
        ];
        assert_eq!(of(&all[3], &all), [10, 11], "the ALTER never waits for itself");
        assert_eq!(of(&all[4], &all), [12]);
    }

    #[test]
    fn what_goes_together_blocks_nobody() {
        for (one, other) in [
            (Mode::SharedRead, Mode::SharedWrite),
            (Mode::SharedHighPrio, Mode::SharedNoReadWrite),
            (Mode::SharedRead, Mode::SharedNoWrite),
            (Mode::SharedWrite, Mode::SharedUpgradable),
            (Mode::IntentionExclusive, Mode::IntentionExclusive),
        ] {
            assert!(!one.excludes(other) && !other.excludes(one), "{one:?} {other:?}");
        }
        for (one, other) in [
            (Mode::SharedWrite, Mode::SharedReadOnly),
            (Mode::SharedRead, Mode::SharedNoReadWrite),
            (Mode::SharedUpgradable, Mode::SharedUpgradable),
            (Mode::IntentionExclusive, Mode::Shared),
            (Mode::SharedHighPrio, Mode::Exclusive),
        ] {
            assert!(one.excludes(other) && other.excludes(one), "{one:?} {other:?}");
        }
    }

    #[test]
    fn what_a_statement_waits_for_is_told_only_where_its_text_proves_it() {
        let dialect = Dialect::of(Flavor::MariaDb, Version::new(10, 11, 1)).unwrap();
        let all = [table(10, Mode::SharedWrite, Status::Granted)];
        let wanted = |text: &str| wanted(dialect, 20, text, Some("shop"), &all);
        let alter = wanted("ALTER TABLE orders ADD COLUMN c INT").unwrap();
        assert_eq!((alter.mode, of(&alter, &all)), (Mode::Exclusive, vec![10]));
        let select = wanted("SELECT COUNT(*) FROM orders").unwrap();
        assert_eq!((select.mode, of(&select, &all)), (Mode::SharedRead, vec![]));
        assert_eq!(wanted("CALL something()"), None);
        assert_eq!(wanted("SELECT * FROM a JOIN b"), None);
    }
}
