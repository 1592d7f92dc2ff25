use super::*;
use crate::domain::approval::testing::{at, name, sign, three};

const NOW: &str = "2026-11-22T08:14:00Z";

fn subject() -> Subject {
    Subject {
        run: RunId::parse("r-7k3q9d").unwrap(),
        request: RequestId::parse("9f1c2e4ab0d94e7f8a3356c1d27be804").unwrap(),
        sha256: Digest::of(b"request"),
    }
}

fn objection(stop: Stop) -> Objection {
    Objection {
        stop,
        subject: subject(),
        by: name("bob"),
        created: at("2026-11-22T08:13:10Z"),
        reason: "the checksum is older than the restart,\nrun it again".to_owned(),
    }
}

fn check(stop: Stop, text: &str, armored: &str) -> Result<Accepted<Objection>, VoteError> {
    Objection::check(stop, text.as_bytes(), armored, &subject(), &three(), at(NOW))
}

#[test]
fn a_rejection_looks_like_this() {
    assert_eq!(
        objection(Stop::Reject).render().unwrap(),
        format!(
            "countersign rejection v1\nrun: r-7k3q9d\nrequest: 9f1c2e4ab0d94e7f8a3356c1d27be804\n\
             request-sha256: {}\nrejected-by: bob\ncreated: 2026-11-22T08:13:10Z\n\
             \n[reason]\n| the checksum is older than the restart,\n| run it again\n\n[end]\n",
            Digest::of(b"request")
        )
    );
}

#[test]
fn an_objection_is_taken_from_the_one_who_signed_it() {
    for stop in [Stop::Reject, Stop::Withdraw] {
        let text = objection(stop).render().unwrap();
        let accepted = check(stop, &text, &sign(2, stop.verb(), text.as_bytes())).unwrap();
        assert_eq!((accepted.by(), accepted.what()), (&name("bob"), &objection(stop)));
        let by_ana = check(stop, &text, &sign(1, stop.verb(), text.as_bytes()));
        assert_eq!(by_ana, Err(VoteError::OtherSigner { said: name("bob"), signed: name("ana") }));
        let by_a_stranger = check(stop, &text, &sign(9, stop.verb(), text.as_bytes()));
        assert!(matches!(by_a_stranger, Err(VoteError::Distrust(Distrust::Stranger(_)))));
    }
}

#[test]
fn one_kind_of_objection_is_not_another() {
    let rejection = objection(Stop::Reject).render().unwrap();
    let signature = sign(2, Verb::Reject, rejection.as_bytes());
    assert!(matches!(check(Stop::Withdraw, &rejection, &signature), Err(VoteError::Document(_))));
    let for_approval = sign(2, Verb::Approve, rejection.as_bytes());
    assert!(matches!(check(Stop::Reject, &rejection, &for_approval), Err(VoteError::Distrust(_))));
}

#[test]
fn an_objection_to_another_request_stops_nothing_here() {
    let other = Subject { request: RequestId::parse(&"0".repeat(32)).unwrap(), ..subject() };
    let changed = Subject { sha256: Digest::of(b"other"), ..subject() };
    let elsewhere = Subject { run: RunId::parse("r-other").unwrap(), ..subject() };
    for subject in [other, changed, elsewhere] {
        let text = Objection { subject, ..objection(Stop::Reject) }.render().unwrap();
        let signature = sign(2, Verb::Reject, text.as_bytes());
        assert!(matches!(check(Stop::Reject, &text, &signature), Err(VoteError::OtherSubject { .. })));
    }
}

fn input() -> Input {
    Input {
        run: RunId::parse("r-7k3q9d").unwrap(),
        head: JournalHead { entry: 12, sha256: Digest::of(b"line 12") },
        by: name("ana"),
        created: at("2026-11-22T08:13:10Z"),
        verb: InputVerb::Choose,
        argument: "2".to_owned(),
    }
}

#[test]
fn an_input_is_taken_from_its_signer_for_its_run() {
    let text = input().render().unwrap();
    let signature = sign(1, Verb::Input, text.as_bytes());
    let here = |run: &str, text: &str, signature: &str| {
        Input::check(text.as_bytes(), signature, &RunId::parse(run).unwrap(), &three(), at(NOW))
    };
    assert_eq!(here("r-7k3q9d", &text, &signature).unwrap().what(), &input());
    assert!(matches!(here("r-other", &text, &signature), Err(VoteError::OtherSubject { field: "run", .. })));
    for (from, to) in [("choose", "abort"), ("| 2", "| 3"), ("journal: 12", "journal: 13"), ("by: ana", "by: bob")] {
        let changed = text.replace(from, to);
        assert!(matches!(here("r-7k3q9d", &changed, &signature), Err(VoteError::Distrust(_))), "{to}");
    }
    let by_bob = sign(2, Verb::Input, text.as_bytes());
    assert!(matches!(here("r-7k3q9d", &text, &by_bob), Err(VoteError::OtherSigner { .. })));
}

#[test]
fn a_document_of_tomorrow_is_not_taken() {
    let text = Input { created: at("2026-11-22T08:17:00Z"), ..input() }.render().unwrap();
    let signature = sign(1, Verb::Input, text.as_bytes());
    let run = RunId::parse("r-7k3q9d").unwrap();
    assert!(matches!(Input::check(text.as_bytes(), &signature, &run, &three(), at(NOW)), Err(VoteError::Ahead { .. })));
}

#[test]
fn small_documents_have_exactly_their_fields() {
    let text = input().render().unwrap();
    assert_eq!(Input::parse(text.as_bytes()).unwrap(), input());
    for (from, to) in [
        ("verb: choose", "verb: hold"),
        ("journal: 12 ", "journal: 012 "),
        ("by: ana\n", ""),
        ("by: ana\n", "by: ana\nextra: 1\n"),
        ("| 2\n", "none\n"),
        ("| 2\n", "| 2\nnote: x\n"),
        ("\n[end]", "\n[more]\nnone\n\n[end]"),
        ("input v1", "inputs v1"),
    ] {
        let bad = text.replacen(from, to, 1);
        assert_ne!(bad, text, "{from}");
        assert!(Input::parse(bad.as_bytes()).is_err(), "{to:?}");
    }
}
