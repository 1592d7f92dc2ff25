//! From a stored run to a bundle, and from a bundle to a verdict. Reads and writes; what is right is judged in
//! `domain::journal::audit` and `domain::journal::bundle`.

use std::collections::BTreeMap;
use std::path::Path;

use crate::domain::approval::trust::Trust;
use crate::domain::base::text::count;
use crate::domain::base::{Digest, Principal, RunId, Timestamp};
use crate::domain::journal::bundle::{Bundle, Entry, project};
use crate::domain::journal::line::Line;
use crate::domain::journal::record::{Ending, NoRecord};
use crate::domain::journal::verify::{Fault, Verified, close_text, close_verifies, ending_of, verify_bundle};
use crate::store::bundle_files::{BundleFileError, read_bundle};
use crate::store::{Journal, StoreError};

/// How many lines are read at once.
const PAGE: usize = 500;

/// Why a run cannot be exported.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    NoRecord(#[from] NoRecord),
}

/// A bundle, and what was left out of it.
#[derive(Debug, Clone)]
pub struct Exported {
    pub bundle: Bundle,
    /// How the run ended; `None` if it has not.
    pub ended: Option<Ending>,
    /// Who has signed how it ended.
    pub closed_by: Vec<Principal>,
    /// Signatures on the close record that are none, with the reason.
    pub passed_over: Vec<(Principal, String)>,
}

/// Every line of a run.
pub async fn all_lines<S: Journal>(store: &S, run: &RunId) -> Result<Vec<Line>, StoreError> {
    let mut lines: Vec<Line> = Vec::new();
    loop {
        let from = lines.last().map_or(0, |line| line.seq() + 1);
        let page = store.read(run, from, PAGE).await?;
        if page.is_empty() {
            return Ok(lines);
        }
        lines.extend(page);
    }
}

/// Makes the bundle of a run with the trust files it was approved under and the signatures on its end, as
/// [`super::trust_files::read`] and [`super::close_files::signatures`] found them.
pub async fn export<S: Journal>(
    store: &S,
    run: &RunId,
    trust: &super::trust_files::Anchored,
    closes: &BTreeMap<Principal, String>,
) -> Result<Exported, ExportError> {
    let lines = all_lines(store, run).await?;
    let mut bundle = project(&lines)?;
    for (entry, bytes) in &trust.files {
        bundle.put(entry.clone(), bytes.clone());
    }
    let ended = ending_of(&lines)?;
    let (mut closed_by, mut passed_over) = (Vec::new(), Vec::new());
    if let Some(close) = ended.and_then(|ending| close_text(run, &lines, ending)) {
        for (by, armored) in closes {
            match close_verifies(&trust.versions, by, &close, armored, latest(&lines)) {
                Ok(()) => {
                    bundle.put(Entry::Close, close.clone().into_bytes());
                    bundle.put(Entry::CloseSignature(by.clone()), armored.clone().into_bytes());
                    closed_by.push(by.clone());
                }
                Err(why) => passed_over.push((by.clone(), why)),
            }
        }
    }
    Ok(Exported { bundle, ended, closed_by, passed_over })
}

fn latest(lines: &[Line]) -> Timestamp {
    lines.last().map_or(Timestamp::from_millis(0), Line::at)
}

/// Why a directory is not a verified bundle.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    #[error(transparent)]
    Files(#[from] BundleFileError),
    #[error("{}; the first: {}", count(.0.len(), "fault"), .0.first().map(ToString::to_string).unwrap_or_default())]
    Faults(Vec<Fault>),
}

/// Verifies an exported bundle, offline. Without an anchor its first version of trust vouches for itself, and the
/// answer names its digest to compare.
pub fn verify(bundle: &Path, anchor: Option<&Digest>) -> Result<Verified, VerifyError> {
    verify_bundle(&read_bundle(bundle)?, anchor).map_err(VerifyError::Faults)
}

/// What an operator signs to close a run (namespace `close@countersign`); `None` while the run has not ended.
pub async fn text_to_close<S: Journal>(store: &S, run: &RunId) -> Result<Option<String>, ExportError> {
    let lines = all_lines(store, run).await?;
    Ok(ending_of(&lines)?.and_then(|ending| close_text(run, &lines, ending)))
}

/// Checks a signature before it is kept with [`super::close_files::put`].
pub fn check_close(trust: &Trust, by: &Principal, close: &str, armored: &str, now: Timestamp) -> Result<(), String> {
    close_verifies(std::slice::from_ref(trust), by, close, armored, now)
}
