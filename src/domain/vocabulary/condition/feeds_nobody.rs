//! No server of the fleet follows this one, and nobody unexplained reads its binary log.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{both, channels};
use crate::domain::base::{ServerName, Verdict};
use crate::domain::snapshot::{FactKey, LinkFact, Look, ServerFact, Test, Value};
use crate::domain::vocabulary::{ConditionEntry, World};

/// The server has no replicas.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FeedsNobody {
    pub server: ServerName,
}

impl ConditionEntry for FeedsNobody {
    const NAME: &'static str = "feeds_nobody";
    const SUMMARY: &'static str = "no server follows this one";
    const EXAMPLE: &'static str = "feeds_nobody: {server: $spare}";
    const MAIN: Option<&'static str> = Some("server");

    fn check(&self, world: World<'_>, look: &mut Look<'_>) -> Verdict {
        let readers = FactKey::server(&self.server, ServerFact::UnexplainedReaders);
        let mut verdict = look.ask(readers, Test::Is(Value::Names(std::collections::BTreeSet::new())));
        for other in world.fleet.servers.keys().filter(|other| **other != self.server) {
            let channels = match channels(look, other) {
                Ok(channels) => channels,
                Err(unknown) => return both(verdict, unknown),
            };
            for channel in channels {
                let source = FactKey::link(other, &channel, LinkFact::Source);
                verdict = both(verdict, look.ask(source, Test::IsNot(Value::text(self.server.as_str()))));
            }
        }
        verdict
    }

    fn says(&self) -> String {
        format!("nobody follows {}", self.server)
    }
}
