//! Parameters: what a runbook asks for, and the typed values it gets.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::file::ParamFile;
use crate::domain::base::{ServerName, Span, TableName};
use crate::domain::sql::quote;
use crate::domain::yaml::{Code, Path, Problem, Tree, code, describe, shortened};

/// What a parameter stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ParamType {
    Table,
    Server,
    Duration,
    Text,
    Number,
}

impl ParamType {
    pub const fn word(self) -> &'static str {
        match self {
            Self::Table => "table",
            Self::Server => "server",
            Self::Duration => "duration",
            Self::Text => "text",
            Self::Number => "number",
        }
    }
}

/// The part that a server plays; shown when it is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    Primary,
    Replica,
}

/// Which server is taken or proposed when nobody names one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Prefer {
    /// Proposes a server that nobody follows; it must still be named.
    FeedsNobody,
    /// Takes the one server of the fleet that no other parameter names.
    OtherReplica,
}

/// A declared parameter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Param {
    pub name: String,
    pub of: ParamType,
    pub help: String,
    pub default: Option<ParamValue>,
    pub role: Option<Role>,
    pub prefer: Option<Prefer>,
}

/// What a parameter stands for in one run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ParamValue {
    Table(TableName),
    Server(ServerName),
    Duration(Span),
    Text(String),
    Number(serde_json::Number),
}

impl ParamValue {
    /// Reads what stands in a file or on a command line.
    pub fn parse(of: ParamType, text: &str) -> Result<Self, String> {
        match of {
            ParamType::Table => {
                text.parse().map(Self::Table).map_err(|e: crate::domain::base::ids::BadName| e.to_string())
            }
            ParamType::Server => ServerName::parse(text).map(Self::Server).map_err(|e| e.to_string()),
            ParamType::Duration => text.parse().map(Self::Duration),
            ParamType::Text if text.chars().any(char::is_control) => {
                Err(format!("`{}` has a control character: expected one line of text", shortened(text)))
            }
            ParamType::Text => Ok(Self::Text(text.to_owned())),
            ParamType::Number => number(text).map(Self::Number),
        }
    }

    pub fn of(&self) -> ParamType {
        match self {
            Self::Table(_) => ParamType::Table,
            Self::Server(_) => ParamType::Server,
            Self::Duration(_) => ParamType::Duration,
            Self::Text(_) => ParamType::Text,
            Self::Number(_) => ParamType::Number,
        }
    }

    /// As people read it.
    pub fn plain(&self) -> String {
        match self {
            Self::Table(table) => table.to_string(),
            Self::Server(server) => server.to_string(),
            Self::Duration(span) => span.to_string(),
            Self::Text(text) => text.clone(),
            Self::Number(number) => number.to_string(),
        }
    }

    /// As it stands in a statement; `None` if it has no form there.
    pub fn in_sql(&self) -> Option<String> {
        match self {
            Self::Table(table) => Some(quote::table(table)),
            Self::Text(text) => Some(quote::string(text)),
            // Two minus signs in a row begin a comment.
            Self::Number(number) if number.to_string().starts_with('-') => Some(format!("({number})")),
            Self::Number(number) => Some(number.to_string()),
            Self::Server(_) | Self::Duration(_) => None,
        }
    }

    /// A value of the type that says whose place it holds, for judging a file before anybody chose anything.
    pub(super) fn stand_in(name: &str, of: ParamType) -> Self {
        match of {
            ParamType::Table => match TableName::new(STAND_IN, name) {
                Ok(table) => Self::Table(table),
                Err(_) => Self::Text(name.to_owned()),
            },
            ParamType::Server => match ServerName::parse(&format!("{STAND_IN}.{name}")) {
                Ok(server) => Self::Server(server),
                Err(_) => Self::Text(name.to_owned()),
            },
            ParamType::Duration => Self::Duration(Span::from_secs(60)),
            ParamType::Text => Self::Text(format!("${name}")),
            ParamType::Number => Self::Number(1.into()),
        }
    }
}

/// The schema of stand-in tables and the first word of stand-in servers.
const STAND_IN: &str = "param";

/// A server or table as the file writes it: `$spare` for a stand-in.
pub(super) fn as_written(name: &str) -> String {
    match name.strip_prefix(STAND_IN).and_then(|rest| rest.strip_prefix('.')) {
        Some(param) => format!("${param}"),
        None => name.to_owned(),
    }
}

fn number(text: &str) -> Result<serde_json::Number, String> {
    let plain = text.len() <= 20 && text.bytes().all(|b| b.is_ascii_digit() || b == b'-' || b == b'.');
    serde_json::from_str(text)
        .ok()
        .filter(|_| plain)
        .ok_or_else(|| format!("`{}` is not a number: expected digits such as 100, -5 or 0.5", shortened(text)))
}

/// The parameters of a file. One whose declaration is broken is known by name, so that its uses are no problem.
#[derive(Debug, Clone, Default)]
pub(super) struct Params(BTreeMap<String, Option<Param>>);

impl Params {
    /// Reads the declarations. What the schema already reported is not reported again.
    pub(super) fn read(tree: &Tree, problems: &mut Vec<Problem>) -> Self {
        let mut params = BTreeMap::new();
        for (name, value) in tree.value()["params"].as_object().into_iter().flatten() {
            let mut declaration = Declaration { tree, path: Path::root().key("params").key(name), problems };
            declaration.name(name);
            let file: Option<ParamFile> = serde_json::from_value(value.clone()).ok();
            let param = file.and_then(|file| declaration.param(name, file));
            params.insert(name.clone(), param);
        }
        Self(params)
    }

    /// Whether there is a parameter of this name, also if its declaration cannot be used.
    pub(super) fn declares(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    pub(super) fn names(&self) -> Vec<&str> {
        self.0.keys().map(String::as_str).collect()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Param> {
        self.0.values().flatten()
    }

    pub(super) fn stand_ins(&self) -> BTreeMap<String, ParamValue> {
        self.iter().map(|param| (param.name.clone(), ParamValue::stand_in(&param.name, param.of))).collect()
    }
}

/// One declaration under judgement.
struct Declaration<'a> {
    tree: &'a Tree,
    path: Path,
    problems: &'a mut Vec<Problem>,
}

impl Declaration<'_> {
    fn name(&mut self, name: &str) {
        let first = name.bytes().next().is_some_and(|b| b.is_ascii_lowercase());
        let rest = name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
        if !first || !rest || name.len() > 32 {
            let mark = self.tree.places().key(&self.path);
            let message = format!("`{}` cannot name a parameter", shortened(name));
            let help = "1 to 32 characters of a-z, 0-9 and `_`, first a letter";
            self.problems.push(Problem::new(code::BAD_DECLARATION, self.path.to_string(), mark, message).help(help));
        }
    }

    fn param(&mut self, name: &str, file: ParamFile) -> Option<Param> {
        if file.of != ParamType::Server {
            for key in [file.role.map(|_| "role"), file.prefer.map(|_| "prefer")].into_iter().flatten() {
                let message = format!("`{key}` is for servers, and `{name}` is a {}", file.of.word());
                self.refuse(code::BAD_DECLARATION, key, message);
            }
        }
        if file.prefer == Some(Prefer::OtherReplica) && file.default.is_some() {
            let message = "`prefer: other_replica` chooses the server, and so does `default`: keep one".to_owned();
            self.refuse(code::BAD_DECLARATION, "default", message);
        }
        let default = match &file.default {
            None => None,
            Some(value) => Some(self.default(file.of, value)?),
        };
        Some(Param {
            name: name.to_owned(),
            of: file.of,
            help: file.help,
            default,
            role: file.role,
            prefer: file.prefer,
        })
    }

    fn default(&mut self, of: ParamType, value: &Value) -> Option<ParamValue> {
        let parsed = match value {
            Value::String(text) => ParamValue::parse(of, text),
            Value::Number(number) if of == ParamType::Number => ParamValue::parse(of, &number.to_string()),
            other => Err(format!("expected a {}, found {}", of.word(), describe(other))),
        };
        match parsed {
            Ok(value) => Some(value),
            Err(message) => {
                self.refuse(code::PARAM_BAD_VALUE, "default", message);
                None
            }
        }
    }

    fn refuse(&mut self, code: Code, key: &str, message: String) {
        let path = self.path.key(key);
        let mark = self.tree.places().value(&path);
        self.problems.push(Problem::new(code, path.to_string(), mark, message));
    }
}
