//! What only the embedded store must do: survive a crash, exclude other processes, refuse what it cannot trust.
//!
//! Other processes are this same test program, started with the name of a role (see [`processes`]).

mod damage;
mod permissions;
mod processes;
mod space;

use std::future::Future;
use std::path::{Path, PathBuf};

use countersign::domain::base::{Principal, RunId, Timestamp};
use countersign::domain::journal::{Head, Line};
use countersign::store::sqlite::SqliteStore;
use countersign::store::{Holder, Journal as _, Lease, Leases as _};

pub fn run() -> RunId {
    RunId::parse("r-7k3q9d").unwrap()
}

pub fn holder() -> Holder {
    Holder {
        operator: Principal::parse("ana").unwrap(),
        host: "bastion-1".to_owned(),
        pid: std::process::id(),
        since: Timestamp::from_millis(0),
    }
}

/// The line after `head`, its payload filled up with `filling` bytes.
pub fn line(head: &Head, filling: usize) -> Line {
    let fill = "x".repeat(filling);
    let payload = match head.entries() {
        0 => format!("{{\"format\":1,\"fill\":\"{fill}\"}}"),
        n => format!("{{\"n\":{n},\"fill\":\"{fill}\"}}"),
    };
    Line::next(head, Timestamp::from_millis(1000), "note.made", &payload).unwrap()
}

/// A state directory in a place that other users can reach.
pub fn place() -> tempfile::TempDir {
    use std::os::unix::fs::PermissionsExt as _;
    let directory = tempfile::tempdir().unwrap();
    std::fs::set_permissions(directory.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    SqliteStore::create(&state(directory.path())).unwrap();
    directory
}

pub fn state(place: &Path) -> PathBuf {
    place.join("state")
}

pub fn store(place: &Path) -> SqliteStore {
    SqliteStore::open(&state(place)).unwrap()
}

pub fn file(place: &Path, name: &str) -> PathBuf {
    state(place).join("runs").join(run().as_str()).join(name)
}

pub async fn started(store: &SqliteStore, count: u64) -> (Lease, Head) {
    store.create_run(&run()).await.unwrap();
    let lease = store.acquire(&run(), &holder()).await.unwrap();
    let mut head = Head::start();
    for _ in 0..count {
        head = store.append(&lease, &head, &[line(&head, 400)]).await.unwrap();
    }
    (lease, head)
}

/// Reads the whole journal, which checks the chain.
pub async fn read_all(store: &SqliteStore) -> Vec<Line> {
    let mut found: Vec<Line> = Vec::new();
    loop {
        let batch = store.read(&run(), found.len().try_into().unwrap(), 500).await.unwrap();
        if batch.is_empty() {
            return found;
        }
        found.extend(batch);
    }
}

pub fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}
