use super::*;
use crate::domain::sql::dialect::Version;
use crate::domain::sql::lexer::{Reading, lex};

fn mysql() -> Dialect {
    Dialect::of(Flavor::MySql, Version::new(9, 7, 4)).unwrap()
}

fn mariadb() -> Dialect {
    Dialect::of(Flavor::MariaDb, Version::new(10, 11, 19)).unwrap()
}

fn row(session: Session, dialect: Dialect) -> Vec<Option<String>> {
    session.settings(dialect).into_iter().map(|setting| Some(setting.value)).collect()
}

#[test]
fn the_guard_stands_before_the_untouched_statement() {
    let statement = "DROP TABLE `shop`.`orders` ; -- the corrupt one\n";
    let guards = [Guard::Binlog(BinlogWriting::Off), Guard::HoldsLock("cs".to_owned())];
    let packet = Packet::guarded(mysql(), &guards, statement).unwrap();
    assert_eq!(
        packet.guard(),
        "SELECT IF(@@SESSION.sql_log_bin=0 AND IS_USED_LOCK('cs')=CONNECTION_ID(),'ok',(SELECT 1 UNION SELECT 2))"
    );
    assert_eq!(packet.statement(), statement);
    assert_eq!(packet.text(), format!("{}; {statement}", packet.guard()));
}

#[test]
fn a_statement_never_travels_unguarded_or_in_company() {
    let guard = [Guard::ReadOnly(Switch::Off)];
    assert_eq!(Packet::guarded(mysql(), &[], "SELECT 1"), Err(PacketError::NoGuard));
    for (text, found) in [("", 0), ("SELECT 1; DROP TABLE t", 2), ("SELECT 1 /*! ; DROP TABLE t */", 2)] {
        assert_eq!(Packet::guarded(mysql(), &guard, text), Err(PacketError::NotOneStatement { found }), "{text}");
    }
    assert!(matches!(Packet::guarded(mysql(), &guard, "DROP TABLE 'x"), Err(PacketError::Unreadable(_))));
}

#[test]
fn guards_that_a_flavour_cannot_evaluate_are_refused() {
    let uuid = Guard::Identity { variable: IdentityVariable::ServerUuid, value: "x".to_owned() };
    for guard in [uuid, Guard::SuperReadOnly(Switch::On), Guard::GtidsInclude("x".to_owned())] {
        assert!(matches!(guard.condition(mariadb()), Err(PacketError::NotOnThisServer { .. })), "{guard:?}");
        assert!(guard.condition(mysql()).is_ok(), "{guard:?}");
    }
}

#[test]
fn hostile_values_stay_inside_the_guard() {
    let evil = "x') OR 1=1,'ok',2)); DROP TABLE t; -- \\".to_owned();
    let guards = [
        Guard::Identity { variable: IdentityVariable::Datadir, value: evil.clone() },
        Guard::HoldsLock(evil.clone()),
        Guard::GtidsAre(evil.clone()),
        Guard::DefaultDatabase(Some(evil)),
    ];
    for dialect in [mysql(), mariadb()] {
        let packet = Packet::guarded(dialect, &guards, "DROP TABLE a.b").unwrap();
        let lexed = lex(packet.text(), Reading::Expanded).unwrap();
        assert_eq!(lexed.statements().len(), 2);
        assert_eq!(lexed.statements()[1].len(), 5);
    }
}

#[test]
fn the_prelude_sets_what_is_printed_and_the_read_back_asks_for_all_of_it() {
    for dialect in [mysql(), mariadb()] {
        let session = Session::statement(BinlogWriting::Off);
        let prelude = session.prelude(dialect).join("\n");
        assert!(prelude.contains("SESSION sql_log_bin=0"), "{prelude}");
        assert!(prelude.contains("lock_wait_timeout=10"), "{prelude}");
        for setting in session.settings(dialect) {
            assert!(session.read_back(dialect).contains(&format!("@@SESSION.{}", setting.name)), "{}", setting.name);
        }
        assert_eq!(session.compare(dialect, &row(session, dialect)), []);
    }
}

#[test]
fn a_session_that_logs_does_not_need_the_right_to_switch_logging() {
    let prelude = Session::statement(BinlogWriting::On).prelude(mysql()).join("\n");
    assert!(!prelude.contains("sql_log_bin"), "{prelude}");
    assert!(Session::statement(BinlogWriting::On).read_back(mysql()).contains("sql_log_bin"));
}

#[test]
fn every_setting_that_reads_back_differently_is_named() {
    let session = Session::load(BinlogWriting::Off);
    let settings = session.settings(mysql());
    for (column, setting) in settings.iter().enumerate() {
        let mut answer = row(session, mysql());
        answer[column] = Some("other".to_owned());
        let names: Vec<_> = session.compare(mysql(), &answer).into_iter().map(|mismatch| mismatch.name).collect();
        assert_eq!(names, [setting.name]);
    }
    assert_eq!(session.compare(mysql(), &[]).len(), settings.len());
}

#[test]
fn nobody_waits_longer_than_ten_seconds_for_a_lock() {
    assert_eq!(LockWait::from_secs(0), None);
    assert_eq!(LockWait::from_secs(11), None);
    assert_eq!(LockWait::from_secs(10), Some(LockWait::LONGEST));
}

proptest::proptest! {
    #[test]
    fn the_statements_bytes_are_the_end_of_the_packet(statement in "DROP TABLE [a-z]{1,5}( /\\* [a-z;]{0,4} \\*/)?[ \n]{0,3};?[ \n]{0,3}") {
        let packet = Packet::guarded(mysql(), &[Guard::ReadOnly(Switch::On)], &statement).unwrap();
        assert!(packet.text().ends_with(&statement));
        assert_eq!(packet.statement(), statement);
    }
}
