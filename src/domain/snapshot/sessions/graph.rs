//! The graph of waits: who stands at its root, and how many stand behind.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{LockWaits, Session};

/// A session that others wait for, or that could be one: it has an open transaction.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Blocker {
    pub session: Session,
    /// Sessions that wait for it, directly or behind others.
    pub behind: u64,
    /// Whether it waits for a lock itself; a root does not.
    pub part: Part,
}

/// The part that a session plays in the graph.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// Others wait for it, and it waits for nobody.
    Root,
    /// Others wait for it, and it waits as well.
    Between,
    /// Nobody waits for it.
    Alone,
}

impl LockWaits {
    pub fn session(&self, id: u64) -> Option<&Session> {
        self.sessions.iter().find(|session| session.id == id)
    }

    /// How many sessions wait, also those that wait for somebody whom nobody can tell.
    pub fn waiting(&self) -> u64 {
        let waiters: BTreeSet<u64> =
            self.waits.iter().map(|wait| wait.waiter).chain(self.untold.keys().copied()).collect();
        u64::try_from(waiters.len()).unwrap_or(u64::MAX)
    }

    /// Blockers that do not themselves wait, those with the most sessions behind them first.
    pub fn roots(&self) -> Vec<Blocker> {
        self.blockers().into_iter().filter(|blocker| blocker.part == Part::Root).collect()
    }

    /// Every session with what stands behind it, those with the most first, then the oldest.
    pub fn blockers(&self) -> Vec<Blocker> {
        let mut behind: BTreeMap<u64, BTreeSet<u64>> = BTreeMap::new();
        for wait in self.waits.iter().filter(|wait| wait.waiter != wait.blocker) {
            behind.entry(wait.blocker).or_default().insert(wait.waiter);
        }
        let mut all: Vec<Blocker> = self.sessions.iter().map(|session| self.blocker(session, &behind)).collect();
        all.sort_by_key(|blocker| {
            (std::cmp::Reverse(blocker.behind), std::cmp::Reverse(blocker.session.age()), blocker.session.id)
        });
        all
    }

    fn blocker(&self, session: &Session, behind: &BTreeMap<u64, BTreeSet<u64>>) -> Blocker {
        let count = u64::try_from(all_behind(session.id, behind).len()).unwrap_or(u64::MAX);
        let part = match (count, self.waits_itself(session.id)) {
            (0, _) => Part::Alone,
            (_, false) => Part::Root,
            (_, true) => Part::Between,
        };
        Blocker { session: session.clone(), behind: count, part }
    }

    fn waits_itself(&self, id: u64) -> bool {
        self.untold.contains_key(&id) || self.waits.iter().any(|wait| wait.waiter == id && wait.blocker != id)
    }
}

/// Everybody who waits for `id`, directly or behind others, without `id` itself.
fn all_behind(id: u64, behind: &BTreeMap<u64, BTreeSet<u64>>) -> BTreeSet<u64> {
    let (mut found, mut open) = (BTreeSet::new(), vec![id]);
    while let Some(next) = open.pop() {
        for waiter in behind.get(&next).into_iter().flatten() {
            if *waiter != id && found.insert(*waiter) {
                open.push(*waiter);
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{idle, waits};
    use super::*;

    fn ids(blockers: &[Blocker]) -> Vec<(u64, u64)> {
        blockers.iter().map(|blocker| (blocker.session.id, blocker.behind)).collect()
    }

    #[test]
    fn waiters_block_each_other_and_only_the_one_that_waits_for_nobody_is_the_root() {
        // Five waiters behind one holder, as servers list them: each waits for all before it.
        let mut edges = Vec::new();
        for waiter in 11..=15 {
            edges.extend((10..waiter).map(|blocker| (waiter, blocker)));
        }
        let waits = waits(&[10, 11, 12, 13, 14, 15], &edges);
        assert_eq!(ids(&waits.roots()), [(10, 5)]);
        assert_eq!(waits.waiting(), 5);
    }

    #[test]
    fn a_session_that_lists_itself_does_not_wait_for_itself() {
        let waits = waits(&[16, 17], &[(16, 16), (17, 16)]);
        assert_eq!(ids(&waits.roots()), [(16, 1)]);
    }

    #[test]
    fn a_ring_has_no_root_and_ends() {
        let waits = waits(&[1, 2, 3], &[(1, 2), (2, 1), (3, 1)]);
        assert!(waits.roots().is_empty());
        assert_eq!(waits.waiting(), 3);
    }

    #[test]
    fn whoever_waits_for_somebody_untold_is_no_root() {
        let mut waits = waits(&[1, 2], &[(2, 1)]);
        waits.untold.insert(1, "the server does not tell".to_owned());
        assert!(waits.roots().is_empty());
        assert_eq!(waits.waiting(), 2);
    }

    #[test]
    fn the_one_with_the_most_behind_it_stands_first() {
        let waits = waits(&[1, 2, 3, 4, 5], &[(3, 1), (4, 2), (5, 4)]);
        assert_eq!(ids(&waits.roots()), [(2, 2), (1, 1)]);
        assert!(waits.session(5).is_some_and(|session| session.is_same(&idle(5))));
    }
}
