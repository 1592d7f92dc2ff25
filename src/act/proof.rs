//! Looks into the binary log afterwards: did a statement that was to stay out of it stay out?
//!
//! The session's setting was read back and stood in the guard; this is the witness on the other side. It never changes
//! an outcome, it says in a sentence what was seen, also when nothing could be seen.

use mysql_async::Conn;

use super::ask;
use super::fault::Fault;
use crate::domain::base::TableName;
use crate::domain::base::text::printable;
use crate::domain::script::Command;
use crate::domain::snapshot::{EffectKind, Object};
use crate::domain::sql::{Dialect, lookup};

/// Events read at once.
const PAGE: u32 = 2_000;
/// Pages read at most: a long copy on a busy server may lie behind more than anybody wants to wait for.
const PAGES: u32 = 250;

/// Where the binary log ended before the statement.
pub(super) enum LogProof {
    From {
        file: String,
        position: u64,
        tables: Vec<TableName>,
    },
    /// The server writes none.
    NoLog,
    Impossible {
        why: String,
    },
}

impl LogProof {
    /// Takes note of where the binary log of the server behind `control` ends now.
    pub async fn begin(control: &mut Conn, dialect: Dialect, command: &Command) -> Self {
        let tables = tables(command);
        if tables.is_empty() {
            return Self::Impossible { why: "the statement names no table to look for".to_owned() };
        }
        match ask::row(control, dialect.show_log_position()).await {
            Err(fault) => Self::Impossible { why: fault.to_string() },
            Ok(row) => match (row.first().cloned().flatten(), row.get(1).cloned().flatten()) {
                (Some(file), Some(position)) => match position.parse() {
                    Ok(position) => Self::From { file, position, tables },
                    Err(_) => Self::Impossible { why: format!("`{}` is no position", printable(&position)) },
                },
                _ => Self::NoLog,
            },
        }
    }

    /// Reads what was logged since and says it in a sentence.
    pub async fn finish(self, control: &mut Conn) -> String {
        let (file, position, tables) = match self {
            Self::NoLog => return "the server writes no binary log".to_owned(),
            Self::Impossible { why } => return unproved(&why),
            Self::From { file, position, tables } => (file, position, tables),
        };
        let names: Vec<String> = tables.iter().map(|table| format!("`{table}`")).collect();
        let names = names.join(" or ");
        match search(control, &file, position, &tables).await {
            Ok(Searched::Found { at, kind, info }) => format!(
                "the binary log names {names} at {at}, written by this or another session: {} {}",
                printable(&kind),
                printable(&info)
            ),
            Ok(Searched::Nothing { end }) => {
                format!("proved unlogged: the binary log does not name {names} from {file}:{position} to {end}")
            }
            Ok(Searched::TooMuch) => unproved(&format!("there are more than {} events since", PAGE * PAGES)),
            Err(fault) => unproved(&fault.to_string()),
        }
    }
}

fn unproved(why: &str) -> String {
    format!("whether it stayed out of the binary log could not be proved: {why}")
}

/// The tables whose names must not turn up.
fn tables(command: &Command) -> Vec<TableName> {
    let mut tables = Vec::new();
    for effect in &command.effects {
        if let Object::Table(table) = &effect.object {
            tables.push(table.clone());
        }
        if let EffectKind::Renamed { to } = &effect.kind {
            tables.push(to.clone());
        }
    }
    tables.sort();
    tables.dedup();
    tables
}

enum Searched {
    Found { at: String, kind: String, info: String },
    Nothing { end: String },
    TooMuch,
}

async fn search(conn: &mut Conn, file: &str, position: u64, tables: &[TableName]) -> Result<Searched, Fault> {
    let (mut file, mut position) = (file.to_owned(), position);
    for _ in 0..PAGES {
        let events = ask::rows(conn, &lookup::log_events(&file, position, PAGE)).await?;
        let full = events.len() == PAGE as usize;
        let mut next_file = None;
        for event in events {
            let column = |index: usize| event.get(index).cloned().flatten().unwrap_or_default();
            let (at, kind, end, info) = (column(1), column(2), column(4), column(5));
            if tables.iter().any(|table| lookup::event_names(&kind, &info, table)) {
                return Ok(Searched::Found { at: format!("{file}:{at}"), kind, info });
            }
            next_file = lookup::event_rotates_to(&kind, &info).map(str::to_owned);
            position = end.parse().unwrap_or(position);
        }
        match next_file {
            Some(next) => (file, position) = (next, 4),
            None if full => {}
            None => return Ok(Searched::Nothing { end: format!("{file}:{position}") }),
        }
    }
    Ok(Searched::TooMuch)
}
