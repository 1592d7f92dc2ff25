//! Who reads a server's binary log, and who of them nothing explains.
//!
//! A reader that is not a replica of the fleet carries every statement to a place that nobody declared.

use std::collections::{BTreeMap, BTreeSet};

use super::Reading;
use crate::domain::base::text::printable;
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
#[derive(Debug, Clone, PartialEq, Eq)]
struct DumpThread<'a> {
    id: &'a str,
    user: &'a str,
    host: &'a str,
}

/// The readers of `source`'s binary log that neither a follower nor a declared consumer explains.
///
/// On MySQL each replica tells its uuid to its thread. Elsewhere threads are counted: each link explains one thread of
/// its user from its host, running or left over.
pub fn unexplained(
    source: &Reading,
    followers: &[Follower<'_>],
    consumer_users: &BTreeSet<&str>,
) -> Result<BTreeSet<String>, String> {
    if !source.right("PROCESS")?.everywhere {
        return Err("without the right PROCESS the account sees its own sessions only: grant it".to_owned());
    }
    let threads = threads(source)?;
    let threads = threads.into_iter().filter(|thread| !consumer_users.contains(thread.user));
    let left: Vec<String> = match uuids(source)? {
        Some(uuids) => threads.filter_map(|thread| by_uuid(&thread, &uuids, followers)).collect(),
        None => by_count(threads, followers),
    };
    Ok(numbered(left))
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

fn by_uuid(thread: &DumpThread<'_>, uuids: &BTreeMap<&str, &str>, followers: &[Follower<'_>]) -> Option<String> {
    let uuid = uuids.get(thread.id);
    let follows = |uuid: &&str| followers.iter().any(|follower| follower.replica_uuid == Some(uuid));
    if uuid.is_some_and(follows) {
        return None;
    }
    let says = uuid.map_or_else(String::new, |uuid| format!(", replica {}", printable(uuid)));
    Some(format!("{}{says}", name(thread)))
}

fn by_count<'a>(threads: impl Iterator<Item = DumpThread<'a>>, followers: &[Follower<'_>]) -> Vec<String> {
    let mut free: Vec<&Follower<'_>> = followers.iter().collect();
    let mut left = Vec::new();
    for thread in threads {
        let fits = |follower: &&Follower<'_>| {
            follower.user.is_none_or(|user| user == thread.user) && follower.hosts.contains(thread.host)
        };
        match free.iter().position(fits) {
            Some(index) => drop(free.swap_remove(index)),
            None => left.push(name(&thread)),
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
