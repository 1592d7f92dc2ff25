//! What was started: that it was what people signed, that they were enough, and that it was once.

use super::{Approver, Auditor, Entry, Fault, GateSummary, Review, What};
use crate::domain::approval::counting::{self, Subject, Tally};
use crate::domain::approval::request::Request;
use crate::domain::base::{Danger, Digest, RequestId, Timestamp};
use crate::domain::journal::record::{Approval, Record};
use crate::domain::run::state::{Armed, Ended, Phase, RequestState};

impl Auditor<'_> {
    /// An intent is recorded before the last look, and the last look may say that nothing is sent: its faults stand
    /// only if something else follows than `not sent`.
    pub(super) fn settle_intent(&mut self, record: &Record) {
        match record {
            Record::NotSent { .. } => self.intent.clear(),
            Record::Came { .. } | Record::InDoubt { .. } | Record::ExecutorChanged { .. } | Record::Closed { .. } => {
                self.faults.append(&mut self.intent);
            }
            _ => {}
        }
    }

    pub(super) fn check_intent(&mut self, entry: &Entry<'_>) {
        let (Phase::Armed { plan, .. } | Phase::Between { plan, .. }) = &self.state.phase else {
            // The fold says what is wrong with a start from any other phase.
            return;
        };
        let plan = plan.clone();
        let Record::Intended { step, command, request, sha256, text, .. } = entry.record else { return };
        if *request != plan.request {
            let (expected, found) = (shown(plan.request.as_ref()), shown(request.as_ref()));
            self.fault(entry.seq, What::OtherRequest { step: step.clone(), expected, found });
        }
        if plan.assessed.script.get(*command).map(crate::domain::script::Command::lines).as_ref() != Some(text) {
            self.fault(entry.seq, What::OtherCommand { of: "armed step" });
        }
        match &plan.request {
            Some(id) => self.check_gate(entry, id, &plan, *command, sha256.as_ref()),
            None => self.check_ungated(entry, &plan),
        }
    }

    /// Without a request: no version of trust that was in force may ask for one.
    fn check_ungated(&mut self, entry: &Entry<'_>, plan: &Armed) {
        let danger = danger_of(plan);
        let in_force = self.in_force(entry.at);
        let need = in_force.iter().map(|trust| trust.policy().rule(danger).approvals()).min();
        let need = need.unwrap_or_else(|| crate::domain::approval::policy::floor(danger));
        if need > 0 || danger >= Danger::Destructive {
            self.intent.push(Fault::new(entry.seq, What::NeedsApproval { danger, need }));
        }
    }

    fn check_gate(&mut self, entry: &Entry<'_>, id: &RequestId, plan: &Armed, command: usize, sha256: Option<&Digest>) {
        let Some(request) = self.state.requests.get(id).cloned() else {
            self.fault(entry.seq, What::NoSuchRequest { request: id.clone() });
            return;
        };
        for what in same(&request, plan, sha256) {
            self.fault(entry.seq, what);
        }
        if let Some(what) = over(&request, command, entry.at) {
            self.intent.push(Fault::new(entry.seq, what));
        }
        let header = &request.header;
        match self.trust(header.trust_serial, &header.trust_digest, entry.at) {
            Err(what) => self.fault(entry.seq, what),
            Ok(trust) => {
                let danger = danger_of(plan).max(request.danger);
                let subject = Subject { request: request.text.as_bytes(), danger, requester: &header.requested_by };
                let tally = counting::count(subject, &request.submissions(), trust, entry.at);
                match tally.enough() {
                    Err(missing) => {
                        self.intent.push(Fault::new(entry.seq, What::NotApproved { request: id.clone(), missing }));
                    }
                    Ok(()) if command == 0 => self.passed(entry, &request, &tally),
                    Ok(()) => {}
                }
            }
        }
    }

    /// The request holds: it goes into the summary, and it vouches for the executor whose key it names.
    fn passed(&mut self, entry: &Entry<'_>, request: &RequestState, tally: &Tally) {
        let header = &request.header;
        let approvers = tally.approvers().iter().map(|(by, approver)| Approver {
            by: by.clone(),
            fingerprint: approver.key.fingerprint(),
            review: request.approvals.get(approver.submission).map_or(Review::Detached, review),
        });
        self.summary.gates.push(GateSummary {
            request: header.request.clone(),
            step: header.step.clone(),
            danger: request.danger,
            line: entry.seq,
            at: entry.at,
            need: tally.need(),
            approvers: approvers.collect(),
        });
        if self.keys.last().is_some_and(|key| key.text == header.journal_key) {
            self.vouch(entry.seq);
        }
    }
}

fn review(approval: &Approval) -> Review {
    match approval.measured {
        Some(measured) => Review::Reviewed { confirmed: measured.confirmed, of: measured.of },
        None => Review::Detached,
    }
}

/// The worst of what the step was armed as and of what its commands are recorded to be.
fn danger_of(plan: &Armed) -> Danger {
    plan.assessed.script.iter().map(|command| command.danger).fold(plan.danger, Danger::max)
}

/// Text, script and danger must be those that were signed.
fn same(request: &RequestState, plan: &Armed, sha256: Option<&Digest>) -> Vec<What> {
    let mut faults = Vec::new();
    let expected = Digest::of(request.text.as_bytes());
    if sha256 != Some(&expected) {
        let found = sha256.map_or_else(|| "none".to_owned(), ToString::to_string);
        faults.push(What::OtherRequestText { expected: expected.to_string(), found });
    }
    let (armed, signed) = (&plan.assessed.script, &request.assessed.script);
    if armed.len() != signed.len() || !armed.iter().zip(signed).all(|(armed, signed)| armed.is_same_work(signed)) {
        faults.push(What::OtherCommand { of: "request" });
    }
    if Request::recorded(&request.text, &plan.assessed.script).is_none() {
        faults.push(What::OtherScript);
    }
    if plan.danger != request.danger {
        faults.push(What::LowerDanger { expected: request.danger, found: plan.danger });
    }
    faults
}

/// Whether the request no longer stood. Its first command uses it; the others belong to that one use.
fn over(request: &RequestState, command: usize, at: Timestamp) -> Option<What> {
    let id = || request.header.request.clone();
    let ended = |why: &str| Some(What::Ended { request: id(), why: why.to_owned() });
    match (&request.ended, command) {
        (None, 0) if at >= request.header.expires => {
            Some(What::Expired { request: id(), expired: request.header.expires })
        }
        (None, 0) | (Some(Ended::Used), 1..) => None,
        (None, _) => ended("its first command was never started"),
        (Some(Ended::Used), 0) => ended("it was used"),
        (Some(Ended::Void { why }), _) => ended(why),
        (Some(Ended::Stopped { by, reason, .. }), _) => ended(&format!("`{by}` said no: {reason}")),
    }
}

fn shown(request: Option<&RequestId>) -> String {
    request.map_or_else(|| "no request".to_owned(), |id| format!("request {id}"))
}
