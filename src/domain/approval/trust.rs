//! Trust: which roster, policy and revoked keys are in force, and how the next version comes to be.
//!
//! `trust.txt` binds the three files by their digests. Version 1 is what the anchor names; each later version is
//! signed by a threshold of the operators of the version before. A [`Trust`] exists only if that was checked.

#[cfg(test)]
mod tests;
mod text;

use std::collections::BTreeSet;

use super::document::DocumentError;
use super::policy::{Policy, PolicyError};
use super::roster::{RevokedKeys, Roster, RosterError, Stranger};
use super::sshsig::{SigError, Signed, Verb, verify};
use crate::domain::base::{Digest, Principal, Timestamp};

pub use text::TrustText;

/// Why files are not a version of trust.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TrustError {
    #[error("trust.txt: {0}")]
    Document(#[from] DocumentError),
    #[error("operators: {0}")]
    Roster(RosterError),
    #[error("revoked_keys: {0}")]
    Revoked(RosterError),
    #[error("policy.yaml: {0}")]
    Policy(#[from] PolicyError),
    #[error("trust.txt is not the anchored one: expected SHA-256 `{expected}`, found `{found}`")]
    NotAnchored { expected: Digest, found: Digest },
    #[error("`{file}` is not the file that trust.txt names: expected SHA-256 `{expected}`, found `{found}`")]
    OtherFile { file: &'static str, expected: Digest, found: Digest },
    #[error("serial {found}: expected {expected}")]
    Serial { expected: u64, found: u64 },
    #[error("trust {serial} follows `{found}`: expected `{expected}`")]
    Previous { serial: u64, expected: Digest, found: Digest },
    #[error("trust {serial} was created at {found}, before the version it follows ({previous})")]
    Backwards { serial: u64, found: Timestamp, previous: Timestamp },
    #[error("trust {serial} says it was created at {found}, which lies ahead of now ({now})")]
    Ahead { serial: u64, found: Timestamp, now: Timestamp },
    #[error("threshold {found}: expected {least} to {most}, by the number of operators who can sign the next version")]
    Threshold { found: u64, least: u64, most: u64 },
    #[error("the policy lists `{principal}` for `{danger}`, who is not in the roster")]
    NotInRoster { principal: Principal, danger: crate::domain::base::Danger },
    #[error("trust {serial} needs {need} signatures of operators of trust {previous} and has {have}: {refused}")]
    TooFewSignatures { serial: u64, previous: u64, need: u64, have: u64, refused: String },
    #[error("trust {found} is older than trust {seen}, which was seen here before")]
    Older { seen: u64, found: u64 },
    #[error("there are two different versions of trust {serial}: `{seen}` was seen here before, this is `{found}`")]
    Forked { serial: u64, seen: Digest, found: Digest },
}

/// Why a signature is not one of an operator.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Distrust {
    #[error(transparent)]
    Signature(#[from] SigError),
    #[error("the key {fingerprint} is revoked")]
    Revoked { fingerprint: String },
    #[error(transparent)]
    Stranger(#[from] Stranger),
}

/// The four files of one version, as bytes.
#[derive(Debug, Clone, Copy)]
pub struct TrustFiles<'a> {
    pub trust: &'a [u8],
    pub operators: &'a [u8],
    pub policy: &'a [u8],
    pub revoked_keys: &'a [u8],
}

/// A verified version of trust. Made by [`Trust::anchored`] and [`Trust::adopt`] only.
///
/// It cannot be put together from parts:
///
/// ```compile_fail,E0451
/// use countersign::domain::approval::trust::Trust;
/// fn next(trust: Trust) -> Trust {
///     Trust { serial: 2, ..trust }
/// }
/// ```
///
/// It can be handed on:
///
/// ```
/// use countersign::domain::approval::trust::Trust;
/// fn next(trust: Trust) -> Trust {
///     trust
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trust {
    serial: u64,
    digest: Digest,
    created: Timestamp,
    threshold: u64,
    roster: Roster,
    policy: Policy,
    revoked: RevokedKeys,
}

/// An operator's signature: by a key of theirs that may sign for this verb now and is not revoked.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub struct OperatorSignature {
    principal: Principal,
    signed: Signed,
}

impl OperatorSignature {
    pub fn principal(&self) -> &Principal {
        &self.principal
    }

    pub fn signed(&self) -> &Signed {
        &self.signed
    }
}

impl Trust {
    /// Version 1: its `trust.txt` has exactly the digest that the anchor names.
    pub fn anchored(files: TrustFiles<'_>, anchor: &Digest) -> Result<Self, TrustError> {
        let found = Digest::of(files.trust);
        if found != *anchor {
            return Err(TrustError::NotAnchored { expected: anchor.clone(), found });
        }
        let text = TrustText::parse(files.trust)?;
        expect_place(&text, 1, &Digest::zero())?;
        Self::bound(&text, files)
    }

    /// The next version, when it is new here: signed by operators who may sign when it says it was made, and now.
    pub fn adopt(&self, next: TrustFiles<'_>, signatures: &[&str], now: Timestamp) -> Result<Self, TrustError> {
        let next = self.follow(next, signatures)?;
        if next.trust.created > now {
            return Err(TrustError::Ahead { serial: next.trust.serial, found: next.trust.created, now });
        }
        self.check_signatures(next.trust.serial, next.bytes, signatures, now)?;
        Ok(next.trust)
    }

    /// The next version, when it was adopted before (on start, or in an export): signed by operators who could sign
    /// when it says it was made. Keys may have expired since; history stays what it was.
    pub fn adopted(&self, next: TrustFiles<'_>, signatures: &[&str]) -> Result<Self, TrustError> {
        Ok(self.follow(next, signatures)?.trust)
    }

    fn follow<'a>(&self, next: TrustFiles<'a>, signatures: &[&str]) -> Result<Followed<'a>, TrustError> {
        let text = TrustText::parse(next.trust)?;
        expect_place(&text, self.serial + 1, &self.digest)?;
        if text.created < self.created {
            let (found, previous) = (text.created, self.created);
            return Err(TrustError::Backwards { serial: text.serial, found, previous });
        }
        self.check_signatures(text.serial, next.trust, signatures, text.created)?;
        Ok(Followed { trust: Self::bound(&text, next)?, bytes: next.trust })
    }

    /// Counts people, not signatures and not keys.
    fn check_signatures(
        &self,
        serial: u64,
        bytes: &[u8],
        signatures: &[&str],
        at: Timestamp,
    ) -> Result<(), TrustError> {
        let mut signers = BTreeSet::new();
        let mut refused = Vec::new();
        for armored in signatures {
            match self.verify(armored, Verb::Trust, bytes, at) {
                Ok(signature) => {
                    signers.insert(signature.principal);
                }
                Err(why) => refused.push(why.to_string()),
            }
        }
        let have = signers.len() as u64;
        if have < self.threshold {
            let refused = if refused.is_empty() { "nobody else signed".to_owned() } else { refused.join("; ") };
            let (previous, need) = (self.serial, self.threshold);
            return Err(TrustError::TooFewSignatures { serial, previous, need, have, refused });
        }
        Ok(())
    }

    fn bound(text: &TrustText, files: TrustFiles<'_>) -> Result<Self, TrustError> {
        expect_file("operators", files.operators, &text.operators)?;
        expect_file("policy.yaml", files.policy, &text.policy)?;
        expect_file("revoked_keys", files.revoked_keys, &text.revoked_keys)?;
        let trust = Self {
            serial: text.serial,
            digest: Digest::of(files.trust),
            created: text.created,
            threshold: text.threshold,
            roster: Roster::parse(files.operators).map_err(TrustError::Roster)?,
            policy: Policy::parse(files.policy)?,
            revoked: RevokedKeys::parse(files.revoked_keys).map_err(TrustError::Revoked)?,
        };
        trust.check_threshold()?;
        trust.check_policy_names_operators()?;
        Ok(trust)
    }

    /// With two or more people, one of them alone could otherwise write the next roster and be both of them.
    fn check_threshold(&self) -> Result<(), TrustError> {
        let can_sign: BTreeSet<&Principal> = self
            .roster
            .operators()
            .iter()
            .filter(|operator| !self.revoked.contains(&operator.key))
            .filter_map(|operator| self.roster.find(&operator.key, Verb::Trust, self.created).ok())
            .collect();
        let most = can_sign.len() as u64;
        let least = smallest_threshold(&self.roster);
        if (least..=most).contains(&self.threshold) {
            Ok(())
        } else {
            Err(TrustError::Threshold { found: self.threshold, least, most })
        }
    }

    fn check_policy_names_operators(&self) -> Result<(), TrustError> {
        let approvers = self.roster.principals(Verb::Approve);
        for danger in crate::domain::base::Danger::ALL {
            let listed = self.policy.rule(danger).from().into_iter().flatten();
            if let Some(principal) = listed.into_iter().find(|principal| !approvers.contains(principal)) {
                return Err(TrustError::NotInRoster { principal: principal.clone(), danger });
            }
        }
        Ok(())
    }

    /// Checks an operator's signature: strict, not revoked, in the roster, allowed for this verb, valid at `at`.
    pub fn verify(
        &self,
        armored: &str,
        verb: Verb,
        message: &[u8],
        at: Timestamp,
    ) -> Result<OperatorSignature, Distrust> {
        let signed = verify(armored, verb, message)?;
        if self.revoked.contains(signed.key()) {
            return Err(Distrust::Revoked { fingerprint: signed.key().fingerprint() });
        }
        let principal = self.roster.find(signed.key(), verb, at)?.clone();
        Ok(OperatorSignature { principal, signed })
    }

    /// Whoever remembers a version (an executor, a reviewer's client) refuses an older or another one of its serial.
    pub fn expect_not_before(&self, seen_serial: u64, seen: &Digest) -> Result<(), TrustError> {
        if self.serial < seen_serial {
            Err(TrustError::Older { seen: seen_serial, found: self.serial })
        } else if self.serial == seen_serial && self.digest != *seen {
            Err(TrustError::Forked { serial: self.serial, seen: seen.clone(), found: self.digest.clone() })
        } else {
            Ok(())
        }
    }

    pub fn serial(&self) -> u64 {
        self.serial
    }

    /// SHA-256 of this version's `trust.txt`.
    pub fn digest(&self) -> &Digest {
        &self.digest
    }

    pub fn created(&self) -> Timestamp {
        self.created
    }

    /// How many operators of this version must sign the next one.
    pub fn threshold(&self) -> u64 {
        self.threshold
    }

    pub fn roster(&self) -> &Roster {
        &self.roster
    }

    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    pub fn revoked(&self) -> &RevokedKeys {
        &self.revoked
    }
}

/// A next version whose signatures held at the time it names, with the bytes they are over.
struct Followed<'a> {
    trust: Trust,
    bytes: &'a [u8],
}

/// The lowest threshold a roster may have: two, or one for a person who works alone.
pub fn smallest_threshold(roster: &Roster) -> u64 {
    let people: BTreeSet<&Principal> = roster.operators().iter().map(|operator| &operator.principal).collect();
    people.len().min(2) as u64
}

fn expect_place(text: &TrustText, serial: u64, previous: &Digest) -> Result<(), TrustError> {
    if text.serial != serial {
        Err(TrustError::Serial { expected: serial, found: text.serial })
    } else if text.previous != *previous {
        Err(TrustError::Previous { serial, expected: previous.clone(), found: text.previous.clone() })
    } else {
        Ok(())
    }
}

fn expect_file(file: &'static str, bytes: &[u8], expected: &Digest) -> Result<(), TrustError> {
    let found = Digest::of(bytes);
    if found == *expected { Ok(()) } else { Err(TrustError::OtherFile { file, expected: expected.clone(), found }) }
}
