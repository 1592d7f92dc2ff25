//! The right to write a run's journal, as a value that only a store can make.
//!
//! It carries the store's own hold on the run (a locked file, a lease of a server); dropping it lets go.

use std::any::Any;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::domain::base::{Principal, RunId, Timestamp, text::printable};

/// Who says to be driving a run. Shown to people when the lease is taken; nothing is decided on it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Holder {
    pub operator: Principal,
    pub host: String,
    pub pid: u32,
    pub since: Timestamp,
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { operator, host, pid, since } = self;
        write!(f, "{operator} on {} (process {pid}, since {})", printable(host), since.to_seconds())
    }
}

/// Permission to append to one run's journal, until it is dropped, released or fenced off.
///
/// Only a store makes one:
///
/// ```
/// use countersign::domain::base::RunId;
/// use countersign::store::{Holder, Lease, Leases, StoreError};
/// async fn lease(store: &impl Leases, run: &RunId, holder: &Holder) -> Result<Lease, StoreError> {
///     store.acquire(run, holder).await
/// }
/// ```
///
/// Making one by hand does not compile:
///
/// ```compile_fail,E0624
/// use countersign::domain::base::RunId;
/// use countersign::store::{Holder, Lease, Leases, StoreError};
/// async fn lease(store: &impl Leases, run: &RunId, holder: &Holder) -> Result<Lease, StoreError> {
///     Ok(Lease::new(run.clone(), 1, Box::new(())))
/// }
/// ```
#[must_use = "dropping a lease lets another process drive the run; give it back with `release`"]
pub struct Lease {
    run: RunId,
    fence: u64,
    keeper: Box<dyn Any + Send + Sync>,
}

impl Lease {
    pub(in crate::store) fn new(run: RunId, fence: u64, keeper: Box<dyn Any + Send + Sync>) -> Self {
        Self { run, fence, keeper }
    }

    pub fn run(&self) -> &RunId {
        &self.run
    }

    /// Grows with every lease of a run; whoever has the larger number is the one that counts.
    pub fn fence(&self) -> u64 {
        self.fence
    }

    /// The store's own hold, if this lease is one of that kind of store.
    pub(in crate::store) fn keeper<T: 'static>(&self) -> Option<&T> {
        self.keeper.downcast_ref()
    }
}

impl fmt::Debug for Lease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Lease({}, fence {})", self.run, self.fence)
    }
}
