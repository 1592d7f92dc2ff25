//! A store that fails when the faults say so, and lets the audit see every record as soon as it is durable.

use std::sync::Arc;

use super::audit::Audit;
use super::clock::SimulatedWorld;
use super::faults::{Faults, Life, Troubled};
use crate::domain::base::RunId;
use crate::domain::journal::{Head, Line};
use crate::store::memory::{Fault, MemoryStore};
use crate::store::{Holder, Inbox, Input, InputId, Journal, Lease, Leases, Live, StoreError};

/// What trouble at a point is done to: the run's store and the machine's clock.
#[derive(Debug, Clone)]
pub struct Machine {
    pub store: MemoryStore,
    pub run: RunId,
    pub world: SimulatedWorld,
}

impl Troubled for Machine {
    fn lapse(&self) {
        self.store.lapse_lease(&self.run);
    }

    fn fail_append(&self, fault: Fault) {
        self.store.fail_next_append(&self.run, fault);
    }

    fn jump(&self, millis: i64) {
        self.world.jump(millis);
    }
}

/// One process's way to the store.
#[derive(Debug, Clone)]
pub struct SimulatedStore {
    pub machine: Machine,
    pub faults: Arc<Faults>,
    pub life: Arc<Life>,
    pub audit: Audit,
}

impl SimulatedStore {
    async fn pass(&self, place: &'static str) {
        self.faults.pass(place, &self.life, &self.machine).await;
    }

    fn inner(&self) -> &MemoryStore {
        &self.machine.store
    }
}

impl Journal for SimulatedStore {
    async fn create_run(&self, run: &RunId) -> Result<(), StoreError> {
        self.inner().create_run(run).await
    }

    async fn runs(&self) -> Result<Vec<RunId>, StoreError> {
        self.inner().runs().await
    }

    async fn head(&self, run: &RunId) -> Result<Head, StoreError> {
        self.inner().head(run).await
    }

    async fn read(&self, run: &RunId, from: u64, most: usize) -> Result<Vec<Line>, StoreError> {
        self.inner().read(run, from, most).await
    }

    async fn append(&self, lease: &Lease, expected: &Head, lines: &[Line]) -> Result<Head, StoreError> {
        self.pass("before an append").await;
        let result = self.inner().append(lease, expected, lines).await;
        self.audit.catch_up().await;
        self.pass("after an append").await;
        result
    }
}

impl Leases for SimulatedStore {
    async fn acquire(&self, run: &RunId, holder: &Holder) -> Result<Lease, StoreError> {
        self.inner().acquire(run, holder).await
    }

    async fn still_held(&self, lease: &Lease) -> Result<(), StoreError> {
        self.pass("before asking for the lease").await;
        self.inner().still_held(lease).await
    }

    async fn release(&self, lease: Lease) -> Result<(), StoreError> {
        self.inner().release(lease).await
    }

    async fn holder(&self, run: &RunId) -> Result<Option<Holder>, StoreError> {
        self.inner().holder(run).await
    }
}

impl Inbox for SimulatedStore {
    async fn put_input(&self, run: &RunId, body: &[u8]) -> Result<InputId, StoreError> {
        self.inner().put_input(run, body).await
    }

    async fn inputs(&self, run: &RunId) -> Result<Vec<Input>, StoreError> {
        self.inner().inputs(run).await
    }

    async fn remove_input(&self, id: &InputId) -> Result<(), StoreError> {
        self.pass("before removing an input").await;
        self.audit.removing(id).await;
        self.inner().remove_input(id).await?;
        self.pass("after removing an input").await;
        Ok(())
    }
}

impl Live for SimulatedStore {
    async fn put_live(&self, lease: &Lease, values: &serde_json::Value) -> Result<(), StoreError> {
        self.inner().put_live(lease, values).await
    }

    async fn live(&self, run: &RunId) -> Result<Option<serde_json::Value>, StoreError> {
        self.inner().live(run).await
    }
}
