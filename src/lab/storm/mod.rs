//! Lock storms on a lab server: one session holds what many others wait for, and who waits in vain comes again.
//!
//! The clients live in a process of their own under the lab's keeper, see [`process`]; this part asks for it and reads
//! what it reports. Nothing here looks for the one at fault: the report says what was set up, so that what a run finds can
//! be held against it.

mod board;
mod client;
pub(super) mod process;
mod report;
mod script;

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::domain::base::{ServerName, TableName};

use super::clock::Deadline;
use super::error::LabError;
use super::keeper::ProcessState;
use super::seed::check_name;
use super::topology::Topology;

pub use report::{ClientReport, Role, StormReport, Waiting};

/// How long a storm may take until everybody waits. A whole table is updated first where an update stands at its root.
const RISE: Duration = Duration::from_mins(2);

/// What stands at the root of a storm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StormKind {
    /// A session that changed a row, and then nothing more.
    Idle,
    /// One UPDATE of the whole table, still running: ending it costs its rollback.
    Update,
    /// A transaction that read the table and was forgotten: it holds no row, and the ALTER behind it stops everybody.
    Metadata,
    /// On a replica: a session that locked a row, for which the replication applier waits as others do.
    Applier,
}

impl StormKind {
    pub const ALL: [Self; 4] = [Self::Idle, Self::Update, Self::Metadata, Self::Applier];

    /// The word on the command line.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Update => "update",
            Self::Metadata => "metadata",
            Self::Applier => "applier",
        }
    }
}

impl fmt::Display for StormKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl FromStr for StormKind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let known = Self::ALL.into_iter().find(|kind| kind.word() == text);
        known.ok_or_else(|| {
            format!("`{text}` is not a kind of storm: expected `idle`, `update`, `metadata` or `applier`")
        })
    }
}

/// A storm as it is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Storm {
    pub server: ServerName,
    pub table: TableName,
    pub kind: StormKind,
}

/// A storm's process and the last it said.
#[derive(Debug, Clone, Serialize)]
pub struct StormStatus {
    pub process: ProcessState,
    /// None until everything is prepared.
    pub report: Option<StormReport>,
}

/// Raises a storm, in place of one that is there, and returns when everybody waits.
pub async fn raise(topology: &Topology, storm: &Storm) -> Result<StormReport, LabError> {
    check(topology, storm)?;
    topology.raise(storm).await?;
    let deadline = Deadline::after(RISE);
    loop {
        let found = status(topology, topology.storm().await?)?;
        match found {
            Some(StormStatus { report: Some(report), .. }) if report.stood => return Ok(report),
            Some(StormStatus { process: ProcessState::Running { .. }, .. }) => {}
            _ => return Err(failed(topology, "its process ended")),
        }
        if deadline.is_over() {
            return Err(failed(topology, &format!("not everybody waits after {} s", deadline.waited().as_secs())));
        }
        deadline.pause().await;
    }
}

/// The lab's storm, if there was one.
pub fn status(topology: &Topology, process: ProcessState) -> Result<Option<StormStatus>, LabError> {
    if process == ProcessState::NotStarted {
        return Ok(None);
    }
    Ok(Some(StormStatus { process, report: StormReport::read(&report_path(topology.dir()))? }))
}

/// Whether such a storm can be on that server at all. Nothing is asked of the server, where a storm may rage already.
fn check(topology: &Topology, storm: &Storm) -> Result<(), LabError> {
    check_name(&storm.table)?;
    let sources = topology.address(&storm.server)?.sources;
    let refused = |why| Err(LabError::WrongPlace { server: storm.server.clone(), why });
    match (storm.kind, sources.is_empty()) {
        (StormKind::Applier, true) => refused("only a replica has an applier; name one with `--on`"),
        (StormKind::Applier, false) | (_, true) => Ok(()),
        (_, false) => refused("the clients of this storm write, and this is a replica; name its primary with `--on`"),
    }
}

fn failed(topology: &Topology, how: &str) -> LabError {
    let log = std::fs::read_to_string(log_path(topology.dir())).unwrap_or_default();
    LabError::Storm { how: how.to_owned(), log: log.trim().to_owned() }
}

/// Where the process reports.
pub fn report_path(dir: &Path) -> PathBuf {
    dir.join("storm.json")
}

/// Where the process complains.
pub fn log_path(dir: &Path) -> PathBuf {
    dir.join("storm.log")
}
