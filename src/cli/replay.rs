//! `replay`: an exported run, record by record, in the lines that its executor would have printed.

use super::args::ReplayArgs;
use super::error::CliError;
use super::exit::Exit;
use super::journal::failed;
use super::lines;
use super::output::data;
use super::typed::Typed;
use crate::domain::journal::Line;
use crate::domain::journal::bundle::Entry;
use crate::domain::journal::chain;
use crate::domain::journal::record::Record;
use crate::domain::report::Report;
use crate::domain::run::state::State;
use crate::store::bundle_files::read_bundle;

pub fn replay(args: &ReplayArgs) -> Result<Exit, CliError> {
    if !args.bundle.is_dir() {
        let message = format!("there is no bundle `{}`: expected a directory", args.bundle.display());
        return Err(CliError::usage(message).hint("make one with `countersign journal export RUN -o DIR`"));
    }
    let bundle = read_bundle(&args.bundle).map_err(tampered)?;
    let journal = bundle.get(&Entry::Journal).unwrap_or_default();
    let lines = chain::lines(journal).map(Line::parse).collect::<Result<Vec<Line>, _>>().map_err(tampered)?;
    chain::verify(journal).map_err(tampered)?;
    if args.report {
        data(&Report::of(&lines).map_err(tampered)?.markdown());
        return Ok(Exit::Ok);
    }
    tell(&lines)?;
    Ok(Exit::Ok)
}

fn tampered(why: impl std::fmt::Display) -> CliError {
    CliError::new(Exit::Tampered, why.to_string())
}

/// The records of a run as lines; the state is folded beside them, so a record that makes no sense ends it.
pub fn tell(journal: &[Line]) -> Result<(), CliError> {
    let mut state: Option<State> = None;
    for line in journal {
        let record = Record::from_line(line.seq(), line.event(), line.payload()).map_err(failed)?;
        for text in lines::plain(&Typed::default(), state.as_ref(), line.at(), &record) {
            data(&text);
        }
        match &mut state {
            None => state = Some(State::open(&record, line.head(), line.at()).map_err(failed)?),
            Some(state) => state.apply(&record, line.head(), line.at()).map_err(failed)?,
        }
    }
    Ok(())
}
