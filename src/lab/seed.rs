//! Fills a table with the same rows every time, with what copies get wrong: a BLOB with every byte value, NULL beside the
//! empty string, characters of four bytes, a generated column, a second index and a gap in the numbers.

use std::time::{Duration, Instant};

use mysql_async::Conn;
use mysql_async::prelude::Queryable;
use serde::Serialize;

use crate::domain::base::{ServerName, TableName};

use super::accounts::Account;
use super::error::LabError;
use super::topology::Topology;

/// Rows per statement; one statement is one transaction.
const BATCH: u64 = 10_000;
/// Numbers left out in the middle.
const GAP: u64 = 1_000;

/// A table that is filled, everywhere.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Seeded {
    pub server: ServerName,
    pub table: TableName,
    pub rows: u64,
    pub took: Duration,
}

/// Creates the table on the first server, fills it and waits for the replicas.
pub async fn seed(topology: &Topology, table: &TableName, rows: u64) -> Result<Seeded, LabError> {
    let began = Instant::now();
    check_name(table)?;
    let server = topology.names().first().cloned().ok_or_else(|| LabError::BadShape { found: "no server".into() })?;
    let mut conn = topology.connect(&server, Account::Root).await?;
    let filled = fill(&mut conn, table, rows).await.map_err(LabError::on(&server));
    let _ = conn.disconnect().await;
    filled?;
    topology.wait_caught_up().await?;
    Ok(Seeded { server, table: table.clone(), rows, took: began.elapsed() })
}

/// Only names that need no quoting and are spelled the same in a file's name.
pub fn check_name(table: &TableName) -> Result<(), LabError> {
    let plain = |part: &str| part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
    if plain(table.schema()) && plain(table.name()) { Ok(()) } else { Err(LabError::TableName(table.clone())) }
}

async fn fill(conn: &mut Conn, table: &TableName, rows: u64) -> Result<(), mysql_async::Error> {
    conn.query_drop(format!("CREATE DATABASE IF NOT EXISTS `{}`", table.schema())).await?;
    conn.query_drop(definition(table)).await?;
    let mut done = 0;
    while done < rows {
        let count = BATCH.min(rows - done).min(if done < rows / 2 { rows / 2 - done } else { u64::MAX });
        let first = done + 1 + if done >= rows / 2 { GAP } else { 0 };
        conn.query_drop(batch(table, first, count)).await?;
        done += count;
    }
    Ok(())
}

fn definition(table: &TableName) -> String {
    format!(
        "CREATE TABLE `{}`.`{}` (\n  id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT,\n  customer INT UNSIGNED NOT NULL,\n  \
         state VARCHAR(16) NOT NULL,\n  note VARCHAR(80) NULL,\n  amount DECIMAL(10,2) NOT NULL,\n  \
         tax DECIMAL(10,2) GENERATED ALWAYS AS (ROUND(amount * 0.19, 2)) STORED,\n  payload BLOB NULL,\n  \
         placed_at DATETIME(6) NOT NULL,\n  PRIMARY KEY (id),\n  KEY by_customer (customer, placed_at)\n\
         ) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4",
        table.schema(),
        table.name()
    )
}

/// One statement that makes `count` rows from number `first` on. Every value follows from the row's number.
fn batch(table: &TableName, first: u64, count: u64) -> String {
    let digits = "SELECT 0 AS d UNION ALL SELECT 1 UNION ALL SELECT 2 UNION ALL SELECT 3 UNION ALL SELECT 4 \
                  UNION ALL SELECT 5 UNION ALL SELECT 6 UNION ALL SELECT 7 UNION ALL SELECT 8 UNION ALL SELECT 9";
    format!(
        "INSERT INTO `{}`.`{}` (id, customer, state, note, amount, payload, placed_at)\n\
         SELECT n, n * 7919 % 5000, ELT(1 + n % 4, 'new', 'paid', 'sent', 'returned'),\n  \
         CASE n % 5 WHEN 0 THEN NULL WHEN 1 THEN '' WHEN 2 THEN CONCAT('caf\u{e9} \u{1f69a} ', n) ELSE CONCAT('order ', n) END,\n  \
         n * 37 % 1000000 / 100,\n  CASE WHEN n % 11 = 0 THEN NULL ELSE UNHEX(CONCAT('00', SHA2(n, 512), 'ff')) END,\n  \
         TIMESTAMP('2024-01-01') + INTERVAL n SECOND + INTERVAL n % 1000000 MICROSECOND\n\
         FROM (SELECT {first} + a.d + 10 * b.d + 100 * c.d + 1000 * e.d AS n\n\
         FROM ({digits}) a, ({digits}) b, ({digits}) c, ({digits}) e) numbers\n\
         WHERE n < {} ORDER BY n",
        table.schema(),
        table.name(),
        first + count
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_a_file_spells_otherwise_are_refused() {
        assert!(check_name(&TableName::parse("shop.orders").unwrap()).is_ok());
        assert!(check_name(&TableName::new("shop", "or`ders").unwrap()).is_err());
        assert!(check_name(&TableName::parse("Shop.orders").unwrap()).is_err());
    }
}
