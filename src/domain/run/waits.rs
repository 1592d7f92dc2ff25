//! What a run waits for, until when, and what happens then: one answer for every screen.

use super::state::{Phase, State};
use crate::domain::base::{Span, Timestamp};

/// How long a command in doubt is waited for before a person is asked. What waits for a lock gives up about then.
pub const RUNS_ON: Span = Span::from_secs(10);

/// One wait. All of it may hold words of people and servers: whoever shows it makes it safe.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Waits {
    #[serde(rename = "for")]
    pub what: Vec<String>,
    /// No time where only a person ends it.
    pub until: Option<Timestamp>,
    pub then: String,
}

const STOPS: &str = "the run stops with numbered choices";

impl Waits {
    /// The wait of a run, if it waits at all.
    pub fn of(state: &State) -> Option<Self> {
        let over = matches!(state.phase, Phase::Finished { .. } | Phase::Closed { .. });
        let wait = |what: String, until: Option<Timestamp>, then: &str| {
            Some(Self { what: vec![what], until, then: then.to_owned() })
        };
        match (&state.phase, &state.held) {
            (Phase::Stopped { choices, .. }, _) => {
                wait(format!("a choice from 1 to {}", choices.len()), None, "what was chosen is done")
            }
            (Phase::Doubt { .. }, _) => {
                wait("what became of a command in doubt".to_owned(), Some(state.at_phase.plus(RUNS_ON)), STOPS)
            }
            (Phase::Requested { .. } | Phase::Armed { .. } | Phase::Entering | Phase::Between { .. }, Some(by)) => {
                wait(format!("a release, which any operator can sign; {by} holds the run"), None, "the run goes on")
            }
            _ if over => None,
            (Phase::Waiting { claims, until }, _) => Some(Self {
                what: claims.iter().map(ToString::to_string).collect(),
                until: Some(*until),
                then: STOPS.to_owned(),
            }),
            (Phase::Requested { request }, None) => {
                let asked = &state.requests.get(request)?.header;
                let what = format!("signatures of {} for request {request}", asked.need);
                wait(what, Some(asked.expires), "the request is void, and the run stops with numbered choices")
            }
            (Phase::Armed { until, .. }, None) => {
                let step = state.step()?;
                wait("anybody who would hold".to_owned(), Some(*until), &format!("step {step} begins"))
            }
            (Phase::Asking, _) => wait("an answer, which any operator can sign".to_owned(), None, "it is on record"),
            _ => None,
        }
    }
}
