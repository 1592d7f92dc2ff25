//! The fleet as it was last seen: roles, links, fences, copies, and how old each line is.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Line;

use super::panel::{self, Title, columns, row};
use crate::domain::base::{Known, ServerName, TableName};
use crate::domain::reach::copy_of;
use crate::domain::snapshot::{FactKey, LinkFact, Look, ServerFact, Snapshot, Value};
use crate::tui::model::Model;
use crate::tui::theme::Role;
use crate::tui::words::{ago, clip, count, say};

/// Draws the panel.
pub fn draw(model: &Model, frame: &mut Frame<'_>, area: Rect) {
    let name = model.state.as_ref().map_or("", |state| state.opened.fleet.as_str());
    let title = format!("2 Fleet {}", say(name));
    let right = match &model.snapshot {
        Some(snapshot) => {
            format!("seen {} ago   {}", ago(model.now, snapshot.taken()), count(snapshot.servers().count(), "server"))
        }
        None => "not seen yet".to_owned(),
    };
    let rows = rows(model, usize::from(area.width.saturating_sub(2)));
    let scroll = model.ui.scroll.min(rows.len());
    panel::scrolled(frame, area, model, &Title::new(&title, &right), rows, scroll);
}

/// The rows of the panel.
pub fn rows(model: &Model, width: usize) -> Vec<Line<'static>> {
    let theme = model.theme();
    let Some(snapshot) = &model.snapshot else {
        return vec![row(theme, Role::Dim, "no snapshot has come yet: everything is unknown")];
    };
    let known = model.state.as_ref().map(|state| state.with_known(snapshot));
    let snapshot = known.as_ref().unwrap_or(snapshot);
    let rest = width.saturating_sub(14 + 18 + 6 + 5 + 4);
    let head = columns(&[("SERVER", 14), ("VERSION", 18), ("RO", 6), ("REPLICATION", rest), ("SEEN", 5)]);
    let mut rows = vec![row(theme, Role::Dim, head)];
    for server in snapshot.servers() {
        let text = columns(&[
            (server.as_str(), 14),
            (&fact(snapshot, server, ServerFact::Version), 18),
            (&fact(snapshot, server, ServerFact::ReadOnly), 6),
            (&links(snapshot, server), rest),
            (&age(model, snapshot, server), 5),
        ]);
        rows.push(row(theme, Role::Text, text));
        rows.extend(tables(model, snapshot, server, width));
    }
    rows
}

fn fact(snapshot: &Snapshot, server: &ServerName, fact: ServerFact) -> String {
    match Look::at(snapshot).peek(&FactKey::server(server, fact)) {
        Ok(value) => say(&value.to_string()),
        Err(_) => "?".to_owned(),
    }
}

fn age(model: &Model, snapshot: &Snapshot, server: &ServerName) -> String {
    let identity = snapshot.get(&FactKey::server(server, ServerFact::Identity));
    identity.and_then(Known::at).map_or_else(|| "?".to_owned(), |at| ago(model.now, at))
}

/// `follows db-a: receiver running, applier running`.
fn links(snapshot: &Snapshot, server: &ServerName) -> String {
    let look = Look::at(snapshot);
    match look.peek(&FactKey::server(server, ServerFact::Channels)) {
        Err(why) => format!("unknown: {}", say(why)),
        Ok(Value::Names(channels)) if channels.is_empty() => "follows nobody".to_owned(),
        Ok(Value::Names(channels)) => {
            channels.iter().map(|channel| link(snapshot, server, channel)).collect::<Vec<_>>().join("; ")
        }
        Ok(other) => format!("unknown: {}", say(&other.to_string())),
    }
}

fn link(snapshot: &Snapshot, server: &ServerName, channel: &str) -> String {
    let look = Look::at(snapshot);
    let text = |fact| match look.peek(&FactKey::link(server, channel, fact)) {
        Ok(value) => say(&value.to_string()),
        Err(_) => "?".to_owned(),
    };
    if text(LinkFact::Fence) == "detached" {
        return format!("DETACHED from {}", text(LinkFact::Source));
    }
    let (receiver, applier, error) = (text(LinkFact::Receiver), text(LinkFact::Applier), text(LinkFact::Error));
    let broken = if error == "none" { String::new() } else { format!(", ERROR {error}") };
    format!("follows {}: receiver {receiver}, applier {applier}{broken}", text(LinkFact::Source))
}

fn tables(model: &Model, snapshot: &Snapshot, server: &ServerName, width: usize) -> Vec<Line<'static>> {
    let tables: Vec<TableName> = model.state.as_ref().map(|state| state.opened.tables.clone()).unwrap_or_default();
    let line = |table: &TableName| {
        let copy = copy_of(&mut Look::at(snapshot), &model.viewer.rules, server, table);
        let role = if copy.is_good() { Role::Strong } else { Role::Text };
        let text = columns(&[("", 3), (&say(&table.to_string()), 26), (&say(&copy.to_string()), width)]);
        row(model.theme(), role, clip(&text, width))
    };
    tables.iter().map(line).collect()
}
