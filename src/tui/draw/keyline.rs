//! The last lines: a message or what stands so far, and the keys that do something here, from the keymap.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Line;
use ratatui::widgets::Paragraph;

use super::panel::row;
use crate::tui::keymap::{binding, label, mode, offered};
use crate::tui::model::Model;
use crate::tui::theme::Role;
use crate::tui::words::clip;

/// Draws them.
pub fn draw(model: &Model, frame: &mut Frame<'_>, area: Rect) {
    let width = usize::from(area.width);
    let theme = model.theme();
    let message = match model.ui.told() {
        Some(message) => row(theme, Role::Caution, clip(&format!(" {message}"), width)),
        None => row(theme, Role::Text, clip(&format!(" {}", so_far(model)), width)),
    };
    let mut rows = vec![message];
    rows.extend(keys(model, width).into_iter().map(Line::raw));
    rows.truncate(usize::from(area.height));
    frame.render_widget(Paragraph::new(rows), area);
}

fn so_far(model: &Model) -> String {
    match (&model.state, model.history.destroyed.as_slice()) {
        (None, _) => String::new(),
        (Some(_), []) => "nothing destructive has been sent so far".to_owned(),
        (Some(_), steps) => {
            let names: Vec<&str> = steps.iter().map(crate::domain::base::StepId::as_str).collect();
            format!("destructive so far: {}", names.join(", "))
        }
    }
}

/// The keys, in lines of at most `width` columns; a key is never cut in two.
pub fn keys(model: &Model, width: usize) -> Vec<String> {
    let mode = mode(model);
    let mut lines = vec![String::new()];
    for command in offered(model) {
        let Some(binding) = binding(command, mode) else { continue };
        let text = format!("{} {}", binding.keys, label(model, binding));
        let line = lines.last_mut();
        let used = line.as_ref().map_or(0, |line| line.chars().count());
        if used > 0 && used + 3 + text.len() > width {
            lines.push(format!(" {text}"));
        } else if let Some(line) = line {
            let gap = if used == 0 { " " } else { "  " };
            line.push_str(gap);
            line.push_str(&text);
        }
    }
    lines
}
