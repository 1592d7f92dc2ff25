//! What every store must do, run over each of them.

use std::future::Future;

use countersign::domain::base::{Principal, RunId, Timestamp};
use countersign::domain::journal::{Head, Line};
use countersign::store::memory::MemoryStore;
use countersign::store::sqlite::SqliteStore;
use countersign::store::{Holder, Inbox, InputBody, Journal, Lease, Leases, Live, Store, StoreError};

/// A store and what only its kind can do to it.
trait Rig: Sized {
    type Store: Store + Clone + 'static;
    fn new() -> Self;
    fn store(&self) -> Self::Store;
    /// Another process's view of the same place.
    fn elsewhere(&self) -> Self::Store;
    /// Takes the lease away behind its holder's back.
    fn lapse(&self, run: &RunId);
}

struct Memory(MemoryStore);

impl Rig for Memory {
    type Store = MemoryStore;
    fn new() -> Self {
        Self(MemoryStore::new())
    }
    fn store(&self) -> MemoryStore {
        self.0.clone()
    }
    fn elsewhere(&self) -> MemoryStore {
        self.0.clone()
    }
    fn lapse(&self, run: &RunId) {
        self.0.lapse_lease(run);
    }
}

struct Sqlite(tempfile::TempDir);

impl Rig for Sqlite {
    type Store = SqliteStore;
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        SqliteStore::create(directory.path()).unwrap();
        Self(directory)
    }
    fn store(&self) -> SqliteStore {
        SqliteStore::open(self.0.path()).unwrap()
    }
    fn elsewhere(&self) -> SqliteStore {
        SqliteStore::open(self.0.path()).unwrap()
    }
    fn lapse(&self, run: &RunId) {
        std::fs::remove_file(self.0.path().join("runs").join(run.as_str()).join("lock")).unwrap();
    }
}

fn run() -> RunId {
    RunId::parse("r-7k3q9d").unwrap()
}

fn holder(operator: &str) -> Holder {
    Holder {
        operator: Principal::parse(operator).unwrap(),
        host: "bastion-1".to_owned(),
        pid: 7,
        since: Timestamp::from_millis(0),
    }
}

/// `count` lines that follow `head`.
fn lines(head: &Head, count: u64) -> Vec<Line> {
    let mut head = head.clone();
    (0..count)
        .map(|_| {
            let seq = head.entries();
            let payload = if seq == 0 { r#"{"format":1}"#.to_owned() } else { format!("{{\"n\":{seq}}}") };
            let line = Line::next(&head, Timestamp::from_millis(1000), "note.made", &payload).unwrap();
            head = line.head();
            line
        })
        .collect()
}

async fn started<S: Store>(store: &S, count: u64) -> (Lease, Head) {
    store.create_run(&run()).await.unwrap();
    let lease = store.acquire(&run(), &holder("ana")).await.unwrap();
    let head = store.append(&lease, &Head::start(), &lines(&Head::start(), count)).await.unwrap();
    (lease, head)
}

async fn what_was_appended_is_read_back_by_everybody<R: Rig>() {
    let rig = R::new();
    let store = rig.store();
    let (lease, head) = started(&store, 3).await;
    let more = lines(&head, 2);
    let end = store.append(&lease, &head, &more).await.unwrap();
    assert_eq!(end, more[1].head());
    let elsewhere = rig.elsewhere();
    assert_eq!(elsewhere.head(&run()).await.unwrap(), end);
    let all = [lines(&Head::start(), 3), more].concat();
    assert_eq!(elsewhere.read(&run(), 0, 100).await.unwrap(), all);
    assert_eq!(elsewhere.read(&run(), 2, 2).await.unwrap(), all[2..4]);
    assert_eq!(elsewhere.read(&run(), 4, 100).await.unwrap(), all[4..]);
    assert_eq!(elsewhere.read(&run(), 5, 100).await.unwrap(), []);
    assert_eq!(elsewhere.read(&run(), 99, 100).await.unwrap(), []);
    assert_eq!(elsewhere.read(&run(), u64::MAX, 100).await.unwrap(), []);
    store.release(lease).await.unwrap();
    assert_eq!(elsewhere.read(&run(), 0, 100).await.unwrap(), all);
}

async fn runs_are_listed_and_exist_once<R: Rig>() {
    let rig = R::new();
    let store = rig.store();
    assert_eq!(store.runs().await.unwrap(), []);
    let other = RunId::parse("r-a").unwrap();
    store.create_run(&other).await.unwrap();
    store.create_run(&run()).await.unwrap();
    assert!(matches!(store.create_run(&run()).await, Err(StoreError::RunExists { .. })));
    assert_eq!(rig.elsewhere().runs().await.unwrap(), [run(), other]);
    assert_eq!(store.head(&run()).await.unwrap(), Head::start());
    let missing = RunId::parse("r-none").unwrap();
    assert!(matches!(store.head(&missing).await, Err(StoreError::NoSuchRun { .. })));
    assert!(matches!(store.read(&missing, 0, 1).await, Err(StoreError::NoSuchRun { .. })));
    assert!(matches!(store.acquire(&missing, &holder("ana")).await, Err(StoreError::NoSuchRun { .. })));
    assert!(matches!(store.put_input(&missing, b"x").await, Err(StoreError::NoSuchRun { .. })));
}

async fn an_append_to_another_head_is_refused_and_changes_nothing<R: Rig>() {
    let rig = R::new();
    let store = rig.store();
    let (lease, head) = started(&store, 3).await;
    let stale = lines(&Head::start(), 2)[1].head();
    match store.append(&lease, &stale, &lines(&stale, 1)).await {
        Err(StoreError::HeadMoved { expected, found, .. }) => assert_eq!((expected, found), (stale, head.clone())),
        other => panic!("{other:?}"),
    }
    assert_eq!(store.head(&run()).await.unwrap(), head);
    store.append(&lease, &head, &lines(&head, 1)).await.unwrap();
}

async fn lines_that_do_not_follow_are_refused_whole<R: Rig>() {
    let rig = R::new();
    let store = rig.store();
    let (lease, head) = started(&store, 1).await;
    let mut gap = lines(&head, 3);
    gap.remove(1);
    assert!(matches!(store.append(&lease, &head, &gap).await, Err(StoreError::BadLines { .. })));
    assert_eq!(store.head(&run()).await.unwrap(), head);
}

async fn the_first_line_must_name_the_format<R: Rig>() {
    let rig = R::new();
    let store = rig.store();
    store.create_run(&run()).await.unwrap();
    let lease = store.acquire(&run(), &holder("ana")).await.unwrap();
    let line = Line::next(&Head::start(), Timestamp::from_millis(0), "run.opened", "{}").unwrap();
    assert!(matches!(store.append(&lease, &Head::start(), &[line]).await, Err(StoreError::BadLines { .. })));
}

async fn one_lease_at_a_time_and_the_loser_hears_who_has_it<R: Rig>() {
    let rig = R::new();
    let store = rig.store();
    let (lease, _) = started(&store, 1).await;
    let elsewhere = rig.elsewhere();
    match elsewhere.acquire(&run(), &holder("bob")).await {
        Err(StoreError::Busy { holder: Some(found), .. }) => assert_eq!(found, holder("ana")),
        other => panic!("{other:?}"),
    }
    assert_eq!(elsewhere.holder(&run()).await.unwrap(), Some(holder("ana")));
    store.release(lease).await.unwrap();
    assert_eq!(elsewhere.holder(&run()).await.unwrap(), None);
    let lease = elsewhere.acquire(&run(), &holder("bob")).await.unwrap();
    elsewhere.still_held(&lease).await.unwrap();
}

async fn a_dropped_lease_is_free_and_the_next_fence_is_larger<R: Rig>() {
    let rig = R::new();
    let store = rig.store();
    let (lease, head) = started(&store, 1).await;
    let fence = lease.fence();
    drop(lease);
    let lease = rig.elsewhere().acquire(&run(), &holder("bob")).await.unwrap();
    assert!(lease.fence() > fence);
    rig.elsewhere().append(&lease, &head, &lines(&head, 1)).await.unwrap();
}

async fn a_writer_that_lost_its_lease_appends_nothing<R: Rig>() {
    let rig = R::new();
    let store = rig.store();
    let (old, head) = started(&store, 1).await;
    store.still_held(&old).await.unwrap();
    rig.lapse(&run());
    assert!(store.still_held(&old).await.is_err());
    let elsewhere = rig.elsewhere();
    let new = elsewhere.acquire(&run(), &holder("bob")).await.unwrap();
    match store.append(&old, &head, &lines(&head, 1)).await {
        Err(StoreError::Fenced { ours, found, .. }) => assert_eq!((ours, found), (old.fence(), new.fence())),
        other => panic!("{other:?}"),
    }
    assert!(store.still_held(&old).await.is_err());
    let end = elsewhere.append(&new, &head, &lines(&head, 1)).await.unwrap();
    drop(old);
    elsewhere.still_held(&new).await.unwrap();
    assert_eq!(elsewhere.head(&run()).await.unwrap(), end);
}

async fn a_lease_of_another_store_is_refused<R: Rig>() {
    let (one, two) = (R::new(), R::new());
    let (lease, head) = started(&one.store(), 1).await;
    two.store().create_run(&run()).await.unwrap();
    let result = two.store().append(&lease, &head, &lines(&head, 1)).await;
    assert!(matches!(result, Err(StoreError::ForeignLease { .. })), "{result:?}");
}

async fn inputs_arrive_in_order_and_stay_until_removed<R: Rig>() {
    let rig = R::new();
    let store = rig.store();
    let other = RunId::parse("r-other").unwrap();
    store.create_run(&run()).await.unwrap();
    store.create_run(&other).await.unwrap();
    let mut sent = Vec::new();
    for n in 0..30 {
        sent.push(rig.elsewhere().put_input(&run(), format!("input {n}").as_bytes()).await.unwrap());
        rig.elsewhere().put_input(&other, b"not for this run").await.unwrap();
    }
    let found = store.inputs(&run()).await.unwrap();
    assert_eq!(found.iter().map(|input| input.id.clone()).collect::<Vec<_>>(), sent);
    for (n, input) in found.iter().enumerate() {
        assert_eq!(input.body, InputBody::Whole(format!("input {n}").into_bytes()));
    }
    assert_eq!(store.inputs(&run()).await.unwrap(), found, "reading takes nothing away");
    store.remove_input(&sent[0]).await.unwrap();
    store.remove_input(&sent[0]).await.unwrap();
    assert_eq!(store.inputs(&run()).await.unwrap(), found[1..]);
    assert_eq!(store.inputs(&other).await.unwrap().len(), 30);
}

async fn an_input_that_is_too_large_is_refused<R: Rig>() {
    let rig = R::new();
    let store = rig.store();
    store.create_run(&run()).await.unwrap();
    let most = countersign::store::LARGEST_INPUT;
    store.put_input(&run(), &vec![b'x'; most]).await.unwrap();
    let result = store.put_input(&run(), &vec![b'x'; most + 1]).await;
    assert!(matches!(result, Err(StoreError::InputTooLarge { .. })), "{result:?}");
    assert_eq!(store.inputs(&run()).await.unwrap().len(), 1);
}

async fn live_values_are_the_last_ones<R: Rig>() {
    let rig = R::new();
    let store = rig.store();
    let (lease, _) = started(&store, 1).await;
    assert_eq!(rig.elsewhere().live(&run()).await.unwrap(), None);
    for n in [1, 2] {
        store.put_live(&lease, &serde_json::json!({ "lag_s": n })).await.unwrap();
    }
    assert_eq!(rig.elsewhere().live(&run()).await.unwrap(), Some(serde_json::json!({ "lag_s": 2 })));
}

async fn a_thousand_lines_are_read_in_batches<R: Rig>() {
    let rig = R::new();
    let store = rig.store();
    let (_lease, head) = started(&store, 1000).await;
    let mut found: Vec<Line> = Vec::new();
    loop {
        let from = found.len().try_into().unwrap();
        let batch = rig.elsewhere().read(&run(), from, 64).await.unwrap();
        assert!(batch.len() <= 64);
        if batch.is_empty() {
            break;
        }
        found.extend(batch);
    }
    assert_eq!(found.last().unwrap().head(), head);
}

fn block_on(future: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future);
}

macro_rules! conformance {
    ($($name:ident),* $(,)?) => {
        mod memory { $(#[test] fn $name() { super::block_on(super::$name::<super::Memory>()); })* }
        mod sqlite { $(#[test] fn $name() { super::block_on(super::$name::<super::Sqlite>()); })* }
    };
}

conformance!(
    what_was_appended_is_read_back_by_everybody,
    runs_are_listed_and_exist_once,
    an_append_to_another_head_is_refused_and_changes_nothing,
    lines_that_do_not_follow_are_refused_whole,
    the_first_line_must_name_the_format,
    one_lease_at_a_time_and_the_loser_hears_who_has_it,
    a_dropped_lease_is_free_and_the_next_fence_is_larger,
    a_writer_that_lost_its_lease_appends_nothing,
    a_lease_of_another_store_is_refused,
    inputs_arrive_in_order_and_stay_until_removed,
    an_input_that_is_too_large_is_refused,
    live_values_are_the_last_ones,
    a_thousand_lines_are_read_in_batches,
);
