//! The executor is killed, and the run is resumed: the DROP runs once.

use countersign::lab::Flavor;

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
