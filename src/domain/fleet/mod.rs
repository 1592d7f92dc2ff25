//! What `fleet.yaml` means: the declared servers, how they are reached, the rules that hold for them.
//!
//! Declared is not observed: nothing here says how a server *is*. It may not import the vocabulary, a runbook or a run.

pub mod read;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::base::{Digest, ServerName, Span};

/// The declared servers and rules of one fleet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fleet {
    pub name: String,
    pub environment: String,
    pub owner: String,
    pub servers: BTreeMap<ServerName, Server>,
    pub accounts: Accounts,
    pub rules: Rules,
    pub contacts: Contacts,
    /// Readers of the binary log that no server can show, such as a change data capture that is down just now.
    pub consumers: Vec<Consumer>,
    /// Programs that may restart replication by themselves, such as an orchestrator.
    pub managers: Vec<String>,
    /// SHA-256 of the file's bytes; every request names it.
    pub digest: Digest,
}

/// One declared server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    pub name: ServerName,
    pub endpoint: Endpoint,
    /// `host:port` as other servers name this one in their replication settings.
    pub address: String,
    /// A further name of the same machine in replication settings, if it has one.
    pub also: Vec<String>,
    /// What the server must prove to be, if declared.
    pub identity: Option<String>,
    /// An untested version is taken for acting as well.
    pub accept_untested: bool,
    /// Prints how many bytes are free where the server keeps its data.
    pub free_bytes_command: Option<Vec<String>>,
}

/// How a server is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Endpoint {
    Socket { path: String },
    Tcp { host: String, port: u16, tls: Tls },
}

/// What a TCP connection demands of the server.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub struct Tls {
    /// `off` for the loopback, `required` otherwise; `required` is the default.
    #[serde(default)]
    pub mode: TlsMode,
    /// A file of certificate authorities in PEM; the system's are not consulted.
    #[serde(default)]
    pub ca: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TlsMode {
    Off,
    #[default]
    Required,
}

/// The two database accounts. The first cannot change anything; the second is the executor's alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Accounts {
    pub observe: Login,
    /// Absent in a fleet that is only looked at.
    #[serde(default)]
    pub act: Option<Login>,
}

/// Where a login comes from. A secret never stands in this file, a flag, the environment or the journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Login {
    /// A MySQL option file; `[client]` is read first, then `group`.
    #[serde(default)]
    pub defaults_file: Option<String>,
    #[serde(default)]
    pub group: Option<String>,
    #[serde(default)]
    pub user: Option<String>,
    /// Run anew for each connection; the first line of its output is the password.
    #[serde(default)]
    pub password_command: Option<Vec<String>>,
}

/// The rules that hold for every run on this fleet, whatever a runbook says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rules {
    /// How many good copies must stay out of reach of a step that may lose rows. At least 1.
    pub keep_copies: u32,
    /// How long a finding on a server that still follows counts.
    pub finding_max_age: Span,
}

/// Whom a screen names when help is needed.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Contacts {
    #[serde(default)]
    pub channel: Option<String>,
    #[serde(default)]
    pub on_call: Vec<String>,
}

/// A declared reader of the binary log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Consumer {
    pub name: String,
    /// The server whose binary log it reads.
    pub reads: ServerName,
    /// The database user of its dump thread.
    pub user: String,
    /// Where its threads come from, as the server's process list shows it without the port. From anywhere if not given.
    #[serde(default)]
    pub host: Option<String>,
    /// How many dump threads it has at the same time; 1 if not given.
    #[serde(default = "one")]
    pub threads: u32,
    /// The uuid that it announces as a replica does, if it does so. A thread with another one is never this consumer's.
    #[serde(default)]
    pub replica_uuid: Option<String>,
}

fn one() -> u32 {
    1
}

impl Fleet {
    /// The declared server that others call `address`, if any.
    pub fn server_at(&self, address: &str) -> Option<&Server> {
        self.servers.values().find(|s| s.address == address || s.also.iter().any(|other| other == address))
    }

    pub fn server(&self, name: &ServerName) -> Option<&Server> {
        self.servers.get(name)
    }
}
