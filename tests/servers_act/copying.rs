//! Copies: equal to the source whatever is in it, and gone on with wherever they were cut off.

use super::signed::cleared;
use countersign::domain::base::TableName;
use countersign::domain::run::{ConnectionState, Outcome};
use countersign::domain::sql::chunk::{self, Described, Layout};
use countersign::executor::ports::{self, Act};
use countersign::lab::{Account, Flavor, seed};
use mysql_async::prelude::Queryable;
use mysql_async::{Params, Row, Value};

use crate::stage::{Line, Rows, Stage, done, not_sent, run, server, table};

/// Everything that copies get wrong, with a composite key in an order of its own.
const NASTY: &str = "CREATE TABLE `d`.`nasty` (
  `kind` ENUM('zebra','apple','1') NOT NULL,
  `name` VARCHAR(40) CHARACTER SET latin1 COLLATE latin1_german2_ci NOT NULL,
  `part` DECIMAL(30,10) NOT NULL,
  `n?:x` BIGINT UNSIGNED NOT NULL AUTO_INCREMENT,
  `twice` DECIMAL(31,10) GENERATED ALWAYS AS (`part` * 2) STORED,
  `virtual``s` VARCHAR(41) GENERATED ALWAYS AS (CONCAT('v', `part`)) VIRTUAL,
  `text` VARCHAR(80) CHARACTER SET utf8mb4 DEFAULT 'CREATE TABLE `nasty`',
  `old` VARCHAR(20) CHARACTER SET utf8mb3,
  `kanji` VARCHAR(20) CHARACTER SET sjis,
  `wide` VARCHAR(20) CHARACTER SET ucs2,
  `payload` LONGBLOB,
  `flags` BIT(37),
  `choices` SET('a','b','c'),
  `f` FLOAT, `g` DOUBLE,
  `doc` JSON,
  `day` DATE, `at` DATETIME(6), `stamp` TIMESTAMP(3) NULL, `clock` TIME(2), `y` YEAR,
  `small` TINYINT, `big` BIGINT, `huge` BIGINT UNSIGNED, `spot` POINT,
  `made` DATETIME DEFAULT CURRENT_TIMESTAMP,
  PRIMARY KEY (`kind`, `name`, `part`),
  UNIQUE KEY `n` (`n?:x`),
  CHECK (`small` < 127)
) ENGINE=InnoDB AUTO_INCREMENT=5000 COMMENT='AUTO_INCREMENT=3'";

/// Three spelled-out rows, and many that follow from their number.
async fn fill(stage: &Stage) {
    stage.sql("db-a", "CREATE DATABASE d").await;
    stage.sql("db-a", NASTY).await;
    let mut conn = stage.topology.connect(&server("db-a"), Account::Root).await.unwrap();
    let columns = "(`kind`,`name`,`part`,`n?:x`,`text`,`old`,`kanji`,`wide`,`payload`,`flags`,`choices`,`f`,`g`,`doc`,\
                   `day`,`at`,`stamp`,`clock`,`y`,`small`,`big`,`huge`,`spot`)";
    for sql in [
        "SET NAMES utf8mb4, time_zone='+00:00', sql_mode='STRICT_TRANS_TABLES,NO_AUTO_VALUE_ON_ZERO'".to_owned(),
        format!(
            "INSERT INTO d.nasty {columns} VALUES \
             ('zebra','\u{e4}',1.0000000001,0,'\u{1f69a}\u{202e}','\u{e9}',_sjis 0x8140,_ucs2 0x00E90041,\
             0x00FF27225C0A0D1A80C328,b'1000000000000000000000000000000000001','a,c',0.1,0.1,'{{\"a\": [1, 2.5, null]}}',\
             '0000-00-00','0000-00-00 00:00:00','0000-00-00 00:00:00','-838:59:59.00',0,-128,-9223372036854775808,0,\
             ST_GeomFromText('POINT(1 2)')),\
             ('apple','ss',99999999999999999999.0000000001,9007199254740993,'','',_sjis 0x87408754,'','',b'0','',\
             -1.17549435e-38,-2.2250738585072014e-308,'[]','9999-12-31','9999-12-31 23:59:59.999999',\
             '2024-03-31 01:30:00.123','00:00:00.01',2155,126,9223372036854775807,18446744073709551615,NULL),\
             ('1','zz top',-0.0000000001,7,NULL,NULL,NULL,NULL,NULL,NULL,NULL,3.4028234e38,1.7976931348623157e308,NULL,\
             '2024-02-29','2024-10-27 01:30:00.000001','2024-10-27 00:59:59.999','838:59:59.00',1901,NULL,NULL,NULL,NULL)"
        ),
        "INSERT INTO d.nasty (`kind`,`name`,`part`,`n?:x`,`f`,`g`,`stamp`,`payload`) \
             WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT n+1 FROM r WHERE n<900) \
             SELECT ELT(1+n%3,'zebra','apple','1'), CONCAT('x', n%7), n/7, n+1000, n/3, SQRT(n), \
             FROM_UNIXTIME(1711845000+n*60), UNHEX(SHA2(n,512)) FROM r"
            .to_owned(),
        "ALTER TABLE d.nasty AUTO_INCREMENT=9007199254750000".to_owned(),
    ] {
        conn.query_drop(&sql).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
    }
    stage.topology.wait_caught_up().await.unwrap();
}

/// Every column of every row, written so that nothing hides. Made without any code of the product.
async fn everything(stage: &Stage, name: &str, table: &str) -> Rows {
    let columns = stage
        .sql(name, &format!("SELECT COLUMN_NAME, DATA_TYPE FROM information_schema.COLUMNS WHERE TABLE_SCHEMA='d' AND TABLE_NAME='{table}' ORDER BY ORDINAL_POSITION"))
        .await;
    assert_eq!(columns.len(), 26);
    let shown: Vec<String> = columns
        .into_iter()
        .map(|row| {
            let column = format!("`{}`", row[0].clone().unwrap().replace('`', "``"));
            match row[1].as_deref() {
                Some("float" | "double") => {
                    format!("CAST({column} AS CHAR), {column}*1e0, HEX(CAST({column}*1e0 AS CHAR))")
                }
                Some("varchar" | "longblob" | "bit" | "point" | "enum" | "set" | "longtext") => {
                    format!("HEX({column})")
                }
                Some("json") => format!("HEX(CAST({column} AS CHAR))"),
                _ => column,
            }
        })
        .collect();
    stage.sql(name, &format!("SELECT {} FROM `d`.`{table}` ORDER BY `n?:x`", shown.join(", "))).await
}

fn into() -> TableName {
    table("d.nasty_cs_9b02")
}

async fn a_nasty_table_is_copied_exactly_and_gone_on_with(flavor: Flavor) {
    let stage = Stage::new(flavor, 1).await;
    fill(&stage).await;
    let command = stage.copy("db-b", &table("d.nasty"), &into());
    let detail = done(stage.act(&command).await);
    assert!(detail.contains("903 rows copied in") && detail.contains("proved unlogged"), "{detail}");
    let source = everything(&stage, "db-b", "nasty").await;
    assert_eq!(source.len(), 903);
    assert_eq!(everything(&stage, "db-a", "nasty_cs_9b02").await, source);
    for (name, of) in [("db-a", "nasty_cs_9b02"), ("db-b", "nasty")] {
        let create = stage.sql(name, &format!("SHOW CREATE TABLE d.{of}")).await.remove(0).remove(1).unwrap();
        assert!(create.contains(" AUTO_INCREMENT=9007199254750000 "), "the gap at the end is lost: {create}");
    }
    stage.topology.wait_caught_up().await.unwrap();
    assert!(!stage.has("db-b", &into()).await, "the load must not replicate");
    // As if it had been cut off in the middle: the end of the key order is missing.
    stage.sql("db-a", "SET sql_log_bin=0").await;
    stage.sql("db-a", "DELETE FROM d.nasty_cs_9b02 ORDER BY `kind` DESC, `name` DESC, `part` DESC LIMIT 400").await;
    let detail = done(stage.act(&command).await);
    assert!(detail.contains("400 rows copied behind 503 that were there"), "{detail}");
    assert_eq!(everything(&stage, "db-a", "nasty_cs_9b02").await, source);
    let detail = done(stage.act(&command).await);
    assert!(detail.contains("0 rows copied behind 903"), "{detail}");
}

async fn a_copy_that_is_cut_off_goes_on(flavor: Flavor) {
    let stage = Stage::new(flavor, 1).await;
    seed::seed(&stage.topology, &table("shop.orders"), 60_000).await.unwrap();
    let into = table("shop.orders_cs_9b02");
    let command = stage.copy("db-b", &table("shop.orders"), &into);
    let line = Line::to(&stage);
    let mut acting = stage.behind(&line);
    let identity = stage.identity("db-a").await;
    let connection = acting.prepare(&run(), &command, &identity).await.unwrap();
    let (mut reins, line_to_it) = ports::copying();
    let (sent_on, sent) = (connection.clone(), command.clone());
    let sending = tokio::spawn(async move { acting.send(&sent_on, &cleared(&sent), &line_to_it).await });
    let seen =
        reins.progress.wait_for(|last| last.as_ref().is_some_and(|last| last.rows_done > 0)).await.unwrap().clone();
    line.cut().await;
    let outcome = sending.await.unwrap();
    assert!(matches!(outcome, Outcome::InDoubt { .. }), "{outcome:?}");
    assert!(seen.unwrap().rows_expected.is_some());
    stage.eventually(&connection, |state| *state == ConnectionState::Gone).await;
    let there: u64 = stage.value("db-a", &chunk::count(&into)).await.unwrap().parse().unwrap();
    assert!(there > 0 && there < 60_000, "{there}");
    let detail = done(stage.act(&command).await);
    assert!(detail.starts_with(&format!("{} rows copied behind {there} that were there", 60_000 - there)), "{detail}");
    let sum = |table: &str| {
        format!(
            "SELECT COUNT(*), SUM(CRC32(CONCAT_WS('|', id, customer, state, IFNULL(note, 'null'), amount, tax, \
             IFNULL(HEX(payload), 'null'), placed_at))) FROM {table}"
        )
    };
    let source = stage.sql("db-b", &sum("shop.orders")).await;
    assert_eq!(stage.sql("db-a", &sum("shop.orders_cs_9b02")).await, source);
}

async fn a_copy_that_is_asked_to_end_ends_between_two_chunks_and_can_go_on(flavor: Flavor) {
    let stage = Stage::new(flavor, 1).await;
    seed::seed(&stage.topology, &table("shop.orders"), 150_000).await.unwrap();
    let into = table("shop.orders_cs_9b02");
    let command = stage.copy("db-b", &table("shop.orders"), &into);
    let mut acting = stage.acting();
    let connection = acting.prepare(&run(), &command, &stage.identity("db-a").await).await.unwrap();
    let (mut reins, line_to_it) = ports::copying();
    let (sent_on, sent) = (connection.clone(), command.clone());
    let sending = tokio::spawn(async move { acting.send(&sent_on, &cleared(&sent), &line_to_it).await });
    reins.progress.wait_for(|last| last.as_ref().is_some_and(|last| last.rows_done > 0)).await.unwrap();
    reins.end();
    let outcome = sending.await.unwrap();
    let Outcome::Interrupted { detail } = outcome else { panic!("{outcome:?}") };
    assert!(detail.contains("can go on there") && detail.contains("proved unlogged"), "{detail}");
    let last = reins.news().unwrap_or_else(|| reins.progress.borrow().clone().unwrap());
    let there: u64 = stage.value("db-a", &chunk::count(&into)).await.unwrap().parse().unwrap();
    assert!(there > 0 && there < 150_000, "{there}");
    assert_eq!((last.rows_before, last.rows_done), (0, there), "what is committed is what was reported");
    let detail = done(stage.act(&command).await);
    assert!(detail.starts_with(&format!("{} rows copied behind {there} that were there", 150_000 - there)), "{detail}");
}

async fn what_cannot_be_copied_is_refused_before_anything(flavor: Flavor) {
    let stage = Stage::new(flavor, 1).await;
    stage.with_table().await;
    for sql in [
        "CREATE TABLE d.keyless (id INT, KEY (id)) ENGINE=InnoDB",
        "CREATE TABLE d.child (id INT PRIMARY KEY, CONSTRAINT fk FOREIGN KEY (id) REFERENCES d.t (id)) ENGINE=InnoDB",
        "CREATE TABLE d.t_cs_9b02 (id BIGINT PRIMARY KEY) ENGINE=InnoDB",
    ] {
        stage.sql("db-a", sql).await;
    }
    stage.topology.wait_caught_up().await.unwrap();
    for (from, of, why) in [
        ("db-b", "d.keyless", "expected a primary key"),
        ("db-b", "d.child", "without foreign keys"),
        ("db-b", "d.t", "found another definition"),
        ("db-b", "d.missing", "1146"),
        ("db-a", "d.t", "expected db-a to be `another server"),
        ("db-x", "d.t", "expected a server of the fleet"),
    ] {
        let into = table(&format!("{of}_cs_9b02"));
        let found = not_sent(stage.act(&stage.copy(from, &table(of), &into)).await);
        assert!(found.contains(why), "{of}: {found}");
        assert_eq!(stage.has("db-a", &into).await, of == "d.t");
    }
}

/// A row that the target refuses ends the copy with the server's own words and keeps the chunks before it.
async fn an_error_in_a_chunk_is_a_failure(flavor: Flavor) {
    let stage = Stage::new(flavor, 1).await;
    stage.with_table().await;
    stage.sql("db-a", "CREATE TABLE d.t_cs_9b02 LIKE d.t").await;
    let trigger =
        "CREATE TRIGGER d.no BEFORE INSERT ON d.t_cs_9b02 FOR EACH ROW SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT='no'";
    stage.sql("db-a", trigger).await;
    let outcome = stage.act(&stage.copy("db-b", &table("d.t"), &table("d.t_cs_9b02"))).await;
    let Outcome::Failed { code: 1644, message } = outcome else { panic!("{outcome:?}") };
    assert!(message.contains("0 rows are committed"), "{message}");
}

/// The place to go on at is found through the index, also behind a composite key of text.
async fn going_on_reads_only_what_is_left(flavor: Flavor) {
    let stage = Stage::new(flavor, 0).await;
    let of = table("d.big");
    stage.sql("db-a", "CREATE DATABASE d").await;
    stage
        .sql("db-a", "CREATE TABLE d.big (a VARCHAR(20) CHARACTER SET latin1, b INT, PRIMARY KEY (a, b)) ENGINE=InnoDB")
        .await;
    let fill = "INSERT INTO d.big WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT n+1 FROM r WHERE n<900) \
                SELECT LPAD(n DIV 3, 5, '0'), n FROM r";
    stage.sql("db-a", fill).await;
    let mut conn = stage.topology.connect(&server("db-a"), Account::Root).await.unwrap();
    let rows: Vec<Row> = conn.query(chunk::describe(&of)).await.unwrap();
    let described: Vec<Described> = rows
        .into_iter()
        .map(|row| Described {
            name: row.get(0).unwrap(),
            data_type: row.get(1).unwrap(),
            character_set: row.get(2).unwrap(),
            collation: row.get(3).unwrap(),
            precision: None,
            scale: None,
            extra: String::new(),
        })
        .collect();
    let layout = Layout::new(&of, &described, &["a".to_owned(), "b".to_owned()]).unwrap();
    let behind = layout.read_behind(&of);
    let marker = [Value::from("00290"), Value::from(871)];
    let parameters: Vec<Value> = behind.parameters.iter().map(|column| marker[*column].clone()).collect();
    conn.query_drop("FLUSH STATUS").await.unwrap();
    let rows: Vec<Row> = conn.exec(behind.sql.as_str(), Params::Positional(parameters)).await.unwrap();
    assert_eq!(rows.len(), 29);
    let reads: Vec<(String, u64)> = conn.query("SHOW SESSION STATUS LIKE 'Handler_read%'").await.unwrap();
    let total: u64 = reads.iter().map(|(_, count)| count).sum();
    assert!((29..60).contains(&total), "{reads:?}");
}

macro_rules! on_both {
    ($($name:ident: $mariadb:ident, $mysql:ident;)*) => {$(
        #[tokio::test]
        async fn $mariadb() {
            $name(Flavor::Mariadb).await;
        }
        #[tokio::test]
        async fn $mysql() {
            $name(Flavor::Mysql).await;
        }
    )*};
}

on_both! {
    a_nasty_table_is_copied_exactly_and_gone_on_with: mariadb_copies_a_nasty_table, mysql_copies_a_nasty_table;
    a_copy_that_is_cut_off_goes_on: a_mariadb_copy_goes_on, a_mysql_copy_goes_on;
    a_copy_that_is_asked_to_end_ends_between_two_chunks_and_can_go_on: a_mariadb_copy_ends_when_asked, a_mysql_copy_ends_when_asked;
    what_cannot_be_copied_is_refused_before_anything: mariadb_refuses_what_cannot_be_copied, mysql_refuses_what_cannot_be_copied;
    an_error_in_a_chunk_is_a_failure: a_mariadb_chunk_fails, a_mysql_chunk_fails;
    going_on_reads_only_what_is_left: a_mariadb_copy_seeks, a_mysql_copy_seeks;
}
