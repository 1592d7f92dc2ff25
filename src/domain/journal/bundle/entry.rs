//! The paths that a bundle may have: a closed set, each with one spelling.

use std::fmt;

use crate::domain::base::{Principal, RequestId};
use crate::domain::journal::line::canonical_number;

/// One file of a bundle.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Entry {
    /// `journal.log`: every line, as hashed.
    Journal,
    /// `journal-key.allowed` for the key that line 0 names, `journal-key.SEQ.allowed` for one that a later line names
    /// after a takeover: the file that `ssh-keygen -Y verify -f` wants.
    JournalKey { since: u64 },
    /// `heads/SEQ`
    Head { seq: u64 },
    /// `heads/SEQ.sig`
    HeadSignature { seq: u64 },
    /// `trust/N/...`
    Trust { serial: u64, part: TrustPart },
    /// `requests/ID/...`
    Request { id: RequestId, part: RequestPart },
    /// `inputs/SEQ/...`: a signed input, under the number of the line that recorded it.
    Input { seq: u64, part: InputPart },
    /// `close.txt`
    Close,
    /// `close.txt.PRINCIPAL.sig`
    CloseSignature(Principal),
}

/// One file of a version of trust.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum TrustPart {
    Text,
    Signature(Principal),
    Operators,
    RevokedKeys,
    Policy,
}

/// One file of a request for approval.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum RequestPart {
    Text,
    Approval(Principal),
    Rejection(Principal),
    RejectionSignature(Principal),
    Withdrawal(Principal),
    WithdrawalSignature(Principal),
}

/// One file of a signed input.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum InputPart {
    Text,
    Signature(Principal),
}

impl Entry {
    /// The entry of a path with `/` between its parts; `None` for every path that is not one.
    pub fn parse(path: &str) -> Option<Self> {
        match path.split('/').collect::<Vec<_>>()[..] {
            ["journal.log"] => Some(Self::Journal),
            ["journal-key.allowed"] => Some(Self::JournalKey { since: 0 }),
            ["close.txt"] => Some(Self::Close),
            [name] => later_key(name).or_else(|| between(name, "close.txt.", ".sig").map(Self::CloseSignature)),
            ["heads", name] => match name.strip_suffix(".sig") {
                Some(seq) => canonical_number(seq).map(|seq| Self::HeadSignature { seq }),
                None => canonical_number(name).map(|seq| Self::Head { seq }),
            },
            ["trust", serial, name] => Some(Self::Trust { serial: counted(serial)?, part: TrustPart::parse(name)? }),
            ["requests", id, name] => {
                Some(Self::Request { id: RequestId::parse(id).ok()?, part: RequestPart::parse(name)? })
            }
            ["inputs", seq, name] => Some(Self::Input { seq: canonical_number(seq)?, part: InputPart::parse(name)? }),
            _ => None,
        }
    }
}

fn later_key(name: &str) -> Option<Entry> {
    let since = name.strip_prefix("journal-key.")?.strip_suffix(".allowed")?;
    counted(since).map(|since| Entry::JournalKey { since })
}

/// A number above zero.
fn counted(text: &str) -> Option<u64> {
    canonical_number(text).filter(|number| *number > 0)
}

fn between(name: &str, prefix: &str, suffix: &str) -> Option<Principal> {
    Principal::parse(name.strip_prefix(prefix)?.strip_suffix(suffix)?).ok()
}

impl TrustPart {
    fn parse(name: &str) -> Option<Self> {
        match name {
            "trust.txt" => Some(Self::Text),
            "operators" => Some(Self::Operators),
            "revoked_keys" => Some(Self::RevokedKeys),
            "policy.yaml" => Some(Self::Policy),
            _ => between(name, "trust.txt.", ".sig").map(Self::Signature),
        }
    }
}

impl RequestPart {
    /// The endings are no endings of each other, so a name is read in one way only.
    fn parse(name: &str) -> Option<Self> {
        let of = |suffix: &str| between(name, "", suffix);
        match name {
            "request.txt" => Some(Self::Text),
            _ => of(".approve.sig")
                .map(Self::Approval)
                .or_else(|| of(".reject.txt").map(Self::Rejection))
                .or_else(|| of(".reject.txt.sig").map(Self::RejectionSignature))
                .or_else(|| of(".withdraw.txt").map(Self::Withdrawal))
                .or_else(|| of(".withdraw.txt.sig").map(Self::WithdrawalSignature)),
        }
    }
}

impl InputPart {
    fn parse(name: &str) -> Option<Self> {
        match name {
            "input.txt" => Some(Self::Text),
            _ => between(name, "input.txt.", ".sig").map(Self::Signature),
        }
    }
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Journal => f.write_str("journal.log"),
            Self::JournalKey { since: 0 } => f.write_str("journal-key.allowed"),
            Self::JournalKey { since } => write!(f, "journal-key.{since}.allowed"),
            Self::Head { seq } => write!(f, "heads/{seq}"),
            Self::HeadSignature { seq } => write!(f, "heads/{seq}.sig"),
            Self::Trust { serial, part } => write!(f, "trust/{serial}/{part}"),
            Self::Request { id, part } => write!(f, "requests/{id}/{part}"),
            Self::Input { seq, part } => write!(f, "inputs/{seq}/{part}"),
            Self::Close => f.write_str("close.txt"),
            Self::CloseSignature(by) => write!(f, "close.txt.{by}.sig"),
        }
    }
}

impl fmt::Display for TrustPart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text => f.write_str("trust.txt"),
            Self::Signature(by) => write!(f, "trust.txt.{by}.sig"),
            Self::Operators => f.write_str("operators"),
            Self::RevokedKeys => f.write_str("revoked_keys"),
            Self::Policy => f.write_str("policy.yaml"),
        }
    }
}

impl fmt::Display for RequestPart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text => f.write_str("request.txt"),
            Self::Approval(by) => write!(f, "{by}.approve.sig"),
            Self::Rejection(by) => write!(f, "{by}.reject.txt"),
            Self::RejectionSignature(by) => write!(f, "{by}.reject.txt.sig"),
            Self::Withdrawal(by) => write!(f, "{by}.withdraw.txt"),
            Self::WithdrawalSignature(by) => write!(f, "{by}.withdraw.txt.sig"),
        }
    }
}

impl fmt::Display for InputPart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text => f.write_str("input.txt"),
            Self::Signature(by) => write!(f, "input.txt.{by}.sig"),
        }
    }
}
