//! Approval: what operators sign, who they are, and which signatures count.
//!
//! Everything here judges bytes that others made. It makes no signature, reads no file and asks no clock; it never
//! decides what to run from a document it has read, it only says whether bytes are what somebody signed.

pub mod authorized;
pub mod challenge;
pub mod counting;
pub mod document;
pub mod policy;
pub mod request;
pub mod roster;
pub mod sshsig;
#[cfg(test)]
pub(crate) mod testing;
pub mod trust;
pub mod votes;
