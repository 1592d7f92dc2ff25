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
    // What the statement names is not known here, so neither is what the filter makes of it.
    for (server, expected) in
        [("slow", How::Delayed(Span::from_secs(60))), ("filter", How::Unknown), ("broken", How::Blocked)]
    {
        let found = of_statement(&fleet, named("d.t", Carry::Logged)).at(&server.parse().unwrap());
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
    let drop = |fixture: &Fixture| {
        let names = crate::domain::reach::Names::Tables(vec!["d.t".parse().unwrap()]);
        let statement = Statement { names, ..Statement::from(Carry::Logged) };
        let found = reach(&mut Look::at(&fixture.snapshot()), &fixture.fleet(), &"a".parse().unwrap(), statement);
        ["b", "leaf"].map(|server| found.at(&server.parse().unwrap()))
    };
    assert_eq!(drop(&raced), [How::Unknown, How::Unknown]);
    assert_eq!(drop(&fleet("")), [How::Now, How::Now]);
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

fn named(table: &str, carry: Carry) -> Statement {
    let names = crate::domain::reach::Names::Tables(vec![table.parse().unwrap()]);
    Statement { names, ..Statement::from(carry) }
}

fn of_statement(fixture: &Fixture, statement: Statement) -> Reach {
    let snapshot = fixture.snapshot();
    reach(&mut Look::at(&snapshot), &fixture.fleet(), &"a".parse().unwrap(), statement)
}

#[test]
fn a_filter_is_judged_by_what_the_statement_names_and_never_spares() {
    let fleet = Fixture::new()
        .server("a")
        .replica("kept", Replica::of("a").filters("Replicate_Ignore_Table=d.t"))
        .replica("below", Replica::of("kept"));
    let found = of_statement(&fleet, named("d.t", Carry::Logged));
    for server in ["kept", "below"] {
        assert_eq!(found.at(&server.parse().unwrap()), How::Filtered, "{server}");
        assert!(!found.at(&server.parse().unwrap()).spares());
    }
    assert_eq!(of_statement(&fleet, named("d.u", Carry::Logged)).at(&"kept".parse().unwrap()), How::Now);
    assert_eq!(of_statement(&fleet, Carry::Logged.into()).at(&"kept".parse().unwrap()), How::Unknown);
}

#[test]
fn a_link_that_stops_by_itself_is_unknown() {
    let fleet = Fixture::new().server("a").replica("b", Replica::of("a").until("until SQL_BEFORE_GTIDS"));
    assert_eq!(at(&fleet, "b"), How::Unknown);
    let stopped = Fixture::new().server("a").replica("b", Replica::of("a").until("until Gtid").applier("stopped"));
    assert_eq!(at(&stopped, "b"), How::Held, "where it has stopped already");
}

#[test]
fn a_fence_behind_which_another_source_is_looked_for_is_none() {
    let fleet = Fixture::new().server("a").replica("b", Replica::of("a").detached().fails_over());
    assert_eq!(at(&fleet, "b"), How::Unknown);
    let blind = Fixture::new().server("a").replica("b", Replica::of("a").detached().forget(LinkFact::Failover));
    assert_eq!(at(&blind, "b"), How::Unknown);
}

#[test]
fn a_source_that_is_not_declared_may_follow_any_of_ours() {
    let from = |link: Replica| Fixture::new().server("a").replica("b", link);
    assert_eq!(at(&from(Replica::of("vip.example:3306")), "b"), How::Unknown);
    assert_eq!(at(&from(Replica::of("vip.example:3306").detached()), "b"), How::Never);
}

#[test]
fn a_declared_manager_resumes_a_pause_and_no_fence() {
    let fleet = Fixture::new()
        .server("a")
        .replica("paused", Replica::of("a").receiver("stopped").applier("stopped"))
        .replica("fenced", Replica::of("a").detached());
    let snapshot = fleet.snapshot();
    let managed = Fleet { managers: vec!["orchestrator".to_owned()], ..fleet.fleet() };
    let found = reach(&mut Look::at(&snapshot), &managed, &"a".parse().unwrap(), Carry::Logged);
    assert_eq!(found.at(&"paused".parse().unwrap()), How::Now);
    assert_eq!(found.at(&"fenced".parse().unwrap()), How::Never);
}

#[test]
fn delays_on_one_path_take_the_longer_one_at_least() {
    let fleet =
        Fixture::new().server("a").replica("b", Replica::of("a").delay(60)).replica("c", Replica::of("b").delay(30));
    assert_eq!(at(&fleet, "c"), How::Delayed(Span::from_secs(60)));
    let fleet =
        Fixture::new().server("a").replica("b", Replica::of("a").delay(30)).replica("c", Replica::of("b").delay(60));
    assert_eq!(at(&fleet, "c"), How::Delayed(Span::from_secs(60)));
}

/// Modelled servers stand at transaction 10 of server 1.
fn executed(number: u64) -> Statement {
    let position = crate::domain::snapshot::Position::MariaDb(BTreeMap::from([(0, (1, number))]));
    named("d.t", Carry::Logged).executed_as(position)
}

#[test]
fn a_replica_that_counts_the_transaction_gets_it_no_more_and_what_is_below_is_not_known() {
    let fleet =
        Fixture::new().server("a").replica("b", Replica::of("a").applier("stopped")).replica("c", Replica::of("b"));
    let behind = of_statement(&fleet, executed(11));
    assert_eq!(behind.at(&"b".parse().unwrap()), How::Held);
    let low = crate::domain::snapshot::Position::MariaDb(BTreeMap::from([(0, (1, 9))]));
    let at_c = fleet.fact(&FactKey::server(&"c".parse().unwrap(), ServerFact::Position), Value::Position(low));
    let has = of_statement(&at_c, executed(10));
    assert_eq!(has.at(&"b".parse().unwrap()), How::Never);
    assert_eq!(has.at(&"c".parse().unwrap()), How::Unknown);
}

#[test]
fn what_was_received_waits_in_the_relay_log_or_goes_on_without_a_receiver() {
    let at = |link: Replica, number| {
        let low = crate::domain::snapshot::Position::MariaDb(BTreeMap::from([(0, (1, 9))]));
        let fleet = Fixture::new().server("a").replica("b", link);
        let fleet = fleet.fact(&FactKey::server(&"b".parse().unwrap(), ServerFact::Position), Value::Position(low));
        let found = of_statement(&fleet, executed(number));
        let line = found.arrivals.into_iter().find(|line| line.server.as_str() == "b").unwrap();
        (line.how, line.why)
    };
    let no_receiver = || Replica::of("a").receiver("stopped");
    assert_eq!(at(no_receiver(), 10).0, How::Now, "it is in the relay log, and the applier works");
    assert_eq!(at(no_receiver(), 11).0, How::Held);
    let (how, why) = at(no_receiver().applier("stopped"), 10);
    assert!(how == How::Held && why.contains("in the relay log of b"), "{how:?} {why}");
    let (how, why) = at(no_receiver().applier("stopped"), 11);
    assert!(how == How::Held && why.contains("in the binary log of a"), "{how:?} {why}");
    assert_eq!(at(no_receiver().forget(LinkFact::Received), 10).0, How::Unknown);
}

#[test]
fn a_server_that_answers_and_does_not_prove_what_it_is_is_never_spared() {
    let fleet = Fixture::new().server("a").replica("b", Replica::of("a").detached());
    assert_eq!(at(&fleet, "b"), How::Never);
    let twin = fleet.unknown(&FactKey::server(&"b".parse().unwrap(), ServerFact::Identity));
    assert_eq!(at(&twin, "b"), How::Unknown);
    assert_eq!(how(&twin, Carry::Unlogged)["b"], How::Unknown, "it may be the server that executes");
}
