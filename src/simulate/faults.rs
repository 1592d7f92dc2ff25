//! Which faults a simulation meets, and when: everything is decided by the seed.
//!
//! A point is a place where a process can die or stall: before and after every append, every effect and every removal
//! of an input. Each point has a number; the plan says what happens at some of them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, mpsc};

use super::dice::Dice;
use crate::domain::base::Span;
use crate::store::memory::Fault;

/// How many points the faults of one run are spread over.
const SPREAD: u64 = 260;

/// What happens at a point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// The process dies.
    Crash,
    /// The process stalls, its lease lapses, and another one takes over meanwhile.
    TakenOver,
    /// The next append fails in this way.
    Append(Fault),
    /// The machine's clock jumps by so many milliseconds.
    ClockJump(i64),
}

/// What happens to a statement on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnTheWay {
    Fine,
    /// The connection is lost before the statement arrives.
    LostBefore,
    /// The client gives up while the server executes, and the server goes on.
    LostWhileItGoesOn,
    /// The client gives up while the server executes, and the server gives up too.
    LostAndGivenUp,
    /// Everything is done, only the answer is lost.
    LostAfter,
    /// The guard in front stops it.
    Stopped,
    /// The server gives up with an error.
    Refused,
    /// The server is restarted while it executes.
    Restarted,
}

/// How much goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weather {
    /// Nothing goes wrong, and people agree.
    Fair,
    /// Everything can go wrong.
    Rough,
}

/// One process's life. Ending it wakes whoever carries it.
#[derive(Debug, Default)]
pub struct Life {
    ended: Notify,
}

impl Life {
    pub async fn over(&self) {
        self.ended.notified().await;
    }
}

/// The faults of one simulation, and the count of those that happened.
#[derive(Debug)]
pub struct Faults {
    pub weather: Weather,
    inner: Mutex<Inner>,
    /// Asks for another process.
    another: mpsc::UnboundedSender<()>,
}

#[derive(Debug)]
struct Inner {
    point: u64,
    planned: BTreeMap<u64, Trouble>,
    dice: Dice,
    happened: BTreeMap<String, u64>,
    places: BTreeSet<&'static str>,
}

impl Faults {
    /// The faults that `dice` choose.
    pub fn new(weather: Weather, dice: &Dice, another: mpsc::UnboundedSender<()>) -> Arc<Self> {
        let mut dice = dice.fork("faults");
        let planned = if weather == Weather::Fair { BTreeMap::new() } else { plan(&mut dice) };
        let inner = Inner { point: 0, planned, dice, happened: BTreeMap::new(), places: BTreeSet::new() };
        Arc::new(Self { weather, inner: Mutex::new(inner), another })
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a fault that happened.
    pub fn happened(&self, what: impl Into<String>) {
        *self.inner().happened.entry(what.into()).or_insert(0) += 1;
    }

    pub fn counts(&self) -> BTreeMap<String, u64> {
        self.inner().happened.clone()
    }

    /// The kinds of places that were passed.
    pub fn places(&self) -> BTreeSet<&'static str> {
        self.inner().places.clone()
    }

    /// The trouble at the next point, if any.
    fn draw(&self, place: &'static str) -> Option<Trouble> {
        let mut inner = self.inner();
        inner.point += 1;
        inner.places.insert(place);
        let point = inner.point;
        let trouble = inner.planned.remove(&point)?;
        let name = match trouble {
            Trouble::Crash => format!("crash {place}"),
            Trouble::TakenOver => format!("lease lost {place}"),
            Trouble::Append(fault) => format!("append {fault:?}"),
            Trouble::ClockJump(_) => "clock jump".to_owned(),
        };
        *inner.happened.entry(name).or_insert(0) += 1;
        Some(trouble)
    }

    /// Passes a point: the process may die here, or stall while another takes its run over.
    pub async fn pass(&self, place: &'static str, life: &Life, on: &impl Troubled) {
        match self.draw(place) {
            None => {}
            Some(Trouble::Crash) => {
                life.ended.notify_one();
                std::future::pending::<()>().await;
            }
            Some(Trouble::TakenOver) => {
                on.lapse();
                // A closed channel means that the simulation is over, and then nobody takes over.
                let _ = self.another.send(());
                tokio::time::sleep(Duration::from_secs(3)).await;
            }
            Some(Trouble::Append(fault)) => on.fail_append(fault),
            Some(Trouble::ClockJump(millis)) => on.jump(millis),
        }
    }

    /// True in `percent` of a hundred cases, never in fair weather.
    pub fn chance(&self, percent: u64) -> bool {
        self.weather == Weather::Rough && self.inner().dice.chance(percent)
    }

    /// What happens to the next statement.
    pub fn on_the_way(&self) -> OnTheWay {
        if !self.chance(22) {
            return OnTheWay::Fine;
        }
        let choices = [
            OnTheWay::LostBefore,
            OnTheWay::LostWhileItGoesOn,
            OnTheWay::LostAndGivenUp,
            OnTheWay::LostAfter,
            OnTheWay::Stopped,
            OnTheWay::Refused,
            OnTheWay::Restarted,
        ];
        let chosen = self.inner().dice.pick(&choices).copied().unwrap_or(OnTheWay::Fine);
        self.happened(format!("statement {chosen:?}"));
        chosen
    }

    /// A length of time below `millis`.
    pub fn some_time(&self, millis: u64) -> Span {
        Span::from_millis(self.inner().dice.below(millis))
    }

    pub fn pick<T: Clone>(&self, choices: &[T]) -> Option<T> {
        self.inner().dice.pick(choices).cloned()
    }
}

/// What trouble is done to.
pub trait Troubled {
    fn lapse(&self);
    fn fail_append(&self, fault: Fault);
    fn jump(&self, millis: i64);
}

fn plan(dice: &mut Dice) -> BTreeMap<u64, Trouble> {
    let mut planned = BTreeMap::new();
    for _ in 0..dice.below(4) {
        planned.insert(1 + dice.below(SPREAD), Trouble::Crash);
    }
    if dice.chance(20) {
        planned.insert(1 + dice.below(SPREAD), Trouble::TakenOver);
    }
    if dice.chance(40) {
        let faults = [Fault::Torn, Fault::AnswerLost, Fault::DiskFull, Fault::ReadOnly];
        let fault = dice.pick(&faults).copied().unwrap_or(Fault::Torn);
        planned.insert(1 + dice.below(SPREAD), Trouble::Append(fault));
    }
    if dice.chance(15) {
        let jumps = [-3_600_000, -90_000, 90_000, 1_900_000, 7_200_000];
        let jump = dice.pick(&jumps).copied().unwrap_or_default();
        planned.insert(1 + dice.below(SPREAD), Trouble::ClockJump(jump));
    }
    planned
}
