//! Going past a step, back to undo one, and what a run says it waits for.

use countersign::domain::approval::votes::InputVerb;
use countersign::domain::base::StepId;
use countersign::domain::journal::record::{Choice, Ending, Record};
use countersign::domain::run::Outcome;
use countersign::domain::run::effect::{Effect, Input};
use countersign::domain::run::state::Phase;
use countersign::domain::run::waits::Waits;
use countersign::domain::runbook::Step;
use countersign::domain::snapshot::fixture::{Fixture, Replica};
use countersign::domain::snapshot::{FactKey, TableFact, Value};
use countersign::simulate::scenario::Scenario;

use crate::bench::*;

fn id(name: &str) -> StepId {
    StepId::parse(name).unwrap()
}

/// Carries every command out as predicted, until the run is at rest.
fn carried_out(bench: &mut Bench) -> Vec<Effect> {
    for _ in 0..20 {
        let effects = bench.go_on();
        match &effects[..] {
            [Effect::WakeAt(_)] if matches!(bench.state.phase, Phase::Armed { .. }) => bench.later(3),
            [Effect::Send { .. }] => {
                let Phase::Sending { plan, command, .. } = bench.state.phase.clone() else { panic!() };
                bench.seen = bench.seen.with(&plan.assessed.predicted[command]);
                let _ = bench.give(Input::Came(Outcome::Done { detail: String::new() }));
            }
            _ => return effects,
        }
    }
    panic!("it does not come to rest: {}", bench.state.phase.word());
}

/// A comparison that is blocked, with a later step that relies on it.
fn blocked_comparison() -> Bench {
    let mut runbook = Scenario::rebuild().runbook;
    let mut own = steps(&["check-spare", "drop"]);
    own[0].preconditions = runbook.steps[5].preconditions[..1].to_vec();
    own[1].preconditions = runbook.steps[5].preconditions[1..].to_vec();
    own[0].id = id("compare");
    runbook.steps = own;
    let attached = Fixture::new().server("a").replica("b", Replica::of("a")).replica("c", Replica::of("a"));
    let attached = attached.table(TABLE, &["a", "b", "c"]).damaged("a", TABLE);
    Bench::of(
        runbook,
        attached.fleet(),
        attached.snapshot(),
        countersign::domain::approval::policy::Policy::default_text(),
    )
}

#[test]
fn a_step_is_skipped_for_a_signed_reason_and_the_choice_says_who_relies_on_it() {
    let mut bench = blocked_comparison();
    let _ = bench.go_on();
    assert!(bench.why_stopped().contains("does not hold"), "{}", bench.why_stopped());
    let skip = Choice::SkipStep { step: id("compare"), needed_by: vec![id("drop")] };
    assert_eq!(bench.choices(), [Choice::TryAgain, Choice::Abort, skip.clone()]);
    assert!(skip.to_string().contains("needed by drop"), "{skip}");
    bench.signed(InputVerb::Choose, "3", bench.head());
    assert!(
        matches!(bench.last(), Record::InputRefused { why } if why.contains("needs a reason")),
        "{:?}",
        bench.last()
    );
    bench.signed(InputVerb::Choose, "1 because", bench.head());
    assert!(matches!(bench.last(), Record::InputRefused { .. }), "only a skip takes a reason: {:?}", bench.last());
    bench.signed(InputVerb::Choose, "3 checked by hand", bench.head());
    let Record::Noted { by, text } = bench.last() else { panic!("{:?}", bench.last()) };
    assert_eq!((by.as_str(), text.as_str()), ("ana", "compare is skipped: checked by hand"));
    assert_eq!(bench.state.step(), Some(&id("drop")));
    assert!(bench.state.skipped.contains(&id("compare")));
    let _ = bench.go_on();
    assert_eq!(bench.why_stopped(), "refused by a rule of the program", "the rule of copies asks for a proof as ever");
}

#[test]
fn a_step_that_protects_is_never_offered_to_be_skipped() {
    let mut runbook = Scenario::rebuild().runbook;
    runbook.steps.truncate(1);
    // The spare feeds somebody, so it may not be detached.
    let feeding = Fixture::new().server("a").replica("c", Replica::of("a")).replica("b", Replica::of("c"));
    let feeding = feeding.table(TABLE, &["a", "b", "c"]);
    let policy = countersign::domain::approval::policy::Policy::default_text();
    let mut bench = Bench::of(runbook, feeding.fleet(), feeding.snapshot(), policy);
    let _ = bench.go_on();
    assert_eq!(bench.choices(), [Choice::TryAgain, Choice::Abort]);
}

/// The spare is detached, and the run asks for an answer; detaching offers to be undone.
fn detached() -> Bench {
    let mut runbook = Scenario::rebuild().runbook;
    let mut own = steps(&["protect-spare", "close-writes"]);
    let reattach = steps(&["reattach"]).remove(0);
    own[0].undo = Some(Box::new(Step { id: id("protect-spare"), title: "Undo".to_owned(), ..reattach }));
    runbook.steps = own;
    let attached = Fixture::new().server("a").replica("b", Replica::of("a")).replica("c", Replica::of("a"));
    let attached = attached.table(TABLE, &["a", "b", "c"]).damaged("a", TABLE).good("b", TABLE).good("c", TABLE);
    let policy = countersign::domain::approval::policy::Policy::default_text();
    let mut bench = Bench::of(runbook, attached.fleet(), attached.snapshot(), policy);
    let _ = carried_out(&mut bench);
    assert_eq!(bench.state.phase.word(), "waiting for an answer", "{:?}", bench.last());
    bench
}

#[test]
fn what_was_done_is_offered_to_be_undone_behind_an_abort_and_is_signed_like_any_step() {
    let mut bench = detached();
    bench.signed(InputVerb::Abort, "enough", bench.head());
    let choices = bench.choices();
    let [Choice::Abort, Choice::Undo { step, does }] = &choices[..] else { panic!("{choices:?}") };
    assert_eq!((step, does.as_str()), (&id("protect-spare"), "let c follow again"));
    assert!(bench.go_on().is_empty(), "nothing is undone by itself");
    bench.signed(InputVerb::Choose, "2", bench.head());
    let _ = bench.go_on();
    assert_eq!(bench.state.phase.word(), "waiting for signatures");
    assert_eq!(bench.state.step(), Some(&id("protect-spare")));
    bench.approve("bob", 2);
    let _ = carried_out(&mut bench);
    assert!(bench.why_stopped().contains("behind an undo"), "{}", bench.why_stopped());
    assert_eq!(bench.state.step(), Some(&id("close-writes")), "the run stops where it stood");
    assert!(!bench.choices().iter().any(|choice| matches!(choice, Choice::Undo { .. })), "it is undone once");
    bench.signed(InputVerb::Abort, "now", bench.head());
    let _ = bench.go_on();
    assert!(matches!(bench.state.phase, Phase::Closed { outcome: Ending::Aborted }), "{}", bench.state.phase.word());
}

#[test]
fn an_undo_that_is_not_signed_can_be_left() {
    let mut bench = detached();
    bench.signed(InputVerb::Abort, "enough", bench.head());
    bench.signed(InputVerb::Choose, "2", bench.head());
    let _ = bench.go_on();
    bench.rejected();
    let choices = bench.choices();
    assert!(matches!(&choices[2], Choice::SkipStep { step, .. } if *step == id("protect-spare")), "{choices:?}");
    bench.signed(InputVerb::Choose, "3 it stays detached", bench.head());
    let _ = bench.go_on();
    assert_eq!(bench.state.step(), Some(&id("close-writes")));
    let offered = bench.choices().into_iter().any(|choice| matches!(choice, Choice::Undo { .. }));
    assert!(offered, "it was not undone: {:?}", bench.choices());
}

#[test]
fn an_undo_of_what_was_not_done_is_an_impossible_record() {
    let mut bench = detached();
    bench.signed(InputVerb::Abort, "enough", bench.head());
    let Some(Record::Stopped { why, .. }) =
        bench.recorded.iter().rev().find(|r| matches!(r, Record::Stopped { .. })).cloned()
    else {
        panic!()
    };
    let undo = Choice::Undo { step: id("close-writes"), does: String::new() };
    bench.record(Record::Stopped { why, choices: vec![undo.clone()] }).unwrap();
    let signed = countersign::domain::journal::record::SignedText { text: String::new(), armored: String::new() };
    let chosen = Record::Chosen { by: "ana".parse().unwrap(), choice: undo, signed };
    let before = bench.state.clone();
    assert!(bench.record(chosen).is_err());
    assert_eq!(bench.state, before);
}

#[test]
fn every_wait_names_what_it_waits_for_until_when_and_what_then() {
    let waits = |bench: &Bench| Waits::of(&bench.state).unwrap();
    let mut bench = Bench::new(&["drop"]);
    let _ = bench.go_on();
    let signatures = waits(&bench);
    assert!(signatures.what[0].starts_with("signatures of 2 for request"), "{signatures:?}");
    assert!(signatures.until.is_some() && signatures.then.contains("void"), "{signatures:?}");
    bench.approve("ana", 1);
    bench.approve("bob", 2);
    let _ = bench.go_on();
    let armed = waits(&bench);
    assert!(armed.until.is_some() && armed.then == "step drop begins", "{armed:?}");
    let _ = bench.give(Input::Hold { by: "chen".to_owned(), reason: "wait".to_owned() });
    assert!(waits(&bench).what[0].contains("chen holds the run"));

    let mut bench = in_doubt();
    assert!(waits(&bench).until.is_some());
    bench.sees(FactKey::table(&server("a"), &TABLE.parse().unwrap(), TableFact::Exists), Value::Flag(true));
    let mut facts = Bench::new(&["caught-up"]);
    let _ = facts.go_on();
    let facts = waits(&facts);
    assert!(facts.what.len() > 1 && facts.until.is_some() && facts.then.contains("numbered choices"), "{facts:?}");
}
