//! The values facts take. Plain data; a key's doc comment in [`fact`](super::fact) says which kind it takes.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::position::Position;
use super::sessions::{Blocker, LockWaits};
use crate::domain::base::{Digest, TableName, Timestamp};

/// The value of one fact.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Value {
    Flag(bool),
    Number(u64),
    Text(String),
    Names(BTreeSet<String>),
    Time(Timestamp),
    Position(Position),
    /// In the order in which they happen.
    Effects(Vec<Effect>),
    Finding(Finding),
    LockWaits(LockWaits),
    /// Those with the most sessions behind them first.
    Sessions(Vec<Blocker>),
}

/// What a statement does to one thing on the server that executes it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Effect {
    pub object: Object,
    pub kind: EffectKind,
}

/// What an effect is on.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Object {
    Table(TableName),
    Schema(String),
    /// Anything the server has.
    Server,
}

/// How bad an effect is for the rows of its object, in ascending order.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EffectKind {
    /// Settings, sessions, replication: no rows.
    NoRows,
    Created,
    /// The rows move under another name.
    Renamed {
        to: TableName,
    },
    /// Another index, as [`TableFact::Indexes`](super::fact::TableFact::Indexes) spells it; all rows stay.
    Indexed {
        index: String,
    },
    /// The definition changes, rows may.
    Altered,
    RowsChanged,
    /// Rows are gone, or some of them may be; the object stays.
    Lost,
    /// The object and its rows are gone.
    Dropped,
    /// Not provable: anything may happen.
    Anything,
}

impl EffectKind {
    /// Whether rows of the object may be gone or wrong afterwards.
    pub fn may_lose_rows(&self) -> bool {
        *self >= Self::Altered
    }
}

/// The recorded result of an expensive measurement of one table on one server.
///
/// What must be unchanged for it to hold travels with it; [`crate::domain::reach::copies`] judges.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Finding {
    pub method: Method,
    pub good: bool,
    /// What the server answered, or why it is not good.
    pub detail: String,
    pub rows: Option<u64>,
    /// Over all rows; equal digests of one method mean equal rows.
    pub checksum: Option<String>,
    pub at: Timestamp,
    pub position: Option<Position>,
    pub booted: Option<Timestamp>,
    pub definition: Option<String>,
    pub object_id: Option<String>,
    /// The journal step that measured it.
    pub step: String,
}

/// How a finding was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// The server's own check of the table and a count of its rows.
    Check,
    /// A checksum over every row, compared with other copies.
    Compare,
    /// Made by copying a good copy; not yet compared.
    Copy,
}

impl Value {
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    pub fn names<I: IntoIterator<Item = S>, S: Into<String>>(names: I) -> Self {
        Self::Names(names.into_iter().map(Into::into).collect())
    }

    /// Whether a prediction of `self` came true as `seen`. Measured figures inside a finding are not predicted.
    pub fn came_true_as(&self, seen: &Self) -> bool {
        match (self, seen) {
            (Self::Finding(a), Self::Finding(b)) => (a.method, a.good) == (b.method, b.good),
            _ => self == seen,
        }
    }

    /// The digest of a definition text, as [`TableFact::Definition`](super::fact::TableFact::Definition) keeps it.
    pub fn definition(create: &str) -> Self {
        Self::Text(Digest::of(create.as_bytes()).into())
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(true) => f.write_str("yes"),
            Self::Flag(false) => f.write_str("no"),
            Self::Number(n) => write!(f, "{n}"),
            Self::Text(text) if text.is_empty() => f.write_str("none"),
            Self::Text(text) => f.write_str(text),
            Self::Names(names) if names.is_empty() => f.write_str("none"),
            Self::Names(names) => {
                let quoted: Vec<String> = names.iter().map(|n| format!("`{n}`")).collect();
                f.write_str(&quoted.join(", "))
            }
            Self::Time(time) => write!(f, "{time}"),
            Self::Position(position) => write!(f, "{position}"),
            Self::Effects(effects) if effects.is_empty() => f.write_str("none"),
            Self::Effects(effects) => {
                let all: Vec<String> = effects.iter().map(ToString::to_string).collect();
                f.write_str(&all.join(", "))
            }
            Self::Finding(finding) => write!(f, "{finding}"),
            Self::LockWaits(waits) => write!(f, "{waits}"),
            Self::Sessions(sessions) if sessions.is_empty() => f.write_str("none"),
            Self::Sessions(sessions) => {
                let ids: Vec<String> = sessions.iter().map(|blocker| blocker.session.id.to_string()).collect();
                f.write_str(&ids.join(", "))
            }
        }
    }
}

impl fmt::Display for Effect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            EffectKind::NoRows => write!(f, "{} keeps its rows", self.object),
            EffectKind::Created => write!(f, "{} is created", self.object),
            EffectKind::Renamed { to } => write!(f, "{} becomes {to}", self.object),
            EffectKind::Indexed { index } => write!(f, "{} gets the index {index}", self.object),
            EffectKind::Altered => write!(f, "{} is altered", self.object),
            EffectKind::RowsChanged => write!(f, "rows of {} change", self.object),
            EffectKind::Lost => write!(f, "rows of {} are gone", self.object),
            EffectKind::Dropped => write!(f, "{} is gone", self.object),
            EffectKind::Anything => write!(f, "anything may happen to {}", self.object),
        }
    }
}

impl fmt::Display for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Table(table) => write!(f, "{table}"),
            Self::Schema(schema) => write!(f, "every table of `{schema}`"),
            Self::Server => f.write_str("the whole server"),
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let method = match self.method {
            Method::Check => "checked",
            Method::Compare => "compared",
            Method::Copy => "copied",
        };
        write!(f, "{} ({method} by step {}", if self.good { "good" } else { "not good" }, self.step)?;
        if let Some(rows) = self.rows {
            write!(f, ", {rows} rows")?;
        }
        if !self.good {
            write!(f, ", {}", self.detail)?;
        }
        f.write_str(")")
    }
}
