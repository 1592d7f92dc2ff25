//! The commands of one action: what will be sent, where, in which session, and what each does to facts.
//!
//! A script leaves no choice to whoever executes it. It is rendered from facts, printed in the request, and compared
//! byte by byte with what is about to be sent.

use serde::{Deserialize, Serialize};

use super::base::{Danger, ServerName, Span, TableName};
use super::reach::Carry;
use super::snapshot::{Claim, Effect, FactKey, Patch, Test, Value};
use super::sql::Dialect;
use super::sql::packet::Session;

/// One thing to do on one server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Command {
    pub server: ServerName,
    pub work: Work,
    pub danger: Danger,
    /// What it does to rows where it runs, in order; links carry it on if `carry` says so.
    pub effects: Vec<Effect>,
    pub carry: Carry,
    /// What else it changes, as predicted facts.
    pub patch: Patch,
}

/// What is done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Work {
    /// One statement, sent as these bytes.
    Statement { text: String, session: Session, dialect: Dialect },
    /// The server's own check of a table and a count of its rows. Reads only.
    Check { table: TableName },
    /// A checksum over every row of several copies, which must be equal. Reads only.
    Compare { copies: Vec<(ServerName, TableName)> },
    /// Copies `table` from another server's copy into `into` here, in chunks.
    Copy {
        from: ServerName,
        table: TableName,
        into: TableName,
        limit: Option<Span>,
        session: Session,
        dialect: Dialect,
    },
}

impl Command {
    /// The claims that are true once the command has been applied: its predicted facts, as far as they stand still.
    pub fn promises(&self) -> Vec<Claim> {
        promises(&self.patch)
    }

    /// Whether both are the same to do. What they predict is left out: it is dated by the look it was made from.
    pub fn is_same_work(&self, other: &Self) -> bool {
        (&self.server, &self.work, self.danger, &self.effects, self.carry)
            == (&other.server, &other.work, other.danger, &other.effects, other.carry)
    }

    /// The command as lines of a signed request. Nothing is left out and nothing is shortened.
    pub fn lines(&self) -> Vec<String> {
        match &self.work {
            Work::Statement { text, .. } => text.lines().map(str::to_owned).collect(),
            Work::Check { table } => vec![format!("check {table} and count its rows")],
            Work::Compare { copies } => {
                let all: Vec<String> = copies.iter().map(|(server, table)| format!("{table} on {server}")).collect();
                vec![format!("compare checksums of {}", all.join(", "))]
            }
            Work::Copy { from, table, into, .. } => {
                vec![format!("copy {table} from {from} into {into}, in chunks by primary key")]
            }
        }
    }

    /// The session settings it runs with, in their fixed order.
    pub fn settings(&self) -> Vec<String> {
        match &self.work {
            Work::Statement { session, dialect, .. } | Work::Copy { session, dialect, .. } => session
                .settings(*dialect)
                .into_iter()
                .map(|setting| format!("{}={}", setting.name, setting.value))
                .collect(),
            Work::Check { .. } | Work::Compare { .. } => Vec::new(),
        }
    }
}

/// The claims that are true once `patch` has come true. Facts that move by themselves promise nothing.
pub fn promises(patch: &Patch) -> Vec<Claim> {
    patch
        .changes()
        .filter(|(key, _)| key.about.moves().is_none())
        .filter_map(|(key, known)| known.value().ok().map(|value| promise(key, value)))
        .collect()
}

fn promise(key: &FactKey, value: &Value) -> Claim {
    match value {
        Value::Finding(finding) if finding.good => Claim::new(key.clone(), Test::ProvesRows),
        _ => Claim::new(key.clone(), Test::Is(value.clone())),
    }
}
