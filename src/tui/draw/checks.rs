//! What a step rests on: each condition with its verdict as a word and what was seen.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Line;

use super::panel::{self, Title, columns, row};
use crate::domain::base::Verdict;
use crate::domain::journal::record::Checked;
use crate::tui::model::Model;
use crate::tui::theme::{Role, Sign, Theme};
use crate::tui::words::{say, verdict};

/// Draws the panel.
pub fn draw(model: &Model, frame: &mut Frame<'_>, area: Rect) {
    let checks = checks(model);
    let holding = checks.iter().filter(|check| check.verdict.holds()).count();
    let right = format!("{holding}/{} true", checks.len());
    let rows = rows(model, usize::from(area.width.saturating_sub(2)));
    panel::draw(frame, area, model, &Title::new("Checks", &right), rows);
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
    all.into_iter().map(|check| line(theme, check, width)).collect()
}

fn line(theme: Theme, check: &Checked, width: usize) -> Line<'static> {
    let says = width.saturating_sub(12) * 3 / 5;
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

/// Every condition with everything seen for it, and every claim that the step relies on.
pub fn evidence(model: &Model) -> Vec<String> {
    let Some(assessed) = model.assessed() else { return vec!["nothing was assessed yet".to_owned()] };
    let mut lines = Vec::new();
    for check in &assessed.checks {
        lines.push(format!("{}: {}", say(&check.says), say(&check.verdict.to_string())));
        lines.extend(check.seen.iter().map(|seen| format!("    {}", say(seen))));
    }
    lines.push(format!("relied on, and asked again just before sending ({}):", assessed.relies_on.len()));
    lines.extend(assessed.relies_on.iter().map(|claim| format!("    {}", say(&claim.to_string()))));
    lines
}
