//! A look before a run is opened: a login that is wrong, or a first server that is away, is told while nothing is made.
//!
//! This spares a person a run that would stop at once. What may be sent is decided later, from facts, whatever was seen
//! here; so only what is certain to stop the run is refused.

use std::collections::BTreeSet;

use futures_util::future::join_all;

use super::error::CliError;
use super::exit::Exit;
use crate::connect::ConnectError;
use crate::connect::rights::found;
use crate::domain::base::ServerName;
use crate::domain::fleet::Fleet;
use crate::domain::runbook::{Runbook, Step, Work};

/// Logs in, with both accounts, to every server that the runbook names.
pub async fn logins(fleet: &Fleet, runbook: &Runbook) -> Result<(), CliError> {
    let named: BTreeSet<ServerName> = runbook.steps.iter().flat_map(servers).collect();
    let first: BTreeSet<ServerName> = runbook.steps.first().into_iter().flat_map(servers).collect();
    let accounts = [Some(&fleet.accounts.observe), fleet.accounts.act.as_ref()];
    let tried = named.iter().flat_map(|server| accounts.into_iter().flatten().map(move |login| (server, login)));
    let failed = join_all(tried.filter_map(|(name, login)| {
        let server = fleet.server(name)?;
        Some(async move { found(server, login).await.err().map(|why| (name, why)) })
    }))
    .await;
    let mut stops: Vec<String> = failed
        .into_iter()
        .flatten()
        .filter(|(name, why)| is_ours(why) || first.contains(*name))
        .map(|(_, why)| why.to_string())
        .collect();
    stops.dedup();
    if stops.is_empty() {
        return Ok(());
    }
    Err(CliError::new(Exit::Unreachable, stops.join("\n"))
        .hint("nothing was begun; `countersign fleet check` looks at every server with both accounts"))
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
