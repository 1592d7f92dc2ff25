//! A plan for the terminal: the steps, what each script says and reaches, and where the data is good through time.

use std::fmt;

use super::{Basis, CopyRow, Kind, Outlook, Plan, PlannedStep, StandingWord, Word};
use crate::domain::base::text::{count, printable};
use crate::domain::base::{Danger, TableName, Verdict};
use crate::domain::reach::How;

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "PLAN  {}   fleet {} (seen {})", self.runbook, self.fleet, self.taken.to_seconds())?;
        writeln!(f, "NEXT  you: read the plan. Nothing has been changed. {}", self.gates())?;
        writeln!(f)?;
        writeln!(f, "  #  STEP                      ON          CHANGES      CHECKS   GATE")?;
        for step in &self.steps {
            writeln!(f, "{}", Line(step))?;
        }
        for step in &self.steps {
            details(f, step)?;
        }
        matrix(f, self)?;
        write!(f, "{}", self.outlook)
    }
}

impl Plan {
    fn gates(&self) -> String {
        let gates = self.steps.iter().filter(|step| step.approvals > 0).count();
        match self.steps.iter().map(|step| step.approvals).max().unwrap_or(0) {
            0 => "No signatures are needed.".to_owned(),
            1 => format!("{}, one person needed: ask now.", count(gates, "gate")),
            people => format!("{}, up to {people} people needed: ask them now.", count(gates, "gate")),
        }
    }
}

struct Line<'a>(&'a PlannedStep);

impl fmt::Display for Line<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let step = self.0;
        let on: Vec<&str> = step.on.iter().map(crate::domain::base::ServerName::as_str).collect();
        let gate = if step.approvals > 0 { format!("GATE {}", step.approvals) } else { "-".to_owned() };
        let (number, id, on) = (step.number, step.id.as_str(), on.join(","));
        write!(f, "{number:>3}  {id:<24}  {on:<10}  {:<11}  {:<7}  {gate}", changes(step), checks(step))
    }
}

fn changes(step: &PlannedStep) -> &'static str {
    match (step.kind, step.danger) {
        (Kind::Person, _) => "you do it",
        (Kind::Wait, _) => "waits",
        (Kind::Program, Danger::Observe) => "reads",
        (Kind::Program, Danger::Destructive) => "DESTROYS",
        (Kind::Program, other) => other.word(),
    }
}

fn checks(step: &PlannedStep) -> &'static str {
    let predicted = step.checks.iter().any(|check| check.basis == Basis::Predicted);
    match step.standing {
        StandingWord::Refused => "REFUSED",
        StandingWord::Blocked => "BLOCKED",
        StandingWord::Ready if step.checks.is_empty() => "-",
        StandingWord::Ready if predicted => "ok pred",
        StandingWord::Ready => "ok now",
    }
}

fn details(f: &mut fmt::Formatter<'_>, step: &PlannedStep) -> fmt::Result {
    writeln!(f)?;
    writeln!(f, "{}. {}: {}", step.number, step.id, step.does)?;
    for check in &step.checks {
        let basis = if check.basis == Basis::Predicted { "predicted" } else { "now" };
        let mark = if check.verdict == Verdict::Holds { "ok" } else { "NO" };
        writeln!(f, "   {mark}  {} ({basis}: {})", check.says, check.verdict)?;
    }
    if let Some(why) = &step.unrendered {
        writeln!(f, "   NO  {why}")?;
    }
    for command in &step.script {
        for line in command.lines.iter().map(|line| printable(line)) {
            writeln!(
                f,
                "   {}> {line}{}",
                command.server,
                if command.logged || command.danger == Danger::Observe { "" } else { "   (not logged)" }
            )?;
        }
    }
    if step.danger == Danger::Destructive {
        reach(f, step)?;
    }
    for (what, lines) in [
        ("releases", &step.releases),
        ("against", &step.against),
        ("assumes", &step.assumes),
        ("cannot be predicted", &step.unpredictable),
    ] {
        for line in lines {
            writeln!(f, "   {what}: {line}")?;
        }
    }
    for refusal in &step.refusals {
        for line in refusal.to_string().lines() {
            writeln!(f, "   {line}")?;
        }
    }
    Ok(())
}

fn reach(f: &mut fmt::Formatter<'_>, step: &PlannedStep) -> fmt::Result {
    for command in step.script.iter().filter(|command| command.danger == Danger::Destructive) {
        for arrival in command.reach.arrivals.iter().filter(|line| line.how != How::RunsHere) {
            writeln!(f, "   reach: {arrival}")?;
        }
    }
    for kept in &step.survivors {
        let rows = |server| kept.rows.get(server).map(|rows| format!(" ({rows} rows counted)")).unwrap_or_default();
        let on: Vec<String> = kept.on.iter().map(|server| format!("{server}{}", rows(server))).collect();
        writeln!(f, "   copies: {} stays good on {}", kept.table, on.join(", "))?;
    }
    if let Some(way_back) = step.way_back.as_ref().filter(|_| step.refusals.is_empty()) {
        writeln!(f, "   way back before: {}", way_back.before)?;
        writeln!(f, "   way back after: {}", way_back.after)?;
    }
    Ok(())
}

/// How many columns of the matrix stand side by side.
const COLUMNS: usize = 6;

/// One moment of the plan.
struct Column<'a> {
    head: String,
    rows: &'a [CopyRow],
}

impl Column<'_> {
    fn of<'a>(&'a self, table: &'a TableName) -> impl Iterator<Item = &'a CopyRow> {
        self.rows.iter().filter(move |row| row.table == *table)
    }

    fn good(&self, table: &TableName) -> usize {
        self.of(table).filter(|row| row.cell.copy == Word::Good).count()
    }

    fn width(&self, table: &TableName) -> usize {
        self.of(table).map(|row| row.cell.to_string().len()).chain([self.head.len()]).max().unwrap_or(0)
    }
}

/// The first column is now; one more for each step behind which something is different.
fn columns(plan: &Plan) -> Vec<Column<'_>> {
    let mut columns = vec![Column { head: "NOW".to_owned(), rows: &plan.now }];
    for step in &plan.steps {
        if columns.last().is_some_and(|column| column.rows != step.copies.as_slice()) {
            let head = format!("{} {:.12}", step.number, step.id.as_str());
            columns.push(Column { head, rows: &step.copies });
        }
    }
    columns
}

/// Where the data is good: rows are servers.
fn matrix(f: &mut fmt::Formatter<'_>, plan: &Plan) -> fmt::Result {
    let columns = columns(plan);
    let mut tables: Vec<&TableName> = plan.now.iter().map(|row| &row.table).collect();
    tables.dedup();
    for table in tables {
        writeln!(f, "\nWhere is {table} good?   (|| out of reach, + the run's own copy beside it)")?;
        for block in columns.chunks(COLUMNS) {
            let heads = block.iter().map(|column| format!("{:<1$}", column.head, column.width(table)));
            writeln!(f, "{:<10}  {}", "", heads.collect::<Vec<_>>().join("  ").trim_end())?;
            for (place, row) in columns.first().into_iter().flat_map(|now| now.of(table)).enumerate() {
                let cells = block.iter().map(|column| {
                    let cell = column.of(table).nth(place).map(|row| row.cell.to_string());
                    format!("{:<1$}", cell.unwrap_or_default(), column.width(table))
                });
                writeln!(f, "{:<10}  {}", row.server.as_str(), cells.collect::<Vec<_>>().join("  ").trim_end())?;
            }
        }
        writeln!(f, "{}   rule keep_copies: {}", lowest(&columns, table), plan.keep_copies)?;
    }
    Ok(())
}

/// The fewest good copies from the first proof on; before it nothing is known to be good.
fn lowest(columns: &[Column<'_>], table: &TableName) -> String {
    let proved = columns.iter().skip_while(|column| column.good(table) == 0);
    match proved.clone().next().zip(proved.min_by_key(|column| column.good(table))) {
        None => "no copy is proved at any time".to_owned(),
        Some((first, lowest)) => {
            let count = lowest.good(table);
            format!("lowest number of good copies: {count} (at {}; proved from {} on)", lowest.head, first.head)
        }
    }
}

impl fmt::Display for Outlook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (word, step, why) = match self {
            Self::ToTheEnd => return f.write_str("outlook: every step can be done, as far as facts tell"),
            Self::Refused { step, why } => ("would be refused", step, why),
            Self::Blocked { step, why } => ("would be blocked", step, why),
            Self::CannotTell { step, why } => ("cannot be predicted any further", step, why),
        };
        write!(f, "outlook: {word} at step {step}: {}", why.join("; "))
    }
}
