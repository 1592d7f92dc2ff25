//! Walks the replication links from the server that executes a statement to every server that may get it.
//!
//! Worst of all paths: a server that two links lead to is as exposed as the more dangerous one makes it.

use std::collections::{BTreeMap, BTreeSet};

use super::cluster;
use super::edge::{self, Link};
use super::leaving::{Leaving, Origins};
use super::statement::Statement;
use super::{Arrival, How, Reach, Stranger};
use crate::domain::base::{ServerName, Span};
use crate::domain::fleet::Fleet;
use crate::domain::snapshot::{FactKey, Look, ServerFact, Test, Value};

/// One server on the way, and how the statement is in what its own replicas get from it.
#[derive(Debug, Clone)]
struct Stop {
    arrival: Arrival,
    onward: (How, String),
}

/// Where a statement executed on `target` arrives: a line for every server of the fleet, and the readers of the binary
/// logs it enters that nothing explains.
pub fn reach(look: &mut Look<'_>, fleet: &Fleet, target: &ServerName, statement: impl Into<Statement>) -> Reach {
    let statement = statement.into();
    let links = edge::links(look, fleet);
    let leaving = Leaving { statement: &statement, origins: Origins::of(target) };
    let logged = leaving.from_target(look, target);
    let walk = Walk { fleet, leaving: &leaving, links: &links, target, logged: &logged };
    let mut found = walk.stops(look, &BTreeSet::new());
    let races = walk.races(look, &found);
    if !races.is_empty() {
        found = walk.stops(look, &races);
    }
    let mut lines: Vec<Arrival> = found.into_values().map(|stop| stop.arrival).collect();
    for server in fleet.servers.keys() {
        if !lines.iter().any(|line| line.server == *server) {
            lines.push(no_link(server, &links));
        }
    }
    for line in lines.iter_mut().filter(|line| line.server != *target) {
        doubt_identity(look, line);
    }
    let strangers = lines.iter().filter_map(|line| stranger(look, line, &logged)).collect();
    lines.sort_by(|a, b| {
        (a.path.is_empty(), a.path.len(), &a.server).cmp(&(b.path.is_empty(), b.path.len(), &b.server))
    });
    Reach { arrivals: lines, strangers }
}

/// What every step of one walk over the links needs.
struct Walk<'a> {
    fleet: &'a Fleet,
    leaving: &'a Leaving<'a>,
    links: &'a [Link],
    target: &'a ServerName,
    /// Whether the statement leaves the target.
    logged: &'a (How, String),
}

impl Walk<'_> {
    /// The worst arrival at every server that links lead to; at the servers of `races` it is not known.
    fn stops(&self, look: &mut Look<'_>, races: &BTreeSet<ServerName>) -> BTreeMap<ServerName, Stop> {
        let path = vec![self.target.clone()];
        let first = Arrival { server: self.target.clone(), how: How::RunsHere, path, why: String::new() };
        let first = Stop { arrival: first, onward: (How::Now, String::new()) };
        let mut found = BTreeMap::from([(self.target.clone(), first)]);
        let mut queue = vec![self.target.clone()];
        while let Some(source) = queue.pop() {
            let from = found[&source].clone();
            let out = self.leaves(look, &source);
            let over_links = self.links.iter().filter(|link| link.comes_from(&source));
            let mut stops: Vec<Stop> =
                over_links.map(|link| pass(look, self.fleet, self.leaving, &from, &out, link)).collect();
            stops.extend(cluster::peers(look, self.fleet, &from.arrival).into_iter().map(Stop::from));
            for stop in stops {
                let server = stop.arrival.server.clone();
                let stop = if races.contains(&server) { raced(stop) } else { stop };
                if found.get(&server).is_none_or(|known| known.how() < stop.how()) {
                    found.insert(server.clone(), stop);
                    queue.push(server);
                }
            }
        }
        found
    }

    /// The servers that a statement reaches on one way and, on another one, through a filter. A transaction that a
    /// filter emptied counts as executed: what comes first decides, and that cannot be told.
    fn races(&self, look: &mut Look<'_>, found: &BTreeMap<ServerName, Stop>) -> BTreeSet<ServerName> {
        let reached = |server: &ServerName| {
            let how = found.get(server).map(|stop| &stop.arrival.how);
            server != self.target && matches!(how, Some(How::Now | How::Delayed(_)))
        };
        let mut races = BTreeSet::new();
        for link in self.links.iter().filter(|link| reached(&link.replica)) {
            for (source, from) in found.iter().filter(|(source, _)| link.comes_from(source)) {
                let out = self.leaves(look, source);
                if pass(look, self.fleet, self.leaving, from, &out, link).arrival.how == How::Filtered {
                    races.insert(link.replica.clone());
                }
            }
        }
        races
    }

    fn leaves(&self, look: &mut Look<'_>, server: &ServerName) -> (How, String) {
        if server == self.target { self.logged.clone() } else { self.leaving.from_relay(look, server) }
    }
}

fn raced(stop: Stop) -> Stop {
    let why = "it comes on two ways, one through a filter, and only the first counts".to_owned();
    Stop { onward: (How::Unknown, why.clone()), arrival: Arrival { how: How::Unknown, why, ..stop.arrival } }
}

impl From<Arrival> for Stop {
    fn from(arrival: Arrival) -> Self {
        let onward = (arrival.how.clone(), arrival.why.clone());
        Self { arrival, onward }
    }
}

impl Stop {
    /// What orders two ways to the same server.
    fn how(&self) -> (&How, &How) {
        (&self.arrival.how, &self.onward.0)
    }
}

/// The arrival at the end of one link, given how the statement is at its source and whether it leaves there.
fn pass(
    look: &mut Look<'_>,
    fleet: &Fleet,
    leaving: &Leaving<'_>,
    from: &Stop,
    out: &(How, String),
    link: &Link,
) -> Stop {
    let mut path = from.arrival.path.clone();
    path.push(link.replica.clone());
    let arrives = |(how, why): (How, String)| Stop {
        arrival: Arrival { server: link.replica.clone(), how: how.clone(), path: path.clone(), why: why.clone() },
        onward: (how, why),
    };
    let at_source = (
        from.onward.0.clone(),
        if from.onward.1.is_empty() { from.arrival.why.clone() } else { from.onward.1.clone() },
    );
    // What cannot arrive relies on no link, so the link's facts are asked only when something may pass it: a receiver
    // that loses its source must not stop the fence that is put up because of it.
    if at_source.0.spares() {
        return arrives(at_source);
    }
    if out.0.spares() {
        return arrives(out.clone());
    }
    if let Some(has) = has_already(look, leaving.statement, &link.replica) {
        let onward = (How::Unknown, format!("what {} made of that transaction cannot be told", link.replica));
        return Stop { onward, ..arrives((How::Never, has)) };
    }
    let edge = edge::crosses(look, fleet, leaving, &from.arrival.server, link);
    if edge.0.spares() { arrives(edge) } else { arrives(slowest([at_source, out.clone(), edge])) }
}

/// A server does not execute a transaction that it counts as executed, whatever it made of it.
fn has_already(look: &mut Look<'_>, statement: &Statement, replica: &ServerName) -> Option<String> {
    let transaction = statement.executed_as.clone()?;
    let key = FactKey::server(replica, ServerFact::Position);
    let Ok(Value::Position(position)) = look.peek(&key) else { return None };
    let counts = position.counts(&transaction);
    let why = format!("{replica} counts {transaction} as executed");
    (counts && look.ask(key, Test::Contains(transaction)).holds()).then_some(why)
}

/// On one path the thing that keeps a statement back longest decides, but "unknown" is never better than unknown.
fn slowest(stages: [(How, String); 3]) -> (How, String) {
    let first = |wanted: How| stages.iter().find(|(how, _)| *how == wanted).cloned();
    let delay = |(how, _): &&(How, String)| match how {
        How::Delayed(span) => *span,
        _ => Span::from_secs(0),
    };
    // What a filter takes out waits nowhere, whatever is stopped before or behind it.
    if let Some(certain) = first(How::Group).or_else(|| first(How::Unknown)).or_else(|| first(How::Filtered)) {
        return certain;
    }
    match stages.iter().rev().min_by(|a, b| a.0.cmp(&b.0)) {
        // The longest delay is the least that it takes, whether or not a release adds them up.
        Some((How::Delayed(_), _)) => stages.iter().max_by_key(delay).cloned(),
        other => other.cloned(),
    }
    .unwrap_or((How::Unknown, String::new()))
}

/// A server that answers and does not prove what it is may be any of the others, and what is seen of it may be theirs.
///
/// Only peeked at: it makes an answer worse and never better, and a server that does not answer at all says nothing
/// that could be mistaken.
fn doubt_identity(look: &Look<'_>, line: &mut Arrival) {
    let answers = look.peek(&FactKey::server(&line.server, ServerFact::Channels)).is_ok();
    if let Err(why) = look.peek(&FactKey::server(&line.server, ServerFact::Identity))
        && answers
        && line.how.spares()
    {
        line.how = How::Unknown;
        line.why = format!("what {} is cannot be told: {why}", line.server);
    }
}

fn no_link(server: &ServerName, links: &[Link]) -> Arrival {
    let follows = links.iter().find(|link| link.replica == *server);
    let why = match follows.map(|link| &link.source) {
        Some(Ok(source)) => format!("it follows {source}"),
        Some(Err(why)) => why.clone(),
        None => "it follows nobody".to_owned(),
    };
    Arrival { server: server.clone(), how: How::Never, path: Vec::new(), why }
}

/// The unexplained readers of one server's binary log, if the statement enters it.
fn stranger(look: &mut Look<'_>, line: &Arrival, logged: &(How, String)) -> Option<Stranger> {
    if logged.0.spares() || line.how.spares() {
        return None;
    }
    let why = match look.read(FactKey::server(&line.server, ServerFact::UnexplainedReaders)) {
        Ok(Value::Names(readers)) if readers.is_empty() => return None,
        Ok(readers) => format!("nothing explains the reader {readers}"),
        Err(why) => format!("who reads it is unknown: {why}"),
    };
    Some(Stranger { server: line.server.clone(), why })
}

#[cfg(test)]
mod tests;
