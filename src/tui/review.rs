//! The approver's side: what they type, and whether approving is possible now, with the reason if it is not.

use std::collections::BTreeSet;

use super::field::Field;
use super::model::Model;
use super::ui::Room;
use crate::domain::approval::challenge::Challenge;
use crate::domain::base::{Principal, RequestId, Span, Timestamp, Verdict};
use crate::domain::journal::record::{Assessed, OwnMeasurement};
use crate::domain::run::state::{Ended, RequestState};
use crate::domain::snapshot::Evidence;

/// How long a request must have been on the screen before it can be approved.
pub const READING_TIME: Span = Span::from_secs(15);
/// After so many wrong answers the review closes.
pub const WRONG_ANSWERS: u8 = 3;

/// What the reviewer's own client saw through its own connection.
#[derive(Debug, Clone)]
pub struct OwnLook {
    pub request: RequestId,
    pub at: Timestamp,
    pub saw: OwnSight,
}

/// How far the own look came.
#[derive(Debug, Clone)]
pub enum OwnSight {
    /// The step assessed by the reviewer's client, and every claim of the request asked of its own snapshot.
    Measured { assessed: Box<Assessed>, claims: Vec<Evidence>, text: OwnText },
    /// There is no look of one's own; an approval is marked as detached.
    Impossible { why: String },
}

/// Whether the reviewer's client renders the same request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OwnText {
    Same,
    Differs { how: String },
}

/// A review in progress.
#[derive(Debug, Clone)]
pub struct Review {
    pub request: RequestId,
    pub opened: Timestamp,
    pub answer: Field,
    pub reason: Field,
    /// `approve` or `reject`: a word, not a key.
    pub decision: Field,
    pub focus: Focus,
    pub wrong: u8,
    /// How many rows of the reading part have been on the screen.
    pub read_rows: usize,
}

/// Where the reviewer's keys go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Focus {
    /// Letters are keys.
    Reading,
    Answer,
    Reason,
    Decision,
}

impl Focus {
    #[must_use]
    pub const fn next(self) -> Self {
        match self {
            Self::Reading => Self::Answer,
            Self::Answer => Self::Reason,
            Self::Reason => Self::Decision,
            Self::Decision => Self::Reading,
        }
    }

    #[must_use]
    pub const fn previous(self) -> Self {
        self.next().next().next()
    }
}

impl Review {
    pub fn new(request: RequestId, opened: Timestamp) -> Self {
        Self {
            request,
            opened,
            answer: Field::default(),
            reason: Field::default(),
            decision: Field::default(),
            focus: Focus::Reading,
            wrong: 0,
            read_rows: 0,
        }
    }

    pub fn field(&mut self) -> Option<&mut Field> {
        match self.focus {
            Focus::Reading => None,
            Focus::Answer => Some(&mut self.answer),
            Focus::Reason => Some(&mut self.reason),
            Focus::Decision => Some(&mut self.decision),
        }
    }
}

impl OwnLook {
    /// How many of the request's claims this look confirms; `None` if there was no look.
    pub fn measurement(&self) -> Option<OwnMeasurement> {
        match &self.saw {
            OwnSight::Measured { claims, .. } => {
                let confirmed = claims.iter().filter(|evidence| evidence.verdict.holds()).count();
                Some(OwnMeasurement { confirmed, of: claims.len() })
            }
            OwnSight::Impossible { .. } => None,
        }
    }

    /// What this look says against the request, if it says anything.
    pub fn contradicts(&self) -> Option<String> {
        let OwnSight::Measured { claims, text, .. } = &self.saw else { return None };
        let failing = claims.iter().find(|evidence| evidence.verdict == Verdict::Fails);
        match (failing, text) {
            (Some(evidence), _) => Some(evidence.to_string()),
            (None, OwnText::Differs { how }) => Some(how.clone()),
            (None, OwnText::Same) => None,
        }
    }
}

/// Why the open review cannot approve now, before anything typed is looked at; `None` if it can.
pub fn why_not_approve(model: &Model, review: &Review) -> Option<String> {
    let Some(request) = model.request(&review.request) else { return Some("there is no such request".to_owned()) };
    why_closed(model, request).or_else(|| why_not_person(model, request)).or_else(|| why_not_yet(model, review))
}

/// What became of a request: `was used`.
pub fn ended(how: &Ended) -> String {
    match how {
        Ended::Used => "was used".to_owned(),
        Ended::Void { .. } => "is void".to_owned(),
        Ended::Stopped { by, .. } => format!("was stopped by {by}"),
    }
}

fn why_closed(model: &Model, request: &RequestState) -> Option<String> {
    if model.ui.room() == Room::Tiny {
        return Some("the window is too small to show what is approved; 60x16 is the least".to_owned());
    }
    why_not_reject(model, request)
}

/// Why nobody can reject the request any more: rejecting needs neither reading time nor an own look, but something
/// that still waits.
pub fn why_not_reject(model: &Model, request: &RequestState) -> Option<String> {
    if model.is_over() {
        return Some("the run is over".to_owned());
    }
    match &request.ended {
        Some(Ended::Used) => return Some("the request was used".to_owned()),
        Some(Ended::Void { why }) => return Some(format!("the request is void: {why}")),
        Some(Ended::Stopped { by, .. }) => return Some(format!("{by} stopped the request")),
        None => {}
    }
    let open = model.open_request().is_some_and(|open| open.header.request == request.header.request);
    if !open {
        return Some("the run does not wait for this request any more".to_owned());
    }
    (model.now >= request.header.expires).then(|| "the request has expired".to_owned())
}

fn why_not_person(model: &Model, request: &RequestState) -> Option<String> {
    let Some(who) = &model.viewer.who else { return Some("you are not known as an operator".to_owned()) };
    if !may_approve(model, request, who) {
        return Some("you have approved it; a second person is needed".to_owned());
    }
    let own = *who == request.header.requested_by && !request.header.requester_counts;
    own.then(|| "the policy wants other people than the driver".to_owned())
}

fn why_not_yet(model: &Model, review: &Review) -> Option<String> {
    match model.own.get(&review.request) {
        None => return Some("your own look is not finished".to_owned()),
        Some(look) => {
            if let Some(how) = look.contradicts() {
                return Some(format!("your own look differs: {how}"));
            }
        }
    }
    let read = model.now.since(review.opened);
    if read < READING_TIME {
        let left = Span::from_millis(READING_TIME.millis() - read.millis());
        return Some(format!("{}s reading time left", left.millis().div_ceil(1000)));
    }
    let unread = super::draw::review::unread_rows(model, review);
    (unread > 0).then(|| format!("{unread} rows are not read yet (PgDn)"))
}

/// How many distinct people have signed, of those who count. Whether their signatures are enough is not judged here.
pub fn signers(request: &RequestState) -> usize {
    let header = &request.header;
    let counts = |who: &&Principal| header.requester_counts || **who != header.requested_by;
    let people: BTreeSet<&Principal> = request.approvals.iter().map(|approval| &approval.by).filter(counts).collect();
    people.len()
}

/// How many approvals with an own measurement the policy still wants. Whether the rest is enough is not judged here.
pub fn unmeasured(model: &Model, request: &RequestState) -> usize {
    let need = usize::from(model.viewer.policy.rule(request.danger).own_measurement());
    let header = &request.header;
    let counts = |who: &&Principal| header.requester_counts || **who != header.requested_by;
    let measured = request.approvals.iter().filter(|approval| approval.measured.is_some());
    let people: BTreeSet<&Principal> = measured.map(|approval| &approval.by).filter(counts).collect();
    need.saturating_sub(people.len())
}

/// Whether an approval of `who` could still help: nobody counts twice, but who approved the text alone can look and
/// approve again where an own measurement is missing.
pub fn may_approve(model: &Model, request: &RequestState, who: &Principal) -> bool {
    let mut own = request.approvals.iter().filter(|approval| approval.by == *who);
    !approved(request, who) || (unmeasured(model, request) > 0 && own.all(|approval| approval.measured.is_none()))
}

/// Whether `who` has approved the request already.
pub fn approved(request: &RequestState, who: &Principal) -> bool {
    request.approvals.iter().any(|approval| approval.by == *who)
}

/// What is missing in the typed fields for the decision that they name.
pub fn missing(model: &Model, review: &Review) -> Option<Missing> {
    let request = model.request(&review.request)?;
    if review.decision.says("reject") {
        if let Some(why) = why_not_reject(model, request) {
            return Some(Missing::Over(why));
        }
        return review.reason.is_empty().then_some(Missing::Reason);
    }
    if !review.decision.says("approve") {
        return Some(Missing::Decision);
    }
    if let Some(why) = why_not_approve(model, review) {
        return Some(Missing::Possible(why));
    }
    if review.reason.is_empty() {
        return Some(Missing::Reason);
    }
    (!Challenge::of(request).accepts(review.answer.text())).then_some(Missing::Answer)
}

/// Why typed fields are not a decision yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Missing {
    Decision,
    Reason,
    /// The answer is wrong.
    Answer,
    /// Nothing can be said to the request any more.
    Over(String),
    /// Approving is off, whatever is typed.
    Possible(String),
}
