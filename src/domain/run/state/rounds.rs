//! What was chosen among sessions, and going back for another round. Bookkeeping only.

use super::{Impossible, Phase, State};
use crate::domain::base::StepId;
use crate::domain::journal::record::Record;
use crate::domain::snapshot::{FactKey, ServerFact, Value};

impl State {
    pub(super) fn round_record(&mut self, record: &Record, entry: u64) -> Result<Phase, Impossible> {
        match (&self.phase, record) {
            (Phase::Entering, Record::Offered { server, offered, at_most, .. }) => {
                self.since = entry;
                Ok(Phase::Choosing { server: server.clone(), offered: offered.clone(), at_most: *at_most })
            }
            (Phase::Entering, Record::Picked { by: None, .. }) | (Phase::Choosing { .. }, Record::Picked { .. }) => {
                Ok(self.picked(record))
            }
            (Phase::Entering, Record::Skipped { .. }) => Ok(Phase::Settling { plan: None }),
            (Phase::Settling { .. }, Record::Repeated { .. }) => self.repeated(record),
            _ => Err(self.impossible(record)),
        }
    }

    /// What was chosen is known to the run alone, so it stays what it was when it was chosen.
    fn picked(&mut self, record: &Record) -> Phase {
        if let Record::Picked { server, picked, .. } = record {
            self.known.insert(FactKey::server(server, ServerFact::Victims), Value::Sessions(picked.clone()));
        }
        Phase::Settling { plan: None }
    }

    /// Back to an earlier step, never forward.
    fn repeated(&mut self, record: &Record) -> Result<Phase, Impossible> {
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
