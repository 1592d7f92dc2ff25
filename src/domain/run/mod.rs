//! One execution of a runbook: what was recorded, the state that folds from it, and what to do next.

pub mod compare;
pub mod decide;
pub mod effect;
pub mod outcome;
pub mod state;
pub mod waits;

pub use outcome::{Connection, ConnectionState, CopyProgress, Measured, Outcome};

use self::state::State;
use super::runbook::{Runbook, Step};

/// What the run is doing of its runbook: the step at the cursor, or what undoes it. The runbook is the one whose steps
/// the journal names, checked when a run is opened.
pub fn step_now<'a>(runbook: &'a Runbook, state: &State) -> Option<&'a Step> {
    let step = runbook.steps.get(state.cursor)?;
    if state.undoing.is_some() { step.undo.as_deref() } else { Some(step) }
}
