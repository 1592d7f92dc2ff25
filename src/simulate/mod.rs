//! Simulated servers, people, clocks and stores behind the executor's own ports, with faults from one seed.
//!
//! The executor, `decide` and `apply` are the real ones: a simulated run differs from a real one only in its ports.
//! Nothing in here decides for a run, and nothing of the product imports it except the commands that simulate.

pub mod act;
pub mod audit;
pub mod clock;
pub mod dice;
pub mod export;
pub mod faults;
pub mod fleet;
pub mod invariant;
pub mod observe;
pub mod people;
mod random;
pub mod run;
pub mod scenario;
mod server;
mod sessions;
pub mod store;

pub use dice::Dice;
pub use fleet::SimulatedFleet;
pub use run::{Report, Rig, simulate, simulate_in_no_time};
pub use scenario::Scenario;
