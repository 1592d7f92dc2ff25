//! Kills the sessions that an earlier step chose, each only while it is still the one that was seen.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::domain::base::{Danger, ServerName};
use crate::domain::reach::Carry;
use crate::domain::script::{Command, Kill, Work};
use crate::domain::snapshot::sessions::{Blocker, Doing, Scope, Session};
use crate::domain::snapshot::{FactKey, Look, Patch, ServerFact, Value};
use crate::domain::sql::Dialect;
use crate::domain::sql::packet::{self, BinlogWriting};
use crate::domain::vocabulary::never::may_be_killed;
use crate::domain::vocabulary::reading::dialect_of;
use crate::domain::vocabulary::{ActionEntry, World};

/// One command for each session. Chosen none, it does nothing and is done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct KillSessions {
    pub server: ServerName,
    #[serde(default)]
    pub how: How,
}

/// What of each session is ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum How {
    /// The statement where it is the whole transaction, else the connection: only that frees what a transaction holds.
    #[default]
    AsNeeded,
    Connection,
}

impl ActionEntry for KillSessions {
    const NAME: &'static str = "kill_sessions";
    const SUMMARY: &'static str = "kill the chosen sessions, each only while it is still the same";
    const EXAMPLE: &'static str = "kill_sessions: {server: $primary}";
    const MAIN: Option<&'static str> = Some("server");
    const DANGER: Danger = Danger::Disruptive;

    fn script(&self, world: World<'_>, look: &mut Look<'_>) -> Result<Vec<Command>, String> {
        let victims = match look.read(FactKey::server(&self.server, ServerFact::Victims)) {
            Ok(Value::Sessions(victims)) => victims,
            Ok(other) => return Err(format!("the chosen sessions of {} are `{other}`", self.server)),
            Err(_) => return Err(format!("no step has chosen sessions of {}: `pick_sessions` first", self.server)),
        };
        if victims.is_empty() {
            return Ok(Vec::new());
        }
        let dialect = dialect_of(look, &self.server)?;
        victims.into_iter().map(|victim| self.command(world, victim, dialect)).collect()
    }

    fn says(&self) -> String {
        format!("kill the chosen sessions on {}", self.server)
    }

    fn servers(&self) -> Vec<ServerName> {
        vec![self.server.clone()]
    }

    fn lock_waits(&self) -> Option<&ServerName> {
        Some(&self.server)
    }
}

impl KillSessions {
    /// The one place where a session becomes a command.
    fn command(&self, world: World<'_>, victim: Blocker, dialect: Dialect) -> Result<Command, String> {
        may_be_killed(&victim.session, world.fleet).map_err(|why| format!("{}: {why}", victim.session))?;
        let how = match self.how {
            How::AsNeeded => needed(&victim.session),
            How::Connection => Kill::Connection,
        };
        let mut patch = Patch::default();
        let waits = FactKey::server(&self.server, ServerFact::LockWaits);
        patch.forget(waits, "what the clients do then cannot be told");
        let session = packet::Session::statement(BinlogWriting::On);
        Ok(Command {
            server: self.server.clone(),
            work: Work::Kill { victim: Box::new(victim), how, session, dialect },
            danger: Danger::Disruptive,
            effects: Vec::new(),
            carry: Carry::Unlogged,
            patch,
        })
    }
}

/// An idle transaction keeps its locks until its connection ends, and so does one that is more than its statement.
fn needed(session: &Session) -> Kill {
    let whole = session.transaction.as_ref().is_some_and(|transaction| transaction.scope == Scope::Statement);
    match session.doing {
        Doing::Statement(_) if whole => Kill::Query,
        Doing::Statement(_) | Doing::Idle { .. } | Doing::Ending { .. } => Kill::Connection,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::domain::base::RunId;
    use crate::domain::snapshot::fixture::Fixture;
    use crate::domain::snapshot::sessions::fixture::{busy, idle};
    use crate::domain::snapshot::sessions::{Part, SessionKind};

    fn script(victims: &[Session]) -> Result<Vec<Command>, String> {
        let blocker = |session: &Session| Blocker { session: session.clone(), behind: 3, part: Part::Root };
        let key = FactKey::server(&"a".parse().unwrap(), ServerFact::Victims);
        let fixture = Fixture::new().server("a").fact(&key, Value::Sessions(victims.iter().map(blocker).collect()));
        let (fleet, snapshot, run) = (fixture.fleet(), fixture.snapshot(), RunId::parse("r-1").unwrap());
        let world = World { fleet: &fleet, run: &run, tables: &BTreeSet::new() };
        let action = KillSessions { server: "a".parse().unwrap(), how: How::AsNeeded };
        action.script(world, &mut Look::at(&snapshot))
    }

    fn first_lines(commands: &[Command]) -> Vec<String> {
        commands.iter().map(|command| command.lines()[0].clone()).collect()
    }

    #[test]
    fn an_idle_transaction_loses_its_connection_and_a_statement_that_is_the_transaction_only_that() {
        let mut alone = busy(8, "UPDATE t SET a = a + 1");
        alone.transaction.as_mut().unwrap().scope = Scope::Statement;
        let commands = script(&[idle(7), alone, busy(9, "SELECT SLEEP(5)")]).unwrap();
        assert_eq!(first_lines(&commands), ["KILL CONNECTION 7", "KILL QUERY 8", "KILL CONNECTION 9"]);
        assert!(commands.iter().all(|command| command.danger == Danger::Disruptive));
    }

    #[test]
    fn whoever_signs_reads_by_what_the_session_is_known_again() {
        let text = script(&[busy(9, "UPDATE t SET a = '\u{202e}'")]).unwrap()[0].lines().join("\n");
        for part in ["app@10.0.0.7:50009", "2026-11-22 03:04:05", "sha256", "\\u{202e}", "waiting behind it when looked at: 3"] {
            assert!(text.contains(part), "{part}: {text}");
        }
    }

    #[test]
    fn nothing_chosen_is_nothing_to_do() {
        assert_eq!(script(&[]), Ok(Vec::new()));
    }

    #[test]
    fn a_replication_thread_becomes_no_command_however_it_was_chosen() {
        for kind in [SessionKind::Replication, SessionKind::Dump, SessionKind::Ours, SessionKind::EventScheduler] {
            let why = script(&[idle(7), Session { kind, ..idle(8) }]).unwrap_err();
            assert!(why.contains("never killed"), "{why}");
        }
    }
}
