//! `lab`: throwaway servers for trying things out.

use super::args::LabCommand;
use super::error::CliError;
use super::exit::Exit;
use super::output::{data, say};
use std::time::Duration;

use crate::domain::base::ServerName;
use crate::lab::keeper::ProcessState;
use crate::lab::{self, LabInfo, LabStatus, Seeded};
use crate::tui::words::{count, say as say_it};

pub async fn lab(command: LabCommand) -> Result<Exit, CliError> {
    match command {
        LabCommand::Up { flavor, replicas, dir, json } => {
            let shape = lab::Shape::replicas(replicas)?;
            let keeper = std::env::current_exe()
                .map_err(|error| CliError::new(Exit::Error, format!("this program cannot find itself: {error}")))?;
            let info = lab::up(lab::UpOptions { flavor, shape, dir, keeper }).await?;
            Reader::of(json).tell(&info, || up(&info));
        }
        LabCommand::Seed { dir, rows, table, json } => {
            let seeded = lab::seed(&dir, &table, rows).await?;
            Reader::of(json).tell(&seeded, || {
                let (Seeded { server, table, rows, .. }, took) = (&seeded, seconds(seeded.took));
                vec![format!("{table} has {} on {server} and on every replica ({took})", count_of(*rows))]
            });
        }
        LabCommand::Break { what, dir, on, table, json } => {
            let broken = lab::break_it(&dir, what, &on, &table).await?;
            Reader::of(json).tell(&broken, || {
                let answer = broken.answer.iter().map(|answer| format!("its answer to a read: {}", say_it(answer)));
                let done = format!("{} is broken on {}: {}", broken.table, broken.server, say_it(&broken.done));
                std::iter::once(done).chain(answer).collect()
            });
        }
        LabCommand::Status { dir, json } => {
            let found = lab::status(&dir).await?;
            Reader::of(json).tell(&found, || status(&found));
        }
        LabCommand::Down { dir } => {
            lab::down(&dir).await?;
            say(&format!("the lab in {} is down", dir.display()));
        }
    }
    Ok(Exit::Ok)
}

/// Whom an answer is for.
#[derive(Debug, Clone, Copy)]
enum Reader {
    Program,
    Person,
}

impl Reader {
    fn of(json: bool) -> Self {
        if json { Self::Program } else { Self::Person }
    }

    /// Prints one JSON object, or sentences.
    fn tell(self, value: &impl serde::Serialize, sentences: impl FnOnce() -> Vec<String>) {
        match self {
            Self::Program => data(&serde_json::to_string(value).unwrap_or_default()),
            Self::Person => sentences().iter().for_each(|line| data(line)),
        }
    }
}

fn seconds(took: Duration) -> String {
    format!("{:.1} s", took.as_secs_f64())
}

fn count_of(rows: u64) -> String {
    count(usize::try_from(rows).unwrap_or(usize::MAX), "row")
}

fn up(info: &LabInfo) -> Vec<String> {
    let mut lines = vec![format!(
        "{} {} is up in {} after {}",
        info.flavor,
        say_it(&info.version),
        info.dir.display(),
        seconds(info.took)
    )];
    lines.extend(info.servers.iter().map(|server| {
        format!("  {} {}   root: socket {}", server.name, at(server.port, &server.sources), server.socket.display())
    }));
    lines.push(format!("fleet file: {}", info.fleet_file.display()));
    lines.push(format!("end it: countersign lab down --dir {}", info.dir.display()));
    lines
}

fn at(port: u16, sources: &[ServerName]) -> String {
    let follows: Vec<&str> = sources.iter().map(ServerName::as_str).collect();
    if follows.is_empty() {
        format!("port {port}, follows nobody")
    } else {
        format!("port {port}, follows {}", follows.join(", "))
    }
}

fn status(found: &LabStatus) -> Vec<String> {
    let keeper = if found.keeper { "" } else { "   its keeper is gone: `lab down` cleans up" };
    let mut lines = vec![format!("{} {} in {}{keeper}", found.flavor, say_it(&found.version), found.dir.display())];
    for server in &found.servers {
        let process = match &server.process {
            ProcessState::NotStarted => "not started".to_owned(),
            ProcessState::Running { pid } => format!("runs (process {pid})"),
            ProcessState::Ended { how } => format!("ended: {how}"),
        };
        lines.push(format!("  {} {}   {process}", server.name, at(server.port, &server.sources)));
        lines.extend(server.problem.iter().map(|problem| format!("    does not answer: {}", say_it(problem))));
        for link in &server.links {
            let error = if link.error.is_empty() { String::new() } else { format!(": {}", say_it(&link.error)) };
            let flows = if link.flows() { "flows" } else { "does not flow" };
            lines.push(format!("    replication from port {} {flows}{error}", link.source_port));
        }
    }
    lines
}
