//! Starts a paused replica. What it held is applied, so resuming can itself be destructive.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::detach_replica::statement;
use crate::domain::base::{Danger, ServerName};
use crate::domain::reach::Carry;
use crate::domain::reach::predict::made_like;
use crate::domain::script::Command;
use crate::domain::snapshot::{FactKey, LinkFact, Look, Patch, Value};
use crate::domain::sql::dialect::{Channel, Threads};
use crate::domain::vocabulary::reading::{channels_of, dialect_of};
use crate::domain::vocabulary::{ActionEntry, World};

/// Starts receiving and applying on every channel of a paused replica.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ResumeReplica {
    /// The replica.
    pub server: ServerName,
}

impl ActionEntry for ResumeReplica {
    const NAME: &'static str = "resume_replica";
    const SUMMARY: &'static str = "start a paused replica; what it held is applied";
    const EXAMPLE: &'static str = "resume_replica: {server: $spare}";
    const MAIN: Option<&'static str> = Some("server");
    const DANGER: Danger = Danger::Reversible;

    fn script(&self, _world: World<'_>, look: &mut Look<'_>) -> Result<Vec<Command>, String> {
        let dialect = dialect_of(look, &self.server)?;
        let channels = channels_of(look, &self.server)?;
        let start = dialect.start_replication(Channel::All, Threads::Both);
        let patch = resumed(look, &self.server, &channels);
        let command = statement(&self.server, start, dialect, Danger::Reversible, patch);
        Ok(vec![release(look, command, &channels)])
    }

    fn says(&self) -> String {
        format!("resume replication on {}", self.server)
    }

    fn servers(&self) -> Vec<ServerName> {
        vec![self.server.clone()]
    }
}

/// Every channel runs, and nothing is held any more.
pub(super) fn resumed(look: &Look<'_>, server: &ServerName, channels: &[String]) -> Patch {
    let mut patch = Patch::default();
    for channel in channels {
        for fact in [LinkFact::Receiver, LinkFact::Applier] {
            patch.set(FactKey::link(server, channel, fact), Value::text("running"), look.taken());
        }
        patch.set(FactKey::link(server, channel, LinkFact::Held), Value::Effects(Vec::new()), look.taken());
    }
    patch
}

/// No channel receives or applies.
pub(super) fn stopped(look: &Look<'_>, server: &ServerName, channels: &[String]) -> Patch {
    let mut patch = Patch::default();
    for channel in channels {
        for fact in [LinkFact::Receiver, LinkFact::Applier] {
            patch.set(FactKey::link(server, channel, fact), Value::text("stopped"), look.taken());
        }
    }
    patch
}

/// Gives `command` the effects that wait at the replica: starting it executes them there, and its own replicas get
/// them. Not knowing what waits counts as anything.
pub(super) fn release(look: &mut Look<'_>, mut command: Command, channels: &[String]) -> Command {
    use crate::domain::snapshot::{Effect, EffectKind, Object};
    for channel in channels {
        match look.read(FactKey::link(&command.server, channel, LinkFact::Held)) {
            Ok(Value::Effects(held)) => {
                // The source has executed what waits here, so what it made there shows what will be made here.
                if let Ok(Value::Text(source)) = look.peek(&FactKey::link(&command.server, channel, LinkFact::Source))
                    && let Ok(source) = source.parse()
                {
                    command.patch.merge(made_like(look, &source, &command.server, &held));
                }
                command.effects.extend(held);
            }
            Ok(_) | Err(_) => command.effects.push(Effect { object: Object::Server, kind: EffectKind::Anything }),
        }
    }
    if !command.effects.is_empty() {
        command.carry = Carry::Logged;
    }
    if command.effects.iter().any(|effect| effect.kind.may_lose_rows()) {
        command.danger = Danger::Destructive;
    }
    command
}
