//! One row from its preparation to the comparison.

use countersign::domain::fleet::Fleet;
use countersign::domain::reach::{Carry, How, Reach, Statement, reach};
use countersign::domain::snapshot::{Look, Position, Snapshot};
use countersign::domain::sql::Flavor as SqlFlavor;
use countersign::domain::sql::classify::classify;
use countersign::lab::Flavor;

use super::row::{Asked, Do, Row};
use super::stage::{Print, SERVERS, Stage, server};

/// By table and server.
type Prints = Vec<(&'static str, Vec<Print>)>;

/// Why the row is wrong, if it is. The fleet is healthy again afterwards.
pub async fn row(stage: &Stage, row: &Row) -> Result<(), String> {
    stage.make_tables(row).await;
    let judged = judge(stage, row).await;
    let repaired = all(stage, row, row.repair).await;
    if judged.is_err() || repaired.is_err() {
        make_healthy(stage).await?;
    }
    let settled = stage.settle().await;
    stage.drop_tables(row).await;
    judged.and(repaired).and(settled)
}

async fn all(stage: &Stage, row: &Row, what: &[Do]) -> Result<(), String> {
    for one in what {
        stage.act(row, *one).await?;
    }
    Ok(())
}

async fn judge(stage: &Stage, row: &Row) -> Result<(), String> {
    all(stage, row, row.prepare).await?;
    stage.settle().await?;
    let before = prints(stage, row).await;
    let fleet = Fleet { managers: row.managers.iter().map(|name| (*name).to_owned()).collect(), ..stage.fleet.clone() };
    let snapshot = stage.look(&fleet, row).await;
    let executed = match row.asked {
        Asked::Before => None,
        Asked::OfExecuted => Some(stage.last_transaction(row.on).await),
    };
    let predicted: Vec<Reach> = row
        .expect
        .iter()
        .map(|(table, _)| predict(stage, row, (&fleet, &snapshot), table, executed.as_deref()))
        .collect();
    let mut wrong = words(row, &predicted);
    if row.asked == Asked::Before {
        stage.execute(row).await?;
        stage.settle().await?;
        compare(row, &predicted, &before, &prints(stage, row).await, &mut wrong);
        all(stage, row, row.undo).await?;
        stage.settle().await?;
        resumed(row, &before, &prints(stage, row).await, &mut wrong);
    } else {
        all(stage, row, row.undo).await?;
        stage.settle().await?;
        compare(row, &predicted, &before, &prints(stage, row).await, &mut wrong);
    }
    if wrong.is_empty() {
        return Ok(());
    }
    wrong.push(stage.describe().await);
    Err(wrong.join("; "))
}

async fn prints(stage: &Stage, row: &Row) -> Prints {
    let mut prints = Vec::new();
    for (table, _) in row.expect {
        let mut of_table = Vec::new();
        for name in SERVERS {
            of_table.push(stage.print(row, name, table).await);
        }
        prints.push((*table, of_table));
    }
    prints
}

/// The product's own answer.
fn predict(
    stage: &Stage,
    row: &Row,
    (fleet, snapshot): (&Fleet, &Snapshot),
    table: &str,
    executed: Option<&str>,
) -> Reach {
    let flavor = if stage.flavor() == Flavor::Mariadb { SqlFlavor::MariaDb } else { SqlFlavor::MySql };
    let database = row.database.map(|database| stage.filled(row, database));
    let classified = classify(&stage.filled(row, row.sql), flavor, database.as_deref());
    let carry = if row.unlogged { Carry::Unlogged } else { Carry::of(classified.logging) };
    let mut statement = Statement::of(&classified, carry, database.as_deref());
    statement = statement.about(&format!("{}.{table}", row.schema()).parse().unwrap());
    if let Some(gtid) = executed {
        let position = match stage.flavor() {
            Flavor::Mariadb => Position::parse_mariadb(gtid),
            Flavor::Mysql => Position::parse_mysql(gtid),
        };
        statement = statement.executed_as(position.unwrap());
    }
    reach(&mut Look::at(snapshot), fleet, &server(row.on), statement)
}

/// Whether the product said what the table of facts says.
fn words(row: &Row, predicted: &[Reach]) -> Vec<String> {
    let mut wrong = Vec::new();
    for ((table, expected), reach) in row.expect.iter().zip(predicted) {
        for (name, expected) in SERVERS.into_iter().zip(expected) {
            let how = reach.at(&server(name));
            let word = expected.split('/').next().unwrap_or_default();
            if how.word() != word {
                let why = reach.arrivals.iter().find(|line| line.server == server(name)).map(|line| line.why.clone());
                wrong.push(format!("{table} on {name}: predicted `{}` ({why:?}), the facts say `{word}`", how.word()));
            }
        }
    }
    wrong
}

/// What the word promises, or what the row says where it promises nothing.
fn promised(how: &How, expected: &str) -> Option<bool> {
    match expected.split('/').nth(1) {
        Some("touched") => Some(true),
        Some("untouched") => Some(false),
        Some(other) => panic!("`{other}` is not what can come"),
        None => match how {
            How::RunsHere | How::Now | How::Group => Some(true),
            How::Unknown => None,
            _ => Some(false),
        },
    }
}

fn compare(row: &Row, predicted: &[Reach], before: &Prints, after: &Prints, wrong: &mut Vec<String>) {
    for (at, (table, expected)) in row.expect.iter().enumerate() {
        for (number, name) in SERVERS.into_iter().enumerate() {
            let how = predicted[at].at(&server(name));
            let touched = after[at].1[number].differs(&before[at].1[number], row.seen);
            if how.spares() && touched {
                wrong.push(format!("{table} on {name}: PREDICTED UNTOUCHED, BUT TOUCHED ({})", how.word()));
            }
            match promised(&how, expected[number]) {
                Some(came) if came != touched => {
                    wrong.push(format!("{table} on {name}: `{}`, and it came {touched} (touched)", expected[number]));
                }
                None => wrong.push(format!("{table} on {name}: the row does not say what comes of `{}`", how.word())),
                _ => {}
            }
        }
    }
}

/// What was held or delayed arrives once nothing keeps it back any more.
fn resumed(row: &Row, before: &Prints, after: &Prints, wrong: &mut Vec<String>) {
    if row.undo.is_empty() {
        return;
    }
    for (at, (table, expected)) in row.expect.iter().enumerate() {
        for (number, name) in SERVERS.into_iter().enumerate() {
            let word = expected[number].split('/').next().unwrap_or_default();
            let waits = matches!(word, "held" | "delayed" | "blocked")
                || matches!(expected[number], "now/untouched" | "unknown/untouched");
            let arrived = after[at].1[number].differs(&before[at].1[number], row.seen);
            if waits && arrived == row.never_arrives.contains(&name) {
                wrong.push(format!(
                    "{table} on {name}: `{}`, and after resuming it arrived: {arrived}",
                    expected[number]
                ));
            }
        }
    }
}

/// After a row that went wrong everybody follows again, so that the next row is judged for itself.
async fn make_healthy(stage: &Stage) -> Result<(), String> {
    for name in ["db-b", "db-c", "db-d"] {
        stage.act(&super::row::PLAIN, Do::Rebuild(name)).await?;
    }
    Ok(())
}
