//! What happened, one entry for each record, newest last.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Line;

use super::panel::{self, Title, columns, row};
use crate::tui::model::Model;
use crate::tui::summary::Summary;
use crate::tui::theme::Role;
use crate::tui::ui::Follow;
use crate::tui::words::{self, count};

/// Draws the panel.
pub fn draw(model: &Model, frame: &mut Frame<'_>, area: Rect) {
    let width = usize::from(area.width.saturating_sub(2));
    let rows = rows(model, width);
    let room = usize::from(area.height.saturating_sub(2));
    let last = rows.len().saturating_sub(room);
    let (scroll, follow) = match model.ui.follow {
        Follow::On => (last, "on"),
        Follow::Off => (model.ui.scroll.min(last), "off"),
    };
    let entries = count(model.seen.len(), "entry").replace("entrys", "entries");
    let right = format!("{entries}   newest last   f follow: {follow}");
    panel::scrolled(frame, area, model, &Title::new("4 Timeline", &right), rows, scroll);
}

/// The rows of the panel.
pub fn rows(model: &Model, width: usize) -> Vec<Line<'static>> {
    let theme = model.theme();
    let said = width.saturating_sub(9 + 8 + 22 + 3);
    let lines = model.seen.iter().zip(model.history.told()).flat_map(|(seen, told)| {
        let who = told.who.as_deref().unwrap_or("-");
        let (at, subject) = (seen.at.clock(), subject(told));
        let parts = words::rows(&[sentence(told)], said).into_iter().enumerate();
        let part = |(place, part): (usize, String)| match place {
            0 => columns(&[(&at, 9), (who, 8), (&subject, 22), (&part, said)]),
            _ => columns(&[("", 9), ("", 8), ("", 22), (&part, said)]),
        };
        parts.map(part).collect::<Vec<_>>()
    });
    lines.map(|line| row(theme, Role::Text, line)).collect()
}

fn subject(told: &Summary) -> String {
    told.step.as_ref().map_or_else(|| "run".to_owned(), |(number, step)| format!("{number} {step}"))
}

fn sentence(told: &Summary) -> String {
    format!("{}  {}", told.word, told.text).trim_end().to_owned()
}

/// The whole timeline as text, for copying.
pub fn text(model: &Model) -> String {
    let lines = model.seen.iter().zip(model.history.told()).map(|(seen, told)| {
        let who = told.who.as_deref().unwrap_or("-");
        format!("{} {who} {} {}", seen.at, subject(told), sentence(told))
    });
    lines.collect::<Vec<_>>().join("\n")
}
