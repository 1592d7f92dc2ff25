//! Requests as they are made, and the approvals that come in for them.

use super::{Auditor, Entry, What};
use crate::domain::approval::request::{Header, Request};
use crate::domain::approval::sshsig::Verb;
use crate::domain::approval::trust::Trust;
use crate::domain::base::{Danger, RequestId, Span, Timestamp};
use crate::domain::journal::record::{Approval, Assessed};

/// A request's own time may differ this much from its line's: both are the executor's clock.
const CLOCK_MOVES: Span = Span::from_secs(120);

impl Auditor<'_> {
    pub(super) fn check_request(
        &mut self,
        entry: &Entry<'_>,
        header: &Header,
        danger: Danger,
        text: &str,
        assessed: &Assessed,
    ) {
        let seq = entry.seq;
        if self.state.requests.contains_key(&header.request) {
            self.fault(seq, What::RequestTwice { request: header.request.clone() });
        }
        if !Request::says(text, header, danger) {
            self.fault(seq, What::OtherHeader);
        }
        if Request::recorded(text, &assessed.script).is_none() {
            self.fault(seq, What::OtherScript);
        }
        let least = assessed.script.iter().map(|command| command.danger).max().unwrap_or(danger);
        if danger < least {
            self.fault(seq, What::LowerDanger { expected: least, found: danger });
        }
        for what in self.header_fields(header) {
            self.fault(seq, what);
        }
        match self.trust(header.trust_serial, &header.trust_digest, entry.at) {
            Ok(trust) => {
                self.named = trust.serial();
                for what in by_policy(header, danger, trust, entry.at) {
                    self.fault(seq, what);
                }
            }
            Err(what) => self.fault(seq, what),
        }
    }

    /// What the header repeats of the run must be what the run is.
    fn header_fields(&self, header: &Header) -> Vec<What> {
        let opened = &self.state.opened;
        let key = self.keys.last().map(|key| key.text.clone()).unwrap_or_default();
        let mut fields = vec![
            ("run", opened.run.to_string(), header.run.to_string()),
            ("mode", opened.mode.clone(), header.mode.clone()),
            ("fleet", opened.fleet_digest.to_string(), header.fleet_digest.to_string()),
            ("runbook", opened.runbook_digest.to_string(), header.runbook_digest.to_string()),
            ("step number", (self.state.cursor + 1).to_string(), header.step_number.to_string()),
            ("number of steps", opened.steps.len().to_string(), header.steps.to_string()),
            ("attempt", self.state.attempt.to_string(), header.attempt.to_string()),
            ("journal key", key, header.journal_key.clone()),
        ];
        if !self.heads.iter().any(|head| head.to_string() == header.journal) {
            fields.push(("journal", self.state.head.to_string(), header.journal.clone()));
        }
        fields
            .into_iter()
            .filter(|(_, expected, found)| expected != found)
            .map(|(field, expected, found)| What::HeaderField { field, expected, found })
            .collect()
    }

    pub(super) fn check_approval(&mut self, entry: &Entry<'_>, id: &RequestId, approval: &Approval) {
        let Some(request) = self.state.requests.get(id) else {
            self.fault(entry.seq, What::NoSuchRequest { request: id.clone() });
            return;
        };
        let header = &request.header;
        let by = approval.by.clone();
        let checked = self.trust(header.trust_serial, &header.trust_digest, entry.at).and_then(|trust| {
            let verified = trust.verify(&approval.armored, Verb::Approve, request.text.as_bytes(), entry.at);
            match verified {
                Ok(signature) if *signature.principal() == by => Ok(()),
                Ok(signature) => Err(What::ApprovalBy { by: by.clone(), signed: signature.principal().clone() }),
                Err(why) => Err(What::Approval { by: by.clone(), why }),
            }
        });
        if let Err(what) = checked {
            self.fault(entry.seq, what);
        }
    }
}

/// What the policy of the named version says about the header.
fn by_policy(header: &Header, danger: Danger, trust: &Trust, at: Timestamp) -> Vec<What> {
    use crate::domain::approval::policy::Requester;
    let rule = trust.policy().rule(danger);
    let counts = rule.requester() == Requester::Counts;
    let field = |field, expected: String, found: String| What::HeaderField { field, expected, found };
    let mut faults = Vec::new();
    if header.need != rule.approvals() {
        faults.push(field("number of approvals", rule.approvals().to_string(), header.need.to_string()));
    }
    if header.requester_counts != counts {
        faults.push(field("requester-counts", counts.to_string(), header.requester_counts.to_string()));
    }
    if header.created > at.plus(CLOCK_MOVES) {
        faults.push(field("time", at.to_string(), header.created.to_string()));
    }
    let most = header.created.plus(rule.max_age());
    if header.expires > most {
        faults.push(What::LivesTooLong { expires: header.expires, most });
    }
    faults
}
