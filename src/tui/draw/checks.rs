//! What a step rests on: each condition with its verdict as a word and what was seen.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Line;
use ratatui::widgets::Paragraph;

use super::panel::{self, Title, columns, edges, row};
use crate::domain::base::{Known, Timestamp, Verdict};
use crate::domain::journal::record::{Assessed, Checked};
use crate::domain::snapshot::{Claim, Evidence, Snapshot, Value};
use crate::tui::model::Model;
use crate::tui::review::OwnSight;
use crate::tui::theme::{Role, Sign};
use crate::tui::words::{ago, clip, say, short, verdict};

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
    let facts = seen_now(model);
    let shown: Vec<[String; 2]> = all.iter().map(|check| [say(&check.says), values(model, check)]).collect();
    let longest = |column: usize| shown.iter().map(|texts| texts[column].chars().count()).max().unwrap_or(0);
    // The values are what was seen: at least two fifths are theirs if they need so much.
    let room = width.saturating_sub(4 + 8 + 1 + 1 + AGE);
    let says = longest(0).min(room.saturating_sub(longest(1).min(room * 2 / 5)));
    let rows = all.into_iter().zip(&shown);
    rows.map(|(check, texts)| line(model, check, texts, &age(model, &facts, check), (says, room - says, width)))
        .collect()
}

/// What was seen for a check, without the names of the facts: the condition itself says what they are of.
fn values(model: &Model, check: &Checked) -> String {
    let keys: Vec<String> = model
        .assessed()
        .into_iter()
        .flat_map(|assessed| &assessed.relies_on)
        .map(|claim| format!("{}: ", claim.key))
        .collect();
    let value = |seen: &String| {
        let named = keys.iter().find_map(|key| seen.strip_prefix(key.as_str()));
        say(named.unwrap_or(seen))
    };
    // An empty value says nothing here: the whole of it stands in the evidence.
    check.seen.iter().map(value).filter(|value| value != "``").collect::<Vec<_>>().join("; ")
}

/// The widest age: `119m`.
const AGE: usize = 4;

fn line(
    model: &Model,
    check: &Checked,
    [says, seen]: &[String; 2],
    age: &str,
    (for_says, for_seen, width): (usize, usize, usize),
) -> Line<'static> {
    let theme = model.theme();
    let role = if check.verdict.holds() { Role::Text } else { Role::Alarm };
    let verdict = verdict(&check.verdict);
    let left = columns(&[(theme.sign(sign(&check.verdict)), 3), (verdict, 7), (says, for_says), (seen, for_seen)]);
    row(theme, role, edges(&left, age, width))
}

/// What is known now of everything that the step relies on, as the journal's form names it.
fn seen_now(model: &Model) -> Vec<(String, Timestamp)> {
    let known = model.assessed().zip(facts(model));
    let told = known.into_iter().flat_map(|(assessed, facts)| {
        let all = assessed.relies_on.iter().map(move |claim| (seen_at(model, &facts, claim), claim.check(&facts)));
        all.filter_map(|(at, found)| at.map(|at| (format!("{}: {}", found.claim.key, found.seen), at)))
    });
    told.collect()
}

fn facts(model: &Model) -> Option<Snapshot> {
    let snapshot = model.snapshot.as_ref()?;
    Some(model.state.as_ref()?.with_known(snapshot))
}

/// When the value of a claim was seen. What the run itself measured is as old as that measurement, although it is
/// known at every look; of other things that the run knows nobody wrote down when.
fn seen_at(model: &Model, facts: &Snapshot, claim: &Claim) -> Option<Timestamp> {
    match facts.get(&claim.key)? {
        Known::Observed { value: Value::Finding(finding), .. } => Some(finding.at),
        Known::Observed { .. } if model.state.as_ref().is_some_and(|s| s.known.contains_key(&claim.key)) => None,
        Known::Observed { at, .. } => Some(*at),
        Known::Unknown { .. } => None,
    }
}

/// How long ago the oldest of what a check rests on was seen as it is: a value that was looked at again and is the
/// same is as young as that look, any other is as old as the assessment.
fn age(model: &Model, facts: &[(String, Timestamp)], check: &Checked) -> String {
    let Some(assessed) = model.history.step.assessed_at else { return String::new() };
    let again = |seen: &String| facts.iter().find(|(told, _)| told == seen).map_or(assessed, |(_, at)| *at);
    let oldest = check.seen.iter().map(again).min().unwrap_or(assessed);
    short(model.now.since(oldest))
}

/// The sign of a verdict.
pub const fn sign(verdict: &Verdict) -> Sign {
    match verdict {
        Verdict::Holds => Sign::Done,
        Verdict::Fails => Sign::Failed,
        Verdict::CannotTell { .. } => Sign::Unknown,
    }
}

/// What the step rests on, each condition with all that was seen for it and every claim as it was last seen; then
/// everything else about the step.
pub fn evidence(model: &Model) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(assessed) = model.assessed() {
        let checked = model.history.step.assessed_at;
        let when = checked.map(|at| format!(" ({} ago)", ago(model.now, at))).unwrap_or_default();
        lines.push(format!("conditions, as they were assessed{when}:"));
        for check in &assessed.checks {
            lines.push(format!("  {}: {}", say(&check.says), say(&check.verdict.to_string())));
            lines.extend(check.seen.iter().map(|seen| format!("      {}", say(seen))));
        }
        lines.push(String::new());
        lines.extend(claims(model, assessed));
        lines.push(String::new());
    }
    lines.extend(super::detail::full(model));
    lines
}

/// The claims, each with the newest value that this screen knows.
fn claims(model: &Model, assessed: &Assessed) -> Vec<String> {
    let facts = facts(model);
    let all = assessed.relies_on.len();
    let mut lines = vec![format!("relied on, and asked again just before sending ({all}), as this screen sees it:")];
    for claim in &assessed.relies_on {
        let now = |facts: &Snapshot| Evidence { at: seen_at(model, facts, claim), ..claim.check(facts) };
        let found = own(model, claim).or_else(|| facts.as_ref().map(now));
        lines.push(format!("  {}", say(&claim.to_string())));
        lines.extend(found.map(|found| {
            let when = found.at.map(|at| format!(", {} ago", ago(model.now, at))).unwrap_or_default();
            format!("      {}: {}{when}", verdict(&found.verdict), say(&found.seen))
        }));
    }
    lines
}

/// What the own look at the open request found for a claim.
fn own(model: &Model, claim: &Claim) -> Option<Evidence> {
    let request = model.open_request()?;
    match &model.own.get(&request.header.request)?.saw {
        OwnSight::Measured { claims, .. } => claims.iter().find(|found| found.claim == *claim).cloned(),
        OwnSight::Impossible { .. } => None,
    }
}
