//! What a person does by hand to promote a server: the steps as they were recorded. Nothing of it is done from here.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Line;

use super::panel::{self, Title, row};
use crate::domain::vocabulary::promotion;
use crate::tui::model::Model;
use crate::tui::theme::Role;
use crate::tui::words::{say, wrap};

/// Draws the panel; `e` shows what does not fit.
pub fn draw(model: &Model, frame: &mut Frame<'_>, area: Rect) {
    let rows = rows(model, usize::from(area.width.saturating_sub(2)));
    panel::draw(frame, area, model, &Title::new("How to promote by hand", "nothing of it was done"), rows);
}

/// The steps, each with its statements.
pub fn lines(model: &Model) -> Vec<String> {
    promotion::lines(&model.history.advised).iter().map(|line| say(line)).collect()
}

fn rows(model: &Model, width: usize) -> Vec<Line<'static>> {
    let theme = model.theme();
    let mut rows = Vec::new();
    for line in lines(model) {
        // A statement is indented, and so is what is wrapped of it.
        let (role, indent) = if line.starts_with(' ') { (Role::Text, 5) } else { (Role::Strong, 3) };
        for (place, part) in wrap(line.trim_start(), width.saturating_sub(indent)).into_iter().enumerate() {
            let indent = if place == 0 && role == Role::Strong { 0 } else { indent };
            rows.push(row(theme, role, format!("{}{part}", " ".repeat(indent))));
        }
    }
    rows
}
