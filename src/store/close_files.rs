//! Operators' signatures on how a run ended.
//!
//! The text that they sign follows from the journal, so only signatures are kept, as `STATE/closed/RUN.WHO.sig`. The
//! directory lets operators add files and lets nobody remove those of others; a file that is no good signature proves
//! nothing and is passed over with a word, so it needs no guard.

use std::collections::BTreeMap;
use std::fs::{self, DirBuilder, OpenOptions, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use crate::domain::base::{Principal, RunId};
use crate::store::trust_files::{TrustFileError, read_capped};

/// Operators' group may add and read; the sticky bit keeps each file its owner's.
const MODE: u32 = 0o3770;

/// Makes the directory, so that operators who may not write elsewhere can add to it.
pub fn prepare(state: &Path) -> Result<(), TrustFileError> {
    let directory = state.join("closed");
    match DirBuilder::new().mode(0o700).create(&directory) {
        // The mode given on making is cut by the process's mask, and the group could then add nothing.
        Ok(()) => fs::set_permissions(&directory, Permissions::from_mode(MODE)).map_err(failed("open", &directory)),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(failed("make", &directory)(error)),
    }
}

/// Keeps one signature. Whoever signed before is not replaced.
pub fn put(state: &Path, run: &RunId, by: &Principal, armored: &str) -> Result<PathBuf, TrustFileError> {
    prepare(state)?;
    let path = state.join("closed").join(format!("{run}.{by}.sig"));
    let write = || {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o640).open(&path)?;
        file.write_all(armored.as_bytes())?;
        file.sync_all()
    };
    write().map_err(failed("write", &path))?;
    Ok(path)
}

/// The signatures that were left for `run`, unchecked, by the name they came under.
pub fn signatures(state: &Path, run: &RunId) -> Result<BTreeMap<Principal, String>, TrustFileError> {
    let directory = state.join("closed");
    let mut found = BTreeMap::new();
    let listed = match fs::read_dir(&directory) {
        Ok(listed) => listed,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(found),
        Err(error) => return Err(failed("list", &directory)(error)),
    };
    let prefix = format!("{run}.");
    for entry in listed {
        let entry = entry.map_err(failed("list", &directory))?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let by = name.strip_prefix(&prefix).and_then(|rest| rest.strip_suffix(".sig"));
        if let Some(by) = by.and_then(|by| Principal::parse(by).ok()) {
            found.insert(by, String::from_utf8_lossy(&read_capped(&entry.path())?).into_owned());
        }
    }
    Ok(found)
}

fn failed(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> TrustFileError {
    let path = path.to_owned();
    move |source| TrustFileError::Io { doing, path, source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signatures_are_kept_by_run_and_name_and_never_replaced() {
        let state = tempfile::tempdir().unwrap();
        let (run, other) = (RunId::parse("r-1").unwrap(), RunId::parse("r-12").unwrap());
        let [ana, bob] = ["ana", "bob@example.org"].map(|name| Principal::parse(name).unwrap());
        assert_eq!(signatures(state.path(), &run).unwrap(), BTreeMap::new());
        put(state.path(), &run, &ana, "first").unwrap();
        put(state.path(), &run, &bob, "of bob").unwrap();
        put(state.path(), &other, &ana, "of another run").unwrap();
        assert!(put(state.path(), &run, &ana, "second").is_err());
        let found = signatures(state.path(), &run).unwrap();
        assert_eq!(found, BTreeMap::from([(ana, "first".to_owned()), (bob, "of bob".to_owned())]));
    }

    #[test]
    fn operators_may_add_and_not_remove_each_others() {
        let state = tempfile::tempdir().unwrap();
        prepare(state.path()).unwrap();
        prepare(state.path()).unwrap();
        let mode = fs::metadata(state.path().join("closed")).unwrap().permissions().mode() & 0o7777;
        assert_eq!(mode & 0o1777, MODE & 0o1777, "{mode:o}");
    }
}
