//! Runbooks: their shape when everything in them has its meaning.

pub mod shape;

pub use shape::{Runbook, Step, Work};
