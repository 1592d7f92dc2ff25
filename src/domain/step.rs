//! Assesses one step against a snapshot: the one function that dry run, run and reviewer share.
//!
//! It reads facts, decides nothing about people, and changes nothing.

use std::collections::BTreeSet;

use super::base::{Danger, Known, TableName, Timestamp, Verdict};
use super::reach::acknowledging::stalled;
use super::reach::{Reach, Refusal, Statement, Survivors, WayBack, predict, reach, system};
use super::runbook::{Step, Work};
use super::script::{self, Command};
use super::snapshot::{Evidence, FactKey, Look, Object, Patch, ServerFact, Snapshot, Value};
use super::sql::classify::classify;
use super::vocabulary::private::is_private;
use super::vocabulary::{Condition, EXPECTED, Offer, World};

/// Everything that is known about a step before it is done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assessment {
    /// Each precondition in words, with its verdict.
    pub checks: Vec<Check>,
    pub script: Vec<Command>,
    /// What is to be chosen from, if the step is about a choice.
    pub offer: Option<Offer>,
    /// Where each command of the script arrives.
    pub reaches: Vec<Reach>,
    pub survivors: Vec<Survivors>,
    pub refusals: Vec<Refusal>,
    /// Why the step cannot be rendered, if it cannot.
    pub unrendered: Option<String>,
    pub danger: Danger,
    /// What speaks against a step that the rules allow.
    pub against: Vec<String>,
    /// What each command changes, as far as it can be told.
    pub predicted: Vec<Patch>,
    pub evidence: Vec<Evidence>,
}

/// One condition and its verdict.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    pub says: String,
    pub verdict: Verdict,
    /// What was asked for it.
    pub evidence: Vec<Evidence>,
}

/// Whether a step may go on, as far as facts decide.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    Ready,
    /// A condition does not hold, or cannot be told, or the step cannot be rendered.
    Blocked,
    /// A safety rule says no. Signatures do not help.
    Refused,
}

impl Assessment {
    pub fn standing(&self) -> Standing {
        if !self.refusals.is_empty() {
            Standing::Refused
        } else if self.unrendered.is_some() || self.checks.iter().any(|check| !check.verdict.holds()) {
            Standing::Blocked
        } else {
            Standing::Ready
        }
    }

    /// The facts after the whole step, as far as they can be told.
    pub fn after(&self, snapshot: &Snapshot) -> Snapshot {
        self.predicted.iter().fold(snapshot.clone(), |now, patch| now.with(patch))
    }

    /// The shortest way back before and after the step, if it may lose rows.
    pub fn way_back(&self) -> Option<&WayBack> {
        self.refusals
            .first()
            .map(|refusal| &refusal.way_back)
            .or_else(|| self.survivors.first().map(Survivors::way_back))
    }
}

/// Assesses `step` against `snapshot`.
pub fn assess(step: &Step, world: World<'_>, snapshot: &Snapshot) -> Assessment {
    let checks = check_all(&step.preconditions, world, snapshot);
    let mut evidence: Vec<Evidence> = checks.iter().flat_map(|check| check.evidence.clone()).collect();
    let mut judged = Judged::default();
    let mut unrendered = None;
    let mut offer = None;
    if let Work::Act(action) = &step.work {
        let mut look = Look::at(snapshot);
        match action.script(world, &mut look) {
            Ok(script) => judged = judge(named(script, step), world, snapshot),
            Err(why) => unrendered = Some(why),
        }
        match action.offer(world, &mut look) {
            Some(Ok(made)) => {
                judged.predicted.push(chosen(&made, look.taken()));
                offer = Some(made);
            }
            Some(Err(why)) => unrendered = Some(why),
            None => {}
        }
        evidence.extend(look.evidence());
    }
    evidence.extend(judged.evidence);
    let danger = judged.script.iter().map(|command| command.danger).max().unwrap_or(Danger::Observe);
    let given_up = judged.survivors.iter().flat_map(|survivors| survivors.against().to_vec());
    let against = given_up.chain(judged.stalled).collect();
    Assessment {
        checks,
        script: judged.script,
        offer,
        reaches: judged.reaches,
        survivors: judged.survivors,
        refusals: judged.refusals,
        unrendered: unrendered.or(judged.unproved),
        danger: danger.max(step.danger.unwrap_or(Danger::Observe)),
        against,
        predicted: judged.predicted,
        evidence: relied_on(evidence, snapshot),
    }
}

/// What a choice makes known, as far as it can be told before: the first of what is offered, up to the maximum.
fn chosen(offer: &Offer, at: Timestamp) -> Patch {
    let most = usize::try_from(offer.at_most).unwrap_or(usize::MAX);
    let picked = offer.offered.iter().take(most).cloned().collect();
    let mut patch = Patch::default();
    patch.set(FactKey::server(&offer.server, ServerFact::Victims), Value::Sessions(picked), at);
    patch
}

/// Asks every condition, each with evidence of its own.
pub fn check_all(conditions: &[Condition], world: World<'_>, snapshot: &Snapshot) -> Vec<Check> {
    conditions
        .iter()
        .map(|condition| {
            let mut look = Look::at(snapshot);
            let verdict = condition.check(world, &mut look);
            Check { says: condition.says(), verdict, evidence: look.evidence() }
        })
        .collect()
}

#[derive(Default)]
struct Judged {
    script: Vec<Command>,
    reaches: Vec<Reach>,
    survivors: Vec<Survivors>,
    refusals: Vec<Refusal>,
    predicted: Vec<Patch>,
    /// Whose commits will wait, and for how long.
    stalled: Vec<String>,
    evidence: Vec<Evidence>,
    /// Why it is not certain which server one of the commands would run on.
    unproved: Option<String>,
}

/// Findings that a script expects are findings of this step, as the ones it will bring.
fn named(mut script: Vec<Command>, step: &Step) -> Vec<Command> {
    for command in &mut script {
        let mut patch = Patch::default();
        for (key, known) in command.patch.changes() {
            let mut known = known.clone();
            if let Known::Observed { value: Value::Finding(finding), .. } = &mut known
                && finding.step == EXPECTED
            {
                finding.step = step.id.to_string();
            }
            patch.put(key.clone(), known);
        }
        command.patch = patch;
    }
    script
}

/// Judges the commands one after the other, each against the facts as the ones before leave them.
fn judge(mut script: Vec<Command>, world: World<'_>, snapshot: &Snapshot) -> Judged {
    let mut judged = Judged::default();
    let mut now = snapshot.clone();
    for command in &mut script {
        let mut look = Look::at(&now);
        if let Err(why) = look.read(FactKey::server(&command.server, ServerFact::Identity))
            && needs_act(command)
        {
            judged.unproved.get_or_insert_with(|| format!("what {} is cannot be told: {why}", command.server));
        }
        let reach = reach(&mut look, world.fleet, &command.server, statement(command));
        judged.refusals.extend(system::forbidden(&command.effects, &reach));
        match tables_at_stake(command, world) {
            Ok(tables) => {
                for table in tables {
                    match Survivors::prove(&mut look, world.fleet, &reach, &table) {
                        Ok(survivors) => judged.survivors.push(survivors),
                        Err(refusal) => judged.refusals.push(refusal),
                    }
                }
            }
            Err(text) => judged.refusals.push(Refusal::unnamed(&text, &reach.arrivals)),
        }
        let stalled = stalled(&mut look, &command.server, &command.patch);
        if !stalled.is_empty() {
            command.danger = command.danger.max(Danger::Disruptive);
            judged.stalled.extend(stalled);
        }
        judged.evidence.extend(look.evidence());
        let patch = predict(&now, world.fleet, &reach, command.carry, &command.effects, &command.patch);
        now = now.with(&patch);
        judged.predicted.push(patch);
        judged.reaches.push(reach);
    }
    judged.script = script;
    judged
}

/// The command as replication sees it. What a command does besides executing its own text is not named there.
fn statement(command: &Command) -> Statement {
    match &command.work {
        script::Work::Statement { text, dialect, .. } => {
            Statement::of(&classify(text, dialect.flavor(), None), command.carry, None)
        }
        _ => Statement::from(command.carry),
    }
}

/// The tables whose rows a command may lose, or its text if they cannot be named. A run's private table is its own.
fn tables_at_stake(command: &Command, world: World<'_>) -> Result<BTreeSet<TableName>, String> {
    let mut tables = BTreeSet::new();
    for effect in command.effects.iter().filter(|effect| effect.kind.may_lose_rows()) {
        match &effect.object {
            Object::Table(table) => {
                tables.insert(table.clone());
            }
            // A run observes the tables it is about, so it cannot vouch for all tables of a schema or a server.
            Object::Schema(_) | Object::Server => return Err(command.lines().join(" ")),
        }
    }
    tables.retain(|table| !is_private(table, world.run, world.tables));
    Ok(tables)
}

/// The evidence that the decision rests on: what holds of the facts as they are, each claim once, sorted.
fn relied_on(mut evidence: Vec<Evidence>, snapshot: &Snapshot) -> Vec<Evidence> {
    evidence.sort_by(|a, b| a.claim.cmp(&b.claim));
    evidence.dedup_by(|a, b| a.claim == b.claim);
    evidence.into_iter().map(|evidence| evidence.claim.check(snapshot)).filter(|e| e.verdict.holds()).collect()
}

/// Whether a script needs a connection that may change something.
pub fn needs_act(command: &Command) -> bool {
    matches!(command.work, script::Work::Statement { .. } | script::Work::Copy { .. } | script::Work::Kill { .. })
}
