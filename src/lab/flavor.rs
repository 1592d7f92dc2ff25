//! The two families of servers that the lab can start.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Which family a server program belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Flavor {
    Mariadb,
    Mysql,
}

impl Flavor {
    pub const ALL: [Self; 2] = [Self::Mariadb, Self::Mysql];

    /// The word on the command line and in file names.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Mariadb => "mariadb",
            Self::Mysql => "mysql",
        }
    }
}

impl fmt::Display for Flavor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl FromStr for Flavor {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let known = Self::ALL.into_iter().find(|flavor| flavor.word() == text);
        known.ok_or_else(|| format!("`{text}` is not a flavor: expected `mariadb` or `mysql`"))
    }
}
