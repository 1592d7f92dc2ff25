//! `fleet`: what is declared, what it looks like, what is missing, and snapshots of it.

use std::collections::BTreeSet;
use std::path::Path;

use super::args::FleetCommand;
use super::check;
use super::error::CliError;
use super::exit::Exit;
use super::output::{data, say};
use super::place::{read_fleet, read_snapshot};
use super::servers::{LiveObserve, with_acting_account};
use crate::domain::base::ServerName;
use crate::domain::fleet::Fleet;
use crate::domain::snapshot::text::difference;
use crate::domain::snapshot::{Snapshot, SnapshotFile};
use crate::executor::ports::Observe as _;
use crate::tui::words::count;

pub async fn fleet(command: FleetCommand) -> Result<Exit, CliError> {
    match command {
        FleetCommand::Show { fleet, json } => {
            let (fleet, _) = read_fleet(&fleet.fleet)?;
            let snapshot = LiveObserve::new(&fleet).snapshot(&BTreeSet::new()).await;
            if json {
                data(&serde_json::to_string(&SnapshotFile::from(&snapshot)).unwrap_or_default());
            } else {
                show(&snapshot);
            }
            Ok(seen(&fleet, &snapshot))
        }
        FleetCommand::Check { fleet } => {
            let (fleet, _) = read_fleet(&fleet.fleet)?;
            Ok(check::check(&fleet).await)
        }
        FleetCommand::Snapshot { fleet, table, lock_waits, output } => {
            let (fleet, _) = read_fleet(&fleet.fleet)?;
            let tables = table.into_iter().collect();
            let mut observe = LiveObserve::new(&fleet);
            let facts = observe.snapshot(&tables).await;
            let facts = facts.with(&observe.lock_waits(&lock_waits.into_iter().collect()).await);
            let snapshot = with_acting_account(&fleet, &tables, facts).await;
            let text = serde_yaml::to_string(&SnapshotFile::from(&snapshot))
                .map_err(|error| CliError::new(Exit::Error, error.to_string()))?;
            std::fs::write(&output, text).map_err(|error| {
                CliError::new(Exit::Error, format!("`{}` cannot be written: {error}", output.display()))
            })?;
            told(&fleet, &snapshot, &output);
            Ok(seen(&fleet, &snapshot))
        }
        FleetCommand::Diff { before, after } => {
            let differences = difference(&read_snapshot(&before)?, &read_snapshot(&after)?);
            for difference in &differences {
                data(&difference.to_string());
            }
            Ok(if differences.is_empty() { Exit::Ok } else { Exit::Findings })
        }
    }
}

/// What stands in a snapshot file, and what it is silent about.
fn told(fleet: &Fleet, snapshot: &Snapshot, output: &Path) {
    for server in fleet.servers.keys().filter(|server| unseen(snapshot, server)) {
        let why = snapshot.facts().filter(|(key, _)| key.server == *server).find_map(|(_, known)| known.value().err());
        say(&format!("warning: {server} was not seen: {}", why.unwrap_or("it did not answer")));
    }
    let (known, unknown): (Vec<_>, Vec<_>) = snapshot.facts().partition(|(_, known)| known.value().is_ok());
    let unknown = match unknown.len() {
        0 => String::new(),
        some => format!(", {some} more cannot be told"),
    };
    say(&format!("{} in {}{unknown}", count(known.len(), "fact"), output.display()));
}

/// A server of which nothing is known gets one line.
fn show(snapshot: &Snapshot) {
    let mut away = BTreeSet::new();
    for (key, known) in snapshot.facts() {
        match known.value() {
            _ if away.contains(&key.server) => {}
            Ok(value) => data(&format!("{key}: {value}")),
            Err(why) if unseen(snapshot, &key.server) => {
                data(&format!("{}: ? {why}", key.server));
                away.insert(key.server.clone());
            }
            Err(why) => data(&format!("{key}: ? {why}")),
        }
    }
}

fn unseen(snapshot: &Snapshot, server: &ServerName) -> bool {
    !snapshot.facts().any(|(key, known)| key.server == *server && known.value().is_ok())
}

fn seen(fleet: &Fleet, snapshot: &Snapshot) -> Exit {
    if fleet.servers.keys().any(|server| unseen(snapshot, server)) { Exit::Unreachable } else { Exit::Ok }
}
