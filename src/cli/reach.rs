//! `reach`: who gets this statement, and what would be left? Needs nothing but a read-only login.

use std::collections::BTreeSet;

use super::args::ReachArgs;
use super::error::CliError;
use super::exit::Exit;
use super::output::data;
use super::place::{read_fleet, read_snapshot};
use super::servers::LiveObserve;
use crate::domain::base::{Known, ServerName, TableName, Timestamp};
use crate::domain::fleet::Fleet;
use crate::domain::reach::{Carry, Copy, Reach, Statement, Survivors, WayBack, copy_of, reach};
use crate::domain::snapshot::{FactKey, Look, Position, ServerFact, Snapshot, Value};
use crate::domain::sql::classify::{self, Classified, classify};
use crate::domain::sql::{Dialect, Flavor};
use crate::executor::ports::Observe as _;

mod show;

/// The answer, as values, before anybody prints it.
struct Answer {
    classified: Classified,
    objects: Vec<About>,
    taken: Timestamp,
}

/// The answer for one table: of a statement that changes rows of several, filters judge each alone.
struct About {
    /// `None` where the statement names no table.
    table: Option<TableName>,
    reach: Reach,
    copies: Vec<(ServerName, Copy)>,
    /// The copies that stay out of reach, proved or not.
    untouched: Vec<(ServerName, Copy)>,
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
    let lines = if args.json {
        vec![show::json(&args, &answer).to_string()]
    } else if args.table {
        show::table(&answer)
    } else {
        show::tree(&args, &answer)
    };
    for line in lines {
        data(&line);
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
    let mut statement = Statement::of(&classified, carry, args.database.as_deref());
    if let Some(gtid) = &args.executed {
        statement = statement.executed_as(transaction(gtid, dialect.flavor())?);
    }
    let mut look = Look::at(snapshot);
    let mut objects: Vec<About> = tables
        .iter()
        .map(|table| {
            let reach = reach(&mut look, fleet, &args.on, statement.clone().about(table));
            about(&mut look, fleet, table, reach)
        })
        .collect();
    if objects.is_empty() {
        let reach = reach(&mut look, fleet, &args.on, statement);
        objects.push(About { table: None, reach, copies: Vec::new(), untouched: Vec::new(), way_back: None });
    }
    Ok(Answer { classified, objects, taken: snapshot.taken() })
}

fn about(look: &mut Look<'_>, fleet: &Fleet, table: &TableName, reach: Reach) -> About {
    let copies: Vec<(ServerName, Copy)> =
        fleet.servers.keys().map(|server| (server.clone(), copy_of(look, &fleet.rules, server, table))).collect();
    let untouched = copies
        .iter()
        .filter(|(server, copy)| reach.at(server).spares() && !matches!(copy, Copy::Absent | Copy::Corrupt { .. }))
        .cloned()
        .collect();
    let way_back = match Survivors::prove(look, fleet, &reach, table) {
        Ok(proof) => proof.way_back().clone(),
        Err(refusal) => refusal.way_back,
    };
    About { table: Some(table.clone()), reach, copies, untouched, way_back: Some(way_back) }
}

/// The transaction as the server's flavour writes it.
fn transaction(gtid: &str, flavor: Flavor) -> Result<Position, CliError> {
    let (read, form) = match flavor {
        Flavor::MariaDb => (Position::parse_mariadb(gtid), "domain-server-number, such as `0-1-17`"),
        Flavor::MySql => (Position::parse_mysql(gtid), "uuid:number"),
    };
    read.ok_or_else(|| CliError::usage(format!("`{gtid}` is not a transaction of {flavor}: expected {form}")))
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

#[cfg(test)]
mod tests {
    use clap::Parser as _;
    use serde_json::json;

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
        let json = show::json(&args, &answer);
        assert_eq!(json["survivors"], json!([{ "server": "c", "object": "shop.orders", "age_s": 90 }]));
        assert_eq!(json["unproved_out_of_reach"][0]["server"], "b");
        let lines = show::tree(&args, &answer).join("\n");
        assert!(
            lines.contains(
                "out of reach with shop.orders: b (not proved (no check of its rows)), c (GOOD, 3 rows counted)"
            ),
            "{lines}"
        );
    }

    fn asked(fixture: &Fixture, more: &[&str]) -> Result<(ReachArgs, Answer), CliError> {
        let line = ["countersign", "reach", "--fleet", "unread", "--on", "a"];
        let Command::Reach(args) = Cli::try_parse_from(line.iter().chain(more)).unwrap().command else {
            panic!("not reach")
        };
        let answer = answer(&args, &fixture.fleet(), &fixture.snapshot(), &tables(&args))?;
        Ok((args, answer))
    }

    #[test]
    fn each_table_of_a_change_of_rows_has_an_answer_of_its_own() {
        let fixture = Fixture::new()
            .server("a")
            .replica("b", Replica::of("a").filters("Replicate_Ignore_Table=d.t"))
            .table("d.t", &["a", "b"])
            .table("d.u", &["a", "b"]);
        let (args, answer) = asked(&fixture, &["DELETE d.t, d.u FROM d.t JOIN d.u"]).unwrap();
        let json = show::json(&args, &answer);
        let how = |object: &str| {
            let lines = json["reach"].as_array().unwrap();
            let line = lines.iter().find(|line| line["object"] == object && line["server"] == "b").unwrap();
            line["how"].as_str().unwrap().to_owned()
        };
        assert_eq!((how("d.t"), how("d.u")), ("filtered".to_owned(), "now".to_owned()));
        let table = show::table(&answer).join("\n");
        assert!(table.contains("SERVER") && table.contains("filtered"), "{table}");
        assert!(
            show::tree(&args, &answer).join("\n").contains("rows of d.u:"),
            "each table has a tree where they differ"
        );
    }

    #[test]
    fn the_tree_shows_whom_a_server_gets_it_from() {
        let fixture = Fixture::new()
            .server("a")
            .replica("b", Replica::of("a"))
            .replica("c", Replica::of("a"))
            .replica("d", Replica::of("b"))
            .server("e")
            .table("d.t", &["a", "b", "c", "d"]);
        let (args, answer) = asked(&fixture, &["DROP TABLE d.t"]).unwrap();
        let starts: Vec<String> = show::tree(&args, &answer)
            .iter()
            .filter(|line| line.starts_with("  "))
            .map(|line| line.split(' ').filter(|word| !word.is_empty()).take(2).collect::<Vec<_>>().join(" "))
            .collect();
        assert_eq!(starts, ["a runs", "> b", "> d", "> c", "e not"]);
    }

    #[test]
    fn of_a_statement_that_was_executed_only_the_rest_is_told() {
        let fixture = Fixture::new()
            .server("a")
            .replica("b", Replica::of("a"))
            .replica("c", Replica::of("a").applier("stopped"))
            .table("d.t", &["a", "b", "c"]);
        let at = |gtid: &str, server: &str| {
            let (_, answer) = asked(&fixture, &["--executed", gtid, "DROP TABLE d.t"]).unwrap();
            answer.objects[0].reach.at(&server.parse().unwrap()).word()
        };
        // Modelled servers stand at transaction 10.
        assert_eq!((at("0-1-10", "b"), at("0-1-11", "b"), at("0-1-11", "c")), ("never", "now", "held"));
        let wrong = asked(&fixture, &["--executed", "17", "DROP TABLE d.t"]).err().unwrap();
        assert!(format!("{wrong:?}").contains("0-1-17"), "{wrong:?}");
    }
}
