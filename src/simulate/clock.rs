//! The simulated time: tokio's own, which a paused runtime moves on by itself, plus what the machine's clock jumped.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::dice::Dice;
use crate::domain::base::{Span, Timestamp};
use crate::executor::ports::World;

/// How long a wait sleeps before it looks whether the clock jumped.
const LOOK: Duration = Duration::from_millis(500);

/// The clock and the randomness of one simulated machine. Clones are the same machine.
#[derive(Debug, Clone)]
pub struct SimulatedWorld {
    base: Timestamp,
    start: Instant,
    jumped: Arc<AtomicI64>,
    dice: Arc<Mutex<Dice>>,
}

impl SimulatedWorld {
    /// A machine whose clock shows `base` now.
    pub fn new(base: Timestamp, dice: Dice) -> Self {
        let (jumped, dice) = (Arc::new(AtomicI64::new(0)), Arc::new(Mutex::new(dice)));
        Self { base, start: Instant::now(), jumped, dice }
    }

    /// The time as the servers have it, which no jump of this machine's clock moves.
    pub fn true_time(&self) -> Timestamp {
        let passed = u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.base.plus(Span::from_millis(passed))
    }

    /// Sets the machine's clock forward, or back with a negative number.
    pub fn jump(&self, millis: i64) {
        self.jumped.fetch_add(millis, Ordering::SeqCst);
    }
}

impl World for SimulatedWorld {
    fn now(&self) -> Timestamp {
        let jumped = self.jumped.load(Ordering::SeqCst);
        Timestamp::from_millis(self.true_time().millis().saturating_add(jumped))
    }

    fn random(&self) -> [u8; 16] {
        // A panic elsewhere leaves a generator that is as good as before.
        self.dice.lock().unwrap_or_else(PoisonError::into_inner).bytes()
    }

    async fn wait_until(&self, time: Timestamp) {
        while self.now() < time {
            let left = Duration::from_millis(time.since(self.now()).millis());
            tokio::time::sleep(left.min(LOOK)).await;
        }
    }
}
