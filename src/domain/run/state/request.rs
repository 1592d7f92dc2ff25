//! A request within the state of a run: what was asked for, who signed, and what became of it.

use std::fmt;

use super::{Impossible, Phase, State, doubt};
use crate::domain::approval::counting::{self, Submission};
use crate::domain::approval::request::Header;
use crate::domain::approval::trust::Trust;
use crate::domain::base::{Danger, Principal, RequestId, Timestamp};
use crate::domain::journal::record::{Approval, Assessed, Record, Stopper};

/// Why a request that was open when another executor took the run over is void.
pub const TAKEN_OVER: &str = "another executor took the run over";

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

impl State {
    /// A new executor cannot know what the old one was just doing: an intent without an outcome is in doubt. Nor can it
    /// know whether another goes on over a copy of this journal, or whether a rejection was lost with its end: what was
    /// asked for and not used is void, and the step begins anew, with new signatures and a new time to hold it.
    pub(super) fn taken_over(&mut self) -> Option<Phase> {
        for request in self.requests.values_mut().filter(|request| request.ended.is_none()) {
            request.ended = Some(Ended::Void { why: TAKEN_OVER.to_owned() });
        }
        match &self.phase {
            Phase::Requested { .. } | Phase::Armed { .. } => {
                self.attempt += 1;
                Some(Phase::Entering)
            }
            Phase::Sending { plan, command, connection, before } => {
                Some(doubt(plan, *command, connection.as_ref(), before))
            }
            Phase::Killing { plan, command, connection, before } => {
                Some(doubt(plan, *command, Some(connection), before))
            }
            _ => None,
        }
    }

    /// Whether a step may be armed on this request: the one that the run waits for, while it is open; or on none, where
    /// none is waited for.
    pub(super) fn may_arm(&self, request: Option<&RequestId>) -> bool {
        match (&self.phase, request) {
            (Phase::Entering, None) => true,
            (Phase::Requested { request: waited }, Some(request)) => waited == request && self.is_open(request),
            _ => false,
        }
    }

    pub(super) fn is_open(&self, request: &RequestId) -> bool {
        self.requests.get(request).is_some_and(|request| request.ended.is_none())
    }

    pub(super) fn request_record(&mut self, record: &Record) -> Result<Option<Phase>, Impossible> {
        let impossible = self.impossible(record);
        let (Record::Approved { request, .. }
        | Record::SignatureRefused { request, .. }
        | Record::RequestStopped { request, .. }
        | Record::RequestVoid { request, .. }) = record
        else {
            return Err(impossible);
        };
        let stops = matches!(record, Record::RequestStopped { .. });
        let at_work = stops && self.at_work() == Some(request);
        let stands = |ended: &Option<Ended>| ended.is_none() || (at_work && *ended == Some(Ended::Used));
        let Some(state) = self.requests.get_mut(request).filter(|state| stands(&state.ended)) else {
            return Err(impossible);
        };
        match record {
            Record::Approved { signature, .. } => state.approvals.push(signature.clone()),
            Record::RequestStopped { by, how, reason, .. } => {
                state.ended = Some(Ended::Stopped { by: by.clone(), how: *how, reason: reason.clone() });
            }
            Record::RequestVoid { why, .. } => state.ended = Some(Ended::Void { why: why.clone() }),
            _ => {}
        }
        Ok(None)
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
