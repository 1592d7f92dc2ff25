//! The simulated servers together: links that carry binary logs, connections, statements that take their time.
//!
//! Everything that happens has a time; [`SimulatedFleet::advance`] makes it happen in order. What was sent is kept as
//! a general log, and what became of it as the truth that the audit compares records with.

mod outsiders;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::server::{Change, DAMAGED, Event, PART, RIGHT, Server, about};
use crate::domain::base::{Known, ServerName, Span, TableName, Timestamp};
use crate::domain::fleet::Fleet;
use crate::domain::reach::Carry;
use crate::domain::script::{Command, Work};
use crate::domain::snapshot::{
    About, Effect, EffectKind, Finding, LinkFact, Method, Object, ServerFact, ServerFacts, Snapshot, TableFact, Value,
};

/// How long an event is on its way to a replica.
const ON_THE_WAY: Span = Span::from_millis(40);

/// When everything that any link lets through has arrived.
const AT_LAST: Span = Span::from_secs(1_000_000);

/// How many chunks a copy has.
pub const CHUNKS: u64 = 4;
/// How many rows stand for one chunk.
pub const CHUNK_ROWS: u64 = 250;

/// A statement that reached a server, or should have.
#[derive(Debug, Clone)]
pub struct Sent {
    pub connection: u64,
    pub command: Command,
    pub fate: Fate,
}

/// What became of a statement, as only the server knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// It never arrived.
    Lost,
    Running,
    Applied,
    /// The server gave it up or refused it.
    NotApplied(u16, String),
}

/// What happens to a running statement when its client goes away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Abandoned {
    /// It goes on to its end.
    GoesOn,
    /// The server notices and gives it up.
    GivenUp,
}

#[derive(Debug, Clone)]
struct Connection {
    server: ServerName,
    process: u64,
    /// The statement it executes and when that is over.
    running: Option<(usize, Timestamp, Abandoned)>,
}

/// See the module's description. Clones are the same servers.
#[derive(Debug, Clone)]
pub struct SimulatedFleet {
    model: Arc<Mutex<Model>>,
}

/// The servers as one value.
#[derive(Debug, Clone)]
pub(super) struct Model {
    pub(super) servers: BTreeMap<ServerName, Server>,
    declared: Fleet,
    connections: BTreeMap<u64, Connection>,
    opened: u64,
    pub(super) sent: Vec<Sent>,
    /// The fewest complete good copies there ever were, under any name.
    fewest: Option<usize>,
}

impl SimulatedFleet {
    /// Servers that are as `snapshot` says.
    pub fn new(declared: &Fleet, snapshot: &Snapshot) -> Self {
        let servers = snapshot
            .servers()
            .filter_map(|name| Some((name.clone(), Server::of(name, snapshot.server(name)?))))
            .collect();
        let mut model = Model {
            servers,
            declared: declared.clone(),
            connections: BTreeMap::new(),
            opened: 0,
            sent: Vec::new(),
            fewest: None,
        };
        model.count_copies();
        Self { model: Arc::new(Mutex::new(model)) }
    }

    /// A panic elsewhere is a failed simulation; the values are whole either way.
    pub(super) fn model(&self) -> MutexGuard<'_, Model> {
        self.model.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes everything happen that is due at `now`.
    pub fn advance(&self, now: Timestamp) {
        self.model().advance(now);
    }

    /// What an observer sees of the servers and of `tables`, stamped with the observer's clock.
    pub fn snapshot(&self, tables: &BTreeSet<TableName>, stamped: Timestamp) -> Snapshot {
        let model = self.model();
        let servers = model.servers.iter().map(|(name, server)| (name.clone(), seen(server, tables, stamped)));
        Snapshot::new(stamped, servers.collect())
    }

    /// The statements that were sent, in order, with what became of them.
    pub fn general_log(&self) -> Vec<Sent> {
        self.model().sent.clone()
    }

    /// The fewest complete copies with the right rows, under any name, that there were at any moment.
    pub fn fewest_copies(&self) -> usize {
        self.model().fewest.unwrap_or_default()
    }

    /// How many servers have the right rows of `table` under its own name.
    pub fn good_copies(&self, table: &TableName) -> usize {
        self.model().good_copies(table)
    }

    /// How many complete copies with the right rows there are, under any name but the private ones of a run: the rule of
    /// copies does not count on what a run is only loading.
    pub fn copies(&self) -> usize {
        self.model().public_copies()
    }

    /// How many there would be once `command` was executed and everything on its way had arrived.
    pub fn copies_after(&self, command: &Command, now: Timestamp) -> usize {
        let mut model = self.model().imagined();
        if model.execute(command, now).is_ok() {
            model.flow(now.plus(AT_LAST));
        }
        model.public_copies()
    }

    /// Whether nobody has an open connection for acting.
    pub fn quiet(&self) -> bool {
        self.model().connections.is_empty()
    }
}

/// What the observing account can see. What waits at a link is not among it.
fn seen(server: &Server, tables: &BTreeSet<TableName>, at: Timestamp) -> ServerFacts {
    if server.dark {
        let facts = [ServerFact::Identity, ServerFact::Channels];
        return facts.map(|fact| (About::Server(fact), Known::unknown("it did not answer"))).into_iter().collect();
    }
    let asked = |about: &About| match about {
        About::Table { table, .. } => tables.contains(table),
        _ => true,
    };
    let stamp = |known: &Known<Value>| match known {
        Known::Observed { value, .. } => Known::Observed { value: value.clone(), at },
        Known::Unknown { why } => Known::unknown(why.clone()),
    };
    let mut facts: ServerFacts =
        server.facts.iter().filter(|(key, _)| asked(key)).map(|(key, known)| (key.clone(), stamp(known))).collect();
    for table in tables {
        let absent = Known::Observed { value: Value::Flag(false), at };
        facts.entry(about(table, TableFact::Exists)).or_insert(absent);
        // As an observer says it of a table that is not there; what is there has all of these.
        for fact in TableFact::ALL {
            let measurable = fact == TableFact::Finding && server.has(table);
            let why =
                if measurable { "no measurement of its rows is recorded" } else { "the table does not exist here" };
            facts.entry(about(table, fact)).or_insert_with(|| Known::unknown(why));
        }
    }
    for channel in server.channels() {
        let none = Known::Observed { value: Value::Effects(Vec::new()), at };
        facts.insert(About::Link { channel, fact: LinkFact::Held }, none);
    }
    facts
}

/// Connections and statements.
impl Model {
    /// Opens a connection for acting, or says why the server refuses.
    pub(super) fn connect(&mut self, server: &ServerName, identity: &str, process: u64) -> Result<u64, String> {
        let Some(found) = self.servers.get(server).filter(|found| !found.dark) else {
            return Err(format!("{server} does not answer"));
        };
        let proved = found.text(&About::Server(ServerFact::Identity)).unwrap_or_default();
        if proved != identity {
            return Err(format!("{server} is `{proved}`, expected `{identity}`"));
        }
        if let Some((id, _)) = self.connections.iter().find(|(_, open)| open.server == *server) {
            return Err(format!("connection {id} holds the lock on {server}"));
        }
        self.opened += 1;
        let connection = Connection { server: server.clone(), process, running: None };
        self.connections.insert(self.opened, connection);
        Ok(self.opened)
    }

    pub(super) fn booted(&self, server: &ServerName) -> Option<Timestamp> {
        match self.servers.get(server)?.value(&About::Server(ServerFact::BootedAt)) {
            Some(Value::Time(booted)) => Some(*booted),
            _ => None,
        }
    }

    /// A statement arrives on a connection and is executed until `until`.
    pub(super) fn begin(&mut self, connection: u64, command: &Command, until: Timestamp, abandoned: Abandoned) -> bool {
        let Some(open) = self.connections.get_mut(&connection) else { return false };
        open.running = Some((self.sent.len(), until, abandoned));
        self.sent.push(Sent { connection, command: command.clone(), fate: Fate::Running });
        true
    }

    /// A statement that never arrived.
    pub(super) fn lose(&mut self, connection: u64, command: &Command) {
        self.sent.push(Sent { connection, command: command.clone(), fate: Fate::Lost });
        self.connections.remove(&connection);
    }

    /// The client's side of a connection is gone. What runs goes on or is given up, as was decided for it.
    pub(super) fn hang_up(&mut self, connection: u64) {
        let running = self.connections.get(&connection).and_then(|open| open.running);
        match running {
            Some((_, _, Abandoned::GoesOn)) => {}
            Some((sent, ..)) => {
                self.sent[sent].fate = Fate::NotApplied(0, "its client went away".to_owned());
                self.connections.remove(&connection);
            }
            None => {
                self.connections.remove(&connection);
            }
        }
    }

    /// The connection is ended, and what ran on it is undone; false if it is gone already.
    pub(super) fn kill(&mut self, connection: u64) -> bool {
        let Some(open) = self.connections.remove(&connection) else { return false };
        if let Some((sent, ..)) = open.running {
            self.sent[sent].fate = Fate::NotApplied(1317, "query execution was interrupted".to_owned());
        }
        true
    }

    /// Everything that a process had open is hung up.
    pub(super) fn process_died(&mut self, process: u64) {
        let own: Vec<u64> =
            self.connections.iter().filter(|(_, open)| open.process == process).map(|(id, _)| *id).collect();
        for id in own {
            self.hang_up(id);
        }
    }

    /// What a connection does: `None` if it is gone.
    pub(super) fn doing(&self, connection: u64) -> Option<String> {
        let open = self.connections.get(&connection)?;
        Some(open.running.map_or_else(|| "idle".to_owned(), |(sent, ..)| self.sent[sent].command.lines().join(" ")))
    }

    /// What became of the newest statement of a connection.
    pub(super) fn fate(&self, connection: u64) -> Option<Fate> {
        self.sent.iter().rev().find(|sent| sent.connection == connection).map(|sent| sent.fate.clone())
    }
}

/// Time passes.
impl Model {
    pub(super) fn advance(&mut self, now: Timestamp) {
        loop {
            let due = self.connections.iter().filter_map(|(id, open)| open.running.map(|run| (run.1, *id)));
            let Some((at, id)) = due.filter(|(at, _)| *at <= now).min() else { break };
            self.flow(at);
            let running = self.connections.get_mut(&id).and_then(|open| open.running.take());
            let Some((sent, ..)) = running else { break };
            let command = self.sent[sent].command.clone();
            self.sent[sent].fate = match self.execute(&command, at) {
                Ok(()) => Fate::Applied,
                Err((code, why)) => Fate::NotApplied(code, why),
            };
            self.count_copies();
        }
        self.flow(now);
    }

    /// Carries what has arrived over every link that lets it pass, until nothing moves.
    pub(super) fn flow(&mut self, now: Timestamp) {
        while let Some((replica, channel, event)) = self.next_event(now) {
            if let Some(server) = self.servers.get_mut(&replica) {
                server.replay(&channel, &event, now);
                if server.link(&channel, LinkFact::Error).is_some_and(|error| error.is_empty()) {
                    *server.read.entry(channel).or_insert(0) += 1;
                }
            }
            self.count_copies();
        }
    }

    fn next_event(&self, now: Timestamp) -> Option<(ServerName, String, Event)> {
        self.servers.values().find_map(|replica| {
            replica.channels().into_iter().filter(|channel| replica.flows(channel)).find_map(|channel| {
                let source = replica.link(&channel, LinkFact::Source)?;
                let source = self.servers.values().find(|server| server.name.as_str() == source)?;
                let event = source.log.get(replica.read.get(&channel).copied().unwrap_or(0))?;
                let way = Span::from_millis(ON_THE_WAY.millis() + replica.delay_millis(&channel));
                (event.at.plus(way) <= now).then(|| (replica.name.clone(), channel, event.clone()))
            })
        })
    }

    /// A transaction of the application on every server that follows nobody. It touches other tables.
    pub(super) fn application_writes(&mut self, now: Timestamp) {
        for server in self.servers.values_mut().filter(|server| server.channels().is_empty()) {
            server.write(Vec::new(), now);
        }
    }

    fn good_copies(&self, table: &TableName) -> usize {
        self.servers.values().filter(|server| server.rows.get(table) == Some(&RIGHT)).count()
    }

    fn public_copies(&self) -> usize {
        let rows = self.servers.values().flat_map(|server| &server.rows);
        rows.filter(|(table, rows)| **rows == RIGHT && !table.name().contains("_cs_")).count()
    }

    fn copies(&self) -> usize {
        self.servers.values().flat_map(|server| server.rows.values()).filter(|rows| **rows == RIGHT).count()
    }

    fn count_copies(&mut self) {
        let good = self.copies();
        self.fewest = Some(self.fewest.map_or(good, |fewest| fewest.min(good)));
    }
}

/// What a statement does where it is sent.
impl Model {
    pub(super) fn execute(&mut self, command: &Command, at: Timestamp) -> Result<(), (u16, String)> {
        if let Work::Kill { victim, .. } = &command.work {
            return self.kill_session(&command.server, victim, at);
        }
        let links = command.patch.changes().any(|(key, _)| matches!(key.about, About::Link { .. }));
        if links {
            self.execute_replication(command, at);
            return Ok(());
        }
        let Some(server) = self.servers.get_mut(&command.server) else { return Err((2003, "no server".to_owned())) };
        let changes: Vec<Change> =
            command.effects.iter().map(|effect| Change { effect: effect.clone(), rows: None, like: None }).collect();
        for change in &changes {
            if let (Object::Table(table), EffectKind::Dropped) = (&change.effect.object, &change.effect.kind)
                && !server.has(table)
            {
                return Err((1051, format!("Unknown table '{table}'")));
            }
            if let (Object::Table(table), EffectKind::Created) = (&change.effect.object, &change.effect.kind)
                && server.has(table)
            {
                return Err((1050, format!("Table '{table}' already exists")));
            }
            server.execute(change, at).map_err(|why| (1050, why))?;
        }
        if command.carry == Carry::Logged {
            server.write(changes, at);
        }
        Ok(())
    }

    /// STOP, START and CHANGE. What a START lets through comes over the link by itself.
    fn execute_replication(&mut self, command: &Command, at: Timestamp) {
        let Some(server) = self.servers.get_mut(&command.server) else { return };
        let changes = command.patch.changes().filter_map(|(key, known)| match (&key.about, known.value()) {
            (About::Link { channel, fact }, Ok(value)) if *fact != LinkFact::Held => Some((channel, *fact, value)),
            _ => None,
        });
        for (channel, fact, value) in changes {
            let connecting = server.fenced(channel) && fact == LinkFact::Receiver && *value == Value::text("running");
            let value = if connecting { Value::text("connecting") } else { value.clone() };
            server.set_link(channel, fact, value, at);
        }
        self.flow(at);
    }

    /// Copies one more chunk; `Ok(true)` when the copy is complete. A new client goes on behind the last chunk.
    pub(super) fn copy_chunk(&mut self, command: &Command, at: Timestamp) -> Result<bool, (u16, String)> {
        let Work::Copy { from, table, into, .. } = &command.work else { return Ok(true) };
        let rows = self.servers.get(from).and_then(|server| server.rows.get(table)).copied();
        let like = self.servers.get(from).and_then(|server| server.made(table));
        let Some(rows) = rows.filter(|rows| *rows != DAMAGED) else {
            return Err((1146, format!("{table} on {from} cannot be read")));
        };
        let Some(server) = self.servers.get_mut(&command.server) else { return Err((2003, "no server".to_owned())) };
        let effect = |kind| Effect { object: Object::Table(into.clone()), kind };
        let done = server.rows.get(into).copied();
        let change = match done {
            None => Change { effect: effect(EffectKind::Created), rows: Some(PART), like },
            Some(done) if !(PART..PART + CHUNKS).contains(&done) => return Ok(true),
            Some(done) if done + 1 == PART + CHUNKS => {
                Change { effect: effect(EffectKind::RowsChanged), rows: Some(rows), like: None }
            }
            Some(done) => Change { effect: effect(EffectKind::RowsChanged), rows: Some(done + 1), like: None },
        };
        let complete = change.rows == Some(rows);
        server.execute(&change, at).map_err(|why| (1050, why))?;
        if command.carry == Carry::Logged {
            server.write(vec![change], at);
        }
        self.count_copies();
        Ok(complete)
    }

    /// How many rows the private table of a copy has by now.
    pub(super) fn copied_rows(&self, command: &Command) -> u64 {
        let Work::Copy { into, .. } = &command.work else { return 0 };
        match self.servers.get(&command.server).and_then(|server| server.rows.get(into)) {
            None => 0,
            Some(part) if (PART..PART + CHUNKS).contains(part) => (part - PART + 1) * CHUNK_ROWS,
            Some(_) => (CHUNKS + 1) * CHUNK_ROWS,
        }
    }

    /// What a check of one copy finds, bound to what it was found on.
    pub(super) fn finding(&self, server: &ServerName, table: &TableName, what: &Finding) -> Option<Finding> {
        let found = self.servers.get(server).filter(|found| !found.dark)?;
        let rows = found.rows.get(table).copied();
        let text = |fact| found.text(&about(table, fact));
        Some(Finding {
            good: what.good && rows.is_some_and(|rows| rows != DAMAGED),
            rows: rows.map(|rows| 1000 + rows),
            checksum: (what.method == Method::Compare).then(|| format!("{rows:?}")),
            position: found.position(),
            booted: self.booted(server),
            definition: text(TableFact::Definition),
            object_id: text(TableFact::ObjectId),
            ..what.clone()
        })
    }

    /// Whether all copies have the same rows.
    pub(super) fn equal(&self, copies: &[(ServerName, TableName)]) -> bool {
        let rows: BTreeSet<Option<u64>> = copies
            .iter()
            .map(|(server, table)| self.servers.get(server).and_then(|server| server.rows.get(table)).copied())
            .collect();
        rows.len() == 1 && !rows.contains(&None)
    }

    /// The servers that follow another one.
    pub(super) fn replicas(&self) -> Vec<ServerName> {
        self.servers.values().filter(|server| !server.channels().is_empty()).map(|server| server.name.clone()).collect()
    }

    pub(super) fn names(&self) -> Vec<ServerName> {
        self.declared.servers.keys().cloned().collect()
    }
}
