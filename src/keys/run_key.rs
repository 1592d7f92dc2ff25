//! The key that one executor makes for one run, to sign the heads of its journal. It lives in this process only.
//!
//! It writes the lines, because a head stands directly behind the line it covers and becomes durable with it: there is
//! no moment in which an intent is durable and unsigned, and no second write.

use super::KeyError;
use super::secret::SecretKey;
use crate::domain::approval::sshsig::Verb;
use crate::domain::base::{RunId, Timestamp};
use crate::domain::journal::bundle::MOST_UNSIGNED_LINES;
use crate::domain::journal::head::HeadText;
use crate::domain::journal::record::Record;
use crate::domain::journal::{Head, Line, LineError};

/// The key of one executor for one run.
#[derive(Debug)]
pub struct RunKey {
    secret: SecretKey,
    run: RunId,
    /// Lines since the last signed head, as far as this key knows.
    unsigned: u64,
}

impl RunKey {
    /// A new key from the system's randomness.
    pub fn generate(run: RunId) -> Result<Self, KeyError> {
        let mut seed = [0; 32];
        getrandom::fill(&mut seed).map_err(|error| KeyError::NoRandomness { why: error.to_string() })?;
        Self::from_seed(run, &seed)
    }

    /// The key of 32 bytes that nobody else knows.
    pub fn from_seed(run: RunId, seed: &[u8; 32]) -> Result<Self, KeyError> {
        let secret = SecretKey::from_seed(seed).map_err(|why| KeyError::NoRandomness { why: why.to_string() })?;
        Ok(Self { secret, run, unsigned: 0 })
    }

    /// The public half as the journal and the requests name it: base64 of its SSH encoding.
    pub fn journal_key(&self) -> String {
        let text = self.secret.public().to_string();
        text.split_once(' ').map(|(_, base64)| base64.to_owned()).unwrap_or_default()
    }

    /// The lines of `records` behind `head`, with a signed head behind every line that wants one and at least as often
    /// as an auditor expects. All of them belong into one append, and all of them are applied.
    pub fn lines(&mut self, head: &Head, at: Timestamp, records: &[Record]) -> Result<Vec<(Record, Line)>, LineError> {
        let mut head = head.clone();
        let mut lines = Vec::with_capacity(records.len() * 2);
        let mut push = |record: Record, head: &mut Head| {
            let (event, payload) = record.to_line();
            let line = Line::next(head, at, &event, &payload)?;
            *head = line.head();
            lines.push((record, line));
            Ok::<(), LineError>(())
        };
        for record in records {
            push(record.clone(), &mut head)?;
            self.unsigned += 1;
            // The head's own line is not covered by it, hence two less than the most.
            if (record.wants_head() || self.unsigned >= MOST_UNSIGNED_LINES - 2)
                && let Some(signed) = self.sign(&head)
            {
                push(signed, &mut head)?;
                self.unsigned = 1;
            }
        }
        Ok(lines)
    }

    fn sign(&self, head: &Head) -> Option<Record> {
        let text = HeadText::new(self.run.clone(), head)?.render();
        Some(Record::Head { signature: self.secret.sign(Verb::Journal, text.as_bytes()) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::approval::sshsig::verify;

    fn key() -> RunKey {
        RunKey::from_seed(RunId::parse("r-7k3q9d").unwrap(), &[9; 32]).unwrap()
    }

    fn note() -> Record {
        Record::Noted { by: "ana".to_owned(), text: "status page is up".to_owned() }
    }

    fn closed() -> Record {
        Record::Closed { outcome: crate::domain::journal::record::Ending::Completed }
    }

    #[test]
    fn a_head_stands_behind_the_line_it_covers_and_verifies() {
        let lines = key().lines(&Head::start(), Timestamp::from_millis(0), &[note(), closed(), note()]).unwrap();
        let events: Vec<&str> = lines.iter().map(|(_, line)| line.event()).collect();
        assert_eq!(events, ["run.noted", "run.closed", "journal.head", "run.noted"]);
        let Record::Head { signature } = &lines[2].0 else { panic!("{:?}", lines[2]) };
        let covered = HeadText::new(RunId::parse("r-7k3q9d").unwrap(), &lines[1].1.head()).unwrap().render();
        let signed = verify(signature, Verb::Journal, covered.as_bytes()).unwrap();
        assert_eq!(signed.key().to_string(), format!("ssh-ed25519 {}", key().journal_key()));
    }

    #[test]
    fn many_small_records_are_signed_often_enough() {
        let (mut key, mut head, mut last) = (key(), Head::start(), 0);
        for _ in 0..200 {
            for (record, line) in key.lines(&head, Timestamp::from_millis(0), &[note()]).unwrap() {
                head = line.head();
                if matches!(record, Record::Head { .. }) {
                    let covers = line.seq();
                    assert!(covers - last <= MOST_UNSIGNED_LINES, "{last} to {covers}");
                    last = covers;
                }
            }
        }
        assert!(last > 150, "{last}");
    }

    #[test]
    fn two_keys_are_not_the_same() {
        let run = RunId::parse("r-1").unwrap();
        let [a, b] = [RunKey::generate(run.clone()).unwrap(), RunKey::generate(run).unwrap()];
        assert_ne!(a.journal_key(), b.journal_key());
    }
}
