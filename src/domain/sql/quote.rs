//! Writes names and values into SQL text so that the server reads back exactly what was meant.
//!
//! Valid under the `sql_mode` that [`super::packet::Session`] pins, and tested against our own lexer. The only place
//! of the program that puts a quote character around a value.

use crate::domain::base::TableName;
use crate::domain::base::text::printable;

/// A name that no server can take.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected a name of at least one character and without NUL, found `{}`: correct the name", printable(.found))]
pub struct Unquotable {
    pub found: String,
}

/// `name` in backticks.
pub fn identifier(name: &str) -> Result<String, Unquotable> {
    if name.is_empty() || name.contains('\0') {
        return Err(Unquotable { found: name.to_owned() });
    }
    Ok(backticks(name))
}

/// `schema`.`table`, each in backticks. A `TableName` has no NUL, so there is nothing to refuse.
pub fn table(table: &TableName) -> String {
    format!("{}.{}", backticks(table.schema()), backticks(table.name()))
}

/// `value` as a string literal. Line ends and NUL are escaped, so a literal never breaks a line of a request.
pub fn string(value: &str) -> String {
    let mut out = String::with_capacity(value.len() + 2);
    out.push('\'');
    for character in value.chars() {
        match character {
            '\'' => out.push_str("''"),
            '\\' => out.push_str("\\\\"),
            '\0' => out.push_str("\\0"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\u{1a}' => out.push_str("\\Z"),
            other => out.push(other),
        }
    }
    out.push('\'');
    out
}

/// The name that a backtick-quoted token stands for.
pub fn unquoted_name(token: &str) -> Option<String> {
    Some(token.strip_prefix('`')?.strip_suffix('`')?.replace("``", "`"))
}

fn backticks(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::sql::lexer::{Kind, Reading, lex};

    /// What the server makes of a literal of ours, written independently of `string`.
    fn read_back(literal: &str) -> String {
        let mut inside = literal[1..literal.len() - 1].chars();
        let mut out = String::new();
        while let Some(c) = inside.next() {
            match (c, if matches!(c, '\'' | '\\') { inside.next() } else { None }) {
                ('\'', Some('\'')) => out.push('\''),
                ('\\', Some('0')) => out.push('\0'),
                ('\\', Some('n')) => out.push('\n'),
                ('\\', Some('r')) => out.push('\r'),
                ('\\', Some('Z')) => out.push('\u{1a}'),
                ('\\', Some(other)) => out.push(other),
                (plain, None) => out.push(plain),
                (quote, next) => panic!("stray {quote:?} before {next:?} in {literal}"),
            }
        }
        out
    }

    #[test]
    fn names_that_no_server_takes_are_refused_without_raw_bytes() {
        assert!(identifier("").is_err());
        let error = identifier("a\0b").unwrap_err().to_string();
        assert!(error.contains("\\u{0}"), "{error}");
    }

    #[test]
    fn a_table_is_quoted_part_by_part() {
        let name = TableName::new("sh`op", "or.ders").unwrap();
        assert_eq!(table(&name), "`sh``op`.`or.ders`");
    }

    proptest::proptest! {
        #[test]
        fn a_quoted_name_is_one_token_that_means_the_name(name in "(?s).{1,30}") {
            let Ok(quoted) = identifier(&name) else { return Ok(()) };
            let text = format!("DROP TABLE {quoted} x");
            let lexed = lex(&text, Reading::Expanded).unwrap();
            assert_eq!(lexed.tokens.len(), 4);
            assert_eq!((lexed.tokens[2].kind, lexed.tokens[2].text), (Kind::Quoted, quoted.as_str()));
            assert_eq!(unquoted_name(&quoted).as_deref(), Some(name.as_str()));
        }

        #[test]
        fn a_quoted_string_is_one_token_that_means_the_string(value in "(?s).{0,30}|['\\\\\"`;\0\n]{0,12}") {
            let quoted = string(&value);
            let text = format!("SELECT {quoted} , x");
            let lexed = lex(&text, Reading::Expanded).unwrap();
            assert_eq!(lexed.tokens.len(), 4);
            assert_eq!((lexed.tokens[1].kind, lexed.tokens[1].text), (Kind::Text, quoted.as_str()));
            assert_eq!(read_back(&quoted), value);
        }
    }
}
