//! The names of all facts. One list, so that observing, predicting, comparing and explaining speak of the same things.
//!
//! A fact is a key here and a [`Value`](super::value::Value) in a snapshot; which kind of value a key takes stands in
//! its doc comment. Nothing here decides anything.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::domain::base::{ServerName, TableName};

/// One fact of one server.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FactKey {
    pub server: ServerName,
    pub about: About,
}

/// What a fact is about. `L` and `T` are the facts of a replication link (by channel name) and of a table.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum About {
    Server(ServerFact),
    Link { channel: String, fact: LinkFact },
    Table { table: TableName, fact: TableFact },
}

/// Facts of a server as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ServerFact {
    /// Text: what it proves to be (`mysql server_uuid=..`; on MariaDB a composite, it has no uuid).
    Identity,
    /// Text: flavour and version, `mariadb 10.11.19`.
    Version,
    /// Time: when it was started; known to about two seconds.
    BootedAt,
    /// Text: `off`, `on` or `super`.
    ReadOnly,
    /// Flag: it writes a binary log.
    LogBin,
    /// Flag: what it applies from others is in its binary log too.
    LogReplicaUpdates,
    /// Text: filters on writing the binary log; empty for none.
    BinlogFilter,
    /// Text: how changed rows stand in its binary log: `row`, `statement` or `mixed`.
    BinlogFormat,
    /// Text: what stands on transactions that begin here, as [`Origin`](super::origin::Origin) writes it.
    Origin,
    /// Text: `none`, `galera` or `group_replication`.
    Cluster,
    /// Position: everything it executed.
    Position,
    /// Names: its replication channels (the default one has the empty name).
    Channels,
    /// Names: readers of its binary log that no known server and no declared consumer explains.
    UnexplainedReaders,
    /// Text: whether its commits wait for replicas, as [`SemiSync`](super::semi_sync::SemiSync) writes it.
    SemiSync,
    /// Flag: it acknowledges to its source what it receives (semi-synchronous replication).
    Acknowledges,
    /// Flag: the acting account may set `sql_log_bin` here.
    UnloggedSessions,
    /// Number: bytes free where it keeps its data.
    FreeBytes,
    /// Lock waits: who waits for whom. Looked at only for a step that needs it.
    LockWaits,
    /// Sessions: what a step of this run found to block others, as it was then.
    Blockers,
    /// Sessions: those of the blockers that were chosen to be killed.
    Victims,
}

/// What the host of a detached link is prefixed with: no resolver accepts it, and taking it off gives the host back.
pub const NOWHERE: &str = "//";

/// Facts of one replication link, kept at the replica, by channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LinkFact {
    /// Text: the server of the fleet it follows (also while detached), else the address as configured.
    Source,
    /// Text: `host:port` as configured; `//host:port` while detached.
    Address,
    /// Text: `none`, or `detached` when the configured host can reach nothing.
    Fence,
    /// Text: `running`, `connecting` or `stopped`.
    Receiver,
    /// Text: `running` or `stopped`.
    Applier,
    /// Flag: when it cannot reach its source it chooses another one by itself.
    Failover,
    /// Number: configured delay in seconds.
    Delay,
    /// Text: where the applier stops by itself; empty for nowhere.
    Until,
    /// Text: replica-side filters; empty for none.
    Filters,
    /// Position: received from the source, applied or not.
    Received,
    /// Text: the error that stopped a thread of it; empty for none, also while a receiver still tries.
    Error,
    /// Effects: what is known to wait here, in order, and will be applied on resuming.
    Held,
}

/// Facts of one table on one server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TableFact {
    /// Flag. "No" only from an account that would see the table if it were there.
    Exists,
    /// Text: the storage engine.
    Engine,
    /// Text: SHA-256 of its definition without the counter of `AUTO_INCREMENT`. Unknown where asking would make a MySQL
    /// server read the table's pages.
    Definition,
    /// Text: what changes when the table is made anew (the engine's table id).
    ObjectId,
    /// Text: what the server says of its damage; empty for none seen.
    Damage,
    /// Names: its plain indexes with their columns, `by_state (state,placed_at)`.
    Indexes,
    /// Names: foreign keys it owns.
    OwnForeignKeys,
    /// Names: foreign keys of other tables that point at it.
    PointingForeignKeys,
    /// Names: its triggers. Servers show them only to accounts that may create some, so an observer rarely knows.
    Triggers,
    /// Number: bytes of data and indexes, by the server's own estimate.
    Bytes,
    /// Finding: the newest proof of the rows.
    Finding,
}

impl FactKey {
    pub fn server(server: &ServerName, fact: ServerFact) -> Self {
        Self { server: server.clone(), about: About::Server(fact) }
    }

    pub fn link(server: &ServerName, channel: &str, fact: LinkFact) -> Self {
        Self { server: server.clone(), about: About::Link { channel: channel.to_owned(), fact } }
    }

    pub fn table(server: &ServerName, table: &TableName, fact: TableFact) -> Self {
        Self { server: server.clone(), about: About::Table { table: table.clone(), fact } }
    }
}

impl About {
    /// Why the fact changes by itself while nobody does anything to it, if it does.
    ///
    /// A moving fact is never expected to be equal later: claims bound it instead, and comparing a prediction with
    /// what came leaves it out and says so.
    pub fn moves(&self) -> Option<&'static str> {
        match self {
            Self::Server(ServerFact::Position) | Self::Link { fact: LinkFact::Received, .. } => {
                Some("every write of the application moves it")
            }
            Self::Server(ServerFact::SemiSync | ServerFact::Acknowledges) => {
                Some("it follows the connections of replicas, which come and go")
            }
            Self::Server(ServerFact::LockWaits | ServerFact::Blockers) => Some("sessions come and go"),
            Self::Server(ServerFact::FreeBytes) => Some("every write on the machine moves it"),
            Self::Server(ServerFact::BootedAt) => Some("it is computed from an uptime in whole seconds"),
            Self::Table { fact: TableFact::Bytes, .. } => Some("it is the server's own estimate"),
            _ => None,
        }
    }
}

impl fmt::Display for FactKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.server, self.about)
    }
}

impl fmt::Display for About {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Server(fact) => f.write_str(fact.words()),
            Self::Link { channel, fact } if channel.is_empty() => f.write_str(fact.words()),
            Self::Link { channel, fact } => write!(f, "{} of channel `{channel}`", fact.words()),
            Self::Table { table, fact } => write!(f, "{} of {table}", fact.words()),
        }
    }
}

impl ServerFact {
    const fn words(self) -> &'static str {
        match self {
            Self::Identity => "identity",
            Self::Version => "version",
            Self::BootedAt => "start time",
            Self::ReadOnly => "read_only",
            Self::LogBin => "binary log",
            Self::LogReplicaUpdates => "log_replica_updates",
            Self::BinlogFilter => "binary log filter",
            Self::BinlogFormat => "binary log format",
            Self::Origin => "mark on own transactions",
            Self::Cluster => "cluster",
            Self::Position => "position",
            Self::Channels => "replication channels",
            Self::UnexplainedReaders => "unexplained readers of the binary log",
            Self::SemiSync => "semi-synchronous replication",
            Self::Acknowledges => "acknowledges its source",
            Self::UnloggedSessions => "unlogged sessions allowed",
            Self::FreeBytes => "free bytes",
            Self::LockWaits => "lock waits",
            Self::Blockers => "blockers found",
            Self::Victims => "sessions chosen",
        }
    }
}

impl LinkFact {
    const fn words(self) -> &'static str {
        match self {
            Self::Source => "replication source",
            Self::Address => "replication source address",
            Self::Fence => "replication fence",
            Self::Receiver => "replication receiver",
            Self::Applier => "replication applier",
            Self::Failover => "replication failover",
            Self::Delay => "replication delay",
            Self::Until => "replication until",
            Self::Filters => "replication filters",
            Self::Received => "received position",
            Self::Error => "replication error",
            Self::Held => "held effects",
        }
    }
}

impl TableFact {
    /// Every fact of a table, existence first: the others are told of a table that is there.
    pub const ALL: [Self; 11] = [
        Self::Exists,
        Self::Engine,
        Self::Definition,
        Self::ObjectId,
        Self::Damage,
        Self::Indexes,
        Self::OwnForeignKeys,
        Self::PointingForeignKeys,
        Self::Triggers,
        Self::Bytes,
        Self::Finding,
    ];

    /// What follows from the statements that made the table, so that servers of one version that executed the same
    /// ones agree on it.
    pub const MADE: [Self; 6] = [
        Self::Engine,
        Self::Definition,
        Self::Indexes,
        Self::OwnForeignKeys,
        Self::PointingForeignKeys,
        Self::Triggers,
    ];

    const fn words(self) -> &'static str {
        match self {
            Self::Exists => "existence",
            Self::Engine => "engine",
            Self::Definition => "definition",
            Self::ObjectId => "object id",
            Self::Damage => "damage",
            Self::Indexes => "indexes",
            Self::OwnForeignKeys => "own foreign keys",
            Self::PointingForeignKeys => "foreign keys pointing here",
            Self::Triggers => "triggers",
            Self::Bytes => "bytes",
            Self::Finding => "finding",
        }
    }
}
