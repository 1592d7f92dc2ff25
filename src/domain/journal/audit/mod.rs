//! What a whole journal proves, from its lines and the versions of trust alone: that every record could follow the one
//! before it, that nothing was sent that had to be signed and was not, and who signed what.
//!
//! It repeats what the executor decided about signatures, offline. It does not look at servers, and it does not judge
//! again what a statement does: which danger it had is taken as recorded, and was part of the signed text.

mod fault;
mod request;
mod sent;
mod signed;
mod summary;

use std::collections::BTreeSet;

pub use fault::{Fault, What};
pub use summary::{Approver, GateSummary, Review, Summary, Takeover};

use super::chain::{Chain, ChainError};
use super::line::{Head, Line};
use super::record::{Opened, Record};
use crate::domain::approval::sshsig::{ED25519, PublicKey, Verb, verify};
use crate::domain::approval::trust::Trust;
use crate::domain::base::{Digest, Timestamp};
use crate::domain::journal::head::HeadText;
use crate::domain::run::state::State;

/// Audits a journal. `trusts` are the verified versions, oldest first.
pub fn audit(lines: &[Line], trusts: &[Trust]) -> Result<Summary, Vec<Fault>> {
    let opening = open(lines).map_err(|fault| vec![fault])?;
    let mut auditor = Auditor::start(trusts, opening);
    for line in &lines[1..] {
        if !auditor.step(line) {
            break;
        }
    }
    auditor.finish()
}

/// The chain, and the record that opens the run.
fn open(lines: &[Line]) -> Result<(Opened, State), Fault> {
    let mut chain = Chain::start();
    for line in lines {
        chain.check(line.bytes()).map_err(|why| Fault::new(line.seq(), What::Chain(why)))?;
    }
    let first = lines.first().ok_or_else(|| Fault::new(0, What::Chain(ChainError::Empty)))?;
    let record = Record::from_line(first.seq(), first.event(), first.payload())
        .map_err(|why| Fault::new(0, What::NoRecord(why)))?;
    let state = State::open(&record, first.head(), first.at()).map_err(|why| Fault::new(0, What::Impossible(why)))?;
    Ok((state.opened.clone(), state))
}

/// The key that signs heads, from a line on.
#[derive(Debug, Clone)]
struct RunKeyFrom {
    since: u64,
    text: String,
    /// The takeover that brought it, if it is not the first.
    takeover: Option<Takeover>,
    vouched: bool,
}

struct Auditor<'a> {
    trusts: &'a [Trust],
    state: State,
    /// The head behind each line, by its number.
    heads: Vec<Head>,
    keys: Vec<RunKeyFrom>,
    /// The serial of the newest version of trust that was named so far.
    named: u64,
    /// `since` as it was before the last stop: an operator who aborts signs before the run stops for it.
    since_before_stop: u64,
    inputs: BTreeSet<Digest>,
    /// Line of `run.closed`, and whether its head was seen.
    closed: Option<u64>,
    faults: Vec<Fault>,
    /// Faults of an intent that are none if nothing was sent.
    intent: Vec<Fault>,
    summary: Summary,
}

/// One line with what it says.
struct Entry<'a> {
    seq: u64,
    at: Timestamp,
    record: &'a Record,
}

impl<'a> Auditor<'a> {
    fn start(trusts: &'a [Trust], (opened, state): (Opened, State)) -> Self {
        let key = RunKeyFrom { since: 0, text: opened.journal_key.clone(), takeover: None, vouched: false };
        let mut auditor = Self {
            trusts,
            heads: vec![state.head.clone()],
            keys: vec![key],
            named: opened.trust_serial,
            since_before_stop: state.since,
            inputs: BTreeSet::new(),
            closed: None,
            faults: Vec::new(),
            intent: Vec::new(),
            summary: Summary::of(&opened),
            state,
        };
        auditor.check_opening(&opened);
        auditor
    }

    fn check_opening(&mut self, opened: &Opened) {
        for (what, text, expected) in [
            ("runbook", &opened.runbook_text, &opened.runbook_digest),
            ("fleet", &opened.fleet_text, &opened.fleet_digest),
        ] {
            let found = Digest::of(text.as_bytes());
            if found != *expected {
                self.fault(0, What::OtherText { what, expected: expected.clone(), found });
            }
        }
        let at = self.state.at;
        if let Err(what) = self.trust(opened.trust_serial, &opened.trust_digest, at) {
            self.fault(0, what);
        }
        self.check_key(0, &opened.journal_key);
    }

    fn check_key(&mut self, seq: u64, text: &str) {
        if let Err(why) = PublicKey::parse(&format!("{ED25519} {text}")) {
            self.fault(seq, What::JournalKey { why });
        }
    }

    /// Takes in one line; false if nothing sensible can be said about the rest.
    fn step(&mut self, line: &Line) -> bool {
        let record = match Record::from_line(line.seq(), line.event(), line.payload()) {
            Ok(record) => record,
            Err(why) => {
                self.fault(line.seq(), What::NoRecord(why));
                return false;
            }
        };
        let entry = Entry { seq: line.seq(), at: line.at(), record: &record };
        self.check(&entry);
        if matches!(record, Record::Stopped { .. }) {
            self.since_before_stop = self.state.since;
        }
        if let Err(why) = self.state.apply(&record, line.head(), line.at()) {
            self.fault(line.seq(), What::Impossible(why));
            return false;
        }
        self.heads.push(line.head());
        true
    }

    /// Everything that the fold does not check, with the state as it was before the record.
    fn check(&mut self, entry: &Entry<'_>) {
        self.check_after_close(entry);
        self.settle_intent(entry.record);
        match entry.record {
            Record::ExecutorChanged { by, host, journal_key, signed } => {
                self.check_key(entry.seq, journal_key);
                self.check_input(entry);
                let takeover = Some(Takeover { line: entry.seq, by: by.clone(), host: host.clone() });
                let (since, text) = (entry.seq, journal_key.clone());
                self.keys.push(RunKeyFrom { since, text, takeover, vouched: signed.is_some() });
            }
            Record::Head { signature } => self.check_head(entry, signature),
            Record::Requested { header, danger, text, assessed } => {
                self.check_request(entry, header, *danger, text, assessed);
            }
            Record::Approved { request, signature } => self.check_approval(entry, request, signature),
            Record::RequestStopped { request, by, how, reason, signed } => {
                self.check_objection(entry, request, by, (*how, reason), signed);
            }
            Record::Answered { .. } | Record::Released { .. } | Record::Chosen { .. } | Record::Picked { .. } => {
                self.check_input(entry);
            }
            Record::Intended { .. } => self.check_intent(entry),
            Record::Closed { outcome } => {
                self.closed = Some(entry.seq);
                self.summary.ended = Some(*outcome);
            }
            _ => {}
        }
    }

    fn check_after_close(&mut self, entry: &Entry<'_>) {
        let Some(closed) = self.closed else { return };
        let seals = matches!(entry.record, Record::Head { .. }) && entry.seq == closed + 1;
        if !seals {
            self.fault(entry.seq, What::AfterClose { closed });
        }
    }

    fn check_head(&mut self, entry: &Entry<'_>, signature: &str) {
        let run = self.state.opened.run.clone();
        let (Some(text), Some(key)) = (HeadText::new(run, &self.state.head), self.keys.last()) else { return };
        let checked = verify(signature, Verb::Journal, text.render().as_bytes());
        match checked {
            Ok(signed) if signed.key().to_string() == format!("{ED25519} {}", key.text) => {
                self.summary.signed_heads += 1;
            }
            Ok(signed) => {
                let (found, since) = (signed.key().fingerprint(), key.since);
                self.fault(entry.seq, What::HeadKey { found, since });
            }
            Err(why) => self.fault(entry.seq, What::Head { why }),
        }
    }

    /// A version of trust that a record names: known, the same, not older than one named before, not of the future.
    fn trust(&self, serial: u64, digest: &Digest, at: Timestamp) -> Result<&'a Trust, What> {
        let trust = self.trusts.iter().find(|trust| trust.serial() == serial).ok_or(What::UnknownTrust { serial })?;
        if trust.digest() != digest {
            let (expected, found) = (trust.digest().clone(), digest.clone());
            return Err(What::OtherTrust { serial, expected, found });
        }
        if serial < self.named {
            return Err(What::OlderTrust { named: self.named, found: serial });
        }
        if trust.created() > at {
            return Err(What::FutureTrust { serial, created: trust.created() });
        }
        Ok(trust)
    }

    /// The versions that may have been in force: a takeover brings the newest, and no record says which.
    fn in_force(&self, at: Timestamp) -> Vec<&'a Trust> {
        self.trusts.iter().filter(|trust| trust.serial() >= self.named && trust.created() <= at).collect()
    }

    /// An operator signed something that names this line or a later one, so the executor of that time stands vouched.
    fn vouch(&mut self, line: u64) {
        if let Some(key) = self.keys.iter_mut().rev().find(|key| key.since <= line) {
            key.vouched = true;
        }
    }

    fn fault(&mut self, line: u64, what: What) {
        self.faults.push(Fault::new(line, what));
    }

    fn finish(mut self) -> Result<Summary, Vec<Fault>> {
        self.faults.append(&mut self.intent);
        if !self.faults.is_empty() {
            self.faults.sort_by_key(|fault| fault.line);
            return Err(self.faults);
        }
        self.summary.unvouched =
            self.keys.into_iter().filter(|key| !key.vouched).filter_map(|key| key.takeover).collect();
        self.summary.head = self.state.head;
        Ok(self.summary)
    }
}
