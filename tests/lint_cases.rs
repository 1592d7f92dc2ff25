//! Each `tests/cases/lint/NAME.yaml` is judged, and what is said must be `NAME.expected`, byte by byte.
//!
//! A case whose first line is `# resolve: NAME=VALUE ..` is also resolved on a fleet of `db-a`, `db-b` and `db-c`, or
//! of the servers in the line `# fleet: ..`. `COUNTERSIGN_BLESS=1` writes the expected files; read them before you
//! commit them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use countersign::domain::fleet::Fleet;
use countersign::domain::runbook;
use countersign::domain::snapshot::fixture::{Fixture, Replica};
use countersign::domain::yaml::code;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/lint")
}

fn names() -> Vec<String> {
    let files = std::fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path());
    let mut names: Vec<String> = files
        .filter(|path| path.extension().is_some_and(|extension| extension == "yaml"))
        .map(|path| path.file_stem().unwrap().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

fn comment<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.lines().find_map(|line| line.strip_prefix("# ")?.strip_prefix(name)?.strip_prefix(':'))
}

fn fleet(servers: &str) -> Fleet {
    let mut servers = servers.split_whitespace();
    let primary = servers.next().unwrap();
    servers.fold(Fixture::new().server(primary), |fleet, name| fleet.replica(name, Replica::of(primary))).fleet()
}

/// What is said about a file.
fn judge(name: &str, text: &str) -> String {
    let source = match runbook::read(&format!("{name}.yaml"), text) {
        Ok(source) => source,
        Err(problems) => return problems.to_string(),
    };
    let Some(params) = comment(text, "resolve") else {
        return source.warnings().to_string();
    };
    let given: BTreeMap<String, String> = params
        .split_whitespace()
        .map(|pair| pair.split_once('=').unwrap())
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    match source.resolve(&given, &fleet(comment(text, "fleet").unwrap_or("db-a db-b db-c"))) {
        Ok(runbook) => format!("{:#?}", runbook.steps),
        Err(problems) => problems.to_string(),
    }
}

#[test]
fn every_case_is_judged_as_expected() {
    let bless = std::env::var_os("COUNTERSIGN_BLESS").is_some();
    let mut wrong = Vec::new();
    for name in names() {
        let text = std::fs::read_to_string(folder().join(format!("{name}.yaml"))).unwrap();
        let expected_file = folder().join(format!("{name}.expected"));
        let said = format!("{}\n", judge(&name, &text));
        if bless {
            std::fs::write(&expected_file, &said).unwrap();
        }
        let expected = std::fs::read_to_string(&expected_file).unwrap_or_default();
        if said != expected {
            wrong.push(format!("==== {name}: expected\n{expected}==== found\n{said}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn there_is_a_case_for_every_problem_a_runbook_can_have() {
    let mut seen = BTreeSet::new();
    for name in names() {
        let expected = std::fs::read_to_string(folder().join(format!("{name}.expected"))).unwrap();
        seen.extend(code::ALL.iter().map(|code| code.id).filter(|id| expected.contains(&format!("[{id}]"))));
    }
    // The limits, and what only other files or other readers of YAML can meet, have their tests beside the code.
    let elsewhere = ["CS002", "CS003", "CS011", "CS013", "CS117"];
    let missing: Vec<&str> = code::ALL.iter().map(|code| code.id).filter(|id| !seen.contains(id)).collect();
    assert_eq!(missing, elsewhere);
}
