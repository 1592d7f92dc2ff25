//! `lab`: throwaway servers for trying things out.

use super::args::LabCommand;
use super::error::CliError;
use super::exit::Exit;
use super::output::{data, say};
use std::time::Duration;

use crate::domain::base::ServerName;
use crate::lab::keeper::ProcessState;
use crate::lab::{self, LabInfo, LabStatus, Mishap, Seeded, Storm, StormKind, StormReport, StormStatus};
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
        LabCommand::Break { what: Mishap::LockStorm, dir, on, kind, table, json } => {
            let storm = Storm { server: on, table, kind: kind.unwrap_or(StormKind::Idle) };
            let report = lab::raise_storm(&dir, &storm).await?;
            Reader::of(json).tell(&report, || storm_report(&report));
        }
        LabCommand::Break { kind: Some(kind), .. } => {
            return Err(CliError::usage(format!("`--kind {kind}` goes with `lock-storm` alone; leave it out")));
        }
        LabCommand::Break { what: Mishap::Damage(damage), dir, on, kind: None, table, json } => {
            let broken = lab::break_it(&dir, damage, &on, &table).await?;
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
    lines.extend(found.storm.iter().flat_map(storm_status));
    lines
}

fn storm_status(found: &StormStatus) -> Vec<String> {
    let process = match &found.process {
        ProcessState::Ended { how } => Some(format!("the clients of the lock storm have ended: {}", say_it(how))),
        ProcessState::NotStarted | ProcessState::Running { .. } => None,
    };
    process.into_iter().chain(found.report.iter().flat_map(storm_report)).collect()
}

fn storm_report(report: &StormReport) -> Vec<String> {
    let Storm { server, table, .. } = &report.storm;
    let lives = if report.root_holds { "" } else { ", ended" };
    let done: u64 = report.innocents().map(|client| client.done).sum();
    let touched = report.innocents().filter(|client| !client.is_untouched()).count();
    vec![
        format!("lock storm on {server} over {table}, {} in it", count(report.crowd().count(), "client")),
        format!("  at its root: session {}, {}{lives}", report.root, report.root_is()),
        format!("  waiting: {} for a row, {} for a metadata lock", report.waiting.row, report.waiting.metadata),
        format!(
            "  {} nearby: {} committed, {touched} of them disturbed",
            count(report.innocents().count(), "client"),
            count(usize::try_from(done).unwrap_or(usize::MAX), "transaction")
        ),
    ]
}
