//! What to do next: `decide` looks at the state and one input, and answers with records and effects.
//!
//! It changes nothing and remembers nothing. An effect that touches a server stands behind the record of its intent,
//! because the executor makes records durable before it performs effects.

mod advise;
mod command;
mod enter;
mod estimate;
mod offer;
mod person;
mod request;
mod settle;

pub use enter::kept;

use std::collections::BTreeSet;

use super::effect::{Decision, Effect, Finish, Input, Moment};
use super::state::{Phase, State};
use crate::domain::approval::trust::Trust;
use crate::domain::base::{Principal, Span, TableName};
use crate::domain::fleet::Fleet;
use crate::domain::journal::record::{Choice, Record, StopReason};
use crate::domain::runbook::{Runbook, Step};
use crate::domain::vocabulary::World;

/// What stays the same for a whole run.
#[derive(Debug, Clone)]
pub struct Setup {
    pub runbook: Runbook,
    pub fleet: Fleet,
    pub trust: Trust,
    pub tables: BTreeSet<TableName>,
    pub driver: Principal,
    /// The public half of this executor's key for heads, base64 of its blob.
    pub journal_key: String,
    /// How long a step is armed, for anybody to hold.
    pub armed_for: Span,
    /// How long what was promised may take to be seen.
    pub settle_for: Span,
}

/// How long to wait before looking again at facts that should come true.
const LOOK_AGAIN: Span = Span::from_millis(300);

/// What to record and do next.
pub fn decide(setup: &Setup, state: &State, input: Input, now: Moment) -> Decision {
    let decision = match input {
        Input::Hold { by, reason } => hold(state, by, reason),
        Input::Person(person) => person::decide(setup, state, person, now),
        Input::Progress(progress) => estimate::decide(state, &progress),
        input => go_on(setup, state, input, now),
    };
    offer::with_offers(setup, state, decision)
}

fn go_on(setup: &Setup, state: &State, input: Input, now: Moment) -> Decision {
    match &state.phase {
        Phase::Entering => enter::decide(setup, state, input, now),
        Phase::Requested { request } => request::decide(setup, state, request, input, now),
        Phase::Waiting { claims, until } => settle::waiting(setup, state, claims, *until, input, now),
        Phase::Armed { plan, until } => command::armed(setup, state, plan, *until, input, now),
        Phase::Between { plan, next } => command::between(setup, state, plan, *next, input),
        Phase::Sending { plan, command, connection, .. } => {
            command::sending(setup, state, plan, *command, connection.as_ref(), input, now)
        }
        Phase::Doubt { plan, command, connection, before } => {
            let doubt = command::Doubt { plan, command: *command, connection: connection.as_ref(), before };
            command::doubt(setup, state, &doubt, input, now)
        }
        Phase::Killing { command, connection, .. } => command::killing(setup, state, *command, connection, input),
        Phase::Settling { plan } => settle::settling(setup, state, plan.as_ref(), input, now),
        Phase::Undone => Decision::record(stop(StopReason::Undone, &RETRY_OR_ABORT)),
        Phase::Advising { plan, command } => advise::decide(setup, state, plan, *command, input),
        Phase::Finished { outcome } => Decision::record(Record::Closed { outcome: *outcome }),
        Phase::Closed { .. } => Decision::effect(Effect::Finish(Finish::Closed)),
        Phase::Asking | Phase::Choosing { .. } | Phase::Stopped { .. } => Decision::nothing(),
    }
}

/// Holding needs no right and no confirmation. What is being executed goes on; nothing new begins.
fn hold(state: &State, by: String, reason: String) -> Decision {
    match (&state.held, &state.phase) {
        (_, Phase::Closed { .. }) => Decision::nothing(),
        // One release lets a held run go on; that a second person held it too must at least be readable.
        (Some(_), _) => Decision::record(Record::Noted { by, text: format!("holds as well: {reason}") }),
        (None, _) => Decision::record(Record::Held { by, reason }),
    }
}

/// Stops the run with what a person may choose.
fn stop(why: StopReason, choices: &[Choice]) -> Record {
    Record::Stopped { why, choices: choices.to_vec() }
}

/// The usual choices behind a stop that sent nothing.
const RETRY_OR_ABORT: [Choice; 2] = [Choice::TryAgain, Choice::Abort];

impl Setup {
    fn world<'a>(&'a self, state: &'a State) -> World<'a> {
        World { fleet: &self.fleet, run: &state.opened.run, tables: &self.tables }
    }

    fn step(&self, state: &State) -> Option<&Step> {
        super::step_now(&self.runbook, state)
    }
}
