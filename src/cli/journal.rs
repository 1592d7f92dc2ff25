//! `journal` and `report`: what auditors take with them.

use super::args::{JournalCommand, ReportArgs};
use super::error::CliError;
use super::exit::Exit;
use super::output::{data, say};
use super::place::{open_store, state_dir};
use crate::domain::report;
use crate::store::export;

pub async fn journal(command: JournalCommand) -> Result<Exit, CliError> {
    match command {
        JournalCommand::Export { run, state, output } => {
            let store = open_store(&state)?;
            export::export(&store, &run, &state_dir(&state)?, &output).await?;
            say(&format!("bundle of {run} in {}", output.display()));
            Ok(Exit::Ok)
        }
        JournalCommand::Verify { bundle, anchor } => match export::verify(&bundle, anchor.as_ref())? {
            Ok(summary) => {
                data(&summary.to_string());
                Ok(Exit::Ok)
            }
            Err(faults) => {
                for fault in &faults {
                    data(&format!("fault: {fault}"));
                }
                Err(CliError::new(Exit::Tampered, format!("{} faults: the bundle does not verify", faults.len())))
            }
        },
    }
}

pub async fn report(args: ReportArgs) -> Result<Exit, CliError> {
    let store = open_store(&args.state)?;
    let records = super::place::records_of(&store, &args.run).await?;
    let report = report::Report::of(&records).map_err(|error| CliError::new(Exit::Tampered, error.to_string()))?;
    if args.json {
        data(&serde_json::to_string(&report).unwrap_or_default());
    } else {
        data(&report.to_markdown());
    }
    Ok(Exit::Ok)
}
