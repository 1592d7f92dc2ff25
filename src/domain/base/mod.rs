//! The words every other module is written in: names, times, known and unknown, safe text.
//!
//! Imports nothing of ours and knows nothing of fleets, SQL or runs.

pub mod danger;
pub mod ids;
pub mod known;
pub mod text;
pub mod time;

pub use danger::Danger;
pub use ids::{Digest, Principal, RequestId, RunId, ServerName, StepId, TableName};
pub use known::{Known, Verdict};
pub use time::{Span, Timestamp};
