//! Who may do what in a state directory, and inputs from people who mean harm.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::Path;
use std::process::Command;

use countersign::store::{Inbox as _, InputBody, Journal as _, LARGEST_INPUT, Leases as _};

use crate::processes::{all_answers, as_group_member, command};
use crate::{block_on, file, place, run, started, state, store};

/// What a member of the group gets as an answer to `role`.
fn member_says(role: &str, place: &Path) -> Vec<String> {
    let mut command = command(role, place);
    as_group_member(&mut command);
    all_answers(command)
}

/// For a test run by an ordinary user, who cannot become somebody else: takes the owner's right to write away, and
/// gives it back when dropped so that the directory can be removed.
struct WriteProtected(Vec<std::path::PathBuf>);

impl WriteProtected {
    fn new(place: &Path) -> Self {
        let directory = file(place, "");
        let mut paths: Vec<_> = fs::read_dir(&directory).unwrap().map(|entry| entry.unwrap().path()).collect();
        paths.push(directory);
        if rustix::process::geteuid().is_root() {
            paths.clear();
        }
        let protected = Self(paths);
        protected.set(0o500);
        protected
    }

    fn set(&self, mode: u32) {
        for path in &self.0 {
            fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        }
    }
}

impl Drop for WriteProtected {
    fn drop(&mut self) {
        self.set(0o700);
    }
}

#[test]
fn the_state_directory_has_its_documented_modes() {
    let place = place();
    let root = state(place.path());
    block_on(async {
        let (lease, _) = started(&store(place.path()), 1).await;
        let store = store(place.path());
        let id = store.put_input(&run(), b"hold").await.unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().mode() & 0o7777;
        for (path, expected) in [
            (root.clone(), 0o2750),
            (root.join("runs"), 0o2750),
            (root.join("inbox"), 0o3730),
            (root.join("inbox").join(id.to_string()), 0o640),
            (file(place.path(), ""), 0o2750),
            (file(place.path(), "journal.db"), 0o640),
            (file(place.path(), "journal.db-wal"), 0o640),
            (file(place.path(), "lock"), 0o640),
        ] {
            assert_eq!(format!("{:o}", mode(&path)), format!("{expected:o}"), "{}", path.display());
        }
        drop(lease);
    });
}

#[test]
fn modes_that_an_administrator_chose_are_kept() {
    let place = place();
    let inbox = state(place.path()).join("inbox");
    fs::set_permissions(&inbox, fs::Permissions::from_mode(0o700)).unwrap();
    countersign::store::sqlite::SqliteStore::create(&state(place.path())).unwrap();
    assert_eq!(fs::metadata(&inbox).unwrap().mode() & 0o7777, 0o700);
}

#[test]
fn who_may_not_write_reads_a_run_that_ended_in_order() {
    let place = place();
    let store = store(place.path());
    block_on(async {
        let (lease, _) = started(&store, 3).await;
        store.release(lease).await.unwrap();
    });
    let _protected = WriteProtected::new(place.path());
    assert_eq!(member_says("read", place.path()), ["3 lines"]);
}

#[test]
fn who_may_not_write_reads_a_run_that_goes_on() {
    let place = place();
    let store = store(place.path());
    let (lease, _) = block_on(started(&store, 3));
    let _protected = WriteProtected::new(place.path());
    assert_eq!(member_says("read", place.path()), ["3 lines"]);
    drop(lease);
}

#[test]
fn who_may_not_write_reads_a_run_whose_executor_ended_without_order() {
    let place = place();
    let store = store(place.path());
    let (lease, _) = block_on(started(&store, 3));
    drop(lease);
    assert!(!file(place.path(), "journal.db-wal").exists(), "the log went with its last user");
    let header = fs::read(file(place.path(), "journal.db")).unwrap();
    assert_eq!(header[18], 2, "the file must still say that it wants a log, or this shows nothing");
    let _protected = WriteProtected::new(place.path());
    assert_eq!(member_says("read", place.path()), ["3 lines"]);
}

#[test]
fn who_may_not_write_reads_a_run_whose_executor_was_killed() {
    use std::io::BufReader;
    let place = place();
    block_on(store(place.path()).create_run(&run())).unwrap();
    let mut child = command("append until killed", place.path()).spawn().unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    for _ in 0..3 {
        crate::processes::answer(&mut out);
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(file(place.path(), "journal.db-wal").exists());
    let _protected = WriteProtected::new(place.path());
    let said = member_says("read", place.path());
    assert!(said[0].ends_with(" lines") && said[0] != "0 lines", "{said:?}");
}

#[test]
fn who_may_not_write_gets_no_lease_and_hears_why() {
    let place = place();
    let store = store(place.path());
    block_on(async {
        let (lease, _) = started(&store, 3).await;
        store.release(lease).await.unwrap();
    });
    let before = block_on(store.head(&run())).unwrap();
    let protected = WriteProtected::new(place.path());
    let said = member_says("acquire", place.path());
    drop(protected);
    assert!(said[0].starts_with("this user may not write `"), "{said:?}");
    assert_eq!(block_on(store.head(&run())).unwrap(), before);
}

#[test]
fn operators_leave_inputs_but_cannot_list_them() {
    let place = place();
    let store = store(place.path());
    block_on(store.create_run(&run())).unwrap();
    let inbox = state(place.path()).join("inbox");
    let root = rustix::process::geteuid().is_root();
    if !root {
        // The owner's bits as a member of the group finds them.
        fs::set_permissions(&inbox, fs::Permissions::from_mode(0o3330)).unwrap();
    }
    assert_eq!(member_says("put", place.path()).len(), 10);
    let said = member_says("list inputs", place.path());
    assert!(said[0].starts_with("this user may not list `"), "{said:?}");
    fs::set_permissions(&inbox, fs::Permissions::from_mode(0o3730)).unwrap();
    let inputs = block_on(store.inputs(&run())).unwrap();
    assert_eq!(inputs.len(), 10);
    let expected = if root { 65_534 } else { rustix::process::geteuid().as_raw() };
    assert!(inputs.iter().all(|input| input.left_by == Some(expected)));
    for input in inputs {
        block_on(store.remove_input(&input.id)).unwrap();
    }
    assert_eq!(fs::read_dir(&inbox).unwrap().count(), 0);
}

#[test]
fn hostile_files_in_the_inbox_are_refused_and_block_nothing() {
    let place = place();
    let store = store(place.path());
    block_on(store.create_run(&run())).unwrap();
    let inbox = state(place.path()).join("inbox");
    let name = |n: u32| inbox.join(format!("{}.{n:016x}-{n:032x}", run()));
    fs::write(place.path().join("secret"), "secret").unwrap();
    symlink(place.path().join("secret"), name(1)).unwrap();
    assert!(Command::new("mkfifo").arg(name(2)).status().unwrap().success());
    fs::write(name(3), vec![b'x'; LARGEST_INPUT + 1]).unwrap();
    fs::create_dir(name(4)).unwrap();
    fs::File::create(name(5)).unwrap().set_len(10 << 30).unwrap();
    fs::write(inbox.join("r-7k3q9d.no-such-form"), "x").unwrap();
    fs::write(inbox.join(".hidden"), "x").unwrap();
    fs::write(name(6), "good").unwrap();
    let mut found = block_on(store.inputs(&run())).unwrap();
    found.sort_by(|a, b| a.id.cmp(&b.id));
    assert_eq!(found.len(), 6);
    for input in &found[..5] {
        assert!(matches!(input.body, InputBody::Refused { .. }), "{input:?}");
    }
    assert_eq!(found[5].body, InputBody::Whole(b"good".to_vec()));
}
