//! The list of steps, and its one-line form for narrow windows.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Line;
use ratatui::widgets::Paragraph;

use super::panel::{self, Title, columns, edges, row};
use crate::domain::base::Principal;
use crate::tui::model::Model;
use crate::tui::status::step_line;
use crate::tui::theme::{Role, Sign};
use crate::tui::words::{clip, count};

/// Draws the list with what is known of the run beneath it.
pub fn draw(model: &Model, frame: &mut Frame<'_>, area: Rect) {
    let Some(state) = &model.state else { return };
    let done = format!("{}/{}", state.cursor, state.opened.steps.len());
    let room = usize::from(area.height.saturating_sub(2));
    let facts = facts(model);
    let space = room.saturating_sub(facts.len() + 1).max(1);
    let mut rows = list(model, usize::from(area.width.saturating_sub(2)), space);
    rows.push(Line::default());
    rows.extend(facts.into_iter().map(|fact| row(model.theme(), Role::Text, fact)));
    panel::draw(frame, area, model, &Title::new("1 Steps", &done), rows);
}

/// At most `space` steps around the one at the cursor.
fn list(model: &Model, width: usize, space: usize) -> Vec<Line<'static>> {
    let Some(state) = &model.state else { return Vec::new() };
    let (theme, all) = (model.theme(), state.opened.steps.len());
    let first = state.cursor.saturating_sub(space / 2).min(all.saturating_sub(space));
    let line = |(index, step): (usize, &crate::domain::base::StepId)| {
        let status = step_line(model, index);
        let cursor = if index == state.cursor { theme.sign(Sign::Cursor) } else { " " };
        let left = format!(" {}{cursor}{:>2} {step}", theme.sign(status.sign), index + 1);
        let role = if index == state.cursor { Role::Strong } else { Role::Text };
        row(theme, role, edges(&left, &format!("{} ", status.word), width))
    };
    state.opened.steps.iter().enumerate().skip(first).take(space).map(line).collect()
}

fn facts(model: &Model) -> Vec<String> {
    let Some(state) = &model.state else { return Vec::new() };
    let mut facts = vec![columns(&[("  driver", 11), (state.opened.by.as_str(), 20)])];
    if let Some(request) = model.open_request().filter(|request| !request.approvals.is_empty()) {
        let names: Vec<&str> = request.approvals.iter().map(|approval| approval.by.as_str()).collect();
        facts.push(columns(&[("  approved", 11), (&names.join(", "), 20)]));
    }
    if let Some(who) = model.viewer.who.as_ref().filter(|who| **who != state.opened.by) {
        facts.push(columns(&[("  you", 11), (Principal::as_str(who), 20)]));
    }
    facts.push(columns(&[("  journal", 11), (&count(model.seen.len(), "entry").replace("entrys", "entries"), 20)]));
    facts
}

/// All steps on one line: numbers with their signs, the one at the cursor by its name.
pub fn strip(model: &Model, frame: &mut Frame<'_>, area: Rect) {
    let text = strip_text(model, usize::from(area.width));
    frame.render_widget(Paragraph::new(Line::raw(text)), area);
}

/// The one line of all steps, clipped around the cursor.
pub fn strip_text(model: &Model, width: usize) -> String {
    let Some(state) = &model.state else { return String::new() };
    let theme = model.theme();
    let parts = state.opened.steps.iter().enumerate().map(|(index, step)| {
        let status = step_line(model, index);
        match index.cmp(&state.cursor) {
            std::cmp::Ordering::Less => format!("{}{}", index + 1, theme.sign(Sign::Done)),
            std::cmp::Ordering::Equal => format!("[{}{} {step} {}]", index + 1, theme.sign(status.sign), status.word),
            std::cmp::Ordering::Greater => (index + 1).to_string(),
        }
    });
    let line = format!(" {}", parts.collect::<Vec<_>>().join(" "));
    clip(&line, width)
}
