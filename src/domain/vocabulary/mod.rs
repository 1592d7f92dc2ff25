//! The closed set of conditions and actions, one file per entry.
//!
//! An entry is a struct (its arguments), its documentation, and one trait. The lists below make the enums, their
//! delegation and the tables that schema, reference page, lint and suggestions iterate. There is no registry at run
//! time and no way to add an entry from a file.

pub mod action;
pub mod condition;
pub mod index;
pub mod never;
pub mod pick;
pub mod private;
pub mod promotion;
mod reading;

use std::collections::BTreeSet;

pub use action::Action;
pub use condition::Condition;
pub use pick::Offer;

use super::base::{Danger, RunId, ServerName, TableName, Verdict};
use super::fleet::Fleet;
use super::script::Command;
use super::snapshot::Look;

/// What a finding that an entry expects has in place of its step; whoever assesses a step names it.
pub const EXPECTED: &str = "expected";

/// What an entry may know besides facts: what is declared, and which run asks.
#[derive(Debug, Clone, Copy)]
pub struct World<'a> {
    pub fleet: &'a Fleet,
    pub run: &'a RunId,
    /// The tables this run is about.
    pub tables: &'a BTreeSet<TableName>,
}

/// What the schema, the reference page and the lint know of an entry.
#[derive(Debug)]
pub struct Spec {
    pub name: &'static str,
    /// One sentence.
    pub summary: &'static str,
    /// YAML, as it stands in a runbook.
    pub example: &'static str,
    /// The argument that a scalar stands for: `check_table: shop.orders`.
    pub main: Option<&'static str>,
    /// The argument that a step's `server:` fills when it is not given.
    pub server: Option<&'static str>,
    /// The least danger of an action; conditions only observe.
    pub danger: Danger,
    /// JSON schema of the arguments; `format` names the kind of each text.
    pub schema: fn() -> schemars::Schema,
}

/// One condition of the vocabulary.
pub trait ConditionEntry {
    const NAME: &'static str;
    const SUMMARY: &'static str;
    const EXAMPLE: &'static str;
    const MAIN: Option<&'static str> = None;
    const SERVER: Option<&'static str> = Some("server");

    /// Asks the facts. Whatever cannot be told is not fine.
    fn check(&self, world: World<'_>, look: &mut Look<'_>) -> Verdict;

    /// What it demands, in words.
    fn says(&self) -> String;

    /// The tables whose facts it needs.
    fn tables(&self) -> Vec<TableName> {
        Vec::new()
    }

    /// The server whose lock waits it needs.
    fn lock_waits(&self) -> Option<&ServerName> {
        None
    }
}

/// One action of the vocabulary.
pub trait ActionEntry {
    const NAME: &'static str;
    const SUMMARY: &'static str;
    const EXAMPLE: &'static str;
    const MAIN: Option<&'static str> = None;
    const SERVER: Option<&'static str> = Some("server");
    /// The least danger; the commands of a script say the real one.
    const DANGER: Danger;

    /// Renders the commands from the facts, or says why they cannot be rendered.
    fn script(&self, world: World<'_>, look: &mut Look<'_>) -> Result<Vec<Command>, String>;

    /// What it does, in words.
    fn says(&self) -> String;

    /// The tables whose facts it needs.
    fn tables(&self, _run: &RunId) -> Vec<TableName> {
        Vec::new()
    }

    /// The servers it works on.
    fn servers(&self) -> Vec<ServerName>;

    /// The server whose lock waits it needs.
    fn lock_waits(&self) -> Option<&ServerName> {
        None
    }

    /// What is to be chosen from, if it is about a choice. Its script is empty then.
    fn offer(&self, _world: World<'_>, _look: &mut Look<'_>) -> Option<Result<Offer, String>> {
        None
    }
}

/// Makes the enum of one list, what delegates to its entries, and the table of all.
macro_rules! vocabulary {
    (actions: $($module:ident :: $entry:ident,)+) => {
        $(pub mod $module;)+
        $(pub use $module::$entry;)+

        /// Every action, by name.
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub enum Action { $($entry($entry),)+ }

        impl Action {
            pub const ALL: &'static [Spec] = &[$(Spec {
                name: <$entry as ActionEntry>::NAME,
                summary: <$entry as ActionEntry>::SUMMARY,
                example: <$entry as ActionEntry>::EXAMPLE,
                main: <$entry as ActionEntry>::MAIN,
                server: <$entry as ActionEntry>::SERVER,
                danger: <$entry as ActionEntry>::DANGER,
                schema: || schemars::schema_for!($entry),
            },)+];

            /// Makes the action `name` of its arguments; the message is about the arguments' meaning.
            pub fn from_args(name: &str, args: serde_json::Value) -> Result<Self, String> {
                match name {
                    $(<$entry as ActionEntry>::NAME => serde_json::from_value(args).map(Self::$entry),)+
                    _ => return Err(format!("there is no action `{name}`")),
                }.map_err(|error| error.to_string())
            }

            pub fn name(&self) -> &'static str {
                match self { $(Self::$entry(_) => <$entry as ActionEntry>::NAME,)+ }
            }

            pub fn script(&self, world: World<'_>, look: &mut Look<'_>) -> Result<Vec<Command>, String> {
                match self { $(Self::$entry(entry) => entry.script(world, look),)+ }
            }

            pub fn says(&self) -> String {
                match self { $(Self::$entry(entry) => entry.says(),)+ }
            }

            pub fn tables(&self, run: &RunId) -> Vec<TableName> {
                match self { $(Self::$entry(entry) => entry.tables(run),)+ }
            }

            pub fn servers(&self) -> Vec<ServerName> {
                match self { $(Self::$entry(entry) => entry.servers(),)+ }
            }

            pub fn lock_waits(&self) -> Option<&ServerName> {
                match self { $(Self::$entry(entry) => entry.lock_waits(),)+ }
            }

            pub fn offer(&self, world: World<'_>, look: &mut Look<'_>) -> Option<Result<Offer, String>> {
                match self { $(Self::$entry(entry) => entry.offer(world, look),)+ }
            }
        }
    };
    (conditions: $($module:ident :: $entry:ident,)+) => {
        $(pub mod $module;)+
        $(pub use $module::$entry;)+

        /// Every condition, by name.
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub enum Condition { $($entry($entry),)+ }

        impl Condition {
            pub const ALL: &'static [Spec] = &[$(Spec {
                name: <$entry as ConditionEntry>::NAME,
                summary: <$entry as ConditionEntry>::SUMMARY,
                example: <$entry as ConditionEntry>::EXAMPLE,
                main: <$entry as ConditionEntry>::MAIN,
                server: <$entry as ConditionEntry>::SERVER,
                danger: Danger::Observe,
                schema: || schemars::schema_for!($entry),
            },)+];

            /// Makes the condition `name` of its arguments; the message is about the arguments' meaning.
            pub fn from_args(name: &str, args: serde_json::Value) -> Result<Self, String> {
                match name {
                    $(<$entry as ConditionEntry>::NAME => serde_json::from_value(args).map(Self::$entry),)+
                    _ => return Err(format!("there is no condition `{name}`")),
                }.map_err(|error| error.to_string())
            }

            pub fn name(&self) -> &'static str {
                match self { $(Self::$entry(_) => <$entry as ConditionEntry>::NAME,)+ }
            }

            pub fn check(&self, world: World<'_>, look: &mut Look<'_>) -> Verdict {
                match self { $(Self::$entry(entry) => entry.check(world, look),)+ }
            }

            pub fn says(&self) -> String {
                match self { $(Self::$entry(entry) => entry.says(),)+ }
            }

            pub fn tables(&self) -> Vec<TableName> {
                match self { $(Self::$entry(entry) => entry.tables(),)+ }
            }

            pub fn lock_waits(&self) -> Option<&ServerName> {
                match self { $(Self::$entry(entry) => entry.lock_waits(),)+ }
            }
        }
    };
}
pub(crate) use vocabulary;
