//! What may be sent. The executor's acting side takes a [`Cleared`] command and nothing else.
//!
//! Two ways lead to one: [`Authorized`], which only [`authorize`] makes from a request, its script and enough distinct
//! people; and [`Cleared::without_approval`], which refuses everything that the policy or the program's floor wants
//! signed. Neither can be cloned, stored or read from a file.
//!
//! ```compile_fail
//! use countersign::domain::approval::authorized::Cleared;
//! fn forge(command: countersign::domain::script::Command) -> Cleared { Cleared { command } }
//! ```
//!
//! The twin goes through the door:
//!
//! ```
//! use countersign::domain::approval::{authorized::Cleared, policy::Policy};
//! fn clear(command: countersign::domain::script::Command, policy: &Policy) -> Option<Cleared> {
//!     Cleared::without_approval(command, countersign::domain::base::Danger::Observe, policy)
//! }
//! ```

use super::counting::{self, Missing, Submission};
use super::request::Request;
use super::trust::Trust;
use crate::domain::base::{Danger, Principal, Timestamp};
use crate::domain::script::Command;

/// A script that enough distinct people have signed.
#[derive(Debug)]
#[must_use]
pub struct Authorized {
    script: Vec<Command>,
}

/// One command that may be sent.
#[derive(Debug)]
#[must_use]
pub struct Cleared {
    command: Command,
}

impl Cleared {
    pub fn command(&self) -> &Command {
        &self.command
    }

    /// Clears a command of a step that needs no approval; `None` if it needs one.
    pub fn without_approval(command: Command, danger: Danger, policy: &super::policy::Policy) -> Option<Self> {
        let danger = danger.max(command.danger);
        (danger < Danger::Destructive && policy.rule(danger).approvals() == 0).then_some(Self { command })
    }
}

impl Authorized {
    /// The command at `index` of the signed script.
    pub fn clear(mut self, index: usize) -> Option<Cleared> {
        (index < self.script.len()).then(|| Cleared { command: self.script.swap_remove(index) })
    }
}

/// Turns a request into permission if enough distinct people have signed exactly its bytes, as trust stands at `at`.
pub fn authorize(
    request: &Request,
    danger: Danger,
    requester: &Principal,
    submissions: &[Submission<'_>],
    trust: &Trust,
    at: Timestamp,
) -> Result<Authorized, Missing> {
    let subject = counting::Subject { request: request.text().as_bytes(), danger, requester };
    counting::count(subject, submissions, trust, at).enough()?;
    Ok(Authorized { script: request.script().to_vec() })
}
