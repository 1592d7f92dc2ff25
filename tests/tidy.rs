//! Holds the shape of the code: which module may name which, what may not be left behind, how long things may be.
//!
//! Each row of the table is proved by planting a violation of it, so a check that cannot fail shows itself.

use std::fs;
use std::path::{Path, PathBuf};

/// One row: files below `inside` may not contain any of `never`.
struct Row {
    inside: &'static str,
    never: &'static [&'static str],
    why: &'static str,
}

/// The import table of `docs/ARCHITECTURE.md`.
const ROWS: &[Row] = &[
    Row {
        inside: "src/domain",
        never: &[
            "tokio",
            "mysql_async",
            "ratatui",
            "crossterm",
            "rusqlite",
            "etcd_client",
            "std::fs",
            "std::net",
            "std::process",
            "std::thread",
            "std::env",
            "async fn",
            "println!",
            "eprintln!",
            "tracing::",
            "crate::observe",
            "crate::act",
            "crate::store",
            "crate::keys",
            "crate::executor",
            "crate::simulate",
            "crate::lab",
            "crate::tui",
            "crate::cli",
            "crate::connect",
        ],
        why: "the domain takes values and gives values",
    },
    Row { inside: "src/domain/base", never: &["crate::domain::"], why: "base imports nothing of ours" },
    Row {
        inside: "src/domain/reach",
        never: &["domain::vocabulary", "domain::runbook", "domain::approval", "domain::run"],
        why: "no file can switch reach off, so it may not read one",
    },
    Row {
        inside: "src/domain/snapshot",
        never: &["domain::vocabulary", "domain::runbook", "domain::reach", "domain::approval", "domain::run"],
        why: "facts are below everything that judges them",
    },
    Row {
        inside: "src/domain/fleet",
        never: &["domain::vocabulary", "domain::runbook", "domain::approval", "domain::run"],
        why: "the declared fleet knows no runs",
    },
    Row {
        inside: "src/domain/vocabulary",
        never: &["domain::run::", "domain::runbook", "domain::approval", "domain::journal"],
        why: "an entry knows facts, not runs",
    },
    Row {
        inside: "src/observe",
        never: &["crate::act", "crate::executor", "crate::tui", "crate::cli", "crate::domain::run::decide"],
        why: "observing knows nothing of acting",
    },
    Row {
        inside: "src/act",
        never: &["crate::tui", "crate::cli", "crate::domain::runbook", "crate::domain::vocabulary"],
        why: "acting takes cleared commands and nothing else",
    },
    Row {
        inside: "src/store",
        never: &["crate::observe", "crate::act", "crate::executor", "crate::tui", "crate::cli", "mysql_async"],
        why: "a store keeps bytes",
    },
    Row {
        inside: "src/executor",
        never: &["crate::observe", "crate::act", "crate::tui", "crate::cli", "mysql_async", "rusqlite"],
        why: "the loop knows ports, not adapters",
    },
    Row {
        inside: "src/keys",
        never: &["crate::observe", "crate::act", "crate::executor", "crate::tui", "crate::cli", "mysql_async"],
        why: "keys make signatures and nothing else",
    },
    Row {
        inside: "src/lab",
        never: &["crate::executor", "crate::tui", "crate::cli", "crate::act", "crate::domain::approval"],
        why: "throwaway servers know no runs",
    },
    Row {
        inside: "src/tui",
        never: &[
            "crate::cli::",
            "crate::observe",
            "crate::act",
            "crate::store",
            "crate::keys",
            "mysql_async",
            "rusqlite",
        ],
        why: "a screen draws values and asks for actions",
    },
];

/// SQL verbs that `act` may not spell: SQL is rendered in `domain::sql`.
const SQL_VERBS: [&str; 8] =
    ["\"DROP ", "\"INSERT ", "\"CREATE ", "\"ALTER ", "\"RENAME ", "\"DELETE ", "\"STOP ", "\"CHANGE "];

/// What may not be left behind anywhere.
const LEFTOVERS: [&str; 6] = ["todo!(", "unimplemented!(", "FIXME", "XXX", "dbg!(", "#[ignore"];

/// The longest file, in lines. A longer one says why in a line that begins with `//! Long because`.
const LONGEST_FILE: usize = 500;
/// The longest function, in lines. A longer one says why in a line that begins with `// Long because`.
const LONGEST_FUNCTION: usize = 60;

struct Source {
    path: String,
    text: String,
}

fn sources(root: &Path) -> Vec<Source> {
    let mut found = Vec::new();
    let mut folders = vec![root.join("src")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()) {
            if entry.is_dir() {
                folders.push(entry);
            } else if entry.extension().is_some_and(|ending| ending == "rs") {
                let path = entry.strip_prefix(root).unwrap().to_string_lossy().into_owned();
                found.push(Source { path, text: fs::read_to_string(&entry).unwrap() });
            }
        }
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    found
}

/// The code lines of a file with their numbers: no comments, and nothing behind `#[cfg(test)]`.
fn code(source: &Source) -> impl Iterator<Item = (usize, &str)> {
    let test_file = source.path.ends_with("tests.rs") || source.path.contains("/tests/");
    source
        .text
        .lines()
        .enumerate()
        .take_while(move |(_, line)| !test_file && line.trim() != "#[cfg(test)]")
        .map(|(number, line)| (number + 1, line))
        .filter(|(_, line)| !line.trim_start().starts_with("//"))
}

fn violations(row: &Row, sources: &[Source]) -> Vec<String> {
    let inside = |path: &str| path.starts_with(&format!("{}/", row.inside)) || path == format!("{}.rs", row.inside);
    sources
        .iter()
        .filter(|source| inside(&source.path))
        .flat_map(|source| {
            code(source).flat_map(move |(number, line)| {
                row.never
                    .iter()
                    .filter(|word| line.contains(**word))
                    .map(move |word| format!("{}:{number}: `{word}` ({})", source.path, row.why))
            })
        })
        .collect()
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn expect_none(found: &[String]) {
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn imports_point_where_the_architecture_says() {
    let sources = sources(&root());
    assert!(sources.len() > 30, "found only {} files: the test looks in the wrong place", sources.len());
    let found: Vec<String> = ROWS.iter().flat_map(|row| violations(row, &sources)).collect();
    expect_none(&found);
}

#[test]
fn every_row_finds_a_planted_violation() {
    for row in ROWS {
        for word in row.never {
            let planted = Source { path: format!("{}/planted.rs", row.inside), text: format!("use {word};\n") };
            assert_eq!(violations(row, &[planted]).len(), row.never.iter().filter(|w| word.contains(**w)).count());
        }
    }
}

#[test]
fn acting_spells_no_sql() {
    let row = Row { inside: "src/act", never: &SQL_VERBS, why: "SQL is rendered in domain::sql" };
    expect_none(&violations(&row, &sources(&root())));
    let planted = Source { path: "src/act/planted.rs".to_owned(), text: "let sql = \"DROP TABLE t\";\n".to_owned() };
    assert_eq!(violations(&row, &[planted]).len(), 1);
}

#[test]
fn nothing_is_left_behind() {
    let found: Vec<String> = sources(&root())
        .iter()
        .flat_map(|source| {
            LEFTOVERS
                .iter()
                .filter(|word| source.text.contains(**word))
                .map(|word| format!("{}: `{word}`", source.path))
                .collect::<Vec<_>>()
        })
        .collect();
    expect_none(&found);
}

#[test]
fn files_and_functions_are_short_or_say_why() {
    let found: Vec<String> = sources(&root()).iter().flat_map(too_long).collect();
    expect_none(&found);
    let long = Source { path: "src/x.rs".to_owned(), text: format!("fn f() {{\n{}}}\n", "    x();\n".repeat(70)) };
    assert_eq!(too_long(&long).len(), 1, "a long function is found");
}

fn too_long(source: &Source) -> Vec<String> {
    let mut found = Vec::new();
    let lines: Vec<&str> = source.text.lines().collect();
    if lines.len() > LONGEST_FILE && !source.text.contains("//! Long because") {
        found.push(format!("{}: {} lines", source.path, lines.len()));
    }
    let mut open: Option<(usize, usize)> = None;
    for (number, line) in lines.iter().enumerate() {
        let indent = line.len() - line.trim_start().len();
        let starts = line.trim_start();
        let is_function =
            ["fn ", "pub fn ", "async fn ", "pub async fn ", "pub(super) fn ", "pub(crate) fn ", "pub const fn "]
                .iter()
                .any(|start| starts.starts_with(start));
        match open {
            None if is_function && !line.trim_end().ends_with(';') => open = Some((number, indent)),
            // A function of a trait that has no body ends with its signature.
            Some((_, at)) if indent == at && starts.starts_with(')') && starts.ends_with(';') => open = None,
            Some((start, at)) if indent == at && starts.starts_with('}') => {
                let length = number - start;
                if length > LONGEST_FUNCTION && !lines[start..number].iter().any(|l| l.contains("// Long because")) {
                    found.push(format!("{}:{}: {length} lines", source.path, start + 1));
                }
                open = None;
            }
            _ => {}
        }
    }
    found
}

#[test]
fn every_module_says_what_it_is_for() {
    let found: Vec<String> = sources(&root())
        .iter()
        .filter(|source| {
            !source.text.starts_with("//!") && !source.path.ends_with("tests.rs") && !source.path.contains("/tests/")
        })
        .map(|source| source.path.clone())
        .collect();
    expect_none(&found);
}
