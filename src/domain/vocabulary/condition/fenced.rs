//! Nothing arrives at a server, whoever starts what.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{both, channels};
use crate::domain::base::{ServerName, Verdict};
use crate::domain::snapshot::{FactKey, LinkFact, Look, Test, Value};
use crate::domain::vocabulary::{ConditionEntry, World};

/// Every replication channel of the server is detached.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Fenced {
    pub server: ServerName,
}

impl ConditionEntry for Fenced {
    const NAME: &'static str = "fenced";
    const SUMMARY: &'static str = "a fence stands in every replication channel of the server";
    const EXAMPLE: &'static str = "fenced: {server: $spare}";
    const MAIN: Option<&'static str> = Some("server");

    fn check(&self, _world: World<'_>, look: &mut Look<'_>) -> Verdict {
        let channels = match channels(look, &self.server) {
            Ok(channels) if channels.is_empty() => return Verdict::Fails,
            Ok(channels) => channels,
            Err(verdict) => return verdict,
        };
        channels.iter().fold(Verdict::Holds, |so_far, channel| {
            let key = |fact| FactKey::link(&self.server, channel, fact);
            let fence = look.ask(key(LinkFact::Fence), Test::Is(Value::text("detached")));
            let stays = look.ask(key(LinkFact::Failover), Test::Is(Value::Flag(false)));
            both(so_far, both(fence, stays))
        })
    }

    fn says(&self) -> String {
        format!("{} is fenced: nothing arrives there", self.server)
    }
}
