//! Which copy to name when one is meant to be protected or used first: a hint for people, never a decision.
//!
//! Facts are only peeked at, so nothing here enters the evidence of a step, and a copy that is not named loses nothing.

use std::cmp::Reverse;

use super::copies::Copy;
use super::survivors::CopyLine;
use crate::domain::base::ServerName;
use crate::domain::fleet::Fleet;
use crate::domain::snapshot::{FactKey, LinkFact, Look, ServerFact, Value};

/// What makes a copy worth naming; the smallest is the best.
///
/// A proved copy comes before one that nothing proves. Taking a server out of reach that feeds others takes these out
/// of reach of everything, so such a server comes later.
type Worth = (Reverse<bool>, Reverse<bool>, bool);

/// The best of the copies that `counts`, the first by name among equals. Ways back stand in the text that people sign,
/// so no fact that moves by itself has a say in it.
pub(super) fn best<'a>(
    look: &Look<'_>,
    fleet: &Fleet,
    copies: &'a [CopyLine],
    counts: impl Fn(&CopyLine) -> bool,
) -> Option<&'a CopyLine> {
    copies.iter().filter(|line| counts(line)).min_by_key(|line| worth(look, fleet, line))
}

/// The best copy to take out of reach now: among equals rather one that has all it received than one that lags.
pub(super) fn best_to_protect<'a>(
    look: &Look<'_>,
    fleet: &Fleet,
    copies: &'a [CopyLine],
    counts: impl Fn(&CopyLine) -> bool,
) -> Option<&'a CopyLine> {
    let now = |line: &&CopyLine| (worth(look, fleet, line), Reverse(caught_up(look, &line.server)));
    copies.iter().filter(|line| counts(line)).min_by_key(now)
}

fn worth(look: &Look<'_>, fleet: &Fleet, line: &CopyLine) -> Worth {
    let there = matches!(line.copy, Copy::Good { .. } | Copy::Unproved { .. });
    (Reverse(line.copy.is_good()), Reverse(there), feeds_somebody(look, fleet, &line.server))
}

fn channels<'a>(look: &Look<'a>, server: &ServerName) -> impl Iterator<Item = &'a String> {
    let names = match look.peek(&FactKey::server(server, ServerFact::Channels)) {
        Ok(Value::Names(names)) => Some(names),
        _ => None,
    };
    names.into_iter().flatten()
}

fn feeds_somebody(look: &Look<'_>, fleet: &Fleet, server: &ServerName) -> bool {
    fleet.servers.keys().any(|replica| {
        channels(look, replica).any(|channel| {
            let source = look.peek(&FactKey::link(replica, channel, LinkFact::Source));
            matches!(source, Ok(Value::Text(source)) if source == server.as_str())
        })
    })
}

/// Whether it has applied all that it received, as far as that shows.
fn caught_up(look: &Look<'_>, server: &ServerName) -> bool {
    let Ok(Value::Position(has)) = look.peek(&FactKey::server(server, ServerFact::Position)) else { return false };
    channels(look, server).all(|channel| {
        let received = look.peek(&FactKey::link(server, channel, LinkFact::Received));
        matches!(received, Ok(Value::Position(received)) if has.contains(received) == Some(true))
    })
}

/// The servers that told nothing of whom they follow.
pub(super) fn unseen<'a>(look: &Look<'_>, fleet: &'a Fleet) -> Vec<&'a str> {
    let silent = |server: &&ServerName| look.peek(&FactKey::server(server, ServerFact::Channels)).is_err();
    fleet.servers.keys().filter(silent).map(ServerName::as_str).collect()
}
