//! What stopping a replica does to its source where that waits for acknowledgments (semi-synchronous replication).
//!
//! A fact of the source is asked only where the replica may acknowledge: a lost source must not stop the fence that is
//! put up because of it.

use crate::domain::base::{ServerName, Verdict};
use crate::domain::snapshot::semi_sync::SemiSync;
use crate::domain::snapshot::{About, FactKey, LinkFact, Look, Patch, ServerFact, Test, Value};

/// The sources whose commits wait once `patch` is so on `server`, each with a sentence that says how long. Empty where
/// it stops no receiver, or where enough others acknowledge.
pub fn stalled(look: &mut Look<'_>, server: &ServerName, patch: &Patch) -> Vec<String> {
    stopped_receivers(look, server, patch).into_iter().filter_map(|channel| stalls(look, server, &channel)).collect()
}

/// The channels whose receiver works now and will not. A detached one reaches no source, whatever its thread tries: how
/// far that is from one look to the next must not decide what is asked.
fn stopped_receivers(look: &mut Look<'_>, server: &ServerName, patch: &Patch) -> Vec<String> {
    let stopped = Value::text("stopped");
    let mut channels = Vec::new();
    for (key, known) in patch.changes().filter(|(key, _)| key.server == *server) {
        let About::Link { channel, fact: LinkFact::Receiver } = &key.about else { continue };
        let fence = FactKey::link(server, channel, LinkFact::Fence);
        let detached = look.ask(fence, Test::Is(Value::text("detached"))).holds();
        if known.value() == Ok(&stopped) && !detached && look.peek(key) != Ok(&stopped) {
            channels.push(channel.clone());
        }
    }
    channels
}

fn stalls(look: &mut Look<'_>, server: &ServerName, channel: &str) -> Option<String> {
    let acknowledges = FactKey::server(server, ServerFact::Acknowledges);
    let silent = look.ask(acknowledges, Test::Is(Value::Flag(false)));
    if silent.holds() {
        return None;
    }
    let may = if silent == Verdict::Fails { "acknowledges" } else { "may acknowledge" };
    let Ok(Value::Text(source)) = look.read(FactKey::link(server, channel, LinkFact::Source)) else {
        return Some(format!("{server} {may} for a source that is not known, and commits there may wait for it"));
    };
    let unknown =
        || format!("{server} {may} for {source}, and whether others do is unknown: commits there may wait for it");
    let Ok(name) = source.parse::<ServerName>() else { return Some(unknown()) };
    let key = FactKey::server(&name, ServerFact::SemiSync);
    let Ok(Value::Text(text)) = look.peek(&key) else { return Some(unknown()) };
    let Ok(semi_sync) = text.parse::<SemiSync>() else { return Some(unknown()) };
    // The fact moves by itself, so that reading it would only rely on its being known.
    let _ = look.ask(key, Test::Is(Value::text(text.clone())));
    match semi_sync {
        SemiSync::On { acknowledging, needed, timeout } if acknowledging <= needed => Some(format!(
            "{server} {may} for {source}, which has {acknowledging} such replicas and needs {needed} (semi-synchronous \
             replication): without it commits on {source} wait for up to {timeout}, its timeout"
        )),
        SemiSync::Off | SemiSync::On { .. } => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::snapshot::fixture::{Fixture, Replica};

    fn name(text: &str) -> ServerName {
        text.parse().unwrap()
    }

    fn fleet(semi_sync: &str, acknowledges: bool) -> Fixture {
        Fixture::new()
            .server("a")
            .replica("b", Replica::of("a"))
            .fact(&FactKey::server(&name("a"), ServerFact::SemiSync), Value::text(semi_sync))
            .fact(&FactKey::server(&name("b"), ServerFact::Acknowledges), Value::Flag(acknowledges))
    }

    fn judged(fixture: &Fixture) -> (Vec<String>, Vec<String>) {
        let snapshot = fixture.snapshot();
        let mut patch = Patch::default();
        patch.set(FactKey::link(&name("b"), "", LinkFact::Receiver), Value::text("stopped"), snapshot.taken());
        let mut look = Look::at(&snapshot);
        let stalled = stalled(&mut look, &name("b"), &patch);
        (stalled, look.evidence().iter().map(|evidence| evidence.claim.key.to_string()).collect())
    }

    #[test]
    fn stopping_the_last_acknowledger_is_told_with_its_timeout() {
        let (stalled, _) = judged(&fleet("on, 1 acknowledging, 1 needed, timeout 10000 ms", true));
        let [sentence] = &stalled[..] else { panic!("{stalled:?}") };
        assert!(sentence.contains("commits on a wait for up to 10s"), "{sentence}");
    }

    #[test]
    fn where_others_acknowledge_nothing_waits() {
        assert!(judged(&fleet("on, 2 acknowledging, 1 needed, timeout 10000 ms", true)).0.is_empty());
        assert_eq!(judged(&fleet("on, 2 acknowledging, 2 needed, timeout 10000 ms", true)).0.len(), 1);
    }

    #[test]
    fn of_a_replica_that_does_not_acknowledge_the_source_is_not_even_asked() {
        let (stalled, asked) = judged(&fleet("on, 1 acknowledging, 1 needed, timeout 10000 ms", false));
        assert!(stalled.is_empty());
        assert!(asked.contains(&"b: acknowledges its source".to_owned()), "{asked:?}");
        assert!(!asked.contains(&"a: semi-synchronous replication".to_owned()), "{asked:?}");
    }

    #[test]
    fn what_the_receiver_of_a_detached_replica_tries_decides_nothing() {
        let detached = |receiver: &str| {
            Fixture::new()
                .server("a")
                .replica("b", Replica::of("a").detached())
                .fact(&FactKey::server(&name("b"), ServerFact::Acknowledges), Value::Flag(true))
                .fact(&FactKey::link(&name("b"), "", LinkFact::Receiver), Value::text(receiver))
        };
        let (stalled, asked) = judged(&detached("connecting"));
        assert!(stalled.is_empty(), "{stalled:?}");
        assert_eq!(asked, judged(&detached("stopped")).1, "it asks the same in every look");
    }

    #[test]
    fn what_is_not_known_is_not_taken_for_harmless() {
        let acknowledges = FactKey::server(&name("b"), ServerFact::Acknowledges);
        let last = fleet("on, 1 acknowledging, 1 needed, timeout 10000 ms", true).unknown(&acknowledges);
        assert!(judged(&last).0[0].contains("b may acknowledge for a"), "{:?}", judged(&last));
        let dark = fleet("off", true).unknown(&FactKey::server(&name("a"), ServerFact::SemiSync));
        assert!(judged(&dark).0[0].contains("whether others do is unknown"));
        assert!(judged(&fleet("off", true).unknown(&acknowledges)).0.is_empty(), "nobody waits for anybody");
    }

    #[test]
    fn a_receiver_that_is_stopped_already_stops_nothing() {
        let stopped = fleet("on, 1 acknowledging, 1 needed, timeout 10000 ms", true)
            .fact(&FactKey::link(&name("b"), "", LinkFact::Receiver), Value::text("stopped"));
        assert!(judged(&stopped).0.is_empty());
    }
}
