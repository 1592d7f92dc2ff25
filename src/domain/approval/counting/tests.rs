use super::*;
use crate::domain::approval::roster::Stranger;
use crate::domain::approval::sshsig::SigError;
use crate::domain::approval::testing::{Draft, at, key, name, security_key, sign, three, touch};

const NOW: &str = "2026-11-22T08:14:00Z";
const REQUEST: &[u8] = b"the request";

fn approval(seed: u8) -> String {
    sign(seed, Verb::Approve, REQUEST)
}

fn measured(armored: &str) -> Submission<'_> {
    Submission { armored, claimed: None, review: Review::OwnMeasurement }
}

fn destructive(requester: &Principal) -> Subject<'_> {
    Subject { request: REQUEST, danger: Danger::Destructive, requester }
}

/// Counts approvals of something destructive that ana asked for.
fn tally(trust: &Trust, armored: &[&str]) -> Tally {
    let submissions: Vec<Submission<'_>> = armored.iter().map(|armored| measured(armored)).collect();
    count(destructive(&name("ana")), &submissions, trust, at(NOW))
}

fn with_policy(policy: &str) -> Trust {
    Draft {
        policy: format!("version: 1\nclasses:\n  {policy}\n"),
        ..Draft::first(&[("ana", 1), ("bob", 2), ("chen", 3)])
    }
    .anchored()
}

#[test]
fn two_people_are_enough_and_one_is_not() {
    let trust = three();
    assert_eq!(tally(&trust, &[]).enough(), Err(Missing::People { need: 2, have: 0 }));
    assert_eq!(tally(&trust, &[&approval(1)]).enough(), Err(Missing::People { need: 2, have: 1 }));
    let both = tally(&trust, &[&approval(1), &approval(2)]);
    assert_eq!(both.enough(), Ok(()));
    assert_eq!(both.approvers().keys().map(Principal::as_str).collect::<Vec<_>>(), ["ana", "bob"]);
    assert!(both.not_counted().is_empty());
}

#[test]
fn one_person_with_two_files_or_two_keys_counts_once() {
    let trust = Draft::first(&[("ana", 1), ("ana", 4), ("bob", 2)]).anchored();
    for second in [1, 4] {
        let tally = tally(&trust, &[&approval(1), &approval(second), &approval(1)]);
        assert_eq!(tally.enough(), Err(Missing::People { need: 2, have: 1 }));
        assert_eq!(tally.not_counted().len(), 2);
        assert!(tally.not_counted().iter().all(|(_, why)| matches!(why, NotCounted::Again { .. })));
    }
}

#[test]
fn the_one_who_asks_counts_only_if_the_policy_says_so() {
    let trust = with_policy("destructive: {requester_counts: false}");
    let alone = tally(&trust, &[&approval(1), &approval(2)]);
    assert_eq!(alone.not_counted(), [(0, NotCounted::Requester { requester: name("ana") })]);
    assert_eq!(alone.enough(), Err(Missing::People { need: 2, have: 1 }));
    assert_eq!(tally(&trust, &[&approval(2), &approval(3)]).enough(), Ok(()));
    assert_eq!(tally(&three(), &[&approval(1), &approval(2)]).enough(), Ok(()), "the buddy system is the default");
}

#[test]
fn only_listed_people_count() {
    let trust = with_policy("destructive: {from: [ana, bob]}");
    let tally = tally(&trust, &[&approval(3), &approval(1)]);
    let why = NotCounted::NotListed { principal: name("chen"), danger: Danger::Destructive };
    assert_eq!(tally.not_counted(), [(0, why)]);
    assert_eq!(tally.approvers().len(), 1);
}

#[test]
fn a_signature_under_another_name_does_not_count() {
    let (ana, bob) = (name("ana"), name("bob"));
    let signature = approval(1);
    let submissions = [Submission { claimed: Some(&bob), ..measured(&signature) }, measured(&signature)];
    let tally = count(destructive(&ana), &submissions, &three(), at(NOW));
    assert_eq!(tally.not_counted(), [(0, NotCounted::OtherName { claimed: bob, signed: ana })]);
    assert_eq!(tally.approvers().len(), 1);
}

#[test]
fn a_malleable_twin_is_not_a_second_signature() {
    let good = approval(1);
    let twin = crate::domain::approval::testing::malleable_twin(&good);
    assert_ne!(good, twin);
    let tally = tally(&three(), &[&good, &twin]);
    let why = NotCounted::Distrust(Distrust::Signature(SigError::Mismatch));
    assert_eq!((tally.approvers().len(), tally.not_counted()), (1, &[(1, why)][..]));
}

#[test]
fn nobody_else_counts() {
    let trust = Draft { revoked: vec![key(3)], ..Draft::first(&[("ana", 1), ("bob", 2), ("chen", 3)]) }.anchored();
    let other_verb = sign(2, Verb::Reject, REQUEST);
    let other_bytes = sign(2, Verb::Approve, b"another request");
    let tally = tally(&trust, &[&approval(9), &approval(3), &other_verb, &other_bytes, "nonsense"]);
    assert!(tally.approvers().is_empty());
    let whys: Vec<&NotCounted> = tally.not_counted().iter().map(|(_, why)| why).collect();
    assert!(matches!(whys[0], NotCounted::Distrust(Distrust::Stranger(Stranger::Unknown { .. }))));
    assert!(matches!(whys[1], NotCounted::Distrust(Distrust::Revoked { .. })));
    assert!(whys[2..].iter().all(|why| matches!(why, NotCounted::Distrust(Distrust::Signature(_)))));
}

#[test]
fn a_key_counts_in_its_time_only() {
    let mut draft = Draft::first(&[("ana", 1), ("bob", 2), ("chen", 3)]);
    draft.operators[1].valid_before = Some(at("2026-11-22T08:13:00Z"));
    draft.operators[2].valid_after = Some(at("2026-11-22T08:15:00Z"));
    let files = Draft { threshold: Some(2), ..draft }.files();
    let anchor = crate::domain::base::Digest::of(files.trust.as_bytes());
    let trust = Trust::anchored(files.borrowed(), &anchor).unwrap();
    let whys = tally(&trust, &[&approval(1), &approval(2), &approval(3)]);
    assert!(matches!(whys.not_counted()[0].1, NotCounted::Distrust(Distrust::Stranger(Stranger::Expired { .. }))));
    assert!(matches!(whys.not_counted()[1].1, NotCounted::Distrust(Distrust::Stranger(Stranger::NotYet { .. }))));
}

#[test]
fn somebody_must_have_looked() {
    let (first, second) = (approval(1), approval(2));
    let detached = |armored| Submission { review: Review::Detached, ..measured(armored) };
    let ana = name("ana");
    let count = |submissions: &[Submission<'_>]| count(destructive(&ana), submissions, &three(), at(NOW));
    let blind = count(&[detached(&first), detached(&second)]);
    assert_eq!(blind.enough(), Err(Missing::OwnMeasurement { need: 1, have: 0 }));
    assert_eq!(count(&[detached(&first), measured(&second)]).enough(), Ok(()));
    let looked_again = count(&[detached(&first), detached(&second), measured(&first)]);
    assert_eq!(looked_again.enough(), Ok(()));
    assert_eq!(looked_again.not_counted(), [(0, NotCounted::Again { principal: name("ana") })]);
    assert_eq!(looked_again.approvers()[&ana].submission, 2);
}

#[test]
fn a_plain_key_is_not_enough_where_a_touch_is_asked_for() {
    for touch in ["required", "pin"] {
        let trust = with_policy(&format!("destructive: {{touch: {touch}}}"));
        let tally = tally(&trust, &[&approval(1)]);
        assert_eq!(tally.not_counted(), [(0, NotCounted::PlainKey { principal: name("ana") })]);
    }
}

#[test]
fn what_protects_needs_nobody() {
    let ana = name("ana");
    for danger in [Danger::Observe, Danger::Protective] {
        let subject = Subject { danger, ..destructive(&ana) };
        assert_eq!(count(subject, &[], &three(), at(NOW)).enough(), Ok(()));
    }
}

#[test]
fn a_touch_or_a_pin_counts_as_the_policy_asks() {
    let tally_with = |asked: &str, flags: u8| {
        let mut draft = Draft::first(&[("ana", 1), ("bob", 2)]);
        draft.operators[0].key = security_key(1);
        draft.policy = format!("version: 1\nclasses: {{destructive: {{touch: {asked}}}}}\n");
        tally(&draft.anchored(), &[&touch(1, flags, Verb::Approve, REQUEST)])
    };
    for (asked, flags, counts) in [
        ("optional", 0x01, true),
        ("required", 0x01, true),
        ("required", 0x04, false),
        ("pin", 0x05, true),
        ("pin", 0x1d, true),
        ("pin", 0x01, false),
        ("pin", 0x04, false),
    ] {
        let tally = tally_with(asked, flags);
        assert_eq!(tally.approvers().len(), usize::from(counts), "{asked} {flags:#x}: {:?}", tally.not_counted());
    }
    assert_eq!(tally_with("pin", 0x01).not_counted(), [(0, NotCounted::NoPin { principal: name("ana") })]);
}

#[test]
fn one_more_signature_adds_only_what_counts() {
    let trust = Draft::first(&[("ana", 1), ("ana", 4), ("bob", 2)]).anchored();
    let (ana, first, other_key, second) = (name("ana"), approval(1), approval(4), approval(2));
    let adds = |new: Submission<'_>| adds(destructive(&ana), &[measured(&first)], new, &trust, at(NOW));
    let again = Err(NotCounted::Again { principal: ana.clone() });
    assert_eq!(adds(measured(&first)), again);
    assert_eq!(adds(measured(&other_key)), again);
    assert_eq!(adds(measured(&second)), Ok(()));
    assert!(matches!(adds(measured("nonsense")), Err(NotCounted::Distrust(_))));
    let blind = Submission { review: Review::Detached, ..measured(&first) };
    let looked = super::adds(destructive(&ana), &[blind], measured(&first), &trust, at(NOW));
    assert_eq!(looked, Ok(()), "a better look replaces the first one");
}
