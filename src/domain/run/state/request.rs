//! A request within the state of a run: what was asked for, who signed, and what became of it.

use std::fmt;

use crate::domain::approval::counting::{self, Submission};
use crate::domain::approval::request::Header;
use crate::domain::approval::trust::Trust;
use crate::domain::base::{Danger, Principal, Timestamp};
use crate::domain::journal::record::{Approval, Assessed, Stopper};

/// A request and what became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestState {
    pub header: Header,
    pub danger: Danger,
    pub text: String,
    pub assessed: Assessed,
    pub approvals: Vec<Approval>,
    pub ended: Option<Ended>,
}

impl RequestState {
    /// What the signatures are over, as they are counted.
    pub fn subject(&self) -> counting::Subject<'_> {
        counting::Subject { request: self.text.as_bytes(), danger: self.danger, requester: &self.header.requested_by }
    }

    /// Whether one more approval would count, or why it would change nothing.
    pub fn takes(&self, approval: &Approval, trust: &Trust, at: Timestamp) -> Result<(), counting::NotCounted> {
        counting::adds(self.subject(), &self.submissions(), approval.submission(), trust, at)
    }

    /// Who asked, or who approved, takes that back; everybody else rejects.
    pub fn may_be_withdrawn_by(&self, who: &Principal) -> bool {
        self.header.requested_by == *who || self.approvals.iter().any(|approval| approval.by == *who)
    }

    /// The signatures that came in, as they are counted.
    pub fn submissions(&self) -> Vec<Submission<'_>> {
        self.approvals.iter().map(Approval::submission).collect()
    }
}

/// Why a request is no longer open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ended {
    Used,
    Void { why: String },
    Stopped { by: Principal, how: Stopper, reason: String },
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Used => f.write_str("it was used"),
            Self::Void { why } => f.write_str(why),
            Self::Stopped { by, reason, .. } => write!(f, "{by} said no: {reason}"),
        }
    }
}
