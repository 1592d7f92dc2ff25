//! Statements can be kept out of a server's binary log, and nothing else carries them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::both;
use crate::domain::base::{ServerName, Verdict};
use crate::domain::snapshot::{FactKey, Look, ServerFact, Test, Value};
use crate::domain::vocabulary::{ConditionEntry, World};

/// The acting account may set `sql_log_bin`, and the server is in no cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UnloggedPossible {
    pub server: ServerName,
}

impl ConditionEntry for UnloggedPossible {
    const NAME: &'static str = "unlogged_possible";
    const SUMMARY: &'static str = "`sql_log_bin` can be set on the server, and it is in no cluster";
    const EXAMPLE: &'static str = "unlogged_possible: {server: $primary}";
    const MAIN: Option<&'static str> = Some("server");

    fn check(&self, _world: World<'_>, look: &mut Look<'_>) -> Verdict {
        let settable = FactKey::server(&self.server, ServerFact::UnloggedSessions);
        let cluster = FactKey::server(&self.server, ServerFact::Cluster);
        both(look.ask(settable, Test::Is(Value::Flag(true))), look.ask(cluster, Test::Is(Value::text("none"))))
    }

    fn says(&self) -> String {
        format!("{} can execute without logging", self.server)
    }
}
