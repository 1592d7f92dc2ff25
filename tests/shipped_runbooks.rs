//! The runbooks of this repository are read without a warning, and a dry fold of each over a modelled incident goes
//! through to its end.

use std::collections::{BTreeMap, BTreeSet};

use countersign::domain::base::{Danger, RunId};
use countersign::domain::runbook::{self, Runbook, Source, Step};
use countersign::domain::snapshot::fixture::{Fixture, Replica};
use countersign::domain::snapshot::{Finding, Patch, Snapshot, Value};
use countersign::domain::step::{Standing, assess};
use countersign::domain::vocabulary::World;

fn shipped() -> Vec<(String, String)> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/runbooks");
    let mut files: Vec<(String, String)> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| (path.file_name().unwrap().to_string_lossy().into_owned(), std::fs::read_to_string(path).unwrap()))
        .collect();
    files.sort();
    files
}

fn source(name: &str) -> Source {
    let folder = if name == "naive-drop.yaml" { "tests/cases" } else { "runbooks" };
    let path = format!("{}/{folder}/{name}", env!("CARGO_MANIFEST_DIR"));
    runbook::read(name, &std::fs::read_to_string(path).unwrap()).unwrap_or_else(|problems| panic!("{problems}"))
}

fn incident() -> Fixture {
    Fixture::new()
        .server("db-a")
        .replica("db-b", Replica::of("db-a"))
        .replica("db-c", Replica::of("db-a"))
        .table("shop.orders", &["db-a", "db-b", "db-c"])
        .damaged("db-a", "shop.orders")
}

fn resolved(name: &str, fixture: &Fixture) -> Runbook {
    let servers = [("primary", "db-a"), ("spare", "db-c"), ("server", "db-a")];
    let others = [("table", "shop.orders"), ("index", "by_state"), ("columns", "state, placed_at")];
    let all = [servers, others].concat();
    let source = source(name);
    let known: BTreeSet<&str> = source.params().iter().map(|param| param.name.as_str()).collect();
    let given = all.iter().filter(|(name, _)| known.contains(name)).map(|(k, v)| ((*k).to_owned(), (*v).to_owned()));
    source.resolve(&given.collect(), &fixture.fleet()).unwrap_or_else(|problems| panic!("{problems}"))
}

/// Folds the runbook over the snapshot: each step's danger, or where and why it does not go on.
fn fold(runbook: &Runbook, fixture: &Fixture) -> Result<BTreeMap<String, Danger>, (String, Standing, String)> {
    let run = RunId::parse("r-1").unwrap();
    let (fleet, tables) = (fixture.fleet(), runbook.tables(&run));
    let world = World { fleet: &fleet, run: &run, tables: &tables };
    let mut now = fixture.snapshot();
    let mut dangers = BTreeMap::new();
    for step in &runbook.steps {
        let assessment = assess(step, world, &now);
        if assessment.standing() != Standing::Ready {
            let failing: Vec<String> = assessment
                .checks
                .iter()
                .filter(|c| !c.verdict.holds())
                .map(|c| format!("{}: {}", c.says, c.verdict))
                .collect();
            let why = format!("{failing:?} {:?} {:?}", assessment.unrendered, assessment.refusals);
            return Err((step.id.to_string(), assessment.standing(), why));
        }
        dangers.insert(step.id.to_string(), assessment.danger);
        now = measured_by(step, &assessment.after(&now));
    }
    Ok(dangers)
}

/// A predicted finding does not know its step's name, and a recorded one does.
fn measured_by(step: &Step, now: &Snapshot) -> Snapshot {
    let mut patch = Patch::default();
    for (key, known) in now.facts() {
        if let Ok(Value::Finding(finding)) = known.value()
            && finding.step == "expected"
        {
            let finding = Finding { step: step.id.to_string(), ..finding.clone() };
            patch.set(key, Value::Finding(finding), now.taken());
        }
    }
    now.with(&patch)
}

#[test]
fn every_shipped_runbook_is_read_without_a_warning_and_resolves() {
    let files = shipped();
    assert!(files.len() >= 3);
    for (name, text) in files {
        let source = runbook::read(&name, &text).unwrap_or_else(|problems| panic!("{problems}"));
        assert!(source.warnings().is_empty(), "{}", source.warnings());
        assert_eq!(format!("{}.yaml", source.name()), name);
        let runbook = resolved(&name, &incident());
        assert_eq!(runbook.text, text);
        assert_eq!(source.resolve(&runbook.chosen(), &incident().fleet()).as_ref(), Ok(&runbook));
    }
}

#[test]
fn the_rebuild_goes_through_and_only_the_drop_is_destructive() {
    let fixture = incident();
    let dangers = fold(&resolved("rebuild-table-from-replica.yaml", &fixture), &fixture).unwrap();
    let destructive: Vec<&String> =
        dangers.iter().filter(|(_, d)| **d == Danger::Destructive).map(|(id, _)| id).collect();
    assert_eq!(destructive, ["drop-corrupt"]);
}

#[test]
fn the_logged_rebuild_destroys_twice_the_second_time_by_letting_the_spare_follow() {
    let fixture = incident();
    let dangers = fold(&resolved("rebuild-table-logged.yaml", &fixture), &fixture).unwrap();
    let destructive: Vec<&String> =
        dangers.iter().filter(|(_, d)| **d == Danger::Destructive).map(|(id, _)| id).collect();
    assert_eq!(destructive, ["drop-corrupt", "reattach-spare"]);
}

#[test]
fn a_copy_is_protected_by_one_operator_while_the_primary_does_not_answer() {
    let fixture = incident().unreachable("db-a");
    let dangers = fold(&resolved("protect-copy.yaml", &fixture), &fixture).unwrap();
    assert_eq!(dangers.values().max(), Some(&Danger::Protective));
}

#[test]
fn the_naive_drop_is_refused_and_lint_says_so_before() {
    let fixture = incident();
    let (step, standing, why) = fold(&resolved("naive-drop.yaml", &fixture), &fixture).unwrap_err();
    assert_eq!((step.as_str(), standing), ("drop", Standing::Refused), "{why}");
    let warnings: Vec<&str> = source("naive-drop.yaml").warnings().iter().map(|problem| problem.code).collect();
    assert_eq!(warnings, ["CS202", "CS203"]);
}

#[test]
fn the_rebuild_without_its_protection_is_refused_at_the_drop_whatever_it_demands() {
    let fixture = incident();
    let mut runbook = resolved("rebuild-table-logged.yaml", &fixture);
    runbook.steps.retain(|step| step.id.as_str() != "protect-spare");
    for step in &mut runbook.steps {
        step.preconditions.clear();
    }
    let (step, standing, why) = fold(&runbook, &fixture).unwrap_err();
    assert_eq!((step.as_str(), standing), ("drop-corrupt", Standing::Refused), "{why}");
}
