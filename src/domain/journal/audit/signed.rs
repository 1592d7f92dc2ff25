//! What operators signed besides approvals: answers, choices, releases, rejections and withdrawals.

use super::{Auditor, Entry, What};
use crate::domain::approval::trust::Trust;
use crate::domain::approval::votes::{
    Accepted, Input, InputVerb, Objection, Stop, Subject, VoteError, number_and_reason,
};
use crate::domain::base::{Digest, Principal, RequestId};
use crate::domain::journal::Head;
use crate::domain::journal::record::{Choice, Record, SignedText, Stopper};
use crate::domain::run::state::Phase;
use crate::domain::vocabulary::pick::by_ids;

impl Auditor<'_> {
    pub(super) fn check_objection(
        &mut self,
        entry: &Entry<'_>,
        id: &RequestId,
        by: &Principal,
        (how, reason): (Stopper, &str),
        signed: &SignedText,
    ) {
        let Some(request) = self.state.requests.get(id) else {
            self.fault(entry.seq, What::NoSuchRequest { request: id.clone() });
            return;
        };
        let stop = match how {
            Stopper::Rejected => Stop::Reject,
            Stopper::Withdrawn => Stop::Withdraw,
        };
        let sha256 = Digest::of(request.text.as_bytes());
        let subject = Subject { run: self.state.opened.run.clone(), request: id.clone(), sha256 };
        let text = signed.text.as_bytes();
        let checked = self
            .by_any_trust(entry, by, |trust| Objection::check(stop, text, &signed.armored, &subject, trust, entry.at));
        match checked {
            Ok(accepted) => {
                self.summary.inputs += 1;
                self.says(entry, "signer", by, accepted.by().as_str(), by.as_str());
                self.says(entry, "reason", by, &accepted.what().reason, reason);
            }
            Err(what) => self.fault(entry.seq, what),
        }
    }

    /// A signed input: by the one it is recorded for, about this moment of this journal, once, and saying what is
    /// recorded.
    pub(super) fn check_input(&mut self, entry: &Entry<'_>) {
        let (Record::Answered { by, signed, .. }
        | Record::Released { by, signed }
        | Record::Chosen { by, signed, .. }
        | Record::Picked { by: Some(by), signed: Some(signed), .. }
        | Record::ExecutorChanged { by, signed: Some(signed), .. }) = entry.record
        else {
            return;
        };
        let run = self.state.opened.run.clone();
        let checked = self.by_any_trust(entry, by, |trust| {
            Input::check(signed.text.as_bytes(), &signed.armored, &run, trust, entry.at)
        });
        let accepted = match checked {
            Ok(accepted) => accepted,
            Err(what) => return self.fault(entry.seq, what),
        };
        self.summary.inputs += 1;
        self.says(entry, "signer", by, accepted.by().as_str(), by.as_str());
        self.check_moment(entry, &accepted);
        if !self.inputs.insert(Digest::of(signed.text.as_bytes())) {
            self.fault(entry.seq, What::Replayed { by: by.clone() });
        }
        let input = accepted.what();
        if !self.follows_from(input, entry.record) {
            let expected = format!("{} {}", input.verb.word(), input.argument);
            self.says(entry, "decision", by, &expected, &recorded(entry.record));
        }
    }

    /// The line that the operator saw is one of this journal, and nothing was asked anew since.
    fn check_moment(&mut self, entry: &Entry<'_>, accepted: &Accepted<Input>) {
        let (by, head) = (accepted.by().clone(), &accepted.what().head);
        let line = usize::try_from(head.entry).ok().and_then(|index| self.heads.get(index));
        if line.map(Head::digest) != Some(&head.sha256) {
            self.fault(entry.seq, What::OtherHistory { by, found: head.to_string() });
            return;
        }
        let aborts = accepted.what().verb == InputVerb::Abort;
        let since = if aborts { self.since_before_stop.min(self.state.since) } else { self.state.since };
        if head.entry < since {
            self.fault(entry.seq, What::Stale { by, found: head.entry, since });
        }
        self.vouch(head.entry);
    }

    /// Whether the record is what the operator asked for, at the stop or step where the run was.
    fn follows_from(&self, input: &Input, record: &Record) -> bool {
        match (input.verb, record) {
            (InputVerb::Answer, Record::Answered { text, .. }) => *text == input.argument,
            (InputVerb::Takeover, Record::ExecutorChanged { journal_key, .. }) => *journal_key == input.argument,
            (InputVerb::Release, Record::Released { .. })
            | (InputVerb::Abort, Record::Chosen { choice: Choice::Abort, .. }) => true,
            (InputVerb::Choose, Record::Chosen { choice, .. }) => {
                let Phase::Stopped { choices, .. } = &self.state.phase else { return false };
                let number = number_and_reason(&input.argument).map(|(number, _)| number);
                number.and_then(|number| choices.get(number.checked_sub(1)?)) == Some(choice)
            }
            (InputVerb::Choose, Record::Picked { picked, .. }) => {
                let Phase::Choosing { offered, at_most, .. } = &self.state.phase else { return false };
                by_ids(offered, *at_most, &input.argument).as_ref() == Ok(picked)
            }
            _ => false,
        }
    }

    fn says(&mut self, entry: &Entry<'_>, field: &'static str, by: &Principal, expected: &str, found: &str) {
        if expected != found {
            let (expected, found, by) = (expected.to_owned(), found.to_owned(), by.clone());
            self.fault(entry.seq, What::SaysOtherwise { field, by, expected, found });
        }
    }

    /// Checks against each version of trust that may have been in force; one is enough.
    fn by_any_trust<T>(
        &self,
        entry: &Entry<'_>,
        by: &Principal,
        check: impl Fn(&Trust) -> Result<Accepted<T>, VoteError>,
    ) -> Result<Accepted<T>, What> {
        let mut refused = What::UnknownTrust { serial: self.named };
        for trust in self.in_force(entry.at) {
            match check(trust) {
                Ok(accepted) => return Ok(accepted),
                Err(why) => refused = What::Signed { by: by.clone(), why },
            }
        }
        Err(refused)
    }
}

/// What the record says was decided.
fn recorded(record: &Record) -> String {
    match record {
        Record::Answered { text, .. } => format!("the answer {text}"),
        Record::Released { .. } => "the release".to_owned(),
        Record::Chosen { choice, .. } => format!("the choice: {choice}"),
        Record::Picked { picked, .. } => {
            let ids: Vec<String> = picked.iter().map(|blocker| blocker.session.id.to_string()).collect();
            format!("the sessions {}", ids.join(", "))
        }
        Record::ExecutorChanged { journal_key, .. } => format!("the takeover with the key {journal_key}"),
        _ => "nothing that is signed".to_owned(),
    }
}
