//! Journals as they were written when their format was new, kept for ever: whatever the program becomes, it reads them.
//!
//! One folder for each format version: the exported bundle, its anchor, and the store's own file. Nothing in them is
//! ever made anew; `COUNTERSIGN_GOLDEN=DIR` writes the folder of a new version there.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use countersign::domain::base::Digest;
use countersign::domain::journal::record::Record;
use countersign::domain::journal::verify::Standing;
use countersign::domain::journal::{Head, Line, chain};
use countersign::domain::report::Report;
use countersign::domain::run::state::{Phase, State};
use countersign::store::sqlite::SqliteStore;
use countersign::store::{Holder, Journal as _, Leases as _, export};

use super::bundles::{Place, stock};
use super::made::{self, ANA, name};
use super::story;

fn kept(version: u32) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/journals").join(version.to_string())
}

fn holder() -> Holder {
    let since = "2026-11-22T03:00:00Z".parse().unwrap();
    Holder { operator: name(ANA), host: "bastion-1".to_owned(), pid: 7, since }
}

/// A state directory with the kept file as its run, in a copy.
fn state(version: u32) -> (tempfile::TempDir, SqliteStore) {
    let place = tempfile::tempdir().unwrap();
    let store = SqliteStore::create(&place.path().join("state")).unwrap();
    let run = place.path().join("state/runs").join(made::run().as_str());
    fs::create_dir_all(&run).unwrap();
    fs::copy(kept(version).join("journal.db"), run.join("journal.db")).unwrap();
    (place, store)
}

/// The state that the records come to.
fn folded(lines: &[Line]) -> State {
    let record = |line: &Line| Record::from_line(line.seq(), line.event(), line.payload()).unwrap();
    let mut state = State::open(&record(&lines[0]), lines[0].head(), lines[0].at()).unwrap();
    for line in &lines[1..] {
        state.apply(&record(line), line.head(), line.at()).unwrap();
    }
    state
}

#[tokio::test]
async fn a_journal_of_format_1_is_read_folded_and_told() {
    let (_place, store) = state(1);
    let lines = export::all_lines(&store, &made::run()).await.unwrap();
    let log = fs::read(kept(1).join("bundle/journal.log")).unwrap();
    assert_eq!(lines.iter().flat_map(|line| line.bytes().to_vec()).collect::<Vec<_>>(), log);
    assert_eq!(chain::verify(&log).unwrap(), lines.last().unwrap().head());
    let state = folded(&lines);
    assert!(matches!(state.phase, Phase::Closed { .. }), "{:?}", state.phase);
    assert!(Report::of(&lines).unwrap().markdown().contains(made::run().as_str()));
    let events: BTreeSet<&str> = lines.iter().map(Line::event).collect();
    assert!(events.len() >= 15, "a golden journal has many kinds of records: {events:?}");
}

#[test]
fn a_bundle_of_format_1_verifies_with_its_anchor_here_and_by_stock_tools() {
    let anchor: Digest = fs::read_to_string(kept(1).join("anchor")).unwrap().trim().parse().unwrap();
    let bundle = kept(1).join("bundle");
    let verified = export::verify(&bundle, Some(&anchor)).unwrap();
    assert!(matches!(verified.standing, Standing::Closed { .. }), "{:?}", verified.standing);
    let (code, said) = stock("sh", &bundle, Some(&anchor));
    assert_eq!(code, Some(0), "{said}");
}

/// A writer goes on with an old journal, and what it adds follows from it.
#[tokio::test]
async fn a_journal_of_format_1_takes_a_new_writer() {
    let (_place, store) = state(1);
    let run = made::run();
    let lease = store.acquire(&run, &holder()).await.unwrap();
    let head = store.head(&run).await.unwrap();
    let (event, payload) = Record::Noted { by: "ana".to_owned(), text: "later".to_owned() }.to_line();
    let line = Line::next(&head, "2026-12-01T00:00:00Z".parse().unwrap(), &event, &payload).unwrap();
    let end = store.append(&lease, &head, &[line]).await.unwrap();
    assert_eq!(end.entries(), head.entries() + 1);
}

/// Every version up to the one that is written has its folder, and no folder is of a version that nobody knows.
#[tokio::test]
async fn every_format_has_its_golden_journal() {
    if let Ok(to) = std::env::var("COUNTERSIGN_GOLDEN") {
        write(Path::new(&to)).await;
    }
    let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/journals");
    let found: BTreeSet<String> =
        fs::read_dir(kept).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    let (place, _) = Place::of(story::good).await;
    let lines = export::all_lines(&place.store, &made::run()).await.unwrap();
    let first: serde_json::Value = serde_json::from_str(lines[0].payload()).unwrap();
    let now = first["format"].as_u64().unwrap();
    assert_eq!(found, (1..=now).map(|version| version.to_string()).collect());
}

async fn write(to: &Path) {
    fs::create_dir_all(to).unwrap();
    let place = Place::exported().await;
    copy(&place.bundle(), &to.join("bundle"));
    fs::write(to.join("anchor"), format!("{}\n", place.anchor)).unwrap();
    let lines = export::all_lines(&place.store, &made::run()).await.unwrap();
    let state = tempfile::tempdir().unwrap();
    let store = SqliteStore::create(&state.path().join("state")).unwrap();
    store.create_run(&made::run()).await.unwrap();
    let lease = store.acquire(&made::run(), &holder()).await.unwrap();
    store.append(&lease, &Head::start(), &lines).await.unwrap();
    store.release(lease).await.unwrap();
    let file = state.path().join("state/runs").join(made::run().as_str()).join("journal.db");
    fs::copy(file, to.join("journal.db")).unwrap();
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}
