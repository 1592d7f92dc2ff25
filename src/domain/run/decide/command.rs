//! From armed to an outcome: prepare, make the intent durable, look once more, send, and look again if in doubt.

use super::request::{authorize, begins};
use super::{LOOK_AGAIN, RETRY_OR_ABORT, Setup, stop};
use crate::domain::approval::authorized::Cleared;
use crate::domain::base::{Digest, RequestId, Span, Timestamp, Verdict};
use crate::domain::journal::record::{Choice, DoubtAnswer, Learned, Record, StopReason};
use crate::domain::run::effect::{Decision, Effect, Input, Moment};
use crate::domain::run::outcome::{Connection, ConnectionState, Outcome};
use crate::domain::run::state::{Armed, State};
use crate::domain::run::waits::RUNS_ON;
use crate::domain::script::{Command, Work};
use crate::domain::snapshot::{
    About, Claim, Evidence, FactKey, LinkFact, Patch, ServerFact, Snapshot, TableFact, Value,
};
use crate::domain::step::needs_act;

/// How long before a running command is looked at again.
const STILL_RUNNING: Span = Span::from_secs(1);

/// What can be chosen while a statement in doubt runs on: nothing is tried again beside it.
const STILL_THERE: [Choice; 3] = [Choice::LookAgain, Choice::EndStatement, Choice::Abort];

pub(super) fn armed(
    setup: &Setup,
    state: &State,
    plan: &Armed,
    until: Timestamp,
    input: Input,
    now: Moment,
) -> Decision {
    let Some(step) = setup.step(state) else { return Decision::nothing() };
    if state.held.is_some() {
        return match input {
            Input::Prepared { connection: Ok(Some(connection)), .. } => Decision::effect(Effect::Close(connection)),
            _ => Decision::nothing(),
        };
    }
    match input {
        Input::Observed(snapshot) => match begins(setup, state, step, plan, &state.with_known(&snapshot)) {
            Ok(()) => begin(setup, state, plan, 0, &snapshot),
            Err(why) => cannot_begin(state, plan, why),
        },
        Input::Prepared { connection, before } => intend(setup, state, plan, 0, connection, before),
        _ if now.time < until => Decision::effect(Effect::WakeAt(until)),
        _ => Decision::effect(Effect::Observe),
    }
}

/// A request that was not used yet is void; one that was used by an earlier command of the script is over already.
fn cannot_begin(state: &State, plan: &Armed, why: String) -> Decision {
    let open = |id: &&RequestId| state.requests.get(id).is_some_and(|request| request.ended.is_none());
    match plan.request.as_ref().filter(open) {
        Some(request) => super::request::void(request, why),
        None => Decision::record(stop(StopReason::Failed { why }, &RETRY_OR_ABORT)),
    }
}

pub(super) fn between(setup: &Setup, state: &State, plan: &Armed, next: usize, input: Input) -> Decision {
    if state.held.is_some() {
        return match input {
            Input::Prepared { connection: Ok(Some(connection)), .. } => Decision::effect(Effect::Close(connection)),
            _ => Decision::nothing(),
        };
    }
    // What was sent before stays sent; nothing follows it.
    if let Some(why) = state.objection(plan) {
        let stopped = Decision::record(stop(StopReason::Approval { why }, &RETRY_OR_ABORT));
        return match input {
            Input::Prepared { connection: Ok(Some(connection)), .. } => stopped.and(Effect::Close(connection)),
            _ => stopped,
        };
    }
    match input {
        Input::Observed(snapshot) => begin(setup, state, plan, next, &snapshot),
        Input::Prepared { connection, before } => intend(setup, state, plan, next, connection, before),
        _ => Decision::effect(Effect::Observe),
    }
}

/// Opens the connection of a command that changes something; a measurement needs none.
fn begin(setup: &Setup, state: &State, plan: &Armed, index: usize, seen: &Snapshot) -> Decision {
    let Some(command) = plan.assessed.script.get(index) else { return Decision::nothing() };
    let seen = state.with_known(seen);
    let before = command.promises().iter().map(|claim| claim.check(&seen)).collect();
    if needs_act(command) {
        Decision::effect(Effect::Prepare { command: command.clone(), before })
    } else {
        intend(setup, state, plan, index, Ok(None), before)
    }
}

/// The intent is recorded; only behind it comes anything that reaches a server.
fn intend(
    setup: &Setup,
    state: &State,
    plan: &Armed,
    index: usize,
    prepared: Result<Option<Connection>, String>,
    before: Vec<Evidence>,
) -> Decision {
    let (Some(step), Some(command)) = (setup.step(state), plan.assessed.script.get(index)) else {
        return Decision::nothing();
    };
    let connection = match prepared {
        Ok(connection) => connection,
        Err(why) => return cannot_begin(state, plan, why),
    };
    let request = plan.request.as_ref().and_then(|id| state.requests.get(id));
    let intended = Record::Intended {
        step: step.id.clone(),
        command: index,
        request: plan.request.clone(),
        sha256: request.map(|request| Digest::of(request.text.as_bytes())),
        text: command.lines(),
        before,
        connection,
    };
    let effect = if needs_act(command) { Effect::LastLook } else { Effect::Measure(command.clone()) };
    Decision::record(intended).and(effect)
}

pub(super) fn sending(
    setup: &Setup,
    state: &State,
    plan: &Armed,
    index: usize,
    connection: Option<&Connection>,
    input: Input,
    now: Moment,
) -> Decision {
    match input {
        Input::LastLook(snapshot) => {
            match cleared(setup, state, plan, index, &state.with_known(&snapshot), now).and_then(|cleared| {
                let connection = connection.cloned().ok_or_else(|| "it has no connection".to_owned())?;
                Ok(Effect::Send { cleared, connection })
            }) {
                Ok(send) => Decision::effect(send),
                Err(why) => not_sent(setup, state, index, connection, &why),
            }
        }
        Input::Came(outcome) => came(setup, state, plan, index, outcome),
        _ => Decision::nothing(),
    }
}

/// The last look: every relied-on fact that this script has not itself changed must still be so, and the permission
/// must stand at this very moment.
fn cleared(
    setup: &Setup,
    state: &State,
    plan: &Armed,
    index: usize,
    snapshot: &Snapshot,
    now: Moment,
) -> Result<Cleared, String> {
    if let Some(why) = state.forbids_sending() {
        return Err(why);
    }
    let own: Vec<&Patch> = plan.assessed.predicted.iter().take(index).collect();
    let touched = |claim: &Claim| own.iter().any(|patch| patch.changes().any(|(key, _)| *key == claim.key));
    for claim in plan.assessed.relies_on.iter().filter(|claim| !touched(claim)) {
        let evidence = claim.check(snapshot);
        if !evidence.verdict.holds() {
            return Err(format!("the last look differs: {evidence}"));
        }
    }
    let command = plan.assessed.script.get(index).ok_or("there is no such command")?;
    match &plan.request {
        Some(id) => {
            let request = state.requests.get(id).ok_or("its request is not known")?;
            if index == 0 && now.time >= request.header.expires {
                return Err(format!("the request expired at {}", request.header.expires.to_seconds()));
            }
            authorize(setup, request, now)?.clear(index).ok_or_else(|| "there is no such command".to_owned())
        }
        None => Cleared::without_approval(command.clone(), plan.danger, setup.trust.policy())
            .ok_or_else(|| "it needs approval".to_owned()),
    }
}

fn not_sent(setup: &Setup, state: &State, index: usize, connection: Option<&Connection>, why: &str) -> Decision {
    let Some(step) = setup.step(state) else { return Decision::nothing() };
    let mut decision = Decision::record(Record::NotSent { step: step.id.clone(), command: index, why: why.to_owned() })
        .then(stop(StopReason::Failed { why: format!("not sent: {why}") }, &RETRY_OR_ABORT));
    if let Some(connection) = connection {
        decision = decision.and(Effect::Close(connection.clone()));
    }
    decision
}

fn came(setup: &Setup, state: &State, plan: &Armed, index: usize, outcome: Outcome) -> Decision {
    let Some(step) = setup.step(state) else { return Decision::nothing() };
    let step = step.id.clone();
    match outcome {
        Outcome::NotSent { why } => not_sent(setup, state, index, None, &why),
        Outcome::InDoubt { why } => Decision::record(Record::InDoubt { step, command: index, why }),
        Outcome::Failed { code, message } => {
            let why = format!("server error {code}: {message}");
            let outcome = Outcome::Failed { code, message };
            Decision::record(Record::Came { step, command: index, outcome, learned: Vec::new() })
                .then(stop(StopReason::Failed { why }, &RETRY_OR_ABORT))
        }
        outcome @ Outcome::Interrupted { .. } => {
            Decision::record(Record::Came { step, command: index, outcome, learned: Vec::new() })
                .then(super::estimate::stopped(state, plan, index))
        }
        outcome => {
            let learned = learned(plan, index, &outcome);
            Decision::record(Record::Came { step, command: index, outcome, learned })
        }
    }
}

/// What only the run knows after a command: what was measured, what waits at links, and which findings fell.
fn learned(plan: &Armed, index: usize, outcome: &Outcome) -> Vec<Learned> {
    if let Outcome::Measured { findings } = outcome {
        return findings
            .iter()
            .map(|measured| Learned {
                key: FactKey::table(&measured.server, &measured.table, TableFact::Finding),
                value: Some(Value::Finding(measured.finding.clone())),
            })
            .collect();
    }
    if let (Outcome::Found { blockers, .. }, Some(command)) = (outcome, plan.assessed.script.get(index)) {
        let key = FactKey::server(&command.server, ServerFact::Blockers);
        return vec![Learned { key, value: Some(Value::Sessions(blockers.clone())) }];
    }
    let Some(predicted) = plan.assessed.predicted.get(index) else { return Vec::new() };
    predicted
        .changes()
        .filter(|(key, _)| known_by_the_run_alone(&key.about))
        .map(|(key, known)| Learned { key: key.clone(), value: known.value().ok().cloned() })
        .collect()
}

/// Facts that no look at a server gives: they follow from the outcome that is recorded.
fn known_by_the_run_alone(about: &About) -> bool {
    matches!(
        about,
        About::Link { fact: LinkFact::Held, .. }
            | About::Table { fact: TableFact::Finding, .. }
            | About::Server(ServerFact::Blockers | ServerFact::Victims)
    )
}

/// A command whose outcome is not known.
pub(super) struct Doubt<'a> {
    pub(super) plan: &'a Armed,
    pub(super) command: usize,
    pub(super) connection: Option<&'a Connection>,
    pub(super) before: &'a [Evidence],
}

pub(super) fn doubt(setup: &Setup, state: &State, doubt: &Doubt<'_>, input: Input, now: Moment) -> Decision {
    let (Some(step), Some(command)) = (setup.step(state), doubt.plan.assessed.script.get(doubt.command)) else {
        return Decision::nothing();
    };
    match input {
        Input::Looked { state: connection, snapshot } => {
            let evidence: Vec<Evidence> =
                command.promises().iter().map(|claim| claim.check(&state.with_known(&snapshot))).collect();
            let answer = answer(command, &connection, doubt.before, &evidence);
            let over = matches!(connection, ConnectionState::Gone | ConnectionState::Restarted);
            let looked = Record::DoubtLooked {
                step: step.id.clone(),
                command: doubt.command,
                state: connection,
                answer,
                evidence,
            };
            Decision::record(looked).settled(state, setup, doubt, command, (answer, over), now)
        }
        _ => Decision::effect(Effect::LookFor(doubt.connection.cloned())),
    }
}

/// Ends the connection that a person chose to end, and leads back to looking.
pub(super) fn killing(setup: &Setup, state: &State, command: usize, connection: &Connection, input: Input) -> Decision {
    match (input, setup.step(state)) {
        (Input::Killed(killed), Some(step)) => {
            Decision::record(Record::Killed { step: step.id.clone(), command, refused: killed.err() })
        }
        _ => Decision::effect(Effect::Kill(connection.clone())),
    }
}

impl Decision {
    /// What follows from the answer: nothing is decided while it may still run, and nothing is sent again by itself.
    fn settled(
        self,
        state: &State,
        setup: &Setup,
        doubt: &Doubt<'_>,
        command: &Command,
        (answer, over): (DoubtAnswer, bool),
        now: Moment,
    ) -> Self {
        let Some(step) = setup.step(state) else { return self };
        let again = Record::Entered { step: step.id.clone(), number: state.cursor + 1, attempt: state.attempt + 1 };
        match answer {
            DoubtAnswer::Running if now.time < state.at_phase.plus(RUNS_ON) => {
                self.and(Effect::WakeAt(now.time.plus(STILL_RUNNING)))
            }
            DoubtAnswer::Running => self.then(stop(StopReason::Doubt { answer }, &STILL_THERE)),
            DoubtAnswer::Applied => {
                let outcome = Outcome::Done { detail: "found applied when looked at".to_owned() };
                let learned = learned(doubt.plan, doubt.command, &outcome);
                self.then(Record::Came { step: step.id.clone(), command: doubt.command, outcome, learned })
            }
            // Measuring again changes nothing, and a copy goes on behind its last committed chunk, once it is certain
            // that nobody else still writes to it.
            _ if over && (!needs_act(command) || matches!(command.work, Work::Copy { .. })) => self.then(again),
            DoubtAnswer::NotApplied => self.then(stop(StopReason::Doubt { answer }, &RETRY_OR_ABORT)),
            // Where it may still run, nothing is tried again, whoever asks.
            DoubtAnswer::Unknown if !over => {
                self.then(stop(StopReason::Doubt { answer }, &[Choice::LookAgain, Choice::Abort]))
            }
            DoubtAnswer::Partial | DoubtAnswer::Unknown => {
                self.then(stop(StopReason::Doubt { answer }, &[Choice::LookAgain, Choice::TryAgain, Choice::Abort]))
            }
        }
    }
}

/// First whether it still runs; then whether everything or nothing of what it promised is so.
fn answer(command: &Command, connection: &ConnectionState, before: &[Evidence], promises: &[Evidence]) -> DoubtAnswer {
    // A measurement leaves nothing behind on a server: an earlier finding about the same table is not its result.
    if !needs_act(command) {
        return DoubtAnswer::NotApplied;
    }
    match connection {
        ConnectionState::Alive { .. } => DoubtAnswer::Running,
        ConnectionState::Unknown { .. } => DoubtAnswer::Unknown,
        // That the table is there does not tell whether its last rows are.
        _ if matches!(command.work, Work::Copy { .. }) => DoubtAnswer::Unknown,
        ConnectionState::Gone | ConnectionState::Restarted => {
            let seen = |evidence: &&Evidence| !known_by_the_run_alone(&evidence.claim.key.about);
            let before: Vec<&Evidence> = before.iter().filter(seen).collect();
            let promises: Vec<&Evidence> = promises.iter().filter(seen).collect();
            // What was so before does not prove that rows were touched.
            let proves = command.effects.is_empty() || before.iter().any(|evidence| !evidence.verdict.holds());
            if promises.iter().all(|evidence| evidence.verdict.holds()) {
                return if proves && !promises.is_empty() { DoubtAnswer::Applied } else { DoubtAnswer::Unknown };
            }
            let fails = promises.iter().any(|evidence| matches!(evidence.verdict, Verdict::Fails));
            if fails && promises.iter().all(|evidence| is_as_before(evidence, &before)) {
                DoubtAnswer::NotApplied
            } else if promises.iter().any(|evidence| matches!(evidence.verdict, Verdict::CannotTell { .. })) {
                DoubtAnswer::Unknown
            } else {
                DoubtAnswer::Partial
            }
        }
    }
}

/// Whether this promise did not come true since: it failed or could not be told before, and still does, or it was kept
/// before already. A table that is not there has no engine to be told of, before a renaming and without one.
fn is_as_before(now: &Evidence, before: &[&Evidence]) -> bool {
    let was = before.iter().find(|evidence| evidence.claim == now.claim).map(|evidence| &evidence.verdict);
    match (&now.verdict, was) {
        (Verdict::Holds, was) => was.is_some_and(Verdict::holds),
        (Verdict::Fails, was) => !was.is_some_and(Verdict::holds),
        (Verdict::CannotTell { .. }, was) => matches!(was, Some(Verdict::CannotTell { .. })),
    }
}

/// How long until facts that should come true are looked at again.
pub(super) fn look_again(now: Moment) -> Effect {
    Effect::WakeAt(now.time.plus(LOOK_AGAIN))
}
