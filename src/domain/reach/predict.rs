//! What the facts will be after a command: its local effect, applied wherever reach says that it arrives.
//!
//! What cannot be predicted is forgotten, never guessed; what waits at a link is kept there as held effects.

use super::{Carry, How, Reach};
use crate::domain::base::{ServerName, TableName, Timestamp};
use crate::domain::fleet::Fleet;
use crate::domain::snapshot::{
    About, Effect, EffectKind, FactKey, LinkFact, Look, Object, Patch, ServerFact, Snapshot, TableFact, Value,
};

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
                    patch.merge(made_alike(snapshot, &line.server, effect, own));
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

/// A table that is made where the command runs is made alike wherever that arrives.
fn made_alike(snapshot: &Snapshot, server: &ServerName, effect: &Effect, own: &Patch) -> Patch {
    let mut patch = Patch::default();
    let (Object::Table(made), EffectKind::Created) = (&effect.object, &effect.kind) else { return patch };
    let value = |key: &FactKey| snapshot.get(key).and_then(|known| known.value().ok());
    for (key, known) in own.changes() {
        let About::Table { table, fact } = &key.about else { continue };
        if table == made && TableFact::MADE.contains(fact) && same_version(value, &key.server, server) {
            patch.put(FactKey::table(server, table, *fact), known.clone());
        }
    }
    patch
}

/// The facts of tables that `effects` make, as they are at `source`, for a server that executes the same statements.
pub fn made_like(look: &Look<'_>, source: &ServerName, server: &ServerName, effects: &[Effect]) -> Patch {
    let mut patch = Patch::default();
    if !same_version(|key| look.peek(key).ok(), source, server) {
        return patch;
    }
    for effect in effects {
        let made = match (&effect.object, &effect.kind) {
            (Object::Table(table), EffectKind::Created) => table,
            (Object::Table(_), EffectKind::Renamed { to }) => to,
            _ => continue,
        };
        let known = |fact| look.peek(&FactKey::table(source, made, fact)).ok();
        if known(TableFact::Exists) != Some(&Value::Flag(true)) {
            continue;
        }
        for fact in TableFact::MADE {
            if let Some(value) = known(fact) {
                set(&mut patch, server, made, fact, value.clone(), look.taken());
            }
        }
    }
    patch
}

/// Servers of different versions may describe the same table in different words.
fn same_version<'a>(value: impl Fn(&FactKey) -> Option<&'a Value>, one: &ServerName, other: &ServerName) -> bool {
    let version = |server| value(&FactKey::server(server, ServerFact::Version));
    version(one).is_some() && version(one) == version(other)
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
        EffectKind::Indexed { index } => {
            let key = FactKey::table(server, table, TableFact::Indexes);
            match snapshot.get(&key).and_then(|known| known.value().ok()) {
                Some(Value::Names(there)) => {
                    let all = there.iter().chain([index]).cloned().collect();
                    patch.set(key, Value::Names(all), at);
                }
                _ => patch.forget(key, "which indexes it had is not known"),
            }
            patch.forget(FactKey::table(server, table, TableFact::Definition), "it has another index");
        }
        EffectKind::Altered => {
            patch.forget(FactKey::table(server, table, TableFact::Indexes), "it was altered");
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
    for fact in besides_existence() {
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

/// The facts of a table besides its existence.
fn besides_existence() -> impl Iterator<Item = TableFact> {
    TableFact::ALL.into_iter().filter(|fact| *fact != TableFact::Exists)
}

fn set(patch: &mut Patch, server: &ServerName, table: &TableName, fact: TableFact, value: Value, at: Timestamp) {
    patch.set(FactKey::table(server, table, fact), value, at);
}

fn forget_table(patch: &mut Patch, server: &ServerName, table: &TableName, why: &str) {
    for fact in besides_existence() {
        patch.forget(FactKey::table(server, table, fact), why);
    }
}

/// Forgets every known table that `object` may be.
fn forget_object(patch: &mut Patch, snapshot: &Snapshot, server: &ServerName, object: &Object, why: &str) {
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
    fn what_was_known_of_a_table_that_is_made_anew_or_gone_is_not_known_any_more() {
        let fixture = fleet().good("a", T).good("b", T);
        let known = |snapshot: &Snapshot, server: &str, fact| {
            let key = FactKey::table(&server.parse().unwrap(), &T.parse().unwrap(), fact);
            snapshot.get(&key).unwrap().value().is_ok()
        };
        for kind in [EffectKind::Created, EffectKind::Dropped, EffectKind::Anything] {
            let after = after(&fixture, Carry::Logged, kind.clone());
            for fact in [TableFact::Finding, TableFact::Definition, TableFact::ObjectId] {
                assert!(known(&fixture.snapshot(), "a", fact) && known(&fixture.snapshot(), "b", fact));
                assert!(!known(&after, "a", fact) && !known(&after, "b", fact), "{kind:?} {fact:?}");
            }
        }
    }

    #[test]
    fn what_may_happen_to_a_whole_schema_or_server_makes_its_tables_unknown_and_no_others() {
        let fixture = fleet().table("other.t", &["a"]);
        let (snapshot, fleet) = (fixture.snapshot(), fixture.fleet());
        let a = "a".parse().unwrap();
        let reach = reach(&mut Look::at(&snapshot), &fleet, &a, Carry::Unlogged);
        let known = |object, kind, table: &str| {
            let effects = [Effect { object, kind }];
            let patch = predict(&snapshot, &fleet, &reach, Carry::Unlogged, &effects, &Patch::default());
            let key = FactKey::table(&a, &table.parse().unwrap(), TableFact::Exists);
            snapshot.with(&patch).get(&key).unwrap().value().is_ok()
        };
        let shop = || Object::Schema("shop".to_owned());
        assert!(!known(shop(), EffectKind::Lost, T) && known(shop(), EffectKind::Lost, "other.t"));
        assert!(!known(Object::Server, EffectKind::Anything, T));
        assert!(known(shop(), EffectKind::NoRows, T) && known(Object::Server, EffectKind::NoRows, T));
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
    fn of_two_hundred_servers_those_that_a_step_does_not_touch_are_shared() {
        let others: Vec<String> = (0..98).map(|n| format!("x{n}")).collect();
        let big = others.iter().fold(fleet().table(T, &["a", "b", "c", "d"]), |fleet, name| {
            fleet.server(name).replica(&format!("{name}-r"), Replica::of(name))
        });
        let before = big.snapshot();
        assert_eq!(before.servers().count(), 200);
        let mut now = before.clone();
        for kind in [EffectKind::RowsChanged, EffectKind::Dropped] {
            let reach = reach(&mut Look::at(&now), &big.fleet(), &"a".parse().unwrap(), Carry::Logged);
            let effect = Effect { object: Object::Table(T.parse().unwrap()), kind };
            now = now.with(&predict(&now, &big.fleet(), &reach, Carry::Logged, &[effect], &Patch::default()));
        }
        let shared = before
            .servers()
            .filter(|name| std::sync::Arc::ptr_eq(before.server(name).unwrap(), now.server(name).unwrap()));
        assert_eq!(shared.count(), 196, "all but a, b, c and d");
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
