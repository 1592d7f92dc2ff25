//! A run as lines: plain text for people, logs and screen readers, and JSON for programs. One event after the other,
//! never a cursor movement.
//!
//! Both are total over all records: what the journal holds can be printed. Nothing is decided here.

use serde_json::Value;

use super::typed::Typed;
use crate::domain::approval::challenge::{counted_rows, kept_copies};
use crate::domain::base::{Danger, RequestId, RunId, Timestamp};
use crate::domain::journal::record::{Assessed, Choice, Ending, Record, StopReason};
use crate::domain::journal::{Frame, Line};
use crate::domain::reach::Refusal;
use crate::domain::run::state::State;
use crate::domain::snapshot::Evidence;
use crate::domain::vocabulary::promotion;
use crate::tui::draw::reach::how;
use crate::tui::summary::{Summary, summary};
use crate::tui::words::say;

/// What every JSON line names, so that a reader knows how to read it.
pub const SCHEMA: &str = "countersign.event/1";

/// One record as lines of text. `before` is the state that it was applied to, `None` for the first one.
///
/// The first line says what happened, those beneath it (indented) what to know and what to do.
pub fn plain(typed: &Typed, before: Option<&State>, at: Timestamp, record: &Record) -> Vec<String> {
    // For auditors and for the next executor; they tell a reader nothing.
    if matches!(record, Record::Head { .. } | Record::InputTaken { .. }) {
        return Vec::new();
    }
    let told = summary(before, record);
    let clock = at.clock();
    let mut lines = vec![format!("{clock} {}", head(before, record, &told)).trim_end().to_owned()];
    lines.extend(beneath(typed, before, at, record).into_iter().map(|line| format!("{clock}   {line}")));
    lines
}

/// `step 6/10 drop-corrupt     waiting   GATE 0/2 ..` or `run r-9b02 held      ana: ..`.
fn head(before: Option<&State>, record: &Record, told: &Summary) -> String {
    let who = told.who.as_ref().map(|who| format!("{who}: ")).unwrap_or_default();
    let what = match (&told.step, before) {
        (Some((number, step)), Some(state)) => {
            format!("step {number}/{} {step:<18}", state.opened.steps.len())
        }
        _ => format!("run {}", run_of(before, record)),
    };
    format!("{what} {:<9} {who}{}", told.word, told.text)
}

fn run_of(before: Option<&State>, record: &Record) -> String {
    match (record, before) {
        (Record::Opened(opened), _) => opened.run.to_string(),
        (_, Some(state)) => state.opened.run.to_string(),
        (_, None) => "?".to_owned(),
    }
}

/// What a reader needs besides the sentence: copies, checks, who is asked, what can be chosen.
fn beneath(typed: &Typed, before: Option<&State>, at: Timestamp, record: &Record) -> Vec<String> {
    // Long because it has one arm for each kind of record, so that none can be forgotten.
    let run = run_of(before, record);
    match record {
        Record::Opened(opened) => vec![
            format!("driver {} on {}   fleet {}", opened.by, say(&opened.host), say(&opened.fleet)),
            format!("stop it at any time: {}", typed.anybody(&format!("hold {run}"))),
        ],
        Record::Asked { text, read_back, .. } => {
            let mut lines: Vec<String> = text.lines().skip(1).map(say).collect();
            lines.push(format!("read back: {}", say(read_back)));
            lines.push(format!("next:  {}", typed.person(&format!("answer {run} TEXT"))));
            lines
        }
        Record::Waiting { claims, until, .. } => {
            let claims = claims.iter().map(|claim| format!("until {}", say(&claim.to_string())));
            claims.chain([format!("else at {} the run stops with numbered choices", until.clock())]).collect()
        }
        Record::Offered { offered, at_most, .. } => {
            let next = typed.person(&format!("choose {run} \"ID,ID\""));
            let lines = offered.iter().map(|blocker| say(&blocker.line()));
            lines.chain([format!("next:  {next}   (at most {at_most}, or `none`)")]).collect()
        }
        Record::Picked { picked, .. } => picked.iter().map(|blocker| say(&blocker.line())).collect(),
        Record::Repeated { checks, .. } => {
            checks.iter().map(|check| format!("{}: {}", say(&check.says), say(&check.verdict.to_string()))).collect()
        }
        Record::Blocked { why, .. } => why.iter().map(|why| format!("why:   {}", say(why))).collect(),
        Record::Refused { refusals, .. } => refusals.iter().flat_map(refusal).collect(),
        Record::Requested { header, text, assessed, .. } => {
            request(typed, (&header.request, header.expires), text, assessed)
        }
        Record::Armed { danger, .. } if *danger > Danger::Protective => {
            vec![format!("anybody may hold: {}", typed.anybody(&format!("hold {run}")))]
        }
        Record::Came { outcome: crate::domain::run::Outcome::Failed { .. }, .. } => {
            vec!["nothing is assumed about its effects; the fleet is looked at before anything else".to_owned()]
        }
        Record::InDoubt { .. } => {
            vec!["nothing is sent again by itself; what became of it is being looked at".to_owned()]
        }
        Record::DoubtLooked { state, answer, evidence, .. } => {
            let mut lines = vec![crate::tui::summary::looked(state, *answer)];
            lines.extend(evidence.iter().map(fact));
            lines
        }
        Record::Estimated { rows_done, rows_expected, rows_per_second, took, left_low, left_high, .. } => {
            let of = rows_expected.map(|rows| format!(" of {rows}")).unwrap_or_default();
            vec![format!(
                "rows {rows_done}{of} in {}   {rows_per_second} rows/s   ETA {} to {}",
                took.rounded(),
                at.plus(*left_low).clock(),
                at.plus(*left_high).clock()
            )]
        }
        Record::Advised { steps, .. } => promotion::lines(steps).iter().map(|line| say(line)).collect(),
        Record::Drifted { evidence, .. } => evidence.iter().map(fact).collect(),
        Record::Done { checks, .. } => {
            checks.iter().map(|check| format!("{}: {}", say(&check.says), say(&check.verdict.to_string()))).collect()
        }
        Record::Held { .. } => vec![format!("next:  {}", typed.person(&format!("release {run}")))],
        Record::Stopped { why, choices } => stopped(typed, &run, why, choices),
        Record::Closed { outcome } => closed(typed, &run, *outcome),
        Record::ExecutorChanged { .. }
        | Record::Entered { .. }
        | Record::Skipped { .. }
        | Record::Answered { .. }
        | Record::Approved { .. }
        | Record::SignatureRefused { .. }
        | Record::RequestStopped { .. }
        | Record::RequestVoid { .. }
        | Record::Armed { .. }
        | Record::Intended { .. }
        | Record::NotSent { .. }
        | Record::Came { .. }
        | Record::Killed { .. }
        | Record::Released { .. }
        | Record::Chosen { .. }
        | Record::Noted { .. }
        | Record::InputTaken { .. }
        | Record::InputRefused { .. }
        | Record::Head { .. } => Vec::new(),
    }
}

fn fact(evidence: &Evidence) -> String {
    format!(
        "{}: {}   seen: {}",
        say(&evidence.claim.to_string()),
        say(&evidence.verdict.to_string()),
        say(&evidence.seen)
    )
}

fn refusal(refusal: &Refusal) -> Vec<String> {
    let mut lines = vec![format!("rule:   {}", say(&refusal.rule))];
    for copy in &refusal.copies {
        let lost = if copy.copy.is_good() && !copy.how.spares() { "   <-- a good copy" } else { "" };
        lines.push(format!("copy:   {}  {}  {}{lost}", copy.server, say(&copy.copy.to_string()), how(&copy.how)));
    }
    lines.extend(refusal.why.iter().map(|why| format!("why:    {}", say(why))));
    lines.push(format!("way back now:   {}", say(&refusal.way_back.before)));
    lines.push(format!("way back after: {}", say(&refusal.way_back.after)));
    lines.push(format!("try:    {}", say(&refusal.hint)));
    lines
}

fn request(typed: &Typed, (id, expires): (&RequestId, Timestamp), text: &str, assessed: &Assessed) -> Vec<String> {
    let mut lines = Vec::new();
    for command in &assessed.script {
        let statement: Vec<String> = command.lines().iter().map(|line| say(line)).collect();
        lines.push(format!("{}  {}  {}", command.server, command.danger, statement.join(" ")));
    }
    for reach in &assessed.reaches {
        let all: Vec<String> = reach.arrivals.iter().map(|a| format!("{} {}", a.server, how(&a.how))).collect();
        lines.push(format!("reach: {}", all.join(", ")));
    }
    for (table, servers) in kept_copies(text) {
        lines.push(format!("good copies of {} out of reach: {} ({})", say(&table), servers.len(), servers.join(", ")));
    }
    lines.extend(counted_rows(text).iter().map(|rows| format!("rows counted there: {}", say(rows))));
    lines.extend(assessed.against.iter().map(|against| format!("against: {}", say(against))));
    if let Some(way) = &assessed.way_back {
        lines.push(format!("way back: {}   after: {}", say(&way.before), say(&way.after)));
    }
    lines.push(format!("until {}, one of:", expires.clock()));
    lines.push(format!("next:  {}", typed.person(&format!("review {id}"))));
    lines.push(format!("       {}", typed.person(&format!("approve {id} --answer TEXT --reason TEXT"))));
    lines.push(format!("       {}", typed.person(&format!("reject {id} --reason TEXT"))));
    lines
}

fn stopped(typed: &Typed, run: &str, why: &StopReason, choices: &[Choice]) -> Vec<String> {
    let mut lines = Vec::new();
    if matches!(why, StopReason::TooLong { .. }) {
        lines.push("what is loaded stays; nothing was destroyed by it".to_owned());
    }
    lines.extend(choices.iter().enumerate().map(|(place, choice)| format!("{}  {choice}", place + 1)));
    if !choices.is_empty() {
        lines.push(format!("next:  {}", typed.person(&format!("choose {run} NUMBER"))));
    }
    lines
}

fn closed(typed: &Typed, run: &str, outcome: Ending) -> Vec<String> {
    let word = match outcome {
        Ending::Completed => "every step is done",
        Ending::Aborted => "nothing was undone by itself",
    };
    vec![word.to_owned(), format!("next:  {}", typed.anybody(&format!("report {run}")))]
}

/// One journal line as one JSON object. `data` holds the very bytes of the journal's payload, so that the chain can
/// be checked from the stream: a line is `seq ts prev type data` and a line feed.
pub fn json(run: &RunId, line: &Line) -> String {
    // A line can only be made of bytes that have a frame, so the zeros are never seen.
    let previous = Frame::parse(line.bytes()).map_or_else(|_| "0".repeat(64), |frame| frame.previous.to_owned());
    let text = |text: &str| Value::from(text).to_string();
    format!(
        r#"{{"schema":{},"seq":{},"prev":{},"ts":{},"run":{},"type":{},"data":{}}}"#,
        text(SCHEMA),
        line.seq(),
        text(&previous),
        text(&line.at().to_string()),
        text(run.as_str()),
        text(line.event()),
        line.payload()
    )
}

#[cfg(test)]
mod tests;
