//! A private key in memory: read from a file, or made for one run to sign the heads of its journal.
//!
//! It is wiped when dropped, and never printed.

use std::fmt;

use ed25519_dalek::{Signer as _, SigningKey};

use crate::domain::approval::sshsig::{KeyProblem, PublicKey, Verb, armored, envelope, plain_signature};

/// A private key and its public half.
pub struct SecretKey {
    signing: SigningKey,
    public: PublicKey,
}

impl SecretKey {
    /// The key of 32 bytes that nobody else knows.
    pub fn from_seed(seed: &[u8; 32]) -> Result<Self, KeyProblem> {
        let signing = SigningKey::from_bytes(seed);
        let public = PublicKey::ed25519(signing.verifying_key().as_bytes())?;
        Ok(Self { signing, public })
    }

    pub fn public(&self) -> &PublicKey {
        &self.public
    }

    /// Signs `message` to say `verb`.
    pub fn sign(&self, verb: Verb, message: &[u8]) -> String {
        let signature = self.signing.sign(&envelope(verb, message)).to_bytes();
        armored(&self.public, verb, &plain_signature(&signature))
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretKey({})", self.public.fingerprint())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_key_is_never_printed() {
        let key = SecretKey::from_seed(&[7; 32]).unwrap();
        let shown = format!("{key:?}");
        assert!(shown.contains("SHA256:") && !shown.contains("7, 7") && !shown.contains("0707"), "{shown}");
    }
}
