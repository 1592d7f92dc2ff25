//! What was observed of a fleet, fact by fact, each with its time: the one central value.
//!
//! Only `observe` makes snapshots of live servers; predictions are patches over one. Servers a patch does not touch
//! are shared, not copied. Facts are read for decisions through [`Look`] only, so that what a decision relied on is
//! on record.

pub mod fact;
pub mod fixture;
pub mod look;
pub mod origin;
pub mod position;
pub mod semi_sync;
pub mod sessions;
pub mod text;
pub mod value;

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

pub use fact::{About, FactKey, LinkFact, ServerFact, TableFact};
pub use look::{Claim, Evidence, Look, Test};
pub use position::Position;
pub use value::{Effect, EffectKind, Finding, Method, Object, Value};

use super::base::{Known, ServerName, Timestamp};

/// The facts of one server.
pub type ServerFacts = BTreeMap<About, Known<Value>>;

/// The facts of a fleet at one time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    taken: Timestamp,
    servers: BTreeMap<ServerName, Arc<ServerFacts>>,
}

/// Changes to single facts; what a prediction is made of.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(from = "Vec<FactEntry>", into = "Vec<FactEntry>")]
pub struct Patch {
    changes: BTreeMap<FactKey, Known<Value>>,
}

impl Snapshot {
    pub fn new(taken: Timestamp, servers: BTreeMap<ServerName, ServerFacts>) -> Self {
        Self { taken, servers: servers.into_iter().map(|(name, facts)| (name, Arc::new(facts))).collect() }
    }

    pub fn taken(&self) -> Timestamp {
        self.taken
    }

    pub fn servers(&self) -> impl Iterator<Item = &ServerName> {
        self.servers.keys()
    }

    /// The facts of one server as one shared value.
    pub fn server(&self, name: &ServerName) -> Option<&Arc<ServerFacts>> {
        self.servers.get(name)
    }

    /// Every fact, for rendering and comparing. Decisions go through [`Look`].
    pub fn facts(&self) -> impl Iterator<Item = (FactKey, &Known<Value>)> {
        self.servers.iter().flat_map(|(server, facts)| {
            facts.iter().map(|(about, known)| (FactKey { server: server.clone(), about: about.clone() }, known))
        })
    }

    /// One fact as it stands; `None` if nobody asked for it.
    pub fn get(&self, key: &FactKey) -> Option<&Known<Value>> {
        self.servers.get(&key.server)?.get(&key.about)
    }

    /// The snapshot with `patch` applied. Servers that the patch does not name stay shared.
    #[must_use]
    pub fn with(&self, patch: &Patch) -> Self {
        self.clone().patched(patch)
    }

    /// The same for a snapshot that nobody needs without the patch.
    #[must_use]
    pub fn patched(mut self, patch: &Patch) -> Self {
        for (key, known) in &patch.changes {
            let facts = self.servers.entry(key.server.clone()).or_default();
            Arc::make_mut(facts).insert(key.about.clone(), known.clone());
        }
        self
    }

    /// The same facts, looked at as of `taken`.
    #[must_use]
    pub fn as_of(mut self, taken: Timestamp) -> Self {
        self.taken = taken;
        self
    }
}

impl Patch {
    /// Predicts `value` for `key`, as of `at`.
    pub fn set(&mut self, key: FactKey, value: Value, at: Timestamp) {
        self.changes.insert(key, Known::Observed { value, at });
    }

    /// One change as it stands.
    pub fn put(&mut self, key: FactKey, known: Known<Value>) {
        self.changes.insert(key, known);
    }

    /// Says that `key` cannot be predicted.
    pub fn forget(&mut self, key: FactKey, why: impl Into<String>) {
        self.changes.insert(key, Known::unknown(why));
    }

    pub fn merge(&mut self, other: Self) {
        self.changes.extend(other.changes);
    }

    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    pub fn changes(&self) -> impl Iterator<Item = (&FactKey, &Known<Value>)> {
        self.changes.iter()
    }
}

/// A snapshot as a file holds it: a list of facts, so that a person can read and edit it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SnapshotFile {
    /// The format's version; 1.
    pub snapshot: u32,
    pub taken: Timestamp,
    pub facts: Vec<FactEntry>,
}

/// One fact of a snapshot file.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FactEntry {
    pub server: ServerName,
    pub about: About,
    pub known: Known<Value>,
}

impl From<Patch> for Vec<FactEntry> {
    fn from(patch: Patch) -> Self {
        let entry = |(key, known): (FactKey, _)| FactEntry { server: key.server, about: key.about, known };
        patch.changes.into_iter().map(entry).collect()
    }
}

impl From<Vec<FactEntry>> for Patch {
    fn from(entries: Vec<FactEntry>) -> Self {
        let change = |entry: FactEntry| (FactKey { server: entry.server, about: entry.about }, entry.known);
        Self { changes: entries.into_iter().map(change).collect() }
    }
}

impl From<&Snapshot> for SnapshotFile {
    fn from(snapshot: &Snapshot) -> Self {
        let facts = snapshot
            .facts()
            .map(|(key, known)| FactEntry { server: key.server, about: key.about, known: known.clone() })
            .collect();
        Self { snapshot: 1, taken: snapshot.taken, facts }
    }
}

impl From<SnapshotFile> for Snapshot {
    fn from(file: SnapshotFile) -> Self {
        let mut servers: BTreeMap<ServerName, ServerFacts> = BTreeMap::new();
        for entry in file.facts {
            servers.entry(entry.server).or_default().insert(entry.about, entry.known);
        }
        Self::new(file.taken, servers)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> ServerName {
        ServerName::parse(text).unwrap()
    }

    #[test]
    fn a_patch_shares_the_servers_it_does_not_touch() {
        let at = Timestamp::from_millis(0);
        let facts =
            |on| BTreeMap::from([(About::Server(ServerFact::LogBin), Known::Observed { value: Value::Flag(on), at })]);
        let before = Snapshot::new(at, BTreeMap::from([(name("a"), facts(true)), (name("b"), facts(true))]));
        let mut patch = Patch::default();
        patch.set(FactKey::server(&name("a"), ServerFact::LogBin), Value::Flag(false), at);
        let after = before.with(&patch);
        assert!(Arc::ptr_eq(before.server(&name("b")).unwrap(), after.server(&name("b")).unwrap()));
        assert_ne!(before.server(&name("a")), after.server(&name("a")));
    }

    #[test]
    fn a_snapshot_survives_its_file() {
        let at = Timestamp::from_millis(5);
        let facts = BTreeMap::from([
            (About::Server(ServerFact::Version), Known::unknown("no answer")),
            (
                About::Link { channel: String::new(), fact: LinkFact::Held },
                Known::Observed { value: Value::Effects(Vec::new()), at },
            ),
        ]);
        let snapshot = Snapshot::new(at, BTreeMap::from([(name("a"), facts)]));
        let text = serde_yaml::to_string(&SnapshotFile::from(&snapshot)).unwrap();
        let back: SnapshotFile = serde_yaml::from_str(&text).unwrap();
        assert_eq!(Snapshot::from(back), snapshot);
    }
}
