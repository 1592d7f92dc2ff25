//! The servers that every topology is wired from: started once for each flavour and test process, never restarted.
//!
//! Everything in here is done by root with `sql_log_bin=0`, on one kept connection for each server.

use std::collections::BTreeMap;
use std::path::Path;

use countersign::domain::base::ServerName;
use countersign::domain::sql::Dialect;
use countersign::lab::{Account, Flavor, Setup, Shape as LabShape, Topology};
use futures_util::future::join_all;
use mysql_async::prelude::Queryable;
use mysql_async::{Conn, Row, Value};

use crate::shape::{SEATS, Trait, seat_name};

/// The built program: it keeps the servers, and it answers `reach`.
pub const PROGRAM: &str = env!("CARGO_BIN_EXE_countersign");

/// One row by column name; NULL is left out.
pub type Named = BTreeMap<String, String>;

/// One server of the pool.
pub struct Seat {
    pub number: usize,
    pub name: ServerName,
    pub port: u16,
    pub dialect: Dialect,
    conn: Conn,
}

pub struct Pool {
    pub topology: Topology,
    pub seats: Vec<Seat>,
}

impl Pool {
    pub async fn start(flavor: Flavor) -> Self {
        let names: Vec<String> = (0..SEATS.len()).map(seat_name).collect();
        let alone: Vec<(&str, &[&str])> = names.iter().map(|name| (name.as_str(), &[] as &[&str])).collect();
        let mut setup = Setup::new(flavor, LabShape::of(&alone).unwrap());
        for (name, value) in options(flavor) {
            setup = setup.option(name, value);
        }
        for (seat, kind) in SEATS.iter().enumerate() {
            if let Some((name, value)) = trait_option(flavor, *kind) {
                setup = setup.server_option(&names[seat], name, value);
            }
        }
        let topology = setup.start(Path::new(PROGRAM)).await.unwrap();
        let seats = join_all(names.iter().enumerate().map(|(number, name)| Seat::open(&topology, number, name))).await;
        Self { topology, seats }
    }

    /// The members of a topology, to do the same to all of them at once.
    pub fn members(&mut self, members: &[usize]) -> impl Iterator<Item = &mut Seat> {
        self.seats.iter_mut().filter(|seat| members.contains(&seat.number))
    }
}

/// What makes a pool quick, its statistics quiet, and diamonds possible where every path counts as a delivery.
fn options(flavor: Flavor) -> &'static [(&'static str, &'static str)] {
    match flavor {
        Flavor::Mariadb => &[
            ("innodb_stats_auto_recalc", "OFF"),
            ("gtid_ignore_duplicates", "ON"),
            // Otherwise emptying a log waits for the flush of each second.
            ("innodb_flush_log_at_trx_commit", "1"),
        ],
        Flavor::Mysql => &[("innodb_stats_auto_recalc", "OFF"), ("replica_checkpoint_period", "5")],
    }
}

fn trait_option(flavor: Flavor, kind: Trait) -> Option<(&'static str, &'static str)> {
    match kind {
        Trait::Plain => None,
        Trait::NoRelay if flavor == Flavor::Mariadb => Some(("log_slave_updates", "OFF")),
        Trait::NoRelay => Some(("log_replica_updates", "OFF")),
        Trait::LogFilter => Some(("binlog_ignore_db", "o")),
        Trait::NoLog => Some(("skip_log_bin", "1")),
    }
}

impl Seat {
    async fn open(topology: &Topology, number: usize, name: &str) -> Self {
        let name = ServerName::parse(name).unwrap();
        let mut conn = topology.connect(&name, Account::Root).await.unwrap();
        let version: Option<(String, String)> = conn.query_first("SELECT @@version, @@version_comment").await.unwrap();
        let (version, comment) = version.unwrap();
        conn.query_drop("SET SESSION sql_log_bin=0, SESSION foreign_key_checks=0").await.unwrap();
        let dialect = Dialect::detect(&version, &comment).unwrap();
        Self { number, port: topology.port(&name).unwrap(), name, dialect, conn }
    }

    pub fn keeps_log(&self) -> bool {
        SEATS[self.number] != Trait::NoLog
    }

    pub async fn run(&mut self, sql: &str) {
        self.conn.query_drop(sql).await.unwrap_or_else(|error| panic!("{}: {sql}: {error}", self.name));
    }

    /// Runs what may fail without harm.
    pub async fn try_run(&mut self, sql: &str) {
        let _ = self.conn.query_drop(sql).await;
    }

    /// The rows of every statement in `sql`.
    pub async fn ask(&mut self, sql: &str) -> Vec<Vec<Named>> {
        let mut sets = Vec::new();
        let mut result =
            self.conn.query_iter(sql).await.unwrap_or_else(|error| panic!("{}: {sql}: {error}", self.name));
        while !result.is_empty() {
            let rows: Vec<Row> = result.collect().await.unwrap_or_else(|error| panic!("{}: {sql}: {error}", self.name));
            sets.push(rows.into_iter().map(named).collect());
        }
        sets
    }

    pub async fn ask_one(&mut self, sql: &str) -> Vec<Named> {
        self.ask(sql).await.into_iter().next().unwrap_or_default()
    }
}

fn named(row: Row) -> Named {
    let names: Vec<String> = row.columns_ref().iter().map(|column| column.name_str().into_owned()).collect();
    let text = |value: Value| match value {
        Value::NULL => None,
        Value::Bytes(bytes) => Some(String::from_utf8_lossy(&bytes).into_owned()),
        other => Some(other.as_sql(true)),
    };
    names.into_iter().zip(row.unwrap()).filter_map(|(name, value)| Some((name, text(value)?))).collect()
}

/// The first of several spellings of a column.
pub fn column<'a>(row: &'a Named, names: &[&str]) -> &'a str {
    names.iter().find_map(|name| row.get(*name)).map_or("", String::as_str)
}
