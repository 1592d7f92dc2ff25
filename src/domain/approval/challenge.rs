//! The question that an approver answers: a fact about the object instead of a "yes".
//!
//! It slows haste; it proves nothing and is not signed. Which question comes is drawn from the request's id, so fingers
//! cannot learn it.

use serde::{Deserialize, Serialize};

use crate::domain::base::RequestId;
use crate::domain::journal::record::Assessed;
use crate::domain::reach::How;

/// A question and the answers that are right.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Challenge {
    pub id: String,
    pub question: String,
    #[serde(skip)]
    accepted: Vec<String>,
}

impl Challenge {
    /// The question for one request, from what the reviewer's own assessment or the request says.
    pub fn of(request: &RequestId, assessed: &Assessed, kept: &[String]) -> Self {
        let draw = request.as_str().bytes().fold(0_u32, |sum, byte| sum.wrapping_mul(31).wrapping_add(u32::from(byte)));
        let target = assessed.script.first().map(|command| command.server.to_string()).unwrap_or_default();
        let reached = assessed.reaches.last().map_or(0, |reach| {
            reach.arrivals.iter().filter(|line| matches!(line.how, How::RunsHere | How::Now | How::Group)).count()
        });
        match draw % 3 {
            0 if !kept.is_empty() => Self::new("kept", "Which server keeps a good copy?", kept.to_vec()),
            1 => Self::new("reached", "How many servers does it reach?", vec![reached.to_string()]),
            _ => Self::new("target", "On which server does it run?", vec![target]),
        }
    }

    fn new(id: &str, question: &str, accepted: Vec<String>) -> Self {
        Self { id: id.to_owned(), question: question.to_owned(), accepted }
    }

    /// Whether the answer is right. Case and blanks are forgiven, nothing else is.
    pub fn accepts(&self, answer: &str) -> bool {
        let plain = |text: &str| text.chars().filter(|c| !c.is_whitespace()).collect::<String>().to_lowercase();
        self.accepted.iter().any(|right| plain(right) == plain(answer))
    }

    /// The right answers, for tests and the demo that plays both operators.
    pub fn answers(&self) -> &[String] {
        &self.accepted
    }
}
