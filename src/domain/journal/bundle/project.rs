//! The files of a bundle that follow from the journal alone.
//!
//! They repeat what the lines hold, so that stock tools can check it. An auditor makes them again and compares, so no
//! file of a bundle can say more, less or something else than the journal does.

use super::verify::journal_key_file;
use super::{Bundle, Entry, InputPart, RequestPart};
use crate::domain::base::{Principal, RequestId, RunId};
use crate::domain::journal::head::HeadText;
use crate::domain::journal::line::{Head, Line};
use crate::domain::journal::record::{NoRecord, Record, SignedText, Stopper};

/// The journal, its keys and heads, every request with its signatures, and every signed input.
pub fn project(lines: &[Line]) -> Result<Bundle, NoRecord> {
    let mut bundle = Bundle::default();
    let journal = lines.iter().flat_map(|line| line.bytes().iter().copied()).collect();
    bundle.put(Entry::Journal, journal);
    let (mut run, mut before) = (None, Head::start());
    for line in lines {
        let record = Record::from_line(line.seq(), line.event(), line.payload())?;
        if let Record::Opened(opened) = &record {
            run.get_or_insert_with(|| opened.run.clone());
        }
        put_record(&mut bundle, &record, line.seq(), run.as_ref(), &before);
        before = line.head();
    }
    Ok(bundle)
}

fn put_record(bundle: &mut Bundle, record: &Record, seq: u64, run: Option<&RunId>, before: &Head) {
    match record {
        Record::Opened(opened) => put_key(bundle, 0, &opened.journal_key),
        Record::ExecutorChanged { by, journal_key, signed, .. } => {
            put_key(bundle, seq, journal_key);
            if let Some(signed) = signed {
                put_input(bundle, seq, by, signed);
            }
        }
        Record::Head { signature } => {
            if let (Some(covered), Some(text)) = (before.seq(), run.and_then(|r| HeadText::new(r.clone(), before))) {
                bundle.put(Entry::Head { seq: covered }, text.render().into_bytes());
                bundle.put(Entry::HeadSignature { seq: covered }, bytes(signature));
            }
        }
        Record::Requested { header, text, .. } => put_part(bundle, &header.request, RequestPart::Text, text),
        Record::Approved { request, signature } => {
            put_part(bundle, request, RequestPart::Approval(signature.by.clone()), &signature.armored);
        }
        Record::RequestStopped { request, by, how, signed, .. } => {
            let (text, signature) = match how {
                Stopper::Rejected => (RequestPart::Rejection(by.clone()), RequestPart::RejectionSignature(by.clone())),
                Stopper::Withdrawn => {
                    (RequestPart::Withdrawal(by.clone()), RequestPart::WithdrawalSignature(by.clone()))
                }
            };
            put_part(bundle, request, text, &signed.text);
            put_part(bundle, request, signature, &signed.armored);
        }
        Record::Answered { by, signed, .. }
        | Record::Released { by, signed }
        | Record::Chosen { by, signed, .. }
        | Record::Picked { by: Some(by), signed: Some(signed), .. } => {
            put_input(bundle, seq, by, signed);
        }
        _ => {}
    }
}

fn bytes(text: &str) -> Vec<u8> {
    text.as_bytes().to_vec()
}

fn put_key(bundle: &mut Bundle, since: u64, key: &str) {
    bundle.put(Entry::JournalKey { since }, bytes(&journal_key_file(key)));
}

fn put_part(bundle: &mut Bundle, id: &RequestId, part: RequestPart, text: &str) {
    bundle.put(Entry::Request { id: id.clone(), part }, bytes(text));
}

fn put_input(bundle: &mut Bundle, seq: u64, by: &Principal, signed: &SignedText) {
    bundle.put(Entry::Input { seq, part: InputPart::Text }, bytes(&signed.text));
    bundle.put(Entry::Input { seq, part: InputPart::Signature(by.clone()) }, bytes(&signed.armored));
}
