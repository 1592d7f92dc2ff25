//! One journal line: `<seq> <time> <sha256 of the previous line> <event> <compact JSON>` and a line feed.
//!
//! A [`Line`] keeps the bytes it was read from, because those bytes are what the next line's digest covers. This module
//! does not know what an event means and does not follow the chain; that is [`super::chain`].

use std::fmt;
use std::sync::OnceLock;

use serde::{Deserialize, Serialize};

use crate::domain::base::{Digest, Timestamp, text::printable};

/// The longest line, with its line feed. Larger output belongs in a file whose digest the line names.
pub const LONGEST_LINE: usize = 1024 * 1024;
/// The longest event name.
pub const LONGEST_EVENT: usize = 64;

/// Why some bytes are not a journal line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LineError {
    #[error(
        "the line has {found} bytes, expected at most {LONGEST_LINE}: keep large output in a file and record its digest"
    )]
    TooLong { found: usize },
    #[error("the line does not end with a line feed: it was cut off while it was written")]
    NoLineFeed,
    #[error("the line is not UTF-8 from byte {at} on")]
    NotUtf8 { at: usize },
    #[error("expected five parts with one blank between them, found {found}")]
    Parts { found: usize },
    #[error("`{found}` is not a sequence number: expected decimal digits without leading zeros")]
    Sequence { found: String },
    #[error("`{found}` is not a time like 2026-11-22T03:04:05.678Z")]
    Time { found: String },
    #[error("`{found}` is not a digest: expected 64 lower-case hex digits")]
    Previous { found: String },
    #[error(
        "`{found}` is not an event name: expected words of a-z, 0-9 and `_` joined by `.`, at most {LONGEST_EVENT} bytes"
    )]
    Event { found: String },
    #[error("the payload is not one compact JSON object: {why}")]
    Payload { why: String },
}

/// The end of a chain: how many lines it has and the digest of the last one.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Head {
    entries: u64,
    digest: Digest,
}

impl Head {
    /// The head of a journal without lines.
    pub fn start() -> Self {
        Self { entries: 0, digest: Digest::zero() }
    }

    /// The head whose last line has number `seq` and digest `digest`.
    pub fn at(seq: u64, digest: Digest) -> Self {
        Self { entries: seq.saturating_add(1), digest }
    }

    /// How many lines the chain has; this is also the number of the next line.
    pub fn entries(&self) -> u64 {
        self.entries
    }

    /// The number of the last line; `None` when there is none.
    pub fn seq(&self) -> Option<u64> {
        self.entries.checked_sub(1)
    }

    /// The digest of the last line with its line feed; zeros when there is none.
    pub fn digest(&self) -> &Digest {
        &self.digest
    }
}

impl fmt::Display for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.seq() {
            None => f.write_str("start"),
            Some(seq) => write!(f, "{seq}:{}", self.digest),
        }
    }
}

impl TryFrom<String> for Head {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Head> for String {
    fn from(head: Head) -> String {
        head.to_string()
    }
}

impl std::str::FromStr for Head {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        if text == "start" {
            return Ok(Self::start());
        }
        let read = || {
            let (seq, digest) = text.split_once(':')?;
            Some(Self::at(canonical_number(seq)?, Digest::parse(digest).ok()?))
        };
        read().ok_or_else(|| format!("`{}` is not a journal head: expected `SEQ:SHA256` or `start`", printable(text)))
    }
}

/// The parts of a line, borrowed from its bytes. The shape is checked; the JSON is only known to be one printable
/// `{...}`, so that walking a long chain costs little more than hashing it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame<'a> {
    pub seq: u64,
    pub at: Timestamp,
    pub previous: &'a str,
    pub event: &'a str,
    pub payload: &'a str,
}

impl<'a> Frame<'a> {
    /// Splits `bytes`, which must be one line with its line feed.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, LineError> {
        if bytes.len() > LONGEST_LINE {
            return Err(LineError::TooLong { found: bytes.len() });
        }
        let body = bytes.strip_suffix(b"\n").ok_or(LineError::NoLineFeed)?;
        let text = std::str::from_utf8(body).map_err(|error| LineError::NotUtf8 { at: error.valid_up_to() })?;
        let mut parts = text.splitn(5, ' ');
        let mut found = 0;
        let mut part = || {
            let next = parts.next().ok_or(LineError::Parts { found })?;
            found += 1;
            Ok::<&str, LineError>(next)
        };
        let (seq, at, previous, event, payload) = (part()?, part()?, part()?, part()?, part()?);
        Ok(Self {
            seq: canonical_number(seq).ok_or_else(|| LineError::Sequence { found: shown(seq) })?,
            at: canonical_time(at).ok_or_else(|| LineError::Time { found: shown(at) })?,
            previous: checked(previous, is_digest, |found| LineError::Previous { found })?,
            event: checked(event, is_event, |found| LineError::Event { found })?,
            payload: framed_object(payload)?,
        })
    }
}

/// One whole line, its JSON checked.
#[derive(Clone)]
pub struct Line {
    bytes: Vec<u8>,
    /// Of the bytes, once somebody has asked: a writer, its store and every reader do.
    digest: OnceLock<Digest>,
    seq: u64,
    at: Timestamp,
    event_at: usize,
    payload_at: usize,
}

/// The bytes say everything.
impl PartialEq for Line {
    fn eq(&self, other: &Self) -> bool {
        self.bytes == other.bytes
    }
}

impl Eq for Line {}

impl Line {
    /// Reads one line with its line feed.
    pub fn parse(bytes: &[u8]) -> Result<Self, LineError> {
        Self::from_bytes(bytes.to_vec())
    }

    /// Makes the line that follows `previous`. `payload` is one JSON object without blanks between its tokens.
    pub fn next(previous: &Head, at: Timestamp, event: &str, payload: &str) -> Result<Self, LineError> {
        let text = format!("{} {at} {} {event} {payload}\n", previous.entries(), previous.digest());
        Self::from_bytes(text.into_bytes())
    }

    fn from_bytes(bytes: Vec<u8>) -> Result<Self, LineError> {
        let frame = Frame::parse(&bytes)?;
        check_json(frame.payload)?;
        let payload_at = bytes.len() - 1 - frame.payload.len();
        let event_at = payload_at - 1 - frame.event.len();
        let (seq, at) = (frame.seq, frame.at);
        Ok(Self { bytes, digest: OnceLock::new(), seq, at, event_at, payload_at })
    }

    pub fn seq(&self) -> u64 {
        self.seq
    }

    pub fn at(&self) -> Timestamp {
        self.at
    }

    /// What happened, for example `run.opened`.
    pub fn event(&self) -> &str {
        self.text(self.event_at, self.payload_at - 1)
    }

    /// The JSON exactly as it stands in the line.
    pub fn payload(&self) -> &str {
        self.text(self.payload_at, self.bytes.len() - 1)
    }

    /// The line with its line feed: what is stored and hashed.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The head of a chain that ends with this line.
    pub fn head(&self) -> Head {
        Head::at(self.seq, self.digest.get_or_init(|| Digest::of(&self.bytes)).clone())
    }

    fn text(&self, from: usize, to: usize) -> &str {
        // The bytes were checked to be UTF-8 when the line was made and both ends stand beside an ASCII blank or line
        // feed, so neither step can fail; an empty text would be refused by every reader of it.
        self.bytes.get(from..to).and_then(|part| std::str::from_utf8(part).ok()).unwrap_or_default()
    }
}

impl fmt::Debug for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Line({} {} {} {})", self.seq, self.at, self.event(), self.payload())
    }
}

/// Decimal digits in their only form.
pub(super) fn canonical_number(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let leading_zero = text.len() > 1 && text.starts_with('0');
    if digits && !leading_zero { text.parse().ok() } else { None }
}

/// A time in the only form that [`Timestamp`] prints: UTC, at most milliseconds, no needless zeros.
fn canonical_time(text: &str) -> Option<Timestamp> {
    const PATTERN: &[u8] = b"dddd-dd-ddTdd:dd:dd";
    let (whole, rest) = text.split_at_checked(PATTERN.len())?;
    let fits = whole.bytes().zip(PATTERN).all(|(b, p)| if *p == b'd' { b.is_ascii_digit() } else { b == *p });
    let fraction = rest.strip_suffix('Z')?;
    let fraction_fits = fraction.is_empty()
        || fraction.strip_prefix('.').is_some_and(|digits| {
            (1..=3).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit()) && !digits.ends_with('0')
        });
    // A leap second is read by the time library as the second before it, so it would print differently.
    let leap_second = whole.ends_with("60");
    if fits && fraction_fits && !leap_second { text.parse().ok() } else { None }
}

fn is_digest(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
}

fn is_event(text: &str) -> bool {
    text.len() <= LONGEST_EVENT
        && text.split('.').all(|word| {
            word.bytes().next().is_some_and(|b| b.is_ascii_lowercase())
                && word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
        })
}

fn checked(text: &str, fits: fn(&str) -> bool, error: impl FnOnce(String) -> LineError) -> Result<&str, LineError> {
    if fits(text) { Ok(text) } else { Err(error(shown(text))) }
}

/// At most the first 80 characters, safe to print.
fn shown(text: &str) -> String {
    printable(&text.chars().take(80).collect::<String>())
}

fn framed_object(payload: &str) -> Result<&str, LineError> {
    let bad = |why: &str| LineError::Payload { why: why.to_owned() };
    if payload.bytes().any(|b| b < 0x20) {
        return Err(bad("it holds a control character"));
    }
    if payload.len() < 2 || !payload.starts_with('{') || !payload.ends_with('}') {
        return Err(bad("it does not stand between `{` and `}`"));
    }
    Ok(payload)
}

fn check_json(payload: &str) -> Result<(), LineError> {
    serde_json::from_str::<serde::de::IgnoredAny>(payload)
        .map_err(|error| LineError::Payload { why: printable(&error.to_string()) })?;
    if blank_between_tokens(payload) {
        return Err(LineError::Payload { why: "it has a blank between two tokens".to_owned() });
    }
    Ok(())
}

/// Whether valid JSON has a blank outside its strings. There is one spelling of a record, the compact one.
fn blank_between_tokens(json: &str) -> bool {
    let mut in_string = false;
    let mut escaped = false;
    for byte in json.bytes() {
        match (in_string, byte) {
            (true, _) if escaped => escaped = false,
            (true, b'\\') => escaped = true,
            (_, b'"') => in_string = !in_string,
            (false, b' ') => return true,
            _ => {}
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: Timestamp = Timestamp::from_millis(1_795_334_401_000);

    fn first() -> Line {
        Line::next(&Head::start(), AT, "run.opened", r#"{"format":1}"#).unwrap()
    }

    #[test]
    fn a_line_has_the_documented_bytes() {
        let line = first();
        let expected = format!("0 {AT} {} run.opened {{\"format\":1}}\n", "0".repeat(64));
        assert_eq!(line.bytes(), expected.as_bytes());
        assert_eq!((line.event(), line.payload()), ("run.opened", r#"{"format":1}"#));
        assert_eq!(line.head(), Head::at(0, Digest::of(expected.as_bytes())));
        assert_eq!(Line::parse(line.bytes()).unwrap(), line);
    }

    #[test]
    fn the_next_line_names_the_digest_of_the_one_before() {
        let second = Line::next(&first().head(), AT, "step.armed", "{}").unwrap();
        let text = String::from_utf8(second.bytes().to_vec()).unwrap();
        assert!(text.starts_with("1 ") && text.contains(Digest::of(first().bytes()).as_str()), "{text}");
    }

    #[test]
    fn every_deviation_from_the_one_spelling_is_refused() {
        let zero = "0".repeat(64);
        let time = "2026-11-22T03:04:05.678Z";
        let good = format!("7 {time} {zero} a.b_c {{\"a\":\"x y\"}}\n");
        Line::parse(good.as_bytes()).unwrap();
        for (from, to) in [
            ("7 ", "07 "),
            ("7 ", "+7 "),
            ("7 ", "7  "),
            ("7 ", "99999999999999999999 "),
            (".678Z", ".670Z"),
            (".678Z", ".Z"),
            (".678Z", ".6789Z"),
            (".678Z", "+00:00"),
            ("T03", "t03"),
            (":05.", ":60."),
            ("-11-", "-13-"),
            ("-22T", "-31T"),
            ("0000000 ", "000000F "),
            ("0000000 ", "000000 "),
            ("a.b_c", "a..b"),
            ("a.b_c", "A.b"),
            ("a.b_c", ".b"),
            ("a.b_c", "1b"),
            ("{\"a\"", "[\"a\""),
            (":\"x", ": \"x"),
            ("x y", "x\ty"),
            ("x y", "x\ny"),
            ("\"}\n", "\"},\n"),
            ("\"}\n", "\"}\r\n"),
            ("\"}\n", "\"}"),
            ("\"}\n", "\"}}\n"),
        ] {
            assert!(good.contains(from), "the case `{from}` changes nothing");
            let bad = good.replacen(from, to, 1);
            assert!(Line::parse(bad.as_bytes()).is_err(), "accepted {bad:?}");
        }
    }

    #[test]
    fn blanks_inside_strings_are_data() {
        assert!(!blank_between_tokens(r#"{"a":"b \" c","d":"\\"}"#));
        assert!(blank_between_tokens(r#"{"a":"\\" ,"b":1}"#));
    }

    #[test]
    fn a_line_of_one_mebibyte_fits_and_one_byte_more_does_not() {
        let line =
            |filling: usize| Line::next(&Head::start(), AT, "e", &format!("{{\"a\":\"{}\"}}", "x".repeat(filling)));
        let overhead = line(0).unwrap().bytes().len();
        assert_eq!(line(LONGEST_LINE - overhead).unwrap().bytes().len(), LONGEST_LINE);
        assert_eq!(line(LONGEST_LINE - overhead + 1).unwrap_err(), LineError::TooLong { found: LONGEST_LINE + 1 });
    }

    #[test]
    fn bad_utf8_is_named_with_its_place() {
        let mut bytes = first().bytes().to_vec();
        let at = bytes.len() - 3;
        bytes[at] = 0xff;
        assert_eq!(Line::parse(&bytes).unwrap_err(), LineError::NotUtf8 { at });
    }

    #[test]
    fn heads_round_trip_as_text() {
        for head in [Head::start(), first().head()] {
            assert_eq!(head.to_string().parse::<Head>().unwrap(), head);
        }
        for bad in ["", "0", "01:00", "0:", &format!("0:{}x", "0".repeat(64))] {
            assert!(bad.parse::<Head>().is_err(), "{bad}");
        }
    }

    proptest::proptest! {
        #[test]
        fn reading_random_bytes_never_panics(bytes in proptest::collection::vec(0u8..=255, 0..300)) {
            let _ = Line::parse(&bytes);
        }

        #[test]
        fn what_is_written_is_read_back(entries in 0u64..u64::MAX, millis in 0i64..4_000_000_000_000, text in ".*") {
            let payload = serde_json::to_string(&serde_json::json!({ "text": text })).unwrap();
            let head = Head { entries, digest: Digest::of(text.as_bytes()) };
            let line = Line::next(&head, Timestamp::from_millis(millis), "note.made", &payload).unwrap();
            assert_eq!(Line::parse(line.bytes()).unwrap(), line);
            assert_eq!((line.seq(), line.payload()), (entries, payload.as_str()));
        }
    }
}
