//! A step begins: look at the fleet, assess, and refuse, block, ask, wait, request or arm.

use super::command::look_again;
use super::{RETRY_OR_ABORT, Setup, stop};
use crate::domain::base::{Danger, Span, Timestamp, Verdict};
use crate::domain::journal::record::{Assessed, Checked, Record, StopReason};
use crate::domain::run::effect::{Decision, Effect, Input, Moment};
use crate::domain::run::state::State;
use crate::domain::runbook::{Step, Work};
use crate::domain::snapshot::{Claim, Evidence, Snapshot};
use crate::domain::step::{Assessment, Check, Standing, assess, check_all};
use crate::domain::vocabulary::Condition;
use crate::domain::vocabulary::pick::By;

pub(super) fn decide(setup: &Setup, state: &State, input: Input, now: Moment) -> Decision {
    let Some(step) = setup.step(state) else { return Decision::nothing() };
    match input {
        _ if state.held.is_some() => Decision::nothing(),
        Input::Observed(snapshot) => assessed(setup, state, step, &state.with_known(&snapshot), now),
        // Only a wait that could not be bound yet asks to be woken here.
        Input::Tick => Decision::effect(Effect::Observe),
        _ => {
            let entered = Record::Entered { step: step.id.clone(), number: state.cursor + 1, attempt: state.attempt };
            Decision::record(entered).and(Effect::Observe)
        }
    }
}

fn assessed(setup: &Setup, state: &State, step: &Step, snapshot: &Snapshot, now: Moment) -> Decision {
    let assessment = assess(step, setup.world(state), snapshot);
    match assessment.standing() {
        Standing::Refused => {
            let refused = Record::Refused { step: step.id.clone(), refusals: assessment.refusals };
            Decision::record(refused).then(stop(StopReason::Refused, &RETRY_OR_ABORT))
        }
        Standing::Blocked => {
            let blocked = Record::Blocked { step: step.id.clone(), why: blocked_by(&assessment) };
            Decision::record(blocked).then(stop(StopReason::Blocked, &RETRY_OR_ABORT))
        }
        Standing::Ready => ready(setup, state, step, &assessment, snapshot, now),
    }
}

fn ready(
    setup: &Setup,
    state: &State,
    step: &Step,
    assessment: &Assessment,
    snapshot: &Snapshot,
    now: Moment,
) -> Decision {
    match &step.work {
        Work::Manual { text, read_back } => {
            Decision::record(Record::Asked { step: step.id.clone(), text: text.clone(), read_back: read_back.clone() })
        }
        Work::WaitUntil { conditions, at_most } => wait(setup, state, step, conditions, *at_most, snapshot, now),
        Work::Act(_) if assessment.offer.is_some() || assessment.script.is_empty() => {
            Decision::record(unsent(step, assessment))
        }
        Work::Act(_) => {
            let rule = setup.trust.policy().rule(assessment.danger);
            if rule.approvals() == 0 {
                let until = now.time.plus(armed_for(setup, assessment.danger));
                Decision::record(arm(step, None, assessment, until))
            } else {
                super::request::make(setup, state, step, assessment, now)
            }
        }
    }
}

/// A step that sends nothing: a choice, or one that finds nothing to do.
fn unsent(step: &Step, assessment: &Assessment) -> Record {
    let step = step.id.clone();
    let Some(offer) = &assessment.offer else {
        return Record::Skipped { step, why: "there is nothing to do".to_owned() };
    };
    let (server, at_most) = (offer.server.clone(), offer.at_most);
    match offer.by {
        // Where there is nothing to choose from, nobody is asked.
        By::Person | By::PersonUnlessOne if !offer.offered.is_empty() => {
            Record::Offered { step, server, offered: offer.offered.clone(), at_most }
        }
        By::Person | By::PersonUnlessOne | By::Predicate => {
            let most = usize::try_from(at_most).unwrap_or(usize::MAX);
            let picked = offer.offered.iter().take(most).cloned().collect();
            Record::Picked { step, server, by: None, picked, signed: None }
        }
    }
}

/// Looking and protecting never wait: a copy is protected within seconds, and hold comes behind it.
fn armed_for(setup: &Setup, danger: Danger) -> Span {
    if danger <= Danger::Protective { Span::default() } else { setup.armed_for }
}

/// Binds the conditions to what is so now: "has all that the source has" means all it has at this moment.
///
/// A condition that cannot be told has not asked all of its questions, so what it asked would be too little to wait
/// for: it is looked at again until it can be told or the time is over.
fn wait(
    setup: &Setup,
    state: &State,
    step: &Step,
    conditions: &[Condition],
    at_most: Span,
    snapshot: &Snapshot,
    now: Moment,
) -> Decision {
    let checks = check_all(conditions, setup.world(state), snapshot);
    let untold: Vec<&Check> =
        checks.iter().filter(|check| matches!(check.verdict, Verdict::CannotTell { .. })).collect();
    if untold.is_empty() {
        let evidence = checks.into_iter().flat_map(|check| check.evidence);
        let claims: Vec<Claim> = evidence.map(|evidence| evidence.claim).collect();
        return Decision::record(Record::Waiting { step: step.id.clone(), claims, until: now.time.plus(at_most) });
    }
    if now.time < state.at_phase.plus(at_most) {
        return Decision::effect(look_again(now));
    }
    let what = untold.into_iter().map(failed).collect::<Vec<_>>().join("; ");
    Decision::record(stop(StopReason::Deadline { what }, &RETRY_OR_ABORT))
}

fn blocked_by(assessment: &Assessment) -> Vec<String> {
    let checks = assessment.checks.iter().filter(|check| !check.verdict.holds());
    let mut why: Vec<String> = checks.map(failed).collect();
    why.extend(assessment.unrendered.clone());
    why
}

/// A condition that does not hold: what it says, and each fact that speaks against it.
pub(super) fn failed(check: &Check) -> String {
    let facts: Vec<String> =
        check.evidence.iter().filter(|evidence| !evidence.verdict.holds()).map(Evidence::to_string).collect();
    match &check.verdict {
        // The facts say why, each for itself.
        Verdict::CannotTell { .. } if !facts.is_empty() => {
            format!("{}: cannot tell ({})", check.says, facts.join("; "))
        }
        verdict => format!("{}: {verdict} ({})", check.says, facts.join("; ")),
    }
}

pub(super) fn arm(
    step: &Step,
    request: Option<crate::domain::base::RequestId>,
    assessment: &Assessment,
    until: Timestamp,
) -> Record {
    Record::Armed { step: step.id.clone(), request, until, danger: assessment.danger, assessed: kept(assessment) }
}

/// An assessment in the form in which the journal keeps it.
pub fn kept(assessment: &Assessment) -> Assessed {
    Assessed {
        script: assessment.script.clone(),
        predicted: assessment.predicted.clone(),
        reaches: assessment.reaches.clone(),
        checks: assessment.checks.iter().map(checked).collect(),
        relies_on: assessment.evidence.iter().map(|evidence| evidence.claim.clone()).collect(),
        against: assessment.against.clone(),
        way_back: assessment.way_back().cloned(),
    }
}

pub(super) fn checked(check: &Check) -> Checked {
    Checked {
        says: check.says.clone(),
        verdict: check.verdict.clone(),
        seen: check.evidence.iter().map(|evidence| format!("{}: {}", evidence.claim.key, evidence.seen)).collect(),
    }
}
