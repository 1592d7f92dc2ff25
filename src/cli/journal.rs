//! `journal` and `report`: what auditors take with them.

use super::args::{JournalCommand, ReportArgs};
use super::error::CliError;
use super::exit::Exit;
use super::output::{data, say};
use super::place::{open_store, state_dir};
use std::path::Path;

use crate::domain::base::Digest;
use crate::domain::report::Report;
use crate::store::export::{self, VerifyError};
use crate::store::{bundle_files, close_files, trust_files};
use crate::tui::words::count;

pub async fn journal(command: JournalCommand) -> Result<Exit, CliError> {
    match command {
        JournalCommand::Export { run, state, output } => {
            let (store, dir) = (open_store(&state)?, state_dir(&state)?);
            if output.exists() {
                let message = format!("`{}` exists already: a bundle is written as a new directory", output.display());
                return Err(CliError::usage(message).hint("give another `-o DIR`, or remove that one first"));
            }
            let (trust, closes) = (trust_files::read(&dir)?, close_files::signatures(&dir, &run)?);
            let exported = export::export(&store, &run, &trust, &closes).await.map_err(failed)?;
            bundle_files::write_bundle(&output, &exported.bundle).map_err(failed)?;
            for (by, why) in &exported.passed_over {
                say(&format!("warning: the close signature of {by} does not count: {why}"));
            }
            say(&format!("bundle of {run} in {}", output.display()));
            Ok(Exit::Ok)
        }
        JournalCommand::Verify { bundle, anchor } => verify(&bundle, anchor.as_ref()),
    }
}

/// Whatever keeps a journal from being read as one.
pub fn failed(error: impl std::fmt::Display) -> CliError {
    CliError::new(Exit::Error, error.to_string())
}

fn verify(bundle: &Path, anchor: Option<&Digest>) -> Result<Exit, CliError> {
    // Nothing was tampered with where there is nothing.
    if !bundle.is_dir() {
        return Err(CliError::usage(format!("there is no bundle `{}`: expected a directory", bundle.display()))
            .hint("make one with `countersign journal export RUN -o DIR`"));
    }
    match export::verify(bundle, anchor) {
        Ok(verified) => {
            data(&verified.to_string());
            Ok(Exit::Ok)
        }
        Err(VerifyError::Faults(faults)) => {
            for fault in &faults {
                data(&format!("fault: {fault}"));
            }
            Err(CliError::new(Exit::Tampered, format!("{}: the bundle does not verify", count(faults.len(), "fault"))))
        }
        Err(error) => Err(CliError::new(Exit::Tampered, error.to_string())),
    }
}

pub async fn report(args: ReportArgs) -> Result<Exit, CliError> {
    let store = open_store(&args.state)?;
    let lines = export::all_lines(&store, &args.run).await?;
    let mut report = Report::of(&lines).map_err(|error| CliError::new(Exit::Tampered, error.to_string()))?;
    let dir = state_dir(&args.state)?;
    let closes = close_files::signatures(&dir, &args.run)?;
    if !closes.is_empty() {
        let trust = trust_files::read(&dir)?;
        report.closed_by = export::export(&store, &args.run, &trust, &closes).await.map_err(failed)?.closed_by;
    }
    data(&if args.json { report.json() } else { report.markdown() });
    Ok(Exit::Ok)
}
