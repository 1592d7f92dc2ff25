//! A whole bundle, judged offline: trust, chain, heads, close record, every file, every record.
//!
//! Everything that the parts find is reported together, once trust and chain are good. A run that nobody closed is not damaged; it is said.

use std::fmt;

use serde::Serialize;

use super::audit::{self, Summary, audit};
use super::bundle::{self, Bundle, Entry, Signed, Signer, TrustFault, project, trust_versions};
use super::chain::{self, lines};
use super::head::{Close, Outcome};
use super::line::Line;
use super::record::{Ending, NoRecord, Record};
use crate::domain::approval::sshsig::{ED25519, PublicKey, Verb, verify};
use crate::domain::approval::trust::Trust;
use crate::domain::base::{Digest, Principal, RunId, Timestamp};

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    #[error(transparent)]
    Trust(#[from] TrustFault),
    #[error(transparent)]
    Bundle(#[from] bundle::Fault),
    #[error(transparent)]
    Journal(#[from] audit::Fault),
    #[error(transparent)]
    NoRecord(#[from] NoRecord),
    #[error("`{file}` is missing: the journal has what it holds")]
    Missing { file: String },
    #[error("`{file}` is not what the journal has in its place")]
    Differs { file: String },
    #[error("`{file}` is in the bundle, and the journal knows nothing of it")]
    Stray { file: String },
    #[error("`close.txt` says `{found}`, and the journal ends with `{expected}`")]
    OtherEnd { found: String, expected: String },
}

/// How far a run has come, as far as its journal can say.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// Operators have signed how it ends; nothing can be missing.
    Closed { by: Vec<Principal> },
    /// It says that it ended, and no operator has signed that.
    EndedNotClosed,
    /// Its last line does not end it: it goes on, or lines are missing.
    NotEnded,
}

/// What a bundle proves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Verified {
    pub summary: Summary,
    pub standing: Standing,
    /// The digest that version 1 of trust has; compared with the reader's anchor if one was given.
    pub anchor: Digest,
    pub anchored: Anchoring,
}

/// Whether the root of trust is one that the reader brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Anchoring {
    Compared,
    /// The bundle vouches for itself until somebody compares the digest.
    OwnWord,
}

/// Verifies a bundle. Without `anchor`, its first version of trust vouches for itself.
pub fn verify_bundle(bundle: &Bundle, anchor: Option<&Digest>) -> Result<Verified, Vec<Fault>> {
    // Nothing that operators signed can be judged without knowing who they are, and nothing at all without a chain.
    let trusts =
        trust_versions(bundle, anchor).map_err(|found| found.into_iter().map(Fault::from).collect::<Vec<_>>())?;
    let lines = read_lines(bundle).map_err(|fault| vec![Fault::from(fault)])?;
    let at = lines.last().map_or(Timestamp::from_millis(0), Line::at);
    let whole = bundle::verify(bundle, &mut |signed| check(&trusts, at, signed));
    let summary = audit(&lines, &trusts);
    let mut faults = file_faults(bundle, &lines);
    match (whole, summary, trusts.first()) {
        (Ok(whole), Ok(mut summary), Some(first)) => {
            faults.extend(whole.closing.as_ref().and_then(|closing| other_end(&closing.close, &summary)));
            if !faults.is_empty() {
                return Err(faults);
            }
            let standing = standing(whole.closing.map(|closing| closing.by), &mut summary);
            let anchored = if anchor.is_some() { Anchoring::Compared } else { Anchoring::OwnWord };
            Ok(Verified { summary, standing, anchor: first.digest().clone(), anchored })
        }
        (whole, summary, _) => {
            faults.extend(whole.err().into_iter().flatten().map(Fault::from));
            faults.extend(summary.err().into_iter().flatten().map(Fault::from));
            Err(faults)
        }
    }
}

fn standing(closed_by: Option<Vec<Principal>>, summary: &mut Summary) -> Standing {
    match (closed_by, summary.ended) {
        (Some(by), _) => {
            // Who signs how a journal ends has vouched for everything in it.
            summary.unvouched.clear();
            Standing::Closed { by }
        }
        (None, Some(_)) => Standing::EndedNotClosed,
        (None, None) => Standing::NotEnded,
    }
}

fn other_end(close: &Close, summary: &Summary) -> Option<Fault> {
    let expected = summary.ended.map_or("no end", |ending| outcome(ending).word());
    let found = close.outcome().word();
    (expected != found).then(|| Fault::OtherEnd { found: found.to_owned(), expected: expected.to_owned() })
}

const fn outcome(ending: Ending) -> Outcome {
    match ending {
        Ending::Completed => Outcome::Completed,
        Ending::Aborted => Outcome::Aborted,
    }
}

fn read_lines(bundle: &Bundle) -> Result<Vec<Line>, bundle::Fault> {
    let journal = bundle.get(&Entry::Journal).unwrap_or_default();
    let unreadable = |seq, why| chain::ChainError::Unreadable { seq, why };
    // The chain first: it names what is missing or torn better than a line by itself can.
    chain::verify(journal)?;
    let read = |(seq, bytes): (usize, &[u8])| Line::parse(bytes).map_err(|why| unreadable(seq as u64, why));
    Ok(lines(journal).enumerate().map(read).collect::<Result<_, _>>()?)
}

/// Checks one signature of the bundle's own parts.
fn check(trusts: &[Trust], at: Timestamp, signed: Signed<'_>) -> Result<(), String> {
    let armored = std::str::from_utf8(signed.signature).map_err(|error| error.to_string())?;
    match signed.by {
        Signer::RunKey(key) => {
            let found = verify(armored, Verb::Journal, signed.document).map_err(|why| why.to_string())?;
            let expected = format!("{ED25519} {key}");
            if found.key().to_string() == expected {
                Ok(())
            } else {
                Err(format!("it is signed by {}, not by the run's key", found.key().fingerprint()))
            }
        }
        Signer::Operator(by) => {
            let text = std::str::from_utf8(signed.document).map_err(|error| error.to_string())?;
            close_verifies(trusts, by, text, armored, at)
        }
    }
}

/// Whether `armored` is `by`'s signature on a close record, as of `at`, when the run ended.
///
/// Any version of trust that knows the key will do, since nobody knows when a close record was signed and history stays
/// what it was; but a key that the newest version has revoked closes nothing.
pub fn close_verifies(
    trusts: &[Trust],
    by: &Principal,
    close: &str,
    armored: &str,
    at: Timestamp,
) -> Result<(), String> {
    let revoked = |key: &PublicKey| trusts.last().is_some_and(|newest| newest.revoked().contains(key));
    let mut refused = "no version of trust is known".to_owned();
    for trust in trusts.iter().rev() {
        refused = match trust.verify(armored, Verb::Close, close.as_bytes(), at) {
            Ok(signature) if revoked(signature.signed().key()) => "its key is revoked".to_owned(),
            Ok(signature) if signature.principal() == by => return Ok(()),
            Ok(signature) => format!("it is one of `{}`", signature.principal()),
            Err(why) => why.to_string(),
        };
    }
    Err(refused)
}

/// The text that closes a run whose last line is the last of `lines`.
pub fn close_text(run: &RunId, lines: &[Line], ending: Ending) -> Option<String> {
    lines.last().map(|last| Close::new(run.clone(), outcome(ending), last.head()).render())
}

/// How the journal ends, if it does: `run.closed`, with at most the head that covers it behind.
pub fn ending_of(lines: &[Line]) -> Result<Option<Ending>, NoRecord> {
    for line in lines.iter().rev().take(2) {
        if let Record::Closed { outcome } = Record::from_line(line.seq(), line.event(), line.payload())? {
            return Ok(Some(outcome));
        }
    }
    Ok(None)
}

/// Every file must be the one that follows from the journal; trust and close record stand for themselves.
fn file_faults(bundle: &Bundle, lines: &[Line]) -> Vec<Fault> {
    let expected = match project(lines) {
        Ok(expected) => expected,
        Err(why) => return vec![why.into()],
    };
    let own = |entry: &Entry| matches!(entry, Entry::Trust { .. } | Entry::Close | Entry::CloseSignature(_));
    let missing_or_other = expected.files().filter_map(|(entry, bytes)| match bundle.get(entry) {
        None => Some(Fault::Missing { file: entry.to_string() }),
        Some(found) if found != bytes => Some(Fault::Differs { file: entry.to_string() }),
        Some(_) => None,
    });
    let strays = bundle
        .files()
        .filter(|(entry, _)| !own(entry) && expected.get(entry).is_none())
        .map(|(entry, _)| Fault::Stray { file: entry.to_string() });
    missing_or_other.chain(strays).collect()
}

impl fmt::Display for Standing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed { by } => {
                let by: Vec<&str> = by.iter().map(Principal::as_str).collect();
                write!(f, "closed by {}", by.join(", "))
            }
            Self::EndedNotClosed => {
                f.write_str("ended, not closed by an operator: lines behind its last one would not be missed")
            }
            Self::NotEnded => f.write_str("not ended: it goes on, or lines at its end are missing"),
        }
    }
}

impl fmt::Display for Verified {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}{}", self.summary, self.standing)?;
        match self.anchored {
            Anchoring::Compared => write!(f, "trust anchored at {}", self.anchor),
            Anchoring::OwnWord => write!(f, "trust by its own word: compare {} with your anchor", self.anchor),
        }
    }
}
