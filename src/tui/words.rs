//! Small pieces of text that every screen uses. Whatever comes from a server, a file or a person passes [`say`].

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

/// The word for a verdict in columns.
pub const fn verdict(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::Holds => "true",
        Verdict::Fails => "false",
        Verdict::CannotTell { .. } => "unknown",
    }
}

/// What a reviewer still has to type, as a sentence.
pub fn missing(missing: &Missing) -> String {
    match missing {
        Missing::Decision => "type `approve` or `reject`".to_owned(),
        Missing::Reason => "a reason is needed; it is kept in the journal".to_owned(),
        Missing::Answer => "the answer is wrong".to_owned(),
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
