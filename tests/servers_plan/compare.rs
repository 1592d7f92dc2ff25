//! Compares every predicted fact with what came of it.

use std::collections::{BTreeMap, BTreeSet};

use countersign::domain::base::{Known, Span};
use countersign::domain::snapshot::{About, FactKey, LinkFact, ServerFact, Snapshot, TableFact, Value};

/// A kind of fact that is not compared, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Left {
    pub kind: Kind,
    pub why: &'static str,
}

/// A kind of fact, whichever server or table it is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Of a server, whatever was predicted.
    Server(ServerFact),
    /// Of a table, whatever was predicted.
    Table(TableFact),
    /// Of a table, where the prediction itself says that it cannot be told.
    Untold(TableFact),
}

/// What came of every fact.
#[derive(Debug, Default)]
pub struct Compared {
    /// Known before and after, and equal.
    equal: usize,
    /// It moves by itself, and moved only as it may.
    bounded: usize,
    /// Nobody can tell, in the prediction as on the servers.
    untold: usize,
    left: BTreeMap<Left, usize>,
    unused: BTreeSet<Left>,
    wrong: Vec<String>,
}

enum Verdict {
    Equal,
    Bounded,
    Untold,
    Differs,
}

/// Compares over the facts of both; `renamed` gives a table its name in the run that came.
pub fn compare(
    runbook: &str,
    predicted: &Snapshot,
    seen: &Snapshot,
    renamed: &dyn Fn(&str) -> String,
    left: &[Left],
) -> Compared {
    let mut compared = Compared { unused: left.iter().copied().collect(), ..Compared::default() };
    let mut named = BTreeMap::new();
    for (key, known) in predicted.facts() {
        named.insert(in_the_run(key, renamed), known);
    }
    for (key, known) in &named {
        let came = seen.get(key);
        let excluded = left.iter().find(|left| left.kind.is(key, known));
        match (verdict(key, known, came), excluded) {
            (Verdict::Untold, _) => compared.untold += 1,
            (_, Some(left)) => {
                *compared.left.entry(*left).or_default() += 1;
                compared.unused.remove(left);
            }
            (Verdict::Equal, None) => compared.equal += 1,
            (Verdict::Bounded, None) => compared.bounded += 1,
            (Verdict::Differs, None) => compared.wrong.push(format!("{key}: predicted {known:?}, came {came:?}")),
        }
    }
    for (key, known) in seen.facts().filter(|(key, _)| !named.contains_key(key)) {
        compared.wrong.push(format!("{key}: not predicted at all, came {known:?}"));
    }
    compared.print(runbook);
    compared
}

fn in_the_run(mut key: FactKey, renamed: &dyn Fn(&str) -> String) -> FactKey {
    if let About::Table { table, .. } = &mut key.about {
        *table = renamed(&table.to_string()).parse().unwrap();
    }
    key
}

fn verdict(key: &FactKey, predicted: &Known<Value>, came: Option<&Known<Value>>) -> Verdict {
    let Some(came) = came else { return Verdict::Differs };
    match (predicted.value(), came.value()) {
        (Err(_), Err(_)) => Verdict::Untold,
        (Ok(predicted), Ok(came)) if predicted.came_true_as(came) => Verdict::Equal,
        (Ok(predicted), Ok(came)) if within(key, predicted, came) => Verdict::Bounded,
        _ => Verdict::Differs,
    }
}

/// A position grows, and a time of starting is computed from whole seconds of uptime.
fn within(key: &FactKey, predicted: &Value, came: &Value) -> bool {
    let position = key.about == About::Server(ServerFact::Position)
        || matches!(key.about, About::Link { fact: LinkFact::Received, .. });
    match (predicted, came) {
        (Value::Position(predicted), Value::Position(came)) => position && came.contains(predicted) == Some(true),
        (Value::Time(predicted), Value::Time(came)) => {
            let apart = predicted.millis().abs_diff(came.millis());
            key.about == About::Server(ServerFact::BootedAt) && apart <= Span::from_secs(2).millis()
        }
        _ => false,
    }
}

impl Kind {
    fn is(self, key: &FactKey, predicted: &Known<Value>) -> bool {
        match (self, &key.about) {
            (Self::Untold(kind), About::Table { fact, .. }) => kind == *fact && predicted.value().is_err(),
            (Self::Server(kind), About::Server(fact)) => kind == *fact,
            (Self::Table(kind), About::Table { fact, .. }) => kind == *fact,
            _ => false,
        }
    }
}

impl Compared {
    #[expect(clippy::print_stdout, reason = "the counts are for whoever runs it with --nocapture")]
    fn print(&self, runbook: &str) {
        let Self { equal, bounded, untold, .. } = self;
        let left: usize = self.left.values().sum();
        println!("{runbook}: {equal} facts equal, {bounded} within bounds, {untold} unknown in both, {left} left out");
        for (Left { kind, why }, count) in &self.left {
            println!("  left out: {count} x {kind:?}: {why}");
        }
    }

    /// Nothing came otherwise, enough was compared, every exclusion was needed, and not for more than so many facts.
    #[track_caller]
    pub fn expect(&self, at_least: usize, at_most_left: usize) {
        let left: usize = self.left.values().sum();
        assert!(left <= at_most_left, "{left} facts left out, at most {at_most_left} expected: {:#?}", self.left);
        assert!(self.wrong.is_empty(), "{:#?}", self.wrong);
        assert!(self.unused.is_empty(), "left out without need: {:#?}", self.unused);
        assert!(self.equal >= at_least, "{} facts equal, {at_least} expected", self.equal);
    }
}
