//! What is wrong with a file, where, and what helps; shown with the line it is about.

use std::fmt;

use serde::Serialize;

use super::code::{Code, Severity};
use crate::domain::base::text::printable;

/// How many problems of one file are kept; more than this is no list that anybody works through.
const MOST: usize = 100;

/// How many characters of a line are shown at most.
const WIDEST: usize = 160;

/// A stretch of one line. Lines and columns count from 1, columns in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mark {
    pub line: usize,
    pub column: usize,
    /// How many characters are meant; at least 1.
    pub length: usize,
}

impl Mark {
    /// The first character of a file, for what has no place of its own.
    pub const START: Self = Self { line: 1, column: 1, length: 1 };
}

/// One problem at one place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    pub code: &'static str,
    pub severity: Severity,
    /// The value it is about, such as `steps[2].do.sql`; empty for the document.
    pub path: String,
    pub line: usize,
    pub column: usize,
    /// How many characters from there are meant.
    pub length: usize,
    pub message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
}

impl Problem {
    pub fn new(code: Code, path: String, mark: Mark, message: impl Into<String>) -> Self {
        let Mark { line, column, length } = mark;
        Self { code: code.id, severity: code.severity, path, line, column, length, message: message.into(), help: None }
    }

    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Adds help if there is any.
    #[must_use]
    pub fn help_maybe(mut self, help: Option<String>) -> Self {
        self.help = help;
        self
    }
}

/// All problems of one file, in the order of its lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problems {
    file: String,
    text: String,
    list: Vec<Problem>,
    left_out: usize,
}

impl Problems {
    pub fn new(file: &str, text: &str, mut list: Vec<Problem>) -> Self {
        let by_place = |a: &Problem, b: &Problem| {
            (a.line, a.column, a.severity, a.code).cmp(&(b.line, b.column, b.severity, b.code))
        };
        list.sort_by(by_place);
        list.dedup();
        let left_out = list.len().saturating_sub(MOST);
        // Errors decide whether a file is read, so what is left out is never the only error.
        if left_out > 0 {
            list.sort_by_key(|problem| problem.severity);
            list.truncate(MOST);
            list.sort_by(by_place);
        }
        Self { file: file.to_owned(), text: text.to_owned(), list, left_out }
    }

    /// The name of the file, as it was given.
    pub fn file(&self) -> &str {
        &self.file
    }

    pub fn iter(&self) -> impl Iterator<Item = &Problem> {
        self.list.iter()
    }

    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    pub fn errors(&self) -> usize {
        self.list.iter().filter(|problem| problem.severity == Severity::Error).count()
    }

    pub fn warnings(&self) -> usize {
        self.list.len() - self.errors()
    }

    /// One JSON object per problem, each with the file's name.
    pub fn to_json(&self) -> Vec<serde_json::Value> {
        let line = |problem: &Problem| {
            let mut json = serde_json::json!(problem);
            json["file"] = self.file.as_str().into();
            json
        };
        self.list.iter().map(line).collect()
    }

    /// `2 errors, 1 warning`.
    pub fn summary(&self) -> String {
        let count = |n: usize, word: &str| format!("{n} {word}{}", if n == 1 { "" } else { "s" });
        let mut parts = Vec::new();
        if self.errors() > 0 {
            parts.push(count(self.errors(), "error"));
        }
        if self.warnings() > 0 {
            parts.push(count(self.warnings(), "warning"));
        }
        if self.left_out > 0 {
            parts.push(format!("{} more not shown", self.left_out));
        }
        if parts.is_empty() { "no problems".to_owned() } else { parts.join(", ") }
    }
}

impl std::error::Error for Problems {}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines: Vec<&str> = self.text.lines().collect();
        for problem in &self.list {
            let line = problem.line.checked_sub(1).and_then(|at| lines.get(at)).copied();
            show(f, &self.file, problem, line)?;
            writeln!(f)?;
        }
        write!(f, "{}", self.summary())
    }
}

fn show(f: &mut fmt::Formatter<'_>, file: &str, problem: &Problem, line: Option<&str>) -> fmt::Result {
    let number = problem.line.to_string();
    let gutter = " ".repeat(number.len());
    writeln!(f, "{}[{}]: {}", problem.severity.word(), problem.code, problem.message)?;
    writeln!(f, "{gutter}--> {}:{number}:{}", printable(file), problem.column)?;
    if let Some(line) = line {
        let Excerpt { text, before, under } = excerpt(line, problem.column, problem.length);
        writeln!(f, "{gutter} |")?;
        writeln!(f, "{number} | {text}")?;
        writeln!(f, "{gutter} | {}{}", " ".repeat(before), "^".repeat(under))?;
    }
    for (at, help) in problem.help.iter().flat_map(|help| help.lines()).enumerate() {
        let word = if at == 0 { "= help: " } else { "        " };
        writeln!(f, "{gutter} {word}{help}")?;
    }
    Ok(())
}

/// A part of a line that fits, and where the carets stand under it.
struct Excerpt {
    text: String,
    before: usize,
    under: usize,
}

fn excerpt(line: &str, column: usize, length: usize) -> Excerpt {
    let at = column.saturating_sub(1);
    // A very long line is shown around the place only.
    let skip = if at + length.min(WIDEST / 2) > WIDEST { at.saturating_sub(WIDEST / 4) } else { 0 };
    let part =
        |from: usize, count: usize| -> String { printable(&line.chars().skip(from).take(count).collect::<String>()) };
    let before = part(skip, at - skip).len();
    let under = part(at, length.min(WIDEST)).len().max(1);
    let text = part(skip, WIDEST);
    let under = under.min(text.len().saturating_sub(before).max(1));
    Excerpt { text: text.trim_end().to_owned(), before, under }
}

#[cfg(test)]
mod tests {
    use super::super::code;
    use super::*;

    fn problem(line: usize, column: usize, length: usize) -> Problem {
        Problem::new(code::UNKNOWN_KEY, "a.b".to_owned(), Mark { line, column, length }, "there is no key `b`")
    }

    #[test]
    fn the_caret_stands_under_what_is_meant() {
        let problems = Problems::new("f.yaml", "a:\n  b: 1\n", vec![problem(2, 3, 1).help("did you mean `c`?")]);
        let expected = "error[CS101]: there is no key `b`\n --> f.yaml:2:3\n  |\n2 |   b: 1\n  |   ^\n  = help: did you mean `c`?\n\n1 error";
        assert_eq!(problems.to_string(), expected);
    }

    #[test]
    fn the_caret_moves_with_what_is_escaped_and_a_long_line_is_cut() {
        let shown = Problems::new("f", "\u{e9}x: 1", vec![problem(1, 2, 1)]).to_string();
        assert!(shown.contains("1 | \\u{e9}x: 1\n  |       ^\n"), "{shown}");
        let long = format!("{}bad{}", "x".repeat(5000), "y".repeat(5000));
        let shown = Problems::new("f", &long, vec![problem(1, 5001, 3)]).to_string();
        let lines: Vec<&str> = shown.lines().collect();
        let caret = lines[4].find('^').unwrap();
        assert!(lines[3].len() < 200 && lines[3][caret..].starts_with("bad"), "{shown}");
    }

    #[test]
    fn problems_come_in_the_order_of_lines_and_too_many_are_counted() {
        let many: Vec<Problem> = (0..150).rev().map(|line| problem(line + 1, 1, 1)).collect();
        let problems = Problems::new("f", "", many);
        assert_eq!(problems.iter().next().map(|p| p.line), Some(1));
        assert_eq!(problems.summary(), "100 errors, 50 more not shown");
    }

    #[test]
    fn json_has_the_file_and_the_place() {
        let json = Problems::new("f.yaml", "a", vec![problem(1, 1, 1)]).to_json();
        assert_eq!(json[0]["file"], "f.yaml");
        assert_eq!((&json[0]["code"], &json[0]["severity"]), (&"CS101".into(), &"error".into()));
    }
}
