//! Who reads a server's binary log, and who of them nothing explains.
//!
//! A reader that is not a replica of the fleet carries every statement to a place that nobody declared.

use std::collections::{BTreeMap, BTreeSet};

use super::Reading;
use crate::domain::base::text::printable;
use crate::domain::fleet::Consumer;
use crate::observe::probe::Probe;

/// A link that leads to the server in question, whatever state it is in: the thread of a stopped one may linger.
#[derive(Debug, Clone)]
pub struct Follower<'a> {
    pub replica_uuid: Option<&'a str>,
    pub user: Option<&'a str>,
    /// Names and addresses that the replica's connections may come from.
    pub hosts: &'a BTreeSet<String>,
}

/// A thread that sends the binary log to somebody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct DumpThread<'a> {
    id: &'a str,
    user: &'a str,
    host: &'a str,
}

/// The readers of `source`'s binary log that neither a follower nor a declared consumer explains.
///
/// On MySQL each replica tells its uuid to its thread. Elsewhere threads are counted: each link explains one thread of
/// its user from its host, running or left over. What is left may be a declared consumer's: as many threads of its user
/// as it declares, from its host, and none that announces itself as a replica which the consumer is not declared to be.
pub fn unexplained(
    source: &Reading,
    followers: &[Follower<'_>],
    consumers: &[&Consumer],
) -> Result<BTreeSet<String>, String> {
    if !source.right("PROCESS")?.everywhere {
        return Err("without the right PROCESS the account sees its own sessions only: grant it".to_owned());
    }
    let threads = threads(source)?;
    let left: Vec<Left<'_>> = match uuids(source)? {
        Some(uuids) => threads.into_iter().filter_map(|thread| by_uuid(thread, &uuids, followers)).collect(),
        None => by_count(threads, followers),
    };
    Ok(numbered(strangers(&left, consumers)))
}

/// A thread that no follower explains, and the replica's uuid that it announces, if the server keeps them.
struct Left<'a> {
    thread: DumpThread<'a>,
    uuid: Option<&'a str>,
}

/// Takes away what consumers explain, each as often as it is declared.
fn strangers(left: &[Left<'_>], consumers: &[&Consumer]) -> Vec<String> {
    let mut free: Vec<u32> = consumers.iter().map(|consumer| consumer.threads).collect();
    let mut strangers = Vec::new();
    for one in left {
        let own =
            consumers.iter().zip(&mut free).find(|(consumer, free)| **free > 0 && why_not(one, consumer).is_none());
        match own {
            Some((_, free)) => *free -= 1,
            None => strangers.push(stranger(one, consumers)),
        }
    }
    strangers
}

/// Why a thread is not this consumer's, if it is not.
fn why_not(one: &Left<'_>, consumer: &Consumer) -> Option<String> {
    let name = printable(&consumer.name);
    if consumer.user != one.thread.user {
        return Some(format!("{name} is another user"));
    }
    match &consumer.host {
        Some(host) if host != one.thread.host => {
            return Some(format!("{name} is declared from {}", printable(host)));
        }
        _ => {}
    }
    match (one.uuid, &consumer.replica_uuid) {
        (Some(uuid), Some(declared)) if declared.eq_ignore_ascii_case(uuid) => None,
        (Some(_), Some(_)) => Some(format!("{name} announces another uuid")),
        (Some(_), None) => Some(format!("{name} declares no `replica_uuid`")),
        (None, _) => None,
    }
}

/// Who it is, with why the consumer of the same user does not explain it.
fn stranger(one: &Left<'_>, consumers: &[&Consumer]) -> String {
    let replica = one.uuid.map_or_else(String::new, |uuid| format!(", replica {}", printable(uuid)));
    let of_user = consumers.iter().find(|consumer| consumer.user == one.thread.user);
    let why = of_user.map(|consumer| {
        why_not(one, consumer)
            .unwrap_or_else(|| format!("{} declares {} thread(s)", printable(&consumer.name), consumer.threads))
    });
    let why = why.map_or_else(String::new, |why| format!(" ({why})"));
    format!("{}{replica}{why}", name(&one.thread))
}

fn threads(source: &Reading) -> Result<Vec<DumpThread<'_>>, String> {
    let thread = |row| {
        let row: &crate::observe::answer::Row = row;
        let host = row.get(&["HOST"]).unwrap_or_default();
        let host = host.rsplit_once(':').map_or(host, |(host, _port)| host);
        Ok(DumpThread { id: row.need(&["ID"])?, user: row.get(&["USER"]).unwrap_or_default(), host })
    };
    source.answers.rows(&Probe::DumpThreads)?.iter().map(thread).collect()
}

/// The replica's uuid by thread; `None` where the server does not keep them.
fn uuids(source: &Reading) -> Result<Option<BTreeMap<&str, &str>>, String> {
    let kept = source.optional("performance_schema")?.is_some_and(super::is_on);
    let Ok(rows) = source.answers.rows(&Probe::DumpUuids) else {
        return Ok(None);
    };
    let pair = |row| {
        let row: &crate::observe::answer::Row = row;
        Some((row.get(&["ID"])?, row.get(&["UUID"])?))
    };
    Ok(kept.then(|| rows.iter().filter_map(pair).collect()))
}

fn by_uuid<'a>(
    thread: DumpThread<'a>,
    uuids: &BTreeMap<&'a str, &'a str>,
    followers: &[Follower<'_>],
) -> Option<Left<'a>> {
    let uuid = uuids.get(thread.id).copied();
    let follows = |uuid: &str| followers.iter().any(|follower| follower.replica_uuid == Some(uuid));
    (!uuid.is_some_and(follows)).then_some(Left { thread, uuid })
}

fn by_count<'a>(threads: Vec<DumpThread<'a>>, followers: &[Follower<'_>]) -> Vec<Left<'a>> {
    let mut free: Vec<&Follower<'_>> = followers.iter().collect();
    let mut left = Vec::new();
    for thread in threads {
        let fits = |follower: &&Follower<'_>| {
            follower.user.is_none_or(|user| user == thread.user) && follower.hosts.contains(thread.host)
        };
        match free.iter().position(fits) {
            Some(index) => drop(free.swap_remove(index)),
            None => left.push(Left { thread, uuid: None }),
        }
    }
    left
}

fn name(thread: &DumpThread<'_>) -> String {
    format!("{}@{}", printable(thread.user), printable(thread.host))
}

/// Two that look the same stay two.
fn numbered(names: Vec<String>) -> BTreeSet<String> {
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    let number = |name: String| {
        let count = seen.entry(name.clone()).or_default();
        *count += 1;
        if *count == 1 { name } else { format!("{name} ({count})") }
    };
    names.into_iter().map(number).collect()
}
