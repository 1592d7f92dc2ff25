//! A table has no foreign keys and no triggers, so it can be rebuilt beside itself.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::both;
use crate::domain::base::{ServerName, TableName, Verdict};
use crate::domain::snapshot::{FactKey, Look, TableFact, Test, Value};
use crate::domain::vocabulary::{ConditionEntry, World};

/// The table has no own foreign keys, none points at it, and it has no triggers.
///
/// Loading beside fails with own foreign keys (their names are taken) and with triggers (they are lost with the
/// DROP); foreign keys that point at it forbid the DROP.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StandsAlone {
    /// A server with a readable copy: a damaged one may not show its definition.
    pub server: ServerName,
    pub table: TableName,
}

impl ConditionEntry for StandsAlone {
    const NAME: &'static str = "stands_alone";
    const SUMMARY: &'static str = "no foreign key and no trigger ties the table to others";
    const EXAMPLE: &'static str = "stands_alone: {server: $spare, table: $table}";
    const MAIN: Option<&'static str> = Some("table");

    fn check(&self, _world: World<'_>, look: &mut Look<'_>) -> Verdict {
        [TableFact::OwnForeignKeys, TableFact::PointingForeignKeys, TableFact::Triggers].into_iter().fold(
            Verdict::Holds,
            |so_far, fact| {
                let key = FactKey::table(&self.server, &self.table, fact);
                both(so_far, look.ask(key, Test::Is(Value::Names(BTreeSet::new()))))
            },
        )
    }

    fn says(&self) -> String {
        format!("no foreign key and no trigger ties {} to others", self.table)
    }

    fn tables(&self) -> Vec<TableName> {
        vec![self.table.clone()]
    }
}
