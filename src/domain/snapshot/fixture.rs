//! Small modelled fleets for tests and for the simulated servers: healthy by default, with what is asked for broken.

use std::collections::{BTreeMap, BTreeSet};

use super::{About, FactKey, Finding, LinkFact, Method, Position, ServerFact, ServerFacts, Snapshot, TableFact, Value};
use crate::domain::base::{Digest, Known, ServerName, Span, TableName, Timestamp};
use crate::domain::fleet::{Accounts, Contacts, Endpoint, Fleet, Login, Rules, Server};

/// A fleet under construction.
#[derive(Debug, Clone, Default)]
pub struct Fixture {
    servers: BTreeMap<ServerName, ServerFacts>,
    at: i64,
}

/// A replication link under construction.
#[derive(Debug, Clone)]
pub struct Replica {
    channel: String,
    facts: BTreeMap<LinkFact, Value>,
    forgotten: BTreeSet<LinkFact>,
    relays: Option<bool>,
}

impl Replica {
    pub fn of(source: &str) -> Self {
        let text = |t: &str| Value::text(t);
        let facts = BTreeMap::from([
            (LinkFact::Source, text(source)),
            (LinkFact::Fence, text("none")),
            (LinkFact::Receiver, text("running")),
            (LinkFact::Applier, text("running")),
            (LinkFact::Failover, Value::Flag(false)),
            (LinkFact::Delay, Value::Number(0)),
            (LinkFact::Until, text("")),
            (LinkFact::Filters, text("")),
            (LinkFact::Error, text("")),
            (LinkFact::Received, Value::Position(position(10))),
            (LinkFact::Held, Value::Effects(Vec::new())),
            (LinkFact::Address, text(&format!("{source}:3306"))),
        ]);
        Self { channel: String::new(), facts, forgotten: BTreeSet::new(), relays: None }
    }

    #[must_use]
    pub fn channel(mut self, name: &str) -> Self {
        name.clone_into(&mut self.channel);
        self
    }

    #[must_use]
    pub fn applier(self, state: &str) -> Self {
        self.set(LinkFact::Applier, Value::text(state))
    }

    #[must_use]
    pub fn receiver(self, state: &str) -> Self {
        self.set(LinkFact::Receiver, Value::text(state))
    }

    #[must_use]
    pub fn delay(self, secs: u64) -> Self {
        self.set(LinkFact::Delay, Value::Number(secs))
    }

    #[must_use]
    pub fn filters(self, text: &str) -> Self {
        self.set(LinkFact::Filters, Value::text(text))
    }

    #[must_use]
    pub fn until(self, text: &str) -> Self {
        self.set(LinkFact::Until, Value::text(text))
    }

    /// It looks for another source by itself.
    #[must_use]
    pub fn fails_over(self) -> Self {
        self.set(LinkFact::Failover, Value::Flag(true))
    }

    #[must_use]
    pub fn error(self, text: &str) -> Self {
        self.set(LinkFact::Error, Value::text(text))
    }

    #[must_use]
    pub fn detached(self) -> Self {
        let address = match self.facts.get(&LinkFact::Address) {
            Some(Value::Text(address)) => format!("//{address}"),
            _ => "//".to_owned(),
        };
        self.set(LinkFact::Address, Value::Text(address))
            .set(LinkFact::Fence, Value::text("detached"))
            .receiver("stopped")
            .applier("stopped")
    }

    #[must_use]
    pub fn forget(mut self, fact: LinkFact) -> Self {
        self.forgotten.insert(fact);
        self
    }

    /// Whether the replica logs what it applies.
    #[must_use]
    pub fn relays(mut self, relays: bool) -> Self {
        self.relays = Some(relays);
        self
    }

    fn set(mut self, fact: LinkFact, value: Value) -> Self {
        self.facts.insert(fact, value);
        self
    }
}

fn position(seq: u64) -> Position {
    Position::MariaDb(BTreeMap::from([(0, (1, seq))]))
}

fn name(text: &str) -> ServerName {
    ServerName::parse(text).unwrap_or_else(|e| panic!("{e}"))
}

impl Fixture {
    pub fn new() -> Self {
        Self::default()
    }

    fn observed(&self, value: Value) -> Known<Value> {
        Known::Observed { value, at: Timestamp::from_millis(self.at) }
    }

    /// A healthy server that follows nobody.
    #[must_use]
    pub fn server(mut self, server: &str) -> Self {
        let text = |t: &str| Value::text(t);
        let facts = [
            (ServerFact::Identity, text(&format!("mariadb server_id={server}"))),
            (ServerFact::Version, text("mariadb 10.11.19")),
            (ServerFact::BootedAt, Value::Time(Timestamp::from_millis(0))),
            (ServerFact::ReadOnly, text("off")),
            (ServerFact::LogBin, Value::Flag(true)),
            (ServerFact::LogReplicaUpdates, Value::Flag(true)),
            (ServerFact::BinlogFilter, text("")),
            (ServerFact::BinlogFormat, text("row")),
            (ServerFact::Origin, text("server 1, domain 0")),
            (ServerFact::Cluster, text("none")),
            (ServerFact::Position, Value::Position(position(10))),
            (ServerFact::Channels, Value::Names(BTreeSet::new())),
            (ServerFact::UnexplainedReaders, Value::Names(BTreeSet::new())),
            (ServerFact::SemiSync, text("off")),
            (ServerFact::Acknowledges, Value::Flag(false)),
            (ServerFact::UnloggedSessions, Value::Flag(true)),
            (ServerFact::FreeBytes, Value::Number(1 << 40)),
        ];
        let facts = facts.into_iter().map(|(fact, value)| (About::Server(fact), self.observed(value))).collect();
        self.servers.entry(name(server)).or_insert(facts);
        self
    }

    /// A healthy server with one replication link more.
    #[must_use]
    pub fn replica(self, server: &str, link: Replica) -> Self {
        let mut fixture = self.server(server);
        let server = name(server);
        let mut channels: BTreeSet<String> = fixture.channels(&server);
        channels.insert(link.channel.clone());
        fixture = fixture.fact(&FactKey::server(&server, ServerFact::Channels), Value::Names(channels));
        for (fact, value) in link.facts {
            let key = FactKey::link(&server, &link.channel, fact);
            fixture = if link.forgotten.contains(&fact) { fixture.unknown(&key) } else { fixture.fact(&key, value) };
        }
        if let Some(relays) = link.relays {
            fixture = fixture.fact(&FactKey::server(&server, ServerFact::LogReplicaUpdates), Value::Flag(relays));
        }
        fixture
    }

    /// A declared server that did not answer.
    #[must_use]
    pub fn unreachable(mut self, server: &str) -> Self {
        let why = || Known::unknown("it did not answer");
        let facts = BTreeMap::from([
            (About::Server(ServerFact::Identity), why()),
            (About::Server(ServerFact::Channels), why()),
        ]);
        self.servers.insert(name(server), facts);
        self
    }

    #[must_use]
    pub fn reader(self, server: &str, reader: &str) -> Self {
        self.fact(&FactKey::server(&name(server), ServerFact::UnexplainedReaders), Value::names([reader]))
    }

    #[must_use]
    pub fn cluster(self, server: &str, kind: &str) -> Self {
        self.fact(&FactKey::server(&name(server), ServerFact::Cluster), Value::text(kind))
    }

    /// A table on each of `servers`, its rows not proved.
    #[must_use]
    pub fn table(self, table: &str, servers: &[&str]) -> Self {
        let table = TableName::parse(table).unwrap_or_else(|e| panic!("{e}"));
        let all: Vec<ServerName> = self.servers.keys().cloned().collect();
        all.iter().fold(self, |fixture, server| {
            let has = servers.contains(&server.as_str());
            let key = |fact| FactKey::table(server, &table, fact);
            let fixture = fixture.fact(&key(TableFact::Exists), Value::Flag(has));
            if !has {
                return fixture;
            }
            fixture
                .fact(&key(TableFact::Engine), Value::text("InnoDB"))
                .fact(&key(TableFact::Definition), Value::text("0".repeat(64)))
                .fact(&key(TableFact::ObjectId), Value::text(format!("{server}-17")))
                .fact(&key(TableFact::Damage), Value::text(""))
                .fact(&key(TableFact::Indexes), Value::Names(BTreeSet::new()))
                .fact(&key(TableFact::OwnForeignKeys), Value::Names(BTreeSet::new()))
                .fact(&key(TableFact::PointingForeignKeys), Value::Names(BTreeSet::new()))
                .fact(&key(TableFact::Triggers), Value::Names(BTreeSet::new()))
                .fact(&key(TableFact::Bytes), Value::Number(1 << 20))
        })
    }

    /// Damage that the server itself reports.
    #[must_use]
    pub fn damaged(self, server: &str, table: &str) -> Self {
        let key = FactKey::table(&name(server), &table.parse().unwrap_or_else(|e| panic!("{e}")), TableFact::Damage);
        self.fact(&key, Value::text(format!("Table `{table}` is corrupted")))
    }

    /// A finding that proves the copy on `server`, made just now.
    #[must_use]
    pub fn good(self, server: &str, table: &str) -> Self {
        let (server, table) = (name(server), table.parse::<TableName>().unwrap_or_else(|e| panic!("{e}")));
        let finding = Finding {
            method: Method::Check,
            good: true,
            detail: "OK".to_owned(),
            rows: Some(3),
            checksum: None,
            at: Timestamp::from_millis(self.at),
            position: Some(position(10)),
            booted: Some(Timestamp::from_millis(0)),
            definition: Some("0".repeat(64)),
            object_id: Some(format!("{server}-17")),
            step: "check".to_owned(),
        };
        self.fact(&FactKey::table(&server, &table, TableFact::Finding), Value::Finding(finding))
    }

    /// Any single fact.
    #[must_use]
    pub fn fact(mut self, key: &FactKey, value: Value) -> Self {
        let known = self.observed(value);
        self.servers.entry(key.server.clone()).or_default().insert(key.about.clone(), known);
        self
    }

    #[must_use]
    pub fn unknown(mut self, key: &FactKey) -> Self {
        self.servers.entry(key.server.clone()).or_default().insert(key.about.clone(), Known::unknown("not told"));
        self
    }

    pub fn snapshot(&self) -> Snapshot {
        Snapshot::new(Timestamp::from_millis(self.at), self.servers.clone())
    }

    /// The declared side of the same servers.
    pub fn fleet(&self) -> Fleet {
        let server = |name: &ServerName| Server {
            name: name.clone(),
            endpoint: Endpoint::Socket { path: format!("/nowhere/{name}.sock") },
            address: format!("{name}:3306"),
            also: Vec::new(),
            identity: None,
            accept_untested: false,
            free_bytes_command: None,
        };
        let login = Login { defaults_file: None, group: None, user: None, password_command: None };
        Fleet {
            name: "modelled".to_owned(),
            environment: "LAB".to_owned(),
            owner: "dba@example.com".to_owned(),
            servers: self.servers.keys().map(|name| (name.clone(), server(name))).collect(),
            accounts: Accounts { observe: login, act: None },
            rules: Rules { keep_copies: 1, finding_max_age: Span::from_secs(3600) },
            contacts: Contacts::default(),
            consumers: Vec::new(),
            managers: Vec::new(),
            digest: Digest::of(b"modelled"),
        }
    }

    fn channels(&self, server: &ServerName) -> BTreeSet<String> {
        let known = self.servers.get(server).and_then(|facts| facts.get(&About::Server(ServerFact::Channels)));
        match known.and_then(|known| known.value().ok()) {
            Some(Value::Names(names)) => names.clone(),
            _ => BTreeSet::new(),
        }
    }
}
