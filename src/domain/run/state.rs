//! The state of a run: the fold of its records and nothing else.
//!
//! [`State::apply`] is bookkeeping. It never evaluates, predicts or classifies, so a newer program reads an old journal
//! the same. A record that makes no sense where it stands is an error, not something to ignore.

mod request;
mod rounds;
mod words;

use std::collections::{BTreeMap, BTreeSet};

pub use request::{Ended, RequestState};

use crate::domain::base::{Danger, Digest, RequestId, ServerName, Span, StepId, Timestamp};
use crate::domain::journal::Head;
use crate::domain::journal::record::{Assessed, Choice, Ending, Learned, Opened, Record, StopReason};
use crate::domain::run::outcome::{Connection, Outcome};
use crate::domain::snapshot::sessions::Blocker;
use crate::domain::snapshot::{Claim, Evidence, FactKey, Patch, Snapshot, Value};

/// Everything that the records say about a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct State {
    pub opened: Opened,
    /// The journal as far as it was applied.
    pub head: Head,
    /// The entry at which the present wait for people began; what was signed for an earlier one does not count.
    pub since: u64,
    /// The digest of each entry from there on: what was signed for another history does not count either.
    pub entries: BTreeMap<u64, Digest>,
    pub phase: Phase,
    /// The step that the run is at, by its place in the list of steps.
    pub cursor: usize,
    pub attempt: u32,
    pub requests: BTreeMap<RequestId, RequestState>,
    /// The inputs of people that are on record, by their names in the inbox.
    pub taken: BTreeSet<String>,
    /// What only the run knows: findings and held effects.
    pub known: BTreeMap<FactKey, Value>,
    /// Who holds the run, if anybody does.
    pub held: Option<String>,
    /// When the newest record was made.
    pub at: Timestamp,
    /// When the present phase began.
    pub at_phase: Timestamp,
    /// The newest estimate of the running copy.
    pub estimated: Option<Estimate>,
    /// A person let the load go on past its limit, which does not stop this step again.
    pub limit_waived: bool,
    /// How often each step has sent the run back.
    pub rounds: BTreeMap<StepId, u32>,
}

/// What the newest estimate of a copy was made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Estimate {
    pub rows_done: u64,
    pub took: Span,
    pub left_low: Span,
}

/// Where the run is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Phase {
    /// The step at the cursor begins: look, and assess.
    Entering,
    /// A person does something and reads it back.
    Asking,
    /// A person chooses among sessions.
    Choosing {
        server: ServerName,
        offered: Vec<Blocker>,
        at_most: u32,
    },
    /// For facts, until a time.
    Waiting {
        claims: Vec<Claim>,
        until: Timestamp,
    },
    /// For signatures.
    Requested {
        request: RequestId,
    },
    /// Everything is there; anybody may hold.
    Armed {
        plan: Armed,
        until: Timestamp,
    },
    /// The next command of the script, at `next`, may be prepared.
    Between {
        plan: Armed,
        next: usize,
    },
    /// The intent of `command` is durable and no outcome is.
    Sending {
        plan: Armed,
        command: usize,
        connection: Option<Connection>,
        before: Vec<Evidence>,
    },
    /// The answer was lost, or the executor died.
    Doubt {
        plan: Armed,
        command: usize,
        connection: Option<Connection>,
        before: Vec<Evidence>,
    },
    /// All commands are done: what was promised is looked at.
    Settling {
        plan: Option<Armed>,
    },
    Stopped {
        why: StopReason,
        choices: Vec<Choice>,
        resume: Box<Phase>,
    },
    /// A person chose to promote by hand: how that is done is looked up and written down.
    Advising {
        plan: Armed,
        command: usize,
    },
    /// Nothing more will be done.
    Finished {
        outcome: Ending,
    },
    Closed {
        outcome: Ending,
    },
}

/// A step that may begin: its script, as it was assessed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Armed {
    pub request: Option<RequestId>,
    pub danger: Danger,
    pub assessed: Assessed,
}

/// A record that makes no sense where it stands.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "the record `{record}` makes no sense here: the run is {phase}; the journal was not written by this program, or is damaged"
)]
pub struct Impossible {
    pub record: String,
    pub phase: &'static str,
}

impl State {
    /// The state behind the first record.
    pub fn open(record: &Record, head: Head, at: Timestamp) -> Result<Self, Impossible> {
        let Record::Opened(opened) = record else {
            return Err(Impossible { record: record.to_line().0, phase: "not opened" });
        };
        Ok(Self {
            opened: (**opened).clone(),
            since: head.seq().unwrap_or(0),
            entries: head.seq().map(|entry| (entry, head.digest().clone())).into_iter().collect(),
            head,
            phase: Phase::Entering,
            cursor: 0,
            attempt: 1,
            requests: BTreeMap::new(),
            taken: BTreeSet::new(),
            known: BTreeMap::new(),
            held: None,
            at,
            at_phase: at,
            estimated: None,
            limit_waived: false,
            rounds: BTreeMap::new(),
        })
    }

    /// Who said no to the request that this plan stands on, if anybody did.
    pub fn objection(&self, plan: &Armed) -> Option<String> {
        match &self.requests.get(plan.request.as_ref()?)?.ended {
            Some(Ended::Stopped { by, reason, .. }) => Some(format!("{by} said no: {reason}")),
            _ => None,
        }
    }

    /// Why the command whose intent stands must not be sent, if somebody has spoken up since.
    pub fn forbids_sending(&self) -> Option<String> {
        if self.held.is_some() {
            return Some("somebody holds the run".to_owned());
        }
        match &self.phase {
            Phase::Sending { plan, .. } => self.objection(plan),
            _ => None,
        }
    }

    /// The request of the script that is being carried out: it is used, and can still be objected to.
    pub fn at_work(&self) -> Option<&RequestId> {
        match &self.phase {
            Phase::Between { plan, .. } | Phase::Sending { plan, .. } | Phase::Doubt { plan, .. } => {
                plan.request.as_ref()
            }
            _ => None,
        }
    }

    /// The id of the step at the cursor.
    pub fn step(&self) -> Option<&StepId> {
        self.opened.steps.get(self.cursor)
    }

    /// `snapshot` with what only the run knows laid over it.
    pub fn with_known(&self, snapshot: &Snapshot) -> Snapshot {
        let mut patch = Patch::default();
        for (key, value) in &self.known {
            patch.set(key.clone(), value.clone(), snapshot.taken());
        }
        snapshot.with(&patch)
    }

    /// The one transition, live and on resume.
    pub fn apply(&mut self, record: &Record, head: Head, at: Timestamp) -> Result<(), Impossible> {
        let entry = head.seq().unwrap_or(0);
        // A run is at exactly one step.
        if record.step().is_some_and(|step| Some(step) != self.step()) {
            return Err(self.impossible(record));
        }
        // Behind the end stands the head that covers it.
        let may_follow_the_end = matches!(record, Record::ExecutorChanged { .. } | Record::Head { .. });
        if matches!(self.phase, Phase::Closed { .. }) && !may_follow_the_end {
            return Err(self.impossible(record));
        }
        let since = self.since;
        let phase = self.next(record, entry)?;
        if self.since != since {
            self.entries.clear();
        }
        self.entries.insert(entry, head.digest().clone());
        (self.head, self.at) = (head, at);
        if let Record::Estimated { rows_done, took, left_low, .. } = record {
            self.estimated = Some(Estimate { rows_done: *rows_done, took: *took, left_low: *left_low });
        }
        if let Some(phase) = phase {
            (self.phase, self.at_phase, self.estimated) = (phase, at, None);
        }
        Ok(())
    }

    fn next(&mut self, record: &Record, entry: u64) -> Result<Option<Phase>, Impossible> {
        match record {
            Record::ExecutorChanged { .. } => Ok(self.orphaned()),
            Record::Held { by, .. } => {
                self.held = Some(by.clone());
                self.since = entry;
                Ok(None)
            }
            Record::Released { .. } if self.held.is_some() => {
                self.held = None;
                Ok(None)
            }
            Record::InputTaken { input } if self.taken.insert(input.clone()) => Ok(None),
            Record::Noted { .. } | Record::InputRefused { .. } | Record::Estimated { .. } | Record::Head { .. } => {
                Ok(None)
            }
            Record::Approved { .. }
            | Record::SignatureRefused { .. }
            | Record::RequestStopped { .. }
            | Record::RequestVoid { .. } => self.request_record(record),
            Record::Stopped { why, choices } if !matches!(self.phase, Phase::Finished { .. }) => {
                self.since = entry;
                let resume = Box::new(self.phase.clone());
                Ok(Some(Phase::Stopped { why: why.clone(), choices: choices.clone(), resume }))
            }
            Record::Chosen { choice, .. } => self.chosen(record, choice).map(Some),
            Record::Closed { outcome } if self.phase == (Phase::Finished { outcome: *outcome }) => {
                Ok(Some(Phase::Closed { outcome: *outcome }))
            }
            _ => self.step_record(record, entry),
        }
    }

    /// A new executor cannot know what the old one was just doing: an intent without an outcome is in doubt.
    fn orphaned(&self) -> Option<Phase> {
        match &self.phase {
            Phase::Sending { plan, command, connection, before } => Some(Phase::Doubt {
                plan: plan.clone(),
                command: *command,
                connection: connection.clone(),
                before: before.clone(),
            }),
            _ => None,
        }
    }

    fn request_record(&mut self, record: &Record) -> Result<Option<Phase>, Impossible> {
        let impossible = self.impossible(record);
        let (Record::Approved { request, .. }
        | Record::SignatureRefused { request, .. }
        | Record::RequestStopped { request, .. }
        | Record::RequestVoid { request, .. }) = record
        else {
            return Err(impossible);
        };
        let stops = matches!(record, Record::RequestStopped { .. });
        let at_work = stops && self.at_work() == Some(request);
        let stands = |ended: &Option<Ended>| ended.is_none() || (at_work && *ended == Some(Ended::Used));
        let Some(state) = self.requests.get_mut(request).filter(|state| stands(&state.ended)) else {
            return Err(impossible);
        };
        match record {
            Record::Approved { signature, .. } => state.approvals.push(signature.clone()),
            Record::RequestStopped { by, how, reason, .. } => {
                state.ended = Some(Ended::Stopped { by: by.clone(), how: *how, reason: reason.clone() });
            }
            Record::RequestVoid { why, .. } => state.ended = Some(Ended::Void { why: why.clone() }),
            _ => {}
        }
        Ok(None)
    }

    fn chosen(&mut self, record: &Record, choice: &Choice) -> Result<Phase, Impossible> {
        let Phase::Stopped { choices, resume, .. } = &self.phase else { return Err(self.impossible(record)) };
        if !choices.contains(choice) {
            return Err(self.impossible(record));
        }
        match choice {
            Choice::TryAgain => {
                self.attempt += 1;
                Ok(Phase::Entering)
            }
            Choice::LookAgain => Ok((**resume).clone()),
            Choice::GoOn => {
                self.limit_waived = true;
                self.attempt += 1;
                Ok(Phase::Entering)
            }
            Choice::PromoteByHand => match &**resume {
                Phase::Sending { plan, command, .. } => Ok(Phase::Advising { plan: plan.clone(), command: *command }),
                _ => Err(self.impossible(record)),
            },
            Choice::Abort => Ok(Phase::Finished { outcome: Ending::Aborted }),
        }
    }

    fn step_record(&mut self, record: &Record, entry: u64) -> Result<Option<Phase>, Impossible> {
        let phase = match (&self.phase, record) {
            (Phase::Entering, Record::Entered { number, attempt, .. })
                if *number == self.cursor + 1 && *attempt == self.attempt =>
            {
                return Ok(None);
            }
            // Looked at after a doubt: it is harmless to begin again.
            (Phase::Doubt { .. }, Record::Entered { attempt, .. }) if *attempt == self.attempt + 1 => {
                self.attempt = *attempt;
                Phase::Entering
            }
            (Phase::Entering, Record::Asked { .. }) => {
                self.since = entry;
                Phase::Asking
            }
            (Phase::Asking, Record::Answered { .. }) => Phase::Settling { plan: None },
            (_, Record::Offered { .. } | Record::Picked { .. } | Record::Skipped { .. } | Record::Repeated { .. }) => {
                return self.round_record(record, entry).map(Some);
            }
            (Phase::Advising { .. }, Record::Advised { .. }) => Phase::Finished { outcome: Ending::Aborted },
            (Phase::Entering, Record::Waiting { claims, until, .. }) => {
                Phase::Waiting { claims: claims.clone(), until: *until }
            }
            (Phase::Entering, Record::Requested { header, danger, text, assessed }) => {
                let request = RequestState {
                    header: header.clone(),
                    danger: *danger,
                    text: text.clone(),
                    assessed: assessed.clone(),
                    approvals: Vec::new(),
                    ended: None,
                };
                self.requests.insert(header.request.clone(), request);
                self.since = entry;
                Phase::Requested { request: header.request.clone() }
            }
            (Phase::Entering | Phase::Requested { .. }, Record::Armed { request, until, danger, assessed, .. }) => {
                let plan = Armed { request: request.clone(), danger: *danger, assessed: assessed.clone() };
                Phase::Armed { plan, until: *until }
            }
            (
                _,
                Record::Intended { .. }
                | Record::NotSent { .. }
                | Record::Came { .. }
                | Record::InDoubt { .. }
                | Record::DoubtLooked { .. },
            ) => {
                return self.command_record(record);
            }
            (Phase::Entering, Record::Blocked { .. } | Record::Refused { .. })
            | (Phase::Settling { .. }, Record::Drifted { .. }) => return Ok(None),
            (Phase::Settling { .. } | Phase::Waiting { .. }, Record::Done { .. }) => self.step_done(),
            _ => return Err(self.impossible(record)),
        };
        Ok(Some(phase))
    }

    fn step_done(&mut self) -> Phase {
        self.cursor += 1;
        self.attempt = 1;
        self.limit_waived = false;
        if self.cursor < self.opened.steps.len() {
            Phase::Entering
        } else {
            Phase::Finished { outcome: Ending::Completed }
        }
    }

    fn command_record(&mut self, record: &Record) -> Result<Option<Phase>, Impossible> {
        let phase = match (&self.phase, record) {
            (Phase::Armed { plan, .. }, Record::Intended { command: 0, connection, before, .. }) => {
                sending(plan, 0, connection.as_ref(), before)
            }
            (Phase::Between { plan, next }, Record::Intended { command, connection, before, .. })
                if command == next =>
            {
                sending(plan, *command, connection.as_ref(), before)
            }
            // The request was used up by sending nothing: it does not stand for a second try.
            (Phase::Sending { .. } | Phase::Armed { .. } | Phase::Between { .. }, Record::NotSent { .. }) => {
                return Ok(None);
            }
            (
                Phase::Sending { plan, command, .. } | Phase::Doubt { plan, command, .. },
                Record::Came { outcome, learned, .. },
            ) => {
                let (plan, command) = (plan.clone(), *command);
                self.learn(learned);
                return Ok(after_outcome(plan, command, outcome));
            }
            (Phase::Sending { plan, command, connection, before }, Record::InDoubt { .. }) => Phase::Doubt {
                plan: plan.clone(),
                command: *command,
                connection: connection.clone(),
                before: before.clone(),
            },
            (Phase::Doubt { .. }, Record::InDoubt { .. } | Record::DoubtLooked { .. }) => return Ok(None),
            _ => return Err(self.impossible(record)),
        };
        if let Record::Intended { request: Some(request), .. } = record
            && let Some(state) = self.requests.get_mut(request)
        {
            state.ended = Some(Ended::Used);
        }
        Ok(Some(phase))
    }

    fn learn(&mut self, learned: &[Learned]) {
        for Learned { key, value } in learned {
            match value {
                Some(value) => self.known.insert(key.clone(), value.clone()),
                None => self.known.remove(key),
            };
        }
    }

    fn impossible(&self, record: &Record) -> Impossible {
        Impossible { record: record.to_line().0, phase: self.phase.word() }
    }
}

fn sending(plan: &Armed, command: usize, connection: Option<&Connection>, before: &[Evidence]) -> Phase {
    Phase::Sending { plan: plan.clone(), command, connection: connection.cloned(), before: before.to_vec() }
}

/// Behind a good outcome comes the next command, or the look at what was promised. Behind any other the run stops.
fn after_outcome(plan: Armed, command: usize, outcome: &Outcome) -> Option<Phase> {
    match outcome {
        Outcome::Done { .. }
        | Outcome::Measured { .. }
        | Outcome::Found { .. }
        | Outcome::Watched { .. }
        | Outcome::LeftAlone { .. }
            if command + 1 < plan.assessed.script.len() =>
        {
            Some(Phase::Between { plan, next: command + 1 })
        }
        Outcome::Done { .. }
        | Outcome::Measured { .. }
        | Outcome::Found { .. }
        | Outcome::Watched { .. }
        | Outcome::LeftAlone { .. } => Some(Phase::Settling { plan: Some(plan) }),
        Outcome::NotSent { .. } | Outcome::Failed { .. } | Outcome::Interrupted { .. } | Outcome::InDoubt { .. } => {
            None
        }
    }
}
