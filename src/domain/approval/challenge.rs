//! The question a reviewer answers instead of "are you sure": a fact about the object, drawn by the request's own
//! random id, so that fingers cannot learn it.
//!
//! It slows haste and proves nothing; nothing that is run depends on it.

use std::collections::BTreeSet;

use crate::domain::approval::document::{Item, parse};
use crate::domain::base::{RequestId, ServerName};
use crate::domain::journal::record::Assessed;
use crate::domain::run::state::RequestState;

/// One question with its answers, any of which will do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Challenge {
    pub id: &'static str,
    pub question: String,
    answers: Vec<String>,
}

impl Challenge {
    /// The question that belongs to a request.
    pub fn of(request: &RequestState) -> Self {
        let mut all = questions(request);
        let place = nonce(&request.header.request) % all.len();
        all.swap_remove(place)
    }

    /// The right answers, for those who play every part: tests and the demo.
    pub fn answers(&self) -> &[String] {
        &self.answers
    }

    /// Whether `text` is an answer; letter case and blanks are forgiven, nothing else is.
    pub fn accepts(&self, text: &str) -> bool {
        let plain = |text: &str| -> String {
            text.chars().filter(|c| !c.is_whitespace()).flat_map(char::to_lowercase).collect()
        };
        self.answers.iter().any(|answer| plain(answer) == plain(text))
    }
}

/// Every question that the request can be asked; there is always at least one.
fn questions(request: &RequestState) -> Vec<Challenge> {
    let reached = reached(&request.assessed);
    let worst = request.assessed.script.iter().max_by_key(|command| command.danger);
    let itself = worst.map_or_else(String::new, |command| format!(", {} too", command.server));
    let mut all = vec![Challenge {
        id: "reaches",
        question: format!("How many servers get it{itself}?"),
        answers: vec![reached.len().to_string()],
    }];
    if let Some(command) = worst {
        all.push(Challenge {
            id: "runs",
            question: "Which server runs it?".to_owned(),
            answers: vec![command.server.to_string()],
        });
    }
    let kept: BTreeSet<String> = kept_copies(&request.text).into_iter().flat_map(|(_, servers)| servers).collect();
    if !kept.is_empty() {
        all.push(Challenge {
            id: "keeps",
            question: "Which server keeps a good copy?".to_owned(),
            answers: kept.into_iter().collect(),
        });
    }
    all
}

/// Every server that a command of the script arrives at, or may.
pub fn reached(assessed: &Assessed) -> BTreeSet<ServerName> {
    let lines = assessed.reaches.iter().flat_map(|reach| &reach.arrivals);
    lines.filter(|line| !line.how.spares()).map(|line| line.server.clone()).collect()
}

/// The good copies that a request's text says will stay: the table, and the servers that keep it. For showing and
/// asking only.
pub fn kept_copies(text: &str) -> Vec<(String, Vec<String>)> {
    let Ok(document) = parse(text.as_bytes()) else { return Vec::new() };
    let items = document.sections().iter().flat_map(|section| &section.items);
    items
        .filter_map(|item| match item {
            Item::Field { key, value } if key == "copies" => value.split_once(" stays good on "),
            _ => None,
        })
        .map(|(table, servers)| (table.to_owned(), servers.split_whitespace().map(str::to_owned).collect()))
        .collect()
}

/// The rows that each kept copy had when it was measured, as the request's text says it: one line for each table.
pub fn counted_rows(text: &str) -> Vec<String> {
    let Ok(document) = parse(text.as_bytes()) else { return Vec::new() };
    let items = document.sections().iter().flat_map(|section| &section.items);
    items
        .filter_map(|item| match item {
            Item::Field { key, value } if key == "rows-counted" => Some(value.to_owned()),
            _ => None,
        })
        .collect()
}

fn nonce(request: &RequestId) -> usize {
    // The id is 32 hex digits, so its first seven always fit.
    request.as_str().get(..7).and_then(|digits| usize::from_str_radix(digits, 16).ok()).unwrap_or(0)
}
