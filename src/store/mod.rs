//! Where a run's journal, its inbox, its lease and its last values are kept.
//!
//! The four ports are what the executor and the screens see; [`memory`] and [`sqlite`] hold them, and one conformance
//! suite (`tests/store_conformance.rs`) is run over both. A store keeps bytes: it decides nothing about a run, reads no
//! meaning out of a line beyond its place in the chain, and never repairs by guessing.

pub mod bundle_files;
pub mod close_files;
mod error;
pub mod export;
mod lease;
pub mod memory;
pub mod sqlite;
pub mod trust_files;

use std::fmt;
use std::future::Future;

use serde::{Deserialize, Serialize};

pub use error::StoreError;
pub use lease::{Holder, Lease};

use crate::domain::base::RunId;
use crate::domain::journal::{Head, Line};

/// The largest input that is taken in.
pub const LARGEST_INPUT: usize = 256 * 1024;

/// What was decided: durable, chained, one writer, never changed.
pub trait Journal: Send + Sync {
    /// Makes an empty journal.
    fn create_run(&self, run: &RunId) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Every run that exists, in the order of their names.
    fn runs(&self) -> impl Future<Output = Result<Vec<RunId>, StoreError>> + Send;

    /// Where the journal ends now.
    fn head(&self, run: &RunId) -> impl Future<Output = Result<Head, StoreError>> + Send;

    /// Lines from number `from` on, at most `most` of them and possibly fewer; none when there are none yet. Each is
    /// checked to follow the line before it.
    fn read(&self, run: &RunId, from: u64, most: usize) -> impl Future<Output = Result<Vec<Line>, StoreError>> + Send;

    /// Makes all `lines` durable or none, if the lease is still held and the journal still ends at `expected`.
    ///
    /// After [`StoreError::Unsure`] nobody knows whether they were written: this lease then refuses every append, and
    /// the run goes on under a new lease, from what the journal says.
    fn append(
        &self,
        lease: &Lease,
        expected: &Head,
        lines: &[Line],
    ) -> impl Future<Output = Result<Head, StoreError>> + Send;
}

/// Who may write: at most one process for each run.
pub trait Leases: Send + Sync {
    /// Takes the lease at once or says who has it.
    fn acquire(&self, run: &RunId, holder: &Holder) -> impl Future<Output = Result<Lease, StoreError>> + Send;

    /// Asks the store, now, whether the lease still stands.
    fn still_held(&self, lease: &Lease) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Ends the lease in an orderly way, so that people without write permission can read the journal. Dropping the
    /// lease ends it too, as a crash does.
    fn release(&self, lease: Lease) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Who drives the run now, as they said themselves; for people, never for a decision.
    fn holder(&self, run: &RunId) -> impl Future<Output = Result<Option<Holder>, StoreError>> + Send;
}

/// What people ask of a run. The executor records an input, then removes it; until then it is delivered again.
pub trait Inbox: Send + Sync {
    /// Leaves one input for `run`, complete and durable when this returns.
    fn put_input(&self, run: &RunId, body: &[u8]) -> impl Future<Output = Result<InputId, StoreError>> + Send;

    /// What waits for `run`, in the order of arrival.
    fn inputs(&self, run: &RunId) -> impl Future<Output = Result<Vec<Input>, StoreError>> + Send;

    /// Removes an input that was recorded. Removing it twice is no error.
    fn remove_input(&self, id: &InputId) -> impl Future<Output = Result<(), StoreError>> + Send;
}

/// Last values for screens: may be lost, never an input to a decision, never audited.
pub trait Live: Send + Sync {
    fn put_live(
        &self,
        lease: &Lease,
        values: &serde_json::Value,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    fn live(&self, run: &RunId) -> impl Future<Output = Result<Option<serde_json::Value>, StoreError>> + Send;
}

/// All four ports over one place.
pub trait Store: Journal + Leases + Inbox + Live {}

impl<T: Journal + Leases + Inbox + Live> Store for T {}

/// The name of one input, the same each time it is delivered, so that a recorded input is never taken twice.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct InputId {
    run: RunId,
    rest: String,
}

impl InputId {
    /// `sent` is the sender's clock in nanoseconds: it orders inputs that arrive within one tick of the store's clock.
    pub(in crate::store) fn new(run: &RunId, sent: u64, random: u128) -> Self {
        Self { run: run.clone(), rest: format!("{sent:016x}-{random:032x}") }
    }

    /// Reads `RUN.SENT-RANDOM`, the form of [`fmt::Display`].
    pub fn parse(text: &str) -> Option<Self> {
        let (run, rest) = text.split_once('.')?;
        let (sent, random) = rest.split_once('-')?;
        let hex = |part: &str, digits| {
            part.len() == digits && part.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
        };
        let run = RunId::parse(run).ok()?;
        (hex(sent, 16) && hex(random, 32)).then(|| Self { run, rest: rest.to_owned() })
    }

    /// The run that the input is for.
    pub fn run(&self) -> &RunId {
        &self.run
    }
}

impl fmt::Display for InputId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.run, self.rest)
    }
}

impl TryFrom<String> for InputId {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        Self::parse(&text)
            .ok_or_else(|| format!("`{}` is not the name of an input", crate::domain::base::text::printable(&text)))
    }
}

impl From<InputId> for String {
    fn from(id: InputId) -> String {
        id.to_string()
    }
}

/// One input as it arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Input {
    pub id: InputId,
    /// The system user that left it, where the store knows; says more than the text but proves no operator.
    pub left_by: Option<u32>,
    pub body: InputBody,
}

/// What an input holds. The executor records a refused one too, so that nobody wonders where it went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InputBody {
    Whole(Vec<u8>),
    Refused { why: String },
}
