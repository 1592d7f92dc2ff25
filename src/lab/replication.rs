//! Replication by GTID between lab servers: setting it up, waiting for it, and what its status says.

use std::time::Duration;

use mysql_async::Conn;
use mysql_async::prelude::Queryable;
use serde::Serialize;

use crate::domain::base::ServerName;

use super::accounts::{Account, Passwords};
use super::flavor::Flavor;
use super::server::{named_rows, rows};

/// What a replica says of one of its sources.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Link {
    /// Empty for the unnamed channel.
    pub channel: String,
    pub source_port: u16,
    /// As the server words it: `Yes`, `No`, `Connecting`, `Preparing`.
    pub receiver: String,
    pub applier: String,
    /// The last error of either thread; empty when there is none.
    pub error: String,
}

impl Link {
    pub fn flows(&self) -> bool {
        self.receiver == "Yes" && self.applier == "Yes"
    }

    /// Both threads in one line, for messages.
    pub fn summary(&self) -> String {
        let Self { receiver, applier, error, .. } = self;
        format!("receiver {receiver}, applier {applier}{}{error}", if error.is_empty() { "" } else { ": " })
    }
}

/// The name of the channel from `source`: none for a replica with one source.
pub fn channel(sources: &[ServerName], source: &ServerName) -> String {
    if sources.len() < 2 { String::new() } else { format!("c_{}", source.as_str().replace(['-', '.'], "_")) }
}

/// The statements that make a replica follow the source on `port`.
pub fn follow(flavor: Flavor, channel: &str, port: u16, passwords: &Passwords) -> [String; 2] {
    let (user, password) = (Account::Replicate.user(), passwords.of(Account::Replicate));
    match flavor {
        Flavor::Mariadb => {
            let name = if channel.is_empty() { String::new() } else { format!(" '{channel}'") };
            let change = format!(
                "CHANGE MASTER{name} TO MASTER_HOST='127.0.0.1', MASTER_PORT={port}, MASTER_USER='{user}', \
                 MASTER_PASSWORD='{password}', MASTER_CONNECT_RETRY=1, MASTER_USE_GTID=slave_pos"
            );
            [change, format!("START SLAVE{name}")]
        }
        Flavor::Mysql => {
            let name = if channel.is_empty() { String::new() } else { format!(" FOR CHANNEL '{channel}'") };
            let change = format!(
                "CHANGE REPLICATION SOURCE TO SOURCE_HOST='127.0.0.1', SOURCE_PORT={port}, SOURCE_USER='{user}', \
                 SOURCE_PASSWORD='{password}', SOURCE_CONNECT_RETRY=1, SOURCE_AUTO_POSITION=1, \
                 GET_SOURCE_PUBLIC_KEY=1{name}"
            );
            [change, format!("START REPLICA{name}")]
        }
    }
}

/// Stops or starts only the receiving threads of a replica.
pub fn receiver(flavor: Flavor, verb: Receiver) -> &'static str {
    match (flavor, verb) {
        (Flavor::Mariadb, Receiver::Stop) => "STOP ALL SLAVES",
        (Flavor::Mariadb, Receiver::Start) => "START ALL SLAVES",
        (Flavor::Mysql, Receiver::Stop) => "STOP REPLICA IO_THREAD",
        (Flavor::Mysql, Receiver::Start) => "START REPLICA IO_THREAD",
    }
}

/// What [`receiver`] makes of the receiving threads.
#[derive(Debug, Clone, Copy)]
pub enum Receiver {
    Stop,
    Start,
}

/// The status of every link of a replica.
pub async fn links(conn: &mut Conn, flavor: Flavor) -> Result<Vec<Link>, mysql_async::Error> {
    let (sql, names) = match flavor {
        Flavor::Mariadb => {
            ("SHOW ALL SLAVES STATUS", ["Connection_name", "Master_Port", "Slave_IO_Running", "Slave_SQL_Running"])
        }
        Flavor::Mysql => {
            ("SHOW REPLICA STATUS", ["Channel_Name", "Source_Port", "Replica_IO_Running", "Replica_SQL_Running"])
        }
    };
    let rows = named_rows(conn, sql).await?;
    let one = |row: std::collections::BTreeMap<String, String>| {
        let value = |name: &str| row.get(name).cloned().unwrap_or_default();
        let errors = [value("Last_IO_Error"), value("Last_SQL_Error")];
        Link {
            channel: value(names[0]),
            source_port: value(names[1]).parse().unwrap_or(0),
            receiver: value(names[2]),
            applier: value(names[3]),
            error: errors.into_iter().filter(|error| !error.is_empty()).collect::<Vec<_>>().join("; "),
        }
    };
    Ok(rows.into_iter().map(one).collect())
}

/// What a server has written to its binary log, as a GTID position or set.
pub async fn position(conn: &mut Conn, flavor: Flavor) -> Result<String, mysql_async::Error> {
    let sql = match flavor {
        Flavor::Mariadb => "SELECT @@GLOBAL.gtid_binlog_pos",
        Flavor::Mysql => "SELECT @@GLOBAL.gtid_executed",
    };
    let found: Option<String> = conn.query_first(sql).await?;
    Ok(found.unwrap_or_default())
}

/// Whether a replica reaches `position` within `limit`. The server waits; nothing is asked twice.
pub async fn reached(
    conn: &mut Conn,
    flavor: Flavor,
    position: &str,
    limit: Duration,
) -> Result<bool, mysql_async::Error> {
    if position.is_empty() {
        return Ok(true);
    }
    let function = match flavor {
        Flavor::Mariadb => "MASTER_GTID_WAIT",
        Flavor::Mysql => "WAIT_FOR_EXECUTED_GTID_SET",
    };
    let position = position.replace(char::is_whitespace, "");
    let sql = format!("SELECT {function}('{position}', {})", limit.as_secs());
    Ok(rows(conn, &sql).await?.first().and_then(|row| row.first().cloned().flatten()).as_deref() == Some("0"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_replica_of_several_sources_has_named_channels() {
        let name = |text| ServerName::parse(text).unwrap();
        assert_eq!(channel(&[name("db-a")], &name("db-a")), "");
        assert_eq!(channel(&[name("db-a"), name("db-b")], &name("db-b")), "c_db_b");
    }
}
