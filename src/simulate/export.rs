//! A simulated run as a bundle: what `countersign replay` and `countersign journal verify` read, as they read a real one.

use std::path::Path;

use super::people;
use super::run::Report;
use crate::domain::approval::policy::Policy;
use crate::domain::journal::bundle::{Bundle, Entry, TrustPart, project};
use crate::store::bundle_files::write_bundle;

/// The bundle of a run that was simulated with the product as it is.
pub fn bundle(report: &Report) -> Result<Bundle, String> {
    let mut bundle = project(&report.journal).map_err(|error| error.to_string())?;
    let texts = people::trust_texts(Policy::default_text(), &[])?;
    let parts = [
        (TrustPart::Text, texts.trust),
        (TrustPart::Operators, texts.operators),
        (TrustPart::RevokedKeys, texts.revoked_keys),
        (TrustPart::Policy, texts.policy),
    ];
    for (part, text) in parts {
        bundle.put(Entry::Trust { serial: 1, part }, text.into_bytes());
    }
    Ok(bundle)
}

/// Writes it as the new directory `target`.
pub fn write(report: &Report, target: &Path) -> Result<(), String> {
    write_bundle(target, &bundle(report)?).map_err(|error| error.to_string())
}
