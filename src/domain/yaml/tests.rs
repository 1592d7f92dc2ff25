//! Behaviour of reading as a whole, on fleet files and on small documents.

use super::*;
use crate::domain::fleet::read::{FleetFile, resolve};

const FLEET: &str = "\
countersign: 1
fleet: shop
environment: LAB
owner: dba@example.com
accounts:
  observe: {user: watcher}
servers:
  db-a: {address: '127.0.0.1:3306'}
  db-b:
    address: 127.0.0.1:3307
    tls: {mode: off}
rules:
  finding_max_age: 2h
";

fn codes(text: &str) -> Vec<(&'static str, usize, usize)> {
    match read::<FleetFile>("fleet.yaml", text) {
        Ok(_) => Vec::new(),
        Err(problems) => problems.iter().map(|p| (p.code, p.line, p.column)).collect(),
    }
}

#[test]
fn a_clean_fleet_file_is_read() {
    let document = read::<FleetFile>("fleet.yaml", FLEET).unwrap();
    assert_eq!(document.digest, Digest::of(FLEET.as_bytes()));
    let fleet = document.resolve(resolve).unwrap();
    assert_eq!(fleet.servers.len(), 2);
}

#[test]
fn all_problems_come_in_one_go_each_with_its_place() {
    let text =
        FLEET.replace("owner:", "ownr:").replace("2h", "two").replace("mode: off", "mode: of").replace("LAB", "7");
    assert_eq!(
        codes(&text),
        [("CS102", 1, 1), ("CS103", 3, 14), ("CS101", 4, 1), ("CS103", 11, 17), ("CS105", 13, 20)]
    );
    let shown = read::<FleetFile>("fleet.yaml", &text).unwrap_err().to_string();
    assert!(shown.contains("did you mean `owner`?") && shown.contains("did you mean `off`?"), "{shown}");
}

#[test]
fn what_resolving_refuses_gets_its_place() {
    let text = FLEET.replace("127.0.0.1:3307", "127.0.0.1:3306");
    let problems = read::<FleetFile>("fleet.yaml", &text).unwrap().resolve(resolve).unwrap_err();
    let first = problems.iter().next().unwrap();
    assert_eq!((first.code, first.line, first.path.as_str()), ("CS117", 9, "servers.db-b"), "{problems}");
}

#[test]
fn what_a_reviewer_could_misread_is_refused() {
    for (text, code) in [
        ("a: 1\na: 2", "CS004"),
        ("a: &x 1\nb: *x", "CS005"),
        ("a: !!str 1", "CS006"),
        ("a: {<<: {b: 1}}", "CS007"),
        ("a: 1\n---\nb: 1", "CS008"),
        ("a: \u{202e}1", "CS009"),
        ("a: \"\u{7}\"", "CS009"),
        ("{{ table }}: 1", "CS010"),
        ("1: x", "CS010"),
        ("? [a]\n: 1", "CS010"),
        ("a: .inf", "CS011"),
        ("", "CS013"),
        ("# nothing\n", "CS013"),
        ("a: [1, 2", "CS001"),
        ("a: 'x", "CS001"),
        ("\ta: 1", "CS001"),
    ] {
        let problems = parse("f", text).unwrap_err();
        assert_eq!(problems.iter().next().map(|p| p.code), Some(code), "{text:?}: {problems}");
    }
}

#[test]
fn what_looks_like_a_refusal_and_is_plain_text_is_read() {
    for text in
        ["a: '&x *y !z <<'", "a: x---y", "a: 'on'\non: 1", "a: |\n  --- no document\n", "a: ~\nb:", "a: 1e3\nb: 0x10"]
    {
        parse("f", text).unwrap_or_else(|problems| panic!("{text:?}\n{problems}"));
    }
}

#[test]
fn size_and_depth_have_limits_and_what_fits_is_read() {
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    let code = |text: &str| parse("f", text).err().and_then(|p| p.iter().next().map(|p| p.code));
    assert_eq!((code(&nested(64)), code(&nested(65))), (None, Some("CS003")));
    // So deep that the parser gives up before we count.
    assert_eq!(code(&nested(200_000)), Some("CS001"));
    let long = |bytes: usize| format!("a: {}", "x".repeat(bytes - 3));
    assert_eq!((code(&long(MAX_BYTES)), code(&long(MAX_BYTES + 1))), (None, Some("CS002")));
}

#[test]
fn bytes_that_are_no_text_are_refused_with_their_line() {
    let problems = decode("f", b"a: 1\nb: \xff\n").unwrap_err();
    assert_eq!(problems.iter().next().map(|p| (p.code, p.line)), Some(("CS009", 2)));
    assert_eq!(decode("f", b"a: 1"), Ok("a: 1"));
}

proptest::proptest! {
    #[test]
    fn no_bytes_make_reading_panic(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..200)) {
        if let Ok(text) = decode("f", &bytes) {
            let _ = read::<FleetFile>("f", text).map_err(|problems| problems.to_string());
        }
    }

    #[test]
    fn no_yaml_like_text_makes_reading_panic(text in "([a-c:\\-\\[\\]{}&*!|>'\"#%@,?$ \n\t]|\u{e9}|---|<<|: |\n  - ){0,60}") {
        let _ = read::<FleetFile>("f", &text).map_err(|problems| problems.to_string());
    }

    #[test]
    fn no_edit_of_a_clean_file_makes_reading_panic(at in 0usize..FLEET.len(), with in ".{0,4}", cut in 0usize..6) {
        let end = (at + cut).min(FLEET.len());
        let text = format!("{}{with}{}", &FLEET[..at], &FLEET[end..]);
        let _ = read::<FleetFile>("f", &text).map_err(|problems| problems.to_string());
    }
}
