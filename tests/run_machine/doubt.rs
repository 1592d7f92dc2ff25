//! What is in doubt after a crash or a lost connection, and what decides it.

use countersign::domain::approval::votes::InputVerb;
use countersign::domain::journal::record::{Choice, Record};
use countersign::domain::run::ConnectionState;
use countersign::domain::run::effect::{Effect, Input};
use countersign::domain::snapshot::Value;
use countersign::domain::snapshot::fixture::{Fixture, Replica};

use crate::bench::*;

#[test]
fn a_measurement_in_doubt_is_made_again_and_never_taken_for_done() {
    // Both copies have a good finding from an earlier step, which must not pass for the result of this one.
    let mut bench = Bench::new(&["compare-all"]);
    let effects = bench.go_on();
    assert!(matches!(effects[..], [Effect::Measure(_)]), "{effects:?}");
    let _ = bench.give(Input::Came(lost()));
    let effects = bench.give(Input::Proceed);
    assert!(matches!(effects[..], [Effect::LookFor(None)]), "{effects:?}");
    let seen = bench.seen.clone();
    let _ = bench.give(Input::Looked { state: ConnectionState::Gone, snapshot: seen });
    assert!(bench.state.known.is_empty(), "nothing was measured: {:?}", bench.state.known);
    assert_eq!((bench.state.phase.word(), bench.state.attempt), ("entering a step", 2));
}

#[test]
fn the_evidence_before_sending_is_in_the_intent() {
    let mut bench = Bench::new(&["drop"]);
    bench.armed();
    bench.later(3);
    let _ = bench.go_on();
    let intent = bench.recorded.iter().find_map(|record| match record {
        Record::Intended { before, .. } => Some(before),
        _ => None,
    });
    let [evidence] = &intent.unwrap()[..] else { panic!("{intent:?}") };
    assert_eq!(evidence.claim.key, exists_on_a());
    assert!(!evidence.verdict.holds(), "before the DROP the table is there");
}

#[test]
fn a_lost_answer_is_looked_at_and_every_verdict_follows_from_the_facts() {
    let alive = ConnectionState::Alive { doing: "DROP TABLE".to_owned() };
    let blind = ConnectionState::Unknown { why: "no answer".to_owned() };
    for (state, gone, phase) in [
        (alive, true, "in doubt"),
        (blind, true, "stopped"),
        (ConnectionState::Gone, true, "verifying"),
        (ConnectionState::Gone, false, "stopped"),
        (ConnectionState::Restarted, true, "verifying"),
    ] {
        let mut bench = in_doubt();
        bench.sees(exists_on_a(), Value::Flag(!gone));
        let seen = bench.seen.clone();
        let effects = bench.give(Input::Looked { state: state.clone(), snapshot: seen });
        assert_eq!(bench.state.phase.word(), phase, "{state:?}");
        assert!(!effects.iter().any(|effect| matches!(effect, Effect::Send { .. })), "nothing is sent again");
    }
}

#[test]
fn where_a_statement_may_still_run_nobody_can_choose_to_try_again() {
    let mut bench = in_doubt();
    let (seen, state) = (bench.seen.clone(), ConnectionState::Unknown { why: "no answer".to_owned() });
    let _ = bench.give(Input::Looked { state, snapshot: seen });
    assert_eq!(bench.choices(), [Choice::LookAgain, Choice::Abort]);
    bench.signed(InputVerb::Choose, "1", bench.head());
    assert_eq!(bench.state.phase.word(), "in doubt");
}

#[test]
fn a_copy_goes_on_only_when_its_connection_is_certainly_gone() {
    for (state, phase) in [
        (ConnectionState::Unknown { why: "the process list cannot be read".to_owned() }, "stopped"),
        (ConnectionState::Alive { doing: "INSERT".to_owned() }, "in doubt"),
        (ConnectionState::Gone, "entering a step"),
    ] {
        let mut bench = Bench::new(&["copy"]);
        assert!(matches!(bench.go_on()[..], [Effect::Send { .. }]));
        let _ = bench.give(Input::Came(lost()));
        let seen = bench.seen.clone();
        let _ = bench.give(Input::Looked { state, snapshot: seen });
        assert_eq!(bench.state.phase.word(), phase);
    }
}

#[test]
fn a_copy_that_was_cut_off_is_not_done_because_its_table_is_there() {
    let mut bench = Bench::new(&["copy"]);
    let private = bench.private();
    assert!(matches!(bench.go_on()[..], [Effect::Send { .. }]));
    let _ = bench.give(Input::Came(lost()));
    let loaded = fixture().table(&private.to_string(), &["a"]).snapshot().as_of(bench.now);
    let _ = bench.give(Input::Looked { state: ConnectionState::Gone, snapshot: loaded });
    assert_eq!((bench.state.phase.word(), bench.state.attempt), ("entering a step", 2));
}

#[test]
fn what_was_so_before_does_not_prove_that_a_statement_was_applied() {
    let mut bench = Bench::new(&["drop"]);
    bench.armed();
    bench.later(3);
    let _ = bench.give(Input::Proceed);
    let seen = bench.seen.clone();
    let effects = bench.give(Input::Observed(seen));
    let [Effect::Prepare { before, .. }] = &effects[..] else { panic!("{effects:?}") };
    let mut so_before = before.clone();
    so_before[0].verdict = countersign::domain::base::Verdict::Holds;
    let _ = bench.give(Input::Prepared { connection: Ok(Some(connection())), before: so_before });
    let _ = bench.give(Input::Came(lost()));
    bench.sees(exists_on_a(), Value::Flag(false));
    let seen = bench.seen.clone();
    let _ = bench.give(Input::Looked { state: ConnectionState::Gone, snapshot: seen });
    assert!(bench.why_stopped().contains("unknown"), "{}", bench.why_stopped());
}

/// The renaming that puts the loaded table in place, in doubt: nothing but the two names can be told before it.
fn renaming_in_doubt() -> Bench {
    let mut bench = Bench::new(&["put-in-place"]);
    let private = bench.private();
    let named = Fixture::new().server("a").replica("b", Replica::of("a")).replica("c", Replica::of("a").detached());
    let named = named.table(TABLE, &["b", "c"]).table(&private.to_string(), &["a"]).good("a", &private.to_string());
    bench.seen = named.snapshot().as_of(bench.now);
    let _ = bench.go_on();
    bench.approve("ana", 1);
    let _ = bench.go_on();
    bench.later(3);
    assert!(matches!(bench.go_on()[..], [Effect::Send { .. }]), "{}", bench.state.phase.word());
    let _ = bench.give(Input::Came(lost()));
    bench
}

#[test]
fn a_renaming_whose_executor_died_before_sending_it_is_found_not_applied() {
    let mut bench = renaming_in_doubt();
    let seen = bench.seen.clone();
    let _ = bench.give(Input::Looked { state: ConnectionState::Gone, snapshot: seen });
    assert_eq!(bench.why_stopped(), "the outcome is not applied");
}

#[test]
fn a_renaming_whose_executor_died_behind_it_is_found_applied_although_no_server_tells_the_finding() {
    let mut bench = renaming_in_doubt();
    let private = bench.private();
    let moved = Fixture::new().server("a").replica("b", Replica::of("a")).replica("c", Replica::of("a").detached());
    let moved = moved.table(TABLE, &["a", "b", "c"]).table(&private.to_string(), &[]);
    let seen = moved.snapshot().as_of(bench.now);
    let _ = bench.give(Input::Looked { state: ConnectionState::Gone, snapshot: seen });
    assert_eq!(bench.state.phase.word(), "verifying", "{:?}", bench.last());
}

/// A DROP in doubt whose connection is still there when it is looked for again, for longer than a lock is waited for.
fn runs_on() -> Bench {
    let mut bench = in_doubt();
    let alive = || ConnectionState::Alive { doing: "DROP TABLE".to_owned() };
    let seen = bench.seen.clone();
    let effects = bench.give(Input::Looked { state: alive(), snapshot: seen });
    assert!(matches!(effects[..], [Effect::WakeAt(_)]), "it is waited for first");
    bench.later(11);
    let seen = bench.seen.clone();
    let _ = bench.give(Input::Looked { state: alive(), snapshot: seen });
    bench
}

#[test]
fn a_statement_that_runs_on_can_be_ended_by_a_signed_choice_and_is_looked_at_again() {
    for (killed, gone, phase) in [
        (Ok(()), false, "stopped"),
        (Ok(()), true, "verifying"),
        (Err("it is gone already".to_owned()), true, "verifying"),
    ] {
        let mut bench = runs_on();
        assert_eq!(bench.why_stopped(), "the outcome is running");
        assert_eq!(bench.choices(), [Choice::LookAgain, Choice::EndStatement, Choice::Abort]);
        assert!(bench.go_on().is_empty(), "nothing is ended by itself");
        bench.signed(InputVerb::Choose, "2", bench.head());
        let effects = bench.go_on();
        assert!(matches!(&effects[..], [Effect::Kill(found)] if *found == connection()), "{effects:?}");
        let _ = bench.give(Input::Killed(killed.clone()));
        assert!(matches!(bench.last(), Record::Killed { refused, .. } if *refused == killed.clone().err()));
        assert_eq!(bench.state.phase.word(), "in doubt", "the verdict is not assumed");
        bench.sees(exists_on_a(), Value::Flag(!gone));
        let seen = bench.seen.clone();
        let _ = bench.give(Input::Looked { state: ConnectionState::Gone, snapshot: seen });
        assert_eq!(bench.state.phase.word(), phase, "{killed:?}");
    }
}

#[test]
fn another_executor_does_not_end_a_statement_on_a_choice_that_was_made_for_the_last_one() {
    let mut bench = runs_on();
    bench.signed(InputVerb::Choose, "2", bench.head());
    assert_eq!(bench.state.phase.word(), "ending a statement");
    bench.taken_over();
    assert!(matches!(bench.go_on()[..], [Effect::LookFor(Some(_))]));
}

#[test]
fn who_aborts_is_told_the_way_out_of_where_the_run_is() {
    let refused = |bench: &mut Bench| {
        bench.signed(InputVerb::Abort, "enough", bench.head());
        let Record::InputRefused { why } = bench.last() else { panic!("{:?}", bench.last()) };
        why.clone()
    };
    let mut bench = Bench::new(&["drop"]);
    bench.armed();
    bench.later(3);
    let _ = bench.go_on();
    assert!(refused(&mut bench).contains("hold the run, and abort when"));
    let _ = bench.give(Input::Hold { by: "chen".to_owned(), reason: "wait".to_owned() });
    let why = refused(&mut bench);
    assert!(why.contains("abort when its outcome is on record") && !why.contains("hold the run"), "{why}");
    let _ = bench.give(Input::Came(lost()));
    let why = refused(&mut bench);
    assert!(why.contains("numbered choices") && why.contains("no hold is needed"), "{why}");
    bench.later(11);
    let (seen, state) = (bench.seen.clone(), ConnectionState::Alive { doing: "DROP TABLE".to_owned() });
    let _ = bench.give(Input::Looked { state, snapshot: seen });
    bench.signed(InputVerb::Abort, "enough", bench.head());
    assert!(matches!(bench.last(), Record::Chosen { choice: Choice::Abort, .. }), "{:?}", bench.last());
}
