//! The dry run: a runbook folded over a snapshot, step by step, with the functions that a run uses itself.
//!
//! Pure: no port, no clock. What cannot be predicted is said to be unpredictable, and from a step that would be refused
//! or blocked on nothing is predicted any more, because a run would stop there.

mod copies;
mod text;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Serialize, Serializer};

pub use copies::{Cell, CopyRow, Word};

use super::approval::policy::Policy;
use super::base::{Danger, Known, ServerName, StepId, TableName, Timestamp, Verdict};
use super::reach::{Carry, Reach, Refusal, WayBack};
use super::runbook::{Runbook, Step, Work};
use super::script::Command;
use super::snapshot::{
    About, Effect, FactKey, Finding, LinkFact, Patch, Snapshot, SnapshotFile, TableFact, Test, Value,
};
use super::step::{Assessment, Check, Standing, assess, check_all};
use super::vocabulary::{Condition, World};

/// What a run of a runbook is predicted to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Plan {
    pub runbook: String,
    pub fleet: String,
    /// When the facts were looked at.
    pub taken: Timestamp,
    pub keep_copies: u32,
    pub steps: Vec<PlannedStep>,
    /// Where the data is good before the first step.
    pub now: Vec<CopyRow>,
    pub outlook: Outlook,
    /// Every fact as the last step leaves it, in the form of a snapshot file, so that what came can be compared with it.
    #[serde(serialize_with = "as_file")]
    pub after: Snapshot,
}

fn as_file<S: Serializer>(snapshot: &Snapshot, serializer: S) -> Result<S::Ok, S::Error> {
    SnapshotFile::from(snapshot).serialize(serializer)
}

/// How a run would end, as far as facts tell.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outlook {
    /// Every step can be done.
    ToTheEnd,
    /// A rule of the program forbids the step. Signatures do not help.
    Refused { step: StepId, why: Vec<String> },
    /// A condition of the step does not hold by then.
    Blocked { step: StepId, why: Vec<String> },
    /// Whether the step can be done depends on what cannot be predicted.
    CannotTell { step: StepId, why: Vec<String> },
}

/// One step as it is predicted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PlannedStep {
    pub number: usize,
    pub id: StepId,
    pub title: String,
    pub on: Vec<ServerName>,
    pub does: String,
    pub kind: Kind,
    pub danger: Danger,
    /// How many people must sign.
    pub approvals: u8,
    pub standing: StandingWord,
    pub checks: Vec<PlannedCheck>,
    pub unrendered: Option<String>,
    pub script: Vec<PlannedCommand>,
    pub refusals: Vec<Refusal>,
    pub survivors: Vec<Kept>,
    pub against: Vec<String>,
    pub way_back: Option<WayBack>,
    /// What waits at a link and is executed by this step.
    pub releases: Vec<String>,
    /// What is taken for granted: what people do, and what is waited for.
    pub assumes: Vec<String>,
    /// Facts that nobody can tell any more behind this step.
    pub unpredictable: Vec<String>,
    /// Where the data is good behind this step.
    pub copies: Vec<CopyRow>,
    /// The facts behind the step; for comparing, not for reading.
    #[serde(skip)]
    pub after: Snapshot,
}

/// Who does a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    Program,
    Person,
    Wait,
}

/// [`Standing`] in JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum StandingWord {
    Ready,
    Blocked,
    Refused,
}

/// A precondition and on what it was judged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PlannedCheck {
    pub says: String,
    pub verdict: Verdict,
    pub basis: Basis,
}

/// Whether something was judged by facts as they are or as they are predicted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Basis {
    Now,
    Predicted,
}

/// One command as it would be signed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PlannedCommand {
    pub server: ServerName,
    pub lines: Vec<String>,
    pub settings: Vec<String>,
    pub danger: Danger,
    pub logged: bool,
    pub reach: Reach,
}

/// The good copies of a table that stay out of reach.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Kept {
    pub table: TableName,
    pub on: Vec<ServerName>,
    /// The rows of each, where a finding counted them.
    pub rows: BTreeMap<ServerName, u64>,
}

/// Predicts what a run of `runbook` would do from `snapshot` on.
pub fn plan(runbook: &Runbook, world: World<'_>, snapshot: &Snapshot, policy: &Policy) -> Plan {
    let mut fold = Fold { world, policy, now: snapshot.clone(), changed: BTreeSet::new() };
    let mut plan = Plan {
        runbook: runbook.name.clone(),
        fleet: world.fleet.name.clone(),
        taken: snapshot.taken(),
        keep_copies: world.fleet.rules.keep_copies,
        steps: Vec::new(),
        now: copies::rows(world, snapshot),
        outlook: Outlook::ToTheEnd,
        after: snapshot.clone(),
    };
    for (index, step) in runbook.steps.iter().enumerate() {
        let planned = fold.step(index + 1, step);
        let stops = stops(&planned);
        plan.steps.push(planned);
        if let Some(outlook) = stops {
            plan.outlook = outlook;
            break;
        }
    }
    plan.after = fold.now;
    plan
}

/// The facts so far, and which of them are predictions.
struct Fold<'a> {
    world: World<'a>,
    policy: &'a Policy,
    now: Snapshot,
    changed: BTreeSet<FactKey>,
}

impl Fold<'_> {
    fn step(&mut self, number: usize, step: &Step) -> PlannedStep {
        let assessment = assess(step, self.world, &self.now);
        let standing = assessment.standing();
        let basis = self.changed.clone();
        let mut planned = planned(number, step, &assessment, &basis);
        planned.releases = self.releases(&assessment.script);
        if let Work::Act(_) = step.work {
            planned.approvals = self.policy.rule(assessment.danger).approvals();
        }
        planned.assumes.extend(taken_for_granted(step, &assessment));
        if standing == Standing::Ready {
            let patches = assessment.predicted.iter().map(|patch| measured_by(patch, &step.id));
            let patches: Vec<Patch> = patches.chain([self.assumed(step, &mut planned.assumes)]).collect();
            for patch in patches {
                self.apply(&patch, &mut planned.unpredictable);
            }
        }
        planned.copies = copies::rows(self.world, &self.now);
        planned.after = self.now.clone();
        planned
    }

    fn apply(&mut self, patch: &Patch, unpredictable: &mut Vec<String>) {
        let after = self.now.with(patch);
        let mut gaps: BTreeMap<(ServerName, String), Vec<String>> = BTreeMap::new();
        for (key, known) in patch.changes() {
            self.changed.insert(key.clone());
            let was_known = self.now.get(key).is_some_and(|before| before.value().is_ok());
            if let Err(why) = known.value()
                && was_known
                && key.about.moves().is_none()
                && !of_absent_table(&after, key)
            {
                gaps.entry((key.server.clone(), why.to_owned())).or_default().push(key.about.to_string());
            }
        }
        unpredictable
            .extend(gaps.into_iter().map(|((server, why), facts)| format!("{server}: {} ({why})", facts.join(", "))));
        self.now = after;
    }

    /// What a step takes for granted: a wait comes true, and so do the postconditions of what people do.
    fn assumed(&self, step: &Step, assumes: &mut Vec<String>) -> Patch {
        match &step.work {
            Work::Act(_) => Patch::default(),
            Work::Manual { .. } => {
                assumes.push("somebody does it; facts it changes are not predicted".to_owned());
                self.come_true(&step.postconditions, assumes)
            }
            Work::WaitUntil { conditions, .. } => self.come_true(conditions, assumes),
        }
    }

    /// The facts that make `conditions` true, where a single value does.
    fn come_true(&self, conditions: &[Condition], assumes: &mut Vec<String>) -> Patch {
        let mut patch = Patch::default();
        for check in check_all(conditions, self.world, &self.now) {
            if !check.verdict.holds() {
                assumes.push(check.says.clone());
            }
            for evidence in check.evidence.iter().filter(|evidence| !evidence.verdict.holds()) {
                let value = match &evidence.claim.test {
                    Test::Is(value) => value.clone(),
                    Test::Contains(position) => Value::Position(position.clone()),
                    _ => continue,
                };
                patch.set(evidence.claim.key.clone(), value, self.now.taken());
            }
        }
        patch
    }

    /// What a script lets through that waits at a link.
    fn releases(&self, script: &[Command]) -> Vec<String> {
        let held = |key: &FactKey| match self.now.get(key).map(Known::value) {
            Some(Ok(Value::Effects(effects))) => effects.iter().map(Effect::to_string).collect(),
            Some(Err(why)) => vec![format!("what waits there is not known: {why}")],
            Some(Ok(_)) | None => Vec::new(),
        };
        let released = script.iter().flat_map(|command| command.patch.changes()).filter(|(key, known)| {
            let empties = matches!(known.value(), Ok(Value::Effects(effects)) if effects.is_empty());
            let is_held = matches!(key.about, About::Link { fact: LinkFact::Held, .. });
            empties && is_held
        });
        released.flat_map(|(key, _)| held(key)).collect()
    }
}

/// What nobody can know before: who is chosen, and how often steps are repeated.
fn taken_for_granted(step: &Step, assessment: &Assessment) -> Vec<String> {
    let chosen = assessment.offer.as_ref().map(|offer| match offer.offered.len() {
        0 => "nothing is found to choose from, so nothing is done about it".to_owned(),
        found => format!(
            "the first {} of {found} sessions are chosen",
            offer.at_most.min(u32::try_from(found).unwrap_or(u32::MAX))
        ),
    });
    let nothing = matches!(step.work, Work::Act(_)) && assessment.offer.is_none() && assessment.script.is_empty();
    let idle = (nothing && assessment.unrendered.is_none()).then(|| "there is nothing to do".to_owned());
    let rounds = step.repeat.as_ref().map(|repeat| {
        let until: Vec<String> = repeat.until.iter().map(Condition::says).collect();
        format!("one round is shown; from {} on at most {} until {}", repeat.from, repeat.at_most, until.join(", and "))
    });
    [chosen, idle, rounds].into_iter().flatten().collect()
}

/// That a table which is gone has no engine is no gap in a prediction.
fn of_absent_table(snapshot: &Snapshot, key: &FactKey) -> bool {
    let About::Table { table, .. } = &key.about else { return false };
    let exists = snapshot.get(&FactKey::table(&key.server, table, TableFact::Exists));
    matches!(exists.map(Known::value), Some(Ok(Value::Flag(false))))
}

/// An expected finding counts as one of the step that will measure it.
fn measured_by(patch: &Patch, step: &StepId) -> Patch {
    let mut named = Patch::default();
    for (key, known) in patch.changes() {
        match known {
            Known::Observed { value: Value::Finding(finding), at } if finding.step == "expected" => {
                let finding = Finding { step: step.to_string(), ..finding.clone() };
                named.set(key.clone(), Value::Finding(finding), *at);
            }
            Known::Observed { value, at } => named.set(key.clone(), value.clone(), *at),
            Known::Unknown { why } => named.forget(key.clone(), why.clone()),
        }
    }
    named
}

fn planned(number: usize, step: &Step, assessment: &Assessment, changed: &BTreeSet<FactKey>) -> PlannedStep {
    let (kind, on, does) = match &step.work {
        Work::Act(action) => (Kind::Program, action.servers(), action.says()),
        Work::Manual { text, read_back } => (Kind::Person, Vec::new(), format!("{text} Read back: {read_back}")),
        Work::WaitUntil { conditions, at_most } => {
            let all: Vec<String> = conditions.iter().map(Condition::says).collect();
            (Kind::Wait, Vec::new(), format!("wait at most {at_most} until {}", all.join(", and ")))
        }
    };
    let commands = assessment.script.iter().zip(&assessment.reaches);
    PlannedStep {
        number,
        id: step.id.clone(),
        title: step.title.clone(),
        on,
        does,
        kind,
        danger: assessment.danger,
        approvals: 0,
        standing: assessment.standing().into(),
        checks: assessment.checks.iter().map(|check| planned_check(check, changed)).collect(),
        unrendered: assessment.unrendered.clone(),
        script: commands.map(|(command, reach)| planned_command(command, reach)).collect(),
        refusals: assessment.refusals.clone(),
        survivors: assessment
            .survivors
            .iter()
            .map(|survivors| Kept {
                table: survivors.table().clone(),
                on: survivors.kept().cloned().collect(),
                rows: survivors.counted().filter_map(|(server, rows)| Some((server.clone(), rows?))).collect(),
            })
            .collect(),
        against: assessment.against.clone(),
        way_back: assessment.way_back().cloned(),
        releases: Vec::new(),
        assumes: Vec::new(),
        unpredictable: Vec::new(),
        copies: Vec::new(),
        after: Snapshot::new(Timestamp::from_millis(0), BTreeMap::new()),
    }
}

fn planned_check(check: &Check, changed: &BTreeSet<FactKey>) -> PlannedCheck {
    let predicted = check.evidence.iter().any(|evidence| changed.contains(&evidence.claim.key));
    let basis = if predicted { Basis::Predicted } else { Basis::Now };
    PlannedCheck { says: check.says.clone(), verdict: check.verdict.clone(), basis }
}

fn planned_command(command: &Command, reach: &Reach) -> PlannedCommand {
    PlannedCommand {
        server: command.server.clone(),
        lines: command.lines(),
        settings: command.settings(),
        danger: command.danger,
        logged: command.carry == Carry::Logged,
        reach: reach.clone(),
    }
}

fn stops(step: &PlannedStep) -> Option<Outlook> {
    let id = step.id.clone();
    match step.standing {
        StandingWord::Ready => None,
        StandingWord::Refused => {
            let why = step.refusals.iter().map(|refusal| refusal.rule.clone()).collect();
            Some(Outlook::Refused { step: id, why })
        }
        StandingWord::Blocked => {
            let failing = step.checks.iter().filter(|check| !check.verdict.holds());
            let mut why: Vec<String> =
                failing.clone().map(|check| format!("{}: {}", check.says, check.verdict)).collect();
            why.extend(step.unrendered.clone());
            let fails = failing.clone().any(|check| check.verdict == Verdict::Fails) || step.unrendered.is_some();
            Some(if fails { Outlook::Blocked { step: id, why } } else { Outlook::CannotTell { step: id, why } })
        }
    }
}

impl From<Standing> for StandingWord {
    fn from(standing: Standing) -> Self {
        match standing {
            Standing::Ready => Self::Ready,
            Standing::Blocked => Self::Blocked,
            Standing::Refused => Self::Refused,
        }
    }
}
