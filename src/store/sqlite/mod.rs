//! The embedded store: one directory, one SQLite database for each run, one file for each waiting input.
//!
//! ```text
//! STATE/                    2750
//!   runs/                   2750
//!     ID/                   2750
//!       journal.db          0640   the chain and the fence number
//!       lock                0640   locked by whoever drives the run; says who that is
//!       live.json           0640   last values, replaced whole
//!   inbox/                  3730   anybody of the group may add; only the owner may list, read or remove
//!     RUN.SENT-RANDOM       0640   one complete input
//! ```
//!
//! The group bit on the directories gives every file the group of the state directory, so that one group of operators
//! can read journals and leave inputs while only the executor's account writes.
//!
//! The lease is a lock of the operating system on `lock`, so no clock is asked and a dead process holds nothing; the
//! fence number inside the database is checked in each append, in case the lock file itself was tampered with.
//! Every call into SQLite runs on a blocking thread.

mod database;
mod inbox;
mod layout;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use self::layout::RunFiles;
use self::writer::Writer;
use super::{Holder, Inbox, Input, InputId, Journal, Lease, Leases, Live, StoreError};
use crate::domain::base::RunId;
use crate::domain::journal::{Head, Line};

/// See the module's description.
#[derive(Debug, Clone)]
pub struct SqliteStore {
    root: Arc<PathBuf>,
}

impl SqliteStore {
    /// Uses `root`, which is made with its directories where they are missing.
    pub fn create(root: &Path) -> Result<Self, StoreError> {
        layout::create(root)?;
        Self::open(root)
    }

    /// Uses `root` as it is, for people who may only read.
    pub fn open(root: &Path) -> Result<Self, StoreError> {
        let root = layout::existing(root)?;
        Ok(Self { root: Arc::new(root) })
    }

    fn files(&self, run: &RunId) -> RunFiles {
        RunFiles::new(&self.root, run)
    }

    fn writer(&self, lease: &Lease) -> Result<Arc<Writer>, StoreError> {
        lease
            .keeper::<Arc<Writer>>()
            .filter(|writer| *writer.files() == self.files(lease.run()))
            .cloned()
            .ok_or_else(|| StoreError::ForeignLease { run: lease.run().clone() })
    }
}

/// Runs `act` where it may block. Once begun it runs to its end even if the caller stops waiting, so a cancelled append
/// is either not begun or known to the writer.
async fn blocking<T, F>(act: F) -> Result<T, StoreError>
where
    T: Send + 'static,
    F: FnOnce() -> Result<T, StoreError> + Send + 'static,
{
    match tokio::task::spawn_blocking(act).await {
        Ok(result) => result,
        Err(error) => Err(StoreError::Database {
            doing: "finish the work on",
            path: PathBuf::from("the store"),
            why: error.to_string(),
        }),
    }
}

impl Journal for SqliteStore {
    async fn create_run(&self, run: &RunId) -> Result<(), StoreError> {
        let (files, run) = (self.files(run), run.clone());
        blocking(move || database::create(&files, &run)).await
    }

    async fn runs(&self) -> Result<Vec<RunId>, StoreError> {
        let root = self.root.clone();
        blocking(move || layout::runs(&root)).await
    }

    async fn head(&self, run: &RunId) -> Result<Head, StoreError> {
        let (files, run) = (self.files(run), run.clone());
        blocking(move || database::head(&database::open_to_read(&files, &run)?, &files, &run)).await
    }

    async fn read(&self, run: &RunId, from: u64, most: usize) -> Result<Vec<Line>, StoreError> {
        let (files, run) = (self.files(run), run.clone());
        blocking(move || database::read(&database::open_to_read(&files, &run)?, &files, &run, from, most)).await
    }

    async fn append(&self, lease: &Lease, expected: &Head, lines: &[Line]) -> Result<Head, StoreError> {
        let (writer, expected, lines) = (self.writer(lease)?, expected.clone(), lines.to_vec());
        blocking(move || writer.append(&expected, &lines)).await
    }
}

impl Leases for SqliteStore {
    async fn acquire(&self, run: &RunId, holder: &Holder) -> Result<Lease, StoreError> {
        let (files, name, holder) = (self.files(run), run.clone(), holder.clone());
        let writer = blocking(move || Writer::acquire(files, name, &holder)).await?;
        Ok(Lease::new(run.clone(), writer.fence(), Box::new(Arc::new(writer))))
    }

    async fn still_held(&self, lease: &Lease) -> Result<(), StoreError> {
        let writer = self.writer(lease)?;
        blocking(move || writer.still_held()).await
    }

    async fn release(&self, lease: Lease) -> Result<(), StoreError> {
        let writer = self.writer(&lease)?;
        // The lease is let go only after the files are in order, so that nobody opens them half way.
        blocking(move || {
            let result = writer.put_in_order();
            drop(writer);
            drop(lease);
            result
        })
        .await
    }

    async fn holder(&self, run: &RunId) -> Result<Option<Holder>, StoreError> {
        let (files, run) = (self.files(run), run.clone());
        blocking(move || writer::current_holder(&files, &run)).await
    }
}

impl Inbox for SqliteStore {
    async fn put_input(&self, run: &RunId, body: &[u8]) -> Result<InputId, StoreError> {
        let (files, run, body) = (self.files(run), run.clone(), body.to_vec());
        let inbox = layout::inbox(&self.root);
        blocking(move || {
            files.require(&run)?;
            inbox::put(&inbox, &run, &body)
        })
        .await
    }

    async fn inputs(&self, run: &RunId) -> Result<Vec<Input>, StoreError> {
        let (inbox, run) = (layout::inbox(&self.root), run.clone());
        blocking(move || inbox::list(&inbox, &run)).await
    }

    async fn remove_input(&self, id: &InputId) -> Result<(), StoreError> {
        let (inbox, id) = (layout::inbox(&self.root), id.clone());
        blocking(move || inbox::remove(&inbox, &id)).await
    }
}

impl Live for SqliteStore {
    async fn put_live(&self, lease: &Lease, values: &serde_json::Value) -> Result<(), StoreError> {
        let (writer, text) = (self.writer(lease)?, values.to_string());
        blocking(move || layout::replace(&writer.files().live(), text.as_bytes())).await
    }

    async fn live(&self, run: &RunId) -> Result<Option<serde_json::Value>, StoreError> {
        let (files, run) = (self.files(run), run.clone());
        blocking(move || {
            files.require(&run)?;
            // Whatever is wrong with last values, they are only lost.
            Ok(std::fs::read(files.live()).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok()))
        })
        .await
    }
}
