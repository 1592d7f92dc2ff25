//! What one server's copy of a table is worth, by the facts.
//!
//! A finding proves rows at one moment. It holds while nothing can have changed them since (the server is fenced and
//! stands where it stood), or for a limited time on a server that goes on working.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::edge;
use crate::domain::base::{ServerName, Span, TableName};
use crate::domain::fleet::Rules;
use crate::domain::snapshot::{FactKey, Finding, Look, Method, ServerFact, TableFact, Test, Value};

/// How far a boot time may differ and still be the same boot: it is computed from whole seconds of uptime.
const SAME_BOOT: Span = Span::from_secs(3);

/// The state of one server's copy of one table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Copy {
    /// A finding proves it and still holds.
    Good { finding: Finding },
    /// It is damaged, by a finding or by what the server says.
    Corrupt { why: String },
    /// It is not there.
    Absent,
    /// Nothing proves it, or not any more.
    Unproved { why: String },
    /// Whether it is there cannot be told.
    Unknown { why: String },
}

impl Copy {
    pub fn is_good(&self) -> bool {
        matches!(self, Self::Good { .. })
    }

    /// The rows that the finding counted.
    pub fn rows(&self) -> Option<u64> {
        match self {
            Self::Good { finding } => finding.rows,
            _ => None,
        }
    }
}

impl fmt::Display for Copy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Good { finding: Finding { rows: Some(rows), .. } } => write!(f, "GOOD, {rows} rows counted"),
            Self::Good { .. } => f.write_str("GOOD"),
            Self::Corrupt { .. } => f.write_str("CORRUPT"),
            Self::Absent => f.write_str("ABSENT"),
            Self::Unproved { why } => write!(f, "not proved ({why})"),
            Self::Unknown { why } => write!(f, "unknown ({why})"),
        }
    }
}

/// Judges `server`'s copy of `table`.
pub fn copy_of(look: &mut Look<'_>, rules: &Rules, server: &ServerName, table: &TableName) -> Copy {
    let key = |fact| FactKey::table(server, table, fact);
    match look.read(key(TableFact::Exists)) {
        Ok(Value::Flag(true)) => {}
        Ok(Value::Flag(false)) => return Copy::Absent,
        Ok(other) => return Copy::Unknown { why: format!("its existence is `{other}`") },
        Err(why) => return Copy::Unknown { why },
    }
    // A server that cannot open a table does not name its engine; that is damage, and asked for next.
    if look.read(key(TableFact::Engine)) == Ok(Value::text("view")) {
        return Copy::Unproved { why: "a view, which has no rows of its own".to_owned() };
    }
    match look.read(key(TableFact::Damage)) {
        Ok(Value::Text(damage)) if damage.is_empty() => {}
        Ok(damage) => return Copy::Corrupt { why: damage.to_string() },
        Err(why) => return Copy::Unproved { why: format!("whether it is damaged is unknown: {why}") },
    }
    let Ok(Value::Finding(finding)) = look.read(key(TableFact::Finding)) else {
        return Copy::Unproved { why: "no check of its rows".to_owned() };
    };
    if !finding.good {
        return Copy::Corrupt { why: finding.detail };
    }
    if finding.method == Method::Copy {
        return Copy::Unproved { why: "copied, and not compared yet".to_owned() };
    }
    match holds(look, rules, server, table, &finding) {
        Ok(()) => Copy::Good { finding },
        Err(why) => Copy::Unproved { why },
    }
}

/// Whether nothing since the finding can have changed the rows, or the finding is young enough.
fn holds(
    look: &mut Look<'_>,
    rules: &Rules,
    server: &ServerName,
    table: &TableName,
    finding: &Finding,
) -> Result<(), String> {
    // A finding is about one server; what answers under its name now must be known, and stay what it is.
    look.read(FactKey::server(server, ServerFact::Identity))
        .map_err(|why| format!("what {server} is cannot be told: {why}"))?;
    let same = |look: &mut Look<'_>, fact, then: &Option<String>| match then {
        Some(then) => look.ask(FactKey::table(server, table, fact), Test::Is(Value::text(then.clone()))).holds(),
        None => true,
    };
    if !same(look, TableFact::Definition, &finding.definition) || !same(look, TableFact::ObjectId, &finding.object_id) {
        return Err("the table was made anew or altered since it was checked".to_owned());
    }
    if fenced(look, server) {
        let stands = match &finding.position {
            Some(then) => {
                look.ask(FactKey::server(server, ServerFact::Position), Test::Is(Value::Position(then.clone()))).holds()
            }
            None => false,
        };
        if stands && same_boot(look, server, finding) {
            return Ok(());
        }
    }
    let young = look.ask(FactKey::table(server, table, TableFact::Finding), Test::YoungerThan(rules.finding_max_age));
    if young.holds() { Ok(()) } else { Err(format!("its check is older than {}", rules.finding_max_age)) }
}

fn same_boot(look: &mut Look<'_>, server: &ServerName, finding: &Finding) -> bool {
    finding.booted.is_some_and(|then| {
        look.ask(FactKey::server(server, ServerFact::BootedAt), Test::Near(then, SAME_BOOT)).holds()
    })
}

/// Whether a fence stands in every link into `server`.
pub fn fenced(look: &mut Look<'_>, server: &ServerName) -> bool {
    let Ok(Value::Names(channels)) = look.read(FactKey::server(server, ServerFact::Channels)) else { return false };
    !channels.is_empty() && channels.iter().all(|channel| edge::fenced(look, server, channel))
}
