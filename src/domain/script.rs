//! The commands of one action: what will be sent, where, in which session, and what each does to facts.
//!
//! A script leaves no choice to whoever executes it. It is rendered from facts, printed in the request, and compared
//! byte by byte with what is about to be sent.

use serde::{Deserialize, Serialize};

use super::base::text::printable;
use super::base::{Danger, ServerName, Span, TableName};
use super::reach::Carry;
use super::snapshot::sessions::{Blocker, Doing};
use super::snapshot::{Claim, Effect, FactKey, Patch, ServerFact, Test, Value};
use super::sql::Dialect;
use super::sql::lookup;
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
    /// A list of the sessions that others wait for. Reads only.
    ListBlockers,
    /// How many sessions wait, once a second, for so long. Reads only.
    WatchLockWaits { lasting: Span },
    /// Ends one session, or what it executes, if it is still the one that was seen.
    Kill { victim: Box<Blocker>, how: Kill, session: Session, dialect: Dialect },
}

/// What of a session is ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kill {
    /// The connection, and with it the transaction and every lock.
    Connection,
    /// The statement; enough only where it is the whole transaction.
    Query,
}

impl Kill {
    /// The statement that does it.
    pub fn sql(self, id: u64) -> String {
        match self {
            Self::Connection => lookup::kill(id),
            Self::Query => lookup::kill_query(id),
        }
    }
}

impl Command {
    /// The claims that are true once the command has been applied: its predicted facts, as far as they stand still.
    pub fn promises(&self) -> Vec<Claim> {
        match &self.work {
            // Lock waits move by themselves, but a transaction that is over does not come back.
            Work::Kill { victim, .. } => {
                let waits = FactKey::server(&self.server, ServerFact::LockWaits);
                vec![Claim::new(waits, Test::LetGo(Box::new(victim.session.clone())))]
            }
            _ => promises(&self.patch),
        }
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
            Work::ListBlockers => vec!["list the sessions that others wait for".to_owned()],
            Work::WatchLockWaits { lasting } => vec![format!("count the waiting sessions for {lasting}")],
            Work::Kill { victim, how, .. } => kill_lines(victim, *how),
        }
    }

    /// The session settings it runs with, in their fixed order.
    pub fn settings(&self) -> Vec<String> {
        match &self.work {
            Work::Statement { session, dialect, .. }
            | Work::Copy { session, dialect, .. }
            | Work::Kill { session, dialect, .. } => session
                .settings(*dialect)
                .into_iter()
                .map(|setting| format!("{}={}", setting.name, setting.value))
                .collect(),
            Work::Check { .. } | Work::Compare { .. } | Work::ListBlockers | Work::WatchLockWaits { .. } => Vec::new(),
        }
    }
}

/// The statement, and everything by which the session must still be known when it is sent.
fn kill_lines(victim: &Blocker, how: Kill) -> Vec<String> {
    let session = &victim.session;
    let mut lines = vec![
        how.sql(session.id),
        format!("only while {} is {}", session.id, session.who()),
        match &session.transaction {
            Some(open) => {
                format!("and in transaction {} that began {}", printable(&open.number), printable(&open.started))
            }
            None => "and in no transaction".to_owned(),
        },
    ];
    match &session.doing {
        Doing::Statement(statement) => {
            lines.push(format!("and executes sha256 {}", printable(&statement.sha256)));
            lines.push(format!("that is: {}", printable(&statement.text)));
        }
        Doing::Idle { .. } | Doing::Ending { .. } => lines.push("and executes nothing".to_owned()),
    }
    lines.push(format!("cost when looked at: {}", session.rollback()));
    lines.push(format!("waiting behind it when looked at: {}", victim.behind));
    lines
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
