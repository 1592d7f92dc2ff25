//! The sessions of simulated servers: who waits for whom, and what is left of that when somebody is killed.

use std::collections::BTreeSet;

use super::fleet::Model;
use crate::domain::base::{ServerName, Span, Timestamp};
use crate::domain::run::Outcome;
use crate::domain::script::Work;
use crate::domain::snapshot::sessions::{Blocker, LockWaits, Sample};
use crate::domain::snapshot::{About, ServerFact, Value};

/// What a server answers when the guard of a packet is not true.
pub(super) const NOT_THE_SAME: u16 = 1242;

impl Model {
    fn lock_waits(&self, server: &ServerName) -> Option<LockWaits> {
        match self.servers.get(server).filter(|found| !found.dark)?.value(&About::Server(ServerFact::LockWaits)) {
            Some(Value::LockWaits(waits)) => Some(waits.clone()),
            _ => None,
        }
    }

    /// The list of blockers, or the numbers of those who wait: what a look at sessions brings.
    pub(super) fn looked(&self, server: &ServerName, work: &Work) -> Outcome {
        let Some(waits) = self.lock_waits(server) else {
            return Outcome::NotSent { why: "the server does not tell of its sessions".to_owned() };
        };
        match work {
            Work::WatchLockWaits { lasting } => {
                let at = |seconds| Sample { at: Span::from_secs(seconds), waiting: waits.waiting() };
                Outcome::Watched { samples: (0..=lasting.millis() / 1000).map(at).collect() }
            }
            _ => Outcome::Found {
                blockers: waits.blockers(),
                waiting: waits.waiting(),
                untold: waits.untold.values().cloned().collect::<BTreeSet<_>>().into_iter().collect(),
            },
        }
    }

    /// Kills `victim` if it is still the one that was seen. Whoever waited for nobody else goes on and is through.
    pub(super) fn kill_session(
        &mut self,
        server: &ServerName,
        victim: &Blocker,
        at: Timestamp,
    ) -> Result<(), (u16, String)> {
        let waits = self.lock_waits(server).unwrap_or_default();
        if !waits.session(victim.session.id).is_some_and(|found| found.is_same(&victim.session)) {
            return Err((NOT_THE_SAME, "Subquery returns more than 1 row".to_owned()));
        }
        let Some(found) = self.servers.get_mut(server) else { return Err((2003, "no server".to_owned())) };
        let left = without(&waits, victim.session.id);
        found.set(About::Server(ServerFact::LockWaits), Value::LockWaits(left), at);
        Ok(())
    }
}

/// What is left of the waits without `killed`: the other roots, and whoever waits behind them.
fn without(waits: &LockWaits, killed: u64) -> LockWaits {
    let mut stay: BTreeSet<u64> =
        waits.roots().iter().map(|root| root.session.id).filter(|root| *root != killed).collect();
    loop {
        let before = stay.len();
        let behind = waits.waits.iter().filter(|wait| stay.contains(&wait.blocker)).map(|wait| wait.waiter);
        let behind: Vec<u64> = behind.filter(|waiter| *waiter != killed).collect();
        stay.extend(behind);
        if stay.len() == before {
            break;
        }
    }
    LockWaits {
        sessions: waits.sessions.iter().filter(|session| stay.contains(&session.id)).cloned().collect(),
        waits: waits
            .waits
            .iter()
            .filter(|wait| stay.contains(&wait.waiter) && stay.contains(&wait.blocker))
            .copied()
            .collect(),
        untold: waits.untold.iter().filter(|(id, _)| stay.contains(id)).map(|(id, why)| (*id, why.clone())).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::snapshot::sessions::fixture::waits;

    #[test]
    fn who_waits_behind_another_root_as_well_goes_on_waiting() {
        let all = waits(&[1, 2, 3, 4], &[(3, 1), (4, 1), (4, 2)]);
        let left = without(&all, 1);
        assert_eq!(left, waits(&[2, 4], &[(4, 2)]));
        assert_eq!(without(&left, 2), LockWaits::default());
    }
}
