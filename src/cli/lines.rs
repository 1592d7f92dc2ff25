//! A run's records as lines.

use crate::domain::base::Timestamp;
use crate::domain::journal::Line;
use crate::domain::journal::record::Record;
use crate::domain::run::state::State;

pub fn plain(before: Option<&State>, at: Timestamp, record: &Record) -> Vec<String> {
    let step = before.and_then(State::step).map(ToString::to_string).unwrap_or_default();
    let (event, data) = record.to_line();
    let data: String = data.chars().take(300).collect();
    vec![format!("{} {step} {event} {data}", at.clock())]
}

pub fn json(line: &Line) -> String {
    line.payload().to_owned()
}
