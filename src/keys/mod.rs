//! Making signatures: with a key in an ssh-agent, or with an OpenSSH key file. Judging them is `domain::approval`.
//!
//! A signature leaves here only after it was verified, so whatever an agent or a file did wrong is found where it
//! happened. Nothing here decides whether something should be signed.

pub mod agent;
pub mod file;
pub mod run_key;
pub mod secret;

use std::path::{Path, PathBuf};

use crate::domain::approval::sshsig::{KeyProblem, PublicKey, SigError, Verb, armored, envelope, verify};

pub use agent::Agent;
pub use run_key::RunKey;
pub use secret::SecretKey;

/// Why a key could not be opened, or did not sign.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    #[error("`{path}` cannot be read: {why}")]
    Read { path: PathBuf, why: std::io::Error },
    #[error("`{path}` is not a regular file of at most 64 KiB")]
    NotAFile { path: PathBuf },
    #[error("`{path}` is open to others (mode {mode:03o}): expected 600; run `chmod 600` on it")]
    Exposed { path: PathBuf, mode: u32 },
    #[error("`{path}` is not an OpenSSH key: {why}")]
    NotAKey { path: PathBuf, why: String },
    #[error("`{path}`: {why}")]
    Refused { path: PathBuf, why: KeyProblem },
    #[error("`{path}` is encrypted: give its passphrase, or add it to your ssh-agent and name the `.pub` file")]
    NeedsPassphrase { path: PathBuf },
    #[error("the passphrase does not open `{path}`")]
    WrongPassphrase { path: PathBuf },
    #[error(
        "`{path}` asks for {rounds} rounds of key derivation: expected at most {}; make a new key",
        file::MOST_ROUNDS
    )]
    TooManyRounds { path: PathBuf, rounds: u32 },
    #[error("`{path}` belongs to a security key: add it to your ssh-agent with `ssh-add` and name the `.pub` file")]
    SecurityKeyFile { path: PathBuf },
    #[error("the public half in `{path}` does not belong to its private half; make a new key")]
    HalvesDiffer { path: PathBuf },
    #[error("no ssh-agent: SSH_AUTH_SOCK is not set; start one, or name a private key file")]
    NoAgent,
    #[error("the ssh-agent at `{socket}` does not answer: {why}")]
    Agent { socket: PathBuf, why: agent::AgentProblem },
    #[error("no key for the run's journal could be made: {why}")]
    NoRandomness { why: String },
    #[error("the signature made by {fingerprint} is not valid: {why}")]
    BadSignature { fingerprint: String, why: SigError },
}

/// A key that can sign.
#[derive(Debug)]
pub enum Signer {
    /// The private half is in an agent, and perhaps on a security key behind it.
    Agent { agent: Agent, key: PublicKey },
    /// The private half was read from a file.
    File(SecretKey),
}

impl Signer {
    /// Opens what `path` names: a private key file, or a `.pub` file whose private half the agent at `socket` holds.
    pub fn open(path: &Path, passphrase: Option<&str>, socket: Option<&Path>) -> Result<Self, KeyError> {
        match file::read(path)? {
            file::Content::Public(key) => {
                let socket = socket.ok_or(KeyError::NoAgent)?;
                Ok(Self::Agent { agent: Agent::at(socket), key })
            }
            file::Content::Private(sealed) => Ok(Self::File(sealed.open(passphrase)?)),
        }
    }

    pub fn key(&self) -> &PublicKey {
        match self {
            Self::Agent { key, .. } => key,
            Self::File(secret) => secret.public(),
        }
    }

    /// Signs `message` to say `verb`; the answer is the signature's one text form.
    pub async fn sign(&self, verb: Verb, message: &[u8]) -> Result<String, KeyError> {
        let text = match self {
            Self::Agent { agent, key } => {
                let signature = agent.sign(key, &envelope(verb, message)).await?;
                armored(key, verb, &signature)
            }
            Self::File(secret) => secret.sign(verb, message),
        };
        match verify(&text, verb, message) {
            Ok(_) => Ok(text),
            Err(why) => Err(KeyError::BadSignature { fingerprint: self.key().fingerprint(), why }),
        }
    }
}

/// Reads a `.pub` file, or the public half that stands unencrypted in a private key file.
pub fn read_public_key(path: &Path) -> Result<PublicKey, KeyError> {
    match file::read(path)? {
        file::Content::Public(key) => Ok(key),
        file::Content::Private(sealed) => sealed.public(),
    }
}
