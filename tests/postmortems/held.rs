//! The DROP of `rebuild-table-logged` is held, for signatures or by a person, and meanwhile something happens to the
//! spare, whose copy is the last good one. The copy survives, and the run goes on or says why it does not.

use std::time::{Duration, Instant};

use countersign::lab::{Account, Flavor, Link};
use mysql_async::prelude::Queryable;

use crate::driver::{Office, Run, eventually};
use crate::scene::{Holds, PARAMS, Scene, server};

const LOGGED: &str = "runbooks/rebuild-table-logged.yaml";
const VISIT: &str = "INSERT INTO crm.visits (at, who) VALUES (NOW(6), 'late')";
const VISITS: &str = "SELECT COUNT(*) FROM crm.visits";
const BY_ANA: [&str; 6] = ["--state", "S", "--operator", "ana", "--key", "ana"];

type Rows = Vec<Vec<Option<String>>>;

/// Where the DROP is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// One of two has signed.
    Gate,
    /// Both have signed, and eve holds the armed step.
    Armed,
}

/// What happens to the spare.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Spare {
    /// Somebody starts its replication by hand.
    Started,
    Restarted,
    Killed,
}

/// What happens to the executor at the same time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Executor {
    Lives,
    Dies,
}

/// A run whose DROP is held.
struct Held {
    scene: Scene,
    run: Run,
    request: String,
    /// The spare as it was when the DROP was first held: its table, and what it has received and executed.
    spare: (Holds, Rows),
}

impl Held {
    async fn at(place: Place, flavor: Flavor) -> Self {
        let scene = Scene::broken(flavor, 200).await;
        let mut run = scene.office.run(LOGGED, &scene.topology.fleet_file(), &PARAMS);
        let request = scene.office.play_until_gate(&mut run, "drop-corrupt");
        scene.office.approve(&request, "ana").expect(0);
        run.wait_for_line(&["drop-corrupt", "ana: GATE 1/2"]);
        let spare = (scene.holds("db-c").await, position(&scene).await);
        let mut held = Self { scene, run, request, spare };
        if place == Place::Armed {
            held.sign_and_hold();
        }
        held
    }

    fn office(&self) -> &Office {
        &self.scene.office
    }

    /// What was asked for before the takeover is void: the run asks anew, for all signatures.
    fn asked_anew(&mut self) {
        let said = self.office().approve(&self.request, "bob").expect(5);
        assert!(said.err.contains("not open any more: another executor took the run over"), "{}", said.err);
        let next = self.scene.office.play_until_gate(&mut self.run, "drop-corrupt");
        assert_ne!(next, self.request);
        self.request = next;
        self.office().approve(&self.request, "ana").expect(0);
        self.run.wait_for_line(&["drop-corrupt", "ana: GATE 1/2"]);
    }

    /// The second signature, and before the step begins somebody holds it.
    fn sign_and_hold(&mut self) {
        self.office().approve(&self.request, "bob").expect(0);
        self.run.wait_for_line(&["drop-corrupt", "armed"]);
        let id = self.run.id();
        self.office().cli(&["hold", &id, "wait", "--state", "S", "--operator", "eve"]).expect(0);
        self.run.wait_for_line(&["held", "eve: wait"]);
    }

    fn release(&mut self) {
        let id = self.run.id();
        self.office().cli(&[&["release", &id], &BY_ANA[..]].concat()).expect(0);
    }

    async fn meanwhile(&mut self, what: Spare, executor: Executor) {
        let spare = server("db-c");
        let topology = &self.scene.topology;
        if executor == Executor::Dies {
            self.run.kill();
        }
        match what {
            Spare::Started => start_by_hand(&self.scene).await,
            Spare::Restarted => topology.restart(&spare).await.unwrap(),
            Spare::Killed => {
                topology.kill(&spare).await.unwrap();
                topology.start(&spare).await.unwrap();
            }
        }
        self.expect_the_copy().await;
        if executor == Executor::Dies {
            let id = self.run.id();
            self.run = self.office().resume(&id);
            self.run.wait_for_line(&["taken over", "bob"]);
        }
    }

    /// What the primary writes reaches the other replica and not the spare, whose table and position are what they were.
    async fn expect_the_copy(&self) {
        self.scene.rows("db-a", VISIT).await;
        let visits = self.scene.rows("db-a", VISITS).await;
        until("db-b follows", async || self.scene.rows("db-b", VISITS).await == visits).await;
        self.expect_the_spare_untouched().await;
    }

    async fn expect_nothing_dropped(&self) {
        self.expect_the_copy().await;
        assert_eq!(self.scene.drops("db-a"), 0, "{}", self.run.text());
        self.scene.the_log_is_on("db-a").await;
    }

    async fn expect_the_spare_untouched(&self) {
        let links = self.scene.topology.links(&server("db-c")).await.unwrap();
        assert!(!links.is_empty() && !links.iter().any(Link::flows), "{links:?}");
        assert_eq!((self.scene.holds("db-c").await, position(&self.scene).await), self.spare);
    }
}

async fn until(what: &str, so: impl AsyncFn() -> bool) {
    let deadline = Instant::now() + Duration::from_mins(1);
    while !so().await {
        assert!(Instant::now() < deadline, "never: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Stops and starts replication on the spare as root, and looks until its applier runs.
async fn start_by_hand(scene: &Scene) {
    let word = if scene.topology.flavor() == Flavor::Mariadb { "SLAVE" } else { "REPLICA" };
    for verb in ["STOP", "START"] {
        scene.rows("db-c", &format!("{verb} {word}")).await;
    }
    let runs = async || scene.topology.links(&server("db-c")).await.unwrap().iter().all(|link| link.applier == "Yes");
    until("replication on db-c is started", runs).await;
}

/// What the spare has received and executed.
async fn position(scene: &Scene) -> Rows {
    let sql = match scene.topology.flavor() {
        Flavor::Mariadb => "SELECT @@gtid_slave_pos, @@gtid_binlog_pos",
        Flavor::Mysql => {
            "SELECT @@gtid_executed, (SELECT MAX(received_transaction_set) FROM \
             performance_schema.replication_connection_status)"
        }
    };
    scene.rows("db-c", sql).await
}

/// Started by hand, the spare still follows nobody: the signatures stand while their executor lives, and the run goes
/// on.
async fn started_by_hand_it_follows_nobody(flavor: Flavor) {
    let mut held = Held::at(Place::Gate, flavor).await;
    held.meanwhile(Spare::Started, Executor::Lives).await;
    held.meanwhile(Spare::Started, Executor::Dies).await;
    held.asked_anew();
    held.sign_and_hold();
    held.meanwhile(Spare::Started, Executor::Dies).await;
    held.release();
    held.asked_anew();
    held.sign_and_hold();
    held.meanwhile(Spare::Started, Executor::Lives).await;
    assert_eq!(held.scene.drops("db-a"), 0);

    // Behind the last look: the DROP is sent and waits for a lock of somebody else.
    let mut conn = held.scene.topology.connect(&server("db-a"), Account::Root).await.unwrap();
    conn.query_drop("FLUSH TABLES WITH READ LOCK").await.unwrap();
    held.release();
    eventually("the DROP is sent", || (held.scene.drops("db-a") == 1).then_some(()));
    start_by_hand(&held.scene).await;
    held.expect_the_spare_untouched().await;
    let text = held.run.text();
    let executed = text.lines().any(|line| line.contains("drop-corrupt") && line.contains("executed"));
    assert!(!executed, "the lock did not keep it:\n{text}");
    conn.query_drop("UNLOCK TABLES").await.unwrap();
    conn.disconnect().await.unwrap();
    held.run.wait_for_line(&["drop-corrupt", "done"]);

    // The control: where replication flows, the DROP took the table.
    let tables = "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema='shop' AND table_name='orders'";
    until("the DROP reaches db-b", async || held.scene.rows("db-b", tables).await[0][0].as_deref() == Some("0")).await;
    held.expect_the_copy().await;
    assert_eq!(held.scene.office.play(&mut held.run), 0, "{}", held.run.text());
    assert_eq!(held.scene.drops("db-a"), 1);
    held.scene.expect_equal_everywhere().await;
}

/// A spare that was restarted was checked in another life: what was signed is void, and the run says so and asks again.
async fn restarted_it_is_asked_again(flavor: Flavor, place: Place, what: Spare, executor: Executor) {
    let mut held = Held::at(place, flavor).await;
    // Times of boot are known to some seconds: nearer to each other, they count as one.
    let old = "SELECT VARIABLE_VALUE >= 5 FROM STATUS_TABLE WHERE VARIABLE_NAME='Uptime'";
    let schema = if flavor == Flavor::Mariadb { "information_schema" } else { "performance_schema" };
    let old = old.replace("STATUS_TABLE", &format!("{schema}.global_status"));
    until("db-c was up before", async || held.scene.rows("db-c", &old).await[0][0].as_deref() == Some("1")).await;
    held.meanwhile(what, executor).await;
    match place {
        _ if executor == Executor::Dies => {
            if place == Place::Armed {
                held.release();
            }
            held.asked_anew();
            return held.expect_nothing_dropped().await;
        }
        Place::Armed => held.release(),
        Place::Gate => {
            let said = held.office().approve(&held.request, "bob").expect(6);
            assert!(said.err.contains("db-c: start time"), "{}", said.err);
            let answer = held.office().answer(&held.request);
            let blind = ["--operator", "bob", "--key", "bob", "--answer", &answer, "--reason", "blind", "--detached"];
            held.office().cli(&[&["approve", &held.request, "--state", "S"], &blind[..]].concat()).expect(0);
        }
    }
    held.run.wait_for_line(&["drop-corrupt", "void", "signed: claim: db-c: start time"]);
    let id = held.run.id();
    eventually("the run asks what to do now", || held.office().waits_for(&id, "choice"));
    held.office().cli(&[&["choose", &id, "1"], &BY_ANA[..]].concat()).expect(0);
    let next = held.scene.office.play_until_gate(&mut held.run, "drop-corrupt");
    assert_ne!(next, held.request);
    held.expect_nothing_dropped().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_spare_started_by_hand_follows_nobody_on_mariadb() {
    started_by_hand_it_follows_nobody(Flavor::Mariadb).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_spare_started_by_hand_follows_nobody_on_mysql() {
    started_by_hand_it_follows_nobody(Flavor::Mysql).await;
}

/// One test for each: where the DROP is held, what happens to the spare, and what happens to the executor.
macro_rules! restarts {
    ($($name:ident: $place:ident, $spare:ident, $executor:ident;)*) => {
        mod on_mariadb {
            use super::*;
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                restarted_it_is_asked_again(Flavor::Mariadb, Place::$place, Spare::$spare, Executor::$executor).await;
            })*
        }
        mod on_mysql {
            use super::*;
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                restarted_it_is_asked_again(Flavor::Mysql, Place::$place, Spare::$spare, Executor::$executor).await;
            })*
        }
    };
}

restarts! {
    a_spare_restarted_at_the_gate: Gate, Restarted, Lives;
    a_spare_restarted_at_the_gate_and_a_dead_executor: Gate, Restarted, Dies;
    a_spare_killed_at_the_gate: Gate, Killed, Lives;
    a_spare_killed_at_the_gate_and_a_dead_executor: Gate, Killed, Dies;
    a_spare_restarted_when_armed: Armed, Restarted, Lives;
    a_spare_restarted_when_armed_and_a_dead_executor: Armed, Restarted, Dies;
    a_spare_killed_when_armed: Armed, Killed, Lives;
    a_spare_killed_when_armed_and_a_dead_executor: Armed, Killed, Dies;
}
