//! That a bundle's journal, its signed heads and its close record tell one story.
//!
//! Everything wrong is collected, except that nothing more is said of a journal whose chain is broken.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use super::{Bundle, Entry};
use crate::domain::base::{Principal, RunId, text::printable};
use crate::domain::journal::chain::{self, Chain, ChainError};
use crate::domain::journal::head::{CLOSE_NAMESPACE, Close, HEAD_NAMESPACE, HeadText, TextError};
use crate::domain::journal::line::{Head, Line};

/// The run's key signs at least this often, so at most this many lines lie between two signed heads.
pub const MOST_UNSIGNED_LINES: u64 = 50;

/// A signature to be checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Signed<'a> {
    pub by: Signer<'a>,
    pub namespace: &'static str,
    pub document: &'a [u8],
    pub signature: &'a [u8],
}

/// Whose signature it must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signer<'a> {
    /// The run's own key, as the journal names it (base64, as in a line of `authorized_keys`).
    RunKey(&'a str),
    /// A rostered operator.
    Operator(&'a Principal),
}

/// One thing that is wrong with a bundle.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    #[error("journal.log: {0}")]
    Chain(#[from] ChainError),
    #[error("line 0 names no run: expected `\"run\":\"r-...\"` ({why})")]
    NoRun { why: String },
    #[error("line {seq} names a journal key that cannot be one: `{found}`")]
    BadKey { seq: u64, found: String },
    #[error("`{file}` does not hold exactly the key that line {seq} of the journal names")]
    KeyFile { file: String, seq: u64 },
    #[error("`{file}`: line {seq} of the journal names no key")]
    StrayKeyFile { file: String, seq: u64 },
    #[error("`{file}`: {why}")]
    Text { file: String, why: TextError },
    #[error("`{file}` is for run `{found}`, expected `{expected}`")]
    OtherRun { file: String, expected: RunId, found: RunId },
    #[error("`{file}` states head `{found}`, the journal has `{expected}` there")]
    OtherHead { file: String, expected: String, found: String },
    #[error("`{file}` is missing, but `{because_of}` is there")]
    Partner { file: String, because_of: String },
    #[error("`{file}`: {why}")]
    Signature { file: String, why: String },
    #[error(
        "no valid head is signed between lines {from} and {to}: expected one at least every {MOST_UNSIGNED_LINES} lines"
    )]
    Unsigned { from: u64, to: u64 },
    #[error("`{file}` is there, but nobody signed it")]
    UnsignedClose { file: String },
}

/// What a bundle proves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Audit {
    pub run: RunId,
    pub head: Head,
    /// The lines whose heads the run's key signed.
    pub signed_heads: Vec<u64>,
    /// `None` while no operator has signed how the journal ends: nothing is wrong with what is there, but lines behind
    /// it may be missing.
    pub closing: Option<Closing>,
}

/// The close record and who signed it, at least one operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Closing {
    pub close: Close,
    pub by: Vec<Principal>,
}

/// The exact content of a journal key's file: one line for `ssh-keygen -Y verify -f`, with principal `journal`.
pub fn journal_key_file(key: &str) -> String {
    format!("journal namespaces=\"{HEAD_NAMESPACE}\" ssh-ed25519 {key}\n")
}

/// Checks chain, keys, heads and close record. `check` answers for each signature, with the reason when it is bad.
pub fn verify(bundle: &Bundle, check: &mut Check<'_>) -> Result<Audit, Vec<Fault>> {
    let story = Story::read(bundle).map_err(|fault| vec![fault])?;
    let mut faults = story.key_faults(bundle);
    let signed_heads = story.check_heads(bundle, check, &mut faults);
    story.check_distances(&signed_heads, &mut faults);
    let closing = story.check_close(bundle, check, &mut faults);
    if !faults.is_empty() {
        return Err(faults);
    }
    Ok(Audit { run: story.run, head: story.head, signed_heads, closing })
}

/// A check of one signature.
pub type Check<'c> = dyn FnMut(Signed<'_>) -> Result<(), String> + 'c;

/// What the journal itself says.
struct Story {
    run: RunId,
    head: Head,
    /// The keys by the line that names them.
    keys: BTreeMap<u64, String>,
    /// The heads at the lines for which the bundle has signed ones.
    heads: BTreeMap<u64, Head>,
}

impl Story {
    fn read(bundle: &Bundle) -> Result<Self, Fault> {
        let journal = bundle.get(&Entry::Journal).unwrap_or_default();
        let wanted: BTreeSet<u64> = head_numbers(bundle).collect();
        let (mut chain, mut run) = (Chain::start(), None);
        let (mut keys, mut heads) = (BTreeMap::new(), BTreeMap::new());
        for bytes in chain::lines(journal) {
            let seq = chain.check(bytes)?.seq;
            // The chain looks at the shape only; what is exported must also be JSON in its one spelling.
            let line = Line::parse(bytes).map_err(|why| ChainError::Unreadable { seq, why })?;
            if seq == 0 {
                run = Some(run_of(&line)?);
            }
            if let Some(key) = key_of(&line)? {
                keys.insert(seq, key);
            }
            if wanted.contains(&seq) {
                heads.insert(seq, chain.head());
            }
        }
        let run = run.ok_or(ChainError::Empty)?;
        Ok(Self { run, head: chain.head(), keys, heads })
    }

    /// Each key that the journal names has its file, with that key and nothing else, and there is no other.
    fn key_faults(&self, bundle: &Bundle) -> Vec<Fault> {
        let mut faults = Vec::new();
        for (seq, key) in &self.keys {
            let entry = Entry::JournalKey { since: *seq };
            if bundle.get(&entry) != Some(journal_key_file(key).as_bytes()) {
                faults.push(Fault::KeyFile { file: entry.to_string(), seq: *seq });
            }
        }
        for (entry, _) in bundle.files() {
            if let Entry::JournalKey { since } = entry
                && !self.keys.contains_key(since)
            {
                faults.push(Fault::StrayKeyFile { file: entry.to_string(), seq: *since });
            }
        }
        faults
    }

    fn check_heads(&self, bundle: &Bundle, check: &mut Check<'_>, faults: &mut Vec<Fault>) -> Vec<u64> {
        let numbers: BTreeSet<u64> = head_numbers(bundle).collect();
        let mut good = Vec::new();
        for seq in numbers {
            match self.check_head(bundle, seq, check) {
                Ok(()) => good.push(seq),
                Err(fault) => faults.push(fault),
            }
        }
        good
    }

    fn check_head(&self, bundle: &Bundle, seq: u64, check: &mut Check<'_>) -> Result<(), Fault> {
        let (document, signature) = pair(bundle, &Entry::Head { seq }, &Entry::HeadSignature { seq })?;
        let file = Entry::Head { seq }.to_string();
        let text = HeadText::parse(document).map_err(|why| Fault::Text { file: file.clone(), why })?;
        self.same_run(&file, text.run())?;
        let expected = self.heads.get(&seq).map_or_else(|| "no such line".to_owned(), Head::to_string);
        let found = text.head().to_string();
        if found != expected {
            return Err(Fault::OtherHead { file, expected, found });
        }
        let file = Entry::HeadSignature { seq }.to_string();
        let Some((_, key)) = self.keys.range(..=seq).next_back() else {
            let why = "the journal names no key up to this line".to_owned();
            return Err(Fault::Signature { file, why });
        };
        check(Signed { by: Signer::RunKey(key), namespace: HEAD_NAMESPACE, document, signature })
            .map_err(|why| Fault::Signature { file, why })
    }

    /// Lines that no signed head covers soon enough. The last stretch may be open: the close record covers it.
    fn check_distances(&self, signed: &[u64], faults: &mut Vec<Fault>) {
        let mut covered = 0;
        for end in signed.iter().map(|seq| seq + 1).chain([self.head.entries()]) {
            if end.saturating_sub(covered) > MOST_UNSIGNED_LINES {
                faults.push(Fault::Unsigned { from: covered, to: end - 1 });
            }
            covered = end;
        }
    }

    /// The close record with those whose signature on it is good; `None` if nobody's is.
    fn check_close(&self, bundle: &Bundle, check: &mut Check<'_>, faults: &mut Vec<Fault>) -> Option<Closing> {
        let signatures: Vec<(&Principal, &[u8])> = bundle
            .files()
            .filter_map(|(entry, bytes)| match entry {
                Entry::CloseSignature(by) => Some((by, bytes)),
                _ => None,
            })
            .collect();
        let file = Entry::Close.to_string();
        let Some(document) = bundle.get(&Entry::Close) else {
            faults.extend(signatures.iter().map(|(by, _)| {
                let because_of = Entry::CloseSignature((*by).clone()).to_string();
                Fault::Partner { file: file.clone(), because_of }
            }));
            return None;
        };
        let close = match self.read_close(&file, document) {
            Ok(close) => close,
            Err(fault) => {
                faults.push(fault);
                return None;
            }
        };
        let mut good = Vec::new();
        for (by, signature) in signatures {
            let signed = Signed { by: Signer::Operator(by), namespace: CLOSE_NAMESPACE, document, signature };
            match check(signed) {
                Ok(()) => good.push(by.clone()),
                Err(why) => {
                    faults.push(Fault::Signature { file: Entry::CloseSignature(by.clone()).to_string(), why });
                }
            }
        }
        if good.is_empty() {
            faults.push(Fault::UnsignedClose { file });
            return None;
        }
        Some(Closing { close, by: good })
    }

    fn read_close(&self, file: &str, document: &[u8]) -> Result<Close, Fault> {
        let close = Close::parse(document).map_err(|why| Fault::Text { file: file.to_owned(), why })?;
        self.same_run(file, close.run())?;
        if *close.head() != self.head {
            let (expected, found) = (self.head.to_string(), close.head().to_string());
            return Err(Fault::OtherHead { file: file.to_owned(), expected, found });
        }
        Ok(close)
    }

    fn same_run(&self, file: &str, found: &RunId) -> Result<(), Fault> {
        if *found == self.run {
            return Ok(());
        }
        Err(Fault::OtherRun { file: file.to_owned(), expected: self.run.clone(), found: found.clone() })
    }
}

/// The numbers of all heads of which the bundle has at least one of the two files.
fn head_numbers(bundle: &Bundle) -> impl Iterator<Item = u64> {
    bundle.files().filter_map(|(entry, _)| match entry {
        Entry::Head { seq } | Entry::HeadSignature { seq } => Some(*seq),
        _ => None,
    })
}

fn pair<'a>(bundle: &'a Bundle, text: &Entry, signature: &Entry) -> Result<(&'a [u8], &'a [u8]), Fault> {
    let missing = |file: &Entry, because_of: &Entry| Fault::Partner {
        file: file.to_string(),
        because_of: because_of.to_string(),
    };
    match (bundle.get(text), bundle.get(signature)) {
        (Some(document), Some(bytes)) => Ok((document, bytes)),
        (None, _) => Err(missing(text, signature)),
        (_, None) => Err(missing(signature, text)),
    }
}

fn run_of(line: &Line) -> Result<RunId, Fault> {
    #[derive(Deserialize)]
    struct Opening {
        run: RunId,
    }
    serde_json::from_str::<Opening>(line.payload())
        .map(|opening| opening.run)
        .map_err(|error| Fault::NoRun { why: printable(&error.to_string()) })
}

/// The key of the run that this line names, at the top level of its payload.
fn key_of(line: &Line) -> Result<Option<String>, Fault> {
    #[derive(Deserialize)]
    struct Naming {
        journal_key: Option<String>,
    }
    // Most lines name none, and looking for the word is much cheaper than reading the JSON. The word may also be
    // written with an escape; our own writer never does that, and a reader who did would find no key and say so.
    if !line.payload().contains("journal_key") {
        return Ok(None);
    }
    let bad = |found: &str| {
        let found = printable(&found.chars().take(80).collect::<String>());
        Fault::BadKey { seq: line.seq(), found }
    };
    let naming: Naming = serde_json::from_str(line.payload()).map_err(|error| bad(&error.to_string()))?;
    match naming.journal_key {
        Some(key) if !is_base64(&key) => Err(bad(&key)),
        key => Ok(key),
    }
}

fn is_base64(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"+/=".contains(&b))
}
