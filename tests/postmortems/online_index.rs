//! Adding an index while the application goes on, and giving up within seconds where a forgotten transaction holds the
//! table.

use std::time::{Duration, Instant};

use countersign::lab::{Account, Flavor};
use mysql_async::prelude::Queryable;

use crate::daily::{Practice, slack};
use crate::driver::{Office, Run};
use crate::scene::server;

const ADD: &str = "runbooks/add-index-online.yaml";
const PARAMS: [&str; 4] = ["table=shop.orders", "primary=db-a", "index=by_state", "columns=state, placed_at"];
/// What the statement waits for a lock, and what a run needs around it.
const GIVES_UP: Duration = Duration::from_secs(5 + 3);

/// How many columns of the index a server has.
async fn columns(practice: &Practice, name: &str) -> String {
    let sql = "SELECT COUNT(*) FROM information_schema.statistics WHERE table_schema = 'shop' AND table_name = 'orders' \
               AND index_name = 'by_state'";
    practice.topology().value(&server(name), sql).await.unwrap().unwrap()
}

/// Lets ana and bob sign what the run waits for.
fn sign(practice: &Practice, run: &mut Run) {
    let request = practice.office.play_until_gate(run, "add");
    let text = practice.text_of(&request);
    assert!(text.contains("danger: disruptive") && text.contains("ALGORITHM=INPLACE, LOCK=NONE"), "{text}");
    assert!(text.contains("session: lock_wait_timeout=5"), "{text}");
    practice.office.approve(&request, "ana").expect(0);
    practice.office.approve(&request, "bob").expect(0);
}

async fn an_index_is_added_online_or_not_at_all(flavor: Flavor) {
    let practice = Practice::begin(flavor, 1000, Office::open());
    let mut forgotten = practice.topology().connect(&server("db-a"), Account::Root).await.unwrap();
    forgotten.query_drop("BEGIN").await.unwrap();
    forgotten.query_drop("SELECT COUNT(*) FROM shop.orders").await.unwrap();

    let mut run = practice.run(ADD, &PARAMS);
    sign(&practice, &mut run);
    run.wait_for_line(&["step 1/2 add", "running"]);
    let began = Instant::now();
    run.wait_for_line(&["add", "1205"]);
    let took = began.elapsed();
    println!("{flavor}: gave up after {took:?}");
    assert!(took < GIVES_UP.mul_f64(slack()), "{took:?}");
    assert_eq!((columns(&practice, "db-a").await, columns(&practice, "db-b").await), ("0".into(), "0".into()));
    // Nobody waits behind it any more.
    let written = "UPDATE shop.orders SET state = 'sent' WHERE id = 2";
    practice.topology().query(&server("db-a"), written).await.unwrap();
    let choices = practice.office.play_until_choice(&mut run);
    assert!(choices[0].starts_with("assess the step again"), "{choices:?}");

    forgotten.disconnect().await.unwrap();
    let by = ["--state", "S", "--operator", "ana", "--key", "ana"];
    practice.office.cli(&[&["choose", &run.id(), "1"], &by[..]].concat()).expect(0);
    sign(&practice, &mut run);
    assert_eq!(run.wait(), 0, "{}", run.text());
    assert_eq!((columns(&practice, "db-a").await, columns(&practice, "db-b").await), ("2".into(), "2".into()));
    assert_eq!(practice.office.audit(&run.id()), 4);

    // Where it is there already nobody is asked for anything.
    let mut again = practice.run(ADD, &PARAMS);
    assert_eq!(again.wait(), 0, "{}", again.text());
    assert!(!again.text().contains("GATE"), "{}", again.text());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_index_is_added_online_or_not_at_all_on_mariadb() {
    an_index_is_added_online_or_not_at_all(Flavor::Mariadb).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_index_is_added_online_or_not_at_all_on_mysql() {
    an_index_is_added_online_or_not_at_all(Flavor::Mysql).await;
}
