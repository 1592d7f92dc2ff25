//! What belongs to one person's screen only: the view, scrolling, pop-ups, prompts.

use super::field::Field;
use crate::domain::base::{RequestId, Span, Timestamp};

/// The four views of a run and the review.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum View {
    Steps,
    Fleet,
    Approvals,
    Timeline,
    Review,
}

/// What lies over a view.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Popup {
    Help,
    /// Text that did not fit where it stands.
    Text {
        title: String,
        lines: Vec<String>,
    },
    /// This process executes the run: stay, or hold and leave.
    Leave,
}

/// A line that a person types, and what it is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prompt {
    pub purpose: Purpose,
    pub field: Field,
    /// Wrong answers so far; the third closes the prompt.
    pub wrong: u8,
}

/// What a typed line is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Purpose {
    /// Of a manual step.
    Answer,
    /// Among sessions, by their ids.
    Pick,
    /// A choice after a stop that lets something happen; `expects` must be typed.
    Choose {
        number: usize,
        expects: String,
    },
    /// A choice that goes past a step; what is typed is the reason.
    Skip {
        number: usize,
    },
    Release,
    Abort {
        expects: String,
    },
    Withdraw {
        request: RequestId,
    },
    Note,
}

/// What became of something that a person asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Became {
    pub text: String,
    pub said: Timestamp,
    /// Until when it stands; `None` until the run's next record.
    until: Option<Timestamp>,
}

/// What became of an action stands at least this long: the record that ends it may come with the very next one.
const READABLE: Span = Span::from_secs(4);

impl Became {
    pub const fn new(text: String, said: Timestamp) -> Self {
        Self { text, said, until: None }
    }
}

/// How a window of this size is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Room {
    /// Down to 20x3: whose turn it is, and how to stop.
    Tiny,
    /// From 60x16: panels one above another.
    Narrow,
    /// From 100x30: panels side by side.
    Wide,
}

/// The state of one person's screen.
#[derive(Debug, Clone)]
pub struct Ui {
    pub view: View,
    pub popup: Option<Popup>,
    pub prompt: Option<Prompt>,
    pub scroll: usize,
    /// The marked choice after a stop; `None` until a person marks one, unless a harmless one exists.
    pub choice: Option<usize>,
    /// The timeline shows its newest lines.
    pub follow: Follow,
    /// Stands until the next key.
    pub message: Option<String>,
    /// What became of an action. The run's next record says more.
    pub became: Option<Became>,
    pub interrupted: Option<Timestamp>,
    pub width: u16,
    pub height: u16,
}

/// Whether the timeline moves on by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Follow {
    On,
    Off,
}

impl Ui {
    pub fn new(width: u16, height: u16) -> Self {
        Self {
            view: View::Steps,
            popup: None,
            prompt: None,
            scroll: 0,
            choice: None,
            follow: Follow::On,
            message: None,
            became: None,
            interrupted: None,
            width,
            height,
        }
    }

    /// The run went on: what became of an action has been answered by it.
    pub fn news(&mut self, now: Timestamp) {
        if let Some(became) = &mut self.became {
            became.until.get_or_insert(became.said.plus(READABLE));
        }
        self.forget_old(now);
    }

    /// Drops what has stood long enough.
    pub fn forget_old(&mut self, now: Timestamp) {
        self.became.take_if(|became| became.until.is_some_and(|until| until <= now));
    }

    /// The line for the person at the keyboard, if there is one.
    pub fn told(&self) -> Option<&String> {
        self.message.as_ref().or(self.became.as_ref().map(|became| &became.text))
    }

    pub fn room(&self) -> Room {
        if self.width >= 100 && self.height >= 30 {
            Room::Wide
        } else if self.width >= 60 && self.height >= 16 {
            Room::Narrow
        } else {
            Room::Tiny
        }
    }
}

impl Prompt {
    pub fn new(purpose: Purpose) -> Self {
        Self { purpose, field: Field::default(), wrong: 0 }
    }

    /// What it asks, for the frame around it.
    pub fn asks(&self) -> String {
        match &self.purpose {
            Purpose::Answer => "type what you read back".to_owned(),
            Purpose::Pick => "type the ids of the sessions to kill, or `none`".to_owned(),
            Purpose::Choose { number, expects } => format!("choice {number}: type `{expects}` to take it"),
            Purpose::Skip { number } => format!("choice {number}: why is the step skipped?"),
            Purpose::Release => "type `release` to let the run go on".to_owned(),
            Purpose::Abort { expects } => format!("type `{expects}` to end the run here; nothing is undone by itself"),
            Purpose::Withdraw { .. } => "why is the request withdrawn?".to_owned(),
            Purpose::Note => "note for the journal".to_owned(),
        }
    }

    /// The text that must be typed; `None` if any text will do.
    pub fn expects(&self) -> Option<&str> {
        match &self.purpose {
            Purpose::Choose { expects, .. } | Purpose::Abort { expects } => Some(expects),
            Purpose::Release => Some("release"),
            Purpose::Answer | Purpose::Pick | Purpose::Skip { .. } | Purpose::Withdraw { .. } | Purpose::Note => None,
        }
    }
}
