//! What was tried and what came of it, in numbers.

use std::collections::BTreeMap;
use std::fmt;
use std::time::{Duration, Instant};

use crate::compare::{Answer, Verdict};
use crate::shape::{Cloud, Edge, Link, Shape, seat_name};
use crate::statement::Statement;

/// Every word of reach that asynchronous replication knows.
const HOWS: [&str; 9] =
    ["runs_here", "now", "delayed", "held", "filtered", "blocked", "not_logged", "never", "unknown"];

/// The sum of many topologies of one flavour.
#[derive(Debug, Default)]
pub struct Coverage {
    pub topologies: u64,
    pub statements: u64,
    /// Refused by the executing server; nothing may have changed then.
    pub failed: u64,
    /// The program gave no answer because it could not look at the executing server.
    pub unanswered: u64,
    /// Topologies that rested without saying so.
    pub quiet: u64,
    verdicts: BTreeMap<Verdict, u64>,
    /// The same where all servers are declared and reachable.
    clear: BTreeMap<Verdict, u64>,
    hows: BTreeMap<String, u64>,
    edges: BTreeMap<&'static str, u64>,
    forms: BTreeMap<&'static str, u64>,
    verbs: BTreeMap<&'static str, u64>,
    unknowns: BTreeMap<String, u64>,
    hedged: BTreeMap<String, u64>,
    pub wrong: Vec<String>,
    /// Answers `held` that came true a second time when the pause ended, and those that did not.
    pub released: u64,
    pub lost: Vec<String>,
    spent: BTreeMap<&'static str, Duration>,
}

impl Coverage {
    /// Does something and adds up how long that takes.
    pub async fn spend<T>(&mut self, what: &'static str, work: impl Future<Output = T>) -> T {
        let began = Instant::now();
        let done = work.await;
        *self.spent.entry(what).or_default() += began.elapsed();
        done
    }

    pub fn add_shape(&mut self, shape: &Shape) {
        self.topologies += 1;
        *self.forms.entry(shape.form()).or_default() += 1;
        for link in &shape.links {
            *self.edges.entry(link.edge.word()).or_default() += 1;
        }
    }

    pub fn add(&mut self, shape: &Shape, statement: &Statement, answers: &[Answer]) {
        self.statements += 1;
        *self.verbs.entry(statement.verb).or_default() += 1;
        for answer in answers {
            *self.verdicts.entry(answer.verdict).or_default() += 1;
            if shape.cloud == Cloud::Clear {
                *self.clear.entry(answer.verdict).or_default() += 1;
            }
            *self.hows.entry(answer.how.clone()).or_default() += 1;
            match answer.verdict {
                Verdict::Exact => {}
                Verdict::Unknown => *self.unknowns.entry(cause(&answer.why)).or_default() += 1,
                Verdict::Hedged => *self.hedged.entry(cause(&answer.why)).or_default() += 1,
                Verdict::Touched | Verdict::Untouched => {
                    let told = told(shape, statement, answer);
                    // Said at once: a long run may be ended before its summary.
                    println!("WRONG {told}");
                    self.wrong.push(told);
                }
            }
        }
    }

    /// How many of a hundred answers about known fleets got this verdict.
    pub fn percent(&self, verdict: Verdict) -> f64 {
        let all: u64 = self.clear.values().sum();
        let some = self.clear.get(&verdict).copied().unwrap_or(0);
        #[expect(clippy::cast_precision_loss, reason = "counts of some thousands")]
        if all == 0 { 0.0 } else { some as f64 * 100.0 / all as f64 }
    }

    /// The words of reach and the kinds of edges that occurred less often than `enough`.
    pub fn rare(&self, enough: u64) -> Vec<String> {
        let hows = HOWS.iter().map(|word| (*word, self.hows.get(*word)));
        let edges = Edge::all().into_iter().map(|edge| (edge.word(), self.edges.get(edge.word())));
        let counted = hows.chain(edges).map(|(word, count)| (word, count.copied().unwrap_or(0)));
        counted.filter(|(_, count)| *count < enough).map(|(word, count)| format!("{word}: {count}")).collect()
    }
}

/// A reason without the names in it, so that equal ones count together.
fn cause(why: &str) -> String {
    why.split(|c: char| !c.is_alphanumeric() && c != '_')
        .filter(|word| !word.is_empty() && !word.chars().any(|c| c.is_ascii_digit()))
        .filter(|word| word.len() > 1 && *word != "db")
        .take(14)
        .collect::<Vec<_>>()
        .join(" ")
}

fn told(shape: &Shape, statement: &Statement, answer: &Answer) -> String {
    let link = |link: &Link| format!("{} < {}: {}", seat_name(link.replica), seat_name(link.source), link.edge.word());
    format!(
        "seed {}: {:?}: `{}` on {} (default database {:?}, unlogged: {}): {} of {} was said to be `{}` ({}); {:?}, {:?}",
        shape.seed,
        answer.verdict,
        statement.sql,
        seat_name(statement.on),
        statement.database,
        statement.unlogged,
        answer.object,
        seat_name(answer.server),
        answer.how,
        answer.why,
        shape.links.iter().map(link).collect::<Vec<_>>(),
        shape.cloud
    )
}

impl fmt::Display for Coverage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = |verdict: Verdict| self.verdicts.get(&verdict).copied().unwrap_or(0);
        writeln!(
            f,
            "{} topologies, {} statements ({} refused by the server, {} unanswered), {} answers: {} exact, {} unknown, \
             {} hedged, {} touched, {} untouched",
            self.topologies,
            self.statements,
            self.failed,
            self.unanswered,
            self.verdicts.values().sum::<u64>(),
            count(Verdict::Exact),
            count(Verdict::Unknown),
            count(Verdict::Hedged),
            count(Verdict::Touched),
            count(Verdict::Untouched)
        )?;
        writeln!(
            f,
            "known fleets: {} answers, {:.2} % exact, {:.2} % unknown; {} rests were only quiet",
            self.clear.values().sum::<u64>(),
            self.percent(Verdict::Exact),
            self.percent(Verdict::Unknown),
            self.quiet
        )?;
        writeln!(f, "held and then released: {} arrived, {:?} did not", self.released, self.lost)?;
        writeln!(f, "time: {:?}", self.spent)?;
        writeln!(f, "reach: {:?}", self.hows)?;
        writeln!(f, "edges: {:?}", self.edges)?;
        writeln!(f, "forms: {:?}", self.forms)?;
        writeln!(f, "statements: {:?}", self.verbs)?;
        writeln!(f, "unknown because: {:#?}", self.unknowns)?;
        write!(f, "hedged because: {:#?}", self.hedged)
    }
}
