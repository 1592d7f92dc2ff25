//! Judges an answer by what happened, per server and object.

use std::collections::BTreeMap;

use crate::predict::Prediction;
use crate::shape::{Edge, Shape, seat_name};
use crate::state::State;
use crate::statement::Statement;

/// What an answer was worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// It happened as the word says.
    Exact,
    /// The model said that it does not know.
    Unknown,
    /// Said filtered, delayed or blocked, and it went the other way.
    Hedged,
    /// Said to stay away, or to wait, and it changed the server.
    Touched,
    /// Said to arrive, and it did not.
    Untouched,
}

/// One answer with what became of it.
#[derive(Debug, Clone)]
pub struct Answer {
    pub server: usize,
    pub object: String,
    pub how: String,
    pub why: String,
    pub verdict: Verdict,
}

/// Every server's state.
pub type States = BTreeMap<usize, State>;

/// The answers for all declared servers and named objects where a mark can be seen, and every mark that nobody named.
pub fn compare(
    shape: &Shape,
    statement: &Statement,
    prediction: &Prediction,
    before: &States,
    after: &States,
) -> Vec<Answer> {
    let mut answers = Vec::new();
    for server in shape.declared() {
        let (before, after) = (&before[&server], &after[&server]);
        for (object, leaves) in &statement.objects {
            let changed = before.get(object) != after.get(object);
            if !changed && !statement.shows(object, *leaves, before) {
                continue;
            }
            let (how, why) = prediction.of(&seat_name(server), object);
            let verdict = verdict(how, changed, shape.has(Edge::ShortDelay));
            answers.push(Answer { server, object: object.clone(), how: how.to_owned(), why: why.to_owned(), verdict });
        }
        answers.extend(strays(statement, before, after).map(|object| Answer {
            server,
            object,
            how: "not named".to_owned(),
            why: String::new(),
            verdict: Verdict::Touched,
        }));
    }
    answers
}

/// What changed although the statement does not name it.
fn strays<'a>(statement: &'a Statement, before: &'a State, after: &'a State) -> impl Iterator<Item = String> + 'a {
    let named = statement.named();
    let schemas: Vec<&str> = named.iter().filter_map(|name| name.strip_suffix('*')).collect();
    let names: std::collections::BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    names
        .into_iter()
        .filter(move |name| !named.contains(name.as_str()) && !schemas.iter().any(|schema| name.starts_with(schema)))
        .filter(|name| before.get(*name) != after.get(*name))
        .cloned()
}

/// `soon`: a delay of the topology is over before the test looks.
fn verdict(how: &str, changed: bool, soon: bool) -> Verdict {
    match (how, changed) {
        ("runs_here" | "now", true) => Verdict::Exact,
        ("runs_here" | "now", false) => Verdict::Untouched,
        ("never" | "not_logged" | "held" | "blocked", false) | ("filtered", false) => Verdict::Exact,
        ("never" | "not_logged" | "held" | "blocked", true) => Verdict::Touched,
        ("filtered", true) => Verdict::Hedged,
        ("delayed", true) if soon => Verdict::Exact,
        ("delayed", true) => Verdict::Touched,
        ("delayed", false) => Verdict::Exact,
        ("unknown", _) => Verdict::Unknown,
        _ => Verdict::Touched,
    }
}

#[test]
fn a_wrong_answer_is_seen_in_both_directions() {
    for how in ["never", "not_logged", "held", "blocked", "delayed", "no line"] {
        assert_eq!(verdict(how, true, false), Verdict::Touched, "{how}");
    }
    for how in ["now", "runs_here"] {
        assert_eq!(verdict(how, false, false), Verdict::Untouched, "{how}");
        assert_eq!(verdict(how, true, false), Verdict::Exact, "{how}");
    }
    assert_eq!(verdict("never", false, false), Verdict::Exact);
    assert_eq!(verdict("unknown", true, false), Verdict::Unknown);
    assert_eq!(verdict("filtered", true, false), Verdict::Hedged);
}
