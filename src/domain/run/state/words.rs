//! The phases in words. Nothing is decided by them.

use super::Phase;

impl Phase {
    /// The word for it in lines and errors.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Entering => "entering a step",
            Self::Asking => "waiting for an answer",
            Self::Choosing { .. } => "waiting for a choice among sessions",
            Self::Waiting { .. } => "waiting for facts",
            Self::Requested { .. } => "waiting for signatures",
            Self::Armed { .. } => "armed",
            Self::Between { .. } => "between two commands",
            Self::Sending { .. } => "running a command",
            Self::Doubt { .. } => "in doubt",
            Self::Settling { .. } => "verifying",
            Self::Stopped { .. } => "stopped",
            Self::Advising { .. } => "writing down how to promote by hand",
            Self::Finished { .. } => "finished",
            Self::Closed { .. } => "closed",
        }
    }
}
