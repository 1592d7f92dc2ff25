//! The answer of `reach` as a tree, as a table and as JSON. Decides nothing.

use serde_json::{Value, json};

use super::{About, Answer};
use crate::cli::args::ReachArgs;
use crate::domain::base::ServerName;
use crate::domain::reach::{Arrival, Copy};

/// Whom each server gets it from, and what would be left.
pub fn tree(args: &ReachArgs, answer: &Answer) -> Vec<String> {
    let mut lines = vec![format!("{}   on {}", args.sql, args.on)];
    lines.push(format!("class {}, {}", answer.classified.class.word(), answer.classified.danger));
    let alike = answer.objects.windows(2).all(|two| two[0].reach == two[1].reach);
    if alike {
        let all: Vec<&About> = answer.objects.iter().collect();
        lines.extend(branches(&all));
    } else {
        for about in &answer.objects {
            lines.extend(about.table.iter().map(|table| format!("rows of {table}:")));
            lines.extend(branches(&[about]));
        }
    }
    for about in &answer.objects {
        lines.extend(left(about));
    }
    let way_back = answer.objects.iter().find_map(|about| about.way_back.as_ref());
    if let Some(way_back) = way_back {
        lines.push(format!("way back before: {}", way_back.before));
        lines.push(format!("way back after:  {}", way_back.after));
    }
    lines.extend(answer.classified.warnings.iter().map(|caution| format!("note: {caution}")));
    lines
}

/// One reach, with what every table of `all` is at each server.
fn branches(all: &[&About]) -> Vec<String> {
    let Some(first) = all.first() else { return Vec::new() };
    let mut lines = Vec::new();
    for line in in_order(first) {
        let depth = line.path.len().saturating_sub(1);
        let branch = if depth == 0 { String::new() } else { format!("{}> ", "  ".repeat(depth - 1)) };
        let copies: Vec<String> = all
            .iter()
            .filter_map(|about| Some(format!("{} {}", about.table.as_ref()?, copy_at(about, &line.server)?)))
            .collect();
        lines.push(format!("  {branch}{line}   {}", copies.join(", ")).trim_end().to_owned());
    }
    let strangers = first.reach.strangers.iter();
    lines.extend(strangers.map(|stranger| format!("  ? readers of {}: {}", stranger.server, stranger.why)));
    lines
}

/// Each server behind the one it gets it from; those that no way leads to come last.
fn in_order(about: &About) -> Vec<&Arrival> {
    let mut lines: Vec<&Arrival> = about.reach.arrivals.iter().collect();
    lines.sort_by_key(|line| (line.path.is_empty(), &line.path, &line.server));
    lines
}

fn copy_at<'a>(about: &'a About, server: &ServerName) -> Option<&'a Copy> {
    about.copies.iter().find(|(name, _)| name == server).map(|(_, copy)| copy)
}

fn left(about: &About) -> Option<String> {
    let table = about.table.as_ref()?;
    let names: Vec<String> = about.untouched.iter().map(|(server, copy)| format!("{server} ({copy})")).collect();
    let left = if names.is_empty() { "NOTHING".to_owned() } else { names.join(", ") };
    Some(format!("out of reach with {table}: {left}"))
}

/// One row for each server and table.
pub fn table(answer: &Answer) -> Vec<String> {
    let mut rows = vec![["SERVER", "OBJECT", "HOW", "COPY", "WHY"].map(str::to_owned)];
    for about in &answer.objects {
        let object = about.table.as_ref().map_or_else(|| "*".to_owned(), ToString::to_string);
        for line in in_order(about) {
            let copy = copy_at(about, &line.server).map_or_else(String::new, ToString::to_string);
            rows.push([line.server.to_string(), object.clone(), line.how.word().to_owned(), copy, line.why.clone()]);
        }
        for stranger in &about.reach.strangers {
            let reader = format!("readers of {}", stranger.server);
            rows.push([reader, object.clone(), "unknown".to_owned(), String::new(), stranger.why.clone()]);
        }
    }
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths = [width(0), width(1), width(2), width(3)];
    rows.iter()
        .map(|row| {
            let cells = widths.iter().zip(row).map(|(width, cell)| format!("{cell:<width$}"));
            format!("{}  {}", cells.collect::<Vec<_>>().join("  "), row[4]).trim_end().to_owned()
        })
        .collect()
}

/// `{statement, class, danger, reach, unexplained_readers, survivors, unproved_out_of_reach, way_back}`.
pub fn json(args: &ReachArgs, answer: &Answer) -> Value {
    let mut reach = Vec::new();
    let (mut survivors, mut unproved) = (Vec::new(), Vec::new());
    for about in &answer.objects {
        let object = about.table.as_ref().map_or_else(|| "*".to_owned(), ToString::to_string);
        reach.extend(about.reach.arrivals.iter().map(|line| {
            json!({ "server": line.server, "object": object, "how": line.how.word(), "path": line.path, "why": line.why })
        }));
        for (server, copy) in &about.untouched {
            match copy {
                Copy::Good { finding } => {
                    let age = answer.taken.since(finding.at).secs();
                    survivors.push(json!({ "server": server, "object": object, "age_s": age }));
                }
                copy => unproved.push(json!({ "server": server, "object": object, "why": copy.to_string() })),
            }
        }
    }
    json!({
        "statement": args.sql,
        "class": answer.classified.class.word(),
        "danger": answer.classified.danger,
        "reach": reach,
        "unexplained_readers": answer.objects.first().map(|about| &about.reach.strangers),
        "survivors": survivors,
        "unproved_out_of_reach": unproved,
        "way_back": answer.objects.iter().find_map(|about| about.way_back.as_ref()),
    })
}
