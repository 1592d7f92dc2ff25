//! `lab.json`: what a lab is, for every later command and for the keeper. Written when the lab is made.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::domain::base::ServerName;

use super::accounts::Passwords;
use super::error::LabError;
use super::files::write_private;
use super::flavor::Flavor;

const VERSION: u32 = 1;
/// A unix socket's path must fit into the kernel's address structure, its closing zero included.
const LONGEST_SOCKET: usize = 107;

/// A whole lab.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LabRecord {
    countersign_lab: u32,
    pub flavor: Flavor,
    pub version: String,
    pub program: PathBuf,
    pub data_home: PathBuf,
    pub passwords: Passwords,
    /// In starting order.
    pub order: Vec<ServerName>,
    pub members: BTreeMap<ServerName, Member>,
}

/// One server of a lab.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Member {
    pub port: u16,
    pub sources: Vec<ServerName>,
}

/// What a record is made of.
pub struct Parts {
    pub flavor: Flavor,
    pub version: String,
    pub program: PathBuf,
    pub data_home: PathBuf,
    pub passwords: Passwords,
    pub members: Vec<(ServerName, Member)>,
}

impl LabRecord {
    pub fn new(parts: Parts) -> Self {
        Self {
            countersign_lab: VERSION,
            flavor: parts.flavor,
            version: parts.version,
            program: parts.program,
            data_home: parts.data_home,
            passwords: parts.passwords,
            order: parts.members.iter().map(|(name, _)| name.clone()).collect(),
            members: parts.members.into_iter().collect(),
        }
    }

    pub fn path(dir: &Path) -> PathBuf {
        dir.join("lab.json")
    }

    pub fn read(dir: &Path) -> Result<Self, LabError> {
        let path = Self::path(dir);
        let text = match std::fs::read_to_string(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(LabError::NoLab { path: dir.to_owned() });
            }
            other => other.map_err(LabError::at(&path))?,
        };
        let record: Self = serde_json::from_str(&text)
            .map_err(|error| LabError::BadRecord { path: path.clone(), found: error.to_string() })?;
        if record.countersign_lab != VERSION {
            let found = format!("version {}, expected {VERSION}", record.countersign_lab);
            return Err(LabError::BadRecord { path, found });
        }
        Ok(record)
    }

    pub fn write(&self, dir: &Path) -> Result<(), LabError> {
        let path = Self::path(dir);
        let text = serde_json::to_string_pretty(self)
            .map_err(|error| LabError::BadRecord { path: path.clone(), found: error.to_string() })?;
        write_private(&path, &text)
    }

    pub fn member(&self, name: &ServerName) -> Result<&Member, LabError> {
        self.members.get(name).ok_or_else(|| {
            let known = self.order.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
            LabError::NoSuchServer { name: name.to_string(), known }
        })
    }

    pub fn datadir(&self, name: &ServerName) -> PathBuf {
        self.data_home.join(name.as_str())
    }
}

/// The folder of one server inside the lab: its option file, socket and logs.
pub fn server_dir(dir: &Path, name: &ServerName) -> PathBuf {
    dir.join(name.as_str())
}

pub fn socket(dir: &Path, name: &ServerName) -> PathBuf {
    server_dir(dir, name).join("mysqld.sock")
}

pub fn keeper_socket(dir: &Path) -> PathBuf {
    dir.join("keeper.sock")
}

/// Says early and plainly what a server would say late and darkly.
pub fn check_socket_length(dir: &Path, names: &[ServerName]) -> Result<(), LabError> {
    for path in names.iter().map(|name| socket(dir, name)).chain([keeper_socket(dir)]) {
        let length = path.as_os_str().len();
        if length > LONGEST_SOCKET {
            return Err(LabError::PathTooLong { path, length, most: LONGEST_SOCKET });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_without_a_record_is_no_lab() {
        let dir = tempfile::tempdir().unwrap();
        assert!(matches!(LabRecord::read(dir.path()), Err(LabError::NoLab { .. })));
    }

    #[test]
    fn a_path_that_no_socket_can_have_is_refused_before_anything_starts() {
        let name = ServerName::parse("db-a").unwrap();
        let long = PathBuf::from(format!("/{}", "x".repeat(100)));
        assert!(check_socket_length(&long, std::slice::from_ref(&name)).is_err());
        assert!(check_socket_length(Path::new("/lab"), &[name]).is_ok());
    }
}
