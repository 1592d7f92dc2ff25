//! One statement behind its guard.

use super::signed::cleared;
use countersign::domain::base::RunId;
use countersign::domain::fleet::Login;
use countersign::domain::run::Outcome;
use countersign::domain::sql::packet::BinlogWriting::{Off, On};
use countersign::executor::ports::Act;
use countersign::lab::Flavor;

use crate::stage::{Stage, done, not_sent, run, server, silent};

const DROP: &str = "DROP TABLE d.t";

async fn position(stage: &Stage) -> Vec<Option<String>> {
    let row = stage.sql("db-a", stage.dialect.show_log_position()).await.remove(0);
    row.into_iter().take(2).collect()
}

/// A command that is not of the session that was approved reaches the server, and the server itself stops it.
async fn a_false_guard_stops_the_statement(flavor: Flavor) {
    let stage = Stage::new(flavor, 0).await;
    let table = stage.with_table().await;
    let mut acting = stage.acting();
    let identity = stage.identity("db-a").await;
    let before = position(&stage).await;
    let prepared = acting.prepare(&run(), &stage.statement(DROP, On), &identity).await.unwrap();
    let outcome = acting.send(&prepared, &cleared(&stage.statement(DROP, Off)), &silent()).await;
    assert!(not_sent(outcome).contains("the guard is not true"));
    assert!(stage.has("db-a", &table).await);
    assert_eq!(position(&stage).await, before, "the binary log must not have moved");
    let log = stage.topology.general_log(&server("db-a")).unwrap();
    assert!(log.contains("SELECT IF(@@SESSION.sql_log_bin=0 AND"), "the packet never arrived");
    // The same connection with the right session still works, so it was the guard and nothing else.
    done(acting.send(&prepared, &cleared(&stage.statement(DROP, On)), &silent()).await);
    assert!(!stage.has("db-a", &table).await);
    assert_ne!(position(&stage).await, before);
    acting.close(&prepared).await;
}

async fn an_unlogged_drop_stays_on_one_server_and_is_proved(flavor: Flavor) {
    let stage = Stage::new(flavor, 1).await;
    let table = stage.with_table().await;
    let text = "DROP TABLE `d`.`t` /* as approved; 'to the byte' */ ; ";
    let detail = done(stage.act(&stage.statement(text, Off)).await);
    assert!(detail.contains("proved unlogged"), "{detail}");
    assert!(!stage.has("db-a", &table).await);
    stage.topology.wait_caught_up().await.unwrap();
    assert!(stage.has("db-b", &table).await);
    let log = stage.topology.general_log(&server("db-a")).unwrap();
    assert!(log.contains(text.trim_end_matches([' ', ';'])), "{log}");
}

/// The witness must be able to say the opposite.
async fn a_logged_write_is_seen_by_the_proof(flavor: Flavor) {
    let stage = Stage::new(flavor, 0).await;
    stage.with_table().await;
    let mut acting = stage.acting();
    let identity = stage.identity("db-a").await;
    // The statement waits for this session's lock, and this session then writes to the table.
    let mut other = stage.topology.connect(&server("db-a"), countersign::lab::Account::Root).await.unwrap();
    hold(&mut other, "BEGIN").await;
    hold(&mut other, "INSERT INTO d.t VALUES (2)").await;
    let command = stage.statement(DROP, Off);
    let prepared = acting.prepare(&run(), &command, &identity).await.unwrap();
    let sending = tokio::spawn(async move { acting.send(&prepared, &cleared(&command), &silent()).await });
    crate::doubt::until_waiting(&stage).await;
    hold(&mut other, "COMMIT").await;
    let detail = done(sending.await.unwrap());
    assert!(detail.contains("the binary log names `d.t`"), "{detail}");
}

async fn hold(conn: &mut mysql_async::Conn, sql: &str) {
    mysql_async::prelude::Queryable::query_drop(conn, sql).await.unwrap();
}

async fn a_logged_drop_reaches_the_replica(flavor: Flavor) {
    let stage = Stage::new(flavor, 1).await;
    let table = stage.with_table().await;
    let detail = done(stage.act(&stage.statement(DROP, On)).await);
    assert!(detail.contains("rows affected") && !detail.contains("proved"), "{detail}");
    stage.topology.wait_caught_up().await.unwrap();
    assert!(!stage.has("db-b", &table).await);
}

async fn what_is_not_one_statement_is_not_sent(flavor: Flavor) {
    let stage = Stage::new(flavor, 0).await;
    let table = stage.with_table().await;
    for (text, why) in [
        ("DROP TABLE d.t; SELECT 1", "expected one statement"),
        ("DROP TABLE d.t /*! ; SELECT 1 */", "expected one statement"),
        ("DROP TABLE TABLE d.t", "does not take it as one statement: error 1064"),
    ] {
        let found = not_sent(stage.act(&stage.statement(text, On)).await);
        assert!(found.contains(why), "{text}: {found}");
    }
    assert!(stage.has("db-a", &table).await);
}

/// Where the server cannot say it, the detail says so instead of keeping quiet.
async fn who_proves_that_it_is_one_statement_is_said(flavor: Flavor) {
    let stage = Stage::new(flavor, 0).await;
    stage.with_table().await;
    stage.sql("db-a", "GRANT LOCK TABLES ON *.* TO act@'%'").await;
    let by_lexer = "this server cannot prepare the statement";
    let detail = done(stage.act(&stage.statement("LOCK TABLES d.t READ", On)).await);
    assert_eq!(detail.contains(by_lexer), flavor == Flavor::Mysql, "{detail}");
    let detail = done(stage.act(&stage.statement("OPTIMIZE TABLE d.t", On)).await);
    assert!(!detail.contains(by_lexer) && detail.contains("d.t | optimize | status | OK"), "{detail}");
}

/// A view may call a function that writes, which its name does not show.
async fn what_only_reads_by_its_text_cannot_write(flavor: Flavor) {
    let stage = Stage::new(flavor, 0).await;
    stage.with_table().await;
    stage.sql("db-a", "SET GLOBAL log_bin_trust_function_creators=1").await;
    let wipe = "CREATE FUNCTION d.wipe() RETURNS INT MODIFIES SQL DATA BEGIN DELETE FROM d.t; RETURN 1; END";
    stage.sql("db-a", wipe).await;
    stage.sql("db-a", "CREATE VIEW d.v AS SELECT d.wipe() AS x").await;
    let look = "SELECT * FROM d.v";
    assert!(not_sent(stage.act(&stage.reading(look)).await).contains("error 1792"));
    assert_eq!(stage.value("db-a", "SELECT COUNT(*) FROM d.t").await.as_deref(), Some("1"));
    // The same text in a session that may write empties the table, so it was the session that stopped it.
    done(stage.act(&stage.statement(look, On)).await);
    assert_eq!(stage.value("db-a", "SELECT COUNT(*) FROM d.t").await.as_deref(), Some("0"));
}

async fn an_error_of_the_statement_is_a_failure(flavor: Flavor) {
    let stage = Stage::new(flavor, 0).await;
    stage.with_table().await;
    let outcome = stage.act(&stage.statement("DROP TABLE d.missing", On)).await;
    assert!(matches!(outcome, Outcome::Failed { code: 1051, .. }), "{outcome:?}");
    // The number that a false guard has, but from the statement itself.
    stage.sql("db-a", "INSERT INTO d.t VALUES (2)").await;
    let text = "UPDATE d.t SET id = (SELECT * FROM (SELECT id FROM d.t) AS two)";
    let outcome = stage.act(&stage.statement(text, On)).await;
    assert!(matches!(outcome, Outcome::Failed { code: 1242, .. }), "{outcome:?}");
}

async fn another_server_is_sent_nothing(flavor: Flavor) {
    let stage = Stage::new(flavor, 1).await;
    let mut acting = stage.acting();
    let other = stage.identity("db-b").await;
    let refused = acting.prepare(&run(), &stage.statement(DROP, Off), &other).await.unwrap_err();
    assert!(refused.contains("nothing is sent to another server"), "{refused}");
    let log = stage.topology.general_log(&server("db-a")).unwrap();
    let mut from_act = log.lines().skip_while(|line| !line.contains("act@")).skip(1);
    assert!(log.contains("act@"), "the positive control: it did connect");
    assert!(!from_act.any(|line| line.contains("SET SESSION") || line.contains("GET_LOCK") || line.contains("DROP")));
}

async fn a_second_executor_of_the_run_is_denied(flavor: Flavor) {
    let stage = Stage::new(flavor, 0).await;
    let (mut first, mut second) = (stage.acting(), stage.acting());
    let (command, identity) = (stage.statement(DROP, Off), stage.identity("db-a").await);
    let held = first.prepare(&run(), &command, &identity).await.unwrap();
    let refused = second.prepare(&run(), &command, &identity).await.unwrap_err();
    assert!(refused.contains(&format!("held by connection {}", held.id)), "{refused}");
    let another = RunId::parse("r-other").unwrap();
    let other = second.prepare(&another, &command, &identity).await.unwrap();
    second.close(&other).await;
    first.close(&held).await;
    let now_free = second.prepare(&run(), &command, &identity).await.unwrap();
    second.close(&now_free).await;
    let used = second.send(&now_free, &cleared(&command), &silent()).await;
    assert!(not_sent(used).contains("expected a prepared connection"));
}

async fn whether_a_session_may_go_unlogged_is_asked(flavor: Flavor) {
    let mut stage = Stage::new(flavor, 0).await;
    assert_eq!(unlogged(&stage, "db-a").await, Ok(true));
    stage.sql("db-a", "CREATE USER poor@'%' IDENTIFIED BY 'p'").await;
    let login = |user: &str| Login {
        defaults_file: None,
        group: None,
        user: Some(user.to_owned()),
        password_command: Some(vec!["echo".to_owned(), "p".to_owned()]),
    };
    stage.fleet.accounts.act = Some(login("poor"));
    assert_eq!(unlogged(&stage, "db-a").await, Ok(false));
    stage.fleet.accounts.act = Some(login("nobody"));
    assert!(unlogged(&stage, "db-a").await.is_err());
    assert!(unlogged(&stage, "db-x").await.is_err());
}

/// Each of these on both flavours.
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
    a_false_guard_stops_the_statement: mariadb_stops_behind_a_false_guard, mysql_stops_behind_a_false_guard;
    an_unlogged_drop_stays_on_one_server_and_is_proved: mariadb_drops_unlogged, mysql_drops_unlogged;
    a_logged_write_is_seen_by_the_proof: mariadb_proof_sees_a_logged_write, mysql_proof_sees_a_logged_write;
    a_logged_drop_reaches_the_replica: mariadb_drops_logged, mysql_drops_logged;
    what_is_not_one_statement_is_not_sent: mariadb_is_sent_one_statement, mysql_is_sent_one_statement;
    who_proves_that_it_is_one_statement_is_said: mariadb_proves_a_single_statement, mysql_proves_a_single_statement;
    what_only_reads_by_its_text_cannot_write: mariadb_reads_without_writing, mysql_reads_without_writing;
    an_error_of_the_statement_is_a_failure: mariadb_errors_are_failures, mysql_errors_are_failures;
    another_server_is_sent_nothing: another_mariadb_is_sent_nothing, another_mysql_is_sent_nothing;
    a_second_executor_of_the_run_is_denied: mariadb_denies_a_second_executor, mysql_denies_a_second_executor;
    whether_a_session_may_go_unlogged_is_asked: mariadb_says_whether_unlogged_works, mysql_says_whether_unlogged_works;
}

async fn unlogged(stage: &Stage, name: &str) -> Result<bool, String> {
    let told = stage.acting().told(&server(name), &std::collections::BTreeSet::new()).await;
    told.map(|told| told.unlogged_sessions)
}
