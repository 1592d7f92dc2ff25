//! The only door to standard output and standard error.
//!
//! Standard output is for data: lines of a run, answers of a command. Messages and errors go to standard error.

use super::args::OutputArgs;
use super::error::CliError;
use super::lines;
use super::typed::Typed;
use crate::domain::base::{RunId, Timestamp};
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
    // Problems of a file bring their own word, one for each.
    let word =
        if error.message.starts_with("error[") || error.message.starts_with("warning[") { "" } else { "error: " };
    say(&format!("{word}{}", error.message));
    if let Some(hint) = &error.hint {
        say(&format!("hint: {hint}"));
    }
    say(&format!("exit {} ({})", error.exit.code(), error.exit.word()));
}

/// Tells a run's records as they become durable.
#[derive(Debug)]
pub struct Narrator {
    form: Form,
    typed: Typed,
    run: Option<RunId>,
}

/// How a run is told on standard output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Plain,
    Json,
    /// A screen tells it.
    Nothing,
}

impl Narrator {
    pub fn new(output: OutputArgs, typed: Typed) -> Self {
        Self { form: if output.json { Form::Json } else { Form::Plain }, typed, run: None }
    }

    /// While a screen has the terminal, no line may be written to it.
    pub fn silent() -> Self {
        Self { form: Form::Nothing, typed: Typed::default(), run: None }
    }
}

impl Watcher for Narrator {
    fn recorded(&mut self, before: Option<&State>, at: Timestamp, line: &Line, record: &Record) {
        match self.form {
            Form::Nothing => {}
            Form::Plain => lines::plain(&self.typed, before, at, record).iter().for_each(|line| data(line)),
            Form::Json => {
                if let Record::Opened(opened) = record {
                    self.run = Some(opened.run.clone());
                }
                if let Some(run) = &self.run {
                    data(&lines::json(run, line));
                }
            }
        }
    }
}
