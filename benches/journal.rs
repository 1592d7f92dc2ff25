//! What the journal costs, as ratios to baselines of the same run: an append to a bare write that waits for the disk,
//! resuming beside many other runs to resuming alone, verifying to hashing the same bytes.
//!
//! `cargo bench --bench journal`. Both sides are measured in turns, and their medians are compared; it ends with 1 when
//! a ratio is more than half as much again as its goal. Counts are exact and stand in the ordinary tests.
#![expect(clippy::print_stdout, reason = "the figures are what this program is for")]

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use countersign::domain::base::{Digest, Principal, RunId, Timestamp};
use countersign::domain::journal::bundle::{Bundle, project};
use countersign::domain::journal::record::{Opened, Record};
use countersign::domain::journal::verify::verify_bundle;
use countersign::domain::journal::{Head, Line, chain};
use countersign::keys::RunKey;
use countersign::simulate::people;
use countersign::store::sqlite::SqliteStore;
use countersign::store::{Holder, Inbox as _, Journal as _, Leases as _, trust_files};

/// How much of a ratio over its goal is put down to the machine.
const TOLERANCE: f64 = 1.5;
/// The bytes of a usual line.
const PAYLOAD: usize = 330;

fn main() -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let whole = number("COUNTERSIGN_BENCH_BUNDLE", 100_000);
    let found = [
        runtime.block_on(append(number("COUNTERSIGN_BENCH_APPENDS", 500))),
        runtime.block_on(resume(number("COUNTERSIGN_BENCH_RUNS", 10_000))),
        verify_chain(number("COUNTERSIGN_BENCH_LINES", 1_000_000)),
        verify_whole(whole),
    ];
    if found.iter().all(|ratio| *ratio == Judged::Well) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn number(name: &str, usual: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(usual)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Judged {
    Well,
    Badly,
}

/// What a ratio should be.
#[derive(Debug, Clone, Copy)]
enum Goal {
    AtMost(f64),
    /// Only told: no goal is set for it.
    None,
}

/// Prints both medians and their ratio.
fn judge(what: &str, ours: Duration, baseline: Duration, goal: Goal) -> Judged {
    let ratio = ours.as_secs_f64() / baseline.as_secs_f64();
    match goal {
        Goal::AtMost(most) => {
            println!("{what}: {ratio:.2} of the baseline, at most {most} wanted ({ours:.1?} to {baseline:.1?})");
            if ratio <= most * TOLERANCE { Judged::Well } else { Judged::Badly }
        }
        Goal::None => {
            println!("{what}: {ratio:.2} of the baseline, no goal ({ours:.1?} to {baseline:.1?})");
            Judged::Well
        }
    }
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

fn run(name: &str) -> RunId {
    RunId::parse(name).expect("a run's name")
}

fn holder() -> Holder {
    let operator = Principal::parse("ana").expect("a name");
    Holder { operator, host: "bastion-1".to_owned(), pid: std::process::id(), since: Timestamp::from_millis(0) }
}

/// The line behind `head`.
fn next(head: &Head) -> Line {
    let fill = "x".repeat(PAYLOAD);
    let payload = if head.entries() == 0 {
        format!("{{\"format\":1,\"fill\":\"{fill}\"}}")
    } else {
        format!("{{\"fill\":\"{fill}\"}}")
    };
    Line::next(head, Timestamp::from_millis(1_800_000_000_000), "note.made", &payload).expect("a line")
}

/// One append of one line, and one bare write of the same bytes that waits for the disk, in the same directory.
async fn append(times: u64) -> Judged {
    let place = tempfile::tempdir().expect("a directory");
    let store = SqliteStore::create(&place.path().join("state")).expect("a state directory");
    store.create_run(&run("r-1")).await.expect("a run");
    let lease = store.acquire(&run("r-1"), &holder()).await.expect("the lease");
    let mut bare = File::create(place.path().join("bare")).expect("a file");
    let (mut head, mut ours, mut baseline) = (Head::start(), Vec::new(), Vec::new());
    for _ in 0..times {
        let line = next(&head);
        let began = Instant::now();
        head = store.append(&lease, &head, std::slice::from_ref(&line)).await.expect("an append");
        ours.push(began.elapsed());
        let began = Instant::now();
        bare.write_all(line.bytes()).and_then(|()| bare.sync_data()).expect("a write");
        baseline.push(began.elapsed());
    }
    judge("one append, to a bare write and fdatasync", median(ours), median(baseline), Goal::AtMost(3.0))
}

/// How many lines the run has that is resumed.
const LINES: u64 = 300;

/// Everything that resuming asks of the store: open, the lease, all lines of the run, what waits for it; each time anew.
async fn resume(others: u64) -> Judged {
    let (alone, beside) = (tempfile::tempdir().expect("a directory"), tempfile::tempdir().expect("a directory"));
    let states = [alone.path().join("state"), beside.path().join("state")];
    for state in &states {
        let store = SqliteStore::create(state).expect("a state directory");
        store.create_run(&run("r-1")).await.expect("a run");
        let lease = store.acquire(&run("r-1"), &holder()).await.expect("the lease");
        let mut head = Head::start();
        for _ in 0..LINES {
            head = store.append(&lease, &head, &[next(&head)]).await.expect("an append");
        }
        store.release(lease).await.expect("an end");
    }
    for other in 0..others {
        neighbour(&states[1], other);
    }
    let (mut ours, mut baseline) = (Vec::new(), Vec::new());
    for _ in 0..60 {
        for (state, times) in states.iter().zip([&mut baseline, &mut ours]) {
            let began = Instant::now();
            go_on(state).await;
            times.push(began.elapsed());
        }
    }
    let what = format!("resuming beside {others} other runs, to resuming alone");
    judge(&what, median(ours), median(baseline), Goal::AtMost(1.0))
}

/// A finished run like the one that is there, without writing it ten thousand times.
fn neighbour(state: &Path, number: u64) {
    let runs = state.join("runs");
    let made: PathBuf = runs.join(format!("r-other{number}"));
    fs::create_dir(&made).expect("a directory");
    fs::hard_link(runs.join("r-1/journal.db"), made.join("journal.db")).expect("a link");
}

async fn go_on(state: &Path) {
    let store = SqliteStore::open(state).expect("the state directory");
    let run = run("r-1");
    let lease = store.acquire(&run, &holder()).await.expect("the lease");
    let mut read = 0;
    loop {
        let lines = store.read(&run, read, 500).await.expect("lines");
        if lines.is_empty() {
            break;
        }
        read += lines.len() as u64;
    }
    assert_eq!(read, LINES);
    assert!(store.inputs(&run).await.expect("the inbox").is_empty());
    store.release(lease).await.expect("an end");
}

/// The chain of a long journal, to one digest over all of its bytes.
fn verify_chain(lines: u64) -> Judged {
    let (mut head, mut journal) = (Head::start(), Vec::new());
    for _ in 0..lines {
        let line = next(&head);
        head = line.head();
        journal.extend_from_slice(line.bytes());
    }
    let (mut ours, mut baseline) = (Vec::new(), Vec::new());
    for _ in 0..5 {
        let began = Instant::now();
        assert_eq!(chain::verify(&journal).expect("a good chain"), head);
        ours.push(began.elapsed());
        let began = Instant::now();
        std::hint::black_box(Digest::of(&journal));
        baseline.push(began.elapsed());
    }
    let what = format!("the chain of {lines} lines, {} MB, to hashing", journal.len() / 1_000_000);
    judge(&what, median(ours), median(baseline), Goal::AtMost(2.0))
}

/// All that `journal verify` does with a bundle: trust, chain, every record and signature, every file.
fn verify_whole(records: u64) -> Judged {
    let place = tempfile::tempdir().expect("a directory");
    let bundle = bundle(place.path(), records);
    let journal: Vec<u8> = bundle.files().next().map(|(_, bytes)| bytes.to_vec()).unwrap_or_default();
    let bytes: usize = bundle.files().map(|(_, bytes)| bytes.len()).sum();
    let (mut ours, mut baseline) = (Vec::new(), Vec::new());
    for _ in 0..3 {
        let began = Instant::now();
        verify_bundle(&bundle, None).unwrap_or_else(|faults| panic!("{:?}", &faults[..1]));
        ours.push(began.elapsed());
        let began = Instant::now();
        for (_, bytes) in bundle.files() {
            std::hint::black_box(Digest::of(bytes));
        }
        baseline.push(began.elapsed());
    }
    let what = format!("a whole bundle of {records} records, {} MB, to hashing", bytes.max(journal.len()) / 1_000_000);
    judge(&what, median(ours), median(baseline), Goal::None)
}

/// The bundle of a run that was opened and noted that often, with its signed heads.
fn bundle(place: &Path, records: u64) -> Bundle {
    let file = place.join("ana.pub");
    fs::write(&file, format!("{} ana\n", people::key(1).public())).expect("a key file");
    let state = place.join("state");
    trust_files::init(&state, &[(people::principal("ana"), file)], None, Timestamp::from_millis(0)).expect("trust");
    let trust = trust_files::read(&state).expect("trust");
    let mut key = RunKey::from_seed(run("r-1"), &[9; 32]).expect("a key");
    let opened = opened(&trust.versions[0], key.journal_key());
    let note = Record::Noted { by: "ana".to_owned(), text: "x".repeat(PAYLOAD) };
    let all = std::iter::once(Record::Opened(Box::new(opened))).chain((0..records).map(|_| note.clone()));
    let (mut head, mut lines) = (Head::start(), Vec::new());
    for record in all {
        let at = Timestamp::from_millis(1_800_000_000_000);
        for (_, line) in key.lines(&head, at, &[record]).expect("lines") {
            head = line.head();
            lines.push(line);
        }
    }
    let mut bundle = project(&lines).expect("records");
    for (entry, bytes) in trust.files {
        bundle.put(entry, bytes);
    }
    bundle
}

fn opened(trust: &countersign::domain::approval::trust::Trust, journal_key: String) -> Opened {
    Opened {
        format: 1,
        run: run("r-1"),
        by: people::principal("ana"),
        host: "bastion-1".to_owned(),
        mode: "LAB".to_owned(),
        reason: "INC-1".to_owned(),
        fleet: "shop".to_owned(),
        fleet_digest: Digest::of(b"fleet"),
        fleet_text: "fleet".to_owned(),
        runbook: "notes".to_owned(),
        runbook_digest: Digest::of(b"runbook"),
        runbook_text: "runbook".to_owned(),
        params: std::collections::BTreeMap::new(),
        steps: Vec::new(),
        tables: Vec::new(),
        trust_serial: trust.serial(),
        trust_digest: trust.digest().clone(),
        journal_key,
    }
}
