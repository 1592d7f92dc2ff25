//! What can go wrong with a store, as facts. Each message ends with what to do.

use std::io;
use std::path::PathBuf;

use super::lease::Holder;
use crate::domain::base::RunId;
use crate::domain::journal::{ChainError, Head};

#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("there is no run `{run}` here: look at `countersign status`, and at `--state`")]
    NoSuchRun { run: RunId },
    #[error("there is no state directory `{}`: look at `--state`, or make one with `countersign trust init`", path.display())]
    NoStateDirectory { path: PathBuf },
    #[error("run `{run}` exists already: choose another id")]
    RunExists { run: RunId },
    #[error(
        "run `{run}` is being driven by {}: attach to it, or end that process and take over",
        holder.as_ref().map_or_else(|| "another process".to_owned(), ToString::to_string)
    )]
    Busy { run: RunId, holder: Option<Holder> },
    #[error(
        "the lease of run `{run}` was taken over (ours is {ours}, the store has {found}): send nothing more, attach"
    )]
    Fenced { run: RunId, ours: u64, found: u64 },
    #[error("the journal of run `{run}` ends at `{found}`, expected `{expected}`: read it again and decide anew")]
    HeadMoved { run: RunId, expected: Head, found: Head },
    #[error(
        "the journal of run `{run}` went back to `{found}` after we had written up to `{remembered}`: \
         somebody restored an older file; send nothing more and compare it with the signed heads"
    )]
    RolledBack { run: RunId, remembered: Head, found: Head },
    #[error("`{}` was replaced while we were using it: send nothing more and find out who did it", path.display())]
    Replaced { path: PathBuf },
    #[error("no space is left for `{}`: nothing was written; free some space and try again", path.display())]
    DiskFull { path: PathBuf },
    #[error("`{}` is read-only: nothing was written; make the file system writable or use another `--state`", path.display())]
    ReadOnly { path: PathBuf },
    #[error("this user may not {doing} `{}`: use the executor's account, or ask its owner for access", path.display())]
    NoPermission { doing: &'static str, path: PathBuf },
    #[error("`{}` lies on a network file system, where locks cannot be trusted: use a local disk or the etcd store", path.display())]
    NetworkFilesystem { path: PathBuf },
    #[error("`{}` has store format {found}, this program knows up to {known}: use a newer countersign", path.display())]
    NewerFormat { path: PathBuf, found: i64, known: i64 },
    #[error("`{}` is not a countersign journal ({why}): restore it from a copy", path.display())]
    NotAJournal { path: PathBuf, why: String },
    #[error("the journal of run `{run}` is damaged: {why}; keep the files and compare them with an export")]
    Damaged { run: RunId, why: ChainError },
    #[error("the lines do not continue the journal of run `{run}`: {why}; this is a bug, please report it")]
    BadLines { run: RunId, why: ChainError },
    #[error("the input has {found} bytes, expected at most {most}: put long text in a file and name its digest")]
    InputTooLarge { found: usize, most: usize },
    #[error(
        "nobody knows whether the last append to run `{run}` was written ({why}): \
         nothing more is written under this lease; resume the run, it goes on from what the journal says"
    )]
    Unsure { run: RunId, why: String },
    #[error("the lease of run `{run}` belongs to another store; this is a bug, please report it")]
    ForeignLease { run: RunId },
    #[error("cannot {doing} `{}`: {why}", path.display())]
    Database { doing: &'static str, path: PathBuf, why: String },
    #[error("cannot {doing} `{}`: {source}", path.display())]
    Io { doing: &'static str, path: PathBuf, source: io::Error },
}

impl StoreError {
    /// The fact behind an operating system's error.
    pub fn io(doing: &'static str, path: impl Into<PathBuf>, source: io::Error) -> Self {
        let path = path.into();
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::DiskFull { path },
            io::ErrorKind::ReadOnlyFilesystem => Self::ReadOnly { path },
            io::ErrorKind::PermissionDenied => Self::NoPermission { doing, path },
            _ => Self::Io { doing, path, source },
        }
    }
}
