//! What many simulations came by together, and what they should have come by.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use countersign::domain::journal::record::StopReason;
use countersign::simulate::run::{End, Report};

/// Each kind of fault, and how the names of its counters begin.
const KINDS: [(&str, &[&str]); 15] = [
    ("the executor crashes", &["crash "]),
    ("an append is cut off", &["append Torn"]),
    ("an append fails", &["append DiskFull", "append ReadOnly"]),
    ("an append's answer is lost", &["append AnswerLost"]),
    ("an input is lost", &["input lost"]),
    ("an input comes late", &["input late"]),
    ("an input comes twice", &["input twice"]),
    ("a connection is cut before a statement", &["statement LostBefore"]),
    ("a connection is cut during a statement", &["statement LostAndGivenUp"]),
    ("a connection is cut after a statement", &["statement LostAfter"]),
    ("a statement goes on after its client died", &["statement LostWhileItGoesOn"]),
    ("a server restarts", &["a server restarts", "statement Restarted"]),
    ("somebody else changes the fleet", &["somebody "]),
    ("the clock jumps", &["clock jump"]),
    ("operators race", &["operators at the same moment"]),
];

/// Two executors at once; rarer than the others, so counted apart.
const TWO_EXECUTORS: &str = "lease lost ";

const PHASES: [&str; 13] = [
    "entering a step",
    "waiting for an answer",
    "waiting for facts",
    "waiting for signatures",
    "armed",
    "between two commands",
    "running a command",
    "in doubt",
    "verifying",
    "stopped",
    "writing down how to promote by hand",
    "finished",
    "over",
];

/// What may stand in the journal wherever the run is.
const ANYWHERE: [&str; 7] =
    ["executor.changed", "run.held", "run.released", "input.taken", "input.refused", "run.noted", "journal.head"];

/// What a phase is for, and how it ends. Together with [`ANYWHERE`] all that `apply` takes.
const ITS_OWN: [(&str, &[&str]); 13] = [
    (
        "entering a step",
        &[
            "step.entered",
            "step.asked",
            "step.waiting",
            "request.made",
            "step.armed",
            "step.blocked",
            "step.refused",
            "run.stopped",
        ],
    ),
    ("waiting for an answer", &["step.answered", "run.stopped"]),
    ("waiting for facts", &["step.done", "run.stopped"]),
    (
        "waiting for signatures",
        &[
            "request.approved",
            "request.signature_refused",
            "request.stopped",
            "request.void",
            "step.armed",
            "run.stopped",
        ],
    ),
    (
        "armed",
        &[
            "step.started",
            "request.approved",
            "request.signature_refused",
            "request.stopped",
            "request.void",
            "run.stopped",
        ],
    ),
    ("between two commands", &["step.started", "run.stopped"]),
    (
        "running a command",
        &["step.outcome", "step.not_sent", "step.in_doubt", "step.estimated", "request.stopped", "run.stopped"],
    ),
    ("in doubt", &["step.outcome", "step.doubt_looked", "step.entered", "request.stopped", "run.stopped"]),
    ("verifying", &["step.drifted", "step.done", "run.stopped"]),
    ("stopped", &["run.chosen", "run.stopped"]),
    ("writing down how to promote by hand", &["run.advised", "run.stopped"]),
    ("finished", &["run.closed"]),
    ("over", &["executor.changed", "journal.head"]),
];

/// What may be missing among some thousand runs, and why. Everything else must happen.
const RARE: [(&str, &str, &str); 4] = [
    ("writing down how to promote by hand", ANY, "it is one look long, and one run in hundreds comes by it"),
    ("finished", ANY, "it is left in the next decision; only what was heard in the same breath comes in between"),
    ("between two commands", ANY, "it is one look long, so few people speak in it"),
    ("armed", "journal.head", "only behind so many unsigned lines that an auditor would miss a head"),
];

/// Whatever may stand anywhere.
const ANY: &str = "*";

/// The records of a run; a new one is missed here as soon as many runs are made.
const RECORDS: [&str; 32] = [
    "run.opened",
    "executor.changed",
    "step.entered",
    "step.asked",
    "step.answered",
    "step.waiting",
    "step.blocked",
    "step.refused",
    "request.made",
    "request.approved",
    "request.signature_refused",
    "request.stopped",
    "request.void",
    "step.armed",
    "step.started",
    "step.not_sent",
    "step.outcome",
    "step.in_doubt",
    "step.doubt_looked",
    "step.estimated",
    "step.drifted",
    "step.done",
    "run.held",
    "run.released",
    "run.stopped",
    "run.chosen",
    "run.advised",
    "run.noted",
    "input.taken",
    "input.refused",
    "run.closed",
    "journal.head",
];

#[derive(Debug, Default)]
pub struct Sum {
    pub runs: u64,
    records: u64,
    processes: u64,
    ends: BTreeMap<String, u64>,
    too_long: u64,
    faults: BTreeMap<String, u64>,
    places: BTreeSet<&'static str>,
    phases: BTreeSet<&'static str>,
    transitions: BTreeSet<(&'static str, String, &'static str)>,
    pub bad: Vec<String>,
}

impl Sum {
    pub fn add(&mut self, report: Report) {
        self.runs += 1;
        self.records += report.records;
        self.processes += report.processes;
        let too_long = report.stops.iter().filter(|why| matches!(why, StopReason::TooLong { .. }));
        self.too_long += u64::try_from(too_long.count()).unwrap();
        let end = match &report.end {
            End::Closed(ending) => format!("{ending:?}"),
            End::Waits(_) => "waits".to_owned(),
            End::Stuck(at) => format!("stuck {at}"),
        };
        let name = report.scenario.split_once("random-").map_or(report.scenario.as_str(), |_| "random");
        *self.ends.entry(format!("{name}: {end}")).or_default() += 1;
        if !report.violations.is_empty() {
            self.bad.push(told(&report));
        }
        add(&mut self.faults, report.faults);
        self.places.extend(report.places);
        self.phases.extend(report.covered.phases);
        self.transitions.extend(report.covered.transitions);
    }

    pub fn and(mut self, other: Self) -> Self {
        self.runs += other.runs;
        self.records += other.records;
        self.processes += other.processes;
        self.too_long += other.too_long;
        add(&mut self.ends, other.ends);
        add(&mut self.faults, other.faults);
        self.places.extend(other.places);
        self.phases.extend(other.phases);
        self.transitions.extend(other.transitions);
        self.bad.extend(other.bad);
        self
    }

    fn happened(&self, begins: &str) -> u64 {
        self.faults.iter().filter(|(name, _)| name.starts_with(begins)).map(|(_, times)| times).sum()
    }

    fn kinds(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let two = ("two executors", self.happened(TWO_EXECUTORS));
        let sum = |names: &[&str]| names.iter().map(|begins| self.happened(begins)).sum();
        KINDS.iter().map(move |(kind, names)| (*kind, sum(names))).chain([two])
    }

    pub fn kinds_that_never_happened(&self) -> Vec<&'static str> {
        self.kinds().filter(|(_, times)| *times == 0).map(|(kind, _)| kind).collect()
    }

    pub fn phases_that_were_never_reached(&self) -> Vec<&'static str> {
        PHASES.into_iter().filter(|phase| !self.phases.contains(phase)).collect()
    }

    pub fn places_without_a_crash(&self) -> Vec<&'static str> {
        self.places.iter().copied().filter(|place| !self.faults.contains_key(&format!("crash {place}"))).collect()
    }

    pub fn records_that_were_never_written(&self) -> Vec<&'static str> {
        let written: BTreeSet<&str> = self.transitions.iter().map(|(_, record, _)| record.as_str()).collect();
        RECORDS.into_iter().filter(|record| !written.contains(record)).collect()
    }

    /// Of those that `apply` takes, but for what is rare.
    pub fn transitions_that_never_happened(&self) -> Vec<String> {
        let excused = |(phase, record): &(&str, &str)| {
            RARE.iter().any(|(rare, what, _)| rare == phase && (what == record || (*what == ANY && anywhere(record))))
        };
        let missing = self.missing().into_iter().filter(|pair| !excused(pair));
        missing.map(|(from, record)| format!("{from}: {record}")).collect()
    }

    fn missing(&self) -> Vec<(&'static str, &'static str)> {
        let seen: BTreeSet<(&str, &str)> =
            self.transitions.iter().map(|(from, record, _)| (*from, record.as_str())).collect();
        let own = ITS_OWN.iter().flat_map(|(phase, records)| records.iter().map(|record| (*phase, *record)));
        let open = PHASES.iter().filter(|phase| **phase != "over");
        let all = own.chain(open.flat_map(|phase| ANYWHERE.iter().map(|record| (*phase, *record))));
        all.filter(|pair| !seen.contains(pair)).collect()
    }
}

fn anywhere(record: &str) -> bool {
    record == "run.stopped" || ANYWHERE.contains(&record)
}

fn add(to: &mut BTreeMap<String, u64>, more: BTreeMap<String, u64>) {
    for (name, times) in more {
        *to.entry(name).or_default() += times;
    }
}

/// A run that broke a rule, where it lies, and how it is seen again.
fn told(report: &Report) -> String {
    let seed = report.seed;
    let broken: Vec<String> = report.violations.iter().map(ToString::to_string).collect();
    let bundle = super::kept(report);
    format!(
        "seed {seed}, {}: {}\n  again:    COUNTERSIGN_SEED={seed} COUNTERSIGN_SIMULATIONS=1 cargo test --test simulation rough\n  watch it: countersign replay {}",
        report.scenario,
        broken.join("; "),
        bundle.display()
    )
}

impl fmt::Display for Sum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} runs, {} records, {} processes", self.runs, self.records, self.processes)?;
        writeln!(f, "loads past their limit: {}", self.too_long)?;
        self.ends.iter().try_for_each(|(end, times)| writeln!(f, "end    {times:>9} {end}"))?;
        self.kinds().try_for_each(|(kind, times)| writeln!(f, "fault  {times:>9} {kind}"))?;
        self.faults.iter().try_for_each(|(fault, times)| writeln!(f, "detail {times:>9} {fault}"))?;
        let pairs: BTreeSet<(&str, &str)> =
            self.transitions.iter().map(|(from, record, _)| (*from, record.as_str())).collect();
        writeln!(
            f,
            "{} phases, {} pairs of phase and record, {} transitions",
            self.phases.len(),
            pairs.len(),
            self.transitions.len()
        )?;
        self.missing().iter().try_for_each(|(from, record)| writeln!(f, "missing: {from}: {record}"))
    }
}
