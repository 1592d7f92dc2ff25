//! One statement written by the runbook's author. Its danger and its reach come from its text, not from the author.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::copy_table::Log;
use crate::domain::base::{Danger, RunId, ServerName, TableName, Verdict};
use crate::domain::reach::{Carry, system};
use crate::domain::script::{Command, Work};
use crate::domain::snapshot::{Effect, EffectKind, FactKey, Look, Object, Patch, TableFact, Test, Value};
use crate::domain::sql::classify::{self, Class, Classified, Touched, classify};
use crate::domain::sql::lexer::{Reading, lex};
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
        if kills(&self.statement) {
            return Err("a number alone does not say whose session it is, which may be a replication thread: \
                        `kill_sessions` kills, after `list_blockers` and `pick_sessions`"
                .to_owned());
        }
        let dialect = dialect_of(look, &self.server)?;
        let classified = classify(&self.statement, dialect.flavor(), None);
        let carry = if self.log == Log::None { Carry::Unlogged } else { Carry::of(classified.logging) };
        let reads = classified.class == Class::Read;
        if reads {
            self.expect_no_view(&classified, look)?;
        } else {
            self.expect_nothing_hidden(&classified, look)?;
        }
        let session = if reads { Session::reading() } else { Session::statement(self.log.writing()) };
        Ok(vec![self.command(&classified, carry, (session, dialect), look)])
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

/// Schemas whose views come with the server. Who can replace them could do anything else as well.
const SYSTEM_SCHEMAS: &[&str] = &["information_schema", "performance_schema", "sys"];

impl Sql {
    /// A view may call functions with the rights of whoever made it. A read-only transaction keeps them from changing
    /// rows, but not from changing settings, writing files, taking locks or ending connections.
    fn expect_no_view(&self, classified: &Classified, look: &mut Look<'_>) -> Result<(), String> {
        let reads = classified.objects.iter().filter_map(|touched| match &touched.object {
            classify::Object::Table(table) => Some(table),
            // A name without a schema: the session has no default database, so the server finds no such table.
            _ => None,
        });
        for table in reads.filter(|table| !SYSTEM_SCHEMAS.iter().any(|schema| schema.eq_ignore_ascii_case(table.schema()))) {
            self.expect_base_table(table, look)?;
        }
        Ok(())
    }

    /// A statement that writes does more than its text says where a name is that of a view, or where foreign keys and
    /// triggers carry it on. What that would lose cannot be named, so it is not sent.
    fn expect_nothing_hidden(&self, classified: &Classified, look: &mut Look<'_>) -> Result<(), String> {
        for touched in &classified.objects {
            let table = match &touched.object {
                // Refused as a whole, whatever hangs on it.
                classify::Object::Table(table)
                    if touched.effect > classify::Effect::Read && system::own(table.schema()).is_some() =>
                {
                    continue;
                }
                classify::Object::Table(table) => table,
                classify::Object::Everything if touched.effect == classify::Effect::Read => {
                    return Err("a table is read whose schema is not written: write it as schema.table".to_owned());
                }
                _ => continue,
            };
            if self.evaluates(classified, touched) {
                self.expect_base_table(table, look)?;
            }
            if classified.class == Class::Rows && touched.effect > classify::Effect::Read {
                self.expect_alone(table, look)?;
            }
        }
        Ok(())
    }

    /// Whether the statement reads rows by the name, or changes them; taking a table away looks at no row.
    fn evaluates(&self, classified: &Classified, touched: &Touched) -> bool {
        !drops(&self.statement) && (classified.class == Class::Rows || touched.effect == classify::Effect::Read)
    }

    fn expect_base_table(&self, table: &TableName, look: &mut Look<'_>) -> Result<(), String> {
        let engine = FactKey::table(&self.server, table, TableFact::Engine);
        match look.ask(engine, Test::IsNot(Value::text("view"))) {
            Verdict::Holds => Ok(()),
            Verdict::Fails => Err(format!("{table} is a view on {}: name the tables below it, one by one", self.server)),
            Verdict::CannotTell { why } => Err(format!("whether {table} on {} is a view cannot be told: {why}", self.server)),
        }
    }

    fn expect_alone(&self, table: &TableName, look: &mut Look<'_>) -> Result<(), String> {
        let ties = [(TableFact::PointingForeignKeys, "foreign keys"), (TableFact::Triggers, "triggers")];
        for (fact, ties) in ties {
            match look.read(FactKey::table(&self.server, table, fact)) {
                Ok(Value::Names(names)) if names.is_empty() => {}
                Ok(found) => {
                    return Err(format!(
                        "{ties} of {table} on {} may change other tables as well ({found}): take them away first, or \
                         change those tables in steps of their own",
                        self.server
                    ));
                }
                Err(why) => return Err(format!("the {ties} of {table} on {} cannot be told: {why}", self.server)),
            }
        }
        Ok(())
    }

    fn command(
        &self,
        classified: &Classified,
        carry: Carry,
        (session, dialect): (Session, Dialect),
        look: &Look<'_>,
    ) -> Command {
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
        let work = Work::Statement { text: self.statement.clone(), session, dialect };
        Command { server: self.server.clone(), work, danger, effects, carry, patch }
    }
}

/// Whether a server could read it as a KILL, in whatever form.
fn kills(statement: &str) -> bool {
    [Reading::Skipped, Reading::Expanded]
        .into_iter()
        .filter_map(|reading| lex(statement, reading).ok())
        .any(|lexed| lexed.tokens.first().is_some_and(|token| token.is("KILL")))
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::domain::snapshot::fixture::{Fixture, Replica};

    const T: &str = "shop.orders";

    fn fixture() -> Fixture {
        Fixture::new().server("a").replica("b", Replica::of("a")).table(T, &["a", "b"])
    }

    fn fact(fact: TableFact) -> FactKey {
        FactKey::table(&"a".parse().unwrap(), &T.parse().unwrap(), fact)
    }

    fn script(fixture: &Fixture, statement: &str) -> Result<Vec<Command>, String> {
        let (fleet, snapshot) = (fixture.fleet(), fixture.snapshot());
        let (run, tables) = (RunId::parse("r-1").unwrap(), BTreeSet::new());
        let world = World { fleet: &fleet, run: &run, tables: &tables };
        let action = Sql { server: "a".parse().unwrap(), statement: statement.to_owned(), log: Log::Binary };
        action.script(world, &mut Look::at(&snapshot))
    }

    fn session(command: &Command) -> Session {
        let Work::Statement { session, .. } = &command.work else { panic!("{command:?}") };
        *session
    }

    #[test]
    fn what_only_reads_by_its_text_is_sent_where_it_cannot_write() {
        let read = script(&fixture(), "SELECT * FROM shop.orders").unwrap();
        assert_eq!(session(&read[0]), Session::reading());
        let write = script(&fixture(), "DELETE FROM shop.orders").unwrap();
        assert_eq!(session(&write[0]), Session::statement(Log::Binary.writing()));
    }

    #[test]
    fn nothing_is_read_through_a_view_that_somebody_made() {
        let view = fixture().fact(&fact(TableFact::Engine), Value::text("view"));
        for statement in ["SELECT * FROM shop.orders", "EXPLAIN SELECT * FROM shop.orders", "WITH o AS (SELECT id FROM `shop`.`orders`) SELECT 1 FROM o"] {
            let why = script(&view, statement).unwrap_err();
            assert!(why.contains("view"), "{statement}: {why}");
        }
        assert!(script(&view, "SELECT * FROM sys.innodb_lock_waits, information_schema.tables").is_ok());
        let unknown = fixture().unknown(&fact(TableFact::Engine));
        assert!(script(&unknown, "SELECT * FROM shop.orders").unwrap_err().contains("cannot be told"));
    }

    #[test]
    fn no_session_is_killed_by_its_number_alone() {
        for statement in ["KILL 5", "kill query 5", "/* x */ KILL (SELECT 5)", "/*!50000 KILL */ 5", "KILL USER repl"] {
            let why = script(&fixture(), statement).unwrap_err();
            assert!(why.contains("`kill_sessions` kills"), "{statement}: {why}");
        }
        assert!(script(&fixture(), "SELECT 'KILL 5'").is_ok());
    }

    #[test]
    fn rows_are_changed_through_no_view() {
        let view = fixture().fact(&fact(TableFact::Engine), Value::text("view"));
        for statement in ["DELETE FROM shop.orders", "INSERT INTO shop.orders VALUES (1)", "CREATE TABLE d.t SELECT * FROM shop.orders"] {
            let why = script(&view, statement).unwrap_err();
            assert!(why.contains("shop.orders is a view on a"), "{statement}: {why}");
            assert!(script(&fixture(), statement).is_ok(), "{statement}");
        }
        let unknown = fixture().unknown(&fact(TableFact::Engine));
        assert!(script(&unknown, "DELETE FROM shop.orders").unwrap_err().contains("cannot be told"));
        // A damaged table may not be opened, and a DROP opens none.
        assert!(script(&unknown, "DROP TABLE shop.orders").is_ok());
    }

    #[test]
    fn a_change_of_rows_that_others_may_carry_on_is_not_sent() {
        for tie in [TableFact::PointingForeignKeys, TableFact::Triggers] {
            let tied = fixture().fact(&fact(tie), Value::names(["shop.lines.of_order"]));
            let why = script(&tied, "DELETE FROM shop.orders").unwrap_err();
            assert!(why.contains("may change other tables as well"), "{why}");
            let unknown = fixture().unknown(&fact(tie));
            assert!(script(&unknown, "DELETE FROM shop.orders").unwrap_err().contains("cannot be told"));
            assert!(script(&tied, "SELECT * FROM shop.orders").is_ok());
        }
    }
}
