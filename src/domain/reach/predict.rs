//! What the facts will be after a command: its local effect, applied wherever reach says that it arrives.
//!
//! What cannot be predicted is forgotten, never guessed; what waits at a link is kept there as held effects.

use super::{Carry, How, Reach};
use crate::domain::base::{ServerName, TableName, Timestamp};
use crate::domain::fleet::Fleet;
use crate::domain::snapshot::{
    Effect, EffectKind, FactKey, LinkFact, Object, Patch, ServerFact, Snapshot, TableFact, Value,
};

/// The facts of a table besides its existence.
const TABLE_FACTS: [TableFact; 9] = [
    TableFact::Engine,
    TableFact::Definition,
    TableFact::ObjectId,
    TableFact::Damage,
    TableFact::OwnForeignKeys,
    TableFact::PointingForeignKeys,
    TableFact::Triggers,
    TableFact::Bytes,
    TableFact::Finding,
];

/// The patch of one command: `own` facts of the servers it works on, `effects` wherever they arrive.
pub fn predict(
    snapshot: &Snapshot,
    fleet: &Fleet,
    reach: &Reach,
    carry: Carry,
    effects: &[Effect],
    own: &Patch,
) -> Patch {
    let mut patch = Patch::default();
    for line in &reach.arrivals {
        match &line.how {
            How::RunsHere | How::Now | How::Group => {
                // One after the other: what is renamed may have been made by the effect before.
                let mut seen = snapshot.clone();
                for effect in effects {
                    let next = applied(&seen, &line.server, effect);
                    seen = seen.with(&next);
                    patch.merge(next);
                }
            }
            How::Delayed(_) | How::Filtered | How::Unknown | How::Blocked => {
                for effect in effects {
                    forget_object(&mut patch, snapshot, &line.server, &effect.object, line.how.word());
                }
            }
            How::Never | How::NotLogged | How::Held => {}
        }
    }
    if carry == Carry::Logged && !effects.is_empty() {
        patch.merge(held(snapshot, fleet, reach, effects));
    }
    patch.merge(own.clone());
    patch
}

/// The effects that wait at stopped and detached links of servers that execute and log the command.
fn held(snapshot: &Snapshot, fleet: &Fleet, reach: &Reach, effects: &[Effect]) -> Patch {
    let mut patch = Patch::default();
    let executes = |name: &str| {
        reach.arrivals.iter().any(|line| line.server.as_str() == name && matches!(line.how, How::RunsHere | How::Now))
    };
    for replica in fleet.servers.keys() {
        for (channel, source) in channels(snapshot, replica) {
            if !executes(&source) || matches!(reach.at(replica), How::Now | How::RunsHere | How::NotLogged) {
                continue;
            }
            let key = FactKey::link(replica, &channel, LinkFact::Held);
            match snapshot.get(&key).and_then(|known| known.value().ok()) {
                Some(Value::Effects(before)) => {
                    let all = before.iter().chain(effects).cloned().collect();
                    patch.set(key, Value::Effects(all), snapshot.taken());
                }
                _ => patch.forget(key, "what it held before is not known"),
            }
        }
    }
    patch
}

fn channels(snapshot: &Snapshot, replica: &ServerName) -> Vec<(String, String)> {
    let text = |key: &FactKey| match snapshot.get(key).and_then(|known| known.value().ok()) {
        Some(Value::Text(text)) => Some(text.clone()),
        _ => None,
    };
    match snapshot.get(&FactKey::server(replica, ServerFact::Channels)).and_then(|known| known.value().ok()) {
        Some(Value::Names(names)) => names
            .iter()
            .filter_map(|channel| Some((channel.clone(), text(&FactKey::link(replica, channel, LinkFact::Source))?)))
            .collect(),
        _ => Vec::new(),
    }
}

/// One effect on the facts of one server that executes it.
fn applied(snapshot: &Snapshot, server: &ServerName, effect: &Effect) -> Patch {
    let mut patch = Patch::default();
    let at = snapshot.taken();
    let Object::Table(table) = &effect.object else {
        if effect.kind.may_lose_rows() {
            forget_object(&mut patch, snapshot, server, &effect.object, "anything may have happened to it");
        }
        return patch;
    };
    match &effect.kind {
        EffectKind::NoRows => {}
        EffectKind::Created => {
            forget_table(&mut patch, server, table, "it was made anew");
            set(&mut patch, server, table, TableFact::Exists, Value::Flag(true), at);
            set(&mut patch, server, table, TableFact::Damage, Value::text(""), at);
        }
        EffectKind::Dropped => {
            forget_table(&mut patch, server, table, "the table is gone");
            set(&mut patch, server, table, TableFact::Exists, Value::Flag(false), at);
        }
        EffectKind::Renamed { to } => rename(&mut patch, snapshot, server, table, to),
        EffectKind::Altered => {
            patch.forget(FactKey::table(server, table, TableFact::Definition), "it was altered");
            patch.forget(FactKey::table(server, table, TableFact::Finding), "it was altered");
        }
        EffectKind::RowsChanged | EffectKind::Lost => {
            patch.forget(FactKey::table(server, table, TableFact::Finding), "its rows changed");
        }
        EffectKind::Anything => forget_table(&mut patch, server, table, "anything may have happened to it"),
    }
    patch
}

fn rename(patch: &mut Patch, snapshot: &Snapshot, server: &ServerName, from: &TableName, to: &TableName) {
    for fact in TABLE_FACTS {
        let known = snapshot.get(&FactKey::table(server, from, fact));
        match known.and_then(|known| known.value().ok()) {
            Some(value) => set(patch, server, to, fact, value.clone(), snapshot.taken()),
            None => patch.forget(FactKey::table(server, to, fact), "it was not known under the old name"),
        }
    }
    forget_table(patch, server, from, "it has another name now");
    set(patch, server, from, TableFact::Exists, Value::Flag(false), snapshot.taken());
    set(patch, server, to, TableFact::Exists, Value::Flag(true), snapshot.taken());
}

fn set(patch: &mut Patch, server: &ServerName, table: &TableName, fact: TableFact, value: Value, at: Timestamp) {
    patch.set(FactKey::table(server, table, fact), value, at);
}

fn forget_table(patch: &mut Patch, server: &ServerName, table: &TableName, why: &str) {
    for fact in TABLE_FACTS {
        patch.forget(FactKey::table(server, table, fact), why);
    }
}

/// Forgets every known table that `object` may be.
fn forget_object(patch: &mut Patch, snapshot: &Snapshot, server: &ServerName, object: &Object, why: &str) {
    use crate::domain::snapshot::About;
    let Some(facts) = snapshot.server(server) else { return };
    for about in facts.keys() {
        let About::Table { table, fact } = about else { continue };
        let meant = match object {
            Object::Table(name) => name == table,
            Object::Schema(schema) => schema == table.schema(),
            Object::Server => true,
        };
        if meant {
            patch.forget(FactKey::table(server, table, *fact), why);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::reach::reach;
    use crate::domain::snapshot::Look;
    use crate::domain::snapshot::fixture::{Fixture, Replica};

    const T: &str = "shop.orders";

    fn after(fixture: &Fixture, carry: Carry, kind: EffectKind) -> Snapshot {
        let (snapshot, fleet) = (fixture.snapshot(), fixture.fleet());
        let reach = reach(&mut Look::at(&snapshot), &fleet, &"a".parse().unwrap(), carry);
        let effect = Effect { object: Object::Table(T.parse().unwrap()), kind };
        snapshot.with(&predict(&snapshot, &fleet, &reach, carry, &[effect], &Patch::default()))
    }

    fn exists(snapshot: &Snapshot, server: &str) -> Option<bool> {
        let key = FactKey::table(&server.parse().unwrap(), &T.parse().unwrap(), TableFact::Exists);
        match snapshot.get(&key).unwrap().value() {
            Ok(Value::Flag(flag)) => Some(*flag),
            _ => None,
        }
    }

    fn held_at(snapshot: &Snapshot, server: &str) -> usize {
        match snapshot.get(&FactKey::link(&server.parse().unwrap(), "", LinkFact::Held)).unwrap().value() {
            Ok(Value::Effects(effects)) => effects.len(),
            _ => panic!("not known"),
        }
    }

    fn fleet() -> Fixture {
        Fixture::new()
            .server("a")
            .replica("b", Replica::of("a"))
            .replica("c", Replica::of("a").detached())
            .replica("d", Replica::of("a").delay(60))
            .table(T, &["a", "b", "c", "d"])
    }

    #[test]
    fn a_logged_drop_takes_what_runs_and_waits_at_what_is_detached() {
        let after = after(&fleet(), Carry::Logged, EffectKind::Dropped);
        assert_eq!(
            (exists(&after, "a"), exists(&after, "b"), exists(&after, "c")),
            (Some(false), Some(false), Some(true))
        );
        assert_eq!(exists(&after, "d"), None, "a delay ends some time, so it is not predicted");
        assert_eq!((held_at(&after, "b"), held_at(&after, "c")), (0, 1));
    }

    #[test]
    fn an_unlogged_drop_takes_one_table_and_nothing_waits() {
        let after = after(&fleet(), Carry::Unlogged, EffectKind::Dropped);
        assert_eq!(
            (exists(&after, "a"), exists(&after, "b"), exists(&after, "d")),
            (Some(false), Some(true), Some(true))
        );
        assert_eq!(held_at(&after, "c"), 0);
    }

    #[test]
    fn a_rename_moves_the_facts_with_it() {
        let to: TableName = "shop.old".parse().unwrap();
        let after = after(&fleet(), Carry::Unlogged, EffectKind::Renamed { to: to.clone() });
        let key = |table: &TableName, fact| FactKey::table(&"a".parse().unwrap(), table, fact);
        assert_eq!(exists(&after, "a"), Some(false));
        assert_eq!(after.get(&key(&to, TableFact::Exists)).unwrap().value(), Ok(&Value::Flag(true)));
        assert_eq!(after.get(&key(&to, TableFact::ObjectId)).unwrap().value(), Ok(&Value::text("a-17")));
    }
}
