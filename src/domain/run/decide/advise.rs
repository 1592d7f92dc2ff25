//! Writes down how a person promotes the source of a copy by hand, from a fresh look, and ends the run with it.

use super::Setup;
use crate::domain::journal::record::Record;
use crate::domain::run::effect::{Decision, Effect, Input};
use crate::domain::run::state::{Armed, State};
use crate::domain::script::Work;
use crate::domain::snapshot::Look;
use crate::domain::vocabulary::promotion::Promotion;

pub(super) fn decide(setup: &Setup, state: &State, plan: &Armed, command: usize, input: Input) -> Decision {
    let Some(command) = plan.assessed.script.get(command) else { return Decision::nothing() };
    let (Input::Observed(snapshot), Work::Copy { from, into, .. }) = (input, &command.work) else {
        return Decision::effect(Effect::Observe);
    };
    let snapshot = state.with_known(&snapshot);
    let promotion = Promotion { spare: from, primary: &command.server, left_behind: into };
    let steps = promotion.steps(setup.world(state), &mut Look::at(&snapshot));
    Decision::record(Record::Advised { promote: from.clone(), steps })
}
