//! `fleet`: what is declared, what it looks like, what is missing, and snapshots of it.

use std::collections::BTreeSet;

use super::args::FleetCommand;
use super::error::CliError;
use super::exit::Exit;
use super::output::{data, say};
use super::place::{read_fleet, read_snapshot};
use super::servers::{LiveObserve, with_acting_account};
use crate::domain::snapshot::text::difference;
use crate::domain::snapshot::{About, ServerFact, Snapshot, SnapshotFile};
use crate::executor::ports::Observe as _;

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
            Ok(Exit::Ok)
        }
        FleetCommand::Check { fleet } => {
            let (fleet, _) = read_fleet(&fleet.fleet)?;
            let snapshot = with_acting_account(
                &fleet,
                &BTreeSet::new(),
                LiveObserve::new(&fleet).snapshot(&BTreeSet::new()).await,
            )
            .await;
            Ok(check(&snapshot))
        }
        FleetCommand::Snapshot { fleet, table, output } => {
            let (fleet, _) = read_fleet(&fleet.fleet)?;
            let tables = table.into_iter().collect();
            let snapshot = with_acting_account(&fleet, &tables, LiveObserve::new(&fleet).snapshot(&tables).await).await;
            let text = serde_yaml::to_string(&SnapshotFile::from(&snapshot))
                .map_err(|error| CliError::new(Exit::Error, error.to_string()))?;
            std::fs::write(&output, text).map_err(|error| {
                CliError::new(Exit::Error, format!("`{}` cannot be written: {error}", output.display()))
            })?;
            say(&format!("{} facts in {}", snapshot.facts().count(), output.display()));
            Ok(Exit::Ok)
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

fn show(snapshot: &Snapshot) {
    for (key, known) in snapshot.facts() {
        match known.value() {
            Ok(value) => data(&format!("{key}: {value}")),
            Err(why) => data(&format!("{key}: ? {why}")),
        }
    }
}

/// Every fact that cannot be seen is a right that is missing or a server that is away.
fn check(snapshot: &Snapshot) -> Exit {
    let mut missing = 0;
    for (key, known) in snapshot.facts() {
        if let Err(why) = known.value()
            && key.about != About::Server(ServerFact::SemiSync)
        {
            missing += 1;
            data(&format!("missing: {key}: {why}"));
        }
    }
    data(&format!("{missing} facts cannot be seen"));
    if missing == 0 { Exit::Ok } else { Exit::Findings }
}
