//! What screens need of past records beyond the state of the run: when steps began and ended, and what the present
//! step has met so far. Bookkeeping only; nothing is evaluated here.

use std::collections::BTreeMap;

use crate::domain::base::{Danger, Span, StepId, Timestamp};
use crate::domain::journal::Head;
use crate::domain::journal::record::{Assessed, Checked, DoubtAnswer, Record};
use crate::domain::reach::Refusal;
use crate::domain::run::outcome::{ConnectionState, Outcome};
use crate::domain::run::state::{Phase, State};
use crate::domain::snapshot::Evidence;
use crate::domain::vocabulary::promotion::ByHand;
use crate::tui::summary::{Summary, summary};

/// One record with its place and time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    pub at: Timestamp,
    /// The journal's head behind this record.
    pub head: Head,
    pub record: Record,
}

/// The fold over all records.
#[derive(Debug, Clone, Default)]
pub struct History {
    began: BTreeMap<usize, Timestamp>,
    ended: BTreeMap<usize, Timestamp>,
    /// Steps that sent something destructive.
    pub destroyed: Vec<StepId>,
    /// What the step at the cursor has met.
    pub step: StepNotes,
    /// The newest measurement of each load.
    pub loads: BTreeMap<StepId, Estimate>,
    /// How a person promotes a server by hand, if somebody chose that.
    pub advised: Vec<ByHand>,
    told: Vec<Summary>,
}

/// What one attempt at a step has met.
#[derive(Debug, Clone, Default)]
pub struct StepNotes {
    pub refusals: Vec<Refusal>,
    pub blocked: Vec<String>,
    pub assessed: Option<Assessed>,
    /// When that was on record: what it saw is at least so old.
    pub assessed_at: Option<Timestamp>,
    pub danger: Option<Danger>,
    pub asked: Option<Asked>,
    pub estimate: Option<Estimate>,
    pub drift: Vec<Evidence>,
    pub doubt: Option<Doubt>,
    pub outcome: Option<Outcome>,
    /// When the present command was sent.
    pub sent: Option<Timestamp>,
    pub checks: Vec<Checked>,
}

/// What a person must do, and what is read back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    pub text: String,
    pub read_back: String,
}

/// The newest estimate of a running copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Estimate {
    pub at: Timestamp,
    pub done: u64,
    pub of: Option<u64>,
    pub per_second: u64,
    /// How long was measured.
    pub took: Span,
    pub low: Span,
    pub high: Span,
}

/// A lost answer, and what looking found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Doubt {
    pub at: Timestamp,
    pub why: String,
    pub found: Option<Found>,
}

/// The newest look after a lost answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    pub at: Timestamp,
    pub state: ConnectionState,
    pub answer: DoubtAnswer,
    pub evidence: Vec<Evidence>,
}

impl History {
    /// Takes in one record; `before` is the state that it was applied to, `None` for the first one.
    pub fn take(&mut self, before: Option<&State>, seen: &Seen) {
        if let Some(before) = before {
            self.steps(before, seen);
        }
        self.step.take(before, seen);
        self.told.push(summary(before, &seen.record));
    }

    /// Every record in one sentence, in their order.
    pub fn told(&self) -> &[Summary] {
        &self.told
    }

    fn steps(&mut self, before: &State, seen: &Seen) {
        match &seen.record {
            Record::Entered { number, .. } => {
                self.began.entry(number.saturating_sub(1)).or_insert(seen.at);
                self.step = StepNotes::default();
            }
            Record::Done { .. } => {
                self.ended.insert(before.cursor, seen.at);
            }
            Record::Intended { step, .. } => {
                let danger = match &before.phase {
                    Phase::Armed { plan, .. } | Phase::Between { plan, .. } => Some(plan.danger),
                    _ => None,
                };
                if danger == Some(Danger::Destructive) && !self.destroyed.contains(step) {
                    self.destroyed.push(step.clone());
                }
            }
            Record::Estimated { step, .. } => {
                self.loads.extend(Estimate::of(seen).map(|estimate| (step.clone(), estimate)));
            }
            Record::Advised { steps, .. } => self.advised.clone_from(steps),
            Record::NotSent { step, command: 0, .. } => self.destroyed.retain(|other| other != step),
            _ => {}
        }
    }

    /// How long the step at `index` took, or has taken until `now`; `None` if it has not begun.
    pub fn took(&self, index: usize, now: Timestamp) -> Option<Span> {
        let began = *self.began.get(&index)?;
        Some(self.ended.get(&index).copied().unwrap_or(now).since(began))
    }
}

impl StepNotes {
    fn take(&mut self, before: Option<&State>, seen: &Seen) {
        let at = seen.at;
        match &seen.record {
            Record::Refused { refusals, .. } => self.refusals.clone_from(refusals),
            Record::Blocked { why, .. } => self.blocked.clone_from(why),
            Record::Asked { text, read_back, .. } => {
                self.asked = Some(Asked { text: text.clone(), read_back: read_back.clone() });
            }
            Record::Requested { assessed, danger, .. } | Record::Armed { assessed, danger, .. } => {
                self.assessed = Some(assessed.clone());
                self.assessed_at = Some(at);
                self.danger = Some(*danger);
            }
            Record::Intended { .. } => self.sent = Some(at),
            Record::Came { outcome, .. } => self.outcome = Some(outcome.clone()),
            Record::InDoubt { why, .. } => self.doubt = Some(Doubt { at, why: why.clone(), found: None }),
            Record::ExecutorChanged { by, host, .. }
                if before.is_some_and(|state| matches!(state.phase, Phase::Sending { .. })) =>
            {
                let why = format!("the process that sent it is gone; {by} goes on from {host}");
                self.doubt = Some(Doubt { at, why, found: None });
            }
            Record::DoubtLooked { state, answer, evidence, .. } => {
                let found = Found { at, state: state.clone(), answer: *answer, evidence: evidence.clone() };
                let doubt = self.doubt.get_or_insert(Doubt { at, why: String::new(), found: None });
                doubt.found = Some(found);
            }
            Record::Estimated { .. } => self.estimate = Estimate::of(seen),
            Record::Drifted { evidence, .. } => self.drift.clone_from(evidence),
            Record::Done { checks, .. } => self.checks.clone_from(checks),
            _ => {}
        }
    }
}

impl Estimate {
    fn of(seen: &Seen) -> Option<Self> {
        let Record::Estimated { rows_done, rows_expected, rows_per_second, took, left_low, left_high, .. } =
            seen.record
        else {
            return None;
        };
        Some(Self {
            at: seen.at,
            done: rows_done,
            of: rows_expected,
            per_second: rows_per_second,
            took,
            low: left_low,
            high: left_high,
        })
    }

    /// Whole percent of the rows that are done.
    pub fn percent(&self) -> u64 {
        self.done.saturating_mul(100).checked_div(self.of.unwrap_or(0)).unwrap_or(0).min(100)
    }

    /// The rows that are done, beside the number that was guessed for all of them.
    pub fn rows(&self) -> String {
        rows_of(self.done, self.of)
    }

    /// The earliest and the latest end.
    pub fn ends(&self) -> (Timestamp, Timestamp) {
        (self.at.plus(self.low), self.at.plus(self.high))
    }
}

/// `rows 40 of about 100 (40%)`. How many there are is the server's guess, and a table may hold more.
pub fn rows_of(done: u64, expected: Option<u64>) -> String {
    match expected {
        None | Some(0) => format!("rows {done}"),
        Some(of) if done > of => format!("rows {done}, more than the guess of {of}"),
        Some(of) => format!("rows {done} of about {of} ({}%)", done.saturating_mul(100) / of),
    }
}

/// What was measured: without times of day, so that it reads the same whenever it is read.
impl std::fmt::Display for Estimate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let of = match self.of {
            Some(of) if self.done < of => format!(" of about {of}"),
            Some(of) if self.done == of => format!(" of {of}"),
            _ => String::new(),
        };
        write!(f, "{}{of} rows in {}, {} rows/s", self.done, self.took.rounded(), self.per_second)
    }
}
