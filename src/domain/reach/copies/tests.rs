use super::*;
use crate::domain::base::Timestamp;
use crate::domain::snapshot::fixture::{Fixture, Replica};

const T: &str = "shop.orders";

/// `b` follows `a` by `link` and has a copy that was proved just now.
fn proved(link: Replica) -> Fixture {
    Fixture::new().server("a").replica("b", link).table(T, &["a", "b"]).good("b", T)
}

fn detached() -> Replica {
    Replica::of("a").detached()
}

fn b() -> ServerName {
    "b".parse().unwrap()
}

fn of_table(fact: TableFact) -> FactKey {
    FactKey::table(&b(), &T.parse().unwrap(), fact)
}

/// The same with another finding.
fn with(fixture: Fixture, change: impl FnOnce(&mut Finding)) -> Fixture {
    let key = of_table(TableFact::Finding);
    let snapshot = fixture.snapshot();
    let Ok(Value::Finding(mut finding)) = Look::at(&snapshot).read(key.clone()) else { panic!("no finding") };
    change(&mut finding);
    fixture.fact(&key, Value::Finding(finding))
}

/// Ten hours before the snapshot.
fn old(finding: &mut Finding) {
    finding.at = Timestamp::from_millis(-36_000_000);
}

fn judged(fixture: &Fixture) -> Copy {
    let (snapshot, fleet) = (fixture.snapshot(), fixture.fleet());
    copy_of(&mut Look::at(&snapshot), &fleet.rules, &b(), &T.parse().unwrap())
}

fn is_good(fixture: &Fixture) -> bool {
    matches!(judged(fixture), Copy::Good { .. })
}

fn is_unproved(fixture: &Fixture) -> bool {
    matches!(judged(fixture), Copy::Unproved { .. })
}

#[test]
fn a_finding_of_damage_is_damage_and_a_copy_that_was_not_compared_proves_nothing() {
    assert!(is_good(&proved(Replica::of("a"))));
    assert!(matches!(judged(&with(proved(detached()), |finding| finding.good = false)), Copy::Corrupt { .. }));
    assert!(is_unproved(&with(proved(detached()), |finding| finding.method = Method::Copy)));
    let damaged = proved(detached()).fact(&of_table(TableFact::Damage), Value::text("page 5"));
    assert!(matches!(judged(&damaged), Copy::Corrupt { .. }));
}

#[test]
fn a_table_that_was_made_anew_is_not_the_one_that_was_checked() {
    for fact in [TableFact::Definition, TableFact::ObjectId] {
        for link in [Replica::of("a"), detached()] {
            assert!(is_unproved(&proved(link.clone()).fact(&of_table(fact), Value::text("another"))), "{fact:?}");
            assert!(is_unproved(&proved(link).unknown(&of_table(fact))), "{fact:?}");
        }
    }
}

#[test]
fn an_old_finding_holds_behind_a_fence_only() {
    assert!(is_good(&with(proved(detached()), old)));
    assert!(is_unproved(&with(proved(Replica::of("a")), old)));
    assert!(is_unproved(&with(proved(Replica::of("a").receiver("stopped").applier("stopped")), old)));
}

#[test]
fn an_old_finding_behind_a_fence_ends_with_the_position_and_with_the_boot() {
    let at_rest = || with(proved(detached()), old);
    let moved = at_rest().fact(&FactKey::server(&b(), ServerFact::Position), Value::text("elsewhere"));
    assert!(is_unproved(&moved));
    let later = Value::Time(Timestamp::from_millis(60_000));
    assert!(is_unproved(&at_rest().fact(&FactKey::server(&b(), ServerFact::BootedAt), later)));
    assert!(is_unproved(&at_rest().unknown(&FactKey::server(&b(), ServerFact::BootedAt))));
    assert!(is_unproved(&with(at_rest(), |finding| finding.position = None)));
    assert!(is_unproved(&with(at_rest(), |finding| finding.booted = None)));
}

#[test]
fn a_server_is_fenced_when_every_link_into_it_is() {
    let fenced = |fixture: &Fixture| fenced(&mut Look::at(&fixture.snapshot()), &b());
    assert!(fenced(&proved(detached())));
    assert!(!fenced(&proved(Replica::of("a"))));
    let second = proved(detached()).replica("b", Replica::of("a").channel("second"));
    assert!(!fenced(&second));
    assert!(!fenced(&Fixture::new().server("b")));
    assert!(!fenced(&proved(detached()).unknown(&FactKey::server(&b(), ServerFact::Channels))));
}
