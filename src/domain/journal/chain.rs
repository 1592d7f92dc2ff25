//! Following a chain of lines: every line's number and the digest of the line before it.
//!
//! One pass, constant memory; the caller hands in one line at a time or the whole text. What the lines mean, and who
//! signed which head, is checked elsewhere.

use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use super::line::{Frame, Head, Line, LineError};
use crate::domain::base::{Digest, text::printable};

/// The format of journals that this program writes; the first line names it as `"format"`.
pub const FORMAT: u64 = 1;

/// What is wrong with a chain, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChainError {
    #[error("the journal has no lines: expected at least the one that opens the run")]
    Empty,
    #[error("line {expected} is missing: found line {found} in its place")]
    Gap { expected: u64, found: u64 },
    #[error("line {found} stands twice: expected line {expected}")]
    Repeated { expected: u64, found: u64 },
    #[error("line {seq} does not follow the one before it: expected digest `{expected}`, found `{found}`")]
    Broken { seq: u64, expected: String, found: String },
    #[error("line {seq} cannot be read: {why}")]
    Unreadable { seq: u64, why: LineError },
    #[error("the last line was cut off after {bytes} bytes; the {} lines before it are whole", after.entries())]
    Torn { after: Head, bytes: usize },
    #[error("the first line names no format: expected `\"format\":{FORMAT}` ({why})")]
    NoFormat { why: String },
    #[error("the journal has format {found}, this program knows up to {FORMAT}: use a newer countersign")]
    UnknownFormat { found: u64 },
}

/// A position in a chain; [`Chain::check`] moves it over one line.
#[derive(Debug, Clone)]
pub struct Chain {
    entries: u64,
    digest: [u8; 64],
}

impl Chain {
    /// Before the first line.
    pub fn start() -> Self {
        Self { entries: 0, digest: [b'0'; 64] }
    }

    /// After the line that `head` names.
    pub fn after(head: &Head) -> Self {
        let mut digest = [b'0'; 64];
        // A digest always has 64 digits.
        digest.copy_from_slice(head.digest().as_str().as_bytes());
        Self { entries: head.entries(), digest }
    }

    /// Checks that `line`, with its line feed, is the next one. After an error the chain stands where it stood.
    pub fn check<'a>(&mut self, line: &'a [u8]) -> Result<Frame<'a>, ChainError> {
        let frame = Frame::parse(line).map_err(|why| self.unreadable(line, why))?;
        self.check_place(&frame)?;
        if frame.seq == 0 {
            check_format(frame.payload)?;
        }
        self.entries += 1;
        self.digest = hex_digits(&Sha256::digest(line).into());
        Ok(frame)
    }

    /// Where the chain stands now.
    pub fn head(&self) -> Head {
        match self.entries.checked_sub(1) {
            None => Head::start(),
            Some(seq) => Head::at(seq, self.digest()),
        }
    }

    fn digest(&self) -> Digest {
        let text = String::from_utf8_lossy(&self.digest);
        // Both constructors and `hex_digits` write 64 hex digits and nothing else.
        Digest::parse(&text).expect("64 hex digits are a digest")
    }

    fn unreadable(&self, line: &[u8], why: LineError) -> ChainError {
        match why {
            LineError::NoLineFeed => ChainError::Torn { after: self.head(), bytes: line.len() },
            why => ChainError::Unreadable { seq: self.entries, why },
        }
    }

    fn check_place(&self, frame: &Frame<'_>) -> Result<(), ChainError> {
        let (expected, found) = (self.entries, frame.seq);
        match found.cmp(&expected) {
            std::cmp::Ordering::Greater => Err(ChainError::Gap { expected, found }),
            std::cmp::Ordering::Less => Err(ChainError::Repeated { expected, found }),
            std::cmp::Ordering::Equal if frame.previous.as_bytes() == self.digest => Ok(()),
            std::cmp::Ordering::Equal => Err(ChainError::Broken {
                seq: found,
                expected: self.digest().to_string(),
                found: frame.previous.to_owned(),
            }),
        }
    }
}

/// The lines of a journal's text, each with its line feed; the last one lacks it when it was cut off.
pub fn lines(journal: &[u8]) -> impl Iterator<Item = &[u8]> {
    journal.split_inclusive(|byte| *byte == b'\n')
}

/// Checks a whole journal and gives its head.
pub fn verify(journal: &[u8]) -> Result<Head, ChainError> {
    let mut chain = Chain::start();
    for line in lines(journal) {
        chain.check(line)?;
    }
    if chain.entries == 0 { Err(ChainError::Empty) } else { Ok(chain.head()) }
}

/// Checks that `new` continues a chain that ends at `head`, and gives the new head.
pub fn continues(head: &Head, new: &[Line]) -> Result<Head, ChainError> {
    let mut chain = Chain::after(head);
    for line in new {
        chain.check(line.bytes())?;
    }
    Ok(chain.head())
}

/// Checks that the payload of a first line names a format that this program knows.
pub fn check_format(payload: &str) -> Result<(), ChainError> {
    #[derive(Deserialize)]
    struct Opening {
        format: u64,
    }
    match serde_json::from_str(payload) {
        Ok(Opening { format: FORMAT }) => Ok(()),
        Ok(Opening { format }) => Err(ChainError::UnknownFormat { found: format }),
        Err(error) => Err(ChainError::NoFormat { why: printable(&error.to_string()) }),
    }
}

/// The digits by table: formatting them one by one would cost more than hashing the line.
fn hex_digits(bytes: &[u8; 32]) -> [u8; 64] {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut out = [b'0'; 64];
    for (pair, byte) in out.chunks_exact_mut(2).zip(bytes) {
        pair[0] = DIGITS[usize::from(byte >> 4)];
        pair[1] = DIGITS[usize::from(byte & 15)];
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::base::Timestamp;

    fn journal(count: u64) -> Vec<Line> {
        let mut head = Head::start();
        (0..count)
            .map(|n| {
                let payload = if n == 0 { r#"{"format":1}"#.to_owned() } else { format!("{{\"n\":{n}}}") };
                let at = Timestamp::from_millis(1000 * i64::try_from(n).unwrap());
                let line = Line::next(&head, at, "note.made", &payload).unwrap();
                head = line.head();
                line
            })
            .collect()
    }

    fn text(lines: &[Line]) -> Vec<u8> {
        lines.iter().flat_map(|line| line.bytes().to_vec()).collect()
    }

    #[test]
    fn a_whole_chain_gives_its_head() {
        let lines = journal(200);
        assert_eq!(verify(&text(&lines)).unwrap(), lines[199].head());
        assert_eq!(continues(&lines[99].head(), &lines[100..]).unwrap(), lines[199].head());
    }

    #[test]
    fn an_empty_journal_is_not_a_chain() {
        assert_eq!(verify(b"").unwrap_err(), ChainError::Empty);
    }

    #[test]
    fn a_missing_line_is_a_gap() {
        let mut lines = journal(5);
        lines.remove(2);
        assert_eq!(verify(&text(&lines)).unwrap_err(), ChainError::Gap { expected: 2, found: 3 });
    }

    #[test]
    fn a_repeated_line_and_a_second_first_line_are_named() {
        let mut lines = journal(5);
        lines.insert(3, lines[2].clone());
        assert_eq!(verify(&text(&lines)).unwrap_err(), ChainError::Repeated { expected: 3, found: 2 });
        let mut lines = journal(2);
        lines.push(lines[0].clone());
        assert_eq!(verify(&text(&lines)).unwrap_err(), ChainError::Repeated { expected: 2, found: 0 });
    }

    #[test]
    fn every_changed_byte_is_found() {
        let good = text(&journal(4));
        let last_line = good.len() - journal(4)[3].bytes().len();
        for at in 0..last_line {
            let mut bad = good.clone();
            bad[at] ^= 1;
            assert!(verify(&bad).is_err(), "byte {at}");
        }
    }

    #[test]
    fn lines_in_another_order_are_refused() {
        let mut lines = journal(5);
        lines.swap(1, 2);
        assert_eq!(verify(&text(&lines)).unwrap_err(), ChainError::Gap { expected: 1, found: 2 });
    }

    #[test]
    fn a_line_from_another_chain_does_not_follow() {
        let mut lines = journal(3);
        lines[1] = Line::next(&lines[0].head(), Timestamp::from_millis(9), "other", "{}").unwrap();
        assert!(matches!(verify(&text(&lines)).unwrap_err(), ChainError::Broken { seq: 2, .. }));
    }

    #[test]
    fn a_torn_last_line_is_its_own_case_at_every_length() {
        let lines = journal(3);
        let whole = text(&lines[..2]);
        let last = lines[2].bytes();
        for kept in 1..last.len() {
            let torn = [&whole[..], &last[..kept]].concat();
            let expected = ChainError::Torn { after: lines[1].head(), bytes: kept };
            assert_eq!(verify(&torn).unwrap_err(), expected);
        }
    }

    #[test]
    fn bad_utf8_is_reported_with_its_line() {
        let mut bytes = text(&journal(2));
        let at = bytes.len() - 3;
        bytes[at] = 0xff;
        assert!(matches!(
            verify(&bytes).unwrap_err(),
            ChainError::Unreadable { seq: 1, why: LineError::NotUtf8 { .. } }
        ));
    }

    #[test]
    fn a_line_longer_than_a_mebibyte_is_refused() {
        let mut bytes = text(&journal(1));
        bytes.extend(vec![b'x'; 2 * 1024 * 1024]);
        bytes.push(b'\n');
        assert!(matches!(
            verify(&bytes).unwrap_err(),
            ChainError::Unreadable { seq: 1, why: LineError::TooLong { .. } }
        ));
    }

    #[test]
    fn the_first_line_must_name_a_known_format() {
        let with = |payload: &str| {
            let line = Line::next(&Head::start(), Timestamp::from_millis(0), "run.opened", payload).unwrap();
            verify(line.bytes())
        };
        with(r#"{"format":1,"run":"r-1"}"#).unwrap();
        assert_eq!(with(r#"{"format":2}"#).unwrap_err(), ChainError::UnknownFormat { found: 2 });
        for missing in ["{}", r#"{"format":"1"}"#, r#"{"format":1,"format":1}"#, r#"{"format":1.0}"#] {
            assert!(matches!(with(missing).unwrap_err(), ChainError::NoFormat { .. }), "{missing}");
        }
    }

    #[test]
    fn a_chain_stands_still_after_an_error() {
        let lines = journal(3);
        let mut chain = Chain::start();
        chain.check(lines[0].bytes()).unwrap();
        chain.check(lines[2].bytes()).unwrap_err();
        chain.check(lines[1].bytes()).unwrap();
        assert_eq!(chain.head(), lines[1].head());
    }
}
