//! One simulated server: its facts, its rows, its binary log, and what a statement does to them.
//!
//! It is a model of its own: it knows nothing of reach or prediction, so the two can be compared with it.

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::base::{Digest, Known, ServerName, TableName, Timestamp};
use crate::domain::snapshot::{
    About, Effect, EffectKind, LinkFact, Object, Position, ServerFact, ServerFacts, TableFact, Value,
};

/// The rows of the table as they should be. Any other number is other rows.
pub(super) const RIGHT: u64 = 1;
/// Rows that a damage has made unreadable.
pub(super) const DAMAGED: u64 = 0;
/// A copy that is not complete: this, and the number of its chunks.
pub(super) const PART: u64 = 100;

/// An entry of a binary log.
#[derive(Debug, Clone)]
pub(super) struct Event {
    pub(super) at: Timestamp,
    pub(super) position: Option<Position>,
    pub(super) changes: Vec<Change>,
}

/// One effect with the rows that it leaves, where they are its own.
#[derive(Debug, Clone)]
pub(super) struct Change {
    pub(super) effect: Effect,
    pub(super) rows: Option<u64>,
    /// What a table is made like, where it is like another.
    pub(super) like: Option<Made>,
}

/// What a definition says of a table.
#[derive(Debug, Clone)]
pub(super) struct Made {
    pub(super) definition: String,
    pub(super) indexes: BTreeSet<String>,
}

/// See the module's description.
#[derive(Debug, Clone)]
pub(super) struct Server {
    pub(super) name: ServerName,
    pub(super) facts: ServerFacts,
    pub(super) rows: BTreeMap<TableName, u64>,
    pub(super) log: Vec<Event>,
    /// By channel: how much of its source's log it has applied.
    pub(super) read: BTreeMap<String, usize>,
    /// Does not answer questions just now.
    pub(super) dark: bool,
    made: u64,
}

impl Server {
    /// A server as its facts say; a table that is there has the right rows unless it says that it is damaged.
    pub(super) fn of(name: &ServerName, facts: &ServerFacts) -> Self {
        let mut server = Self {
            name: name.clone(),
            facts: facts.clone(),
            rows: BTreeMap::new(),
            log: Vec::new(),
            read: BTreeMap::new(),
            dark: false,
            made: 0,
        };
        let tables: BTreeSet<TableName> = facts.keys().filter_map(table_of).cloned().collect();
        for table in tables {
            if server.has(&table) {
                let damaged = server.text(&about(&table, TableFact::Damage)).is_some_and(|text| !text.is_empty());
                server.rows.insert(table, if damaged { DAMAGED } else { RIGHT });
            }
        }
        server
    }

    pub(super) fn value(&self, about: &About) -> Option<&Value> {
        self.facts.get(about).and_then(|known| known.value().ok())
    }

    pub(super) fn text(&self, about: &About) -> Option<String> {
        match self.value(about) {
            Some(Value::Text(text)) => Some(text.clone()),
            _ => None,
        }
    }

    /// What another table would be made like.
    pub(super) fn made(&self, table: &TableName) -> Option<Made> {
        let indexes = match self.value(&about(table, TableFact::Indexes)) {
            Some(Value::Names(indexes)) => indexes.clone(),
            _ => BTreeSet::new(),
        };
        Some(Made { definition: self.text(&about(table, TableFact::Definition))?, indexes })
    }

    pub(super) fn set(&mut self, about: About, value: Value, at: Timestamp) {
        self.facts.insert(about, Known::Observed { value, at });
    }

    pub(super) fn has(&self, table: &TableName) -> bool {
        self.value(&about(table, TableFact::Exists)) == Some(&Value::Flag(true))
    }

    pub(super) fn flag(&self, fact: ServerFact) -> bool {
        self.value(&About::Server(fact)) == Some(&Value::Flag(true))
    }

    pub(super) fn position(&self) -> Option<Position> {
        match self.value(&About::Server(ServerFact::Position)) {
            Some(Value::Position(position)) => Some(position.clone()),
            _ => None,
        }
    }

    pub(super) fn channels(&self) -> Vec<String> {
        match self.value(&About::Server(ServerFact::Channels)) {
            Some(Value::Names(names)) => names.iter().cloned().collect(),
            _ => Vec::new(),
        }
    }

    pub(super) fn link(&self, channel: &str, fact: LinkFact) -> Option<String> {
        self.text(&About::Link { channel: channel.to_owned(), fact })
    }

    pub(super) fn set_link(&mut self, channel: &str, fact: LinkFact, value: Value, at: Timestamp) {
        self.set(About::Link { channel: channel.to_owned(), fact }, value, at);
    }

    pub(super) fn fenced(&self, channel: &str) -> bool {
        self.link(channel, LinkFact::Fence).as_deref() == Some("detached")
    }

    /// Whether events of its source pass the link by now.
    pub(super) fn flows(&self, channel: &str) -> bool {
        let is = |fact, text: &str| self.link(channel, fact).as_deref() == Some(text);
        !self.fenced(channel)
            && is(LinkFact::Receiver, "running")
            && is(LinkFact::Applier, "running")
            && is(LinkFact::Error, "")
    }

    pub(super) fn delay_millis(&self, channel: &str) -> u64 {
        match self.value(&About::Link { channel: channel.to_owned(), fact: LinkFact::Delay }) {
            Some(Value::Number(seconds)) => seconds.saturating_mul(1000),
            _ => 0,
        }
    }

    /// Starts the threads of every channel. Behind a fence they only try to connect.
    pub(super) fn start_threads(&mut self, at: Timestamp) {
        for channel in self.channels() {
            let receiver = if self.fenced(&channel) { "connecting" } else { "running" };
            self.set_link(&channel, LinkFact::Receiver, Value::text(receiver), at);
            self.set_link(&channel, LinkFact::Applier, Value::text("running"), at);
        }
    }

    /// Writes one transaction of its own to its binary log.
    pub(super) fn write(&mut self, changes: Vec<Change>, at: Timestamp) {
        if !self.flag(ServerFact::LogBin) {
            return;
        }
        let position = self.position().map(|position| next(&position));
        if let Some(position) = &position {
            self.set(About::Server(ServerFact::Position), Value::Position(position.clone()), at);
        }
        self.log.push(Event { at, position, changes });
    }

    /// Executes what another server's binary log says. An error stops the channel, as it does on a real replica.
    pub(super) fn replay(&mut self, channel: &str, event: &Event, at: Timestamp) {
        for change in &event.changes {
            if let Err(why) = self.execute(change, at) {
                self.set_link(channel, LinkFact::Error, Value::text(why), at);
                self.set_link(channel, LinkFact::Applier, Value::text("stopped"), at);
                return;
            }
        }
        let position = match (self.position(), &event.position) {
            (Some(mine), Some(theirs)) => mine.union(theirs),
            _ => None,
        };
        if let Some(position) = position {
            self.set(About::Server(ServerFact::Position), Value::Position(position), at);
        }
        if self.flag(ServerFact::LogReplicaUpdates) && self.flag(ServerFact::LogBin) {
            self.log.push(Event { at, ..event.clone() });
        }
    }

    /// Executes one effect here, or says why the server refuses it.
    pub(super) fn execute(&mut self, change: &Change, at: Timestamp) -> Result<(), String> {
        let kind = &change.effect.kind;
        match &change.effect.object {
            Object::Table(table) => self.execute_on(table, change, at),
            Object::Schema(schema) if *kind == EffectKind::Dropped => {
                let of_schema = |table: &&TableName| table.schema() == schema;
                let tables: Vec<TableName> = self.rows.keys().filter(of_schema).cloned().collect();
                for table in &tables {
                    self.drop_table(table, at);
                }
                Ok(())
            }
            // What happens to objects that the model does not hold is not modelled.
            Object::Schema(_) | Object::Server => Ok(()),
        }
    }

    fn execute_on(&mut self, table: &TableName, change: &Change, at: Timestamp) -> Result<(), String> {
        let rows = change.rows;
        match &change.effect.kind {
            EffectKind::NoRows => {}
            EffectKind::Created => self.create_table(table, change, at),
            EffectKind::Dropped => self.drop_table(table, at),
            EffectKind::Renamed { to } => return self.rename_table(table, to, at),
            EffectKind::Indexed { index } => {
                let key = about(table, TableFact::Indexes);
                let there = match self.value(&key) {
                    Some(Value::Names(there)) => there.clone(),
                    _ => BTreeSet::new(),
                };
                self.set(key, Value::Names(there.into_iter().chain([index.clone()]).collect()), at);
                let definition = Digest::of(format!("{table} with {index}").as_bytes());
                self.set(about(table, TableFact::Definition), Value::text(definition.as_str()), at);
            }
            EffectKind::Altered => {
                let definition = Digest::of(format!("{table} altered at {at}").as_bytes());
                self.set(about(table, TableFact::Definition), Value::text(definition.as_str()), at);
            }
            EffectKind::RowsChanged | EffectKind::Lost | EffectKind::Anything => {
                let before = self.rows.get(table).copied();
                let other = before.map(|before| before.wrapping_mul(31).wrapping_add(7));
                self.facts.remove(&about(table, TableFact::Finding));
                if let Some(rows) = rows.or(other) {
                    self.rows.insert(table.clone(), rows);
                }
            }
        }
        Ok(())
    }

    fn create_table(&mut self, table: &TableName, change: &Change, at: Timestamp) {
        self.made += 1;
        let id = format!("{}-new-{}", self.name, self.made);
        let new = || Made { definition: "0".repeat(64), indexes: BTreeSet::new() };
        let Made { definition, indexes } = change.like.clone().unwrap_or_else(new);
        let facts = [
            (TableFact::Exists, Value::Flag(true)),
            (TableFact::Engine, Value::text("InnoDB")),
            (TableFact::Definition, Value::Text(definition)),
            (TableFact::ObjectId, Value::Text(id)),
            (TableFact::Damage, Value::text("")),
            (TableFact::Indexes, Value::Names(indexes)),
            (TableFact::OwnForeignKeys, Value::Names(BTreeSet::new())),
            (TableFact::PointingForeignKeys, Value::Names(BTreeSet::new())),
            (TableFact::Triggers, Value::Names(BTreeSet::new())),
            (TableFact::Bytes, Value::Number(1 << 20)),
        ];
        self.facts.remove(&about(table, TableFact::Finding));
        for (fact, value) in facts {
            self.set(about(table, fact), value, at);
        }
        self.rows.insert(table.clone(), change.rows.unwrap_or(PART));
    }

    pub(super) fn drop_table(&mut self, table: &TableName, at: Timestamp) {
        self.facts.retain(|key, _| table_of(key) != Some(table));
        self.set(about(table, TableFact::Exists), Value::Flag(false), at);
        self.rows.remove(table);
    }

    fn rename_table(&mut self, from: &TableName, to: &TableName, at: Timestamp) -> Result<(), String> {
        if !self.has(from) {
            return Err(format!("1146: table `{from}` does not exist"));
        }
        if self.has(to) {
            return Err(format!("1050: table `{to}` exists already"));
        }
        let moved: Vec<(About, Known<Value>)> = self
            .facts
            .iter()
            .filter_map(|(key, known)| match key {
                About::Table { table, fact } if table == from => Some((about(to, *fact), known.clone())),
                _ => None,
            })
            .collect();
        let rows = self.rows.get(from).copied();
        self.drop_table(from, at);
        self.facts.extend(moved);
        self.rows.extend(rows.map(|rows| (to.clone(), rows)));
        Ok(())
    }
}

/// The key of one fact of a table.
pub(super) fn about(table: &TableName, fact: TableFact) -> About {
    About::Table { table: table.clone(), fact }
}

fn table_of(about: &About) -> Option<&TableName> {
    match about {
        About::Table { table, .. } => Some(table),
        _ => None,
    }
}

/// The position behind one transaction more.
fn next(position: &Position) -> Position {
    match position {
        Position::MariaDb(domains) => {
            let mut domains = domains.clone();
            domains.entry(0).or_insert((1, 0)).1 += 1;
            Position::MariaDb(domains)
        }
        Position::MySql(sets) => {
            let mut sets = sets.clone();
            let first = "00000000-0000-0000-0000-000000000001".to_owned();
            let source = sets.keys().next().cloned().unwrap_or(first);
            let ranges = sets.entry(source).or_default();
            match ranges.last_mut() {
                Some(last) => last.1 += 1,
                None => ranges.push((1, 1)),
            }
            Position::MySql(sets)
        }
    }
}
