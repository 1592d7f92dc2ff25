//! The one door to facts: every question goes through [`Look`], and every question leaves its evidence.
//!
//! So what a decision relied on is recorded, never declared, and cannot be forgotten: the request that people sign,
//! the last look, drift and explanations are all made of the evidence that collects here.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::sessions::Session;
use super::{FactKey, Position, Snapshot, Value};
use crate::domain::base::{Known, Span, Timestamp, Verdict};

/// A question that one value answers.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Test {
    /// It is known at all.
    Known,
    Is(Value),
    IsNot(Value),
    AtMost(u64),
    AtLeast(u64),
    /// A time not further than the span from this one.
    Near(Timestamp, Span),
    /// A position that has all of this one.
    Contains(Position),
    /// Names that have this one among them.
    Has(String),
    /// A finding that proves the rows.
    ProvesRows,
    /// A finding made no longer ago than this.
    YoungerThan(Span),
    /// Lock waits in which the connection no longer has the transaction that it had, or is ending it.
    LetGo(Box<Session>),
    /// Lock waits in which the session is no longer as it was: not the transaction, or not the statement.
    NotAsSeen(Box<Session>),
}

/// A test on one fact that something relies on or promises.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Claim {
    pub key: FactKey,
    pub test: Test,
}

/// A claim with its verdict, the value seen and when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Evidence {
    pub claim: Claim,
    pub verdict: Verdict,
    /// The value in words.
    pub seen: String,
    pub at: Option<Timestamp>,
}

impl Claim {
    pub fn new(key: FactKey, test: Test) -> Self {
        Self { key, test }
    }

    /// Asks the claim of `snapshot`.
    pub fn check(&self, snapshot: &Snapshot) -> Evidence {
        let (verdict, seen, at) = match snapshot.get(&self.key) {
            None => (Verdict::CannotTell { why: "it was not observed".to_owned() }, "not observed".to_owned(), None),
            Some(Known::Unknown { why }) => (Verdict::CannotTell { why: why.clone() }, format!("unknown: {why}"), None),
            Some(Known::Observed { value, at }) => {
                (self.test.of(value, snapshot.taken()), value.to_string(), Some(*at))
            }
        };
        Evidence { claim: self.clone(), verdict, seen, at }
    }
}

impl Test {
    fn of(&self, value: &Value, now: Timestamp) -> Verdict {
        let mismatch = || Verdict::CannotTell { why: format!("`{value}` is no value this question can be asked of") };
        match (self, value) {
            (Self::Known, _) => Verdict::Holds,
            (Self::Is(expected), _) => (expected == value).into(),
            (Self::IsNot(expected), _) => (expected != value).into(),
            (Self::AtMost(most), Value::Number(n)) => (n <= most).into(),
            (Self::AtLeast(least), Value::Number(n)) => (n >= least).into(),
            (Self::Near(time, span), Value::Time(t)) => (t.millis().abs_diff(time.millis()) <= span.millis()).into(),
            (Self::Contains(part), Value::Position(all)) => match all.contains(part) {
                Some(contains) => contains.into(),
                None => Verdict::CannotTell { why: "positions of two flavours do not compare".to_owned() },
            },
            (Self::Has(name), Value::Names(names)) => names.contains(name).into(),
            (Self::ProvesRows, Value::Finding(finding)) => finding.good.into(),
            (Self::AtMost(most), Value::LockWaits(waits)) => (waits.waiting() <= *most).into(),
            (Self::NotAsSeen(session), Value::LockWaits(waits)) => waits.not_as_seen(session).into(),
            (Self::LetGo(session), Value::LockWaits(waits)) => waits.let_go(session).into(),
            (Self::YoungerThan(span), Value::Finding(finding)) => (now.since(finding.at) <= *span).into(),
            _ => mismatch(),
        }
    }
}

/// One reading of a snapshot, collecting the evidence of every question.
#[derive(Debug)]
pub struct Look<'a> {
    snapshot: &'a Snapshot,
    asked: BTreeMap<Claim, Evidence>,
}

impl<'a> Look<'a> {
    pub fn at(snapshot: &'a Snapshot) -> Self {
        Self { snapshot, asked: BTreeMap::new() }
    }

    /// Asks whether a fact passes `test`. "Cannot tell" is an answer, and it blocks.
    pub fn ask(&mut self, key: FactKey, test: Test) -> Verdict {
        let claim = Claim::new(key, test);
        let evidence = claim.check(self.snapshot);
        let verdict = evidence.verdict.clone();
        self.asked.insert(claim, evidence);
        verdict
    }

    /// Reads a fact, or why it is not known. The caller relies on just this value, so that is what is recorded;
    /// for a fact that moves by itself only that it was known, the caller bounds it with [`Look::ask`].
    pub fn read(&mut self, key: FactKey) -> Result<Value, String> {
        let known = self.snapshot.get(&key).cloned();
        let value = match known {
            Some(Known::Observed { value, .. }) => Ok(value),
            Some(Known::Unknown { why }) => Err(why),
            None => Err("it was not observed".to_owned()),
        };
        let test = match &value {
            Ok(value) if key.about.moves().is_none() => Test::Is(value.clone()),
            _ => Test::Known,
        };
        self.ask(key, test);
        value
    }

    /// A value that only helps to find the question: nothing is recorded, so nothing may be decided on it alone.
    pub fn peek(&self, key: &FactKey) -> Result<&'a Value, &'a str> {
        self.snapshot.get(key).map_or(Err("it was not observed"), Known::value)
    }

    /// When the facts were looked at.
    pub fn taken(&self) -> Timestamp {
        self.snapshot.taken()
    }

    /// Everything that was asked, sorted by claim.
    pub fn evidence(self) -> Vec<Evidence> {
        self.asked.into_values().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::base::ServerName;
    use crate::domain::snapshot::{About, ServerFact};

    fn snapshot() -> (Snapshot, ServerName) {
        let server = ServerName::parse("a").unwrap();
        let at = Timestamp::from_millis(0);
        let facts = BTreeMap::from([
            (About::Server(ServerFact::LogBin), Known::Observed { value: Value::Flag(true), at }),
            (About::Server(ServerFact::ReadOnly), Known::unknown("access denied")),
        ]);
        (Snapshot::new(at, BTreeMap::from([(server.clone(), facts)])), server)
    }

    #[test]
    fn an_unknown_fact_never_holds_and_never_fails() {
        let (snapshot, server) = snapshot();
        let mut look = Look::at(&snapshot);
        let read_only = FactKey::server(&server, ServerFact::ReadOnly);
        let off = Value::text("off");
        for test in [Test::Known, Test::Is(off.clone()), Test::IsNot(off)] {
            assert!(matches!(look.ask(read_only.clone(), test), Verdict::CannotTell { .. }));
        }
        let missing = FactKey::server(&server, ServerFact::Cluster);
        assert!(matches!(look.ask(missing, Test::Known), Verdict::CannotTell { .. }));
    }

    #[test]
    fn every_question_leaves_evidence_also_a_read() {
        let (snapshot, server) = snapshot();
        let mut look = Look::at(&snapshot);
        let log_bin = FactKey::server(&server, ServerFact::LogBin);
        assert_eq!(look.read(log_bin.clone()), Ok(Value::Flag(true)));
        let evidence = look.evidence();
        assert_eq!(evidence.len(), 1);
        assert_eq!(evidence[0].claim, Claim::new(log_bin, Test::Is(Value::Flag(true))));
        assert_eq!(evidence[0].verdict, Verdict::Holds);
    }

    #[test]
    fn a_question_of_the_wrong_kind_cannot_be_told() {
        let (snapshot, server) = snapshot();
        let verdict = Look::at(&snapshot).ask(FactKey::server(&server, ServerFact::LogBin), Test::AtMost(3));
        assert!(matches!(verdict, Verdict::CannotTell { .. }));
    }
}
