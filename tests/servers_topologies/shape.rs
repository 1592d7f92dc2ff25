//! A topology as a value: which seats of the pool take part, who follows whom and how, and what of it is hidden from
//! the observer. Made from a seed alone, so that a seed is enough to build it again.

use countersign::simulate::Dice;
use serde::Serialize;

/// What is fixed about a seat of the pool, because changing it would need a restart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub enum Trait {
    Plain,
    /// Does not write to its binary log what it applies from others.
    NoRelay,
    /// Keeps statements of the schema `o` out of its binary log.
    LogFilter,
    /// Keeps no binary log.
    NoLog,
}

/// The seats of the pool, `db-a` to `db-g`.
pub const SEATS: [Trait; 7] =
    [Trait::Plain, Trait::Plain, Trait::Plain, Trait::Plain, Trait::NoRelay, Trait::LogFilter, Trait::NoLog];

/// The name of a seat.
pub fn seat_name(seat: usize) -> String {
    format!("db-{}", ["a", "b", "c", "d", "e", "f", "g"][seat])
}

/// What a filter of a replica says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub enum Filter {
    IgnoreSchema,
    DoSchema,
    IgnoreTable,
    DoTable,
    WildIgnore,
    WildDo,
}

impl Filter {
    pub const ALL: [Self; 6] =
        [Self::IgnoreSchema, Self::DoSchema, Self::IgnoreTable, Self::DoTable, Self::WildIgnore, Self::WildDo];
}

/// The state of one replication link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub enum Edge {
    Running,
    NoReceiver,
    NoApplier,
    Stopped,
    /// An hour: longer than any test.
    LongDelay,
    /// One second: it ends while the test looks.
    ShortDelay,
    Detached,
    /// Detached, and started again by somebody.
    DetachedTrying,
    Filtered(Filter),
    /// An event that the replica cannot apply stopped it.
    Broken,
    /// The source refuses the login, and the replica tries again and again.
    Refused,
}

impl Edge {
    pub fn all() -> Vec<Self> {
        let plain = [
            Self::Running,
            Self::NoReceiver,
            Self::NoApplier,
            Self::Stopped,
            Self::LongDelay,
            Self::ShortDelay,
            Self::Detached,
            Self::DetachedTrying,
            Self::Broken,
            Self::Refused,
        ];
        plain.into_iter().chain(Filter::ALL.map(Self::Filtered)).collect()
    }

    /// Whether starting the threads releases what waits here.
    pub fn is_pause(self) -> bool {
        matches!(self, Self::NoReceiver | Self::NoApplier | Self::Stopped)
    }

    /// The name under which it is counted.
    pub fn word(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::NoReceiver => "no receiver",
            Self::NoApplier => "no applier",
            Self::Stopped => "stopped",
            Self::LongDelay => "long delay",
            Self::ShortDelay => "short delay",
            Self::Detached => "detached",
            Self::DetachedTrying => "detached, trying",
            Self::Filtered(Filter::IgnoreSchema) => "ignore schema",
            Self::Filtered(Filter::DoSchema) => "do schema",
            Self::Filtered(Filter::IgnoreTable) => "ignore table",
            Self::Filtered(Filter::DoTable) => "do table",
            Self::Filtered(Filter::WildIgnore) => "wild ignore",
            Self::Filtered(Filter::WildDo) => "wild do",
            Self::Broken => "broken",
            Self::Refused => "refused",
        }
    }
}

/// One server follows another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Link {
    pub replica: usize,
    pub source: usize,
    /// Empty where the replica follows one server only.
    pub channel: String,
    pub edge: Edge,
}

/// What the observer does not get to see.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub enum Cloud {
    Clear,
    /// A member that the fleet file does not name.
    Undeclared(usize),
    /// A member that is declared and does not answer the observer.
    Unreachable(usize),
}

/// A topology: members of the pool, and the links between them.
#[derive(Debug, Clone, Serialize)]
pub struct Shape {
    pub seed: u64,
    pub members: Vec<usize>,
    pub links: Vec<Link>,
    pub cloud: Cloud,
}

impl Shape {
    pub fn of_seed(seed: u64) -> Self {
        let dice = Dice::new(seed);
        let members = members(&mut dice.fork("members"));
        let mut pairs = pairs(&mut dice.fork("links"), &members);
        pairs.sort_unstable();
        pairs.dedup();
        let mut kinds = dice.fork("edges");
        let links = pairs
            .iter()
            .map(|&(replica, source)| Link {
                replica,
                source,
                channel: channel(&pairs, replica, source),
                edge: edge(&mut kinds, SEATS[source]),
            })
            .collect();
        let cloud = cloud(&mut dice.fork("cloud"), &members);
        Self { seed, members, links, cloud }
    }

    /// A primary and its replica, without any surprise.
    pub fn pair() -> Self {
        let link = Link { replica: 1, source: 0, channel: String::new(), edge: Edge::Running };
        Self { seed: 0, members: vec![0, 1], links: vec![link], cloud: Cloud::Clear }
    }

    /// The links that lead to a member.
    pub fn links_to(&self, replica: usize) -> impl Iterator<Item = &Link> {
        self.links.iter().filter(move |link| link.replica == replica)
    }

    /// The members that the fleet file names.
    pub fn declared(&self) -> impl Iterator<Item = usize> + '_ {
        self.members.iter().copied().filter(|seat| self.cloud != Cloud::Undeclared(*seat))
    }

    /// A server to send a statement to: mostly one that others follow, because there is more to be said about it.
    pub fn target(&self, dice: &mut Dice) -> usize {
        let declared: Vec<usize> = self.declared().collect();
        let followed = |seat: &usize| self.links.iter().any(|link| link.source == *seat);
        let sources: Vec<usize> = declared.iter().copied().filter(followed).collect();
        let choices = if dice.chance(80) && !sources.is_empty() { sources } else { declared };
        *dice.pick(&choices).unwrap()
    }

    pub fn has(&self, edge: Edge) -> bool {
        self.links.iter().any(|link| link.edge == edge)
    }

    /// The form that the links make, as far as it has a name.
    pub fn form(&self) -> &'static str {
        let sources = |seat: usize| self.links_to(seat).count();
        if self.links.iter().any(|link| self.leads(link.replica, link.source)) {
            "ring"
        } else if self.members.iter().any(|seat| sources(*seat) > 1) {
            "several sources"
        } else if self.links.iter().any(|link| sources(link.source) > 0) {
            "chain"
        } else {
            "star"
        }
    }

    /// Whether what `from` writes could come to `to` over links.
    fn leads(&self, from: usize, to: usize) -> bool {
        let mut seen = vec![from];
        let mut at = 0;
        while at < seen.len() {
            let next = self.links.iter().filter(|link| link.source == seen[at]).map(|link| link.replica);
            let next: Vec<usize> = next.filter(|seat| !seen.contains(seat)).collect();
            seen.extend(next);
            at += 1;
        }
        seen.contains(&to)
    }
}

/// Two to six seats in an order of their own; those with a trait come often enough to count, but never alone.
fn members(dice: &mut Dice) -> Vec<usize> {
    let size = usize::try_from(2 + dice.below(5)).unwrap();
    let mut free: Vec<usize> = (0..SEATS.len()).collect();
    let mut chosen = Vec::new();
    while chosen.len() < size {
        let at = usize::try_from(dice.below(u64::try_from(free.len()).unwrap())).unwrap();
        chosen.push(free.remove(at));
    }
    chosen
}

/// A tree in the order of the members; then, by chance, second sources and a link that closes a ring.
fn pairs(dice: &mut Dice, members: &[usize]) -> Vec<(usize, usize)> {
    let below = |dice: &mut Dice, bound: usize| usize::try_from(dice.below(u64::try_from(bound).unwrap())).unwrap();
    let chain = dice.chance(30);
    let mut pairs = Vec::new();
    for at in 1..members.len() {
        let parent = if chain { at - 1 } else { below(dice, at) };
        pairs.push((members[at], members[parent]));
        if at > 1 && dice.chance(15) {
            pairs.push((members[at], members[below(dice, at)]));
        }
    }
    if dice.chance(25) {
        let last = 1 + below(dice, members.len() - 1);
        pairs.push((members[0], members[last]));
    }
    pairs
}

fn channel(pairs: &[(usize, usize)], replica: usize, source: usize) -> String {
    let sources = pairs.iter().filter(|(other, _)| *other == replica).count();
    if sources < 2 { String::new() } else { format!("c_{}", seat_name(source).replace('-', "_")) }
}

fn edge(dice: &mut Dice, source: Trait) -> Edge {
    match dice.below(100) {
        // Nothing can be received from a server without a log, so nothing can break its link.
        0..6 if source != Trait::NoLog => Edge::Broken,
        6..12 => Edge::NoReceiver,
        12..18 => Edge::NoApplier,
        18..22 => Edge::Stopped,
        22..28 => Edge::LongDelay,
        28..30 => Edge::ShortDelay,
        30..34 => Edge::Detached,
        34..37 => Edge::DetachedTrying,
        37..39 => Edge::Refused,
        39..54 => Edge::Filtered(*dice.pick(&Filter::ALL).unwrap()),
        _ => Edge::Running,
    }
}

fn cloud(dice: &mut Dice, members: &[usize]) -> Cloud {
    let seat = *dice.pick(members).unwrap();
    match dice.below(100) {
        0..7 if members.len() > 2 => Cloud::Undeclared(seat),
        7..14 => Cloud::Unreachable(seat),
        _ => Cloud::Clear,
    }
}

#[test]
fn the_same_seed_gives_the_same_topology_and_every_form_occurs() {
    let text = |seed| format!("{:?}", Shape::of_seed(seed));
    assert_eq!(text(7), text(7));
    let forms: std::collections::BTreeSet<&str> = (0..200).map(|seed| Shape::of_seed(seed).form()).collect();
    assert_eq!(forms.into_iter().collect::<Vec<_>>(), ["chain", "ring", "several sources", "star"]);
}
