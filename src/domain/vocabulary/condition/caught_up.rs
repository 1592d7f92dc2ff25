//! A replica has executed all that its source had when the question was asked.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::domain::base::{ServerName, Verdict};
use crate::domain::snapshot::{FactKey, Look, ServerFact, Test, Value};
use crate::domain::vocabulary::{ConditionEntry, World};

/// The replica's position contains the source's. Seconds of lag are never asked: they are no proof.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CaughtUp {
    pub server: ServerName,
    /// The server it follows, directly or not.
    pub with: ServerName,
}

impl ConditionEntry for CaughtUp {
    const NAME: &'static str = "caught_up";
    const SUMMARY: &'static str = "the replica has executed everything its source had when the question was asked";
    const EXAMPLE: &'static str = "caught_up: {server: $spare, with: $primary}";

    fn check(&self, _world: World<'_>, look: &mut Look<'_>) -> Verdict {
        match look.read(FactKey::server(&self.with, ServerFact::Position)) {
            Ok(Value::Position(target)) => {
                look.ask(FactKey::server(&self.server, ServerFact::Position), Test::Contains(target))
            }
            Ok(other) => Verdict::CannotTell { why: format!("the position of {} is `{other}`", self.with) },
            Err(why) => Verdict::CannotTell { why },
        }
    }

    fn says(&self) -> String {
        format!("{} has all that {} had", self.server, self.with)
    }
}
