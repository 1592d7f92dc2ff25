//! Looks at the sessions of a server: who waits for whom, and what killing somebody would cost.

use std::collections::BTreeSet;

use super::Observer;
use crate::domain::base::{ServerName, Span};
use crate::domain::run::Outcome;
use crate::domain::snapshot::Patch;

impl Observer {
    /// The lock waits of `servers`, as facts.
    pub async fn lock_waits(&mut self, _servers: &BTreeSet<ServerName>) -> Patch {
        Patch::default()
    }

    /// Who blocks whom, as a list to choose from.
    pub async fn blockers(&mut self, _server: &ServerName) -> Outcome {
        Outcome::NotSent { why: "not told".to_owned() }
    }

    /// How many sessions wait, once a second.
    pub async fn watch(&mut self, _server: &ServerName, _lasting: Span) -> Outcome {
        Outcome::NotSent { why: "not told".to_owned() }
    }
}
