//! Reads `fleet.yaml`. All problems are reported together, each with its place (`domain::yaml` does that part).

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Accounts, Consumer, Contacts, Endpoint, Fleet, Rules, Server, Tls};
use crate::domain::base::{Digest, ServerName, Span};

/// The exact shape of the file.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FleetFile {
    /// The format's version; 1.
    pub countersign: u32,
    /// The fleet's name, shown on every screen.
    pub fleet: String,
    /// `PROD` or `LAB` or your own word, shown on every screen.
    pub environment: String,
    /// Whom to ask about the rules in this file.
    pub owner: String,
    pub accounts: Accounts,
    pub servers: BTreeMap<String, ServerEntry>,
    #[serde(default)]
    pub rules: RulesEntry,
    #[serde(default)]
    pub contacts: Contacts,
    #[serde(default)]
    pub consumers: Vec<Consumer>,
    #[serde(default)]
    pub managers: Vec<String>,
}

/// One server's entry.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ServerEntry {
    /// A unix socket on this machine; else `address` is connected to by TCP.
    #[serde(default)]
    pub socket: Option<String>,
    /// `host:port`, as other servers name this one in their replication settings.
    pub address: String,
    /// Further `host:port` names of the same server.
    #[serde(default)]
    pub also: Vec<String>,
    #[serde(default)]
    pub tls: Tls,
    /// What the server must prove to be (see `fleet show`); without it, what it was at the start of a run.
    #[serde(default)]
    pub identity: Option<String>,
    /// Act on a version that was never tested.
    #[serde(default)]
    pub accept_untested: bool,
    /// Run without a shell on the machine that looks; its first line is the number of free bytes where the server keeps
    /// its data. Needed for servers on other machines, for example through ssh.
    #[serde(default)]
    pub free_bytes_command: Option<Vec<String>>,
}

/// The rules' entry.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RulesEntry {
    pub keep_copies: u32,
    pub finding_max_age: Span,
}

impl Default for RulesEntry {
    fn default() -> Self {
        Self { keep_copies: 1, finding_max_age: Span::from_secs(3600) }
    }
}

/// Gives the file's entries their meaning. `digest` is of the file's bytes.
///
/// Returns every problem as one sentence that begins with the entry's path.
pub fn resolve(file: FleetFile, digest: Digest) -> Result<Fleet, Vec<String>> {
    let mut problems = Vec::new();
    if file.countersign != 1 {
        problems.push(format!("countersign: this program reads version 1, found {}", file.countersign));
    }
    if file.rules.keep_copies == 0 {
        problems.push("rules.keep_copies: at least 1; no file can switch the rule of copies off".to_owned());
    }
    let servers = resolve_servers(file.servers, &mut problems);
    if servers.is_empty() {
        problems.push("servers: at least one server is expected".to_owned());
    }
    for consumer in file.consumers.iter().filter(|c| !servers.contains_key(&c.reads)) {
        problems.push(format!(
            "consumers: `{}` reads `{}`, which is not a server of this file",
            consumer.name, consumer.reads
        ));
    }
    for consumer in file.consumers.iter().filter(|c| c.threads == 0) {
        problems.push(format!(
            "consumers: `{}` has `threads: 0`: expected at least 1; take the entry out if nothing reads there",
            consumer.name
        ));
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    Ok(Fleet {
        name: file.fleet,
        environment: file.environment,
        owner: file.owner,
        servers,
        accounts: file.accounts,
        rules: Rules { keep_copies: file.rules.keep_copies, finding_max_age: file.rules.finding_max_age },
        contacts: file.contacts,
        consumers: file.consumers,
        managers: file.managers,
        digest,
    })
}

fn resolve_servers(entries: BTreeMap<String, ServerEntry>, problems: &mut Vec<String>) -> BTreeMap<ServerName, Server> {
    let mut servers: BTreeMap<ServerName, Server> = BTreeMap::new();
    for (name, entry) in entries {
        match resolve_server(&name, entry) {
            Err(problem) => problems.push(format!("servers.{name}: {problem}")),
            Ok(server) => {
                if let Some(other) = servers.values().find(|other| other.address == server.address) {
                    problems.push(format!("servers.{name}: `{}` has the same address {}", other.name, other.address));
                }
                servers.insert(server.name.clone(), server);
            }
        }
    }
    servers
}

fn resolve_server(name: &str, entry: ServerEntry) -> Result<Server, String> {
    let name = ServerName::parse(name).map_err(|e| e.to_string())?;
    let (host, port) = split_address(&entry.address)?;
    let endpoint = match entry.socket {
        Some(path) => Endpoint::Socket { path },
        None => Endpoint::Tcp { host, port, tls: entry.tls },
    };
    Ok(Server {
        name,
        endpoint,
        address: entry.address,
        also: entry.also,
        identity: entry.identity,
        accept_untested: entry.accept_untested,
        free_bytes_command: entry.free_bytes_command,
    })
}

fn split_address(address: &str) -> Result<(String, u16), String> {
    address
        .rsplit_once(':')
        .and_then(|(host, port)| Some((host.to_owned(), port.parse().ok()?)))
        .filter(|(host, _)| !host.is_empty())
        .ok_or_else(|| format!("address: expected `host:port`, found `{address}`"))
}
