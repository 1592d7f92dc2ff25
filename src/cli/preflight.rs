//! A look before a run is opened: a login that is wrong, or a first server that is away, is told while nothing is made.
//!
//! This spares a person a run that would stop at once. What may be sent is decided later, from facts, whatever was seen
//! here; so only what is certain to stop the run is refused.

use std::collections::BTreeSet;

use super::check::Login;
use super::error::CliError;
use super::exit::Exit;
use super::output::say;
use crate::connect::ConnectError;
use crate::domain::base::ServerName;
use crate::domain::fleet::Fleet;
use crate::domain::runbook::{Runbook, Step, Work};
use crate::domain::vocabulary::Action;

/// A runbook that acts needs an account to act with.
pub fn account(fleet: &Fleet, runbook: &Runbook) -> Result<(), CliError> {
    let Some(step) = runbook.steps.iter().find(|step| acts(step)).filter(|_| fleet.accounts.act.is_none()) else {
        return Ok(());
    };
    Err(CliError::usage(format!(
        "the step `{}` changes servers, and the fleet `{}` has no account for that: expected `act` under `accounts`",
        step.id, fleet.name
    ))
    .hint("nothing was begun; without it `plan`, `reach` and `fleet check` work"))
}

/// Whether the step sends anything with the acting account. What only measures is done with the observing one.
fn acts(step: &Step) -> bool {
    match &step.work {
        Work::Act(action) => !matches!(
            action,
            Action::CheckTable(_)
                | Action::CompareCopies(_)
                | Action::ListBlockers(_)
                | Action::PickSessions(_)
                | Action::MeasureLockWaits(_)
        ),
        Work::Manual { .. } | Work::WaitUntil { .. } => false,
    }
}

/// Logs in, with both accounts, to every server that the runbook names, and says which rights are missing there.
pub async fn logins(fleet: &Fleet, runbook: &Runbook) -> Result<(), CliError> {
    let named: BTreeSet<ServerName> = runbook.steps.iter().flat_map(servers).collect();
    let first: BTreeSet<ServerName> = runbook.steps.first().into_iter().flat_map(servers).collect();
    let logins = super::check::logins(fleet, |server| named.contains(server)).await;
    let mut stops = Vec::new();
    for login in &logins {
        match &login.found {
            Err(why) if is_ours(why) || first.contains(&login.server.name) => stops.push(why.to_string()),
            // It may come back before its step.
            Err(_) => {}
            Ok(_) => warn(login),
        }
    }
    stops.dedup();
    if stops.is_empty() {
        return Ok(());
    }
    Err(CliError::new(Exit::Unreachable, stops.join("\n"))
        .hint("nothing was begun; `countersign fleet check` looks at every server with both accounts"))
}

/// A runbook need not use every right, so a missing one is only said.
fn warn(login: &Login<'_>) {
    let lacking = login.lacking();
    if !lacking.is_empty() {
        let (server, account) = (&login.server.name, login.account.word());
        say(&format!(
            "warning: the account `{account}` lacks {} on {server}: a step that needs it will stop; \
             `countersign fleet check` prints the GRANT",
            lacking.join(", ")
        ));
    }
}

/// The servers that a step works on.
fn servers(step: &Step) -> Vec<ServerName> {
    match &step.work {
        Work::Act(action) => action.servers(),
        Work::Manual { .. } | Work::WaitUntil { .. } => Vec::new(),
    }
}

/// Whether the fault lies in what this machine says, so that no server's recovery mends it.
fn is_ours(why: &ConnectError) -> bool {
    match why {
        ConnectError::Denied { .. }
        | ConnectError::OptionFile(_)
        | ConnectError::NoUser
        | ConnectError::PasswordCommand { .. } => true,
        ConnectError::Unreachable { .. } | ConnectError::Tls { .. } | ConnectError::Refused { .. } => false,
    }
}
