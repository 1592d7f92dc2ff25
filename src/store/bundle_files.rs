//! A bundle on disk: written as a new directory, read back with nothing followed and nothing unbounded.
//!
//! What the files mean is `domain::journal::bundle`; here only their number, size and kind are judged.

use std::fs::{self, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use crate::domain::base::text::printable;
use crate::domain::journal::bundle::{Bundle, BundleError, Entry};

/// The largest `journal.log` that is read.
pub const LARGEST_JOURNAL: u64 = 2 * 1024 * 1024 * 1024;
/// The largest other file. Signed texts have at most 64 KiB, rosters 256 KiB.
pub const LARGEST_FILE: u64 = 1024 * 1024;
/// The largest number of files and directories.
pub const MOST_FILES: usize = 200_000;

/// Why a directory cannot be read or written as a bundle.
#[derive(Debug, thiserror::Error)]
pub enum BundleFileError {
    #[error("cannot {doing} `{}`: {source}", path.display())]
    Io { doing: &'static str, path: PathBuf, source: io::Error },
    #[error("`{}` is neither a file nor a directory of a bundle (a link, a pipe, a device, or too deep): copy it again without that", path.display())]
    Kind { path: PathBuf },
    #[error("`{}` has more than {most} bytes: no bundle of ours has such a file", path.display())]
    TooLarge { path: PathBuf, most: u64 },
    #[error("`{}` holds more than {MOST_FILES} files: no bundle of ours does", path.display())]
    TooMany { path: PathBuf },
    #[error("{}", list(.0))]
    Content(Vec<BundleError>),
}

fn list(errors: &[BundleError]) -> String {
    errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

fn failed(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> BundleFileError {
    let path = path.to_owned();
    move |source| BundleFileError::Io { doing, path, source }
}

/// Writes `bundle` as the new directory `target`; an existing one is never touched.
pub fn write_bundle(target: &Path, bundle: &Bundle) -> Result<(), BundleFileError> {
    fs::create_dir(target).map_err(failed("make", target))?;
    for (entry, bytes) in bundle.files() {
        let path = target.join(entry.to_string());
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).map_err(failed("make", parent))?;
        }
        let write = || {
            let mut file = OpenOptions::new().write(true).create_new(true).open(&path)?;
            file.write_all(bytes)?;
            file.sync_all()
        };
        write().map_err(failed("write", &path))?;
    }
    Ok(())
}

/// Reads the directory `source` as a bundle.
pub fn read_bundle(source: &Path) -> Result<Bundle, BundleFileError> {
    let mut found = Vec::new();
    let mut seen = 0;
    walk(source, "", &mut seen, &mut found)?;
    Bundle::read(found.iter_mut().map(|(path, bytes)| (path.as_str(), std::mem::take(bytes))))
        .map_err(BundleFileError::Content)
}

type Found = Vec<(String, Vec<u8>)>;

fn walk(directory: &Path, prefix: &str, seen: &mut usize, found: &mut Found) -> Result<(), BundleFileError> {
    for item in fs::read_dir(directory).map_err(failed("list", directory))? {
        let item = item.map_err(failed("list", directory))?;
        *seen += 1;
        if *seen > MOST_FILES {
            return Err(BundleFileError::TooMany { path: directory.to_owned() });
        }
        let (path, kind) = (item.path(), item.file_type().map_err(failed("look at", &item.path()))?);
        // A name that is not UTF-8 becomes one that no entry has.
        let name = format!("{prefix}{}", item.file_name().to_string_lossy());
        // Entries are at most three names deep, so nothing deeper is walked.
        if kind.is_dir() && name.matches('/').count() < 2 {
            walk(&path, &format!("{name}/"), seen, found)?;
        } else if kind.is_file() {
            let bytes = read_file(&path, &name)?;
            found.push((name, bytes));
        } else {
            return Err(BundleFileError::Kind { path: PathBuf::from(printable(&path.to_string_lossy())) });
        }
    }
    Ok(())
}

fn read_file(path: &Path, name: &str) -> Result<Vec<u8>, BundleFileError> {
    let Some(entry) = Entry::parse(name) else {
        // Not ours, so it is refused by its name; its content is not needed for that.
        return Ok(Vec::new());
    };
    let most = if entry == Entry::Journal { LARGEST_JOURNAL } else { LARGEST_FILE };
    let read = || {
        // The kind was looked at before; this keeps a link or pipe that was put there since from being followed.
        let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
        let flags = i32::try_from(flags.bits()).map_err(io::Error::other)?;
        let file = OpenOptions::new().read(true).custom_flags(flags).open(path)?;
        let length = file.metadata()?.len();
        let mut bytes = Vec::new();
        if length <= most {
            file.take(most + 1).read_to_end(&mut bytes)?;
        }
        let fits = length <= most && u64::try_from(bytes.len()).is_ok_and(|length| length <= most);
        Ok(fits.then_some(bytes))
    };
    match read().map_err(failed("read", path))? {
        Some(bytes) => Ok(bytes),
        None => Err(BundleFileError::TooLarge { path: path.to_owned(), most }),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn bundle() -> Bundle {
        Bundle::read([
            ("journal.log", b"lines".to_vec()),
            ("heads/2", b"head".to_vec()),
            ("trust/1/trust.txt", b"trust".to_vec()),
        ])
        .unwrap()
    }

    fn written() -> (tempfile::TempDir, PathBuf) {
        let place = tempfile::tempdir().unwrap();
        let target = place.path().join("bundle");
        write_bundle(&target, &bundle()).unwrap();
        (place, target)
    }

    #[test]
    fn a_bundle_is_read_back_as_it_was_written() {
        let (_place, target) = written();
        assert_eq!(read_bundle(&target).unwrap(), bundle());
    }

    #[test]
    fn an_existing_directory_is_never_written_into() {
        let (_place, target) = written();
        assert!(matches!(write_bundle(&target, &bundle()), Err(BundleFileError::Io { .. })));
    }

    #[test]
    fn links_are_refused_wherever_they_lead() {
        for name in ["close.txt", "heads/3", "trust/2"] {
            let (place, target) = written();
            let outside = place.path().join("outside");
            fs::create_dir(&outside).unwrap();
            symlink(&outside, target.join(name)).unwrap();
            assert!(matches!(read_bundle(&target), Err(BundleFileError::Kind { .. })), "{name}");
        }
        let (_place, target) = written();
        symlink("journal.log", target.join("close.txt")).unwrap();
        assert!(matches!(read_bundle(&target), Err(BundleFileError::Kind { .. })));
    }

    #[test]
    fn a_sparse_file_of_ten_gibibytes_is_not_read() {
        for name in ["journal.log", "heads/2"] {
            let (_place, target) = written();
            fs::File::create(target.join(name)).unwrap().set_len(10 << 30).unwrap();
            assert!(matches!(read_bundle(&target), Err(BundleFileError::TooLarge { .. })), "{name}");
        }
    }

    #[test]
    fn unknown_files_are_refused_by_name_and_not_read() {
        let (_place, target) = written();
        fs::File::create(target.join("notes.txt")).unwrap().set_len(10 << 30).unwrap();
        let error = read_bundle(&target).unwrap_err();
        assert!(matches!(&error, BundleFileError::Content(errors) if errors.len() == 1), "{error}");
        assert!(error.to_string().contains("`notes.txt`"), "{error}");
    }

    #[test]
    fn directories_deeper_than_any_entry_are_refused() {
        let (_place, target) = written();
        fs::create_dir_all(target.join("trust/1/deep")).unwrap();
        assert!(matches!(read_bundle(&target), Err(BundleFileError::Kind { .. })));
    }
}
