//! Commands that look at or finish a run, tried through the built program on a run that needs no server.

use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

#[path = "desk/mod.rs"]
mod desk;

use desk::{Desk, Said};

const SOON: Duration = Duration::from_secs(30);

const FLEET: &str = "\
countersign: 1
fleet: f
environment: LAB
owner: dba@example.com
accounts: {observe: {user: observe}}
servers:
  db-a: {address: '127.0.0.1:1', tls: {mode: off}}
";

const MANUAL: &str = "\
countersign: 1
name: ask
title: Ask
owner: dba@example.com
use_when: In a test.
not_when: Never.
steps:
  - {id: ask, title: Say a word, do: {manual: Say the word., read_back: Which word?}}
";

/// A run that asks ana for a word.
struct Asking {
    desk: Desk,
    executor: Child,
    run: String,
}

impl Asking {
    fn begin() -> Self {
        let desk = Desk::new();
        desk.write("fleet.yaml", FLEET);
        desk.write("manual.yaml", MANUAL);
        let run = ["run", "manual.yaml", "--fleet", "fleet.yaml", "--state", "S", "--operator", "ana", "--key", "ana"];
        let arguments = [&run[..], &["--reason", "INC-1", "--plain"]].concat();
        let mut command = desk.command(env!("CARGO_BIN_EXE_countersign"), &arguments);
        let executor = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let run = asks(&desk);
        Self { desk, executor, run }
    }

    fn status(&self, more: &[&str]) -> Said {
        self.desk.cli(&[&["status", &self.run, "--state", "S"], more].concat()).expect(0, &[])
    }

    fn answer(self) -> (Desk, String) {
        self.desk.cli(&by("ana", &["answer", &self.run, "word"])).expect(0, &[]);
        Said::from(self.executor.wait_with_output().unwrap()).expect(0, &["completed"]);
        (self.desk, self.run)
    }
}

fn asks(desk: &Desk) -> String {
    let began = Instant::now();
    loop {
        let said = desk.cli(&["status", "--state", "S", "--json"]);
        let states = said.out.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
        if let Some(state) = states.into_iter().find(|state| state["waiting"][0]["kind"] == "answer") {
            return state["run"].as_str().unwrap().to_owned();
        }
        assert!(began.elapsed() < SOON, "nothing asks: {said:?}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn by<'a>(who: &'a str, arguments: &[&'a str]) -> Vec<&'a str> {
    [arguments, &["--state", "S", "--operator", who, "--key", who]].concat()
}

#[test]
fn codes_and_words_are_explained() {
    let desk = Desk::new();
    desk.cli(&["explain", "cs005"]).expect(0, &["CS005 (error)", "Anchors and aliases are not read"]);
    desk.cli(&["explain", "refused"]).expect(0, &["exit 4 (refused): a rule of the program"]);
    desk.cli(&["explain", "detach_replica"]).expect(0, &["detach_replica: an action, at least protective"]);
    desk.cli(&["explain", "nonsense"]).expect(2, &["nothing here is called `nonsense`", "detach_replica"]);
}

#[test]
fn whoever_takes_a_run_over_signs_for_it() {
    let mut asking = Asking::begin();
    asking.desk.cli(&by("bob", &["takeover", &asking.run, "--plain"])).expect(10, &["is being driven by ana"]);
    asking.executor.kill().unwrap();
    asking.executor.wait().unwrap();
    let arguments = by("bob", &["takeover", &asking.run, "--plain"]);
    let mut command = asking.desk.command(env!("CARGO_BIN_EXE_countersign"), &arguments);
    asking.executor = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let (desk, run) = asking.answer();
    desk.cli(&["journal", "export", &run, "--state", "S", "-o", "B"]).expect(0, &[]);
    let said = desk.cli(&["journal", "verify", "B"]).expect(0, &["ended"]);
    assert!(!said.out.contains("bob"), "nothing is left to vouch for: {}", said.out);
    let inputs = std::fs::read_dir(desk.path("B/inputs")).unwrap().map(|entry| entry.unwrap().path().join("input.txt"));
    let texts: Vec<String> = inputs.map(|file| std::fs::read_to_string(file).unwrap()).collect();
    assert!(texts.iter().any(|text| text.contains("by: bob") && text.contains("verb: takeover")), "{texts:?}");
    let audit = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/audit.sh");
    Said::from(desk.command("sh", &[audit, "B"]).output().unwrap()).expect(3, &["RUN NOT CLOSED"]);
    desk.cli(&by("bob", &["close", &run])).expect(0, &[]);
    desk.cli(&["journal", "export", &run, "--state", "S", "-o", "C"]).expect(0, &[]);
    Said::from(desk.command("sh", &[audit, "C"]).output().unwrap()).expect(0, &[]);
}

#[test]
fn who_closed_a_run_is_said_by_verify_and_report() {
    let asking = Asking::begin();
    let words = ["expected a run that has ended, found `r-", "at `ask`", "countersign abort r-"];
    asking.desk.cli(&by("ana", &["close", &asking.run])).expect(2, &words);
    let (desk, run) = asking.answer();
    let export = |to: &str| {
        desk.cli(&["journal", "export", &run, "--state", "S", "-o", to]).expect(0, &[]);
        desk.cli(&["journal", "verify", to])
    };
    export("open").expect(0, &["ended, not closed by an operator"]);
    let report = desk.cli(&["report", &run, "--state", "S"]).expect(0, &["outcome: **completed**"]);
    assert!(!report.out.contains("closed by:"), "{}", report.out);
    desk.key("stranger", "");
    let files = desk.files();
    desk.cli(&by("stranger", &["close", &run])).expect(5, &["stranger is not an operator here"]);
    assert_eq!(desk.files(), files);
    desk.cli(&by("ana", &["close", &run])).expect(0, &["is closed by ana"]);
    desk.cli(&by("bob", &["close", &run])).expect(0, &["is closed by bob"]);
    desk.cli(&by("ana", &["close", &run])).expect(0, &["was closed by ana before"]);
    export("closed").expect(0, &["closed by ana, bob"]);
    let again = ["journal", "export", &run, "--state", "S", "-o", "closed"];
    desk.cli(&again).expect(2, &["`closed` exists already", "give another `-o DIR`"]);
    desk.cli(&["report", &run, "--state", "S"]).expect(0, &["- closed by: ana, bob"]);
    // A signature under another's name closes nothing, and is said.
    let closed = |who: &str| desk.path(&format!("S/closed/{run}.{who}.sig"));
    std::fs::copy(closed("ana"), closed("eve")).unwrap();
    desk.cli(&by("eve", &["close", &run])).expect(5, &["it is one of `ana`", "somebody left it under your name"]);
    desk.cli(&["report", &run, "--state", "S"]).expect(0, &["- closed by: ana, bob\n"]);
}

#[test]
fn a_run_whose_executor_was_killed_says_so_and_how_it_goes_on() {
    let mut asking = Asking::begin();
    let of = |asking: &Asking| serde_json::from_str::<serde_json::Value>(&asking.status(&["--json"]).out).unwrap();
    assert_eq!(of(&asking)["executor"], "alive");
    assert!(!asking.status(&[]).out.contains("resume"), "its executor is there");
    asking.executor.kill().unwrap();
    asking.executor.wait().unwrap();
    assert_eq!(of(&asking)["executor"], "gone");
    let resume = format!("countersign resume {} --operator YOU --state S", asking.run);
    let said = asking.status(&[]);
    let lines: Vec<&str> = said.out.lines().collect();
    assert!(lines[0].ends_with("its executor is gone"), "{said:?}");
    assert_eq!(lines[1], format!("  NEXT resume: {resume}"));
    let said = asking.desk.cli(&by("ana", &["answer", &asking.run, "word"])).expect(0, &["answer said to"]);
    let words = format!("no executor holds the lease: it counts once somebody resumes: {resume}");
    assert!(said.err.contains(&words.replace("YOU", "ana")), "{said:?}");
    // The hint runs as it is printed, by a person who is named, and what was left counts then.
    let typed = resume.replace("YOU", "bob");
    let words: Vec<&str> = typed.split(' ').skip(1).chain(["--key", "bob", "--plain"]).collect();
    asking.desk.cli(&words).expect(0, &["completed"]);
    let said = asking.status(&[]);
    assert!(!said.out.contains("gone") && said.out.starts_with("DONE"), "{said:?}");
}

#[test]
fn what_is_not_there_is_a_wrong_argument() {
    let desk = Desk::new();
    desk.cli(&["journal", "verify", "nowhere"]).expect(2, &["there is no bundle `nowhere`"]);
    for words in ["status", "down"] {
        desk.cli(&["lab", words, "--dir", "nowhere"]).expect(2, &["is not a lab", "lab up"]);
    }
    // What is there and is no bundle does not verify.
    std::fs::create_dir(desk.path("empty")).unwrap();
    desk.cli(&["journal", "verify", "empty"]).expect(11, &[]);
}
