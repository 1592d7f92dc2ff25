//! The journal as values: one line, the chain of lines, signed heads, the exported bundle.
//!
//! Works on the bytes that are hashed. It never re-serialises JSON, never reads a file and never checks a signature:
//! signature checks are passed in by the caller.

pub mod bundle;
pub mod chain;
pub mod head;
pub mod line;
pub mod record;

pub use chain::{Chain, ChainError};
pub use line::{Frame, Head, Line, LineError};
