//! One run's database: making it, opening it, reading it, and what SQLite's errors mean.
//!
//! Appending is in `writer`. Nothing here takes a lease.

use std::fmt::Write as _;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension as _};

use super::layout::{self, RunFiles};
use crate::domain::base::RunId;
use crate::domain::journal::{Chain, ChainError, Head, Line};
use crate::store::StoreError;

/// "csg1", so that the file says what it is.
const APPLICATION: i64 = 0x6373_6731;
/// The layout of the tables below.
pub(super) const STORE_FORMAT: i64 = 1;
/// How long a call waits for another process that holds the file for a moment.
const PATIENCE: Duration = Duration::from_secs(5);
/// A batch ends after this many bytes, so that a reader's memory does not depend on the length of a journal.
const LARGEST_BATCH: usize = 8 * 1024 * 1024;

const TABLES: &str = "
    CREATE TABLE line (seq INTEGER PRIMARY KEY, bytes BLOB NOT NULL) STRICT;
    CREATE TABLE fence (one INTEGER PRIMARY KEY CHECK (one = 1), number INTEGER NOT NULL) STRICT;
    INSERT INTO fence VALUES (1, 0);
";

/// Makes a run with an empty journal: beside the others first, then moved in whole.
pub(super) fn create(files: &RunFiles, run: &RunId) -> Result<(), StoreError> {
    let unfinished = files.unfinished()?;
    let result = build(&unfinished).and_then(|()| move_in(&unfinished, files, run));
    if result.is_err() {
        // What could not be finished has no name that anybody looks for; leaving some of it does no harm.
        let _ = fs::remove_dir_all(unfinished.directory());
    }
    result
}

fn build(files: &RunFiles) -> Result<(), StoreError> {
    layout::make_run_directory(files.directory())?;
    layout::make_file(&files.lock(), b"")?;
    let path = files.journal();
    layout::make_file(&path, b"")?;
    let failed = |error| explain("make", &path, &error);
    let connection = connect(&path, OpenFlags::SQLITE_OPEN_READ_WRITE).map_err(failed)?;
    let script = format!(
        "PRAGMA synchronous=EXTRA; BEGIN IMMEDIATE; PRAGMA application_id={APPLICATION}; \
         PRAGMA user_version={STORE_FORMAT}; {TABLES} COMMIT;"
    );
    connection.execute_batch(&script).map_err(failed)?;
    connection.close().map_err(|(_, error)| failed(error))?;
    layout::sync_directory(files.directory())
}

fn move_in(unfinished: &RunFiles, files: &RunFiles, run: &RunId) -> Result<(), StoreError> {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    match renameat_with(CWD, unfinished.directory(), CWD, files.directory(), RenameFlags::NOREPLACE) {
        Ok(()) => {}
        Err(rustix::io::Errno::EXIST) => return Err(StoreError::RunExists { run: run.clone() }),
        Err(error) => return Err(StoreError::io("make", files.directory(), error.into())),
    }
    match files.directory().parent() {
        Some(runs) => layout::sync_directory(runs),
        None => Ok(()),
    }
}

/// Opens for appending. The caller holds the lease.
pub(super) fn open_to_write(files: &RunFiles) -> Result<Connection, StoreError> {
    let path = files.journal();
    let failed = |error| explain("open", &path, &error);
    let connection = connect(&path, OpenFlags::SQLITE_OPEN_READ_WRITE).map_err(failed)?;
    // Looked at before anything is changed: a newer program's file must not be touched.
    check_kind(&connection, &path)?;
    if connection.is_readonly("main").map_err(failed)? {
        return Err(StoreError::NoPermission { doing: "write", path });
    }
    let mode: String = connection.query_row("PRAGMA journal_mode=WAL", [], |row| row.get(0)).map_err(failed)?;
    if mode != "wal" {
        let why = format!("it stays in mode `{mode}`, expected `wal`");
        return Err(StoreError::Database { doing: "prepare", path, why });
    }
    connection.execute_batch("PRAGMA synchronous=FULL; PRAGMA fullfsync=ON;").map_err(failed)?;
    Ok(connection)
}

/// Opens for reading, also for people who may not write in the directory.
pub(super) fn open_to_read(files: &RunFiles, run: &RunId) -> Result<Connection, StoreError> {
    files.require(run)?;
    let path = files.journal();
    let opened = connect(&path, OpenFlags::SQLITE_OPEN_READ_ONLY).and_then(|connection| {
        connection.query_row("SELECT count(*) FROM fence", [], |_| Ok(()))?;
        Ok(connection)
    });
    let connection = match opened {
        Ok(connection) => connection,
        Err(error) if needs_shared_memory(&error) && !path.with_extension("db-wal").exists() => {
            connect_immutable(&path).map_err(|error| explain("read", &path, &error))?
        }
        Err(error) => return Err(not_ours(&path, &error)),
    };
    check_kind(&connection, &path)?;
    Ok(connection)
}

fn connect(path: &Path, access: OpenFlags) -> rusqlite::Result<Connection> {
    prepared(Connection::open_with_flags(path, access | OpenFlags::SQLITE_OPEN_NO_MUTEX)?)
}

/// A file that a last writer left in WAL mode with nothing in the log has all its content in itself, but SQLite wants
/// to make a shared index for it, which a reader without write permission cannot. With the log gone there is no
/// writer either, so the file may be read as one that does not change.
fn connect_immutable(path: &Path) -> rusqlite::Result<Connection> {
    let mut uri = String::from("file:");
    for byte in path.as_os_str().as_bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'.' | b'_' | b'-' => uri.push(char::from(*byte)),
            // Writing to a string cannot fail.
            _ => {
                let _ = write!(uri, "%{byte:02x}");
            }
        }
    }
    uri.push_str("?immutable=1");
    let access = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    prepared(Connection::open_with_flags(uri, access)?)
}

fn prepared(connection: Connection) -> rusqlite::Result<Connection> {
    connection.busy_timeout(PATIENCE)?;
    connection.execute_batch("PRAGMA trusted_schema=OFF; PRAGMA cell_size_check=ON;")?;
    Ok(connection)
}

fn needs_shared_memory(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::CannotOpen | ErrorCode::ReadOnly))
}

fn check_kind(connection: &Connection, path: &Path) -> Result<(), StoreError> {
    let number = |name: &str| {
        connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0)).map_err(|error| not_ours(path, &error))
    };
    let (application, format) = (number("application_id")?, number("user_version")?);
    if application != APPLICATION {
        let why = format!("its application id is {application:#x}, expected {APPLICATION:#x}");
        return Err(StoreError::NotAJournal { path: path.to_owned(), why });
    }
    if format > STORE_FORMAT {
        return Err(StoreError::NewerFormat { path: path.to_owned(), found: format, known: STORE_FORMAT });
    }
    Ok(())
}

/// Where the journal ends, from its last row alone.
pub(super) fn head(connection: &Connection, files: &RunFiles, run: &RunId) -> Result<Head, StoreError> {
    let row = connection
        .prepare_cached("SELECT seq, bytes FROM line ORDER BY seq DESC LIMIT 1")
        .and_then(|mut statement| statement.query_row([], stored).optional())
        .map_err(|error| explain("read", &files.journal(), &error))?;
    match row {
        None => Ok(Head::start()),
        Some((seq, bytes)) => Ok(parse(run, seq, &bytes)?.head()),
    }
}

/// The fence number that counts now.
pub(super) fn fence(connection: &Connection, files: &RunFiles) -> Result<u64, StoreError> {
    connection
        .prepare_cached("SELECT number FROM fence")
        .and_then(|mut statement| statement.query_row([], number))
        .map_err(|error| explain("read", &files.journal(), &error))
}

/// Lines from `from` on, each checked to follow the one before it, also the first.
pub(super) fn read(
    connection: &Connection,
    files: &RunFiles,
    run: &RunId,
    from: u64,
    most: usize,
) -> Result<Vec<Line>, StoreError> {
    let failed = |error| explain("read", &files.journal(), &error);
    let mut statement =
        connection.prepare_cached("SELECT seq, bytes FROM line WHERE seq >= ?1 ORDER BY seq").map_err(failed)?;
    let Ok(first) = i64::try_from(from.saturating_sub(1)) else { return Ok(Vec::new()) };
    let mut rows = statement.query_map([first], stored).map_err(failed)?;
    let mut chain = Chain::start();
    if from > 0 {
        let Some(row) = rows.next() else { return Ok(Vec::new()) };
        let (seq, bytes) = row.map_err(failed)?;
        let before = parse(run, seq, &bytes)?;
        if before.seq() + 1 != from {
            let why = ChainError::Gap { expected: from - 1, found: before.seq() };
            return Err(StoreError::Damaged { run: run.clone(), why });
        }
        chain = Chain::after(&before.head());
    }
    let mut lines = Vec::new();
    let mut size = 0;
    for row in rows {
        if lines.len() >= most || size >= LARGEST_BATCH {
            break;
        }
        let (seq, bytes) = row.map_err(failed)?;
        chain.check(&bytes).map_err(|why| StoreError::Damaged { run: run.clone(), why })?;
        size += bytes.len();
        lines.push(parse(run, seq, &bytes)?);
    }
    Ok(lines)
}

fn stored(row: &rusqlite::Row<'_>) -> rusqlite::Result<(u64, Vec<u8>)> {
    Ok((number(row)?, row.get(1)?))
}

/// The first column, which is never negative in a file of ours.
pub(super) fn number(row: &rusqlite::Row<'_>) -> rusqlite::Result<u64> {
    let found: i64 = row.get(0)?;
    u64::try_from(found).map_err(|_| rusqlite::Error::IntegralValueOutOfRange(0, found))
}

fn parse(run: &RunId, seq: u64, bytes: &[u8]) -> Result<Line, StoreError> {
    let damaged = |why| StoreError::Damaged { run: run.clone(), why };
    let line = Line::parse(bytes).map_err(|why| damaged(ChainError::Unreadable { seq, why }))?;
    if line.seq() == seq { Ok(line) } else { Err(damaged(ChainError::Gap { expected: seq, found: line.seq() })) }
}

/// What an error of SQLite means for whoever keeps the files.
pub(super) fn explain(doing: &'static str, path: &Path, error: &rusqlite::Error) -> StoreError {
    let path = path.to_owned();
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => StoreError::DiskFull { path },
        // The shared index of the log cannot be made larger on a full disk; SQLite reports that as an I/O error.
        Some(ErrorCode::SystemIoFailure) if no_space(&path) => StoreError::DiskFull { path },
        Some(ErrorCode::ReadOnly) => StoreError::ReadOnly { path },
        Some(ErrorCode::PermissionDenied) => StoreError::NoPermission { doing, path },
        Some(ErrorCode::CannotOpen) => cannot_open(doing, &path, error),
        Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => {
            StoreError::NotAJournal { path, why: error.to_string() }
        }
        _ => StoreError::Database { doing, path, why: error.to_string() },
    }
}

fn not_ours(path: &Path, error: &rusqlite::Error) -> StoreError {
    match error.sqlite_error_code() {
        // A missing table is no failure of the disk: the file is a database, but not one of ours.
        Some(ErrorCode::Unknown) => StoreError::NotAJournal { path: path.to_owned(), why: error.to_string() },
        _ => explain("read", path, error),
    }
}

/// SQLite does not say why it could not open a file; the operating system does.
fn cannot_open(doing: &'static str, path: &Path, error: &rusqlite::Error) -> StoreError {
    use rustix::fs::{Access, access};
    match access(path, Access::READ_OK) {
        Err(errno) => StoreError::io(doing, path, errno.into()),
        Ok(()) => StoreError::Database { doing, path: path.to_owned(), why: error.to_string() },
    }
}

fn no_space(path: &Path) -> bool {
    rustix::fs::statvfs(path).is_ok_and(|found| found.f_bavail.saturating_mul(found.f_frsize) < 64 * 1024)
}
