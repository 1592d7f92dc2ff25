//! The trust of a state directory: made once, read on every start.
//!
//! ```text
//! STATE/trust/            0755
//!   anchor                0644   the digest of trust/1/trust.txt
//!   N/                    0755   trust.txt operators policy.yaml revoked_keys, and trust.txt.WHO.sig from version 2 on
//! ```
//!
//! What the files mean is `domain::approval::trust`. Here: nothing is written unless all of it is good, and an anchor
//! that others could have changed is not believed.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use crate::domain::approval::document::DocumentError;
use crate::domain::approval::policy::{Policy, PolicyError};
use crate::domain::approval::roster::{Operator, RevokedKeys, Roster, RosterProblem};
use crate::domain::approval::sshsig::Verb;
use crate::domain::approval::trust::{Trust, TrustError, TrustFiles, TrustText, smallest_threshold};
use crate::domain::base::text::{count, hex, printable};
use crate::domain::base::{Danger, Digest, Principal, Timestamp};
use crate::domain::journal::bundle::{Bundle, Entry, TrustFault, trust_versions};
use crate::keys::{KeyError, read_public_key};

/// The largest file that is read.
const LARGEST: u64 = 512 * 1024;

/// Why there is no trust.
#[derive(Debug, thiserror::Error)]
pub enum TrustFileError {
    #[error("`{}` exists already: propose a new version with `countersign trust propose`, or use another `--state`", path.display())]
    Exists { path: PathBuf },
    #[error("`{}` is missing: make it with `countersign trust init --operator NAME=KEY.pub ...`", path.display())]
    NoTrust { path: PathBuf },
    #[error(
        "others may change `{}` (mode {mode:03o}), so nothing it says can be believed: \
         compare the anchor with a copy of yours, then `chmod go-w` it", path.display()
    )]
    Exposed { path: PathBuf, mode: u32 },
    #[error("`{}` is not an anchor: expected 64 lower-case hex digits and a line feed, found `{found}`", path.display())]
    Anchor { path: PathBuf, found: String },
    #[error("the trust here is anchored at `{found}` and yours at `{expected}`: find out who made it before you go on")]
    OtherAnchor { expected: Digest, found: Digest },
    #[error("no operator is named: give `--operator NAME=KEY.pub`, once for each person")]
    Nobody,
    #[error("the key of `{operator}`: {why}")]
    Key { operator: Principal, why: KeyError },
    #[error("{0}")]
    Roster(RosterProblem),
    #[error("`{}`: {why}", path.display())]
    Policy { path: PathBuf, why: PolicyError },
    #[error(transparent)]
    Document(#[from] DocumentError),
    #[error(transparent)]
    Trust(#[from] TrustError),
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Versions(Vec<TrustFault>),
    #[error("cannot {doing} `{}`: {source}", path.display())]
    Io { doing: &'static str, path: PathBuf, source: io::Error },
}

fn failed(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> TrustFileError {
    let path = path.to_owned();
    move |source| TrustFileError::Io { doing, path, source }
}

/// What `init` made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Made {
    /// What every reviewer and auditor keeps a copy of.
    pub anchor: Digest,
    /// What works, but not for long.
    pub warnings: Vec<String>,
}

/// Makes version 1: these operators with these public keys, this policy or the default one.
pub fn init(
    state: &Path,
    operators: &[(Principal, PathBuf)],
    policy: Option<&Path>,
    now: Timestamp,
) -> Result<Made, TrustFileError> {
    let target = state.join("trust");
    if fs::symlink_metadata(&target).is_ok() {
        return Err(TrustFileError::Exists { path: target });
    }
    let files = first_version(&read_operators(operators)?, &read_policy(policy)?, now)?;
    let anchor = Digest::of(files.trust.as_bytes());
    let trust = Trust::anchored(files.borrowed(), &anchor)?;
    write_whole(state, &target, &files, &anchor)?;
    Ok(Made { anchor, warnings: warnings(&trust) })
}

fn read_operators(operators: &[(Principal, PathBuf)]) -> Result<Roster, TrustFileError> {
    if operators.is_empty() {
        return Err(TrustFileError::Nobody);
    }
    let read = |(principal, path): &(Principal, PathBuf)| {
        let key = read_public_key(path);
        key.map(|key| Operator::new(principal.clone(), key))
            .map_err(|why| TrustFileError::Key { operator: principal.clone(), why })
    };
    let operators = operators.iter().map(read).collect::<Result<Vec<_>, _>>()?;
    Roster::new(operators).map_err(|error| TrustFileError::Roster(error.problem))
}

fn read_policy(path: Option<&Path>) -> Result<String, TrustFileError> {
    let Some(path) = path else { return Ok(Policy::default_text().to_owned()) };
    let bytes = read_capped(path)?;
    Policy::parse(&bytes).map_err(|why| TrustFileError::Policy { path: path.to_owned(), why })?;
    // The policy was parsed, so it is ASCII.
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// The four files of version 1.
struct Files {
    trust: String,
    operators: String,
    policy: String,
    revoked_keys: String,
}

impl Files {
    fn borrowed(&self) -> TrustFiles<'_> {
        TrustFiles {
            trust: self.trust.as_bytes(),
            operators: self.operators.as_bytes(),
            policy: self.policy.as_bytes(),
            revoked_keys: self.revoked_keys.as_bytes(),
        }
    }
}

fn first_version(roster: &Roster, policy: &str, now: Timestamp) -> Result<Files, TrustFileError> {
    let (operators, revoked_keys) = (roster.render(), RevokedKeys::default().render());
    let text = TrustText {
        serial: 1,
        previous: Digest::zero(),
        created: now,
        threshold: smallest_threshold(roster),
        operators: Digest::of(operators.as_bytes()),
        policy: Digest::of(policy.as_bytes()),
        revoked_keys: Digest::of(revoked_keys.as_bytes()),
    };
    Ok(Files { trust: text.render()?, operators, policy: policy.to_owned(), revoked_keys })
}

/// All files in a new directory beside the target, which then takes its name: there is no half trust.
fn write_whole(state: &Path, target: &Path, files: &Files, anchor: &Digest) -> Result<(), TrustFileError> {
    make_state(state)?;
    let mut random = [0; 8];
    getrandom::fill(&mut random).map_err(|error| failed("name a directory in", state)(io::Error::other(error)))?;
    let unfinished = state.join(format!(".new-trust-{}", hex(&random)));
    let write = || {
        let version = unfinished.join("1");
        make_directory(&unfinished)?;
        make_directory(&version)?;
        write_file(&version.join("trust.txt"), files.trust.as_bytes())?;
        write_file(&version.join("operators"), files.operators.as_bytes())?;
        write_file(&version.join("policy.yaml"), files.policy.as_bytes())?;
        write_file(&version.join("revoked_keys"), files.revoked_keys.as_bytes())?;
        write_file(&unfinished.join("anchor"), format!("{anchor}\n").as_bytes())?;
        sync(&version)?;
        sync(&unfinished)?;
        fs::rename(&unfinished, target).map_err(failed("put in place", target))?;
        sync(state)
    };
    let written = write();
    if written.is_err() {
        // What stands there is not used by anybody; the error that led here says more than one about tidying up.
        let _ = fs::remove_dir_all(&unfinished);
    }
    written
}

/// The mode is that of a state directory; an existing one keeps its own.
fn make_state(state: &Path) -> Result<(), TrustFileError> {
    if state.is_dir() {
        return Ok(());
    }
    DirBuilder::new().recursive(true).mode(0o2750).create(state).map_err(failed("make", state))
}

fn make_directory(path: &Path) -> Result<(), TrustFileError> {
    DirBuilder::new().mode(0o755).create(path).map_err(failed("make", path))
}

fn write_file(path: &Path, bytes: &[u8]) -> Result<(), TrustFileError> {
    let write = || {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o644).open(path)?;
        file.write_all(bytes)?;
        file.sync_all()
    };
    write().map_err(failed("write", path))
}

fn sync(directory: &Path) -> Result<(), TrustFileError> {
    fs::File::open(directory).and_then(|opened| opened.sync_all()).map_err(failed("write", directory))
}

/// What a person should know before an incident shows it.
fn people_of(number: u8) -> String {
    if number == 1 { "1 person".to_owned() } else { format!("{number} people") }
}

fn warnings(trust: &Trust) -> Vec<String> {
    let people = trust.roster().principals(Verb::Approve);
    let mut warnings = Vec::new();
    for danger in Danger::ALL {
        let rule = trust.policy().rule(danger);
        let can = rule.from().map_or(people.len(), BTreeSet::len);
        if can < usize::from(rule.approvals()) {
            warnings.push(format!(
                "nothing {danger} can ever run: it needs {} and {can} can approve; add operators",
                people_of(rule.approvals())
            ));
        }
    }
    if people.len() == 2 {
        warnings.push("with two operators, nothing destructive runs while one is away; add a third".to_owned());
    }
    warnings
}

/// The trust in force, checked from the state directory's own anchor on.
pub fn load(state: &Path) -> Result<Trust, TrustFileError> {
    newest(read(state)?)
}

/// The trust in force, checked from an anchor that the reader keeps elsewhere.
pub fn load_anchored(state: &Path, anchor: &Digest) -> Result<Trust, TrustFileError> {
    let trust = read(state)?;
    if trust.anchor != *anchor {
        return Err(TrustFileError::OtherAnchor { expected: anchor.clone(), found: trust.anchor });
    }
    newest(trust)
}

fn newest(trust: Anchored) -> Result<Trust, TrustFileError> {
    let missing = TrustFault::Missing { file: "trust/1/trust.txt".to_owned() };
    trust.versions.into_iter().next_back().ok_or_else(|| TrustFileError::Versions(vec![missing]))
}

/// Every version of a state directory, verified, and its files as a bundle carries them.
#[derive(Debug, Clone)]
pub struct Anchored {
    pub anchor: Digest,
    /// Oldest first.
    pub versions: Vec<Trust>,
    pub files: BTreeMap<Entry, Vec<u8>>,
}

/// Reads and verifies all versions.
pub fn read(state: &Path) -> Result<Anchored, TrustFileError> {
    let directory = state.join("trust");
    if !directory.is_dir() {
        return Err(TrustFileError::NoTrust { path: directory });
    }
    let anchor = read_anchor(&directory)?;
    let files = read_versions(&directory)?;
    let mut bundle = Bundle::default();
    for (entry, bytes) in &files {
        bundle.put(entry.clone(), bytes.clone());
    }
    let versions = trust_versions(&bundle, Some(&anchor)).map_err(TrustFileError::Versions)?;
    Ok(Anchored { anchor, versions, files })
}

fn read_anchor(directory: &Path) -> Result<Digest, TrustFileError> {
    let path = directory.join("anchor");
    // Whoever may rename files in the directory can put another anchor there.
    for checked in [directory, &path] {
        let mode = fs::symlink_metadata(checked).map_err(failed("look at", checked))?.mode() & 0o7777;
        if mode & 0o022 != 0 {
            return Err(TrustFileError::Exposed { path: checked.to_owned(), mode: mode & 0o777 });
        }
    }
    let bytes = read_capped(&path)?;
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let digest = text.strip_suffix('\n').and_then(|digest| Digest::parse(digest).ok());
    digest.ok_or_else(|| TrustFileError::Anchor { path, found: printable(text.get(..80).unwrap_or(&text)) })
}

/// The files of `trust/N/` that a bundle knows. Others (drafts, editors' copies) are nobody's business here.
fn read_versions(directory: &Path) -> Result<BTreeMap<Entry, Vec<u8>>, TrustFileError> {
    let mut files = BTreeMap::new();
    for version in fs::read_dir(directory).map_err(failed("list", directory))? {
        let version = version.map_err(failed("list", directory))?;
        let name = version.file_name().to_string_lossy().into_owned();
        let is_version = name.parse::<u64>().is_ok() && version.file_type().is_ok_and(|kind| kind.is_dir());
        if !is_version {
            continue;
        }
        for file in fs::read_dir(version.path()).map_err(failed("list", &version.path()))? {
            let file = file.map_err(failed("list", &version.path()))?;
            let entry = Entry::parse(&format!("trust/{name}/{}", file.file_name().to_string_lossy()));
            if let Some(entry @ Entry::Trust { .. }) = entry {
                files.insert(entry, read_capped(&file.path())?);
            }
        }
    }
    Ok(files)
}

/// A regular file of sensible size; a link is not followed and a pipe is not waited for.
pub(super) fn read_capped(path: &Path) -> Result<Vec<u8>, TrustFileError> {
    let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
    let read = || {
        let flags = i32::try_from(flags.bits()).map_err(io::Error::other)?;
        let file = OpenOptions::new().read(true).custom_flags(flags).open(path)?;
        let metadata = file.metadata()?;
        if !metadata.is_file() || metadata.len() > LARGEST {
            return Err(io::Error::other(format!("expected a regular file of at most {LARGEST} bytes")));
        }
        let mut bytes = Vec::new();
        file.take(LARGEST).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    read().map_err(failed("read", path))
}

/// One line for each thing that `trust show` says.
pub fn show(trust: &Trust) -> Vec<String> {
    let mut lines = vec![
        format!("version {} of {}", trust.serial(), trust.created().to_seconds()),
        format!("trust.txt sha256 {}", trust.digest()),
        format!("the next version needs {} of these operators", trust.threshold()),
    ];
    for operator in trust.roster().operators() {
        let mut line = format!("operator {} {}", operator.principal, operator.key.fingerprint());
        if trust.revoked().contains(&operator.key) {
            line.push_str(" REVOKED");
        }
        if let Some(expires) = operator.valid_before {
            line = format!("{line} until {}", expires.to_seconds());
        }
        lines.push(line);
    }
    for danger in Danger::ALL {
        let rule = trust.policy().rule(danger);
        lines.push(format!(
            "{danger} needs {}, {} with their own measurement, within {}",
            count(rule.approvals().into(), "approval"),
            rule.own_measurement(),
            rule.max_age()
        ));
    }
    lines
}

#[cfg(test)]
#[path = "trust_files/tests.rs"]
mod tests;
