//! The versions of trust that a bundle carries, read as one chain from the anchored one on.

use super::{Bundle, Entry, TrustPart};
use crate::domain::approval::sshsig::Verb;
use crate::domain::approval::trust::{Trust, TrustError, TrustFiles, TrustText};
use crate::domain::base::{Digest, Principal};

/// What is wrong with the trust files.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TrustFault {
    #[error("`{file}` is missing")]
    Missing { file: String },
    #[error("`trust/{serial}`: {why}")]
    Version { serial: u64, why: TrustError },
    #[error("`{file}` is not a signature of `{principal}` on this version, by the version before it: {why}")]
    Signature { file: String, principal: Principal, why: String },
    #[error("`{file}` is there, but the versions before it are not all good")]
    Stray { file: String },
}

/// The verified versions, oldest first: serials 1, 2, and so on without a gap. `anchor` is the digest that version 1
/// must have; without one it vouches for itself, and whoever reads the result compares its digest.
pub fn trust_versions(bundle: &Bundle, anchor: Option<&Digest>) -> Result<Vec<Trust>, Vec<TrustFault>> {
    let (mut versions, mut faults): (Vec<Trust>, Vec<TrustFault>) = (Vec::new(), Vec::new());
    for serial in 1.. {
        let present = bundle.get(&Entry::Trust { serial, part: TrustPart::Text }).is_some();
        if !present && serial > 1 {
            break;
        }
        match version(bundle, serial, versions.last(), anchor) {
            Ok(trust) => versions.push(trust),
            Err(found) => {
                faults.extend(found);
                break;
            }
        }
    }
    faults.extend(strays(bundle, versions.len() as u64, faults.is_empty()));
    if faults.is_empty() { Ok(versions) } else { Err(faults) }
}

fn version(
    bundle: &Bundle,
    serial: u64,
    before: Option<&Trust>,
    anchor: Option<&Digest>,
) -> Result<Trust, Vec<TrustFault>> {
    let part = |part| {
        let entry = Entry::Trust { serial, part };
        bundle.get(&entry).ok_or_else(|| vec![TrustFault::Missing { file: entry.to_string() }])
    };
    let files = TrustFiles {
        trust: part(TrustPart::Text)?,
        operators: part(TrustPart::Operators)?,
        policy: part(TrustPart::Policy)?,
        revoked_keys: part(TrustPart::RevokedKeys)?,
    };
    let failed = |why| vec![TrustFault::Version { serial, why }];
    let signatures = signatures(bundle, serial);
    match before {
        None => {
            let own = Digest::of(files.trust);
            Trust::anchored(files, anchor.unwrap_or(&own)).map_err(failed)
        }
        Some(before) => {
            let good = named(&signatures, serial, before, files.trust)?;
            before.adopted(files, &good).map_err(failed)
        }
    }
}

/// The signatures of a version, each checked to be by the principal whose name its file carries.
fn named<'a>(
    signatures: &[(&Principal, &'a [u8])],
    serial: u64,
    before: &Trust,
    trust: &[u8],
) -> Result<Vec<&'a str>, Vec<TrustFault>> {
    let created = TrustText::parse(trust)
        .map_err(|why| vec![TrustFault::Version { serial, why: TrustError::Document(why) }])?
        .created;
    let (mut good, mut faults) = (Vec::new(), Vec::new());
    for (principal, bytes) in signatures {
        let text = std::str::from_utf8(bytes).map_err(|error| error.to_string());
        let checked = text.and_then(|text| match before.verify(text, Verb::Trust, trust, created) {
            Ok(signature) if signature.principal() == *principal => Ok(text),
            Ok(signature) => Err(format!("it is one of `{}`", signature.principal())),
            Err(why) => Err(why.to_string()),
        });
        match checked {
            Ok(text) => good.push(text),
            Err(why) => {
                let file = Entry::Trust { serial, part: TrustPart::Signature((*principal).clone()) }.to_string();
                faults.push(TrustFault::Signature { file, principal: (*principal).clone(), why });
            }
        }
    }
    if faults.is_empty() { Ok(good) } else { Err(faults) }
}

fn signatures(bundle: &Bundle, serial: u64) -> Vec<(&Principal, &[u8])> {
    let of_version = |(entry, bytes)| match entry {
        &Entry::Trust { serial: found, part: TrustPart::Signature(ref by) } if found == serial => Some((by, bytes)),
        _ => None,
    };
    bundle.files().filter_map(of_version).collect()
}

/// Files of versions behind the last good one, which nothing leads to.
fn strays(bundle: &Bundle, good: u64, complete: bool) -> Vec<TrustFault> {
    let after = if complete { good } else { good + 1 };
    bundle
        .files()
        .filter_map(|(entry, _)| match entry {
            Entry::Trust { serial, .. } if *serial > after => Some(TrustFault::Stray { file: entry.to_string() }),
            _ => None,
        })
        .collect()
}
