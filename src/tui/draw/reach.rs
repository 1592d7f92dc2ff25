//! Where a statement arrives, as a tree along the replication links.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Line;

use super::panel::{self, Title, columns, row};
use crate::domain::approval::challenge::{counted_rows, kept_copies};
use crate::domain::journal::record::Assessed;
use crate::domain::reach::{Arrival, How, Reach};
use crate::tui::model::Model;
use crate::tui::theme::{Role, Sign, Theme};
use crate::tui::words::{long, say, wrap};

/// Draws the panel for the most dangerous command of the step.
pub fn draw(model: &Model, frame: &mut Frame<'_>, area: Rect) {
    let width = usize::from(area.width.saturating_sub(2));
    let rows = rows(model, width);
    let all = model.assessed().map_or(0, |assessed| assessed.reaches.len());
    let right = if all > 1 { "most dangerous one; Enter shows all" } else { "" };
    panel::draw(frame, area, model, &Title::new("Reach of this statement", right), rows);
}

/// The rows of the panel.
pub fn rows(model: &Model, width: usize) -> Vec<Line<'static>> {
    let theme = model.theme();
    let Some(assessed) = model.assessed() else { return vec![row(theme, Role::Dim, "not known yet")] };
    let mut rows = of(theme, assessed, width);
    rows.extend(model.open_request().iter().flat_map(|request| survivors(theme, &request.text)));
    if let Some(way) = &assessed.way_back {
        rows.extend(wrapped(theme, &format!("way back after: {}", say(&way.after)), width));
    }
    rows
}

/// The tree of one assessment.
pub fn of(theme: Theme, assessed: &Assessed, width: usize) -> Vec<Line<'static>> {
    let worst = assessed.script.iter().enumerate().max_by_key(|(_, command)| command.danger).map_or(0, |(i, _)| i);
    match assessed.reaches.get(worst) {
        Some(reach) => tree(theme, reach, width),
        None => vec![row(theme, Role::Dim, "sends nothing to any server")],
    }
}

/// The good copies that stay.
pub fn survivors(theme: Theme, text: &str) -> Vec<Line<'static>> {
    let counted = counted_rows(text);
    let line = |(place, (table, servers)): (usize, (String, Vec<String>))| {
        let on = counted.get(place).map_or_else(|| servers.join(", "), |rows| say(rows));
        let text = format!("good copies of {} out of reach: {} ({on})", say(&table), servers.len());
        row(theme, Role::Strong, text)
    };
    kept_copies(text).into_iter().enumerate().map(line).collect()
}

fn wrapped(theme: Theme, text: &str, width: usize) -> Vec<Line<'static>> {
    wrap(text, width).into_iter().map(|part| row(theme, Role::Text, part)).collect()
}

/// One line for each server, children beneath the server they get it from.
pub fn tree(theme: Theme, reach: &Reach, width: usize) -> Vec<Line<'static>> {
    let mut rows = Vec::new();
    let roots: Vec<&Arrival> = reach.arrivals.iter().filter(|line| line.path.len() <= 1).collect();
    for root in roots {
        branch(theme, reach, root, &Trunk::default(), width, &mut rows);
    }
    for stranger in &reach.strangers {
        let text = format!("? somebody else reads {}: {}", stranger.server, say(&stranger.why));
        rows.push(row(theme, Role::Alarm, text));
    }
    rows
}

/// What stands before a server's name and before those of its children.
#[derive(Debug, Clone, Default)]
struct Trunk {
    own: String,
    children: String,
}

fn branch(theme: Theme, reach: &Reach, line: &Arrival, trunk: &Trunk, width: usize, rows: &mut Vec<Line<'static>>) {
    rows.push(arrival(theme, line, &trunk.own, width));
    let parent = |other: &&Arrival| other.path.len() > 1 && other.path.get(other.path.len() - 2) == Some(&line.server);
    let children: Vec<&Arrival> = reach.arrivals.iter().filter(parent).filter(|o| o.server != line.server).collect();
    for (place, child) in children.iter().enumerate() {
        let last = place + 1 == children.len();
        let own = format!("{}{}", trunk.children, theme.sign(if last { Sign::Corner } else { Sign::Fork }));
        let below = format!("{}{}", trunk.children, if last { "   " } else { theme.sign(Sign::Trunk) });
        branch(theme, reach, child, &Trunk { own, children: below }, width, rows);
    }
}

fn arrival(theme: Theme, line: &Arrival, trunk: &str, width: usize) -> Line<'static> {
    let name = format!("{trunk}{}", line.server);
    let name_width = name.chars().count().max(14);
    let why = width.saturating_sub(name_width + 20 + 2);
    let text = columns(&[(&name, name_width), (&how(&line.how), 20), (&say(&line.why), why)]);
    let role = if line.how.spares() { Role::Text } else { Role::Caution };
    row(theme, role, text)
}

/// How it arrives, in the words of screens. What arrives stands in capitals.
pub fn how(how: &How) -> String {
    match how {
        How::RunsHere => "runs here".to_owned(),
        How::Now => "REACHED".to_owned(),
        How::Group => "REACHED by cluster".to_owned(),
        How::Delayed(after) => format!("REACHED after {}", long(*after)),
        How::Held => "HELD, may arrive".to_owned(),
        How::Blocked => "BLOCKED, may arrive".to_owned(),
        How::Filtered => "FILTERED, may arrive".to_owned(),
        How::Unknown => "UNKNOWN".to_owned(),
        How::Never => "not reached".to_owned(),
        How::NotLogged => "not reached (no log)".to_owned(),
    }
}
