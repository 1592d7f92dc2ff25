//! Plays the people of a run: starts the executor as a child, looks with `status`, answers and approves as they would.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::Value;

/// The longest that a whole run may take.
const PATIENCE: Duration = Duration::from_secs(280);
/// The longest that one thing may take to be seen.
const SOON: Duration = Duration::from_secs(30);

/// A state directory with three operators whose keys `ssh-keygen` made.
pub struct Office {
    home: tempfile::TempDir,
}

/// What a command ended with and said.
#[derive(Debug)]
pub struct Said {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl From<Output> for Said {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

impl Said {
    #[track_caller]
    pub fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{}\n{}", self.out, self.err);
        self
    }
}

/// Looks until `found` gives something.
#[track_caller]
pub fn eventually<T>(what: &str, mut found: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(found) = found() {
            return found;
        }
        assert!(began.elapsed() < SOON, "never: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

pub fn tool(program: &str, arguments: &[&str], input: Option<&Path>) -> Said {
    let mut command = Command::new(program);
    command.args(arguments).stdin(input.map_or_else(Stdio::null, |path| std::fs::File::open(path).unwrap().into()));
    command.output().unwrap().into()
}

impl Office {
    pub fn open() -> Self {
        Self::with(&["ana=ana.pub", "bob=bob.pub", "eve=eve.pub"], None)
    }

    /// An office with these operators' keys (`ana2` is there as well) and this policy, else the default one.
    pub fn with(operators: &[&str], policy: Option<&str>) -> Self {
        let office = Self { home: tempfile::tempdir().unwrap() };
        for name in ["ana", "ana2", "bob", "eve", "stranger"] {
            let file = office.path(name);
            tool("ssh-keygen", &["-q", "-t", "ed25519", "-N", "", "-C", name, "-f", file.to_str().unwrap()], None)
                .expect(0);
        }
        let mut arguments = vec!["trust", "init", "--state", "S"];
        arguments.extend(operators.iter().flat_map(|pair| ["--operator", pair]));
        if let Some(policy) = policy {
            std::fs::write(office.path("policy.yaml"), policy).unwrap();
            arguments.extend(["--policy", "policy.yaml"]);
        }
        office.cli(&arguments).expect(0);
        office
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_countersign"));
        command.args(arguments);
        self.at_home(command)
    }

    pub fn at_home(&self, mut command: Command) -> Command {
        command.current_dir(self.home.path()).stdin(Stdio::null());
        for name in ["COUNTERSIGN_STATE", "COUNTERSIGN_FLEET", "SSH_AUTH_SOCK"] {
            command.env_remove(name);
        }
        command
    }

    /// One command, to its end.
    pub fn cli(&self, arguments: &[&str]) -> Said {
        self.command(arguments).output().unwrap().into()
    }

    /// Starts a run of a runbook file of this repository; ana drives.
    pub fn run(&self, runbook: &str, fleet: &Path, params: &[&str]) -> Run {
        Run::start(self.command(&words(&run_arguments(runbook, fleet, params))), None)
    }

    pub fn resume(&self, id: &str) -> Run {
        Run::start(self.command(&resume_arguments(id)), Some(id))
    }

    /// What a run waits for; nothing while its journal is not readable yet.
    pub fn status(&self, run: &str) -> Value {
        let said = self.cli(&["status", run, "--state", "S", "--json"]);
        serde_json::from_str(said.out.lines().next().unwrap_or("null")).unwrap()
    }

    /// The first of all runs that have begun.
    pub fn status_of_all(&self) -> Value {
        let said = self.cli(&["status", "--state", "S", "--json"]).expect(0);
        serde_json::from_str(said.out.lines().next().unwrap()).unwrap()
    }

    /// The first thing that a run waits for, if it is of this kind.
    pub fn waits_for(&self, run: &str, kind: &str) -> Option<Value> {
        let status = self.status(run);
        let first = status["waiting"].as_array()?.first()?.clone();
        (first["kind"] == kind).then_some(first)
    }

    /// The first approval that a run waits for at this step, all before it being played by ana and bob.
    pub fn play_until_gate(&self, run: &mut Run, step: &str) -> String {
        let mut played = BTreeMap::new();
        eventually(&format!("a gate at {step}"), || {
            assert!(run.ended().is_none(), "{}", run.text());
            let status = self.status(&run.id());
            let at_gate = status["waiting"][0]["kind"] == "approval" && status["step"] == step;
            if at_gate {
                return Some(status["waiting"][0]["request"].as_str().unwrap().to_owned());
            }
            self.turn(&run.id(), &status, &mut played);
            None
        })
    }

    /// Plays ana and bob until the run waits for somebody to choose, and gives the choices.
    pub fn play_until_choice(&self, run: &mut Run) -> Vec<String> {
        let mut played = BTreeMap::new();
        eventually("a choice", || {
            assert!(run.ended().is_none(), "{}", run.text());
            let status = self.status(&run.id());
            if status["waiting"][0]["kind"] == "choice" {
                let choices = status["waiting"][0]["choices"].as_array().unwrap();
                return Some(choices.iter().map(|choice| choice.as_str().unwrap().to_owned()).collect());
            }
            self.turn(&run.id(), &status, &mut played);
            None
        })
    }

    /// Plays ana and bob until the run ends, and gives its exit code.
    pub fn play(&self, run: &mut Run) -> i32 {
        let mut played = BTreeMap::new();
        let began = Instant::now();
        loop {
            if let Some(code) = run.ended() {
                return code;
            }
            assert!(began.elapsed() < PATIENCE, "the run does not end:\n{}", run.text());
            let status = self.status(&run.id());
            self.turn(&run.id(), &status, &mut played);
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Does what a run waits for once: `played` holds what was done, so that nothing is said twice.
    pub fn turn(&self, run: &str, status: &Value, played: &mut BTreeMap<String, u64>) {
        let waiting = &status["waiting"][0];
        if waiting["kind"] != "choice" {
            // The next stop at the same step is another one.
            played.remove(&format!("choice {}", status["step"]));
        }
        match waiting["kind"].as_str() {
            Some("answer") => {
                let key = format!("answer {}", status["step"]);
                if played.insert(key, 1).is_none() {
                    let by = ["--state", "S", "--operator", "ana", "--key", "ana"];
                    self.cli(&[&["answer", run, "maintenance"], &by[..]].concat()).expect(0);
                }
            }
            Some("approval") => {
                let request = waiting["request"].as_str().unwrap();
                let (have, need) = (waiting["have"].as_u64().unwrap(), waiting["need"].as_u64().unwrap());
                let done = played.entry(request.to_owned()).or_insert(0);
                // All there is to sign may be signed, and the run looks once more before it is armed.
                if have < need && *done <= have {
                    *done = have + 1;
                    let said = self.approve(request, if have == 0 { "ana" } else { "bob" });
                    // A takeover behind this look makes it void, and the next look finds a new one.
                    if !said.err.contains("another executor took the run over") {
                        said.expect(0);
                    }
                }
            }
            // After a crash with nothing sent: what was signed is void, and all of it is asked for again.
            Some("choice") => {
                let first = waiting["choices"][0].as_str().unwrap();
                let report = || self.cli(&["report", run, "--state", "S"]).out;
                assert!(first.starts_with("assess the step again"), "the run stopped: {status}\n{}", report());
                if played.insert(format!("choice {}", status["step"]), 1).is_none() {
                    let by = ["--state", "S", "--operator", "ana", "--key", "ana"];
                    self.cli(&[&["choose", run, "1"], &by[..]].concat()).expect(0);
                }
            }
            _ => {}
        }
    }

    /// `approve`, with the answer that follows from the request's text.
    pub fn approve(&self, request: &str, name: &str) -> Said {
        let answer = self.answer(request);
        self.cli(&[
            "approve",
            request,
            "--state",
            "S",
            "--operator",
            name,
            "--key",
            name,
            "--answer",
            &answer,
            "--reason",
            "checked",
        ])
    }

    pub fn answer(&self, request: &str) -> String {
        let shown = self.cli(&["request", "show", request, "--state", "S", "--json"]).expect(0);
        let shown: Value = serde_json::from_str(&shown.out).unwrap();
        answer(shown["text"].as_str().unwrap(), shown["challenge"]["id"].as_str().unwrap())
    }

    /// Exports the run, verifies the bundle with the program, with the shell script and with stock `ssh-keygen`, and
    /// gives the number of approvals in it.
    pub fn audit(&self, run: &str) -> usize {
        let report = self.cli(&["report", run, "--state", "S"]).expect(0);
        assert!(report.out.contains("ana") && report.out.contains(run), "{}", report.out);
        let name = format!("bundle-{run}");
        let bundle = self.path(&name);
        self.cli(&["journal", "export", run, "--state", "S", "-o", &name]).expect(0);
        self.cli(&["journal", "verify", &name]).expect(0);
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/audit.sh");
        let said = tool("sh", &[script.to_str().unwrap(), bundle.to_str().unwrap()], None);
        assert!(said.code == 0 || said.code == 3, "{said:?}");
        let signatures = signatures(&bundle);
        for (request, signature, name) in &signatures {
            let operators = bundle.join("trust/1/operators");
            let (operators, signature) = (operators.to_str().unwrap(), signature.to_str().unwrap());
            let verify = ["-Y", "verify", "-f", operators, "-I", name, "-n", "approve@countersign", "-s", signature];
            tool("ssh-keygen", &verify, Some(request)).expect(0);
        }
        signatures.len()
    }

    /// How often people were asked to sign, by the bundle that [`Self::audit`] exported.
    pub fn requests(&self, run: &str) -> usize {
        requests(&self.path(&format!("bundle-{run}"))).len()
    }

    /// Who signed which step, by the bundle that [`Self::audit`] exported: one line for each approval.
    pub fn signed_steps(&self, run: &str) -> Vec<String> {
        let one = |(request, _, by): &(PathBuf, PathBuf, String)| {
            let text = std::fs::read_to_string(request).unwrap();
            let step = text.lines().find_map(|line| line.strip_prefix("step: ")).unwrap();
            format!("{} {by}", step.split(' ').nth(1).unwrap())
        };
        let mut steps: Vec<String> = signatures(&self.path(&format!("bundle-{run}"))).iter().map(one).collect();
        steps.sort();
        steps
    }
}

/// The folder of every request of a bundle. The bundle of a run that asked nobody has no place for them.
fn requests(bundle: &Path) -> Vec<PathBuf> {
    let all = bundle.join("requests");
    if !all.exists() {
        return Vec::new();
    }
    std::fs::read_dir(all).unwrap().map(|request| request.unwrap().path()).collect()
}

/// A runbook file of this repository; ana drives.
pub fn run_arguments(runbook: &str, fleet: &Path, params: &[&str]) -> Vec<String> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(runbook);
    let mut arguments = vec!["run", file.to_str().unwrap(), "--fleet", fleet.to_str().unwrap(), "--state", "S"];
    arguments.extend(["--operator", "ana", "--key", "ana", "--reason", "INC-1", "--plain"]);
    arguments.extend(params.iter().flat_map(|param| ["-p", param]));
    arguments.into_iter().map(str::to_owned).collect()
}

/// Bob goes on where ana's executor died.
pub fn resume_arguments(id: &str) -> [&str; 9] {
    ["resume", id, "--state", "S", "--operator", "bob", "--key", "bob", "--plain"]
}

pub fn words(owned: &[String]) -> Vec<&str> {
    owned.iter().map(String::as_str).collect()
}

/// Every approval of a bundle: the request, the signature, who signed.
fn signatures(bundle: &Path) -> Vec<(PathBuf, PathBuf, String)> {
    let mut found = Vec::new();
    for request in requests(bundle) {
        for file in std::fs::read_dir(&request).unwrap() {
            let file = file.unwrap().path();
            let name = file.file_name().unwrap().to_str().unwrap();
            if let Some(by) = name.strip_suffix(".approve.sig") {
                found.push((request.join("request.txt"), file.clone(), by.to_owned()));
            }
        }
    }
    found
}

/// What a reviewer reads in the text of a request.
pub fn answer(text: &str, question: &str) -> String {
    let lines = |key: &str| -> Vec<Vec<String>> {
        let found = text.lines().filter_map(|line| line.strip_prefix(key));
        found.map(|line| line.split_whitespace().map(str::to_owned).collect()).collect()
    };
    match question {
        "reaches" => {
            let mut reached: Vec<String> = lines("reach: ")
                .into_iter()
                .filter(|words| !words[1].starts_with("never") && !words[1].starts_with("not_logged"))
                .map(|words| words[0].clone())
                .collect();
            reached.sort();
            reached.dedup();
            reached.len().to_string()
        }
        "runs" => lines("server: ")[0][0].clone(),
        "keeps" => lines("copies: ")[0].last().unwrap().clone(),
        other => panic!("an unknown question: {other}"),
    }
}

/// A run in progress. Its executor does not outlive the test.
pub struct Run {
    child: Child,
    lines: Arc<Mutex<Vec<String>>>,
    id: Option<String>,
}

impl Run {
    pub fn start(mut command: Command, id: Option<&str>) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let lines = Arc::new(Mutex::new(Vec::new()));
        let (out, err) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
        keep(out, Arc::clone(&lines));
        keep(err, Arc::clone(&lines));
        Self { child, lines, id: id.map(str::to_owned) }
    }

    pub fn text(&self) -> String {
        self.lines.lock().unwrap().join("\n")
    }

    /// The run's name, as its first line says it.
    pub fn id(&mut self) -> String {
        if self.id.is_none() {
            self.id = Some(eventually("the run has a name", || {
                let ended = self.child.try_wait().unwrap();
                let text = self.text();
                assert!(ended.is_none() || text.contains("run r-"), "{text}");
                text.split(" run ").nth(1).and_then(|rest| rest.split(' ').next()).map(str::to_owned)
            }));
        }
        self.id.clone().unwrap()
    }

    /// Whether its first line has come.
    pub fn is_named(&self) -> bool {
        self.id.is_some() || self.text().contains(" run r-")
    }

    /// The exit code, once there is one.
    pub fn ended(&mut self) -> Option<i32> {
        self.child.try_wait().unwrap().map(|status| status.code().unwrap_or(-1))
    }

    pub fn wait(&mut self) -> i32 {
        let began = Instant::now();
        while began.elapsed() < SOON {
            if let Some(code) = self.ended() {
                return code;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        panic!("the run does not end:\n{}", self.text());
    }

    /// Looks until a line of the output holds all of these words.
    #[track_caller]
    pub fn wait_for_line(&mut self, words: &[&str]) {
        let began = Instant::now();
        loop {
            let text = self.text();
            if text.lines().any(|line| words.iter().all(|word| line.contains(word))) {
                return;
            }
            assert!(self.ended().is_none(), "ended without {words:?}:\n{text}");
            assert!(began.elapsed() < SOON, "never a line with {words:?}:\n{text}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    pub fn kill(&mut self) {
        // Fails only for one that has ended.
        let _ = self.child.kill();
        self.child.wait().unwrap();
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        self.kill();
    }
}

fn keep(stream: impl std::io::Read + Send + 'static, lines: Arc<Mutex<Vec<String>>>) {
    std::thread::spawn(move || {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            lines.lock().unwrap().push(line);
        }
    });
}
