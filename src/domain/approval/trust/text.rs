//! The text of `trust.txt`. Reading it proves nothing; only [`super::Trust`] does.

use std::str::FromStr;

use crate::domain::approval::document::{Document, DocumentError, Parsed, parse};
use crate::domain::base::{Digest, Timestamp};

const KIND: &str = "trust";

/// What `trust.txt` says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrustText {
    pub serial: u64,
    /// SHA-256 of the `trust.txt` before; zeros in version 1.
    pub previous: Digest,
    pub created: Timestamp,
    /// How many of this version's operators must sign the next one.
    pub threshold: u64,
    pub operators: Digest,
    pub policy: Digest,
    pub revoked_keys: Digest,
}

impl TrustText {
    /// The bytes to sign, or to anchor.
    pub fn render(&self) -> Result<String, DocumentError> {
        Document::new(KIND)
            .field("serial", self.serial.to_string())
            .field("previous", self.previous.as_str())
            .field("created", self.created.to_seconds())
            .field("threshold", self.threshold.to_string())
            .field("operators-sha256", self.operators.as_str())
            .field("policy-sha256", self.policy.as_str())
            .field("revoked-keys-sha256", self.revoked_keys.as_str())
            .finish()
    }

    /// Reads the bytes; they must be what [`Self::render`] writes.
    pub fn parse(bytes: &[u8]) -> Result<Self, DocumentError> {
        let parsed = parse(bytes)?;
        if parsed.kind() != KIND {
            return Err(DocumentError::Kind { expected: KIND, found: parsed.kind().to_owned() });
        }
        let text = Self {
            serial: value(&parsed, "serial")?,
            previous: value(&parsed, "previous")?,
            created: value(&parsed, "created")?,
            threshold: value(&parsed, "threshold")?,
            operators: value(&parsed, "operators-sha256")?,
            policy: value(&parsed, "policy-sha256")?,
            revoked_keys: value(&parsed, "revoked-keys-sha256")?,
        };
        if text.render()?.as_bytes() == bytes {
            Ok(text)
        } else {
            Err(DocumentError::Fields { kind: KIND, why: "more, fewer or in another order than it has".to_owned() })
        }
    }
}

fn value<T: FromStr>(parsed: &Parsed, key: &'static str) -> Result<T, DocumentError> {
    let field = parsed.field(key).ok_or_else(|| format!("`{key}` is missing"));
    field
        .and_then(|text| text.parse().map_err(|_| format!("`{key}` cannot be read")))
        .map_err(|why| DocumentError::Fields { kind: KIND, why })
}
