//! Runbooks and fleets by chance: valid by construction, sensible only sometimes. Many of their steps must be refused.

use super::dice::Dice;
use super::scenario::{Expected, Promise, Scenario, TABLE, act, rebuild, server, step, table};
use crate::domain::base::{ServerName, Span};
use crate::domain::runbook::{Step, Work};
use crate::domain::snapshot::fixture::{Fixture, Replica};
use crate::domain::vocabulary::action::copy_table::Log;
use crate::domain::vocabulary::action::{
    CheckTable, CompareCopies, CopyTable, DetachReplica, PauseReplica, PutInPlace, ReattachReplica, ResumeReplica, Sql,
};
use crate::domain::vocabulary::condition::{
    CaughtUp, CopyGood, FeedsNobody, Fenced, ReplicaOf, Replicating, StandsAlone, TableAbsent, TablePresent,
    UnloggedPossible,
};
use crate::domain::vocabulary::{Action, Condition};

const NAMES: [&str; 5] = ["a", "b", "c", "d", "e"];

/// What somebody may write into a `sql` step.
const STATEMENTS: [&str; 11] = [
    "DROP TABLE `shop`.`orders`",
    "TRUNCATE TABLE `shop`.`orders`",
    "DELETE FROM `shop`.`orders` WHERE id < 10",
    "UPDATE `shop`.`orders` SET note = 'x'",
    "ALTER TABLE `shop`.`orders` ADD COLUMN note INT",
    "RENAME TABLE `shop`.`orders` TO `shop`.`orders_old`",
    "RENAME TABLE `shop`.`orders_old` TO `shop`.`orders`",
    "CREATE TABLE `shop`.`orders` (id INT PRIMARY KEY)",
    "CREATE TABLE `shop`.`extra` (id INT PRIMARY KEY)",
    "SELECT COUNT(*) FROM `shop`.`orders`",
    "DROP DATABASE `shop`",
];

/// The scenario of one seed.
pub(super) fn scenario(seed: u64) -> Scenario {
    let mut dice = Dice::new(seed).fork("scenario");
    let (fixture, servers) = fleet(&mut dice);
    let steps = if dice.chance(50) { steps(&mut dice, &servers) } else { changed(&mut dice, &servers) };
    Scenario::on(&fixture, &format!("random-{seed}"), steps, Expected::Anything, Promise::Nothing)
}

/// Two to five servers, each replica behind one that stands before it. At least one copy is good.
fn fleet(dice: &mut Dice) -> (Fixture, Vec<ServerName>) {
    let names = &NAMES[..at_most(dice, 2, NAMES.len())];
    let mut fixture = Fixture::new().server("a");
    for (place, name) in names.iter().enumerate().skip(1) {
        let source = if dice.chance(70) { "a" } else { dice.pick(&NAMES[..place]).copied().unwrap_or("a") };
        fixture = fixture.replica(name, link(dice, source));
    }
    let missing = names.iter().filter(|_| dice.chance(8)).copied().collect::<Vec<_>>();
    let has: Vec<&str> = names.iter().filter(|name| !missing.contains(name)).copied().collect();
    let has = if has.is_empty() { vec!["a"] } else { has };
    fixture = fixture.table(TABLE, &has);
    if dice.chance(60)
        && let [corrupt, _, ..] = has[..]
    {
        fixture = fixture.damaged(corrupt, TABLE);
    }
    if dice.chance(4) {
        fixture = fixture.reader("a", "replica 99");
    }
    (fixture, names.iter().map(|name| server(name)).collect())
}

fn link(dice: &mut Dice, source: &str) -> Replica {
    let link = Replica::of(source).relays(!dice.chance(15));
    match dice.below(20) {
        0 => link.delay(3600),
        1 => link.applier("stopped"),
        2 => link.receiver("stopped").applier("stopped"),
        3 => link.detached(),
        _ => link,
    }
}

/// A number from `least` to `most`.
fn at_most(dice: &mut Dice, least: usize, most: usize) -> usize {
    let span = u64::try_from(most - least + 1).unwrap_or(1);
    least + usize::try_from(dice.below(span)).unwrap_or(0)
}

fn any(dice: &mut Dice, servers: &[ServerName]) -> ServerName {
    dice.pick(servers).cloned().unwrap_or_else(|| server("a"))
}

/// Steps that nobody has thought about.
fn steps(dice: &mut Dice, servers: &[ServerName]) -> Vec<Step> {
    (0..at_most(dice, 1, 7)).map(|number| conditioned(dice, servers, &format!("s{number}"))).collect()
}

/// The rebuild with steps left out, exchanged and put in between. Servers that a small fleet lacks are replaced.
fn changed(dice: &mut Dice, servers: &[ServerName]) -> Vec<Step> {
    let log = any_log(dice);
    if servers.len() < 3 {
        return steps(dice, servers);
    }
    let mut steps = rebuild(log);
    for number in 0..dice.below(4) {
        let place = at_most(dice, 0, steps.len() - 1);
        match dice.below(3) {
            0 if steps.len() > 1 => {
                steps.remove(place);
            }
            1 => {
                let other = at_most(dice, 0, steps.len() - 1);
                steps.swap(place, other);
            }
            _ => steps.insert(place, conditioned(dice, servers, &format!("s{number}"))),
        }
    }
    steps
}

fn conditioned(dice: &mut Dice, servers: &[ServerName], name: &str) -> Step {
    let mut made = any_step(dice, servers, name);
    if dice.chance(25) {
        made.preconditions = vec![condition(dice, servers)];
    }
    if dice.chance(15) {
        made.postconditions = vec![condition(dice, servers)];
    }
    made
}

fn any_step(dice: &mut Dice, servers: &[ServerName], name: &str) -> Step {
    match dice.below(12) {
        0 => step(
            name,
            Work::Manual { text: "Look at the application.".to_owned(), read_back: "what it says".to_owned() },
        ),
        1 => {
            let conditions = vec![condition(dice, servers)];
            step(name, Work::WaitUntil { conditions, at_most: Span::from_secs(60) })
        }
        _ => act(name, action(dice, servers)),
    }
}

fn any_log(dice: &mut Dice) -> Log {
    if dice.chance(50) { Log::None } else { Log::Binary }
}

fn action(dice: &mut Dice, servers: &[ServerName]) -> Action {
    let (server, other) = (any(dice, servers), any(dice, servers));
    let (table, log) = (table(), any_log(dice));
    match dice.below(14) {
        0 | 1 => Action::DetachReplica(DetachReplica { server }),
        2 => Action::PauseReplica(PauseReplica { server }),
        3 => Action::ResumeReplica(ResumeReplica { server }),
        4 => Action::ReattachReplica(ReattachReplica { server }),
        5 | 6 => Action::CheckTable(CheckTable { server, table }),
        7 => Action::CompareCopies(CompareCopies { table, on: vec![server, other], private_on: None }),
        8 => Action::CopyTable(CopyTable { server, table, from: other, log, limit: None }),
        9 => Action::PutInPlace(PutInPlace { server, table, log }),
        _ => {
            let statement = dice.pick(&STATEMENTS).copied().unwrap_or(STATEMENTS[0]).to_owned();
            Action::Sql(Sql { server, statement, log })
        }
    }
}

fn condition(dice: &mut Dice, servers: &[ServerName]) -> Condition {
    let (server, other) = (any(dice, servers), any(dice, servers));
    let table = table();
    match dice.below(10) {
        0 => Condition::FeedsNobody(FeedsNobody { server }),
        1 => Condition::Fenced(Fenced { server }),
        2 => Condition::Replicating(Replicating { server }),
        3 => Condition::CaughtUp(CaughtUp { server, with: other }),
        4 => Condition::CopyGood(CopyGood { server, table }),
        5 => Condition::ReplicaOf(ReplicaOf { server, source: other }),
        6 => Condition::StandsAlone(StandsAlone { server, table }),
        7 => Condition::TableAbsent(TableAbsent { server, table }),
        8 => Condition::TablePresent(TablePresent { server, table }),
        _ => Condition::UnloggedPossible(UnloggedPossible { server }),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::domain::base::StepId;

    #[test]
    fn random_runbooks_have_steps_with_names_of_their_own_on_servers_that_exist_and_use_every_action() {
        let mut used = BTreeSet::new();
        for seed in 0..2000 {
            let scenario = scenario(seed);
            let ids: BTreeSet<&StepId> = scenario.runbook.steps.iter().map(|step| &step.id).collect();
            assert_eq!(ids.len(), scenario.runbook.steps.len(), "seed {seed}");
            for step in &scenario.runbook.steps {
                let Work::Act(action) = &step.work else { continue };
                used.insert(action.name());
                let known = |server: &ServerName| scenario.fleet.servers.contains_key(server);
                assert!(action.servers().iter().all(known), "seed {seed}: {}", action.says());
            }
        }
        // Everything that the simulated servers can carry out.
        assert_eq!(used.len(), 9, "{used:?}");
    }
}
