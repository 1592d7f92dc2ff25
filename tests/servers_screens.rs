//! The screens on pseudo-terminals and real servers: a driver runs, holds and leaves; an approver reviews and signs.
//!
//! `tmux` is the terminal: it draws what a person would see, and keys are sent to it as a person would press them.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use countersign::cli::place::find_request;
use countersign::domain::approval::challenge::Challenge;
use countersign::domain::base::{ServerName, TableName};
use countersign::lab::{self, Damage, Flavor, Setup, Shape, Topology};
use countersign::store::sqlite::SqliteStore;

const PROGRAM: &str = env!("CARGO_BIN_EXE_countersign");
/// Long enough for a slow machine; nothing waits so long when all is well.
const DEADLINE: Duration = Duration::from_mins(1);

/// Terminals in a server of their own, which ends with this value.
struct Terminals {
    dir: tempfile::TempDir,
}

impl Terminals {
    fn new() -> Self {
        let there = Command::new("tmux").arg("-V").output();
        assert!(there.is_ok(), "this test needs the program `tmux`: install the package `tmux`");
        Self { dir: tempfile::tempdir().unwrap() }
    }

    fn tmux(&self, args: &[&str]) -> Output {
        let mut tmux = Command::new("tmux");
        tmux.args(["-u", "-f", "/dev/null", "-S"]).arg(self.dir.path().join("socket")).args(args);
        tmux.env("LC_ALL", "C.UTF-8").env_remove("TMUX").env_remove("NO_COLOR").env_remove("COUNTERSIGN_ASCII");
        tmux.output().unwrap()
    }

    /// Runs `line` in a terminal; behind its output stands the exit code, and the terminal stays.
    fn open(&self, name: &str, size: (&str, &str), line: &str) {
        let line = format!("{line}; echo EXIT $?; exec cat");
        let opened = self.tmux(&["new-session", "-d", "-s", name, "-x", size.0, "-y", size.1, &line]);
        assert!(opened.status.success(), "{}", String::from_utf8_lossy(&opened.stderr));
    }

    fn seen(&self, name: &str) -> String {
        String::from_utf8_lossy(&self.tmux(&["capture-pane", "-p", "-t", name]).stdout).into_owned()
    }

    fn key(&self, name: &str, key: &str) {
        assert!(self.tmux(&["send-keys", "-t", name, key]).status.success());
    }

    fn type_text(&self, name: &str, text: &str) {
        assert!(self.tmux(&["send-keys", "-t", name, "-l", text]).status.success());
    }

    /// Waits until the screen shows every one of `words`.
    fn until(&self, name: &str, words: &[&str]) -> String {
        let began = Instant::now();
        loop {
            let seen = self.seen(name);
            if words.iter().all(|word| seen.contains(word)) {
                return seen;
            }
            assert!(began.elapsed() < DEADLINE, "{name} never shows {words:?}:\n{seen}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for Terminals {
    fn drop(&mut self) {
        self.tmux(&["kill-server"]);
    }
}

/// A state directory with operators whose keys lie beside it.
struct Place {
    dir: tempfile::TempDir,
}

impl Place {
    fn new(names: &[&str]) -> Self {
        let place = Self { dir: tempfile::tempdir().unwrap() };
        let mut init = Command::new(PROGRAM);
        init.args(["trust", "init", "--state"]).arg(place.state());
        for name in names {
            let mut keygen = Command::new("ssh-keygen");
            keygen.args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(place.key(name));
            assert!(keygen.status().unwrap().success(), "ssh-keygen makes no key");
            init.arg("--operator").arg(format!("{name}={}.pub", place.key(name).display()));
        }
        assert!(init.output().unwrap().status.success());
        place
    }

    fn state(&self) -> PathBuf {
        self.dir.path().join("state")
    }

    fn key(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// The options that say who acts where.
    fn as_operator(&self, name: &str) -> String {
        format!("--state '{}' --operator {name} --key '{}'", self.state().display(), self.key(name).display())
    }

    /// The one run, as `status --json` tells it.
    fn status(&self) -> serde_json::Value {
        let out = Command::new(PROGRAM).args(["status", "--json", "--state"]).arg(self.state()).output().unwrap();
        serde_json::from_slice(&out.stdout).unwrap_or_default()
    }

    /// What a reader of the open request would answer; the question differs from request to request.
    async fn answer(&self) -> String {
        let request = self.status()["waiting"][0]["request"].as_str().unwrap().parse().unwrap();
        let store = SqliteStore::open(&self.state()).unwrap();
        let (_, request) = find_request(&store, &request, &countersign::cli::typed::Typed::default()).await.unwrap();
        Challenge::of(&request).answers()[0].clone()
    }

    fn until(&self, what: &str, holds: impl Fn(&serde_json::Value) -> bool) {
        let began = Instant::now();
        loop {
            let status = self.status();
            if holds(&status) {
                return;
            }
            assert!(began.elapsed() < DEADLINE, "never {what}: {status}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

/// A small fleet whose primary has a corrupt table.
async fn broken_fleet() -> Topology {
    let topology = Setup::new(Flavor::Mariadb, Shape::replicas(2).unwrap()).start(Path::new(PROGRAM)).await.unwrap();
    let table = TableName::parse("shop.orders").unwrap();
    lab::seed(topology.dir(), &table, 500).await.unwrap();
    let primary = ServerName::parse("db-a").unwrap();
    lab::break_it(topology.dir(), Damage::CorruptTable, &primary, &table).await.unwrap();
    topology
}

fn run_line(topology: &Topology, place: &Place) -> String {
    let runbook = Path::new(env!("CARGO_MANIFEST_DIR")).join("runbooks/rebuild-table-from-replica.yaml");
    format!(
        "'{PROGRAM}' run '{}' -p table=shop.orders -p primary=db-a -p spare=db-b -p witness=db-c --fleet '{}' {} \
         --reason INC-1",
        runbook.display(),
        topology.fleet_file().display(),
        place.as_operator("ana")
    )
}

/// Holds, releases and answers the manual step, on the driver's screen.
fn drive_to_the_gate(terminals: &Terminals, place: &Place) {
    terminals.until("ana", &["1 Steps", "check-facts", "drop-corrupt", "open-writes", "type what you read back"]);
    terminals.key("ana", "H");
    terminals.until("ana", &[" HELD "]);
    place.until("held", |status| status["state"] == "held");
    terminals.key("ana", "R");
    terminals.until("ana", &["type `release`"]);
    terminals.type_text("ana", "release");
    terminals.key("ana", "Enter");
    terminals.until("ana", &[" WAITING ", "by hand"]);
    terminals.key("ana", "Tab");
    terminals.until("ana", &["Esc leaves it"]);
    terminals.type_text("ana", "maintenance");
    terminals.key("ana", "Enter");
    terminals.until("ana", &["GATE 0/2", "DROP TABLE"]);
}

/// Reads, waits the reading time out, answers and approves, on the approver's screen.
async fn approve_as_bob(terminals: &Terminals, place: &Place) {
    let answer = place.answer().await;
    let line = format!("'{PROGRAM}' review {}", place.as_operator("bob"));
    terminals.open("bob", ("80", "24"), &line);
    terminals.until("bob", &["YOU ARE ASKED", "by your own look", "reading time left"]);
    terminals.key("bob", "PageDown");
    terminals.until("bob", &["read to the end", "your own look confirms", "approve is possible"]);
    terminals.key("bob", "Tab");
    terminals.until("bob", &["Ctrl-X HOLD"]);
    // Letters are text here, not keys: `q` must not leave.
    terminals.type_text("bob", &answer);
    terminals.key("bob", "Enter");
    terminals.type_text("bob", "quite sure, the table is corrupt");
    terminals.key("bob", "Enter");
    terminals.type_text("bob", "approve");
    terminals.until("bob", &["quite sure, the table is corrupt", "> approve"]);
    terminals.key("bob", "Enter");
    place.until("approved by one", |status| status["waiting"][0]["have"] == 1);
    terminals.until("bob", &["GATE 1/2", "approved", "own measurement"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_driver_and_an_approver_work_a_run_on_their_screens() {
    let terminals = Terminals::new();
    let topology = broken_fleet().await;
    let place = Place::new(&["ana", "bob", "chen"]);

    terminals.open("ana", ("100", "30"), &run_line(&topology, &place));
    drive_to_the_gate(&terminals, &place);
    approve_as_bob(&terminals, &place).await;
    terminals.until("ana", &["GATE 1/2"]);

    terminals.key("bob", "q");
    terminals.until("bob", &["EXIT 0"]);
    terminals.key("ana", "q");
    terminals.until("ana", &["never killed by leaving"]);
    terminals.key("ana", "L");
    let left = terminals.until("ana", &["EXIT 14"]);
    assert!(left.contains("countersign resume"), "{left}");
    assert!(!left.contains("1 Steps"), "the screen is still there:\n{left}");
    place.until("held when left", |status| status["state"] == "held");
}

/// A window that is too small says so and works on: the run can be held in it, and goes on in a larger one.
fn hold_in_a_small_window(terminals: &Terminals, place: &Place) {
    let resize = |width: &str, height: &str| {
        assert!(terminals.tmux(&["resize-window", "-t", "ana", "-x", width, "-y", height]).status.success());
    };
    resize("40", "10");
    terminals.until("ana", &["WAITING", "window is 40x10; views need 60x16", "H HOLD"]);
    terminals.key("ana", "H");
    terminals.until("ana", &["HELD"]);
    place.until("held in a small window", |status| status["state"] == "held");
    resize("79", "23");
    terminals.until("ana", &[" HELD ", "the next step begins after", "R release"]);
    terminals.key("ana", "R");
    terminals.until("ana", &["type `release`"]);
    terminals.type_text("ana", "release");
    terminals.key("ana", "Enter");
    place.until("released", |status| status["state"] == "waiting");
    resize("100", "30");
}

/// Answers the step that is done by hand, on the driver's screen.
fn answer_by_hand(terminals: &Terminals, step: &str) {
    terminals.until("ana", &[step, "by hand", "type what you read back"]);
    terminals.key("ana", "Tab");
    terminals.until("ana", &["Esc leaves it"]);
    terminals.type_text("ana", "maintenance");
    terminals.key("ana", "Enter");
}

/// Reads one request to its end, and approves it by keys only.
async fn sign(terminals: &Terminals, place: &Place, name: &str) {
    let answer = place.answer().await;
    terminals.until(name, &["YOU ARE ASKED", "by your own look"]);
    let began = Instant::now();
    while !terminals.seen(name).contains("approve is possible") {
        terminals.key(name, "PageDown");
        assert!(began.elapsed() < DEADLINE, "{name} cannot approve:\n{}", terminals.seen(name));
        std::thread::sleep(Duration::from_millis(200));
    }
    terminals.key(name, "Tab");
    terminals.until(name, &["Ctrl-X HOLD"]);
    for (text, key) in [(answer.as_str(), "Enter"), ("read and checked", "Enter"), ("approve", "Enter")] {
        terminals.type_text(name, text);
        terminals.key(name, key);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_driver_and_a_reviewer_bring_a_run_to_its_end_by_keys_alone() {
    let terminals = Terminals::new();
    let topology = broken_fleet().await;
    let place = Place::new(&["ana", "bob"]);
    terminals.open("ana", ("100", "30"), &run_line(&topology, &place));
    terminals.until("ana", &["close-writes", "type what you read back"]);
    hold_in_a_small_window(&terminals, &place);
    answer_by_hand(&terminals, "close-writes");
    terminals.until("ana", &["GATE 0/2", "DROP TABLE"]);
    let line = format!("'{PROGRAM}' review {}", place.as_operator("bob"));
    terminals.open("bob", ("100", "30"), &line);
    // The load was measured before anybody is asked about the DROP, and both screens say so.
    terminals.until("bob", &["YOU ARE ASKED", "measured in load-beside: 500 "]);
    terminals.key("ana", "v");
    terminals.until("ana", &["YOU ARE ASKED"]);
    sign(&terminals, &place, "bob").await;
    place.until("approved by one", |status| status["waiting"][0]["have"] == 1);
    sign(&terminals, &place, "ana").await;
    // What is only reversible needs one person, who is asked again on the same screen.
    for step in ["put-in-place", "reattach-spare"] {
        place.until(step, |status| status["step"] == step && status["waiting"][0]["kind"] == "approval");
        terminals.until("bob", &[step, "YOU ARE ASKED"]);
        sign(&terminals, &place, "bob").await;
    }
    place.until("the last step", |status| status["step"] == "open-writes");
    terminals.key("ana", "1");
    answer_by_hand(&terminals, "open-writes");
    terminals.until("bob", &[" DONE ", "3 Approvals"]);
    terminals.key("bob", "1");
    for name in ["ana", "bob"] {
        terminals.until(name, &[" DONE ", "The run is over", "completed", "load-beside: 500 "]);
        let seen = terminals.until(name, &["destructive commands were sent by: drop-corrupt", "countersign report"]);
        assert!(!seen.contains("H HOLD"), "nothing is left to hold:\n{seen}");
        terminals.key(name, "q");
        terminals.until(name, &["completed: all of its", "EXIT 0"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn reviewing_where_nothing_waits_says_so_and_succeeds() {
    let terminals = Terminals::new();
    let place = Place::new(&["ana", "bob"]);
    std::fs::create_dir_all(place.state().join("runs")).unwrap();
    std::fs::create_dir_all(place.state().join("inbox")).unwrap();
    terminals.open("bob", ("80", "24"), &format!("'{PROGRAM}' review {}", place.as_operator("bob")));
    terminals.until("bob", &["no request waits for bob", "EXIT 0"]);
}
