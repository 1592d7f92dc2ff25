//! The rights that the two database accounts need, and which of them an account lacks, by what `SHOW GRANTS` says.
//!
//! One list: `fleet check`, the lab's accounts and the documentation are made of it. Pure; asks no server.

use std::collections::{BTreeMap, BTreeSet};

use super::{Dialect, Flavor, quote};

/// Which of the two accounts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Account {
    /// Looks and cannot change anything.
    Observe,
    /// The executor's.
    Act,
}

impl Account {
    pub const ALL: [Self; 2] = [Self::Observe, Self::Act];

    /// The key under `accounts:` in the fleet file.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Observe => "observe",
            Self::Act => "act",
        }
    }
}

/// What both flavours call the same.
const LOOKS: [&str; 2] = ["SELECT", "PROCESS"];
const CHANGES: [&str; 9] = ["INSERT", "UPDATE", "DELETE", "CREATE", "DROP", "ALTER", "INDEX", "TRIGGER", "REFERENCES"];

/// The rights of an account on `*.*`. Short on purpose: a right that an action turns out to need is a finding.
pub fn needed(flavor: Flavor, account: Account) -> Vec<&'static str> {
    // On MariaDB the right to list registered replicas would also change settings, so the observer does without.
    let watches: &[&str] = match flavor {
        Flavor::MariaDb => &["SLAVE MONITOR", "BINLOG MONITOR"],
        Flavor::MySql => &["REPLICATION CLIENT", "REPLICATION SLAVE"],
    };
    let [select, process] = LOOKS;
    if account == Account::Observe {
        return [&LOOKS, watches].concat();
    }
    let acts: &[&str] = match flavor {
        Flavor::MariaDb => &["REPLICATION SLAVE ADMIN", "BINLOG ADMIN", "CONNECTION ADMIN", "READ_ONLY ADMIN"],
        Flavor::MySql => {
            &["REPLICATION_SLAVE_ADMIN", "SYSTEM_VARIABLES_ADMIN", "SESSION_VARIABLES_ADMIN", "CONNECTION_ADMIN"]
        }
    };
    [&[select], &CHANGES[..], &[process, "RELOAD"], watches, acts].concat()
}

/// The same for one release: before it could divide `SUPER`, MySQL had that right alone.
pub fn needed_at(dialect: Dialect, account: Account) -> Vec<&'static str> {
    let mut rights = needed(dialect.flavor(), account);
    if dialect.flavor() == Flavor::MySql && !dialect.has_data_dictionary() {
        let undivided = rights.iter().any(|right| right.ends_with("_ADMIN"));
        rights.retain(|right| !right.ends_with("_ADMIN"));
        rights.extend(undivided.then_some("SUPER"));
    }
    rights
}

/// What an account may do, as a server lists it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Held {
    everywhere: BTreeSet<String>,
    /// By right, where it holds if not everywhere.
    in_part: BTreeMap<String, BTreeSet<String>>,
}

/// What an account lacks.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lacks {
    pub rights: Vec<&'static str>,
    /// Held, but not on everything: enough for the objects that are named.
    pub in_part: BTreeMap<&'static str, BTreeSet<String>>,
}

impl Held {
    /// Reads the lines of `SHOW GRANTS`.
    pub fn of<'a>(lines: impl IntoIterator<Item = &'a str>) -> Self {
        let mut held = Self::default();
        for (rights, place) in lines.into_iter().filter_map(grant_of) {
            for right in rights {
                if place == "*.*" {
                    held.everywhere.insert(right);
                } else {
                    held.in_part.entry(right).or_default().insert(place.to_owned());
                }
            }
        }
        held
    }

    fn has(&self, flavor: Flavor, right: &str) -> bool {
        let holds = |name: &str| self.everywhere.contains(name);
        holds(right) || holds("ALL PRIVILEGES") || others(flavor, right).iter().any(|other| holds(other))
    }

    /// What is missing of the rights that `account` needs.
    pub fn lacks(&self, dialect: Dialect, account: Account) -> Lacks {
        let mut lacks = Lacks::default();
        for right in needed_at(dialect, account) {
            if self.has(dialect.flavor(), right) {
                continue;
            }
            match self.in_part.get(right).or_else(|| self.in_part.get("ALL PRIVILEGES")) {
                Some(places) => drop(lacks.in_part.insert(right, places.clone())),
                None => lacks.rights.push(right),
            }
        }
        lacks
    }
}

/// The rights that hold a right too: other names of it, and larger ones.
fn others(flavor: Flavor, right: &str) -> &'static [&'static str] {
    match (flavor, right) {
        (Flavor::MariaDb, "SLAVE MONITOR") => &["REPLICA MONITOR"],
        (Flavor::MariaDb, "BINLOG MONITOR") => &["REPLICATION CLIENT"],
        (Flavor::MariaDb, "REPLICATION SLAVE ADMIN") => &["REPLICATION REPLICA ADMIN"],
        (Flavor::MySql, "SESSION_VARIABLES_ADMIN") => &["SYSTEM_VARIABLES_ADMIN", "SUPER"],
        (Flavor::MySql, "REPLICATION_SLAVE_ADMIN" | "SYSTEM_VARIABLES_ADMIN" | "CONNECTION_ADMIN") => &["SUPER"],
        _ => &[],
    }
}

/// `GRANT a, b (columns) ON place TO ..`: the rights and the place. Grants of roles and proxies have no such form.
fn grant_of(line: &str) -> Option<(Vec<String>, &str)> {
    let (rights, rest) = line.strip_prefix("GRANT ")?.split_once(" ON ")?;
    let (place, _) = rest.split_once(" TO ")?;
    Some((split(rights), place))
}

/// The rights of a list. One on some columns only is no right on the table, so it is left out. MySQL writes its newer
/// rights without a blank behind the comma.
fn split(rights: &str) -> Vec<String> {
    let mut depth = 0;
    let parts = rights.split(|c: char| {
        match c {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        c == ',' && depth == 0
    });
    parts.map(str::trim).filter(|right| !right.contains('(')).map(str::to_owned).collect()
}

/// The statement that gives an account what it lacks; `None` if that is nothing.
///
/// `name` is what `CURRENT_USER()` says: `user@host`.
pub fn grant(rights: &[&str], name: &str) -> Option<String> {
    let (user, host) = name.rsplit_once('@')?;
    (!rights.is_empty())
        .then(|| format!("GRANT {} ON *.* TO {}@{}", rights.join(", "), quote::string(user), quote::string(host)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::sql::Version;

    fn dialect(flavor: Flavor, major: u16, minor: u16) -> Dialect {
        Dialect::of(flavor, Version::new(major, minor, 5)).unwrap()
    }

    fn mariadb() -> Dialect {
        dialect(Flavor::MariaDb, 10, 11)
    }

    #[test]
    fn the_observer_has_no_right_that_changes_anything() {
        for flavor in [Flavor::MariaDb, Flavor::MySql] {
            let act = needed(flavor, Account::Act).join(", ");
            let observe = needed(flavor, Account::Observe).join(", ");
            for word in ["INSERT", "UPDATE", "DELETE", "DROP", "ADMIN", "RELOAD", "CREATE", "ALTER"] {
                assert!(!observe.contains(word), "{flavor}: {word}");
                assert!(act.contains(word), "{flavor}: {word}");
            }
        }
    }

    #[test]
    fn what_is_missing_is_named_and_granted_to_the_very_account() {
        let held = Held::of([
            "GRANT SELECT, PROCESS, BINLOG MONITOR ON *.* TO `observe`@`%` IDENTIFIED BY PASSWORD '*AB'",
            "GRANT `reader` TO `observe`@`%`",
        ]);
        let lacks = held.lacks(mariadb(), Account::Observe);
        assert_eq!(lacks, Lacks { rights: vec!["SLAVE MONITOR"], in_part: BTreeMap::new() });
        assert_eq!(
            grant(&lacks.rights, "o'b@10.0.%").as_deref(),
            Some("GRANT SLAVE MONITOR ON *.* TO 'o''b'@'10.0.%'")
        );
        assert_eq!(grant(&[], "observe@%"), None);
    }

    #[test]
    fn a_right_on_one_schema_is_told_apart_from_a_missing_one() {
        let held =
            Held::of(["GRANT PROCESS ON *.* TO `o`@`%`", "GRANT SELECT, INSERT (`a`, `b`) ON `shop`.* TO `o`@`%`"]);
        let lacks = held.lacks(mariadb(), Account::Act);
        assert_eq!(lacks.in_part.keys().copied().collect::<Vec<_>>(), ["SELECT"]);
        assert!(lacks.rights.contains(&"INSERT"), "some columns are not enough");
    }

    #[test]
    fn newer_rights_are_listed_without_blanks() {
        let act = needed(Flavor::MySql, Account::Act);
        let (new, old): (Vec<_>, Vec<_>) = act.into_iter().partition(|right| right.ends_with("_ADMIN"));
        let lines = [
            format!("GRANT {} ON *.* TO `act`@`%`", old.join(", ")),
            format!("GRANT {} ON *.* TO `act`@`%`", new.join(",")),
        ];
        let held = Held::of(lines.iter().map(String::as_str));
        assert_eq!(held.lacks(dialect(Flavor::MySql, 9, 7), Account::Act), Lacks::default());
    }

    #[test]
    fn all_privileges_and_larger_rights_are_enough() {
        let all = Held::of(["GRANT ALL PRIVILEGES ON *.* TO `root`@`localhost` WITH GRANT OPTION"]);
        assert_eq!(all.lacks(mariadb(), Account::Act), Lacks::default());
        let mut lines = needed(Flavor::MySql, Account::Act);
        lines.retain(|right| !right.ends_with("_ADMIN"));
        let old = format!("GRANT {}, SUPER ON *.* TO `act`@`%`", lines.join(", "));
        for dialect in [dialect(Flavor::MySql, 9, 7), dialect(Flavor::MySql, 5, 7)] {
            assert_eq!(Held::of([old.as_str()]).lacks(dialect, Account::Act), Lacks::default(), "{dialect}");
        }
        assert_eq!(Held::default().lacks(dialect(Flavor::MySql, 5, 7), Account::Act).rights.last(), Some(&"SUPER"));
    }
}
