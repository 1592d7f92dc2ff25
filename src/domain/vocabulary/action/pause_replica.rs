//! Stops a replica's threads. Anybody can start them again, so this holds statements back and protects nothing.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::detach_replica::statement;
use super::resume_replica::stopped;
use crate::domain::base::{Danger, ServerName};
use crate::domain::script::Command;
use crate::domain::snapshot::Look;
use crate::domain::sql::dialect::{Channel, Threads};
use crate::domain::vocabulary::reading::{channels_of, dialect_of};
use crate::domain::vocabulary::{ActionEntry, World};

/// Stops receiving and applying on every channel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PauseReplica {
    /// The replica.
    pub server: ServerName,
}

impl ActionEntry for PauseReplica {
    const NAME: &'static str = "pause_replica";
    const SUMMARY: &'static str = "stop a replica; statements wait there, and anybody can let them through";
    const EXAMPLE: &'static str = "pause_replica: {server: $spare}";
    const MAIN: Option<&'static str> = Some("server");
    const DANGER: Danger = Danger::Protective;

    fn script(&self, _world: World<'_>, look: &mut Look<'_>) -> Result<Vec<Command>, String> {
        let dialect = dialect_of(look, &self.server)?;
        let channels = channels_of(look, &self.server)?;
        let patch = stopped(look, &self.server, &channels);
        let stop = dialect.stop_replication(Channel::All, Threads::Both);
        Ok(vec![statement(&self.server, stop, dialect, Danger::Protective, patch)])
    }

    fn says(&self) -> String {
        format!("pause replication on {}", self.server)
    }

    fn servers(&self) -> Vec<ServerName> {
        vec![self.server.clone()]
    }
}
