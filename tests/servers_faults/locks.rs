//! The connection breaks while the DROP waits for somebody's lock. MySQL goes on and applies it seconds later, MariaDB
//! gives it up: the run decides nothing while it may still run, and then says which it was.

use countersign::domain::journal::record::{DoubtAnswer, Record};
use countersign::lab::Flavor;
use mysql_async::prelude::Queryable as _;

use crate::cuts::{Round, Which, expect_right, statement, unbroken};
use crate::judge::{self, Drops};
use crate::play::{self, Told, Verdict};
use crate::proxy::{Cut, Place, Side};
use crate::stage::Stage;

/// Looks until it is so.
async fn until(what: &str, told: &Told, so: impl AsyncFn() -> bool) {
    let deadline = tokio::time::Instant::now() + std::time::Duration::from_mins(1);
    while !so().await {
        assert!(tokio::time::Instant::now() < deadline, "never: {what}: {:?}", told.events());
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
}

fn is_over(told: &Told) -> bool {
    told.records().iter().any(|record| matches!(record, Record::Stopped { .. } | Record::Closed { .. }))
}

/// Plays a run whose DROP has to wait, cut at this place or broken once it waits, and releases the lock when the run has
/// looked at what it lost.
async fn waits_and_breaks(stage: &Stage, cut: Option<Cut>) -> (Told, Drops, Verdict) {
    let mut round = Round::new(stage, Which::Acting, cut).await;
    let mut holder = stage.holder().await;
    let (act, told) = (round.take_act(), round.told.clone());
    let run = play::next_run();
    let meddle = async {
        until("a DROP that waits, or the end", &told, async || stage.drop_waits().await || is_over(&told)).await;
        if cut.is_none() {
            round.watched().unwrap().break_now();
        }
        let looked = |record: &Record| matches!(record, Record::DoubtLooked { .. });
        let was_looked_at = || told.records().iter().any(looked);
        // An answer that was to be cut comes only once the lock is free.
        let unanswered = || cut.is_some() && !round.watched().unwrap().was_cut();
        // A server that gives up takes a moment to see that its client is gone; with the lock free it would go on.
        let gives_up = cut.is_none() && stage.flavor() == Flavor::Mariadb;
        let looked = async || (was_looked_at() && !gives_up) || is_over(&told) || unanswered();
        until("a look at it", &told, looked).await;
        holder.query_drop("COMMIT").await.unwrap();
    };
    tokio::join!(play::play(stage, &run, act, &told), meddle);
    let (drops, verdict) = (round.judge.drops(stage).await, told.verdict());
    expect_right(&format!("waiting, {cut:?}"), &verdict, drops, &told);
    (told, drops, verdict)
}

async fn broken_while_it_waits(flavor: Flavor) {
    let stage = Stage::new(flavor).await;
    judge::expect_to_see(&stage).await;
    let (told, drops, verdict) = waits_and_breaks(&stage, None).await;
    assert_eq!(drops.sent, 1, "{:?}", told.events());
    match flavor {
        Flavor::Mysql => {
            assert_eq!(verdict, Verdict::Applied);
            assert_eq!(told.answers().first(), Some(&DoubtAnswer::Running), "nothing is decided while it waits");
        }
        Flavor::Mariadb => assert_eq!(verdict, Verdict::NotApplied),
    }
    // Behind the statement's last packet and around every packet of the answer, of which some come before the wait.
    let packets = unbroken(&stage, Which::Acting).await;
    let sent = statement(&packets);
    let answer = packets.iter().enumerate().skip(sent + 1).filter(|(_, seen)| seen.by == Side::Server);
    let around = answer.flat_map(|(packet, _)| [Place::Before, Place::Inside].map(|place| Cut { packet, place }));
    for cut in std::iter::once(Cut { packet: sent, place: Place::Behind }).chain(around) {
        waits_and_breaks(&stage, Some(cut)).await;
    }
}

/// The client is gone, and its packet is still on its way: the server knows nothing of it, and gets it later. As long as
/// the connection is there, the run must not take the table's being there for an answer.
async fn a_packet_that_arrives_late(flavor: Flavor) {
    let stage = Stage::new(flavor).await;
    judge::expect_to_see(&stage).await;
    let packets = unbroken(&stage, Which::Acting).await;
    let cut = Cut { packet: statement(&packets), place: Place::OnItsWay };
    let mut round = Round::new(&stage, Which::Acting, Some(cut)).await;
    let (act, told) = (round.take_act(), round.told.clone());
    let run = play::next_run();
    let meddle = async {
        let running = async || told.answers().len() >= 2;
        until("two looks at a connection that is there", &told, running).await;
        assert!(told.answers().iter().all(|answer| *answer == DoubtAnswer::Running), "{:?}", told.answers());
        assert_eq!(round.judge.drops(&stage).await, Drops { sent: 0, logged: 0, table: true });
        let watched = round.watched().unwrap();
        watched.deliver();
        until("the DROP is applied", &told, async || !stage.has_table().await).await;
        watched.end();
    };
    tokio::join!(play::play(&stage, &run, act, &told), meddle);
    let (drops, verdict) = (round.judge.drops(&stage).await, told.verdict());
    assert_eq!(verdict, Verdict::Applied);
    expect_right("a late packet", &verdict, drops, &told);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mariadb_gives_up_a_drop_that_waits_and_the_run_says_so() {
    broken_while_it_waits(Flavor::Mariadb).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mysql_goes_on_with_a_drop_that_waits_and_the_run_says_so() {
    broken_while_it_waits(Flavor::Mysql).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_packet_that_arrives_late_at_mariadb_is_waited_for() {
    a_packet_that_arrives_late(Flavor::Mariadb).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_packet_that_arrives_late_at_mysql_is_waited_for() {
    a_packet_that_arrives_late(Flavor::Mysql).await;
}
