//! A run that is over: how it ended, what it destroyed and measured, and where to read on.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Line;

use super::panel::{self, Title, row};
use super::trouble::{destroyed, destroyed_text};
use crate::domain::journal::record::Ending;
use crate::domain::run::state::{Phase, State};
use crate::tui::model::Model;
use crate::tui::theme::Role;
use crate::tui::words::{count, wrap};

/// Draws the panel.
pub fn draw(model: &Model, frame: &mut Frame<'_>, area: Rect, outcome: Ending) {
    let Some(state) = &model.state else { return };
    let theme = model.theme();
    let width = usize::from(area.width.saturating_sub(2));
    let mut rows = vec![row(theme, Role::Strong, how(state, outcome)), destroyed(model)];
    let loads = model.history.loads.iter().map(|(step, load)| format!("{step}: {load}"));
    let run = &state.opened.run;
    let next = [
        String::new(),
        format!("countersign close {run}: sign how it ended, so that lines missing at its end would be noticed"),
        format!("countersign report {run}"),
        format!("countersign journal export {run} -o DIR, then countersign journal verify DIR"),
        "q leaves this screen".to_owned(),
    ];
    let texts: Vec<String> = loads.chain(super::sessions::trend(model, width)).chain(next).collect();
    let lines = texts.iter().flat_map(|text| wrap(text, width));
    rows.extend(lines.map(|text| if text.is_empty() { Line::default() } else { row(theme, Role::Text, text) }));
    panel::draw(frame, area, model, &Title::new("The run is over", outcome.word()), rows);
}

/// How a run ended, in one line for behind the screen; `None` while it goes on.
pub fn last_line(model: &Model) -> Option<String> {
    let state = model.state.as_ref()?;
    let (Phase::Finished { outcome } | Phase::Closed { outcome }) = &state.phase else { return None };
    let run = &state.opened.run;
    Some(format!("{run} {}: {}; {}", outcome.word(), how(state, *outcome), destroyed_text(model)))
}

fn how(state: &State, outcome: Ending) -> String {
    let all = count(state.opened.steps.len(), "step");
    match outcome {
        Ending::Completed if state.opened.steps.len() == 1 => "its 1 step is done, as it was predicted".to_owned(),
        Ending::Completed => format!("all of its {all} are done, as they were predicted"),
        Ending::Aborted => format!("{} of its {all} were done; nothing was undone by itself", state.cursor),
    }
}
