//! One replication link: whom it follows, and what it does to a statement that its source has logged.

use super::How;
use super::leaving::Leaving;
use super::statement::Statement;
use crate::domain::base::{ServerName, Span, Verdict};
use crate::domain::fleet::Fleet;
use crate::domain::snapshot::{FactKey, LinkFact, Look, ServerFact, Test, Value};

/// One replication link as far as it can be read.
#[derive(Debug, Clone)]
pub struct Link {
    pub replica: ServerName,
    pub channel: String,
    /// The server of the fleet that it follows, or why that cannot be told.
    pub source: Result<ServerName, String>,
}

impl Link {
    /// A link whose source cannot be told may come from anywhere, and so may one from a server that is not declared: it
    /// may itself follow any of ours.
    pub fn comes_from(&self, server: &ServerName) -> bool {
        self.replica != *server && self.source.as_ref().map_or(true, |source| source == server)
    }
}

/// Every link of every server of the fleet.
pub fn links(look: &mut Look<'_>, fleet: &Fleet) -> Vec<Link> {
    let mut links = Vec::new();
    for replica in fleet.servers.keys() {
        let unknown = |why| Link { replica: replica.clone(), channel: String::new(), source: Err(why) };
        match look.read(FactKey::server(replica, ServerFact::Channels)) {
            Ok(Value::Names(channels)) => {
                for channel in channels {
                    let source = source(look, fleet, replica, &channel);
                    links.push(Link { replica: replica.clone(), channel, source });
                }
            }
            Ok(other) => links.push(unknown(format!("its channels are `{other}`"))),
            Err(why) => links.push(unknown(why)),
        }
    }
    links
}

fn source(look: &mut Look<'_>, fleet: &Fleet, replica: &ServerName, channel: &str) -> Result<ServerName, String> {
    match look.read(FactKey::link(replica, channel, LinkFact::Source)) {
        Ok(Value::Text(source)) => match source.parse::<ServerName>() {
            Ok(name) if fleet.servers.contains_key(&name) => Ok(name),
            _ => Err(format!("it follows {source}, which is not declared, and whom that follows is not known")),
        },
        Ok(other) => Err(format!("its source is `{other}`")),
        Err(why) => Err(why),
    }
}

/// Whether a fence stands in a link: it reaches nothing, and looks for nothing else.
pub fn fenced(look: &mut Look<'_>, replica: &ServerName, channel: &str) -> bool {
    let key = |fact| FactKey::link(replica, channel, fact);
    look.ask(key(LinkFact::Fence), Test::Is(Value::text("detached"))).holds()
        && look.ask(key(LinkFact::Failover), Test::Is(Value::Flag(false))).holds()
}

/// What one link does to a statement that stands in the log of `source`, as far as the link alone decides.
pub fn crosses(
    look: &mut Look<'_>,
    fleet: &Fleet,
    leaving: &Leaving<'_>,
    source: &ServerName,
    link: &Link,
) -> (How, String) {
    // A fence keeps everything away whatever the threads behind it do (they try to connect, give up, are started by
    // hand), so nothing else of the link is asked, and an approval does not depend on it.
    if fenced(look, &link.replica, &link.channel) {
        return (How::Never, format!("replication {source} > {} is detached", link.replica));
    }
    if let Err(why) = &link.source {
        return (How::Unknown, format!("whom {} follows is unknown: {why}", link.replica));
    }
    let name = format!("replication {source} > {}", link.replica);
    let state = match State::read(look, link) {
        Ok(state) => state,
        Err(key) => return (How::Unknown, format!("the state of {name} is not known ({key})")),
    };
    let place = Place::of(look, leaving.statement, link);
    let rests = state.rests(fleet, (source, &link.replica), place, &name);
    rests.unwrap_or_else(|| state.lets_through(look, leaving, &name))
}

/// Whether a link has a statement already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// It was not executed yet, or not received.
    AtTheSource,
    Received,
    Unknown,
}

impl Place {
    fn of(look: &mut Look<'_>, statement: &Statement, link: &Link) -> Self {
        let Some(transaction) = statement.executed_as.clone() else { return Self::AtTheSource };
        let received = FactKey::link(&link.replica, &link.channel, LinkFact::Received);
        match look.ask(received, Test::Contains(transaction)) {
            Verdict::Holds => Self::Received,
            Verdict::Fails => Self::AtTheSource,
            Verdict::CannotTell { .. } => Self::Unknown,
        }
    }
}

/// The facts of one link that decide.
struct State {
    receiver: String,
    applier: String,
    filters: String,
    error: String,
    until: String,
    failover: bool,
    fence: String,
    delay: u64,
}

impl State {
    /// All of them, or the first that is not known.
    fn read(look: &mut Look<'_>, link: &Link) -> Result<Self, FactKey> {
        let key = |fact| FactKey::link(&link.replica, &link.channel, fact);
        let mut text = |fact| match look.read(key(fact)) {
            Ok(Value::Text(text)) => Ok(text),
            _ => Err(key(fact)),
        };
        let (receiver, applier) = (text(LinkFact::Receiver)?, text(LinkFact::Applier)?);
        let (filters, error) = (text(LinkFact::Filters)?, text(LinkFact::Error)?);
        let (until, fence) = (text(LinkFact::Until)?, text(LinkFact::Fence)?);
        let Ok(Value::Flag(failover)) = look.read(key(LinkFact::Failover)) else { return Err(key(LinkFact::Failover)) };
        let Ok(Value::Number(delay)) = look.read(key(LinkFact::Delay)) else { return Err(key(LinkFact::Delay)) };
        Ok(Self { receiver, applier, filters, error, until, failover, fence, delay })
    }

    /// What comes of it while a thread of the link does not work.
    fn rests(
        &self,
        fleet: &Fleet,
        (source, replica): (&ServerName, &ServerName),
        place: Place,
        name: &str,
    ) -> Option<(How, String)> {
        if self.fence == "detached" && self.failover {
            return Some((
                How::Unknown,
                format!("{name} is detached, but the replica looks for another source itself"),
            ));
        }
        if !self.error.is_empty() {
            return Some((How::Blocked, format!("{name} is broken: {}", self.error)));
        }
        let receives = self.receiver != "stopped" || place == Place::Received;
        if receives && self.applier != "stopped" {
            return None;
        }
        let threads = format!("{name} is stopped (receiver {}, applier {})", self.receiver, self.applier);
        if let Some(manager) = fleet.managers.first() {
            return Some((How::Now, format!("{threads}, and {manager} may resume it at any time")));
        }
        if place == Place::Unknown && self.applier != "stopped" {
            return Some((How::Unknown, format!("{threads}, and whether it was received before cannot be told")));
        }
        let place =
            if receives { format!("in the relay log of {replica}") } else { format!("in the binary log of {source}") };
        Some((How::Held, format!("{threads}: it waits {place}, and anybody, or a restart, can resume it")))
    }

    /// What a link that works does with it.
    fn lets_through(&self, look: &mut Look<'_>, leaving: &Leaving<'_>, name: &str) -> (How, String) {
        if !self.until.is_empty() {
            return (How::Unknown, format!("{name} stops by itself, before or after it ({})", self.until));
        }
        let (how, why) = leaving.filtered(look, &self.filters, &format!("{name} has filters"));
        if how != How::Now {
            return (how, why);
        }
        if self.receiver == "connecting" {
            return (How::Unknown, format!("{name} is not connected, and may be at any moment"));
        }
        if self.delay > 0 {
            let delay = Span::from_secs(self.delay);
            return (How::Delayed(delay), format!("{name} is delayed by {delay}"));
        }
        (How::Now, format!("{name} is running (receiver {}, applier {})", self.receiver, self.applier))
    }
}
