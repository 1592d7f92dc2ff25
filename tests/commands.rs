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
    desk.cli(&by("stranger", &["close", &run])).expect(5, &["stranger is not an operator here"]);
    desk.cli(&by("ana", &["close", &run])).expect(0, &["is closed by ana"]);
    desk.cli(&by("bob", &["close", &run])).expect(0, &["is closed by bob"]);
    desk.cli(&by("ana", &["close", &run])).expect(0, &["was closed by ana before"]);
    export("closed").expect(0, &["closed by ana, bob"]);
    desk.cli(&["report", &run, "--state", "S"]).expect(0, &["- closed by: ana, bob"]);
    // A signature under another's name closes nothing, and is said.
    let closed = |who: &str| desk.path(&format!("S/closed/{run}.{who}.sig"));
    std::fs::copy(closed("ana"), closed("eve")).unwrap();
    desk.cli(&by("eve", &["close", &run])).expect(5, &["it is one of `ana`", "somebody left it under your name"]);
    desk.cli(&["report", &run, "--state", "S"]).expect(0, &["- closed by: ana, bob\n"]);
}
