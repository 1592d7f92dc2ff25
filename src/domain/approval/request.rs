//! The request: the text that approvers sign. Rendered from the program's own assessment, never parsed to decide what
//! runs.
//!
//! A [`Request`] holds the text together with the script it speaks of; the two cannot come apart, because the only
//! ways to make one are rendering both from an assessment and finding the script's own lines in a stored text.

use serde::{Deserialize, Serialize};

use super::document::{Document, DocumentError};
use crate::domain::base::{Danger, Digest, Principal, RequestId, RunId, StepId, Timestamp};
use crate::domain::reach::{Carry, Survivors};
use crate::domain::script::Command;

use crate::domain::step::Assessment;

/// Who asks, for which run and step, until when: everything of a request that no fact decides.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Header {
    pub request: RequestId,
    pub run: RunId,
    pub mode: String,
    pub fleet: String,
    pub fleet_digest: Digest,
    pub reason: String,
    pub requested_by: Principal,
    pub created: Timestamp,
    pub expires: Timestamp,
    pub need: u8,
    pub requester_counts: bool,
    pub trust_serial: u64,
    pub trust_digest: Digest,
    pub runbook: String,
    pub runbook_digest: Digest,
    pub step: StepId,
    pub step_number: usize,
    pub steps: usize,
    pub attempt: u32,
    /// The journal as it stood when the request was made; the signatures vouch for it too.
    pub journal: String,
    pub journal_key: String,
}

/// The signed text and the script that it speaks of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    text: String,
    script: Vec<Command>,
}

impl Request {
    /// Renders the request for one assessed step.
    pub fn render(header: &Header, assessment: &Assessment) -> Result<Self, DocumentError> {
        let document = head(header, assessment.danger);
        let document = scripted(document, &assessment.script);
        let document = reached(document, assessment);
        let document = claimed(document, assessment);
        Ok(Self { text: document.finish()?, script: assessment.script.clone() })
    }

    /// A stored request with the script that the journal says it was for; `None` if the text does not hold exactly
    /// that script.
    pub fn recorded(text: &str, script: &[Command]) -> Option<Self> {
        let alone = scripted(Document::new("approval request"), script).finish().ok()?;
        let section = alone.split_once("\n\n")?.1.strip_suffix("[end]\n")?;
        text.contains(section).then(|| Self { text: text.to_owned(), script: script.to_vec() })
    }

    /// Whether a stored text says exactly what this header and this danger say.
    pub fn says(text: &str, header: &Header, danger: Danger) -> bool {
        let alone = head(header, danger).finish().ok();
        let head = alone.as_deref().and_then(|alone| alone.strip_suffix("[end]\n"));
        // The header ends with an empty line, so nothing can follow the last field unseen.
        head.and_then(|head| text.strip_prefix(head)).is_some_and(|rest| rest.starts_with('\n'))
    }

    /// The bytes to sign.
    pub fn text(&self) -> &str {
        &self.text
    }

    pub fn script(&self) -> &[Command] {
        &self.script
    }

    pub fn digest(&self) -> Digest {
        Digest::of(self.text.as_bytes())
    }
}

fn head(header: &Header, danger: Danger) -> Document {
    Document::new("approval request")
        .field("request", header.request.as_str())
        .field("run", header.run.as_str())
        .field("mode", &header.mode)
        .field("fleet", format!("{} {}", header.fleet, header.fleet_digest))
        .field("reason", &header.reason)
        .field("requested-by", header.requested_by.as_str())
        .field("created", header.created.to_seconds())
        .field("expires", header.expires.to_seconds())
        .field("danger", danger.word())
        .field("approvals-needed", header.need.to_string())
        .field("requester-counts", if header.requester_counts { "yes" } else { "no" })
        .field("trust", format!("{} {}", header.trust_serial, header.trust_digest))
        .field("runbook", format!("{} {}", header.runbook, header.runbook_digest))
        .field("step", format!("{}/{} {} attempt {}", header.step_number, header.steps, header.step, header.attempt))
        .field("journal", &header.journal)
        .field("journal-key", &header.journal_key)
}

fn scripted(mut document: Document, script: &[Command]) -> Document {
    document = document.section("script");
    for (number, command) in script.iter().enumerate() {
        document = document
            .field("command", format!("{}/{}", number + 1, script.len()))
            .field("server", command.server.as_str())
            .field("danger", command.danger.word())
            .field("logged", if command.carry == Carry::Logged { "yes" } else { "no" });
        for setting in command.settings() {
            document = document.field("session", setting);
        }
        document = document.block(&command.lines().join("\n"));
    }
    document
}

fn reached(mut document: Document, assessment: &Assessment) -> Document {
    document = document.section("effect: computed again and compared just before execution");
    for reach in &assessment.reaches {
        for line in &reach.arrivals {
            let path: Vec<&str> = line.path.iter().map(crate::domain::base::ServerName::as_str).collect();
            let path = if path.is_empty() { "-".to_owned() } else { path.join(">") };
            document = document.field("reach", format!("{} {} {path}", line.server, line.how.word()));
        }
    }
    for survivors in &assessment.survivors {
        let kept: Vec<&str> = survivors.kept().map(crate::domain::base::ServerName::as_str).collect();
        document = document
            .field("copies", format!("{} stays good on {}", survivors.table(), kept.join(" ")))
            .field("rows-counted", counted(survivors))
            .field("way-back-before", &survivors.way_back().before)
            .field("way-back-after", &survivors.way_back().after);
    }
    document = document.section("against");
    for against in &assessment.against {
        document = document.field("against", against);
    }
    if assessment.against.is_empty() { document.nothing() } else { document }
}

/// What each kept copy had when it was measured. A copy of no rows is proved as readable as any other.
fn counted(survivors: &Survivors) -> String {
    let each = survivors.counted().map(|(server, rows)| match rows {
        Some(rows) => format!("{server} {rows} rows"),
        None => format!("{server} not counted"),
    });
    each.collect::<Vec<_>>().join(", ")
}

fn claimed(mut document: Document, assessment: &Assessment) -> Document {
    document = document.section("claims: each one is asked again just before execution");
    for evidence in &assessment.evidence {
        document = document.field("claim", evidence.claim.to_string());
    }
    if assessment.evidence.is_empty() { document.nothing() } else { document }
}
