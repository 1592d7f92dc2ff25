//! The dry run: what it predicts of the built-in scenarios, and that a simulated run reaches just that.

use std::collections::BTreeMap;

use countersign::domain::approval::policy::Policy;
use countersign::domain::base::{Danger, RunId, ServerName};
use countersign::domain::plan::{CopyRow, Outlook, Plan, StandingWord, plan};
use countersign::domain::runbook::Work;
use countersign::domain::snapshot::{FactKey, LinkFact, Patch, ServerFact, Snapshot, TableFact, Value, text};
use countersign::domain::vocabulary::{Action, World};
use countersign::simulate::faults::Weather;
use countersign::simulate::run::{Honest, simulate_in_no_time};
use countersign::simulate::scenario::Scenario;

fn planned(scenario: &Scenario) -> Plan {
    let run = RunId::parse("r-1").unwrap();
    let tables = scenario.runbook.tables(&run);
    let world = World { fleet: &scenario.fleet, run: &run, tables: &tables };
    plan(&scenario.runbook, world, &scenario.snapshot, &Policy::default())
}

fn cells(rows: &[CopyRow]) -> Vec<String> {
    rows.iter().map(|row| row.cell.to_string()).collect()
}

#[test]
fn the_rebuild_is_predicted_to_the_end_and_its_gates_are_counted() {
    let plan = planned(&Scenario::rebuild());
    assert_eq!(plan.outlook, Outlook::ToTheEnd, "{plan}");
    let gates: Vec<(&str, u8)> =
        plan.steps.iter().filter(|step| step.approvals > 0).map(|step| (step.id.as_str(), step.approvals)).collect();
    assert_eq!(gates, [("drop", 2), ("put-in-place", 1), ("reattach", 1)]);
}

#[test]
fn the_matrix_tells_where_the_data_is_good_at_every_step() {
    let plan = planned(&Scenario::rebuild());
    assert_eq!(cells(&plan.now), ["CORRUPT", "unproved", "unproved"]);
    let after = |id: &str| cells(&plan.steps.iter().find(|step| step.id.as_str() == id).unwrap().copies);
    assert_eq!(after("check-spare"), ["CORRUPT", "unproved", "GOOD ||"]);
    assert_eq!(after("copy"), ["CORRUPT +loading", "unproved", "GOOD ||"]);
    assert_eq!(after("drop"), ["ABSENT +GOOD", "GOOD", "GOOD ||"]);
    assert_eq!(after("compare-all"), ["GOOD", "GOOD", "GOOD"]);
}

#[test]
fn a_logged_drop_is_seen_to_wait_at_the_spare_and_reattaching_to_release_it() {
    let plan = planned(&Scenario::rebuild_logged());
    assert_eq!(plan.outlook, Outlook::ToTheEnd, "{plan}");
    let reattach = plan.steps.iter().find(|step| step.id.as_str() == "reattach").unwrap();
    assert_eq!((reattach.danger, reattach.approvals), (Danger::Destructive, 2));
    assert!(reattach.releases.iter().any(|effect| effect == "shop.orders is gone"), "{:?}", reattach.releases);
    let drop = plan.steps.iter().find(|step| step.id.as_str() == "drop").unwrap();
    assert!(!drop.against.is_empty(), "the good copy on b is given up");
}

#[test]
fn what_would_be_refused_is_predicted_as_refused() {
    for scenario in [Scenario::naive_drop(), Scenario::drop_behind_a_pause()] {
        let plan = planned(&scenario);
        assert!(matches!(&plan.outlook, Outlook::Refused { step, .. } if step.as_str() == "drop"), "{plan}");
        assert_eq!(plan.steps.last().unwrap().standing, StandingWord::Refused);
    }
}

#[test]
fn what_is_unknown_ends_the_prediction_and_says_why() {
    let mut scenario = Scenario::rebuild();
    let mut patch = Patch::default();
    patch.forget(FactKey::server(&ServerName::parse("b").unwrap(), ServerFact::Channels), "it did not answer");
    scenario.snapshot = scenario.snapshot.with(&patch);
    let plan = planned(&scenario);
    assert!(matches!(&plan.outlook, Outlook::CannotTell { step, .. } if step.as_str() == "protect-spare"), "{plan}");
    assert!(plan.outlook.to_string().contains("it did not answer"), "{}", plan.outlook);
    assert_eq!(plan.steps.len(), 1);
}

#[test]
fn nothing_is_sent_to_a_server_of_which_it_is_not_known_which_one_it_is() {
    let mut scenario = Scenario::rebuild();
    let mut patch = Patch::default();
    // As where two names of the fleet file lead to one server.
    patch.forget(FactKey::server(&ServerName::parse("c").unwrap(), ServerFact::Identity), "it answers to two names");
    scenario.snapshot = scenario.snapshot.with(&patch);
    let plan = planned(&scenario);
    let stopped = plan.steps.last().unwrap();
    assert_eq!((stopped.id.as_str(), stopped.standing), ("protect-spare", StandingWord::Blocked), "{plan}");
    let why = stopped.unrendered.as_deref().unwrap_or_default();
    assert_eq!(why, "what c is cannot be told: it answers to two names");
}

#[test]
fn a_statement_cannot_change_how_the_terminal_shows_its_plan() {
    let mut plan = planned(&Scenario::rebuild());
    plan.steps[0].script[0].lines = vec!["DROP TABLE `shop`.`\u{202e}x`".to_owned()];
    let text = plan.to_string();
    assert!(text.contains(r"\u{202e}x") && !text.contains('\u{202e}'), "{text}");
}

#[test]
fn the_text_shows_scripts_reach_and_the_matrix() {
    let text = planned(&Scenario::rebuild_logged()).to_string();
    for part in
        ["NEXT  you: read the plan", "a> DROP TABLE", "GATE 2", "reach: b REACHED", "Where is shop.orders good?"]
    {
        assert!(text.contains(part), "`{part}` is missing in\n{text}");
    }
    assert!(!text.contains("BLOCKED"), "{text}");
    let json = serde_json::to_value(planned(&Scenario::naive_drop())).unwrap();
    assert_eq!(json["outlook"]["refused"]["step"], "drop");
}

/// What each step of a simulated run left behind, by the run's own knowledge of the fleet.
fn reached(scenario: &Scenario) -> Vec<(String, Snapshot)> {
    let report = simulate_in_no_time(&Honest, scenario, 1, Weather::Fair).unwrap();
    assert!(report.violations.is_empty(), "{:?}", report.violations);
    report.reached.into_iter().map(|(step, facts)| (step.to_string(), facts)).collect()
}

/// Why a fact may be left out of the comparison: it moves by itself, or the plan said that it cannot be told.
const KNOWN_REASONS: [&str; 10] = [
    "it follows the connections of replicas",
    "every write of the application",
    "every write on the machine",
    "it is computed from an uptime",
    "it is the server's own estimate",
    "not predicted: it was made anew",
    "not predicted: its rows changed",
    "not predicted: the table is gone",
    "not predicted: it has another name now",
    "not predicted: it was not known under the old name",
];

#[test]
fn a_table_made_on_a_replica_too_is_predicted_there_unless_it_runs_another_version() {
    let definition_on_b = |scenario: &Scenario| {
        let plan = planned(scenario);
        let b = ServerName::parse("b").unwrap();
        let made = plan.steps.iter().find(|step| step.id.as_str() == "put-in-place").unwrap();
        made.after.get(&FactKey::table(&b, &scenario.table, TableFact::Definition)).unwrap().value().is_ok()
    };
    let mut scenario = Scenario::rebuild_logged();
    assert!(definition_on_b(&scenario));
    let mut older = Patch::default();
    let version = FactKey::server(&ServerName::parse("b").unwrap(), ServerFact::Version);
    older.set(version, Value::text("mariadb 10.6.20"), scenario.snapshot.taken());
    scenario.snapshot = scenario.snapshot.with(&older);
    assert!(!definition_on_b(&scenario), "another version may describe it in other words");
}

#[test]
fn the_comparison_finds_a_wrong_prediction() {
    let scenario = Scenario::rebuild();
    let (plan, reached) = (planned(&scenario), reached(&scenario));
    let mut wrong = Patch::default();
    let c = ServerName::parse("c").unwrap();
    wrong.set(FactKey::link(&c, "", LinkFact::Fence), Value::text("none"), plan.taken);
    let drift = text::drift(&plan.steps[0].after.with(&wrong), &reached[0].1);
    assert_eq!(drift.differences.len(), 1, "{:?}", drift.differences);
}

#[test]
#[expect(clippy::print_stdout, reason = "the counts are for whoever runs it with --nocapture")]
fn a_simulated_run_reaches_every_predicted_fact_at_every_step() {
    for scenario in [Scenario::rebuild(), Scenario::rebuild_logged()] {
        let (plan, reached) = (planned(&scenario), reached(&scenario));
        assert_eq!(plan.steps.len(), reached.len(), "{}", scenario.name);
        let (mut compared, mut excluded) = (0, BTreeMap::<String, usize>::new());
        for (step, (id, seen)) in plan.steps.iter().zip(&reached) {
            assert_eq!(step.id.as_str(), id);
            let drift = text::drift(&step.after, seen);
            let wrong: Vec<String> = drift.differences.iter().map(ToString::to_string).collect();
            assert_eq!(wrong, Vec::<String>::new(), "{} after {id}", scenario.name);
            compared += drift.compared;
            drift.excluded.iter().for_each(|(_, why)| *excluded.entry((*why).to_owned()).or_default() += 1);
            for (_, known) in step.after.facts() {
                if let Err(why) = known.value() {
                    *excluded.entry(format!("not predicted: {why}")).or_default() += 1;
                }
            }
        }
        println!("{}: {compared} facts compared; left out: {excluded:#?}", scenario.name);
        let left_out = excluded.values().sum::<usize>();
        assert!(compared > 700 && left_out < compared / 2 + 30, "{compared} compared, {excluded:#?} left out");
        let reasons: Vec<&str> = excluded.keys().map(String::as_str).collect();
        assert!(reasons.iter().all(|why| KNOWN_REASONS.iter().any(|known| why.starts_with(known))), "{reasons:?}");
    }
}

#[test]
fn what_the_server_keeps_for_itself_is_not_written_whatever_is_proved() {
    let refused = |statement: &str| {
        let mut scenario = Scenario::naive_drop();
        let Some(Work::Act(Action::Sql(sql))) = scenario.runbook.steps.last_mut().map(|step| &mut step.work) else {
            panic!("its last step is a statement")
        };
        statement.clone_into(&mut sql.statement);
        let plan = planned(&scenario);
        let rules = plan.steps.iter().flat_map(|step| &step.refusals).map(|refusal| refusal.rule.clone());
        rules.filter(|rule| rule.contains("own schema")).count()
    };
    for statement in [
        "DROP TABLE mysql.user",
        "DELETE FROM `MySQL`.db",
        "INSERT INTO mysql.func VALUES (1)",
        "ALTER TABLE mysql.user ENGINE=InnoDB",
        "DROP VIEW sys.version",
        "TRUNCATE TABLE performance_schema.accounts",
        "DROP DATABASE information_schema",
        "RENAME TABLE mysql.user TO shop.user",
        "RENAME TABLE shop.user TO mysql.user",
    ] {
        assert_eq!(refused(statement), 1, "{statement}");
    }
    for statement in ["DROP TABLE shop.orders", "SELECT * FROM mysql.user", "CREATE TABLE shop.user (id INT)"] {
        assert_eq!(refused(statement), 0, "{statement}");
    }
}
