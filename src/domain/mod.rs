//! The pure part: values in, values out.
//!
//! No clock, no I/O, no async, no randomness, no globals, no logging in here: whatever a decision needs is an argument.
//! That is what makes every decision of the program testable without a server and repeatable from a journal.
//! The lints below and `tests/tidy.rs` hold the boundary.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

pub mod approval;
pub mod base;
pub mod fleet;
pub mod journal;
pub mod plan;
pub mod reach;
pub mod report;
pub mod run;
pub mod runbook;
pub mod script;
pub mod snapshot;
pub mod sql;
pub mod step;
pub mod vocabulary;
pub mod yaml;
