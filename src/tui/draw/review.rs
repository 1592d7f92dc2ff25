//! The approver's screen. Everything that speaks for and against is one text that is read to its end, beneath it the
//! question, the reason and the word that decides.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Position, Rect};
use ratatui::text::Line;

use super::checks::sign;
use super::panel::{self, Title, columns, row};
use super::{detail, reach};
use crate::domain::approval::challenge::Challenge;
use crate::domain::base::Verdict;
use crate::domain::journal::record::{Assessed, Checked};
use crate::domain::reach::Carry;
use crate::domain::run::state::RequestState;
use crate::tui::field::Field;
use crate::tui::model::Model;
use crate::tui::review::{Focus, OwnLook, OwnSight, Review, why_not_approve, why_not_reject};
use crate::tui::theme::{Role, Theme};
use crate::tui::ui::{Room, View};
use crate::tui::words::{self, ago, count, say, wrap};

/// The answer panel: three fields, a line on whether approving is possible, and the frame.
const ANSWER_HEIGHT: u16 = 6;

/// Draws the screen.
pub fn draw(model: &Model, frame: &mut Frame<'_>, area: Rect) {
    let (Some(review), [top, bottom]) = (&model.review, areas(area)) else {
        let rows = vec![row(model.theme(), Role::Dim, "no request is open")];
        panel::draw(frame, area, model, &Title::new("Review", ""), rows);
        return;
    };
    let rows = reading(model, review, usize::from(top.width.saturating_sub(2)));
    let left = rows.len().saturating_sub(model.ui.scroll + visible(top, rows.len(), model.ui.scroll));
    let right = if left == 0 { "read to the end".to_owned() } else { format!("{} below (PgDn)", count(left, "row")) };
    let title = format!("Review of request {}", review.request);
    panel::scrolled(frame, top, model, &Title::new(&title, &right), rows, model.ui.scroll);
    answer(model, review, frame, bottom);
}

fn areas(area: Rect) -> [Rect; 2] {
    Layout::vertical([Constraint::Fill(1), Constraint::Length(ANSWER_HEIGHT)]).areas(area)
}

/// How many of `rows` a panel shows from `scroll` on; the line that says how many are missing takes one.
fn visible(area: Rect, rows: usize, scroll: usize) -> usize {
    let room = usize::from(area.height.saturating_sub(2));
    let left = rows.saturating_sub(scroll);
    if left > room { room.saturating_sub(1) } else { left }
}

fn reading_area(model: &Model) -> Rect {
    let area = Rect::new(0, 0, model.ui.width, model.ui.height);
    let [_, body, ..] = super::areas(model, area);
    areas(body)[0]
}

/// How many rows of the reading part are on the screen at once.
pub fn page(model: &Model) -> usize {
    usize::from(reading_area(model).height.saturating_sub(3)).max(1)
}

/// The last useful scroll position of the reading part.
pub fn last_scroll(model: &Model) -> usize {
    let Some(review) = &model.review else { return 0 };
    let area = reading_area(model);
    let rows = reading(model, review, usize::from(area.width.saturating_sub(2))).len();
    rows.saturating_sub(usize::from(area.height.saturating_sub(2)))
}

/// How many rows have not been on the screen yet.
pub fn unread_rows(model: &Model, review: &Review) -> usize {
    let area = reading_area(model);
    reading(model, review, usize::from(area.width.saturating_sub(2))).len().saturating_sub(review.read_rows)
}

/// Remembers how far the reading part has been shown. Called behind every message, so a row counts when it could be
/// seen.
pub fn note_what_was_shown(model: &mut Model) {
    if model.ui.view != View::Review || model.ui.popup.is_some() || model.ui.room() == Room::Tiny {
        return;
    }
    let Some(review) = &model.review else { return };
    let area = reading_area(model);
    let rows = reading(model, review, usize::from(area.width.saturating_sub(2))).len();
    let scroll = model.ui.scroll;
    let shown = scroll + visible(area, rows, scroll);
    if let Some(review) = &mut model.review {
        // A row that was jumped over has not been shown.
        if scroll <= review.read_rows {
            review.read_rows = review.read_rows.max(shown);
        }
    }
}

/// The whole text to read: what runs, what speaks against it, where it arrives, what it rests on.
fn reading(model: &Model, review: &Review, width: usize) -> Vec<Line<'static>> {
    let theme = model.theme();
    let Some(request) = model.request(&review.request) else {
        return vec![row(theme, Role::Alarm, "this request is not in the journal")];
    };
    let own = model.own.get(&review.request);
    let mut rows = vec![row(theme, Role::Focus, "WHAT RUNS, AND WHERE")];
    rows.extend(runs(theme, request, width));
    rows.push(row(theme, Role::Focus, "AGAINST IT"));
    rows.extend(against(model, request, own, width));
    rows.extend(reached(model, request, own, width));
    rows.extend(checked(model, request, own, width));
    rows
}

fn runs(theme: Theme, request: &RequestState, width: usize) -> Vec<Line<'static>> {
    let mut rows = Vec::new();
    for (index, command) in request.assessed.script.iter().enumerate() {
        let log = if command.carry == Carry::Logged { "logged" } else { "not logged" };
        let place = format!(
            "{}/{} on {}   {}   {log}",
            index + 1,
            request.assessed.script.len(),
            command.server,
            detail::danger_word(command.danger)
        );
        rows.push(row(theme, Role::Strong, place));
        for line in command.lines() {
            let lines = wrap(&say(&line), width.saturating_sub(4));
            rows.extend(lines.into_iter().map(|part| row(theme, Role::Text, format!("    {part}"))));
        }
    }
    rows
}

/// What the program found against it, and what the own look could not confirm. An empty list is said, not hidden.
fn against(model: &Model, request: &RequestState, own: Option<&OwnLook>, width: usize) -> Vec<Line<'static>> {
    let theme = model.theme();
    let mut texts: Vec<String> = request.assessed.against.iter().map(|text| say(text)).collect();
    if let Some(how) = own.and_then(OwnLook::contradicts) {
        texts.insert(0, format!("your own look differs: {}", say(&how)));
    }
    if let Some(OwnSight::Impossible { why }) = own.map(|look| &look.saw) {
        texts.push(format!("you could not look yourself: {}; an approval counts as detached", say(why)));
    }
    if let Some(OwnSight::Measured { claims, .. }) = own.map(|look| &look.saw) {
        let unseen = claims.iter().filter(|e| matches!(e.verdict, Verdict::CannotTell { .. }));
        texts.extend(unseen.map(|evidence| format!("you cannot see: {}", say(&evidence.to_string()))));
    }
    if texts.is_empty() {
        return vec![row(theme, Role::Text, "  nothing found against it")];
    }
    let lines = texts.iter().flat_map(|text| wrap(&format!("! {text}"), width.saturating_sub(2)));
    lines.map(|part| row(theme, Role::Caution, format!("  {part}"))).collect()
}

fn reached(model: &Model, request: &RequestState, own: Option<&OwnLook>, width: usize) -> Vec<Line<'static>> {
    let theme = model.theme();
    let (whose, assessed) = match own.map(|look| (look.at, &look.saw)) {
        Some((at, OwnSight::Measured { assessed, .. })) => {
            (format!("by your own look, {} ago", ago(model.now, at)), assessed.as_ref())
        }
        Some((_, OwnSight::Impossible { .. })) => ("as the driver saw it".to_owned(), &request.assessed),
        None => ("as the driver saw it; your own look is under way".to_owned(), &request.assessed),
    };
    let mut rows = vec![row(theme, Role::Focus, format!("WHAT IT REACHES   {whose}"))];
    rows.extend(reach::of(theme, assessed, width));
    rows.extend(reach::survivors(theme, &request.text));
    for (step, load) in &model.history.loads {
        let text = format!("measured in {step}: {load}");
        rows.extend(wrap(&text, width).into_iter().map(|part| row(theme, Role::Text, part)));
    }
    if let Some(way) = &request.assessed.way_back {
        for text in [format!("way back before: {}", way.before), format!("way back after:  {}", way.after)] {
            rows.extend(wrap(&say(&text), width).into_iter().map(|part| row(theme, Role::Text, part)));
        }
    }
    rows
}

fn checked(model: &Model, request: &RequestState, own: Option<&OwnLook>, width: usize) -> Vec<Line<'static>> {
    let theme = model.theme();
    let driver = &request.header.requested_by;
    let mut rows = vec![row(theme, Role::Focus, format!("CHECKS   {driver} saw / you see"))];
    let mine: Option<&Assessed> = match own.map(|look| &look.saw) {
        Some(OwnSight::Measured { assessed, .. }) => Some(assessed),
        _ => None,
    };
    for check in &request.assessed.checks {
        let own = mine.and_then(|mine| mine.checks.iter().find(|other| other.says == check.says));
        rows.push(compared(theme, check, own, width));
    }
    if request.assessed.checks.is_empty() {
        rows.push(row(theme, Role::Text, "  no conditions"));
    }
    let claims = request.assessed.relies_on.len();
    let text = match own.and_then(OwnLook::measurement) {
        Some(own) => {
            format!("your own look confirms {} of {} facts that it rests on (e shows all)", own.confirmed, own.of)
        }
        None => format!("it rests on {}; you have confirmed none (e shows all)", count(claims, "fact")),
    };
    rows.push(row(theme, Role::Strong, text));
    rows
}

fn compared(theme: Theme, check: &Checked, own: Option<&Checked>, width: usize) -> Line<'static> {
    let mine = match own {
        Some(own) => format!("{} {}", theme.sign(sign(&own.verdict)), words::verdict(&own.verdict)),
        None => format!("{} not seen", theme.sign(crate::tui::theme::Sign::Unknown)),
    };
    let driver = format!("{} {}", theme.sign(sign(&check.verdict)), words::verdict(&check.verdict));
    let says = width.saturating_sub(2 * 13 + 4);
    let agree = own.is_some_and(|own| own.verdict.holds()) && check.verdict.holds();
    let text = columns(&[("", 1), (&say(&check.says), says), (&driver, 11), (&format!("/ {mine}"), 14)]);
    row(theme, if agree { Role::Text } else { Role::Caution }, text)
}

fn answer(model: &Model, review: &Review, frame: &mut Frame<'_>, area: Rect) {
    let Some(request) = model.request(&review.request) else { return };
    let theme = model.theme();
    let width = usize::from(area.width.saturating_sub(2));
    let question = Challenge::of(request).question;
    let fields = [
        (question.as_str(), &review.answer, Focus::Answer),
        ("Why? (kept in the journal)", &review.reason, Focus::Reason),
        ("`approve` or `reject`?", &review.decision, Focus::Decision),
    ];
    let label = fields.iter().map(|(text, ..)| text.chars().count()).max().unwrap_or(0).min(width / 2 + 8);
    let mut rows: Vec<Line<'static>> = Vec::new();
    let mut cursor = None;
    for (place, (text, field, focus)) in fields.into_iter().enumerate() {
        let (line, column) = input(text, field, label, width);
        let focused = review.focus == focus;
        if focused {
            let x = u16::try_from(label + 3).unwrap_or(0) + column;
            cursor = Some(Position::new(area.x + 1 + x, area.y + 1 + u16::try_from(place).unwrap_or(0)));
        }
        rows.push(row(theme, if focused { Role::Strong } else { Role::Text }, line));
    }
    rows.push(row(theme, Role::Caution, words::clip(&possible(model, review, request, width), width)));
    panel::draw(frame, area, model, &Title::new("Answer", "Tab to type; no paste; Esc leaves"), rows);
    if let Some(cursor) = cursor
        && model.ui.prompt.is_none()
    {
        frame.set_cursor_position(cursor);
    }
}

/// What can be said to the request now.
fn possible(model: &Model, review: &Review, request: &RequestState, width: usize) -> String {
    if let Some(why) = why_not_reject(model, request) {
        return format!("nothing can be said to it any more: {}", say(&why));
    }
    let Some(why) = why_not_approve(model, review) else {
        return format!("approve is possible.  key {}", say(&model.viewer.key));
    };
    let off = format!("approve is off: {}", say(&why));
    let tail = ".  reject is possible";
    // That one can say no must not be cut away by a long reason why one cannot say yes.
    format!("{}{tail}", words::clip(&off, width.saturating_sub(tail.len())))
}

fn input(text: &str, field: &Field, label: usize, width: usize) -> (String, u16) {
    let (shown, column) = panel::typed(field, width.saturating_sub(label + 4));
    let text = words::clip(text, label);
    (format!("{text:label$} > {shown}"), column)
}
