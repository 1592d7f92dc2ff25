//! Counting: which people approved these bytes, and why each other signature does not count.
//!
//! Counts people. Signatures, files and keys are never counted: one person can have many of each. The answer is
//! evidence about approvals only; whether the request still stands (same bytes, not expired, not rejected, not used)
//! is not decided here.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use super::policy::{Requester, Rule, Touch};
use super::sshsig::{Presence, PublicKey, Verb};
use super::trust::{Distrust, OperatorSignature, Trust};
use crate::domain::base::{Danger, Principal, Timestamp};

/// How an approver came to the decision, as reported with the signature and not covered by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Review {
    /// The text alone.
    Detached,
    /// The approver's client assessed the step over its own look at the fleet.
    OwnMeasurement,
}

/// One signature that came in.
#[derive(Debug, Clone, Copy)]
pub struct Submission<'a> {
    pub armored: &'a str,
    /// Whose it claims to be (a file's name, the sender of an input); `None` if it came without a name.
    pub claimed: Option<&'a Principal>,
    pub review: Review,
}

/// What is to be approved.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    /// The exact bytes, rendered by whoever asks the question, not taken from a signer.
    pub request: &'a [u8],
    /// As the program computed it.
    pub danger: Danger,
    pub requester: &'a Principal,
}

/// Why one signature does not count.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotCounted {
    #[error(transparent)]
    Distrust(#[from] Distrust),
    #[error("it came as the signature of `{claimed}` and is one of `{signed}`")]
    OtherName { claimed: Principal, signed: Principal },
    #[error("`{requester}` asked for it, and the policy does not count the one who asks")]
    Requester { requester: Principal },
    #[error("`{principal}` is not among those who approve what is {danger}")]
    NotListed { principal: Principal, danger: Danger },
    #[error("the policy asks for a security key, and `{principal}` signed with a plain key")]
    PlainKey { principal: Principal },
    #[error("the policy asks for a PIN, and the security key of `{principal}` did not check who touched it")]
    NoPin { principal: Principal },
    #[error("`{principal}` is counted already: one person counts once, with any number of keys")]
    Again { principal: Principal },
    #[error("the key of `{principal}` is counted already, for `{counted}`")]
    KeyAgain { principal: Principal, counted: Principal },
}

/// One person who approved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Approver {
    /// Which submission it was, from 0.
    pub submission: usize,
    pub key: PublicKey,
    pub presence: Option<Presence>,
    pub review: Review,
}

/// What is missing before the approvals are enough.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Missing {
    #[error("{have} of {need} people have approved")]
    People { need: u8, have: u8 },
    #[error("{have} of {need} people have approved with their own measurement")]
    OwnMeasurement { need: u8, have: u8 },
}

/// The result of counting.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub struct Tally {
    approvers: BTreeMap<Principal, Approver>,
    not_counted: Vec<(usize, NotCounted)>,
    need: u8,
    need_own_measurement: u8,
}

impl Tally {
    /// The distinct people who approved, each with a key of their own.
    pub fn approvers(&self) -> &BTreeMap<Principal, Approver> {
        &self.approvers
    }

    /// The submissions that do not count, by their place from 0, in that order.
    pub fn not_counted(&self) -> &[(usize, NotCounted)] {
        &self.not_counted
    }

    /// How many people must approve.
    pub fn need(&self) -> u8 {
        self.need
    }

    pub fn need_own_measurement(&self) -> u8 {
        self.need_own_measurement
    }

    /// Whether the approvals are enough, or what is missing first.
    pub fn enough(&self) -> Result<(), Missing> {
        let count = |length: usize| u8::try_from(length).unwrap_or(u8::MAX);
        let have = count(self.approvers.len());
        if have < self.need {
            return Err(Missing::People { need: self.need, have });
        }
        let measured = self.approvers.values().filter(|approver| approver.review == Review::OwnMeasurement);
        let have = count(measured.count());
        if have < self.need_own_measurement {
            return Err(Missing::OwnMeasurement { need: self.need_own_measurement, have });
        }
        Ok(())
    }

    fn place(&mut self, place: usize, signature: &OperatorSignature, review: Review) -> Result<(), NotCounted> {
        let principal = signature.principal().clone();
        let signed = signature.signed();
        let approver = Approver { submission: place, key: signed.key().clone(), presence: signed.presence(), review };
        match self.approvers.get_mut(&principal) {
            // The same person after a second, better look: the better one stands, and still counts once.
            Some(earlier) if earlier.review < review => {
                let earlier = std::mem::replace(earlier, approver);
                self.not_counted.push((earlier.submission, NotCounted::Again { principal }));
                Ok(())
            }
            Some(_) => Err(NotCounted::Again { principal }),
            None => {
                self.expect_new_key(&principal, &approver.key)?;
                self.approvers.insert(principal, approver);
                Ok(())
            }
        }
    }

    /// A roster gives no key to two people; this stands if one ever did.
    fn expect_new_key(&self, principal: &Principal, key: &PublicKey) -> Result<(), NotCounted> {
        match self.approvers.iter().find(|(_, counted)| counted.key.point() == key.point()) {
            Some((counted, _)) => Err(NotCounted::KeyAgain { principal: principal.clone(), counted: counted.clone() }),
            None => Ok(()),
        }
    }
}

/// Counts the people who approved `subject`, as trust stands at `at`.
pub fn count(subject: Subject<'_>, submissions: &[Submission<'_>], trust: &Trust, at: Timestamp) -> Tally {
    let rule = trust.policy().rule(subject.danger);
    let mut tally = Tally {
        approvers: BTreeMap::new(),
        not_counted: Vec::new(),
        need: rule.approvals(),
        need_own_measurement: rule.own_measurement(),
    };
    for (place, submission) in submissions.iter().enumerate() {
        let counted = eligible(subject, submission, trust, at)
            .and_then(|signature| tally.place(place, &signature, submission.review));
        if let Err(why) = counted {
            tally.not_counted.push((place, why));
        }
    }
    tally.not_counted.sort_by_key(|(place, _)| *place);
    tally
}

/// Whether one more signature would count beside those that came in before it, or why it would change nothing.
pub fn adds(
    subject: Subject<'_>,
    earlier: &[Submission<'_>],
    new: Submission<'_>,
    trust: &Trust,
    at: Timestamp,
) -> Result<(), NotCounted> {
    let submissions = [earlier, &[new]].concat();
    let tally = count(subject, &submissions, trust, at);
    match tally.not_counted.into_iter().find(|(place, _)| *place == earlier.len()) {
        Some((_, why)) => Err(why),
        None => Ok(()),
    }
}

/// Checks one signature by itself: made by an operator who may approve this.
fn eligible(
    subject: Subject<'_>,
    submission: &Submission<'_>,
    trust: &Trust,
    at: Timestamp,
) -> Result<OperatorSignature, NotCounted> {
    let signature = trust.verify(submission.armored, Verb::Approve, subject.request, at)?;
    let principal = signature.principal();
    if let Some(claimed) = submission.claimed.filter(|claimed| *claimed != principal) {
        return Err(NotCounted::OtherName { claimed: claimed.clone(), signed: principal.clone() });
    }
    let rule = trust.policy().rule(subject.danger);
    if rule.requester() == Requester::DoesNotCount && principal == subject.requester {
        return Err(NotCounted::Requester { requester: principal.clone() });
    }
    if rule.from().is_some_and(|people| !people.contains(principal)) {
        return Err(NotCounted::NotListed { principal: principal.clone(), danger: subject.danger });
    }
    expect_touch(rule, &signature)?;
    Ok(signature)
}

fn expect_touch(rule: &Rule, signature: &OperatorSignature) -> Result<(), NotCounted> {
    let principal = || signature.principal().clone();
    match (rule.touch(), signature.signed().presence()) {
        (Touch::Optional, _) | (Touch::Required, Some(_)) => Ok(()),
        (Touch::Required | Touch::Pin, None) => Err(NotCounted::PlainKey { principal: principal() }),
        (Touch::Pin, Some(presence)) if presence.user_verified() => Ok(()),
        (Touch::Pin, Some(_)) => Err(NotCounted::NoPin { principal: principal() }),
    }
}
