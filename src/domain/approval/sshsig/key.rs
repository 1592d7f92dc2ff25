//! The public keys that may sign: Ed25519, plain or on a security key, and none with a weak or ambiguous encoding.
//!
//! A key that exists as a [`PublicKey`] has passed the checks, so no caller has to remember them.

use std::fmt;

use base64ct::{Base64, Base64Unpadded, Encoding as _};
use ed25519_dalek::VerifyingKey;
use sha2::{Digest as _, Sha256};

use super::wire::{CutShort, Reader, put_string};
use crate::domain::base::text::printable;

/// The key type of a plain key.
pub const ED25519: &str = "ssh-ed25519";
/// The key type of a key that lives on a FIDO security key.
pub const SK_ED25519: &str = "sk-ssh-ed25519@openssh.com";

/// Why a public key may not sign.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyProblem {
    #[error(
        "key type `{found}` is not accepted: expected `{ED25519}` or `{SK_ED25519}`; make one with `ssh-keygen -t ed25519`"
    )]
    Type { found: String },
    #[error("the key ends too early")]
    CutShort,
    #[error("the key has {count} bytes too many")]
    Trailing { count: usize },
    #[error("an Ed25519 key has 32 bytes, this one has {found}")]
    Length { found: usize },
    #[error("the key is not a point of the curve")]
    NotAPoint,
    #[error("the key is not written in its one canonical form")]
    NotCanonical,
    #[error("the key is of small order: a signature under it proves nothing")]
    SmallOrder,
    #[error("the key has a small-order part: verifiers disagree about its signatures")]
    Torsion,
    #[error("the security key's application is `{found}`: expected printable text beginning with `ssh:`")]
    Application { found: String },
    #[error("the key is not written as `TYPE BASE64`, with one blank between")]
    Form,
    #[error("the key's base64 is not valid")]
    Base64,
    #[error("the line says `{said}` and the key inside is `{found}`")]
    Mislabelled { said: String, found: &'static str },
}

impl From<CutShort> for KeyProblem {
    fn from(_: CutShort) -> Self {
        Self::CutShort
    }
}

/// Where the private half lives. The application of a security key is part of what it signs.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Kind {
    Plain,
    SecurityKey { application: String },
}

/// A key that may sign: canonical, of large order, without a small-order part.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PublicKey {
    point: [u8; 32],
    kind: Kind,
}

impl PublicKey {
    /// A plain key from its 32 bytes.
    pub fn ed25519(point: &[u8; 32]) -> Result<Self, KeyProblem> {
        checked_point(point)?;
        Ok(Self { point: *point, kind: Kind::Plain })
    }

    /// Reads the SSH encoding of a key, all of it.
    pub fn from_blob(blob: &[u8]) -> Result<Self, KeyProblem> {
        let mut reader = Reader::new(blob);
        let name = reader.string()?;
        let kind_of: fn(&mut Reader<'_>) -> Result<Kind, KeyProblem> = match name {
            b"ssh-ed25519" => |_| Ok(Kind::Plain),
            b"sk-ssh-ed25519@openssh.com" => |reader| read_application(reader.string()?),
            other => return Err(KeyProblem::Type { found: printable(&String::from_utf8_lossy(other)) }),
        };
        let point = reader.string()?;
        let kind = kind_of(&mut reader)?;
        if reader.left() > 0 {
            return Err(KeyProblem::Trailing { count: reader.left() });
        }
        let point: [u8; 32] = point.try_into().map_err(|_| KeyProblem::Length { found: point.len() })?;
        checked_point(&point)?;
        Ok(Self { point, kind })
    }

    /// Reads `TYPE BASE64`, exactly as [`fmt::Display`] writes it.
    pub fn parse(text: &str) -> Result<Self, KeyProblem> {
        let (said, base64) = text.split_once(' ').ok_or(KeyProblem::Form)?;
        if !matches!(said, ED25519 | SK_ED25519) {
            return Err(KeyProblem::Type { found: printable(said) });
        }
        let blob = Base64::decode_vec(base64).map_err(|_| KeyProblem::Base64)?;
        let key = Self::from_blob(&blob)?;
        if key.algorithm() != said {
            return Err(KeyProblem::Mislabelled { said: said.to_owned(), found: key.algorithm() });
        }
        Ok(key)
    }

    /// Reads one line of a `.pub` file: like [`Self::parse`], with an optional comment behind it.
    pub fn parse_pub_file(text: &str) -> Result<Self, KeyProblem> {
        let mut words = text.trim_end_matches(['\n', '\r']).splitn(3, ' ');
        let (Some(said), Some(base64)) = (words.next(), words.next()) else { return Err(KeyProblem::Form) };
        if words.next().is_some_and(|comment| comment.contains('\n')) || base64.contains('\n') {
            return Err(KeyProblem::Form);
        }
        Self::parse(&format!("{said} {base64}"))
    }

    /// The SSH encoding.
    pub fn blob(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(64);
        put_string(&mut out, self.algorithm().as_bytes());
        put_string(&mut out, &self.point);
        if let Kind::SecurityKey { application } = &self.kind {
            put_string(&mut out, application.as_bytes());
        }
        out
    }

    pub fn algorithm(&self) -> &'static str {
        match self.kind {
            Kind::Plain => ED25519,
            Kind::SecurityKey { .. } => SK_ED25519,
        }
    }

    /// The 32 bytes that make two keys the same key, whatever is written around them.
    pub fn point(&self) -> &[u8; 32] {
        &self.point
    }

    /// `SHA256:...`, as `ssh-keygen -l` prints it.
    pub fn fingerprint(&self) -> String {
        format!("SHA256:{}", Base64Unpadded::encode_string(&Sha256::digest(self.blob())))
    }

    /// The application of a security key; `None` for a plain key.
    pub fn application(&self) -> Option<&str> {
        match &self.kind {
            Kind::Plain => None,
            Kind::SecurityKey { application } => Some(application),
        }
    }

    /// True if `signature` over `message` was made by this key. Strict: one signature form, no small-order parts.
    pub(super) fn made(&self, signature: &[u8; 64], message: &[u8]) -> bool {
        let signature = ed25519_dalek::Signature::from_bytes(signature);
        VerifyingKey::from_bytes(&self.point).is_ok_and(|key| key.verify_strict(message, &signature).is_ok())
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.algorithm(), Base64::encode_string(&self.blob()))
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.fingerprint())
    }
}

fn read_application(bytes: &[u8]) -> Result<Kind, KeyProblem> {
    let text = String::from_utf8_lossy(bytes).into_owned();
    if text.starts_with("ssh:") && text.len() <= 255 && bytes.iter().all(|b| (0x20..=0x7e).contains(b)) {
        Ok(Kind::SecurityKey { application: text })
    } else {
        Err(KeyProblem::Application { found: printable(&text) })
    }
}

/// `verify_strict` alone accepts keys with a small-order part, and decoding alone accepts several spellings of one
/// point; with either, one private key could pass as two keys.
fn checked_point(bytes: &[u8; 32]) -> Result<(), KeyProblem> {
    let key = VerifyingKey::from_bytes(bytes).map_err(|_| KeyProblem::NotAPoint)?;
    let point = key.to_edwards();
    if point.compress().as_bytes() != bytes {
        Err(KeyProblem::NotCanonical)
    } else if point.is_small_order() {
        Err(KeyProblem::SmallOrder)
    } else if !point.is_torsion_free() {
        Err(KeyProblem::Torsion)
    } else {
        Ok(())
    }
}
