//! Signatures put together field by field, so that each field can be wrong.

use base64ct::{Base64, Encoding as _};
use countersign::domain::approval::sshsig::{PublicKey, Verb, put_string};
use ed25519_dalek::{Signer as _, SigningKey};
use sha2::{Digest as _, Sha256, Sha512};

/// One signature with everything that can be said wrongly about it.
#[derive(Clone)]
pub struct Forgery {
    pub magic: Vec<u8>,
    pub version: u32,
    pub key: Vec<u8>,
    pub namespace: Vec<u8>,
    pub reserved: Vec<u8>,
    pub hash: Vec<u8>,
    pub algorithm: Vec<u8>,
    pub signature: Vec<u8>,
    /// Behind the signature, inside its own field.
    pub inner_tail: Vec<u8>,
    /// Behind everything.
    pub tail: Vec<u8>,
}

impl Forgery {
    /// An honest signature by the key of `seed`.
    pub fn honest(seed: u8, verb: Verb, message: &[u8]) -> Self {
        Self::unsigned(seed, verb.namespace().as_bytes()).signed(seed, message)
    }

    pub fn unsigned(seed: u8, namespace: &[u8]) -> Self {
        Self {
            magic: b"SSHSIG".to_vec(),
            version: 1,
            key: public(seed).blob(),
            namespace: namespace.to_vec(),
            reserved: Vec::new(),
            hash: b"sha512".to_vec(),
            algorithm: b"ssh-ed25519".to_vec(),
            signature: Vec::new(),
            inner_tail: Vec::new(),
            tail: Vec::new(),
        }
    }

    /// The bytes that a key signs, with the fields as they are now.
    pub fn envelope(&self, message: &[u8]) -> Vec<u8> {
        let mut out = b"SSHSIG".to_vec();
        put_string(&mut out, &self.namespace);
        put_string(&mut out, &self.reserved);
        put_string(&mut out, &self.hash);
        let digest =
            if self.hash == b"sha256" { Sha256::digest(message).to_vec() } else { Sha512::digest(message).to_vec() };
        put_string(&mut out, &digest);
        out
    }

    /// Signed over the fields as they are now.
    pub fn signed(mut self, seed: u8, message: &[u8]) -> Self {
        self.signature = secret(seed).sign(&self.envelope(message)).to_bytes().to_vec();
        self
    }

    pub fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    pub fn blob(&self) -> Vec<u8> {
        let mut inner = Vec::new();
        put_string(&mut inner, &self.algorithm);
        put_string(&mut inner, &self.signature);
        inner.extend_from_slice(&self.inner_tail);
        let mut out = self.magic.clone();
        out.extend_from_slice(&self.version.to_be_bytes());
        for field in [&self.key, &self.namespace, &self.reserved, &self.hash, &inner] {
            put_string(&mut out, field);
        }
        out.extend_from_slice(&self.tail);
        out
    }

    pub fn armored(&self) -> String {
        armor(&self.blob())
    }

    /// The key as an operators file would name it, good or not.
    pub fn key_text(&self) -> String {
        let length = usize::try_from(u32::from_be_bytes(self.key[..4].try_into().unwrap())).unwrap();
        let kind = String::from_utf8(self.key[4..4 + length].to_vec()).unwrap();
        format!("{kind} {}", Base64::encode_string(&self.key))
    }
}

pub fn secret(seed: u8) -> SigningKey {
    SigningKey::from_bytes(&[seed; 32])
}

pub fn public(seed: u8) -> PublicKey {
    PublicKey::ed25519(secret(seed).verifying_key().as_bytes()).unwrap()
}

pub fn key_blob(kind: &[u8], parts: &[&[u8]]) -> Vec<u8> {
    let mut out = Vec::new();
    put_string(&mut out, kind);
    for part in parts {
        put_string(&mut out, part);
    }
    out
}

pub fn armor(blob: &[u8]) -> String {
    let body = Base64::encode_string(blob);
    let lines: Vec<&str> = body.as_bytes().chunks(70).map(|line| std::str::from_utf8(line).unwrap()).collect();
    format!("-----BEGIN SSH SIGNATURE-----\n{}\n-----END SSH SIGNATURE-----\n", lines.join("\n"))
}
