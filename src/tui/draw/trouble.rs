//! The screen after a stop: what is true now, as it was measured, then what can be chosen and what each choice needs.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::Line;

use super::panel::{self, Title, columns, row};
use crate::domain::journal::record::{Choice, StopReason};
use crate::domain::run::state::{Phase, RequestState, State};
use crate::domain::snapshot::Evidence;
use crate::tui::history::Doubt;
use crate::tui::model::Model;
use crate::tui::status::{doubt_title, step_name};
use crate::tui::summary::looked;
use crate::tui::theme::{Role, Sign, Theme};
use crate::tui::words::{ago, count, long, say, verdict, wrap};

/// Draws the whole screen.
pub fn draw(model: &Model, frame: &mut Frame<'_>, area: Rect) {
    let Some(state) = &model.state else { return };
    let width = usize::from(area.width.saturating_sub(2));
    let choices = choices(model, width);
    let wanted = super::height(choices.len()).min(area.height / 2);
    let [top, bottom] = Layout::vertical([Constraint::Fill(1), Constraint::Length(wanted)]).areas(area);
    let (word, right) = heading(model, state);
    let title = format!("{word}  {}", step_name(state));
    panel::draw(frame, top, model, &Title::new(&title, &right).role(Role::Alarm), facts(model, state, width));
    panel::draw(frame, bottom, model, &Title::new("What you can do", ""), choices);
}

fn heading(model: &Model, state: &State) -> (&'static str, String) {
    let notes = &model.history.step;
    match &state.phase {
        Phase::Killing { .. } => ("IN DOUBT", "the statement that still runs is being ended".to_owned()),
        Phase::Doubt { .. } => ("IN DOUBT", "the answer was lost; nothing is sent again by itself".to_owned()),
        Phase::Stopped { why, .. } => match why {
            StopReason::Drift => ("DRIFT", format!("{} not as predicted", count(notes.drift.len(), "fact"))),
            StopReason::Undone => ("STOPPED", "behind an undo".to_owned()),
            StopReason::NotGood { .. } => ("NOT GOOD", "measured; nothing was changed by it".to_owned()),
            StopReason::Failed { .. } => ("FAILED", String::new()),
            StopReason::Doubt { answer } => (doubt_title(*answer), "the answer was lost; looked since".to_owned()),
            StopReason::Blocked => ("BLOCKED", "nothing was sent".to_owned()),
            StopReason::Approval { .. } => ("NO APPROVAL", "nothing was sent".to_owned()),
            StopReason::Deadline { .. } => ("TOO LATE", String::new()),
            StopReason::TooLong { .. } => ("TOO LONG", "the load ended between two chunks".to_owned()),
            StopReason::Refused => ("REFUSED", String::new()),
        },
        _ => ("STOPPED", String::new()),
    }
}

fn facts(model: &Model, state: &State, width: usize) -> Vec<Line<'static>> {
    let theme = model.theme();
    let notes = &model.history.step;
    let mut rows = Vec::new();
    let mut say_all = |role, text: &str| {
        rows.extend(wrap(&say(text), width).into_iter().map(|part| row(theme, role, part)));
    };
    if let Phase::Stopped { why, .. } = &state.phase {
        say_all(Role::Alarm, &why.to_string());
        if let (StopReason::TooLong { .. }, Some(estimate)) = (why, &notes.estimate) {
            say_all(Role::Text, &format!("{estimate}; {} to {} left", long(estimate.low), long(estimate.high)));
            say_all(Role::Text, "what is loaded stays, and going on begins behind it");
        }
    }
    if matches!(&state.phase, Phase::Stopped { why: StopReason::Blocked, .. }) {
        notes.blocked.iter().for_each(|why| say_all(Role::Text, why));
    }
    if let Some(doubt) = &notes.doubt {
        rows.extend(doubted(model, doubt, width));
    }
    if !notes.drift.is_empty() {
        rows.extend(differences(theme, &notes.drift, width));
    }
    rows.push(destroyed(model));
    rows
}

fn doubted(model: &Model, doubt: &Doubt, width: usize) -> Vec<Line<'static>> {
    let theme = model.theme();
    let lost = format!("the answer was lost {} ago: {}", ago(model.now, doubt.at), say(&doubt.why));
    let mut rows: Vec<Line<'static>> =
        wrap(&lost, width).into_iter().map(|part| row(theme, Role::Text, part)).collect();
    match &doubt.found {
        None => rows.push(row(theme, Role::Caution, "not looked at yet: is it still running, was it applied?")),
        Some(found) => {
            let when = ago(model.now, found.at);
            let text = format!("looked {when} ago: {}", looked(&found.state, found.answer));
            rows.extend(wrap(&text, width).into_iter().map(|part| row(theme, Role::Strong, part)));
            rows.extend(differences(theme, &found.evidence, width));
        }
    }
    rows
}

/// Facts with what was expected and what was seen.
fn differences(theme: Theme, evidence: &[Evidence], width: usize) -> Vec<Line<'static>> {
    let seen = width.saturating_sub(12) / 3;
    let claim = width.saturating_sub(seen + 14);
    let head = columns(&[("", 3), ("", 7), ("EXPECTED", claim), ("SEEN", seen)]);
    let mut rows = vec![row(theme, Role::Dim, head)];
    for one in evidence {
        let holds = one.verdict.holds();
        let sign = if holds { Sign::Done } else { Sign::Drifted };
        let text = columns(&[
            (theme.sign(sign), 3),
            (verdict(&one.verdict), 7),
            (&say(&one.claim.to_string()), claim),
            (&say(&one.seen), seen),
        ]);
        rows.push(row(theme, if holds { Role::Text } else { Role::Alarm }, text));
    }
    rows
}

/// What this run has destroyed so far, in one line.
pub fn destroyed(model: &Model) -> Line<'static> {
    row(model.theme(), Role::Text, destroyed_text(model))
}

/// The same as text.
pub fn destroyed_text(model: &Model) -> String {
    let steps: Vec<&str> = model.history.destroyed.iter().map(crate::domain::base::StepId::as_str).collect();
    if steps.is_empty() {
        return "nothing destructive has been sent in this run".to_owned();
    }
    format!("destructive commands were sent by: {}", steps.join(", "))
}

/// The numbered choices: what each does and needs. Also those of the refused screen.
pub fn choices(model: &Model, width: usize) -> Vec<Line<'static>> {
    let theme = model.theme();
    let mut rows = Vec::new();
    if let Some(Phase::Stopped { choices, .. }) = model.state.as_ref().map(|state| &state.phase) {
        for (place, choice) in choices.iter().enumerate() {
            let marked = model.ui.choice == Some(place);
            let cursor = if marked { theme.sign(Sign::Cursor) } else { " " };
            let role = if marked { Role::Focus } else { Role::Text };
            let text = format!("{choice}{}; {}", costs(model, choice), needs(choice));
            for (index, part) in wrap(&text, width.saturating_sub(6)).into_iter().enumerate() {
                let number = if index == 0 { format!("{cursor} {} ", place + 1) } else { "     ".to_owned() };
                rows.push(row(theme, role, format!("{number} {part}")));
            }
        }
        rows.push(row(theme, Role::Text, "Up/Down marks a choice, Enter takes it"));
    } else {
        let text = "nothing yet: H holds the run, it stops by itself when it cannot be told";
        rows.push(row(theme, Role::Text, text));
    }
    if !model.viewer.help.is_empty() {
        let help = format!("help: {}", say(&model.viewer.help));
        rows.extend(wrap(&help, width).into_iter().map(|part| row(theme, Role::Text, part)));
    }
    rows
}

/// What taking the choice gives up, if there is something.
fn costs(model: &Model, choice: &Choice) -> &'static str {
    let step = model.state.as_ref().and_then(State::step);
    let signed = |request: &RequestState| Some(&request.header.step) == step && !request.approvals.is_empty();
    match choice {
        Choice::TryAgain if model.state.as_ref().is_some_and(|state| state.requests.values().any(signed)) => {
            " (what was signed before is void)"
        }
        _ => "",
    }
}

const fn needs(choice: &Choice) -> &'static str {
    match choice {
        Choice::LookAgain => "needs only Enter",
        Choice::SkipStep { .. } => "asked for behind Enter",
        Choice::Undo { .. } => "needs that step's name",
        Choice::TryAgain | Choice::GoOn | Choice::EndStatement => "needs the step's name",
        Choice::PromoteByHand | Choice::Abort => "needs the run's name",
    }
}
