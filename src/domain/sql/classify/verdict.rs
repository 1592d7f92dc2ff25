//! The words in which a statement is judged: class, objects, effects, logging, cautions.

use std::fmt;

use crate::domain::base::text::printable;
use crate::domain::base::{Danger, TableName};
use crate::domain::sql::lexer::{LexError, Oddity};

/// The family of a statement, from harmless to unknown. The order is the order of severity when two readings differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// Changes nothing.
    Read,
    /// Changes only the session that ends with the step.
    Session,
    /// `CHECK TABLE`: changes no rows, but may mark a table as corrupt or end a damaged server.
    Verify,
    /// Adds, changes or removes rows.
    Rows,
    /// Adds, changes or removes tables, schemas, indexes, views.
    Definition,
    /// Rebuilds, repairs, flushes.
    Maintenance,
    /// Settings of the server, connections.
    Server,
    /// Accounts and privileges.
    Security,
    /// Replication.
    Topology,
    /// Not understood.
    Opaque,
}

impl Class {
    pub const fn word(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Session => "session",
            Self::Verify => "verify",
            Self::Rows => "rows",
            Self::Definition => "definition",
            Self::Maintenance => "maintenance",
            Self::Server => "server",
            Self::Security => "security",
            Self::Topology => "topology",
            Self::Opaque => "opaque",
        }
    }
}

/// What a statement touches. Names are as written: a server may fold the case of names, and the one who compares must.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Object {
    /// A table or another thing that shares the names of tables (view, sequence).
    Table(TableName),
    /// A schema with everything in it.
    Schema(String),
    /// The server's settings, accounts, connections, replication; no rows of user tables.
    Server,
    /// The server's binary log.
    BinaryLog,
    /// Not known: any table of any schema.
    Everything,
}

/// What happens to an object.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Effect {
    Read,
    /// Replication stops; nothing is lost.
    Paused,
    /// Fails if it is there already.
    Created,
    /// The rows are kept under another name.
    Renamed {
        to: TableName,
    },
    /// Definition, index, statistics or setting changes; all rows are kept.
    Altered,
    /// Connections or running statements end, unfinished work is undone.
    Aborted,
    /// Rows are added or changed.
    RowsChanged,
    /// What was there before is dropped and made anew.
    Replaced,
    /// Gone, or some of it may be.
    Lost,
    Anything,
}

impl Effect {
    /// The least danger that a statement with this effect has.
    pub const fn danger(&self) -> Danger {
        match self {
            Self::Read => Danger::Observe,
            Self::Paused => Danger::Protective,
            Self::Created | Self::Renamed { .. } => Danger::Reversible,
            Self::Altered | Self::Aborted => Danger::Disruptive,
            Self::RowsChanged | Self::Replaced | Self::Lost | Self::Anything => Danger::Destructive,
        }
    }
}

/// One object and what happens to it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Touched {
    pub object: Object,
    /// Where the statement runs.
    pub effect: Effect,
    /// Where a replica applies it from the log. Differs for MariaDB's logged CREATE TABLE, which replaces there.
    pub on_replicas: Effect,
}

/// Whether `NO_WRITE_TO_BINLOG` or `LOCAL` stands in a statement that understands it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Keyword {
    Present,
    Absent,
}

/// When the server writes the statement to its binary log, provided that it has one and that the session logs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Logging {
    Never,
    /// Unless its keyword says otherwise.
    UnlessKeyword(Keyword),
    /// When it changed something.
    WhenEffective,
    /// Even if it changed nothing here (`DROP .. IF EXISTS` of a missing table), so it may destroy elsewhere only.
    Always,
    /// Not known; plan as for [`Self::Always`].
    Unknown,
}

/// The answer of [`Logging::written`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Written {
    No,
    Yes,
    Unknown,
}

impl Logging {
    /// Whether it reaches the binary log of a server that has one, from a session that logs.
    pub const fn written(self) -> Written {
        match self {
            Self::Never | Self::UnlessKeyword(Keyword::Present) => Written::No,
            Self::UnlessKeyword(Keyword::Absent) | Self::WhenEffective | Self::Always => Written::Yes,
            Self::Unknown => Written::Unknown,
        }
    }
}

/// Something that a reader of the statement must know; also why a statement is not recognised.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Caution {
    Unreadable(LexError),
    Odd(Oddity),
    Stray {
        text: String,
    },
    Statements {
        found: usize,
    },
    /// An executable comment that both readings understand.
    ExecutableComment,
    AmbiguousComment,
    /// A function that is not on the list of functions without side effects.
    UnknownFunction {
        name: String,
    },
    /// A word that makes a query more than a query.
    Forbidden {
        word: String,
    },
    /// A form that the classifier does not know.
    Unknown {
        what: String,
    },
    NoDefaultDatabase {
        name: String,
    },
    /// Triggers of the touched tables run as well; the text does not show them.
    Triggers,
    /// If a name is that of a view, the change reaches the tables below it.
    Views,
    /// Foreign keys may carry the change into other tables.
    Cascades,
    /// Replicas replace a table of that name by a new one.
    ReplacesOnReplicas,
    /// May end a server whose pages are damaged.
    MayEndDamagedServer,
}

impl fmt::Display for Caution {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable(error) => write!(f, "{error}"),
            Self::Odd(oddity) => write!(f, "{oddity}"),
            Self::Stray { text } => write!(f, "`{}` is no SQL: remove it", printable(text)),
            Self::Statements { found } => write!(f, "expected one statement, found {found}"),
            Self::ExecutableComment => f.write_str("the comment is code on some servers; both readings were judged"),
            Self::AmbiguousComment => f.write_str("servers differ on where the code in these comments begins and ends"),
            Self::UnknownFunction { name } => write!(f, "function `{}` may do anything", printable(name)),
            Self::Forbidden { word } => write!(f, "`{}` makes this more than a query", printable(word)),
            Self::Unknown { what } => write!(f, "`{}` is not a form that is known to be safe", printable(what)),
            Self::NoDefaultDatabase { name } => {
                write!(f, "`{}` has no schema and the session no default database", printable(name))
            }
            Self::Triggers => f.write_str("triggers of the touched tables run as well"),
            Self::Views => f.write_str("if one of the tables is a view, the tables below it change"),
            Self::Cascades => f.write_str("foreign keys may carry the change into other tables"),
            Self::ReplacesOnReplicas => f.write_str("if logged, replicas replace a table of that name by an empty one"),
            Self::MayEndDamagedServer => f.write_str("may end a server whose pages are damaged"),
        }
    }
}

/// The judgement of one statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Classified {
    pub class: Class,
    /// The danger if replicas apply it as well.
    pub danger: Danger,
    /// The danger if it stays where it runs.
    pub danger_unlogged: Danger,
    pub objects: Vec<Touched>,
    pub logging: Logging,
    pub warnings: Vec<Caution>,
}

impl Classified {
    /// Whether the text proves that nothing changes.
    pub fn is_harmless(&self) -> bool {
        self.danger == Danger::Observe
    }
}

/// A judgement in the making.
#[derive(Debug, Clone)]
pub(super) struct Draft {
    class: Class,
    floor: Danger,
    objects: Vec<Touched>,
    logging: Logging,
    warnings: Vec<Caution>,
}

impl Draft {
    pub(super) fn new(class: Class, logging: Logging) -> Self {
        Self { class, floor: Danger::Observe, objects: Vec::new(), logging, warnings: Vec::new() }
    }

    /// The judgement of everything that is not understood.
    pub(super) fn anything(why: Caution) -> Self {
        Self::new(Class::Opaque, Logging::Unknown).touch(Object::Everything, Effect::Anything).warn(why)
    }

    pub(super) fn touches(&self, object: &Object) -> bool {
        self.objects.iter().any(|touched| touched.object == *object)
    }

    pub(super) fn touch(self, object: Object, effect: Effect) -> Self {
        let on_replicas = effect.clone();
        self.touch_differently(object, effect, on_replicas)
    }

    pub(super) fn touch_differently(mut self, object: Object, effect: Effect, on_replicas: Effect) -> Self {
        let touched = Touched { object, effect, on_replicas };
        if !self.objects.contains(&touched) {
            self.objects.push(touched);
        }
        self
    }

    pub(super) fn warn(mut self, caution: Caution) -> Self {
        if !self.warnings.contains(&caution) {
            self.warnings.push(caution);
        }
        self
    }

    /// Raises the danger to at least `danger`.
    pub(super) fn at_least(mut self, danger: Danger) -> Self {
        self.floor = self.floor.max(danger);
        self
    }

    pub(super) fn logged(mut self, logging: Logging) -> Self {
        self.logging = logging;
        self
    }

    /// Everything that either of two readings does.
    pub(super) fn worst(mut self, other: Self) -> Self {
        self.class = self.class.max(other.class);
        self.floor = self.floor.max(other.floor);
        self.logging = self.logging.max(other.logging);
        for touched in other.objects {
            self = self.touch_differently(touched.object, touched.effect, touched.on_replicas);
        }
        other.warnings.into_iter().fold(self, Self::warn)
    }

    pub(super) fn finish(self) -> Classified {
        let here = self.objects.iter().map(|touched| touched.effect.danger());
        let there = self.objects.iter().map(|touched| touched.on_replicas.danger());
        let danger_unlogged = here.chain([self.floor]).max().unwrap_or(self.floor);
        Classified {
            class: self.class,
            danger: there.chain([danger_unlogged]).max().unwrap_or(danger_unlogged),
            danger_unlogged,
            objects: self.objects,
            logging: self.logging,
            warnings: self.warnings,
        }
    }
}
