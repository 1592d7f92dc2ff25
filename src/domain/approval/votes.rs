//! The small documents that operators sign besides a request: rejection, withdrawal, and what lets a run go on.
//!
//! A document names its signer, and the signature must be that signer's. What follows from it is decided elsewhere.

mod input;
#[cfg(test)]
mod tests;

use std::str::FromStr;

use super::document::{Document, DocumentError, Parsed, parse};
use super::sshsig::Verb;
use super::trust::{Distrust, OperatorSignature, Trust};
use crate::domain::base::{Digest, Principal, RequestId, RunId, Timestamp};

pub use input::{Input, InputVerb, JournalHead, number_and_reason};

/// Why a small document is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VoteError {
    #[error(transparent)]
    Document(#[from] DocumentError),
    #[error(transparent)]
    Distrust(#[from] Distrust),
    #[error("the document says it is by `{said}` and the signature is by `{signed}`")]
    OtherSigner { said: Principal, signed: Principal },
    #[error("the document's `{field}` is `{found}`: expected `{expected}`")]
    OtherSubject { field: &'static str, found: String, expected: String },
    #[error("the document says it was created at {created}, which lies ahead of now ({now})")]
    Ahead { created: Timestamp, now: Timestamp },
}

/// A document that was checked, and the signature that carries it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub struct Accepted<T> {
    what: T,
    signature: OperatorSignature,
}

impl<T> Accepted<T> {
    pub fn what(&self) -> &T {
        &self.what
    }

    pub fn by(&self) -> &Principal {
        self.signature.principal()
    }

    pub fn signature(&self) -> &OperatorSignature {
        &self.signature
    }
}

/// How an operator stops a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stop {
    /// Anybody in the roster: this must not run.
    Reject,
    /// A signer: what I signed no longer stands.
    Withdraw,
}

impl Stop {
    pub const fn verb(self) -> Verb {
        match self {
            Self::Reject => Verb::Reject,
            Self::Withdraw => Verb::Withdraw,
        }
    }

    const fn kind(self) -> &'static str {
        match self {
            Self::Reject => "rejection",
            Self::Withdraw => "withdrawal",
        }
    }

    const fn signer_field(self) -> &'static str {
        match self {
            Self::Reject => "rejected-by",
            Self::Withdraw => "withdrawn-by",
        }
    }
}

/// Which request a rejection or withdrawal is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
    pub run: RunId,
    pub request: RequestId,
    /// SHA-256 of the request's bytes.
    pub sha256: Digest,
}

/// A rejection or a withdrawal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Objection {
    pub stop: Stop,
    pub subject: Subject,
    pub by: Principal,
    pub created: Timestamp,
    pub reason: String,
}

impl Objection {
    /// The bytes to sign.
    pub fn render(&self) -> Result<String, DocumentError> {
        Document::new(self.stop.kind())
            .field("run", self.subject.run.as_str())
            .field("request", self.subject.request.as_str())
            .field("request-sha256", self.subject.sha256.as_str())
            .field(self.stop.signer_field(), self.by.as_str())
            .field("created", self.created.to_seconds())
            .section("reason")
            .block(&self.reason)
            .finish()
    }

    /// Reads the bytes; they must be what [`Self::render`] writes.
    pub fn parse(stop: Stop, bytes: &[u8]) -> Result<Self, DocumentError> {
        let fields = Fields::of(stop.kind(), bytes)?;
        let objection = Self {
            stop,
            subject: Subject {
                run: fields.value("run")?,
                request: fields.value("request")?,
                sha256: fields.value("request-sha256")?,
            },
            by: fields.value(stop.signer_field())?,
            created: fields.value("created")?,
            reason: fields.block("reason")?,
        };
        fields.expect(&objection.render()?, bytes)?;
        Ok(objection)
    }

    /// Checks that an operator signed these bytes, in the operator's own name, about this request.
    pub fn check(
        stop: Stop,
        bytes: &[u8],
        armored: &str,
        subject: &Subject,
        trust: &Trust,
        now: Timestamp,
    ) -> Result<Accepted<Self>, VoteError> {
        let what = Self::parse(stop, bytes)?;
        same("run", &what.subject.run, &subject.run)?;
        same("request", &what.subject.request, &subject.request)?;
        same("request-sha256", &what.subject.sha256, &subject.sha256)?;
        let signature = signed_by(&what.by, what.created, stop.verb(), bytes, armored, trust, now)?;
        Ok(Accepted { what, signature })
    }
}

/// A document may be this much ahead of our clock: two machines' clocks differ, a plan for tomorrow is no mistake.
const CLOCKS_DIFFER: crate::domain::base::Span = crate::domain::base::Span::from_secs(120);

fn signed_by(
    said: &Principal,
    created: Timestamp,
    verb: Verb,
    bytes: &[u8],
    armored: &str,
    trust: &Trust,
    now: Timestamp,
) -> Result<OperatorSignature, VoteError> {
    let signature = trust.verify(armored, verb, bytes, now)?;
    if signature.principal() != said {
        let signed = signature.principal().clone();
        return Err(VoteError::OtherSigner { said: said.clone(), signed });
    }
    if created > now.plus(CLOCKS_DIFFER) {
        return Err(VoteError::Ahead { created, now });
    }
    Ok(signature)
}

fn same<T: PartialEq + ToString>(field: &'static str, found: &T, expected: &T) -> Result<(), VoteError> {
    if found == expected {
        return Ok(());
    }
    Err(VoteError::OtherSubject { field, found: found.to_string(), expected: expected.to_string() })
}

/// Typed access to a document of one kind.
struct Fields {
    kind: &'static str,
    parsed: Parsed,
}

impl Fields {
    fn of(kind: &'static str, bytes: &[u8]) -> Result<Self, DocumentError> {
        let parsed = parse(bytes)?;
        if parsed.kind() == kind {
            Ok(Self { kind, parsed })
        } else {
            Err(DocumentError::Kind { expected: kind, found: parsed.kind().to_owned() })
        }
    }

    fn text(&self, key: &str) -> Result<&str, DocumentError> {
        self.parsed.field(key).ok_or_else(|| self.bad(format!("`{key}` is missing")))
    }

    fn value<T: FromStr>(&self, key: &str) -> Result<T, DocumentError> {
        self.text(key)?.parse().map_err(|_| self.bad(format!("`{key}` cannot be read")))
    }

    fn block(&self, section: &str) -> Result<String, DocumentError> {
        self.parsed.block(section).map(str::to_owned).ok_or_else(|| self.bad(format!("`[{section}]` is missing")))
    }

    /// Reading kept only the fields we know; writing them again shows whether there was anything else.
    fn expect(&self, again: &str, bytes: &[u8]) -> Result<(), DocumentError> {
        let why = "more, fewer or in another order than it has";
        if again.as_bytes() == bytes { Ok(()) } else { Err(self.bad(why.to_owned())) }
    }

    fn bad(&self, why: String) -> DocumentError {
        DocumentError::Fields { kind: self.kind, why }
    }
}
