//! How much harm a step can do. Computed by the program; an author can only raise it.

use std::fmt;

use serde::{Deserialize, Serialize};

/// In ascending order of harm, so `max` takes the worse of two.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Danger {
    /// Reads.
    Observe,
    /// Lowers what can still go wrong: pause, detach, copy, hold.
    Protective,
    /// Changes something that a stated command takes back.
    Reversible,
    /// Aborts work, causes an outage, moves a role.
    Disruptive,
    /// Data may be gone afterwards.
    Destructive,
}

impl Danger {
    pub const ALL: [Self; 5] = [Self::Observe, Self::Protective, Self::Reversible, Self::Disruptive, Self::Destructive];

    /// The word used in files, screens and JSON.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Observe => "observe",
            Self::Protective => "protective",
            Self::Reversible => "reversible",
            Self::Disruptive => "disruptive",
            Self::Destructive => "destructive",
        }
    }
}

impl fmt::Display for Danger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}
