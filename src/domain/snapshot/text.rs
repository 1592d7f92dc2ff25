//! The one text about facts, claims and differences: dry run, request, drift, screens and report all use it.

use std::fmt;

use super::look::{Claim, Evidence, Test};
use super::{FactKey, Snapshot, Value};
use crate::domain::base::{Known, Verdict};

/// A fact that differs between two snapshots.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    pub key: FactKey,
    pub before: Known<Value>,
    pub after: Known<Value>,
}

/// A comparison of what was predicted with what came.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Drift {
    pub differences: Vec<Difference>,
    /// How many facts were compared.
    pub compared: usize,
    /// Facts left out, with the reason.
    pub excluded: Vec<(FactKey, &'static str)>,
}

/// What differs between two snapshots, over the facts of both, in the order of their keys.
pub fn difference(before: &Snapshot, after: &Snapshot) -> Vec<Difference> {
    let absent = Known::unknown("it was not observed");
    let mut keys: Vec<FactKey> = before.facts().chain(after.facts()).map(|(key, _)| key).collect();
    keys.sort();
    keys.dedup();
    keys.into_iter()
        .filter_map(|key| {
            let old = before.get(&key).unwrap_or(&absent).clone();
            let new = after.get(&key).unwrap_or(&absent).clone();
            let same = match (old.value(), new.value()) {
                (Ok(a), Ok(b)) => a == b,
                (Err(_), Err(_)) => true,
                _ => false,
            };
            (!same).then_some(Difference { key, before: old, after: new })
        })
        .collect()
}

/// Compares every predicted fact with what came. Facts that move by themselves are left out, with the reason.
pub fn drift(predicted: &Snapshot, seen: &Snapshot) -> Drift {
    let mut drift = Drift::default();
    for (key, known) in predicted.facts() {
        let Ok(value) = known.value() else { continue };
        if let Some(why) = key.about.moves() {
            drift.excluded.push((key, why));
            continue;
        }
        drift.compared += 1;
        let came = seen.get(&key).cloned().unwrap_or_else(|| Known::unknown("it was not observed"));
        if !came.value().is_ok_and(|came| value.came_true_as(came)) {
            drift.differences.push(Difference { key, before: known.clone(), after: came });
        }
    }
    drift
}

fn words(known: &Known<Value>) -> String {
    match known {
        Known::Observed { value, .. } => value.to_string(),
        Known::Unknown { why } => format!("unknown ({why})"),
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} > {}", self.key, words(&self.before), words(&self.after))
    }
}

impl fmt::Display for Test {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Known => f.write_str("is known"),
            Self::Is(value) => write!(f, "is {value}"),
            Self::IsNot(value) => write!(f, "is not {value}"),
            Self::AtMost(n) => write!(f, "is at most {n}"),
            Self::AtLeast(n) => write!(f, "is at least {n}"),
            Self::Near(time, span) => write!(f, "is within {span} of {time}"),
            Self::Contains(position) => write!(f, "contains {position}"),
            Self::Has(name) => write!(f, "has {name}"),
            Self::ProvesRows => f.write_str("proves the rows"),
            Self::YoungerThan(span) => write!(f, "is younger than {span}"),
            Self::LetGo(session) => {
                write!(f, "without session {} of {} in its transaction", session.id, session.who())
            }
            Self::NotAsSeen(session) => write!(f, "without session {} of {} as it was", session.id, session.who()),
        }
    }
}

impl fmt::Display for Claim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.key, self.test)
    }
}

impl fmt::Display for Evidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.verdict {
            Verdict::Holds => write!(f, "{}", self.claim),
            // What is unknown was not seen, and the verdict says why already.
            Verdict::CannotTell { .. } if self.at.is_none() => write!(f, "{}: {}", self.claim, self.verdict),
            verdict => write!(f, "{}: {verdict} (seen: {})", self.claim, self.seen),
        }
    }
}
