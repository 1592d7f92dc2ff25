//! The classifier against real servers: nothing that it calls harmless changes one, whoever sends it.
//!
//! `COUNTERSIGN_STATEMENTS=n` judges that many statements instead of 3,000, `COUNTERSIGN_STATEMENT_SEED=n` others.

mod fixture;
mod grammar;
mod judge;
mod names;
mod state;

use std::collections::BTreeSet;

use countersign::domain::sql::classify::Class;
use countersign::lab::Flavor;
use judge::{Answer, Answers, Case, Judge, SYNTAX, Seat, culprits};
use names::no_stored_function_is_called;
use state::Kind;

const EVASIONS: &[&str] = include!("../cases/evasions.rs");

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().map_or(default, |text| text.parse().unwrap_or_else(|_| panic!("{name}={text}")))
}

/// What people type, what was thought of by hand, and what the grammar makes, each once.
fn cases(flavor: Flavor) -> Vec<Case> {
    let wanted = usize::try_from(setting("COUNTERSIGN_STATEMENTS", 3_000)).unwrap();
    let mut grammar = grammar::Grammar::new(setting("COUNTERSIGN_STATEMENT_SEED", 1));
    let mut texts: Vec<String> = EVASIONS.iter().map(|text| (*text).to_owned()).collect();
    let typed = include_str!("../cases/harmless.sql").lines().filter(|line| !line.starts_with('#'));
    texts.extend(typed.map(str::to_owned));
    let mut known: BTreeSet<String> = texts.iter().cloned().collect();
    while known.len() < wanted {
        let text = grammar.statement();
        if known.insert(text.clone()) {
            texts.push(text);
        }
    }
    texts.iter().map(|text| Case::new(text, flavor)).collect()
}

fn count(answers: &Answers, wanted: Answer) -> usize {
    answers.get(&wanted).map_or(0, Vec::len)
}

async fn nothing_harmless_changes_a_server(flavor: Flavor) {
    let cases = cases(flavor);
    let harmless: Vec<Case> = cases.into_iter().filter(Case::is_harmless).collect();
    // A view that writes and that the classifier names is refused by whoever sends the read. One that it does not name,
    // as in a comment, is executed like everything else.
    let seen = |case: &Case| case.writing_view().is_some_and(|view| case.names(view));
    let (views, plain): (Vec<Case>, Vec<Case>) = harmless.into_iter().partition(seen);
    assert!(views.len() >= 20, "only {} statements read a view that writes", views.len());
    let (found, answers) = culprits(flavor, &[Seat::RootWriting, Seat::RootReading, Seat::Observer], &plain).await;
    assert!(found.is_empty(), "{found:#?}");
    assert_eq!(answers.get(&Answer::Gone), None);
    let (all, done) = (plain.len(), count(&answers, Answer::Done));
    assert!(done * 100 >= all * 70, "only {done} of {all} were executed: {answers:#?}");
}

async fn an_observer_changes_nothing_whatever_it_is_sent(flavor: Flavor) {
    // The right to see processes is enough to empty these tables; nothing but the classifier refuses that.
    let empties = |case: &Case| case.text.to_ascii_lowercase().contains("_reset");
    let cases: Vec<Case> = cases(flavor);
    let cases: Vec<Case> = cases.into_iter().filter(|case| case.writing_view().is_none() && !empties(case)).collect();
    let (found, answers) = culprits(flavor, &[Seat::Observer], &cases).await;
    assert!(found.is_empty(), "{found:#?}");
    let syntax = count(&answers, SYNTAX);
    assert!(syntax * 100 <= cases.len() * 30, "{syntax} of {} are no SQL for this server", cases.len());
    let harmless = cases.iter().filter(|case| case.is_harmless()).count();
    let parsed = cases.len() - syntax;
    assert!(harmless * 100 >= parsed * 40, "{harmless} of {parsed} are harmless");
}

/// One statement for each side of the state, which the classifier would have to call harmless to be sent.
fn controls(flavor: Flavor) -> Vec<(&'static str, Kind)> {
    let mut controls = vec![
        ("UPDATE shop.t SET a = a + 1", Kind::Rows),
        ("CREATE INDEX i ON shop.t (a)", Kind::Definitions),
        ("ALTER EVENT shop.ev ENABLE", Kind::Definitions),
        ("SELECT * FROM shop.v_sets", Kind::Variables),
        ("SET GLOBAL max_connections = 77", Kind::Variables),
        ("CREATE USER somebody", Kind::Accounts),
        ("SELECT 1 INTO OUTFILE 'written'", Kind::Files),
        ("FLUSH BINARY LOGS", Kind::Position),
        ("INSERT INTO shop.mem VALUES (9)", Kind::Position),
        ("SELECT GET_LOCK('kept', 0)", Kind::Locks),
        ("SELECT * FROM information_schema.INNODB_CMP_RESET", Kind::Counters),
        (
            "UPDATE performance_schema.setup_consumers SET ENABLED = 'NO' WHERE NAME = 'statements_digest'",
            Kind::Instruments,
        ),
    ];
    controls.extend(match flavor {
        Flavor::Mariadb => vec![
            ("SELECT NEXTVAL(shop.s)", Kind::Sequences),
            ("SELECT DEFAULT(a) FROM shop.drawn", Kind::Sequences),
            ("STOP SLAVE", Kind::Replication),
            ("INSTALL SONAME 'metadata_lock_info'", Kind::Plugins),
        ],
        Flavor::Mysql => vec![
            ("STOP REPLICA", Kind::Replication),
            ("INSTALL PLUGIN rpl_semi_sync_replica SONAME 'semisync_replica.so'", Kind::Plugins),
            ("SET PERSIST_ONLY max_connections = 78", Kind::Accounts),
        ],
    });
    controls
}

async fn every_kind_of_change_is_found(flavor: Flavor) {
    let mut judge = Judge::start(flavor, &[Seat::RootWriting]).await;
    let last = (format!("KILL {}", judge.bystander()), Kind::Sessions);
    let listed = controls(flavor).into_iter().map(|(text, kind)| (text.to_owned(), kind));
    for (text, kind) in listed.chain([last]) {
        let mut case = Case::new(&text, flavor);
        // As if the classifier had called it a read: nothing is tidied up behind it.
        case.judged.class = Class::Read;
        let (differences, answers) = judge.send(&[&case]).await;
        assert!(
            differences.iter().any(|found| found.kind == kind),
            "{text}: {kind:?} not found in {differences:#?} {answers:?}"
        );
    }
    judge.end().await;
}

macro_rules! on_both {
    ($($test:ident)*) => {
        mod mariadb { $(#[tokio::test] async fn $test() { super::$test(super::Flavor::Mariadb).await; })* }
        mod mysql { $(#[tokio::test] async fn $test() { super::$test(super::Flavor::Mysql).await; })* }
    };
}

on_both! {
    nothing_harmless_changes_a_server
    an_observer_changes_nothing_whatever_it_is_sent
    every_kind_of_change_is_found
    no_stored_function_is_called
}
