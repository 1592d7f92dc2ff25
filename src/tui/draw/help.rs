//! Every key, with the reason when it is off; and the question whether to leave a run that this process executes.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Line;

use super::panel::{self, Title, columns, row};
use crate::tui::keymap::{TABLE, When, why_off};
use crate::tui::model::Model;
use crate::tui::review::{why_not_approve, why_not_reject};
use crate::tui::theme::Role;
use crate::tui::words::{say, wrap};

/// Draws the table of keys.
pub fn draw(model: &Model, frame: &mut Frame<'_>, area: Rect) {
    let rows = rows(model, usize::from(area.width.saturating_sub(2)));
    panel::scrolled(frame, area, model, &Title::new("Keys", "Esc closes"), rows, model.ui.scroll);
}

/// The rows of the table.
pub fn rows(model: &Model, width: usize) -> Vec<Line<'static>> {
    let theme = model.theme();
    let says = width.saturating_sub(11 + 2);
    let mut rows: Vec<Line<'static>> = Vec::new();
    for binding in TABLE {
        let off = why_off(model, binding.command);
        let while_typing = if binding.when == When::Always { ", also while typing" } else { "" };
        let text = match &off {
            Some(why) => format!("{}: off, {}", binding.says, say(why)),
            None if binding.says.contains("while typing") => binding.says.to_owned(),
            None => format!("{}{while_typing}", binding.says),
        };
        let role = if off.is_some() { Role::Dim } else { Role::Text };
        rows.push(row(theme, role, columns(&[(binding.keys, 10), (&text, says)])));
    }
    let approve = match model.review.as_ref().and_then(|review| why_not_approve(model, review)) {
        Some(why) => format!("no key: typed in a review; off, {}", say(&why)),
        None => "no key: typed in a review".to_owned(),
    };
    rows.push(row(theme, Role::Text, columns(&[("approve", 10), (&approve, says)])));
    let reviewed = model.review.as_ref().and_then(|review| model.request(&review.request));
    let reject = match reviewed.and_then(|request| why_not_reject(model, request)) {
        Some(why) => format!("no key: typed in a review; off, {}", say(&why)),
        None => "no key: typed in a review, needs a reason".to_owned(),
    };
    rows.push(row(theme, Role::Text, columns(&[("reject", 10), (&reject, says)])));
    rows
}

/// The question before leaving.
pub fn leave(model: &Model, frame: &mut Frame<'_>, area: Rect) {
    let width = usize::from(area.width.saturating_sub(2));
    let run = model.state.as_ref().map(|state| state.opened.run.to_string()).unwrap_or_default();
    let texts = [
        "This process executes the run. What is being executed is never killed by leaving.".to_owned(),
        String::new(),
        "Esc   stay".to_owned(),
        "L     hold after the command that runs now, then leave".to_owned(),
        String::new(),
        format!("afterwards anybody goes on with: countersign resume {run}"),
    ];
    let lines = texts.iter().flat_map(|text| wrap(text, width));
    let rows = lines.map(|text| row(model.theme(), Role::Text, text)).collect();
    panel::draw(frame, area, model, &Title::new("Leave?", ""), rows);
}
