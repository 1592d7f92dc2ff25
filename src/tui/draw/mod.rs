//! Draws a model. Nothing here changes anything or asks for anything: the same model is always the same picture.

pub mod advice;
pub mod approvals;
pub mod checks;
pub mod detail;
pub mod ended;
pub mod fleet;
pub mod header;
pub mod help;
pub mod keyline;
pub mod manual;
pub mod panel;
pub mod reach;
pub mod refused;
pub mod review;
pub mod small;
pub mod steps;
pub mod timeline;
pub mod trouble;

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Position, Rect};

use super::model::Model;
use super::ui::{Popup, Room, View};
use super::words;
use crate::domain::journal::record::StopReason;
use crate::domain::run::state::Phase;

/// Draws everything.
pub fn draw(model: &Model, frame: &mut Frame<'_>) {
    let area = frame.area();
    if area.is_empty() {
        return;
    }
    if model.ui.room() == Room::Tiny {
        small::draw(model, frame, area);
        return;
    }
    let [head, body, prompt, foot] = areas(model, area);
    header::draw(model, frame, head);
    match &model.ui.popup {
        Some(Popup::Help) => help::draw(model, frame, body),
        Some(Popup::Text { title, lines }) => {
            let rows = words::rows(lines, usize::from(body.width.saturating_sub(2)));
            let hint = if rows.len() > lines.len() { "> same line  Esc closes" } else { "Esc closes" };
            let rows = rows.into_iter().map(Into::into).collect();
            panel::scrolled(frame, body, model, &panel::Title::new(title, hint), rows, model.ui.scroll);
        }
        Some(Popup::Leave) => help::leave(model, frame, body),
        None => view(model, frame, body),
    }
    draw_prompt(model, frame, prompt);
    keyline::draw(model, frame, foot);
}

fn areas(model: &Model, area: Rect) -> [Rect; 4] {
    let prompt = if model.ui.prompt.is_some() { 3 } else { 0 };
    let foot = if model.ui.room() == Room::Wide { 3 } else { 2 };
    Layout::vertical([Constraint::Length(2), Constraint::Fill(1), Constraint::Length(prompt), Constraint::Length(foot)])
        .areas(area)
}

fn view(model: &Model, frame: &mut Frame<'_>, body: Rect) {
    match model.ui.view {
        View::Steps => run(model, frame, body),
        View::Fleet => fleet::draw(model, frame, body),
        View::Approvals => approvals::draw(model, frame, body),
        View::Timeline => timeline::draw(model, frame, body),
        View::Review => review::draw(model, frame, body),
    }
}

/// The first view: what the run does now, or what went wrong.
fn run(model: &Model, frame: &mut Frame<'_>, body: Rect) {
    match model.state.as_ref().map(|state| &state.phase) {
        Some(Phase::Stopped { why: StopReason::Refused, .. }) => refused::draw(model, frame, body),
        Some(Phase::Stopped { .. } | Phase::Doubt { .. } | Phase::Killing { .. }) => trouble::draw(model, frame, body),
        Some(Phase::Finished { .. } | Phase::Closed { .. }) if !model.history.advised.is_empty() => {
            advice::draw(model, frame, body);
        }
        _ if model.ui.room() == Room::Wide => {
            let [left, right] = Layout::horizontal([Constraint::Length(34), Constraint::Fill(1)]).areas(body);
            steps::draw(model, frame, left);
            step(model, frame, right);
        }
        _ => {
            let [strip, rest] = Layout::vertical([Constraint::Length(1), Constraint::Fill(1)]).areas(body);
            steps::strip(model, frame, strip);
            step(model, frame, rest);
        }
    }
}

/// The step at the cursor: what runs, what it rests on, where it arrives.
fn step(model: &Model, frame: &mut Frame<'_>, area: Rect) {
    match model.state.as_ref().map(|state| &state.phase) {
        Some(Phase::Asking) => return manual::draw(model, frame, area),
        Some(Phase::Finished { outcome } | Phase::Closed { outcome }) => {
            return ended::draw(model, frame, area, *outcome);
        }
        _ => {}
    }
    let width = usize::from(area.width.saturating_sub(2));
    if area.height < 16 {
        let detail = height(detail::rows(model, width).len()).min(area.height / 2);
        let parts = [Constraint::Length(detail), Constraint::Length(1), Constraint::Fill(1)];
        let [top, middle, bottom] = Layout::vertical(parts).areas(area);
        detail::draw(model, frame, top);
        checks::line_only(model, frame, middle);
        reach::draw(model, frame, bottom);
        return;
    }
    let detail = height(detail::rows(model, width).len()).min(area.height / 2);
    let checks = height(checks::rows(model, width).len()).min((area.height.saturating_sub(detail)) / 2);
    let [top, middle, bottom] =
        Layout::vertical([Constraint::Length(detail), Constraint::Length(checks), Constraint::Fill(1)]).areas(area);
    detail::draw(model, frame, top);
    checks::draw(model, frame, middle);
    reach::draw(model, frame, bottom);
}

/// The height of a framed panel with so many rows.
fn height(rows: usize) -> u16 {
    u16::try_from(rows).unwrap_or(u16::MAX).saturating_add(2)
}

fn draw_prompt(model: &Model, frame: &mut Frame<'_>, area: Rect) {
    let Some(prompt) = &model.ui.prompt else { return };
    let asks = prompt.asks();
    let title = panel::Title::new(&asks, "Esc leaves it");
    let width = usize::from(area.width.saturating_sub(5));
    let (shown, column) = panel::typed(&prompt.field, width);
    panel::draw(frame, area, model, &title, vec![format!("> {shown}").into()]);
    if model.ui.popup.is_none() && area.width > 4 {
        frame.set_cursor_position(Position::new(area.x + 3 + column, area.y + 1));
    }
}

/// How many rows one page moves by: never more than are on the screen at once.
pub fn page(model: &Model) -> usize {
    if model.ui.view == View::Review && model.ui.popup.is_none() {
        return review::page(model);
    }
    let area = Rect::new(0, 0, model.ui.width, model.ui.height);
    let [_, body, ..] = areas(model, area);
    usize::from(body.height.saturating_sub(3)).max(1)
}

/// The last useful scroll position of what is shown.
pub fn last_scroll(model: &Model) -> usize {
    let area = Rect::new(0, 0, model.ui.width, model.ui.height);
    let [_, body, ..] = areas(model, area);
    let room = usize::from(body.height.saturating_sub(2));
    let width = usize::from(body.width.saturating_sub(2));
    let rows = match (&model.ui.popup, model.ui.view) {
        (Some(Popup::Text { lines, .. }), _) => words::rows(lines, width).len(),
        (Some(Popup::Help), _) => help::rows(model, width).len(),
        (None, View::Review) => return review::last_scroll(model),
        (None, View::Timeline) => timeline::rows(model, width).len(),
        (None, View::Fleet) => fleet::rows(model, width).len(),
        (Some(Popup::Leave), _) | (None, View::Steps | View::Approvals) => 0,
    };
    rows.saturating_sub(room)
}

/// What `y` copies on the present view.
pub fn copied(model: &Model) -> String {
    match (model.ui.view, model.request_in_front()) {
        (View::Approvals | View::Review, Some(request)) => format!("countersign review {}", request.header.request),
        (View::Timeline, _) => timeline::text(model),
        _ => detail::full(model).join("\n"),
    }
}
