use super::*;
use crate::domain::approval::policy::MeantLoss;
use crate::domain::approval::testing::{Draft, Files, at, key, name, sign, three};

const NOW: &str = "2026-11-03T09:00:00Z";

fn adopt(trust: &Trust, files: &Files, seeds: &[u8]) -> Result<Trust, TrustError> {
    let signatures: Vec<String> = seeds.iter().map(|seed| sign(*seed, Verb::Trust, files.trust.as_bytes())).collect();
    let signatures: Vec<&str> = signatures.iter().map(String::as_str).collect();
    trust.adopt(files.borrowed(), &signatures, at(NOW))
}

#[test]
fn version_one_is_what_the_anchor_names() {
    let files = Draft::first(&[("ana", 1), ("bob", 2)]).files();
    let anchor = Digest::of(files.trust.as_bytes());
    let trust = Trust::anchored(files.borrowed(), &anchor).unwrap();
    assert_eq!((trust.serial(), trust.digest(), trust.threshold()), (1, &anchor, 2));
    assert!(matches!(Trust::anchored(files.borrowed(), &Digest::of(b"another")), Err(TrustError::NotAnchored { .. })));
}

#[test]
fn an_anchored_text_does_not_vouch_for_other_files() {
    let files = Draft::first(&[("ana", 1), ("bob", 2)]).files();
    let anchor = Digest::of(files.trust.as_bytes());
    let other = |change: fn(&mut Files)| {
        let mut changed = files.clone();
        change(&mut changed);
        Trust::anchored(changed.borrowed(), &anchor)
    };
    assert!(matches!(other(|f| f.operators.push_str("# x\n")), Err(TrustError::OtherFile { file: "operators", .. })));
    assert!(matches!(other(|f| f.policy.push_str("# x\n")), Err(TrustError::OtherFile { file: "policy.yaml", .. })));
    assert!(matches!(
        other(|f| f.revoked_keys.push_str("# x\n")),
        Err(TrustError::OtherFile { file: "revoked_keys", .. })
    ));
}

#[test]
fn the_next_version_needs_a_threshold_of_the_operators_before() {
    let first = three();
    let files = Draft::behind(&first, &[("ana", 1), ("bob", 2), ("eve", 5), ("dora", 6)]).files();
    let next = adopt(&first, &files, &[1, 2]).unwrap();
    assert_eq!((next.serial(), next.roster().principals(Verb::Approve).len()), (2, 4));
    for (signers, have) in [(&[][..], 0), (&[1], 1), (&[1, 1], 1), (&[5, 6], 0), (&[1, 5, 6], 1), (&[1, 9], 1)] {
        match adopt(&first, &files, signers) {
            Err(TrustError::TooFewSignatures { need: 2, have: found, .. }) => assert_eq!(found, have, "{signers:?}"),
            other => panic!("{signers:?}: {other:?}"),
        }
    }
}

#[test]
fn two_keys_of_one_person_are_one_signature() {
    let first = Draft::first(&[("ana", 1), ("ana", 4), ("bob", 2)]).anchored();
    let files = Draft::behind(&first, &[("ana", 1), ("eve", 5)]).files();
    assert!(matches!(adopt(&first, &files, &[1, 4]), Err(TrustError::TooFewSignatures { have: 1, .. })));
    assert!(adopt(&first, &files, &[4, 2]).is_ok());
}

#[test]
fn versions_follow_each_other_without_gap_or_return() {
    let first = three();
    let people = [("ana", 1), ("bob", 2)];
    let draft = Draft::behind(&first, &people);
    let second = adopt(&first, &draft.files(), &[1, 2]).unwrap();
    for serial in [0, 1, 3, 4] {
        let files = Draft { serial, ..draft.clone() }.files();
        assert!(matches!(adopt(&first, &files, &[1, 2]), Err(TrustError::Serial { expected: 2, .. })), "{serial}");
    }
    let elsewhere = Draft { previous: Digest::of(b"another"), ..draft.clone() }.files();
    assert!(matches!(adopt(&first, &elsewhere, &[1, 2]), Err(TrustError::Previous { .. })));
    let earlier = Draft { created: at("2026-10-31T00:00:00Z"), ..draft.clone() }.files();
    assert!(matches!(adopt(&first, &earlier, &[1, 2]), Err(TrustError::Backwards { .. })));
    let ahead = Draft { created: at("2026-11-04T00:00:00Z"), ..draft }.files();
    assert!(matches!(adopt(&first, &ahead, &[1, 2]), Err(TrustError::Ahead { .. })));
    assert!(matches!(first.expect_not_before(2, second.digest()), Err(TrustError::Older { .. })));
    assert!(matches!(second.expect_not_before(2, first.digest()), Err(TrustError::Forked { .. })));
    assert!(second.expect_not_before(2, second.digest()).is_ok());
    assert!(second.expect_not_before(1, first.digest()).is_ok());
}

#[test]
fn one_of_several_people_cannot_write_the_roster_alone() {
    let anchored = |draft: &Draft| {
        let files = draft.files();
        Trust::anchored(files.borrowed(), &Digest::of(files.trust.as_bytes()))
    };
    let two = Draft::first(&[("ana", 1), ("bob", 2)]);
    for threshold in [0, 1, 3] {
        let draft = Draft { threshold: Some(threshold), ..two.clone() };
        assert!(matches!(anchored(&draft), Err(TrustError::Threshold { least: 2, most: 2, .. })), "{threshold}");
    }
    assert_eq!(anchored(&Draft::first(&[("ana", 1)])).unwrap().threshold(), 1);
    let locked_out = Draft { revoked: vec![key(2)], ..two };
    assert!(matches!(anchored(&locked_out), Err(TrustError::Threshold { most: 1, .. })));
}

#[test]
fn a_signed_policy_cannot_go_below_the_floor() {
    let first = three();
    let policy = "version: 1\nclasses: {destructive: {approvals: 1}}\n".to_owned();
    let files = Draft { policy, ..Draft::behind(&first, &[("ana", 1), ("bob", 2)]) }.files();
    assert!(matches!(adopt(&first, &files, &[1, 2, 3]), Err(TrustError::Policy(PolicyError::BelowFloor { .. }))));
}

#[test]
fn a_signed_policy_can_ask_for_other_things() {
    let first = three();
    let policy = "version: 1\nmeant_loss: true\nclasses: {disruptive: {from: [ana, zoe]}}\n".to_owned();
    let draft = Draft { policy, ..Draft::behind(&first, &[("ana", 1), ("bob", 2)]) };
    assert!(matches!(adopt(&first, &draft.files(), &[1, 2]), Err(TrustError::NotInRoster { .. })));
    let draft = Draft { policy: draft.policy.replace("zoe", "bob"), ..draft };
    assert_eq!(adopt(&first, &draft.files(), &[1, 2]).unwrap().policy().meant_loss(), MeantLoss::Allowed);
}

#[test]
fn a_revoked_key_signs_nothing_though_it_is_in_the_roster() {
    let draft = Draft { revoked: vec![key(3)], ..Draft::first(&[("ana", 1), ("bob", 2), ("chen", 3)]) };
    let trust = draft.anchored();
    let refused = trust.verify(&sign(3, Verb::Approve, b"x"), Verb::Approve, b"x", at(NOW));
    assert!(matches!(refused, Err(Distrust::Revoked { .. })));
    let accepted = trust.verify(&sign(2, Verb::Approve, b"x"), Verb::Approve, b"x", at(NOW)).unwrap();
    assert_eq!(accepted.principal(), &name("bob"));
    let files = Draft::behind(&trust, &[("ana", 1), ("bob", 2)]).files();
    assert!(matches!(adopt(&trust, &files, &[1, 3]), Err(TrustError::TooFewSignatures { have: 1, .. })));
}

#[test]
fn an_expired_key_does_not_adopt_but_its_history_stands() {
    let mut draft = Draft::first(&[("ana", 1), ("bob", 2)]);
    draft.operators[1].valid_before = Some(at("2026-11-02T12:00:00Z"));
    let first = draft.anchored();
    let files = Draft::behind(&first, &[("ana", 1), ("eve", 5)]).files();
    assert!(matches!(adopt(&first, &files, &[1, 2]), Err(TrustError::TooFewSignatures { have: 1, .. })));
    let signatures = [1, 2].map(|seed| sign(seed, Verb::Trust, files.trust.as_bytes()));
    let history = first.adopted(files.borrowed(), &[&signatures[0], &signatures[1]]);
    assert_eq!(history.unwrap().serial(), 2);
}

#[test]
fn a_trust_text_has_exactly_its_fields() {
    let files = Draft::first(&[("ana", 1), ("bob", 2)]).files();
    assert!(TrustText::parse(files.trust.as_bytes()).is_ok());
    for (from, to) in [
        ("serial: 1", "serial: 01"),
        ("serial: 1", "serial: +1"),
        ("serial: 1\n", ""),
        ("serial: 1\n", "serial: 1\nextra: 1\n"),
        ("created: 2026-11-01T09:00:00Z", "created: 2026-11-01T10:00:00+01:00"),
        ("created: 2026-11-01T09:00:00Z", "created: 2026-11-01T09:00:00.5Z"),
        ("threshold: 2", "threshold: two"),
        ("countersign trust v1", "countersign close v1"),
        ("[end]", "\n[note]\nnone\n\n[end]"),
    ] {
        let bad = files.trust.replacen(from, to, 1);
        assert_ne!(bad, files.trust, "{from}");
        assert!(TrustText::parse(bad.as_bytes()).is_err(), "{to:?}");
    }
}
