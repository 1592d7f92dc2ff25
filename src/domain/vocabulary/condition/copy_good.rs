//! A server's copy of a table is proved and the proof holds.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::domain::base::{ServerName, TableName, Verdict};
use crate::domain::reach::{Copy, copy_of};
use crate::domain::snapshot::Look;
use crate::domain::vocabulary::{ConditionEntry, World};

/// The copy of the table on the server is good.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CopyGood {
    pub server: ServerName,
    pub table: TableName,
}

impl ConditionEntry for CopyGood {
    const NAME: &'static str = "copy_good";
    const SUMMARY: &'static str = "the server's copy of the table is proved, and the proof holds";
    const EXAMPLE: &'static str = "copy_good: {server: $spare, table: $table}";

    fn check(&self, world: World<'_>, look: &mut Look<'_>) -> Verdict {
        match copy_of(look, &world.fleet.rules, &self.server, &self.table) {
            Copy::Good { .. } => Verdict::Holds,
            Copy::Corrupt { .. } | Copy::Absent => Verdict::Fails,
            Copy::Unproved { why } | Copy::Unknown { why } => Verdict::CannotTell { why },
        }
    }

    fn says(&self) -> String {
        format!("the copy of {} on {} is good", self.table, self.server)
    }

    fn tables(&self) -> Vec<TableName> {
        vec![self.table.clone()]
    }
}
