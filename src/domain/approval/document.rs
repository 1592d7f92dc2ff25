//! The form of everything that is signed: printable ASCII that a person can read with `less`.
//!
//! A first line `countersign KIND v1`, header fields, sections, `[end]`. One value has one spelling and one text has
//! one reading: [`parse`] accepts exactly what [`Document::finish`] writes. What the fields mean is not known here.

mod read;
#[cfg(test)]
mod tests;

use crate::domain::base::text::{printable, unprintable};

pub use read::{Parsed, Section, parse};

/// The longest document, in bytes.
pub const LONGEST: usize = 64 * 1024;
/// The longest line, in bytes.
pub const LONGEST_LINE: usize = 4096;

/// Why bytes are not a document, or why values do not make one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DocumentError {
    #[error("the document has {found} bytes: expected at most {LONGEST}; shorten the statement or the reason")]
    TooLong { found: usize },
    #[error("line {line} has {found} bytes: expected at most {LONGEST_LINE}")]
    LineTooLong { line: usize, found: usize },
    #[error("line {line}: byte {byte:#04x} is not printable ASCII")]
    NotPrintable { line: usize, byte: u8 },
    #[error("line {line}: {why}")]
    Line { line: usize, why: &'static str },
    #[error("`{name}` is not a {what}: expected {expected}")]
    Name { what: &'static str, name: String, expected: &'static str },
    #[error("the header names `{key}` twice")]
    Twice { key: String },
    #[error("a block of text stands before any section, or directly behind another")]
    MisplacedBlock,
    #[error("the document is not in its one form: line {line} would be written differently")]
    NotCanonical { line: usize },
    #[error("the document is a `{found}`: expected `{expected}`")]
    Kind { expected: &'static str, found: String },
    #[error("the document's fields are not those of a `{kind}`: {why}")]
    Fields { kind: &'static str, why: String },
}

/// One line of a section, or one block of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Item {
    /// `key: value`. In a section, a key may come again.
    Field { key: String, value: String },
    /// Text of any kind, each line behind a gutter.
    Block(String),
    /// The word `none`: looked for, nothing found.
    Nothing,
}

/// Writes a document. The first thing that does not fit is kept and [`Self::finish`] reports it.
#[derive(Debug, Clone)]
#[must_use]
pub struct Document {
    text: String,
    keys: Vec<String>,
    place: Place,
    problem: Option<DocumentError>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Header,
    Section,
    BehindBlock,
}

impl Document {
    /// Begins `countersign KIND v1`.
    pub fn new(kind: &str) -> Self {
        let mut document = Self { text: String::new(), keys: Vec::new(), place: Place::Header, problem: None };
        if !is_kind(kind) {
            document.refuse(DocumentError::Name {
                what: "kind of document",
                name: printable(kind),
                expected: "lower-case words",
            });
        }
        document.push(&format!("countersign {kind} v1"));
        document
    }

    /// A line `key: value`. In the header, each key once.
    pub fn field(mut self, key: &str, value: impl AsRef<str>) -> Self {
        if !is_key(key) {
            let expected = "a lower-case letter, then lower-case letters, digits and `-`";
            self.refuse(DocumentError::Name { what: "field name", name: printable(key), expected });
        }
        if self.place == Place::Header {
            if self.keys.iter().any(|known| known == key) {
                self.refuse(DocumentError::Twice { key: printable(key) });
            }
            self.keys.push(key.to_owned());
        } else {
            self.place = Place::Section;
        }
        let value = escaped(value.as_ref());
        self.push(if value.is_empty() { format!("{key}:") } else { format!("{key}: {value}") }.as_str());
        self
    }

    /// Begins the section `[name]`.
    pub fn section(mut self, name: &str) -> Self {
        if !is_section(name) {
            let expected = "printable ASCII without brackets and without blanks at its ends, and not `end`";
            self.refuse(DocumentError::Name { what: "section name", name: printable(name), expected });
        }
        self.place = Place::Section;
        self.text.push('\n');
        self.push(&format!("[{name}]"));
        self
    }

    /// Text of any kind, line by line behind a gutter: `| ` as it is, `\ ` with escapes.
    pub fn block(mut self, text: &str) -> Self {
        if self.place != Place::Section {
            self.refuse(DocumentError::MisplacedBlock);
        }
        self.place = Place::BehindBlock;
        for line in text.split('\n') {
            self.push(&gutter(line));
        }
        self
    }

    /// The word `none`.
    pub fn nothing(mut self) -> Self {
        if self.place == Place::Header {
            self.refuse(DocumentError::MisplacedBlock);
        }
        self.place = Place::Section;
        self.push("none");
        self
    }

    /// The bytes to sign.
    pub fn finish(mut self) -> Result<String, DocumentError> {
        if self.place != Place::Header {
            self.text.push('\n');
        }
        self.push("[end]");
        match self.problem {
            Some(problem) => Err(problem),
            None if self.text.len() > LONGEST => Err(DocumentError::TooLong { found: self.text.len() }),
            None => Ok(self.text),
        }
    }

    fn item(self, item: &Item) -> Self {
        match item {
            Item::Field { key, value } => self.field(key, value),
            Item::Block(text) => self.block(text),
            Item::Nothing => self.nothing(),
        }
    }

    fn push(&mut self, line: &str) {
        if line.len() > LONGEST_LINE {
            let number = self.text.matches('\n').count() + 1;
            self.refuse(DocumentError::LineTooLong { line: number, found: line.len() });
        }
        self.text.push_str(line);
        self.text.push('\n');
    }

    fn refuse(&mut self, problem: DocumentError) {
        self.problem.get_or_insert(problem);
    }
}

fn is_kind(text: &str) -> bool {
    !text.is_empty() && text.split(' ').all(is_key)
}

fn is_key(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

fn is_section(text: &str) -> bool {
    !text.is_empty()
        && text != "end"
        && text.trim() == text
        && text.bytes().all(|b| (0x20..=0x7e).contains(&b) && !matches!(b, b'[' | b']' | b'\\'))
}

/// [`printable`], and a blank at the end made visible: a line never ends in a blank.
fn escaped(value: &str) -> String {
    match value.strip_suffix(' ') {
        Some(head) => format!("{}\\u{{20}}", printable(head)),
        None => printable(value),
    }
}

/// The reverse of [`escaped`]; `None` if `text` is not an output of it.
fn unescaped(text: &str) -> Option<String> {
    let blank = || text.strip_suffix("\\u{20}").and_then(unprintable).map(|head| head + " ");
    let value = unprintable(text).or_else(blank)?;
    (escaped(&value) == text).then_some(value)
}

fn gutter(line: &str) -> String {
    if line.is_empty() {
        "|".to_owned()
    } else if line.bytes().all(|b| (0x20..=0x7e).contains(&b)) && !line.ends_with(' ') {
        format!("| {line}")
    } else {
        format!("\\ {}", escaped(line))
    }
}
