//! What one server's SQL looks like: flavour and version as a value of capabilities.
//!
//! Call sites ask what to write or whether something exists; no version number is compared outside of this module.

mod dictionary;
mod words;

pub use words::{Channel, Gtid, SourceOption, Threads};

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::domain::base::text::printable;

/// The two families of servers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Flavor {
    MariaDb,
    MySql,
}

impl fmt::Display for Flavor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::MariaDb => "MariaDB",
            Self::MySql => "MySQL",
        })
    }
}

/// The three numbers of a release.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Version {
    pub major: u16,
    pub minor: u16,
    pub patch: u16,
}

impl Version {
    pub const fn new(major: u16, minor: u16, patch: u16) -> Self {
        Self { major, minor, patch }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

/// How far this program's statements have been tried on a release.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Support {
    /// The tests run on real servers of this release series.
    Tested,
    /// Written from the manual only: observe and plan; acting needs `accept_untested`.
    ByDocumentation,
    Refused,
}

/// Why there is no dialect for a server.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DialectError {
    #[error("expected a version like `8.0.36` or `10.11.6-MariaDB`, found `{}`: check what answers on this address", printable(.found))]
    NotAVersion { found: String },
    #[error("expected MySQL or MariaDB, found `{product}`, which only speaks their protocol: connect to a real server")]
    OtherProduct { product: &'static str },
    #[error("expected {flavor} {oldest} or later, found {found}: upgrade the server or handle it by hand")]
    TooOld { flavor: Flavor, oldest: &'static str, found: Version },
}

/// What to write for one server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Dialect {
    flavor: Flavor,
    version: Version,
}

/// Products that answer like one of the two and are neither.
const OTHER_PRODUCTS: [&str; 9] =
    ["TiDB", "Vitess", "PlanetScale", "Dolt", "OceanBase", "SingleStore", "StarRocks", "Doris", "ProxySQL"];

impl Dialect {
    /// The dialect of a server, from its `@@version` and `@@version_comment`.
    pub fn detect(version: &str, comment: &str) -> Result<Self, DialectError> {
        let says = |what: &str| {
            let what = what.to_ascii_lowercase();
            version.to_ascii_lowercase().contains(&what) || comment.to_ascii_lowercase().contains(&what)
        };
        if let Some(product) = OTHER_PRODUCTS.into_iter().find(|product| says(product)) {
            return Err(DialectError::OtherProduct { product });
        }
        let flavor = if says("mariadb") { Flavor::MariaDb } else { Flavor::MySql };
        let number = version.strip_prefix("5.5.5-").filter(|_| flavor == Flavor::MariaDb).unwrap_or(version);
        let parsed = parse_version(number).ok_or_else(|| DialectError::NotAVersion { found: version.to_owned() })?;
        Self::of(flavor, parsed)
    }

    /// The dialect of a release, unless it is too old.
    pub fn of(flavor: Flavor, version: Version) -> Result<Self, DialectError> {
        if support(flavor, version) == Support::Refused {
            return Err(DialectError::TooOld { flavor, oldest: oldest(flavor).1, found: version });
        }
        Ok(Self { flavor, version })
    }

    pub const fn flavor(self) -> Flavor {
        self.flavor
    }

    pub const fn version(self) -> Version {
        self.version
    }

    pub fn support(self) -> Support {
        support(self.flavor, self.version)
    }

    fn mysql_since(self, major: u16, minor: u16, patch: u16) -> bool {
        self.flavor == Flavor::MySql && self.version >= Version::new(major, minor, patch)
    }

    fn is_mariadb(self) -> bool {
        self.flavor == Flavor::MariaDb
    }
}

impl fmt::Display for Dialect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.flavor, self.version)
    }
}

const fn oldest(flavor: Flavor) -> (Version, &'static str) {
    match flavor {
        Flavor::MariaDb => (Version::new(10, 5, 2), "10.5.2"),
        Flavor::MySql => (Version::new(5, 7, 0), "5.7"),
    }
}

/// How far a release is supported; also answers for releases that have no [`Dialect`].
pub fn support(flavor: Flavor, version: Version) -> Support {
    match (flavor, version.major, version.minor) {
        _ if version < oldest(flavor).0 => Support::Refused,
        (Flavor::MariaDb, 10, 11) | (Flavor::MySql, 9, 7) => Support::Tested,
        _ => Support::ByDocumentation,
    }
}

/// The leading `a.b.c`; what follows must not continue the last number.
fn parse_version(text: &str) -> Option<Version> {
    let mut parts = text.splitn(3, '.');
    let major = parts.next()?.parse().ok()?;
    let minor = parts.next()?.parse().ok()?;
    let last = parts.next()?;
    let digits = last.find(|c: char| !c.is_ascii_digit()).unwrap_or(last.len());
    let (number, suffix) = last.split_at(digits);
    if !(suffix.is_empty() || suffix.starts_with(['-', '+', '.', '~', '_'])) {
        return None;
    }
    Some(Version::new(major, minor, number.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn detect(version: &str) -> Result<Dialect, DialectError> {
        Dialect::detect(version, "")
    }

    #[test]
    fn versions_are_read_from_what_servers_say() {
        for (text, comment, expected) in [
            ("10.11.19-MariaDB-deb12-log", "Debian 12", "MariaDB 10.11.19"),
            ("5.5.5-10.6.16-MariaDB", "", "MariaDB 10.6.16"),
            ("11.4.2-MariaDB", "mariadb.org binary distribution", "MariaDB 11.4.2"),
            ("9.7.4", "MySQL Community Server - GPL", "MySQL 9.7.4"),
            ("5.7.44-log", "MySQL Community Server (GPL)", "MySQL 5.7.44"),
            ("8.0.36-28", "Percona Server (GPL), Release 28", "MySQL 8.0.36"),
        ] {
            assert_eq!(Dialect::detect(text, comment).unwrap().to_string(), expected);
        }
    }

    #[test]
    fn what_is_not_a_version_is_refused() {
        for text in ["", "8", "8.0", "8.0.x", "a.b.c", "8.0.3x", "-8.0.1"] {
            assert!(matches!(detect(text), Err(DialectError::NotAVersion { .. })), "{text}");
        }
    }

    #[test]
    fn old_servers_and_look_alikes_are_refused_with_what_was_expected() {
        let old = detect("5.6.51").unwrap_err().to_string();
        assert!(old.contains("expected MySQL 5.7") && old.contains("found 5.6.51"), "{old}");
        assert!(matches!(detect("10.4.33-MariaDB"), Err(DialectError::TooOld { .. })));
        assert!(matches!(detect("8.0.11-TiDB-v7.5.0"), Err(DialectError::OtherProduct { product: "TiDB" })));
    }

    #[test]
    fn only_what_the_tests_run_on_counts_as_tested() {
        assert_eq!(detect("10.11.19-MariaDB").unwrap().support(), Support::Tested);
        assert_eq!(detect("9.7.4").unwrap().support(), Support::Tested);
        assert_eq!(detect("9.6.0").unwrap().support(), Support::ByDocumentation);
        assert_eq!(detect("8.0.36").unwrap().support(), Support::ByDocumentation);
        assert_eq!(support(Flavor::MySql, Version::new(5, 6, 51)), Support::Refused);
    }
}
