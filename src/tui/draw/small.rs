//! Windows below 60x16: whose turn it is and how to stop, down to 20x3. Nothing is approved at this size.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;

use super::panel::row;
use crate::domain::run::state::Phase;
use crate::tui::keymap::{Mode, mode};
use crate::tui::model::Model;
use crate::tui::status::{Words, next, run_word, step_line};
use crate::tui::theme::{Role, Sign};
use crate::tui::ui::Popup;
use crate::tui::words::{ago, clip, wrap};

/// Draws what fits, the most needed first; the last line is always the keys.
pub fn draw(model: &Model, frame: &mut Frame<'_>, area: Rect) {
    let (width, height) = (usize::from(area.width), usize::from(area.height));
    let mut rows = vec![state(model, width)];
    let room = height.saturating_sub(2);
    let text = format!("{}{}", if height > 3 { "NEXT " } else { "" }, next(model, Words::All));
    let lines = wrap(&text, width.saturating_sub(1).max(1));
    let most = if height > 8 { 4 } else { room.saturating_sub(1).max(1) };
    let fits = lines.len() <= most;
    for (place, line) in lines.iter().take(most).enumerate() {
        let cut = !fits && place + 1 == most;
        let line = if cut { clip(&format!("{line} ..."), width.saturating_sub(1)) } else { line.clone() };
        rows.push(Line::raw(format!(" {line}")));
    }
    rows.extend(more(model, width).into_iter().map(Line::raw));
    rows.truncate(height.saturating_sub(1));
    while rows.len() + 1 < height {
        rows.push(Line::default());
    }
    rows.push(Line::raw(clip(keys(model), width)));
    rows.truncate(height);
    frame.render_widget(Paragraph::new(rows), area);
}

fn state(model: &Model, width: usize) -> Line<'static> {
    let theme = model.theme();
    let word = run_word(model);
    let run = model.state.as_ref().map(|state| state.opened.run.to_string()).unwrap_or_default();
    let elapsed = model.seen.first().map(|first| ago(model.now, first.at)).unwrap_or_default();
    let rest = clip(&format!(" {run} {} {elapsed}", model.viewer.environment), width.saturating_sub(word.word.len()));
    Line::from(vec![Span::styled(word.word.to_owned(), theme.style(word.role)), Span::raw(rest)])
}

fn more(model: &Model, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    if let Some(prompt) = &model.ui.prompt {
        lines.extend(wrap(&prompt.asks(), width.saturating_sub(1)).into_iter().map(|line| format!(" {line}")));
        lines.push(format!(" > {}", super::panel::typed(&prompt.field, width.saturating_sub(4)).0));
        return lines;
    }
    if model.ui.popup == Some(Popup::Leave) {
        lines.push(clip(" L hold and leave   Esc stay", width));
        return lines;
    }
    if let Some(message) = model.ui.told() {
        lines.push(row(model.theme(), Role::Caution, clip(&format!(" {message}"), width)).to_string());
    }
    if let Some(state) = &model.state {
        let status = step_line(model, state.cursor);
        let step = state.step().map(ToString::to_string).unwrap_or_default();
        let sign = model.theme().sign(status.sign);
        let line = format!(" {}/{} {step} {sign} {}", state.cursor + 1, state.opened.steps.len(), status.word);
        lines.push(clip(&line, width));
    }
    if let Some(assessed) = model.assessed() {
        let holding = assessed.checks.iter().filter(|check| check.verdict.holds()).count();
        let sign = model.theme().sign(if holding == assessed.checks.len() { Sign::Done } else { Sign::Failed });
        lines.push(clip(&format!(" checks {holding}/{} true {sign}", assessed.checks.len()), width));
    }
    if let Some(Phase::Stopped { choices, .. }) = model.state.as_ref().map(|state| &state.phase) {
        for (place, choice) in choices.iter().enumerate() {
            let cursor = if model.ui.choice == Some(place) { model.theme().sign(Sign::Cursor) } else { " " };
            lines.push(clip(&format!(" {cursor}{} {choice}", place + 1), width));
        }
    }
    lines.push(String::new());
    lines.push(clip(&format!(" window is {}x{}; views need 60x16.", model.ui.width, model.ui.height), width));
    lines.push(clip(" approving is off at this size.", width));
    lines
}

fn keys(model: &Model) -> &'static str {
    match mode(model) {
        Mode::Typing => "^X HOLD  Esc back",
        Mode::Reading => "H HOLD  q leave",
    }
}
