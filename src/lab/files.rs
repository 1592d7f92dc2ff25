//! Files and folders of a lab: private ones, sparse copies, and the place for data that need not outlive it.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::accounts::random_word;
use super::error::LabError;

/// A memory file system: starting and above all removing a data directory is many times faster there.
const MEMORY: &str = "/dev/shm";
/// Names another one; the test script does, to see that nothing stays in it.
const MEMORY_VARIABLE: &str = "COUNTERSIGN_LAB_MEMORY";
/// What a server with some hundred thousand rows may come to; below this for each, the data goes to disk.
const ROOM_PER_SERVER: u64 = 512 << 20;
/// The unit in which holes are kept while copying.
const BLOCK: usize = 64 << 10;

/// Makes `path` and its parents; only this user may enter it.
pub fn private_dir(path: &Path) -> Result<(), LabError> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(LabError::at(path))
}

/// Writes a file that only this user may read, in one step: a reader sees the old text or the new.
pub fn write_private(path: &Path, text: &str) -> Result<(), LabError> {
    let beside = path.with_extension("new");
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    let mut file = options.open(&beside).map_err(LabError::at(&beside))?;
    file.write_all(text.as_bytes()).map_err(LabError::at(&beside))?;
    fs::rename(&beside, path).map_err(LabError::at(path))
}

/// Removes a folder with all it holds; one that is not there is fine.
pub fn remove_dir(path: &Path) -> Result<(), LabError> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(LabError::at(path)(error)),
        _ => Ok(()),
    }
}

/// A new folder for the data of `servers` servers: in memory when there is room, else below `dir`.
pub fn data_home(dir: &Path, servers: usize) -> Result<PathBuf, LabError> {
    let memory = std::env::var_os(MEMORY_VARIABLE).filter(|value| !value.is_empty()).unwrap_or_else(|| MEMORY.into());
    let in_memory = Path::new(&memory).join(format!("countersign-lab-{}", random_word()?));
    let fits = has_room(Path::new(&memory), servers) && private_dir(&in_memory).is_ok();
    let home = if fits { in_memory } else { dir.join("data") };
    private_dir(&home)?;
    Ok(home)
}

fn has_room(memory: &Path, servers: usize) -> bool {
    let wanted = ROOM_PER_SERVER.saturating_mul(servers as u64);
    rustix::fs::statvfs(memory).is_ok_and(|fs| fs.f_bavail.saturating_mul(fs.f_frsize) >= wanted)
}

/// Copies a folder and keeps the holes of its files. Names in `skip` are left out at the top.
pub fn copy_dir(from: &Path, to: &Path, skip: &[&str]) -> Result<(), LabError> {
    private_dir(to)?;
    for entry in fs::read_dir(from).map_err(LabError::at(from))? {
        let entry = entry.map_err(LabError::at(from))?;
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        if skip.iter().any(|name| entry.file_name() == *name) {
            continue;
        }
        if entry.file_type().map_err(LabError::at(&source))?.is_dir() {
            copy_dir(&source, &target, &[])?;
        } else {
            copy_sparse(&source, &target).map_err(LabError::at(&source))?;
        }
    }
    Ok(())
}

/// Copies one file and skips blocks of zeros: most of a fresh data directory is zeros, and memory is not free.
fn copy_sparse(from: &Path, to: &Path) -> std::io::Result<()> {
    let mut source = File::open(from)?;
    let mut target = OpenOptions::new().write(true).create_new(true).mode(0o600).open(to)?;
    let mut block = vec![0u8; BLOCK];
    let mut length = 0u64;
    loop {
        let read = source.read(&mut block)?;
        if read == 0 {
            return target.set_len(length);
        }
        if block[..read].iter().any(|byte| *byte != 0) {
            target.seek(SeekFrom::Start(length))?;
            target.write_all(&block[..read])?;
        }
        length += read as u64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_has_the_same_bytes_and_keeps_its_holes() {
        let dir = tempfile::tempdir().unwrap();
        let mut bytes = vec![0u8; 40 * BLOCK];
        bytes[3 * BLOCK + 5] = 7;
        bytes.push(0);
        fs::create_dir_all(dir.path().join("a/sub")).unwrap();
        fs::write(dir.path().join("a/sub/file"), &bytes).unwrap();
        fs::write(dir.path().join("a/auto.cnf"), "x").unwrap();
        copy_dir(&dir.path().join("a"), &dir.path().join("b"), &["auto.cnf"]).unwrap();
        assert_eq!(fs::read(dir.path().join("b/sub/file")).unwrap(), bytes);
        assert!(!dir.path().join("b/auto.cnf").exists());
    }

    #[test]
    fn a_written_file_is_for_this_user_alone() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("observe.cnf");
        write_private(&path, "[client]\n").unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }
}
