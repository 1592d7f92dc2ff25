//! After the commands: is the fleet as was promised, and do the postconditions hold? And waiting for facts.

use super::command::look_again;
use super::enter::{checked, failed};
use super::{RETRY_OR_ABORT, Setup, stop};
use crate::domain::base::{Timestamp, Verdict};
use crate::domain::journal::record::{Choice, Record, StopReason};
use crate::domain::run::effect::{Decision, Effect, Input, Moment};
use crate::domain::run::state::{Armed, State};
use crate::domain::runbook::Step;
use crate::domain::script::promises;
use crate::domain::snapshot::{About, Claim, Evidence, Snapshot, TableFact};
use crate::domain::step::{Check, check_all};

pub(super) fn settling(setup: &Setup, state: &State, plan: Option<&Armed>, input: Input, now: Moment) -> Decision {
    let Some(step) = setup.step(state) else { return Decision::nothing() };
    let Input::Observed(snapshot) = input else { return Decision::effect(Effect::Observe) };
    let snapshot = state.with_known(&snapshot);
    let drifted: Vec<Evidence> = plan.map(|plan| drift(plan, &snapshot)).unwrap_or_default();
    let checks = check_all(&step.postconditions, setup.world(state), &snapshot);
    if drifted.is_empty() && checks.iter().all(|check| check.verdict.holds()) {
        return Decision::record(over(setup, state, step, &checks, &snapshot));
    }
    let not_good: Vec<String> = drifted.iter().filter(|found| measured_otherwise(found)).map(says).collect();
    if !not_good.is_empty() {
        let why = StopReason::NotGood { what: not_good.join("; ") };
        return Decision::record(Record::Drifted { step: step.id.clone(), evidence: drifted })
            .then(stop(why, &RETRY_OR_ABORT));
    }
    if now.time < state.at_phase.plus(setup.settle_for) {
        return Decision::effect(look_again(now));
    }
    drift_stop(step.id.clone(), drifted, &checks)
}

/// A finding that is not what was hoped for. It was measured once: looking again does not change it.
fn measured_otherwise(evidence: &Evidence) -> bool {
    matches!(evidence.verdict, Verdict::Fails)
        && matches!(evidence.claim.key.about, About::Table { fact: TableFact::Finding, .. })
}

/// Whose finding it is and what it says.
fn says(evidence: &Evidence) -> String {
    format!("{}: {}", evidence.claim.key, evidence.seen)
}

/// The step is done, unless it sends the run back for another round.
fn over(setup: &Setup, state: &State, step: &Step, checks: &[Check], snapshot: &Snapshot) -> Record {
    let done = Record::Done { step: step.id.clone(), checks: checks.iter().map(checked).collect() };
    let Some(repeat) = &step.repeat else { return done };
    let until = check_all(&repeat.until, setup.world(state), snapshot);
    if until.iter().all(|check| check.verdict.holds()) {
        return done;
    }
    // The first pass sends nobody back, so it is round one.
    let rounds = state.rounds.get(&step.id).copied().unwrap_or(0) + 1;
    if rounds < repeat.at_most {
        let checks = until.iter().map(checked).collect();
        return Record::Repeated { step: step.id.clone(), from: repeat.from.clone(), round: rounds, checks };
    }
    let failing: Vec<String> = until.iter().filter(|check| !check.verdict.holds()).map(failed).collect();
    let what = format!("{}, after {rounds} rounds", failing.join("; "));
    stop(StopReason::Deadline { what }, &[Choice::LookAgain, Choice::Abort])
}

fn drift_stop(step: crate::domain::base::StepId, mut drifted: Vec<Evidence>, checks: &[Check]) -> Decision {
    let failing = checks.iter().filter(|check| !check.verdict.holds());
    drifted.extend(failing.clone().flat_map(|check| check.evidence.iter().filter(|e| !e.verdict.holds()).cloned()));
    if drifted.is_empty() {
        // A condition that could not be told left no single fact to blame; its own words are the reason.
        let what = failing.map(failed).collect::<Vec<_>>().join("; ");
        return Decision::record(stop(StopReason::Deadline { what }, &[Choice::LookAgain, Choice::Abort]));
    }
    Decision::record(Record::Drifted { step, evidence: drifted })
        .then(stop(StopReason::Drift, &[Choice::LookAgain, Choice::Abort]))
}

/// Relied-on and promised claims that fail now. What a later command of the script changes again counts for that one,
/// and what the script changes is not held against what it relied on.
fn drift(plan: &Armed, snapshot: &Snapshot) -> Vec<Evidence> {
    // Every server that the script reaches counts, not only the one it was sent to: what comes next relies on them.
    let mut claims: Vec<Claim> = Vec::new();
    for patch in &plan.assessed.predicted {
        claims.retain(|claim| !patch.changes().any(|(key, _)| *key == claim.key));
        claims.extend(promises(patch));
    }
    let changed =
        |claim: &Claim| plan.assessed.predicted.iter().any(|patch| patch.changes().any(|(key, _)| *key == claim.key));
    let moves = |claim: &Claim| claim.key.about.moves().is_some();
    let relied = plan.assessed.relies_on.iter().filter(|claim| !changed(claim) && !moves(claim));
    claims.extend(relied.cloned());
    claims.iter().map(|claim| claim.check(snapshot)).filter(|evidence| !evidence.verdict.holds()).collect()
}

pub(super) fn waiting(
    setup: &Setup,
    state: &State,
    claims: &[Claim],
    until: Timestamp,
    input: Input,
    now: Moment,
) -> Decision {
    let Some(step) = setup.step(state) else { return Decision::nothing() };
    let Input::Observed(snapshot) = input else { return Decision::effect(Effect::Observe) };
    let snapshot = state.with_known(&snapshot);
    let mut missing: Vec<String> = claims
        .iter()
        .map(|claim| claim.check(&snapshot))
        .filter(|evidence| !evidence.verdict.holds())
        .map(|evidence| evidence.to_string())
        .collect();
    let checks = check_all(&step.postconditions, setup.world(state), &snapshot);
    missing.extend(checks.iter().filter(|check| !check.verdict.holds()).map(failed));
    if missing.is_empty() {
        return Decision::record(Record::Done { step: step.id.clone(), checks: checks.iter().map(checked).collect() });
    }
    if now.time < until {
        return Decision::effect(look_again(now));
    }
    let what = missing.join("; ");
    Decision::record(stop(StopReason::Deadline { what }, &[Choice::TryAgain, Choice::Abort]))
}
