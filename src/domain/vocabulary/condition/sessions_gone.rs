//! The sessions that were chosen are not there any more, or not as they were chosen.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::both;
use crate::domain::base::{ServerName, Verdict};
use crate::domain::snapshot::{FactKey, Look, ServerFact, Test, Value};
use crate::domain::vocabulary::{ConditionEntry, World};

/// None of the chosen sessions is there as it was chosen; one that is being rolled back counts as gone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SessionsGone {
    pub server: ServerName,
}

impl ConditionEntry for SessionsGone {
    const NAME: &'static str = "sessions_gone";
    const SUMMARY: &'static str = "no chosen session is there any more as it was chosen";
    const EXAMPLE: &'static str = "sessions_gone: {server: $primary}";
    const MAIN: Option<&'static str> = Some("server");

    fn check(&self, _world: World<'_>, look: &mut Look<'_>) -> Verdict {
        let victims = match look.read(FactKey::server(&self.server, ServerFact::Victims)) {
            Ok(Value::Sessions(victims)) => victims,
            Ok(other) => return Verdict::CannotTell { why: format!("the chosen sessions are `{other}`") },
            Err(why) => return Verdict::CannotTell { why },
        };
        let waits = FactKey::server(&self.server, ServerFact::LockWaits);
        let gone = victims.into_iter().map(|victim| look.ask(waits.clone(), Test::NotAsSeen(Box::new(victim.session))));
        gone.fold(Verdict::Holds, both)
    }

    fn says(&self) -> String {
        format!("no chosen session of {} is there as it was chosen", self.server)
    }

    fn lock_waits(&self) -> Option<&ServerName> {
        Some(&self.server)
    }
}
