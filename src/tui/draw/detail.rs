//! What the step at the cursor sends: server, danger, session, exact text; its request; its progress.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Line;

use super::panel::{self, Title, row};
use crate::domain::base::Danger;
use crate::domain::journal::record::Assessed;
use crate::domain::reach::Carry;
use crate::domain::run::outcome::CopyProgress;
use crate::domain::run::state::Phase;
use crate::tui::history::rows_of;
use crate::tui::model::Model;
use crate::tui::review::unmeasured;
use crate::tui::status::{gate_count, signed_by_enough, step_name};
use crate::tui::theme::Role;
use crate::tui::words::{count, long, say, until, wrap};

/// Draws the panel.
pub fn draw(model: &Model, frame: &mut Frame<'_>, area: Rect) {
    let Some(state) = &model.state else { return };
    let danger = model.history.step.danger;
    let right = match (danger, model.open_request()) {
        (Some(danger), Some(request)) => format!("{}  {}", danger_word(danger), gate_count(request)),
        (Some(danger), None) => danger_word(danger).to_owned(),
        (None, _) => String::new(),
    };
    let role = if danger == Some(Danger::Destructive) { Role::Caution } else { Role::Strong };
    let title = step_name(state);
    let rows = rows(model, usize::from(area.width.saturating_sub(2)));
    panel::draw(frame, area, model, &Title::new(&title, &right).role(role), rows);
}

/// The danger as it stands on screens: what loses data stands out by its letters.
pub fn danger_word(danger: Danger) -> &'static str {
    if danger == Danger::Destructive { "DESTRUCTIVE" } else { danger.word() }
}

/// The rows of the panel.
pub fn rows(model: &Model, width: usize) -> Vec<Line<'static>> {
    let theme = model.theme();
    let mut rows = Vec::new();
    match model.assessed() {
        Some(assessed) => script(model, assessed, width, &mut rows),
        None => rows.push(row(theme, Role::Dim, nothing_yet(model))),
    }
    if let Some(request) = model.open_request() {
        let header = &request.header;
        rows.push(row(theme, Role::Text, format!("request {}", header.request)));
        let expires = format!("expires {} (in {})", header.expires.clock(), until(model.now, header.expires));
        rows.push(row(theme, Role::Text, expires));
        if signed_by_enough(request) && unmeasured(model, request) > 0 {
            let missing = count(unmeasured(model, request), "own measurement");
            let text = format!("{0}/{0} have approved; {missing} missing", header.need);
            rows.push(row(theme, Role::Caution, text));
        }
    }
    let progress = progress(model);
    let lines = progress.iter().flat_map(|text| wrap(text, width));
    rows.extend(lines.map(|text| row(theme, Role::Strong, text)));
    rows.extend(super::sessions::trend(model, width).into_iter().map(|text| row(theme, Role::Text, text)));
    rows
}

fn nothing_yet(model: &Model) -> String {
    match model.state.as_ref().map(|state| &state.phase) {
        Some(Phase::Waiting { claims, .. }) => match claims.as_slice() {
            [] => "waits".to_owned(),
            [claim, rest @ ..] => {
                format!("waits until {} (and {})", say(&claim.to_string()), count(rest.len(), "more"))
            }
        },
        _ => "not assessed yet".to_owned(),
    }
}

fn script(model: &Model, assessed: &Assessed, width: usize, rows: &mut Vec<Line<'static>>) {
    let theme = model.theme();
    let all = assessed.script.len();
    for (index, command) in assessed.script.iter().enumerate() {
        let number = if all > 1 { format!("{}/{all} ", index + 1) } else { String::new() };
        let log = if command.carry == Carry::Logged { "logged" } else { "not logged" };
        let place = format!("{number}runs on {}   {}   {log}", command.server, danger_word(command.danger));
        rows.push(row(theme, Role::Strong, place));
        for line in command.lines() {
            let wrapped = wrap(&say(&line), width.saturating_sub(2));
            rows.extend(wrapped.into_iter().map(|part| row(theme, Role::Text, format!("  {part}"))));
        }
    }
}

/// How far a copy has come: the newest live value, and the recorded estimate with its range.
fn progress(model: &Model) -> Vec<String> {
    if !matches!(model.state.as_ref().map(|state| &state.phase), Some(Phase::Sending { .. })) {
        return Vec::new();
    }
    let mut lines = Vec::new();
    let live: Option<CopyProgress> = serde_json::from_value(model.live["progress"].clone()).ok();
    let estimate = model.history.step.estimate;
    if let Some(live) = live {
        lines.push(rows_of(live.rows_done, live.rows_expected));
    } else if let Some(estimate) = estimate {
        lines.push(estimate.rows());
    }
    if let Some(estimate) = estimate {
        let (early, late) = estimate.ends();
        lines.push(format!(
            "ETA between {} and {} (in {} to {})   {} rows/s",
            early.clock(),
            late.clock(),
            until(model.now, early),
            until(model.now, late),
            estimate.per_second
        ));
    }
    lines
}

/// What the step ran into.
fn met(model: &Model) -> Vec<String> {
    let notes = &model.history.step;
    let mut lines: Vec<String> = notes.blocked.iter().map(|why| format!("blocked: {}", say(why))).collect();
    for refusal in &notes.refusals {
        lines.extend(refusal.to_string().lines().map(say));
    }
    lines.extend(notes.drift.iter().map(|evidence| format!("drift: {}", say(&evidence.to_string()))));
    if let Some(doubt) = &notes.doubt {
        lines.push(format!("in doubt: {}", say(&doubt.why)));
        let evidence = doubt.found.iter().flat_map(|found| &found.evidence);
        lines.extend(evidence.map(|evidence| format!("  {}", say(&evidence.to_string()))));
    }
    lines
}

/// Everything about the step, for the pop-up and for copying.
pub fn full(model: &Model) -> Vec<String> {
    let Some(state) = &model.state else { return vec!["no run is open yet".to_owned()] };
    let mut lines = vec![step_name(state)];
    if let Some(assessed) = model.assessed() {
        for (index, command) in assessed.script.iter().enumerate() {
            lines.push(format!("command {}/{} on {}", index + 1, assessed.script.len(), command.server));
            lines.extend(command.settings().iter().map(|setting| format!("  session {}", say(setting))));
            lines.extend(command.lines().iter().map(|line| format!("  {}", say(line))));
            if let Some(reach) = assessed.reaches.get(index) {
                lines.extend(reach.arrivals.iter().map(|line| format!("  reach {}", say(&line.to_string()))));
            }
        }
        lines.extend(assessed.against.iter().map(|line| format!("against: {}", say(line))));
        if let Some(way) = &assessed.way_back {
            lines.push(format!("way back before: {}", say(&way.before)));
            lines.push(format!("way back after:  {}", say(&way.after)));
        }
    }
    lines.extend(met(model));
    lines.extend(super::sessions::trend(model, 80));
    lines.extend(super::advice::lines(model));
    if let Some(took) = model.history.took(state.cursor, model.now) {
        lines.push(format!("since {}", long(took)));
    }
    lines
}
