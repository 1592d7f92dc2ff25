//! Behaviour of reading and resolving. What is said about broken files is in `tests/cases/lint`.

use std::collections::BTreeMap;

use super::*;
use crate::domain::base::{Digest, RunId, Span};
use crate::domain::snapshot::fixture::{Fixture, Replica};
use crate::domain::vocabulary::action::copy_table::Log;
use crate::domain::vocabulary::{Action, Condition};

const HEAD: &str = "\
countersign: 1
name: case
title: Rebuild $table for 5$$
owner: dba@example.com
use_when: a test needs it
not_when: never
params:
  table: {type: table, default: sh`op.orders}
  spare: {type: server, default: db-c}
  limit: {type: duration, default: 1h30m}
  note: {type: text, default: it's}
  least: {type: number, default: -5}
steps:
";

fn resolve(steps: &str) -> Runbook {
    let fixture =
        Fixture::new().server("db-a").replica("db-b", Replica::of("db-a")).replica("db-c", Replica::of("db-a"));
    let source = read("case.yaml", &format!("{HEAD}{steps}")).unwrap_or_else(|problems| panic!("{problems}"));
    source.resolve(&BTreeMap::new(), &fixture.fleet()).unwrap_or_else(|problems| panic!("{problems}"))
}

fn action(entry: &str) -> Action {
    let runbook = resolve(&format!("  - {{id: one, title: One, server: $spare, do: {entry}}}\n"));
    match runbook.steps.into_iter().next().map(|step| step.work) {
        Some(Work::Act(action)) => action,
        other => panic!("{other:?}"),
    }
}

fn sql(entry: &str) -> (String, Log) {
    match action(entry) {
        Action::Sql(sql) => (sql.statement, sql.log),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_name_alone_takes_the_server_of_its_step() {
    assert_eq!(action("detach_replica").says(), "detach db-c from what it follows");
    assert_eq!(action("{detach_replica: }"), action("detach_replica"));
    assert_eq!(action("{detach_replica: {}}"), action("detach_replica"));
    assert_eq!(action("{detach_replica: db-b}").says(), "detach db-b from what it follows");
    assert_eq!(action("{detach_replica: {server: db-b}}"), action("{detach_replica: db-b}"));
}

#[test]
fn a_scalar_is_the_main_argument_and_the_other_keys_stand_beside_it() {
    let (statement, log) = sql("{sql: DROP TABLE $table, log: none}");
    assert_eq!((statement.as_str(), log), ("DROP TABLE `sh``op`.`orders`", Log::None));
    assert_eq!(sql("{sql: {statement: DROP TABLE $table, log: none}}"), (statement, log));
    assert_eq!(sql("{sql: SELECT 1}"), ("SELECT 1".to_owned(), Log::Binary));
}

#[test]
fn what_is_put_into_a_statement_is_quoted_by_its_type() {
    let statement = "SELECT '$$', `a`$$b FROM $table WHERE n=$note AND m>-$least";
    let (statement, _) = sql(&format!("{{sql: \"{statement}\"}}"));
    assert_eq!(statement, "SELECT '$', `a`$b FROM `sh``op`.`orders` WHERE n='it''s' AND m>-(-5)");
}

#[test]
fn every_parameter_is_a_plain_word_in_what_people_read() {
    let runbook = resolve(
        "  - id: one\n    title: $table on $spare, $limit, $note, $least\n    why: $$table\n    do: {manual: Use $spare., read_back: Is $spare well?}\n",
    );
    assert_eq!(runbook.title, "Rebuild sh`op.orders for 5$");
    let step = &runbook.steps[0];
    assert_eq!(step.title, "sh`op.orders on db-c, 1h30m, it's, -5");
    assert_eq!(step.why.as_deref(), Some("$table"));
    let expected = Work::Manual { text: "Use db-c.".to_owned(), read_back: "Is db-c well?".to_owned() };
    assert_eq!(step.work, expected);
}

#[test]
fn waiting_has_conditions_and_an_end() {
    let runbook = resolve(
        "  - id: one\n    title: One\n    server: $spare\n    do: {wait_until: [replicating, caught_up: {with: db-a}], at_most: $limit}\n",
    );
    let Work::WaitUntil { conditions, at_most } = &runbook.steps[0].work else { panic!("{runbook:?}") };
    assert_eq!(
        conditions.iter().map(Condition::says).collect::<Vec<_>>(),
        ["replication runs on db-c", "db-c has all that db-a had"]
    );
    assert_eq!(*at_most, Span::from_secs(5400));
}

#[test]
fn a_step_keeps_its_conditions_its_danger_and_its_undo() {
    let runbook = resolve(
        "  - id: one\n    title: One\n    server: $spare\n    danger: disruptive\n    preconditions: [feeds_nobody]\n    do: detach_replica\n    postconditions: [fenced: $spare]\n    undo: reattach_replica\n",
    );
    let step = &runbook.steps[0];
    assert_eq!(step.danger, Some(crate::domain::base::Danger::Disruptive));
    assert_eq!(step.preconditions[0].says(), "nobody follows db-c");
    assert_eq!(step.postconditions[0].says(), "db-c is fenced: nothing arrives there");
    let undone = match step.undo.as_ref().map(|undo| &undo.work) {
        Some(Work::Act(action)) => Some(action),
        _ => None,
    };
    assert_eq!(undone.map(Action::says).as_deref(), Some("let db-c follow again"));
}

#[test]
fn a_runbook_knows_its_bytes_its_parameters_and_its_tables() {
    let runbook =
        resolve("  - {id: one, title: One, do: {compare_copies: {table: $table, on: [db-b], private_on: db-a}}}\n");
    assert_eq!(runbook.digest, Digest::of(runbook.text.as_bytes()));
    assert_eq!(runbook.params["spare"].plain(), "db-c");
    let tables: Vec<String> = runbook.tables(&RunId::parse("r-1").unwrap()).iter().map(ToString::to_string).collect();
    assert_eq!(tables, ["sh`op.orders", "sh`op.orders_cs_1"]);
}

#[test]
fn a_value_given_wins_over_the_default_and_may_be_anything_that_is_quoted() {
    let source =
        read("f", &format!("{HEAD}  - {{id: one, title: One, server: $spare, do: {{sql: SELECT $note}}}}\n")).unwrap();
    let fleet = Fixture::new().server("db-a").server("db-c").fleet();
    let given = |note: &str| BTreeMap::from([("note".to_owned(), note.to_owned())]);
    let runbook = source.resolve(&given("'; DROP TABLE x; -- $table"), &fleet).unwrap();
    let Work::Act(Action::Sql(sql)) = &runbook.steps[0].work else { panic!("{runbook:?}") };
    assert_eq!(sql.statement, "SELECT '''; DROP TABLE x; -- $table'");
    assert!(source.resolve(&given("two\nlines"), &fleet).is_err());
}

#[test]
fn parameters_come_in_the_order_of_the_file() {
    let source =
        read("f", &format!("{HEAD}  - {{id: one, title: One, do: {{manual: Look, read_back: What?}}}}\n")).unwrap();
    let names: Vec<&str> = source.params().iter().map(|param| param.name.as_str()).collect();
    assert_eq!(names, ["table", "spare", "limit", "note", "least"]);
}

/// The examples of the vocabulary are what people copy.
#[test]
fn every_example_of_the_vocabulary_is_read() {
    let head = "countersign: 1\nname: case\ntitle: Case\nowner: me\nparams:\n  table: {type: table}\n  primary: {type: server}\n  spare: {type: server}\nsteps:\n  - {id: compare, title: Compare, do: {compare_copies: {table: $table, on: [$spare, $primary]}}}\n  - id: example\n    title: Example\n    server: $spare\n";
    let indented = |text: &str, by: &str| text.replace('\n', &format!("\n{by}"));
    for spec in Action::ALL {
        let text = format!("{head}    do:\n      {}\n", indented(spec.example, "      "));
        read(spec.name, &text).unwrap_or_else(|problems| panic!("{problems}"));
    }
    for spec in Condition::ALL {
        let text =
            format!("{head}    do: check_table\n    preconditions:\n      - {}\n", indented(spec.example, "        "));
        let text = text.replace("do: check_table", "do: {check_table: $table}");
        read(spec.name, &text).unwrap_or_else(|problems| panic!("{problems}"));
    }
}

const SHIPPED: &str = include_str!("../../../runbooks/rebuild-table-logged.yaml");

proptest::proptest! {
    #[test]
    fn no_bytes_make_reading_panic(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..300)) {
        if let Ok(text) = crate::domain::yaml::decode("f", &bytes) {
            let _ = read("f", text).map_err(|problems| problems.to_string());
        }
    }

    #[test]
    fn no_edit_of_a_shipped_runbook_makes_it_panic(
        at in 0usize..SHIPPED.len(),
        with in "([a-z]{0,6}|[$:\\-\\[\\]{}'\" \n,]{0,4}|.{0,3})",
        cut in 0usize..40,
    ) {
        let end = (at + cut).min(SHIPPED.len());
        let text = format!("{}{with}{}", &SHIPPED[..at], &SHIPPED[end..]);
        match read("f", &text) {
            Err(problems) => drop((problems.to_string(), problems.to_json())),
            Ok(source) => {
                let given = [("table", "shop.orders"), ("primary", "db-a"), ("spare", "db-c")];
                let given = given.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
                let fleet = Fixture::new().server("db-a").server("db-b").server("db-c").fleet();
                let _ = source.resolve(&given, &fleet).map_err(|problems| problems.to_string());
            }
        }
    }

    #[test]
    fn no_text_parameter_leaves_its_quotes(note in "(?s).{0,40}") {
        let source = read("f", &format!("{HEAD}  - {{id: one, title: One, server: $spare, do: {{sql: SELECT $note}}}}\n")).unwrap();
        let fleet = Fixture::new().server("db-a").server("db-c").fleet();
        if let Ok(runbook) = source.resolve(&BTreeMap::from([("note".to_owned(), note)]), &fleet) {
            let Work::Act(Action::Sql(sql)) = &runbook.steps[0].work else { panic!("{runbook:?}") };
            let lexed = crate::domain::sql::lexer::lex(&sql.statement, crate::domain::sql::lexer::Reading::Expanded).unwrap();
            proptest::prop_assert_eq!(lexed.tokens.len(), 2);
        }
    }
}
