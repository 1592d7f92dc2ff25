//! Puts the readings of all servers together: what one server says is checked against what the others say.

use std::collections::{BTreeMap, BTreeSet};

use super::link::{self, Link, Receiver};
use super::readers::{self, Follower};
use super::{Reading, server, table};
use crate::domain::base::{Known, ServerName, TableName};
use crate::domain::fleet::Consumer;
use crate::domain::fleet::Fleet;
use crate::domain::snapshot::{About, LinkFact, ServerFact, ServerFacts, TableFact, Value};

const SERVER_FACTS: [ServerFact; 17] = [
    ServerFact::Identity,
    ServerFact::Version,
    ServerFact::BootedAt,
    ServerFact::ReadOnly,
    ServerFact::LogBin,
    ServerFact::LogReplicaUpdates,
    ServerFact::BinlogFilter,
    ServerFact::BinlogFormat,
    ServerFact::Origin,
    ServerFact::Cluster,
    ServerFact::Position,
    ServerFact::Channels,
    ServerFact::UnexplainedReaders,
    ServerFact::SemiSync,
    ServerFact::Acknowledges,
    ServerFact::UnloggedSessions,
    ServerFact::FreeBytes,
];

const LINK_FACTS: [LinkFact; 12] = [
    LinkFact::Source,
    LinkFact::Address,
    LinkFact::Fence,
    LinkFact::Receiver,
    LinkFact::Applier,
    LinkFact::Failover,
    LinkFact::Delay,
    LinkFact::Until,
    LinkFact::Filters,
    LinkFact::Received,
    LinkFact::Error,
    LinkFact::Held,
];

/// What came of asking one server.
#[derive(Debug, Clone)]
pub enum Outcome {
    Answered(Box<Reading>),
    /// Why not. The channels are those it had when it last answered: their facts are unknown now, not gone.
    Silent {
        why: String,
        channels: BTreeSet<String>,
    },
}

/// What decoding needs besides the answers.
pub struct Surroundings<'a> {
    pub fleet: &'a Fleet,
    pub tables: &'a BTreeSet<TableName>,
    /// Names and addresses that each server's connections may come from.
    pub hosts: &'a BTreeMap<ServerName, BTreeSet<String>>,
}

/// The facts of every server. A server that did not answer has them all, as unknown.
pub fn facts(around: &Surroundings<'_>, outcomes: &BTreeMap<ServerName, Outcome>) -> BTreeMap<ServerName, ServerFacts> {
    let view = View::new(around, outcomes);
    outcomes
        .iter()
        .map(|(name, outcome)| {
            let facts = match outcome {
                Outcome::Answered(reading) => view.of(name, reading),
                Outcome::Silent { why, channels } => silent(why, channels, around.tables),
            };
            (name.clone(), facts)
        })
        .collect()
}

fn silent(why: &str, channels: &BTreeSet<String>, tables: &BTreeSet<TableName>) -> ServerFacts {
    let server = SERVER_FACTS.iter().map(|fact| About::Server(*fact));
    let links = channels
        .iter()
        .flat_map(|channel| LINK_FACTS.iter().map(|fact| About::Link { channel: channel.clone(), fact: *fact }));
    let tables = tables
        .iter()
        .flat_map(|table| TableFact::ALL.iter().map(|fact| About::Table { table: table.clone(), fact: *fact }));
    server.chain(links).chain(tables).map(|about| (about, Known::unknown(why))).collect()
}

/// All readings at once.
struct View<'a> {
    around: &'a Surroundings<'a>,
    readings: BTreeMap<&'a ServerName, &'a Reading>,
    links: BTreeMap<&'a ServerName, Result<Vec<Link<'a>>, String>>,
    silent: BTreeSet<&'a ServerName>,
}

impl<'a> View<'a> {
    fn new(around: &'a Surroundings<'a>, outcomes: &'a BTreeMap<ServerName, Outcome>) -> Self {
        let mut view = Self { around, readings: BTreeMap::new(), links: BTreeMap::new(), silent: BTreeSet::new() };
        for (name, outcome) in outcomes {
            match outcome {
                Outcome::Answered(reading) => {
                    view.readings.insert(name, reading);
                    view.links.insert(name, link::links(reading));
                }
                Outcome::Silent { .. } => drop(view.silent.insert(name)),
            }
        }
        view
    }

    fn of(&self, name: &ServerName, reading: &Reading) -> ServerFacts {
        let mut facts = ServerFacts::new();
        for fact in SERVER_FACTS {
            let value = match fact {
                ServerFact::Identity => self.identity(name, reading),
                ServerFact::Channels => self.channels(name),
                ServerFact::UnexplainedReaders => self.unexplained_readers(name, reading),
                fact => server::value(reading, fact),
            };
            facts.insert(About::Server(fact), reading.known(value));
        }
        for link in self.links.get(name).into_iter().flatten().flatten() {
            for fact in LINK_FACTS {
                let value = if fact == LinkFact::Source { self.source(link) } else { link.value(fact) };
                let about = About::Link { channel: link.channel.to_owned(), fact };
                facts.insert(about, reading.known(value));
            }
        }
        for table in self.around.tables {
            for fact in TableFact::ALL {
                let value = table::value(reading, table, fact);
                facts.insert(About::Table { table: table.clone(), fact }, reading.known(value));
            }
        }
        facts
    }

    /// Two declared servers that prove to be the same are one server declared twice, or one copied with its identity.
    fn identity(&self, name: &ServerName, reading: &Reading) -> Result<Value, String> {
        let mine = server::identity(reading)?;
        let declared = self.around.fleet.server(name).and_then(|server| server.identity.as_ref());
        if let Some(declared) = declared.filter(|declared| **declared != mine) {
            return Err(format!(
                "it proves to be `{mine}`, and fleet.yaml expects `{declared}`: connect to the server itself, or correct the file"
            ));
        }
        let twin = self
            .readings
            .iter()
            .find(|(other, reading)| **other != name && server::identity(reading).as_ref() == Ok(&mine));
        match twin {
            Some((twin, _)) => Err(format!(
                "`{twin}` proves to be the same server ({mine}): correct fleet.yaml, or give the copy an identity of its own"
            )),
            None => Ok(Value::Text(mine)),
        }
    }

    fn channels(&self, name: &ServerName) -> Result<Value, String> {
        match self.links.get(name) {
            Some(Ok(links)) => Ok(Value::names(links.iter().map(|link| link.channel))),
            Some(Err(why)) => Err(why.clone()),
            None => Err("it did not answer".to_owned()),
        }
    }

    /// The fleet's server behind a link's address. While the link is up, that server must also be the one that sends.
    fn source(&self, link: &Link<'_>) -> Result<Value, String> {
        let declared = self.around.fleet.server_at(&link.address).map(|server| &server.name);
        if link.receiver != Receiver::Running {
            return Ok(Value::text(declared.map_or(link.address.as_str(), ServerName::as_str)));
        }
        match (declared, self.sender(link)) {
            (None, Some(sender)) => Ok(Value::text(sender.as_str())),
            (None, None) => Ok(Value::text(link.address.as_str())),
            (Some(name), _) => match self.differs(name, link) {
                None => Ok(Value::text(name.as_str())),
                Some(why) => Err(why),
            },
        }
    }

    /// The server that has the uuid which sends on `link`.
    fn sender(&self, link: &Link<'_>) -> Option<&'a ServerName> {
        let uuid = link.source_uuid?;
        let has = |reading: &Reading| reading.variable("server_uuid") == Ok(uuid);
        self.readings.iter().find(|(_, reading)| has(reading)).map(|(name, _)| *name)
    }

    /// Why what sends on `link` is not the server `name`, if that shows.
    fn differs(&self, name: &ServerName, link: &Link<'_>) -> Option<String> {
        let reading = self.readings.get(name)?;
        let (what, sends, is) = match link.source_uuid {
            Some(uuid) => ("server_uuid", uuid, reading.variable("server_uuid").ok()?),
            None => ("server_id", link.source_id?, reading.variable("server_id").ok()?),
        };
        (sends != is).then(|| {
            format!("it is set to {}, which is `{name}` with {what} {is}, but {what} {sends} sends", link.address)
        })
    }

    fn unexplained_readers(&self, name: &ServerName, reading: &Reading) -> Result<Value, String> {
        let nowhere = BTreeSet::new();
        let mut followers = Vec::new();
        for (replica, links) in &self.links {
            for link in links.as_ref().map(Vec::as_slice).unwrap_or_default() {
                let declared = self.around.fleet.server_at(&link.address).map(|server| &server.name);
                if declared.or_else(|| self.sender(link)) == Some(name) {
                    followers.push(Follower {
                        replica_uuid: self.readings.get(replica).and_then(|own| own.variable("server_uuid").ok()),
                        user: link.user,
                        hosts: self.around.hosts.get(*replica).unwrap_or(&nowhere),
                    });
                }
            }
        }
        let consumers = self.around.fleet.consumers.iter().filter(|consumer| consumer.reads == *name);
        let consumers: Vec<&Consumer> = consumers.collect();
        let left = readers::unexplained(reading, &followers, &consumers)?;
        let mute = self.silent.iter().copied().chain(self.links.iter().filter(|(_, l)| l.is_err()).map(|(n, _)| *n));
        let mute: Vec<&str> = mute.map(ServerName::as_str).collect();
        if !left.is_empty() && !mute.is_empty() {
            let left: Vec<String> = left.into_iter().collect();
            return Err(format!("{} may be replicas of ours, but {} did not tell", left.join(", "), mute.join(", ")));
        }
        Ok(Value::Names(left))
    }
}
