//! Reads a runbook's file, and gives it its meaning on one fleet.

use std::collections::{BTreeMap, BTreeSet};

use super::build::{Builder, in_fleet};
use super::file::RunbookFile;
use super::lint::{self, Draft};
use super::param::{Param, ParamValue, Params, Prefer};
use super::shape::{Runbook, Step};
use crate::domain::base::{Digest, ServerName};
use crate::domain::fleet::Fleet;
use crate::domain::yaml::{
    self, Code, Mark, Path, Problem, Problems, Schema, Severity, Tree, Walk, alternatives, check_format, code,
    suggestion,
};

/// A runbook as it was written: every part is well formed, and its parameters still stand for anything.
#[derive(Debug, Clone)]
pub struct Source {
    tree: Tree,
    params: Params,
    warnings: Problems,
}

/// Reads the text of a runbook. `file` is only shown. Fails with every error and warning there is.
pub fn read(file: &str, text: &str) -> Result<Source, Problems> {
    let tree = yaml::parse(file, text)?;
    if let Some(problem) = other_version(&tree) {
        return Err(tree.problems(vec![problem]));
    }
    let schema = Schema::of::<RunbookFile>();
    let mut walk = Walk::new(tree.places(), &check_format);
    walk.value(&schema.root(), tree.value(), &Path::root());
    let mut problems = walk.finish();
    let params = Params::read(&tree, &mut problems);
    let values = params.stand_ins();
    let mut builder = Builder::new(&tree, &params, &values, None);
    let steps = builder.steps();
    problems.extend(builder.finish().into_iter().map(as_written));
    problems.extend(lint::check(&Draft { tree: &tree, params: &params, steps: &steps }));
    if problems.iter().any(|problem| problem.severity == Severity::Error) {
        return Err(tree.problems(problems));
    }
    let warnings = tree.problems(problems);
    Ok(Source { tree, params, warnings })
}

/// A file of another version is not judged by the rules of this one.
fn other_version(tree: &Tree) -> Option<Problem> {
    let found = tree.value()["countersign"].as_u64().filter(|version| *version != 1)?;
    let path = Path::root().key("countersign");
    let message = format!("expected format version 1, found {found}");
    let problem = Problem::new(code::VERSION, path.to_string(), tree.places().value(&path), message);
    Some(problem.help("a file of a newer version needs a newer program"))
}

/// A message about a stand-in names the parameter.
fn as_written(mut problem: Problem) -> Problem {
    problem.message = problem.message.replace("`param.", "`$");
    problem
}

impl Source {
    pub fn name(&self) -> &str {
        self.head("name")
    }

    pub fn title(&self) -> &str {
        self.head("title")
    }

    pub fn use_when(&self) -> &str {
        self.head("use_when")
    }

    pub fn not_when(&self) -> &str {
        self.head("not_when")
    }

    /// The declared parameters in the order of the file.
    pub fn params(&self) -> Vec<&Param> {
        let place = |param: &&Param| self.tree.places().key(&param_path(&param.name));
        let mut params: Vec<&Param> = self.params.iter().collect();
        params.sort_by_key(place);
        params
    }

    pub fn digest(&self) -> Digest {
        self.tree.digest()
    }

    pub fn text(&self) -> &str {
        self.tree.text()
    }

    /// What somebody will be sorry about; none of it keeps the runbook from being used.
    pub fn warnings(&self) -> &Problems {
        &self.warnings
    }

    /// The runbook's meaning on `fleet` with these parameters.
    pub fn resolve(&self, given: &BTreeMap<String, String>, fleet: &Fleet) -> Result<Runbook, Problems> {
        let values = Chooser { source: self, fleet, problems: Vec::new() }.choose(given)?;
        let mut builder = Builder::new(&self.tree, &self.params, &values, Some(fleet));
        let steps = builder.steps();
        let [name, title, owner, use_when, not_when] =
            ["name", "title", "owner", "use_when", "not_when"].map(|key| builder.head(key));
        let problems = builder.finish();
        let whole: Option<Vec<Step>> = steps.into_iter().collect();
        match whole.filter(|_| problems.is_empty()) {
            Some(steps) => {
                let (digest, text) = (self.digest(), self.text().to_owned());
                Ok(Runbook { name, title, owner, use_when, not_when, params: values, steps, digest, text })
            }
            None => Err(self.tree.problems(problems)),
        }
    }

    fn head(&self, key: &str) -> &str {
        self.tree.value()[key].as_str().unwrap_or_default()
    }
}

fn param_path(name: &str) -> Path {
    Path::root().key("params").key(name)
}

/// Finds a value for every parameter.
struct Chooser<'a> {
    source: &'a Source,
    fleet: &'a Fleet,
    problems: Vec<Problem>,
}

impl Chooser<'_> {
    fn choose(mut self, given: &BTreeMap<String, String>) -> Result<BTreeMap<String, ParamValue>, Problems> {
        self.undeclared(given);
        let mut values = BTreeMap::new();
        let mut remaining = Vec::new();
        for param in self.source.params() {
            match (given.get(&param.name), &param.default, param.prefer) {
                (Some(text), _, _) => self.parse(param, text, &mut values),
                (None, Some(default), _) => self.take(param, default.clone(), &mut values),
                (None, None, Some(Prefer::OtherReplica)) => remaining.push(param),
                (None, None, _) => self.missing(param),
            }
        }
        self.distinct(&values);
        if self.problems.is_empty() {
            for param in remaining {
                self.remaining(param, &mut values);
            }
        }
        if self.problems.is_empty() { Ok(values) } else { Err(self.source.tree.problems(self.problems)) }
    }

    fn undeclared(&mut self, given: &BTreeMap<String, String>) {
        let names = self.source.params.names();
        for name in given.keys().filter(|name| !names.contains(&name.as_str())) {
            let message = format!("runbook `{}` has no parameter `{}`", self.source.name(), yaml::shortened(name));
            let help = if names.is_empty() { "it takes none".to_owned() } else { suggestion(name, &names) };
            let mark = self.source.tree.places().key(&Path::root().key("params"));
            self.problems.push(Problem::new(code::PARAM_NOT_DECLARED, "params".to_owned(), mark, message).help(help));
        }
    }

    fn parse(&mut self, param: &Param, text: &str, values: &mut BTreeMap<String, ParamValue>) {
        match ParamValue::parse(param.of, text) {
            Ok(value) => self.take(param, value, values),
            Err(message) => self.refuse(param, code::PARAM_BAD_VALUE, format!("`{}`: {message}", param.name), None),
        }
    }

    fn take(&mut self, param: &Param, value: ParamValue, values: &mut BTreeMap<String, ParamValue>) {
        if let ParamValue::Server(server) = &value
            && let Err(refusal) = in_fleet(self.fleet, server.as_str())
        {
            let message = format!("`{}`: {}", param.name, refusal.message);
            return self.refuse(param, refusal.code, message, refusal.help);
        }
        values.insert(param.name.clone(), value);
    }

    fn missing(&mut self, param: &Param) {
        let what = if param.help.is_empty() { String::new() } else { format!(": {}", param.help) };
        let message = format!("`{}` needs a value, a {}{what}", param.name, param.of.word());
        self.refuse(param, code::PARAM_NOT_GIVEN, message, Some(format!("give it with `-p {}=VALUE`", param.name)));
    }

    /// `prefer: other_replica`: the one server that no other parameter names.
    fn remaining(&mut self, param: &Param, values: &mut BTreeMap<String, ParamValue>) {
        let named: BTreeSet<&ServerName> = values.values().filter_map(server_of).collect();
        let rest: Vec<&ServerName> = self.fleet.servers.keys().filter(|server| !named.contains(server)).collect();
        match rest.as_slice() {
            [one] => {
                let value = ParamValue::Server((*one).clone());
                values.insert(param.name.clone(), value);
            }
            [] => {
                let message = format!(
                    "`{}` is the server that no other parameter names, and fleet `{}` has no further server",
                    param.name, self.fleet.name
                );
                self.refuse(param, code::PARAM_NOT_GIVEN, message, None);
            }
            several => {
                let names: Vec<&str> = several.iter().map(|server| server.as_str()).collect();
                let message = format!("`{}` can be {}: choose one", param.name, alternatives(&names));
                let help = format!("give it with `-p {}=SERVER`", param.name);
                self.refuse(param, code::PARAM_NOT_GIVEN, message, Some(help));
            }
        }
    }

    fn distinct(&mut self, values: &BTreeMap<String, ParamValue>) {
        let mut seen: BTreeMap<&ServerName, &str> = BTreeMap::new();
        for param in self.source.params() {
            let Some(server) = values.get(&param.name).and_then(server_of) else { continue };
            if let Some(first) = seen.insert(server, &param.name) {
                let message = format!("`{first}` and `{}` are both `{server}`", param.name);
                self.refuse(param, code::SAME_SERVER, message, Some("name two different servers".to_owned()));
            }
        }
    }

    fn refuse(&mut self, param: &Param, code: Code, message: String, help: Option<String>) {
        let path = param_path(&param.name);
        let mark: Mark = self.source.tree.places().key(&path);
        self.problems.push(Problem::new(code, path.to_string(), mark, message).help_maybe(help));
    }
}

fn server_of(value: &ParamValue) -> Option<&ServerName> {
    match value {
        ParamValue::Server(server) => Some(server),
        _ => None,
    }
}
