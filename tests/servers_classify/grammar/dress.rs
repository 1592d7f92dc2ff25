//! What stands around and between the words of a statement: comments of all kinds, line ends, letter case, endings.

use super::{Grammar, INNER};

/// Between two words.
const GAPS: &[&str] = &[
    "  ",
    "\n",
    "\t",
    "\r\n",
    "/**/",
    " /* x */ ",
    " /* ' */ ",
    " -- x\n",
    " --\tit's\n",
    " # x ;\n",
    " /* ; DROP TABLE t */ ",
    "\u{b}",
];

/// Before code that some servers take for a comment, and before a comment that some take for code.
const OPENINGS: &[&str] =
    &["/*!", "/*!50000 ", "/*!80000 ", "/*!99999 ", "/*!100100 ", "/*M! ", "/*M!100100 ", "/*m!", "/*"];

impl Grammar {
    pub(super) fn dress(&mut self, plain: &str) -> String {
        let mut words: Vec<String> = plain.split(' ').filter(|word| !word.is_empty()).map(str::to_owned).collect();
        match self.dice.below(100) {
            0..12 => self.wrap(&mut words),
            12..15 => self.break_a_word(&mut words),
            _ => {}
        }
        let rate = if self.chance(35) { 15 } else { 0 };
        let mut text = self.maybe(rate, "/* first */ ");
        for (at, word) in words.iter().enumerate() {
            if at > 0 {
                text.push_str(if self.chance(rate) { self.one(GAPS) } else { " " });
            }
            text.push_str(&word.replace(INNER, " "));
        }
        let text = match self.dice.below(100) {
            0..10 => text.to_lowercase(),
            _ => text,
        };
        self.ending(text)
    }

    /// Puts some words into a comment.
    fn wrap(&mut self, words: &mut [String]) {
        let count = u64::try_from(words.len()).unwrap();
        let (one, other) = (self.dice.below(count), self.dice.below(count));
        let (first, last) = (one.min(other), one.max(other));
        let opening = self.one(OPENINGS);
        words[usize::try_from(first).unwrap()].insert_str(0, opening);
        words[usize::try_from(last).unwrap()].push_str(" */");
    }

    fn break_a_word(&mut self, words: &mut [String]) {
        let broken = self.one(&["\\G", "'", "`", "\"", "\u{a0}", "\u{200b}", "(", ")", ";", "*/", "--", "@", ".", "é"]);
        let at = self.dice.below(u64::try_from(words.len()).unwrap());
        words[usize::try_from(at).unwrap()].push_str(broken);
    }

    fn ending(&mut self, mut text: String) -> String {
        match self.dice.below(100) {
            0..8 => text.push(';'),
            8..10 => text.push_str("; "),
            10..12 => text.push_str(" -- the end"),
            12 => text.push_str("; DROP TABLE t"),
            13 => text.push_str(";; SELECT 1"),
            _ => {}
        }
        text
    }
}
