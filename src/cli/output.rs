//! The only door to standard output and standard error.
//!
//! Standard output is for data: lines of a run, answers of a command. Messages and errors go to standard error.

use super::args::OutputArgs;
use super::error::CliError;
use super::lines;
use crate::domain::base::Timestamp;
use crate::domain::journal::Line;
use crate::domain::journal::record::Record;
use crate::domain::run::state::State;
use crate::executor::journal::Watcher;

/// One line of data. A reader that is gone is no reason to stop a run.
pub fn data(line: &str) {
    use std::io::Write as _;
    let _ = writeln!(std::io::stdout().lock(), "{line}");
}

/// One message for people.
pub fn say(line: &str) {
    use std::io::Write as _;
    let _ = writeln!(std::io::stderr().lock(), "{line}");
}

/// An error with its hint and its exit code's word.
pub fn error(error: &CliError) {
    say(&format!("error: {}", error.message));
    if let Some(hint) = &error.hint {
        say(&format!("hint: {hint}"));
    }
    say(&format!("exit {} ({})", error.exit.code(), error.exit.word()));
}

/// Tells a run's records as they become durable.
#[derive(Debug)]
pub struct Narrator {
    json: bool,
}

impl Narrator {
    pub fn new(output: OutputArgs) -> Self {
        Self { json: output.json }
    }
}

impl Watcher for Narrator {
    fn recorded(&mut self, before: Option<&State>, at: Timestamp, line: &Line, record: &Record) {
        if self.json {
            data(&lines::json(line));
        } else {
            for line in lines::plain(before, at, record) {
                data(&line);
            }
        }
    }
}
