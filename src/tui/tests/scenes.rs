//! The moments of an incident that the tests look at.

use crate::domain::approval::votes::InputVerb;
use crate::domain::base::{Danger, Span};
use crate::domain::journal::record::{OwnMeasurement, Record};
use crate::domain::run::effect::Input;
use crate::domain::run::outcome::Outcome;
use crate::domain::run::state::Phase;
use crate::domain::runbook::Work;
use crate::domain::snapshot::{FactKey, LinkFact, Value};
use crate::domain::vocabulary::Action;
use crate::tui::fixture::{Spare, Story, copy_step, detach_step, drop_step, manual_step};
use crate::tui::model::Seat;

pub(super) fn manual() -> Story {
    let mut story = Story::new(Spare::Follows, vec![manual_step(), detach_step()]);
    story.wait(2).run_until(|_| false).wait(64);
    story
}

pub(super) fn refused() -> Story {
    let mut story = Story::new(Spare::Follows, vec![drop_step(Spare::Follows, "binary")]);
    story.wait(2).run_until(|_| false).wait(11);
    story
}

pub(super) fn waiting() -> Story {
    let steps = vec![detach_step(), drop_step(Spare::Detached, "binary"), copy_step()];
    let mut story = Story::new(Spare::Follows, steps);
    story.run_until(|_| false).wait(40);
    story
}

pub(super) fn half_approved() -> Story {
    let mut story = waiting();
    story.approve("ana", 1, Some(OwnMeasurement { confirmed: 41, of: 41 })).wait(19);
    story
}

pub(super) fn armed() -> Story {
    let mut story = half_approved();
    story.approve("bob", 2, Some(OwnMeasurement { confirmed: 40, of: 41 }));
    story.run_until(|phase| matches!(phase, Phase::Armed { .. })).wait(2);
    story
}

pub(super) fn running() -> Story {
    let mut story = Story::new(Spare::Detached, vec![copy_step(), drop_step(Spare::Detached, "none")]);
    story.run_until(|phase| matches!(phase, Phase::Requested { .. } | Phase::Sending { .. }));
    if matches!(story.state.phase, Phase::Requested { .. }) {
        story.approve("bob", 2, Some(OwnMeasurement { confirmed: 9, of: 9 }));
        story.run_until(|phase| matches!(phase, Phase::Sending { .. }));
    }
    story.wait(1812).progress(38_879_550).wait(3);
    story
}

/// The load is longer than its limit and ended between two chunks.
pub(super) fn too_long() -> Story {
    let mut copy = copy_step();
    if let Work::Act(Action::CopyTable(copy)) = &mut copy.work {
        copy.limit = Some(Span::from_secs(3600));
    }
    let mut story = Story::new(Spare::Detached, vec![copy, drop_step(Spare::Detached, "none")]);
    story.run_until(|phase| matches!(phase, Phase::Sending { .. }));
    story.wait(60).progress(1_238_880).wait(1);
    story.give(Input::Came(Outcome::Interrupted { detail: "1238880 rows copied; a copy can go on there".to_owned() }));
    story.wait(12);
    story
}

/// Somebody chose to promote the spare by hand.
pub(super) fn advised() -> Story {
    let mut story = too_long();
    story.signed(InputVerb::Choose, "2").run_until(|_| false);
    story.wait(3);
    story
}

/// Every step is done.
pub(super) fn done() -> Story {
    let mut story = Story::new(Spare::Follows, vec![manual_step(), detach_step()]);
    story.wait(2).run_until(|_| false).wait(64);
    story.signed(InputVerb::Answer, "maintenance").run_until(|_| false);
    story.wait(9);
    story
}

/// Two people have signed the text alone, and the policy wants an own look of one.
pub(super) fn unmeasured() -> Story {
    let mut story = waiting();
    story.approve("ana", 1, None).approve("bob", 2, None).wait(19);
    story
}

/// Held while a person is asked.
pub(super) fn held_manual() -> Story {
    let mut story = manual();
    story.give(Input::Hold { by: "chen".to_owned(), reason: "the page is not up".to_owned() });
    story.wait(5);
    story
}

/// The DROP was sent and its answer is lost.
pub(super) fn doubt() -> Story {
    let mut story = armed();
    story.run_until(|phase| matches!(phase, Phase::Sending { .. }));
    story.give(Input::Came(Outcome::InDoubt { why: "connection lost 4s after it was sent".to_owned() }));
    story.wait(5);
    story
}

/// It was looked at, and it cannot be told.
pub(super) fn unknown() -> Story {
    let mut story = doubt();
    let table = "shop.orders".parse().unwrap();
    let exists = FactKey::table(&"db-a".parse().unwrap(), &table, crate::domain::snapshot::TableFact::Exists);
    let mut patch = crate::domain::snapshot::Patch::default();
    patch.forget(exists, "access denied");
    story.facts = story.facts.with(&patch);
    story.run_until(|phase| matches!(phase, Phase::Stopped { .. })).wait(7);
    story
}

/// Somebody pointed the spare back at its source while the DROP ran.
pub(super) fn drift() -> Story {
    let mut story = armed();
    story.run_until(|phase| matches!(phase, Phase::Settling { .. }));
    let spare = "db-c".parse().unwrap();
    let mut patch = crate::domain::snapshot::Patch::default();
    patch.set(FactKey::link(&spare, "", LinkFact::Fence), Value::text("none"), story.now);
    patch.set(FactKey::link(&spare, "", LinkFact::Applier), Value::text("running"), story.now);
    story.facts = story.facts.with(&patch);
    story.run_until(|phase| matches!(phase, Phase::Stopped { .. })).wait(8);
    story
}

pub(super) fn held() -> Story {
    let mut story = waiting();
    story.give(Input::Hold { by: "chen".to_owned(), reason: "the dump is still being read".to_owned() });
    story.wait(30);
    story
}

/// Every moment with its name.
pub(super) fn all() -> Vec<(&'static str, Story)> {
    vec![
        ("running", running()),
        ("half_approved", half_approved()),
        ("armed", armed()),
        ("refused", refused()),
        ("doubt", doubt()),
        ("unknown", unknown()),
        ("drift", drift()),
        ("manual", manual()),
        ("held", held()),
        ("held_manual", held_manual()),
        ("too_long", too_long()),
        ("unmeasured", unmeasured()),
    ]
}

#[test]
fn the_scenes_are_what_they_are_called() {
    let at = |story: &Story| story.state.phase.word();
    assert_eq!(at(&manual()), "waiting for an answer");
    assert_eq!(at(&refused()), "stopped");
    assert!(matches!(refused().seen[2].record, Record::Refused { .. }));
    assert_eq!(at(&half_approved()), "waiting for signatures");
    let Record::Requested { danger, .. } = &waiting().seen.last().unwrap().record.clone() else { panic!() };
    assert_eq!(*danger, Danger::Destructive);
    assert_eq!(at(&armed()), "armed");
    assert_eq!(at(&running()), "running a command");
    assert_eq!(at(&doubt()), "in doubt");
    assert_eq!(at(&unknown()), "stopped");
    assert!(drift().seen.iter().any(|seen| matches!(seen.record, Record::Drifted { .. })));
    assert!(held().state.held.is_some());
    assert_eq!(at(&too_long()), "stopped");
    assert!(!advised().screen("ana", Seat::Executes, 80, 24).history.advised.is_empty());
    assert_eq!((at(&advised()), at(&done())), ("over", "over"));
    assert_eq!(at(&unmeasured()), "waiting for signatures");
    let mut answered = manual();
    answered.signed(InputVerb::Answer, "maintenance").run_until(|_| false);
    assert!(matches!(answered.state.phase, Phase::Closed { .. }), "{:?}", answered.state.phase.word());
}
