//! Small pieces of text that every screen uses. Whatever comes from a server, a file or a person passes [`say`].

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::review::Missing;
use crate::domain::base::text::printable;
use crate::domain::base::{Span, Timestamp, Verdict};

/// Text from outside, safe to show.
pub fn say(text: &str) -> String {
    printable(text)
}

/// A length of time in whole seconds: `1m40s`.
pub fn long(span: Span) -> String {
    Span::from_secs(span.secs()).to_string()
}

/// A length of time in its largest unit, for a narrow column: `45s`, `31m`, `2h`, `3d`.
pub fn short(span: Span) -> String {
    match span.secs() {
        secs @ 0..120 => format!("{secs}s"),
        secs @ 120..7200 => format!("{}m", secs / 60),
        secs @ 7200..172_800 => format!("{}h", secs / 3600),
        secs => format!("{}d", secs / 86_400),
    }
}

/// How long ago `then` was.
pub fn ago(now: Timestamp, then: Timestamp) -> String {
    long(now.since(then))
}

/// How long until `then`; `0s` when it has passed.
pub fn until(now: Timestamp, then: Timestamp) -> String {
    long(then.since(now))
}

/// `text` in at most `width` columns; what is left out is said by `...`.
pub fn clip(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    let kept: String = text.chars().take(width.saturating_sub(3)).collect();
    let dots = ".".repeat(3.min(width));
    format!("{kept}{dots}")
}

/// `text` in lines of at most `width` columns, broken at blanks where there are any.
pub fn wrap(text: &str, width: usize) -> Vec<String> {
    let width = width.max(1);
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let mut rest: Vec<char> = word.chars().collect();
        let line = lines.last().map_or(0, |line| line.chars().count());
        if line > 0 && line + 1 + rest.len() > width {
            lines.push(String::new());
        } else if line > 0
            && let Some(last) = lines.last_mut()
        {
            last.push(' ');
        }
        while let Some(last) = lines.last_mut() {
            let room = width.saturating_sub(last.chars().count());
            let taken: Vec<char> = rest.drain(..room.min(rest.len())).collect();
            last.extend(taken);
            if rest.is_empty() {
                break;
            }
            lines.push(String::new());
        }
    }
    lines
}

/// What stands before the rest of a line that goes on: the rows are one line.
const SAME_LINE: &str = "  > ";

/// `lines` in rows of at most `width` columns. Nothing is lost, no blank either, and a row that goes on the line above
/// is marked.
pub fn rows(lines: &[String], width: usize) -> Vec<String> {
    lines.iter().flat_map(|line| pieces(line, width)).collect()
}

fn pieces(line: &str, width: usize) -> Vec<String> {
    let mut rest: Vec<char> = line.chars().collect();
    let mut rows = Vec::new();
    let mut mark = "";
    loop {
        let room = width.saturating_sub(mark.len()).max(1);
        let taken = if rest.len() <= room { rest.len() } else { break_at(&rest, room) };
        let piece: String = rest.drain(..taken).collect();
        rows.push(format!("{mark}{piece}"));
        if rest.is_empty() {
            return rows;
        }
        mark = SAME_LINE;
    }
}

/// Behind the last blank that is not too early, else where the room ends.
fn break_at(line: &[char], room: usize) -> usize {
    match line[..room].iter().rposition(|c| *c == ' ') {
        Some(blank) if blank > room / 2 => blank + 1,
        _ => room,
    }
}

/// The word for a verdict in columns.
pub const fn verdict(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::Holds => "true",
        Verdict::Fails => "false",
        Verdict::CannotTell { .. } => "unknown",
    }
}

/// A key by its name.
pub fn key(key: &KeyEvent) -> String {
    let name = match key.code {
        KeyCode::Char(' ') => "Space".to_owned(),
        KeyCode::Char(c) => say(&c.to_string()),
        code => format!("{code:?}"),
    };
    if key.modifiers.contains(KeyModifiers::CONTROL) { format!("Ctrl-{}", name.to_uppercase()) } else { name }
}

/// What a reviewer still has to type, as a sentence.
pub fn missing(missing: &Missing) -> String {
    match missing {
        Missing::Decision => "type `approve` or `reject`".to_owned(),
        Missing::Reason => "a reason is needed; it is kept in the journal".to_owned(),
        Missing::Answer => "the answer is wrong".to_owned(),
        Missing::Over(why) => format!("nothing can be said to it any more: {why}"),
        Missing::Possible(why) => format!("approve is off: {why}"),
    }
}

pub use crate::domain::base::text::count;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clipped_text_says_that_it_is_clipped() {
        assert_eq!(clip("DROP TABLE `shop`.`orders`", 12), "DROP TABL...");
        assert_eq!(clip("short", 5), "short");
        assert_eq!(clip("abcdef", 2), "..");
    }

    #[test]
    fn rows_of_one_line_are_marked_and_lose_not_even_a_blank() {
        let line = "runbook: rebuild-table  sha256:8e0c51aa77f28e0c51aa77f28e0c51aa77f28e0c51aa77f2 ".to_owned();
        for width in 8..100 {
            let rows = rows(std::slice::from_ref(&line), width);
            assert!(rows.iter().all(|row| row.chars().count() <= width), "{width}: {rows:?}");
            let rest: String = rows[1..].iter().map(|row| row.strip_prefix(SAME_LINE).unwrap()).collect();
            assert_eq!(format!("{}{rest}", rows[0]), line);
        }
        assert_eq!(rows(&[String::new(), "a".to_owned()], 9), ["", "a"]);
    }

    #[test]
    fn wrapping_loses_nothing_and_never_overflows() {
        for width in 1..30 {
            let text = "UPDATE `shop`.`orders` SET averyveryverylongcolumnname = 1 WHERE id = 7";
            let lines = wrap(text, width);
            assert!(lines.iter().all(|line| line.chars().count() <= width), "{width}: {lines:?}");
            let joined: String = lines.concat().chars().filter(|c| *c != ' ').collect();
            assert_eq!(joined, text.replace(' ', ""));
        }
    }
}
