//! Operators for the tests beside the code: keys from seeds, rosters and trust made of them.

use ed25519_dalek::{Signer as _, SigningKey};
use sha2::{Digest as _, Sha256};

use super::policy::Policy;
use super::roster::{Operator, RevokedKeys, Roster};
use super::sshsig::{PublicKey, Verb, armored, envelope, plain_signature, put_string};
use super::trust::{Trust, TrustFiles, TrustText, smallest_threshold};
use crate::domain::base::{Digest, Principal, Timestamp};

pub(crate) fn key(seed: u8) -> PublicKey {
    PublicKey::ed25519(SigningKey::from_bytes(&[seed; 32]).verifying_key().as_bytes()).unwrap()
}

pub(crate) fn sign(seed: u8, verb: Verb, message: &[u8]) -> String {
    let signature = SigningKey::from_bytes(&[seed; 32]).sign(&envelope(verb, message)).to_bytes();
    armored(&key(seed), verb, &plain_signature(&signature))
}

/// A security key that is not there: its public half, and what it signs with these flags.
pub(crate) fn security_key(seed: u8) -> PublicKey {
    let mut blob = Vec::new();
    for part in [b"sk-ssh-ed25519@openssh.com".as_slice(), key(seed).point(), b"ssh:"] {
        put_string(&mut blob, part);
    }
    PublicKey::from_blob(&blob).unwrap()
}

pub(crate) fn touch(seed: u8, flags: u8, verb: Verb, message: &[u8]) -> String {
    let report = [flags, 0, 0, 0, 1];
    let mut signed = Sha256::digest(b"ssh:").to_vec();
    signed.extend_from_slice(&report);
    signed.extend_from_slice(&Sha256::digest(envelope(verb, message)));
    let mut signature = Vec::new();
    put_string(&mut signature, b"sk-ssh-ed25519@openssh.com");
    put_string(&mut signature, &SigningKey::from_bytes(&[seed; 32]).sign(&signed).to_bytes());
    signature.extend_from_slice(&report);
    armored(&security_key(seed), verb, &signature)
}

pub(crate) fn name(text: &str) -> Principal {
    Principal::parse(text).unwrap()
}

pub(crate) fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// The four files of one version, owned.
#[derive(Debug, Clone)]
pub(crate) struct Files {
    pub(crate) trust: String,
    pub(crate) operators: String,
    pub(crate) policy: String,
    pub(crate) revoked_keys: String,
}

impl Files {
    pub(crate) fn borrowed(&self) -> TrustFiles<'_> {
        TrustFiles {
            trust: self.trust.as_bytes(),
            operators: self.operators.as_bytes(),
            policy: self.policy.as_bytes(),
            revoked_keys: self.revoked_keys.as_bytes(),
        }
    }
}

/// What the next version of trust is made of.
#[derive(Debug, Clone)]
pub(crate) struct Draft {
    pub(crate) serial: u64,
    pub(crate) previous: Digest,
    pub(crate) created: Timestamp,
    pub(crate) threshold: Option<u64>,
    pub(crate) operators: Vec<Operator>,
    pub(crate) policy: String,
    pub(crate) revoked: Vec<PublicKey>,
}

impl Draft {
    /// Version 1 with these people and the default policy.
    pub(crate) fn first(people: &[(&str, u8)]) -> Self {
        Self {
            serial: 1,
            previous: Digest::zero(),
            created: at("2026-11-01T09:00:00Z"),
            threshold: None,
            operators: people.iter().map(|(principal, seed)| Operator::new(name(principal), key(*seed))).collect(),
            policy: Policy::default_text().to_owned(),
            revoked: Vec::new(),
        }
    }

    /// The version behind `trust`, with these people.
    pub(crate) fn behind(trust: &Trust, people: &[(&str, u8)]) -> Self {
        let (serial, previous) = (trust.serial() + 1, trust.digest().clone());
        Self { serial, previous, created: at("2026-11-02T09:00:00Z"), ..Self::first(people) }
    }

    pub(crate) fn files(&self) -> Files {
        let roster = Roster::new(self.operators.clone()).unwrap();
        let revoked = self.revoked.iter().fold(RevokedKeys::default(), |keys, key| keys.with(key.clone()));
        let (operators, revoked_keys) = (roster.render(), revoked.render());
        let text = TrustText {
            serial: self.serial,
            previous: self.previous.clone(),
            created: self.created,
            threshold: self.threshold.unwrap_or_else(|| smallest_threshold(&roster)),
            operators: Digest::of(operators.as_bytes()),
            policy: Digest::of(self.policy.as_bytes()),
            revoked_keys: Digest::of(revoked_keys.as_bytes()),
        };
        Files { trust: text.render().unwrap(), operators, policy: self.policy.clone(), revoked_keys }
    }

    pub(crate) fn anchored(&self) -> Trust {
        let files = self.files();
        Trust::anchored(files.borrowed(), &Digest::of(files.trust.as_bytes())).unwrap()
    }
}

/// ana, bob and chen, with the keys of seeds 1, 2 and 3.
pub(crate) fn three() -> Trust {
    Draft::first(&[("ana", 1), ("bob", 2), ("chen", 3)]).anchored()
}

/// The same signature with the group order added to its second half: some verifiers take it for another one.
pub(crate) fn malleable_twin(text: &str) -> String {
    use base64ct::{Base64, Encoding as _};
    const ORDER: [u8; 32] = [
        0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, 0, 0, 0, 0, 0,
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
    ];
    let body: String = text.lines().filter(|line| !line.starts_with('-')).collect();
    let mut blob = Base64::decode_vec(&body).unwrap();
    let second_half = blob.len() - 32;
    let mut carry = 0;
    for (byte, add) in blob[second_half..].iter_mut().zip(ORDER) {
        let sum = u16::from(*byte) + u16::from(add) + carry;
        *byte = sum.to_le_bytes()[0];
        carry = sum >> 8;
    }
    assert_eq!(carry, 0);
    super::sshsig::tidied(&format!(
        "-----BEGIN SSH SIGNATURE-----\n{}\n-----END SSH SIGNATURE-----\n",
        Base64::encode_string(&blob)
    ))
    .unwrap()
}
