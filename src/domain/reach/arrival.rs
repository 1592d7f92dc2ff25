//! Walks the replication links from the server that executes a statement to every server that may get it.
//!
//! Worst of all paths: a server that two links lead to is as exposed as the more dangerous one makes it.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{Arrival, How, Reach, Stranger};
use crate::domain::base::{ServerName, Span};
use crate::domain::fleet::Fleet;
use crate::domain::snapshot::{FactKey, LinkFact, Look, ServerFact, Value};

/// What the executing session does to the statement's journey.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Carry {
    /// It is written to the binary log if the server keeps one.
    Logged,
    /// `sql_log_bin=0`, or a statement that is never logged.
    Unlogged,
}

/// Where a statement executed on `target` arrives: a line for every server of the fleet, and the readers of the binary
/// logs it enters that nothing explains.
pub fn reach(look: &mut Look<'_>, fleet: &Fleet, target: &ServerName, carry: Carry) -> Reach {
    let links = links(look, fleet);
    let logged = leaves(look, target, carry);
    let mut found = walk(look, &links, target, &logged, &BTreeSet::new());
    let races = races(look, &links, target, &logged, &found);
    if !races.is_empty() {
        found = walk(look, &links, target, &logged, &races);
    }
    let mut lines: Vec<Arrival> = found.into_values().collect();
    for server in fleet.servers.keys() {
        if !lines.iter().any(|line| line.server == *server) {
            lines.push(no_link(server, &links));
        }
    }
    let strangers = lines.iter().filter_map(|line| stranger(look, line, &logged)).collect();
    lines.sort_by(|a, b| {
        (a.path.is_empty(), a.path.len(), &a.server).cmp(&(b.path.is_empty(), b.path.len(), &b.server))
    });
    Reach { arrivals: lines, strangers }
}

/// The worst arrival at every server that links lead to; at the servers of `races` it is not known.
fn walk(
    look: &mut Look<'_>,
    links: &[Link],
    target: &ServerName,
    logged: &(How, String),
    races: &BTreeSet<ServerName>,
) -> BTreeMap<ServerName, Arrival> {
    let here = Arrival { server: target.clone(), how: How::RunsHere, path: vec![target.clone()], why: String::new() };
    let mut found = BTreeMap::from([(target.clone(), here)]);
    let mut queue = vec![target.clone()];
    while let Some(source) = queue.pop() {
        let from = found[&source].clone();
        let out = if source == *target { logged.clone() } else { relays(look, &source) };
        for link in links.iter().filter(|link| link.comes_from(&source)) {
            let mut arrival = step(look, &from, &out, link);
            if races.contains(&link.replica) {
                arrival.how = How::Unknown;
                arrival.why = "it comes on two ways, one through a filter, and only the first counts".to_owned();
            }
            let known = found.get(&link.replica);
            if known.is_none_or(|known| known.how < arrival.how) {
                found.insert(link.replica.clone(), arrival);
                queue.push(link.replica.clone());
            }
        }
    }
    found
}

/// The servers that a statement reaches on one way and, on another one, through a filter. A transaction that a filter
/// emptied counts as executed: what comes first decides, and that cannot be told.
fn races(
    look: &mut Look<'_>,
    links: &[Link],
    target: &ServerName,
    logged: &(How, String),
    found: &BTreeMap<ServerName, Arrival>,
) -> BTreeSet<ServerName> {
    let mut races = BTreeSet::new();
    for link in links.iter().filter(|link| link.replica != *target) {
        let reached = found.get(&link.replica).is_some_and(|line| matches!(line.how, How::Now | How::Delayed(_)));
        for (source, from) in found.iter().filter(|(source, _)| reached && link.comes_from(source)) {
            let out = if source == target { logged.clone() } else { relays(look, source) };
            if step(look, from, &out, link).how == How::Filtered {
                races.insert(link.replica.clone());
            }
        }
    }
    races
}

/// One replication link as far as it can be read.
#[derive(Debug, Clone)]
struct Link {
    replica: ServerName,
    channel: String,
    /// The server it follows, or why that cannot be told.
    source: Result<String, String>,
}

impl Link {
    /// A link whose source cannot be told may come from anywhere.
    fn comes_from(&self, server: &ServerName) -> bool {
        self.replica != *server
            && match &self.source {
                Ok(source) => source == server.as_str(),
                Err(_) => true,
            }
    }
}

fn links(look: &mut Look<'_>, fleet: &Fleet) -> Vec<Link> {
    let mut links = Vec::new();
    for replica in fleet.servers.keys() {
        match look.read(FactKey::server(replica, ServerFact::Channels)) {
            Ok(Value::Names(channels)) => {
                for channel in channels {
                    let source = match look.read(FactKey::link(replica, &channel, LinkFact::Source)) {
                        Ok(Value::Text(source)) => Ok(source),
                        Ok(other) => Err(format!("its source is `{other}`")),
                        Err(why) => Err(why),
                    };
                    links.push(Link { replica: replica.clone(), channel, source });
                }
            }
            Ok(other) => {
                links.push(Link {
                    replica: replica.clone(),
                    channel: String::new(),
                    source: Err(format!("`{other}`")),
                });
            }
            Err(why) => links.push(Link { replica: replica.clone(), channel: String::new(), source: Err(why) }),
        }
    }
    links
}

/// Whether what `target` executes enters its binary log: the `How` that every link starts from.
fn leaves(look: &mut Look<'_>, target: &ServerName, carry: Carry) -> (How, String) {
    match look.read(FactKey::server(target, ServerFact::Cluster)) {
        Ok(Value::Text(cluster)) if cluster == "none" => {}
        Ok(cluster) => return (How::Group, format!("{target} is a member of a cluster ({cluster})")),
        Err(why) => return (How::Unknown, format!("whether {target} is in a cluster is unknown: {why}")),
    }
    if carry == Carry::Unlogged {
        return (How::NotLogged, "not logged".to_owned());
    }
    logs(look, target)
}

fn logs(look: &mut Look<'_>, server: &ServerName) -> (How, String) {
    match look.read(FactKey::server(server, ServerFact::LogBin)) {
        Ok(Value::Flag(false)) => (How::NotLogged, format!("{server} keeps no binary log")),
        Ok(Value::Flag(true)) => match look.read(FactKey::server(server, ServerFact::BinlogFilter)) {
            Ok(Value::Text(filter)) if filter.is_empty() => (How::Now, String::new()),
            Ok(filter) => (How::Filtered, format!("{server} filters its binary log: {filter}")),
            Err(why) => (How::Unknown, format!("the binary log filter of {server} is unknown: {why}")),
        },
        Ok(other) => (How::Unknown, format!("the binary log of {server} is `{other}`")),
        Err(why) => (How::Unknown, format!("the binary log of {server} is unknown: {why}")),
    }
}

/// Whether what `server` applies from others goes on to its own replicas.
fn relays(look: &mut Look<'_>, server: &ServerName) -> (How, String) {
    let (own, why) = logs(look, server);
    if own == How::NotLogged {
        return (own, why);
    }
    match look.read(FactKey::server(server, ServerFact::LogReplicaUpdates)) {
        Ok(Value::Flag(true)) => (own, why),
        Ok(Value::Flag(false)) => (How::NotLogged, format!("{server} does not log what it applies")),
        Ok(other) => (How::Unknown, format!("log_replica_updates of {server} is `{other}`")),
        Err(unknown) => (How::Unknown, format!("log_replica_updates of {server} is unknown: {unknown}")),
    }
}

/// The arrival at the end of one link, given how the statement is at its source and whether it leaves there.
fn step(look: &mut Look<'_>, from: &Arrival, out: &(How, String), link: &Link) -> Arrival {
    let mut path = from.path.clone();
    path.push(link.replica.clone());
    let at_source = match &from.how {
        How::RunsHere => How::Now,
        other => other.clone(),
    };
    // What cannot arrive relies on no link, so the link's facts are asked only when something may pass it: a receiver
    // that loses its source must not stop the fence that is put up because of it.
    let (how, why) = if at_source.spares() {
        (at_source, from.why.clone())
    } else if out.0.spares() {
        (out.0.clone(), out.1.clone())
    } else {
        let (edge, why) = edge(look, &from.server, link);
        if edge.spares() { (edge, why) } else { weakest(vec![(at_source, from.why.clone()), out.clone(), (edge, why)]) }
    };
    Arrival { server: link.replica.clone(), how, path, why }
}

/// On one path the thing that keeps a statement back longest decides, but "unknown" is never better than unknown.
fn weakest(stages: Vec<(How, String)>) -> (How, String) {
    let unknown = stages.iter().find(|(how, _)| *how == How::Unknown).cloned();
    let group = stages.iter().find(|(how, _)| *how == How::Group).cloned();
    group
        .or(unknown)
        .or_else(|| stages.into_iter().rev().min_by(|a, b| a.0.cmp(&b.0)))
        .unwrap_or((How::Unknown, String::new()))
}

/// What one link does to events of its source, as far as the link alone decides.
fn edge(look: &mut Look<'_>, source: &ServerName, link: &Link) -> (How, String) {
    if let Err(why) = &link.source {
        return (How::Unknown, format!("whom {} follows is unknown: {why}", link.replica));
    }
    let mut text = |fact| match look.read(FactKey::link(&link.replica, &link.channel, fact)) {
        Ok(Value::Text(text)) => Ok(text),
        Ok(other) => Err(format!("`{other}`")),
        Err(why) => Err(why),
    };
    let name = format!("replication {source} > {}", link.replica);
    // A fence keeps everything away whatever the threads behind it do (they try to connect, give up, are started by
    // hand), so nothing else of the link is asked, and an approval does not depend on it.
    let fence = text(LinkFact::Fence);
    if fence.as_ref().is_ok_and(|fence| fence == "detached") {
        return (How::Never, format!("{name} is detached"));
    }
    let (receiver, applier) = (text(LinkFact::Receiver), text(LinkFact::Applier));
    let (filters, error) = (text(LinkFact::Filters), text(LinkFact::Error));
    let delay = look.read(FactKey::link(&link.replica, &link.channel, LinkFact::Delay));
    let (Ok(_), Ok(receiver), Ok(applier), Ok(filters), Ok(error), Ok(Value::Number(delay))) =
        (fence, receiver, applier, filters, error, delay)
    else {
        return (How::Unknown, format!("the state of {name} is not known"));
    };
    if !error.is_empty() {
        return (How::Blocked, format!("{name} is broken: {error}"));
    }
    if receiver == "stopped" || applier == "stopped" {
        return (
            How::Held,
            format!("{name} is stopped (receiver {receiver}, applier {applier}) and anybody can resume it"),
        );
    }
    if receiver == "connecting" {
        return (How::Unknown, format!("{name} is not connected, and may be at any moment"));
    }
    if !filters.is_empty() {
        return (How::Filtered, format!("{name} has filters: {filters}"));
    }
    if delay > 0 {
        return (How::Delayed(Span::from_secs(delay)), format!("{name} is delayed by {}", Span::from_secs(delay)));
    }
    (How::Now, format!("{name} is running (receiver {receiver}, applier {applier})"))
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
