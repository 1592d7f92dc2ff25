//! Takes a replica out of reach with a fence that stands without us: a source host that nothing resolves.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::resume_replica::stopped;
use crate::domain::base::{Danger, RunId, ServerName, TableName};
use crate::domain::reach::Carry;
use crate::domain::script::{Command, Work};
use crate::domain::snapshot::fact::NOWHERE;
use crate::domain::snapshot::{FactKey, LinkFact, Look, Patch, Test, Value};
use crate::domain::sql::dialect::{Channel, SourceOption, Threads};
use crate::domain::sql::packet::{BinlogWriting, Session};
use crate::domain::vocabulary::reading::{channels_of, dialect_of, link_text};
use crate::domain::vocabulary::{ActionEntry, World};

/// Points every channel of a replica at a host that cannot exist. It survives restarts and somebody's START.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DetachReplica {
    /// The replica.
    pub server: ServerName,
}

impl ActionEntry for DetachReplica {
    const NAME: &'static str = "detach_replica";
    const SUMMARY: &'static str = "take a replica out of reach, so that nothing arrives there, also after a restart";
    const EXAMPLE: &'static str = "detach_replica: {server: $spare}";
    const MAIN: Option<&'static str> = Some("server");
    const DANGER: Danger = Danger::Protective;

    fn script(&self, _world: World<'_>, look: &mut Look<'_>) -> Result<Vec<Command>, String> {
        let dialect = dialect_of(look, &self.server)?;
        let channels = channels_of(look, &self.server)?;
        let stop = dialect.stop_replication(Channel::All, Threads::Both);
        let patch = stopped(look, &self.server, &channels);
        let mut commands = vec![statement(&self.server, stop, dialect, Danger::Protective, patch)];
        for channel in &channels {
            let address = link_text(look, &self.server, channel, LinkFact::Address)?;
            if address.starts_with(NOWHERE) {
                continue;
            }
            let host = address.rsplit_once(':').map_or(address.as_str(), |(host, _)| host);
            let nowhere = format!("{NOWHERE}{host}");
            let key = |fact| FactKey::link(&self.server, channel, fact);
            let mut options = vec![SourceOption::Host(&nowhere)];
            let mut patch = Patch::default();
            // It would take the host that answers nothing for a reason to follow somebody else.
            if look.ask(key(LinkFact::Failover), Test::Is(Value::Flag(true))).holds() {
                options.push(SourceOption::NoFailover);
                patch.set(key(LinkFact::Failover), Value::Flag(false), look.taken());
            }
            let text = dialect.change_source(Channel::Named(channel), &options);
            patch.set(key(LinkFact::Address), Value::text(format!("{NOWHERE}{address}")), look.taken());
            patch.set(key(LinkFact::Fence), Value::text("detached"), look.taken());
            commands.push(statement(&self.server, text, dialect, Danger::Protective, patch));
        }
        Ok(commands)
    }

    fn says(&self) -> String {
        format!("detach {} from what it follows", self.server)
    }

    fn tables(&self, _run: &RunId) -> Vec<TableName> {
        Vec::new()
    }

    fn servers(&self) -> Vec<ServerName> {
        vec![self.server.clone()]
    }
}

/// A statement about replication or settings: never logged, no rows.
pub(super) fn statement(
    server: &ServerName,
    text: String,
    dialect: crate::domain::sql::Dialect,
    danger: Danger,
    patch: Patch,
) -> Command {
    let session = Session::statement(BinlogWriting::On);
    let work = Work::Statement { text, session, dialect };
    Command { server: server.clone(), work, danger, effects: Vec::new(), carry: Carry::Unlogged, patch }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::domain::snapshot::fixture::{Fixture, Replica};

    fn script(link: Replica) -> Vec<String> {
        let version = FactKey::server(&"b".parse().unwrap(), crate::domain::snapshot::ServerFact::Version);
        let fixture = Fixture::new().server("a").replica("b", link).fact(&version, Value::text("mysql 9.7.4"));
        let (fleet, snapshot) = (fixture.fleet(), fixture.snapshot());
        let (run, tables) = (RunId::parse("r-1").unwrap(), BTreeSet::new());
        let world = World { fleet: &fleet, run: &run, tables: &tables };
        let action = DetachReplica { server: "b".parse().unwrap() };
        action.script(world, &mut Look::at(&snapshot)).unwrap().iter().flat_map(Command::lines).collect()
    }

    #[test]
    fn a_replica_that_looks_for_another_source_is_told_not_to() {
        assert!(script(Replica::of("a").fails_over())[1].contains("SOURCE_CONNECTION_AUTO_FAILOVER=0"));
        assert!(!script(Replica::of("a"))[1].contains("FAILOVER"));
    }
}
