//! What a lab is doing: processes as the keeper sees them, replication as the servers tell it.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Serialize;

use crate::domain::base::ServerName;

use super::error::LabError;
use super::flavor::Flavor;
use super::keeper::ProcessState;
use super::replication::Link;
use super::storm::{self, StormStatus};
use super::topology::Topology;

/// A lab at one moment.
#[derive(Debug, Clone, Serialize)]
pub struct LabStatus {
    pub dir: PathBuf,
    pub flavor: Flavor,
    pub version: String,
    /// False after the keeper was killed: nothing runs, and `lab down` cleans up.
    pub keeper: bool,
    pub servers: Vec<ServerStatus>,
    /// The lock storm that was raised last, if there was one.
    pub storm: Option<StormStatus>,
}

/// One server at that moment.
#[derive(Debug, Clone, Serialize)]
pub struct ServerStatus {
    pub name: ServerName,
    pub port: u16,
    pub socket: PathBuf,
    pub sources: Vec<ServerName>,
    pub process: ProcessState,
    /// Empty for a primary and for a server that does not answer.
    pub links: Vec<Link>,
    /// Why the server did not answer, when its process runs.
    pub problem: Option<String>,
}

/// Asks the keeper and every running server. A server that does not answer is told, not an error.
pub async fn status(topology: &Topology) -> Result<LabStatus, LabError> {
    let (keeper, mut processes) = match topology.processes().await {
        Ok(processes) => (true, processes),
        Err(LabError::NoKeeper { .. }) => (false, BTreeMap::new()),
        Err(error) => return Err(error),
    };
    let storm = if keeper { storm::status(topology, topology.storm().await?)? } else { None };
    let mut servers = Vec::new();
    for name in topology.names() {
        let process = processes.remove(name).unwrap_or(ProcessState::NotStarted);
        let asked = match process {
            ProcessState::Running { .. } => topology.links(name).await.map_err(|error| error.to_string()),
            _ => Ok(Vec::new()),
        };
        let (links, problem) = asked.map_or_else(|problem| (Vec::new(), Some(problem)), |links| (links, None));
        let address = topology.address(name)?;
        servers.push(ServerStatus {
            name: address.name,
            port: address.port,
            socket: address.socket,
            sources: address.sources,
            process,
            links,
            problem,
        });
    }
    Ok(LabStatus {
        dir: topology.dir().to_owned(),
        flavor: topology.flavor(),
        version: topology.version().to_owned(),
        keeper,
        servers,
        storm,
    })
}
