//! Characters that make a text look other than it is: invisible, direction-changing, look-alike spaces, controls.
//!
//! They are reported, not removed: the bytes that were approved are the bytes that are sent.

use std::fmt;

use crate::domain::base::text::printable;

/// What a character stands in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    Code,
    Text,
    Comment,
}

/// One deceptive character and where it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Oddity {
    pub at: usize,
    pub character: char,
    pub place: Place,
}

impl fmt::Display for Oddity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = match self.place {
            Place::Code => "between the words",
            Place::Text => "in a string or quoted name",
            Place::Comment => "in a comment",
        };
        write!(f, "the invisible or misleading character `{}` {place}", printable(&self.character.to_string()))
    }
}

/// Adds the oddities of `text`, which begins at byte `start`, to `found`.
pub(super) fn collect(text: &str, start: usize, place: Place, found: &mut Vec<Oddity>) {
    let mut characters = text.char_indices().peekable();
    while let Some((offset, character)) = characters.next() {
        let line_end = character == '\r' && characters.peek().is_some_and(|(_, next)| *next == '\n');
        if is_odd(character) && !line_end {
            found.push(Oddity { at: start + offset, character, place });
        }
    }
}

/// Unicode's controls, format characters, look-alike spaces and fillers, as far as they can hide or disguise text.
fn is_odd(c: char) -> bool {
    if matches!(c, '\t' | '\n') {
        return false;
    }
    c.is_control()
        || (!c.is_ascii() && c.is_whitespace())
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{2800}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}'
            | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}
