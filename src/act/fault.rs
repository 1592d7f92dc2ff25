//! What can go wrong on a connection, in the one distinction that matters: the server said so, or the answer is lost.

use mysql_async::Error;

use crate::domain::base::text::printable;
use crate::domain::run::Outcome;

/// A statement that did not end well.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The server answered with an error and still listens.
    #[error("error {code} {message}")]
    Refused { code: u16, message: String },
    /// No answer, or one that says that the connection ends: what was sent before may or may not be executed.
    #[error("the answer was lost: {why}")]
    Lost { why: String },
}

/// The server ends the connection with these, and the statement with it or not: shutdown, killed, idle for too long.
const ENDING: [u16; 6] = [1053, 1077, 1927, 3169, 4031, 3032];

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        match error {
            Error::Server(said) if !ENDING.contains(&said.code) => {
                Self::Refused { code: said.code, message: printable(&said.message) }
            }
            Error::Server(said) => Self::Lost { why: format!("error {} {}", said.code, printable(&said.message)) },
            other => Self::Lost { why: printable(&other.to_string()) },
        }
    }
}

impl Fault {
    pub fn code(&self) -> Option<u16> {
        match self {
            Self::Refused { code, .. } => Some(*code),
            Self::Lost { .. } => None,
        }
    }

    /// What it means for a statement that was sent.
    pub(super) fn after_sending(self) -> Outcome {
        match self {
            Self::Refused { code, message } => Outcome::Failed { code, message },
            Self::Lost { why } => Outcome::InDoubt { why },
        }
    }

    /// What it means for a statement that was not sent yet; `doing` says what was tried instead.
    pub(super) fn before_sending(&self, doing: &str) -> Outcome {
        Outcome::NotSent { why: format!("{doing}: {self}") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(code: u16) -> Fault {
        Error::Server(mysql_async::ServerError { code, message: "x\u{1b}".into(), state: "HY000".into() }).into()
    }

    #[test]
    fn an_error_of_the_statement_is_not_the_end_of_the_connection() {
        let refused = said(1051);
        assert_eq!(refused.code(), Some(1051));
        let message = "x\\u{1b}".to_owned();
        assert_eq!(refused.after_sending(), Outcome::Failed { code: 1051, message });
        for code in ENDING {
            assert!(matches!(said(code).after_sending(), Outcome::InDoubt { .. }), "{code}");
        }
    }

    #[test]
    fn a_lost_answer_is_in_doubt_once_something_was_sent() {
        let lost = || Fault::from(Error::Driver(mysql_async::DriverError::ConnectionClosed));
        assert!(matches!(lost().after_sending(), Outcome::InDoubt { .. }));
        assert!(matches!(lost().before_sending("proving"), Outcome::NotSent { .. }));
    }
}
