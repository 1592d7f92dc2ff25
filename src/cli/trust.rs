//! `trust`: who may sign.

use std::path::PathBuf;

use super::args::TrustCommand;
use super::error::CliError;
use super::exit::Exit;
use super::output::{data, say};
use super::place::{now, state_dir};
use crate::domain::base::Principal;
use crate::store::trust_files;

pub fn trust(command: TrustCommand) -> Result<Exit, CliError> {
    match command {
        TrustCommand::Init { state, operator, policy } => {
            let operators = operator.iter().map(|pair| pair_of(pair)).collect::<Result<Vec<_>, _>>()?;
            let made = trust_files::init(&state_dir(&state)?, &operators, policy.as_deref(), now())?;
            data(&format!("trust 1 {}", made.anchor));
            for warning in &made.warnings {
                say(&format!("warning: {warning}"));
            }
            say("give this digest to reviewers and auditors by a way that this machine cannot change");
        }
        TrustCommand::Show { state } => {
            let trust = trust_files::load(&state_dir(&state)?)?;
            for line in trust_files::show(&trust) {
                data(&line);
            }
        }
    }
    Ok(Exit::Ok)
}

fn pair_of(pair: &str) -> Result<(Principal, PathBuf), CliError> {
    let (name, file) = pair
        .split_once('=')
        .ok_or_else(|| CliError::usage(format!("expected `--operator NAME=FILE.pub`, found `{pair}`")))?;
    let principal = Principal::parse(name).map_err(|error| CliError::usage(error.to_string()))?;
    Ok((principal, PathBuf::from(file)))
}
