use super::*;

fn texts(text: &str) -> Vec<(Kind, &str)> {
    lex(text, Reading::Expanded).unwrap().tokens.into_iter().map(|t| (t.kind, t.text)).collect()
}

fn words(text: &str) -> Vec<&str> {
    texts(text).into_iter().map(|(_, text)| text).collect()
}

#[test]
fn comments_of_all_kinds_vanish() {
    assert_eq!(words("SELECT 1 # x; y\n, 2 -- 'z\n, /* ; ' */ 3 --"), ["SELECT", "1", ",", "2", ",", "3"]);
}

#[test]
fn two_minus_without_a_space_are_operators() {
    assert_eq!(words("SELECT 5--2"), ["SELECT", "5", "-", "-", "2"]);
    assert_eq!(words("SELECT 5--\t2"), ["SELECT", "5"]);
}

#[test]
fn a_carriage_return_does_not_end_a_line_comment() {
    let lexed = lex("SELECT 1 -- \rFROM t", Reading::Skipped).unwrap();
    assert_eq!(lexed.tokens.len(), 2);
    assert_eq!(lexed.oddities.len(), 1);
}

#[test]
fn ordinary_comments_do_not_nest() {
    assert_eq!(words("/* a /* b */ DROP"), ["DROP"]);
}

#[test]
fn a_backslash_escapes_in_strings_but_not_in_names() {
    assert_eq!(words(r"'\'; DROP TABLE t' x"), [r"'\'; DROP TABLE t'", "x"]);
    assert_eq!(words(r"`a\` x"), [r"`a\`", "x"]);
    assert_eq!(words(r"'\\' x"), [r"'\\'", "x"]);
}

#[test]
fn doubled_quotes_stay_inside() {
    assert_eq!(words("'it''s' \"a\"\"b\" `c``d`"), ["'it''s'", "\"a\"\"b\"", "`c``d`"]);
}

#[test]
fn prefixed_literals_are_one_token_and_are_checked() {
    assert_eq!(texts("N'a' x'4f' b'01'").iter().map(|(kind, _)| *kind).collect::<Vec<_>>(), [Kind::Text; 3]);
    assert!(matches!(lex("x'4'", Reading::Skipped), Err(LexError::BadLiteral { .. })));
    assert!(matches!(lex("b'2'", Reading::Skipped), Err(LexError::BadLiteral { .. })));
}

#[test]
fn names_may_begin_with_digits_and_numbers_may_look_like_names() {
    let kind = |text| texts(text).iter().map(|(kind, _)| *kind).collect::<Vec<_>>();
    assert_eq!(kind("1t"), [Kind::Word]);
    assert_eq!(kind("1e5"), [Kind::Number]);
    assert_eq!(kind("1e+5"), [Kind::Number]);
    assert_eq!(kind("1e"), [Kind::Word]);
    assert_eq!(kind("0x1F"), [Kind::Number]);
    assert_eq!(kind("0xZZ"), [Kind::Word]);
    assert_eq!(kind("db.1e5"), [Kind::Word, Kind::Symbol, Kind::Word]);
    assert_eq!(words("1.5e3 .5 2."), ["1.5e3", ".5", "2."]);
    assert_eq!(kind("$a"), [Kind::Word]);
}

#[test]
fn executable_comments_are_code_in_one_reading_and_nothing_in_the_other() {
    for text in
        ["SELECT 1 /*! DROP */", "SELECT 1 /*!50000 DROP */", "SELECT 1 /*M! DROP */", "SELECT 1 /*M!100100 DROP*/"]
    {
        assert_eq!(words(text), ["SELECT", "1", "DROP"], "{text}");
        let skipped = lex(text, Reading::Skipped).unwrap();
        assert_eq!(skipped.tokens.len(), 2, "{text}");
        assert_eq!(skipped.executable.len(), 1, "{text}");
    }
}

#[test]
fn executable_comments_that_servers_read_differently_are_ambiguous() {
    for text in ["/*!500001 x */", "/*!123 x */", "/*! a /* b */ c */"] {
        assert_eq!(lex(text, Reading::Skipped).unwrap().executable[0].shape, Shape::Ambiguous, "{text}");
    }
}

#[test]
fn hints_are_seen_after_a_verb_only() {
    assert_eq!(texts("SELECT /*+ SET_VAR(a=1) */ 1")[1].0, Kind::Hint);
    assert_eq!(words("SHOW /*+ x */ TABLES"), ["SHOW", "TABLES"]);
}

#[test]
fn what_is_not_closed_is_an_error() {
    for text in ["'a", "\"a", "`a", "/* a", "/*! a", "@'a", "'a\\'", "x'4f"] {
        assert!(matches!(lex(text, Reading::Expanded), Err(LexError::Unterminated { .. })), "{text}");
    }
}

#[test]
fn nul_is_an_error_and_hidden_characters_are_reported_with_their_place() {
    assert!(matches!(lex("SELECT '\0'", Reading::Skipped), Err(LexError::Nul { at: 8 })));
    let place = |text| lex(text, Reading::Skipped).unwrap().oddities.first().map(|o| o.place);
    assert_eq!(place("SELECT '\u{202e}'"), Some(Place::Text));
    assert_eq!(place("SELECT 1 /* \u{200b} */"), Some(Place::Comment));
    assert_eq!(place("SELECT\u{a0}1"), Some(Place::Code));
    assert_eq!(place("SELECT\u{7f}1"), Some(Place::Code));
    assert_eq!(place("SELECT 'größer', '数'\r\n"), None);
}

#[test]
fn statements_are_counted_as_the_server_would() {
    for (text, count) in [
        ("", 0),
        ("SELECT 1", 1),
        ("SELECT 1;", 1),
        ("SELECT 1; -- end\n", 1),
        ("SELECT ';'", 1),
        ("SELECT 1; SELECT 2", 2),
        ("; SELECT 1", 2),
        ("SELECT 1;;", 2),
        ("SELECT 1 /*! ; DROP TABLE t */", 2),
        ("SELECT `;`", 1),
        ("SELECT '\\'; DROP TABLE t; --'", 1),
    ] {
        assert_eq!(count_statements(text).unwrap(), count, "{text}");
    }
}

#[test]
fn variables_and_accounts_are_single_tokens() {
    assert_eq!(words("@a @`b c` @'d' @@global.x"), ["@a", "@`b c`", "@'d'", "@@", "global", ".", "x"]);
    assert_eq!(words("'u'@'%'"), ["'u'", "@'%'"]);
}

#[test]
fn client_words_are_stray() {
    assert_eq!(texts("SELECT 1\\G")[2].0, Kind::Stray);
}

proptest::proptest! {
    #[test]
    fn any_text_is_lexed_or_refused_and_tokens_are_slices_in_order(text in "(?s).{0,80}") {
        for reading in [Reading::Skipped, Reading::Expanded] {
            let Ok(lexed) = lex(&text, reading) else { continue };
            let mut last = 0;
            for token in lexed.tokens {
                assert!(token.at >= last && !token.text.is_empty());
                assert_eq!(&text[token.at..token.end()], token.text);
                last = token.end();
            }
        }
    }

    #[test]
    fn sql_like_soup_never_panics(parts in proptest::collection::vec("'|\"|`|/\\*|\\*/|/\\*!|/\\*M!|[0-9]{1,6}|--|#|\n|;|\\\\|@|@@|\\.|[a-z]{1,3}| |\\(|\\)|é|\u{200b}|x'|e\\+", 0..24)) {
        let text = parts.concat();
        for reading in [Reading::Skipped, Reading::Expanded] {
            let _ = lex(&text, reading);
        }
    }
}
