//! A server has room for a second copy of a table.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::domain::base::{ServerName, TableName, Verdict};
use crate::domain::snapshot::{FactKey, Look, ServerFact, TableFact, Test, Value};
use crate::domain::vocabulary::{ConditionEntry, World};

/// How much more room than the copy itself is demanded, in percent: indexes grow while they are loaded.
const MARGIN_PERCENT: u64 = 150;

/// The server's data directory has room for one and a half times the table as it is on another server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DiskFree {
    pub server: ServerName,
    pub table: TableName,
    /// The server whose copy is measured.
    pub like: ServerName,
}

impl ConditionEntry for DiskFree {
    const NAME: &'static str = "disk_free";
    const SUMMARY: &'static str = "the server has room for a second copy of the table";
    const EXAMPLE: &'static str = "disk_free: {server: $primary, table: $table, like: $spare}";

    fn check(&self, _world: World<'_>, look: &mut Look<'_>) -> Verdict {
        match look.read(FactKey::table(&self.like, &self.table, TableFact::Bytes)) {
            Ok(Value::Number(bytes)) => {
                let need = bytes.saturating_mul(MARGIN_PERCENT) / 100;
                // A bound in whole mebibytes stays the same while the estimate wobbles.
                let need = (need >> 20).saturating_add(1) << 20;
                look.ask(FactKey::server(&self.server, ServerFact::FreeBytes), Test::AtLeast(need))
            }
            Ok(other) => Verdict::CannotTell { why: format!("its size is `{other}`") },
            Err(why) => Verdict::CannotTell { why },
        }
    }

    fn says(&self) -> String {
        format!("{} has room for a second {}", self.server, self.table)
    }

    fn tables(&self) -> Vec<TableName> {
        vec![self.table.clone()]
    }
}
