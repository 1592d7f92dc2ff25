//! What a server answered to the probes of one packet: rows by column name, or why there are none.

use std::collections::BTreeMap;

use super::probe::Probe;
use crate::domain::base::text::printable;

/// One row. Column names in lower case, because flavours and releases spell them differently.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Row(BTreeMap<String, Option<String>>);

/// A server's words for refusing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    pub code: u16,
    pub message: String,
}

/// The answers to one look, by probe.
#[derive(Debug, Clone, Default)]
pub struct Answers(BTreeMap<Probe, Result<Vec<Row>, Refusal>>);

impl Row {
    pub fn new<N: Into<String>, V: Into<String>>(columns: impl IntoIterator<Item = (N, Option<V>)>) -> Self {
        Self(
            columns
                .into_iter()
                .map(|(name, value)| (name.into().to_ascii_lowercase(), value.map(Into::into)))
                .collect(),
        )
    }

    /// The value of the first of `names` that the row has. `None` if it has none of them or the value is NULL.
    pub fn get(&self, names: &[&str]) -> Option<&str> {
        names.iter().find_map(|name| self.0.get(&name.to_ascii_lowercase()))?.as_deref()
    }

    /// As [`Row::get`], with what was missing as the error.
    pub fn need(&self, names: &[&str]) -> Result<&str, String> {
        self.get(names).ok_or_else(|| format!("the server's answer has no `{}`", names.join("` or `")))
    }
}

impl Refusal {
    /// The same question will be refused again: a right, a variable or a table is missing.
    pub fn is_lasting(&self) -> bool {
        matches!(self.code, 1044 | 1045 | 1049 | 1064 | 1109 | 1142 | 1143 | 1146 | 1193 | 1227 | 1235)
    }

    pub fn why(&self) -> String {
        format!("the server refused to say it: {} {}", self.code, printable(&self.message))
    }
}

impl Answers {
    pub fn put(&mut self, probe: Probe, answer: Result<Vec<Row>, Refusal>) {
        self.0.insert(probe, answer);
    }

    /// The rows that `probe` gave, or why there are none.
    pub fn rows(&self, probe: &Probe) -> Result<&[Row], String> {
        match self.0.get(probe) {
            Some(Ok(rows)) => Ok(rows),
            Some(Err(refusal)) => Err(refusal.why()),
            None => Err("the server was not asked for it".to_owned()),
        }
    }

    /// How `probe` was refused, if it was.
    pub fn refusal(&self, probe: &Probe) -> Option<&Refusal> {
        self.0.get(probe)?.as_ref().err()
    }

    /// The two columns of `SHOW VARIABLES` and `SHOW STATUS` as a map, names in lower case.
    pub fn named_values(&self, probe: &Probe) -> Result<BTreeMap<String, String>, String> {
        let pair = |row: &Row| {
            let name = row.need(&["Variable_name"])?.to_ascii_lowercase();
            Ok((name, row.get(&["Value"]).unwrap_or_default().to_owned()))
        };
        self.rows(probe)?.iter().map(pair).collect()
    }
}
