//! The screen that says no: which rule, which copies would go, why, the way back, and what can be done instead.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::Line;

use super::panel::{self, Title, columns, row};
use super::reach::how;
use super::trouble;
use crate::domain::reach::survivors::CopyLine;
use crate::domain::reach::{Copy, How, Refusal};
use crate::tui::model::Model;
use crate::tui::status::step_name;
use crate::tui::theme::{Role, Theme};
use crate::tui::words::{count, say, wrap};

/// Draws the whole screen.
pub fn draw(model: &Model, frame: &mut Frame<'_>, area: Rect) {
    let Some(state) = &model.state else { return };
    let width = usize::from(area.width.saturating_sub(2));
    let refusals = &model.history.step.refusals;
    let what = what(model, refusals, width);
    let why = why(model.theme(), refusals, width);
    let choices = trouble::choices(model, width);
    if area.height < 24 {
        compact(model, frame, area, Parts { title: format!("REFUSED  {}", step_name(state)), what, why, choices });
        return;
    }
    let [top, middle, bottom] = Layout::vertical([
        Constraint::Max(super::height(what.len())),
        Constraint::Min(3),
        Constraint::Length(super::height(choices.len()).min(area.height / 2)),
    ])
    .areas(area);
    let title = format!("REFUSED  {}", step_name(state));
    let right = "nothing was sent, nobody was asked";
    panel::draw(frame, top, model, &Title::new(&title, right).role(Role::Alarm), what);
    panel::draw(frame, middle, model, &Title::new("Why, and the way back", ""), why);
    panel::draw(frame, bottom, model, &Title::new("What you can do", ""), choices);
}

/// What the screen is made of.
struct Parts {
    title: String,
    what: Vec<Line<'static>>,
    why: Vec<Line<'static>>,
    choices: Vec<Line<'static>>,
}

/// Two panels for low windows, the most needed rows first.
fn compact(model: &Model, frame: &mut Frame<'_>, area: Rect, parts: Parts) {
    let choices = super::height(parts.choices.len()).min(area.height / 2);
    let [top, bottom] = Layout::vertical([Constraint::Fill(1), Constraint::Length(choices)]).areas(area);
    let rows = parts.what.into_iter().chain(parts.why).collect();
    panel::draw(frame, top, model, &Title::new(&parts.title, "nothing was sent").role(Role::Alarm), rows);
    panel::draw(frame, bottom, model, &Title::new("What you can do", ""), parts.choices);
}

fn what(model: &Model, refusals: &[Refusal], width: usize) -> Vec<Line<'static>> {
    let theme = model.theme();
    let mut rows = Vec::new();
    for refusal in refusals {
        rows.extend(lines(theme, Role::Alarm, &format!("rule {}", refusal.rule), width));
        let mut copies: Vec<&CopyLine> = refusal.copies.iter().collect();
        // A good copy that would go is what this screen is about: it stands first.
        copies.sort_by_key(|copy| !lost(copy));
        rows.extend(copies.into_iter().map(|copy| line(theme, copy, width)));
        if let Some(table) = &refusal.table {
            let left = refusal.copies.iter().filter(|copy| copy.copy.is_good() && copy.how.spares()).count();
            let text = format!("good copies of {table} left: {left}");
            rows.push(row(theme, Role::Strong, text));
        }
    }
    rows
}

/// One copy, now and after: `db-c  REACHED  GOOD > GONE  <-- the last good copy`.
fn line(theme: Theme, copy: &CopyLine, width: usize) -> Line<'static> {
    let lost = lost(copy);
    let mark = if lost { "<-- a good copy" } else { "" };
    let words = format!("{} > {}", now(&copy.copy), after(copy));
    let text = columns(&[(copy.server.as_str(), 12), (&how(&copy.how), 20), (&words, 24), (mark, width)]);
    row(theme, if lost { Role::Alarm } else { Role::Text }, text)
}

fn lost(copy: &CopyLine) -> bool {
    copy.copy.is_good() && !copy.how.spares()
}

/// The copy as it is, in one word or two; the reasons stand under "e".
const fn now(copy: &Copy) -> &'static str {
    match copy {
        Copy::Good { .. } => "GOOD",
        Copy::Corrupt { .. } => "CORRUPT",
        Copy::Absent => "ABSENT",
        Copy::Unproved { .. } => "not proved",
        Copy::Unknown { .. } => "unknown",
    }
}

fn after(copy: &CopyLine) -> String {
    match &copy.how {
        How::Never | How::NotLogged => "stays".to_owned(),
        How::RunsHere | How::Now | How::Group => "GONE".to_owned(),
        How::Delayed(_) => "GONE later".to_owned(),
        How::Held | How::Blocked | How::Filtered | How::Unknown => "may be GONE".to_owned(),
    }
}

fn why(theme: Theme, refusals: &[Refusal], width: usize) -> Vec<Line<'static>> {
    let mut rows = Vec::new();
    for refusal in refusals {
        rows.extend(lines(theme, Role::Text, &format!("way back now:   {}", refusal.way_back.before), width));
        rows.extend(lines(theme, Role::Alarm, &format!("way back after: {}", refusal.way_back.after), width));
        rows.extend(lines(theme, Role::Strong, &format!("instead: {}", refusal.hint), width));
        for why in &refusal.why {
            rows.extend(lines(theme, Role::Text, why, width));
        }
    }
    let rules = format!("No signature and no file overrides {}.", count(refusals.len(), "such rule"));
    rows.push(row(theme, Role::Text, rules.replace("1 such rule", "this rule")));
    rows
}

fn lines(theme: Theme, role: Role, text: &str, width: usize) -> Vec<Line<'static>> {
    wrap(&say(text), width).into_iter().map(|part| row(theme, role, part)).collect()
}
