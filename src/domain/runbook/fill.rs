//! Puts parameters where `$name` stands, by the declared type of the field that receives them. No text templating:
//! a name stays a name, a string a string, and nothing is put inside quotes.

use std::collections::BTreeMap;

use serde_json::Value;

use super::param::{ParamType, ParamValue, Params};
use super::reference::{Piece, pieces};
use crate::domain::sql::lexer::{Reading, lex};
use crate::domain::yaml::{Code, Field, Path, Problem, Tree, code, suggestion};

/// The parameters of one reading, and the problems met when they were put in.
pub(super) struct Filler<'a> {
    tree: &'a Tree,
    params: &'a Params,
    values: &'a BTreeMap<String, ParamValue>,
    problems: Vec<Problem>,
}

/// What a text field receives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Receives {
    /// One value of one type, and nothing beside it.
    Whole(ParamType),
    Statement,
    /// Words for people.
    Words,
    Nothing,
}

impl<'a> Filler<'a> {
    pub(super) fn new(tree: &'a Tree, params: &'a Params, values: &'a BTreeMap<String, ParamValue>) -> Self {
        Self { tree, params, values, problems: Vec::new() }
    }

    pub(super) fn take_problems(&mut self) -> Vec<Problem> {
        std::mem::take(&mut self.problems)
    }

    /// The value with every parameter in it filled in. After a problem it is a value that fits the field.
    pub(super) fn value(&mut self, field: Option<Field<'_>>, value: &Value, path: &Path) -> Value {
        match value {
            Value::String(text) => self.text(field, text, path),
            Value::Array(items) => {
                let each = field.and_then(Field::each);
                items.iter().enumerate().map(|(at, item)| self.value(each, item, &path.index(at))).collect()
            }
            Value::Object(map) => {
                let inside = |key: &str| field.and_then(|field| field.property(key).or_else(|| field.each()));
                let filled = map.iter().map(|(key, item)| (key.clone(), self.value(inside(key), item, &path.key(key))));
                Value::Object(filled.collect())
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
        }
    }

    /// Words for people.
    pub(super) fn words(&mut self, text: &str, path: &Path) -> String {
        match self.split(text, path) {
            Some(parts) => parts.iter().map(Part::plain).collect(),
            None => text.to_owned(),
        }
    }

    fn text(&mut self, field: Option<Field<'_>>, text: &str, path: &Path) -> Value {
        let receives = field.map_or(Receives::Words, receives);
        let parts = self.split(text, path);
        let filled = parts.and_then(|parts| self.fit(receives, text, &parts, path));
        filled.unwrap_or_else(|| stand_in(field, receives, text))
    }

    fn fit(&mut self, receives: Receives, text: &str, parts: &[Part<'_>], path: &Path) -> Option<Value> {
        if parts.iter().all(|part| matches!(part, Part::Plain(_))) {
            return Some(Value::String(parts.iter().map(Part::plain).collect()));
        }
        match receives {
            Receives::Words => Some(Value::String(parts.iter().map(Part::plain).collect())),
            Receives::Statement => self.statement(parts, path).map(Value::String),
            Receives::Whole(of) => self.whole(of, text, parts, path),
            Receives::Nothing => {
                let message = format!("`{text}` cannot be a parameter: this field is fixed by the runbook");
                self.refuse(code::PARAM_MISFIT, path, message, None);
                None
            }
        }
    }

    fn whole(&mut self, of: ParamType, text: &str, parts: &[Part<'_>], path: &Path) -> Option<Value> {
        let [Part::Value(name, value)] = parts else {
            let message =
                format!("expected a {} or one parameter, found `{text}`: parts cannot be put together", of.word());
            self.refuse(code::PARAM_MISFIT, path, message, None);
            return None;
        };
        if value.of() != of {
            let message = format!("`${name}` is a {}, and a {} is expected here", value.of().word(), of.word());
            let fitting: Vec<String> =
                self.params.iter().filter(|param| param.of == of).map(|param| format!("${}", param.name)).collect();
            let fitting: Vec<&str> = fitting.iter().map(String::as_str).collect();
            let help = (!fitting.is_empty()).then(|| suggestion(&format!("${name}"), &fitting));
            self.refuse(code::PARAM_MISFIT, path, message, help);
            return None;
        }
        match value {
            ParamValue::Number(number) => Some(Value::Number(number.clone())),
            other => Some(Value::String(other.plain())),
        }
    }

    /// A statement. A parameter must be a token of its own: inside quotes or a comment its quoting would mean
    /// something else than it does outside.
    fn statement(&mut self, parts: &[Part<'_>], path: &Path) -> Option<String> {
        const MARK: &str = "parameter_of_the_runbook";
        let (mut marked, mut filled, mut expected) = (String::new(), String::new(), Vec::new());
        for part in parts {
            match part {
                Part::Plain(text) => {
                    marked.push_str(text);
                    filled.push_str(text);
                }
                Part::Value(name, value) => {
                    let Some(sql) = value.in_sql() else {
                        let message = format!("`${name}` is a {}, which has no form in a statement", value.of().word());
                        self.refuse(code::PARAM_MISFIT, path, message, None);
                        return None;
                    };
                    expected.push((marked.len(), *name));
                    marked.push_str(MARK);
                    filled.push_str(&sql);
                }
            }
        }
        let tokens = [Reading::Skipped, Reading::Expanded].map(|reading| lex(&marked, reading));
        for (at, name) in expected {
            let alone = tokens.iter().all(|lexed| {
                lexed.as_ref().is_ok_and(|lexed| lexed.tokens.iter().any(|token| token.at == at && token.text == MARK))
            });
            if !alone {
                let message = format!("`${name}` must stand alone in a statement, outside of quotes and comments");
                let help = "it is quoted by its type where it is put in".to_owned();
                self.refuse(code::PARAM_MISFIT, path, message, Some(help));
                return None;
            }
        }
        Some(filled)
    }

    fn split<'t>(&mut self, text: &'t str, path: &Path) -> Option<Vec<Part<'t>>> {
        let pieces = match pieces(text) {
            Ok(pieces) => pieces,
            Err(message) => {
                let help = "write `$$` for a dollar sign, and `$name` for a parameter".to_owned();
                self.refuse(code::UNKNOWN_PARAM, path, message, Some(help));
                return None;
            }
        };
        let before = self.problems.len();
        let parts: Option<Vec<Part<'t>>> = pieces
            .into_iter()
            .map(|piece| match piece {
                Piece::Plain(text) => Some(Part::Plain(text)),
                Piece::Param(name) => self.param(name, path).map(|value| Part::Value(name, value)),
            })
            .collect();
        parts.filter(|_| self.problems.len() == before)
    }

    fn param(&mut self, name: &str, path: &Path) -> Option<ParamValue> {
        if !self.params.declares(name) {
            let names = self.params.names();
            let help = if names.is_empty() {
                format!("declare it: `params: {{{name}: {{type: ..}}}}`; a dollar sign is written `$$`")
            } else {
                suggestion(name, &names)
            };
            self.refuse(code::UNKNOWN_PARAM, path, format!("there is no parameter `{name}`"), Some(help));
        }
        self.values.get(name).cloned()
    }

    fn refuse(&mut self, code: Code, path: &Path, message: String, help: Option<String>) {
        let mark = self.tree.places().value(path);
        self.problems.push(Problem::new(code, path.to_string(), mark, message).help_maybe(help));
    }
}

/// A part of a text, its parameter looked up.
enum Part<'a> {
    Plain(String),
    Value(&'a str, ParamValue),
}

impl Part<'_> {
    fn plain(&self) -> String {
        match self {
            Self::Plain(text) => text.clone(),
            Self::Value(_, value) => value.plain(),
        }
    }
}

fn receives(field: Field<'_>) -> Receives {
    if field.words().is_some() {
        return Receives::Nothing;
    }
    match field.format() {
        Some("server name") => Receives::Whole(ParamType::Server),
        Some("table") => Receives::Whole(ParamType::Table),
        Some("duration") => Receives::Whole(ParamType::Duration),
        Some("sql") => Receives::Statement,
        Some("step id") => Receives::Nothing,
        _ if field.kinds().iter().any(|kind| matches!(*kind, "integer" | "number")) => {
            Receives::Whole(ParamType::Number)
        }
        _ => Receives::Words,
    }
}

/// Something that the field takes, so that one problem is not reported as two.
fn stand_in(field: Option<Field<'_>>, receives: Receives, text: &str) -> Value {
    match receives {
        Receives::Whole(ParamType::Number) => Value::from(1),
        Receives::Whole(of) => Value::String(ParamValue::stand_in("x", of).plain()),
        Receives::Statement => Value::String("SELECT 1".to_owned()),
        Receives::Words => Value::String(text.to_owned()),
        Receives::Nothing => {
            let word = field.and_then(Field::words).and_then(|words| words.first().copied());
            Value::String(word.unwrap_or("x").to_owned())
        }
    }
}
