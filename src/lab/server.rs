//! Connections to one lab server, and waiting until it answers.

use std::path::Path;
use std::time::Duration;

use mysql_async::prelude::Queryable;
use mysql_async::{Conn, OptsBuilder, Row, Value};

use crate::domain::base::ServerName;

use super::accounts::Account;
use super::clock::Deadline;
use super::error::LabError;
use super::keeper::{Answer, Command, KeeperClient, ProcessState};
use super::record::{LabRecord, server_dir, socket};

/// A start takes 0.2 s (MariaDB) to 1.5 s (MySQL) on an idle machine, and many times that on a loaded one.
const START_LIMIT: Duration = Duration::from_mins(1);
/// What a message quotes of an error log.
const LOG_LINES: usize = 6;

/// Options for a login by the server's unix socket: MySQL's only login method needs a socket or TLS.
pub fn login(dir: &Path, record: &LabRecord, server: &ServerName, account: Account) -> OptsBuilder {
    OptsBuilder::default()
        .socket(Some(socket(dir, server).to_string_lossy()))
        .user(Some(account.user()))
        .pass(Some(record.passwords.of(account)))
        // Given values, so that the client does not ask the server for them on every connection.
        .prefer_socket(Some(false))
        .max_allowed_packet(Some(16 << 20))
        .wait_timeout(Some(3600))
}

/// How a start ended when it did not succeed.
pub enum Failed {
    /// Another process took the port meanwhile; another one may be free.
    PortTaken,
    Other(LabError),
}

/// Waits until root can log in, and watches the process meanwhile.
pub async fn wait_until_up(
    dir: &Path,
    record: &LabRecord,
    server: &ServerName,
    keeper: &KeeperClient,
    log_before: u64,
) -> Result<(), Failed> {
    let deadline = Deadline::after(START_LIMIT);
    loop {
        let last = match Conn::new(login(dir, record, server, Account::Root)).await {
            Ok(conn) => return conn.disconnect().await.map_err(LabError::on(server)).map_err(Failed::Other),
            Err(error) => error.to_string(),
        };
        if let Some(how) = ended(keeper, server).await.map_err(Failed::Other)? {
            let log = log_tail(dir, server, log_before);
            if port_taken(&log) {
                return Err(Failed::PortTaken);
            }
            return Err(Failed::Other(LabError::Died { server: server.clone(), how, log }));
        }
        if deadline.is_over() {
            return Err(Failed::Other(LabError::Silent { server: server.clone(), waited: deadline.waited(), last }));
        }
        deadline.pause().await;
    }
}

async fn ended(keeper: &KeeperClient, server: &ServerName) -> Result<Option<String>, LabError> {
    let Answer::Servers { mut servers, .. } = keeper.ask(&Command::Status).await? else { return Ok(None) };
    Ok(match servers.remove(server) {
        Some(ProcessState::Ended { how }) => Some(how),
        _ => None,
    })
}

fn port_taken(log: &str) -> bool {
    log.contains("Address already in use") || log.contains("Do you already have another")
}

/// The size of a server's error log, to tell an old complaint from a new one.
pub fn log_size(dir: &Path, server: &ServerName) -> u64 {
    std::fs::metadata(server_dir(dir, server).join("error.log")).map_or(0, |found| found.len())
}

/// The complaints in the error log behind `from`, or its last lines when there is none.
pub fn log_tail(dir: &Path, server: &ServerName, from: u64) -> String {
    let bytes = std::fs::read(server_dir(dir, server).join("error.log")).unwrap_or_default();
    let start = usize::try_from(from).unwrap_or(usize::MAX).min(bytes.len());
    let text = String::from_utf8_lossy(&bytes[start..]).into_owned();
    let errors: Vec<&str> = text.lines().filter(|line| line.contains("[ERROR]")).collect();
    let lines = if errors.is_empty() { text.lines().collect() } else { errors };
    lines[lines.len().saturating_sub(LOG_LINES)..].join(" / ")
}

/// All rows of the last result of `sql`, as text; `None` is NULL.
pub async fn rows(conn: &mut Conn, sql: &str) -> Result<Vec<Vec<Option<String>>>, mysql_async::Error> {
    let rows: Vec<Row> = conn.query(sql).await?;
    Ok(rows.into_iter().map(|row| row.unwrap().into_iter().map(text).collect()).collect())
}

/// All rows of `sql`, each a map from column name to text; NULL is left out.
pub async fn named_rows(
    conn: &mut Conn,
    sql: &str,
) -> Result<Vec<std::collections::BTreeMap<String, String>>, mysql_async::Error> {
    let rows: Vec<Row> = conn.query(sql).await?;
    let one = |row: Row| {
        let names: Vec<String> = row.columns_ref().iter().map(|column| column.name_str().into_owned()).collect();
        names.into_iter().zip(row.unwrap()).filter_map(|(name, value)| Some((name, text(value)?))).collect()
    };
    Ok(rows.into_iter().map(one).collect())
}

fn text(value: Value) -> Option<String> {
    match value {
        Value::NULL => None,
        Value::Bytes(bytes) => Some(String::from_utf8_lossy(&bytes).into_owned()),
        other => Some(other.as_sql(true)),
    }
}
