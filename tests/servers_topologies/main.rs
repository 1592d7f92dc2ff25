//! Random topologies of two to six real servers and random statements: what `reach` predicts is compared with what
//! happens, per server and object.
//!
//! `COUNTERSIGN_TOPOLOGIES=2000` makes the long run, `COUNTERSIGN_TOPOLOGY_SEED=7` builds one topology again.

mod build;
mod compare;
mod coverage;
mod held;
mod pool;
mod predict;
mod settle;
mod shape;
mod state;
mod statement;

use countersign::lab::{Account, Flavor};
use countersign::simulate::Dice;
use futures_util::future::join_all;
use mysql_async::prelude::Queryable;

use compare::{States, Verdict, compare};
use coverage::Coverage;
use held::Held;
use pool::Pool;
use settle::{Patience, Rest, settle};
use shape::{Cloud, Shape};
use statement::{Source, Statement, drop_schema};

/// How many topologies of each flavour an ordinary test builds.
const ORDINARY: u64 = 40;

/// From how many on every word of reach and every kind of edge must have occurred often.
const LONG: u64 = 2000;

/// How many statements each topology gets.
const STATEMENTS: usize = 4;

async fn states(pool: &mut Pool, shape: &Shape) -> States {
    let look = |seat| async move {
        let seat: &mut pool::Seat = seat;
        (seat.number, state::look(seat).await)
    };
    join_all(pool.members(&shape.members).map(look)).await.into_iter().collect()
}

/// Sends a statement in a session of its own; the server's refusal is an answer too.
async fn execute(pool: &Pool, statement: &Statement) -> Result<(), String> {
    let server = &pool.seats[statement.on].name;
    let mut conn = pool.topology.connect(server, Account::Root).await.unwrap();
    if let Some(database) = statement.database {
        conn.query_drop(format!("USE {database}")).await.map_err(|error| error.to_string())?;
    }
    if statement.unlogged {
        conn.query_drop("SET SESSION sql_log_bin=0").await.unwrap();
    }
    let done = conn.query_drop(&statement.sql).await.map_err(|error| error.to_string());
    conn.disconnect().await.unwrap();
    done
}

fn statements(shape: &Shape) -> Vec<Statement> {
    let dice = Dice::new(shape.seed).fork("statements");
    let mut source = Source::new(dice.clone());
    let mut all: Vec<Statement> = std::iter::from_fn(|| source.next(shape)).take(STATEMENTS).collect();
    if dice.fork("schema").chance(30) {
        all.push(drop_schema(dice.fork("drop schema"), shape));
    }
    all
}

async fn try_topology(pool: &mut Pool, shape: &Shape, home: &std::path::Path, coverage: &mut Coverage) {
    coverage.spend("building", build::build(pool, shape)).await;
    coverage.add_shape(shape);
    let fleet = predict::fleet_file(pool, shape, home);
    let mut held = Held::default();
    let mut now = coverage.spend("looking", states(pool, shape)).await;
    for statement in statements(shape) {
        if let Some(table) = &statement.missing {
            pool.seats[statement.on].run(&format!("DROP TABLE IF EXISTS {table}")).await;
            now = coverage.spend("looking", states(pool, shape)).await;
        }
        let prediction = match coverage.spend("predicting", predict::predict(&fleet, &statement)).await {
            Ok(prediction) => prediction,
            Err(why) => {
                assert_eq!(shape.cloud, Cloud::Unreachable(statement.on), "seed {}: {why}", shape.seed);
                coverage.unanswered += 1;
                continue;
            }
        };
        let refused = execute(pool, &statement).await.err();
        if coverage.spend("settling", settle(pool, shape, Patience::Resting)).await == Rest::Quiet {
            coverage.quiet += 1;
        }
        let before = std::mem::replace(&mut now, coverage.spend("looking", states(pool, shape)).await);
        if let Some(why) = refused {
            assert_eq!(before, now, "seed {}: `{}` failed ({why}) and changed something", shape.seed, statement.sql);
            coverage.failed += 1;
            continue;
        }
        coverage.add(shape, &statement, &compare(shape, &statement, &prediction, &before, &now));
        held.note(shape, &statement, &prediction, &before);
    }
    if !held.is_empty() {
        coverage.spend("resuming", build::resume(pool, shape)).await;
        let after = coverage.spend("looking", states(pool, shape)).await;
        held.compare(shape, &after, coverage);
    }
}

/// `7` is the seeds from 1 to 7, `8-20` those from 8 to 20.
fn seeds() -> std::ops::RangeInclusive<u64> {
    let variable = |name: &str| std::env::var(name).ok();
    let number = |text: &str| text.parse::<u64>().unwrap_or_else(|_| panic!("`{text}` is no number of topologies"));
    if let Some(seed) = variable("COUNTERSIGN_TOPOLOGY_SEED") {
        return number(&seed)..=number(&seed);
    }
    let Some(text) = variable("COUNTERSIGN_TOPOLOGIES") else { return 1..=ORDINARY };
    let (first, last) = text.split_once('-').unwrap_or(("1", &text));
    number(first)..=number(last)
}

/// An answer that says the opposite must be found wrong, or nothing above means anything.
async fn a_wrong_answer_is_found(pool: &mut Pool, home: &std::path::Path) {
    let shape = Shape::pair();
    build::build(pool, &shape).await;
    let fleet = predict::fleet_file(pool, &shape, home);
    let drop = Statement::plain(0, "DROP TABLE d.t1", "d.t1");
    let prediction = predict::predict(&fleet, &drop).await.unwrap();
    let before = states(pool, &shape).await;
    execute(pool, &drop).await.unwrap();
    settle(pool, &shape, Patience::Resting).await;
    let after = states(pool, &shape).await;
    let verdicts = |prediction: &predict::Prediction, before: &States, after: &States| -> Vec<Verdict> {
        compare(&shape, &drop, prediction, before, after).into_iter().map(|answer| answer.verdict).collect()
    };
    assert_eq!(verdicts(&prediction, &before, &after), [Verdict::Exact, Verdict::Exact]);
    assert_eq!(verdicts(&prediction, &before, &before), [Verdict::Untouched, Verdict::Untouched]);
    let wrong = prediction.distorted("now", "never");
    assert_eq!(verdicts(&wrong, &before, &after), [Verdict::Exact, Verdict::Touched]);
    let other = Statement::plain(0, "DROP TABLE d.t2", "d.t2");
    let strays = compare(&shape, &other, &wrong, &before, &after);
    let strays: Vec<_> = strays.iter().filter(|answer| answer.object == "d.t1").map(|answer| answer.verdict).collect();
    assert_eq!(strays, [Verdict::Touched, Verdict::Touched], "nobody named it");
}

async fn predictions_come_true(flavor: Flavor) {
    let seeds = seeds();
    let count = seeds.end() + 1 - seeds.start();
    let home = tempfile::tempdir().unwrap();
    let mut pool = Pool::start(flavor).await;
    a_wrong_answer_is_found(&mut pool, home.path()).await;
    let mut coverage = Coverage::default();
    for seed in seeds {
        try_topology(&mut pool, &Shape::of_seed(seed), home.path(), &mut coverage).await;
        if seed % 100 == 0 {
            println!("{flavor}, up to seed {seed}: {coverage}");
        }
    }
    println!("{flavor}: {coverage}");
    assert!(coverage.wrong.is_empty(), "{} wrong answers:\n{}", coverage.wrong.len(), coverage.wrong.join("\n"));
    assert!(coverage.lost.is_empty(), "held and never came: {:#?}", coverage.lost);
    if count >= ORDINARY {
        let (exact, unknown) = (coverage.percent(Verdict::Exact), coverage.percent(Verdict::Unknown));
        assert!(exact >= 95.0 && unknown <= 2.0, "{exact} % exact, {unknown} % unknown");
    }
    if count >= LONG {
        assert_eq!(coverage.rare(50), Vec::<String>::new(), "too rare to say anything about");
    }
    pool.topology.end().await.unwrap();
}

#[tokio::test]
async fn what_reach_predicts_is_what_mariadb_servers_do() {
    predictions_come_true(Flavor::Mariadb).await;
}

#[tokio::test]
async fn what_reach_predicts_is_what_mysql_servers_do() {
    predictions_come_true(Flavor::Mysql).await;
}
