//! Every action, one file each. To add one: its file, and its line in the list.

use super::{ActionEntry, Command, Look, Offer, RunId, ServerName, Spec, TableName, World};

super::vocabulary! { actions:
    detach_replica::DetachReplica,
    reattach_replica::ReattachReplica,
    pause_replica::PauseReplica,
    resume_replica::ResumeReplica,
    check_table::CheckTable,
    compare_copies::CompareCopies,
    copy_table::CopyTable,
    put_in_place::PutInPlace,
    add_index::AddIndex,
    list_blockers::ListBlockers,
    pick_sessions::PickSessions,
    kill_sessions::KillSessions,
    measure_lock_waits::MeasureLockWaits,
    sql::Sql,
}
