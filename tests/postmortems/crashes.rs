//! The executor is killed, and the run is resumed: the DROP runs once.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use countersign::lab::{Account, Flavor};
use mysql_async::Conn;
use mysql_async::prelude::Queryable as _;

use crate::driver::{Run, eventually};
use crate::mortal::{Deaths, Where};
use crate::scene::{PARAMS, REBUILD, Rows, Scene, server};

async fn killed_while_waiting_for_signatures(flavor: Flavor) {
    let scene = Scene::broken(flavor, 500).await;
    let office = &scene.office;
    let mut run = office.run(REBUILD, &scene.topology.fleet_file(), &PARAMS);
    let request = office.play_until_gate(&mut run, "drop-corrupt");
    office.approve(&request, "ana").expect(0);
    run.wait_for_line(&["drop-corrupt", "ana: GATE 1/2"]);
    run.kill();
    assert_eq!(scene.drops("db-a"), 0);

    let mut run = office.resume(&run.id());
    let code = office.play(&mut run);
    assert_eq!(code, 0, "{}", run.text());
    assert_eq!(scene.drops("db-a"), 1);
    scene.expect_equal_everywhere().await;
    assert!(office.audit(&run.id()) >= 4);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_while_waiting_for_signatures_on_mariadb() {
    killed_while_waiting_for_signatures(Flavor::Mariadb).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_while_waiting_for_signatures_on_mysql() {
    killed_while_waiting_for_signatures(Flavor::Mysql).await;
}

/// Plays a run whose executor dies at every place that `places` chooses; another goes on each time, until it ends.
/// Where nothing is left to do but to close, the built program goes on.
struct Sweep<'a> {
    scene: &'a Scene,
    deaths: Deaths,
    played: BTreeMap<String, u64>,
    said: Vec<String>,
    /// The table that was being loaded when the executor died inside the load, and the rows that were committed.
    loaded: Option<(Rows, u64)>,
}

impl<'a> Sweep<'a> {
    fn new(scene: &'a Scene, places: Where) -> Self {
        let deaths = Deaths { places, died: scene.office.path("died") };
        Self { scene, deaths, played: BTreeMap::new(), said: Vec::new(), loaded: None }
    }

    fn begin(&self) -> Run {
        self.scene.office.mortal_run(&self.deaths, REBUILD, &self.scene.topology.fleet_file(), &PARAMS)
    }

    /// Gives the run's name and the exit code of its last executor.
    async fn play(&mut self) -> (String, i32) {
        let office = &self.scene.office;
        let mut run = self.begin();
        let began = Instant::now();
        loop {
            match run.ended() {
                Some(KILLED) => run = self.next(&mut run).await,
                Some(code) => {
                    self.said.push(run.text());
                    return (run.id(), code);
                }
                None => {}
            }
            assert!(began.elapsed() < LONGEST, "it does not end:\n{}\n{}", self.story(), run.text());
            if run.is_named() {
                let id = run.id();
                let status = office.status(&id);
                office.turn(&id, &status, &mut self.played);
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    async fn next(&mut self, died: &mut Run) -> Run {
        let places = self.deaths.so_far();
        let place = places.last().unwrap();
        self.said.push(format!("{}\n-- killed {place}", died.text()));
        let office = &self.scene.office;
        match place.as_str() {
            "before run.opened of the run" => {
                assert_eq!(office.cli(&["status", "--state", "S", "--json"]).expect(0).out, "");
                self.begin()
            }
            // It had no time to say its name; the run that never began is no run.
            "after run.opened of the run" => {
                let status = office.status_of_all();
                office.mortal_resume(&self.deaths, status["run"].as_str().unwrap())
            }
            "before run.closed of open-writes" => office.resume(&died.id()),
            INSIDE => {
                let private = format!("orders_cs_{}", died.id().trim_start_matches("r-"));
                let rows = self.scene.rows("db-a", &format!("SELECT COUNT(*) FROM shop.{private}")).await;
                let rows = rows[0][0].as_deref().unwrap().parse().unwrap();
                self.loaded = Some((self.scene.identity_of("db-a", &private).await, rows));
                office.mortal_resume(&self.deaths, &died.id())
            }
            _ => office.mortal_resume(&self.deaths, &died.id()),
        }
    }

    fn story(&self) -> String {
        self.said.join("\n")
    }
}

/// The exit code of what a signal ended, as [`Run::ended`] gives it.
const KILLED: i32 = -1;
/// The longest that a run may take whose executors die everywhere.
const LONGEST: Duration = Duration::from_mins(15);

const INSIDE: &str = "inside the copy to db-a";
const BEFORE_THE_PACKET: &str = "before the packet of DROP to db-a";
const BEHIND_THE_PACKET: &str = "after the packet of DROP to db-a";

/// The load goes on behind the rows that are committed, in the same table; and a DROP that was not sent is approved
/// again before it is, while one that was is found applied.
async fn killed_inside_the_load_and_around_the_packet_of_the_drop(flavor: Flavor) {
    let scene = Scene::broken(flavor, LARGE).await;
    let places = [INSIDE, BEFORE_THE_PACKET, BEHIND_THE_PACKET].map(str::to_owned);
    let mut sweep = Sweep::new(&scene, Where::At(places.clone().into()));
    let (id, code) = sweep.play().await;
    assert_eq!(code, 0, "{}", sweep.story());
    assert_eq!(sweep.deaths.so_far(), places);
    let (table, rows) = sweep.loaded.take().unwrap();
    assert!(rows > 0 && rows < LARGE, "{rows} rows were committed");
    let went_on = format!("{} rows copied behind {rows} that were there", LARGE - rows);
    assert!(sweep.story().contains(&went_on), "no `{went_on}` in {}", sweep.story());
    assert_eq!(scene.identity("db-a").await, table, "the table that was half loaded is the one in place");
    assert_eq!(scene.drops("db-a"), 1, "{}", sweep.story());
    assert!(sweep.story().contains("found applied when looked at"), "{}", sweep.story());
    scene.expect_equal_everywhere().await;
    // The DROP is signed twice by two: what was signed for the one that was never sent is void.
    assert!(scene.office.audit(&id) >= 6);
}

/// Enough rows for more than one chunk.
const LARGE: u64 = 150_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_inside_the_load_and_around_the_packet_of_the_drop_on_mariadb() {
    killed_inside_the_load_and_around_the_packet_of_the_drop(Flavor::Mariadb).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_inside_the_load_and_around_the_packet_of_the_drop_on_mysql() {
    killed_inside_the_load_and_around_the_packet_of_the_drop(Flavor::Mysql).await;
}

/// Somebody's session that a DROP has to wait for, although nobody can read the damaged table.
async fn somebody_holds_the_table(scene: &Scene) -> Conn {
    let mut conn = scene.topology.connect(&server("db-a"), Account::Root).await.unwrap();
    conn.query_drop(match scene.topology.flavor() {
        Flavor::Mariadb => "BACKUP LOCK shop.orders",
        Flavor::Mysql => "LOCK INSTANCE FOR BACKUP",
    })
    .await
    .unwrap();
    conn
}

/// The executor is killed while its DROP waits for a lock. Gives the run, which is not resumed yet, and the holder.
async fn killed_while_the_drop_waits(scene: &Scene) -> (String, Conn) {
    let office = &scene.office;
    let mut run = office.run(REBUILD, &scene.topology.fleet_file(), &PARAMS);
    let request = office.play_until_gate(&mut run, "drop-corrupt");
    let holder = somebody_holds_the_table(scene).await;
    office.approve(&request, "ana").expect(0);
    run.wait_for_line(&["drop-corrupt", "ana: GATE 1/2"]);
    office.approve(&request, "bob").expect(0);
    let began = Instant::now();
    loop {
        let list = scene.rows("db-a", "SHOW FULL PROCESSLIST").await;
        let waits = |row: &Vec<Option<String>>| {
            let text = row.iter().flatten().cloned().collect::<Vec<_>>().join(" ");
            text.contains("DROP TABLE") && text.contains("lock")
        };
        if list.iter().any(waits) {
            break;
        }
        assert!(began.elapsed() < Duration::from_secs(30), "the DROP does not wait:\n{}\n{list:?}", run.text());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    run.kill();
    (run.id(), holder)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_while_the_drop_waits_for_a_lock_and_mysql_applies_it_seconds_later() {
    let scene = Scene::broken(Flavor::Mysql, 500).await;
    let (id, mut holder) = killed_while_the_drop_waits(&scene).await;
    let mut run = scene.office.resume(&id);
    run.wait_for_line(&["drop-corrupt", "looked", "running"]);
    assert!(!run.text().contains("found applied"), "nothing is decided while it runs:\n{}", run.text());
    holder.query_drop("UNLOCK INSTANCE").await.unwrap();
    let code = scene.office.play(&mut run);
    assert_eq!(code, 0, "{}", run.text());
    assert!(run.text().contains("found applied when looked at"), "{}", run.text());
    assert_eq!(scene.drops("db-a"), 1, "{}", run.text());
    scene.expect_equal_everywhere().await;
    assert!(scene.office.audit(&id) >= 4);
}

/// No timeout of a lock ends this one, and MySQL goes on with it though its client is dead.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_while_a_statement_runs_without_end_and_a_person_ends_it_on_mysql() {
    let scene = Scene::whole(Flavor::Mysql, 200).await;
    let office = &scene.office;
    let mut run = office.run("tests/cases/delete-endlessly.yaml", &scene.topology.fleet_file(), &PARAMS);
    let request = office.play_until_gate(&mut run, "delete");
    office.approve(&request, "ana").expect(0);
    run.wait_for_line(&["delete", "ana: GATE 1/2"]);
    office.approve(&request, "bob").expect(0);
    run.wait_for_line(&["delete", "running"]);
    scene.until_running("db-a", 1).await;
    run.kill();

    let id = run.id();
    let run = office.resume(&id);
    let choice = eventually("the run asks about a statement that runs on", || office.waits_for(&id, "choice"));
    assert!(choice["choices"][1].as_str().unwrap().starts_with("end the statement"), "{choice}");
    scene.until_running("db-a", 1).await;
    let by_ana = ["--state", "S", "--operator", "ana", "--key", "ana"];
    office.cli(&[&["choose", &id, "2"], &by_ana[..]].concat()).expect(0);
    scene.until_running("db-a", 0).await;
    let next = eventually("the run says what became of it", || office.waits_for(&id, "choice"));
    assert!(next["why"].as_str().unwrap().starts_with("the outcome is"), "{next}\n{}", run.text());
    let held = scene.rows("db-a", "SELECT COUNT(*) FROM shop.orders").await;
    assert_eq!(held, scene.rows("db-c", "SELECT COUNT(*) FROM shop.orders").await, "it changed nothing");
}

/// MariaDB gives up what its client no longer waits for, so this DROP was sent and never executed; the next one is sent
/// only after it was signed again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_while_the_drop_waits_for_a_lock_and_mariadb_gives_it_up() {
    let scene = Scene::broken(Flavor::Mariadb, 500).await;
    let (id, holder) = killed_while_the_drop_waits(&scene).await;
    let mut run = scene.office.resume(&id);
    run.wait_for_line(&["stopped", "the outcome is not applied"]);
    holder.disconnect().await.unwrap();
    assert_eq!(scene.drops("db-a"), 1, "it is not sent again by itself:\n{}", run.text());
    let code = scene.office.play(&mut run);
    assert_eq!(code, 0, "{}", run.text());
    assert_eq!(scene.drops("db-a"), 2, "{}", run.text());
    scene.expect_equal_everywhere().await;
    assert!(scene.office.audit(&id) >= 6, "both were signed by two");
}

/// A run of executors that die before and after what they make durable and what they send.
#[expect(clippy::print_stdout, reason = "the figures are for whoever asked for every place")]
async fn killed_at(flavor: Flavor, places: Where, rows: u64) -> Vec<String> {
    let scene = Scene::broken(flavor, rows).await;
    let tables = scene.tables("db-a").await;
    let mut sweep = Sweep::new(&scene, places);
    let began = Instant::now();
    let (id, code) = sweep.play().await;
    assert_eq!(code, 0, "{}", sweep.story());
    assert_eq!(scene.drops("db-a"), 1, "{}", sweep.story());
    scene.expect_equal_everywhere().await;
    assert_eq!(scene.tables("db-a").await, tables, "no table is left that was not there before");
    assert!(scene.office.audit(&id) >= 4);
    let deaths = sweep.deaths.so_far();
    println!("{flavor}: {} executors were killed in {:?}", deaths.len(), began.elapsed());
    deaths
}

/// `COUNTERSIGN_CRASHES=all` kills at every place; else at one in so many, not the same on both flavors.
fn places(seed: u64) -> Where {
    match std::env::var("COUNTERSIGN_CRASHES").as_deref() {
        Ok("all") => Where::Everywhere,
        _ => Where::Some { one_in: 10, seed },
    }
}

/// A rebuild has some two hundred places; a sweep that finds far fewer does not kill where it should.
fn fewest() -> usize {
    if std::env::var("COUNTERSIGN_CRASHES").as_deref() == Ok("all") { 150 } else { 5 }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_before_and_after_every_durable_append_on_mariadb() {
    let deaths = killed_at(Flavor::Mariadb, places(1), 500).await;
    assert!(deaths.len() >= fewest(), "{deaths:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_before_and_after_every_durable_append_on_mysql() {
    let deaths = killed_at(Flavor::Mysql, places(2), 500).await;
    assert!(deaths.len() >= fewest(), "{deaths:?}");
}
