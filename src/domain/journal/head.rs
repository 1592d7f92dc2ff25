//! The two texts that are signed over a journal: a head, by the run's own key, and the close record, by operators.
//!
//! Each text has one spelling: what is read renders to the same bytes. Signatures are made and checked elsewhere.

use std::fmt;

use super::line::{Head, canonical_number};
use crate::domain::base::{Digest, RunId, text::printable};

/// The signature namespace of a head.
pub const HEAD_NAMESPACE: &str = "journal@countersign";
/// The signature namespace of a close record.
pub const CLOSE_NAMESPACE: &str = "close@countersign";

const HEAD_TITLE: &str = "countersign journal head v1";
const CLOSE_TITLE: &str = "countersign close v1";

/// Why some bytes are not the text they should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a `{kind}` text: expected {expected}, found `{found}`")]
pub struct TextError {
    pub kind: &'static str,
    pub expected: String,
    pub found: String,
}

/// States that the journal of `run` reached `head`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeadText {
    run: RunId,
    seq: u64,
    digest: Digest,
}

impl HeadText {
    /// `None` for a journal without lines, which has nothing to sign.
    pub fn new(run: RunId, head: &Head) -> Option<Self> {
        head.seq().map(|seq| Self { run, seq, digest: head.digest().clone() })
    }

    pub fn run(&self) -> &RunId {
        &self.run
    }

    /// The number of the line that this head covers as the last one.
    pub fn seq(&self) -> u64 {
        self.seq
    }

    pub fn head(&self) -> Head {
        Head::at(self.seq, self.digest.clone())
    }

    /// The bytes that are signed.
    pub fn render(&self) -> String {
        format!("{HEAD_TITLE}\nrun: {}\nentry: {}\nsha256: {}\n[end]\n", self.run, self.seq, self.digest)
    }

    pub fn parse(bytes: &[u8]) -> Result<Self, TextError> {
        let [run, entry, digest] = fields(HEAD_TITLE, bytes, ["run", "entry", "sha256"])?;
        Ok(Self {
            run: value(HEAD_TITLE, run, |text| RunId::parse(text).ok(), "a run id")?,
            seq: value(HEAD_TITLE, entry, canonical_number, "a line number")?,
            digest: value(HEAD_TITLE, digest, |text| Digest::parse(text).ok(), "a SHA-256 digest")?,
        })
    }
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Every step that the runbook asks for was done.
    Completed,
    /// Operators ended it early, on purpose.
    Aborted,
    /// It could not go on.
    Failed,
}

impl Outcome {
    pub const ALL: [Self; 3] = [Self::Completed, Self::Aborted, Self::Failed];

    pub const fn word(self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::Aborted => "aborted",
            Self::Failed => "failed",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|outcome| outcome.word() == text)
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// States that the journal of a run ends with exactly this head, so that no line can be cut off or added later.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Close {
    run: RunId,
    outcome: Outcome,
    head: Head,
}

impl Close {
    pub fn new(run: RunId, outcome: Outcome, head: Head) -> Self {
        Self { run, outcome, head }
    }

    pub fn run(&self) -> &RunId {
        &self.run
    }

    pub fn outcome(&self) -> Outcome {
        self.outcome
    }

    pub fn head(&self) -> &Head {
        &self.head
    }

    /// The bytes that are signed.
    pub fn render(&self) -> String {
        let Self { run, outcome, head } = self;
        let (entries, digest) = (head.entries(), head.digest());
        format!("{CLOSE_TITLE}\nrun: {run}\noutcome: {outcome}\nentries: {entries}\nhead: {digest}\n[end]\n")
    }

    pub fn parse(bytes: &[u8]) -> Result<Self, TextError> {
        let [run, outcome, entries, digest] = fields(CLOSE_TITLE, bytes, ["run", "outcome", "entries", "head"])?;
        let last = |text: &str| canonical_number(text).and_then(|entries| entries.checked_sub(1));
        Ok(Self {
            run: value(CLOSE_TITLE, run, |text| RunId::parse(text).ok(), "a run id")?,
            outcome: value(CLOSE_TITLE, outcome, Outcome::parse, "`completed`, `aborted` or `failed`")?,
            head: Head::at(
                value(CLOSE_TITLE, entries, last, "a number of lines above zero")?,
                value(CLOSE_TITLE, digest, |text| Digest::parse(text).ok(), "a SHA-256 digest")?,
            ),
        })
    }
}

/// The values of exactly these fields in exactly this order, between the title and `[end]`.
fn fields<'a, const N: usize>(
    kind: &'static str,
    bytes: &'a [u8],
    names: [&str; N],
) -> Result<[&'a str; N], TextError> {
    let text = std::str::from_utf8(bytes).map_err(|_| error(kind, "ASCII text", "bytes that are not UTF-8"))?;
    let mut rest = text;
    take(kind, &mut rest, kind)?;
    let mut values = [""; N];
    for (slot, name) in values.iter_mut().zip(names) {
        let line = rest.split('\n').next().unwrap_or_default();
        let prefix = format!("{name}: ");
        let Some(found) = line.strip_prefix(&prefix) else {
            return Err(error(kind, &format!("a line `{name}: ...`"), line));
        };
        *slot = found;
        take(kind, &mut rest, line)?;
    }
    take(kind, &mut rest, "[end]")?;
    if rest.is_empty() { Ok(values) } else { Err(error(kind, "nothing after `[end]`", rest)) }
}

fn take(kind: &'static str, rest: &mut &str, line: &str) -> Result<(), TextError> {
    let Some(after) = rest.strip_prefix(line).and_then(|rest| rest.strip_prefix('\n')) else {
        let found = rest.split('\n').next().unwrap_or_default();
        return Err(error(kind, &format!("the line `{line}` and a line feed"), found));
    };
    *rest = after;
    Ok(())
}

fn value<T>(
    kind: &'static str,
    text: &str,
    read: impl FnOnce(&str) -> Option<T>,
    expected: &str,
) -> Result<T, TextError> {
    read(text).ok_or_else(|| error(kind, expected, text))
}

fn error(kind: &'static str, expected: &str, found: &str) -> TextError {
    let found = printable(&found.chars().take(80).collect::<String>());
    TextError { kind, expected: expected.to_owned(), found }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head() -> Head {
        Head::at(2, Digest::of(b"line"))
    }

    fn run() -> RunId {
        RunId::parse("r-7k3q9d").unwrap()
    }

    #[test]
    fn a_head_has_the_documented_bytes() {
        let text = HeadText::new(run(), &head()).unwrap();
        let expected =
            format!("countersign journal head v1\nrun: r-7k3q9d\nentry: 2\nsha256: {}\n[end]\n", head().digest());
        assert_eq!(text.render(), expected);
        assert_eq!(HeadText::parse(expected.as_bytes()).unwrap(), text);
        assert_eq!(text.head(), head());
        assert!(HeadText::new(run(), &Head::start()).is_none());
    }

    #[test]
    fn a_close_record_has_the_documented_bytes() {
        let close = Close::new(run(), Outcome::Completed, head());
        let expected = format!(
            "countersign close v1\nrun: r-7k3q9d\noutcome: completed\nentries: 3\nhead: {}\n[end]\n",
            head().digest()
        );
        assert_eq!(close.render(), expected);
        assert_eq!(Close::parse(expected.as_bytes()).unwrap(), close);
    }

    #[test]
    fn any_other_spelling_of_a_signed_text_is_refused() {
        let good = Close::new(run(), Outcome::Aborted, head()).render();
        for (from, to) in [
            ("close v1", "close v2"),
            ("close v1\n", "close v1\r\n"),
            ("entries: 3", "entries: 03"),
            ("entries: 3", "entries: 0"),
            ("entries: 3", "entries:3"),
            ("aborted", "Aborted"),
            ("aborted\n", "aborted\noutcome: completed\n"),
            ("outcome: aborted\n", ""),
            ("r-7k3q9d", "x"),
            ("[end]\n", "[end]"),
            ("[end]\n", "[end]\n\n"),
            ("[end]\n", ""),
        ] {
            assert!(good.contains(from), "{from}");
            assert!(Close::parse(good.replacen(from, to, 1).as_bytes()).is_err(), "{from} -> {to}");
        }
        assert!(HeadText::parse(good.as_bytes()).is_err());
        assert!(Close::parse(&[0xff]).is_err());
    }

    proptest::proptest! {
        #[test]
        fn what_is_accepted_renders_to_the_same_bytes(at in 0usize..200, byte in 0u8..=255) {
            let mut bytes = HeadText::new(run(), &head()).unwrap().render().into_bytes();
            let at = at % bytes.len();
            bytes[at] = byte;
            if let Ok(read) = HeadText::parse(&bytes) {
                assert_eq!(read.render().into_bytes(), bytes);
            }
        }
    }
}
