//! How many sessions wait for locks.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::domain::base::{ServerName, Verdict};
use crate::domain::snapshot::{FactKey, Look, ServerFact, Test};
use crate::domain::vocabulary::{ConditionEntry, World};

/// At most so many sessions wait.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LockWaits {
    pub server: ServerName,
    pub at_most: u64,
}

impl ConditionEntry for LockWaits {
    const NAME: &'static str = "lock_waits";
    const SUMMARY: &'static str = "at most so many sessions wait for locks on the server";
    const EXAMPLE: &'static str = "lock_waits: {server: $primary, at_most: 2}";

    fn check(&self, _world: World<'_>, look: &mut Look<'_>) -> Verdict {
        look.ask(FactKey::server(&self.server, ServerFact::LockWaits), Test::AtMost(self.at_most))
    }

    fn says(&self) -> String {
        format!("at most {} sessions wait on {}", self.at_most, self.server)
    }

    fn lock_waits(&self) -> Option<&ServerName> {
        Some(&self.server)
    }
}
