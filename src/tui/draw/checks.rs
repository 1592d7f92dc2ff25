//! What a step rests on: each condition with its verdict as a word and what was seen.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Line;
use ratatui::widgets::Paragraph;

use super::panel::{self, Title, columns, row};
use crate::domain::base::Verdict;
use crate::domain::journal::record::Checked;
use crate::tui::model::Model;
use crate::tui::theme::{Role, Sign, Theme};
use crate::tui::words::{clip, say, verdict};

/// Draws the panel.
pub fn draw(model: &Model, frame: &mut Frame<'_>, area: Rect) {
    let checks = checks(model);
    let holding = checks.iter().filter(|check| check.verdict.holds()).count();
    let right = format!("{holding}/{} true", checks.len());
    let rows = rows(model, usize::from(area.width.saturating_sub(2)));
    panel::draw(frame, area, model, &Title::new("Checks", &right), rows);
}

/// The same in one line, for windows without room for a panel. What is not true is named.
pub fn line_only(model: &Model, frame: &mut Frame<'_>, area: Rect) {
    let checks = checks(model);
    let failing: Vec<&Checked> = checks.iter().filter(|check| !check.verdict.holds()).collect();
    let named: Vec<String> = failing.iter().map(|c| format!("{}: {}", say(&c.says), verdict(&c.verdict))).collect();
    let line = format!(" Checks {}/{} true  {}", checks.len() - failing.len(), checks.len(), named.join("; "));
    let role = if failing.is_empty() { Role::Text } else { Role::Alarm };
    frame.render_widget(Paragraph::new(row(model.theme(), role, clip(&line, usize::from(area.width)))), area);
}

fn checks(model: &Model) -> &[Checked] {
    model.assessed().map(|assessed| assessed.checks.as_slice()).unwrap_or_default()
}

/// The rows of the panel; those that are not true come first, so that no fold hides them.
pub fn rows(model: &Model, width: usize) -> Vec<Line<'static>> {
    let theme = model.theme();
    let mut all: Vec<&Checked> = checks(model).iter().collect();
    if all.is_empty() {
        return vec![row(theme, Role::Dim, "no conditions")];
    }
    all.sort_by_key(|check| check.verdict.holds());
    let longest = all.iter().map(|check| say(&check.says).len()).max().unwrap_or(0);
    all.into_iter().map(|check| line(theme, check, longest, width)).collect()
}

fn line(theme: Theme, check: &Checked, longest: usize, width: usize) -> Line<'static> {
    let says = longest.min(width.saturating_sub(14) * 3 / 4);
    let seen = width.saturating_sub(says + 14);
    let role = if check.verdict.holds() { Role::Text } else { Role::Alarm };
    let text = columns(&[
        (theme.sign(sign(&check.verdict)), 3),
        (verdict(&check.verdict), 7),
        (&say(&check.says), says),
        (&say(&check.seen.join("; ")), seen),
    ]);
    row(theme, role, text)
}

/// The sign of a verdict.
pub const fn sign(verdict: &Verdict) -> Sign {
    match verdict {
        Verdict::Holds => Sign::Done,
        Verdict::Fails => Sign::Failed,
        Verdict::CannotTell { .. } => Sign::Unknown,
    }
}

/// Everything about the step: each condition with all that was seen for it, and every claim that it relies on.
pub fn evidence(model: &Model) -> Vec<String> {
    let mut lines = super::detail::full(model);
    let Some(assessed) = model.assessed() else { return lines };
    for check in &assessed.checks {
        lines.push(format!("{}: {}", say(&check.says), say(&check.verdict.to_string())));
        lines.extend(check.seen.iter().map(|seen| format!("    {}", say(seen))));
    }
    lines.push(format!("relied on, and asked again just before sending ({}):", assessed.relies_on.len()));
    lines.extend(assessed.relies_on.iter().map(|claim| format!("    {}", say(&claim.to_string()))));
    lines
}
