//! The executor's hold on the journal: decide, make durable, apply. Nothing is applied that is not durable.

use std::collections::VecDeque;

use crate::domain::base::{RunId, Timestamp};
use crate::domain::journal::record::{NoRecord, Record};
use crate::domain::journal::{Head, Line, LineError};
use crate::domain::run::decide::{Setup, decide};
use crate::domain::run::effect::{Decision, Effect, Input, Moment, Person};
use crate::domain::run::state::{Impossible, State};
use crate::executor::ports::World;
use crate::keys::RunKey;
use crate::store::{InputId, Lease, Store, StoreError};

/// How many lines are read at once when a journal is folded.
const PAGE: usize = 500;

/// Why an executor gives up. Nothing is sent after any of these.
#[derive(Debug, thiserror::Error)]
pub enum ExecutorError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Impossible(#[from] Impossible),
    #[error(transparent)]
    NoRecord(#[from] NoRecord),
    #[error(transparent)]
    Line(#[from] LineError),
    #[error("the journal of {run} is empty: expected at least its first record; nothing was begun, so start a new run")]
    Empty { run: RunId },
    #[error("the journal of {run} was made with another {what}: expected {expected}, found {found}")]
    OtherSetup { run: RunId, what: &'static str, expected: String, found: String },
}

/// Sees every record right after it became durable, with the state that it is about to change; for screens and lines,
/// never for decisions.
pub trait Watcher: Send {
    fn recorded(&mut self, before: Option<&State>, at: Timestamp, line: &Line, record: &Record);
}

/// The durable side of one run.
pub struct Recorder<S, W, V> {
    pub setup: Setup,
    pub state: State,
    pub store: S,
    pub lease: Lease,
    pub world: W,
    /// Signs the heads of this journal while this process writes it.
    pub key: RunKey,
    pub watcher: V,
    /// Effects that wait until what is being performed is over.
    pub pending: VecDeque<Effect>,
    /// When to look again without being asked.
    pub wake: Option<Timestamp>,
}

impl<S: Store, W: World, V: Watcher> Recorder<S, W, V> {
    /// Decides on one input; its records are durable and applied when this returns. Answers whether to go on by
    /// itself: records that ask for nothing lead straight to the next decision.
    pub async fn handle(&mut self, input: Input) -> Result<Onward, ExecutorError> {
        let moment = self.moment();
        let decision = decide(&self.setup, &self.state, input, moment);
        self.settle(decision, moment).await
    }

    /// The same for what somebody left in the inbox under this name. An executor that died may have recorded it and not
    /// removed it: it counts once.
    pub async fn take(&mut self, id: &InputId, left: Result<Person, String>) -> Result<Onward, ExecutorError> {
        let input = id.to_string();
        if self.state.taken.contains(&input) {
            return Ok(Onward::Wait);
        }
        let moment = self.moment();
        let mut decision = match left {
            Ok(person) => decide(&self.setup, &self.state, Input::Person(person), moment),
            Err(why) => Decision::record(Record::InputRefused { why: format!("an input that cannot be read: {why}") }),
        };
        if !decision.records.is_empty() {
            decision.records.insert(0, Record::InputTaken { input });
        }
        self.settle(decision, moment).await
    }

    fn moment(&self) -> Moment {
        Moment { time: self.world.now(), random: self.world.random() }
    }

    async fn settle(&mut self, decision: Decision, moment: Moment) -> Result<Onward, ExecutorError> {
        let recorded = !decision.records.is_empty();
        self.append(&decision.records, moment.time).await?;
        let mut asked = false;
        for effect in decision.effects {
            asked = true;
            match effect {
                Effect::WakeAt(time) => self.wake = Some(time),
                other => self.pending.push_back(other),
            }
        }
        Ok(if recorded && !asked { Onward::Proceed } else { Onward::Wait })
    }

    /// All records in one durable append; then, and only then, they are applied.
    pub async fn append(&mut self, records: &[Record], at: Timestamp) -> Result<(), ExecutorError> {
        if records.is_empty() {
            return Ok(());
        }
        let pairs = self.key.lines(&self.state.head, at, records)?;
        let lines: Vec<Line> = pairs.iter().map(|(_, line)| line.clone()).collect();
        self.store.append(&self.lease, &self.state.head, &lines).await?;
        for (record, line) in &pairs {
            self.watcher.recorded(Some(&self.state), at, line, record);
            self.state.apply(record, line.head(), at)?;
        }
        Ok(())
    }
}

/// What comes after a decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Onward {
    Proceed,
    Wait,
}

/// Folds a journal into the state of its run; also gives each record to `watcher`.
pub async fn fold<S: Store>(store: &S, run: &RunId, watcher: &mut impl Watcher) -> Result<State, ExecutorError> {
    let mut state: Option<State> = None;
    let mut from = 0;
    loop {
        let lines = store.read(run, from, PAGE).await?;
        let Some(last) = lines.last() else { break };
        from = last.seq() + 1;
        for line in &lines {
            let record = Record::from_line(line.seq(), line.event(), line.payload())?;
            match &mut state {
                None => {
                    watcher.recorded(None, line.at(), line, &record);
                    state = Some(State::open(&record, line.head(), line.at())?);
                }
                Some(state) => {
                    watcher.recorded(Some(state), line.at(), line, &record);
                    state.apply(&record, line.head(), line.at())?;
                }
            }
        }
    }
    state.ok_or_else(|| ExecutorError::Empty { run: run.clone() })
}

/// Writes the first record of a new run.
pub async fn open<S: Store>(
    store: &S,
    lease: &Lease,
    key: &mut RunKey,
    record: &Record,
    at: Timestamp,
    watcher: &mut impl Watcher,
) -> Result<State, ExecutorError> {
    let pairs = key.lines(&Head::start(), at, std::slice::from_ref(record))?;
    let lines: Vec<Line> = pairs.iter().map(|(_, line)| line.clone()).collect();
    store.append(lease, &Head::start(), &lines).await?;
    let mut state: Option<State> = None;
    for (record, line) in &pairs {
        watcher.recorded(state.as_ref(), at, line, record);
        match &mut state {
            None => state = Some(State::open(record, line.head(), at)?),
            Some(state) => state.apply(record, line.head(), at)?,
        }
    }
    state.ok_or_else(|| ExecutorError::Empty { run: lease.run().clone() })
}
