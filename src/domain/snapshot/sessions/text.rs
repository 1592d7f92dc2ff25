//! Sessions in words: for lists, for requests and for screens. What came from a server is made safe here.

use std::fmt;

use super::{Blocker, Doing, LockWaits, Sample, Session};
use crate::domain::base::Span;
use crate::domain::base::text::{count, printable};

/// What killing a session costs: how much must be taken back, and about how long that takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rollback {
    pub rows: u64,
    pub low: Span,
    pub high: Span,
}

/// Rows that a server takes back in a second when nothing better is known.
const ROWS_A_SECOND: u64 = 200_000;
/// An estimate is right within this factor, or it is of no use to anybody.
const FACTOR: u64 = 2;

impl Session {
    /// Taking back takes about as long as making did: where the statement is still being executed that is its own
    /// time, else a usual rate.
    pub fn rollback(&self) -> Rollback {
        let rows = self.rows_changed();
        let usual = rows.saturating_mul(1000) / ROWS_A_SECOND;
        let millis = match &self.doing {
            Doing::Statement(statement) if rows > 0 => statement.since.millis().min(self.age().millis().max(1000)),
            _ => usual,
        };
        Rollback {
            rows,
            low: Span::from_millis(millis / FACTOR),
            high: Span::from_millis(millis.saturating_mul(FACTOR)),
        }
    }

    /// What it executes, or that it does not, as one safe line.
    pub fn does(&self) -> String {
        match &self.doing {
            Doing::Idle { since } => format!("idle for {}", since.rounded()),
            Doing::Ending { since } => format!("ending for {}", since.rounded()),
            Doing::Statement(statement) => printable(&statement.text),
        }
    }

    /// `app@10.0.0.7:51234`, safe to show.
    pub fn who(&self) -> String {
        format!("{}@{}", printable(&self.user), printable(&self.host))
    }
}

impl Blocker {
    /// Everything that a choice needs, in one safe line.
    pub fn line(&self) -> String {
        let session = &self.session;
        let age = session.age().rounded();
        format!(
            "{}  {}  open {age}  {} waiting behind  {}  {}",
            session.id,
            session.who(),
            self.behind,
            session.rollback(),
            session.does()
        )
    }
}

impl fmt::Display for Rollback {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.rows == 0 {
            return f.write_str("nothing to roll back");
        }
        let rows = count(usize::try_from(self.rows).unwrap_or(usize::MAX), "row");
        write!(f, "rolls {rows} back, about {} to {}", self.low.rounded(), self.high.rounded())
    }
}

impl fmt::Display for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "session {} of {}, {}", self.id, self.who(), self.does())
    }
}

impl fmt::Display for LockWaits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let waiting = usize::try_from(self.waiting()).unwrap_or(usize::MAX);
        if waiting == 0 {
            return f.write_str("nobody waits");
        }
        write!(f, "{} waiting", count(waiting, "session"))?;
        for root in self.roots() {
            write!(f, ", {} behind {} of {}", root.behind, root.session.id, root.session.who())?;
        }
        if !self.untold.is_empty() {
            write!(f, ", {} of them for somebody whom the server does not tell", self.untold.len())?;
        }
        Ok(())
    }
}

/// How the number of waiting sessions went, as people read it in one line.
pub fn trend(samples: &[Sample]) -> String {
    let numbers: Vec<String> = samples.iter().map(|sample| sample.waiting.to_string()).collect();
    format!("waiting sessions, one look a second: {}", numbers.join(" "))
}
