//! Adds an index while the application goes on reading and writing, or does not add it at all.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::domain::base::{Danger, RunId, ServerName, TableName, Verdict};
use crate::domain::reach::Carry;
use crate::domain::script::{Command, Work};
use crate::domain::snapshot::{Effect, EffectKind, FactKey, Look, Object, Patch, TableFact, Test, Value};
use crate::domain::sql::packet::{BinlogWriting, LockWait, Session};
use crate::domain::sql::quote;
use crate::domain::vocabulary::index::Index;
use crate::domain::vocabulary::reading::dialect_of;
use crate::domain::vocabulary::{ActionEntry, World};

/// Everybody who comes later queues behind an ALTER that waits for a metadata lock, so it waits for a few seconds only.
const LOCK_WAIT: LockWait = match LockWait::from_secs(5) {
    Some(wait) => wait,
    None => LockWait::LONGEST,
};

/// States algorithm and lock, so that a server that would copy the table or stop its writers refuses instead. Where the
/// index is there already it does nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AddIndex {
    pub server: ServerName,
    pub table: TableName,
    /// The name of the index.
    #[schemars(extend("format" = "text"))]
    pub name: String,
    /// Its columns in their order, with commas between them.
    #[schemars(extend("format" = "text"))]
    pub columns: String,
}

impl ActionEntry for AddIndex {
    const NAME: &'static str = "add_index";
    const SUMMARY: &'static str = "add an index in place, without stopping writers, or not at all";
    const EXAMPLE: &'static str =
        "add_index: {server: $primary, table: $table, name: by_state, columns: \"state, placed_at\"}";
    const DANGER: Danger = Danger::Disruptive;

    fn script(&self, _world: World<'_>, look: &mut Look<'_>) -> Result<Vec<Command>, String> {
        let index = Index::parse(&self.name, &self.columns)?;
        let dialect = dialect_of(look, &self.server)?;
        self.expect_base_table(look)?;
        let key = FactKey::table(&self.server, &self.table, TableFact::Indexes);
        let mut there = match look.read(key.clone()) {
            Ok(Value::Names(there)) => there,
            Ok(other) => return Err(format!("{key} is `{other}`")),
            Err(why) => return Err(format!("{key} is unknown: {why}")),
        };
        if there.contains(&index.to_string()) {
            return Ok(Vec::new());
        }
        if let Some(other) = there.iter().find(|other| index.has_the_name_of(other)) {
            return Err(format!("{} on {} has another index of this name, {other}", self.table, self.server));
        }
        there.insert(index.to_string());
        let mut patch = Patch::default();
        patch.set(key, Value::Names(there), look.taken());
        let text =
            format!("ALTER TABLE {} ADD INDEX {}, ALGORITHM=INPLACE, LOCK=NONE", quote::table(&self.table), index.sql());
        let session = Session { lock_wait: LOCK_WAIT, ..Session::statement(BinlogWriting::On) };
        Ok(vec![Command {
            server: self.server.clone(),
            work: Work::Statement { text, session, dialect },
            danger: Danger::Disruptive,
            effects: vec![Effect {
                object: Object::Table(self.table.clone()),
                kind: EffectKind::Indexed { index: index.to_string() },
            }],
            carry: Carry::Logged,
            patch,
        }])
    }

    fn says(&self) -> String {
        format!("add the index {} over {} to {} on {}, online", self.name, self.columns, self.table, self.server)
    }

    fn tables(&self, _run: &RunId) -> Vec<TableName> {
        vec![self.table.clone()]
    }

    fn servers(&self) -> Vec<ServerName> {
        vec![self.server.clone()]
    }
}

impl AddIndex {
    fn expect_base_table(&self, look: &mut Look<'_>) -> Result<(), String> {
        let engine = FactKey::table(&self.server, &self.table, TableFact::Engine);
        match look.ask(engine, Test::Is(Value::text("InnoDB"))) {
            Verdict::Holds => Ok(()),
            Verdict::Fails => Err(format!("{} on {} is no InnoDB table: no other engine adds online", self.table, self.server)),
            Verdict::CannotTell { why } => Err(format!("the engine of {} on {} cannot be told: {why}", self.table, self.server)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::domain::snapshot::fixture::{Fixture, Replica};
    use crate::domain::sql::classify::classify;
    use crate::domain::sql::Flavor;

    fn script(fixture: &Fixture, name: &str, columns: &str) -> Result<Vec<Command>, String> {
        let (fleet, snapshot) = (fixture.fleet(), fixture.snapshot());
        let (run, tables) = (RunId::parse("r-1").unwrap(), BTreeSet::new());
        let world = World { fleet: &fleet, run: &run, tables: &tables };
        let action = AddIndex {
            server: "a".parse().unwrap(),
            table: "shop.orders".parse().unwrap(),
            name: name.to_owned(),
            columns: columns.to_owned(),
        };
        action.script(world, &mut Look::at(&snapshot))
    }

    fn fixture() -> Fixture {
        Fixture::new().server("a").replica("b", Replica::of("a")).table("shop.orders", &["a", "b"])
    }

    fn with_index(index: &str) -> Fixture {
        let key = FactKey::table(&"a".parse().unwrap(), &"shop.orders".parse().unwrap(), TableFact::Indexes);
        fixture().fact(&key, Value::names([index]))
    }

    #[test]
    fn algorithm_and_lock_are_stated_and_a_lock_is_waited_for_a_few_seconds_only() {
        let script = script(&fixture(), "by_state", "state, placed_at").unwrap();
        let Work::Statement { text, session, .. } = &script[0].work else { panic!("{script:?}") };
        let expected = "ALTER TABLE `shop`.`orders` ADD INDEX `by_state` (`state`,`placed_at`), ALGORITHM=INPLACE, LOCK=NONE";
        assert_eq!(text, expected);
        assert_eq!(session.lock_wait.secs(), 5);
        for flavor in [Flavor::MariaDb, Flavor::MySql] {
            assert_eq!(classify(text, flavor, None).danger, script[0].danger, "the classifier says the same");
        }
        assert!(!script[0].effects[0].kind.may_lose_rows());
    }

    #[test]
    fn an_index_that_is_there_is_not_added_again_and_another_of_its_name_is_refused() {
        assert_eq!(script(&with_index("by_state (state)"), "by_state", "state").unwrap(), []);
        let why = script(&with_index("By_State (customer)"), "by_state", "state").unwrap_err();
        assert!(why.contains("By_State (customer)"), "{why}");
    }

    #[test]
    fn names_that_the_server_would_spell_otherwise_are_refused() {
        for (name, columns) in [("by state", "state"), ("", "state"), ("i", ""), ("i", "a,,b"), ("i", "a), DROP COLUMN b")] {
            assert!(script(&fixture(), name, columns).is_err(), "{name} {columns}");
        }
    }
}
