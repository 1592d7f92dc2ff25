//! Asking for signatures, counting them, and comparing what was signed with what would run now.

use super::enter::{arm, kept};
use super::{RETRY_OR_ABORT, Setup, stop};
use crate::domain::approval::policy::Requester;
use crate::domain::approval::request::{Header, Request};
use crate::domain::approval::{authorized, counting};
use crate::domain::base::{RequestId, text};
use crate::domain::journal::record::{Record, StopReason};
use crate::domain::run::effect::{Decision, Effect, Input, Moment};
use crate::domain::run::state::{RequestState, State};
use crate::domain::runbook::Step;
use crate::domain::snapshot::Snapshot;
use crate::domain::step::{Assessment, Standing, assess};

/// Makes the request for an assessed step.
pub(super) fn make(setup: &Setup, state: &State, step: &Step, assessment: &Assessment, now: Moment) -> Decision {
    let Some(header) = header(setup, state, step, assessment, now) else { return Decision::nothing() };
    match Request::render(&header, assessment) {
        Ok(request) => Decision::record(Record::Requested {
            header,
            danger: assessment.danger,
            text: request.text().to_owned(),
            assessed: kept(assessment),
        }),
        Err(error) => {
            let why = StopReason::Failed { why: format!("the request cannot be written: {error}") };
            Decision::record(stop(why, &RETRY_OR_ABORT))
        }
    }
}

fn header(setup: &Setup, state: &State, step: &Step, assessment: &Assessment, now: Moment) -> Option<Header> {
    let rule = setup.trust.policy().rule(assessment.danger);
    Some(Header {
        request: RequestId::parse(&text::hex(&now.random)).ok()?,
        run: state.opened.run.clone(),
        mode: state.opened.mode.clone(),
        fleet: setup.fleet.name.clone(),
        fleet_digest: setup.fleet.digest.clone(),
        reason: state.opened.reason.clone(),
        requested_by: setup.driver.clone(),
        created: now.time,
        expires: now.time.plus(rule.max_age()),
        need: rule.approvals(),
        requester_counts: rule.requester() == Requester::Counts,
        trust_serial: setup.trust.serial(),
        trust_digest: setup.trust.digest().clone(),
        runbook: setup.runbook.name.clone(),
        runbook_digest: setup.runbook.digest.clone(),
        step: step.id.clone(),
        step_number: state.cursor + 1,
        steps: setup.runbook.steps.len(),
        attempt: state.attempt,
        journal: state.head.to_string(),
        journal_key: setup.journal_key.clone(),
    })
}

/// While a request is open: it expires, or enough people have signed and the step is looked at again.
pub(super) fn decide(setup: &Setup, state: &State, id: &RequestId, input: Input, now: Moment) -> Decision {
    let (Some(request), Some(step)) = (state.requests.get(id), setup.step(state)) else { return Decision::nothing() };
    if let Some(ended) = &request.ended {
        return Decision::record(stop(StopReason::Approval { why: ended.to_string() }, &RETRY_OR_ABORT));
    }
    if now.time >= request.header.expires {
        let why = format!("it expired at {}", request.header.expires.to_seconds());
        return void(id, why);
    }
    if enough(setup, request, now).is_err() || state.held.is_some() {
        return Decision::effect(Effect::WakeAt(request.header.expires));
    }
    match input {
        Input::Observed(snapshot) => {
            let snapshot = state.with_known(&snapshot);
            let assessment = assess(step, setup.world(state), &snapshot);
            match still(request, &assessment) {
                Ok(()) => Decision::record(arm(step, Some(id.clone()), &assessment, now.time.plus(setup.armed_for))),
                Err(why) => void(id, why),
            }
        }
        _ => Decision::effect(Effect::Observe),
    }
}

/// Whether enough distinct people have signed exactly this request.
pub(super) fn enough(setup: &Setup, request: &RequestState, now: Moment) -> Result<(), counting::Missing> {
    counting::count(request.subject(), &request.submissions(), &setup.trust, now.time).enough()
}

/// Whether the step as it is assessed now is, byte for byte, what was signed; else what differs.
pub(super) fn still(request: &RequestState, assessment: &Assessment) -> Result<(), String> {
    if assessment.standing() != Standing::Ready {
        let mut why: Vec<String> =
            assessment.checks.iter().filter(|c| !c.verdict.holds()).map(super::enter::failed).collect();
        why.extend(assessment.refusals.iter().map(|refusal| refusal.rule.clone()));
        why.extend(assessment.unrendered.clone());
        return Err(why.join("; "));
    }
    let now = Request::render(&request.header, assessment).map_err(|error| error.to_string())?;
    if now.text() == request.text {
        return Ok(());
    }
    Err(first_difference(&request.text, now.text()))
}

fn first_difference(signed: &str, now: &str) -> String {
    let (signed_only, now_only) = (only_in(signed, now), only_in(now, signed));
    format!("signed: {}; now: {}", signed_only.unwrap_or("nothing more"), now_only.unwrap_or("nothing more"))
}

fn only_in<'a>(text: &'a str, other: &str) -> Option<&'a str> {
    text.lines().find(|line| !other.lines().any(|theirs| theirs == *line))
}

/// Ends a request; the run stops.
pub(super) fn void(id: &RequestId, why: String) -> Decision {
    Decision::record(Record::RequestVoid { request: id.clone(), why: why.clone() })
        .then(stop(StopReason::Approval { why }, &RETRY_OR_ABORT))
}

/// The signed script, if its signatures are enough at this very moment.
pub(super) fn authorize(setup: &Setup, request: &RequestState, now: Moment) -> Result<authorized::Authorized, String> {
    let recorded = Request::recorded(&request.text, &request.assessed.script)
        .ok_or_else(|| "the signed text does not hold this script".to_owned())?;
    let requester = &request.header.requested_by;
    authorized::authorize(&recorded, request.danger, requester, &request.submissions(), &setup.trust, now.time)
        .map_err(|missing| missing.to_string())
}

/// Whether the step's facts, looked at once more, allow the armed step to begin.
pub(super) fn begins(
    setup: &Setup,
    state: &State,
    step: &Step,
    plan: &crate::domain::run::state::Armed,
    snapshot: &Snapshot,
) -> Result<(), String> {
    let assessment = assess(step, setup.world(state), snapshot);
    match plan.request.as_ref().and_then(|id| state.requests.get(id)) {
        Some(request) => still(request, &assessment),
        None if assessment.standing() != Standing::Ready => {
            let mut why: Vec<String> =
                assessment.checks.iter().filter(|c| !c.verdict.holds()).map(super::enter::failed).collect();
            why.extend(assessment.refusals.iter().map(|refusal| refusal.rule.clone()));
            why.extend(assessment.unrendered);
            Err(why.join("; "))
        }
        None if assessment.script.iter().map(crate::domain::script::Command::lines).ne(plan
            .assessed
            .script
            .iter()
            .map(crate::domain::script::Command::lines)) =>
        {
            Err("the facts changed while it was armed".to_owned())
        }
        None => Ok(()),
    }
}
