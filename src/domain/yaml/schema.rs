//! Compares a value with the JSON schema of a type and collects every difference.
//!
//! Understands what `schemars` writes for the types of this program, no more. What it cannot judge is left to the
//! deserializer, so a gap in here costs a place and never lets a wrong value through.

use std::collections::BTreeMap;

use serde_json::Value;

use super::code::{self, Code};
use super::format::Check;
use super::path::Path;
use super::place::Place;
use super::problem::{Mark, Problem};
use super::text::shortened;
use crate::domain::base::text::did_you_mean;

/// The longest text that a suggestion is looked for.
const GUESSABLE: usize = 64;

/// The schema of a type.
#[derive(Debug, Clone)]
pub struct Schema(Value);

impl Schema {
    pub fn of<T: schemars::JsonSchema>() -> Self {
        Self::new(schemars::schema_for!(T))
    }

    pub fn new(schema: schemars::Schema) -> Self {
        Self(schema.to_value())
    }

    pub fn root(&self) -> Field<'_> {
        Field { schema: &self.0, defs: &self.0["$defs"] }
    }
}

/// What a schema says of one value.
#[derive(Debug, Clone, Copy)]
pub struct Field<'a> {
    schema: &'a Value,
    defs: &'a Value,
}

impl<'a> Field<'a> {
    fn inside(self, schema: &'a Value) -> Self {
        Self { schema, defs: self.defs }.resolved()
    }

    /// The field with its reference followed. References of `schemars` do not form rings without a value between.
    fn resolved(self) -> Self {
        let name = self.schema["$ref"].as_str().and_then(|at| at.strip_prefix("#/$defs/"));
        match name.and_then(|name| self.defs.get(name)) {
            Some(schema) => Self { schema, defs: self.defs },
            None => self,
        }
    }

    pub fn property(self, name: &str) -> Option<Self> {
        self.schema["properties"].get(name).map(|schema| self.inside(schema))
    }

    pub fn property_names(self) -> Vec<&'a str> {
        self.schema["properties"].as_object().map(|map| map.keys().map(String::as_str).collect()).unwrap_or_default()
    }

    /// What every item of a list, or every value of a mapping with free keys, is.
    pub fn each(self) -> Option<Self> {
        let each = self.schema.get("items").or_else(|| self.schema.get("additionalProperties"));
        each.filter(|schema| schema.is_object()).map(|schema| self.inside(schema))
    }

    pub fn format(self) -> Option<&'a str> {
        self.schema["format"].as_str()
    }

    fn required(self) -> Vec<&'a str> {
        self.schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect()
    }

    fn description(self) -> Option<&'a str> {
        self.schema["description"].as_str()
    }

    /// The words it can be, if it can be nothing else.
    pub fn words(self) -> Option<Vec<&'a str>> {
        if let Some(words) = self.schema["enum"].as_array() {
            return words.iter().map(Value::as_str).collect();
        }
        self.variants()?.iter().map(|variant| variant.schema["const"].as_str()).collect()
    }

    fn variants(self) -> Option<Vec<Self>> {
        let list = self.schema.get("oneOf").or_else(|| self.schema.get("anyOf"))?.as_array()?;
        Some(list.iter().map(|schema| self.inside(schema)).collect())
    }

    /// The names of the kinds it can be; empty if it can be anything.
    pub fn kinds(self) -> Vec<&'a str> {
        match &self.schema["type"] {
            Value::String(kind) => vec![kind],
            Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).collect(),
            _ => self.variants().unwrap_or_default().into_iter().flat_map(Self::kinds).collect(),
        }
    }

    fn takes(self, value: &Value) -> bool {
        let kinds = self.kinds();
        kinds.is_empty() || kinds.iter().any(|kind| is_of(value, kind))
    }
}

fn is_of(value: &Value, kind: &str) -> bool {
    match kind {
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        "null" => value.is_null(),
        _ => true,
    }
}

/// One comparison, collecting problems.
pub struct Walk<'a> {
    places: &'a Place,
    check: Check<'a>,
    problems: Vec<Problem>,
}

impl<'a> Walk<'a> {
    pub fn new(places: &'a Place, check: Check<'a>) -> Self {
        Self { places, check, problems: Vec::new() }
    }

    #[must_use]
    pub fn finish(self) -> Vec<Problem> {
        self.problems
    }

    /// Compares the value at `path`.
    pub fn value(&mut self, field: &Field<'_>, value: &Value, path: &Path) {
        let field = field.resolved();
        if let Some(words) = field.words() {
            return self.word(&words, value, path);
        }
        if !field.takes(value) {
            return self.wrong_kind(field, value, path);
        }
        if let Some(variants) = field.variants() {
            return self.variant(&variants, value, path);
        }
        match value {
            Value::String(text) => self.text(field, text, path),
            Value::Number(number) => self.number(field, number, path),
            Value::Array(items) => {
                for (at, item) in items.iter().enumerate() {
                    if let Some(each) = field.each() {
                        self.value(&each, item, &path.index(at));
                    }
                }
            }
            Value::Object(map) => {
                let given = map.iter().map(|(key, value)| (key.as_str(), (value, path.key(key)))).collect();
                self.fields(field, &given, path);
            }
            Value::Null | Value::Bool(_) => {}
        }
    }

    /// Compares the keys that were given, each with its value and the value's own path; the mapping stands at `path`.
    pub fn fields(&mut self, field: Field<'_>, given: &BTreeMap<&str, (&Value, Path)>, path: &Path) {
        for (key, (value, at)) in given {
            if let Some(property) = field.property(key) {
                self.value(&property, value, at);
            } else if let Some(each) = field.each() {
                self.value(&each, value, at);
            } else if field.kinds().contains(&"object") {
                self.unknown_key(field, key, value, at);
            }
        }
        for name in field.required().into_iter().filter(|name| !given.contains_key(name)) {
            let mark = self.places.value(path);
            let meaning = field.property(name).and_then(Field::description).map(|text| first_line(name, text));
            self.push(
                Problem::new(code::MISSING_KEY, path.to_string(), mark, format!("`{name}` is missing"))
                    .help_maybe(meaning),
            );
        }
    }

    fn unknown_key(&mut self, field: Field<'_>, key: &str, value: &Value, at: &Path) {
        let mark = self.places.key(at);
        if let Some(instead) = field.schema["x-later"][key].as_str() {
            let message = format!("`{key}` is not in this version");
            return self.push(Problem::new(code::LATER, at.to_string(), mark, message).help(instead));
        }
        let names = field.property_names();
        let help = match key.contains(' ') && value.is_null() {
            true => Some("between braces, a text with a comma in it needs quotes".to_owned()),
            false if names.is_empty() => None,
            false => Some(suggestion(key, &names)),
        };
        let message = format!("there is no key `{}` here", shortened(key));
        self.push(Problem::new(code::UNKNOWN_KEY, at.to_string(), mark, message).help_maybe(help));
    }

    fn word(&mut self, words: &[&str], value: &Value, path: &Path) {
        match value.as_str() {
            Some(text) if words.contains(&text) => {}
            found => {
                let message = format!("expected {}, found {}", alternatives(words), describe(value));
                let near = found.and_then(|text| guess(text, words)).map(|word| format!("did you mean `{word}`?"));
                self.at_value(code::WRONG_KIND, path, message, near);
            }
        }
    }

    fn variant(&mut self, variants: &[Field<'_>], value: &Value, path: &Path) {
        let matching: Vec<&Field<'_>> = variants.iter().filter(|variant| variant.takes(value)).collect();
        let tagged = matching.iter().find(|variant| variant.required().iter().all(|key| value.get(key).is_some()));
        if let Some(variant) = tagged.or(matching.first()) {
            self.value(variant, value, path);
        }
    }

    fn text(&mut self, field: Field<'_>, text: &str, path: &Path) {
        let Some(format) = field.format() else { return };
        if let Err(refusal) = (self.check)(format, text) {
            self.at_value(refusal.code, path, refusal.message, refusal.help);
        }
    }

    fn number(&mut self, field: Field<'_>, number: &serde_json::Number, path: &Path) {
        let most = match field.format() {
            Some("uint8") => Some(f64::from(u8::MAX)),
            Some("uint16") => Some(f64::from(u16::MAX)),
            Some("uint32") => Some(f64::from(u32::MAX)),
            _ => field.schema["maximum"].as_f64(),
        };
        let (found, least) = (number.as_f64(), field.schema["minimum"].as_f64());
        if let (Some(found), Some(least)) = (found, least)
            && found < least
        {
            self.at_value(code::WRONG_KIND, path, format!("expected at least {least}, found {number}"), None);
        }
        if let (Some(found), Some(most)) = (found, most)
            && found > most
        {
            self.at_value(code::WRONG_KIND, path, format!("expected at most {most}, found {number}"), None);
        }
    }

    fn wrong_kind(&mut self, field: Field<'_>, value: &Value, path: &Path) {
        let kinds: Vec<&str> = field.kinds().into_iter().filter(|kind| *kind != "null").map(kind_word).collect();
        let kinds = kinds.join(" or ");
        let named = field.format().filter(|format| kinds == "a text" && *format != "words");
        let of = named.map(|format| format!(" ({format})")).unwrap_or_default();
        let message = format!("expected {kinds}{of}, found {}", describe(value));
        let quotes = matches!(value, Value::Number(_) | Value::Bool(_)) && kinds.contains("a text");
        self.at_value(code::WRONG_KIND, path, message, quotes.then(|| format!("write it in quotes: \"{value}\"")));
    }

    fn at_value(&mut self, code: Code, path: &Path, message: String, help: Option<String>) {
        let mark: Mark = self.places.value(path);
        self.push(Problem::new(code, path.to_string(), mark, message).help_maybe(help));
    }

    fn push(&mut self, problem: Problem) {
        self.problems.push(problem);
    }
}

/// `did you mean ..?`, or all there is.
pub(crate) fn suggestion(found: &str, names: &[&str]) -> String {
    match guess(found, names) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("expected {}", alternatives(names)),
    }
}

fn guess<'a>(found: &str, names: &[&'a str]) -> Option<&'a str> {
    if found.len() > GUESSABLE { None } else { did_you_mean(found, names.iter().copied()) }
}

/// `a`, `b` or `c`, in backticks.
pub(crate) fn alternatives(names: &[&str]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    match quoted.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, rest)) => format!("{} or {last}", rest.join(", ")),
        None => "nothing".to_owned(),
    }
}

/// A value in a message.
pub(crate) fn describe(value: &Value) -> String {
    match value {
        Value::Null => "nothing".to_owned(),
        Value::Bool(flag) => format!("`{flag}`"),
        Value::Number(number) => format!("the number {number}"),
        Value::String(text) => format!("the text `{}`", shortened(text)),
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "a mapping".to_owned(),
    }
}

fn kind_word(kind: &str) -> &str {
    match kind {
        "string" => "a text",
        "integer" => "a whole number",
        "number" => "a number",
        "boolean" => "`true` or `false`",
        "array" => "a list",
        "object" => "a mapping",
        other => other,
    }
}

fn first_line(name: &str, description: &str) -> String {
    format!("`{name}`: {}", description.lines().next().unwrap_or_default())
}
