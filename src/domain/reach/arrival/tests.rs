use super::*;
use crate::domain::reach::Carry;
use crate::domain::snapshot::LinkFact;
use crate::domain::snapshot::fixture::{Fixture, Replica};

fn how(fixture: &Fixture, carry: Carry) -> BTreeMap<String, How> {
    let snapshot = fixture.snapshot();
    let found = reach(&mut Look::at(&snapshot), &fixture.fleet(), &"a".parse().unwrap(), carry);
    found.arrivals.into_iter().map(|line| (line.server.to_string(), line.how)).collect()
}

fn at(fixture: &Fixture, server: &str) -> How {
    how(fixture, Carry::Logged).remove(server).unwrap()
}

#[test]
fn a_running_replica_gets_it_and_an_unlogged_statement_stays() {
    let fleet = Fixture::new().server("a").replica("b", Replica::of("a"));
    assert_eq!(at(&fleet, "b"), How::Now);
    assert_eq!(how(&fleet, Carry::Unlogged)["b"], How::NotLogged);
    assert_eq!(at(&fleet, "a"), How::RunsHere);
}

#[test]
fn a_stopped_replica_holds_it_and_only_a_detached_one_never_gets_it() {
    let fleet = Fixture::new()
        .server("a")
        .replica("applier", Replica::of("a").applier("stopped"))
        .replica("receiver", Replica::of("a").receiver("stopped"))
        .replica("detached", Replica::of("a").detached());
    assert_eq!(at(&fleet, "applier"), How::Held);
    assert_eq!(at(&fleet, "receiver"), How::Held);
    assert_eq!(at(&fleet, "detached"), How::Never);
}

#[test]
fn delay_filter_and_error_are_no_protection() {
    let fleet = Fixture::new()
        .server("a")
        .replica("slow", Replica::of("a").delay(60))
        .replica("filter", Replica::of("a").filters("replicate_ignore_table=d.t"))
        .replica("broken", Replica::of("a").error("1062 duplicate"));
    for (server, expected) in
        [("slow", How::Delayed(Span::from_secs(60))), ("filter", How::Filtered), ("broken", How::Blocked)]
    {
        let found = at(&fleet, server);
        assert_eq!(found, expected);
        assert!(!found.spares());
    }
}

#[test]
fn a_chain_carries_on_only_where_the_middle_logs_what_it_applies() {
    let chain = |logs| {
        Fixture::new().server("a").replica("mid", Replica::of("a").relays(logs)).replica("leaf", Replica::of("mid"))
    };
    assert_eq!(at(&chain(true), "leaf"), How::Now);
    assert_eq!(at(&chain(false), "leaf"), How::NotLogged);
}

#[test]
fn a_replica_below_a_held_one_is_held_and_below_a_detached_one_never() {
    let below = |mid| Fixture::new().server("a").replica("mid", mid).replica("leaf", Replica::of("mid"));
    assert_eq!(at(&below(Replica::of("a").applier("stopped")), "leaf"), How::Held);
    assert_eq!(at(&below(Replica::of("a").detached()), "leaf"), How::Never);
}

#[test]
fn the_worst_of_two_channels_counts() {
    let fleet = Fixture::new()
        .server("a")
        .replica("b", Replica::of("a").channel("one").detached())
        .replica("b", Replica::of("a").channel("two"));
    assert_eq!(at(&fleet, "b"), How::Now);
}

#[test]
fn of_two_ways_one_through_a_filter_the_first_counts_and_which_that_is_cannot_be_told() {
    let fleet = |filters| {
        Fixture::new()
            .server("a")
            .replica("mid", Replica::of("a"))
            .replica("b", Replica::of("a").channel("direct").filters(filters))
            .replica("b", Replica::of("mid").channel("around"))
            .replica("leaf", Replica::of("b"))
    };
    let raced = fleet("Replicate_Wild_Ignore_Table=d.%");
    assert_eq!((at(&raced, "b"), at(&raced, "leaf")), (How::Unknown, How::Unknown));
    assert_eq!((at(&fleet(""), "b"), at(&fleet(""), "leaf")), (How::Now, How::Now));
}

#[test]
fn a_receiver_that_still_tries_may_get_it_or_not() {
    let fleet = Fixture::new().server("a").replica("b", Replica::of("a").receiver("connecting"));
    assert_eq!(at(&fleet, "b"), How::Unknown);
}

#[test]
fn a_ring_ends() {
    let fleet = Fixture::new().replica("a", Replica::of("b")).replica("b", Replica::of("a"));
    assert_eq!(at(&fleet, "b"), How::Now);
    assert_eq!(at(&fleet, "a"), How::RunsHere);
}

#[test]
fn what_is_not_known_is_unknown_and_never_spares() {
    let fleet = Fixture::new()
        .server("a")
        .replica("state", Replica::of("a").forget(LinkFact::Applier))
        .replica("source", Replica::of("a").forget(LinkFact::Source))
        .unreachable("gone");
    for server in ["state", "source", "gone"] {
        assert_eq!(at(&fleet, server), How::Unknown, "{server}");
    }
}

#[test]
fn an_unexplained_reader_is_a_stranger_and_an_unlogged_statement_does_not_meet_it() {
    let fleet = Fixture::new().server("a").reader("a", "cdc@10.0.0.9");
    let snapshot = fleet.snapshot();
    let strangers =
        |carry| reach(&mut Look::at(&snapshot), &fleet.fleet(), &"a".parse().unwrap(), carry).strangers.len();
    assert_eq!(strangers(Carry::Logged), 1);
    assert_eq!(strangers(Carry::Unlogged), 0);
}

#[test]
fn a_cluster_member_reaches_the_group_also_when_not_logged() {
    let fleet = Fixture::new().server("a").cluster("a", "galera").replica("b", Replica::of("a"));
    assert_eq!(how(&fleet, Carry::Unlogged)["b"], How::Group);
}

#[test]
fn an_unlogged_statement_relies_on_no_state_of_a_link() {
    let fleet = Fixture::new().server("a").replica("b", Replica::of("a").error("2013 lost the source"));
    let snapshot = fleet.snapshot();
    let relied_on = |carry| {
        let mut look = Look::at(&snapshot);
        reach(&mut look, &fleet.fleet(), &"a".parse().unwrap(), carry);
        let error = FactKey::link(&"b".parse().unwrap(), "", LinkFact::Error);
        look.evidence().iter().any(|evidence| evidence.claim.key == error)
    };
    assert!(relied_on(Carry::Logged), "the control: a logged statement does");
    assert!(!relied_on(Carry::Unlogged));
}

#[test]
fn behind_a_fence_the_threads_are_nobodys_business() {
    use crate::domain::snapshot::Claim;
    let claims = |fixture: &Fixture| -> Vec<Claim> {
        let snapshot = fixture.snapshot();
        let mut look = Look::at(&snapshot);
        let found = reach(&mut look, &fixture.fleet(), &"a".parse().unwrap(), Carry::Logged);
        assert!(found.arrivals.iter().all(|line| line.server.as_str() != "b" || line.how == How::Never));
        look.evidence().into_iter().map(|evidence| evidence.claim).collect()
    };
    let fleet = |replica| Fixture::new().server("a").replica("b", replica);
    let resting = claims(&fleet(Replica::of("a").detached()));
    assert_eq!(resting, claims(&fleet(Replica::of("a").detached().receiver("connecting").error("no such host"))));
    assert_eq!(resting, claims(&fleet(Replica::of("a").detached().forget(LinkFact::Applier))));
}
