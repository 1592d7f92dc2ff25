//! One execution of a runbook: what was recorded, the state that folds from it, and what to do next.

pub mod outcome;

pub use outcome::{Connection, ConnectionState, CopyProgress, Measured, Outcome};
