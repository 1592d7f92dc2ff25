//! How far a server has come: GTID sets of both flavours, and whether one contains another.
//!
//! MySQL counts intervals per source; MariaDB keeps the last sequence number per domain. The two never compare.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

/// A set of executed transactions.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Position {
    /// Per source (`uuid` or `uuid:tag`) the executed intervals, both ends included, merged and ascending.
    MySql(BTreeMap<String, Vec<(u64, u64)>>),
    /// Per domain the last server id and sequence number.
    MariaDb(BTreeMap<u32, (u32, u64)>),
}

impl Position {
    /// Reads `@@gtid_executed` (`uuid:1-5:8,uuid:tag:1-3`).
    pub fn parse_mysql(text: &str) -> Option<Self> {
        let mut sets: BTreeMap<String, Vec<(u64, u64)>> = BTreeMap::new();
        for part in text.split(',').map(str::trim).filter(|p| !p.is_empty()) {
            let mut fields = part.split(':');
            let uuid = fields.next().filter(|u| u.len() == 36)?.to_ascii_lowercase();
            let mut source = uuid.clone();
            for field in fields {
                match interval(field) {
                    Some(range) => sets.entry(source.clone()).or_default().push(range),
                    None => source = format!("{uuid}:{}", tag(field)?),
                }
            }
        }
        for ranges in sets.values_mut() {
            merge(ranges);
        }
        Some(Self::MySql(sets))
    }

    /// Reads `@@gtid_slave_pos` or `@@gtid_binlog_pos` (`0-1-17,1-2-3`).
    pub fn parse_mariadb(text: &str) -> Option<Self> {
        let mut domains = BTreeMap::new();
        for part in text.split(',').map(str::trim).filter(|p| !p.is_empty()) {
            let mut fields = part.split('-');
            let (domain, server, seq) = (fields.next()?, fields.next()?, fields.next()?);
            let (domain, server, seq) = (domain.parse().ok()?, server.parse().ok()?, seq.parse::<u64>().ok()?);
            let best: &mut (u32, u64) = domains.entry(domain).or_insert((server, seq));
            if seq > best.1 {
                *best = (server, seq);
            }
        }
        Some(Self::MariaDb(domains))
    }

    /// Whether everything in `other` is in here. `None` if the two are of different flavours.
    pub fn contains(&self, other: &Self) -> Option<bool> {
        match (self, other) {
            (Self::MySql(mine), Self::MySql(theirs)) => Some(theirs.iter().all(|(source, ranges)| {
                let have = mine.get(source).map_or(&[][..], Vec::as_slice);
                ranges.iter().all(|(from, to)| have.iter().any(|(a, b)| a <= from && to <= b))
            })),
            (Self::MariaDb(mine), Self::MariaDb(theirs)) => {
                Some(theirs.iter().all(|(domain, (_, seq))| mine.get(domain).is_some_and(|(_, have)| have >= seq)))
            }
            _ => None,
        }
    }

    /// Whether a replica that stands here takes `transaction` for executed, as far as that is certain.
    ///
    /// MariaDB keeps one number for a domain: a higher one from another server says nothing about this one's.
    pub fn counts(&self, transaction: &Self) -> bool {
        let same_server = match (self, transaction) {
            (Self::MariaDb(mine), Self::MariaDb(theirs)) => {
                theirs.iter().all(|(domain, (server, _))| mine.get(domain).is_some_and(|(own, _)| own == server))
            }
            _ => true,
        };
        same_server && self.contains(transaction) == Some(true)
    }

    /// Both together; `None` if the two are of different flavours.
    pub fn union(&self, other: &Self) -> Option<Self> {
        match (self, other) {
            (Self::MySql(a), Self::MySql(b)) => {
                let mut sets = a.clone();
                for (source, ranges) in b {
                    let all = sets.entry(source.clone()).or_default();
                    all.extend(ranges);
                    merge(all);
                }
                Some(Self::MySql(sets))
            }
            (Self::MariaDb(a), Self::MariaDb(b)) => {
                let mut domains = a.clone();
                for (domain, theirs) in b {
                    let best = domains.entry(*domain).or_insert(*theirs);
                    if theirs.1 > best.1 {
                        *best = *theirs;
                    }
                }
                Some(Self::MariaDb(domains))
            }
            _ => None,
        }
    }
}

fn interval(field: &str) -> Option<(u64, u64)> {
    let (from, to) = field.split_once('-').unwrap_or((field, field));
    let (from, to) = (from.parse().ok()?, to.parse().ok()?);
    (from >= 1 && from <= to).then_some((from, to))
}

fn tag(field: &str) -> Option<&str> {
    let good = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    (!field.is_empty() && field.len() <= 32 && field.bytes().all(good)).then_some(field)
}

fn merge(ranges: &mut Vec<(u64, u64)>) {
    ranges.sort_unstable();
    let mut merged: Vec<(u64, u64)> = Vec::with_capacity(ranges.len());
    for (from, to) in ranges.drain(..) {
        match merged.last_mut() {
            Some(last) if from <= last.1.saturating_add(1) => last.1 = last.1.max(to),
            _ => merged.push((from, to)),
        }
    }
    *ranges = merged;
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MySql(sets) => {
                for (i, (source, ranges)) in sets.iter().enumerate() {
                    write!(f, "{}{source}", if i == 0 { "" } else { "," })?;
                    for (from, to) in ranges {
                        if from == to { write!(f, ":{from}")? } else { write!(f, ":{from}-{to}")? }
                    }
                }
            }
            Self::MariaDb(domains) => {
                for (i, (domain, (server, seq))) in domains.iter().enumerate() {
                    write!(f, "{}{domain}-{server}-{seq}", if i == 0 { "" } else { "," })?;
                }
            }
        }
        Ok(())
    }
}

impl From<Position> for String {
    fn from(position: Position) -> String {
        match &position {
            Position::MySql(_) => format!("mysql {position}"),
            Position::MariaDb(_) => format!("mariadb {position}"),
        }
    }
}

impl TryFrom<String> for Position {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        let read = match text.split_once(' ') {
            Some(("mysql", set)) => Self::parse_mysql(set),
            Some(("mariadb", set)) => Self::parse_mariadb(set),
            _ => None,
        };
        read.ok_or_else(|| format!("`{text}` is not a position: expected `mysql` or `mariadb` and a GTID set"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "3e11fa47-71ca-11e1-9e33-c80aa9429562";

    #[test]
    fn mysql_sets_contain_what_they_cover() {
        let set = |text: &str| Position::parse_mysql(text).unwrap();
        let mine = set(&format!("{A}:1-5:8-9, {A}:6"));
        assert_eq!(mine.to_string(), format!("{A}:1-6:8-9"));
        assert_eq!(mine.contains(&set(&format!("{A}:2-6"))), Some(true));
        assert_eq!(mine.contains(&set(&format!("{A}:6-8"))), Some(false));
        assert_eq!(mine.contains(&set("")), Some(true));
        assert_eq!(set("").contains(&mine), Some(false));
    }

    #[test]
    fn mysql_tags_are_sources_of_their_own() {
        let tagged = Position::parse_mysql(&format!("{A}:1-3:countersign:1-2")).unwrap();
        let plain = Position::parse_mysql(&format!("{A}:1-3")).unwrap();
        assert_eq!(tagged.contains(&plain), Some(true));
        assert_eq!(plain.contains(&tagged), Some(false));
    }

    #[test]
    fn mariadb_compares_the_last_number_of_each_domain() {
        let set = |text: &str| Position::parse_mariadb(text).unwrap();
        assert_eq!(set("0-1-17,1-2-3").contains(&set("0-3-17")), Some(true));
        assert_eq!(set("0-1-17").contains(&set("0-1-18")), Some(false));
        assert_eq!(set("0-1-17").contains(&set("1-1-1")), Some(false));
    }

    #[test]
    fn a_higher_number_of_another_server_counts_for_nothing() {
        let set = |text: &str| Position::parse_mariadb(text).unwrap();
        assert!(set("0-1-17").counts(&set("0-1-17")));
        assert!(!set("0-2-20").counts(&set("0-1-17")), "its own writes may have come behind");
        assert!(!set("0-1-16").counts(&set("0-1-17")));
    }

    #[test]
    fn flavours_never_compare_and_rubbish_is_not_a_position() {
        let mysql = Position::parse_mysql("").unwrap();
        assert_eq!(mysql.contains(&Position::parse_mariadb("").unwrap()), None);
        assert!(Position::parse_mysql("x:1").is_none());
        assert!(Position::parse_mariadb("0-1").is_none());
    }

    #[test]
    fn a_position_survives_its_own_text() {
        for text in [format!("mysql {A}:1-3:countersign:1-2"), "mariadb 0-1-17,1-2-3".to_owned()] {
            let position = Position::try_from(text.clone()).unwrap();
            assert_eq!(Position::try_from(String::from(position.clone())).unwrap(), position, "{text}");
        }
    }
}
