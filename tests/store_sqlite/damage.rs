//! Files that were cut off, replaced, set back, or written by another program; and what one append costs.

use std::fs;
use std::path::Path;

use countersign::domain::base::Timestamp;
use countersign::domain::journal::{ChainError, Head, Line};
use countersign::store::sqlite::SqliteStore;
use countersign::store::{Journal as _, Leases as _, StoreError};

use crate::{block_on, file, holder, line, place, read_all, run, started, state, store};

/// Runs SQL on the journal from outside the store.
fn meddle(place: &Path, sql: &str) {
    rusqlite::Connection::open(file(place, "journal.db")).unwrap().execute_batch(sql).unwrap();
}

/// How many transactions the write-ahead log holds: its frames that end one, by the log's own format.
fn transactions(place: &Path) -> usize {
    let log = fs::read(file(place, "journal.db-wal")).unwrap();
    let number = |at: usize| u32::from_be_bytes(log[at..at + 4].try_into().unwrap());
    let page = usize::try_from(number(8)).unwrap();
    let salts = log[16..24].to_vec();
    (32..log.len())
        .step_by(24 + page)
        .filter(|at| log[at + 8..at + 16] == salts)
        .filter(|at| number(at + 4) != 0)
        .count()
}

/// With `synchronous=FULL` (asserted beside the writer) SQLite syncs its log once for each transaction, so counting
/// the transactions counts the waits for the disk.
#[test]
fn one_append_is_exactly_one_transaction() {
    let place = place();
    let store = store(place.path());
    block_on(async {
        let (lease, mut head) = started(&store, 1).await;
        for lines in [1, 1, 5, 1] {
            let before = transactions(place.path());
            let mut batch = Vec::new();
            let mut end = head.clone();
            for _ in 0..lines {
                batch.push(line(&end, 400));
                end = batch.last().unwrap().head();
            }
            head = store.append(&lease, &head, &batch).await.unwrap();
            assert_eq!(transactions(place.path()) - before, 1, "{lines} lines");
        }
        let before = transactions(place.path());
        for _ in 0..2 {
            head = store.append(&lease, &head, &[line(&head, 400)]).await.unwrap();
        }
        assert_eq!(transactions(place.path()) - before, 2, "the count must be able to see two");
    });
}

/// What a power cut leaves: the log cut at any place. Every cut gives a whole journal of some length, never a part of
/// an append.
#[test]
fn a_log_cut_anywhere_gives_a_whole_shorter_journal() {
    let place = place();
    let store = store(place.path());
    let heads = block_on(async {
        let (lease, mut head) = started(&store, 1).await;
        let mut heads = vec![Head::start(), head.clone()];
        for _ in 0..3 {
            let first = line(&head, 2000);
            let second = line(&first.head(), 2000);
            head = store.append(&lease, &head, &[first, second]).await.unwrap();
            heads.push(head.clone());
        }
        for name in ["journal.db", "journal.db-wal"] {
            fs::copy(file(place.path(), name), place.path().join(name)).unwrap();
        }
        heads
    });
    let log = fs::read(place.path().join("journal.db-wal")).unwrap();
    let mut found = std::collections::BTreeSet::new();
    for kept in (0..log.len()).step_by(731).chain([log.len()]) {
        let copy = crate::place();
        block_on(async {
            let store = crate::store(copy.path());
            store.create_run(&run()).await.unwrap();
            fs::copy(place.path().join("journal.db"), file(copy.path(), "journal.db")).unwrap();
            fs::write(file(copy.path(), "journal.db-wal"), &log[..kept]).unwrap();
            let head = store.head(&run()).await.unwrap();
            assert!(heads.contains(&head), "{head} after a cut at {kept}");
            read_all(&store).await;
            let lease = store.acquire(&run(), &holder()).await.unwrap();
            store.append(&lease, &head, &[line(&head, 10)]).await.unwrap();
            found.insert(head.entries());
        });
    }
    assert!(found.len() > 2, "the cuts must give journals of several lengths: {found:?}");
}

#[test]
fn a_journal_replaced_by_another_file_is_noticed_before_anything_is_written() {
    let place = place();
    let store = store(place.path());
    block_on(async {
        let (lease, head) = started(&store, 3).await;
        let copy = place.path().join("copy.db");
        fs::copy(file(place.path(), "journal.db"), &copy).unwrap();
        fs::rename(&copy, file(place.path(), "journal.db")).unwrap();
        let result = store.append(&lease, &head, &[line(&head, 10)]).await;
        assert!(matches!(result, Err(StoreError::Replaced { .. })), "{result:?}");
        assert!(matches!(store.still_held(&lease).await, Err(StoreError::Replaced { .. })));
        fs::remove_file(file(place.path(), "journal.db")).unwrap();
        assert!(matches!(store.still_held(&lease).await, Err(StoreError::Replaced { .. })));
    });
}

#[test]
fn a_journal_that_was_set_back_is_noticed_before_anything_is_written() {
    let place = place();
    let store = store(place.path());
    block_on(async {
        let (lease, head) = started(&store, 3).await;
        meddle(place.path(), "DELETE FROM line WHERE seq = 2");
        match store.append(&lease, &head, &[line(&head, 10)]).await {
            Err(StoreError::RolledBack { remembered, found, .. }) => {
                assert_eq!((remembered, found.entries()), (head, 2));
            }
            other => panic!("{other:?}"),
        }
        assert!(store.still_held(&lease).await.is_err());
    });
}

#[test]
fn a_changed_removed_or_moved_line_is_found_when_it_is_read() {
    for (sql, from) in [
        ("UPDATE line SET bytes = CAST(replace(CAST(bytes AS TEXT), 'xx', 'xy') AS BLOB) WHERE seq = 2", 0),
        ("UPDATE line SET bytes = CAST(replace(CAST(bytes AS TEXT), 'xx', 'xy') AS BLOB) WHERE seq = 2", 3),
        ("DELETE FROM line WHERE seq = 2", 0),
        ("DELETE FROM line WHERE seq = 2", 3),
        ("UPDATE line SET seq = 9 WHERE seq = 4", 0),
        ("UPDATE line SET bytes = x'ff0a' WHERE seq = 1", 0),
    ] {
        let place = place();
        let store = store(place.path());
        block_on(async {
            let (lease, _) = started(&store, 5).await;
            store.release(lease).await.unwrap();
            assert!(store.read(&run(), from, 10).await.is_ok());
            meddle(place.path(), sql);
            let result = store.read(&run(), from, 10).await;
            assert!(matches!(result, Err(StoreError::Damaged { .. })), "{sql}: {result:?}");
        });
    }
}

#[test]
fn a_store_of_a_newer_format_is_refused_and_not_touched() {
    let place = place();
    let store = store(place.path());
    block_on(async {
        let (lease, _) = started(&store, 2).await;
        store.release(lease).await.unwrap();
        meddle(place.path(), "PRAGMA user_version = 2");
        let before = fs::read(file(place.path(), "journal.db")).unwrap();
        let error = store.acquire(&run(), &holder()).await.unwrap_err();
        assert!(matches!(error, StoreError::NewerFormat { found: 2, known: 1, .. }), "{error:?}");
        assert!(error.to_string().contains("newer countersign"), "{error}");
        assert!(matches!(store.head(&run()).await, Err(StoreError::NewerFormat { .. })));
        assert!(fs::read(file(place.path(), "journal.db")).unwrap() == before);
    });
}

#[test]
fn a_journal_whose_first_line_names_a_newer_format_gets_no_writer() {
    let place = place();
    let store = store(place.path());
    block_on(async {
        store.create_run(&run()).await.unwrap();
        let line = Line::next(&Head::start(), Timestamp::from_millis(0), "run.opened", r#"{"format":2}"#).unwrap();
        let connection = rusqlite::Connection::open(file(place.path(), "journal.db")).unwrap();
        connection.execute("INSERT INTO line VALUES (0, ?1)", [line.bytes()]).unwrap();
        drop(connection);
        let result = store.acquire(&run(), &holder()).await;
        let newer = |why: &ChainError| matches!(why, ChainError::UnknownFormat { found: 2 });
        assert!(matches!(&result, Err(StoreError::Damaged { why, .. }) if newer(why)), "{result:?}");
    });
}

#[test]
fn files_that_are_no_journal_are_named_as_such() {
    let place = place();
    let store = store(place.path());
    block_on(store.create_run(&run())).unwrap();
    let path = file(place.path(), "journal.db");
    let database = |sql: &str| {
        fs::remove_file(&path).unwrap();
        rusqlite::Connection::open(&path).unwrap().execute_batch(sql).unwrap();
    };
    let refused = |what: &str| {
        let (read, write) = (block_on(store.head(&run())), block_on(store.acquire(&run(), &holder())));
        assert!(matches!(read, Err(StoreError::NotAJournal { .. })), "{what}: {read:?}");
        assert!(matches!(write, Err(StoreError::NotAJournal { .. })), "{what}: {write:?}");
    };
    fs::write(&path, "no database at all, but long enough to be looked at by somebody".repeat(99)).unwrap();
    refused("text");
    fs::write(&path, "").unwrap();
    refused("empty");
    database("CREATE TABLE other (x)");
    refused("another program's database");
}

#[test]
fn a_crash_while_a_run_is_made_leaves_no_run() {
    let place = place();
    let store = store(place.path());
    let unfinished = state(place.path()).join("runs/.new-00");
    fs::create_dir(&unfinished).unwrap();
    fs::write(unfinished.join("journal.db"), "half").unwrap();
    assert_eq!(block_on(store.runs()).unwrap(), []);
    block_on(store.create_run(&run())).unwrap();
    assert_eq!(block_on(store.runs()).unwrap(), [run()]);
}

#[test]
fn an_orderly_end_leaves_one_plain_file() {
    let place = place();
    let store = store(place.path());
    block_on(async {
        let (lease, head) = started(&store, 3).await;
        assert!(file(place.path(), "journal.db-wal").exists());
        store.release(lease).await.unwrap();
        let mut names: Vec<String> = fs::read_dir(file(place.path(), ""))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        assert_eq!(names, ["journal.db", "lock"]);
        let again = SqliteStore::open(&state(place.path())).unwrap();
        assert_eq!(again.head(&run()).await.unwrap(), head);
    });
}
