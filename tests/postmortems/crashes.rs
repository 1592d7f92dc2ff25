//! The executor is killed, and the run is resumed: the DROP runs once.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use countersign::lab::Flavor;

use crate::driver::Run;
use crate::mortal::{Deaths, Where};
use crate::scene::{PARAMS, REBUILD, Scene};

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

async fn killed_right_after_the_intent_of_the_drop(flavor: Flavor) {
    let scene = Scene::broken(flavor, 500).await;
    let office = &scene.office;
    let mut run = office.run(REBUILD, &scene.topology.fleet_file(), &PARAMS);
    let request = office.play_until_gate(&mut run, "drop-corrupt");
    office.approve(&request, "ana").expect(0);
    run.wait_for_line(&["drop-corrupt", "ana: GATE 1/2"]);
    office.approve(&request, "bob").expect(0);
    run.wait_for_line(&["drop-corrupt", "running", "DROP TABLE"]);
    run.kill();

    let mut run = office.resume(&run.id());
    let code = office.play(&mut run);
    assert_eq!(code, 0, "{}", run.text());
    assert_eq!(scene.drops("db-a"), 1, "{}", run.text());
    scene.expect_equal_everywhere().await;
    assert!(office.audit(&run.id()) >= 4);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_right_after_the_intent_of_the_drop_on_mariadb() {
    killed_right_after_the_intent_of_the_drop(Flavor::Mariadb).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_right_after_the_intent_of_the_drop_on_mysql() {
    killed_right_after_the_intent_of_the_drop(Flavor::Mysql).await;
}

/// Plays a run whose executor dies at every place that `places` chooses; another goes on each time, until it ends.
/// Where nothing is left to do but to close, the built program goes on.
struct Sweep<'a> {
    scene: &'a Scene,
    deaths: Deaths,
    played: BTreeMap<String, u64>,
    said: Vec<String>,
}

impl<'a> Sweep<'a> {
    fn new(scene: &'a Scene, places: Where) -> Self {
        let deaths = Deaths { places, died: scene.office.path("died") };
        Self { scene, deaths, played: BTreeMap::new(), said: Vec::new() }
    }

    fn begin(&self) -> Run {
        self.scene.office.mortal_run(&self.deaths, REBUILD, &self.scene.topology.fleet_file(), &PARAMS)
    }

    /// Gives the run's name and the exit code of its last executor.
    fn play(&mut self) -> (String, i32) {
        let office = &self.scene.office;
        let mut run = self.begin();
        let began = Instant::now();
        loop {
            match run.ended() {
                Some(KILLED) => run = self.next(&mut run),
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

    fn next(&mut self, died: &mut Run) -> Run {
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

/// A run of executors that die before and after what they make durable and what they send.
async fn killed_at(flavor: Flavor, places: Where, rows: u64) -> Vec<String> {
    let scene = Scene::broken(flavor, rows).await;
    let tables = scene.tables("db-a").await;
    let mut sweep = Sweep::new(&scene, places);
    let began = Instant::now();
    let (id, code) = sweep.play();
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
        Ok(place) => Where::At(std::iter::once(place.to_owned()).collect()),
        _ => Where::Some { one_in: 6, seed },
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_before_and_after_every_durable_append_on_mariadb() {
    let deaths = killed_at(Flavor::Mariadb, places(1), 500).await;
    println!("{}", deaths.join("\n"));
    assert!(deaths.len() >= 10, "{deaths:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_before_and_after_every_durable_append_on_mysql() {
    let deaths = killed_at(Flavor::Mysql, places(2), 500).await;
    println!("{}", deaths.join("\n"));
    assert!(deaths.len() >= 10, "{deaths:?}");
}
