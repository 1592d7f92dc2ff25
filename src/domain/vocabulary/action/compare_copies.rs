//! Proves that copies of a table have the same rows, by a checksum over every row. Reads only.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::check_table::expected;
use crate::domain::base::{Danger, RunId, ServerName, TableName};
use crate::domain::reach::Carry;
use crate::domain::script::{Command, Work};
use crate::domain::snapshot::{FactKey, Look, Method, Patch, TableFact, Value};
use crate::domain::vocabulary::private::private_table;
use crate::domain::vocabulary::{ActionEntry, World};

/// Compares the copies on several servers, and the run's private table if it is named.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CompareCopies {
    pub table: TableName,
    /// The servers whose copy under the table's own name takes part.
    pub on: Vec<ServerName>,
    /// A server whose private table of this run takes part as well.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub private_on: Option<ServerName>,
}

impl ActionEntry for CompareCopies {
    const NAME: &'static str = "compare_copies";
    const SUMMARY: &'static str = "compare all rows of several copies, as a finding on each";
    const EXAMPLE: &'static str = "compare_copies: {table: $table, on: [$spare], private_on: $primary}";
    const SERVER: Option<&'static str> = None;
    const DANGER: Danger = Danger::Observe;

    fn script(&self, world: World<'_>, look: &mut Look<'_>) -> Result<Vec<Command>, String> {
        let copies = self.copies(world.run);
        let Some((first, _)) = copies.first().filter(|_| copies.len() > 1) else {
            return Err("comparing needs at least two copies".to_owned());
        };
        let mut patch = Patch::default();
        for (server, table) in &copies {
            let finding = expected(look, server, table, Method::Compare);
            patch.set(FactKey::table(server, table, TableFact::Finding), Value::Finding(finding), look.taken());
        }
        let server = first.clone();
        let work = Work::Compare { copies };
        Ok(vec![Command { server, work, danger: Danger::Observe, effects: Vec::new(), carry: Carry::Unlogged, patch }])
    }

    fn says(&self) -> String {
        let mut places: Vec<String> = self.on.iter().map(ToString::to_string).collect();
        places.extend(self.private_on.iter().map(|server| format!("{server} (beside)")));
        format!("compare {} on {}", self.table, places.join(", "))
    }

    fn tables(&self, run: &RunId) -> Vec<TableName> {
        let mut tables = vec![self.table.clone()];
        tables.extend(self.private_on.iter().map(|_| private_table(&self.table, run)));
        tables
    }

    fn servers(&self) -> Vec<ServerName> {
        self.on.iter().chain(&self.private_on).cloned().collect()
    }
}

impl CompareCopies {
    fn copies(&self, run: &RunId) -> Vec<(ServerName, TableName)> {
        let beside = self.private_on.iter().map(|server| (server.clone(), private_table(&self.table, run)));
        self.on.iter().map(|server| (server.clone(), self.table.clone())).chain(beside).collect()
    }
}
