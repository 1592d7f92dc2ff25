//! `decide` and `State::apply`, input by input, without any port.

mod bench;
mod claims;
mod doubt;
mod leave;
mod limit;
mod storm;

use bench::*;

use countersign::domain::approval::votes::{InputVerb, JournalHead};
use countersign::domain::base::{Digest, Span, Timestamp};
use countersign::domain::journal::record::{Choice, Ending, Record, StopReason, Stopper};
use countersign::domain::journal::{Head, Line};
use countersign::domain::run::effect::{Effect, Input, Person};
use countersign::domain::run::state::{Ended, Phase, State, TAKEN_OVER};
use countersign::domain::run::{Measured, Outcome};
use countersign::domain::snapshot::fixture::Fixture;
use countersign::domain::snapshot::fixture::Replica;
use countersign::domain::snapshot::{About, FactKey, Finding, LinkFact, Patch, Position, ServerFact, TableFact, Value};
use countersign::simulate::people;

#[test]
fn a_destructive_step_is_sent_once_two_people_have_signed_and_not_before() {
    let mut bench = Bench::new(&["drop"]);
    assert!(matches!(bench.go_on()[..], [Effect::WakeAt(_)]));
    bench.approve("ana", 1);
    bench.approve("ana", 11);
    let Record::SignatureRefused { why, .. } = bench.last() else { panic!("{:?}", bench.last()) };
    assert!(why.contains("counted already"), "{why}");
    assert!(matches!(bench.go_on()[..], [Effect::WakeAt(_)]), "one person with two keys is one person");
    bench.approve("bob", 2);
    assert!(matches!(bench.go_on()[..], [Effect::WakeAt(_)]));
    assert!(matches!(bench.state.phase, Phase::Armed { .. }));
    bench.later(3);
    let effects = bench.go_on();
    let [Effect::Send { cleared, .. }] = &effects[..] else { panic!("{effects:?}") };
    assert_eq!(cleared.command().lines(), ["DROP TABLE `shop`.`orders`"]);
    let intended = bench.recorded.iter().filter(|record| matches!(record, Record::Intended { .. })).count();
    assert_eq!(intended, 1);
}

#[test]
fn the_last_look_stops_what_no_longer_stands_on_the_facts_that_were_signed() {
    let mut bench = Bench::new(&["drop"]);
    bench.armed();
    bench.later(3);
    let _ = bench.give(Input::Proceed);
    let seen = bench.seen.clone();
    let mut effects = bench.give(Input::Observed(seen));
    let Some(Effect::Prepare { before, .. }) = effects.pop() else { panic!() };
    let _ = bench.give(Input::Prepared { connection: Ok(Some(connection())), before });
    bench.sees(FactKey::table(&server("c"), &TABLE.parse().unwrap(), TableFact::Damage), Value::text("corrupted"));
    let seen = bench.seen.clone();
    let effects = bench.give(Input::LastLook(seen));
    assert!(matches!(effects[..], [Effect::Close(_)]), "{effects:?}");
    assert!(bench.why_stopped().contains("the last look differs"), "{}", bench.why_stopped());
    assert!(bench.recorded.iter().any(|record| matches!(record, Record::NotSent { .. })));
}

#[test]
fn a_hold_between_intent_and_last_look_stops_the_statement() {
    let mut bench = Bench::new(&["drop"]);
    bench.armed();
    bench.later(3);
    let _ = bench.give(Input::Proceed);
    let seen = bench.seen.clone();
    let mut effects = bench.give(Input::Observed(seen.clone()));
    let Some(Effect::Prepare { before, .. }) = effects.pop() else { panic!() };
    let _ = bench.give(Input::Prepared { connection: Ok(Some(connection())), before });
    let _ = bench.give(Input::Hold { by: "chen".to_owned(), reason: "wait".to_owned() });
    let effects = bench.give(Input::LastLook(seen));
    assert!(matches!(effects[..], [Effect::Close(_)]), "{effects:?}");
}

#[test]
fn a_request_that_expired_after_it_was_armed_is_not_sent() {
    let mut bench = Bench::new(&["drop"]);
    bench.armed();
    // Longer than a request lives, shorter than a finding.
    bench.later(1801);
    let effects = bench.go_on();
    assert!(!effects.iter().any(|effect| matches!(effect, Effect::Send { .. })), "{effects:?}");
    assert!(bench.why_stopped().contains("expired"), "{}", bench.why_stopped());
}

#[test]
fn a_rejection_stops_a_step_that_is_already_armed() {
    let mut bench = Bench::new(&["drop"]);
    bench.armed();
    bench.rejected();
    assert!(bench.why_stopped().contains("chen said no"), "{}", bench.why_stopped());
    bench.later(10);
    assert!(bench.go_on().is_empty());
}

#[test]
fn only_who_asked_or_approved_takes_a_request_back() {
    let mut bench = Bench::new(&["drop"]);
    bench.armed();
    bench.objected(Stopper::Withdrawn, ("chen", 3));
    assert!(matches!(bench.state.phase, Phase::Armed { .. }), "{}", bench.state.phase.word());
    bench.objected(Stopper::Withdrawn, ("bob", 2));
    assert!(bench.why_stopped().contains("bob said no"), "{}", bench.why_stopped());
}

/// The first of two signed commands is on its way: a policy that wants detaching signed makes such a script.
fn first_of_two_sent() -> Bench {
    let policy = "version: 1\nclasses:\n  protective: {approvals: 1, own_measurement: 0}\n";
    let mut bench = Bench::with(&["protect-spare"], policy);
    bench.seen = Fixture::new()
        .server("a")
        .replica("b", Replica::of("a"))
        .replica("c", Replica::of("a"))
        .table(TABLE, &["a", "b", "c"])
        .snapshot()
        .as_of(bench.now);
    let _ = bench.go_on();
    bench.approve("ana", 1);
    let _ = bench.go_on();
    bench.later(5);
    assert!(matches!(bench.go_on()[..], [Effect::Send { .. }]));
    bench
}

#[test]
fn a_rejection_while_the_first_command_runs_stops_the_script_before_the_second() {
    let mut bench = first_of_two_sent();
    bench.rejected();
    assert_eq!(bench.state.phase.word(), "running a command", "what is sent is let finish");
    let _ = bench.give(Input::Came(Outcome::Done { detail: String::new() }));
    assert!(bench.go_on().is_empty());
    assert!(bench.why_stopped().contains("chen said no"), "{}", bench.why_stopped());
    assert!(!bench.recorded.iter().any(|record| matches!(record, Record::Intended { command: 1, .. })));
}

#[test]
fn a_rejection_between_two_commands_stops_the_script() {
    let mut bench = first_of_two_sent();
    let _ = bench.give(Input::Came(Outcome::Done { detail: String::new() }));
    assert_eq!(bench.state.phase.word(), "between two commands");
    bench.rejected();
    assert!(bench.why_stopped().contains("chen said no"), "{}", bench.why_stopped());
    assert!(bench.go_on().is_empty());
}

#[test]
fn a_rejection_between_intent_and_last_look_stops_the_statement() {
    let mut bench = Bench::new(&["drop"]);
    bench.armed();
    bench.later(3);
    let _ = bench.give(Input::Proceed);
    let seen = bench.seen.clone();
    let mut effects = bench.give(Input::Observed(seen.clone()));
    let Some(Effect::Prepare { before, .. }) = effects.pop() else { panic!() };
    let _ = bench.give(Input::Prepared { connection: Ok(Some(connection())), before });
    bench.rejected();
    assert!(bench.state.forbids_sending().is_some(), "nor what was cleared before it came");
    let effects = bench.give(Input::LastLook(seen));
    assert!(matches!(effects[..], [Effect::Close(_)]), "{effects:?}");
    assert!(bench.why_stopped().contains("chen said no"), "{}", bench.why_stopped());
}

#[test]
fn a_step_cannot_be_armed_that_the_run_is_not_at() {
    let mut bench = Bench::new(&["drop", "put-in-place"]);
    bench.armed();
    let armed = bench.recorded.iter().rev().find(|record| matches!(record, Record::Armed { .. })).cloned().unwrap();
    let mut other = Bench::new(&["put-in-place", "drop"]);
    let _ = other.give(Input::Proceed);
    assert!(other.record(armed).is_err(), "{}", other.state.phase.word());
}

#[test]
fn an_input_that_is_on_record_cannot_be_recorded_again() {
    let mut bench = Bench::new(&["close-writes"]);
    let taken = || Record::InputTaken { input: "r-1.00-11".to_owned() };
    bench.record(taken()).unwrap();
    assert!(bench.record(taken()).is_err());
}

#[test]
fn the_second_command_of_a_signed_script_can_fail_to_connect_without_an_impossible_record() {
    let mut bench = first_of_two_sent();
    let _ = bench.give(Input::Came(Outcome::Done { detail: String::new() }));
    assert_eq!(bench.state.phase.word(), "between two commands");
    let _ = bench.give(Input::Prepared { connection: Err("too many connections".to_owned()), before: Vec::new() });
    assert!(bench.why_stopped().contains("too many connections"));
}

#[test]
fn a_wait_whose_conditions_cannot_be_told_is_not_bound_to_half_of_them() {
    let mut bench = Bench::new(&["caught-up"]);
    let position = FactKey::server(&server("a"), ServerFact::Position);
    let mut patch = Patch::default();
    patch.forget(position.clone(), "it did not answer");
    let whole = bench.seen.clone();
    bench.seen = whole.with(&patch);
    assert!(matches!(bench.go_on()[..], [Effect::WakeAt(_)]));
    assert_eq!(bench.state.phase.word(), "entering a step");
    // The primary answers again, and it is ahead of the spare, which is still detached.
    bench.seen = whole;
    let ahead = Position::parse_mariadb("0-1-99").unwrap();
    bench.sees(position, Value::Position(ahead));
    let effects = bench.give(Input::Tick);
    assert!(matches!(effects[..], [Effect::Observe]), "{effects:?}");
    let seen = bench.seen.clone();
    let _ = bench.give(Input::Observed(seen));
    let _ = bench.go_on();
    assert_eq!(bench.state.phase.word(), "waiting for facts");
    bench.later(700);
    let _ = bench.go_on();
    assert!(bench.why_stopped().contains("position contains 0-1-99"), "{}", bench.why_stopped());
}

#[test]
fn a_wait_that_can_never_be_told_ends_at_its_deadline_and_says_what_is_missing() {
    let mut bench = Bench::new(&["caught-up"]);
    let mut patch = Patch::default();
    patch.forget(FactKey::server(&server("a"), ServerFact::Position), "it did not answer");
    bench.seen = bench.seen.with(&patch);
    let _ = bench.go_on();
    bench.later(601);
    let seen = bench.seen.clone();
    let _ = bench.give(Input::Observed(seen));
    assert!(bench.why_stopped().contains("it did not answer"), "{}", bench.why_stopped());
}

#[test]
fn notes_do_not_put_off_the_time_by_which_a_promise_must_be_seen() {
    let mut bench = Bench::new(&["drop"]);
    bench.armed();
    bench.later(3);
    let _ = bench.go_on();
    let _ = bench.give(Input::Came(Outcome::Done { detail: String::new() }));
    assert_eq!(bench.state.phase.word(), "verifying");
    for _ in 0..4 {
        bench.later(3);
        let _ = bench.give(Input::Person(Person::Note { by: "bob".to_owned(), text: "still there?".to_owned() }));
    }
    let _ = bench.go_on();
    assert_eq!(bench.why_stopped(), "the fleet is not as predicted");
}

#[test]
fn a_signed_input_counts_only_for_the_wait_and_the_journal_it_was_signed_for() {
    let mut bench = Bench::new(&["close-writes"]);
    let early = bench.head();
    let _ = bench.go_on();
    assert_eq!(bench.state.phase.word(), "waiting for an answer");
    let now = bench.head();
    let refused = [
        (early, "the run went on since"),
        (JournalHead { entry: now.entry + 1000, ..now.clone() }, "not in this journal"),
        (JournalHead { sha256: Digest::of(b"another history"), ..now.clone() }, "not in this journal"),
    ];
    for (head, why) in refused {
        bench.signed(InputVerb::Answer, "done", head);
        assert!(matches!(bench.last(), Record::InputRefused { why: said } if said.contains(why)), "{:?}", bench.last());
    }
    bench.signed(InputVerb::Answer, "done", now);
    assert!(matches!(bench.last(), Record::Answered { .. }), "{:?}", bench.last());
}

#[test]
fn a_release_delivered_twice_does_not_release_the_next_hold() {
    let mut bench = Bench::new(&["close-writes"]);
    let _ = bench.go_on();
    let hold = || Input::Hold { by: "chen".to_owned(), reason: "wait".to_owned() };
    let _ = bench.give(hold());
    let head = bench.head();
    bench.signed(InputVerb::Release, "go", head.clone());
    assert_eq!(bench.state.held, None);
    let _ = bench.give(hold());
    bench.signed(InputVerb::Release, "go", head);
    assert_eq!(bench.state.held.as_deref(), Some("chen"));
}

#[test]
fn a_second_hold_is_not_lost() {
    let mut bench = Bench::new(&["close-writes"]);
    let _ = bench.give(Input::Hold { by: "chen".to_owned(), reason: "wait".to_owned() });
    let _ = bench.give(Input::Hold { by: "bob".to_owned(), reason: "me too".to_owned() });
    assert!(matches!(bench.last(), Record::Noted { by, text } if by == "bob" && text.contains("me too")));
}

#[test]
fn nothing_begins_while_somebody_holds() {
    for names in [["drop"], ["copy"], ["close-writes"], ["compare-all"]] {
        let mut bench = Bench::new(&names);
        let _ = bench.give(Input::Hold { by: "chen".to_owned(), reason: "wait".to_owned() });
        assert!(bench.go_on().is_empty(), "{names:?}");
        assert!(matches!(bench.last(), Record::Held { .. }), "{names:?}");
    }
}

#[test]
fn another_executor_finds_an_open_intent_in_doubt() {
    let mut bench = Bench::new(&["drop"]);
    bench.armed();
    bench.later(3);
    let _ = bench.go_on();
    assert_eq!(bench.state.phase.word(), "running a command");
    bench.taken_over();
    assert!(matches!(bench.go_on()[..], [Effect::LookFor(Some(_))]));
    let used = bench.state.requests.values().all(|request| request.ended == Some(Ended::Used));
    assert!(used, "what was used stays used: {:?}", bench.state.requests);
}

/// The only request of the run, by its name.
fn only_request(bench: &Bench) -> (countersign::domain::base::RequestId, Option<Ended>) {
    let [(id, request)] = bench.state.requests.iter().collect::<Vec<_>>()[..] else { panic!() };
    (id.clone(), request.ended.clone())
}

#[test]
fn what_was_signed_for_another_executor_and_not_used_is_void() {
    for armed in [false, true] {
        let mut bench = Bench::new(&["drop"]);
        if armed {
            bench.armed();
        } else {
            let _ = bench.go_on();
            bench.approve("ana", 1);
        }
        let (old, _) = only_request(&bench);
        let signed = bench.state.requests[&old].approvals[0].clone();
        bench.taken_over();
        assert_eq!(only_request(&bench).1, Some(Ended::Void { why: TAKEN_OVER.to_owned() }));
        // The delay of the old executor is over, and still nothing is sent.
        bench.later(3);
        assert!(matches!(bench.go_on()[..], [Effect::WakeAt(_)]), "{}", bench.state.phase.word());
        let Phase::Requested { request } = bench.state.phase.clone() else { panic!("{}", bench.state.phase.word()) };
        assert_ne!(request, old);
        assert_eq!(bench.state.attempt, 2);
        let late = Person::Approve { request: old.clone(), approval: signed.clone() };
        let _ = bench.give(Input::Person(late));
        assert!(matches!(bench.last(), Record::InputRefused { .. }), "{:?}", bench.last());
        let copied = Person::Approve { request, approval: signed };
        let _ = bench.give(Input::Person(copied));
        assert!(matches!(bench.last(), Record::SignatureRefused { .. }), "{:?}", bench.last());
        // New signatures, and a new time in which anybody may hold.
        bench.approve("ana", 1);
        bench.approve("bob", 2);
        assert!(matches!(bench.go_on()[..], [Effect::WakeAt(_)]));
        assert!(matches!(&bench.state.phase, Phase::Armed { until, .. } if *until > bench.now));
        bench.later(3);
        assert!(matches!(bench.go_on()[..], [Effect::Send { .. }]));
    }
}

#[test]
fn an_armed_step_that_nobody_had_to_sign_is_armed_anew_by_another_executor() {
    let mut bench = Bench::new(&["copy"]);
    let _ = bench.give(Input::Proceed);
    let seen = bench.seen.clone();
    let _ = bench.give(Input::Observed(seen));
    assert_eq!(bench.state.phase.word(), "armed");
    bench.taken_over();
    assert_eq!((bench.state.phase.word(), bench.state.attempt), ("entering a step", 2));
    assert!(matches!(bench.go_on()[..], [Effect::Send { .. }]));
}

#[test]
fn a_step_cannot_be_armed_or_begun_on_a_request_that_is_not_the_open_one() {
    let mut bench = Bench::new(&["drop"]);
    bench.armed();
    let armed = bench.last().clone();
    bench.later(3);
    let _ = bench.go_on();
    let intended = bench.last().clone();
    assert!(matches!((&armed, &intended), (Record::Armed { .. }, Record::Intended { .. })));

    let mut again = Bench::new(&["drop"]);
    again.armed();
    again.taken_over();
    let _ = again.go_on();
    assert!(again.record(armed).is_err(), "the old request is void");
    again.approve("ana", 1);
    again.approve("bob", 2);
    let _ = again.go_on();
    assert_eq!(again.state.phase.word(), "armed");
    assert!(again.record(intended).is_err(), "it was intended on the old request");
}

#[test]
fn a_record_that_makes_no_sense_where_it_stands_is_an_error() {
    let done = |bench: &Bench| Record::Done { step: bench.state.step().unwrap().clone(), checks: Vec::new() };
    let mut bench = Bench::new(&["drop"]);
    let (first, done) = (bench.recorded[0].clone(), done(&bench));
    let chosen = Record::Chosen {
        by: people::principal("ana"),
        choice: Choice::GoOn,
        signed: countersign::domain::journal::record::SignedText { text: String::new(), armored: String::new() },
    };
    let closed = Record::Closed { outcome: Ending::Completed };
    for record in [
        first,
        done,
        chosen,
        closed.clone(),
        Record::InDoubt { step: bench.state.step().unwrap().clone(), command: 0, why: String::new() },
    ] {
        let before = bench.state.clone();
        assert!(bench.record(record.clone()).is_err(), "{record:?}");
        assert_eq!(bench.state, before, "an impossible record changes nothing");
    }
    bench.signed(InputVerb::Abort, "enough", bench.head());
    assert!(bench.record(closed).is_err(), "an aborted run was not completed");
    bench.record(Record::Closed { outcome: Ending::Aborted }).unwrap();
    let stop = Record::Stopped { why: StopReason::Refused, choices: Vec::new() };
    for record in [stop, Record::Noted { by: "bob".to_owned(), text: "late".to_owned() }] {
        assert!(bench.record(record).is_err(), "nothing follows the end");
    }
}

#[test]
fn the_state_of_a_run_is_the_fold_of_its_records() {
    let bench = in_doubt();
    let mut head = Head::start();
    let mut folded: Option<State> = None;
    let mut now = Timestamp::from_millis(1000);
    for record in &bench.recorded {
        let (event, payload) = record.to_line();
        // The moments are those of the bench: what was armed was intended three seconds later.
        if matches!(record, Record::Intended { .. }) {
            now = now.plus(Span::from_secs(3));
        }
        let line = Line::next(&head, now, &event, &payload).unwrap();
        head = line.head();
        match &mut folded {
            None => folded = Some(State::open(record, line.head(), now).unwrap()),
            Some(state) => state.apply(record, line.head(), now).unwrap(),
        }
    }
    assert_eq!(folded.unwrap(), bench.state);
}

#[test]
fn a_link_that_became_unknown_voids_what_was_signed_on_it() {
    let mut bench = Bench::new(&["drop"]);
    let _ = bench.go_on();
    bench.approve("ana", 1);
    let mut patch = Patch::default();
    patch.forget(FactKey::link(&server("c"), "", LinkFact::Fence), "it did not answer");
    bench.seen = bench.seen.with(&patch);
    bench.approve("bob", 2);
    let _ = bench.go_on();
    assert!(matches!(&bench.state.phase, Phase::Stopped { why: StopReason::Approval { .. }, .. }));
}

#[test]
fn a_measurement_that_is_not_good_is_said_at_once_and_only_measuring_again_is_offered() {
    let mut bench = Bench::new(&["compare-all"]);
    let effects = bench.go_on();
    let [Effect::Measure(command)] = &effects[..] else { panic!("{effects:?}") };
    let findings = command.patch.changes().filter_map(|(key, known)| match (&key.about, known.value()) {
        (About::Table { table, .. }, Ok(Value::Finding(finding))) => {
            let finding =
                Finding { good: false, detail: "the copies differ (3 and 4 rows)".to_owned(), ..finding.clone() };
            Some(Measured { server: key.server.clone(), table: table.clone(), finding })
        }
        _ => None,
    });
    let findings: Vec<Measured> = findings.collect();
    assert!(findings.len() > 1);
    let _ = bench.give(Input::Came(Outcome::Measured { findings }));
    let began = bench.now;
    let _ = bench.go_on();
    assert_eq!(bench.now, began, "nothing is waited for");
    let why = bench.why_stopped();
    assert!(why.starts_with("measured, and not good") && why.contains("the copies differ"), "{why}");
    assert_eq!(bench.choices(), [Choice::TryAgain, Choice::Abort]);
    bench.signed(InputVerb::Choose, "1", bench.head());
    assert!(matches!(bench.go_on()[..], [Effect::Measure(_)]), "it is measured again");
}
