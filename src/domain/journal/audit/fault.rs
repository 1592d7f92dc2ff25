//! What an audit can find wrong: facts, with the line they stand in.

use crate::domain::approval::counting::Missing;
use crate::domain::approval::sshsig::{KeyProblem, SigError};
use crate::domain::approval::trust::Distrust;
use crate::domain::approval::votes::VoteError;
use crate::domain::base::{Danger, Digest, Principal, RequestId, StepId, Timestamp};
use crate::domain::journal::chain::ChainError;
use crate::domain::journal::record::NoRecord;
use crate::domain::run::state::Impossible;

/// One thing that is wrong with a journal.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {what}")]
pub struct Fault {
    pub line: u64,
    pub what: What,
}

impl Fault {
    pub(super) fn new(line: u64, what: What) -> Self {
        Self { line, what }
    }
}

/// What is wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum What {
    #[error(transparent)]
    Chain(ChainError),
    #[error(transparent)]
    NoRecord(NoRecord),
    #[error(transparent)]
    Impossible(Impossible),
    #[error("the {what}'s text has SHA-256 `{found}`, and the record says `{expected}`")]
    OtherText { what: &'static str, expected: Digest, found: Digest },
    #[error("the run was closed in line {closed}: expected one signed head behind it and nothing else")]
    AfterClose { closed: u64 },
    #[error("the journal key cannot be one: {why}")]
    JournalKey { why: KeyProblem },
    #[error("the head's signature is not valid: {why}")]
    Head { why: SigError },
    #[error("the head is signed by the key {found}, expected the one that line {since} names")]
    HeadKey { found: String, since: u64 },
    #[error("it names version {serial} of trust, which is not here")]
    UnknownTrust { serial: u64 },
    #[error("it names version {serial} of trust as `{found}`, and that version is `{expected}`")]
    OtherTrust { serial: u64, expected: Digest, found: Digest },
    #[error("it names version {found} of trust after version {named} was in force")]
    OlderTrust { named: u64, found: u64 },
    #[error("it names version {serial} of trust, which was made later, at {created}")]
    FutureTrust { serial: u64, created: Timestamp },
    #[error("there was a request {request} before")]
    RequestTwice { request: RequestId },
    #[error("the text to sign does not say what the record's header says")]
    OtherHeader,
    #[error("the text to sign does not hold exactly the script that is recorded with it")]
    OtherScript,
    #[error("the request's {field} is `{found}`, and the journal's is `{expected}`")]
    HeaderField { field: &'static str, expected: String, found: String },
    #[error("the request lives until {expires}: the policy lets it live until {most}")]
    LivesTooLong { expires: Timestamp, most: Timestamp },
    #[error("the request was made for danger `{found}`, and its script is `{expected}`")]
    LowerDanger { expected: Danger, found: Danger },
    #[error("the approval of `{by}` is not valid: {why}")]
    Approval { by: Principal, why: Distrust },
    #[error("the approval of `{by}` is signed by `{signed}`")]
    ApprovalBy { by: Principal, signed: Principal },
    #[error("what `{by}` signed is not valid: {why}")]
    Signed { by: Principal, why: VoteError },
    #[error("the record says {field} `{found}`, and `{by}` signed `{expected}`")]
    SaysOtherwise { field: &'static str, by: Principal, expected: String, found: String },
    #[error("`{by}` signed it over `{found}`, which is no head of this journal: it belongs to another history")]
    OtherHistory { by: Principal, found: String },
    #[error("`{by}` signed it at line {found}, and it answers what came in line {since}")]
    Stale { by: Principal, found: u64, since: u64 },
    #[error("`{by}` signed this once, and it is used a second time")]
    Replayed { by: Principal },
    #[error("a command of step `{step}` started under {found}, and the step was armed with {expected}")]
    OtherRequest { step: StepId, expected: String, found: String },
    #[error("request {request} is not in this journal")]
    NoSuchRequest { request: RequestId },
    #[error("the started command's text is not the one of the {of}")]
    OtherCommand { of: &'static str },
    #[error("it names the request by SHA-256 `{found}`, and the request has `{expected}`")]
    OtherRequestText { expected: String, found: String },
    #[error("request {request} was over before: {why}")]
    Ended { request: RequestId, why: String },
    #[error("request {request} had expired at {expired}")]
    Expired { request: RequestId, expired: Timestamp },
    #[error("request {request} was not approved: {missing}")]
    NotApproved { request: RequestId, missing: Missing },
    #[error("a command of danger `{danger}` started without a request, and the policy asks for {need} approvals")]
    NeedsApproval { danger: Danger, need: u8 },
}
