use super::*;
use crate::domain::reach::Carry;

fn table(name: &str) -> TableName {
    name.parse().unwrap()
}

fn definition(default: Option<&str>, tables: &[&str]) -> Statement {
    let names = Names::Tables(tables.iter().map(|name| table(name)).collect());
    Statement { names, default: default.map(str::to_owned), ..Statement::from(Carry::Logged) }
}

fn rows(default: Option<&str>, tables: &[&str]) -> Statement {
    let names = Names::Rows(tables.iter().map(|name| table(name)).collect());
    Statement { names, default: default.map(str::to_owned), ..Statement::from(Carry::Logged) }
}

fn schema(name: &str) -> Statement {
    Statement { names: Names::Schema(name.to_owned()), ..Statement::from(Carry::Logged) }
}

fn judged(filters: &str, statement: &Statement) -> Filtering {
    Filters::parse(filters).unwrap().judge(statement, RowsAs::Rows, None)
}

use Filtering::{Passes, Stops};

const IGNORE_DB: &str = "Replicate_Ignore_DB=d";
const IGNORE_TABLE: &str = "Replicate_Ignore_Table=d.t,d.u";
const WILD: &str = "Replicate_Wild_Ignore_Table=d.%";

#[test]
fn a_rule_for_a_schema_looks_at_the_default_database_of_a_definition() {
    assert_eq!(judged(IGNORE_DB, &definition(None, &["d.t"])), Passes);
    assert_eq!(judged(IGNORE_DB, &definition(Some("other"), &["d.t"])), Passes);
    assert_eq!(judged(IGNORE_DB, &definition(Some("d"), &["d.t"])), Stops);
    assert_eq!(judged(IGNORE_DB, &definition(Some("d"), &["other.t"])), Stops);
}

#[test]
fn a_replica_that_wants_some_schemas_wants_no_statement_without_a_default() {
    assert_eq!(judged("Replicate_Do_DB=d", &definition(None, &["d.t"])), Stops);
    assert!(matches!(judged("Binlog_Do_DB=d", &definition(None, &["d.t"])), Filtering::Unclear(_)));
    assert_eq!(judged("Binlog_Ignore_DB=d", &definition(None, &["d.t"])), Passes);
}

#[test]
fn a_rule_for_a_schema_looks_at_the_table_of_rows() {
    assert_eq!(judged(IGNORE_DB, &rows(Some("other"), &["d.t"])), Stops);
    assert_eq!(judged(IGNORE_DB, &rows(Some("d"), &["other.t"])), Passes);
    assert_eq!(judged("Replicate_Do_DB=d", &rows(None, &["other.t"])), Stops);
}

#[test]
fn rules_for_tables_look_at_the_written_name() {
    for default in [None, Some("d"), Some("other")] {
        for filters in [IGNORE_TABLE, WILD] {
            assert_eq!(judged(filters, &definition(default, &["d.t"])), Stops);
            assert_eq!(judged(filters, &rows(default, &["d.t"])), Stops);
            assert_eq!(judged(filters, &definition(default, &["e.t"])), Passes);
        }
    }
}

#[test]
fn the_first_table_that_meets_a_rule_decides_for_the_statement() {
    let wanted = "Replicate_Do_Table=d.keep";
    assert_eq!(judged(wanted, &definition(None, &["d.keep", "d.t"])), Passes);
    assert_eq!(judged(wanted, &definition(None, &["d.t", "d.keep"])), Passes);
    assert_eq!(judged(wanted, &definition(None, &["d.t"])), Stops);
    assert_eq!(judged(IGNORE_TABLE, &definition(None, &["d.t", "d.other"])), Stops);
    assert_eq!(judged(IGNORE_TABLE, &rows(None, &["d.t", "d.other"])), Passes, "of rows each table by itself");
}

#[test]
fn a_schema_is_judged_by_its_own_name() {
    assert_eq!(judged(IGNORE_DB, &schema("d")), Stops);
    assert_eq!(judged(WILD, &schema("d")), Stops);
    assert_eq!(judged(IGNORE_TABLE, &schema("d")), Passes);
    assert_eq!(judged("Replicate_Wild_Do_Table=e.%", &schema("d")), Stops);
}

#[test]
fn the_case_of_letters_is_not_guessed() {
    assert!(matches!(judged(IGNORE_DB, &definition(Some("D"), &["d.t"])), Filtering::Unclear(_)));
    assert!(matches!(judged(WILD, &definition(None, &["D.t"])), Filtering::Unclear(_)));
}

#[test]
fn rows_that_may_be_logged_as_a_statement_have_an_answer_where_both_agree() {
    let both =
        |filters: &str, statement: &Statement| Filters::parse(filters).unwrap().judge(statement, RowsAs::Either, None);
    assert_eq!(both(WILD, &rows(None, &["d.t"])), Stops);
    assert!(matches!(both(IGNORE_DB, &rows(Some("other"), &["d.t"])), Filtering::Unclear(_)));
}

#[test]
fn marks_of_the_first_server_are_compared_where_they_are_known() {
    let by = |filters: &str, origin| {
        Filters::parse(filters).unwrap().judge(&definition(None, &["d.t"]), RowsAs::Rows, origin)
    };
    let origin = Some(Origin { server_id: 3, domain: Some(7) });
    assert_eq!(by("Replicate_Ignore_Server_Ids=2, 3", origin), Stops);
    assert_eq!(by("Replicate_Ignore_Server_Ids=2", origin), Passes);
    assert_eq!(by("Replicate_Do_Domain_Ids=1", origin), Stops);
    assert_eq!(by("Replicate_Ignore_Domain_Ids=7", origin), Stops);
    assert_eq!(by("Replicate_Ignore_Domain_Ids=8", origin), Passes);
    assert!(matches!(by("Replicate_Ignore_Server_Ids=2", None), Filtering::Unclear(_)));
}

#[test]
fn what_is_not_understood_is_unclear() {
    assert!(Filters::parse("Replicate_Some_New_Kind=x").is_err());
    assert!(Filters::parse("Replicate_Ignore_DB=a`b").is_err());
    assert!(Filters::parse("Replicate_Wild_Ignore_Table=d.a\\_b").is_err());
    assert!(matches!(judged("Replicate_Rewrite_DB=(a,b)", &definition(None, &["d.t"])), Filtering::Unclear(_)));
    let unnamed = Statement::from(Carry::Logged);
    assert!(matches!(judged(IGNORE_DB, &unnamed), Filtering::Unclear(_)));
    assert_eq!(judged("", &unnamed), Passes);
}

#[test]
fn patterns_match_as_in_sql() {
    for (pattern, text, expected) in [
        ("d.%", "d.t", true),
        ("d.%", "d.", true),
        ("d_.%", "dx.t", true),
        ("d_.%", "d.t", false),
        ("%.t", "a.b.t", true),
        ("d.t", "d.tt", false),
    ] {
        assert_eq!(is_like(pattern, text), expected, "{pattern} {text}");
    }
}
