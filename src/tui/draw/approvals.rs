//! Who approved, who could, what an approval binds, and how anybody checks it without this program.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::Line;

use super::panel::{self, Title, columns, row};
use crate::domain::base::{Digest, Principal};
use crate::domain::run::state::{Ended, RequestState};
use crate::tui::model::Model;
use crate::tui::review::approved;
use crate::tui::status::gate;
use crate::tui::theme::{Role, Sign};
use crate::tui::words::{count, say, until, wrap};

/// Draws both panels.
pub fn draw(model: &Model, frame: &mut Frame<'_>, area: Rect) {
    let Some(request) = shown(model) else {
        let rows = vec![row(model.theme(), Role::Dim, "no step has asked for approval yet")];
        panel::draw(frame, area, model, &Title::new("3 Approvals", ""), rows);
        return;
    };
    let width = usize::from(area.width.saturating_sub(2));
    let binds = binds(model, request, width);
    let people = people(model, request, width);
    let top = super::height(people.len()).max(area.height.saturating_sub(super::height(binds.len())));
    let [top, bottom] = Layout::vertical([Constraint::Length(top), Constraint::Fill(1)]).areas(area);
    let right = format!("{} {}   {}", request.header.step, gate(model, request), standing(model, request));
    panel::draw(frame, top, model, &Title::new("3 Approvals", &right), people);
    panel::draw(frame, bottom, model, &Title::new("What an approval binds", ""), binds);
}

/// The open request, else the newest one.
fn shown(model: &Model) -> Option<&RequestState> {
    let newest = || model.state.as_ref()?.requests.values().max_by_key(|request| request.header.created);
    model.open_request().or_else(newest)
}

/// The state of a request in words.
fn standing(model: &Model, request: &RequestState) -> String {
    match &request.ended {
        Some(Ended::Used) => "used".to_owned(),
        Some(Ended::Void { why }) => format!("void: {}", say(why)),
        Some(Ended::Stopped { by, reason, .. }) => format!("stopped by {by}: {}", say(reason)),
        None if model.now >= request.header.expires => "expired".to_owned(),
        None => format!("expires in {}", until(model.now, request.header.expires)),
    }
}

fn people(model: &Model, request: &RequestState, width: usize) -> Vec<Line<'static>> {
    let theme = model.theme();
    let how = width.saturating_sub(3 + 20 + 10 + 3);
    let head = columns(&[("", 3), ("WHO", 20), ("STATE", 10), ("HOW", how)]);
    let mut rows = vec![row(theme, Role::Dim, head)];
    for approval in &request.approvals {
        let measured = match approval.measured {
            Some(own) => format!("reviewed, own measurement {} of {}", own.confirmed, own.of),
            None => "detached, measured nothing".to_owned(),
        };
        let line = [(theme.sign(Sign::Done), 3), (approval.by.as_str(), 20), ("approved", 10), (&measured, how)];
        rows.push(row(theme, Role::Text, columns(&line)));
        if let Some(reason) = &approval.reason {
            rows.push(row(theme, Role::Text, columns(&[("", 3), (&format!("\"{}\"", say(reason)), width)])));
        }
    }
    let left = |who: &&Principal| !approved(request, who);
    for who in model.viewer.operators.iter().filter(left) {
        let own = *who == request.header.requested_by;
        let note = match (own, request.header.requester_counts) {
            (true, true) => "driver; counts",
            (true, false) => "driver; does not count",
            (false, _) => "may approve",
        };
        let line = [(theme.sign(Sign::Waiting), 3), (who.as_str(), 20), ("not yet", 10), (note, how)];
        rows.push(row(theme, Role::Text, columns(&line)));
    }
    rows
}

fn binds(model: &Model, request: &RequestState, width: usize) -> Vec<Line<'static>> {
    let header = &request.header;
    let id = &header.request;
    let texts = [
        format!("request {id}   sha256 {}", Digest::of(request.text.as_bytes())),
        format!("run {}   runbook {} sha256 {}", header.run, say(&header.runbook), header.runbook_digest.short()),
        format!("step {}/{} {} attempt {}", header.step_number, header.steps, header.step, header.attempt),
        format!(
            "{}, {} on facts",
            count(request.assessed.script.len(), "command"),
            count(request.assessed.relies_on.len(), "claim")
        ),
        format!("made {}   expires {}   used at most once", header.created.clock(), header.expires.clock()),
        "void when a claim fails, the text would be rendered differently, it expires, or somebody rejects it"
            .to_owned(),
        format!("approve: countersign review {id}   reject: countersign reject {id} --reason TEXT"),
        format!("without this program: countersign request export {id}, then ssh-keygen -Y sign"),
    ];
    let lines = texts.iter().flat_map(|text| wrap(text, width));
    lines.map(|text| row(model.theme(), Role::Text, text)).collect()
}
