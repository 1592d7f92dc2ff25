//! The commands of `lab` as they are written. Nothing here touches the system.

use std::path::PathBuf;

use clap::Subcommand;

use crate::domain::base::{ServerName, TableName};

#[derive(Debug, Subcommand)]
pub enum LabCommand {
    /// Start a primary and replicas; returns when replication flows.
    Up {
        /// mariadb or mysql.
        #[arg(long)]
        flavor: crate::lab::Flavor,
        /// How many replicas follow the primary.
        #[arg(long, default_value_t = 2)]
        replicas: usize,
        /// The directory of the lab.
        #[arg(long, value_name = "DIR")]
        dir: PathBuf,
        /// JSON instead of text.
        #[arg(long)]
        json: bool,
    },
    /// Create and fill a table on the primary.
    Seed {
        /// The directory of the lab.
        #[arg(long, value_name = "DIR")]
        dir: PathBuf,
        /// How many rows it gets.
        #[arg(long, default_value_t = 1000)]
        rows: u64,
        /// The table, as `schema.table`.
        table: TableName,
        /// JSON instead of text.
        #[arg(long)]
        json: bool,
    },
    /// Break something on purpose.
    Break {
        /// corrupt-table, root-page or lock-storm.
        what: crate::lab::Mishap,
        /// The directory of the lab.
        #[arg(long, value_name = "DIR")]
        dir: PathBuf,
        /// The server to break it on.
        #[arg(long, value_name = "SERVER")]
        on: ServerName,
        /// What stands at the root of a lock storm: idle, update, metadata or applier.
        #[arg(long, value_name = "KIND")]
        kind: Option<crate::lab::StormKind>,
        /// The table, as `schema.table`.
        table: TableName,
        /// JSON instead of text.
        #[arg(long)]
        json: bool,
    },
    /// What runs, and what replicates from where.
    Status {
        /// The directory of the lab.
        #[arg(long, value_name = "DIR")]
        dir: PathBuf,
        /// JSON instead of text.
        #[arg(long)]
        json: bool,
    },
    /// End all servers of the lab.
    Down {
        /// The directory of the lab.
        #[arg(long, value_name = "DIR")]
        dir: PathBuf,
    },
}
