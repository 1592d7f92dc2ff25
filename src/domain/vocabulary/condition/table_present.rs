//! The table is there on a server.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::domain::base::{ServerName, TableName, Verdict};
use crate::domain::snapshot::{FactKey, Look, TableFact, Test, Value};
use crate::domain::vocabulary::{ConditionEntry, World};

/// The table is there on the server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TablePresent {
    pub server: ServerName,
    pub table: TableName,
}

impl ConditionEntry for TablePresent {
    const NAME: &'static str = "table_present";
    const SUMMARY: &'static str = "the table is there on the server";
    const EXAMPLE: &'static str = "table_present: {table: $table}";
    const MAIN: Option<&'static str> = Some("table");

    fn check(&self, _world: World<'_>, look: &mut Look<'_>) -> Verdict {
        look.ask(FactKey::table(&self.server, &self.table, TableFact::Exists), Test::Is(Value::Flag(true)))
    }

    fn says(&self) -> String {
        format!("{} is there on {}", self.table, self.server)
    }

    fn tables(&self) -> Vec<TableName> {
        vec![self.table.clone()]
    }
}
