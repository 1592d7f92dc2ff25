//! What must hold in every simulated run: after every record, before everything that is sent, and at its end. Each rule
//! has a name here; [`super::audit`] asks them, and `tests/simulation` breaks the product once for each.

use std::fmt;

/// A rule that no run may break.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Invariant {
    /// Nothing destructive is sent without two live approvals of distinct people for exactly it.
    TwoPeople,
    /// Nothing that was sent is sent again on the same intent or the same signatures.
    SentOnce,
    /// What is sent stands in the journal before, word for word.
    IntentFirst,
    /// Nothing is sent under a lease that somebody else has taken over.
    LiveLease,
    /// Nothing new begins while somebody holds the run.
    HoldIsHeard,
    /// No run goes on or says done while an effect is unknown.
    DoneIsKnown,
    /// What a record says of a statement is what became of it on the server.
    RecordsAreTrue,
    /// At every moment at least one good copy stays out of reach.
    RuleOfCopies,
    /// Every input that reached the inbox is on record or still there.
    NoInputLost,
    /// The state of an executor is the fold of the records, and every record makes sense where it stands.
    StateIsTheFold,
    /// Every run ends, or names what it waits for.
    EndsOrWaits,
}

impl Invariant {
    pub const ALL: [Self; 11] = [
        Self::TwoPeople,
        Self::SentOnce,
        Self::IntentFirst,
        Self::LiveLease,
        Self::HoldIsHeard,
        Self::DoneIsKnown,
        Self::RecordsAreTrue,
        Self::RuleOfCopies,
        Self::NoInputLost,
        Self::StateIsTheFold,
        Self::EndsOrWaits,
    ];
}

/// One rule that was broken: how, and behind how many records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    pub invariant: Invariant,
    pub what: String,
    pub records: u64,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {} (behind {} records)", self.invariant, self.what, self.records)
    }
}
