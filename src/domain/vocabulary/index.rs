//! An index by name and columns: what a runbook says, and what a definition shows, in one spelling.

use std::fmt;

use crate::domain::base::text::printable;

/// A plain index over whole columns. `by_state (state,placed_at)`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Index {
    name: String,
    columns: Vec<String>,
}

impl Index {
    /// Names that need no quoting only: a definition shows others in more than one way.
    pub fn parse(name: &str, columns: &str) -> Result<Self, String> {
        let plain = |text: &str| -> Result<String, String> {
            let text = text.trim();
            let fits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
            if fits { Ok(text.to_owned()) } else { Err(format!("`{}`: expected a-z, 0-9 and `_`", printable(text))) }
        };
        Ok(Self { name: plain(name)?, columns: columns.split(',').map(plain).collect::<Result<_, _>>()? })
    }

    /// As it stands in a statement.
    pub fn sql(&self) -> String {
        let columns: Vec<String> = self.columns.iter().map(|column| format!("`{column}`")).collect();
        format!("`{}` ({})", self.name, columns.join(","))
    }

    /// Whether `other`, as facts spell indexes, has the same name. Servers compare them without regard to case.
    pub fn has_the_name_of(&self, other: &str) -> bool {
        other.split_once(" (").is_some_and(|(name, _)| name.eq_ignore_ascii_case(&self.name))
    }
}

impl fmt::Display for Index {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.name, self.columns.join(","))
    }
}
