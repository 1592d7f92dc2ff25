//! `reach`: who gets this statement, and what would be left? Needs nothing but a read-only login.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

use super::args::ReachArgs;
use super::error::CliError;
use super::exit::Exit;
use super::output::data;
use super::place::{read_fleet, read_snapshot};
use super::servers::LiveObserve;
use crate::domain::base::{Known, ServerName, TableName, Timestamp};
use crate::domain::fleet::Fleet;
use crate::domain::reach::{Carry, Copy, Reach, Statement, Survivors, WayBack, copy_of, reach};
use crate::domain::snapshot::{FactKey, Look, ServerFact, Snapshot, Value};
use crate::domain::sql::classify::{self, Classified, classify};
use crate::domain::sql::{Dialect, Flavor};
use crate::executor::ports::Observe as _;

/// The answer, as values, before anybody prints it.
struct Answer {
    classified: Classified,
    reach: Reach,
    /// The same for single tables: of changed rows each table's are filtered by themselves.
    of_table: BTreeMap<TableName, Reach>,
    copies: BTreeMap<TableName, Vec<(ServerName, Copy)>>,
    taken: Timestamp,
    /// The copies that stay out of reach, proved or not.
    untouched: BTreeMap<TableName, Vec<(ServerName, Copy)>>,
    way_back: Option<WayBack>,
}

pub async fn show(args: ReachArgs) -> Result<Exit, CliError> {
    let (fleet, _) = read_fleet(&args.fleet)?;
    if !fleet.servers.contains_key(&args.on) {
        let names: Vec<&str> = fleet.servers.keys().map(ServerName::as_str).collect();
        return Err(CliError::usage(format!(
            "there is no server `{}` in this fleet: expected one of {}",
            args.on,
            names.join(", ")
        )));
    }
    let tables = tables(&args);
    let snapshot = match &args.simulate {
        Some(path) => read_snapshot(path)?,
        None => LiveObserve::new(&fleet).snapshot(&tables).await,
    };
    let answer = answer(&args, &fleet, &snapshot, &tables)?;
    if args.json {
        data(&as_json(&args, &answer).to_string());
    } else {
        for line in as_lines(&args, &answer) {
            data(&line);
        }
    }
    Ok(Exit::Ok)
}

/// The tables that the statement names, by either flavour's reading.
fn tables(args: &ReachArgs) -> BTreeSet<TableName> {
    [Flavor::MariaDb, Flavor::MySql]
        .into_iter()
        .flat_map(|flavor| classify(&args.sql, flavor, args.database.as_deref()).objects)
        .filter_map(|touched| match touched.object {
            classify::Object::Table(table) => Some(table),
            _ => None,
        })
        .collect()
}

fn answer(
    args: &ReachArgs,
    fleet: &Fleet,
    snapshot: &Snapshot,
    tables: &BTreeSet<TableName>,
) -> Result<Answer, CliError> {
    let dialect = dialect(snapshot, &args.on)?;
    let classified = classify(&args.sql, dialect.flavor(), args.database.as_deref());
    let carry = if args.unlogged { Carry::Unlogged } else { Carry::of(classified.logging) };
    let statement = Statement::of(&classified, carry, args.database.as_deref());
    let mut look = Look::at(snapshot);
    let of_table = tables
        .iter()
        .map(|table| (table.clone(), reach(&mut look, fleet, &args.on, statement.clone().about(table))))
        .collect();
    let reach = reach(&mut look, fleet, &args.on, statement);
    let (mut copies, mut spared, mut way_back) = (BTreeMap::new(), BTreeMap::new(), None);
    for table in tables {
        let all: Vec<(ServerName, Copy)> = fleet
            .servers
            .keys()
            .map(|server| (server.clone(), copy_of(&mut look, &fleet.rules, server, table)))
            .collect();
        let untouched = all
            .iter()
            .filter(|(server, copy)| reach.at(server).spares() && !matches!(copy, Copy::Absent | Copy::Corrupt { .. }))
            .cloned()
            .collect();
        way_back = way_back.or(Some(match Survivors::prove(&mut look, fleet, &reach, table) {
            Ok(proof) => proof.way_back().clone(),
            Err(refusal) => refusal.way_back,
        }));
        copies.insert(table.clone(), all);
        spared.insert(table.clone(), untouched);
    }
    Ok(Answer { classified, reach, of_table, copies, untouched: spared, way_back, taken: snapshot.taken() })
}

fn dialect(snapshot: &Snapshot, server: &ServerName) -> Result<Dialect, CliError> {
    let known = snapshot.get(&FactKey::server(server, ServerFact::Version)).map(Known::value);
    let unreachable = |why: String| CliError::new(Exit::Unreachable, format!("{server} cannot be looked at: {why}"));
    match known {
        Some(Ok(Value::Text(version))) => {
            let (flavor, number) = version.split_once(' ').unwrap_or(("", version));
            Dialect::detect(number, flavor).map_err(|error| unreachable(error.to_string()))
        }
        Some(Err(why)) => Err(unreachable(why.to_owned())),
        _ => Err(unreachable("it did not answer".to_owned())),
    }
}

fn as_lines(args: &ReachArgs, answer: &Answer) -> Vec<String> {
    let mut lines = vec![format!("{}   on {}", args.sql, args.on)];
    lines.push(format!("class {}, {}", answer.classified.class.word(), answer.classified.danger));
    for line in &answer.reach.arrivals {
        let indent = "  ".repeat(line.path.len().saturating_sub(1));
        let copies: Vec<String> = answer
            .copies
            .iter()
            .flat_map(|(table, all)| {
                all.iter().filter(|(server, _)| *server == line.server).map(move |(_, copy)| format!("{table} {copy}"))
            })
            .collect();
        lines.push(format!("  {indent}{line}   {}", copies.join(", ")));
    }
    for stranger in &answer.reach.strangers {
        lines.push(format!("  ? readers of {}: {}", stranger.server, stranger.why));
    }
    for (table, copies) in &answer.untouched {
        let names: Vec<String> = copies.iter().map(|(server, copy)| format!("{server} ({copy})")).collect();
        let left = if names.is_empty() { "NOTHING".to_owned() } else { names.join(", ") };
        lines.push(format!("out of reach with {table}: {left}"));
    }
    if let Some(way_back) = &answer.way_back {
        lines.push(format!("way back before: {}", way_back.before));
        lines.push(format!("way back after:  {}", way_back.after));
    }
    lines.extend(answer.classified.warnings.iter().map(|caution| format!("note: {caution}")));
    lines
}

fn as_json(args: &ReachArgs, answer: &Answer) -> serde_json::Value {
    let everything = [("*".to_owned(), &answer.reach)];
    let tables = answer.of_table.iter().map(|(table, reach)| (table.to_string(), reach));
    let objects: Vec<(String, &Reach)> =
        if answer.of_table.is_empty() { everything.to_vec() } else { tables.collect() };
    let reach: Vec<serde_json::Value> = objects
        .iter()
        .flat_map(|(object, reach)| {
            reach.arrivals.iter().map(move |line| {
                json!({ "server": line.server, "object": object, "how": line.how.word(), "path": line.path, "why": line.why })
            })
        })
        .collect();
    let (mut survivors, mut unproved) = (Vec::new(), Vec::new());
    for (table, (server, copy)) in
        answer.untouched.iter().flat_map(|(table, all)| all.iter().map(move |one| (table, one)))
    {
        match copy {
            Copy::Good { finding } => {
                let age = answer.taken.since(finding.at).secs();
                survivors.push(json!({ "server": server, "object": table, "age_s": age }));
            }
            copy => unproved.push(json!({ "server": server, "object": table, "why": copy.to_string() })),
        }
    }
    json!({
        "statement": args.sql,
        "class": answer.classified.class.word(),
        "danger": answer.classified.danger,
        "reach": reach,
        "unexplained_readers": answer.reach.strangers,
        "survivors": survivors,
        "unproved_out_of_reach": unproved,
        "way_back": answer.way_back,
    })
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::cli::args::{Cli, Command};
    use crate::domain::base::Span;
    use crate::domain::snapshot::fixture::{Fixture, Replica};

    #[test]
    fn only_a_proved_copy_is_a_survivor_and_the_others_are_named_beside_it() {
        let fixture = Fixture::new()
            .server("a")
            .replica("b", Replica::of("a").detached())
            .replica("c", Replica::of("a").detached())
            .table("shop.orders", &["a", "b", "c"])
            .good("c", "shop.orders");
        let line = ["countersign", "reach", "--fleet", "unread", "--on", "a", "DROP TABLE shop.orders"];
        let Command::Reach(args) = Cli::try_parse_from(line).unwrap().command else { panic!("not reach") };
        let mut answer = answer(&args, &fixture.fleet(), &fixture.snapshot(), &tables(&args)).unwrap();
        answer.taken = answer.taken.plus(Span::from_secs(90));
        let json = as_json(&args, &answer);
        assert_eq!(json["survivors"], json!([{ "server": "c", "object": "shop.orders", "age_s": 90 }]));
        assert_eq!(json["unproved_out_of_reach"][0]["server"], "b");
        let lines = as_lines(&args, &answer).join("\n");
        assert!(
            lines.contains("out of reach with shop.orders: b (not proved (no check of its rows)), c (GOOD)"),
            "{lines}"
        );
    }
}
