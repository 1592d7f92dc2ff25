//! The first two lines of every screen: what state, which run, where, since when; and whose turn it is.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;

use crate::domain::base::Principal;
use crate::tui::model::Model;
use crate::tui::status::{next, run_word, step_name};
use crate::tui::theme::Role;
use crate::tui::ui::View;
use crate::tui::words::{ago, clip, say, until};

/// Draws both lines.
pub fn draw(model: &Model, frame: &mut Frame<'_>, area: Rect) {
    let width = usize::from(area.width);
    frame.render_widget(Paragraph::new(vec![state(model, width), turn(model, width)]), area);
}

/// Line 1. What does not fit is dropped from the middle: the state word and the clock always stand.
pub fn state(model: &Model, width: usize) -> Line<'static> {
    let theme = model.theme();
    let word = run_word(model);
    let environment = clip(&say(&model.viewer.environment), 12);
    let right = format!("{}{}", elapsed(model), model.now.clock());
    let (run, names) = match &model.state {
        Some(state) => {
            let opened = &state.opened;
            (opened.run.to_string(), format!(" {}   ", say(&opened.runbook)))
        }
        None => ("no run".to_owned(), "   ".to_owned()),
    };
    let fleet = model.state.as_ref().map(|state| format!(" {}", say(&state.opened.fleet))).unwrap_or_default();
    let fixed = word.word.len() + run.len() + environment.len() + right.len() + 6;
    let room = width.saturating_sub(fixed);
    let names = clip(&names, room.saturating_sub(fleet.len().min(room / 2)));
    let fleet = clip(&fleet, room.saturating_sub(names.chars().count()));
    let used = fixed + names.chars().count() + fleet.chars().count();
    let gap = " ".repeat(width.saturating_sub(used));
    let production = environment.eq_ignore_ascii_case("prod");
    Line::from(vec![
        Span::raw(" "),
        Span::styled(word.word.to_owned(), theme.style(word.role)),
        Span::raw(format!("  {run}{names} ")),
        Span::styled(environment, theme.style(if production { Role::Badge } else { Role::Strong })),
        Span::raw(format!("{fleet}{gap} {right}")),
    ])
}

fn elapsed(model: &Model) -> String {
    match model.seen.first() {
        None => String::new(),
        Some(first) if model.is_over() => {
            let last = model.seen.last().map_or(first.at, |seen| seen.at);
            format!("took {}  ", ago(last, first.at))
        }
        Some(first) => format!("run {}  ", ago(model.now, first.at)),
    }
}

/// Line 2.
pub fn turn(model: &Model, width: usize) -> Line<'static> {
    let theme = model.theme();
    let (label, text) = match (model.ui.view, model.state.as_ref(), model.open_request()) {
        (View::Review, Some(state), Some(request)) => {
            let text = format!(
                "may {} ({}) run?  expires in {}   you: {}",
                step_name(state),
                request.danger,
                until(model.now, request.header.expires),
                model.viewer.who.as_ref().map_or("nobody", Principal::as_str)
            );
            ("YOU ARE ASKED", text)
        }
        _ => ("NEXT", next(model)),
    };
    let room = width.saturating_sub(label.len() + 3);
    Line::from(vec![
        Span::styled(format!(" {label} "), theme.style(Role::Strong)),
        Span::raw(format!(" {}", clip(&text, room))),
    ])
}
