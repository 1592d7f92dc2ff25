//! A running copy's progress becomes an estimate with a range, in the journal, within the first minute.

use super::{Decision, Moment, State};
use crate::domain::base::Span;
use crate::domain::journal::record::Record;
use crate::domain::run::outcome::CopyProgress;
use crate::domain::run::state::Phase;

/// The first estimate needs this long a measurement.
const FIRST: Span = Span::from_secs(1);

/// Loads slow down as indexes grow: the longer end of the range is this many percent of the straight line.
const LONGER_PERCENT: u64 = 150;

pub(super) fn decide(state: &State, progress: &CopyProgress, now: Moment) -> Decision {
    let (Phase::Sending { .. }, Some(expected), Some(step)) = (&state.phase, progress.rows_expected, state.step())
    else {
        return Decision::nothing();
    };
    let running = progress.at.since(state.at_phase);
    let due = match state.estimated {
        None => running >= FIRST,
        // Each estimate stands for as long again as was measured for it, so their number grows slowly.
        Some(last) => progress.at.since(state.at_phase).millis() >= 2 * last.since(state.at_phase).millis(),
    };
    if !due || progress.rows_done == 0 || now.time < progress.at {
        return Decision::nothing();
    }
    let per_second = progress.rows_done.saturating_mul(1000) / running.millis().max(1);
    let left = expected.saturating_sub(progress.rows_done);
    let low = Span::from_millis(left.saturating_mul(1000) / per_second.max(1));
    Decision::record(Record::Estimated {
        step: step.clone(),
        rows_done: progress.rows_done,
        rows_expected: expected,
        rows_per_second: per_second,
        left_low: low,
        left_high: Span::from_millis(low.millis().saturating_mul(LONGER_PERCENT) / 100),
    })
}
