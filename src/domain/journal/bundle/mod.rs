//! The bundle of a run for an auditor: which files it has, and that journal, heads and close record fit together.
//!
//! A bundle is a value here, paths and bytes; the shell reads and writes the files. The set of paths is closed, so a
//! path that leads elsewhere is simply not one of them. Approvals, inputs and trust files are carried but not judged
//! here, and signatures are checked by a function that the caller passes in.

mod entry;
mod project;
mod trust;
mod verify;

use std::collections::BTreeMap;

pub use entry::{Entry, InputPart, RequestPart, TrustPart};
pub use project::project;
pub use trust::{TrustFault, trust_versions};
pub use verify::{Audit, Closing, Fault, MOST_UNSIGNED_LINES, Signed, Signer, journal_key_file, verify};

use crate::domain::base::text::printable;

/// Why some files are not a bundle.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BundleError {
    #[error("`{path}` does not belong in a bundle: expected only the files that `journal export` writes")]
    UnknownPath { path: String },
    #[error("`{path}` is in the bundle twice: export it again")]
    Twice { path: String },
    #[error("the bundle has no `{path}`: export it again")]
    Missing { path: String },
}

/// The files of one run.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Bundle {
    files: BTreeMap<Entry, Vec<u8>>,
}

impl Bundle {
    /// Takes in files as they were found. All of them are looked at, so the answer names everything that is wrong.
    pub fn read<'a>(found: impl IntoIterator<Item = (&'a str, Vec<u8>)>) -> Result<Self, Vec<BundleError>> {
        let (mut bundle, mut errors) = (Self::default(), Vec::new());
        for (path, bytes) in found {
            let shown = || printable(&path.chars().take(200).collect::<String>());
            match Entry::parse(path) {
                None => errors.push(BundleError::UnknownPath { path: shown() }),
                Some(entry) if bundle.files.contains_key(&entry) => {
                    errors.push(BundleError::Twice { path: shown() });
                }
                Some(entry) => bundle.put(entry, bytes),
            }
        }
        if !bundle.files.contains_key(&Entry::Journal) {
            errors.push(BundleError::Missing { path: Entry::Journal.to_string() });
        }
        if errors.is_empty() { Ok(bundle) } else { Err(errors) }
    }

    /// Adds or replaces one file.
    pub fn put(&mut self, entry: Entry, bytes: Vec<u8>) {
        self.files.insert(entry, bytes);
    }

    pub fn get(&self, entry: &Entry) -> Option<&[u8]> {
        self.files.get(entry).map(Vec::as_slice)
    }

    /// Every file, in the order of its path's parts.
    pub fn files(&self) -> impl Iterator<Item = (&Entry, &[u8])> {
        self.files.iter().map(|(entry, bytes)| (entry, bytes.as_slice()))
    }
}

#[cfg(test)]
mod tests;
