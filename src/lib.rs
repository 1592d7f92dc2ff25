//! countersign runs incident runbooks against MySQL and MariaDB fleets.
//!
//! The map of the code is `docs/ARCHITECTURE.md`. In one line: [`domain`] decides over values, everything else
//! carries values in and effects out.

pub mod act;
pub mod cli;
pub mod connect;
pub mod domain;
pub mod executor;
pub mod keys;
pub mod lab;
pub mod observe;
pub mod simulate;
pub mod store;
pub mod tui;
