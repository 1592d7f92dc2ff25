//! The invariants, checked after every record and before every statement that is sent.
//!
//! The audit believes nobody: it reads what is durable, verifies signatures by itself, and knows what really became of
//! each statement.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::clock::SimulatedWorld;
use super::fleet::{Fate, SimulatedFleet};
use super::invariant::{Invariant, Violation};
use super::people;
use super::scenario::Promise;
use crate::domain::approval::sshsig::{Verb, verify};
use crate::domain::base::{Danger, Digest, RequestId, RunId, StepId, TableName};
use crate::domain::journal::Line;
use crate::domain::journal::record::{Choice, DoubtAnswer, Ending, Record};
use crate::domain::run::state::{Phase, State};
use crate::domain::run::{Connection, Outcome};
use crate::domain::script::{Command, Work};
use crate::domain::snapshot::{About, Snapshot};
use crate::executor::ports::World as _;
use crate::store::memory::MemoryStore;
use crate::store::{Inbox as _, InputId, Journal as _};

/// See the module's description. Clones share what they found.
#[derive(Debug, Clone)]
pub struct Audit {
    store: MemoryStore,
    run: RunId,
    fleet: SimulatedFleet,
    world: SimulatedWorld,
    table: TableName,
    promise: Promise,
    book: Arc<Mutex<Book>>,
}

/// What the audit has seen.
#[derive(Debug, Default)]
struct Book {
    read: u64,
    state: Option<Arc<State>>,
    stops: u32,
    open: Option<Open>,
    /// The requests that the present executor made.
    own: BTreeSet<RequestId>,
    sent: BTreeSet<u64>,
    sent_for: BTreeSet<(RequestId, usize)>,
    steps_done: usize,
    violations: Vec<Violation>,
    /// What reached the inbox.
    put: Vec<InputId>,
    /// The state behind each of the newest records, in short.
    prints: BTreeMap<u64, Print>,
    covered: Covered,
    reached: Vec<(StepId, Snapshot)>,
}

/// What a simulation came by.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Covered {
    pub phases: BTreeSet<&'static str>,
    /// From which phase, by which record, to which phase.
    pub transitions: BTreeSet<(&'static str, String, &'static str)>,
}

/// How many records an executor can be behind and still be compared.
const PRINTS: usize = 50;

/// A state in short: enough to tell one that was not folded from these records.
#[derive(Debug, PartialEq, Eq)]
struct Print {
    head: Digest,
    phase: &'static str,
    place: (usize, u32, u64),
    held: Option<String>,
    taken: usize,
    known: usize,
    requests: Vec<(usize, bool)>,
}

impl Print {
    fn of(state: &State) -> Self {
        Self {
            head: state.head.digest().clone(),
            phase: state.phase.word(),
            place: (state.cursor, state.attempt, state.since),
            held: state.held.clone(),
            taken: state.taken.len(),
            known: state.known.len(),
            requests: state.requests.values().map(|asked| (asked.approvals.len(), asked.ended.is_some())).collect(),
        }
    }
}

/// An intent without an outcome.
#[derive(Debug, Clone)]
struct Open {
    connection: Option<u64>,
    lines: Vec<String>,
    request: Option<RequestId>,
    command: usize,
    /// Another process took the run over since.
    orphaned: bool,
}

impl Audit {
    pub fn new(
        store: &MemoryStore,
        run: &RunId,
        fleet: &SimulatedFleet,
        world: &SimulatedWorld,
        table: &TableName,
        promise: Promise,
    ) -> Self {
        Self {
            store: store.clone(),
            run: run.clone(),
            fleet: fleet.clone(),
            world: world.clone(),
            table: table.clone(),
            promise,
            book: Arc::default(),
        }
    }

    /// A panic elsewhere is a failed simulation; what was found so far stands.
    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn violations(&self) -> Vec<Violation> {
        self.book().violations.clone()
    }

    pub fn covered(&self) -> Covered {
        self.book().covered.clone()
    }

    /// What the run knew of the fleet whenever a step was done.
    pub fn reached(&self) -> Vec<(StepId, Snapshot)> {
        self.book().reached.clone()
    }

    fn known(&self, state: &State) -> Snapshot {
        let tables = state.opened.tables.iter().cloned().collect();
        state.with_known(&self.fleet.snapshot(&tables, self.world.now()))
    }

    pub fn records(&self) -> u64 {
        self.book().read
    }

    /// The state that folds from what is durable; `None` before the first record.
    pub fn state(&self) -> Option<Arc<State>> {
        self.book().state.clone()
    }

    /// How often the run stopped so far.
    pub fn stops(&self) -> u32 {
        self.book().stops
    }

    /// Whether an intent is durable and nothing was sent for it yet.
    pub fn about_to_send(&self) -> bool {
        let book = self.book();
        book.open.as_ref().and_then(|open| open.connection).is_some_and(|id| !book.sent.contains(&id))
    }

    /// The run did not end, and it is not what it should wait for.
    pub fn blame(&self, what: impl Into<String>) {
        self.book().blame(Invariant::EndsOrWaits, what);
    }

    /// Something reached the inbox.
    pub fn was_put(&self, id: InputId) {
        self.book().put.push(id);
    }

    /// An executor's own state, as it is about to apply one more record.
    pub fn compare(&self, state: &State) {
        let mut book = self.book();
        let differs = book.prints.get(&state.head.entries()).is_some_and(|print| *print != Print::of(state));
        let at = state.phase.word();
        book.expect(Invariant::StateIsTheFold, !differs, &format!("an executor that is {at} has another state"));
    }

    /// What a new executor makes of the journal.
    pub async fn resumed(&self, state: &State) {
        self.catch_up().await;
        let mut book = self.book();
        let differs = book.state.as_ref().is_some_and(|known| known.head == state.head && **known != *state);
        let at = state.phase.word();
        book.expect(Invariant::StateIsTheFold, !differs, &format!("an executor resumes {at} with another state"));
    }

    /// Reads what became durable since, and checks it.
    pub async fn catch_up(&self) {
        loop {
            let from = self.book().read;
            let Ok(lines) = self.store.read(&self.run, from, 100).await else { return };
            if lines.is_empty() {
                return;
            }
            for line in &lines {
                self.check_line(line);
            }
        }
    }

    fn check_line(&self, line: &Line) {
        let mut book = self.book();
        if line.seq() != book.read {
            return;
        }
        book.read += 1;
        match Record::from_line(line.seq(), line.event(), line.payload()) {
            Ok(record) => {
                self.check_record(&mut book, &record);
                book.fold(line, &record);
            }
            Err(error) => book.blame(Invariant::StateIsTheFold, error.to_string()),
        }
    }

    fn check_record(&self, book: &mut Book, record: &Record) {
        match record {
            Record::ExecutorChanged { .. } => {
                book.own.clear();
                if let Some(open) = &mut book.open {
                    open.orphaned = true;
                }
            }
            Record::Requested { header, .. } => {
                book.own.insert(header.request.clone());
            }
            Record::Intended { request, command, text, connection, .. } => {
                book.expect(
                    Invariant::DoneIsKnown,
                    book.open.is_none(),
                    "an intent stands while the one before has no outcome",
                );
                let held = book.state.as_ref().is_some_and(|state| state.held.is_some());
                book.expect(Invariant::HoldIsHeard, !held, "a command begins while somebody holds the run");
                let own = *command > 0 || request.as_ref().is_none_or(|request| book.own.contains(request));
                book.expect(Invariant::TwoPeople, own, "a script begins on what was signed for another executor");
                let (connection, lines) = (connection.as_ref().map(|open| open.id), text.clone());
                let (request, command) = (request.clone(), *command);
                book.open = Some(Open { connection, lines, request, command, orphaned: false });
            }
            Record::Came { outcome, .. } => {
                self.check_outcome(book, outcome);
                book.open = None;
            }
            Record::NotSent { why, .. } => {
                let fate =
                    book.open.as_ref().and_then(|open| open.connection).and_then(|id| self.fleet.model().fate(id));
                let executed = matches!(fate, Some(Fate::Applied | Fate::Running));
                book.expect(
                    Invariant::RecordsAreTrue,
                    !executed,
                    &format!("`not sent` ({why}) is recorded of a statement that was executed"),
                );
                book.open = None;
            }
            Record::DoubtLooked { answer, .. } => self.check_answer(book, *answer),
            Record::Chosen { choice: Choice::SkipStep { .. }, .. } => {
                book.steps_done += usize::from(!book.undoes());
                book.open = None;
            }
            Record::Entered { .. } | Record::Chosen { choice: Choice::TryAgain, .. } => book.open = None,
            Record::Done { step, .. } => {
                book.expect(Invariant::DoneIsKnown, book.open.is_none(), "a step is done and a command has no outcome");
                book.steps_done += usize::from(!book.undoes());
                let known = book.state.as_ref().map(|state| self.known(state));
                book.reached.extend(known.map(|known| (step.clone(), known)));
            }
            Record::Closed { outcome: Ending::Completed } => self.check_completed(book),
            _ => {}
        }
    }

    fn check_outcome(&self, book: &mut Book, outcome: &Outcome) {
        let Some(Fate::Lost | Fate::Running | Fate::NotApplied(..)) =
            book.open.as_ref().and_then(|open| open.connection).and_then(|id| self.fleet.model().fate(id))
        else {
            return;
        };
        // Replication can be put where a lost statement wanted it by somebody else.
        if book.open.as_ref().is_some_and(|open| self.touches_rows(open)) {
            book.expect(
                Invariant::RecordsAreTrue,
                !matches!(outcome, Outcome::Done { .. }),
                "an outcome `done` of a statement that was not applied",
            );
        }
    }

    fn touches_rows(&self, open: &Open) -> bool {
        self.fleet.general_log().iter().rev().find(|sent| Some(sent.connection) == open.connection).is_some_and(
            |sent| {
                let links = sent.command.patch.changes().any(|(key, _)| matches!(key.about, About::Link { .. }));
                matches!(sent.command.work, Work::Statement { .. }) && !links
            },
        )
    }

    fn check_answer(&self, book: &mut Book, answer: DoubtAnswer) {
        let Some(open) = book.open.clone().filter(|open| self.touches_rows(open)) else { return };
        let fate = open.connection.and_then(|id| self.fleet.model().fate(id));
        let wrong = match (answer, fate) {
            (DoubtAnswer::Applied, fate) => fate != Some(Fate::Applied),
            (DoubtAnswer::NotApplied, fate) => matches!(fate, Some(Fate::Applied | Fate::Running)),
            _ => false,
        };
        book.expect(Invariant::RecordsAreTrue, !wrong, &format!("the verdict {answer:?} after a doubt is wrong"));
    }

    fn check_completed(&self, book: &mut Book) {
        let steps = book.state.as_ref().map_or(0, |state| state.opened.steps.len());
        book.expect(Invariant::DoneIsKnown, book.open.is_none(), "the run is completed while an intent has no outcome");
        book.expect(
            Invariant::DoneIsKnown,
            book.steps_done == steps,
            "the run is completed and not all steps are done",
        );
        let running = self.fleet.general_log().iter().any(|sent| sent.fate == Fate::Running);
        book.expect(Invariant::DoneIsKnown, !running, "the run is completed while a statement still runs");
    }

    /// A statement is on its way out of the executor.
    pub async fn sending(&self, connection: &Connection, command: &Command) {
        self.catch_up().await;
        let mut book = self.book();
        let open = book.open.clone().filter(|open| open.connection == Some(connection.id));
        book.expect(Invariant::IntentFirst, open.is_some(), "a statement is sent without a durable intent");
        let first = book.sent.insert(connection.id);
        book.expect(Invariant::SentOnce, first, "a statement is sent twice on one intent");
        let held = book.state.as_ref().is_some_and(|state| state.held.is_some());
        book.expect(Invariant::HoldIsHeard, !held, "a statement is sent although a hold is on record");
        if let Some(open) = open {
            book.expect(Invariant::LiveLease, !open.orphaned, "a statement is sent under a lease that was taken over");
            book.expect(
                Invariant::IntentFirst,
                open.lines == command.lines(),
                "another text is sent than the intent says",
            );
            book.check_permission(&open, command);
        }
        self.check_copies(&mut book, command);
    }

    /// The rule of copies, asked of the servers themselves: what if everything that it lets through arrives.
    fn check_copies(&self, book: &mut Book, command: &Command) {
        let before = self.fleet.copies();
        let after = self.fleet.copies_after(command, self.world.true_time());
        let takes_the_last = before > 0 && after == 0;
        book.expect(
            Invariant::RuleOfCopies,
            !takes_the_last,
            &format!("`{}` takes the last good copy", command.lines().join(" ")),
        );
    }

    /// An input is about to be removed: there must be a record for it.
    pub async fn removing(&self, id: &InputId) {
        self.catch_up().await;
        let mut book = self.book();
        let recorded = book.state.as_ref().is_some_and(|state| state.taken.contains(&id.to_string()));
        book.expect(Invariant::NoInputLost, recorded, "an input is removed without a record");
    }

    /// The last questions, when nothing more happens.
    pub async fn finish(&self) {
        self.catch_up().await;
        let in_inbox = self.store.inputs(&self.run).await.unwrap_or_default();
        let mut book = self.book();
        let lost = book.put.iter().find(|id| {
            let taken = book.state.as_ref().is_some_and(|state| state.taken.contains(&id.to_string()));
            !taken && !in_inbox.iter().any(|input| input.id == **id)
        });
        let lost = lost.map(ToString::to_string);
        book.expect(
            Invariant::NoInputLost,
            lost.is_none(),
            &format!("the input {lost:?} is neither on record nor there"),
        );
        let fewest = self.fleet.fewest_copies();
        book.expect(Invariant::RuleOfCopies, fewest > 0, "at some moment there was no good copy at all");
        let completed =
            matches!(book.state.as_ref().map(|state| &state.phase), Some(Phase::Closed { outcome: Ending::Completed }));
        let good = self.fleet.good_copies(&self.table);
        let all = self.fleet.model().servers.len();
        let whole = self.promise == Promise::EveryCopyRight;
        book.expect(
            Invariant::DoneIsKnown,
            !whole || !completed || good == all,
            &format!("completed, and {good} of {all} servers have the right rows"),
        );
    }

    /// How often each statement was executed, by its text, on servers that were asked for it.
    pub fn executed(&self) -> BTreeMap<String, usize> {
        let mut counts = BTreeMap::new();
        for sent in self.fleet.general_log().into_iter().filter(|sent| sent.fate == Fate::Applied) {
            *counts.entry(sent.command.lines().join(" ")).or_insert(0) += 1;
        }
        counts
    }
}

impl Book {
    /// Whether an earlier step is being undone, which is no progress.
    fn undoes(&self) -> bool {
        self.state.as_ref().is_some_and(|state| state.undoing.is_some())
    }

    fn expect(&mut self, invariant: Invariant, holds: bool, what: &str) {
        if !holds {
            self.blame(invariant, what);
        }
    }

    fn blame(&mut self, invariant: Invariant, what: impl Into<String>) {
        self.violations.push(Violation { invariant, what: what.into(), records: self.read });
    }

    fn check_permission(&mut self, open: &Open, command: &Command) {
        let Some(id) = &open.request else {
            let unsigned = command.danger < Danger::Destructive;
            self.expect(Invariant::TwoPeople, unsigned, "a destructive command is sent without a request");
            return;
        };
        let Some(request) = self.state.as_ref().and_then(|state| state.requests.get(id)).cloned() else {
            self.blame(Invariant::TwoPeople, "a command is sent for a request that is not on record");
            return;
        };
        let once = self.sent_for.insert((id.clone(), open.command));
        self.expect(Invariant::SentOnce, once, "a signed command is sent twice");
        let signed = |text: &String| request.text.contains(text.as_str());
        self.expect(
            Invariant::TwoPeople,
            command.lines().iter().all(signed),
            "the signed text does not hold the command",
        );
        // The clock may jump between the last look and here; the intent itself must have been in time.
        let intended = self.state.as_ref().map(|state| state.at);
        let in_time = open.command > 0 || intended.is_some_and(|at| at < request.header.expires);
        self.expect(Invariant::TwoPeople, in_time, "a command is intended after its request expired");
        let signers: BTreeSet<&str> = request
            .approvals
            .iter()
            .filter_map(|approval| verify(&approval.armored, Verb::Approve, request.text.as_bytes()).ok())
            .filter_map(|signed| people::person_of(signed.key()))
            .collect();
        let need = if command.danger == Danger::Destructive { 2 } else { usize::from(request.header.need) };
        self.expect(
            Invariant::TwoPeople,
            signers.len() >= need,
            &format!("{} is sent with {} people", command.danger, signers.len()),
        );
    }

    fn fold(&mut self, line: &Line, record: &Record) {
        self.stops += u32::from(matches!(record, Record::Stopped { .. }));
        let from = self.state.as_ref().map_or("not opened", |state| state.phase.word());
        let folded = match &mut self.state {
            None => State::open(record, line.head(), line.at()).map(|state| self.state = Some(Arc::new(state))),
            Some(state) => Arc::make_mut(state).apply(record, line.head(), line.at()),
        };
        if let Err(error) = folded {
            self.blame(Invariant::StateIsTheFold, error.to_string());
        }
        if let Some(state) = &self.state {
            self.prints.insert(state.head.entries(), Print::of(state));
            if self.prints.len() > PRINTS {
                self.prints.pop_first();
            }
        }
        let to = self.state.as_ref().map_or("not opened", |state| state.phase.word());
        self.covered.phases.insert(to);
        self.covered.transitions.insert((from, line.event().to_owned(), to));
    }
}
