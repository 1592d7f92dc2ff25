//! SSH signatures (SSHSIG), read so strictly that stock `ssh-keygen -Y verify` accepts whatever is accepted here.
//!
//! Version 1, SHA-512, Ed25519 keys, one text form. There is no choice of algorithm to argue about and no second
//! spelling of a signature. Two signatures are never compared by their bytes: who signed is a matter of the key.

mod armor;
mod key;
#[cfg(test)]
mod tests;
mod wire;

use sha2::{Digest as _, Sha256, Sha512};

pub use armor::tidied;
pub use key::{ED25519, KeyProblem, PublicKey, SK_ED25519};
pub use wire::{CutShort, Reader, put_string};

use crate::domain::base::text::printable;

const MAGIC: &[u8] = b"SSHSIG";
const VERSION: u32 = 1;
const HASH: &[u8] = b"sha512";

/// What a signature says. Each has its namespace, so a signature for one is worthless for another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verb {
    Approve,
    Reject,
    Withdraw,
    /// The next version of roster, policy and revoked keys.
    Trust,
    /// The end of a run.
    Close,
    /// A head of the journal; made by the run's own key, never by an operator's.
    Journal,
    /// What lets a run go on: choose, answer, release, takeover, abort, close.
    Input,
}

impl Verb {
    pub const ALL: [Self; 7] =
        [Self::Approve, Self::Reject, Self::Withdraw, Self::Trust, Self::Close, Self::Journal, Self::Input];

    /// What `ssh-keygen -Y sign -n` is given. Inside every signature, so it can never change.
    pub const fn namespace(self) -> &'static str {
        match self {
            Self::Approve => "approve@countersign",
            Self::Reject => "reject@countersign",
            Self::Withdraw => "withdraw@countersign",
            Self::Trust => "trust@countersign",
            Self::Close => "close@countersign",
            Self::Journal => "journal@countersign",
            Self::Input => "input@countersign",
        }
    }

    pub fn of_namespace(namespace: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|verb| verb.namespace() == namespace)
    }
}

/// Why a signature is not accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SigError {
    #[error("the signature text has {found} bytes: a signature has less than 4096")]
    TooLong { found: usize },
    #[error("the signature does not begin with the line `-----BEGIN SSH SIGNATURE-----`")]
    NoBegin,
    #[error("the signature does not end with the line `-----END SSH SIGNATURE-----`")]
    NoEnd,
    #[error("the signature's base64 is not valid")]
    Base64,
    #[error("the signature is not in its one text form of 70 columns; import it with `countersign approval add`")]
    NotCanonical,
    #[error("the signature ends too early")]
    CutShort,
    #[error("the signature has {count} bytes too many")]
    Trailing { count: usize },
    #[error("this is not an SSH signature")]
    Magic,
    #[error("signature version {found}: expected {VERSION}")]
    Version { found: u32 },
    #[error("the signature is for `{found}`: expected `{expected}`; sign again with `-n {expected}`")]
    Namespace { expected: &'static str, found: String },
    #[error("the signature's reserved field is not empty")]
    Reserved,
    #[error("the signature uses `{found}`: expected `sha512`")]
    Hash { found: String },
    #[error(transparent)]
    Key(#[from] KeyProblem),
    #[error("the signature is labelled `{found}` and its key is `{expected}`")]
    Algorithm { expected: &'static str, found: String },
    #[error("an Ed25519 signature has 64 bytes, this one has {found}")]
    Length { found: usize },
    #[error("the security key was not touched (flags {flags:#04x}); sign again and touch it")]
    NotTouched { flags: u8 },
    #[error("the security key set flags {flags:#04x}, which OpenSSH does not define")]
    Flags { flags: u8 },
    #[error("the signature does not match: this key did not sign exactly these bytes")]
    Mismatch,
}

impl From<CutShort> for SigError {
    fn from(_: CutShort) -> Self {
        Self::CutShort
    }
}

/// What a security key reported with its signature, covered by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Presence {
    flags: u8,
    counter: u32,
}

impl Presence {
    const TOUCHED: u8 = 0x01;
    const USER_VERIFIED: u8 = 0x04;
    /// Touched, user verified, and the two about backup. The others announce data that OpenSSH does not sign.
    const DEFINED: u8 = 0x1d;

    pub fn flags(self) -> u8 {
        self.flags
    }

    /// Goes up with each use on most security keys and stays 0 on some: worth a warning, never a refusal.
    pub fn counter(self) -> u32 {
        self.counter
    }

    /// True if the person proved to be the owner, by PIN or fingerprint.
    pub fn user_verified(self) -> bool {
        self.flags & Self::USER_VERIFIED != 0
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, SigError> {
        let (flags, counter) = (reader.byte()?, reader.number()?);
        if flags & Self::TOUCHED == 0 {
            Err(SigError::NotTouched { flags })
        } else if flags & !Self::DEFINED != 0 {
            Err(SigError::Flags { flags })
        } else {
            Ok(Self { flags, counter })
        }
    }
}

/// A signature that [`verify`] accepted: this key signed those bytes for that verb. Says nothing about whose key it is.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub struct Signed {
    key: PublicKey,
    presence: Option<Presence>,
}

impl Signed {
    pub fn key(&self) -> &PublicKey {
        &self.key
    }

    /// What the security key reported; `None` for a plain key.
    pub fn presence(&self) -> Option<Presence> {
        self.presence
    }
}

/// Checks that `armored` is a signature over `message` for `verb`, in its one text form, by a key that may sign.
pub fn verify(armored: &str, verb: Verb, message: &[u8]) -> Result<Signed, SigError> {
    let blob = armor::unwrap(armored)?;
    let mut reader = Reader::new(&blob);
    read_preamble(&mut reader)?;
    let key = reader.string()?;
    expect_fields(&mut reader, verb)?;
    let inner = reader.string()?;
    nothing_left(&reader)?;
    let key = PublicKey::from_blob(key)?;
    verify_inner(key, inner, &envelope(verb, message))
}

fn read_preamble(reader: &mut Reader<'_>) -> Result<(), SigError> {
    if reader.take(MAGIC.len())? != MAGIC {
        return Err(SigError::Magic);
    }
    match reader.number()? {
        VERSION => Ok(()),
        found => Err(SigError::Version { found }),
    }
}

fn expect_fields(reader: &mut Reader<'_>, verb: Verb) -> Result<(), SigError> {
    let shown = |bytes: &[u8]| printable(&String::from_utf8_lossy(bytes));
    let namespace = reader.string()?;
    if namespace != verb.namespace().as_bytes() {
        return Err(SigError::Namespace { expected: verb.namespace(), found: shown(namespace) });
    }
    if !reader.string()?.is_empty() {
        return Err(SigError::Reserved);
    }
    let hash = reader.string()?;
    if hash != HASH {
        return Err(SigError::Hash { found: shown(hash) });
    }
    Ok(())
}

fn verify_inner(key: PublicKey, inner: &[u8], envelope: &[u8]) -> Result<Signed, SigError> {
    let mut reader = Reader::new(inner);
    let algorithm = reader.string()?;
    if algorithm != key.algorithm().as_bytes() {
        let found = printable(&String::from_utf8_lossy(algorithm));
        return Err(SigError::Algorithm { expected: key.algorithm(), found });
    }
    let signature = reader.string()?;
    let signature: &[u8; 64] = signature.try_into().map_err(|_| SigError::Length { found: signature.len() })?;
    let (presence, signed) = match key.application() {
        None => (None, envelope.to_vec()),
        Some(application) => {
            let presence = Presence::read(&mut reader)?;
            (Some(presence), security_key_message(application, presence, envelope))
        }
    };
    nothing_left(&reader)?;
    if key.made(signature, &signed) { Ok(Signed { key, presence }) } else { Err(SigError::Mismatch) }
}

fn nothing_left(reader: &Reader<'_>) -> Result<(), SigError> {
    match reader.left() {
        0 => Ok(()),
        count => Err(SigError::Trailing { count }),
    }
}

/// A security key signs hashes of what it is given, with its own report between them.
fn security_key_message(application: &str, presence: Presence, envelope: &[u8]) -> Vec<u8> {
    let mut out = Sha256::digest(application.as_bytes()).to_vec();
    out.push(presence.flags);
    out.extend_from_slice(&presence.counter.to_be_bytes());
    out.extend_from_slice(&Sha256::digest(envelope));
    out
}

/// The bytes that a key signs to say `verb` about `message`; what an agent is given.
pub fn envelope(verb: Verb, message: &[u8]) -> Vec<u8> {
    let mut out = MAGIC.to_vec();
    put_string(&mut out, verb.namespace().as_bytes());
    put_string(&mut out, b"");
    put_string(&mut out, HASH);
    put_string(&mut out, &Sha512::digest(message));
    out
}

/// The SSH encoding of a plain signature, as an agent answers it.
pub fn plain_signature(signature: &[u8; 64]) -> Vec<u8> {
    let mut out = Vec::with_capacity(83);
    put_string(&mut out, ED25519.as_bytes());
    put_string(&mut out, signature);
    out
}

/// The text form of a signature that `key` made over [`envelope`]. `signature` is in SSH encoding; it is not checked.
pub fn armored(key: &PublicKey, verb: Verb, signature: &[u8]) -> String {
    let mut blob = MAGIC.to_vec();
    blob.extend_from_slice(&VERSION.to_be_bytes());
    put_string(&mut blob, &key.blob());
    put_string(&mut blob, verb.namespace().as_bytes());
    put_string(&mut blob, b"");
    put_string(&mut blob, HASH);
    put_string(&mut blob, signature);
    armor::wrap(&blob)
}
