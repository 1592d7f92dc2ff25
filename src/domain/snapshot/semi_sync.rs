//! The text of the fact about semi-synchronous replication, written by whoever observes and read by whoever judges.

use std::fmt;
use std::str::FromStr;

use crate::domain::base::Span;

/// Whether a source waits for replicas to acknowledge before it answers a commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SemiSync {
    Off,
    On {
        /// Replicas that acknowledge now.
        acknowledging: u64,
        /// How many of them each commit waits for.
        needed: u64,
        /// How long it waits before it goes on without them.
        timeout: Span,
    },
}

impl fmt::Display for SemiSync {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Off => f.write_str("off"),
            Self::On { acknowledging, needed, timeout } => {
                write!(f, "on, {acknowledging} acknowledging, {needed} needed, timeout {} ms", timeout.millis())
            }
        }
    }
}

/// A text that is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` does not describe semi-synchronous replication: expected `off` or what a snapshot of this version holds"
)]
pub struct NoSemiSync(String);

impl FromStr for SemiSync {
    type Err = NoSemiSync;

    fn from_str(text: &str) -> Result<Self, NoSemiSync> {
        let no = || NoSemiSync(text.to_owned());
        if text == "off" {
            return Ok(Self::Off);
        }
        let parts: Vec<&str> = text.split(", ").collect();
        let ["on", acknowledging, needed, timeout] = parts[..] else { return Err(no()) };
        let number = |text: Option<&str>| text.and_then(|text| text.parse().ok()).ok_or_else(no);
        Ok(Self::On {
            acknowledging: number(acknowledging.strip_suffix(" acknowledging"))?,
            needed: number(needed.strip_suffix(" needed"))?,
            timeout: Span::from_millis(number(
                timeout.strip_prefix("timeout ").and_then(|text| text.strip_suffix(" ms")),
            )?),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_survives_its_own_text() {
        let on = SemiSync::On { acknowledging: 2, needed: 1, timeout: Span::from_secs(10) };
        assert_eq!(on.to_string(), "on, 2 acknowledging, 1 needed, timeout 10000 ms");
        for semi_sync in [SemiSync::Off, on] {
            assert_eq!(semi_sync.to_string().parse(), Ok(semi_sync));
        }
        assert!("on, 2 replicas".parse::<SemiSync>().is_err());
    }
}
