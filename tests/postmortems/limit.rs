//! A load that takes longer than its limit: it ends between two chunks, and people go on or promote the spare by hand.

use countersign::lab::{Account, Flavor};
use mysql_async::Row;
use mysql_async::prelude::Queryable;

use crate::driver::{Run, eventually};
use crate::scene::{PARAMS, REBUILD, SERVERS, Scene, server};

/// More than a few chunks of half a second.
const ROWS: u64 = 150_000;

/// The run has ended its load between two chunks and waits; what is loaded so far.
async fn stopped_at_its_limit(scene: &Scene) -> (Run, u64) {
    let params = [&PARAMS[..], &["limit=300ms"]].concat();
    let mut run = scene.office.run(REBUILD, &scene.topology.fleet_file(), &params);
    let choices = scene.office.play_until_choice(&mut run);
    assert_eq!(choices.len(), 3, "{choices:?}");
    assert!(choices[0].starts_with("go on") && choices[1].contains("by hand"), "{choices:?}");
    let text = run.text();
    for part in ["its limit is 300ms", "rows/s   ETA ", "cut short"] {
        assert!(text.contains(part), "no `{part}` in\n{text}");
    }
    let loaded = scene.rows("db-a", &format!("SELECT COUNT(*) FROM {}", private(&run.id()))).await;
    let loaded = loaded[0][0].clone().unwrap().parse().unwrap();
    assert!(loaded > 0 && loaded < ROWS, "{loaded}");
    (run, loaded)
}

fn private(run: &str) -> String {
    format!("shop.`orders_cs_{}`", run.trim_start_matches("r-").replace('-', "_"))
}

fn choose(scene: &Scene, run: &str, number: &str) {
    scene.office.cli(&["choose", run, number, "--state", "S", "--operator", "ana", "--key", "ana"]).expect(0);
}

async fn a_load_past_its_limit_goes_on_where_it_was(flavor: Flavor) {
    let scene = Scene::broken(flavor, ROWS).await;
    let (mut run, loaded) = stopped_at_its_limit(&scene).await;
    let id = run.id();
    run.kill();
    let mut run = scene.office.resume(&id);
    run.wait_for_line(&["choose", "NUMBER"]);
    choose(&scene, &id, "1");
    eventually("the choice is heard", || scene.office.waits_for(&id, "choice").is_none().then_some(()));
    let code = scene.office.play(&mut run);
    assert_eq!(code, 0, "{}", run.text());
    let behind = format!("{} rows copied behind {loaded} that were there", ROWS - loaded);
    assert!(run.text().contains(&behind), "no `{behind}` in\n{}", run.text());
    scene.expect_equal_everywhere().await;
    assert_eq!(SERVERS.map(|name| scene.drops(name)), [1, 0, 0]);
    let report = scene.office.cli(&["report", &id, "--state", "S"]).expect(0);
    assert!(report.out.contains("its limit is 300ms") && report.out.contains("rows/s"), "{}", report.out);
    scene.office.audit(&id);
}

/// What is printed for people to do, by the server that it is done on.
fn printed(text: &str) -> Vec<(String, Vec<String>)> {
    let mut steps: Vec<(String, Vec<String>)> = Vec::new();
    // Every line begins with the time of day.
    for line in text.lines().skip_while(|line| !line.contains(" advised ")).filter_map(|line| line.get(12..)) {
        let on = line.split_once("  on ").filter(|(number, _)| number.parse::<u8>().is_ok());
        if let Some((_, rest)) = on {
            steps.push((rest.split(':').next().unwrap().to_owned(), Vec::new()));
        } else if let (Some(statement), Some(step)) = (line.strip_prefix("     "), steps.last_mut()) {
            step.1.push(statement.strip_suffix(';').unwrap().to_owned());
        }
    }
    steps
}

async fn a_load_past_its_limit_is_given_up_and_the_spare_promoted_by_hand(flavor: Flavor) {
    let scene = Scene::broken(flavor, ROWS).await;
    let writer = scene.writer().await;
    let (mut run, _) = stopped_at_its_limit(&scene).await;
    let follows_nobody = scene.topology.links(&server("db-c")).await.unwrap();
    choose(&scene, &run.id(), "2");
    let code = run.wait();
    assert_eq!(code, 12, "{}", run.text());
    assert_eq!(SERVERS.map(|name| scene.drops(name)), [0, 0, 0]);
    assert_eq!(scene.topology.links(&server("db-c")).await.unwrap(), follows_nobody, "nothing of it was done");
    writer.stop().await;

    // And what is printed is what works: each statement as it stands, by a person who waits for the newer position.
    let mut answered = String::new();
    let steps = printed(&run.text());
    assert!(steps.len() >= 6, "{steps:?}\n{}", run.text());
    for (on, statements) in steps {
        let mut conn = scene.topology.connect(&server(&on), Account::Root).await.unwrap();
        for mut statement in statements {
            if statement.contains("WAIT") {
                let printed = statement.split('\'').nth(1).unwrap().to_owned();
                statement = statement.replace(&printed, &answered);
            }
            let rows: Result<Vec<Row>, _> = conn.query(&statement).await;
            let rows = rows.unwrap_or_else(|error| panic!("{statement} on {on}: {error}"));
            if statement.contains("WAIT") {
                assert_eq!(rows[0].get::<i64, _>(0), Some(0), "{statement}");
            } else if statement.starts_with("SELECT @@GLOBAL.gtid") {
                answered = rows[0].get(0).unwrap();
            }
        }
        conn.disconnect().await.unwrap();
    }
    assert_eq!(scene.topology.links(&server("db-c")).await.unwrap().len(), 0, "db-c follows nobody");
    scene.rows("db-c", "INSERT INTO shop.events (at, what) VALUES (NOW(6), 'promoted')").await;
    scene.topology.wait_until_flowing(&server("db-b")).await.unwrap();
    let began = std::time::Instant::now();
    while scene.rows("db-b", "SELECT 1 FROM shop.events WHERE what = 'promoted'").await.is_empty() {
        let links = scene.topology.links(&server("db-b")).await.unwrap();
        assert!(began.elapsed().as_secs() < 20, "db-b does not get what db-c writes: {links:?}");
        tokio::task::yield_now().await;
    }
    let everything = "SELECT (SELECT COUNT(*) FROM shop.events), (SELECT COUNT(*) FROM crm.visits)";
    let (old, new) = (scene.rows("db-a", everything).await, scene.rows("db-c", everything).await);
    let number = |rows: &[Vec<Option<String>>], column: usize| rows[0][column].clone().unwrap().parse::<u64>().unwrap();
    assert_eq!(number(&new, 0), number(&old, 0) + 1, "nothing that db-a wrote is lost");
    assert_eq!(number(&new, 1), number(&old, 1));
    assert_eq!(scene.orders("db-b").await, scene.orders("db-c").await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_load_past_its_limit_goes_on_where_it_was_on_mariadb() {
    a_load_past_its_limit_goes_on_where_it_was(Flavor::Mariadb).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_load_past_its_limit_goes_on_where_it_was_on_mysql() {
    a_load_past_its_limit_goes_on_where_it_was(Flavor::Mysql).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_load_past_its_limit_is_given_up_and_the_spare_promoted_by_hand_on_mariadb() {
    a_load_past_its_limit_is_given_up_and_the_spare_promoted_by_hand(Flavor::Mariadb).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_load_past_its_limit_is_given_up_and_the_spare_promoted_by_hand_on_mysql() {
    a_load_past_its_limit_is_given_up_and_the_spare_promoted_by_hand(Flavor::Mysql).await;
}
