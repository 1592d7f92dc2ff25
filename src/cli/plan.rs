//! `plan`: the dry run, against the live fleet or a snapshot of it. It sends nothing that changes anything.

use super::args::PlanArgs;
use super::error::CliError;
use super::exit::Exit;
use super::output::data;
use super::place::{params, read_fleet, read_snapshot, state_dir};
use super::run::read_runbook;
use super::servers::{LiveObserve, with_acting_account};
use crate::domain::approval::policy::Policy;
use crate::domain::base::RunId;
use crate::domain::plan::{Outlook, plan};
use crate::domain::runbook::Step;
use crate::domain::vocabulary::World;
use crate::executor::ports::Observe as _;
use crate::store::trust_files;

pub async fn show(args: PlanArgs) -> Result<Exit, CliError> {
    let (fleet, _) = read_fleet(&args.runbook.fleet)?;
    let runbook = read_runbook(&args.runbook.runbook, &params(&args.runbook.param)?, &fleet)?;
    let run = RunId::parse("r-plan").map_err(|error| CliError::new(Exit::Error, error.to_string()))?;
    let tables = runbook.tables(&run);
    let snapshot = match &args.simulate {
        Some(path) => read_snapshot(path)?,
        None => {
            let mut observe = LiveObserve::new(&fleet);
            let seen = observe.snapshot(&tables).await;
            let watched = runbook.steps.iter().flat_map(Step::lock_waits).collect();
            let seen = seen.with(&observe.lock_waits(&watched).await);
            with_acting_account(&fleet, &tables, seen).await
        }
    };
    let policy = match state_dir(&args.state).ok().and_then(|dir| trust_files::load(&dir).ok()) {
        Some(trust) => trust.policy().clone(),
        None => Policy::default(),
    };
    let world = World { fleet: &fleet, run: &run, tables: &tables };
    let plan = plan(&runbook, world, &snapshot, &policy);
    if args.json {
        data(&serde_json::to_string(&plan).unwrap_or_default());
    } else {
        data(&plan.to_string());
    }
    Ok(match plan.outlook {
        Outlook::ToTheEnd => Exit::Ok,
        Outlook::Refused { .. } => Exit::Refused,
        Outlook::Blocked { .. } | Outlook::CannotTell { .. } => Exit::Findings,
    })
}
