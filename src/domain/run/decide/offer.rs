//! What more a person can choose where a run stops: to go past the step, and to undo what was done before.
//!
//! Both stand behind the choices that every such stop has, so that those keep their numbers.

use super::Setup;
use crate::domain::base::{Danger, StepId};
use crate::domain::journal::record::{Choice, Record, StopReason};
use crate::domain::run::effect::Decision;
use crate::domain::run::state::{Phase, State};
use crate::domain::runbook::{Step, Work};
use crate::domain::vocabulary::{Action, Condition};

pub(super) fn with_offers(setup: &Setup, state: &State, mut decision: Decision) -> Decision {
    for record in &mut decision.records {
        if let Record::Stopped { why, choices } = record {
            let again = choices.contains(&Choice::TryAgain) && is_at_rest(&state.phase);
            let ends = choices[..] == [Choice::Abort];
            // Who is refused by a rule is told another way; going past it is not the answer to that.
            if again && !matches!(why, StopReason::NotGood { .. } | StopReason::Refused) {
                choices.extend(skip(setup, state));
            }
            if again || ends {
                choices.extend(undos(setup, state));
            }
        }
    }
    decision
}

/// Nothing of the step was sent, so that going past it leaves nothing half done.
fn is_at_rest(phase: &Phase) -> bool {
    matches!(
        phase,
        Phase::Entering | Phase::Requested { .. } | Phase::Armed { .. } | Phase::Waiting { .. } | Phase::Undone
    )
}

fn skip(setup: &Setup, state: &State) -> Option<Choice> {
    let step = setup.step(state).filter(|step| !protects(step))?;
    let later = setup.runbook.steps.get(state.cursor + 1..).unwrap_or_default();
    let needed_by = later.iter().filter(|later| needs(later, &step.id)).map(|later| later.id.clone()).collect();
    Some(Choice::SkipStep { step: step.id.clone(), needed_by })
}

/// A step that protects is what the others stand on: who does not want it aborts.
fn protects(step: &Step) -> bool {
    let Work::Act(action) = &step.work else { return false };
    let own = Action::ALL.iter().find(|spec| spec.name == action.name()).map(|spec| spec.danger);
    own == Some(Danger::Protective)
}

fn needs(step: &Step, measured: &StepId) -> bool {
    step.conditions().any(|condition| matches!(condition, Condition::FindingHolds(found) if found.step == *measured))
}

/// What can be undone, the newest first.
pub(super) fn undos(setup: &Setup, state: &State) -> Vec<Choice> {
    if state.undoing.is_some() {
        return Vec::new();
    }
    let done = setup.runbook.steps.iter().take(state.cursor).rev().filter(|step| state.can_be_undone(&step.id));
    done.filter_map(|step| match step.undo.as_ref().map(|undo| &undo.work) {
        Some(Work::Act(action)) => Some(Choice::Undo { step: step.id.clone(), does: action.says() }),
        _ => None,
    })
    .collect()
}
