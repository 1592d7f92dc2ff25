//! A store in memory, for tests and simulated runs, with faults on demand.
//!
//! Clones share their content, so a second "process" is a clone. It behaves as the durable stores do, apart from
//! surviving the process.

use std::collections::{BTreeMap, VecDeque};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{Holder, Inbox, Input, InputBody, InputId, Journal, LARGEST_INPUT, Lease, Leases, Live, StoreError};
use crate::domain::base::RunId;
use crate::domain::journal::{Head, Line, chain};

/// What the next append meets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Refused cleanly, nothing written; a later append may succeed.
    DiskFull,
    /// Refused cleanly, nothing written.
    ReadOnly,
    /// Cut off in the middle: nothing of it stands afterwards, but the writer cannot know.
    Torn,
    /// Written whole, but the answer was lost.
    AnswerLost,
}

/// See the module's description.
#[derive(Debug, Clone, Default)]
pub struct MemoryStore {
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    runs: BTreeMap<RunId, Run>,
    inputs: Vec<Input>,
    inputs_taken: u64,
}

#[derive(Debug, Default)]
struct Run {
    lines: Vec<Line>,
    fence: u64,
    held_by: Option<Holder>,
    faults: VecDeque<Fault>,
    live: Option<serde_json::Value>,
}

impl Run {
    fn head(&self) -> Head {
        self.lines.last().map_or_else(Head::start, Line::head)
    }
}

/// What a lease of this store carries: letting go of it frees the run, unless somebody else has it by now.
struct Keeper {
    state: Arc<Mutex<State>>,
    run: RunId,
    fence: u64,
    unsure: AtomicBool,
}

impl Drop for Keeper {
    fn drop(&mut self) {
        let mut state = lock(&self.state);
        if let Some(run) = state.runs.get_mut(&self.run).filter(|run| run.fence == self.fence) {
            run.held_by = None;
        }
    }
}

/// A panic elsewhere leaves the values whole: every change below is made in one step after its checks.
fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

impl MemoryStore {
    pub fn new() -> Self {
        Self::default()
    }

    /// The next append to `run` that would succeed meets `fault`; several queue up.
    pub fn fail_next_append(&self, run: &RunId, fault: Fault) {
        if let Some(run) = lock(&self.state).runs.get_mut(run) {
            run.faults.push_back(fault);
        }
    }

    /// Lets the lease of `run` lapse without telling its holder, as a lost connection to a lease server does.
    pub fn lapse_lease(&self, run: &RunId) {
        if let Some(run) = lock(&self.state).runs.get_mut(run) {
            run.held_by = None;
            run.fence += 1;
        }
    }

    fn with_run<T>(&self, run: &RunId, act: impl FnOnce(&mut Run) -> Result<T, StoreError>) -> Result<T, StoreError> {
        match lock(&self.state).runs.get_mut(run) {
            Some(found) => act(found),
            None => Err(StoreError::NoSuchRun { run: run.clone() }),
        }
    }

    fn keeper<'a>(&self, lease: &'a Lease) -> Result<&'a Keeper, StoreError> {
        lease
            .keeper::<Keeper>()
            .filter(|keeper| Arc::ptr_eq(&keeper.state, &self.state))
            .ok_or_else(|| StoreError::ForeignLease { run: lease.run().clone() })
    }
}

fn check_fence(run: &Run, lease: &Lease) -> Result<(), StoreError> {
    if run.fence == lease.fence() {
        return Ok(());
    }
    Err(StoreError::Fenced { run: lease.run().clone(), ours: lease.fence(), found: run.fence })
}

fn append(run: &mut Run, lease: &Lease, expected: &Head, lines: &[Line]) -> Result<Head, StoreError> {
    let name = || lease.run().clone();
    let path = || PathBuf::from("memory").join(lease.run().as_str());
    check_fence(run, lease)?;
    let found = run.head();
    if found != *expected {
        return Err(StoreError::HeadMoved { run: name(), expected: expected.clone(), found });
    }
    let head = chain::continues(expected, lines).map_err(|why| StoreError::BadLines { run: name(), why })?;
    let unsure = |why: &str| StoreError::Unsure { run: name(), why: why.to_owned() };
    match run.faults.pop_front() {
        Some(Fault::DiskFull) => return Err(StoreError::DiskFull { path: path() }),
        Some(Fault::ReadOnly) => return Err(StoreError::ReadOnly { path: path() }),
        Some(Fault::Torn) => return Err(unsure("the write was cut off")),
        Some(Fault::AnswerLost) => {
            run.lines.extend_from_slice(lines);
            return Err(unsure("the answer was lost"));
        }
        None => run.lines.extend_from_slice(lines),
    }
    Ok(head)
}

impl Journal for MemoryStore {
    async fn create_run(&self, run: &RunId) -> Result<(), StoreError> {
        let mut state = lock(&self.state);
        if state.runs.contains_key(run) {
            return Err(StoreError::RunExists { run: run.clone() });
        }
        state.runs.insert(run.clone(), Run::default());
        Ok(())
    }

    async fn runs(&self) -> Result<Vec<RunId>, StoreError> {
        Ok(lock(&self.state).runs.keys().cloned().collect())
    }

    async fn head(&self, run: &RunId) -> Result<Head, StoreError> {
        self.with_run(run, |run| Ok(run.head()))
    }

    async fn read(&self, run: &RunId, from: u64, most: usize) -> Result<Vec<Line>, StoreError> {
        let skip = usize::try_from(from).unwrap_or(usize::MAX);
        self.with_run(run, |run| Ok(run.lines.iter().skip(skip).take(most).cloned().collect()))
    }

    async fn append(&self, lease: &Lease, expected: &Head, lines: &[Line]) -> Result<Head, StoreError> {
        let keeper = self.keeper(lease)?;
        if keeper.unsure.load(Ordering::SeqCst) {
            return Err(StoreError::Unsure { run: lease.run().clone(), why: "an earlier append failed".to_owned() });
        }
        let result = self.with_run(lease.run(), |run| append(run, lease, expected, lines));
        if let Err(StoreError::Unsure { .. }) = &result {
            keeper.unsure.store(true, Ordering::SeqCst);
        }
        result
    }
}

impl Leases for MemoryStore {
    async fn acquire(&self, run: &RunId, holder: &Holder) -> Result<Lease, StoreError> {
        let fence = self.with_run(run, |found| {
            if let Some(other) = &found.held_by {
                return Err(StoreError::Busy { run: run.clone(), holder: Some(other.clone()) });
            }
            found.fence += 1;
            found.held_by = Some(holder.clone());
            Ok(found.fence)
        })?;
        let keeper = Keeper { state: self.state.clone(), run: run.clone(), fence, unsure: AtomicBool::new(false) };
        Ok(Lease::new(run.clone(), fence, Box::new(keeper)))
    }

    async fn still_held(&self, lease: &Lease) -> Result<(), StoreError> {
        self.keeper(lease)?;
        self.with_run(lease.run(), |run| check_fence(run, lease))
    }

    async fn release(&self, lease: Lease) -> Result<(), StoreError> {
        self.keeper(&lease).map(|_| ())
    }

    async fn holder(&self, run: &RunId) -> Result<Option<Holder>, StoreError> {
        self.with_run(run, |run| Ok(run.held_by.clone()))
    }
}

impl Inbox for MemoryStore {
    async fn put_input(&self, run: &RunId, body: &[u8]) -> Result<InputId, StoreError> {
        if body.len() > LARGEST_INPUT {
            return Err(StoreError::InputTooLarge { found: body.len(), most: LARGEST_INPUT });
        }
        self.with_run(run, |_| Ok(()))?;
        let mut state = lock(&self.state);
        state.inputs_taken += 1;
        let id = InputId::new(run, state.inputs_taken, u128::from(state.inputs_taken));
        state.inputs.push(Input { id: id.clone(), left_by: None, body: InputBody::Whole(body.to_vec()) });
        Ok(id)
    }

    async fn inputs(&self, run: &RunId) -> Result<Vec<Input>, StoreError> {
        Ok(lock(&self.state).inputs.iter().filter(|input| input.id.run() == run).cloned().collect())
    }

    async fn remove_input(&self, id: &InputId) -> Result<(), StoreError> {
        lock(&self.state).inputs.retain(|input| input.id != *id);
        Ok(())
    }
}

impl Live for MemoryStore {
    async fn put_live(&self, lease: &Lease, values: &serde_json::Value) -> Result<(), StoreError> {
        self.keeper(lease)?;
        self.with_run(lease.run(), |run| {
            check_fence(run, lease)?;
            run.live = Some(values.clone());
            Ok(())
        })
    }

    async fn live(&self, run: &RunId) -> Result<Option<serde_json::Value>, StoreError> {
        self.with_run(run, |run| Ok(run.live.clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::base::{Principal, Timestamp};

    async fn after(fault: Fault) -> (MemoryStore, Lease, Line, Result<Head, StoreError>) {
        let (store, run) = (MemoryStore::new(), RunId::parse("r-1").unwrap());
        let operator = Principal::parse("ana").unwrap();
        let holder = Holder { operator, host: "bastion-1".to_owned(), pid: 1, since: Timestamp::from_millis(0) };
        store.create_run(&run).await.unwrap();
        let lease = store.acquire(&run, &holder).await.unwrap();
        let line = Line::next(&Head::start(), Timestamp::from_millis(0), "run.opened", r#"{"format":1}"#).unwrap();
        store.fail_next_append(&run, fault);
        let result = store.append(&lease, &Head::start(), std::slice::from_ref(&line)).await;
        (store, lease, line, result)
    }

    #[tokio::test]
    async fn a_clean_refusal_writes_nothing_and_the_lease_stays_good() {
        for fault in [Fault::DiskFull, Fault::ReadOnly] {
            let (store, lease, line, result) = after(fault).await;
            assert!(matches!(result, Err(StoreError::DiskFull { .. } | StoreError::ReadOnly { .. })), "{result:?}");
            assert_eq!(store.head(lease.run()).await.unwrap(), Head::start());
            store.append(&lease, &Head::start(), &[line]).await.unwrap();
        }
    }

    #[tokio::test]
    async fn after_an_uncertain_append_the_lease_writes_nothing_more() {
        for (fault, written) in [(Fault::Torn, 0), (Fault::AnswerLost, 1)] {
            let (store, lease, _, result) = after(fault).await;
            assert!(matches!(result, Err(StoreError::Unsure { .. })), "{result:?}");
            let head = store.head(lease.run()).await.unwrap();
            assert_eq!(head.entries(), written);
            let next = Line::next(&head, Timestamp::from_millis(0), "note.made", r#"{"format":1}"#).unwrap();
            let again = store.append(&lease, &head, &[next]).await;
            assert!(matches!(again, Err(StoreError::Unsure { .. })), "{again:?}");
        }
    }
}
