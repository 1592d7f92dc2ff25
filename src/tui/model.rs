//! Everything a screen is drawn from, what can come to it and what can leave it.

use std::collections::{BTreeMap, BTreeSet};

use crossterm::event::KeyEvent;

use super::history::{History, Seen};
use super::review::{OwnLook, Review};
use super::theme::Theme;
use super::ui::{Ui, View};
use crate::domain::approval::policy::Policy;
use crate::domain::base::{Principal, RequestId, Timestamp};
use crate::domain::fleet::Rules;
use crate::domain::journal::Head;
use crate::domain::journal::record::Assessed;
use crate::domain::run::state::{Phase, RequestState, State};
use crate::domain::snapshot::Snapshot;

pub use super::update::update;

/// Who looks, from where, and at what.
#[derive(Debug, Clone)]
pub struct Viewer {
    /// The operator at the keyboard; nobody can sign without one.
    pub who: Option<Principal>,
    /// How that operator's key is called, for the screen: `SHA256:.. (agent)`.
    pub key: String,
    /// `PROD`, `LAB`: the fleet's own word.
    pub environment: String,
    /// Everybody who may approve, for naming whose turn it is.
    pub operators: Vec<Principal>,
    /// Whom to call, from the fleet's contacts.
    pub help: String,
    /// By which a copy of a table is judged in the fleet view.
    pub rules: Rules,
    /// By which it is said what a request still needs.
    pub policy: Policy,
    pub seat: Seat,
    pub theme: Theme,
}

/// What this process is to the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seat {
    /// It executes the run: leaving means holding first.
    Executes,
    /// It looks; leaving changes nothing.
    Watches,
    /// It was started to review requests.
    Reviews,
}

/// Where the run's executor is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Executor {
    Alive,
    /// Its lease ran out: the run may be taken over.
    Gone,
}

/// What comes to the screens.
#[derive(Debug, Clone)]
pub enum Msg {
    Record(Box<Seen>),
    /// The last live values, as the executor publishes them.
    Live(serde_json::Value),
    Snapshot(Snapshot),
    Executor(Executor),
    /// What the reviewer's own client saw.
    Review(OwnLook),
    Key(KeyEvent),
    /// Something was pasted. What it was does not matter: no field takes it.
    Paste,
    Resize {
        width: u16,
        height: u16,
    },
    Tick(Timestamp),
    /// A line for the person at the keyboard: what became of an action.
    Say(String),
}

/// What a person wants. Nothing here is done by the screens themselves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Stop at the next safe point. Needs no signature and no right.
    Hold,
    /// Let a held run go on, as of the journal that the person saw.
    Release {
        seen: Head,
    },
    /// The choice with this number (from 1) of the stop that the person saw.
    Choose {
        number: usize,
        seen: Head,
    },
    /// Goes past the step, for a reason.
    Skip {
        number: usize,
        reason: String,
        seen: Head,
    },
    /// What a manual step asks to be read back.
    Answer {
        text: String,
        seen: Head,
    },
    /// The sessions to kill, by their ids, of the list that the person saw.
    Pick {
        ids: String,
        seen: Head,
    },
    Abort {
        seen: Head,
    },
    Approve {
        request: RequestId,
        answer: String,
        reason: String,
    },
    Reject {
        request: RequestId,
        reason: String,
    },
    Withdraw {
        request: RequestId,
        reason: String,
    },
    Note {
        text: String,
    },
    /// Look at the fleet through this reviewer's own connection.
    Measure {
        request: RequestId,
    },
    /// Put a text into the terminal's clipboard.
    Copy {
        text: String,
    },
    /// Draw everything anew.
    Redraw,
    /// Hold, then leave as soon as it is held.
    HoldAndLeave,
    Leave,
}

/// The fold.
#[derive(Debug, Clone)]
pub struct Model {
    pub viewer: Viewer,
    pub state: Option<State>,
    pub seen: Vec<Seen>,
    pub history: History,
    /// Why the journal cannot be shown any further, if it cannot.
    pub broken: Option<String>,
    pub snapshot: Option<Snapshot>,
    pub live: serde_json::Value,
    pub executor: Executor,
    pub own: BTreeMap<RequestId, OwnLook>,
    pub review: Option<Review>,
    /// Requests whose review this person has ended here: none of them opens by itself again.
    pub spoken: BTreeSet<RequestId>,
    pub now: Timestamp,
    pub ui: Ui,
    /// Grows with every change that can be seen.
    pub revision: u64,
}

impl Model {
    pub fn new(viewer: Viewer, now: Timestamp, width: u16, height: u16) -> Self {
        Self {
            viewer,
            state: None,
            seen: Vec::new(),
            history: History::default(),
            broken: None,
            snapshot: None,
            live: serde_json::Value::Null,
            executor: Executor::Alive,
            own: BTreeMap::new(),
            review: None,
            spoken: BTreeSet::new(),
            now,
            ui: Ui::new(width, height),
            revision: 0,
        }
    }

    /// The end of the journal as this screen has seen it; what is signed here is tied to it.
    pub fn head(&self) -> Head {
        self.state.as_ref().map_or_else(Head::start, |state| state.head.clone())
    }

    /// The request that waits for signatures, if one does.
    pub fn open_request(&self) -> Option<&RequestState> {
        let state = self.state.as_ref()?;
        match &state.phase {
            Phase::Requested { request } => state.requests.get(request),
            _ => None,
        }
    }

    pub fn request(&self, id: &RequestId) -> Option<&RequestState> {
        self.state.as_ref()?.requests.get(id)
    }

    /// The request that the screen speaks of: the one under review, elsewhere the open one.
    pub fn request_in_front(&self) -> Option<&RequestState> {
        let reviewed = || self.request(&self.review.as_ref()?.request);
        if self.ui.view == View::Review { reviewed() } else { self.open_request() }
    }

    /// What the present step was assessed to be, as far as it has come.
    pub fn assessed(&self) -> Option<&Assessed> {
        self.history.step.assessed.as_ref()
    }

    pub fn theme(&self) -> Theme {
        self.viewer.theme
    }

    /// Whether nothing more will be done in this run.
    pub fn is_over(&self) -> bool {
        self.state.as_ref().is_some_and(|s| matches!(s.phase, Phase::Finished { .. } | Phase::Closed { .. }))
    }

    pub(super) fn take(&mut self, seen: Seen) {
        if self.broken.is_some() {
            return;
        }
        let before = self.state.clone();
        let applied = match &mut self.state {
            None => State::open(&seen.record, seen.head.clone(), seen.at).map(|state| self.state = Some(state)),
            Some(state) => state.apply(&seen.record, seen.head.clone(), seen.at),
        };
        match applied {
            Ok(()) => {
                self.history.take(before.as_ref(), &seen);
                self.seen.push(seen);
            }
            Err(why) => self.broken = Some(why.to_string()),
        }
    }
}
