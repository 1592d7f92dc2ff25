//! Renames the run's private table to the name it was loaded for.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::copy_table::Log;
use crate::domain::base::{Danger, RunId, ServerName, TableName};
use crate::domain::reach::copy_of;
use crate::domain::script::{Command, Work};
use crate::domain::snapshot::{Effect, EffectKind, FactKey, Look, Object, Patch, TableFact, Test, Value};
use crate::domain::sql::packet::Session;
use crate::domain::sql::quote;
use crate::domain::vocabulary::private::private_table;
use crate::domain::vocabulary::reading::dialect_of;
use crate::domain::vocabulary::{ActionEntry, World};

/// Gives the private table of this run the table's own name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PutInPlace {
    pub server: ServerName,
    pub table: TableName,
    #[serde(default)]
    pub log: Log,
}

impl ActionEntry for PutInPlace {
    const NAME: &'static str = "put_in_place";
    const SUMMARY: &'static str = "rename this run's private table to the table's own name";
    const EXAMPLE: &'static str = "put_in_place: {server: $primary, table: $table, log: none}";
    const MAIN: Option<&'static str> = Some("table");
    const DANGER: Danger = Danger::Reversible;

    fn script(&self, world: World<'_>, look: &mut Look<'_>) -> Result<Vec<Command>, String> {
        let dialect = dialect_of(look, &self.server)?;
        let private = private_table(&self.table, world.run);
        let exists = FactKey::table(&self.server, &self.table, TableFact::Exists);
        if !look.ask(exists, Test::Is(Value::Flag(false))).holds() {
            return Err(format!("{} is still there on {}", self.table, self.server));
        }
        let loaded = copy_of(look, &world.fleet.rules, &self.server, &private);
        if !loaded.is_good() {
            return Err(format!("{private} on {} is {loaded}", self.server));
        }
        let text = format!("RENAME TABLE {} TO {}", quote::table(&private), quote::table(&self.table));
        let effect = Effect { object: Object::Table(private.clone()), kind: EffectKind::Renamed { to: self.table.clone() } };
        let work = Work::Statement { text, session: Session::statement(self.log.writing()), dialect };
        Ok(vec![Command {
            server: self.server.clone(),
            work,
            danger: Danger::Reversible,
            effects: vec![effect],
            carry: self.log.carry(),
            patch: moved(look, &self.server, &private, &self.table),
        }])
    }

    fn says(&self) -> String {
        format!("put the rebuilt {} in place on {}", self.table, self.server)
    }

    fn tables(&self, run: &RunId) -> Vec<TableName> {
        vec![self.table.clone(), private_table(&self.table, run)]
    }

    fn servers(&self) -> Vec<ServerName> {
        vec![self.server.clone()]
    }
}

/// The facts of `from` stand under the name `to`, and `from` is gone.
fn moved(look: &mut Look<'_>, server: &ServerName, from: &TableName, to: &TableName) -> Patch {
    let mut patch = Patch::default();
    let at = look.taken();
    for fact in [TableFact::Definition, TableFact::Indexes, TableFact::Engine, TableFact::Damage, TableFact::ObjectId, TableFact::Finding] {
        if let Ok(value) = look.read(FactKey::table(server, from, fact)) {
            patch.set(FactKey::table(server, to, fact), value, at);
        }
    }
    patch.set(FactKey::table(server, to, TableFact::Exists), Value::Flag(true), at);
    patch.set(FactKey::table(server, from, TableFact::Exists), Value::Flag(false), at);
    patch
}
