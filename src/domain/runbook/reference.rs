//! Finds `$name` in a text. The only thing in a runbook that stands for something else.

/// A part of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Piece<'a> {
    /// Itself, with `$$` already made `$`.
    Plain(String),
    /// The name of a parameter.
    Param(&'a str),
}

/// Splits a text into what stands for itself and what stands for a parameter. A dollar that is neither is an error.
pub(super) fn pieces(text: &str) -> Result<Vec<Piece<'_>>, String> {
    let mut pieces = Vec::new();
    let mut plain = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('$') {
        plain.push_str(before);
        if let Some(after) = after.strip_prefix('$') {
            plain.push('$');
            rest = after;
            continue;
        }
        let length = after.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(after.len());
        let (name, tail) = after.split_at(length);
        if !name.starts_with(|c: char| c.is_ascii_lowercase()) {
            return Err("a dollar sign that stands for no parameter".to_owned());
        }
        if !plain.is_empty() {
            pieces.push(Piece::Plain(std::mem::take(&mut plain)));
        }
        pieces.push(Piece::Param(name));
        rest = tail;
    }
    plain.push_str(rest);
    if !plain.is_empty() {
        pieces.push(Piece::Plain(plain));
    }
    Ok(pieces)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(text: &str) -> Piece<'_> {
        Piece::Plain(text.to_owned())
    }

    #[test]
    fn names_end_where_a_name_ends_and_two_dollars_are_one() {
        let found = pieces("DROP TABLE $table, $a_1.x costs 5$$").unwrap();
        let expected =
            [plain("DROP TABLE "), Piece::Param("table"), plain(", "), Piece::Param("a_1"), plain(".x costs 5$")];
        assert_eq!(found, expected);
        assert_eq!(pieces("$a$b$$c").unwrap(), [Piece::Param("a"), Piece::Param("b"), plain("$c")]);
        assert_eq!(pieces("").unwrap(), []);
    }

    #[test]
    fn a_lone_dollar_is_an_error() {
        for text in ["$", "5 $ x", "$1", "$Table", "$$$"] {
            assert!(pieces(text).is_err(), "{text}");
        }
    }
}
