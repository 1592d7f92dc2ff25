//! Bundles on disk: what the library exports verifies here and with stock tools, and no tampered one does.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use countersign::domain::approval::sshsig::Verb;
use countersign::domain::approval::trust::Trust;
use countersign::domain::base::{Danger, Digest, Principal, Timestamp};
use countersign::domain::journal::Head;
use countersign::domain::journal::record::Record;
use countersign::domain::journal::verify::{Anchoring, Standing};
use countersign::store::memory::MemoryStore;
use countersign::store::{Holder, Journal as _, Leases as _, bundle_files, close_files, export, trust_files};

use super::made::{self, ANA, BOB, CHEN, DROP, Maker, REQUEST, STRANGER, name};
use super::story;

/// A finished run in a store, its trust, and where its bundle goes.
pub struct Place {
    pub dir: tempfile::TempDir,
    pub anchor: Digest,
    pub store: MemoryStore,
}

impl Place {
    pub async fn of(make: impl FnOnce(&Trust) -> Maker) -> (Self, Maker) {
        let dir = tempfile::tempdir().unwrap();
        let operators = made::key_files(dir.path(), &[ANA, BOB, CHEN]);
        let state = dir.path().join("state");
        let created = "2026-11-01T09:00:00Z".parse().unwrap();
        let anchor = trust_files::init(&state, &operators, None, created).unwrap().anchor;
        let made = make(&trust_files::load(&state).unwrap());
        let store = MemoryStore::new();
        store.create_run(&made::run()).await.unwrap();
        let holder =
            Holder { operator: name(ANA), host: "bastion-1".to_owned(), pid: 7, since: Timestamp::from_millis(0) };
        let lease = store.acquire(&made::run(), &holder).await.unwrap();
        store.append(&lease, &Head::start(), &made.lines).await.unwrap();
        (Self { dir, anchor, store }, made)
    }

    pub fn state(&self) -> PathBuf {
        self.dir.path().join("state")
    }

    pub fn bundle(&self) -> PathBuf {
        self.dir.path().join("bundle")
    }

    pub async fn close(&self, seed: u8, by: &Principal) {
        let text = export::text_to_close(&self.store, &made::run()).await.unwrap().unwrap();
        let armored = made::secret(seed).sign(Verb::Close, text.as_bytes());
        close_files::put(&self.state(), &made::run(), by, &armored).unwrap();
    }

    pub async fn export(&self) -> export::Exported {
        let trust = trust_files::read(&self.state()).unwrap();
        let closes = close_files::signatures(&self.state(), &made::run()).unwrap();
        let exported = export::export(&self.store, &made::run(), &trust, &closes).await.unwrap();
        bundle_files::write_bundle(&self.bundle(), &exported.bundle).unwrap();
        exported
    }

    /// A good run, closed by ana and chen, exported.
    pub async fn exported() -> Self {
        let (place, _) = Self::of(story::good).await;
        place.close(ANA, &name(ANA)).await;
        place.close(CHEN, &name(CHEN)).await;
        place.export().await;
        place
    }
}

/// What stock tools say: the exit code and everything printed.
pub fn stock(shell: &str, bundle: &Path, anchor: Option<&Digest>) -> (Option<i32>, String) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/audit.sh");
    let mut command = Command::new(shell);
    command.arg(script).arg(bundle).args(anchor.map(Digest::as_str)).env_remove("SSH_AUTH_SOCK");
    let output = command.output().expect("sh, sha256sum and ssh-keygen are installed");
    let text = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8_lossy(&text).into_owned())
}

fn ours(bundle: &Path, anchor: &Digest) -> Result<Standing, String> {
    export::verify(bundle, Some(anchor)).map(|verified| verified.standing).map_err(|error| error.to_string())
}

#[tokio::test]
async fn what_the_library_exports_verifies_here_and_with_stock_tools() {
    let place = Place::exported().await;
    let verified = export::verify(&place.bundle(), Some(&place.anchor)).unwrap();
    assert_eq!(verified.standing, Standing::Closed { by: vec![name(ANA), name(CHEN)] });
    assert_eq!((verified.anchored, verified.anchor), (Anchoring::Compared, place.anchor.clone()));
    for shell in ["sh", "bash"] {
        let (code, text) = stock(shell, &place.bundle(), Some(&place.anchor));
        assert_eq!(code, Some(0), "{text}");
        assert!(text.contains(&format!("{REQUEST} approved by 2: ana bob")), "{text}");
        assert!(text.ends_with("RUN VERIFIED\n"), "{text}");
    }
}

#[tokio::test]
async fn a_run_that_nobody_closed_is_said_to_be_so_and_is_no_fault() {
    for (make, expected) in [
        (story::good as fn(&_) -> Maker, Standing::EndedNotClosed),
        (story::approved as fn(&_) -> Maker, Standing::NotEnded),
    ] {
        let (place, _) = Place::of(make).await;
        place.export().await;
        assert_eq!(ours(&place.bundle(), &place.anchor), Ok(expected));
        let (code, text) = stock("sh", &place.bundle(), Some(&place.anchor));
        assert!(code == Some(3) && text.contains("RUN NOT CLOSED"), "{code:?} {text}");
    }
}

#[tokio::test]
async fn a_rejected_request_is_no_fault_for_stock_tools_either() {
    let rejected = |trust: &_| {
        let mut made = story::approved(trust);
        made.reject(CHEN);
        made
    };
    let (place, _) = Place::of(rejected).await;
    place.export().await;
    assert_eq!(ours(&place.bundle(), &place.anchor), Ok(Standing::NotEnded));
    let (code, text) = stock("sh", &place.bundle(), Some(&place.anchor));
    assert!(code == Some(3) && text.contains("RUN NOT CLOSED"), "{code:?} {text}");
}

#[tokio::test]
async fn without_an_anchor_the_bundle_has_only_its_own_word() {
    let place = Place::exported().await;
    let verified = export::verify(&place.bundle(), None).unwrap();
    assert_eq!((verified.anchored, &verified.anchor), (Anchoring::OwnWord, &place.anchor));
    let (code, text) = stock("sh", &place.bundle(), None);
    assert!(code == Some(0) && text.contains(place.anchor.as_str()), "{text}");
}

#[tokio::test]
async fn signatures_that_close_nothing_are_passed_over_with_the_reason() {
    let (place, _) = Place::of(story::good).await;
    place.close(ANA, &name(ANA)).await;
    place.close(STRANGER, &name(STRANGER)).await;
    place.close(ANA, &name(BOB)).await;
    let exported = place.export().await;
    assert_eq!(exported.closed_by, [name(ANA)]);
    let passed: BTreeMap<String, String> =
        exported.passed_over.into_iter().map(|(by, why)| (by.to_string(), why)).collect();
    assert!(passed["eve"].contains("not in the roster") && passed["bob"].contains("one of `ana`"), "{passed:?}");
    assert!(ours(&place.bundle(), &place.anchor).is_ok());
}

#[tokio::test]
async fn a_run_that_goes_on_has_nothing_to_close() {
    let (place, _) = Place::of(story::approved).await;
    assert_eq!(export::text_to_close(&place.store, &made::run()).await.unwrap(), None);
}

/// Both must refuse it.
fn refused_by_both(what: &str, place: &Place) {
    let verdict = ours(&place.bundle(), &place.anchor);
    assert!(verdict.is_err(), "{what}: accepted as {verdict:?}");
    let (code, text) = stock("sh", &place.bundle(), Some(&place.anchor));
    assert_eq!(code, Some(1), "{what}: {text}");
    assert!(text.contains("RUN NOT VERIFIED") && !text.contains("RUN VERIFIED"), "{what}: {text}");
}

fn request(place: &Place, file: &str) -> PathBuf {
    place.bundle().join("requests").join(REQUEST).join(file)
}

fn edit(path: &Path, from: &str, to: &str) {
    let text = fs::read_to_string(path).unwrap();
    assert!(text.contains(from), "`{from}` is not in {}", path.display());
    fs::write(path, text.replacen(from, to, 1)).unwrap();
}

fn sign_request(place: &Place, seed: u8, verb: Verb, file: &str) {
    let text = fs::read(request(place, "request.txt")).unwrap();
    fs::write(request(place, file), made::secret(seed).sign(verb, &text)).unwrap();
}

/// A change to the files of a bundle, without any key but those of operators who already signed.
type Tamper = (&'static str, fn(&Place));

const TAMPERS: [Tamper; 27] = [
    ("the statement edited", |p| edit(&request(p, "request.txt"), "`orders`", "`customers`")),
    ("a blank added", |p| edit(&request(p, "request.txt"), "| DROP", "|  DROP")),
    ("line ends of another system", |p| edit(&request(p, "request.txt"), "\n", "\r\n")),
    ("an approval missing", |p| fs::remove_file(request(p, "bob.approve.sig")).unwrap()),
    ("ana's signature under bob's name", |p| {
        fs::copy(request(p, "ana.approve.sig"), request(p, "bob.approve.sig")).unwrap();
    }),
    ("an approval that no line of the journal has", |p| {
        fs::copy(request(p, "ana.approve.sig"), request(p, "chen.approve.sig")).unwrap();
    }),
    ("one signature three times", |p| {
        for to in ["bob.approve.sig", "chen.approve.sig"] {
            fs::copy(request(p, "ana.approve.sig"), request(p, to)).unwrap();
        }
    }),
    ("a rejection as approval", |p| sign_request(p, BOB, Verb::Reject, "bob.approve.sig")),
    ("a stranger's approval", |p| sign_request(p, STRANGER, Verb::Approve, "bob.approve.sig")),
    ("the roster's keys swapped", |p| {
        let path = p.bundle().join("trust/1/operators");
        let key = |seed| made::secret(seed).public().to_string();
        edit(&path, &key(BOB), &key(STRANGER));
    }),
    ("a key under a second name", |p| {
        let path = p.bundle().join("trust/1/operators");
        let text = fs::read_to_string(&path).unwrap();
        let line = text.lines().find(|line| line.starts_with("ana ")).unwrap().replacen("ana", "eve", 1);
        fs::write(&path, format!("{text}{line}\n")).unwrap();
    }),
    ("a new root of trust", |p| edit(&p.bundle().join("trust/1/trust.txt"), "threshold: 2", "threshold: 1")),
    ("the policy weakened", |p| {
        edit(&p.bundle().join("trust/1/policy.yaml"), "own_measurement: 1", "own_measurement: 0");
    }),
    ("a version of trust that nobody signed", |p| {
        let (from, to) = (p.bundle().join("trust/1"), p.bundle().join("trust/2"));
        fs::create_dir(&to).unwrap();
        for file in ["trust.txt", "operators", "policy.yaml", "revoked_keys"] {
            fs::copy(from.join(file), to.join(file)).unwrap();
        }
        edit(&to.join("trust.txt"), "serial: 1", "serial: 2");
        edit(&to.join("trust.txt"), &"0".repeat(64), p.anchor.as_str());
    }),
    ("the journal edited", |p| edit(&p.bundle().join("journal.log"), "ETA 06:45", "ETA 07:45")),
    ("a line removed", |p| rewrite(p, |lines| drop(lines.remove(4)))),
    ("the tail cut", |p| rewrite(p, |lines| lines.truncate(lines.len() - 2))),
    ("two lines exchanged", |p| rewrite(p, |lines| lines.swap(5, 6))),
    ("a line torn", |p| {
        let path = p.bundle().join("journal.log");
        let bytes = fs::read(&path).unwrap();
        fs::write(&path, &bytes[..bytes.len() - 10]).unwrap();
    }),
    ("everything chained anew", |p| {
        rewrite(p, |lines| {
            lines.remove(4);
            chain_anew(lines);
        });
    }),
    ("a start repeated and chained anew", |p| {
        rewrite(p, |lines| {
            let start = lines.iter().rfind(|line| line.contains(" step.started ")).unwrap().clone();
            lines.insert(lines.len() - 2, start);
            chain_anew(lines);
        });
    }),
    ("the close record without signatures", |p| {
        for by in ["ana", "chen"] {
            fs::remove_file(p.bundle().join(format!("close.txt.{by}.sig"))).unwrap();
        }
    }),
    ("the close record missing beside its signatures", |p| fs::remove_file(p.bundle().join("close.txt")).unwrap()),
    ("another end", |p| edit(&p.bundle().join("close.txt"), "completed", "aborted")),
    ("closed by a stranger", |p| {
        let text = fs::read(p.bundle().join("close.txt")).unwrap();
        fs::write(p.bundle().join("close.txt.eve.sig"), made::secret(STRANGER).sign(Verb::Close, &text)).unwrap();
    }),
    ("the journal key exchanged", |p| {
        let key = |seed: u8| made::secret(seed).public().to_string();
        edit(&p.bundle().join("journal-key.allowed"), &key(made::RUN_KEY), &key(made::NEXT_RUN_KEY));
    }),
    ("a link for a file", |p| {
        let path = p.bundle().join("close.txt");
        fs::rename(&path, p.dir.path().join("elsewhere")).unwrap();
        std::os::unix::fs::symlink(p.dir.path().join("elsewhere"), path).unwrap();
    }),
];

fn rewrite(place: &Place, change: impl FnOnce(&mut Vec<String>)) {
    let path = place.bundle().join("journal.log");
    let mut lines: Vec<String> = fs::read_to_string(&path).unwrap().lines().map(str::to_owned).collect();
    change(&mut lines);
    fs::write(&path, lines.into_iter().map(|line| line + "\n").collect::<String>()).unwrap();
}

/// Numbers and digests made good again, as anybody can.
fn chain_anew(lines: &mut [String]) {
    let mut previous = "0".repeat(64);
    for (seq, line) in lines.iter_mut().enumerate() {
        let parts: Vec<&str> = line.splitn(5, ' ').collect();
        *line = format!("{seq} {} {previous} {} {}", parts[1], parts[3], parts[4]);
        previous = Digest::of(format!("{line}\n").as_bytes()).to_string();
    }
}

#[tokio::test]
async fn every_tamper_is_refused_by_us_and_by_stock_tools() {
    for (what, tamper) in TAMPERS {
        let place = Place::exported().await;
        tamper(&place);
        refused_by_both(what, &place);
    }
}

#[tokio::test]
async fn the_wrong_anchor_is_refused_by_both() {
    let mut place = Place::exported().await;
    place.anchor = Digest::of(b"another");
    refused_by_both("anchor", &place);
}

#[tokio::test]
async fn taking_the_close_away_leaves_a_run_that_is_not_closed() {
    let place = Place::exported().await;
    for file in ["close.txt", "close.txt.ana.sig", "close.txt.chen.sig"] {
        fs::remove_file(place.bundle().join(file)).unwrap();
    }
    assert_eq!(ours(&place.bundle(), &place.anchor), Ok(Standing::EndedNotClosed));
    assert_eq!(stock("sh", &place.bundle(), Some(&place.anchor)).0, Some(3));
}

/// Journals that somebody with the executor's key wrote whole: chain and heads are good, what they tell is not.
type Forgery = (&'static str, fn(&Trust) -> Maker);

const FORGERIES: [Forgery; 8] = [
    ("started with one approval", |trust| {
        let mut made = asked(trust, "all is well");
        made.approve(ANA, story::measured());
        drop_and_finish(&mut made)
    }),
    ("started before the second approval", |trust| {
        let mut made = asked(trust, "all is well");
        made.approve(ANA, story::measured());
        start(&mut made, DROP);
        made.approve(BOB, story::measured());
        story::finish(&mut made);
        made
    }),
    ("another statement started", |trust| {
        let mut made = asked(trust, "all is well");
        made.approve(ANA, story::measured());
        made.approve(BOB, story::measured());
        start(&mut made, "DROP TABLE `shop`.`customers`");
        story::finish(&mut made);
        made
    }),
    ("started after a rejection", |trust| {
        let mut made = asked(trust, "all is well");
        made.approve(ANA, story::measured());
        made.approve(BOB, story::measured());
        made.reject(CHEN);
        drop_and_finish(&mut made)
    }),
    ("started after it had expired", |trust| {
        let mut made = asked(trust, "all is well");
        made.approve(ANA, story::measured());
        made.approve(BOB, story::measured());
        made.wait(1801);
        drop_and_finish(&mut made)
    }),
    ("started without any request", |trust| {
        let mut made = story::before_the_drop(trust);
        made.armed("drop-corrupt", None, Danger::Destructive, story::drop_script());
        made.intended("drop-corrupt", None, &[DROP]);
        story::finish(&mut made);
        made
    }),
    ("history rewritten before the request", |trust| {
        let signed = asked(trust, "this is what those who signed saw");
        let mut made = story::before_the_drop(trust);
        made.push(Record::Noted { by: "ana".to_owned(), text: "this is what stands there now".to_owned() });
        let request = signed.records.iter().rfind(|record| matches!(record, Record::Requested { .. })).unwrap();
        made.push(request.clone());
        made.approve(ANA, story::measured());
        made.approve(BOB, story::measured());
        drop_and_finish(&mut made)
    }),
    ("started a second time", |trust| {
        let good = story::good(trust);
        let mut made = Maker::open(trust, &story::STEPS);
        let drop_done = good.records.iter().rposition(|record| matches!(record, Record::Done { .. })).unwrap();
        let start = good.records.iter().rposition(|record| matches!(record, Record::Intended { .. })).unwrap();
        for (place, (record, line)) in good.records.iter().zip(&good.lines).enumerate().skip(1) {
            if place == drop_done {
                made.push(good.records[start].clone());
            }
            if !matches!(record, Record::Head { .. }) {
                made.now = line.at();
                made.push(record.clone());
            }
        }
        made
    }),
];

fn asked(trust: &Trust, note: &str) -> Maker {
    let mut made = story::before_the_drop(trust);
    made.push(Record::Noted { by: "ana".to_owned(), text: note.to_owned() });
    let header = made.header("drop-corrupt", 4);
    made.request(header, Danger::Destructive, story::drop_script());
    made
}

fn start(made: &mut Maker, text: &str) {
    made.armed("drop-corrupt", Some(REQUEST), Danger::Destructive, story::drop_script());
    made.intended("drop-corrupt", Some(REQUEST), &[text]);
}

fn drop_and_finish(made: &mut Maker) -> Maker {
    start(made, DROP);
    story::finish(made);
    let trust = made.trust.clone();
    std::mem::replace(made, Maker::open(&trust, &story::STEPS))
}

#[tokio::test]
async fn whoever_has_the_executors_key_still_needs_the_operators() {
    for (what, make) in FORGERIES {
        let (place, _) = Place::of(make).await;
        place.close(ANA, &name(ANA)).await;
        place.export().await;
        refused_by_both(what, &place);
    }
}
