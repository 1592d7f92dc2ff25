//! A table has an index on a server and on every server of the fleet that follows it.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{both, channels};
use crate::domain::base::{ServerName, TableName, Verdict};
use crate::domain::snapshot::{FactKey, LinkFact, Look, TableFact, Test, Value};
use crate::domain::vocabulary::index::Index;
use crate::domain::vocabulary::{ConditionEntry, World};

/// The index is there, with these columns in this order, wherever the change arrives.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Indexed {
    pub server: ServerName,
    pub table: TableName,
    /// The name of the index.
    #[schemars(extend("format" = "text"))]
    pub name: String,
    /// Its columns in their order, with commas between them.
    #[schemars(extend("format" = "text"))]
    pub columns: String,
    /// Where it must be.
    #[serde(default)]
    pub on: Where,
}

/// Which servers are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Where {
    /// The server alone.
    #[default]
    Here,
    /// The server, and everybody who follows it, directly or not.
    Everywhere,
}

impl ConditionEntry for Indexed {
    const NAME: &'static str = "indexed";
    const SUMMARY: &'static str = "the table has this index, here or on every server that follows as well";
    const EXAMPLE: &'static str =
        "indexed: {server: $primary, table: $table, name: by_state, columns: state, on: everywhere}";

    fn check(&self, world: World<'_>, look: &mut Look<'_>) -> Verdict {
        let index = match Index::parse(&self.name, &self.columns) {
            Ok(index) => index.to_string(),
            Err(why) => return Verdict::CannotTell { why },
        };
        let servers = match self.on {
            Where::Here => BTreeSet::from([self.server.clone()]),
            Where::Everywhere => match with_followers(world, look, &self.server) {
                Ok(servers) => servers,
                Err(unknown) => return unknown,
            },
        };
        servers.iter().fold(Verdict::Holds, |verdict, server| {
            let key = FactKey::table(server, &self.table, TableFact::Indexes);
            both(verdict, look.ask(key, Test::Has(index.clone())))
        })
    }

    fn says(&self) -> String {
        let everywhere = if self.on == Where::Everywhere { " and on whoever follows it" } else { "" };
        format!("{} has the index {} ({}) on {}{everywhere}", self.table, self.name, self.columns, self.server)
    }

    fn tables(&self) -> Vec<TableName> {
        vec![self.table.clone()]
    }
}

/// `server` and every server of the fleet that follows it, directly or not.
fn with_followers(world: World<'_>, look: &mut Look<'_>, server: &ServerName) -> Result<BTreeSet<ServerName>, Verdict> {
    let mut links: Vec<(ServerName, Value)> = Vec::new();
    for other in world.fleet.servers.keys() {
        for channel in channels(look, other)? {
            let source = look.read(FactKey::link(other, &channel, LinkFact::Source));
            links.push((other.clone(), source.map_err(|why| Verdict::CannotTell { why })?));
        }
    }
    let mut found = BTreeSet::from([server.clone()]);
    loop {
        let follows = |source: &Value| found.iter().any(|one| *source == Value::text(one.as_str()));
        let next = links.iter().find(|(replica, source)| !found.contains(replica) && follows(source));
        let Some((replica, _)) = next else { return Ok(found) };
        found.insert(replica.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::base::RunId;
    use crate::domain::snapshot::fixture::{Fixture, Replica};

    fn verdict(on: Where, indexed: &[&str]) -> Verdict {
        let fixture = Fixture::new().server("a").replica("b", Replica::of("a")).replica("c", Replica::of("b"));
        let fixture = fixture.server("d").table("shop.orders", &["a", "b", "c", "d"]);
        let fixture = indexed.iter().fold(fixture, |fixture, server| {
            let key = FactKey::table(&server.parse().unwrap(), &"shop.orders".parse().unwrap(), TableFact::Indexes);
            fixture.fact(&key, Value::names(["by_state (state)", "other (customer)"]))
        });
        let (fleet, snapshot, run) = (fixture.fleet(), fixture.snapshot(), RunId::parse("r-1").unwrap());
        let world = World { fleet: &fleet, run: &run, tables: &BTreeSet::new() };
        let condition = Indexed {
            server: "a".parse().unwrap(),
            table: "shop.orders".parse().unwrap(),
            name: "by_state".to_owned(),
            columns: "state".to_owned(),
            on,
        };
        condition.check(world, &mut Look::at(&snapshot))
    }

    #[test]
    fn everywhere_is_whoever_follows_directly_or_not_and_nobody_else() {
        assert_eq!(verdict(Where::Here, &["a"]), Verdict::Holds);
        assert_eq!(verdict(Where::Everywhere, &["a", "b"]), Verdict::Fails);
        assert_eq!(verdict(Where::Everywhere, &["a", "b", "c"]), Verdict::Holds);
    }
}
