//! The table is not there on a server.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::domain::base::{ServerName, TableName, Verdict};
use crate::domain::snapshot::{FactKey, Look, TableFact, Test, Value};
use crate::domain::vocabulary::{ConditionEntry, World};

/// The table is not there on the server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TableAbsent {
    pub server: ServerName,
    pub table: TableName,
}

impl ConditionEntry for TableAbsent {
    const NAME: &'static str = "table_absent";
    const SUMMARY: &'static str = "the table is not there on the server";
    const EXAMPLE: &'static str = "table_absent: {table: $table}";
    const MAIN: Option<&'static str> = Some("table");

    fn check(&self, _world: World<'_>, look: &mut Look<'_>) -> Verdict {
        look.ask(FactKey::table(&self.server, &self.table, TableFact::Exists), Test::Is(Value::Flag(false)))
    }

    fn says(&self) -> String {
        format!("{} is not there on {}", self.table, self.server)
    }

    fn tables(&self) -> Vec<TableName> {
        vec![self.table.clone()]
    }
}
