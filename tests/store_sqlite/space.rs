//! No space left, on a real file system of one mebibyte.

use std::fs;
use std::path::Path;
use std::process::Command;

use countersign::domain::journal::Head;
use countersign::store::sqlite::SqliteStore;
use countersign::store::{Inbox as _, Journal as _, Leases as _, StoreError};

use crate::processes::{all_answers, command, say};
use crate::{block_on, holder, line, place, read_all, run, state, store};

/// In the other process, whose `place` is a small file system of its own.
pub async fn fill_the_disk(place: &Path) {
    let store = SqliteStore::create(&state(place)).unwrap();
    store.create_run(&run()).await.unwrap();
    fs::write(place.join("filler"), vec![b'x'; 300 * 1024]).unwrap();
    let lease = store.acquire(&run(), &holder()).await.unwrap();
    let mut head = Head::start();
    let error = loop {
        match store.append(&lease, &head, &[line(&head, 20_000)]).await {
            Ok(next) => head = next,
            Err(error) => break error,
        }
        assert!(head.entries() < 100, "the disk never fills up");
    };
    assert!(matches!(error, StoreError::DiskFull { .. }), "{error:?}");
    assert!(head.entries() > 3, "{head}");
    assert_eq!(store.head(&run()).await.unwrap(), head, "nothing of the failed append stays");
    let error = store.put_input(&run(), &vec![b'x'; 200_000]).await.unwrap_err();
    assert!(matches!(error, StoreError::DiskFull { .. }), "{error:?}");
    assert_eq!(fs::read_dir(state(place).join("inbox")).unwrap().count(), 0, "no half input stays");
    fs::remove_file(place.join("filler")).unwrap();
    let end = store.append(&lease, &head, &[line(&head, 20_000)]).await.unwrap();
    assert_eq!(read_all(&store).await.last().unwrap().head(), end);
    say("went on once there was space");
}

/// A tmpfs in a mount namespace of its own, which `unshare` gives to root and, through a user namespace, to others.
/// Where the system allows neither, a limit on the size of files stands in: it fails inside the same write.
#[test]
fn a_full_disk_refuses_the_append_and_the_run_goes_on_when_there_is_space() {
    let place = tempfile::tempdir().unwrap();
    let script = "mount -t tmpfs -o size=1m none \"$0\" && exec \"$@\"";
    let inner = command("fill the disk", place.path());
    let namespace = |with_user: &[&str]| {
        let mut outer = Command::new("unshare");
        outer.args(with_user).args(["--mount", "sh", "-c"]);
        outer
    };
    let can = |with_user: &[&str]| {
        let mut probe = namespace(with_user);
        probe.arg(script).arg(place.path()).arg("true");
        probe.status().is_ok_and(|status| status.success())
    };
    let with_user: &[&str] = match () {
        () if can(&[]) => &[],
        () if can(&["--user", "--map-root-user"]) => &["--user", "--map-root-user"],
        () => return limited_file_size(),
    };
    let mut outer = namespace(with_user);
    outer.arg(script).arg(place.path()).arg(inner.get_program()).args(inner.get_args());
    for (name, value) in inner.get_envs() {
        outer.env(name, value.unwrap());
    }
    assert_eq!(all_answers(outer), ["went on once there was space"]);
}

/// In the other process, which may not make a file larger than a limit.
pub async fn meet_the_limit(place: &Path) {
    let store = store(place);
    let lease = store.acquire(&run(), &holder()).await.unwrap();
    let mut head = Head::start();
    let error = loop {
        match store.append(&lease, &head, &[line(&head, 20_000)]).await {
            Ok(next) => head = next,
            Err(error) => break error,
        }
        assert!(head.entries() < 100, "the limit is never met");
    };
    assert!(matches!(error, StoreError::Unsure { .. }), "{error:?}");
    let again = store.append(&lease, &head, &[line(&head, 10)]).await;
    assert!(matches!(again, Err(StoreError::Unsure { .. })), "{again:?}");
    say(&head.to_string());
}

/// Works for everybody: a limit on the size of files, with its signal ignored, makes the write itself fail.
fn limited_file_size() {
    let place = place();
    let store = store(place.path());
    block_on(store.create_run(&run())).unwrap();
    let inner = command("meet the limit", place.path());
    let mut outer = Command::new("sh");
    outer.args(["-c", "trap '' XFSZ && ulimit -f 400 && exec \"$@\"", "sh"]);
    outer.arg(inner.get_program()).args(inner.get_args());
    for (name, value) in inner.get_envs() {
        outer.env(name, value.unwrap());
    }
    let said = all_answers(outer);
    let acknowledged: Head = said[0].parse().unwrap();
    block_on(async {
        let lines = read_all(&store).await;
        let last = usize::try_from(acknowledged.seq().unwrap()).unwrap();
        assert_eq!(lines[last].head(), acknowledged);
        let lease = store.acquire(&run(), &holder()).await.unwrap();
        let head = store.head(&run()).await.unwrap();
        store.append(&lease, &head, &[line(&head, 10)]).await.unwrap();
    });
}

#[test]
fn after_a_write_that_failed_half_way_the_lease_is_spent_and_a_new_one_goes_on() {
    limited_file_size();
}
