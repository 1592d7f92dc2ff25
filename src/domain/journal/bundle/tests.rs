use super::*;
use crate::domain::base::{Digest, Principal, RunId, Timestamp};
use crate::domain::journal::head::{Close, HeadText, Outcome};
use crate::domain::journal::line::{Head, Line};

const KEY: &str = "AAAAC3NzaC1lZDI1NTE5AAAAIP0X";
const NEXT_KEY: &str = "AAAAC3NzaC1lZDI1NTE5AAAAINEW";

fn run() -> RunId {
    RunId::parse("r-7k3q9d").unwrap()
}

fn ana() -> Principal {
    Principal::parse("ana").unwrap()
}

/// A stand-in for a signature: it names signer, namespace and document, so that any mix-up shows.
fn signature(signed: Signed<'_>) -> Vec<u8> {
    let by = match signed.by {
        Signer::RunKey(key) => key.to_owned(),
        Signer::Operator(principal) => principal.to_string(),
    };
    format!("{by} {} {}", signed.namespace, Digest::of(signed.document)).into_bytes()
}

fn check(signed: Signed<'_>) -> Result<(), String> {
    if signature(signed) == signed.signature { Ok(()) } else { Err("the signature does not fit".to_owned()) }
}

fn audit(bundle: &Bundle) -> Result<Audit, Vec<Fault>> {
    verify(bundle, &mut check)
}

fn journal(count: u64, run: &str, takeover: Option<u64>) -> Vec<Line> {
    let mut head = Head::start();
    (0..count)
        .map(|n| {
            let (event, payload) = match n {
                0 => ("run.opened", format!(r#"{{"format":1,"run":"{run}","journal_key":"{KEY}"}}"#)),
                n if Some(n) == takeover => ("executor.changed", format!(r#"{{"journal_key":"{NEXT_KEY}"}}"#)),
                n => ("note.made", format!(r#"{{"text":"journal_key {n}"}}"#)),
            };
            let line = Line::next(&head, Timestamp::from_millis(0), event, &payload).unwrap();
            head = line.head();
            line
        })
        .collect()
}

fn sign_head(bundle: &mut Bundle, key: &str, text: &HeadText) {
    let (seq, document) = (text.seq(), text.render().into_bytes());
    let signed =
        Signed { by: Signer::RunKey(key), namespace: "journal@countersign", document: &document, signature: b"" };
    bundle.put(Entry::HeadSignature { seq }, signature(signed));
    bundle.put(Entry::Head { seq }, document);
}

fn sign_close(bundle: &mut Bundle, by: &Principal, close: &Close) {
    let document = close.render().into_bytes();
    let signed =
        Signed { by: Signer::Operator(by), namespace: "close@countersign", document: &document, signature: b"" };
    bundle.put(Entry::CloseSignature(by.clone()), signature(signed));
    bundle.put(Entry::Close, document);
}

fn put_journal(bundle: &mut Bundle, lines: &[Line]) {
    bundle.put(Entry::Journal, lines.iter().flat_map(|line| line.bytes().to_vec()).collect());
}

/// 70 lines, taken over at line 40, heads at 30, 45 and 69, closed by ana.
fn good() -> (Bundle, Vec<Line>) {
    let lines = journal(70, "r-7k3q9d", Some(40));
    let mut bundle = Bundle::default();
    put_journal(&mut bundle, &lines);
    bundle.put(Entry::JournalKey { since: 0 }, journal_key_file(KEY).into_bytes());
    bundle.put(Entry::JournalKey { since: 40 }, journal_key_file(NEXT_KEY).into_bytes());
    for (seq, key) in [(30, KEY), (45, NEXT_KEY), (69, NEXT_KEY)] {
        sign_head(&mut bundle, key, &HeadText::new(run(), &lines[seq].head()).unwrap());
    }
    sign_close(&mut bundle, &ana(), &Close::new(run(), Outcome::Completed, lines[69].head()));
    (bundle, lines)
}

fn without(bundle: &Bundle, path: &str) -> Bundle {
    let entry = Entry::parse(path).unwrap();
    assert!(bundle.get(&entry).is_some(), "{path}");
    let mut copy = bundle.clone();
    copy.files.remove(&entry);
    copy
}

#[test]
fn a_whole_bundle_verifies() {
    let (bundle, lines) = good();
    let audit = audit(&bundle).unwrap();
    assert_eq!((audit.run, audit.head), (run(), lines[69].head()));
    assert_eq!((audit.signed_heads, audit.closing.unwrap().by), (vec![30, 45, 69], vec![ana()]));
}

#[test]
fn a_bundle_is_read_as_it_was_written() {
    let (bundle, _) = good();
    let files: Vec<(String, Vec<u8>)> =
        bundle.files().map(|(entry, bytes)| (entry.to_string(), bytes.to_vec())).collect();
    let read = Bundle::read(files.iter().map(|(path, bytes)| (path.as_str(), bytes.clone()))).unwrap();
    assert_eq!(read, bundle);
}

#[test]
fn every_documented_path_round_trips() {
    let id = "9f1c2e4ab0d94e7f8a3356c1d27be804";
    for path in [
        "journal.log",
        "journal-key.allowed",
        "journal-key.40.allowed",
        "heads/0",
        "heads/12.sig",
        "trust/1/trust.txt",
        "trust/1/trust.txt.bob@example.org.sig",
        "trust/2/operators",
        "trust/2/revoked_keys",
        "trust/2/policy.yaml",
        &format!("requests/{id}/request.txt"),
        &format!("requests/{id}/ana.approve.sig"),
        &format!("requests/{id}/ana.reject.txt"),
        &format!("requests/{id}/ana.reject.txt.sig"),
        &format!("requests/{id}/bob@example.org.withdraw.txt"),
        &format!("requests/{id}/ana.withdraw.txt.sig"),
        "inputs/12/input.txt",
        "inputs/12/input.txt.ana.sig",
        "close.txt",
        "close.txt.ana.sig",
    ] {
        assert_eq!(Entry::parse(path).map(|entry| entry.to_string()).as_deref(), Some(path));
    }
}

#[test]
fn paths_that_lead_elsewhere_or_nowhere_are_refused() {
    for path in [
        "",
        "/journal.log",
        "./journal.log",
        "../journal.log",
        "heads/../journal.log",
        "heads//1",
        "heads/01",
        "heads/+1",
        "heads/1.sig.sig",
        "heads/1/",
        "journal-key.0.allowed",
        "journal-key.040.allowed",
        "JOURNAL.LOG",
        "journal.log\0",
        "journal.log\n",
        "trust/0/trust.txt",
        "trust/1/trust.txt...sig",
        "trust/1/other",
        "requests/x/request.txt",
        "requests/9f1c2e4ab0d94e7f8a3356c1d27be804/*.approve.sig",
        "requests/9f1c2e4ab0d94e7f8a3356c1d27be804/.approve.sig",
        "close.txt.sig",
        "close.txt..sig",
        "heads\\1",
        "notes.txt",
    ] {
        let files = [(path, vec![]), ("journal.log", vec![])];
        assert!(matches!(Bundle::read(files).unwrap_err()[..], [BundleError::UnknownPath { .. }]), "{path:?}");
    }
}

#[test]
fn a_file_twice_and_a_missing_journal_are_refused() {
    let twice = [("journal.log", vec![]), ("close.txt", vec![]), ("close.txt", vec![1])];
    assert!(matches!(Bundle::read(twice).unwrap_err()[..], [BundleError::Twice { .. }]));
    assert!(matches!(Bundle::read([("close.txt", vec![])]).unwrap_err()[..], [BundleError::Missing { .. }]));
}

#[test]
fn any_missing_file_is_noticed() {
    let (bundle, _) = good();
    for (path, expected) in [
        ("heads/45", "`heads/45` is missing"),
        ("heads/45.sig", "`heads/45.sig` is missing"),
        ("journal-key.allowed", "`journal-key.allowed` does not hold"),
        ("journal-key.40.allowed", "`journal-key.40.allowed` does not hold"),
        ("close.txt", "`close.txt` is missing"),
        ("close.txt.ana.sig", "nobody signed it"),
        ("journal.log", "no lines"),
    ] {
        let faults = audit(&without(&bundle, path)).unwrap_err();
        assert!(faults.iter().any(|fault| fault.to_string().contains(expected)), "{path}: {faults:?}");
    }
}

#[test]
fn a_run_that_nobody_closed_is_told_apart_from_a_damaged_one() {
    let (bundle, _) = good();
    let open = without(&without(&bundle, "close.txt"), "close.txt.ana.sig");
    assert_eq!(audit(&open).unwrap().closing, None);
}

#[test]
fn too_few_signed_heads_are_noticed() {
    let (bundle, _) = good();
    let cut = |paths: &[&str]| paths.iter().fold(bundle.clone(), |bundle, path| without(&bundle, path));
    audit(&cut(&["heads/45", "heads/45.sig"])).unwrap();
    let faults = audit(&cut(&["heads/30", "heads/30.sig", "heads/45", "heads/45.sig"])).unwrap_err();
    assert_eq!(faults, [Fault::Unsigned { from: 0, to: 69 }]);
    let all = cut(&["heads/30", "heads/30.sig", "heads/45", "heads/45.sig", "heads/69", "heads/69.sig"]);
    assert_eq!(audit(&all).unwrap_err(), [Fault::Unsigned { from: 0, to: 69 }]);
}

#[test]
fn a_journal_that_was_cut_or_chained_anew_does_not_fit_its_heads_and_close() {
    let (bundle, lines) = good();
    let mut cut = bundle.clone();
    put_journal(&mut cut, &lines[..60]);
    let faults = audit(&cut).unwrap_err();
    assert!(faults.iter().any(|fault| matches!(fault, Fault::OtherHead { file, .. } if file == "close.txt")));
    assert!(faults.iter().any(|fault| matches!(fault, Fault::OtherHead { file, .. } if file == "heads/69")));
    let mut anew = bundle;
    let mut changed = lines[..69].to_vec();
    changed.push(Line::next(&lines[68].head(), Timestamp::from_millis(0), "note.made", "{}").unwrap());
    put_journal(&mut anew, &changed);
    assert_eq!(audit(&anew).unwrap_err().len(), 2, "the head and the close record");
}

#[test]
fn lines_after_the_close_record_are_noticed() {
    let (mut bundle, mut lines) = good();
    lines.push(Line::next(&lines[69].head(), Timestamp::from_millis(0), "note.made", "{}").unwrap());
    put_journal(&mut bundle, &lines);
    let faults = audit(&bundle).unwrap_err();
    assert!(matches!(faults[..], [Fault::OtherHead { .. }]), "{faults:?}");
}

#[test]
fn a_head_signed_by_a_key_of_another_time_is_refused() {
    let (bundle, lines) = good();
    for (seq, key) in [(30, NEXT_KEY), (45, KEY), (69, "AAAAother")] {
        let mut bundle = bundle.clone();
        sign_head(&mut bundle, key, &HeadText::new(run(), &lines[seq].head()).unwrap());
        let faults = audit(&bundle).unwrap_err();
        assert!(matches!(faults[0], Fault::Signature { .. }), "{seq}: {faults:?}");
    }
}

#[test]
fn texts_for_another_run_are_refused_though_well_signed() {
    let (bundle, lines) = good();
    let other = RunId::parse("r-other").unwrap();
    let mut head = bundle.clone();
    sign_head(&mut head, NEXT_KEY, &HeadText::new(other.clone(), &lines[69].head()).unwrap());
    assert!(matches!(audit(&head).unwrap_err()[..], [Fault::OtherRun { .. }]));
    let mut close = bundle;
    sign_close(&mut close, &ana(), &Close::new(other, Outcome::Completed, lines[69].head()));
    assert!(matches!(audit(&close).unwrap_err()[..], [Fault::OtherRun { .. }]));
}

#[test]
fn a_head_under_the_name_of_another_is_refused() {
    let (mut bundle, lines) = good();
    sign_head(&mut bundle, NEXT_KEY, &HeadText::new(run(), &lines[50].head()).unwrap());
    for (from, to) in [("heads/50", "heads/45"), ("heads/50.sig", "heads/45.sig")] {
        let bytes = bundle.get(&Entry::parse(from).unwrap()).unwrap().to_vec();
        bundle.put(Entry::parse(to).unwrap(), bytes);
    }
    assert!(matches!(&audit(&bundle).unwrap_err()[..], [Fault::OtherHead { file, .. }] if file == "heads/45"));
}

#[test]
fn a_key_file_with_two_lines_or_another_key_is_refused() {
    let (bundle, _) = good();
    for content in [journal_key_file(KEY).repeat(2), journal_key_file("AAAAother"), KEY.to_owned()] {
        let mut bundle = bundle.clone();
        bundle.put(Entry::JournalKey { since: 0 }, content.into_bytes());
        assert!(matches!(audit(&bundle).unwrap_err()[..], [Fault::KeyFile { .. }]));
    }
    let mut stray = bundle;
    stray.put(Entry::JournalKey { since: 7 }, journal_key_file(KEY).into_bytes());
    assert!(matches!(audit(&stray).unwrap_err()[..], [Fault::StrayKeyFile { seq: 7, .. }]));
}

#[test]
fn one_bad_close_signature_is_a_fault_beside_a_good_one() {
    let (mut bundle, _) = good();
    let bob = Principal::parse("bob").unwrap();
    let of_ana = bundle.get(&Entry::CloseSignature(ana())).unwrap().to_vec();
    bundle.put(Entry::CloseSignature(bob), of_ana);
    assert!(matches!(&audit(&bundle).unwrap_err()[..], [Fault::Signature { file, .. }] if file.contains("bob")));
}

#[test]
fn a_journal_without_a_run_or_with_bad_json_is_refused() {
    let with = |payload: &str| {
        let mut bundle = Bundle::default();
        let line = Line::next(&Head::start(), Timestamp::from_millis(0), "run.opened", payload).unwrap();
        put_journal(&mut bundle, &[line]);
        audit(&bundle).unwrap_err()
    };
    assert!(matches!(with(r#"{"format":1}"#)[..], [Fault::NoRun { .. }]));
    assert!(matches!(with(r#"{"format":1,"run":"../x"}"#)[..], [Fault::NoRun { .. }]));
    assert!(matches!(with(r#"{"format":1,"run":"r-1","journal_key":"a b"}"#)[..], [Fault::BadKey { .. }]));
    let mut bundle = Bundle::default();
    let zero = "0".repeat(64);
    let text = format!("0 2026-11-22T03:04:05Z {zero} run.opened {{\"format\":1,\"run\":\"r-1\"}}\n");
    let broken = format!("1 2026-11-22T03:04:05Z {} note.made {{oops}}\n", Digest::of(text.as_bytes()));
    bundle.put(Entry::Journal, [text, broken].concat().into_bytes());
    assert!(matches!(audit(&bundle).unwrap_err()[..], [Fault::Chain(_)]));
}

proptest::proptest! {
    #[test]
    fn a_changed_byte_anywhere_in_the_signed_story_is_noticed(pick in 0usize..10_000, flip in 1u8..=255) {
        let (bundle, _) = good();
        let at = pick % bundle.files.len();
        let (entry, bytes) = bundle.files.iter().nth(at).unwrap();
        let (entry, mut bytes) = (entry.clone(), bytes.clone());
        let place = (pick / bundle.files.len()) % bytes.len();
        bytes[place] ^= flip;
        let mut bad = bundle.clone();
        bad.put(entry, bytes);
        assert!(audit(&bad).is_err());
    }
}
