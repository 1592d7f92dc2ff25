//! Whether a file's bytes are a text that a reviewer sees as the program sees it.

use super::code::{self, Code};
use super::problem::{Mark, Problem, Problems};
use super::{MAX_BYTES, MAX_KEY};
use crate::domain::base::text::printable;

/// How much of a found text a message shows.
const SHOWN: usize = 80;

/// `text` for a message: printable, and cut when long.
pub fn shortened(text: &str) -> String {
    let mut cut: String = text.chars().take(SHOWN).collect();
    if cut.len() < text.len() {
        cut.push_str("...");
    }
    printable(&cut)
}

/// The text of a file.
pub fn decode<'a>(file: &str, bytes: &'a [u8]) -> Result<&'a str, Problems> {
    std::str::from_utf8(bytes).map_err(|error| {
        let line = bytes[..error.valid_up_to()].split(|byte| *byte == b'\n').count();
        let mark = Mark { line, column: 1, length: 1 };
        let problem = Problem::new(code::UNREADABLE_TEXT, String::new(), mark, "this line is not UTF-8");
        Problems::new(file, "", vec![problem.help("save the file as UTF-8")])
    })
}

/// Refuses what is too long to review and characters that do not show.
pub(super) fn check(text: &str) -> Result<(), Vec<Problem>> {
    if text.len() > MAX_BYTES {
        let message = format!("the file has {} bytes; at most {MAX_BYTES} are read", text.len());
        return Err(vec![at_start(code::TOO_LARGE, message)]);
    }
    let mut problems = Vec::new();
    for (line, content) in text.split('\n').enumerate() {
        let content = content.strip_suffix('\r').unwrap_or(content);
        for (column, found) in content.chars().enumerate().filter(|(_, c)| hidden(*c)) {
            let mark = Mark { line: line + 1, column: column + 1, length: 1 };
            let message = format!("the character U+{:04X} does not show", u32::from(found));
            let problem = Problem::new(code::UNREADABLE_TEXT, String::new(), mark, message);
            problems.push(problem.help("remove it"));
        }
        if problems.len() > MAX_KEY {
            break;
        }
    }
    if problems.is_empty() { Ok(()) } else { Err(problems) }
}

fn at_start(code: Code, message: String) -> Problem {
    Problem::new(code, String::new(), Mark::START, message)
}

/// Controls, zero-width characters, changes of the reading direction, and line ends that only some programs know.
fn hidden(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
        || (c.is_control() && c != '\t')
}
