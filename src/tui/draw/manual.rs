//! A step that a person does: what to do, and what to read back.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Line;

use super::panel::{self, Title, row};
use crate::tui::model::Model;
use crate::tui::status::step_name;
use crate::tui::theme::Role;
use crate::tui::words::{say, wrap};

/// Draws the panel. The line to type in is the prompt that Tab opens.
pub fn draw(model: &Model, frame: &mut Frame<'_>, area: Rect) {
    let Some(state) = &model.state else { return };
    let theme = model.theme();
    let width = usize::from(area.width.saturating_sub(2));
    let mut rows: Vec<Line<'static>> = Vec::new();
    if let Some(asked) = &model.history.step.asked {
        let lines: Vec<String> = asked.text.lines().flat_map(|line| wrap(&say(line), width)).collect();
        rows.extend(lines.into_iter().map(|part| row(theme, Role::Text, part)));
        rows.push(Line::default());
        let lines = wrap(&format!("read back: {}", say(&asked.read_back)), width);
        rows.extend(lines.into_iter().map(|part| row(theme, Role::Strong, part)));
    }
    rows.push(Line::default());
    let run = &state.opened.run;
    let how = match &state.held {
        Some(by) => {
            format!("{} holds the run: an answer is recorded, and the next step begins after R release", say(by))
        }
        None => format!("Tab opens the line for it; or: countersign answer {run} TEXT"),
    };
    rows.extend(wrap(&how, width).into_iter().map(|part| row(theme, Role::Text, part)));
    panel::draw(frame, area, model, &Title::new(&step_name(state), "by hand"), rows);
}
