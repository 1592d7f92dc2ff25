//! What an operator signs to let a run go on: one decision, about one run, at one point of its journal.

use std::fmt;
use std::str::FromStr;

use super::{Accepted, Fields, VoteError, same, signed_by};
use crate::domain::approval::document::{Document, DocumentError};
use crate::domain::approval::sshsig::Verb;
use crate::domain::approval::trust::Trust;
use crate::domain::base::{Digest, Principal, RunId, Timestamp};

const KIND: &str = "input";

/// What the operator wants. Hold and note are not here: stopping needs no signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum InputVerb {
    Choose,
    Answer,
    Release,
    Takeover,
    Abort,
    Close,
}

impl InputVerb {
    pub const ALL: [Self; 6] = [Self::Choose, Self::Answer, Self::Release, Self::Takeover, Self::Abort, Self::Close];

    pub const fn word(self) -> &'static str {
        match self {
            Self::Choose => "choose",
            Self::Answer => "answer",
            Self::Release => "release",
            Self::Takeover => "takeover",
            Self::Abort => "abort",
            Self::Close => "close",
        }
    }
}

/// A text that is not the word it should be; the field it stands in says the rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotReadable;

impl FromStr for InputVerb {
    type Err = NotReadable;
    fn from_str(text: &str) -> Result<Self, NotReadable> {
        Self::ALL.into_iter().find(|verb| verb.word() == text).ok_or(NotReadable)
    }
}

/// The last line of the journal that the operator saw. It ties the input to one history and to one moment of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JournalHead {
    pub entry: u64,
    /// SHA-256 of that line.
    pub sha256: Digest,
}

impl fmt::Display for JournalHead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.entry, self.sha256)
    }
}

impl FromStr for JournalHead {
    type Err = NotReadable;
    fn from_str(text: &str) -> Result<Self, NotReadable> {
        let (entry, sha256) = text.split_once(' ').ok_or(NotReadable)?;
        let entry = entry.parse().map_err(|_| NotReadable)?;
        Ok(Self { entry, sha256: sha256.parse().map_err(|_| NotReadable)? })
    }
}

/// One signed input. Whoever takes it checks that `head` is a line of its journal and that these bytes are new to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Input {
    pub run: RunId,
    pub head: JournalHead,
    pub by: Principal,
    pub created: Timestamp,
    pub verb: InputVerb,
    /// The number of the choice, the answer, the reason.
    pub argument: String,
}

/// The number of a choice, and the reason that stands behind it.
pub fn number_and_reason(argument: &str) -> Option<(usize, &str)> {
    let argument = argument.trim();
    let (number, reason) = argument.split_once(char::is_whitespace).unwrap_or((argument, ""));
    Some((number.parse().ok()?, reason.trim()))
}

impl Input {
    /// The bytes to sign.
    pub fn render(&self) -> Result<String, DocumentError> {
        Document::new(KIND)
            .field("run", self.run.as_str())
            .field("journal", self.head.to_string())
            .field("by", self.by.as_str())
            .field("created", self.created.to_seconds())
            .field("verb", self.verb.word())
            .section("argument")
            .block(&self.argument)
            .finish()
    }

    /// Reads the bytes; they must be what [`Self::render`] writes.
    pub fn parse(bytes: &[u8]) -> Result<Self, DocumentError> {
        let fields = Fields::of(KIND, bytes)?;
        let input = Self {
            run: fields.value("run")?,
            head: fields.value("journal")?,
            by: fields.value("by")?,
            created: fields.value("created")?,
            verb: fields.value("verb")?,
            argument: fields.block("argument")?,
        };
        fields.expect(&input.render()?, bytes)?;
        Ok(input)
    }

    /// Checks that an operator signed these bytes, in the operator's own name, for this run.
    pub fn check(
        bytes: &[u8],
        armored: &str,
        run: &RunId,
        trust: &Trust,
        now: Timestamp,
    ) -> Result<Accepted<Self>, VoteError> {
        let what = Self::parse(bytes)?;
        same("run", &what.run, run)?;
        let signature = signed_by(&what.by, what.created, Verb::Input, bytes, armored, trust, now)?;
        Ok(Accepted { what, signature })
    }
}
