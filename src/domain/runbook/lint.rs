//! What can be said against a runbook from its file alone: errors of reference, and what somebody will be sorry about.
//!
//! Every check is a line of [`STEP_CHECKS`] or [`RUN_CHECKS`]. None of them protects anything at run time: the rule of
//! copies and the policy hold for a runbook that was never linted.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::param::{Params, as_written};
use super::reference::{Piece, pieces};
use super::shape::{Step, Work};
use crate::domain::base::{Danger, ServerName, StepId};
use crate::domain::sql::Flavor;
use crate::domain::sql::classify::{Caution, Classified, Logging, classify};
use crate::domain::vocabulary::action::copy_table::Log;
use crate::domain::vocabulary::action::sql::Sql;
use crate::domain::vocabulary::{Action, Condition};
use crate::domain::yaml::{Code, Path, Problem, Tree, code};

/// A file whose steps are built with stand-ins; `None` for a step that could not be built.
pub(super) struct Draft<'a> {
    pub(super) tree: &'a Tree,
    pub(super) params: &'a Params,
    pub(super) steps: &'a [Option<Step>],
}

/// A check of one step by itself.
type StepCheck = fn(&At<'_>, &Step) -> Option<Problem>;
/// A check that needs all steps.
type RunCheck = fn(&Run<'_>) -> Vec<Problem>;

const STEP_CHECKS: &[StepCheck] =
    &[several_statements, lowered, no_why, unconditional, unproved, reaches_spare, no_undo, no_postcondition];

const RUN_CHECKS: &[RunCheck] = &[references, repeats, never_stopped, never_resumed, pause_is_no_fence];

/// Everything that speaks against the file.
pub(super) fn check(draft: &Draft<'_>) -> Vec<Problem> {
    let mut problems = duplicate_ids(draft.tree);
    problems.extend(no_steps(draft.tree));
    problems.extend(no_use_when(draft.tree));
    problems.extend(unused_params(draft));
    let built = || draft.steps.iter().enumerate().filter_map(|(index, step)| Some((index, step.as_ref()?)));
    for (index, step) in built() {
        let at = At { tree: draft.tree, path: step_path(index) };
        problems.extend(STEP_CHECKS.iter().filter_map(|check| check(&at, step)));
    }
    // A step that could not be built may be the very one that these would miss.
    let all: Vec<&Step> = built().map(|(_, step)| step).collect();
    if all.len() == draft.steps.len() {
        let run = Run { tree: draft.tree, steps: &all };
        problems.extend(RUN_CHECKS.iter().flat_map(|check| check(&run)));
    }
    problems
}

fn step_path(index: usize) -> Path {
    Path::root().key("steps").index(index)
}

/// One step's place.
struct At<'a> {
    tree: &'a Tree,
    path: Path,
}

impl At<'_> {
    fn problem(&self, code: Code, key: &str, message: impl Into<String>) -> Problem {
        self.problem_at(code, &self.path.key(key), message)
    }

    fn problem_at(&self, code: Code, path: &Path, message: impl Into<String>) -> Problem {
        Problem::new(code, path.to_string(), self.tree.places().key(path), message)
    }
}

/// All steps.
struct Run<'a> {
    tree: &'a Tree,
    steps: &'a [&'a Step],
}

impl<'a> Run<'a> {
    fn at(&self, index: usize) -> At<'a> {
        At { tree: self.tree, path: step_path(index) }
    }
}

// What a step does, as far as its text shows it.

fn statement(step: &Step) -> Option<&Sql> {
    match &step.work {
        Work::Act(Action::Sql(sql)) => Some(sql),
        _ => None,
    }
}

fn judged(sql: &Sql) -> [Classified; 2] {
    [Flavor::MySql, Flavor::MariaDb].map(|flavor| classify(&sql.statement, flavor, None))
}

/// The least danger that the program will compute, on any server.
fn least_danger(step: &Step) -> Danger {
    let Work::Act(action) = &step.work else { return Danger::Observe };
    let declared =
        Action::ALL.iter().find(|spec| spec.name == action.name()).map_or(Danger::Observe, |spec| spec.danger);
    let of_text = |sql: &Sql| {
        let danger = |c: &Classified| if sql.log == Log::None { c.danger_unlogged } else { c.danger };
        judged(sql).iter().map(danger).min().unwrap_or(Danger::Observe)
    };
    declared.max(statement(step).map_or(Danger::Observe, of_text))
}

fn is_destructive(step: &Step) -> bool {
    least_danger(step).max(step.danger.unwrap_or(Danger::Observe)) == Danger::Destructive
}

fn measures(step: &Step) -> bool {
    matches!(step.work, Work::Act(Action::CheckTable(_) | Action::CompareCopies(_)))
}

/// The replica that an action takes out of reach.
fn stops(action: &Action) -> Option<&ServerName> {
    match action {
        Action::DetachReplica(detach) => Some(&detach.server),
        Action::PauseReplica(pause) => Some(&pause.server),
        _ => None,
    }
}

/// The replica that an action lets follow again.
fn releases(action: &Action) -> Option<&ServerName> {
    match action {
        Action::ReattachReplica(reattach) => Some(&reattach.server),
        Action::ResumeReplica(resume) => Some(&resume.server),
        _ => None,
    }
}

fn acted(step: &Step) -> Option<&Action> {
    match &step.work {
        Work::Act(action) => Some(action),
        _ => None,
    }
}

fn written(server: &ServerName) -> String {
    as_written(server.as_str())
}

// The file's head.

fn duplicate_ids(tree: &Tree) -> Vec<Problem> {
    let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
    let mut problems = Vec::new();
    for (index, step) in tree.value()["steps"].as_array().into_iter().flatten().enumerate() {
        let Some(id) = step["id"].as_str() else { continue };
        let path = step_path(index).key("id");
        let mark = tree.places().value(&path);
        if let Some(first) = seen.insert(id, mark.line) {
            let message = format!("two steps have the id `{id}`, the first in line {first}");
            problems.push(Problem::new(code::DUPLICATE_STEP, path.to_string(), mark, message));
        }
    }
    problems
}

fn no_steps(tree: &Tree) -> Option<Problem> {
    let path = Path::root().key("steps");
    let empty = tree.value()["steps"].as_array().is_some_and(Vec::is_empty);
    let mark = tree.places().key(&path);
    empty.then(|| Problem::new(code::MISSING_KEY, path.to_string(), mark, "a runbook needs at least one step"))
}

fn no_use_when(tree: &Tree) -> Vec<Problem> {
    let missing = |key: &&str| tree.value()[*key].as_str().is_none_or(|text| text.trim().is_empty());
    let says = |key: &str| {
        let help = if key == "use_when" {
            "say by which signs somebody recognises this incident"
        } else {
            "say when this is the wrong runbook, and name the right one"
        };
        let mark = tree.places().key(&Path::root().key("name"));
        Problem::new(code::NO_USE_WHEN, key.to_owned(), mark, format!("there is no `{key}`")).help(help)
    };
    ["use_when", "not_when"].into_iter().filter(missing).map(says).collect()
}

fn unused_params(draft: &Draft<'_>) -> Vec<Problem> {
    let mut used = BTreeSet::new();
    mentioned(&draft.tree.value()["steps"], &mut used);
    let unused = draft.params.names().into_iter().filter(|name| !used.contains(*name));
    let says = |name: &str| {
        let path = Path::root().key("params").key(name);
        let mark = draft.tree.places().key(&path);
        Problem::new(code::PARAM_UNUSED, path.to_string(), mark, format!("no step uses `${name}`"))
    };
    unused.map(says).collect()
}

fn mentioned(value: &Value, used: &mut BTreeSet<String>) {
    match value {
        Value::String(text) => {
            for piece in pieces(text).unwrap_or_default() {
                if let Piece::Param(name) = piece {
                    used.insert(name.to_owned());
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| mentioned(item, used)),
        Value::Object(map) => map.values().for_each(|item| mentioned(item, used)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

// One step by itself.

fn several_statements(at: &At<'_>, step: &Step) -> Option<Problem> {
    let sql = statement(step)?;
    let found = judged(sql).into_iter().flat_map(|c| c.warnings).find_map(|caution| match caution {
        Caution::Statements { found } => Some(found),
        _ => None,
    })?;
    let message = format!("expected one statement, found {found}");
    Some(at.problem(code::BAD_TEXT, "do", message).help("write one step for each statement"))
}

fn lowered(at: &At<'_>, step: &Step) -> Option<Problem> {
    let (said, least) = (step.danger?, least_danger(step));
    let message = format!("this step is {least}, and the file says {said}");
    (said < least).then(|| at.problem(code::LOWERED, "danger", message).help("leave `danger` out, or raise it"))
}

fn no_why(at: &At<'_>, step: &Step) -> Option<Problem> {
    let silent = step.why.as_ref().is_none_or(|why| why.trim().is_empty());
    let message = format!("step `{}` may destroy data and does not say why", step.id);
    (silent && is_destructive(step)).then(|| {
        at.problem(code::NO_WHY, "id", message).help("add `why:`, for the two people who are asked to sign it")
    })
}

fn unconditional(at: &At<'_>, step: &Step) -> Option<Problem> {
    let message = format!("step `{}` may destroy data and demands nothing first", step.id);
    let help = "add `preconditions:`, such as\n  - fenced: {server: ..}\n  - finding_holds: {step: ..}";
    (is_destructive(step) && step.preconditions.is_empty())
        .then(|| at.problem(code::UNCONDITIONAL, "id", message).help(help))
}

fn unproved(at: &At<'_>, step: &Step) -> Option<Problem> {
    let proves = |c: &Condition| matches!(c, Condition::FindingHolds(_) | Condition::CopyGood(_));
    let unproved = !step.preconditions.is_empty() && !step.preconditions.iter().any(proves);
    let message = format!("no precondition of step `{}` says that another copy is good", step.id);
    (is_destructive(step) && unproved).then(|| {
        at.problem(code::UNPROVED, "preconditions", message).help("add `finding_holds: {step: ..}` or `copy_good: ..`")
    })
}

fn reaches_spare(at: &At<'_>, step: &Step) -> Option<Problem> {
    let sql = statement(step)?;
    let logged = sql.log != Log::None && judged(sql).iter().any(|c| c.logging != Logging::Never);
    let fenced = step.preconditions.iter().any(|c| matches!(c, Condition::Fenced(_)));
    let message =
        format!("step `{}` is written to the binary log, and nothing demands that a replica is fenced", step.id);
    let help = "add `log: none`, or the precondition `fenced: {server: ..}` for the spare";
    (is_destructive(step) && logged && !fenced).then(|| at.problem(code::REACHES_SPARE, "do", message).help(help))
}

fn no_undo(at: &At<'_>, step: &Step) -> Option<Problem> {
    let counterpart = match acted(step)? {
        Action::DetachReplica(_) => "reattach_replica",
        Action::PauseReplica(_) => "resume_replica",
        _ => return None,
    };
    let message = format!("step `{}` can be taken back and does not offer it", step.id);
    step.undo.is_none().then(|| at.problem(code::NO_UNDO, "id", message).help(format!("add `undo: {counterpart}`")))
}

fn no_postcondition(at: &At<'_>, step: &Step) -> Option<Problem> {
    let suggested = match acted(step)? {
        Action::DetachReplica(detach) => format!("fenced: {{server: {}}}", written(&detach.server)),
        Action::PutInPlace(put) => {
            format!(
                "table_present: {{server: {}, table: {}}}",
                written(&put.server),
                as_written(&put.table.to_string())
            )
        }
        Action::Sql(sql) if starts_with(&sql.statement, "DROP TABLE") => "table_absent: ..".to_owned(),
        _ => return None,
    };
    let message = format!("nothing says when step `{}` has worked", step.id);
    step.postconditions.is_empty().then(|| {
        at.problem(code::NO_POSTCONDITION, "id", message).help(format!("add `postconditions:` with\n  - {suggested}"))
    })
}

fn starts_with(statement: &str, words: &str) -> bool {
    let mut found = statement.split_whitespace();
    words.split(' ').all(|word| found.next().is_some_and(|found| found.eq_ignore_ascii_case(word)))
}

// All steps together.

fn references(run: &Run<'_>) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (index, step) in run.steps.iter().enumerate() {
        let (before, after) = (&run.steps[..index], &run.steps[..=index]);
        let waited = match &step.work {
            Work::WaitUntil { conditions, .. } => conditions.as_slice(),
            Work::Act(_) | Work::Manual { .. } => &[],
        };
        let at = run.at(index);
        let places = [
            (at.path.key("preconditions"), step.preconditions.as_slice(), before),
            (at.path.key("do").key("wait_until"), waited, before),
            (at.path.key("postconditions"), step.postconditions.as_slice(), after),
        ];
        for (path, conditions, earlier) in places {
            for (item, condition) in conditions.iter().enumerate() {
                let Condition::FindingHolds(finding) = condition else { continue };
                if let Some(why) = wrong_reference(run, earlier, &finding.step) {
                    let problem = at.problem_at(code::BAD_STEP_REFERENCE, &path.index(item), why);
                    problems.push(problem.help(measuring(earlier, &finding.step)));
                }
            }
        }
    }
    problems
}

fn repeats(run: &Run<'_>) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut free = 0;
    for (index, step) in run.steps.iter().enumerate() {
        let Some(repeat) = &step.repeat else { continue };
        let from = run.steps[..=index].iter().position(|earlier| earlier.id == repeat.from);
        let why = match from {
            None => format!("`{}` is neither this step nor an earlier one", repeat.from),
            Some(from) if from < free => format!("it goes back to `{}`, into another repetition", repeat.from),
            Some(_) if repeat.until.is_empty() => "nothing says until when".to_owned(),
            Some(_) if !(2..=10).contains(&repeat.at_most) => {
                format!("expected 2 to 10 rounds in `at_most`, found {}", repeat.at_most)
            }
            Some(_) => {
                free = index + 1;
                continue;
            }
        };
        problems.push(run.at(index).problem(code::BAD_REPEAT, "repeat", why));
    }
    problems
}

fn wrong_reference(run: &Run<'_>, earlier: &[&Step], id: &StepId) -> Option<String> {
    match (earlier.iter().find(|step| step.id == *id), run.steps.iter().find(|step| step.id == *id)) {
        (Some(step), _) if measures(step) => None,
        (Some(_), _) => Some(format!("`finding_holds` names step `{id}`, which measures nothing")),
        (None, Some(_)) => Some(format!("`finding_holds` names step `{id}`, which does not stand earlier")),
        (None, None) => Some(format!("`finding_holds` names step `{id}`, and there is none")),
    }
}

fn measuring(earlier: &[&Step], id: &StepId) -> String {
    let names: Vec<&str> = earlier.iter().filter(|step| measures(step)).map(|step| step.id.as_str()).collect();
    if names.is_empty() {
        return "measure first: `check_table` or `compare_copies`".to_owned();
    }
    crate::domain::yaml::suggestion(id.as_str(), &names)
}

fn never_stopped(run: &Run<'_>) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (index, step) in run.steps.iter().enumerate() {
        let Some(server) = acted(step).and_then(releases) else { continue };
        let stopped = run.steps[..index].iter().any(|step| acted(step).and_then(stops) == Some(server));
        // A runbook for a replica that is found fenced says so.
        let demanded =
            step.preconditions.iter().any(|c| matches!(c, Condition::Fenced(fenced) if fenced.server == *server));
        if !stopped && !demanded {
            let message = format!("`{}` is let follow again, and no step before took it out of reach", written(server));
            let help = "was a step removed? If it is found fenced, add the precondition `fenced`";
            problems.push(run.at(index).problem(code::NEVER_STOPPED, "do", message).help(help));
        }
    }
    problems
}

fn never_resumed(run: &Run<'_>) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (index, step) in run.steps.iter().enumerate() {
        let Some(server) = acted(step).and_then(stops) else { continue };
        let later = run.steps[index + 1..].iter().any(|step| acted(step).and_then(releases) == Some(server));
        let undone = step.undo.as_deref().and_then(acted).and_then(releases) == Some(server);
        if !later && !undone {
            let message = format!("nothing lets `{}` follow again", written(server));
            let help = "add a later step with `reattach_replica` or `resume_replica`, or an `undo`";
            problems.push(run.at(index).problem(code::NEVER_RESUMED, "do", message).help(help));
        }
    }
    problems
}

fn pause_is_no_fence(run: &Run<'_>) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (index, step) in run.steps.iter().enumerate() {
        let Some(Action::PauseReplica(pause)) = acted(step) else { continue };
        if run.steps[index + 1..].iter().any(|step| is_destructive(step)) {
            let message = format!("`{}` is paused before a step that may destroy data", written(&pause.server));
            let help = "anybody can start a paused replica; use `detach_replica`";
            problems.push(run.at(index).problem(code::PAUSE_IS_NO_FENCE, "do", message).help(help));
        }
    }
    problems
}
