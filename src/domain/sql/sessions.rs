//! Questions about the sessions of a server: who is there, who waits for whom, and whether one is still the same.
//!
//! Text only. All of them read, and none looks at a table of the application.

use super::dialect::{Dialect, Flavor};
use super::quote;

/// The process list, from where reading it holds nobody up.
fn processes(dialect: Dialect) -> &'static str {
    if dialect.has_performance_schema_processlist() {
        "performance_schema.processlist"
    } else {
        "information_schema.PROCESSLIST"
    }
}

/// Characters of a statement that are asked for; its digest is over the whole of it.
const SHOWN: u32 = 2000;

/// Every session with its transaction. The digest of a statement is the server's own, so that it can be compared there.
///
/// An engine writes the times of its transactions in the system's time zone.
pub fn list(dialect: Dialect) -> String {
    let millis = match dialect.flavor() {
        Flavor::MariaDb => "p.TIME_MS",
        Flavor::MySql => "p.TIME * 1000",
    };
    let (scope, joined) = match dialect.flavor() {
        Flavor::MySql => (
            "MAX(e.AUTOCOMMIT)",
            " LEFT JOIN performance_schema.threads h ON h.PROCESSLIST_ID = p.ID LEFT JOIN \
             performance_schema.events_transactions_current e ON e.THREAD_ID = h.THREAD_ID AND e.STATE = 'ACTIVE'",
        ),
        Flavor::MariaDb => ("NULL", ""),
    };
    format!(
        "SELECT p.ID AS ID, p.USER AS USER, p.HOST AS HOST, p.DB AS DB, p.COMMAND AS COMMAND, p.STATE AS STATE, \
         {millis} AS MILLIS, LEFT(p.INFO, {SHOWN}) AS INFO, SHA2(p.INFO, 256) AS DIGEST, t.trx_state AS TRX_STATE, \
         CAST(t.trx_started AS CHAR) AS TRX_STARTED, TIMESTAMPDIFF(SECOND, CONVERT_TZ(t.trx_started, 'SYSTEM', \
         '+00:00'), UTC_TIMESTAMP()) AS TRX_SECONDS, t.trx_rows_modified AS TRX_ROWS, t.trx_id AS TRX_ID, {scope} AS AUTOCOMMIT FROM {} p \
         LEFT JOIN information_schema.INNODB_TRX t ON t.trx_mysql_thread_id = p.ID{joined} GROUP BY p.ID",
        processes(dialect)
    )
}

/// Who waits for a row lock of whom, by connection ids.
pub fn row_waits(dialect: Dialect) -> &'static str {
    if dialect.flavor() == Flavor::MySql && dialect.has_data_dictionary() {
        "SELECT DISTINCT w.trx_mysql_thread_id AS WAITER, b.trx_mysql_thread_id AS BLOCKER FROM \
         performance_schema.data_lock_waits l JOIN information_schema.INNODB_TRX w ON w.trx_id = \
         l.REQUESTING_ENGINE_TRANSACTION_ID JOIN information_schema.INNODB_TRX b ON b.trx_id = \
         l.BLOCKING_ENGINE_TRANSACTION_ID"
    } else {
        "SELECT DISTINCT w.trx_mysql_thread_id AS WAITER, b.trx_mysql_thread_id AS BLOCKER FROM \
         information_schema.INNODB_LOCK_WAITS l JOIN information_schema.INNODB_TRX w ON w.trx_id = \
         l.requesting_trx_id JOIN information_schema.INNODB_TRX b ON b.trx_id = l.blocking_trx_id"
    }
}

/// Every metadata lock on an object that somebody waits for, granted and pending.
pub const METADATA_LOCKS: &str = "SELECT h.PROCESSLIST_ID AS ID, m.OBJECT_TYPE AS KIND, IFNULL(m.OBJECT_SCHEMA, '') AS \
     SCHEMA_NAME, IFNULL(m.OBJECT_NAME, '') AS OBJECT_NAME, m.LOCK_TYPE AS MODE, m.LOCK_STATUS AS STATUS FROM \
     performance_schema.metadata_locks m JOIN performance_schema.threads h ON h.THREAD_ID = m.OWNER_THREAD_ID WHERE \
     h.PROCESSLIST_ID IS NOT NULL AND EXISTS (SELECT 1 FROM performance_schema.metadata_locks q WHERE q.LOCK_STATUS = \
     'PENDING' AND q.OBJECT_TYPE = m.OBJECT_TYPE AND q.OBJECT_SCHEMA <=> m.OBJECT_SCHEMA AND q.OBJECT_NAME <=> \
     m.OBJECT_NAME)";

/// The granted metadata locks, where a plugin of MariaDB lists them. It does not list who waits.
pub const GRANTED_METADATA_LOCKS: &str = "SELECT THREAD_ID AS ID, LOCK_TYPE AS KIND, TABLE_SCHEMA AS SCHEMA_NAME, \
     TABLE_NAME AS OBJECT_NAME, LOCK_MODE AS MODE, 'GRANTED' AS STATUS FROM information_schema.METADATA_LOCK_INFO";

/// What must still be so of a session.
#[derive(Debug, Clone, Copy)]
pub struct Still<'a> {
    pub id: u64,
    pub user: &'a str,
    pub host: &'a str,
    /// When its transaction began and its number, as the server wrote them; `None` for no transaction.
    pub transaction: Option<(&'a str, &'a str)>,
    /// The digest of what it executes; `None` for nothing.
    pub statement: Option<&'a str>,
    /// Users, commands and states, in lower case, that it must not have.
    pub never: [&'a [&'a str]; 3],
    /// Connections that it must not be.
    pub not: &'a [u64],
}

impl Still<'_> {
    /// The condition as SQL: false when the session is gone, has become another one, or does something else.
    pub fn condition(&self, dialect: Dialect) -> String {
        let [users, commands, states] = self.never.map(list_of);
        let not: String = self.not.iter().map(|id| format!(" AND p.ID <> {id}")).collect();
        let transaction = match self.transaction {
            Some((began, number)) => format!(
                "(SELECT COUNT(*) FROM information_schema.INNODB_TRX t WHERE t.trx_mysql_thread_id = {} AND \
                 CAST(t.trx_started AS CHAR) = {} AND CAST(t.trx_id AS CHAR) = {})=1",
                self.id,
                quote::string(began),
                quote::string(number)
            ),
            None => {
                format!(
                    "(SELECT COUNT(*) FROM information_schema.INNODB_TRX t WHERE t.trx_mysql_thread_id = {})=0",
                    self.id
                )
            }
        };
        format!(
            "(SELECT COUNT(*) FROM {} p WHERE p.ID = {} AND CAST(p.USER AS BINARY) = {} AND CAST(p.HOST AS BINARY) = {} \
             AND IFNULL(SHA2(p.INFO, 256), '') = {} AND LOWER(p.USER) NOT IN ({users}) AND LOWER(p.COMMAND) NOT IN \
             ({commands}) AND LOWER(p.COMMAND) <> 'killed' AND LOWER(IFNULL(p.STATE, '')) NOT IN ({states}) AND \
             CAST(p.USER AS BINARY) <> CAST(SUBSTRING_INDEX(USER(), '@', 1) AS BINARY) AND p.ID <> \
             CONNECTION_ID(){not})=1 AND {transaction}",
            processes(dialect),
            self.id,
            quote::string(self.user),
            quote::string(self.host),
            quote::string(self.statement.unwrap_or_default()),
        )
    }
}

fn list_of(words: &[&str]) -> String {
    words.iter().map(|word| quote::string(word)).collect::<Vec<_>>().join(",")
}

/// What a connection is just now, for saying why it was left alone.
pub fn now(dialect: Dialect, id: u64) -> String {
    format!("SELECT USER, HOST, COMMAND, LEFT(INFO, {SHOWN}) FROM {} WHERE ID = {id}", processes(dialect))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::sql::Version;
    use crate::domain::sql::lexer::count_statements;

    #[test]
    fn hostile_names_stay_inside_their_quotes() {
        let evil = "x' OR 1=1) -- ";
        let still = Still {
            id: 7,
            user: evil,
            host: evil,
            transaction: Some((evil, evil)),
            statement: Some(evil),
            never: [&[], &[], &[]],
            not: &[8],
        };
        for flavor in [Flavor::MySql, Flavor::MariaDb] {
            let dialect = Dialect::of(flavor, Version::new(10, 11, 1)).unwrap();
            let text = format!("SELECT {}", still.condition(dialect));
            assert_eq!(count_statements(&text).unwrap(), 1, "{text}");
            assert!(text.contains("'x'' OR 1=1) -- '"), "{text}");
            assert!(text.contains("p.ID <> CONNECTION_ID() AND p.ID <> 8"), "{text}");
        }
    }

    #[test]
    fn no_transaction_then_means_no_transaction_now() {
        let dialect = Dialect::of(Flavor::MariaDb, Version::new(10, 11, 1)).unwrap();
        let still =
            Still { id: 7, user: "a", host: "h", transaction: None, statement: None, never: [&[], &[], &[]], not: &[] };
        let text = still.condition(dialect);
        assert!(text.ends_with("t.trx_mysql_thread_id = 7)=0"), "{text}");
        assert!(text.contains("IFNULL(SHA2(p.INFO, 256), '') = ''"), "{text}");
    }
}
