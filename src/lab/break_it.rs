//! Damages a table's file the way disks do, while its server is down.

use std::fmt;
use std::fs::OpenOptions;
use std::io::{Seek, SeekFrom, Write};
use std::path::Path;
use std::str::FromStr;

use serde::Serialize;

use crate::domain::base::{ServerName, TableName};

use super::error::LabError;
use super::flavor::Flavor;
use super::replication::{self, Link, Receiver};
use super::seed::check_name;
use super::topology::Topology;

/// `InnoDB`'s default page size, which the lab does not change.
const PAGE: u64 = 16 << 10;

/// How a table is damaged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Damage {
    /// Every statement on the table fails and the server lives: 1877 on MariaDB, 1812 on MySQL.
    CorruptTable,
    /// The root page of the rows is garbage: MariaDB as above, MySQL aborts when the table is read.
    RootPage,
}

impl Damage {
    pub const ALL: [Self; 2] = [Self::CorruptTable, Self::RootPage];

    /// The word on the command line.
    pub const fn word(self) -> &'static str {
        match self {
            Self::CorruptTable => "corrupt-table",
            Self::RootPage => "root-page",
        }
    }
}

/// What `lab break` can be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mishap {
    Damage(Damage),
    LockStorm,
}

impl FromStr for Mishap {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "lock-storm" => Ok(Self::LockStorm),
            _ => text.parse().map(Self::Damage),
        }
    }
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl FromStr for Damage {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let known = Self::ALL.into_iter().find(|damage| damage.word() == text);
        known.ok_or_else(|| {
            format!("`{text}` is nothing to break: expected `corrupt-table`, `root-page` or `lock-storm`")
        })
    }
}

/// A table that is damaged, and what a reader now gets.
#[derive(Debug, Clone, Serialize)]
pub struct Broken {
    pub server: ServerName,
    pub table: TableName,
    pub damage: Damage,
    /// What was done to the file.
    pub done: String,
    /// The server's answer to a read; none where reading would end the server.
    pub answer: Option<String>,
}

/// Stops the server, damages the table's file, starts the server and looks whether the damage took.
pub async fn break_it(
    topology: &Topology,
    damage: Damage,
    server: &ServerName,
    table: &TableName,
) -> Result<Broken, LabError> {
    check_name(table)?;
    let file = topology.datadir(server).join(table.schema()).join(format!("{}.ibd", table.name()));
    let wrong = |found: String| LabError::Table { server: server.clone(), table: table.clone(), found };
    topology.port(server)?;
    if !file.exists() {
        return Err(wrong("it has no file there; create it with `lab seed`".to_owned()));
    }
    let paused = pause_replicas(topology, server).await?;
    topology.stop(server).await?;
    let done = damage_file(topology.flavor(), damage, &file)?;
    topology.start(server).await?;
    for replica in &paused {
        topology.query(replica, replication::receiver(topology.flavor(), Receiver::Start)).await?;
        topology.wait_until_flowing(replica).await?;
    }
    let answer = match (topology.flavor(), damage) {
        (Flavor::Mysql, Damage::RootPage) => None,
        _ => match topology.query(server, &format!("SELECT * FROM {table} LIMIT 1")).await {
            Ok(_) => return Err(wrong("it is still readable after the damage".to_owned())),
            Err(error) => Some(error.to_string()),
        },
    };
    Ok(Broken { server: server.clone(), table: table.clone(), damage, done, answer })
}

/// Pauses the running replicas of `server`: MySQL waits some 11 s for them when it stops. Gives those it paused.
async fn pause_replicas(topology: &Topology, server: &ServerName) -> Result<Vec<ServerName>, LabError> {
    let mut paused = Vec::new();
    for name in topology.names() {
        let replicates = topology.address(name)?.sources.contains(server);
        // One that somebody stopped, or that does not answer, stays as it is.
        let flows = replicates && topology.links(name).await.is_ok_and(|links| links.iter().all(Link::flows));
        if flows {
            topology.query(name, replication::receiver(topology.flavor(), Receiver::Stop)).await?;
            paused.push(name.clone());
        }
    }
    Ok(paused)
}

fn damage_file(flavor: Flavor, damage: Damage, file: &Path) -> Result<String, LabError> {
    let page = match (flavor, damage) {
        (Flavor::Mysql, Damage::CorruptTable) => {
            std::fs::remove_file(file).map_err(LabError::at(file))?;
            return Ok(format!("removed `{}`", file.display()));
        }
        (Flavor::Mysql, Damage::RootPage) => 4,
        (Flavor::Mariadb, _) => 3,
    };
    overwrite(file, page).map_err(LabError::at(file))?;
    Ok(format!("overwrote page {page} of `{}`", file.display()))
}

fn overwrite(file: &Path, page: u64) -> std::io::Result<()> {
    let mut file = OpenOptions::new().write(true).open(file)?;
    file.seek(SeekFrom::Start(page * PAGE))?;
    file.write_all(&garbage())?;
    file.sync_all()
}

/// The same noise every time: no valid checksum, no valid page number.
fn garbage() -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut bytes = Vec::new();
    for _ in 0..PAGE / 8 {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend(state.to_le_bytes());
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_page_is_overwritten_and_its_neighbours_are_not() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("t.ibd");
        std::fs::write(&file, vec![1u8; 6 * 16384]).unwrap();
        damage_file(Flavor::Mariadb, Damage::CorruptTable, &file).unwrap();
        let bytes = std::fs::read(&file).unwrap();
        assert_eq!(bytes.len(), 6 * 16384);
        assert!(bytes[..3 * 16384].iter().chain(&bytes[4 * 16384..]).all(|byte| *byte == 1));
        assert_eq!(bytes[3 * 16384..4 * 16384], garbage());
    }
}
