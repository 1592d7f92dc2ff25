//! The state directory: its paths, its modes, and files that appear whole or not at all.
//!
//! Nothing here opens a database.

use std::fs::{self, DirBuilder, File, Metadata, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use crate::domain::base::{RunId, text::hex};
use crate::store::StoreError;

const DIRECTORY_MODE: u32 = 0o2750;
const INBOX_MODE: u32 = 0o3730;
pub(super) const FILE_MODE: u32 = 0o640;

/// The paths of one run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RunFiles {
    directory: PathBuf,
}

impl RunFiles {
    pub(super) fn new(root: &Path, run: &RunId) -> Self {
        Self { directory: root.join("runs").join(run.as_str()) }
    }

    /// A run that is being made, under a name that no run can have.
    pub(super) fn unfinished(&self) -> Result<Self, StoreError> {
        let name = format!(".new-{}", hex(&random()?.to_be_bytes()));
        Ok(Self { directory: self.directory.with_file_name(name) })
    }

    pub(super) fn directory(&self) -> &Path {
        &self.directory
    }

    pub(super) fn journal(&self) -> PathBuf {
        self.directory.join("journal.db")
    }

    pub(super) fn lock(&self) -> PathBuf {
        self.directory.join("lock")
    }

    pub(super) fn live(&self) -> PathBuf {
        self.directory.join("live.json")
    }

    /// That the run exists.
    pub(super) fn require(&self, run: &RunId) -> Result<(), StoreError> {
        match fs::symlink_metadata(&self.directory) {
            Ok(found) if found.is_dir() => Ok(()),
            Ok(_) => Err(StoreError::NoSuchRun { run: run.clone() }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err(StoreError::NoSuchRun { run: run.clone() }),
            Err(error) => Err(StoreError::io("look at", &self.directory, error)),
        }
    }
}

/// Which file a path leads to, so that a replaced one is noticed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Identity {
    device: u64,
    inode: u64,
}

impl Identity {
    pub(super) fn of(metadata: &Metadata) -> Self {
        Self { device: metadata.dev(), inode: metadata.ino() }
    }

    /// Looks without opening: opening and closing a database file here would drop the locks that SQLite holds on it.
    pub(super) fn at(path: &Path) -> Result<Self, StoreError> {
        fs::symlink_metadata(path).map(|found| Self::of(&found)).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => StoreError::Replaced { path: path.to_owned() },
            _ => StoreError::io("look at", path, error),
        })
    }

    /// That `path` still leads to this file.
    pub(super) fn still_at(self, path: &Path) -> Result<(), StoreError> {
        if Self::at(path)? == self { Ok(()) } else { Err(StoreError::Replaced { path: path.to_owned() }) }
    }
}

/// Makes the directories that are missing. Existing ones keep their modes: those are the administrator's choice.
pub(super) fn create(root: &Path) -> Result<(), StoreError> {
    if let Some(parent) = root.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        fs::create_dir_all(parent).map_err(|error| StoreError::io("make", parent, error))?;
    }
    make_directory(root, DIRECTORY_MODE)?;
    make_directory(&root.join("runs"), DIRECTORY_MODE)?;
    make_directory(&inbox(root), INBOX_MODE)
}

/// The absolute path of `root`, if it is a directory. One without runs is a state directory in which none was made yet.
pub(super) fn existing(root: &Path) -> Result<PathBuf, StoreError> {
    let found = fs::canonicalize(root).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => StoreError::NoStateDirectory { path: root.to_owned() },
        _ => StoreError::io("find", root, error),
    })?;
    let runs = found.join("runs");
    match fs::symlink_metadata(&runs) {
        Ok(runs) if runs.is_dir() => Ok(found),
        Ok(_) => Err(StoreError::io("use", runs, io::ErrorKind::NotADirectory.into())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(found),
        Err(error) => Err(StoreError::io("find", runs, error)),
    }
}

pub(super) fn inbox(root: &Path) -> PathBuf {
    root.join("inbox")
}

/// The runs of a state directory, by name.
pub(super) fn runs(root: &Path) -> Result<Vec<RunId>, StoreError> {
    let path = root.join("runs");
    let failed = |error| StoreError::io("list", &path, error);
    let mut found = Vec::new();
    let listed = match fs::read_dir(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(found),
        listed => listed.map_err(failed)?,
    };
    for entry in listed {
        let entry = entry.map_err(failed)?;
        let run = entry.file_name().to_str().and_then(|name| RunId::parse(name).ok());
        if let Some(run) = run.filter(|_| entry.file_type().is_ok_and(|kind| kind.is_dir())) {
            found.push(run);
        }
    }
    found.sort();
    Ok(found)
}

/// Makes one directory with exactly this mode, whatever the umask; an existing one is left alone.
pub(super) fn make_directory(path: &Path, mode: u32) -> Result<(), StoreError> {
    match DirBuilder::new().mode(0o700).create(path) {
        Ok(()) => fs::set_permissions(path, fs::Permissions::from_mode(mode))
            .map_err(|error| StoreError::io("set the mode of", path, error)),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
        Err(error) => Err(StoreError::io("make", path, error)),
    }
}

pub(super) fn make_run_directory(path: &Path) -> Result<(), StoreError> {
    make_directory(path, DIRECTORY_MODE)
}

/// Makes a new file with exactly [`FILE_MODE`].
pub(super) fn make_file(path: &Path, content: &[u8]) -> Result<File, StoreError> {
    let make = || {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
        file.write_all(content)?;
        file.set_permissions(fs::Permissions::from_mode(FILE_MODE))?;
        Ok(file)
    };
    make().map_err(|error| StoreError::io("make", path, error))
}

/// Replaces a file whole, without waiting for the disk. Only the holder of the lease calls this, so one temporary name
/// is enough.
pub(super) fn replace(path: &Path, content: &[u8]) -> Result<(), StoreError> {
    let temporary = path.with_extension("tmp");
    match fs::remove_file(&temporary) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(StoreError::io("remove", &temporary, error));
        }
        _ => {}
    }
    make_file(&temporary, content)?;
    fs::rename(&temporary, path).map_err(|error| StoreError::io("replace", path, error))
}

/// Makes the names in a directory durable.
pub(super) fn sync_directory(path: &Path) -> Result<(), StoreError> {
    let sync = || File::open(path)?.sync_all();
    sync().map_err(|error| StoreError::io("sync", path, error))
}

/// 128 bits of the operating system's randomness.
pub(super) fn random() -> Result<u128, StoreError> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|error| StoreError::Database {
        doing: "get random bytes from",
        path: PathBuf::from("the operating system"),
        why: error.to_string(),
    })?;
    Ok(u128::from_be_bytes(bytes))
}
