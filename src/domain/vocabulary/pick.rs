//! Choosing among sessions: what is offered, by which predicate, and who chooses.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::domain::base::{ServerName, Span};
use crate::domain::snapshot::sessions::{Blocker, Part};

/// What is to be chosen from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    pub server: ServerName,
    /// Those with the most sessions behind them first.
    pub offered: Vec<Blocker>,
    pub at_most: u32,
    pub by: By,
}

/// Who chooses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum By {
    /// An operator, from a list of what the predicate leaves. Nothing is chosen beforehand.
    #[default]
    Person,
    /// The predicate: the sessions with the most behind them, up to the maximum.
    Predicate,
    /// The predicate if it leaves one session, else an operator.
    PersonUnlessOne,
}

/// Which sessions are meant. Everything that is stated must be so.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Where {
    /// `true`: others wait for it, and it waits for nobody. `false`: any session with an open transaction.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blocks_others: Option<bool>,
    /// Its transaction is open at least this long.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub older_than: Option<Span>,
    /// Its user; `%` stands for everybody.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "text"))]
    pub user: Option<String>,
    /// At least so many sessions wait behind it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waiting_behind: Option<u64>,
    /// A rollback takes back no more rows than this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rows_changed_at_most: Option<u64>,
}

impl Where {
    /// Whether everything that is stated is so.
    pub fn matches(&self, blocker: &Blocker) -> bool {
        let session = &blocker.session;
        let part = match self.blocks_others {
            Some(false) => true,
            Some(true) | None => blocker.part == Part::Root,
        };
        part && self.older_than.is_none_or(|least| session.age() >= least)
            && self.user.as_ref().is_none_or(|user| user == "%" || *user == session.user)
            && self.waiting_behind.is_none_or(|least| blocker.behind >= least)
            && self.rows_changed_at_most.is_none_or(|most| session.rows_changed() <= most)
    }

    /// In words.
    pub fn says(&self) -> String {
        let mut all = vec![match self.blocks_others {
            Some(false) => "with an open transaction".to_owned(),
            Some(true) | None => "that others wait for and that wait for nobody".to_owned(),
        }];
        all.extend(self.older_than.map(|least| format!("open for at least {least}")));
        all.extend(self.user.iter().filter(|user| *user != "%").map(|user| format!("of {user}")));
        all.extend(self.waiting_behind.map(|least| format!("with at least {least} waiting behind")));
        all.extend(self.rows_changed_at_most.map(|most| format!("with at most {most} rows changed")));
        all.join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::snapshot::sessions::fixture::waits;

    #[test]
    fn everything_that_is_stated_must_be_so() {
        let blockers = waits(&[1, 2, 3], &[(2, 1), (3, 2)]).blockers();
        let matching = |what: &Where| -> Vec<u64> {
            blockers.iter().filter(|blocker| what.matches(blocker)).map(|blocker| blocker.session.id).collect()
        };
        assert_eq!(matching(&Where::default()), [1]);
        assert_eq!(matching(&Where { blocks_others: Some(false), ..Where::default() }), [1, 2, 3]);
        assert_eq!(matching(&Where { user: Some("%".to_owned()), ..Where::default() }), [1]);
        for nobody in [
            Where { older_than: Some(Span::from_secs(41)), ..Where::default() },
            Where { user: Some("other".to_owned()), ..Where::default() },
            Where { waiting_behind: Some(3), ..Where::default() },
            Where { rows_changed_at_most: Some(0), ..Where::default() },
        ] {
            assert_eq!(matching(&nobody), [0; 0], "{nobody:?}");
        }
    }
}
