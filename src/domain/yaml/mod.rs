//! Reads YAML documents so that every problem is found in one go and has its line and column.
//!
//! `serde_yaml` reads the values; a second look at the parser's events gives every value its place and refuses what a
//! reviewer could misread: duplicate keys, anchors, tags, merge keys, further documents, invisible characters. A value
//! is then compared with the JSON schema of its type, and only a value without problems is deserialized. Knows nothing
//! of runbooks or fleets.

pub mod code;
mod format;
mod path;
mod place;
mod problem;
mod schema;
#[cfg(test)]
mod tests;
mod text;

pub use code::{Code, Severity};
pub use format::{Check, Refusal, check as check_format};
pub use path::{Path, Segment};
pub use place::Place;
pub use problem::{Mark, Problem, Problems};
pub use schema::{Field, Schema, Walk};
pub(crate) use schema::{alternatives, describe, suggestion};
pub use text::{decode, shortened};

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::domain::base::Digest;
use place::Inside;

/// The longest document that is read, in bytes.
const MAX_BYTES: usize = 1 << 20;
/// The deepest nesting that is read.
const MAX_DEPTH: usize = 64;
/// The longest key that is read, in characters.
const MAX_KEY: usize = 256;

/// A document as values with places, its meaning not yet looked at.
#[derive(Debug, Clone)]
pub struct Tree {
    file: String,
    text: String,
    value: Value,
    places: Place,
}

/// A document read as a `T`.
#[derive(Debug, Clone)]
pub struct Document<T> {
    pub value: T,
    /// SHA-256 of the file's bytes.
    pub digest: Digest,
    pub tree: Tree,
}

/// Reads `text` as a `T`. `file` is only shown.
pub fn read<T: DeserializeOwned + schemars::JsonSchema>(file: &str, text: &str) -> Result<Document<T>, Problems> {
    let tree = parse(file, text)?;
    let schema = Schema::of::<T>();
    let mut walk = Walk::new(&tree.places, &format::check);
    walk.value(&schema.root(), &tree.value, &Path::root());
    let problems = walk.finish();
    if !problems.is_empty() {
        return Err(tree.problems(problems));
    }
    match serde_json::from_value(tree.value.clone()) {
        Ok(value) => Ok(Document { value, digest: tree.digest(), tree }),
        Err(error) => {
            let message = shortened(&error.to_string());
            Err(tree.problems(vec![Problem::new(code::WRONG_KIND, String::new(), Mark::START, message)]))
        }
    }
}

/// Reads `text` as values with places.
pub fn parse(file: &str, text: &str) -> Result<Tree, Problems> {
    let refused = |list| Problems::new(file, if text.len() > MAX_BYTES { "" } else { text }, list);
    text::check(text).map_err(refused)?;
    let places = place::places(text).map_err(refused)?;
    let value: serde_yaml::Value = serde_yaml::from_str(text).map_err(|error| refused(vec![not_yaml(&error)]))?;
    let mut problems = Vec::new();
    let value = agreed(&value, &places, &Path::root(), &mut problems);
    if problems.is_empty() {
        Ok(Tree { file: file.to_owned(), text: text.to_owned(), value, places })
    } else {
        Err(refused(problems))
    }
}

fn not_yaml(error: &serde_yaml::Error) -> Problem {
    let at = error.location().map_or(Mark::START, |at| Mark { line: at.line(), column: at.column(), length: 1 });
    Problem::new(code::NOT_YAML, String::new(), at, format!("this is not YAML: {}", shortened(&error.to_string())))
}

/// The value as JSON, if both looks at the document saw the same in the same places.
fn agreed(value: &serde_yaml::Value, place: &Place, path: &Path, problems: &mut Vec<Problem>) -> Value {
    use serde_yaml::Value as Yaml;
    let json = match (value, &place.inside) {
        (Yaml::Mapping(map), Inside::Map(inside)) if map.len() == inside.len() => {
            return Value::Object(agreed_map(map, inside, path, problems));
        }
        (Yaml::Sequence(list), Inside::List(inside)) if list.len() == inside.len() => {
            let items = list.iter().zip(inside).enumerate();
            return items.map(|(at, (item, place))| agreed(item, place, &path.index(at), problems)).collect();
        }
        (Yaml::String(text), Inside::Scalar { text: seen, .. }) if text == seen => Some(Value::String(text.clone())),
        (Yaml::Null, Inside::Scalar { plain: true, .. }) => Some(Value::Null),
        (Yaml::Bool(flag), Inside::Scalar { plain: true, .. }) => Some(Value::Bool(*flag)),
        (Yaml::Number(_), Inside::Scalar { plain: true, .. }) => {
            serde_json::to_value(value).ok().filter(Value::is_number)
        }
        _ => None,
    };
    json.unwrap_or_else(|| {
        let message = "two readers of YAML understand this differently";
        let mark = place.value(&Path::root());
        let problem = Problem::new(code::AMBIGUOUS, path.to_string(), mark, message);
        problems.push(problem.help("write it in quotes, on one line"));
        Value::Null
    })
}

fn agreed_map(
    map: &serde_yaml::Mapping,
    inside: &std::collections::BTreeMap<String, Place>,
    path: &Path,
    problems: &mut Vec<Problem>,
) -> serde_json::Map<String, Value> {
    let mut out = serde_json::Map::new();
    for (key, place) in inside {
        let at = path.key(key);
        if let Some(value) = map.get(key.as_str()) {
            out.insert(key.clone(), agreed(value, place, &at, problems));
        } else {
            // `1:` and `true:` are keys of another type to one reader and texts to the other.
            let message = format!("the key `{}` must be a text", shortened(key));
            let problem = Problem::new(code::BAD_KEY, at.to_string(), place.key(&Path::root()), message);
            problems.push(problem.help("write it in quotes"));
        }
    }
    out
}

impl Tree {
    pub fn file(&self) -> &str {
        &self.file
    }

    pub fn text(&self) -> &str {
        &self.text
    }

    pub fn value(&self) -> &Value {
        &self.value
    }

    pub fn places(&self) -> &Place {
        &self.places
    }

    pub fn digest(&self) -> Digest {
        Digest::of(self.text.as_bytes())
    }

    /// The problems of this file.
    pub fn problems(&self, list: Vec<Problem>) -> Problems {
        Problems::new(&self.file, &self.text, list)
    }
}

impl<T> Document<T> {
    /// Gives the document its meaning. `resolve` answers with sentences that begin with the path of what they are
    /// about (`servers.db-a: ..`); each gets its place.
    pub fn resolve<U>(self, resolve: impl FnOnce(T, Digest) -> Result<U, Vec<String>>) -> Result<U, Problems> {
        let Self { value, digest, tree } = self;
        resolve(value, digest).map_err(|sentences| {
            let list = sentences.iter().map(|sentence| meaningless(&tree.places, sentence)).collect();
            tree.problems(list)
        })
    }
}

fn meaningless(places: &Place, sentence: &str) -> Problem {
    let (path, rest) = sentence.split_once(": ").unwrap_or(("", sentence));
    let place = path.split('.').filter(|key| !key.is_empty()).fold(Path::root(), |path, key| path.key(key));
    Problem::new(code::BAD_MEANING, path.to_owned(), places.value(&place), rest)
}
