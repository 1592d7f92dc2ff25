//! A server follows another one directly.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::channels;
use crate::domain::base::{ServerName, Verdict};
use crate::domain::snapshot::{FactKey, LinkFact, Look, Value};
use crate::domain::vocabulary::{ConditionEntry, World};

/// The server has exactly one channel, and it follows the source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReplicaOf {
    pub server: ServerName,
    pub source: ServerName,
}

impl ConditionEntry for ReplicaOf {
    const NAME: &'static str = "replica_of";
    const SUMMARY: &'static str = "the server follows the source directly, and nobody else";
    const EXAMPLE: &'static str = "replica_of: {server: $spare, source: $primary}";

    fn check(&self, _world: World<'_>, look: &mut Look<'_>) -> Verdict {
        let channels = match channels(look, &self.server) {
            Ok(channels) => channels,
            Err(verdict) => return verdict,
        };
        let [channel] = channels.as_slice() else { return Verdict::Fails };
        match look.read(FactKey::link(&self.server, channel, LinkFact::Source)) {
            Ok(Value::Text(source)) => (source == self.source.as_str()).into(),
            Ok(other) => Verdict::CannotTell { why: format!("its source is `{other}`") },
            Err(why) => Verdict::CannotTell { why },
        }
    }

    fn says(&self) -> String {
        format!("{} follows {}", self.server, self.source)
    }
}
