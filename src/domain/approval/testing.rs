//! Operators for the tests beside the code: keys from seeds, rosters and trust made of them.

use ed25519_dalek::{Signer as _, SigningKey};

use super::policy::Policy;
use super::roster::{Operator, RevokedKeys, Roster};
use super::sshsig::{PublicKey, Verb, armored, envelope, plain_signature};
use super::trust::{Trust, TrustFiles, TrustText, smallest_threshold};
use crate::domain::base::{Digest, Principal, Timestamp};

pub(crate) fn key(seed: u8) -> PublicKey {
    PublicKey::ed25519(SigningKey::from_bytes(&[seed; 32]).verifying_key().as_bytes()).unwrap()
}

pub(crate) fn sign(seed: u8, verb: Verb, message: &[u8]) -> String {
    let signature = SigningKey::from_bytes(&[seed; 32]).sign(&envelope(verb, message)).to_bytes();
    armored(&key(seed), verb, &plain_signature(&signature))
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
