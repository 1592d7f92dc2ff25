//! Chooses sessions of the list that `list_blockers` made: by a stated predicate, or by an operator on the screen.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::domain::base::{Danger, ServerName};
use crate::domain::script::Command;
use crate::domain::snapshot::sessions::Blocker;
use crate::domain::snapshot::{FactKey, Look, ServerFact, Value};
use crate::domain::vocabulary::never::{Never, may_be_killed};
use crate::domain::vocabulary::pick::{By, Where};
use crate::domain::vocabulary::{ActionEntry, Offer, World};

/// Freezes the chosen sessions, each as it was seen, for `kill_sessions`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PickSessions {
    pub server: ServerName,
    /// Which of the listed sessions are offered; everything that is stated must be so.
    #[serde(default, rename = "where")]
    pub which: Where,
    /// How many may be chosen at most.
    pub at_most: u32,
    /// Who chooses among them.
    #[serde(default)]
    pub by: By,
}

impl ActionEntry for PickSessions {
    const NAME: &'static str = "pick_sessions";
    const SUMMARY: &'static str = "choose sessions of the list, by a predicate or on the screen";
    const EXAMPLE: &'static str =
        "pick_sessions: {server: $primary, where: {blocks_others: true, older_than: 10s}, at_most: 3}";
    const DANGER: Danger = Danger::Observe;

    fn script(&self, _world: World<'_>, _look: &mut Look<'_>) -> Result<Vec<Command>, String> {
        Ok(Vec::new())
    }

    fn says(&self) -> String {
        let who = match self.by {
            By::Person => "an operator chooses",
            By::Predicate => "the program chooses",
            By::PersonUnlessOne => "the program chooses if there is one, else an operator,",
        };
        format!("{who} at most {} sessions on {} {}", self.at_most, self.server, self.which.says())
    }

    fn servers(&self) -> Vec<ServerName> {
        vec![self.server.clone()]
    }

    fn offer(&self, world: World<'_>, look: &mut Look<'_>) -> Option<Result<Offer, String>> {
        Some(self.offered(world, look))
    }
}

impl PickSessions {
    fn offered(&self, world: World<'_>, look: &mut Look<'_>) -> Result<Offer, String> {
        let listed = match look.read(FactKey::server(&self.server, ServerFact::Blockers)) {
            Ok(Value::Sessions(listed)) => listed,
            Ok(other) => return Err(format!("the blockers of {} are `{other}`", self.server)),
            Err(_) => return Err(format!("no step has listed the blockers of {}: `list_blockers` first", self.server)),
        };
        let matching: Vec<Blocker> = listed.into_iter().filter(|blocker| self.which.matches(blocker)).collect();
        let mut never = Vec::new();
        let mut offered = Vec::new();
        for blocker in matching {
            match may_be_killed(&blocker.session, world.fleet) {
                Ok(()) => offered.push(blocker),
                // It is on its way out already, so it needs nobody's choice.
                Err(Never::Ending) => {}
                Err(why) => never.push(format!("{}: {why}", blocker.session)),
            }
        }
        if offered.is_empty() && !never.is_empty() {
            return Err(format!("the predicate leaves only what is never killed: {}", never.join("; ")));
        }
        let by = match (self.by, offered.len()) {
            (By::PersonUnlessOne, 0 | 1) => By::Predicate,
            (By::PersonUnlessOne, _) => By::Person,
            (by, _) => by,
        };
        Ok(Offer { server: self.server.clone(), offered, at_most: self.at_most, by })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::domain::base::RunId;
    use crate::domain::snapshot::fixture::Fixture;
    use crate::domain::snapshot::sessions::SessionKind;
    use crate::domain::snapshot::sessions::fixture::waits;

    fn offer(kind: SessionKind, by: By) -> Result<Offer, String> {
        let mut waits = waits(&[1, 2, 3, 4], &[(2, 1), (3, 1), (4, 2)]);
        waits.sessions[0].kind = kind;
        let key = FactKey::server(&"a".parse().unwrap(), ServerFact::Blockers);
        let fixture = Fixture::new().server("a").fact(&key, Value::Sessions(waits.blockers()));
        let (fleet, snapshot, run) = (fixture.fleet(), fixture.snapshot(), RunId::parse("r-1").unwrap());
        let world = World { fleet: &fleet, run: &run, tables: &BTreeSet::new() };
        let pick = PickSessions { server: "a".parse().unwrap(), which: Where::default(), at_most: 2, by };
        pick.offer(world, &mut Look::at(&snapshot)).unwrap()
    }

    #[test]
    fn one_root_needs_nobody_to_choose() {
        let offer = offer(SessionKind::Client, By::PersonUnlessOne).unwrap();
        assert_eq!((offer.offered.len(), offer.offered[0].behind, offer.by), (1, 3, By::Predicate));
    }

    #[test]
    fn a_predicate_that_leaves_only_a_replication_thread_is_refused() {
        for kind in [SessionKind::Replication, SessionKind::Dump, SessionKind::Ours] {
            let why = offer(kind, By::Predicate).unwrap_err();
            assert!(why.contains("never killed"), "{why}");
        }
    }
}
