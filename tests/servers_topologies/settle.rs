//! Waits until a topology rests: every link that can move something has moved all of it, or says why it cannot.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use futures_util::future::join_all;

use crate::pool::{Named, Pool, Seat, column};
use crate::shape::{Edge, Link, SEATS, Shape, Trait};

/// What is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Patience {
    /// Every link flows: nothing was stopped yet.
    Wiring,
    /// Links that are to break have an error.
    Breaking,
    /// Every link is in its state.
    Resting,
    /// The same after pauses were ended.
    Resumed,
}

/// Long enough for a machine that does other things too; nothing waits for it where all is well.
const LIMIT: Duration = Duration::from_secs(45);

/// How long nothing may move before a topology counts as resting although a link has not reported the end.
const QUIET: Duration = Duration::from_millis(2500);

/// A server as far as moving goes.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Progress {
    links: Vec<Named>,
    /// File and position of its own log.
    log: (String, String),
}

/// How the waiting ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rest {
    /// Every link said that it is at the end.
    Told,
    /// Nothing moved for a while.
    Quiet,
}

pub async fn settle(pool: &mut Pool, shape: &Shape, patience: Patience) -> Rest {
    let began = Instant::now();
    let mut last: Option<(BTreeMap<usize, Progress>, Instant)> = None;
    loop {
        let now: BTreeMap<usize, Progress> =
            join_all(pool.members(&shape.members).map(progress)).await.into_iter().collect();
        let open: Vec<&Link> = shape.links.iter().filter(|link| !rests(link, &now, patience)).collect();
        if open.is_empty() {
            return Rest::Told;
        }
        match &last {
            Some((before, since)) if *before == now => {
                if since.elapsed() > QUIET && patience >= Patience::Resting && open.iter().all(|link| is_up(link, &now))
                {
                    return Rest::Quiet;
                }
            }
            _ => last = Some((now.clone(), Instant::now())),
        }
        assert!(began.elapsed() < LIMIT, "never rests ({patience:?}): {open:?} of {shape:?}: {now:#?}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

async fn progress(seat: &mut Seat) -> (usize, Progress) {
    // In this order: what a link has applied is in the log when the log is asked.
    let links = seat.ask_one(seat.dialect.show_replica_status()).await;
    let log = seat.ask_one(seat.dialect.show_log_position()).await;
    let log = log.first().map(|row| (column(row, &["File"]).to_owned(), column(row, &["Position"]).to_owned()));
    let keep = |row: Named| row.into_iter().filter(|(name, _)| KEPT.contains(&name.as_str())).collect();
    let links = links.into_iter().map(keep).collect();
    (seat.number, Progress { links, log: log.unwrap_or_default() })
}

/// The columns that tell how far a link is.
const KEPT: [&str; 24] = [
    "Connection_name",
    "Channel_Name",
    "Slave_IO_Running",
    "Replica_IO_Running",
    "Slave_SQL_Running",
    "Replica_SQL_Running",
    "Master_Log_File",
    "Source_Log_File",
    "Read_Master_Log_Pos",
    "Read_Source_Log_Pos",
    "Relay_Master_Log_File",
    "Relay_Source_Log_File",
    "Exec_Master_Log_Pos",
    "Exec_Source_Log_Pos",
    "Last_IO_Errno",
    "Last_SQL_Errno",
    "Last_IO_Error",
    "Last_SQL_Error",
    "Master_Host",
    "Source_Host",
    "Gtid_IO_Pos",
    "Gtid_Slave_Pos",
    "Retrieved_Gtid_Set",
    "Executed_Gtid_Set",
];

fn row<'a>(link: &Link, now: &'a BTreeMap<usize, Progress>) -> Option<&'a Named> {
    let named = |row: &&Named| column(row, &["Connection_name", "Channel_Name"]) == link.channel;
    now[&link.replica].links.iter().find(named)
}

fn is_up(link: &Link, now: &BTreeMap<usize, Progress>) -> bool {
    row(link, now).is_some_and(|row| receiver(row) == "Yes" && applier(row) == "Yes")
}

fn receiver(row: &Named) -> &str {
    column(row, &["Slave_IO_Running", "Replica_IO_Running"])
}

fn applier(row: &Named) -> &str {
    column(row, &["Slave_SQL_Running", "Replica_SQL_Running"])
}

fn rests(link: &Link, now: &BTreeMap<usize, Progress>, patience: Patience) -> bool {
    let Some(row) = row(link, now) else { return false };
    let fails = |names: &[&str]| !matches!(column(row, names), "" | "0");
    let (receives, applies) = (receiver(row) == "Yes", applier(row) == "Yes");
    if SEATS[link.source] == Trait::NoLog {
        // Nothing comes from there; a receiver that was stopped has forgotten why it failed.
        return receives || fails(&["Last_IO_Errno"]) || patience >= Patience::Resting;
    }
    let log = &now[&link.source].log;
    let at = |file: &[&str], position: &[&str]| (column(row, file), column(row, position)) == (&log.0, &log.1);
    let received = at(&["Master_Log_File", "Source_Log_File"], &["Read_Master_Log_Pos", "Read_Source_Log_Pos"]);
    let applied =
        at(&["Relay_Master_Log_File", "Relay_Source_Log_File"], &["Exec_Master_Log_Pos", "Exec_Source_Log_Pos"]);
    let stopped_by_error = !applies && fails(&["Last_SQL_Errno"]);
    match (patience, link.edge) {
        (Patience::Breaking | Patience::Resting | Patience::Resumed, Edge::Broken) => stopped_by_error,
        (Patience::Wiring, Edge::LongDelay) => receives && applies && received,
        (Patience::Wiring, _) => receives && applies && received && applied,
        (Patience::Breaking, Edge::LongDelay) => received,
        (Patience::Breaking, _) => stopped_by_error || (received && applied),
        (Patience::Resting | Patience::Resumed, Edge::LongDelay) | (Patience::Resting, Edge::NoApplier) => {
            received || !receives
        }
        (Patience::Resting, Edge::NoReceiver | Edge::Stopped) | (_, Edge::Detached) => !receives,
        (_, Edge::DetachedTrying | Edge::Refused) => receiver(row) == "Connecting" && applies,
        (Patience::Resting | Patience::Resumed, _) => stopped_by_error || (receives && applies && received && applied),
    }
}
