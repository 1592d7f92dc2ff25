//! Looks who blocks whom, for a later step to choose from. Reads only.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::domain::base::{Danger, ServerName};
use crate::domain::reach::Carry;
use crate::domain::script::{Command, Work};
use crate::domain::snapshot::{FactKey, Look, Patch, ServerFact, Value};
use crate::domain::vocabulary::{ActionEntry, World};

/// Lists the sessions that others wait for, each with what it holds up and what killing it would cost.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ListBlockers {
    pub server: ServerName,
}

impl ActionEntry for ListBlockers {
    const NAME: &'static str = "list_blockers";
    const SUMMARY: &'static str = "list the sessions that others wait for, and who waits for nobody";
    const EXAMPLE: &'static str = "list_blockers: {server: $primary}";
    const MAIN: Option<&'static str> = Some("server");
    const DANGER: Danger = Danger::Observe;

    fn script(&self, _world: World<'_>, look: &mut Look<'_>) -> Result<Vec<Command>, String> {
        let mut patch = Patch::default();
        // The list that it will bring is the one of now, as far as anybody can tell beforehand.
        match look.read(FactKey::server(&self.server, ServerFact::LockWaits)) {
            Ok(Value::LockWaits(waits)) => {
                let blockers = FactKey::server(&self.server, ServerFact::Blockers);
                patch.set(blockers, Value::Sessions(waits.blockers()), look.taken());
            }
            Ok(other) => return Err(format!("the lock waits of {} are `{other}`", self.server)),
            Err(why) => return Err(format!("the lock waits of {} are unknown: {why}", self.server)),
        }
        Ok(vec![observing(&self.server, Work::ListBlockers, patch)])
    }

    fn says(&self) -> String {
        format!("list who blocks whom on {}", self.server)
    }

    fn servers(&self) -> Vec<ServerName> {
        vec![self.server.clone()]
    }

    fn lock_waits(&self) -> Option<&ServerName> {
        Some(&self.server)
    }
}

/// A command that only looks at sessions.
pub(super) fn observing(server: &ServerName, work: Work, patch: Patch) -> Command {
    Command {
        server: server.clone(),
        work,
        danger: Danger::Observe,
        effects: Vec::new(),
        carry: Carry::Unlogged,
        patch,
    }
}
