//! Builds steps from a file's values with one set of parameter values: stand-ins when a file is read, the real ones
//! when it is run. The same code for both, so what reads clean resolves.

use std::collections::BTreeMap;

use serde_json::Value;

use super::entry::{self, Kind};
use super::fill::Filler;
use super::param::{ParamValue, Params};
use super::shape::{Repeat, Step, Work};
use crate::domain::base::{Span, StepId};
use crate::domain::fleet::Fleet;
use crate::domain::vocabulary::{Action, Condition};
use crate::domain::yaml::{
    Code, Path, Problem, Refusal, Schema, Tree, Walk, check_format, code, describe, shortened, suggestion,
};

/// Builds steps and collects what is wrong with them.
pub(super) struct Builder<'a> {
    tree: &'a Tree,
    filler: Filler<'a>,
    /// The fleet whose servers a step may name; `None` while no fleet is chosen.
    fleet: Option<&'a Fleet>,
    problems: Vec<Problem>,
}

/// The default server of a step, with its place.
type Server<'a> = Option<(&'a Value, Path)>;

impl<'a> Builder<'a> {
    pub(super) fn new(
        tree: &'a Tree,
        params: &'a Params,
        values: &'a BTreeMap<String, ParamValue>,
        fleet: Option<&'a Fleet>,
    ) -> Self {
        Self { tree, filler: Filler::new(tree, params, values), fleet, problems: Vec::new() }
    }

    #[must_use]
    pub(super) fn finish(self) -> Vec<Problem> {
        self.problems
    }

    /// Every step of the file in its order; `None` for one with a problem.
    pub(super) fn steps(&mut self) -> Vec<Option<Step>> {
        let steps = self.tree.value()["steps"].as_array();
        let at = Path::root().key("steps");
        steps.into_iter().flatten().enumerate().map(|(index, value)| self.step(value, &at.index(index))).collect()
    }

    /// Words of the file's head.
    pub(super) fn head(&mut self, key: &str) -> String {
        let value = &self.tree.value()[key];
        self.words(value, &Path::root().key(key)).unwrap_or_default()
    }

    fn step(&mut self, value: &'a Value, path: &Path) -> Option<Step> {
        let before = self.problems.len();
        let map = value.as_object()?;
        let server: Server<'a> = map.get("server").filter(|v| !v.is_null()).map(|v| (v, path.key("server")));
        if let Some((name, at)) = &server {
            self.server(name, at);
        }
        let title = self.words(&value["title"], &path.key("title"));
        let why = self.words(&value["why"], &path.key("why"));
        let work = map.get("do").and_then(|work| self.work(work, &path.key("do"), &server));
        let preconditions = self.conditions(&value["preconditions"], &path.key("preconditions"), &server);
        let postconditions = self.conditions(&value["postconditions"], &path.key("postconditions"), &server);
        let undo = map.get("undo").filter(|v| !v.is_null());
        let undo = undo.map(|undo| self.action(undo, &path.key("undo"), &server));
        let undo = match undo {
            Some(None) => return None,
            Some(Some(action)) => Some(action),
            None => None,
        };
        let repeat = map.get("repeat").filter(|v| !v.is_null());
        let repeat = repeat.map(|repeat| self.repeat(repeat, &path.key("repeat"), &server));
        let id: StepId = serde_json::from_value(value["id"].clone()).ok()?;
        let danger = serde_json::from_value(value["danger"].clone()).ok()?;
        let repeat = match repeat {
            Some(None) => return None,
            Some(found) => found,
            None => None,
        };
        let mut step =
            Step { id, title: title?, why, work: work?, preconditions, postconditions, danger, undo: None, repeat };
        step.undo = undo.map(|action| Box::new(undoing(&step, action)));
        (self.problems.len() == before).then_some(step)
    }

    fn work(&mut self, value: &'a Value, path: &Path, server: &Server<'a>) -> Option<Work> {
        match value.as_object() {
            Some(map) if map.contains_key("manual") => {
                self.only(value, path, &["manual", "read_back"]);
                self.manual(value, path)
            }
            Some(map) if map.contains_key("wait_until") => {
                self.only(value, path, &["wait_until", "at_most"]);
                self.wait(value, path, server)
            }
            _ => self.action(value, path, server).map(Work::Act),
        }
    }

    fn manual(&mut self, value: &Value, path: &Path) -> Option<Work> {
        let at = path.key("manual");
        let text = self.needed_words(&value["manual"], &at);
        if value.get("read_back").is_none() {
            let mark = self.tree.places().key(&at);
            let help = "add `read_back:`, a question that only somebody who did it can answer";
            let problem = Problem::new(code::NO_READ_BACK, at.to_string(), mark, "a manual step without `read_back`");
            self.problems.push(problem.help(help));
            return None;
        }
        let read_back = self.needed_words(&value["read_back"], &path.key("read_back"));
        Some(Work::Manual { text: folded(&text?), read_back: folded(&read_back?) })
    }

    fn wait(&mut self, value: &'a Value, path: &Path, server: &Server<'a>) -> Option<Work> {
        let conditions = self.conditions(&value["wait_until"], &path.key("wait_until"), server);
        if value["wait_until"].as_array().is_none_or(Vec::is_empty) {
            let message = format!("expected a list of conditions, found {}", describe(&value["wait_until"]));
            let message = if value["wait_until"].is_array() { "waiting for nothing".to_owned() } else { message };
            self.at_value(code::WRONG_KIND, &path.key("wait_until"), message);
        }
        let at = path.key("at_most");
        let Some(limit) = value.get("at_most") else {
            let problem = Problem::new(
                code::MISSING_KEY,
                path.to_string(),
                self.tree.places().key(&path.key("wait_until")),
                "`at_most` is missing",
            );
            self.problems.push(problem.help("say how long to wait before somebody is asked, such as `at_most: 10m`"));
            return None;
        };
        let limit = self.checked(&Schema::of::<Span>(), limit, &at)?;
        let at_most: Span = serde_json::from_value(limit).ok()?;
        Some(Work::WaitUntil { conditions, at_most })
    }

    fn repeat(&mut self, value: &'a Value, path: &Path, server: &Server<'a>) -> Option<Repeat> {
        let until = self.conditions(&value["until"], &path.key("until"), server);
        let at_most = self.checked(&Schema::of::<u32>(), value.get("at_most")?, &path.key("at_most"))?;
        let at_most: u32 = serde_json::from_value(at_most).ok()?;
        let from: StepId = serde_json::from_value(value["from"].clone()).ok()?;
        Some(Repeat { from, at_most, until })
    }

    fn conditions(&mut self, value: &'a Value, path: &Path, server: &Server<'a>) -> Vec<Condition> {
        let items = value.as_array().into_iter().flatten().enumerate();
        let read = |(index, item)| {
            let (spec, args, at) = self.entry(Kind::Condition, item, &path.index(index), server)?;
            self.made(Condition::from_args(spec, args), &at)
        };
        items.filter_map(read).collect()
    }

    fn action(&mut self, value: &'a Value, path: &Path, server: &Server<'a>) -> Option<Action> {
        let (spec, args, at) = self.entry(Kind::Action, value, path, server)?;
        self.made(Action::from_args(spec, args), &at)
    }

    /// Reads an entry, puts parameters in, and compares it with its schema.
    fn entry(
        &mut self,
        kind: Kind,
        value: &'a Value,
        path: &Path,
        server: &Server<'a>,
    ) -> Option<(&'static str, Value, Path)> {
        let entry = match entry::read(self.tree, kind, value, path, server.clone()) {
            Ok(entry) => entry,
            Err(problem) => {
                self.problems.push(problem);
                return None;
            }
        };
        let schema = Schema::new((entry.spec.schema)());
        let field = schema.root();
        let mut filled: BTreeMap<&str, (Value, Path)> = entry
            .args
            .iter()
            .map(|(name, (value, at))| (*name, (self.filler.value(field.property(name), value, at), at.clone())))
            .collect();
        let mut problems = self.filler.take_problems();
        if let Some(argument) = entry.spec.server.filter(|argument| !filled.contains_key(argument)) {
            problems.push(self.serverless(argument, &entry.path));
            // Any name keeps the schema from reporting the same again.
            filled.insert(argument, (Value::from("x"), entry.path.clone()));
        }
        let given = filled.iter().map(|(name, (value, at))| (*name, (value, at.clone()))).collect();
        let check = self.check();
        let mut walk = Walk::new(self.tree.places(), &check);
        walk.fields(field, &given, &entry.path);
        problems.extend(walk.finish());
        let clean = problems.is_empty();
        self.problems.extend(problems);
        let args = filled.into_iter().map(|(name, (value, _))| (name.to_owned(), value)).collect();
        clean.then_some((entry.spec.name, Value::Object(args), entry.path))
    }

    fn serverless(&self, argument: &str, path: &Path) -> Problem {
        let mark = self.tree.places().value(path);
        let problem = Problem::new(code::MISSING_KEY, path.to_string(), mark, format!("`{argument}` is missing"));
        problem.help(format!("give the step a `server:`, or the entry a `{argument}`"))
    }

    fn made<T>(&mut self, made: Result<T, String>, path: &Path) -> Option<T> {
        made.map_err(|message| self.at_key(code::BAD_MEANING, path, shortened(&message))).ok()
    }

    /// One value outside of the vocabulary, with parameters put in and compared with its schema.
    fn checked(&mut self, schema: &Schema, value: &Value, path: &Path) -> Option<Value> {
        let filled = self.filler.value(Some(schema.root()), value, path);
        let mut problems = self.filler.take_problems();
        let check = self.check();
        let mut walk = Walk::new(self.tree.places(), &check);
        walk.value(&schema.root(), &filled, path);
        problems.extend(walk.finish());
        let clean = problems.is_empty();
        self.problems.extend(problems);
        clean.then_some(filled)
    }

    fn server(&mut self, value: &Value, path: &Path) {
        let _ = self.checked(&Schema::of::<crate::domain::base::ServerName>(), value, path);
    }

    fn words(&mut self, value: &Value, path: &Path) -> Option<String> {
        let words = value.as_str().map(|text| self.filler.words(text, path));
        self.problems.extend(self.filler.take_problems());
        words
    }

    fn needed_words(&mut self, value: &Value, path: &Path) -> Option<String> {
        match value.as_str().map(str::trim) {
            Some(text) if !text.is_empty() => self.words(&Value::String(text.to_owned()), path),
            _ => {
                self.at_value(code::WRONG_KIND, path, format!("expected a text, found {}", describe(value)));
                None
            }
        }
    }

    /// Reports the keys of a mapping that are none of `known`.
    fn only(&mut self, value: &Value, path: &Path, known: &[&str]) {
        let unknown = value.as_object().into_iter().flatten().map(|(key, _)| key);
        for key in unknown.filter(|key| !known.contains(&key.as_str())) {
            let mark = self.tree.places().key(&path.key(key));
            let message = format!("there is no key `{}` here", shortened(key));
            let problem = Problem::new(code::UNKNOWN_KEY, path.key(key).to_string(), mark, message);
            self.problems.push(problem.help(suggestion(key, known)));
        }
    }

    /// Judges a text by its format, and a server by the fleet if one is chosen.
    fn check(&self) -> impl Fn(&str, &str) -> Result<(), Refusal> + use<'a> {
        let fleet = self.fleet;
        move |format, text| {
            check_format(format, text)?;
            match fleet {
                Some(fleet) if format == "server name" => in_fleet(fleet, text),
                _ => Ok(()),
            }
        }
    }

    fn at_value(&mut self, code: Code, path: &Path, message: String) {
        let mark = self.tree.places().value(path);
        self.problems.push(Problem::new(code, path.to_string(), mark, message));
    }

    fn at_key(&mut self, code: Code, path: &Path, message: String) {
        let mark = self.tree.places().key(path);
        self.problems.push(Problem::new(code, path.to_string(), mark, message));
    }
}

/// Whether the fleet declares a server of this name.
pub(super) fn in_fleet(fleet: &Fleet, name: &str) -> Result<(), Refusal> {
    let names: Vec<&str> = fleet.servers.keys().map(crate::domain::base::ServerName::as_str).collect();
    if names.contains(&name) {
        return Ok(());
    }
    let message = format!("fleet `{}` has no server `{}`", fleet.name, shortened(name));
    Err(Refusal { code: code::UNKNOWN_SERVER, message, help: Some(suggestion(name, &names)) })
}

/// The step that undoes `step`: under its name, with nothing else of it.
fn undoing(step: &Step, action: Action) -> Step {
    let (id, title) = (step.id.clone(), format!("Undo: {}", step.title));
    let (preconditions, postconditions) = (Vec::new(), Vec::new());
    let work = Work::Act(action);
    Step { id, title, why: None, work, preconditions, postconditions, danger: None, undo: None, repeat: None }
}

/// The file's line breaks are the author's editor's; screens break lines by their own width. An empty line stays one.
fn folded(text: &str) -> String {
    let paragraphs = text.trim().split("\n\n");
    let folded = paragraphs.map(|paragraph| paragraph.split_whitespace().collect::<Vec<_>>().join(" "));
    folded.collect::<Vec<_>>().join("\n")
}
