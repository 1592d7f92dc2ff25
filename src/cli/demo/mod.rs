//! `demo`: the CxAlloy outage, start to finish, through the same code as `run`.
//!
//! First the sequence that cost ten hours, and its refusal; then the rebuild that ships. On real servers when a server
//! program is on the machine, else on a simulated fleet, and it says which. It leaves no process behind.

mod players;
mod simulated;
mod story;

use std::path::{Path, PathBuf};

use super::args::{DemoArgs, OutputArgs, StateArg};
use super::error::CliError;
use super::exit::Exit;
use super::output::data;
use super::place::{now, read_fleet};
use super::run::{Prepared, RunPlan, Shown, Straight, parse_runbook, start};
use super::typed::Typed;
use crate::domain::base::{Principal, RunId, ServerName, TableName};
use crate::keys::{SecretKey, Signer};
use crate::lab::{self, Damage, Flavor};
use crate::store::sqlite::SqliteStore;
use crate::store::trust_files;
use players::{Player, play};

/// The table of the outage, small enough for a demo.
const TABLE: &str = "shop.orders";
const ROWS: u64 = 20_000;

/// What the team did: a logged DROP on the primary while everything replicates.
const NAIVE: &str = include_str!("../../../tests/cases/naive-drop.yaml");
/// What ships.
const REBUILD: &str = include_str!("../../../runbooks/rebuild-table-from-replica.yaml");

pub async fn demo(args: DemoArgs) -> Result<Exit, CliError> {
    let keep = args.dir.is_some();
    let dir = match args.dir {
        Some(dir) => dir,
        None => temporary_dir(),
    };
    std::fs::create_dir_all(&dir).map_err(|error| cannot_write(&dir, &error))?;
    let flavor = if args.simulated { None } else { args.flavor.or_else(found) };
    let result = match flavor {
        Some(flavor) => on_servers(&dir, flavor).await,
        None => simulated::play(),
    };
    if keep || result.is_err() {
        data(&format!("everything is kept in {}", dir.display()));
    } else {
        let _ = std::fs::remove_dir_all(&dir);
        if flavor.is_some() {
            data("What it wrote was temporary and is removed, the bundle too; `countersign demo --dir DIR` keeps it.");
        }
    }
    result
}

/// The first flavour whose server program is on this machine.
fn found() -> Option<Flavor> {
    [Flavor::Mariadb, Flavor::Mysql].into_iter().find(|flavor| lab::binaries::find(*flavor).is_ok())
}

fn temporary_dir() -> PathBuf {
    let random = crate::executor::ports::World::random(&super::servers::OsWorld);
    std::env::temp_dir().join(format!("countersign-demo-{}", crate::domain::base::text::hex(&random[..6])))
}

fn cannot_write(path: &Path, error: &std::io::Error) -> CliError {
    CliError::new(Exit::Error, format!("`{}` cannot be written: {error}", path.display()))
}

async fn on_servers(dir: &Path, flavor: Flavor) -> Result<Exit, CliError> {
    let keeper = std::env::current_exe()
        .map_err(|error| CliError::new(Exit::Error, format!("this program cannot find itself: {error}")))?;
    story::opening(&format!("on real servers ({flavor})"));
    let lab_dir = dir.join("lab");
    lab::up(lab::UpOptions { flavor, shape: lab::Shape::replicas(2)?, dir: lab_dir.clone(), keeper }).await?;
    let played = incident(dir, &lab_dir).await;
    lab::down(&lab_dir).await?;
    played
}

/// The outage on a lab that is up.
async fn incident(dir: &Path, lab_dir: &Path) -> Result<Exit, CliError> {
    let table = TableName::parse(TABLE).map_err(|error| CliError::new(Exit::Error, error.to_string()))?;
    let primary = ServerName::parse("db-a").map_err(|error| CliError::new(Exit::Error, error.to_string()))?;
    lab::seed(lab_dir, &table, ROWS).await?;
    lab::break_it(lab_dir, Damage::CorruptTable, &primary, &table).await?;
    story::broken(TABLE, ROWS);
    let cast = cast(dir)?;
    let fleet_path = lab_dir.join("fleet.yaml");
    story::naive();
    let refused = act(dir, &fleet_path, NAIVE, &[("table", TABLE), ("primary", "db-a")], &cast).await?.1;
    if refused != Exit::Refused {
        return Err(CliError::new(Exit::Error, format!("the naive DROP was not refused (exit {})", refused.code())));
    }
    story::rebuild();
    let params = [("table", TABLE), ("primary", "db-a"), ("spare", "db-c")];
    let (run, exit) = act(dir, &fleet_path, REBUILD, &params, &cast).await?;
    if exit != Exit::Ok {
        return Ok(exit);
    }
    story::asked(&end_state(lab_dir, &table).await?);
    verified(dir, &run).await?;
    story::closing();
    Ok(Exit::Ok)
}

/// The two operators of the demo, with keys made for it, pinned as its trust.
fn cast(dir: &Path) -> Result<Vec<Player>, CliError> {
    let state = dir.join("state");
    let mut players = Vec::new();
    let mut operators = Vec::new();
    for name in ["ana", "bob"] {
        let principal = Principal::parse(name).map_err(|error| CliError::new(Exit::Error, error.to_string()))?;
        let mut seed = [0; 32];
        getrandom::fill(&mut seed).map_err(|error| CliError::new(Exit::Error, error.to_string()))?;
        let key = SecretKey::from_seed(&seed).map_err(|error| CliError::new(Exit::Error, error.to_string()))?;
        let file = dir.join(format!("{name}.pub"));
        std::fs::write(&file, format!("{}\n", key.public())).map_err(|error| cannot_write(&file, &error))?;
        operators.push((principal.clone(), file));
        players.push(Player { name: principal, signer: Signer::File(key) });
    }
    trust_files::init(&state, &operators, None, now())?;
    Ok(players)
}

/// One run with the cast playing the people.
async fn act(
    dir: &Path,
    fleet_path: &Path,
    runbook: &str,
    params: &[(&str, &str)],
    cast: &[Player],
) -> Result<(RunId, Exit), CliError> {
    let state = dir.join("state");
    let (fleet, fleet_text) = read_fleet(fleet_path)?;
    let params = params.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let runbook = parse_runbook("the demo's runbook", runbook, &params, &fleet)?;
    let params = runbook.chosen();
    let prepared = Prepared { fleet, fleet_text, runbook, trust: trust_files::load(&state)?, params };
    let run = super::run::new_run_id();
    let driver = cast.first().map(|player| player.name.clone()).ok_or_else(|| CliError::usage("nobody plays"))?;
    let plan = RunPlan { run: run.clone(), driver, reason: "demo of the CxAlloy outage".to_owned() };
    let typed = Typed::here(&StateArg { state: Some(state.clone()) });
    let shown = Shown::Lines(OutputArgs { plain: true, json: false }, typed);
    let executed = start(prepared, plan, SqliteStore::create(&state)?, &Straight, shown);
    let others = SqliteStore::create(&state)?;
    let exit = tokio::select! {
        exit = executed => exit?,
        failed = play(&others, &run, cast) => return Err(failed),
    };
    Ok((run, exit))
}

/// Asks the servers themselves: rows and checksum of the table on each.
async fn end_state(lab_dir: &Path, table: &TableName) -> Result<Vec<String>, CliError> {
    let topology = lab::Topology::attach(lab_dir)?;
    topology.wait_caught_up().await?;
    let mut lines = Vec::new();
    for server in topology.names() {
        let rows =
            topology.query(server, &format!("CHECKSUM TABLE {}", crate::domain::sql::quote::table(table))).await?;
        let cells: Vec<String> =
            rows.into_iter().flatten().map(|cell| cell.unwrap_or_else(|| "NULL".to_owned())).collect();
        lines.push(format!("{server}: {}", cells.join(" ")));
    }
    Ok(lines)
}

async fn verified(dir: &Path, run: &RunId) -> Result<(), CliError> {
    use super::args::JournalCommand;
    let (state, bundle) = (StateArg { state: Some(dir.join("state")) }, dir.join("bundle"));
    super::journal::journal(JournalCommand::Export { run: run.clone(), state, output: bundle.clone() }).await?;
    super::journal::journal(JournalCommand::Verify { bundle, anchor: None }).await?;
    Ok(())
}
