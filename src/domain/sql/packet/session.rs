//! The session that a statement runs in: every setting that changes what the statement means, pinned and read back.
//!
//! A [`Session`] is a value: its settings are printed in the signed request, in a stable order.

use super::super::dialect::{Dialect, Flavor};
use serde::{Deserialize, Serialize};

use super::super::quote;

/// Whether the session's statements go to the binary log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BinlogWriting {
    On,
    /// `log: none` in a runbook.
    Off,
}

impl BinlogWriting {
    pub const fn digit(self) -> u8 {
        match self {
            Self::On => 1,
            Self::Off => 0,
        }
    }
}

/// Whether foreign keys and unique keys are checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Checks {
    Enforced,
    /// For loading rows that were checked where they come from.
    Suspended,
}

/// Whether the server lets the session's statements change rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Access {
    /// What only reads by its text may still call a function that writes, through a view: the server refuses that.
    ReadOnly,
    ReadWrite,
}

impl Access {
    const fn read_only(self) -> &'static str {
        match self {
            Self::ReadOnly => "1",
            Self::ReadWrite => "0",
        }
    }
}

/// What the session writes, as far as the `sql_mode` must know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Writes {
    Statement,
    /// Rows copied from elsewhere: a zero in an auto-increment column stays a zero.
    CopiedRows,
}

impl Writes {
    const fn sql_mode(self) -> &'static str {
        match self {
            Self::Statement => "STRICT_TRANS_TABLES,NO_ENGINE_SUBSTITUTION",
            Self::CopiedRows => "NO_AUTO_VALUE_ON_ZERO,STRICT_TRANS_TABLES,NO_ENGINE_SUBSTITUTION",
        }
    }
}

/// How long a statement may wait for locks while everybody queues behind it: 1 to 10 seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "u64", into = "u64")]
pub struct LockWait(u8);

impl TryFrom<u64> for LockWait {
    type Error = String;
    fn try_from(seconds: u64) -> Result<Self, String> {
        Self::from_secs(seconds).ok_or_else(|| format!("expected 1 to 10 seconds, found {seconds}"))
    }
}

impl From<LockWait> for u64 {
    fn from(wait: LockWait) -> Self {
        Self::from(wait.0)
    }
}

impl LockWait {
    pub const LONGEST: Self = Self(10);

    /// `None` if `seconds` is not between 1 and 10.
    pub const fn from_secs(seconds: u64) -> Option<Self> {
        match seconds {
            #[expect(clippy::cast_possible_truncation, reason = "the pattern allows 1 to 10 only")]
            1..=10 => Some(Self(seconds as u8)),
            _ => None,
        }
    }

    pub const fn secs(self) -> u8 {
        self.0
    }
}

/// The choices; everything else about the session follows from them and the dialect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Session {
    pub access: Access,
    pub binlog: BinlogWriting,
    pub checks: Checks,
    pub writes: Writes,
    pub lock_wait: LockWait,
}

/// One setting of the session and the value it must have, as the server prints it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    pub name: &'static str,
    pub value: String,
    origin: Origin,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Origin {
    /// We set it.
    Set,
    /// `SET NAMES` sets it.
    Names,
    /// It has this value from the start, and setting it would need a right that is not needed otherwise.
    Inherited,
}

/// A setting that the server reads back differently.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "expected session setting `{name}` to be `{expected}`, found {}: do not send the statement",
    match .found { Some(found) => format!("`{}`", crate::domain::base::text::printable(found)), None => "NULL".to_owned() }
)]
pub struct Mismatch {
    pub name: &'static str,
    pub expected: String,
    pub found: Option<String>,
}

const CHARACTER_SET: &str = "utf8mb4";
const COLLATION: &str = "utf8mb4_general_ci";

impl Session {
    /// For one statement: everything enforced, the longest allowed wait for locks.
    pub const fn statement(binlog: BinlogWriting) -> Self {
        Self {
            access: Access::ReadWrite,
            binlog,
            checks: Checks::Enforced,
            writes: Writes::Statement,
            lock_wait: LockWait::LONGEST,
        }
    }

    /// For one statement that reads.
    pub const fn reading() -> Self {
        Self { access: Access::ReadOnly, ..Self::statement(BinlogWriting::On) }
    }

    /// For loading copied rows.
    pub const fn load(binlog: BinlogWriting) -> Self {
        Self { checks: Checks::Suspended, writes: Writes::CopiedRows, ..Self::statement(binlog) }
    }

    /// All settings, in the order in which they are printed, set and read back.
    pub fn settings(&self, dialect: Dialect) -> Vec<Setting> {
        let checks = if self.checks == Checks::Enforced { "1" } else { "0" };
        let wait = self.lock_wait.secs().to_string();
        let log_origin = if self.binlog == BinlogWriting::Off { Origin::Set } else { Origin::Inherited };
        let mut settings = vec![
            Setting { name: "sql_log_bin", value: self.binlog.digit().to_string(), origin: log_origin },
            set("autocommit", "1"),
            set("sql_mode", self.writes.sql_mode()),
            set("foreign_key_checks", checks),
            set("unique_checks", checks),
            set("lock_wait_timeout", &wait),
            set("innodb_lock_wait_timeout", &wait),
            set("time_zone", "+00:00"),
            set("sql_select_limit", "18446744073709551615"),
            set("sql_safe_updates", "0"),
            set("sql_auto_is_null", "0"),
            set("sql_quote_show_create", "1"),
            set(dialect.read_only_transaction_variable(), self.access.read_only()),
        ];
        settings.extend(match dialect.flavor() {
            Flavor::MySql => vec![set("max_execution_time", "0"), inherited("gtid_next", "AUTOMATIC")],
            Flavor::MariaDb => vec![set("max_statement_time", "0.000000"), inherited("skip_replication", "0")],
        });
        for name in ["character_set_client", "character_set_connection", "character_set_results"] {
            settings.push(Setting { name, value: CHARACTER_SET.to_owned(), origin: Origin::Names });
        }
        settings.push(Setting { name: "collation_connection", value: COLLATION.to_owned(), origin: Origin::Names });
        settings
    }

    /// What to send first, one statement after the other.
    pub fn prelude(&self, dialect: Dialect) -> Vec<String> {
        let assignments: Vec<String> = self
            .settings(dialect)
            .iter()
            .filter(|setting| setting.origin == Origin::Set)
            .map(|setting| format!("SESSION {}={}", setting.name, setting.literal()))
            .collect();
        vec![format!("SET NAMES {CHARACTER_SET} COLLATE {COLLATION}"), format!("SET {}", assignments.join(", "))]
    }

    /// The query whose only row is compared by [`Self::compare`].
    pub fn read_back(&self, dialect: Dialect) -> String {
        let columns: Vec<String> =
            self.settings(dialect).iter().map(|setting| format!("@@SESSION.{}", setting.name)).collect();
        format!("SELECT {}", columns.join(", "))
    }

    /// Compares the row that [`Self::read_back`] returned, as text. Empty means that the session is as pinned.
    pub fn compare(&self, dialect: Dialect, row: &[Option<String>]) -> Vec<Mismatch> {
        let missing = None;
        self.settings(dialect)
            .into_iter()
            .enumerate()
            .map(|(column, setting)| (setting, row.get(column).unwrap_or(&missing).clone()))
            .filter(|(setting, found)| found.as_ref() != Some(&setting.value))
            .map(|(setting, found)| Mismatch { name: setting.name, expected: setting.value, found })
            .collect()
    }
}

fn set(name: &'static str, value: &str) -> Setting {
    Setting { name, value: value.to_owned(), origin: Origin::Set }
}

fn inherited(name: &'static str, value: &str) -> Setting {
    Setting { name, value: value.to_owned(), origin: Origin::Inherited }
}

impl Setting {
    /// The value as SQL: a number as it is, everything else in quotes.
    fn literal(&self) -> String {
        let number = self.value.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
        if number { self.value.clone() } else { quote::string(&self.value) }
    }
}
