//! Replication runs on every channel of a server, without an error.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{both, channels};
use crate::domain::base::{ServerName, Verdict};
use crate::domain::snapshot::{FactKey, LinkFact, Look, Test, Value};
use crate::domain::vocabulary::{ConditionEntry, World};

/// The server receives and applies on every channel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Replicating {
    pub server: ServerName,
}

impl ConditionEntry for Replicating {
    const NAME: &'static str = "replicating";
    const SUMMARY: &'static str = "the server receives and applies on every channel, without an error";
    const EXAMPLE: &'static str = "replicating: {server: $spare}";
    const MAIN: Option<&'static str> = Some("server");

    fn check(&self, _world: World<'_>, look: &mut Look<'_>) -> Verdict {
        let channels = match channels(look, &self.server) {
            Ok(channels) if channels.is_empty() => return Verdict::Fails,
            Ok(channels) => channels,
            Err(verdict) => return verdict,
        };
        let wanted = [(LinkFact::Receiver, "running"), (LinkFact::Applier, "running"), (LinkFact::Error, "")];
        channels.iter().flat_map(|channel| wanted.map(|(fact, text)| (channel, fact, text))).fold(
            Verdict::Holds,
            |so_far, (channel, fact, text)| {
                let key = FactKey::link(&self.server, channel, fact);
                both(so_far, look.ask(key, Test::Is(Value::text(text))))
            },
        )
    }

    fn says(&self) -> String {
        format!("replication runs on {}", self.server)
    }
}
