//! Runbooks: the file as it was written ([`Source`]), and its meaning on one fleet ([`Runbook`]).
//!
//! Reading is complete: every problem of a file is reported in one go, with its line. Nothing in a file can lower a
//! danger, an approval or the rule of copies. Knows the vocabulary and the declared fleet, never a fact.

mod build;
mod entry;
mod file;
mod fill;
pub mod lint;
mod param;
mod read;
mod reference;
pub mod shape;
#[cfg(test)]
mod tests;

pub use param::{Param, ParamType, ParamValue, Prefer, Role};
pub use read::{Source, read};
pub use shape::{Repeat, Runbook, Step, Work};
