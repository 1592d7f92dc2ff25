//! What commands share: the state directory, files, who signs, and a run's journal as it stands.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::args::StateArg;
use super::error::CliError;
use super::exit::Exit;
use super::output::say;
use super::typed::Typed;
use crate::domain::base::{RequestId, RunId, Timestamp};
use crate::domain::fleet::{self, Fleet};
use crate::domain::journal::Line;
use crate::domain::journal::record::Record;
use crate::domain::run::state::{RequestState, State};
use crate::domain::snapshot::{Snapshot, SnapshotFile};
use crate::domain::yaml;
use crate::executor::journal::{ExecutorError, Watcher, fold};
use crate::store::sqlite::SqliteStore;
use crate::store::{Inbox, Journal, Leases as _};
use crate::tui::model::Executor;

/// The state directory: as said, else below the user's own state.
pub fn state_dir(arg: &StateArg) -> Result<PathBuf, CliError> {
    if let Some(dir) = &arg.state {
        return Ok(dir.clone());
    }
    let base = std::env::var_os("XDG_STATE_HOME")
        .map(PathBuf::from)
        .or_else(|| std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".local/state")));
    base.map(|base| base.join("countersign"))
        .ok_or_else(|| CliError::usage("there is no state directory: give `--state DIR` or set COUNTERSIGN_STATE"))
}

/// The store of an existing state directory.
pub fn open_store(arg: &StateArg) -> Result<SqliteStore, CliError> {
    Ok(SqliteStore::open(&state_dir(arg)?)?)
}

pub fn read_file(path: &Path) -> Result<String, CliError> {
    std::fs::read_to_string(path)
        .map_err(|error| CliError::usage(format!("`{}` cannot be read: {error}", path.display())))
}

/// Reads `fleet.yaml`.
pub fn read_fleet(path: &Path) -> Result<(Fleet, String), CliError> {
    let text = read_file(path)?;
    Ok((parse_fleet(&path.display().to_string(), &text)?, text))
}

pub fn parse_fleet(name: &str, text: &str) -> Result<Fleet, CliError> {
    Ok(fleet_of(name, text)?)
}

/// The fleet that a text declares, or all that is wrong with it.
pub fn fleet_of(name: &str, text: &str) -> Result<Fleet, yaml::Problems> {
    yaml::read::<fleet::read::FleetFile>(name, text)?.resolve(fleet::read::resolve)
}

/// Reads a snapshot file.
pub fn read_snapshot(path: &Path) -> Result<Snapshot, CliError> {
    let text = read_file(path)?;
    let file: SnapshotFile = serde_yaml::from_str(&text).map_err(|error| {
        CliError::new(Exit::Findings, format!("`{}` is no snapshot file: {error}", path.display()))
            .hint("make one with `countersign fleet snapshot -o FILE`")
    })?;
    Ok(file.into())
}

/// `NAME=VALUE` pairs.
pub fn params(pairs: &[String]) -> Result<BTreeMap<String, String>, CliError> {
    pairs
        .iter()
        .map(|pair| match pair.split_once('=') {
            Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
            _ => Err(CliError::usage(format!("expected `-p NAME=VALUE`, found `{pair}`"))),
        })
        .collect()
}

/// Sees nothing: for commands that only want the state.
#[derive(Debug)]
pub struct Unwatched;

impl Watcher for Unwatched {
    fn recorded(&mut self, _: Option<&State>, _: Timestamp, _: &Line, _: &Record) {}
}

/// The state of a run, folded from its journal.
pub async fn state_of(store: &SqliteStore, run: &RunId) -> Result<State, CliError> {
    Ok(fold(store, run, &mut Unwatched).await?)
}

/// Every run that has begun. An executor that died before its first record has left a journal without a run.
pub async fn begun(store: &SqliteStore) -> Result<Vec<State>, CliError> {
    let mut states = Vec::new();
    for run in store.runs().await? {
        match fold(store, &run, &mut Unwatched).await {
            Ok(state) => states.push(state),
            Err(ExecutorError::Empty { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(states)
}

/// The run that made a request, and the request.
pub async fn find_request(
    store: &SqliteStore,
    id: &RequestId,
    typed: &Typed,
) -> Result<(State, RequestState), CliError> {
    for state in begun(store).await? {
        if let Some(request) = state.requests.get(id) {
            let request = request.clone();
            return Ok((state, request));
        }
    }
    Err(CliError::usage(format!("there is no request {id} here"))
        .hint(format!("what waits is listed by: {}", typed.anybody("status"))))
}

/// Leaves one input for a run.
pub async fn put(
    store: &SqliteStore,
    run: &RunId,
    person: &crate::domain::run::effect::Person,
) -> Result<(), CliError> {
    let body = serde_json::to_vec(person).map_err(|error| CliError::new(Exit::Error, error.to_string()))?;
    store.put_input(run, &body).await?;
    Ok(())
}

/// Whether somebody executes the run now; for people, never for a decision.
pub async fn executor_of(store: &SqliteStore, run: &RunId) -> Result<Executor, CliError> {
    Ok(if store.holder(run).await?.is_some() { Executor::Alive } else { Executor::Gone })
}

/// Says that what was just left for a run counts for nothing until somebody executes it.
pub async fn say_if_nobody_executes(store: &SqliteStore, run: &RunId, typed: &Typed) -> Result<(), CliError> {
    if executor_of(store, run).await? == Executor::Gone {
        let resume = typed.person(&format!("resume {run}"));
        say(&format!("no executor holds the lease: it counts once somebody resumes: {resume}"));
    }
    Ok(())
}

/// Says that a request will be void when somebody executes the run again, and with it what was just said to it.
pub async fn say_if_it_will_be_void(store: &SqliteStore, run: &RunId, typed: &Typed) -> Result<(), CliError> {
    if executor_of(store, run).await? == Executor::Gone {
        let resume = typed.person(&format!("resume {run}"));
        say(&format!(
            "no executor holds the lease: whoever resumes asks anew, and this request is void then: {resume}"
        ));
    }
    Ok(())
}

/// The wall clock, to the millisecond.
pub fn now() -> Timestamp {
    Timestamp::from_millis(jiff::Timestamp::now().as_millisecond())
}
