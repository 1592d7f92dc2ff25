//! Throwaway real servers: a small replicating fleet on this machine, for trying a runbook and for the tests.
//!
//! [`Topology`] is the one mechanism: owned by a test or a program, it ends with its owner; detached (`lab up`), it ends
//! with [`down`] or when its directory disappears. The servers themselves belong to a keeper process, see [`keeper`].
//! Nothing here prints, and nothing here reads or changes a server that it did not start.

pub mod accounts;
pub mod binaries;
pub mod break_it;
mod clock;
pub mod error;
mod files;
pub mod flavor;
mod fleet_file;
pub mod keeper;
mod options;
mod record;
mod replication;
pub mod seed;
mod server;
mod shape;
pub mod status;
pub mod storm;
mod template;
pub mod topology;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::domain::base::{ServerName, TableName};

pub use accounts::Account;
pub use break_it::{Broken, Damage, Mishap};
pub use error::LabError;
pub use flavor::Flavor;
pub use record::Member;
pub use replication::Link;
pub use seed::Seeded;
pub use shape::Shape;
pub use status::{LabStatus, ServerStatus};
pub use storm::{Storm, StormKind, StormReport, StormStatus};
pub use topology::{Setup, Topology};

/// What `lab up` is asked for.
#[derive(Debug, Clone)]
pub struct UpOptions {
    pub flavor: Flavor,
    pub shape: Shape,
    /// Made when absent; must be empty otherwise.
    pub dir: PathBuf,
    /// The program to run as `PROGRAM keeper ...`: in production this one, in tests the built binary.
    pub keeper: PathBuf,
}

/// A lab that is up: where its servers listen.
#[derive(Debug, Clone, Serialize)]
pub struct LabInfo {
    pub dir: PathBuf,
    pub flavor: Flavor,
    pub version: String,
    pub fleet_file: PathBuf,
    pub servers: Vec<Address>,
    /// From the call to flowing replication, the making of a template included.
    pub took: Duration,
}

/// Where one server of a lab listens, and what it replicates from.
#[derive(Debug, Clone, Serialize)]
pub struct Address {
    pub name: ServerName,
    pub socket: PathBuf,
    pub port: u16,
    pub sources: Vec<ServerName>,
}

/// Starts a detached lab and returns when replication flows.
pub async fn up(options: UpOptions) -> Result<LabInfo, LabError> {
    let began = Instant::now();
    let topology = Setup::new(options.flavor, options.shape).start_detached(&options.keeper, &options.dir).await?;
    Ok(LabInfo {
        dir: topology.dir().to_owned(),
        flavor: topology.flavor(),
        version: topology.version().to_owned(),
        fleet_file: topology.fleet_file(),
        servers: topology.names().iter().map(|name| topology.address(name)).collect::<Result<_, _>>()?,
        took: began.elapsed(),
    })
}

/// Creates `table` on the first server of the lab, fills it, and returns when every replica has it.
pub async fn seed(dir: &Path, table: &TableName, rows: u64) -> Result<Seeded, LabError> {
    seed::seed(&Topology::attach(dir)?, table, rows).await
}

/// Damages `table` on one server, which is stopped and started again for it.
pub async fn break_it(dir: &Path, damage: Damage, server: &ServerName, table: &TableName) -> Result<Broken, LabError> {
    break_it::break_it(&Topology::attach(dir)?, damage, server, table).await
}

/// Raises a lock storm, which lasts as long as the lab, and returns when everybody waits who shall.
pub async fn raise_storm(dir: &Path, storm: &Storm) -> Result<StormReport, LabError> {
    storm::raise(&Topology::attach(dir)?, storm).await
}

/// What runs, and what replicates from where.
pub async fn status(dir: &Path) -> Result<LabStatus, LabError> {
    status::status(&Topology::attach(dir)?).await
}

/// Ends the servers and removes what the lab made in `dir`; also cleans up after a keeper that is gone.
pub async fn down(dir: &Path) -> Result<(), LabError> {
    Topology::attach(dir)?.end().await
}
