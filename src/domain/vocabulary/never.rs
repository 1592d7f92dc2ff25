//! Which sessions are never killed. Asked where a session becomes a command, so no runbook, predicate or hand goes past.

use std::fmt;

use crate::domain::base::text::printable;
use crate::domain::fleet::Fleet;
use crate::domain::snapshot::sessions::{Doing, ENDS_A_DEFINITION, NOT_CLIENTS, Session, SessionKind};

/// Why a session is never killed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Never {
    /// Replication, the event scheduler, the server's own.
    Kind(SessionKind),
    /// It uses an account that the fleet file declares for countersign.
    Account,
    /// A change of a definition, or a commit, is past the point where it could be taken back.
    PastReturn { state: String },
    /// It ends already: killing it again would not make that faster.
    Ending,
}

/// Whether `session` may be killed at all. What was recorded of it is not believed where its own words say otherwise.
pub fn may_be_killed(session: &Session, fleet: &Fleet) -> Result<(), Never> {
    match session.kind {
        SessionKind::Client => {}
        kind => return Err(Never::Kind(kind)),
    }
    if NOT_CLIENTS.contains(&session.user.to_lowercase().as_str()) {
        return Err(Never::Kind(SessionKind::System));
    }
    if accounts(fleet).contains(&session.user.as_str()) {
        return Err(Never::Account);
    }
    match &session.doing {
        Doing::Ending { .. } => Err(Never::Ending),
        Doing::Statement(statement) if ENDS_A_DEFINITION.contains(&statement.state.to_lowercase().as_str()) => {
            Err(Never::PastReturn { state: statement.state.clone() })
        }
        Doing::Statement(_) | Doing::Idle { .. } => Ok(()),
    }
}

/// The users of countersign's own accounts, as the fleet file names them.
pub fn accounts(fleet: &Fleet) -> Vec<&str> {
    let accounts = [Some(&fleet.accounts.observe), fleet.accounts.act.as_ref()];
    accounts.into_iter().flatten().filter_map(|login| login.user.as_deref()).collect()
}

impl fmt::Display for Never {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kind(kind) => write!(f, "it is a {}, which is never killed", kind.word()),
            Self::Account => f.write_str("it uses an account of countersign, which is never killed"),
            Self::PastReturn { state } => {
                write!(f, "it is in `{}`, which cannot be taken back any more, and is never killed", printable(state))
            }
            Self::Ending => f.write_str("it ends already; killing it again would not make that faster"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::base::Span;
    use crate::domain::snapshot::fixture::Fixture;
    use crate::domain::snapshot::sessions::fixture::{busy, idle};

    fn fleet() -> Fleet {
        let mut fleet = Fixture::new().server("a").fleet();
        fleet.accounts.observe.user = Some("watcher".to_owned());
        fleet
    }

    #[test]
    fn a_client_may_be_killed_idle_or_not() {
        assert_eq!(may_be_killed(&idle(7), &fleet()), Ok(()));
        assert_eq!(may_be_killed(&busy(7, "UPDATE t SET a = 1"), &fleet()), Ok(()));
    }

    #[test]
    fn no_other_kind_of_session_is_ever_killed() {
        for kind in [
            SessionKind::Replication,
            SessionKind::Dump,
            SessionKind::EventScheduler,
            SessionKind::System,
            SessionKind::Ours,
        ] {
            assert_eq!(may_be_killed(&Session { kind, ..idle(7) }, &fleet()), Err(Never::Kind(kind)));
        }
    }

    #[test]
    fn a_session_that_claims_to_be_a_client_is_still_known_by_its_user() {
        for user in ["system user", "Event_Scheduler", "mysql.session"] {
            let session = Session { user: user.to_owned(), ..idle(7) };
            assert!(may_be_killed(&session, &fleet()).is_err(), "{user}");
        }
        let ours = Session { user: "watcher".to_owned(), ..idle(7) };
        assert_eq!(may_be_killed(&ours, &fleet()), Err(Never::Account));
    }

    #[test]
    fn a_definition_in_its_commit_phase_is_left_alone() {
        let mut session = busy(7, "ALTER TABLE t ADD INDEX (a)");
        assert_eq!(may_be_killed(&session, &fleet()), Ok(()));
        let Doing::Statement(statement) = &mut session.doing else { panic!() };
        statement.state = "Committing alter table to storage engine".to_owned();
        assert!(matches!(may_be_killed(&session, &fleet()), Err(Never::PastReturn { .. })));
    }

    #[test]
    fn what_ends_already_is_not_killed_again() {
        let session = Session { doing: Doing::Ending { since: Span::from_secs(1) }, ..idle(7) };
        assert_eq!(may_be_killed(&session, &fleet()), Err(Never::Ending));
    }
}
