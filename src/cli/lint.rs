//! `lint`: every problem of a runbook or fleet file, each with its place.

use super::args::LintArgs;
use super::error::CliError;
use super::exit::Exit;
use super::output::{data, say};
use super::place::{fleet_of, read_file, read_fleet};
use crate::domain::runbook;
use crate::domain::yaml::Problems;

pub fn lint(args: &LintArgs) -> Result<Exit, CliError> {
    if args.file.is_empty() {
        return Err(CliError::usage("which file? countersign lint FILE..."));
    }
    if let Some(fleet) = &args.fleet {
        read_fleet(fleet)?;
    }
    let mut worst = Exit::Ok;
    for path in &args.file {
        let (name, text) = (path.display().to_string(), read_file(path)?);
        if text.lines().any(|line| line.starts_with("fleet:")) {
            if let Err(problems) = fleet_of(&name, &text) {
                print(args, &problems);
                worst = Exit::Findings;
            }
            continue;
        }
        let problems = match runbook::read(&name, &text) {
            Ok(source) => source.warnings().clone(),
            Err(problems) => problems,
        };
        print(args, &problems);
        if problems.errors() > 0 {
            worst = Exit::Findings;
        }
    }
    if worst == Exit::Ok {
        say("no errors");
    }
    Ok(worst)
}

fn print(args: &LintArgs, problems: &Problems) {
    if args.json {
        for problem in problems.to_json() {
            data(&problem.to_string());
        }
    } else if !problems.is_empty() {
        data(&problems.to_string());
    }
}
