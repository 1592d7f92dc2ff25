//! What was chosen among sessions, and going back for another round. Bookkeeping only.

use super::{Impossible, Phase, State};
use crate::domain::base::StepId;
use crate::domain::journal::record::Record;
use crate::domain::snapshot::{FactKey, ServerFact, Value};

impl State {
    /// What was chosen is known to the run alone, so it stays what it was when it was chosen.
    pub(super) fn picked(&mut self, record: &Record) -> Phase {
        if let Record::Picked { server, picked, .. } = record {
            self.known.insert(FactKey::server(server, ServerFact::Victims), Value::Sessions(picked.clone()));
        }
        Phase::Settling { plan: None }
    }

    /// Back to an earlier step, never forward.
    pub(super) fn repeated(&mut self, record: &Record) -> Result<Phase, Impossible> {
        let Record::Repeated { step, from, round, .. } = record else { return Err(self.impossible(record)) };
        let earlier = self.opened.steps.iter().position(|id| id == from).filter(|place| *place <= self.cursor);
        let rounds = self.rounds.get(step).copied().unwrap_or(0) + 1;
        let Some(place) = earlier.filter(|_| rounds == *round) else { return Err(self.impossible(record)) };
        // A repetition inside of what is repeated counts anew.
        let inside = |id: &StepId| self.opened.steps[place..self.cursor].contains(id);
        self.rounds.retain(|id, _| !inside(id));
        self.rounds.insert(step.clone(), rounds);
        self.cursor = place;
        self.attempt = 1;
        self.limit_waived = false;
        Ok(Phase::Entering)
    }
}
