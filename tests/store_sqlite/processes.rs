//! Several processes on one state directory, and processes that die.

use std::collections::BTreeSet;
use std::io::{BufReader, Read as _, Write as _};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use countersign::domain::journal::Head;
use countersign::store::{Inbox as _, InputBody, Journal as _, Leases as _, StoreError};

use crate::{block_on, holder, line, place, read_all, run, started, store};

const ROLE: &str = "COUNTERSIGN_TEST_ROLE";
const PLACE: &str = "COUNTERSIGN_TEST_PLACE";

/// The command that runs this program again as `role`.
pub fn command(role: &str, place: &Path) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "processes::as_another_process", "--nocapture", "--test-threads=1"]);
    command.env(ROLE, role).env(PLACE, place).stdin(Stdio::piped()).stdout(Stdio::piped());
    command
}

/// As somebody who is not the owner of the state directory but of its group. Only root can become somebody else; other
/// users stay themselves and the caller takes the rights from the directory instead.
pub fn as_group_member(command: &mut Command) {
    if rustix::process::geteuid().is_root() {
        command.uid(65_534).gid(0);
    }
}

/// Not a test by itself: what the other processes do.
#[test]
fn as_another_process() {
    let Ok(role) = std::env::var(ROLE) else { return };
    let place = PathBuf::from(std::env::var(PLACE).unwrap());
    match role.as_str() {
        "race" => block_on(race(&place)),
        "put" => block_on(put(&place)),
        "append until killed" => block_on(append_until_killed(&place)),
        "read" => block_on(read(&place)),
        "acquire" => block_on(acquire(&place)),
        "list inputs" => block_on(list_inputs(&place)),
        "meet the limit" => block_on(crate::space::meet_the_limit(&place)),
        "fill the disk" => block_on(crate::space::fill_the_disk(&place)),
        other => panic!("no role `{other}`"),
    }
}

/// One answer to the parent; the mark tells it from the test harness's own output.
pub fn say(text: &str) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "\n> {text}").unwrap();
    out.flush().unwrap();
}

/// The next answer of a child.
pub fn answer(out: &mut impl std::io::BufRead) -> String {
    let mut text = String::new();
    while out.read_line(&mut text).unwrap() > 0 {
        if let Some(said) = text.strip_prefix("> ") {
            return said.trim_end().to_owned();
        }
        text.clear();
    }
    panic!("the other process said nothing more");
}

/// Everything the child says, once it has ended well.
pub fn all_answers(mut command: Command) -> Vec<String> {
    let output = command.stdin(Stdio::null()).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}");
    text.lines().filter_map(|line| line.strip_prefix("> ")).map(str::to_owned).collect()
}

fn wait_for_go() {
    let mut text = String::new();
    std::io::stdin().read_line(&mut text).unwrap();
}

async fn race(place: &Path) {
    let store = store(place);
    say("ready");
    wait_for_go();
    let lease = store.acquire(&run(), &holder()).await;
    match &lease {
        Ok(_) => say("won"),
        Err(StoreError::Busy { .. }) => say("busy"),
        Err(error) => say(&error.to_string()),
    }
    // Held until the parent closes the pipe.
    std::io::stdin().read_to_end(&mut Vec::new()).unwrap();
}

async fn put(place: &Path) {
    let store = store(place);
    for n in 0..10 {
        let body = format!("{}:{n}", std::process::id());
        store.put_input(&run(), body.as_bytes()).await.unwrap();
        say(&body);
    }
}

async fn append_until_killed(place: &Path) {
    let store = store(place);
    let lease = store.acquire(&run(), &holder()).await.unwrap();
    let mut head = store.head(&run()).await.unwrap();
    loop {
        head = store.append(&lease, &head, &[line(&head, 3000)]).await.unwrap();
        say(&head.to_string());
    }
}

async fn read(place: &Path) {
    match store(place).read(&run(), 0, 500).await {
        Ok(lines) => say(&format!("{} lines", lines.len())),
        Err(error) => say(&error.to_string()),
    }
}

async fn acquire(place: &Path) {
    match store(place).acquire(&run(), &holder()).await {
        Ok(_) => say("acquired"),
        Err(error) => say(&error.to_string()),
    }
}

async fn list_inputs(place: &Path) {
    match store(place).inputs(&run()).await {
        Ok(_) => say("listed"),
        Err(error) => say(&error.to_string()),
    }
}

#[test]
fn of_two_processes_that_want_the_lease_one_gets_it() {
    let place = place();
    block_on(store(place.path()).create_run(&run())).unwrap();
    for _ in 0..5 {
        let mut children: Vec<Child> = (0..2).map(|_| command("race", place.path()).spawn().unwrap()).collect();
        let mut outs: Vec<_> = children.iter_mut().map(|child| BufReader::new(child.stdout.take().unwrap())).collect();
        for out in &mut outs {
            assert_eq!(answer(out), "ready");
        }
        for child in &mut children {
            child.stdin.as_mut().unwrap().write_all(b"go\n").unwrap();
        }
        let mut said: Vec<String> = outs.iter_mut().map(answer).collect();
        said.sort();
        assert_eq!(said, ["busy", "won"]);
        for child in &mut children {
            drop(child.stdin.take());
        }
        for mut out in outs {
            out.read_to_string(&mut String::new()).unwrap();
        }
        for mut child in children {
            assert!(child.wait().unwrap().success());
        }
    }
}

#[test]
fn two_hundred_inputs_from_twenty_processes_arrive_once_each() {
    let place = place();
    let store = store(place.path());
    block_on(store.create_run(&run())).unwrap();
    let children: Vec<Child> = (0..20).map(|_| command("put", place.path()).spawn().unwrap()).collect();
    // Taken in while they arrive, as the executor does.
    let mut arrived = Vec::new();
    let mut take_in = || {
        for input in block_on(store.inputs(&run())).unwrap() {
            let InputBody::Whole(body) = input.body else { panic!("{:?}", input.body) };
            arrived.push(String::from_utf8(body).unwrap());
            block_on(store.remove_input(&input.id)).unwrap();
        }
    };
    let mut sent = BTreeSet::new();
    for child in children {
        take_in();
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success());
        let text = String::from_utf8(output.stdout).unwrap();
        sent.extend(text.lines().filter_map(|line| line.strip_prefix("> ")).map(str::to_owned));
    }
    take_in();
    assert_eq!(sent.len(), 200);
    assert_eq!(arrived.len(), 200, "none twice");
    assert_eq!(arrived.iter().cloned().collect::<BTreeSet<_>>(), sent, "none lost");
    let left = std::fs::read_dir(crate::state(place.path()).join("inbox")).unwrap().count();
    assert_eq!(left, 0, "no hidden file stays behind");
}

#[test]
fn after_kill_9_every_acknowledged_line_is_there_and_the_run_goes_on() {
    let place = place();
    let store = store(place.path());
    block_on(store.create_run(&run())).unwrap();
    let mut acknowledged = Head::start();
    for round in 0..3 {
        let mut child = command("append until killed", place.path()).spawn().unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        for _ in 0..10 + round {
            acknowledged = answer(&mut out).parse().unwrap();
        }
        child.kill().unwrap();
        child.wait().unwrap();
        // What it said before it died was durable as well.
        let mut rest = String::new();
        out.read_to_string(&mut rest).unwrap();
        for said in rest.split_inclusive('\n').filter(|said| said.ends_with('\n')) {
            if let Some(head) = said.strip_prefix("> ") {
                acknowledged = head.trim_end().parse().unwrap();
            }
        }
        block_on(async {
            assert_eq!(store.holder(&run()).await.unwrap(), None, "a dead process drives nothing");
            let lines = read_all(&store).await;
            let seq = usize::try_from(acknowledged.seq().unwrap()).unwrap();
            assert_eq!(lines[seq].head(), acknowledged);
            assert!(lines.len() <= seq + 2, "at most the one append that was under way");
        });
    }
}

#[test]
fn asking_who_drives_never_keeps_anybody_from_driving() {
    let place = place();
    let store = store(place.path());
    block_on(async {
        let (lease, _) = started(&store, 1).await;
        store.release(lease).await.unwrap();
    });
    let asking = std::sync::atomic::AtomicBool::new(true);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while asking.load(std::sync::atomic::Ordering::SeqCst) {
                block_on(store.holder(&run())).unwrap();
            }
        });
        let acquired = (0..30).map(|_| block_on(store.acquire(&run(), &holder())).map(drop)).collect::<Vec<_>>();
        asking.store(false, std::sync::atomic::Ordering::SeqCst);
        for result in acquired {
            result.unwrap();
        }
    });
}
