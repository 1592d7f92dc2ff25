//! The one process that may append to a run: its lock, its fence number, and what it remembers of the file.
//!
//! It remembers which file it opened and where the journal ended after its own last append, so a file that was
//! replaced or set back while it worked is noticed before anything is written.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read as _, Seek as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::sync::{Mutex, MutexGuard};

use rusqlite::{Connection, ErrorCode, TransactionBehavior};

use super::database::{self, explain};
use super::layout::{FILE_MODE, Identity, RunFiles};
use crate::domain::base::RunId;
use crate::domain::journal::{Head, Line, chain};
use crate::store::{Holder, StoreError};

#[derive(Debug)]
pub(super) struct Writer {
    files: RunFiles,
    run: RunId,
    fence: u64,
    journal: Identity,
    lock_file: Identity,
    state: Mutex<Open>,
    // Declared last, so it is dropped last: the lock outlives the connection.
    lock: File,
}

#[derive(Debug)]
struct Open {
    connection: Connection,
    /// Where the journal ended after our last append.
    remembered: Head,
    /// Why the outcome of an append is not known, once that happened.
    unsure: Option<String>,
}

impl Writer {
    /// Takes the lock, then raises the fence, so an older writer that lost its lock can append no more.
    pub(super) fn acquire(files: RunFiles, run: RunId, holder: &Holder) -> Result<Self, StoreError> {
        files.require(&run)?;
        refuse_network_filesystem(files.directory())?;
        let (lock, lock_file) = lock(&files, &run)?;
        let journal = Identity::at(&files.journal())?;
        let mut connection = database::open_to_write(&files)?;
        check_first_line(&connection, &files, &run)?;
        let fence = raise_fence(&mut connection, &files)?;
        // Only behind the fence: until then, an older writer whose lock has lost its name may still append.
        let remembered = database::head(&connection, &files, &run)?;
        journal.still_at(&files.journal())?;
        announce(&lock, holder).map_err(|error| StoreError::io("write", files.lock(), error))?;
        let state = Mutex::new(Open { connection, remembered, unsure: None });
        Ok(Self { files, run, fence, journal, lock_file, state, lock })
    }

    pub(super) fn files(&self) -> &RunFiles {
        &self.files
    }

    pub(super) fn fence(&self) -> u64 {
        self.fence
    }

    /// Writes `lines` in one transaction, which is one wait for the disk.
    pub(super) fn append(&self, expected: &Head, lines: &[Line]) -> Result<Head, StoreError> {
        let mut open = self.open()?;
        if let Some(why) = &open.unsure {
            return Err(StoreError::Unsure { run: self.run.clone(), why: why.clone() });
        }
        if open.remembered != *expected {
            let (run, found) = (self.run.clone(), open.remembered.clone());
            return Err(StoreError::HeadMoved { run, expected: expected.clone(), found });
        }
        let head =
            chain::continues(expected, lines).map_err(|why| StoreError::BadLines { run: self.run.clone(), why })?;
        self.write(&mut open, lines)?;
        open.remembered = head.clone();
        Ok(head)
    }

    fn write(&self, open: &mut Open, lines: &[Line]) -> Result<(), StoreError> {
        let path = self.files.journal();
        let failed = |error| explain("append to", &path, &error);
        let remembered = open.remembered.clone();
        let transaction = open.connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed)?;
        self.check(&transaction, &remembered)?;
        {
            let mut insert =
                transaction.prepare_cached("INSERT INTO line (seq, bytes) VALUES (?1, ?2)").map_err(failed)?;
            for line in lines {
                let seq = i64::try_from(line.seq()).map_err(|_| StoreError::Database {
                    doing: "append to",
                    path: path.clone(),
                    why: format!("it cannot hold a line with number {}", line.seq()),
                })?;
                insert.execute((seq, line.bytes())).map_err(failed)?;
            }
        }
        match transaction.commit() {
            Ok(()) => Ok(()),
            // The two refusals that SQLite makes before it marks the transaction as done.
            Err(error) if matches!(error.sqlite_error_code(), Some(ErrorCode::DiskFull | ErrorCode::ReadOnly)) => {
                Err(failed(error))
            }
            // After a failed sync nobody can say what the disk holds, and a second sync may wrongly succeed.
            Err(error) => {
                open.unsure = Some(error.to_string());
                Err(StoreError::Unsure { run: self.run.clone(), why: error.to_string() })
            }
        }
    }

    /// That the file, the fence and the end of the journal are as we left them.
    fn check(&self, connection: &Connection, remembered: &Head) -> Result<(), StoreError> {
        self.journal.still_at(&self.files.journal())?;
        let found = database::fence(connection, &self.files)?;
        if found != self.fence {
            return Err(StoreError::Fenced { run: self.run.clone(), ours: self.fence, found });
        }
        let found = database::head(connection, &self.files, &self.run)?;
        if found != *remembered {
            return Err(StoreError::RolledBack { run: self.run.clone(), remembered: remembered.clone(), found });
        }
        Ok(())
    }

    pub(super) fn still_held(&self) -> Result<(), StoreError> {
        let open = self.open()?;
        self.lock_file.still_at(&self.files.lock())?;
        self.check(&open.connection, &open.remembered)
    }

    /// Leaves one plain file that can be read without write permission, and no name of a holder.
    pub(super) fn put_in_order(&self) -> Result<(), StoreError> {
        let open = self.open()?;
        self.journal.still_at(&self.files.journal())?;
        let path = self.files.journal();
        let mode = open
            .connection
            .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
            .and_then(|()| open.connection.query_row("PRAGMA journal_mode=DELETE", [], |row| row.get::<_, String>(0)));
        self.lock.set_len(0).map_err(|error| StoreError::io("write", self.files.lock(), error))?;
        match mode {
            Ok(_) => Ok(()),
            // Somebody is reading at this moment. Nothing is lost; the last one to close tidies up.
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) => Ok(()),
            Err(error) => Err(explain("put in order", &path, &error)),
        }
    }

    fn open(&self) -> Result<MutexGuard<'_, Open>, StoreError> {
        let why = || "an earlier append ended in a panic".to_owned();
        self.state.lock().map_err(|_| StoreError::Unsure { run: self.run.clone(), why: why() })
    }
}

/// Locks the run's lock file without waiting.
fn lock(files: &RunFiles, run: &RunId) -> Result<(File, Identity), StoreError> {
    let path = files.lock();
    let failed = |error| StoreError::io("write", &path, error);
    let options = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(FILE_MODE).to_owned();
    let lock = options.open(&path).map_err(failed)?;
    if !lock_alone(&lock).map_err(failed)? {
        return Err(StoreError::Busy { run: run.clone(), holder: announced(&lock) });
    }
    let identity = Identity::of(&lock.metadata().map_err(failed)?);
    // A lock on a file that has lost its name excludes nobody.
    identity.still_at(&path)?;
    Ok((lock, identity))
}

/// Takes the lock for ourselves; `false` if another writer has it.
///
/// People who ask who drives the run share the lock for a moment ([`current_holder`]). Whoever can share it as well
/// knows that no writer has it, and tries again.
fn lock_alone(lock: &File) -> std::io::Result<bool> {
    const MOST_TRIES: u32 = 10_000;
    for _ in 0..MOST_TRIES {
        match lock.try_lock() {
            Ok(()) => return Ok(true),
            Err(TryLockError::WouldBlock) => {}
            Err(TryLockError::Error(error)) => return Err(error),
        }
        match lock.try_lock_shared() {
            Ok(()) => lock.unlock()?,
            Err(TryLockError::WouldBlock) => return Ok(false),
            Err(TryLockError::Error(error)) => return Err(error),
        }
        std::thread::yield_now();
    }
    Ok(false)
}

fn announce(mut lock: &File, holder: &Holder) -> std::io::Result<()> {
    let text = serde_json::to_string(holder).map_err(std::io::Error::other)?;
    lock.set_len(0)?;
    lock.rewind()?;
    lock.write_all(text.as_bytes())
}

fn announced(mut lock: &File) -> Option<Holder> {
    let mut text = String::new();
    lock.rewind().ok()?;
    lock.take(64 * 1024).read_to_string(&mut text).ok()?;
    serde_json::from_str(&text).ok()
}

/// Who holds the lock now. A name that a dead process left behind does not count.
pub(super) fn current_holder(files: &RunFiles, run: &RunId) -> Result<Option<Holder>, StoreError> {
    files.require(run)?;
    let path = files.lock();
    let failed = |error| StoreError::io("read", &path, error);
    let lock = match File::open(&path) {
        Ok(lock) => lock,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    match lock.try_lock_shared() {
        Ok(()) => Ok(None),
        Err(TryLockError::WouldBlock) => Ok(announced(&lock)),
        Err(TryLockError::Error(error)) => Err(failed(error)),
    }
}

/// A writer refuses a journal of a newer format before it touches it.
fn check_first_line(connection: &Connection, files: &RunFiles, run: &RunId) -> Result<(), StoreError> {
    database::read(connection, files, run, 0, 1).map(|_| ())
}

fn raise_fence(connection: &mut Connection, files: &RunFiles) -> Result<u64, StoreError> {
    let path = files.journal();
    let failed = |error| explain("take the lease in", &path, &error);
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed)?;
    let number = transaction
        .query_row("UPDATE fence SET number = number + 1 RETURNING number", [], database::number)
        .map_err(failed)?;
    transaction.commit().map_err(failed)?;
    Ok(number)
}

/// Locks and the shared index of the log do not work over a network.
fn refuse_network_filesystem(path: &Path) -> Result<(), StoreError> {
    #[cfg(target_os = "linux")]
    {
        // NFS, SMB, CIFS, SMB2, as the kernel numbers them.
        const NETWORK: [u64; 4] = [0x6969, 0x517b, 0xff53_4d42, 0xfe53_4d42];
        let found = rustix::fs::statfs(path).map_err(|error| StoreError::io("look at", path, error.into()))?;
        let kind = u64::try_from(found.f_type).unwrap_or(0);
        if NETWORK.contains(&kind) {
            return Err(StoreError::NetworkFilesystem { path: path.to_owned() });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::base::{Principal, Timestamp};

    /// What makes one transaction one wait for the disk; the transactions are counted in `tests/store_sqlite`.
    #[test]
    fn every_commit_waits_for_the_disk() {
        let place = tempfile::tempdir().unwrap();
        super::super::layout::create(place.path()).unwrap();
        let run = RunId::parse("r-1").unwrap();
        let files = RunFiles::new(place.path(), &run);
        database::create(&files, &run).unwrap();
        let holder = Holder {
            operator: Principal::parse("ana").unwrap(),
            host: "bastion-1".to_owned(),
            pid: 1,
            since: Timestamp::from_millis(0),
        };
        let writer = Writer::acquire(files, run, &holder).unwrap();
        let open = writer.open().unwrap();
        let setting = |name: &str| -> String {
            open.connection
                .pragma_query_value(None, name, |row| row.get::<_, rusqlite::types::Value>(0))
                .map(|value| format!("{value:?}"))
                .unwrap()
        };
        assert_eq!(setting("synchronous"), "Integer(2)");
        assert_eq!(setting("journal_mode"), "Text(\"wal\")");
    }
}
