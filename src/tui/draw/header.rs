//! The first two lines of every screen: what state, which run, where, since when; and whose turn it is.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;

use crate::domain::base::Principal;
use crate::domain::run::state::RequestState;
use crate::tui::model::Model;
use crate::tui::review::ended;
use crate::tui::status::{Words, next, requested_step, run_word};
use crate::tui::theme::Role;
use crate::tui::ui::View;
use crate::tui::words::{ago, clip, say, until};

const ASKED: &str = "YOU ARE ASKED";
const REVIEW: &str = "REVIEW";
const NEXT: &str = "NEXT";

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
    let room = |label: &str| width.saturating_sub(label.len() + 3);
    let reviewed = model.review.as_ref().and_then(|review| model.request(&review.request));
    let (label, text) = match (model.ui.view, reviewed) {
        (View::Review, Some(request)) if is_open(model, request) => (ASKED, question(model, request, room(ASKED))),
        (View::Review, Some(request)) => (REVIEW, over(model, request, room(REVIEW))),
        _ => (NEXT, next(model, Words::Within(room(NEXT)))),
    };
    Line::from(vec![
        Span::styled(format!(" {label} "), theme.style(Role::Strong)),
        Span::raw(format!(" {}", clip(&text, room(label)))),
    ])
}

/// Whether the run waits for this very request.
fn is_open(model: &Model, request: &RequestState) -> bool {
    request.ended.is_none() && model.open_request().is_some_and(|open| open.header.request == request.header.request)
}

/// The question of a review. Who is asked and until when always stand, whatever the step is called.
fn question(model: &Model, request: &RequestState, room: usize) -> String {
    let who = model.viewer.who.as_ref().map_or("nobody", Principal::as_str);
    let left = until(model.now, request.header.expires);
    let step = requested_step(request);
    let full = format!("may {step} ({}) run?  expires in {left}   you: {who}", request.danger);
    if full.chars().count() <= room {
        return full;
    }
    let tail = format!(" run?  {left} left  you: {who}");
    format!("{}{tail}", clip(&format!("may {step}"), room.saturating_sub(tail.chars().count())))
}

/// What is reviewed is over; what waits now is another request.
fn over(model: &Model, request: &RequestState, room: usize) -> String {
    let next = match model.open_request() {
        Some(next) if next.header.request != request.header.request => {
            format!("; Esc, then v: {}", requested_step(next))
        }
        _ => "; Esc leaves it".to_owned(),
    };
    let how = request.ended.as_ref().map_or_else(|| "is not waited for any more".to_owned(), ended);
    let all = format!("the request for {} {how}{next}", requested_step(request));
    if all.chars().count() <= room { all } else { format!("request {how}{next}") }
}
