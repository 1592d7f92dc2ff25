//! Expensive measurements of one table on one server, each giving a [`Finding`].
//!
//! A measurement has a connection of its own, without a deadline: dropping the future ends it. It reads every row, so
//! on a MySQL server that is suspected of damage it is refused: reading a damaged page ends the server.

mod check;
mod checksum;
mod columns;

use std::collections::BTreeSet;

use mysql_async::Error;

use super::decode::{self, Reading};
use super::now;
use super::watched::{Session, Why};
use crate::domain::base::text::printable;
use crate::domain::base::{ServerName, TableName, Timestamp};
use crate::domain::fleet::{Login, Server};
use crate::domain::snapshot::{Finding, Method, Position, ServerFact, TableFact, Value};
use crate::domain::sql::Flavor;

pub use check::check_table;
pub use checksum::{Columns, Progress, checksum};

/// What is believed of the table before it is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Suspicion {
    Clean,
    Suspected,
}

/// Why there is no finding. Damage is a finding, not an error.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MeasureError {
    #[error("`{server}` could not be asked: {why}")]
    NoConnection { server: ServerName, why: String },
    #[error(
        "reading {table} may end `{server}`, a MySQL server suspected of damage there: measure another copy, or a clone of this one"
    )]
    TooDangerous { server: ServerName, table: TableName },
    #[error("`{server}` refused to read {table}: {why}")]
    Refused { server: ServerName, table: TableName, why: String },
    #[error("`{server}` has no table {table}")]
    Missing { server: ServerName, table: TableName },
    #[error("{table} on `{server}` cannot be measured this way: {why}")]
    NotPossible { server: ServerName, table: TableName, why: String },
}

/// A table about to be measured: a session, and what the finding will depend on.
struct Bench<'a> {
    server: &'a ServerName,
    table: &'a TableName,
    session: Session,
    step: &'a str,
}

/// What must be unchanged for a finding to hold.
struct Footing {
    position: Option<Position>,
    booted: Option<Timestamp>,
    definition: Option<String>,
    object_id: Option<String>,
}

/// How the reading of a table ended early.
enum Stop {
    /// The table itself, or the server with it.
    Damaged(String),
    Failed(MeasureError),
}

impl<'a> Bench<'a> {
    async fn open(
        server: &'a Server,
        login: &Login,
        table: &'a TableName,
        suspicion: Suspicion,
        step: &'a str,
    ) -> Result<Self, MeasureError> {
        let no_connection = |why: Why| MeasureError::NoConnection { server: server.name.clone(), why: why.to_string() };
        let session = Session::open(server, login).await.map_err(no_connection)?;
        if suspicion == Suspicion::Suspected && session.dialect().flavor() == Flavor::MySql {
            return Err(MeasureError::TooDangerous { server: server.name.clone(), table: table.clone() });
        }
        Ok(Self { server: &server.name, table, session, step })
    }

    /// Takes down what the finding will depend on.
    async fn footing(&mut self) -> Result<Footing, MeasureError> {
        let answers = self.session.ask(&BTreeSet::from([self.table.clone()])).await;
        let answers =
            answers.map_err(|why| MeasureError::NoConnection { server: self.server.clone(), why: why.to_string() })?;
        let reading = Reading::new(self.session.dialect(), now(), answers);
        if decode::table_value(&reading, self.table, TableFact::Exists) == Ok(Value::Flag(false)) {
            return Err(MeasureError::Missing { server: self.server.clone(), table: self.table.clone() });
        }
        let text = |fact| match decode::table_value(&reading, self.table, fact) {
            Ok(Value::Text(text)) => Some(text),
            _ => None,
        };
        Ok(Footing {
            position: match decode::server_value(&reading, ServerFact::Position) {
                Ok(Value::Position(position)) => Some(position),
                _ => None,
            },
            booted: match decode::server_value(&reading, ServerFact::BootedAt) {
                Ok(Value::Time(time)) => Some(time),
                _ => None,
            },
            definition: text(TableFact::Definition),
            object_id: text(TableFact::ObjectId),
        })
    }

    fn finding(&self, method: Method, good: bool, detail: String, footing: Footing) -> Finding {
        Finding {
            method,
            good,
            detail,
            rows: None,
            checksum: None,
            at: now(),
            position: footing.position,
            booted: footing.booted,
            definition: footing.definition,
            object_id: footing.object_id,
            step: self.step.to_owned(),
        }
    }

    /// Sorts an error that came while rows were read. A server that is gone in the middle of it counts as damaged:
    /// that is how MySQL answers a broken page.
    fn stop(&self, error: Error) -> Stop {
        match error {
            Error::Server(said) if decode::is_damage(said.code) => {
                Stop::Damaged(format!("{} {}", said.code, printable(&said.message)))
            }
            Error::Server(said) => Stop::Failed(MeasureError::Refused {
                server: self.server.clone(),
                table: self.table.clone(),
                why: format!("{} {}", said.code, printable(&said.message)),
            }),
            gone => Stop::Damaged(format!(
                "the server went away while the table was read ({}): look at its error log before reading it again",
                printable(&gone.to_string())
            )),
        }
    }

    fn not_possible(&self, why: impl Into<String>) -> MeasureError {
        MeasureError::NotPossible { server: self.server.clone(), table: self.table.clone(), why: why.into() }
    }
}
