//! Waiting with an end: everything the lab waits for has a deadline and a short pause between two looks.

use std::time::{Duration, Instant};

/// Between two looks at something that takes tens of milliseconds.
const PAUSE: Duration = Duration::from_millis(10);

/// A moment after which waiting is given up.
#[derive(Debug, Clone, Copy)]
pub struct Deadline {
    began: Instant,
    limit: Duration,
}

impl Deadline {
    pub fn after(limit: Duration) -> Self {
        Self { began: Instant::now(), limit }
    }

    pub fn waited(&self) -> Duration {
        self.began.elapsed()
    }

    pub fn is_over(&self) -> bool {
        self.waited() >= self.limit
    }

    /// The pause before the next look.
    pub async fn pause(&self) {
        tokio::time::sleep(PAUSE).await;
    }
}
