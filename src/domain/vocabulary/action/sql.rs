//! One statement written by the runbook's author. Its danger and its reach come from its text, not from the author.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::copy_table::Log;
use crate::domain::base::{Danger, RunId, ServerName, TableName};
use crate::domain::reach::Carry;
use crate::domain::script::{Command, Work};
use crate::domain::snapshot::{Effect, EffectKind, FactKey, Look, Object, Patch, TableFact, Value};
use crate::domain::sql::classify::{self, Classified, Logging, Touched, classify};
use crate::domain::sql::packet::Session;
use crate::domain::sql::{Dialect, Flavor};
use crate::domain::vocabulary::reading::dialect_of;
use crate::domain::vocabulary::{ActionEntry, World};

/// Executes one statement. What its text does not prove to be harmless is destructive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Sql {
    pub server: ServerName,
    /// One statement, without a semicolon at its end.
    #[schemars(extend("format" = "sql"))]
    pub statement: String,
    /// `none` executes it with `sql_log_bin=0`.
    #[serde(default)]
    pub log: Log,
}

impl ActionEntry for Sql {
    const NAME: &'static str = "sql";
    const SUMMARY: &'static str = "execute one statement on one server";
    const EXAMPLE: &'static str = "sql: DROP TABLE $table\nlog: none";
    const MAIN: Option<&'static str> = Some("statement");
    const DANGER: Danger = Danger::Observe;

    fn script(&self, _world: World<'_>, look: &mut Look<'_>) -> Result<Vec<Command>, String> {
        let dialect = dialect_of(look, &self.server)?;
        let classified = classify(&self.statement, dialect.flavor(), None);
        let carry = match (self.log, classified.logging) {
            (Log::None, _) | (_, Logging::Never) => Carry::Unlogged,
            _ => Carry::Logged,
        };
        Ok(vec![self.command(&classified, carry, dialect, look)])
    }

    fn says(&self) -> String {
        let log = if self.log == Log::None { " without logging" } else { "" };
        format!("execute on {}{log}: {}", self.server, self.statement)
    }

    fn tables(&self, _run: &RunId) -> Vec<TableName> {
        // Either flavour names the same objects or none; the text is judged again with the server's own dialect.
        classify(&self.statement, Flavor::MariaDb, None)
            .objects
            .into_iter()
            .filter_map(|touched| match touched.object {
                classify::Object::Table(table) => Some(table),
                _ => None,
            })
            .collect()
    }

    fn servers(&self) -> Vec<ServerName> {
        vec![self.server.clone()]
    }
}

impl Sql {
    fn command(&self, classified: &Classified, carry: Carry, dialect: Dialect, look: &Look<'_>) -> Command {
        let lost = if drops(&self.statement) { EffectKind::Dropped } else { EffectKind::Lost };
        let effects: Vec<Effect> = classified.objects.iter().filter_map(|touched| effect(touched, &lost)).collect();
        let mut patch = Patch::default();
        for effect in &effects {
            if let (Object::Table(table), EffectKind::Dropped) = (&effect.object, &effect.kind) {
                let exists = FactKey::table(&self.server, table, TableFact::Exists);
                patch.set(exists, Value::Flag(false), look.taken());
            }
        }
        let danger = if carry == Carry::Unlogged { classified.danger_unlogged } else { classified.danger };
        let session = Session::statement(self.log.writing());
        let work = Work::Statement { text: self.statement.clone(), session, dialect };
        Command { server: self.server.clone(), work, danger, effects, carry, patch }
    }
}

/// DROP takes the table away; TRUNCATE and DELETE, which lose rows too, leave it.
fn drops(statement: &str) -> bool {
    statement.trim_start().get(..4).is_some_and(|word| word.eq_ignore_ascii_case("drop"))
}

/// The classifier's word for an effect, in terms of rows. What it cannot name is everything.
fn effect(touched: &Touched, lost: &EffectKind) -> Option<Effect> {
    let object = match &touched.object {
        classify::Object::Table(table) => Object::Table(table.clone()),
        classify::Object::Schema(schema) => Object::Schema(schema.clone()),
        classify::Object::Server | classify::Object::BinaryLog if touched.effect != classify::Effect::Anything => return None,
        _ => Object::Server,
    };
    let worse = touched.effect.clone().max(touched.on_replicas.clone());
    let kind = match worse {
        classify::Effect::Read | classify::Effect::Paused | classify::Effect::Aborted => return None,
        classify::Effect::Created => EffectKind::Created,
        classify::Effect::Renamed { to } => EffectKind::Renamed { to },
        classify::Effect::Altered => EffectKind::NoRows,
        classify::Effect::RowsChanged => EffectKind::RowsChanged,
        classify::Effect::Replaced => EffectKind::Lost,
        classify::Effect::Lost => lost.clone(),
        classify::Effect::Anything => EffectKind::Anything,
    };
    Some(Effect { object, kind })
}
