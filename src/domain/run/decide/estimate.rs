//! A running copy's progress becomes an estimate with a range in the journal, from the first chunk on, and a load that
//! takes longer than its limit is stopped for a person to choose.

use super::{Decision, State, stop};
use crate::domain::base::{Span, StepId};
use crate::domain::journal::record::{Choice, Record, StopReason};
use crate::domain::run::effect::Effect;
use crate::domain::run::outcome::CopyProgress;
use crate::domain::run::state::{Armed, Estimate, Phase};
use crate::domain::script::Work;

/// Loads slow down as indexes grow: the longer end of the range is this many percent of the straight line.
const LONGER_PERCENT: u64 = 150;

/// The first chunks say little about hours. An estimate stops a load only after a tenth of its limit, or after this.
const LONG_ENOUGH: Span = Span::from_secs(60);

/// What can be chosen when a load takes too long.
const TOO_LONG: [Choice; 3] = [Choice::GoOn, Choice::PromoteByHand, Choice::Abort];

pub(super) fn decide(state: &State, progress: &CopyProgress) -> Decision {
    let (Phase::Sending { plan, command, .. }, Some(step)) = (&state.phase, state.step()) else {
        return Decision::nothing();
    };
    let Some(written) = progress.rows_done.checked_sub(progress.rows_before).filter(|rows| *rows > 0) else {
        return Decision::nothing();
    };
    let left = left(state.estimated, progress, written);
    let late = limit(plan, *command).is_some_and(|limit| is_late(progress.took, left.map(|(low, _)| low), limit));
    let stops = late && !state.limit_waived;
    let record = left.filter(|_| stops || is_due(state.estimated, progress));
    let mut decision = Decision::nothing();
    decision.records.extend(record.map(|range| estimated(step, progress, written, range)));
    if stops { decision.and(Effect::StopCopy) } else { decision }
}

/// The record of a stop at the limit.
pub(super) fn stopped(state: &State, plan: &Armed, command: usize) -> Record {
    let Some(limit) = limit(plan, command) else {
        let why = "the load ended early, and nobody asked it to".to_owned();
        return stop(StopReason::Failed { why }, &super::RETRY_OR_ABORT);
    };
    let took = state.estimated.map_or(limit, |estimate| estimate.took);
    let left = state.estimated.map(|estimate| estimate.left_low);
    stop(StopReason::TooLong { took, left, limit }, &TOO_LONG)
}

fn limit(plan: &Armed, command: usize) -> Option<Span> {
    match plan.assessed.script.get(command)?.work {
        Work::Copy { limit, .. } => limit,
        _ => None,
    }
}

/// Each estimate stands for as long again as was measured for it, so their number grows slowly. The whole is measured
/// once more when all rows are there.
fn is_due(last: Option<Estimate>, progress: &CopyProgress) -> bool {
    let Some(last) = last else { return true };
    let whole = progress.rows_expected.is_some_and(|rows| last.rows_done < rows && rows <= progress.rows_done);
    whole || progress.took.millis() >= last.took.millis().saturating_mul(2)
}

fn is_late(took: Span, left_low: Option<Span>, limit: Span) -> bool {
    let tells = took.millis() >= (limit.millis() / 10).min(LONG_ENOUGH.millis());
    took > limit || left_low.is_some_and(|left| tells && took.millis().saturating_add(left.millis()) > limit.millis())
}

/// The range of what is left: the faster and the slower of the rates over the whole and since the last estimate.
fn left(last: Option<Estimate>, progress: &CopyProgress, written: u64) -> Option<(Span, Span)> {
    let rows = progress.rows_expected?.saturating_sub(progress.rows_done);
    let at = |written: u64, took: u64| rows.saturating_mul(took.max(1)) / written.max(1);
    let whole = at(written, progress.took.millis());
    let lately = last.map(|last| {
        (progress.rows_done.saturating_sub(last.rows_done), progress.took.millis().saturating_sub(last.took.millis()))
    });
    let lately = lately.filter(|(rows, took)| *rows > 0 && *took > 0).map_or(whole, |(rows, took)| at(rows, took));
    let high = whole.max(lately).saturating_mul(LONGER_PERCENT) / 100;
    Some((Span::from_millis(whole.min(lately)), Span::from_millis(high)))
}

fn estimated(step: &StepId, progress: &CopyProgress, written: u64, (left_low, left_high): (Span, Span)) -> Record {
    Record::Estimated {
        step: step.clone(),
        rows_done: progress.rows_done,
        rows_expected: progress.rows_expected,
        rows_per_second: written.saturating_mul(1000) / progress.took.millis().max(1),
        took: progress.took,
        left_low,
        left_high,
    }
}
