//! Proves one copy of a table: the server's own check and a count of the rows. Reads only.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::domain::base::{Danger, RunId, ServerName, TableName};
use crate::domain::reach::Carry;
use crate::domain::script::{Command, Work};
use crate::domain::snapshot::{FactKey, Finding, Look, Method, Patch, TableFact, Test, Value};
use crate::domain::sql::Flavor;
use crate::domain::vocabulary::reading::dialect_of;
use crate::domain::vocabulary::{ActionEntry, EXPECTED, World};

/// Checks a table on one server and counts its rows; the result is a finding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CheckTable {
    pub server: ServerName,
    pub table: TableName,
}

impl ActionEntry for CheckTable {
    const NAME: &'static str = "check_table";
    const SUMMARY: &'static str = "check a table on a server and count its rows, as a finding";
    const EXAMPLE: &'static str = "check_table: {server: $spare, table: $table}";
    const MAIN: Option<&'static str> = Some("table");
    const DANGER: Danger = Danger::Observe;

    fn script(&self, _world: World<'_>, look: &mut Look<'_>) -> Result<Vec<Command>, String> {
        let dialect = dialect_of(look, &self.server)?;
        let damage = FactKey::table(&self.server, &self.table, TableFact::Damage);
        // A check of a damaged table aborts a MySQL server, so one that says it is damaged is never checked there.
        if dialect.flavor() == Flavor::MySql && !look.ask(damage, Test::Is(Value::text(""))).holds() {
            return Err(format!("{} may be damaged on {}, and checking it would abort the server", self.table, self.server));
        }
        let mut patch = Patch::default();
        patch.set(
            FactKey::table(&self.server, &self.table, TableFact::Finding),
            Value::Finding(expected(look, &self.server, &self.table, Method::Check)),
            look.taken(),
        );
        Ok(vec![Command {
            server: self.server.clone(),
            work: Work::Check { table: self.table.clone() },
            danger: Danger::Observe,
            effects: Vec::new(),
            carry: Carry::Unlogged,
            patch,
        }])
    }

    fn says(&self) -> String {
        format!("check {} on {}", self.table, self.server)
    }

    fn tables(&self, _run: &RunId) -> Vec<TableName> {
        vec![self.table.clone()]
    }

    fn servers(&self) -> Vec<ServerName> {
        vec![self.server.clone()]
    }
}

/// The finding that a measurement is expected to bring: good, and with what it would be bound to.
pub(super) fn expected(look: &mut Look<'_>, server: &ServerName, table: &TableName, method: Method) -> Finding {
    use crate::domain::snapshot::ServerFact;
    let text = |look: &mut Look<'_>, fact| match look.read(FactKey::table(server, table, fact)) {
        Ok(Value::Text(text)) => Some(text),
        _ => None,
    };
    let (definition, object_id) = (text(look, TableFact::Definition), text(look, TableFact::ObjectId));
    let position = match look.read(FactKey::server(server, ServerFact::Position)) {
        Ok(Value::Position(position)) => Some(position),
        _ => None,
    };
    let booted = match look.read(FactKey::server(server, ServerFact::BootedAt)) {
        Ok(Value::Time(booted)) => Some(booted),
        _ => None,
    };
    let at = look.taken();
    let detail = EXPECTED.to_owned();
    let step = EXPECTED.to_owned();
    Finding { method, good: true, detail, rows: None, checksum: None, at, position, booted, definition, object_id, step }
}
