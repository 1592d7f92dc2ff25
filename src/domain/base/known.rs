//! Known and unknown, as types. There is no default and no `unwrap_or`: code that wants a value must say what it
//! does when there is none, and the only safe thing is to stop.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::time::Timestamp;

/// One fact: observed, with its time, or not known, with the reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Known<T> {
    Observed { value: T, at: Timestamp },
    Unknown { why: String },
}

impl<T> Known<T> {
    pub fn unknown(why: impl Into<String>) -> Self {
        Self::Unknown { why: why.into() }
    }

    /// The value, or why there is none.
    pub fn value(&self) -> Result<&T, &str> {
        match self {
            Self::Observed { value, .. } => Ok(value),
            Self::Unknown { why } => Err(why),
        }
    }

    /// When it was observed; `None` if it was not.
    pub fn at(&self) -> Option<Timestamp> {
        match self {
            Self::Observed { at, .. } => Some(*at),
            Self::Unknown { .. } => None,
        }
    }
}

/// The answer to a question about a fact. Three values: "cannot tell" blocks like "fails" but is not the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    Holds,
    Fails,
    CannotTell { why: String },
}

impl Verdict {
    pub fn holds(&self) -> bool {
        matches!(self, Self::Holds)
    }
}

impl From<bool> for Verdict {
    fn from(holds: bool) -> Self {
        if holds { Self::Holds } else { Self::Fails }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Holds => f.write_str("holds"),
            Self::Fails => f.write_str("fails"),
            Self::CannotTell { why } => write!(f, "cannot tell: {why}"),
        }
    }
}
