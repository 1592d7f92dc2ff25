//! Journals that an executor, or somebody with its key, could have written: the audit tells good from bad.

use countersign::domain::approval::request::Header;
use countersign::domain::approval::sshsig::Verb;
use countersign::domain::approval::trust::Trust;
use countersign::domain::approval::votes::InputVerb;
use countersign::domain::base::{Danger, Span};
use countersign::domain::journal::audit::{Fault, Review, Summary, What, audit};
use countersign::domain::journal::record::{Choice, Ending, Record, StopReason};
use countersign::store::trust_files;

use super::made::{self, ANA, BOB, CHEN, DROP, Maker, REQUEST, STRANGER, name, step};
use super::story;

fn trust() -> (tempfile::TempDir, Trust) {
    let dir = tempfile::tempdir().unwrap();
    let operators = made::key_files(dir.path(), &[ANA, BOB, CHEN]);
    let state = dir.path().join("state");
    trust_files::init(&state, &operators, None, "2026-11-01T09:00:00Z".parse().unwrap()).unwrap();
    let trust = trust_files::load(&state).unwrap();
    (dir, trust)
}

fn judged(made: &Maker) -> Result<Summary, Vec<Fault>> {
    audit(&made.lines, std::slice::from_ref(&made.trust))
}

fn refused(made: &Maker) -> Vec<What> {
    judged(made).unwrap_err().into_iter().map(|fault| fault.what).collect()
}

#[test]
fn a_good_run_says_who_allowed_what() {
    let (_dir, trust) = trust();
    let summary = judged(&story::good(&trust)).unwrap_or_else(|faults| panic!("{faults:#?}"));
    assert_eq!((summary.ended, summary.gates.len()), (Some(Ending::Completed), 1));
    let gate = &summary.gates[0];
    let by: Vec<_> = gate.approvers.iter().map(|approver| (approver.by.as_str(), approver.review)).collect();
    assert_eq!(by, [("ana", Review::Reviewed { confirmed: 5, of: 6 }), ("bob", Review::Detached)]);
    assert_eq!(summary.inputs, 4, "an answer, a release and two choices");
    assert!(summary.unvouched.is_empty());
}

#[test]
fn a_run_that_goes_on_is_good_as_far_as_it_is() {
    let (_dir, trust) = trust();
    let summary = judged(&story::approved(&trust)).unwrap();
    assert_eq!((summary.ended, summary.gates.len()), (None, 0));
}

/// The good run up to two approvals, then `change`, then the start of the drop and the rest.
fn with_approvals(approvals: impl Fn(&mut Maker)) -> Vec<What> {
    let (_dir, trust) = trust();
    let mut made = story::before_the_drop(&trust);
    let header = made.header("drop-corrupt", 4);
    made.request(header, Danger::Destructive, story::drop_script());
    approvals(&mut made);
    made.armed("drop-corrupt", Some(REQUEST), Danger::Destructive, story::drop_script());
    made.intended("drop-corrupt", Some(REQUEST), &[DROP]);
    story::finish(&mut made);
    judged(&made).err().unwrap_or_default().into_iter().map(|fault| fault.what).collect()
}

#[test]
fn what_started_without_enough_people_is_a_fault() {
    assert!(
        with_approvals(|made| {
            made.approve(ANA, story::measured());
            made.approve(CHEN, story::measured());
        })
        .is_empty()
    );
    let too_few: [&dyn Fn(&mut Maker); 4] = [
        &|_| {},
        &|made| made.approve(ANA, story::measured()),
        &|made| {
            made.approve(ANA, story::measured());
            made.approve(ANA, story::measured());
        },
        &|made| {
            made.approve(ANA, None);
            made.approve(BOB, None);
        },
    ];
    for approvals in too_few {
        let faults = with_approvals(approvals);
        assert!(matches!(faults[..], [What::NotApproved { .. }]), "{faults:?}");
    }
}

#[test]
fn approvals_that_came_after_the_start_do_not_count_for_it() {
    let (_dir, trust) = trust();
    let mut made = story::before_the_drop(&trust);
    let header = made.header("drop-corrupt", 4);
    made.request(header, Danger::Destructive, story::drop_script());
    made.approve(ANA, story::measured());
    made.armed("drop-corrupt", Some(REQUEST), Danger::Destructive, story::drop_script());
    made.intended("drop-corrupt", Some(REQUEST), &[DROP]);
    made.approve_with(&name(BOB), String::new(), None);
    story::finish(&mut made);
    let faults = refused(&made);
    assert!(faults.iter().any(|what| matches!(what, What::NotApproved { .. })), "{faults:?}");
    assert!(faults.iter().any(|what| matches!(what, What::Impossible(_))), "the request was used: {faults:?}");
}

#[test]
fn signatures_of_others_are_faults_where_they_are_recorded() {
    let sign = |made: &Maker, seed: u8, verb| {
        let text = made.text_of(&REQUEST.parse().unwrap());
        made::secret(seed).sign(verb, text.as_bytes())
    };
    for (seed, verb, as_whom) in [(STRANGER, Verb::Approve, BOB), (ANA, Verb::Approve, BOB), (BOB, Verb::Reject, BOB)] {
        let faults = with_approvals(|made| {
            made.approve(ANA, story::measured());
            let armored = sign(made, seed, verb);
            made.approve_with(&name(as_whom), armored, story::measured());
        });
        assert!(
            matches!(faults[..], [What::Approval { .. } | What::ApprovalBy { .. }, What::NotApproved { .. }]),
            "{faults:?}"
        );
    }
}

#[test]
fn a_request_that_was_rejected_or_used_does_not_start_anything() {
    let (_dir, trust) = trust();
    let mut rejected = story::approved(&trust);
    rejected.reject(CHEN);
    rejected.intended("drop-corrupt", Some(REQUEST), &[DROP]);
    let faults = refused(&rejected);
    assert!(matches!(faults[..], [What::Impossible(_), What::Ended { .. }]), "{faults:?}");

    let mut again = story::approved(&trust);
    again.intended("drop-corrupt", Some(REQUEST), &[DROP]);
    again.push(Record::NotSent { step: step("drop-corrupt"), command: 0, why: "the last look differs".to_owned() });
    again.stopped(StopReason::Failed { why: "not sent".to_owned() }, &[Choice::TryAgain, Choice::Abort]);
    again.choose(ANA, 1, Choice::TryAgain);
    again.attempt = 3;
    again.entered("drop-corrupt", 4);
    judged(&again).unwrap();
    again.armed("drop-corrupt", Some(REQUEST), Danger::Destructive, story::drop_script());
    assert!(matches!(refused(&again)[..], [What::Impossible(_)]), "{:?}", refused(&again));
}

#[test]
fn a_request_that_was_signed_for_another_executor_starts_nothing() {
    let (_dir, trust) = trust();
    let mut made = story::approved(&trust);
    made.key = countersign::keys::RunKey::from_seed(made::run(), &[made::NEXT_RUN_KEY; 32]).unwrap();
    let (by, journal_key) = (name(BOB), made.key.journal_key());
    let signed = Some(made.input(BOB, InputVerb::Takeover, &journal_key));
    made.push(Record::ExecutorChanged { by, host: "bastion-2".to_owned(), journal_key, signed });
    judged(&made).unwrap();
    made.intended("drop-corrupt", Some(REQUEST), &[DROP]);
    assert!(matches!(refused(&made)[..], [What::Impossible(_)]), "{:?}", refused(&made));
}

#[test]
fn an_expired_request_starts_nothing_unless_nothing_was_sent() {
    let (_dir, trust) = trust();
    let mut late = story::approved(&trust);
    late.wait(1800);
    late.intended("drop-corrupt", Some(REQUEST), &[DROP]);
    assert!(matches!(refused(&late)[..], [What::Expired { .. }]), "in doubt counts as sent");
    late.push(Record::NotSent { step: step("drop-corrupt"), command: 0, why: "the request expired".to_owned() });
    judged(&late).unwrap();
    let mut late = story::approved(&trust);
    late.wait(1800);
    late.intended("drop-corrupt", Some(REQUEST), &[DROP]);
    story::finish(&mut late);
    assert!(matches!(refused(&late)[..], [What::Expired { .. }]));
}

#[test]
fn another_script_than_the_signed_one_is_a_fault() {
    let (_dir, trust) = trust();
    let mut other = story::drop_script();
    if let countersign::domain::script::Work::Statement { text, .. } = &mut other[0].work {
        *text = "DROP TABLE `shop`.`customers`".to_owned();
    }
    let mut armed = story::before_the_drop(&trust);
    let header = armed.header("drop-corrupt", 4);
    armed.request(header, Danger::Destructive, story::drop_script());
    armed.approve(ANA, story::measured());
    armed.approve(BOB, story::measured());
    armed.armed("drop-corrupt", Some(REQUEST), Danger::Destructive, other);
    armed.intended("drop-corrupt", Some(REQUEST), &["DROP TABLE `shop`.`customers`"]);
    let faults = refused(&armed);
    assert!(matches!(faults[..], [What::OtherCommand { of: "request" }, What::OtherScript]), "{faults:?}");

    let mut sent = story::approved(&trust);
    sent.intended("drop-corrupt", Some(REQUEST), &["DROP TABLE `shop`.`customers`"]);
    assert!(matches!(refused(&sent)[..], [What::OtherCommand { of: "armed step" }]));
    let mut unnamed = story::approved(&trust);
    unnamed.intended("drop-corrupt", None, &[DROP]);
    assert!(refused(&unnamed).iter().any(|what| matches!(what, What::OtherRequest { .. })));
}

#[test]
fn what_destroys_cannot_be_armed_without_a_request() {
    let (_dir, trust) = trust();
    for danger in [Danger::Destructive, Danger::Observe] {
        let mut made = story::before_the_drop(&trust);
        made.armed("drop-corrupt", None, danger, story::drop_script());
        made.intended("drop-corrupt", None, &[DROP]);
        assert!(matches!(refused(&made)[..], [What::NeedsApproval { danger: Danger::Destructive, need: 2 }]));
    }
}

/// The field that must be named, and how the header is made to differ from the run.
type HeaderChange = (&'static str, fn(&mut Header));

#[test]
fn a_request_whose_header_is_not_the_runs_is_a_fault() {
    let (_dir, trust) = trust();
    let changes: [HeaderChange; 10] = [
        ("run", |header| header.run = "r-other".parse().unwrap()),
        ("mode", |header| header.mode = "simulated".to_owned()),
        ("fleet", |header| header.fleet_digest = header.trust_digest.clone()),
        ("runbook", |header| header.runbook_digest = header.trust_digest.clone()),
        ("attempt", |header| header.attempt = 1),
        ("journal", |header| header.journal = "7:".to_owned() + header.trust_digest.as_str()),
        ("journal key", |header| header.journal_key = "AAAA".to_owned()),
        ("number of approvals", |header| header.need = 1),
        ("requester-counts", |header| header.requester_counts = false),
        ("time", |header| header.created = header.created.plus(Span::from_secs(600))),
    ];
    for (expected, change) in changes {
        let mut made = story::before_the_drop(&trust);
        let mut header = made.header("drop-corrupt", 4);
        change(&mut header);
        made.request(header, Danger::Destructive, story::drop_script());
        let faults = refused(&made);
        assert!(matches!(faults[..], [What::HeaderField { field, .. }] if field == expected), "{expected}: {faults:?}");
    }
    let mut long = story::before_the_drop(&trust);
    let mut header = long.header("drop-corrupt", 4);
    header.expires = header.expires.plus(Span::from_secs(1));
    long.request(header, Danger::Destructive, story::drop_script());
    assert!(matches!(refused(&long)[..], [What::LivesTooLong { .. }]));
}

#[test]
fn the_recorded_header_and_danger_must_be_those_of_the_signed_text() {
    let (_dir, trust) = trust();
    let change = |alter: &dyn Fn(&mut Record)| {
        let mut made = story::before_the_drop(&trust);
        let header = made.header("drop-corrupt", 4);
        let mut other = story::before_the_drop(&trust);
        other.request(header, Danger::Destructive, story::drop_script());
        let mut record = other.records[other.records.len() - 2].clone();
        alter(&mut record);
        made.push(record);
        refused(&made)
    };
    let faults = change(&|record| {
        if let Record::Requested { header, .. } = record {
            header.reason = "another".to_owned();
        }
    });
    assert!(matches!(faults[..], [What::OtherHeader]), "{faults:?}");
    let faults = change(&|record| {
        if let Record::Requested { assessed, .. } = record {
            assessed.script = story::protective_script();
        }
    });
    assert!(matches!(faults[..], [What::OtherScript]), "{faults:?}");
    let faults = change(&|record| {
        if let Record::Requested { danger, .. } = record {
            *danger = Danger::Reversible;
        }
    });
    assert!(faults.contains(&What::OtherHeader), "{faults:?}");
    assert!(faults.iter().any(|what| matches!(what, What::LowerDanger { .. })), "{faults:?}");
}

#[test]
fn inputs_count_for_their_moment_their_history_and_once() {
    let (_dir, trust) = trust();
    let mut early = story::before_the_drop(&trust);
    let signed = early.input(ANA, InputVerb::Choose, "2");
    early.push(Record::Blocked { step: step("drop-corrupt"), why: vec!["db-c is not fenced".to_owned()] });
    early.stopped(StopReason::Blocked, &[Choice::TryAgain, Choice::Abort]);
    early.push(Record::Chosen { by: name(ANA), choice: Choice::Abort, signed });
    assert!(matches!(refused(&early)[..], [What::Stale { .. }]), "{:?}", refused(&early));

    let mut forked = story::before_the_drop(&trust);
    let mut elsewhere = story::before_the_drop(&trust);
    elsewhere.push(Record::Noted { by: "ana".to_owned(), text: "another history".to_owned() });
    elsewhere.push(Record::Noted { by: "ana".to_owned(), text: "and more of it".to_owned() });
    let signed = elsewhere.input(ANA, InputVerb::Choose, "1");
    forked.stopped(StopReason::Blocked, &[Choice::TryAgain, Choice::Abort]);
    forked.push(Record::Noted { by: "ana".to_owned(), text: "one".to_owned() });
    forked.push(Record::Noted { by: "ana".to_owned(), text: "two".to_owned() });
    forked.push(Record::Chosen { by: name(ANA), choice: Choice::TryAgain, signed });
    assert!(matches!(refused(&forked)[..], [What::OtherHistory { .. }]), "{:?}", refused(&forked));

    let mut twice = story::before_the_drop(&trust);
    twice.push(Record::Held { by: "ana".to_owned(), reason: "phone".to_owned() });
    let signed = twice.input(ANA, InputVerb::Release, "back");
    twice.push(Record::Released { by: name(ANA), signed: signed.clone() });
    twice.push(Record::Held { by: "ana".to_owned(), reason: "phone".to_owned() });
    twice.push(Record::Released { by: name(ANA), signed });
    assert!(refused(&twice).contains(&What::Replayed { by: name(ANA) }), "{:?}", refused(&twice));
}

#[test]
fn an_input_is_by_its_signer_and_says_what_is_recorded() {
    let (_dir, trust) = trust();
    let stop = |made: &mut Maker| made.stopped(StopReason::Blocked, &[Choice::TryAgain, Choice::Abort]);
    for (signer, verb, argument, by, choice, fine) in [
        (ANA, InputVerb::Choose, "1", ANA, Choice::TryAgain, true),
        (ANA, InputVerb::Abort, "enough", ANA, Choice::Abort, true),
        (ANA, InputVerb::Choose, "2", ANA, Choice::TryAgain, false),
        (ANA, InputVerb::Answer, "1", ANA, Choice::TryAgain, false),
        (ANA, InputVerb::Choose, "1", BOB, Choice::TryAgain, false),
        (STRANGER, InputVerb::Choose, "1", STRANGER, Choice::TryAgain, false),
    ] {
        let mut made = story::before_the_drop(&trust);
        stop(&mut made);
        let signed = made.input(signer, verb, argument);
        made.push(Record::Chosen { by: name(by), choice, signed });
        assert_eq!(judged(&made).is_ok(), fine, "{signer} {verb:?} {argument} {by}: {:?}", judged(&made));
    }
}

#[test]
fn an_abort_is_signed_before_the_stop_it_makes() {
    let (_dir, trust) = trust();
    let mut made = story::approved(&trust);
    let signed = made.input(BOB, InputVerb::Abort, "wrong fleet");
    made.push_together(&[
        Record::Stopped {
            why: StopReason::Failed { why: "bob aborts the run".to_owned() },
            choices: vec![Choice::Abort],
        },
        Record::Chosen { by: name(BOB), choice: Choice::Abort, signed },
    ]);
    made.push(Record::Closed { outcome: Ending::Aborted });
    assert_eq!(judged(&made).unwrap().ended, Some(Ending::Aborted));
}

#[test]
fn heads_are_signed_by_the_executor_of_their_time() {
    let (_dir, trust) = trust();
    let mut forged = story::before_the_drop(&trust);
    let other = countersign::keys::RunKey::from_seed(made::run(), &[made::NEXT_RUN_KEY; 32]).unwrap();
    let key = std::mem::replace(&mut forged.key, other);
    forged.armed("drop-corrupt", None, Danger::Protective, story::protective_script());
    forged.intended("drop-corrupt", None, &["STOP REPLICA"]);
    assert!(matches!(refused(&forged)[..], [What::HeadKey { since: 0, .. }]), "{:?}", refused(&forged));
    let mut nonsense = story::before_the_drop(&trust);
    nonsense.key = key;
    nonsense.push(Record::Head { signature: "no signature".to_owned() });
    assert!(matches!(refused(&nonsense)[..], [What::Head { .. }]));
}

#[test]
fn a_takeover_counts_once_an_operator_signed_something_that_names_it() {
    let (_dir, trust) = trust();
    let mut made = story::before_the_drop(&trust);
    made.key = countersign::keys::RunKey::from_seed(made::run(), &[made::NEXT_RUN_KEY; 32]).unwrap();
    let (by, journal_key) = (name(BOB), made.key.journal_key());
    made.push(Record::ExecutorChanged { by, host: "bastion-2".to_owned(), journal_key, signed: None });
    let line = made.head().entries() - 2;
    let unvouched = judged(&made).unwrap().unvouched;
    assert_eq!(unvouched.iter().map(|takeover| takeover.line).collect::<Vec<_>>(), [line]);
    made.push(Record::Held { by: "bob".to_owned(), reason: "let me look".to_owned() });
    made.release(BOB);
    assert!(judged(&made).unwrap().unvouched.is_empty());
}

#[test]
fn a_takeover_that_its_driver_signed_counts_for_the_key_it_names() {
    let (_dir, trust) = trust();
    let taken_over = |signer: u8, verb: InputVerb, key: Option<&str>| {
        let mut made = story::before_the_drop(&trust);
        made.key = countersign::keys::RunKey::from_seed(made::run(), &[made::NEXT_RUN_KEY; 32]).unwrap();
        let (by, journal_key) = (name(BOB), made.key.journal_key());
        let signed = Some(made.input(signer, verb, key.unwrap_or(&journal_key)));
        made.push(Record::ExecutorChanged { by, host: "bastion-2".to_owned(), journal_key, signed });
        made
    };
    let good = taken_over(BOB, InputVerb::Takeover, None);
    assert!(judged(&good).unwrap().unvouched.is_empty());
    for (signer, verb, key) in [
        (BOB, InputVerb::Takeover, Some("another key")),
        (BOB, InputVerb::Release, None),
        (ANA, InputVerb::Takeover, None),
    ] {
        let faults = refused(&taken_over(signer, verb, key));
        assert!(matches!(faults[..], [What::SaysOtherwise { .. }]), "{verb:?} {key:?}: {faults:?}");
    }
}

#[test]
fn nothing_follows_the_end_but_its_head() {
    let (_dir, trust) = trust();
    let mut made = story::good(&trust);
    made.push(Record::Noted { by: "ana".to_owned(), text: "one more thing".to_owned() });
    assert!(matches!(refused(&made)[..], [What::AfterClose { .. }, What::Impossible(_)]), "{:?}", refused(&made));
    let mut sealed_twice = story::good(&trust);
    let seal = sealed_twice.records.last().cloned().unwrap();
    sealed_twice.push(seal);
    assert!(refused(&sealed_twice).iter().any(|what| matches!(what, What::AfterClose { .. })));
}

#[test]
fn records_that_cannot_follow_are_faults_with_their_line() {
    let (_dir, trust) = trust();
    let mut unarmed = story::before_the_drop(&trust);
    unarmed.intended("drop-corrupt", None, &[DROP]);
    let faults = judged(&unarmed).unwrap_err();
    let line = unarmed.head().entries() - 2;
    assert!(matches!(&faults[..], [Fault { line: at, what: What::Impossible(_) }] if *at == line), "{faults:?}");
    let mut elsewhere = story::before_the_drop(&trust);
    elsewhere.armed("check-spare", None, Danger::Protective, story::protective_script());
    assert!(refused(&elsewhere).iter().any(|what| matches!(what, What::Impossible(_))), "{:?}", refused(&elsewhere));
}

#[test]
fn the_trust_that_a_run_names_must_be_there() {
    let (_dir, trust) = trust();
    let made = story::before_the_drop(&trust);
    let faults = audit(&made.lines, &[]).unwrap_err();
    assert!(matches!(faults[0].what, What::UnknownTrust { serial: 1 }), "{faults:?}");
}
