//! Reading a document: total, and strict by writing it again. What would be written differently is not accepted.

use super::{Document, DocumentError, Item, LONGEST, LONGEST_LINE, unescaped};

/// A document that was read. It can be shown and compared; what to run is never taken from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parsed {
    kind: String,
    header: Vec<(String, String)>,
    sections: Vec<Section>,
}

/// One `[name]` with its lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Section {
    pub name: String,
    pub items: Vec<Item>,
}

impl Parsed {
    pub fn kind(&self) -> &str {
        &self.kind
    }

    pub fn header(&self) -> &[(String, String)] {
        &self.header
    }

    pub fn sections(&self) -> &[Section] {
        &self.sections
    }

    /// The value of a header field.
    pub fn field(&self, key: &str) -> Option<&str> {
        self.header.iter().find(|(known, _)| known == key).map(|(_, value)| value.as_str())
    }

    /// The section of exactly this name.
    pub fn section(&self, name: &str) -> Option<&Section> {
        self.sections.iter().find(|section| section.name == name)
    }

    /// The text of the first block in the section `name`.
    pub fn block(&self, name: &str) -> Option<&str> {
        self.section(name)?.items.iter().find_map(|item| match item {
            Item::Block(text) => Some(text.as_str()),
            Item::Field { .. } | Item::Nothing => None,
        })
    }

    /// The text again.
    pub fn render(&self) -> Result<String, DocumentError> {
        let document = Document::new(&self.kind);
        let document = self.header.iter().fold(document, |document, (key, value)| document.field(key, value));
        let add = |document: Document, section: &Section| {
            section.items.iter().fold(document.section(&section.name), Document::item)
        };
        self.sections.iter().fold(document, add).finish()
    }
}

/// Reads a document, all of it.
pub fn parse(bytes: &[u8]) -> Result<Parsed, DocumentError> {
    let text = checked_bytes(bytes)?;
    let mut lines = text.lines().enumerate().map(|(index, line)| (index + 1, line)).peekable();
    let mut parsed = Parsed { kind: read_kind(lines.next())?, header: Vec::new(), sections: Vec::new() };
    let mut ended = false;
    for (number, line) in lines {
        if ended {
            return Err(at(number, "text behind `[end]`"));
        }
        ended = line == "[end]";
        if !ended && !line.is_empty() {
            read_line(&mut parsed, number, line)?;
        }
    }
    if !ended {
        return Err(at(text.lines().count(), "the document does not end with `[end]`"));
    }
    same_again(&parsed, text)?;
    Ok(parsed)
}

fn at(line: usize, why: &'static str) -> DocumentError {
    DocumentError::Line { line, why }
}

fn checked_bytes(bytes: &[u8]) -> Result<&str, DocumentError> {
    if bytes.len() > LONGEST {
        return Err(DocumentError::TooLong { found: bytes.len() });
    }
    let mut count = 0;
    for (index, line) in bytes.split(|byte| *byte == b'\n').enumerate() {
        count = index + 1;
        if line.len() > LONGEST_LINE {
            return Err(DocumentError::LineTooLong { line: count, found: line.len() });
        }
        if let Some(&byte) = line.iter().find(|byte| !(0x20..=0x7e).contains(*byte)) {
            return Err(DocumentError::NotPrintable { line: count, byte });
        }
    }
    if !bytes.ends_with(b"\n") {
        return Err(at(count, "the last line has no line feed"));
    }
    // Only printable ASCII and line feeds are left, so this is text.
    std::str::from_utf8(bytes).map_err(|_| at(1, "not text"))
}

fn read_kind(first: Option<(usize, &str)>) -> Result<String, DocumentError> {
    first
        .and_then(|(_, line)| line.strip_prefix("countersign ")?.strip_suffix(" v1"))
        .map(str::to_owned)
        .ok_or(at(1, "the first line is not `countersign KIND v1`; a newer version needs a newer program"))
}

fn read_line(parsed: &mut Parsed, number: usize, line: &str) -> Result<(), DocumentError> {
    if let Some(name) = line.strip_prefix('[') {
        let name = name.strip_suffix(']').ok_or(at(number, "a section's line ends with `]`"))?;
        parsed.sections.push(Section { name: name.to_owned(), items: Vec::new() });
        return Ok(());
    }
    let Some(section) = parsed.sections.last_mut() else {
        parsed.header.push(read_field(number, line)?);
        return Ok(());
    };
    if let Some(text) = read_gutter(number, line)? {
        match section.items.last_mut() {
            Some(Item::Block(block)) => {
                block.push('\n');
                block.push_str(&text);
            }
            _ => section.items.push(Item::Block(text)),
        }
    } else if line == "none" {
        section.items.push(Item::Nothing);
    } else {
        let (key, value) = read_field(number, line)?;
        section.items.push(Item::Field { key, value });
    }
    Ok(())
}

fn read_gutter(number: usize, line: &str) -> Result<Option<String>, DocumentError> {
    if line == "|" {
        Ok(Some(String::new()))
    } else if let Some(text) = line.strip_prefix("| ") {
        Ok(Some(text.to_owned()))
    } else if let Some(text) = line.strip_prefix("\\ ") {
        unescaped(text).map(Some).ok_or(at(number, "an escape is not written as it must be"))
    } else {
        Ok(None)
    }
}

fn read_field(number: usize, line: &str) -> Result<(String, String), DocumentError> {
    let (key, value) = line.split_once(':').ok_or(at(number, "expected `key: value`"))?;
    let value =
        if value.is_empty() { value } else { value.strip_prefix(' ').ok_or(at(number, "no blank behind `:`"))? };
    let value = unescaped(value).ok_or(at(number, "an escape is not written as it must be"))?;
    Ok((key.to_owned(), value))
}

/// The whole strictness in one comparison: blank lines, order and spelling are right if writing gives these bytes.
fn same_again(parsed: &Parsed, text: &str) -> Result<(), DocumentError> {
    let again = parsed.render()?;
    if again == text {
        return Ok(());
    }
    let same = again.lines().zip(text.lines()).take_while(|(ours, theirs)| ours == theirs).count();
    Err(DocumentError::NotCanonical { line: same + 1 })
}
