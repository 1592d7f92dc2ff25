//! One execution of a runbook: what was recorded, the state that folds from it, and what to do next.

pub mod compare;
pub mod decide;
pub mod effect;
pub mod outcome;
pub mod state;

pub use outcome::{Connection, ConnectionState, CopyProgress, Measured, Outcome};
