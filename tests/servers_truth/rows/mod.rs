//! All rows: what is known about asynchronous replication, one row for each fact.

mod discarded;
mod filters;
mod links;
mod statements;

use super::row::Row;

/// How many rows each table beside `T1` to `T40` has: `S2`, states of a replica; `S3`, statements and filters; `S9`,
/// sequences of a rebuild; `X`, what was learned since.
pub const SECTIONS: &[(&str, usize)] = &[("S2", 6), ("S3", 25), ("S9", 4), ("X", 11)];

pub fn all() -> impl Iterator<Item = &'static Row> {
    [links::ROWS, statements::ROWS, filters::ROWS, discarded::ROWS, links::LOG_LOST].into_iter().flatten()
}

/// Statements for MariaDB and MySQL.
pub type Both = (&'static str, &'static str);

pub const STOP: Both = ("STOP ALL SLAVES", "STOP REPLICA");
pub const START: Both = ("START ALL SLAVES", "START REPLICA");
pub const STOP_APPLIER: Both = ("STOP SLAVE SQL_THREAD", "STOP REPLICA SQL_THREAD");
pub const START_APPLIER: Both = ("START SLAVE SQL_THREAD", "START REPLICA SQL_THREAD");
pub const STOP_RECEIVER: Both = ("STOP SLAVE IO_THREAD", "STOP REPLICA IO_THREAD");
pub const START_RECEIVER: Both = ("START SLAVE IO_THREAD", "START REPLICA IO_THREAD");
pub const DETACH: Both = (
    "STOP ALL SLAVES; CHANGE MASTER TO MASTER_HOST='//127.0.0.1'",
    "STOP REPLICA; CHANGE REPLICATION SOURCE TO SOURCE_HOST='//127.0.0.1'",
);
pub const ATTACH: Both = (
    "STOP ALL SLAVES; CHANGE MASTER TO MASTER_HOST='127.0.0.1'; START ALL SLAVES",
    "STOP REPLICA; CHANGE REPLICATION SOURCE TO SOURCE_HOST='127.0.0.1'; START REPLICA",
);
