//! Wires the pool into the topology that a shape describes: everything of the one before is taken away first.

use futures_util::future::join_all;

use countersign::domain::sql::Flavor;
use countersign::domain::sql::dialect::{Channel, SourceOption, Threads};

use crate::pool::{Pool, Seat, column};
use crate::settle::{self, Patience};
use crate::shape::{Edge, Filter, Link, Shape};
use crate::state;

/// Detached links keep this in front of their host, as the product writes it.
const NOWHERE: &str = countersign::domain::snapshot::fact::NOWHERE;

const FILTERS: [&str; 6] = [
    "replicate_do_db",
    "replicate_ignore_db",
    "replicate_do_table",
    "replicate_ignore_table",
    "replicate_wild_do_table",
    "replicate_wild_ignore_table",
];

/// Makes the pool be `shape`, with every link in its state.
pub async fn build(pool: &mut Pool, shape: &Shape) {
    join_all(pool.seats.iter_mut().map(part)).await;
    join_all(pool.members(&shape.members).map(clean)).await;
    let login = Login {
        password: pool.topology.password(countersign::lab::Account::Replicate).to_owned(),
        ports: pool.seats.iter().map(|seat| seat.port).collect(),
    };
    join_all(pool.members(&shape.members).map(|seat| follow(seat, shape, &login))).await;
    settle::settle(pool, shape, Patience::Wiring).await;
    if shape.has(Edge::Broken) {
        break_links(pool, shape).await;
        settle::settle(pool, shape, Patience::Breaking).await;
    }
    join_all(pool.members(&shape.members).map(|seat| set_edges(seat, shape))).await;
    settle::settle(pool, shape, Patience::Resting).await;
}

/// What a replica needs to log in at its source.
struct Login {
    password: String,
    ports: Vec<u16>,
}

/// Follows nobody any more.
async fn part(seat: &mut Seat) {
    let links = seat.ask_one(seat.dialect.show_replica_status()).await;
    if links.is_empty() {
        return;
    }
    seat.run(&seat.dialect.stop_replication(Channel::All, Threads::Both)).await;
    for link in links {
        let name = column(&link, &["Connection_name", "Channel_Name"]);
        if seat.dialect.flavor() == Flavor::MariaDb {
            seat.run(&format!("SET default_master_connection='{name}'")).await;
            seat.run(&FILTERS.map(|filter| format!("SET GLOBAL {filter}=''")).join("; ")).await;
        }
        seat.run(&seat.dialect.forget_source(Channel::Named(name))).await;
    }
}

/// The tables of the beginning, an empty log, and nobody who reads it.
async fn clean(seat: &mut Seat) {
    state::restore(seat).await;
    let readers = "SELECT ID FROM information_schema.PROCESSLIST WHERE COMMAND LIKE 'Binlog Dump%'";
    for reader in seat.ask_one(readers).await {
        // It may be gone meanwhile, which is what is wanted.
        seat.try_run(&format!("KILL {}", column(&reader, &["ID"]))).await;
    }
    if seat.keeps_log() || seat.dialect.flavor() == Flavor::MySql {
        seat.run(seat.dialect.reset_binary_logs()).await;
    }
    if seat.dialect.flavor() == Flavor::MariaDb {
        seat.run("SET GLOBAL gtid_slave_pos=''").await;
    }
}

async fn follow(seat: &mut Seat, shape: &Shape, login: &Login) {
    for link in shape.links_to(seat.number) {
        let port = login.ports[link.source];
        seat.run(&change(seat.dialect.flavor(), link, port, &login.password)).await;
        if let Edge::Filtered(filter) = link.edge {
            for sql in filter_statements(seat.dialect.flavor(), link, filter) {
                seat.run(&sql).await;
            }
        }
        seat.run(&seat.dialect.start_replication(Channel::Named(&link.channel), Threads::Both)).await;
    }
}

fn change(flavor: Flavor, link: &Link, port: u16, password: &str) -> String {
    let delay = match link.edge {
        Edge::LongDelay => 3600,
        Edge::ShortDelay => 1,
        _ => 0,
    };
    let channel = &link.channel;
    match flavor {
        Flavor::MariaDb => format!(
            "CHANGE MASTER '{channel}' TO MASTER_HOST='127.0.0.1', MASTER_PORT={port}, MASTER_USER='repl', \
             MASTER_PASSWORD='{password}', MASTER_CONNECT_RETRY=1, MASTER_DELAY={delay}, MASTER_USE_GTID=slave_pos"
        ),
        Flavor::MySql => format!(
            "CHANGE REPLICATION SOURCE TO SOURCE_HOST='127.0.0.1', SOURCE_PORT={port}, SOURCE_USER='repl', \
             SOURCE_PASSWORD='{password}', SOURCE_CONNECT_RETRY=1, SOURCE_DELAY={delay}, SOURCE_AUTO_POSITION=1, \
             GET_SOURCE_PUBLIC_KEY=1 FOR CHANNEL '{channel}'"
        ),
    }
}

/// What a filter says: about the schema `d`, or about its tables `t1` to `t3`.
fn filter_statements(flavor: Flavor, link: &Link, filter: Filter) -> Vec<String> {
    let (name, list) = match filter {
        Filter::IgnoreSchema => ("replicate_ignore_db", vec!["d"]),
        Filter::DoSchema => ("replicate_do_db", vec!["d"]),
        Filter::IgnoreTable => ("replicate_ignore_table", vec!["d.t1", "d.t2", "d.t3"]),
        Filter::DoTable => ("replicate_do_table", vec!["d.t1", "d.t2", "d.t3"]),
        Filter::WildIgnore => ("replicate_wild_ignore_table", vec!["d.%"]),
        Filter::WildDo => ("replicate_wild_do_table", vec!["d.%"]),
    };
    let wild = matches!(filter, Filter::WildIgnore | Filter::WildDo);
    match flavor {
        Flavor::MariaDb => vec![
            format!("SET default_master_connection='{}'", link.channel),
            format!("SET GLOBAL {name}='{}'", list.join(",")),
        ],
        Flavor::MySql => {
            let list = list.iter().map(|item| if wild { format!("'{item}'") } else { (*item).to_owned() });
            let list = list.collect::<Vec<_>>().join(", ");
            vec![format!("CHANGE REPLICATION FILTER {}=({list}) FOR CHANNEL '{}'", name.to_uppercase(), link.channel)]
        }
    }
}

/// An event about a table that the replica does not have.
async fn break_links(pool: &mut Pool, shape: &Shape) {
    let broken: Vec<&Link> = shape.links.iter().filter(|link| link.edge == Edge::Broken).collect();
    for link in &broken {
        pool.seats[link.replica].run(&format!("DROP TABLE IF EXISTS cs.b{}", link.replica)).await;
    }
    for link in broken {
        // Logged by its own channel's source: a name that `o` filters would not leave the server.
        let sql = format!("SET sql_log_bin=1; INSERT INTO cs.b{0} VALUES (9, 9); SET sql_log_bin=0", link.replica);
        let source = &mut pool.seats[link.source];
        let there = source.ask_one(&format!("SHOW TABLES FROM cs LIKE 'b{}'", link.replica)).await;
        if !there.is_empty() {
            source.run(&sql.replace("(9, 9)", &format!("({}, 9)", 9 + link.source))).await;
        }
    }
}

/// Stops and detaches what the shape says, after everything has flowed once.
async fn set_edges(seat: &mut Seat, shape: &Shape) {
    for link in shape.links_to(seat.number) {
        let channel = Channel::Named(&link.channel);
        let dialect = seat.dialect;
        match link.edge {
            Edge::NoReceiver => seat.run(&dialect.stop_replication(channel, Threads::Receiver)).await,
            Edge::NoApplier => seat.run(&dialect.stop_replication(channel, Threads::Applier)).await,
            Edge::Stopped => seat.run(&dialect.stop_replication(channel, Threads::Both)).await,
            Edge::Detached | Edge::DetachedTrying => {
                seat.run(&dialect.stop_replication(channel, Threads::Both)).await;
                let host = format!("{NOWHERE}127.0.0.1");
                let options = [SourceOption::Host(&host)];
                seat.run(&dialect.change_source(channel, &options)).await;
                if link.edge == Edge::DetachedTrying {
                    seat.run(&dialect.start_replication(channel, Threads::Both)).await;
                }
            }
            Edge::Refused => {
                seat.run(&dialect.stop_replication(channel, Threads::Both)).await;
                seat.run(&dialect.change_source(channel, &[SourceOption::User("nobody")])).await;
                seat.run(&dialect.start_replication(channel, Threads::Both)).await;
            }
            _ => {}
        }
    }
}

/// Starts what was paused, and waits until what waited there has been applied.
pub async fn resume(pool: &mut Pool, shape: &Shape) {
    for link in shape.links.iter().filter(|link| link.edge.is_pause()) {
        let seat = &mut pool.seats[link.replica];
        seat.run(&seat.dialect.start_replication(Channel::Named(&link.channel), Threads::Both)).await;
    }
    settle::settle(pool, shape, Patience::Resumed).await;
}
