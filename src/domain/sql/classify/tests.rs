use super::*;
use crate::domain::base::{Danger, TableName};

const BOTH: [Flavor; 2] = [Flavor::MySql, Flavor::MariaDb];

fn of(text: &str, flavor: Flavor) -> Classified {
    classify(text, flavor, Some("shop"))
}

fn table(name: &str) -> Object {
    Object::Table(TableName::parse(name).unwrap())
}

/// Object and effect where the statement runs.
fn effects(text: &str) -> Vec<(Object, Effect)> {
    of(text, Flavor::MySql).objects.into_iter().map(|touched| (touched.object, touched.effect)).collect()
}

fn anything() -> Vec<(Object, Effect)> {
    vec![(Object::Everything, Effect::Anything)]
}

/// Statements of `tests/cases/harmless.sql` that are not proved harmless, each with the reason.
const NOT_PROVED: &[(&str, &[Flavor], &str)] = &[
    ("SELECT * FROM shop.orders WHERE id = 12345\\G", &BOTH, "`\\G` is a word of the client, no SQL"),
    ("SHOW CREATE TABLE `shop`.`orders`\\G", &BOTH, "`\\G` is a word of the client, no SQL"),
    ("SHOW ENGINE INNODB STATUS\\G", &BOTH, "`\\G` is a word of the client, no SQL"),
    ("SHOW SLAVE STATUS\\G", &BOTH, "`\\G` is a word of the client, no SQL"),
    ("SELECT SLEEP(1)", &BOTH, "holds whatever the session holds"),
    ("SELECT GET_LOCK('migration', 5)", &BOTH, "takes a lock that others may wait for"),
    ("SELECT WAIT_FOR_EXECUTED_GTID_SET('3e11fa47-71ca-11e1-9e33-c80aa9429562:1-5', 10)", &[Flavor::MySql], WAITS),
    ("SELECT MASTER_GTID_WAIT('0-1-17', 10)", &[Flavor::MariaDb], WAITS),
    ("SELECT sys.format_bytes(12345)", &BOTH, "a stored function that somebody may have replaced"),
    ("SELECT MD5(GROUP_CONCAT(id ORDER BY id)) FROM t", &[Flavor::MySql], "not built into MySQL 9.7 any more"),
];

const WAITS: &str = "waits for as long as its argument says, perhaps for ever; `wait_until` has a deadline";

fn harmless_cases() -> Vec<(&'static str, Vec<Flavor>)> {
    let mut flavors = BOTH.to_vec();
    let mut cases = Vec::new();
    for line in include_str!("../../../../tests/cases/harmless.sql").lines() {
        match line {
            "## both" => flavors = BOTH.to_vec(),
            "## mysql" => flavors = vec![Flavor::MySql],
            "## mariadb" => flavors = vec![Flavor::MariaDb],
            comment if comment.starts_with('#') => {}
            statement => cases.push((statement, flavors.clone())),
        }
    }
    cases
}

#[test]
fn what_people_type_in_incidents_is_harmless_or_listed_with_a_reason() {
    let cases = harmless_cases();
    assert!(cases.len() >= 300, "{} cases", cases.len());
    let mut wrong = Vec::new();
    let mut unproved = 0;
    for (text, flavors) in &cases {
        unproved += usize::from(NOT_PROVED.iter().any(|(listed, ..)| listed == text));
        for flavor in flavors {
            let listed = NOT_PROVED.iter().any(|(listed, on, _)| listed == text && on.contains(flavor));
            let found = of(text, *flavor);
            if found.is_harmless() == listed {
                wrong.push(format!("{flavor}: {text}: {:?} {:?}", found.class, found.warnings));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(unproved * 100 <= cases.len() * 3, "{unproved} of {} are not harmless", cases.len());
    assert_eq!(unproved, NOT_PROVED.len(), "an exception is listed that is no case");
}

/// Statements that do more than a first look says: none of them may look harmless on either flavour.
const EVASIONS: &[&str] = include!("../../../../tests/cases/evasions.rs");

#[test]
fn no_evasion_looks_harmless() {
    for text in EVASIONS {
        for flavor in BOTH {
            let found = of(text, flavor);
            assert!(!found.is_harmless(), "{flavor}: {text}: {found:?}");
        }
    }
}

#[test]
fn a_default_that_draws_from_a_sequence_is_no_read() {
    for text in ["SELECT DEFAULT(a) FROM t", "SELECT 1 FROM t WHERE a = DEFAULT(t.a)", "SHOW STATUS WHERE DEFAULT(a)"] {
        assert!(!of(text, Flavor::MariaDb).is_harmless(), "{text}");
    }
    assert!(of("SELECT DEFAULT(a) FROM t", Flavor::MySql).is_harmless());
}

#[test]
fn a_table_that_is_emptied_by_reading_is_no_read() {
    for text in [
        "SELECT * FROM information_schema.INNODB_CMP_RESET",
        "SELECT 1 FROM `information_schema` . `innodb_cmpmem_reset` LIMIT 1",
        "TABLE INNODB_CMP_PER_INDEX_RESET",
        "EXPLAIN ANALYZE SELECT * FROM a, information_schema.innodb_cmp_reset AS b",
        "SHOW STATUS WHERE (SELECT 1 FROM information_schema.INNODB_CMP_RESET LIMIT 1)",
        "EXPLAIN UPDATE t SET a = (SELECT MAX(compress_ops) FROM information_schema.INNODB_CMP_RESET)",
    ] {
        for flavor in BOTH {
            assert!(!of(text, flavor).is_harmless(), "{flavor}: {text}");
        }
    }
    assert!(of("SELECT * FROM information_schema.INNODB_CMP", Flavor::MySql).is_harmless());
}

#[test]
fn a_show_whose_subquery_locks_is_no_read() {
    for text in
        ["SHOW TABLES WHERE (SELECT 1 FROM t FOR SHARE)", "SHOW STATUS WHERE EXISTS (SELECT 1 FROM t FOR SHARE NOWAIT)"]
    {
        assert!(!of(text, Flavor::MySql).is_harmless(), "{text}");
    }
    assert!(of("SHOW GRANTS FOR CURRENT_USER()", Flavor::MySql).is_harmless());
}

#[test]
fn a_hint_that_closes_more_than_it_opens_hides_nothing() {
    for hint in [") RESOURCE_GROUP(BKA)", "BKA(t)) SET_VAR(BKA", ")"] {
        assert!(!of(&format!("SELECT /*+ {hint} */ 1"), Flavor::MySql).is_harmless(), "{hint}");
    }
    assert!(of("SELECT /*+ BKA(t) MERGE(u) */ 1", Flavor::MySql).is_harmless());
}

#[test]
fn what_is_not_recognised_is_destructive_and_may_touch_anything() {
    for text in [
        "FROBNICATE t",
        "DROP TABLE t FROB",
        "CALL p()",
        "SELECT f()",
        "START REPLICA",
        "",
        "DROP TRIGGER x",
        "DROP TABLE a.b.c",
    ] {
        let found = of(text, Flavor::MySql);
        assert_eq!(
            (found.danger, found.class, found.logging),
            (Danger::Destructive, Class::Opaque, Logging::Unknown),
            "{text}"
        );
        assert_eq!(effects(text), anything(), "{text}");
        assert!(!found.warnings.is_empty(), "{text}");
    }
}

#[test]
fn an_unqualified_name_without_a_default_database_may_be_anything() {
    for text in [
        "DROP TABLE t",
        "TRUNCATE t",
        "DELETE FROM t",
        "ALTER TABLE t ADD x INT",
        "RENAME TABLE a.b TO c",
        "DROP TABLE a.b, c",
    ] {
        let found = classify(text, Flavor::MySql, None);
        assert_eq!(found.objects[0].effect, Effect::Anything, "{text}");
    }
    assert_eq!(classify("DROP TABLE a.b", Flavor::MySql, None).objects[0].object, table("a.b"));
}

#[test]
fn drops_name_every_table_and_say_whether_they_are_logged_without_effect() {
    let lost = vec![(table("shop.a"), Effect::Lost), (table("x.y z"), Effect::Lost)];
    assert_eq!(effects("DROP TABLE a, x.`y z`"), lost);
    assert_eq!(effects("DROP TABLE IF EXISTS a, x.`y z` CASCADE"), lost);
    assert_eq!(effects("drop /* x */ table\na,x.`y z`;"), lost);
    let logging = |text| of(text, Flavor::MySql).logging;
    assert_eq!(logging("DROP TABLE a"), Logging::WhenEffective);
    assert_eq!(logging("DROP TABLE IF EXISTS a"), Logging::Always);
    assert_eq!(logging("DROP DATABASE IF EXISTS a"), Logging::Always);
    assert_eq!(effects("DROP DATABASE a"), [(Object::Schema("a".to_owned()), Effect::Lost)]);
    assert_eq!(effects("DROP TABLE a WAIT 5"), [(table("shop.a"), Effect::Lost)]);
    assert_eq!(effects("DROP TEMPORARY TABLE a"), anything());
}

#[test]
fn a_created_table_replaces_one_on_mariadbs_replicas() {
    let text = "CREATE TABLE t (id INT PRIMARY KEY) ENGINE=InnoDB";
    let maria = of(text, Flavor::MariaDb);
    assert_eq!(
        (maria.objects[0].effect.clone(), maria.objects[0].on_replicas.clone()),
        (Effect::Created, Effect::Replaced)
    );
    assert_eq!((maria.danger, maria.danger_unlogged), (Danger::Destructive, Danger::Reversible));
    let mysql = of(text, Flavor::MySql);
    assert_eq!((mysql.danger, mysql.objects[0].on_replicas.clone()), (Danger::Reversible, Effect::Created));
    assert_eq!(effects("CREATE OR REPLACE TABLE t (id INT)"), [(table("shop.t"), Effect::Replaced)]);
}

#[test]
fn a_created_table_must_hold_its_own_rows() {
    for text in [
        "CREATE TABLE t (a INT) ENGINE=FEDERATED CONNECTION='x'",
        "CREATE TABLE t (a INT) ENGINE=MERGE UNION=(a,b)",
        "CREATE TABLE t (a INT) ENGINE=SPIDER",
        "CREATE TABLE t AS SELECT f()",
        "CREATE TABLE t (SELECT f())",
        "CREATE TEMPORARY TABLE t (a INT)",
    ] {
        assert_eq!(effects(text), anything(), "{text}");
    }
    for text in [
        "CREATE TABLE t LIKE u",
        "CREATE TABLE t (a INT, `connection` INT, KEY a (a)) ENGINE = InnoDB DEFAULT CHARSET=utf8mb4",
        "CREATE TABLE t (a INT) PARTITION BY RANGE (a) (PARTITION p0 VALUES LESS THAN (10))",
        "CREATE TABLE t (a INT, CONSTRAINT f FOREIGN KEY (a) REFERENCES u (a) ON DELETE CASCADE)",
    ] {
        assert_eq!(effects(text), [(table("shop.t"), Effect::Created)], "{text}");
    }
    let filled = effects("CREATE TABLE t AS SELECT id FROM u");
    assert_eq!(filled, [(table("shop.t"), Effect::Created), (table("shop.u"), Effect::Read)]);
}

#[test]
fn renames_give_one_name_away_and_take_another() {
    assert_eq!(
        effects("RENAME TABLE a TO x.b"),
        [(table("shop.a"), Effect::Renamed { to: TableName::parse("x.b").unwrap() }), (table("x.b"), Effect::Created)]
    );
    assert_eq!(effects("ALTER TABLE a RENAME TO x.b"), effects("RENAME TABLE a TO x.b"));
    assert_eq!(effects("RENAME TABLE a TO b, c TO a").len(), 4);
    assert_eq!(of("RENAME TABLE a TO b", Flavor::MySql).danger, Danger::Reversible);
}

#[test]
fn an_alteration_loses_rows_unless_all_of_its_parts_keep_them() {
    for text in [
        "ALTER TABLE t ADD COLUMN x INT",
        "ALTER TABLE t ADD x INT DEFAULT 5, ADD INDEX i (x), ALGORITHM=INPLACE, LOCK=NONE",
        "ALTER TABLE t DROP INDEX i",
        "ALTER TABLE t COMMENT = 'x'",
        "CREATE INDEX i ON t (a)",
        "DROP INDEX i ON t",
    ] {
        let found = of(text, Flavor::MySql);
        assert_eq!(effects(text), [(table("shop.t"), Effect::Altered)], "{text}");
        assert_eq!(found.danger, Danger::Disruptive, "{text}");
    }
    for text in [
        "ALTER TABLE t DROP COLUMN x",
        "ALTER TABLE t DROP x",
        "ALTER TABLE t ADD x INT, DROP y",
        "ALTER TABLE t ENGINE=BLACKHOLE",
        "ALTER TABLE t COMMENT='x' ENGINE=BLACKHOLE",
        "ALTER TABLE t ADD x INT ENGINE=BLACKHOLE",
        "ALTER TABLE t DROP PARTITION p0",
        "ALTER TABLE t TRUNCATE PARTITION p0",
        "ALTER TABLE t DISCARD TABLESPACE",
        "ALTER TABLE t IMPORT TABLESPACE",
        "ALTER TABLE t MODIFY x TINYINT",
        "ALTER TABLE t CONVERT TO CHARACTER SET latin1",
        "ALTER TABLE t FORCE",
        "ALTER TABLE t ORDER BY x",
        "ALTER TABLE t",
        "ALTER IGNORE TABLE t ADD UNIQUE (x)",
        "ALTER TABLE t DROP SYSTEM VERSIONING",
        "ALTER TABLE t ADD PARTITION (PARTITION p1 VALUES LESS THAN (5))",
    ] {
        assert_eq!(of(text, Flavor::MySql).danger, Danger::Destructive, "{text}");
    }
    assert!(effects("ALTER TABLE t EXCHANGE PARTITION p WITH TABLE x.u").contains(&(table("x.u"), Effect::Lost)));
    assert_eq!(effects("ALTER TABLE t CONVERT PARTITION p TO TABLE u"), anything());
}

#[test]
fn row_changes_are_destructive_and_name_every_table_they_could_change() {
    for (text, expected) in [
        ("INSERT INTO t (a, b) VALUES (1, NOW())", vec![("shop.t", Effect::RowsChanged)]),
        (
            "INSERT INTO t(a) SELECT a FROM u ON DUPLICATE KEY UPDATE a = VALUES(a)",
            vec![("shop.t", Effect::RowsChanged), ("shop.u", Effect::Read)],
        ),
        ("REPLACE INTO x.t SET a = 1", vec![("x.t", Effect::RowsChanged)]),
        (
            "UPDATE t SET a = 1 WHERE id IN (SELECT id FROM u)",
            vec![("shop.t", Effect::RowsChanged), ("shop.u", Effect::Read)],
        ),
        (
            "UPDATE t JOIN x.u USING (a, b) SET t.a = 1",
            vec![("shop.t", Effect::RowsChanged), ("x.u", Effect::RowsChanged)],
        ),
        (
            "DELETE FROM t WHERE id IN (SELECT id FROM u) LIMIT 5",
            vec![("shop.t", Effect::Lost), ("shop.u", Effect::Read)],
        ),
        ("DELETE a FROM x.t a JOIN x.u ON a.i = u.i", vec![("x.t", Effect::Lost), ("x.u", Effect::Lost)]),
    ] {
        let expected: Vec<_> = expected.into_iter().map(|(name, effect)| (table(name), effect)).collect();
        assert_eq!(effects(text), expected, "{text}");
        let found = of(text, Flavor::MySql);
        assert_eq!((found.danger, found.class), (Danger::Destructive, Class::Rows), "{text}");
        assert!(found.warnings.contains(&Caution::Triggers), "{text}");
    }
    for text in [
        "INSERT INTO t VALUES (f())",
        "UPDATE t SET a = f()",
        "DELETE FROM t WHERE f()",
        "DELETE FROM a USING x.t AS a",
        "UPDATE (SELECT 1) x SET a = 1",
        "DELETE t FROM {OJ t LEFT JOIN u ON 1}",
        "INSERT INTO t SELECT 1 INTO OUTFILE 'x'",
    ] {
        assert_eq!(effects(text), anything(), "{text}");
    }
}

#[test]
fn maintenance_is_logged_unless_its_keyword_stands_there() {
    for verb in ["ANALYZE", "OPTIMIZE", "REPAIR"] {
        let logging = |middle: &str| of(&format!("{verb} {middle} TABLE t"), Flavor::MariaDb).logging;
        assert_eq!(logging(""), Logging::UnlessKeyword(Keyword::Absent), "{verb}");
        assert_eq!(logging("LOCAL"), Logging::UnlessKeyword(Keyword::Present), "{verb}");
        assert_eq!(logging("NO_WRITE_TO_BINLOG"), Logging::UnlessKeyword(Keyword::Present), "{verb}");
    }
    assert_eq!(Logging::UnlessKeyword(Keyword::Absent).written(), Written::Yes);
    assert_eq!(Logging::UnlessKeyword(Keyword::Present).written(), Written::No);
    assert_eq!(of("FLUSH BINARY LOGS", Flavor::MySql).logging, Logging::Never);
    assert_eq!(of("FLUSH STATUS", Flavor::MySql).logging, Logging::UnlessKeyword(Keyword::Absent));
    assert_eq!(effects("REPAIR TABLE t QUICK"), [(table("shop.t"), Effect::Lost)]);
}

#[test]
fn checking_a_table_is_a_class_of_its_own() {
    let found = of("CHECK TABLE a, b QUICK", Flavor::MySql);
    assert_eq!((found.class, found.danger, found.logging), (Class::Verify, Danger::Reversible, Logging::Never));
    assert_eq!(found.objects.len(), 2);
}

#[test]
fn known_server_statements_have_the_danger_of_what_they_do() {
    for (text, danger) in [
        ("STOP REPLICA", Danger::Protective),
        ("STOP ALL SLAVES", Danger::Protective),
        ("STOP SLAVE 'c' SQL_THREAD", Danger::Protective),
        ("STOP REPLICA IO_THREAD FOR CHANNEL 'c'", Danger::Protective),
        ("KILL QUERY 5", Danger::Disruptive),
        ("SET GLOBAL read_only = ON", Danger::Disruptive),
        ("SET GLOBAL innodb_force_recovery = 1", Danger::Destructive),
        ("SET GLOBAL gtid_slave_pos = ''", Danger::Destructive),
        ("GRANT SELECT ON *.* TO x", Danger::Disruptive),
        ("RESET MASTER", Danger::Destructive),
        ("USE shop", Danger::Observe),
    ] {
        assert_eq!(of(text, Flavor::MariaDb).danger, danger, "{text}");
    }
}

#[test]
fn one_executable_comment_is_judged_under_both_readings() {
    let found = of("DROP TABLE a /*!50000 , b */", Flavor::MySql);
    let objects: Vec<_> = found.objects.iter().map(|touched| touched.object.clone()).collect();
    assert_eq!(objects, [table("shop.a"), table("shop.b")]);
    assert!(found.warnings.contains(&Caution::ExecutableComment));
    assert!(of("SELECT /*!40001 SQL_NO_CACHE */ 1", Flavor::MariaDb).is_harmless());
}

#[test]
fn queries_name_the_tables_they_read() {
    let names = |text| effects(text).into_iter().map(|(object, _)| object).collect::<Vec<_>>();
    assert_eq!(
        names("SELECT * FROM a, x.b JOIN `c` ON 1 WHERE EXTRACT(YEAR FROM d) IN (SELECT 1 FROM e)"),
        [table("shop.a"), table("x.b"), table("shop.c"), table("shop.e")]
    );
    assert_eq!(names("WITH w AS (SELECT 1 FROM a) SELECT * FROM w"), [table("shop.a")]);
    assert_eq!(names("SELECT * FROM (a, b) LEFT JOIN (c) ON 1"), [table("shop.a"), table("shop.b"), table("shop.c")]);
}

#[test]
fn the_plan_of_a_change_names_what_it_would_change() {
    for (text, name) in [
        ("EXPLAIN INSERT INTO v (id) VALUES (1)", "shop.v"),
        ("EXPLAIN REPLACE x.v SELECT 1", "x.v"),
        ("EXPLAIN UPDATE t, `v` SET t.a = 1", "shop.v"),
        ("EXPLAIN UPDATE LOW_PRIORITY v SET a = 1", "shop.v"),
        ("EXPLAIN DELETE FROM v WHERE id = 1", "shop.v"),
        ("EXPLAIN DELETE t FROM t JOIN v USING (id)", "shop.v"),
    ] {
        assert!(effects(text).contains(&(table(name), Effect::Read)), "{text}: {:?}", effects(text));
        assert!(of(text, Flavor::MySql).is_harmless(), "{text}");
    }
    assert!(!of("EXPLAIN DELETE FROM t USING v JOIN t", Flavor::MySql).is_harmless());
}

#[test]
fn nesting_has_an_end() {
    let deep = "EXPLAIN ANALYZE ".repeat(50_000) + "SELECT 1";
    assert!(!of(&deep, Flavor::MySql).is_harmless());
    let deep = "SET STATEMENT max_statement_time=1 FOR ".repeat(50_000) + "SELECT 1";
    assert!(!of(&deep, Flavor::MariaDb).is_harmless());
}

/// Text that adds nothing to the statement after it.
const PREFIX: &str =
    "([ \t\n]|/\\* [a-z;']{0,6} \\*/|-- [a-z;'`]{0,6}\n|#[a-z;\"]{0,6}\n|/\\*![0-9]{5} \\*/|/\\*M! \\*/){0,6}";

/// Pieces that SQL is made of, harmless and not.
const SOUP: &str = "SELECT|FROM|t|shop\\.t|WHERE|INTO|@a|:=|f\\(|COUNT\\(|\\(|\\)|,|\\*|'x'|\"y\"|`z`|;|/\\*!|/\\*|\\*/|--|#|\n|DROP|TABLE|DELETE|UPDATE|SET|GLOBAL|EXPLAIN|ANALYZE|WITH|AS|FOR|SHOW|STATUS|ALTER|ADD|CREATE|1|\\.|=|\\\\|é|\u{200b}";

proptest::proptest! {
    #[test]
    fn nothing_before_a_destructive_statement_makes_it_harmless(prefix in PREFIX, which in 0..EVASIONS.len()) {
        let text = format!("{prefix}{}", EVASIONS[which]);
        for flavor in BOTH {
            assert!(!of(&text, flavor).is_harmless(), "{text}");
        }
    }

    #[test]
    fn a_drop_between_comments_stays_destructive(prefix in PREFIX, suffix in PREFIX) {
        let text = format!("{prefix}DROP TABLE a.b{suffix}");
        for flavor in BOTH {
            assert_eq!(of(&text, flavor).danger, Danger::Destructive, "{text}");
        }
    }

    #[test]
    fn a_second_statement_is_never_harmless(first in 0..400_usize, second in 0..400_usize) {
        let cases = harmless_cases();
        let text = format!("{}\n; {}", cases[first % cases.len()].0, cases[second % cases.len()].0);
        assert!(!of(&text, Flavor::MySql).is_harmless(), "{text}");
    }

    #[test]
    fn soup_is_judged_without_a_panic(parts in proptest::collection::vec(SOUP, 0..30)) {
        for text in [parts.concat(), parts.join(" ")] {
            for flavor in BOTH {
                let found = of(&text, flavor);
                assert!(found.danger >= found.danger_unlogged);
            }
        }
    }

    #[test]
    fn case_and_spacing_do_not_change_the_judgement(which in 0..EVASIONS.len()) {
        let text = EVASIONS[which];
        assert_eq!(of(text, Flavor::MySql).danger, of(&format!("\n {text} "), Flavor::MySql).danger, "{text}");
        assert_eq!(of(&text.to_lowercase(), Flavor::MySql).is_harmless(), of(text, Flavor::MySql).is_harmless());
    }
}
