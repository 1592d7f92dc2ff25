use proptest::prelude::*;

use super::*;

fn example() -> String {
    Document::new("approval request")
        .field("request", "9f1c2e4ab0d94e7f8a3356c1d27be804")
        .field("reason", "it's \\ broken\n[end]")
        .section("statement")
        .block("DROP TABLE `shop`.`orders`\n\n  -- done")
        .section("warnings")
        .nothing()
        .section("target")
        .field("session", "autocommit=ON")
        .field("session", "sql_mode=")
        .finish()
        .unwrap()
}

#[test]
fn a_document_reads_as_it_was_meant() {
    let text = example();
    assert_eq!(
        text,
        "countersign approval request v1\n\
         request: 9f1c2e4ab0d94e7f8a3356c1d27be804\n\
         reason: it's \\\\ broken\\u{a}[end]\n\
         \n[statement]\n| DROP TABLE `shop`.`orders`\n|\n|   -- done\n\
         \n[warnings]\nnone\n\
         \n[target]\nsession: autocommit=ON\nsession: sql_mode=\n\
         \n[end]\n"
    );
    let parsed = parse(text.as_bytes()).unwrap();
    assert_eq!(parsed.kind(), "approval request");
    assert_eq!(parsed.field("reason"), Some("it's \\ broken\n[end]"));
    assert_eq!(parsed.block("statement"), Some("DROP TABLE `shop`.`orders`\n\n  -- done"));
    assert_eq!(parsed.section("warnings").unwrap().items, [Item::Nothing]);
    assert_eq!(parsed.render().unwrap(), text);
}

#[test]
fn without_sections_the_end_follows_the_header() {
    let text = Document::new("trust").field("serial", "1").finish().unwrap();
    assert_eq!(text, "countersign trust v1\nserial: 1\n[end]\n");
    assert!(parse(text.as_bytes()).is_ok());
    assert!(parse(b"countersign trust v1\nserial: 1\n\n[end]\n").is_err());
}

#[test]
fn bytes_outside_the_alphabet_are_refused() {
    let good = example();
    for (from, to) in [
        ("none\n", "none\r\n"),
        ("none", "no\tne"),
        ("none", "no\0ne"),
        ("none", "n\u{f6}ne"),
        ("countersign", "\u{feff}countersign"),
        ("none", "no\u{7f}ne"),
        ("none", "no\u{1b}[2Kne"),
    ] {
        let bad = good.replacen(from, to, 1);
        assert_ne!(bad, good);
        let error = parse(bad.as_bytes()).unwrap_err();
        assert!(matches!(error, DocumentError::NotPrintable { .. }), "{to:?}: {error}");
    }
    assert!(parse(b"countersign trust v1\nserial: 1 \n[end]\n").is_err(), "a blank at the end of a line");
    assert!(parse(good.trim_end().as_bytes()).is_err(), "no last line feed");
    assert!(parse(b"").is_err());
    assert!(parse(b"\xff\xfe").is_err());
}

#[test]
fn structure_is_written_in_one_way_only() {
    let good = example();
    for (from, to) in [
        ("\n[warnings]", "[warnings]"),
        ("\n[warnings]", "\n\n[warnings]"),
        ("\n[end]", "\n\n[end]"),
        ("[end]\n", ""),
        ("\n\n[end]\n", "\n\n[end]\nmore\n"),
        ("\n\n[end]\n", "\n\n[end]\n\n"),
        ("request: 9f", "request:9f"),
        ("request: 9f", "request:  9f\nrequest: 9f"),
        ("reason: ", "request: "),
        ("reason: ", "Reason: "),
        ("reason: ", "reason : "),
        ("none", "nothing"),
        ("|\n", "| \n"),
        ("|\n", "\\ \n"),
        ("|   -- done", "\\   -- done"),
        ("| DROP", "|DROP"),
        ("\\u{a}", "\\u{0a}"),
        ("\\u{a}", "\\u{41}"),
        ("\\u{a}", "\\n"),
        ("\\\\ ", "\\ "),
        (" v1", " v2"),
        ("[target]", "[target"),
        ("[target]", "[tar]get]"),
        ("[target]", "[end]"),
    ] {
        let bad = good.replacen(from, to, 1);
        assert_ne!(bad, good, "{from:?}");
        assert!(parse(bad.as_bytes()).is_err(), "{from:?} -> {to:?}");
    }
}

#[test]
fn each_line_of_a_header_is_named_once() {
    let twice = Document::new("trust").field("serial", "1").field("serial", "2").finish();
    assert_eq!(twice, Err(DocumentError::Twice { key: "serial".to_owned() }));
    assert_eq!(
        parse(b"countersign trust v1\nserial: 1\nserial: 2\n[end]\n"),
        Err(DocumentError::Twice { key: "serial".to_owned() })
    );
}

#[test]
fn a_document_cut_anywhere_is_refused() {
    let good = example();
    for length in 0..good.len() {
        assert!(parse(&good.as_bytes()[..length]).is_err(), "{length}");
    }
}

#[test]
fn a_document_and_a_line_have_a_limit() {
    let long_line = "x".repeat(LONGEST_LINE - 2);
    assert!(Document::new("a").section("s").block(&long_line).finish().is_ok());
    assert!(matches!(
        Document::new("a").section("s").block(&format!("{long_line}x")).finish(),
        Err(DocumentError::LineTooLong { line: 4, .. })
    ));
    let many = "x".repeat(99) + "\n";
    assert!(matches!(
        Document::new("a").section("s").block(&many.repeat(700)).finish(),
        Err(DocumentError::TooLong { .. })
    ));
    assert!(matches!(parse(&vec![b'a'; LONGEST + 1]), Err(DocumentError::TooLong { .. })));
    assert!(matches!(parse(&[b'a'; LONGEST_LINE + 1]), Err(DocumentError::LineTooLong { .. })));
}

#[test]
fn hidden_characters_become_visible_and_come_back() {
    let hostile =
        "a\u{202e}b\u{2066}\u{200b}\u{feff}\u{1b}[2K\u{1b}[1A\u{7}\r\u{8}\u{7f}\u{9b}\u{e0041}\u{430}e\u{301}";
    let text = Document::new("a").field("name", hostile).section("statement").block(hostile).finish().unwrap();
    assert!(text.bytes().all(|b| b == b'\n' || (0x20..=0x7e).contains(&b)));
    let parsed = parse(text.as_bytes()).unwrap();
    assert_eq!((parsed.field("name"), parsed.block("statement")), (Some(hostile), Some(hostile)));
}

#[test]
fn statements_cannot_pretend_to_be_structure() {
    for statement in [
        "[end]",
        "approvals-needed: 1",
        "| x",
        "\\ x",
        "\\u{41}",
        "'\\\\u{41}'",
        "",
        "\n",
        "\n\n",
        " ",
        "a  ",
        "a\\ ",
        "none",
        "a\\u{20}",
        "\u{1f600}\\",
        "x\r\n[end]\r\n",
    ] {
        let text = Document::new("a").field("reason", statement).section("s").block(statement).finish().unwrap();
        assert_eq!(text.matches("\n[end]\n").count(), 1);
        let parsed = parse(text.as_bytes()).unwrap();
        assert_eq!(parsed.block("s"), Some(statement), "{text}");
        assert_eq!(parsed.field("reason"), Some(statement), "{text}");
        assert_eq!(parsed.sections().len(), 1);
    }
}

#[test]
fn names_that_would_break_the_form_are_refused_when_writing() {
    assert!(Document::new("a\nb").finish().is_err());
    assert!(Document::new("a").field("x: y", "z").finish().is_err());
    assert!(Document::new("a").field("", "z").finish().is_err());
    assert!(Document::new("a").section("end").finish().is_err());
    assert!(Document::new("a").section("x]\n[y").finish().is_err());
    assert!(Document::new("a").block("x").finish().is_err());
    assert!(Document::new("a").section("s").block("x").block("y").finish().is_err());
}

#[derive(Debug, Clone)]
enum Part {
    Field(String, String),
    Section(String),
    Block(String),
    Nothing,
}

fn any_part() -> impl Strategy<Value = Part> {
    let text = prop_oneof![".*", "[ \\\\|u{}20\n\\[\\]end:]*"];
    prop_oneof![
        ("[a-z][a-z0-9-]{0,8}", text.clone()).prop_map(|(key, value)| Part::Field(key, value)),
        "[a-z :]{1,12}".prop_map(Part::Section),
        text.prop_map(Part::Block),
        Just(Part::Nothing),
    ]
}

fn write(parts: &[Part]) -> Result<String, DocumentError> {
    let add = |document: Document, part: &Part| match part {
        Part::Field(key, value) => document.field(key, value),
        Part::Section(name) => document.section(name),
        Part::Block(text) => document.block(text),
        Part::Nothing => document.nothing(),
    };
    parts.iter().fold(Document::new("approval request"), add).finish()
}

proptest! {
    #[test]
    fn what_is_written_is_read_back_the_same(parts in proptest::collection::vec(any_part(), 0..8)) {
        if let Ok(text) = write(&parts) {
            prop_assert_eq!(parse(text.as_bytes()).unwrap().render().unwrap(), text);
        }
    }

    #[test]
    fn values_have_one_spelling_and_come_back(a in ".*", b in "[ \\\\u{}20ax]*") {
        for value in [&a, &b] {
            prop_assert_eq!(unescaped(&escaped(value)), Some(value.clone()));
            if let Some(read) = unescaped(value) {
                prop_assert_eq!(&escaped(&read), value);
            }
        }
    }

    #[test]
    fn no_bytes_make_the_reader_panic(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..200), text in "[a-z: \\[\\]|\\\\\n]*") {
        let _ = parse(&bytes);
        let whole = format!("countersign a v1\n{text}[end]\n");
        if let Ok(parsed) = parse(whole.as_bytes()) {
            prop_assert_eq!(parsed.render().unwrap(), whole);
        }
    }

    #[test]
    fn a_changed_byte_is_another_document_or_none(position in 0usize..1000, byte in proptest::num::u8::ANY) {
        let good = example();
        let mut changed = good.clone().into_bytes();
        let position = position % changed.len();
        prop_assume!(changed[position] != byte);
        changed[position] = byte;
        if let Ok(parsed) = parse(&changed) {
            prop_assert_ne!(parsed, parse(good.as_bytes()).unwrap());
        }
    }
}
