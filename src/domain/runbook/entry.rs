//! Reads one entry of the vocabulary as it stands in a file: a name alone, or a name with its arguments.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::domain::vocabulary::{Action, Condition, Spec};
use crate::domain::yaml::{Code, Mark, Path, Problem, Tree, code, describe, shortened, suggestion};

/// Which part of the vocabulary an entry belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Action,
    Condition,
}

impl Kind {
    fn word(self) -> &'static str {
        match self {
            Self::Action => "action",
            Self::Condition => "condition",
        }
    }

    fn one(self) -> &'static str {
        match self {
            Self::Action => "an action",
            Self::Condition => "a condition",
        }
    }

    pub(super) fn all(self) -> &'static [Spec] {
        match self {
            Self::Action => Action::ALL,
            Self::Condition => Condition::ALL,
        }
    }

    fn find(self, name: &str) -> Option<&'static Spec> {
        self.all().iter().find(|spec| spec.name == name)
    }

    fn other(self) -> Self {
        match self {
            Self::Action => Self::Condition,
            Self::Condition => Self::Action,
        }
    }
}

/// An entry with its arguments by name, each with its place.
#[derive(Debug)]
pub(super) struct Entry<'a> {
    pub(super) spec: &'static Spec,
    pub(super) args: BTreeMap<&'a str, (&'a Value, Path)>,
    /// Where the name stands.
    pub(super) path: Path,
}

/// Works that are in the format and not in this version, with what to do instead.
const LATER: &[(&str, &str)] = &[
    ("shell", "use `manual:` and tell the person what to execute"),
    ("decide", "use `manual:` and ask for the decision"),
    ("run", "end with a `manual:` that names the other runbook"),
];

/// Reads the entry at `path`; the step's `server:` fills the entry's server.
pub(super) fn read<'a>(
    tree: &Tree,
    kind: Kind,
    value: &'a Value,
    path: &Path,
    server: Option<(&'a Value, Path)>,
) -> Result<Entry<'a>, Problem> {
    let mut entry = match value {
        Value::String(name) => match kind.find(name) {
            Some(spec) => Entry { spec, args: BTreeMap::new(), path: path.clone() },
            None => return Err(unknown(kind, name, path, tree.places().value(path))),
        },
        Value::Object(map) => from_mapping(tree, kind, map, path)?,
        other => {
            let message = format!("expected the name of {}, found {}", kind.one(), describe(other));
            return Err(at_value(tree, code::WRONG_KIND, path, message));
        }
    };
    if let (Some(argument), Some(server)) = (entry.spec.server, server) {
        entry.args.entry(argument).or_insert(server);
    }
    Ok(entry)
}

fn from_mapping<'a>(tree: &Tree, kind: Kind, map: &'a Map<String, Value>, path: &Path) -> Result<Entry<'a>, Problem> {
    let mut named = map.iter().filter_map(|(key, value)| Some((kind.find(key)?, key, value)));
    let Some((spec, name, value)) = named.next() else {
        return Err(no_name(tree, kind, map, path));
    };
    let at = path.key(name);
    if let Some((_, second, _)) = named.next() {
        let message = format!("two {}s in one place: `{name}` and `{second}`", kind.word());
        return Err(
            at_key(tree, code::WRONG_KIND, &path.key(second), message).help("write one entry, or one step, for each")
        );
    }
    let beside = map.iter().filter(|(key, _)| *key != name).map(|(key, value)| (key.as_str(), (value, path.key(key))));
    let mut args: BTreeMap<&str, (&Value, Path)> = beside.collect();
    match (value, spec.main) {
        (Value::Null, _) => {}
        (Value::Object(inner), _) => {
            if let Some((key, (_, place))) = args.first_key_value() {
                let message = format!("`{key}` stands beside the arguments of `{name}`");
                return Err(
                    at_key(tree, code::UNKNOWN_KEY, place, message).help("put it inside the braces, or indent it")
                );
            }
            args = inner.iter().map(|(key, value)| (key.as_str(), (value, at.key(key)))).collect();
        }
        (scalar, Some(main)) if !scalar.is_array() => {
            args.insert(main, (scalar, at.clone()));
        }
        (other, _) => {
            let message = format!("`{name}` takes named arguments, found {}", describe(other));
            return Err(at_value(tree, code::WRONG_KIND, &at, message).help(example(spec)));
        }
    }
    Ok(Entry { spec, args, path: at })
}

/// The problem of a mapping none of whose keys is a name: the key that stands first was meant to be.
fn no_name(tree: &Tree, kind: Kind, map: &Map<String, Value>, path: &Path) -> Problem {
    let first = map.keys().min_by_key(|key| tree.places().key(&path.key(key)));
    match first {
        None => at_value(tree, code::WRONG_KIND, path, format!("expected {}, found an empty mapping", kind.one())),
        Some(name) => unknown(kind, name, &path.key(name), tree.places().key(&path.key(name))),
    }
}

fn unknown(kind: Kind, name: &str, path: &Path, mark: Mark) -> Problem {
    if let Some((_, instead)) = LATER.iter().find(|(later, _)| *later == name && kind == Kind::Action) {
        let message = format!("`{name}` is not in this version");
        return Problem::new(code::LATER, path.to_string(), mark, message).help(*instead);
    }
    let mut names: Vec<&str> = kind.all().iter().map(|spec| spec.name).collect();
    if kind == Kind::Action {
        names.extend(["manual", "wait_until"]);
    }
    let help = if kind.other().find(name).is_some() {
        format!("`{name}` is {}, and {} is expected here", kind.other().one(), kind.one())
    } else if kind == Kind::Action && name.trim().contains(' ') {
        "a statement is written `sql: ..`, a task for a person `manual: ..`".to_owned()
    } else {
        suggestion(name, &names)
    };
    let message = format!("there is no {} `{}`", kind.word(), shortened(name));
    Problem::new(code::UNKNOWN_ENTRY, path.to_string(), mark, message).help(help)
}

fn example(spec: &Spec) -> String {
    format!("for example: {}", spec.example.replace('\n', ", "))
}

fn at_value(tree: &Tree, code: Code, path: &Path, message: String) -> Problem {
    Problem::new(code, path.to_string(), tree.places().value(path), message)
}

fn at_key(tree: &Tree, code: Code, path: &Path, message: String) -> Problem {
    Problem::new(code, path.to_string(), tree.places().key(path), message)
}
