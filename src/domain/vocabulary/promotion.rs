//! How a person promotes a replica by hand, as it follows from the facts: the statements in the words of each server,
//! in their order. Nothing of it is ever sent by this program, and what is not known is said, not guessed.

use serde::{Deserialize, Serialize};

use super::action::ReattachReplica;
use super::reading::{channels_of, dialect_of, link_text};
use super::{ActionEntry, World};
use crate::domain::base::{Danger, ServerName, TableName};
use crate::domain::script::{Command, Work};
use crate::domain::snapshot::{FactKey, LinkFact, Look, ServerFact, Value};
use crate::domain::sql::dialect::{Channel, Gtid, SourceOption, Threads};
use crate::domain::sql::quote;

/// How long a person lets the spare catch up before the wait says that it did not.
const CATCH_UP_SECONDS: u32 = 3600;

/// One thing for a person to do, in its order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ByHand {
    pub says: String,
    /// Where the statements are sent, one after the other.
    pub on: Option<ServerName>,
    pub statements: Vec<String>,
}

/// The steps as numbered lines, each with its statements beneath it.
pub fn lines(steps: &[ByHand]) -> Vec<String> {
    let line = |(place, step): (usize, &ByHand)| {
        let on = step.on.as_ref().map(|server| format!("on {server}: ")).unwrap_or_default();
        let head = format!("{}  {on}{}", place + 1, step.says);
        std::iter::once(head).chain(step.statements.iter().map(|text| format!("     {text};"))).collect::<Vec<_>>()
    };
    steps.iter().enumerate().flat_map(line).collect()
}

/// Who takes over from whom, and what an unfinished load leaves behind.
#[derive(Debug, Clone, Copy)]
pub struct Promotion<'a> {
    pub spare: &'a ServerName,
    pub primary: &'a ServerName,
    /// The private table of the load.
    pub left_behind: &'a TableName,
}

impl Promotion<'_> {
    /// The whole way, from closing the old primary to clearing up.
    pub fn steps(&self, world: World<'_>, look: &mut Look<'_>) -> Vec<ByHand> {
        let mut steps = vec![self.close_writes(look)];
        steps.extend(self.catch_up(world, look));
        steps.push(self.take_over(look));
        steps.extend(self.repoint(world, look));
        let address = address(world, self.spare);
        steps.push(told(format!("point the application at {} ({address}) and open it again", self.spare)));
        steps.push(self.clear_up(look));
        steps
    }

    fn close_writes(&self, look: &mut Look<'_>) -> ByHand {
        let primary = self.primary;
        match dialect_of(look, primary) {
            Ok(dialect) if dialect.has_super_read_only() => {
                statements(primary, "let nobody write here any more", vec!["SET GLOBAL super_read_only=1".to_owned()])
            }
            Ok(_) => statements(
                primary,
                "let nobody write here any more; end the sessions of administrators, whom this does not stop",
                vec!["SET GLOBAL read_only=1".to_owned()],
            ),
            Err(why) => told(format!("make sure that nobody can write to {primary} any more: {why}")),
        }
    }

    /// The spare lacks what was written since it was taken out of reach, unless what waits there would take its rows.
    fn catch_up(&self, world: World<'_>, look: &mut Look<'_>) -> Vec<ByHand> {
        let (spare, primary) = (self.spare, self.primary);
        let mut steps = Vec::new();
        match (ReattachReplica { server: spare.clone() }).script(world, look) {
            Ok(script) if script.iter().any(|command| command.danger == Danger::Destructive) => {
                return vec![told(format!(
                    "do not let {spare} catch up: what waits for it would take rows; what {primary} wrote since is lost with it"
                ))];
            }
            Ok(script) => {
                let texts = script.into_iter().filter_map(text).collect();
                steps.push(statements(
                    spare,
                    &format!("let it fetch what {primary} wrote since it was detached"),
                    texts,
                ));
            }
            // It was never taken away from its source, or nobody knows.
            Err(why) => steps.push(told(format!("see that {spare} follows {primary}: {why}"))),
        }
        match (dialect_of(look, spare), look.read(FactKey::server(primary, ServerFact::Position))) {
            (Ok(dialect), Ok(Value::Position(position))) => {
                let ask = format!("SELECT {}", dialect.gtid_executed());
                steps.push(statements(primary, "ask once more how far it has come, now that nobody writes", vec![ask]));
                let wait = dialect.wait_for_gtids(&position.to_string(), CATCH_UP_SECONDS);
                let says =
                    "wait for all of it; where the answer above is another one, wait for that: 0 means it is there";
                steps.push(statements(spare, says, vec![wait]));
            }
            (Err(why), _) | (_, Err(why)) => {
                steps.push(told(format!("see that {spare} has everything that {primary} has: {why}")));
            }
            (Ok(_), Ok(other)) => steps.push(told(format!("the position of {primary} is `{other}`: compare by eye"))),
        }
        steps
    }

    fn take_over(&self, look: &mut Look<'_>) -> ByHand {
        let spare = self.spare;
        let (dialect, channels) = match (dialect_of(look, spare), channels_of(look, spare)) {
            (Ok(dialect), Ok(channels)) => (dialect, channels),
            (Err(why), _) | (_, Err(why)) => {
                return told(format!("stop replication on {spare}, forget its source and make it writable: {why}"));
            }
        };
        let mut texts =
            vec![dialect.show_replica_status().to_owned(), dialect.stop_replication(Channel::All, Threads::Both)];
        texts.extend(channels.iter().map(|channel| dialect.forget_source(Channel::Named(channel))));
        if dialect.has_super_read_only() {
            texts.push("SET GLOBAL super_read_only=0".to_owned());
        }
        texts.push("SET GLOBAL read_only=0".to_owned());
        statements(spare, "keep what the first statement shows, then let it take over", texts)
    }

    /// Everybody else who follows the old primary follows the new one.
    fn repoint(&self, world: World<'_>, look: &mut Look<'_>) -> Vec<ByHand> {
        let others = world.fleet.servers.keys().filter(|name| *name != self.spare && *name != self.primary);
        others.filter_map(|name| self.repointed(world, look, name)).collect()
    }

    fn repointed(&self, world: World<'_>, look: &mut Look<'_>, name: &ServerName) -> Option<ByHand> {
        let follows = match channels_of(look, name) {
            Ok(channels) => channels,
            // It follows nobody, so there is nothing to repoint.
            Err(_) if matches!(look.peek(&FactKey::server(name, ServerFact::Channels)), Ok(Value::Names(_))) => {
                return None;
            }
            Err(why) => {
                return Some(told(format!("see whether {name} follows {} and repoint it: {why}", self.primary)));
            }
        };
        let source = |look: &mut Look<'_>, channel: &str| link_text(look, name, channel, LinkFact::Source);
        let channels: Vec<String> = follows
            .into_iter()
            .filter(|channel| source(look, channel).is_ok_and(|of| of == self.primary.as_str()))
            .collect();
        let dialect = match dialect_of(look, name) {
            _ if channels.is_empty() => return None,
            Ok(dialect) => dialect,
            Err(why) => return Some(told(format!("let {name} follow {}: {why}", self.spare))),
        };
        let address = address(world, self.spare);
        let Some((host, port)) = address.rsplit_once(':').and_then(|(host, port)| Some((host, port.parse().ok()?)))
        else {
            return Some(told(format!("let {name} follow {} ({address})", self.spare)));
        };
        let options = [SourceOption::Host(host), SourceOption::Port(port), SourceOption::Gtid(Gtid::Follow)];
        let texts = channels.iter().flat_map(|channel| {
            let channel = Channel::Named(channel);
            [
                dialect.stop_replication(channel, Threads::Both),
                dialect.change_source(channel, &options),
                dialect.start_replication(channel, Threads::Both),
            ]
        });
        Some(statements(name, &format!("let it follow {}", self.spare), texts.collect()))
    }

    /// The old primary keeps the corrupt table and the rows that were loaded.
    fn clear_up(&self, look: &mut Look<'_>) -> ByHand {
        let (primary, table) = (self.primary, self.left_behind);
        let says = format!("later: build it anew from {}; or, to keep it, drop what was loaded", self.spare);
        let drop = ["SET SESSION sql_log_bin=0".to_owned(), format!("DROP TABLE IF EXISTS {}", quote::table(table))];
        let texts = match dialect_of(look, primary) {
            Err(_) => Vec::new(),
            Ok(dialect) if dialect.has_super_read_only() => {
                let set = |value| format!("SET GLOBAL super_read_only={value}");
                [vec![set(0)], drop.to_vec(), vec![set(1)]].concat()
            }
            Ok(_) => drop.to_vec(),
        };
        statements(primary, &says, texts)
    }
}

fn address(world: World<'_>, server: &ServerName) -> String {
    world.fleet.server(server).map_or_else(|| server.to_string(), |declared| declared.address.clone())
}

fn told(says: String) -> ByHand {
    ByHand { says, on: None, statements: Vec::new() }
}

fn statements(on: &ServerName, says: &str, statements: Vec<String>) -> ByHand {
    ByHand { says: says.to_owned(), on: Some(on.clone()), statements }
}

fn text(command: Command) -> Option<String> {
    match command.work {
        Work::Statement { text, .. } => Some(text),
        _ => None,
    }
}
