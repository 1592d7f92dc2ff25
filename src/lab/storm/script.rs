//! What each client of a storm sends. Pure: a role and a number give statements.

use std::time::Duration;

use crate::domain::base::TableName;

use super::StormKind;
use super::report::Role;

/// Longer than anybody practises.
const FOR_EVER: u32 = 3600;
/// Seconds after which an impatient client gives up and comes again.
const IMPATIENT: u32 = 2;
/// How many wait for the root's row; the first of them also hold the rows that others wait for.
const QUEUE: u32 = 8;
const SECOND: u32 = 4;

/// Everything one client does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Script {
    /// Sent once for each connection.
    pub session: Vec<String>,
    /// Sent one after the other, again and again.
    pub transaction: Vec<String>,
    pub then: Then,
}

/// What a client does when a transaction is through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Then {
    /// Thinks, and begins again. Comes again when its connection is lost.
    Again(Duration),
    /// Nothing more; its connection stays open, and whoever ends it ends the client.
    Rest,
}

/// Who takes part in a storm, in the order in which they come.
pub fn cast(kind: StormKind) -> Vec<(Role, u32)> {
    let before = [(Role::Innocent, 5), (Role::Root, 1)];
    let queue = [(Role::Queue, QUEUE), (Role::SecondRow, SECOND)];
    let alter = [(Role::Alter, 1)];
    let crowd = [(Role::Writer, 14), (Role::Reader, 16)];
    let mut all = before.to_vec();
    match kind {
        StormKind::Idle | StormKind::Update => all.extend(queue.into_iter().chain(alter)),
        StormKind::Metadata => all.extend(alter.into_iter().chain(queue)),
        StormKind::Applier => all.extend(queue.into_iter().chain([(Role::Source, 1)])),
    }
    all.extend(crowd);
    all
}

/// What is there before the first client comes.
pub fn preparation(table: &TableName) -> Vec<String> {
    let schema = table.schema();
    let mut all = vec![
        "CREATE DATABASE IF NOT EXISTS innocent".to_owned(),
        "CREATE TABLE IF NOT EXISTS innocent.commits (client INT PRIMARY KEY, commits BIGINT NOT NULL)".to_owned(),
        "CREATE TABLE IF NOT EXISTS innocent.work (id BIGINT AUTO_INCREMENT PRIMARY KEY, client INT NOT NULL)"
            .to_owned(),
    ];
    for (user, schema) in [("app", schema), ("migration", schema), ("innocent", "innocent")] {
        // Without a password and by the unix socket only, as root is in a lab.
        all.push(format!("CREATE USER IF NOT EXISTS {user}@localhost"));
        all.push(format!("GRANT ALL ON `{schema}`.* TO {user}@localhost"));
    }
    all
}

/// The account of a role.
pub const fn user(role: Role) -> &'static str {
    match role {
        Role::Innocent => "innocent",
        Role::Alter => "migration",
        _ => "app",
    }
}

/// What a client sends. `rows` are numbers of rows of the table, the first of which is the root's.
pub fn script(kind: StormKind, table: &TableName, rows: &[u64], role: Role, number: u32) -> Script {
    let (name, place) = (format!("`{}`.`{}`", table.schema(), table.name()), usize::try_from(number).unwrap_or(0));
    let own = |offset: usize| rows.get(offset + place).or(rows.first()).copied().unwrap_or(0);
    let root = rows.first().copied().unwrap_or(0);
    let change = |row: u64| format!("UPDATE {name} SET state = 'paid' WHERE id = {row}");
    // On a replica nobody but the applier writes: what others do there is to lock rows.
    let take = |row: u64| match kind {
        StormKind::Applier => format!("SELECT state FROM {name} WHERE id = {row} FOR UPDATE"),
        _ => change(row),
    };
    let patient = vec![waits(FOR_EVER)];
    let impatient = vec![waits(IMPATIENT)];
    let again = |millis| Then::Again(Duration::from_millis(millis));
    match role {
        Role::Root => Script { session: Vec::new(), transaction: hold(kind, &name, rows), then: Then::Rest },
        Role::Queue => {
            Script { session: patient, transaction: transaction(&[take(own(1)), take(root)]), then: again(400) }
        }
        Role::SecondRow => Script { session: patient, transaction: transaction(&[take(own(1))]), then: again(400) },
        Role::Alter => Script {
            session: patient,
            transaction: vec![format!("ALTER TABLE {name} COMMENT = 'changed in a storm'")],
            then: Then::Rest,
        },
        Role::Writer => Script { session: impatient, transaction: transaction(&[take(root)]), then: again(700) },
        Role::Reader => {
            let read = format!("SELECT COUNT(*) FROM {name} WHERE id BETWEEN {root} AND {root} + 50");
            let read = if kind == StormKind::Applier { take(root) } else { read };
            Script { session: impatient, transaction: transaction(&[read]), then: again(700) }
        }
        Role::Source => Script {
            session: Vec::new(),
            transaction: vec![format!("UPDATE {name} SET amount = amount + 0.01 WHERE id = {root}")],
            then: again(300),
        },
        Role::Innocent => innocent(kind, number),
    }
}

fn waits(seconds: u32) -> String {
    format!("SET SESSION innodb_lock_wait_timeout = {seconds}, SESSION lock_wait_timeout = {seconds}")
}

fn transaction(statements: &[String]) -> Vec<String> {
    let begin = std::iter::once("BEGIN".to_owned());
    begin.chain(statements.iter().cloned()).chain(["COMMIT".to_owned()]).collect()
}

/// What the root does before it rests. An update ends by itself only after an hour: when it has changed all other rows it
/// sleeps at the last one.
fn hold(kind: StormKind, name: &str, rows: &[u64]) -> Vec<String> {
    let (root, last) = (rows.first().copied().unwrap_or(0), rows.last().copied().unwrap_or(0));
    let statements: &[String] = &match kind {
        StormKind::Idle => vec!["BEGIN".to_owned(), format!("UPDATE {name} SET amount = amount + 1 WHERE id = {root}")],
        StormKind::Update => vec![format!(
            "UPDATE {name} SET customer = customer + 1, amount = amount + 1 WHERE id < {last} OR SLEEP({FOR_EVER}) = 0"
        )],
        StormKind::Metadata => vec!["BEGIN".to_owned(), format!("SELECT COUNT(*) FROM {name} WHERE id = {root}")],
        StormKind::Applier => {
            vec!["BEGIN".to_owned(), format!("SELECT state FROM {name} WHERE id = {root} FOR UPDATE")]
        }
    };
    statements.to_vec()
}

fn innocent(kind: StormKind, number: u32) -> Script {
    // What is written on a replica must not look as if the replica had gone its own way.
    let session = match kind {
        StormKind::Applier => vec!["SET SESSION sql_log_bin = 0".to_owned()],
        _ => Vec::new(),
    };
    let statements = [
        format!("INSERT INTO innocent.work (client) VALUES ({number})"),
        format!("INSERT INTO innocent.commits VALUES ({number}, 1) ON DUPLICATE KEY UPDATE commits = commits + 1"),
    ];
    Script { session, transaction: transaction(&statements), then: Then::Again(Duration::from_millis(100)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> TableName {
        TableName::parse("shop.orders").unwrap()
    }

    fn of(kind: StormKind, role: Role, number: u32) -> Vec<String> {
        script(kind, &table(), &(1..=100).collect::<Vec<_>>(), role, number).transaction
    }

    #[test]
    fn at_least_thirty_clients_give_up_and_come_again() {
        for kind in StormKind::ALL {
            let impatient = cast(kind).into_iter().filter(|(role, _)| matches!(role, Role::Writer | Role::Reader));
            assert!(impatient.map(|(_, count)| count).sum::<u32>() >= 30, "{kind}");
        }
    }

    #[test]
    fn the_queue_holds_the_rows_that_others_wait_for_before_it_waits_itself() {
        let queue = of(StormKind::Idle, Role::Queue, 2);
        assert!(queue[1].ends_with("id = 4") && queue[2].ends_with("id = 1"), "{queue:?}");
        assert!(of(StormKind::Idle, Role::SecondRow, 2)[1].ends_with("id = 4"));
        const { assert!(SECOND <= QUEUE, "everybody in the second row waits for one of the queue") };
    }

    #[test]
    fn nobody_on_a_replica_writes_the_table() {
        for (role, count) in cast(StormKind::Applier) {
            let statements = (0..count).flat_map(|number| of(StormKind::Applier, role, number));
            let writes = statements.filter(|sql| sql.starts_with("UPDATE")).count();
            assert_eq!(writes > 0, role == Role::Source, "{role:?}");
        }
    }

    #[test]
    fn an_innocent_touches_no_table_of_the_storm() {
        for kind in StormKind::ALL {
            assert!(!of(kind, Role::Innocent, 0).join(";").contains("shop"));
        }
    }
}
