//! The truth tables: for each row the product looks at real servers and predicts, the statement is executed, and what
//! came is compared per server and table. The rows are the facts about asynchronous replication, on both flavours.

mod compare;
mod row;
mod rows;
mod stage;

use countersign::lab::Flavor;

use row::Runs;

/// Rows that run nowhere here; each says why.
const AT_MOST_NOWHERE: usize = 5;

async fn every_row(flavor: Flavor) {
    let stage = stage::Stage::start(flavor).await;
    let only = std::env::var("COUNTERSIGN_TRUTH_ROWS").unwrap_or_default();
    let wanted = |id: &str| only.is_empty() || only.split(',').any(|one| one == id);
    let mut wrong = Vec::new();
    for row in rows::all().filter(|row| row.runs_on(flavor) && wanted(row.id)) {
        let began = std::time::Instant::now();
        let judged = compare::row(&stage, row).await;
        let word = if judged.is_ok() { "as predicted" } else { "WRONG" };
        say(&format!("{flavor} {}: {word}, {} ms", row.id, began.elapsed().as_millis()));
        if let Err(why) = judged {
            say(&why);
            wrong.push(format!("{} ({}) on {flavor}: {why}", row.id, row.says));
        }
    }
    assert!(wrong.is_empty(), "{} rows are wrong:\n{}", wrong.len(), wrong.join("\n"));
    stage.topology.end().await.unwrap();
}

#[expect(clippy::print_stdout, reason = "times are for whoever runs it with --nocapture")]
fn say(line: &str) {
    println!("{line}");
}

#[tokio::test]
async fn on_mariadb_what_is_predicted_comes() {
    every_row(Flavor::Mariadb).await;
}

#[tokio::test]
async fn on_mysql_what_is_predicted_comes() {
    every_row(Flavor::Mysql).await;
}

#[test]
fn no_row_is_lost_and_few_cannot_run() {
    let ids: Vec<&str> = rows::all().flat_map(|row| row.also.iter().copied().chain([row.id])).collect();
    let unique: std::collections::BTreeSet<&str> = ids.iter().copied().collect();
    assert_eq!(ids.len(), unique.len(), "a row stands twice");
    for number in (1..=23).chain(30..=40) {
        let id = format!("T{number}");
        assert!(ids.iter().any(|row| *row == id || row.starts_with(&format!("{id}."))), "{id} is lost");
    }
    for (section, count) in rows::SECTIONS {
        let found = ids.iter().filter(|id| id.starts_with(&format!("{section}."))).count();
        assert_eq!(found, *count, "rows of {section}");
    }
    let nowhere = rows::all().filter(|row| matches!(row.runs, Runs::Nowhere(why) if !why.is_empty())).count();
    assert!(nowhere <= AT_MOST_NOWHERE, "{nowhere} rows run nowhere");
}
