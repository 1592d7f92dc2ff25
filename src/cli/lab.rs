//! `lab`: throwaway servers for trying things out.

use super::args::LabCommand;
use super::error::CliError;
use super::exit::Exit;
use super::output::{data, say};
use crate::lab;

pub async fn lab(command: LabCommand) -> Result<Exit, CliError> {
    match command {
        LabCommand::Up { flavor, replicas, dir } => {
            let shape = lab::Shape::replicas(replicas)?;
            let keeper = std::env::current_exe()
                .map_err(|error| CliError::new(Exit::Error, format!("this program cannot find itself: {error}")))?;
            let info = lab::up(lab::UpOptions { flavor, shape, dir, keeper }).await?;
            print(&info);
        }
        LabCommand::Seed { dir, rows, table } => print(&lab::seed(&dir, &table, rows).await?),
        LabCommand::Break { what, dir, on, table } => print(&lab::break_it(&dir, what, &on, &table).await?),
        LabCommand::Status { dir } => print(&lab::status(&dir).await?),
        LabCommand::Down { dir } => {
            lab::down(&dir).await?;
            say(&format!("the lab in {} is down", dir.display()));
        }
    }
    Ok(Exit::Ok)
}

fn print(value: &impl serde::Serialize) {
    data(&serde_json::to_string(value).unwrap_or_default());
}
