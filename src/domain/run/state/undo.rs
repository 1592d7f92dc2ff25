//! Going past a step, and back to an earlier one to undo it. Bookkeeping only: whether either is offered is decided
//! elsewhere.

use super::{Phase, State};
use crate::domain::base::StepId;

impl State {
    /// Goes past the step at the cursor, or leaves its undoing.
    pub(super) fn skipped(&mut self) -> Phase {
        if let Some(back) = self.undoing {
            return self.back_from_undoing(back);
        }
        let step = self.step().cloned();
        let phase = self.step_done();
        self.skipped.extend(step);
        phase
    }

    /// Goes back to a step that is done, to undo it; `None` if it cannot be one.
    pub(super) fn undo(&mut self, step: &StepId) -> Option<Phase> {
        let place = self.opened.steps.iter().position(|other| other == step)?;
        if self.undoing.is_some() || place >= self.cursor || !self.can_be_undone(step) {
            return None;
        }
        self.undoing = Some(self.cursor);
        self.cursor = place;
        self.attempt += 1;
        Some(Phase::Entering)
    }

    /// Whether a step behind the cursor was done and stands.
    pub fn can_be_undone(&self, step: &StepId) -> bool {
        !self.skipped.contains(step) && !self.undone.contains(step)
    }

    pub(super) fn back_from_undoing(&mut self, back: usize) -> Phase {
        self.undoing = None;
        self.cursor = back;
        self.attempt += 1;
        Phase::Undone
    }
}
