//! Takes the fence of a detached replica away and lets it follow again. What was held arrives now.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::detach_replica::statement;
use super::resume_replica::{release, resumed, stopped};
use crate::domain::base::{Danger, ServerName};
use crate::domain::script::Command;
use crate::domain::snapshot::fact::NOWHERE;
use crate::domain::snapshot::{FactKey, LinkFact, Look, Patch, Value};
use crate::domain::sql::dialect::{Channel, SourceOption, Threads};
use crate::domain::vocabulary::reading::{channels_of, dialect_of, link_text};
use crate::domain::vocabulary::{ActionEntry, World};

/// Points every detached channel at its old host again and starts it. A channel that is there again and stopped, as an
/// attempt leaves it that was cut off between its statements, is only started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReattachReplica {
    /// The replica.
    pub server: ServerName,
}

impl ActionEntry for ReattachReplica {
    const NAME: &'static str = "reattach_replica";
    const SUMMARY: &'static str = "let a detached replica follow again; what was held for it is applied";
    const EXAMPLE: &'static str = "reattach_replica: {server: $spare}";
    const MAIN: Option<&'static str> = Some("server");
    const DANGER: Danger = Danger::Reversible;

    fn script(&self, _world: World<'_>, look: &mut Look<'_>) -> Result<Vec<Command>, String> {
        let dialect = dialect_of(look, &self.server)?;
        let channels = channels_of(look, &self.server)?;
        let mut commands = Vec::new();
        for channel in &channels {
            let address = link_text(look, &self.server, channel, LinkFact::Address)?;
            let Some(plain) = address.strip_prefix(NOWHERE) else { continue };
            let host = plain.rsplit_once(':').map_or(plain, |(host, _)| host);
            let key = |fact| FactKey::link(&self.server, channel, fact);
            let mut patch = Patch::default();
            patch.set(key(LinkFact::Address), Value::text(plain), look.taken());
            patch.set(key(LinkFact::Fence), Value::text("none"), look.taken());
            let text = dialect.change_source(Channel::Named(channel), &[SourceOption::Host(host)]);
            commands.push(statement(&self.server, text, dialect, Danger::Reversible, patch));
        }
        if !commands.is_empty() {
            // Somebody, or a restart, may have started the threads behind the fence, and a source changes only at rest.
            let stop = dialect.stop_replication(Channel::All, Threads::Both);
            let patch = stopped(look, &self.server, &channels);
            commands.insert(0, statement(&self.server, stop, dialect, Danger::Protective, patch));
        } else if !rests(look, &self.server, &channels)? {
            return Err(format!("{} is not detached", self.server));
        }
        let start = dialect.start_replication(Channel::All, Threads::Both);
        let patch = resumed(look, &self.server, &channels);
        commands.push(release(look, statement(&self.server, start, dialect, Danger::Reversible, patch), &channels));
        Ok(commands)
    }

    fn says(&self) -> String {
        format!("let {} follow again", self.server)
    }

    fn servers(&self) -> Vec<ServerName> {
        vec![self.server.clone()]
    }
}

/// Whether a channel does not run.
fn rests(look: &mut Look<'_>, server: &ServerName, channels: &[String]) -> Result<bool, String> {
    for channel in channels {
        for fact in [LinkFact::Receiver, LinkFact::Applier] {
            if link_text(look, server, channel, fact)? == "stopped" {
                return Ok(true);
            }
        }
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::domain::base::RunId;
    use crate::domain::snapshot::fixture::{Fixture, Replica};

    fn script(link: Replica) -> Result<Vec<String>, String> {
        let fixture = Fixture::new().server("a").replica("b", link).table("d.t", &["a", "b"]);
        let (fleet, snapshot) = (fixture.fleet(), fixture.snapshot());
        let (run, tables) = (RunId::parse("r-1").unwrap(), BTreeSet::new());
        let world = World { fleet: &fleet, run: &run, tables: &tables };
        let action = ReattachReplica { server: "b".parse().unwrap() };
        let commands = action.script(world, &mut Look::at(&snapshot))?;
        Ok(commands.iter().flat_map(Command::lines).collect())
    }

    #[test]
    fn an_attempt_that_was_cut_off_before_the_start_is_only_started() {
        let cut_off = script(Replica::of("a").receiver("stopped").applier("stopped")).unwrap();
        assert!(matches!(&cut_off[..], [start] if start.starts_with("START ")), "{cut_off:?}");
        assert_eq!(script(Replica::of("a").detached()).unwrap().len(), 3);
    }

    #[test]
    fn a_replica_that_follows_is_not_reattached() {
        assert_eq!(script(Replica::of("a")).unwrap_err(), "b is not detached");
    }
}
