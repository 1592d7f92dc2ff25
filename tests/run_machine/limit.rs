//! A copy is measured from its first chunk on, and what takes longer than its limit is for a person to decide.

use countersign::domain::approval::votes::InputVerb;
use countersign::domain::base::{Span, TableName};
use countersign::domain::journal::record::{Choice, Ending, Record};
use countersign::domain::run::effect::{Effect, Input};
use countersign::domain::run::state::Phase;
use countersign::domain::run::{CopyProgress, Outcome};
use countersign::domain::runbook::Work;
use countersign::domain::snapshot::{FactKey, LinkFact, Patch, ServerFact, Value};
use countersign::domain::vocabulary::Action;
use countersign::domain::vocabulary::promotion::ByHand;

use crate::bench::{Bench, server};

/// A run whose copy has begun, with this limit.
fn loading(limit: Option<Span>) -> Bench {
    let mut bench = Bench::new(&["copy"]);
    let Work::Act(Action::CopyTable(copy)) = &mut bench.setup.runbook.steps[0].work else { panic!() };
    copy.limit = limit;
    assert!(matches!(bench.go_on()[..], [Effect::Send { .. }]));
    bench
}

fn progress(bench: &Bench, rows_done: u64, millis: u64) -> Input {
    let took = Span::from_millis(millis);
    Input::Progress(CopyProgress { rows_done, rows_before: 0, rows_expected: Some(100_000), took, at: bench.now })
}

/// `(rows done, rows per second, shortest and longest rest in milliseconds)` of every estimate so far.
fn estimates(bench: &Bench) -> Vec<(u64, u64, u64, u64)> {
    let of = |record: &Record| match record {
        Record::Estimated { rows_done, rows_per_second, left_low, left_high, .. } => {
            Some((*rows_done, *rows_per_second, left_low.millis(), left_high.millis()))
        }
        _ => None,
    };
    bench.recorded.iter().filter_map(of).collect()
}

fn stopped_at_the_limit() -> Bench {
    let mut bench = loading(Some(Span::from_secs(2)));
    let report = progress(&bench, 10_000, 500);
    assert!(matches!(bench.give(report)[..], [Effect::StopCopy]), "4.5 s are left, the limit is 2 s");
    let _ = bench.give(Input::Came(Outcome::Interrupted { detail: "10000 rows copied".to_owned() }));
    bench
}

#[test]
fn the_first_chunk_is_an_estimate_with_a_range_and_each_later_one_stands_as_long_as_it_measured() {
    let mut bench = loading(None);
    for (rows, millis) in [(0, 0), (10_000, 500), (18_000, 900), (30_000, 1_000), (50_000, 3_000)] {
        let report = progress(&bench, rows, millis);
        assert!(bench.give(report).is_empty());
    }
    // Behind the first the slower of two rates is the longer end: over the whole, or since the one before.
    assert_eq!(
        estimates(&bench),
        [(10_000, 20_000, 4_500, 6_750), (30_000, 30_000, 1_750, 3_499), (50_000, 16_666, 3_000, 7_500)]
    );
}

#[test]
fn a_load_of_one_chunk_leaves_its_measured_rate() {
    let mut bench = loading(None);
    let report = progress(&bench, 100_000, 400);
    assert!(bench.give(report).is_empty());
    assert_eq!(estimates(&bench), [(100_000, 250_000, 0, 0)]);
}

#[test]
fn the_whole_is_measured_once_when_all_rows_are_there() {
    let mut bench = loading(None);
    for (rows, millis) in [(60_000, 3_000), (100_000, 5_000), (100_000, 5_001)] {
        let report = progress(&bench, rows, millis);
        let _ = bench.give(report);
    }
    assert_eq!(estimates(&bench).last(), Some(&(100_000, 20_000, 0, 0)));
    assert_eq!(estimates(&bench).len(), 2);
}

#[test]
fn rows_that_were_there_before_do_not_make_a_load_look_faster() {
    let mut bench = loading(None);
    let (took, at) = (Span::from_secs(1), bench.now);
    let report = |rows_done| CopyProgress { rows_done, rows_before: 90_000, rows_expected: Some(100_000), took, at };
    assert!(bench.give(Input::Progress(report(90_000))).is_empty());
    assert_eq!(estimates(&bench), [], "nothing was measured yet");
    let _ = bench.give(Input::Progress(report(91_000)));
    assert_eq!(estimates(&bench), [(91_000, 1_000, 9_000, 13_500)]);
}

#[test]
fn a_load_within_its_limit_is_let_go_on() {
    let mut bench = loading(Some(Span::from_secs(7200)));
    for (rows, millis) in [(100, 30_000), (10_000, 61_000)] {
        let report = progress(&bench, rows, millis);
        assert!(bench.give(report).is_empty(), "half a minute says too little about two hours, and the rest is short");
    }
    let report = progress(&bench, 10_100, 900_000);
    assert!(matches!(bench.give(report)[..], [Effect::StopCopy]), "it became so slow that two hours are not enough");
}

#[test]
fn a_load_whose_rows_nobody_counted_stops_when_its_limit_has_passed() {
    let mut bench = loading(Some(Span::from_secs(2)));
    let at = bench.now;
    let report = |took| CopyProgress { rows_done: 10, rows_before: 0, rows_expected: None, took, at };
    assert!(bench.give(Input::Progress(report(Span::from_secs(2)))).is_empty());
    assert!(matches!(bench.give(Input::Progress(report(Span::from_millis(2_001))))[..], [Effect::StopCopy]));
    let _ = bench.give(Input::Came(Outcome::Interrupted { detail: String::new() }));
    assert!(bench.why_stopped().contains("nobody knows how much is left"), "{}", bench.why_stopped());
}

#[test]
fn a_load_past_its_limit_stops_the_run_with_numbered_choices_and_sends_nothing_more() {
    let mut bench = stopped_at_the_limit();
    assert_eq!(bench.choices(), [Choice::GoOn, Choice::PromoteByHand, Choice::Abort]);
    assert_eq!(bench.why_stopped(), "the load has taken 500ms and needs at least 4s500ms more; its limit is 2s");
    assert!(bench.go_on().is_empty());
    assert!(bench.state.known.is_empty(), "half a copy proves nothing: {:?}", bench.state.known);
}

#[test]
fn going_on_raises_the_limit_for_this_load_only_and_needs_a_signature() {
    let mut bench = stopped_at_the_limit();
    bench.signed(InputVerb::Choose, "1", bench.head());
    assert!(matches!(bench.last(), Record::Chosen { choice: Choice::GoOn, .. }));
    assert!(matches!(bench.go_on()[..], [Effect::Send { .. }]), "the copy is sent again and finds its marker");
    assert_eq!(bench.state.attempt, 2);
    let report = progress(&bench, 20_000, 60_000);
    assert!(bench.give(report).is_empty(), "the limit does not stop it again");
    let _ = bench.give(Input::Came(Outcome::Done { detail: String::new() }));
    assert_eq!(bench.state.phase.word(), "verifying");
}

#[test]
fn what_was_signed_for_an_earlier_wait_chooses_nothing_here() {
    let mut bench = loading(Some(Span::from_secs(2)));
    let before = bench.head();
    let report = progress(&bench, 10_000, 500);
    let _ = bench.give(report);
    let _ = bench.give(Input::Came(Outcome::Interrupted { detail: String::new() }));
    bench.signed(InputVerb::Choose, "1", before);
    assert!(matches!(bench.last(), Record::InputRefused { .. }), "{:?}", bench.last());
}

#[test]
fn a_new_executor_finds_the_stopped_load_where_it_was() {
    let mut bench = stopped_at_the_limit();
    bench.taken_over();
    assert_eq!(bench.choices()[0], Choice::GoOn);
    bench.signed(InputVerb::Choose, "1", bench.head());
    assert!(matches!(bench.go_on()[..], [Effect::Send { .. }]));
}

fn advised(bench: &Bench) -> Vec<ByHand> {
    let found = bench.recorded.iter().find_map(|record| match record {
        Record::Advised { steps, .. } => Some(steps.clone()),
        _ => None,
    });
    found.unwrap()
}

fn statements(steps: &[ByHand], on: &str) -> Vec<String> {
    let here = |step: &&ByHand| step.on.as_ref().is_some_and(|server| server.as_str() == on);
    steps.iter().filter(here).flat_map(|step| step.statements.clone()).collect()
}

#[test]
fn promoting_by_hand_writes_the_exact_statements_down_and_ends_the_run() {
    let mut bench = stopped_at_the_limit();
    bench.signed(InputVerb::Choose, "2", bench.head());
    assert!(matches!(bench.state.phase, Phase::Advising { .. }));
    let _ = bench.go_on();
    assert!(matches!(bench.state.phase, Phase::Closed { outcome: Ending::Aborted }), "{}", bench.state.phase.word());
    let sent = bench.recorded.iter().filter(|record| matches!(record, Record::Intended { .. })).count();
    assert_eq!(sent, 1, "only the copy itself was ever sent");
    let steps = advised(&bench);
    let spare = statements(&steps, "c");
    assert_eq!(spare[..3], ["STOP ALL SLAVES", "CHANGE MASTER '' TO MASTER_HOST='a'", "START ALL SLAVES"]);
    assert!(spare[3].starts_with("SELECT MASTER_GTID_WAIT('"), "{spare:?}");
    let rest = ["SHOW ALL SLAVES STATUS", "STOP ALL SLAVES", "RESET SLAVE '' ALL", "SET GLOBAL read_only=0"];
    assert_eq!(spare[4..], rest);
    let other = statements(&steps, "b");
    assert!(other[1].starts_with("CHANGE MASTER '' TO MASTER_HOST='c'"), "{other:?}");
    let primary = statements(&steps, "a");
    assert_eq!(primary[0], "SET GLOBAL read_only=1");
    assert_eq!(primary.last().unwrap(), "DROP TABLE IF EXISTS `shop`.`orders_cs_1`");
}

#[test]
fn a_spare_for_which_a_loss_waits_is_not_told_to_catch_up() {
    use countersign::domain::snapshot::{Effect as Held, EffectKind, Object};
    let mut bench = stopped_at_the_limit();
    let lost = Held { object: Object::Table("shop.orders".parse::<TableName>().unwrap()), kind: EffectKind::Dropped };
    let mut patch = Patch::default();
    patch.set(FactKey::link(&server("c"), "", LinkFact::Held), Value::Effects(vec![lost]), bench.now);
    bench.seen = bench.seen.with(&patch);
    bench.signed(InputVerb::Choose, "2", bench.head());
    let _ = bench.go_on();
    let steps = advised(&bench);
    assert!(steps.iter().any(|step| step.says.starts_with("do not let c catch up")), "{steps:?}");
    assert!(!statements(&steps, "c").iter().any(|text| text.starts_with("START")), "{steps:?}");
}

#[test]
fn what_is_not_known_is_said_and_not_guessed() {
    let mut bench = stopped_at_the_limit();
    let mut patch = Patch::default();
    for name in ["a", "b"] {
        patch.forget(FactKey::server(&server(name), ServerFact::Version), "it does not answer");
        patch.forget(FactKey::server(&server(name), ServerFact::Position), "it does not answer");
    }
    bench.seen = bench.seen.with(&patch);
    bench.signed(InputVerb::Choose, "2", bench.head());
    let _ = bench.go_on();
    let steps = advised(&bench);
    assert_eq!((statements(&steps, "a"), statements(&steps, "b")), (Vec::new(), Vec::new()));
    assert!(steps.iter().filter(|step| step.says.contains("it does not answer")).count() >= 3, "{steps:?}");
}
