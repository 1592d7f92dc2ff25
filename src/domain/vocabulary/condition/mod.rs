//! Every condition, one file each. To add one: its file, and its line in the list.

use super::{ConditionEntry, Danger, Look, ServerName, Spec, TableName, Verdict, World};

super::vocabulary! { conditions:
    fenced::Fenced,
    finding_holds::FindingHolds,
    copy_good::CopyGood,
    table_absent::TableAbsent,
    table_present::TablePresent,
    caught_up::CaughtUp,
    replicating::Replicating,
    replica_of::ReplicaOf,
    feeds_nobody::FeedsNobody,
    stands_alone::StandsAlone,
    unlogged_possible::UnloggedPossible,
    disk_free::DiskFree,
    indexed::Indexed,
    lock_waits::LockWaits,
    sessions_gone::SessionsGone,
}

use crate::domain::snapshot::{FactKey, Value};

/// The verdict of two questions together: a failure wins over not knowing, not knowing over holding.
fn both(a: Verdict, b: Verdict) -> Verdict {
    match (a, b) {
        (Verdict::Fails, _) | (_, Verdict::Fails) => Verdict::Fails,
        (Verdict::CannotTell { why }, _) | (_, Verdict::CannotTell { why }) => Verdict::CannotTell { why },
        (Verdict::Holds, Verdict::Holds) => Verdict::Holds,
    }
}

/// The channels of a server, or the verdict that they are not known.
fn channels(look: &mut Look<'_>, server: &ServerName) -> Result<Vec<String>, Verdict> {
    use crate::domain::snapshot::ServerFact;
    match look.read(FactKey::server(server, ServerFact::Channels)) {
        Ok(Value::Names(channels)) => Ok(channels.into_iter().collect()),
        Ok(other) => Err(Verdict::CannotTell { why: format!("its channels are `{other}`") }),
        Err(why) => Err(Verdict::CannotTell { why }),
    }
}
