//! The journal as values: one line, the chain of lines, signed heads, the exported bundle.
//!
//! Works on the bytes that are hashed. It never re-serialises JSON and never reads a file. What a whole journal proves,
//! signatures included, is judged in [`audit`] and [`verify`].

pub mod audit;
pub mod bundle;
pub mod chain;
pub mod head;
pub mod line;
pub mod record;
pub mod verify;

pub use chain::{Chain, ChainError};
pub use line::{Frame, Head, Line, LineError};
