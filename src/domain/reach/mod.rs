//! Where a statement arrives, which copies of the rows survive it, and what the way back would be.
//!
//! Facts about replication are turned into answers here and nowhere else. This module may never read a runbook or the
//! vocabulary: no file can switch it off.

pub mod acknowledging;
pub mod arrival;
mod cluster;
pub mod copies;
mod edge;
mod filter;
mod leaving;
pub mod predict;
mod spare;
pub mod statement;
pub mod survivors;
pub mod system;

use std::fmt;

use serde::{Deserialize, Serialize};

use super::base::{ServerName, Span};

pub use arrival::reach;
pub use copies::{Copy, copy_of};
pub use predict::predict;
pub use statement::{Carry, Names, Statement};
pub use survivors::{Refusal, Survivors, WayBack};

/// How a statement arrives at a server, in ascending order of harm, so that `max` is the worst of all paths.
///
/// Only [`How::Never`] and [`How::NotLogged`] keep a copy out of reach: everything else can still arrive, or may.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum How {
    /// No link leads there, or a fence stands in it.
    Never,
    /// It does not enter the binary log.
    NotLogged,
    /// It waits at a stopped link and arrives when anybody resumes it.
    Held,
    /// The link is broken; mending it lets the statement through.
    Blocked,
    /// A filter keeps it away, this time. Filters depend on the session's default database and protect nothing.
    Filtered,
    /// It arrives when the delay is over.
    Delayed(Span),
    /// It cannot be told.
    Unknown,
    /// Every member of the cluster executes it.
    Group,
    /// It arrives within moments.
    Now,
    /// The server that was asked to execute it.
    RunsHere,
}

impl How {
    /// Whether a copy on that server is out of reach.
    pub fn spares(&self) -> bool {
        matches!(self, Self::Never | Self::NotLogged)
    }

    /// The word used in JSON and requests.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Never => "never",
            Self::NotLogged => "not_logged",
            Self::Held => "held",
            Self::Blocked => "blocked",
            Self::Filtered => "filtered",
            Self::Delayed(_) => "delayed",
            Self::Unknown => "unknown",
            Self::Group => "group",
            Self::Now => "now",
            Self::RunsHere => "runs_here",
        }
    }
}

/// One server's line of the answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Arrival {
    pub server: ServerName,
    pub how: How,
    /// The servers it passes, the first is where it is sent.
    pub path: Vec<ServerName>,
    /// The facts that decide, in words.
    pub why: String,
}

/// A reader of a server's binary log that no known server and no declared consumer explains.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stranger {
    pub server: ServerName,
    pub why: String,
}

/// Where a statement arrives: one line for each server, the executing one first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reach {
    pub arrivals: Vec<Arrival>,
    pub strangers: Vec<Stranger>,
}

impl Reach {
    /// How it arrives at `server`; a server without a line is one we know nothing of.
    pub fn at(&self, server: &ServerName) -> How {
        self.arrivals.iter().find(|line| line.server == *server).map_or(How::Unknown, |line| line.how.clone())
    }
}

impl fmt::Display for Arrival {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = match &self.how {
            How::RunsHere => "runs here".to_owned(),
            How::Now => "REACHED".to_owned(),
            How::Group => "REACHED by the cluster".to_owned(),
            How::Delayed(after) => format!("REACHED after {after}"),
            How::Held => "held, arrives on resuming".to_owned(),
            How::Never | How::NotLogged => "not reached".to_owned(),
            other => other.word().to_owned(),
        };
        write!(f, "{} {words}", self.server)?;
        if !self.why.is_empty() {
            write!(f, ": {}", self.why)?;
        }
        Ok(())
    }
}
