//! A lock storm, round by round, through the shipped runbook.

use std::collections::BTreeMap;

use countersign::domain::approval::policy::Policy;
use countersign::domain::approval::votes::InputVerb;
use countersign::domain::base::Span;
use countersign::domain::journal::record::{Choice, DoubtAnswer, Ending, Record, StopReason};
use countersign::domain::run::effect::{Effect, Input};
use countersign::domain::run::state::Phase;
use countersign::domain::run::{ConnectionState, Outcome};
use countersign::domain::runbook;
use countersign::domain::script::Work;
use countersign::domain::snapshot::fixture::Fixture;
use countersign::domain::snapshot::sessions::fixture::waits;
use countersign::domain::snapshot::sessions::{LockWaits, Sample, SessionKind};
use countersign::domain::snapshot::{FactKey, ServerFact, Value};

use crate::bench::{Bench, lost, server};

/// A run of the shipped runbook over these lock waits.
fn storm(waits: LockWaits) -> Bench {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/runbooks/kill-root-blockers.yaml");
    let source = runbook::read("kill-root-blockers.yaml", &std::fs::read_to_string(path).unwrap()).unwrap();
    let fixture = Fixture::new().server("a").fact(&lock_waits(), Value::LockWaits(waits));
    let given = BTreeMap::from([("server".to_owned(), "a".to_owned())]);
    let runbook = source.resolve(&given, &fixture.fleet()).unwrap();
    Bench::of(runbook, fixture.fleet(), fixture.snapshot(), Policy::default_text())
}

fn lock_waits() -> FactKey {
    FactKey::server(&server("a"), ServerFact::LockWaits)
}

/// Goes on as the executor would, looking at sessions as they are seen, until something else is asked.
fn go_on(bench: &mut Bench) -> Vec<Effect> {
    loop {
        let effects = bench.go_on();
        let [Effect::Measure(command)] = &effects[..] else { return effects };
        let Some(Ok(Value::LockWaits(waits))) = bench.seen.get(&lock_waits()).map(|known| known.value().cloned())
        else {
            panic!()
        };
        let outcome = match &command.work {
            Work::ListBlockers => {
                Outcome::Found { blockers: waits.blockers(), waiting: waits.waiting(), untold: Vec::new() }
            }
            Work::WatchLockWaits { .. } => {
                Outcome::Watched { samples: vec![Sample { at: Span::from_secs(1), waiting: waits.waiting() }] }
            }
            other => panic!("{other:?}"),
        };
        let _ = bench.give(Input::Came(outcome));
    }
}

/// Two people sign what is asked for, and the first command goes out.
fn sent(bench: &mut Bench) -> u64 {
    assert!(matches!(bench.state.phase, Phase::Requested { .. }), "{}", bench.state.phase.word());
    bench.approve("ana", 1);
    bench.approve("bob", 2);
    let _ = go_on(bench);
    bench.later(3);
    sending(&go_on(bench))
}

/// The session that the command which goes out now is about.
fn sending(effects: &[Effect]) -> u64 {
    let [Effect::Send { cleared, .. }] = effects else { panic!("{effects:?}") };
    let Work::Kill { victim, .. } = &cleared.command().work else { panic!() };
    victim.session.id
}

fn done() -> Input {
    Input::Came(Outcome::Done { detail: "taken".to_owned() })
}

fn one_root() -> LockWaits {
    waits(&[10, 11, 12, 13], &[(11, 10), (12, 10), (12, 11), (13, 12)])
}

fn two_roots() -> LockWaits {
    waits(&[10, 20, 11, 12, 21], &[(11, 10), (12, 10), (21, 20)])
}

#[test]
fn one_root_is_chosen_killed_and_the_run_is_done_once_the_waits_drain() {
    let mut bench = storm(one_root());
    let _ = go_on(&mut bench);
    let Some(Record::Picked { by: None, picked, .. }) =
        bench.recorded.iter().find(|record| matches!(record, Record::Picked { .. }))
    else {
        panic!("{:?}", bench.last())
    };
    assert_eq!(picked.iter().map(|blocker| (blocker.session.id, blocker.behind)).collect::<Vec<_>>(), [(10, 3)]);
    assert_eq!(sent(&mut bench), 10);
    bench.sees(lock_waits(), Value::LockWaits(LockWaits::default()));
    let _ = bench.give(done());
    let _ = go_on(&mut bench);
    assert!(matches!(bench.last(), Record::Closed { outcome: Ending::Completed }), "{:?}", bench.last());
}

#[test]
fn a_run_that_finds_nothing_to_kill_is_done() {
    let mut bench = storm(LockWaits::default());
    let _ = go_on(&mut bench);
    assert!(bench.recorded.iter().any(|record| matches!(record, Record::Skipped { .. })));
    assert!(bench.state.requests.is_empty());
    assert!(matches!(bench.last(), Record::Closed { outcome: Ending::Completed }), "{:?}", bench.last());
}

#[test]
fn waits_that_do_not_drain_lead_back_to_a_new_look_three_rounds_at_most() {
    let mut bench = storm(one_root());
    for round in 1..=3_u64 {
        let _ = go_on(&mut bench);
        assert_eq!(
            bench.state.requests.len(),
            usize::try_from(round).unwrap(),
            "each round asks for its own signatures"
        );
        assert_eq!(sent(&mut bench), 9 + round);
        // The next one in the queue takes the lock as soon as the root is gone.
        let next = 10 + round;
        let ids: Vec<u64> = (next..next + 5).collect();
        let edges: Vec<(u64, u64)> = ids[1..].iter().map(|waiter| (*waiter, next)).collect();
        bench.sees(lock_waits(), Value::LockWaits(waits(&ids, &edges)));
        let _ = bench.give(done());
    }
    let _ = go_on(&mut bench);
    let repeated = bench.recorded.iter().filter(|record| matches!(record, Record::Repeated { .. })).count();
    assert_eq!(repeated, 2);
    assert!(bench.why_stopped().contains("after 3 rounds"), "{}", bench.why_stopped());
    assert_eq!(bench.choices(), [Choice::LookAgain, Choice::Abort]);
}

#[test]
fn among_several_roots_an_operator_chooses_and_only_what_is_offered() {
    let mut bench = storm(two_roots());
    let _ = go_on(&mut bench);
    let Phase::Choosing { offered, .. } = &bench.state.phase else { panic!("{}", bench.state.phase.word()) };
    assert_eq!(offered.iter().map(|blocker| blocker.session.id).collect::<Vec<_>>(), [10, 20]);
    for (argument, why) in
        [("11", "not offered"), ("99", "not offered"), ("", "nothing is named"), ("10 x", "not offered")]
    {
        bench.signed(InputVerb::Choose, argument, bench.head());
        let Record::InputRefused { why: found } = bench.last() else { panic!("{argument}: {:?}", bench.last()) };
        assert!(found.contains(why), "{argument}: {found}");
    }
    bench.signed(InputVerb::Choose, "20", bench.head());
    assert!(matches!(bench.last(), Record::Picked { by: Some(_), .. }), "{:?}", bench.last());
    let _ = go_on(&mut bench);
    assert_eq!(sent(&mut bench), 20);
}

#[test]
fn choosing_none_kills_nobody() {
    let mut bench = storm(two_roots());
    let _ = go_on(&mut bench);
    bench.signed(InputVerb::Choose, "none", bench.head());
    bench.sees(lock_waits(), Value::LockWaits(LockWaits::default()));
    let _ = go_on(&mut bench);
    assert!(bench.state.requests.is_empty());
    assert!(matches!(bench.last(), Record::Closed { .. }));
}

#[test]
fn a_victim_that_is_another_one_by_now_is_left_alone_and_the_others_are_killed() {
    let mut bench = storm(two_roots());
    let _ = go_on(&mut bench);
    bench.signed(InputVerb::Choose, "10, 20", bench.head());
    let _ = go_on(&mut bench);
    assert_eq!(sent(&mut bench), 10);
    let _ = bench.give(Input::Came(Outcome::LeftAlone { why: "it is gone".to_owned() }));
    assert_eq!(sending(&go_on(&mut bench)), 20, "the other one is killed");
    bench.sees(lock_waits(), Value::LockWaits(LockWaits::default()));
    let _ = bench.give(done());
    let _ = go_on(&mut bench);
    assert!(matches!(bench.last(), Record::Closed { outcome: Ending::Completed }));
}

#[test]
fn who_came_to_the_root_after_the_signatures_changes_nothing_in_what_is_sent() {
    let mut bench = storm(one_root());
    let _ = go_on(&mut bench);
    bench.approve("ana", 1);
    bench.sees(lock_waits(), Value::LockWaits(two_roots()));
    bench.approve("bob", 2);
    let _ = go_on(&mut bench);
    bench.later(3);
    assert_eq!(sending(&go_on(&mut bench)), 10);
}

#[test]
fn a_storm_whose_only_root_is_a_replication_thread_is_blocked_with_the_reason() {
    let mut all = one_root();
    all.sessions[0].kind = SessionKind::Replication;
    let mut bench = storm(all);
    let _ = go_on(&mut bench);
    assert!(
        matches!(&bench.state.phase, Phase::Stopped { why: StopReason::Blocked, .. }),
        "{}",
        bench.state.phase.word()
    );
    let why = bench.recorded.iter().find_map(|record| match record {
        Record::Blocked { why, .. } => Some(why.join("; ")),
        _ => None,
    });
    assert!(why.unwrap().contains("never killed"));
}

#[test]
fn after_a_lost_answer_the_very_session_is_looked_for() {
    for (after, expected) in [(LockWaits::default(), DoubtAnswer::Applied), (one_root(), DoubtAnswer::NotApplied)] {
        let mut bench = storm(one_root());
        let _ = go_on(&mut bench);
        let _ = sent(&mut bench);
        let _ = bench.give(Input::Came(lost()));
        bench.sees(lock_waits(), Value::LockWaits(after));
        let snapshot = bench.seen.clone();
        let _ = bench.give(Input::Looked { state: ConnectionState::Gone, snapshot });
        let answer = bench.recorded.iter().find_map(|record| match record {
            Record::DoubtLooked { answer, .. } => Some(*answer),
            _ => None,
        });
        assert_eq!(answer, Some(expected));
    }
}
