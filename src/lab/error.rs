//! What can go wrong in the lab, as facts that a person can act on.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::domain::base::{ServerName, TableName};

use super::flavor::Flavor;

/// Why the lab could not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum LabError {
    #[error(
        "no {flavor} server program: expected `{variable}`, a program on PATH or one in `{cache}`; run `tests/servers.sh`, which installs it"
    )]
    NoServerProgram { flavor: Flavor, variable: &'static str, cache: PathBuf },
    #[error("`{variable}` names `{path}`, which is not a {flavor} server: {found}; point it at one or unset it")]
    NotThatServer { flavor: Flavor, variable: &'static str, path: PathBuf, found: String },
    #[error("no place for the lab's cache: set `COUNTERSIGN_LAB_CACHE` or `HOME`")]
    NoCache,
    #[error("could not make a {flavor} data directory: {found}; the log is `{log}`")]
    Template { flavor: Flavor, found: String, log: PathBuf },
    #[error("`{path}`: {source}")]
    File { path: PathBuf, source: std::io::Error },
    #[error("`{path}` is not a lab: expected the file `lab.json` that `countersign lab up` writes there")]
    NoLab { path: PathBuf },
    #[error("`{path}` already holds a lab; end it first with `countersign lab down --dir {path}`")]
    AlreadyUp { path: PathBuf },
    #[error("`{path}` is not empty; give `--dir` a directory that is new or empty")]
    NotEmpty { path: PathBuf },
    #[error("`{path}` is too long for a unix socket ({length} bytes, at most {most}); give `--dir` a shorter path")]
    PathTooLong { path: PathBuf, length: usize, most: usize },
    #[error("`{path}` is not a description of a lab: {found}; remove the directory and start again")]
    BadRecord { path: PathBuf, found: String },
    #[error("a lab needs a server list in which every source stands before its replicas: {found}")]
    BadShape { found: String },
    #[error("no server `{name}` in this lab; it has {known}")]
    NoSuchServer { name: String, known: String },
    #[error("the keeper of `{dir}` does not answer: {found}; end the rest with `countersign lab down --dir {dir}`")]
    NoKeeper { dir: PathBuf, found: String },
    #[error("the keeper refused: {0}")]
    Refused(String),
    #[error("server `{server}` ended while it was starting ({how}); its log ends with: {log}")]
    Died { server: ServerName, how: String, log: String },
    #[error("server `{server}` did not answer within {} s: {last}", waited.as_secs())]
    Silent { server: ServerName, waited: Duration, last: String },
    #[error("replica `{replica}` did not catch up with `{source_server}` within {} s: {found}", waited.as_secs())]
    NotCaughtUp { replica: ServerName, source_server: ServerName, waited: Duration, found: String },
    #[error("server `{server}`: {source}")]
    Sql { server: ServerName, source: Box<mysql_async::Error> },
    #[error("`{table}` on `{server}`: {found}")]
    Table { server: ServerName, table: TableName, found: String },
    #[error("`{0}` is not a name the lab uses for a table: expected a-z, 0-9 and `_` in both parts")]
    TableName(TableName),
    #[error("no such storm on `{server}`: {why}")]
    WrongPlace { server: ServerName, why: &'static str },
    #[error("no lock storm: {how}{}{log}", if log.is_empty() { "" } else { ": " })]
    Storm { how: String, log: String },
    #[error("no randomness from the operating system: {0}")]
    NoRandomness(String),
}

impl LabError {
    /// For `map_err`: an input or output error with the path it happened at.
    pub(super) fn at(path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        move |source| Self::File { path: path.to_owned(), source }
    }

    /// For `map_err`: an answer of a server with its name.
    pub(super) fn on(server: &ServerName) -> impl FnOnce(mysql_async::Error) -> Self {
        move |source| Self::Sql { server: server.clone(), source: Box::new(source) }
    }
}
