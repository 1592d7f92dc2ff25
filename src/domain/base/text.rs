//! Text that is safe to show: nothing from a server, a file or a person reaches a terminal or a signed document raw.

use std::fmt::Write as _;

/// `bytes` in lower-case hex.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut out, byte| {
        let _ = write!(out, "{byte:02x}");
        out
    })
}

/// `text` in printable ASCII: a backslash doubled, everything outside 0x20 to 0x7E as `\u{hex}`.
///
/// Injective, so two different texts never look alike: bidirectional controls, zero-width characters, terminal
/// escapes and look-alike letters all become visible. The signed documents of `approval::document` are made of it.
pub fn printable(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            ' '..='~' => out.push(c),
            _ => {
                let _ = write!(out, "\\u{{{:x}}}", u32::from(c));
            }
        }
    }
    out
}

/// The reverse of [`printable`]; `None` if `text` is not an output of it.
pub fn unprintable(text: &str) -> Option<String> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        if c != '\\' {
            out.push(c);
            rest = &rest[c.len_utf8()..];
        } else if let Some(after) = rest.strip_prefix("\\\\") {
            out.push('\\');
            rest = after;
        } else {
            let (digits, after) = rest.strip_prefix("\\u{")?.split_once('}')?;
            out.push(char::from_u32(u32::from_str_radix(digits, 16).ok()?)?);
            rest = after;
        }
    }
    (printable(&out) == text).then_some(out)
}

/// The candidate nearest to `found`, if it is near enough to be a slip of the fingers.
pub fn did_you_mean<'a>(found: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    candidates
        .into_iter()
        .map(|candidate| (distance(found, candidate), candidate))
        .filter(|(distance, candidate)| *distance <= 1 + candidate.len() / 4)
        .min()
        .map(|(_, candidate)| candidate)
}

/// The Levenshtein distance, in characters.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let replace = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = replace.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

/// `1 server`, `2 servers`.
pub fn count(number: usize, what: &str) -> String {
    if number == 1 { format!("1 {what}") } else { format!("{number} {what}s") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn printable_shows_what_a_terminal_would_hide() {
        assert_eq!(printable("a\u{202e}b\u{1b}[2K\\"), "a\\u{202e}b\\u{1b}[2K\\\\");
    }

    proptest::proptest! {
        #[test]
        fn printable_is_injective(text in ".*") {
            let shown = printable(&text);
            assert!(shown.bytes().all(|b| (0x20..=0x7e).contains(&b)));
            assert_eq!(unprintable(&shown).as_deref(), Some(text.as_str()));
        }
    }

    #[test]
    fn suggestions_are_near_or_absent() {
        assert_eq!(did_you_mean("detach_replca", ["attach", "detach_replica"]), Some("detach_replica"));
        assert_eq!(did_you_mean("zebra", ["detach_replica"]), None);
    }
}
