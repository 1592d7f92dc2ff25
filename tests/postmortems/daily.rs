//! The Daily outage: sessions pile up behind a lock, and retries refill the pile. What is typed here is what an engineer
//! types who practises it on a lab; whom the run ended is asked of the clients themselves.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use countersign::domain::approval::policy::Policy;
use countersign::domain::base::Span;
use countersign::lab::storm::Role;
use countersign::lab::{Flavor, StormReport, Topology};
use serde_json::Value;

use crate::driver::{Office, Run, eventually};
use crate::scene::server;

const KILL: &str = "runbooks/kill-root-blockers.yaml";

/// A lab that commands made, with its people.
pub struct Practice {
    pub office: Office,
    dir: PathBuf,
}

impl Practice {
    /// A primary, a replica, and `shop.orders` with so many rows on both.
    pub fn begin(flavor: Flavor, rows: u64, office: Office) -> Self {
        let dir = office.path("lab");
        let practice = Self { office, dir };
        practice.lab(&["up", "--flavor", flavor.word(), "--replicas", "1"]);
        practice.lab(&["seed", "--rows", &rows.to_string(), "shop.orders"]);
        practice
    }

    /// `countersign lab ...`, to its end.
    fn lab(&self, arguments: &[&str]) -> String {
        let dir = self.dir.to_str().unwrap();
        self.office.cli(&[&["lab"], arguments, &["--dir", dir]].concat()).expect(0).out
    }

    fn storm(&self, kind: &str, on: &str) -> StormReport {
        self.lab(&["break", "lock-storm", "--kind", kind, "--on", on, "shop.orders"]);
        self.report()
    }

    fn report(&self) -> StormReport {
        let status: Value = serde_json::from_str(&self.lab(&["status", "--json"])).unwrap();
        serde_json::from_value(status["storm"]["report"].clone()).unwrap()
    }

    pub fn topology(&self) -> Topology {
        Topology::attach(&self.dir).unwrap()
    }

    pub fn run(&self, runbook: &str, params: &[&str]) -> Run {
        self.office.run(runbook, &self.topology().fleet_file(), params)
    }

    /// Starts the shipped runbook against the session that is at the root, which is old enough for it.
    pub async fn kill_roots(&self, on: &str, root: u32) -> (Run, String) {
        self.until_old(on, root).await;
        let server = format!("server={on}");
        let began = Instant::now();
        let mut run = self.run(KILL, &[&server, "older_than=1s", "watch=3s"]);
        run.wait_for_line(&["kill", "GATE"]);
        let took = began.elapsed();
        println!("from the start to the request {took:?}");
        assert!(took < Duration::from_secs(3).mul_f64(slack()), "{took:?}\n{}", run.text());
        let waiting = eventually("a request", || self.office.waits_for(&run.id(), "approval"));
        (run, waiting["request"].as_str().unwrap().to_owned())
    }

    /// The dry run names the root, over the live fleet and over a snapshot of it, and nobody is killed.
    fn expect_planned(&self, on: &str, root: u32) {
        let (fleet, file) = (self.topology().fleet_file(), self.office.path("snapshot.yaml"));
        let (fleet, file) = (fleet.to_str().unwrap(), file.to_str().unwrap());
        self.office.cli(&["fleet", "snapshot", "--fleet", fleet, "--lock-waits", on, "-o", file]).expect(0);
        let runbook = concat!(env!("CARGO_MANIFEST_DIR"), "/runbooks/kill-root-blockers.yaml");
        let server = format!("server={on}");
        let plan = ["plan", runbook, "--fleet", fleet, "-p", &server, "-p", "older_than=1s"];
        for plan in [plan.to_vec(), [&plan[..], &["--simulate", file]].concat()] {
            let said = self.office.cli(&plan).expect(0);
            assert!(said.out.contains(&format!("KILL CONNECTION {root} ")), "{}", said.out);
        }
        assert!(self.report().root_holds, "a dry run changes nothing");
    }

    async fn until_old(&self, on: &str, session: u32) {
        let age = format!(
            "SELECT COUNT(*) FROM information_schema.innodb_trx WHERE trx_mysql_thread_id = {session} AND trx_started \
             < NOW() - INTERVAL 2 SECOND"
        );
        let deadline = Instant::now() + Duration::from_secs(30);
        while self.topology().value(&server(on), &age).await.unwrap().as_deref() != Some("1") {
            assert!(Instant::now() < deadline, "session {session} has no transaction of this age");
            tokio::time::sleep(Duration::from_millis(150)).await;
        }
    }

    pub fn text_of(&self, request: &str) -> String {
        self.office.cli(&["request", "show", request, "--state", "S"]).expect(0).out
    }

    /// The storm is over: its root is gone, nobody waits for long, and nobody but the root lost a connection or an answer.
    async fn expect_calm(&self, on: &str, before: &StormReport) {
        let after = eventually("the waits drain", || {
            let now = self.report();
            let calm = !now.root_holds && now.waiting.row + now.waiting.metadata <= 2;
            let all_went_on = now.crowd().all(|client| client.done > 0);
            (calm && all_went_on).then_some(now)
        });
        for (was, is) in before.clients.iter().zip(&after.clients).filter(|(was, _)| was.role != Role::Root) {
            assert_eq!((was.connection, was.connects), (is.connection, is.connects), "a connection was ended: {is:?}");
            assert_eq!(is.failures, 0, "{is:?}");
        }
        for (was, is) in before.innocents().zip(after.innocents()) {
            assert!(is.is_untouched() && is.done > was.done, "{was:?} {is:?}");
            let sql = format!("SELECT commits FROM innocent.commits WHERE client = {}", is.number);
            let counted: u64 = self.topology().value(&server(on), &sql).await.unwrap().unwrap().parse().unwrap();
            assert!(counted >= is.done, "the server has {counted} of the {} commits of {is:?}", is.done);
        }
    }
}

impl Drop for Practice {
    fn drop(&mut self) {
        // Also after a failed test; a lab that is down already says so and nothing more.
        self.office.cli(&["lab", "down", "--dir", self.dir.to_str().unwrap()]);
    }
}

/// How much longer than on an idle machine something may take here: what waits for a processor waits its turn.
pub fn slack() -> f64 {
    let load = std::fs::read_to_string("/proc/loadavg").unwrap();
    let running: f64 = load.split(' ').next().unwrap().parse().unwrap();
    let processors = std::thread::available_parallelism().unwrap().get();
    (running / f64::from(u32::try_from(processors).unwrap())).max(1.0)
}

/// The sessions that a request would kill, by their numbers.
fn victims(text: &str) -> Vec<String> {
    let kills = text.lines().filter_map(|line| line.strip_prefix("| KILL "));
    kills.map(|rest| rest.rsplit(' ').next().unwrap().to_owned()).collect()
}

async fn the_one_root_is_killed_with_two_signatures_and_the_waits_drain(flavor: Flavor) {
    let practice = Practice::begin(flavor, 1000, Office::open());
    let before = practice.storm("idle", "db-a");
    assert!(before.stood && before.crowd().count() >= 30, "{before:?}");
    assert!(before.waiting.row > 0 && before.waiting.metadata > 0, "{before:?}");
    practice.until_old("db-a", before.root).await;
    practice.expect_planned("db-a", before.root);
    let (mut run, request) = practice.kill_roots("db-a", before.root).await;
    let text = practice.text_of(&request);
    assert_eq!(victims(&text), [before.root.to_string()], "{text}");
    assert!(text.contains("KILL CONNECTION") && text.contains("approvals-needed: 2"), "{text}");

    practice.office.approve(&request, "ana").expect(0);
    run.wait_for_line(&["GATE", "1/2"]);
    assert!(practice.report().root_holds, "one signature is not enough");
    practice.office.approve(&request, "bob").expect(0);
    assert_eq!(run.wait(), 0, "{}", run.text());
    practice.expect_calm("db-a", &before).await;
    assert_eq!(practice.office.audit(&run.id()), 2);
    assert_eq!(practice.office.signed_steps(&run.id()), ["kill ana", "kill bob"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_one_root_of_a_storm_is_killed_with_two_signatures_and_the_waits_drain_on_mariadb() {
    the_one_root_is_killed_with_two_signatures_and_the_waits_drain(Flavor::Mariadb).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_one_root_of_a_storm_is_killed_with_two_signatures_and_the_waits_drain_on_mysql() {
    the_one_root_is_killed_with_two_signatures_and_the_waits_drain(Flavor::Mysql).await;
}

/// An office in which one signature is enough for what ends somebody's work.
fn small_office() -> Office {
    let policy = Policy::default_text().replace("disruptive:  {approvals: 2", "disruptive:  {approvals: 1");
    assert_ne!(policy, Policy::default_text());
    Office::with(&["ana=ana.pub", "bob=bob.pub"], Some(&policy))
}

/// Ana alone, as the policy of this office allows. Gives the request's text.
async fn killed_with_one_signature(practice: &Practice, kind: &str, on: &str) -> String {
    let before = practice.storm(kind, on);
    let (mut run, request) = practice.kill_roots(on, before.root).await;
    let text = practice.text_of(&request);
    assert_eq!(victims(&text), [before.root.to_string()], "{text}");
    assert!(text.contains("approvals-needed: 1"), "{text}");
    practice.office.approve(&request, "ana").expect(0);
    assert_eq!(run.wait(), 0, "{}", run.text());
    practice.expect_calm(on, &before).await;
    text
}

/// An applier waits like others and is never a victim; when its root is gone it goes on by itself.
async fn a_root_on_which_an_applier_waits(flavor: Flavor) {
    let practice = Practice::begin(flavor, 1000, small_office());
    killed_with_one_signature(&practice, "applier", "db-b").await;
    practice.topology().wait_until_flowing(&server("db-b")).await.unwrap();
    practice.topology().wait_caught_up().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_root_on_which_an_applier_waits_is_killed_on_mariadb() {
    a_root_on_which_an_applier_waits(Flavor::Mariadb).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_root_on_which_an_applier_waits_is_killed_on_mysql() {
    a_root_on_which_an_applier_waits(Flavor::Mysql).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_forgotten_transaction_with_a_metadata_lock_is_killed_on_mysql() {
    let practice = Practice::begin(Flavor::Mysql, 1000, small_office());
    killed_with_one_signature(&practice, "metadata", "db-a").await;
}

/// This server tells who has a metadata lock only with a plugin: without it nobody is guessed at, and the run says so.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_forgotten_transaction_with_a_metadata_lock_is_killed_on_mariadb_where_it_can_be_told() {
    let practice = Practice::begin(Flavor::Mariadb, 1000, small_office());
    let before = practice.storm("metadata", "db-a");
    practice.until_old("db-a", before.root).await;
    let mut run = practice.run(KILL, &["server=db-a", "older_than=1s", "watch=1s"]);
    run.wait_for_line(&["INSTALL SONAME 'metadata_lock_info'"]);
    let choices = practice.office.play_until_choice(&mut run);
    assert!(!choices.is_empty() && practice.report().root_holds, "{}", run.text());
    run.kill();
    practice.topology().query(&server("db-a"), "INSTALL SONAME 'metadata_lock_info'").await.unwrap();
    killed_with_one_signature(&practice, "metadata", "db-a").await;
}

/// What a request says of a rollback: rows, and from how long to how long.
fn cost(text: &str) -> (u64, Duration, Duration) {
    let line = text.lines().find(|line| line.contains(" rolls ")).unwrap_or_else(|| panic!("no cost in {text}"));
    let words: Vec<&str> = line.split(' ').collect();
    let after = |word: &str| words[1 + words.iter().position(|found| *found == word).unwrap()];
    let span = |word: &str| after(word).parse::<Span>().unwrap().as_duration();
    (after("rolls").parse().unwrap(), span("about"), span("to"))
}

/// Waits until a session has nothing more to roll back: it is gone, or only its statement was ended and it is idle. The
/// list of transactions would not do: MariaDB shows a new one only to who comes more than 100 ms after the last reader.
async fn until_rolled_back(practice: &Practice, session: u32) {
    let busy =
        format!("SELECT COUNT(*) FROM information_schema.processlist WHERE ID = {session} AND COMMAND <> 'Sleep'");
    let deadline = Instant::now() + Duration::from_secs(100);
    while practice.topology().value(&server("db-a"), &busy).await.unwrap().as_deref() != Some("0") {
        assert!(Instant::now() < deadline, "session {session} does not end");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// The update goes on while people sign, so the figures that they saw grow with the rows until it is killed.
async fn the_rollback_of_an_update_costs_what_was_said(flavor: Flavor) {
    let practice = Practice::begin(flavor, 100_000, small_office());
    let before = practice.storm("update", "db-a");
    let (mut run, request) = practice.kill_roots("db-a", before.root).await;
    let text = practice.text_of(&request);
    assert_eq!(victims(&text), [before.root.to_string()], "{text}");
    let (rows, low, high) = cost(&text);
    practice.office.approve(&request, "ana").expect(0);
    let changed = format!(
        "SELECT trx_rows_modified FROM information_schema.innodb_trx WHERE trx_mysql_thread_id = {}",
        before.root
    );
    let changed = practice.topology().value(&server("db-a"), &changed).await.unwrap();
    run.wait_for_line(&["step 3/4 kill", "running"]);
    let began = Instant::now();
    until_rolled_back(&practice, before.root).await;
    let took = began.elapsed();
    println!("{flavor}: said {rows} rows, {low:?} to {high:?}; {changed:?} rows when it was killed, took {took:?}");
    let changed: f64 = changed.unwrap().parse().unwrap();
    let grown = changed / f64::from(u32::try_from(rows).unwrap());
    assert!(grown >= 0.99, "more rows were shown than there are: {grown}");
    let (low, high) = (low.mul_f64(grown), high.mul_f64(grown).mul_f64(slack()));
    assert!(took >= low / 2 && took <= high, "{took:?} is not within a factor of two of {low:?} to {high:?}");
    assert_eq!(run.wait(), 0, "{}", run.text());
    practice.expect_calm("db-a", &before).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_rollback_of_an_update_costs_what_was_said_on_mariadb() {
    the_rollback_of_an_update_costs_what_was_said(Flavor::Mariadb).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_rollback_of_an_update_costs_what_was_said_on_mysql() {
    the_rollback_of_an_update_costs_what_was_said(Flavor::Mysql).await;
}
