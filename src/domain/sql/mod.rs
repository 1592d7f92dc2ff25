//! Everything the program knows about SQL text: how a server reads it, what it does, how to write it.
//!
//! Pure: no connection, no snapshot. It says what a statement does where it runs and whether the server writes it to
//! its binary log; where it arrives from there is the business of `reach`.

pub mod chunk;
pub mod classify;
pub mod create;
pub mod dialect;
pub mod identity;
pub mod lexer;
pub mod lookup;
pub mod packet;
pub mod quote;
pub mod rights;
pub mod sessions;

pub use classify::{Classified, classify};
pub use dialect::{Dialect, Flavor, Version};
