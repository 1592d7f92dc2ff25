//! Sessions on the screen: the list to choose from, and how the number of waiting sessions went.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Line;

use super::panel::{self, Title, columns, row};
use crate::domain::base::text;
use crate::domain::run::state::Phase;
use crate::domain::snapshot::sessions::{Blocker, Sample};
use crate::tui::model::Model;
use crate::tui::status::step_name;
use crate::tui::theme::{Glyphs, Role};
use crate::tui::words::{say, wrap};

/// Draws the list. Nothing in it is chosen beforehand; the line to type in is the prompt that Tab opens.
pub fn choosing(model: &Model, frame: &mut Frame<'_>, area: Rect) {
    let Some(state) = &model.state else { return };
    let Phase::Choosing { server, offered, at_most } = &state.phase else { return };
    let theme = model.theme();
    let width = usize::from(area.width.saturating_sub(2));
    let mut rows = vec![row(theme, Role::Dim, cells(["id", "user@host", "open", "rows", "waiting"], width))];
    for blocker in offered {
        rows.push(row(theme, Role::Strong, blocker_cells(blocker, width)));
        let (does, cost) = (blocker.session.does(), blocker.session.rollback());
        let lines = [does, format!("killing it {cost}")];
        rows.extend(lines.map(|text| row(theme, Role::Text, format!("         {text}"))));
    }
    rows.push(Line::default());
    let how = [
        format!(
            "Tab opens the line for the ids, at most {at_most}, such as 12,15; `none` kills nobody. None is chosen yet."
        ),
        format!("or: countersign choose {} ID,ID", state.opened.run),
    ];
    rows.extend(how.iter().flat_map(|text| wrap(text, width)).map(|part| row(theme, Role::Text, part)));
    rows.extend(trend(model, width).into_iter().map(|part| row(theme, Role::Text, part)));
    let right = format!("{} on {server}", text::count(offered.len(), "root"));
    panel::draw(frame, area, model, &Title::new(&step_name(state), &right), rows);
}

fn blocker_cells(blocker: &Blocker, width: usize) -> String {
    let session = &blocker.session;
    let (id, age) = (session.id.to_string(), session.age().rounded().to_string());
    let (rows, behind) = (session.rows_changed().to_string(), blocker.behind.to_string());
    cells([&id, &say(&session.who()), &age, &rows, &behind], width)
}

fn cells([id, who, age, rows, behind]: [&str; 5], width: usize) -> String {
    let others = 8 + 7 + 9 + 8 + 4;
    columns(&[(id, 8), (who, width.saturating_sub(others).min(40)), (age, 7), (rows, 9), (behind, 8)])
}

/// How many sessions waited at each look of this run, oldest first; nothing where nobody counted them.
pub fn trend(model: &Model, width: usize) -> Vec<String> {
    let samples = &model.history.waiting;
    let (Some(first), Some(last)) = (samples.first(), samples.last()) else { return Vec::new() };
    let most = samples.iter().map(|sample| sample.waiting).max().unwrap_or(0);
    let ends = format!("{} at first, {most} at most, {} now", first.waiting, last.waiting);
    let room = width.saturating_sub(19).max(10);
    let from = samples.len().saturating_sub(room);
    vec![format!("waiting sessions: {}", line(&samples[from..], most, model.theme().glyphs)), format!("  {ends}")]
}

/// One character a look, its height the share of the most that ever waited; nobody waiting is the lowest.
fn line(samples: &[Sample], most: u64, glyphs: Glyphs) -> String {
    let heights: &[char] = match glyphs {
        Glyphs::Unicode => &['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'],
        Glyphs::Ascii => &['_', '.', ':', '-', '=', '+', '*', '#'],
    };
    let top = u64::try_from(heights.len() - 1).unwrap_or(1);
    let height = |waiting: u64| usize::try_from((waiting * top).div_ceil(most.max(1))).unwrap_or(0);
    samples.iter().map(|sample| heights[height(sample.waiting).min(heights.len() - 1)]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::base::Span;

    #[test]
    fn a_line_falls_as_the_queue_does_and_shows_a_single_waiter() {
        let samples: Vec<Sample> =
            [33, 33, 12, 1, 0].map(|waiting| Sample { at: Span::from_secs(1), waiting }).to_vec();
        assert_eq!(line(&samples, 33, Glyphs::Ascii), "##-._");
        assert_eq!(line(&samples, 33, Glyphs::Unicode), "██▄▂▁");
        assert_eq!(line(&samples[4..], 0, Glyphs::Ascii), "_");
    }
}
