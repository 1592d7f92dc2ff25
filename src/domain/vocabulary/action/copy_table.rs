//! Copies a table from a good copy into the run's private table beside the damaged one, in chunks.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::check_table::expected;
use crate::domain::base::{Danger, RunId, ServerName, Span, TableName};
use crate::domain::reach::{Carry, copy_of};
use crate::domain::script::{Command, Work};
use crate::domain::snapshot::{Effect, EffectKind, FactKey, Look, Method, Object, Patch, TableFact, Test, Value};
use crate::domain::sql::packet::{BinlogWriting, Session};
use crate::domain::vocabulary::private::private_table;
use crate::domain::vocabulary::reading::dialect_of;
use crate::domain::vocabulary::{ActionEntry, World};

/// Copies every row of a table from another server into a private table of this run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CopyTable {
    /// Where the private table is made and loaded.
    pub server: ServerName,
    pub table: TableName,
    /// The server that has the good copy.
    pub from: ServerName,
    /// `none` loads without writing the binary log.
    #[serde(default)]
    pub log: Log,
    /// The longest load that is still better than promoting the spare. A longer estimate stops and asks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<Span>,
}

/// Whether a statement is written to the binary log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Log {
    /// As the server does by itself.
    #[default]
    Binary,
    /// `sql_log_bin=0` for this statement.
    None,
}

impl Log {
    pub fn writing(self) -> BinlogWriting {
        match self {
            Self::Binary => BinlogWriting::On,
            Self::None => BinlogWriting::Off,
        }
    }

    pub fn carry(self) -> Carry {
        match self {
            Self::Binary => Carry::Logged,
            Self::None => Carry::Unlogged,
        }
    }
}

impl ActionEntry for CopyTable {
    const NAME: &'static str = "copy_table";
    const SUMMARY: &'static str = "copy a table from a good copy into this run's private table, in chunks";
    const EXAMPLE: &'static str = "copy_table: {server: $primary, table: $table, from: $spare, log: none}";
    const DANGER: Danger = Danger::Protective;

    fn script(&self, world: World<'_>, look: &mut Look<'_>) -> Result<Vec<Command>, String> {
        let dialect = dialect_of(look, &self.server)?;
        let into = private_table(&self.table, world.run);
        let source = copy_of(look, &world.fleet.rules, &self.from, &self.table);
        if !source.is_good() {
            return Err(format!("the copy of {} on {} is {source}; only a good copy is copied", self.table, self.from));
        }
        let engine = FactKey::table(&self.from, &self.table, TableFact::Engine);
        if !look.ask(engine, Test::Is(Value::text("InnoDB"))).holds() {
            return Err(format!("{} is not an InnoDB table; its chunks could not be committed one by one", self.table));
        }
        let work = Work::Copy {
            from: self.from.clone(),
            table: self.table.clone(),
            into: into.clone(),
            limit: self.limit,
            session: Session::load(self.log.writing()),
            dialect,
        };
        let object = Object::Table(into.clone());
        let effects = vec![
            Effect { object: object.clone(), kind: EffectKind::Created },
            Effect { object, kind: EffectKind::RowsChanged },
        ];
        let patch = self.loaded(look, &into);
        let server = self.server.clone();
        Ok(vec![Command { server, work, danger: Danger::Protective, effects, carry: self.log.carry(), patch }])
    }

    fn says(&self) -> String {
        format!("copy {} from {} into a private table on {}", self.table, self.from, self.server)
    }

    fn tables(&self, run: &RunId) -> Vec<TableName> {
        vec![self.table.clone(), private_table(&self.table, run)]
    }

    fn servers(&self) -> Vec<ServerName> {
        vec![self.server.clone(), self.from.clone()]
    }
}

impl CopyTable {
    /// The private table as it will be: defined like the copy it is made of.
    fn loaded(&self, look: &mut Look<'_>, into: &TableName) -> Patch {
        let mut patch = Patch::default();
        let at = look.taken();
        let key = |fact| FactKey::table(&self.server, into, fact);
        patch.set(key(TableFact::Exists), Value::Flag(true), at);
        patch.set(key(TableFact::Damage), Value::text(""), at);
        patch.set(key(TableFact::Engine), Value::text("InnoDB"), at);
        let mut finding = expected(look, &self.from, &self.table, Method::Copy);
        if let Some(definition) = &finding.definition {
            patch.set(key(TableFact::Definition), Value::text(definition.clone()), at);
        }
        if let Ok(indexes) = look.peek(&FactKey::table(&self.from, &self.table, TableFact::Indexes)) {
            patch.set(key(TableFact::Indexes), indexes.clone(), at);
        }
        // A new table has no triggers and nothing points at it; it owns what the definition it is made of owns.
        let nothing = Value::Names(std::collections::BTreeSet::new());
        if look.peek(&FactKey::table(&self.from, &self.table, TableFact::OwnForeignKeys)) == Ok(&nothing) {
            patch.set(key(TableFact::OwnForeignKeys), nothing.clone(), at);
        }
        patch.set(key(TableFact::PointingForeignKeys), nothing.clone(), at);
        patch.set(key(TableFact::Triggers), nothing, at);
        // Nothing binds it to where the rows came from; comparing proves it.
        finding.position = None;
        finding.object_id = None;
        patch.set(key(TableFact::Finding), Value::Finding(finding), at);
        patch
    }
}
