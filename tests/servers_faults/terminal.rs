//! The driver's terminal is closed while a DROP waits for somebody's lock. The statement is not interrupted, the run
//! holds behind it, and what is said is how to go on. `tmux` is the terminal.

use std::path::Path;
use std::process::Command;

use countersign::lab::Flavor;
use mysql_async::prelude::Queryable as _;
use serde_json::Value;

use crate::driver::{Office, run_arguments};
use crate::judge::{self, Drops, Judge};
use crate::stage::Stage;

/// A run that is over has nothing to hold, so a step stands behind the DROP.
const BEHIND: &str = "
  - id: tell
    title: Tell the application
    do:
      manual: Tell the application.
      read_back: Which word does it show?
";
const PARAMS: [&str; 3] = ["table=d.t", "primary=db-a", "spare=db-b"];

/// A terminal of its own, which ends with this value.
struct Terminal {
    dir: tempfile::TempDir,
}

impl Terminal {
    /// Runs the program there, its errors in a file beside it.
    fn open(home: &Path, arguments: &[String]) -> Self {
        let terminal = Self { dir: tempfile::tempdir().unwrap() };
        let quoted: Vec<String> = arguments.iter().map(|word| format!("'{word}'")).collect();
        let line = format!("exec '{}' {} 2>said", env!("CARGO_BIN_EXE_countersign"), quoted.join(" "));
        let mut tmux = terminal.tmux();
        tmux.args(["new-session", "-d", "-s", "ana", "-x", "100", "-y", "30", "-c"]).arg(home).arg(line);
        assert!(tmux.status().unwrap().success(), "this test needs the program `tmux`");
        terminal
    }

    fn tmux(&self) -> Command {
        let mut tmux = Command::new("tmux");
        tmux.args(["-u", "-f", "/dev/null", "-S"]).arg(self.dir.path().join("socket"));
        for name in ["TMUX", "COUNTERSIGN_STATE", "COUNTERSIGN_FLEET", "SSH_AUTH_SOCK"] {
            tmux.env_remove(name);
        }
        tmux
    }

    /// Takes the terminal away: the process gets a hang-up, and nobody reads what it writes any more.
    fn close(&self) {
        assert!(self.tmux().args(["kill-session", "-t", "ana"]).status().unwrap().success());
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.tmux().arg("kill-server").output();
    }
}

/// What the one run of this office waits for, once there is a run.
fn status(office: &Office) -> Value {
    let said = office.cli(&["status", "--state", "S", "--json"]);
    said.out.lines().next().and_then(|line| serde_json::from_str(line).ok()).unwrap_or_default()
}

async fn until<T>(what: &str, found: impl AsyncFn() -> Option<T>) -> T {
    let deadline = tokio::time::Instant::now() + std::time::Duration::from_mins(1);
    loop {
        if let Some(found) = found().await {
            return found;
        }
        assert!(tokio::time::Instant::now() < deadline, "never: {what}");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
}

/// How the run is shown on the terminal that is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shown {
    Screen,
    Lines,
}

async fn lost_while_the_drop_waits(shown: Shown) {
    let stage = Stage::new(Flavor::Mariadb).await;
    judge::expect_to_see(&stage).await;
    let judge = Judge::from_now(&stage).await;
    let office = Office::open();
    let home = office.path("S").parent().unwrap().to_owned();
    let mut holder = stage.holder().await;
    let runbook = office.path("drop-and-tell.yaml");
    std::fs::write(&runbook, [include_str!("../cases/drop-logged.yaml"), BEHIND].concat()).unwrap();
    let mut arguments = run_arguments(runbook.to_str().unwrap(), &stage.topology.fleet_file(), &PARAMS);
    arguments.retain(|word| shown == Shown::Lines || word != "--plain");
    let terminal = Terminal::open(&home, &arguments);

    let first = async || Some(status(&office)).filter(|status| status["waiting"][0]["kind"] == "approval");
    let gate = until("a gate", first).await;
    let (run, request) = (gate["run"].as_str().unwrap(), gate["waiting"][0]["request"].as_str().unwrap());
    for name in ["ana", "bob"] {
        office.approve(request, name).expect(0);
    }
    until("a DROP that waits", async || stage.drop_waits().await.then_some(())).await;
    terminal.close();
    until("a run that is held", async || (status(&office)["state"] == "held").then_some(())).await;
    assert!(stage.drop_waits().await, "the statement was interrupted");
    assert_eq!(judge.drops(&stage).await, Drops { sent: 1, logged: 0, table: true });

    holder.query_drop("COMMIT").await.unwrap();
    until("the DROP is applied", async || (!stage.has_table().await).then_some(())).await;
    let said = until("what to do now", async || {
        let said = std::fs::read_to_string(home.join("said")).unwrap();
        said.contains("the run can go on").then_some(said)
    })
    .await;
    assert!(said.contains(&format!("countersign resume {run}")), "{said}");
    let told = office.cli(&["status", run, "--state", "S"]).expect(0).out;
    assert!(told.contains("HELD") && told.contains("then release: countersign release"), "{told}");

    let mut resumed = office.resume(run);
    resumed.wait_for_line(&["taken over", "bob"]);
    let by_ana = ["release", run, "--state", "S", "--operator", "ana", "--key", "ana"];
    office.cli(&by_ana).expect(0);
    assert_eq!(office.play(&mut resumed), 0, "{}", resumed.text());
    assert_eq!(judge.drops(&stage).await, Drops { sent: 1, logged: 1, table: false });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_terminal_that_is_lost_with_a_screen_on_it_interrupts_no_statement() {
    lost_while_the_drop_waits(Shown::Screen).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_terminal_that_is_lost_with_lines_on_it_interrupts_no_statement() {
    lost_while_the_drop_waits(Shown::Lines).await;
}
