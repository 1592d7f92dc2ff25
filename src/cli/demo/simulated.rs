//! The demo without server programs: the same executor, journal and signatures over modelled servers.

use super::story;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::output::data;
use crate::cli::replay::tell;
use crate::domain::approval::policy::Policy;
use crate::domain::journal::Line;
use crate::domain::journal::audit::audit;
use crate::simulate::faults::Weather;
use crate::simulate::people;
use crate::simulate::run::{Honest, Report, simulate_in_no_time};
use crate::simulate::scenario::Scenario;

/// Any seed does; the same one tells the same story each time.
const SEED: u64 = 7;

/// Plays both runs and verifies the journal of the second.
pub fn play() -> Result<Exit, CliError> {
    story::opening("on a simulated fleet");
    story::naive();
    tell(&simulated(Scenario::naive_drop())?.journal)?;
    story::rebuild();
    let report = simulated(Scenario::rebuild())?;
    tell(&report.journal)?;
    verify(&report)?;
    story::closing();
    Ok(Exit::Ok)
}

fn failed(why: impl std::fmt::Display) -> CliError {
    CliError::new(Exit::Error, why.to_string())
}

/// Runs one scenario in a clock of its own, beside this program's.
fn simulated(scenario: Scenario) -> Result<Report, CliError> {
    let thread = std::thread::spawn(move || simulate_in_no_time(&Honest, &scenario, SEED, Weather::Fair));
    let report = thread.join().map_err(|_| failed("the simulation ended early"))?.map_err(failed)?;
    match report.violations.first() {
        None => Ok(report),
        Some(violation) => Err(failed(format!("the simulation broke a rule: {violation:?}"))),
    }
}

fn verify(report: &Report) -> Result<(), CliError> {
    let trust = people::trust(Policy::default_text(), &[]).map_err(failed)?;
    let lines: &[Line] = &report.journal;
    match audit(lines, &[trust]) {
        Ok(summary) => data(&format!("journal verifies: {summary}")),
        Err(faults) => {
            let first = faults.first().map(ToString::to_string).unwrap_or_default();
            return Err(failed(format!("the journal does not verify: {first}")));
        }
    }
    Ok(())
}
