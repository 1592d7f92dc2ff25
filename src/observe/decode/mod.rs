//! Turns answers into facts. Pure: a function of the rows, the fleet file and the time of the answer.

mod fleet;
mod link;
mod metadata;
mod readers;
mod server;
pub mod sessions;
mod table;

use std::collections::{BTreeMap, BTreeSet};

use super::answer::Answers;
use super::probe::Probe;
use crate::domain::base::{Known, Timestamp};
use crate::domain::snapshot::Value;
use crate::domain::sql::Dialect;

pub use fleet::{Outcome, Surroundings, facts};
pub use server::value as server_value;
pub use table::{is_damage, value as table_value};

/// What one server answered, in the form that decoding works on.
#[derive(Debug, Clone)]
pub struct Reading {
    pub dialect: Dialect,
    pub at: Timestamp,
    pub answers: Answers,
    /// Bytes free where the data is; only known when we are on the same machine.
    pub free_bytes: Result<u64, String>,
    variables: Result<BTreeMap<String, String>, String>,
    status: Result<BTreeMap<String, String>, String>,
}

impl Reading {
    pub fn new(dialect: Dialect, at: Timestamp, answers: Answers) -> Self {
        let variables = answers.named_values(&Probe::Variables);
        let status = answers.named_values(&Probe::Status);
        let free_bytes = Err("it is on another machine".to_owned());
        Self { dialect, at, answers, free_bytes, variables, status }
    }

    /// A global variable; the error says that it is missing or why it could not be read.
    pub fn variable(&self, name: &str) -> Result<&str, String> {
        self.optional(name)?.ok_or_else(|| format!("the server has no variable `{name}`"))
    }

    /// A global variable that some releases do not have.
    fn optional(&self, name: &str) -> Result<Option<&str>, String> {
        Ok(self.variables.as_ref().map_err(Clone::clone)?.get(name).map(String::as_str))
    }

    /// The first of `names` that the server has.
    fn any(&self, names: &[&str]) -> Result<Option<&str>, String> {
        for name in names {
            if let Some(value) = self.optional(name)? {
                return Ok(Some(value));
            }
        }
        Ok(None)
    }

    fn switch(&self, names: &[&str]) -> Result<bool, String> {
        let value = self.any(names)?.ok_or_else(|| format!("the server has no variable `{}`", names[0]))?;
        Ok(is_on(value))
    }

    fn status(&self, name: &str) -> Result<&str, String> {
        let all = self.status.as_ref().map_err(Clone::clone)?;
        all.get(name).map(String::as_str).ok_or_else(|| format!("the server has no status `{name}`"))
    }

    fn known(&self, value: Result<Value, String>) -> Known<Value> {
        match value {
            Ok(value) => Known::Observed { value, at: self.at },
            Err(why) => Known::unknown(why),
        }
    }

    /// The rights of the observing account: on everything, or on the named schemas.
    fn right(&self, right: &str) -> Result<Reach, String> {
        let rows = self.answers.rows(&Probe::Rights)?;
        let mut reach = Reach { everywhere: false, schemas: BTreeSet::new(), single_tables: BTreeSet::new() };
        for row in rows.iter().filter(|row| row.get(&["PRIVILEGE_TYPE"]) == Some(right)) {
            match (row.get(&["TABLE_SCHEMA"]), row.get(&["TABLE_NAME"])) {
                (None, _) => reach.everywhere = true,
                (Some(schema), None) => drop(reach.schemas.insert(schema.to_owned())),
                (Some(schema), Some(_)) => drop(reach.single_tables.insert(schema.to_owned())),
            }
        }
        // With partial revokes a right on everything may lack single schemas, and nothing lists which.
        if self.optional("partial_revokes")?.is_some_and(is_on) {
            reach.everywhere = false;
        }
        Ok(reach)
    }
}

/// Where a right holds.
struct Reach {
    everywhere: bool,
    schemas: BTreeSet<String>,
    /// Schemas of which only single tables are granted.
    single_tables: BTreeSet<String>,
}

impl Reach {
    fn covers(&self, schema: &str) -> bool {
        self.everywhere || self.schemas.contains(schema)
    }
}

/// The channels that a server has, none where it does not tell.
pub fn channels(reading: &Reading) -> BTreeSet<String> {
    link::links(reading).into_iter().flatten().map(|link| link.channel.to_owned()).collect()
}

fn is_on(value: &str) -> bool {
    matches!(value.to_ascii_uppercase().as_str(), "ON" | "1" | "YES")
}

#[cfg(test)]
mod fixtures;
#[cfg(test)]
mod tests;
