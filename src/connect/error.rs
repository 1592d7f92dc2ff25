//! Why a server could not be connected to, and what to do about it. Holds no secret, by construction.

use std::io::ErrorKind;
use std::time::Duration;

use mysql_async::{DriverError, Error, IoError};

use super::option_file::OptionFileError;
use crate::domain::base::ServerName;
use crate::domain::base::text::printable;
use crate::domain::fleet::{Endpoint, Server};

/// Why there is no connection.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConnectError {
    #[error(
        "`{server}` cannot be reached at {place}: {why}; check that it runs and that this machine may connect to it"
    )]
    Unreachable { server: ServerName, place: String, why: String },
    #[error(
        "`{server}` refused the login: {why}; check user and password, and that the account may come from this machine"
    )]
    Denied { server: ServerName, why: String },
    #[error(
        "`{server}` did not agree on TLS: {why}; check `tls.ca` of the server in fleet.yaml, the name in its certificate, and whether it speaks TLS at all"
    )]
    Tls { server: ServerName, why: String },
    #[error("`{server}` let nobody in: {why}; look at the server itself")]
    Refused { server: ServerName, why: String },
    #[error(transparent)]
    OptionFile(#[from] OptionFileError),
    #[error("expected a user for the login, found none: set `user`, or `defaults_file` with a group that names one")]
    NoUser,
    #[error("the password command `{program}` {problem}; run it by hand as this user")]
    PasswordCommand { program: String, problem: CommandProblem },
}

/// What went wrong with a declared command. Nothing that it wrote is kept: it may hold a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CommandProblem {
    #[error("is empty: expected a program and its arguments")]
    Empty,
    #[error("could not be started: {0}")]
    NotStarted(ErrorKind),
    #[error("ended with {0}")]
    Failed(String),
    #[error("did not answer within {} s", .0.as_secs())]
    TooSlow(Duration),
    #[error("wrote no line")]
    NoLine,
    #[error("wrote a first line that is not UTF-8")]
    NotText,
}

/// The address of a server as people write it.
fn place(server: &Server) -> String {
    match &server.endpoint {
        Endpoint::Socket { path } => format!("`{}`", printable(path)),
        Endpoint::Tcp { host, port, .. } => format!("`{}:{port}`", printable(host)),
    }
}

pub(super) fn silent(server: &Server, limit: Duration) -> ConnectError {
    let why = format!("no answer within {} s", limit.as_secs());
    ConnectError::Unreachable { server: server.name.clone(), place: place(server), why }
}

/// Sorts what the driver says into what a person can do.
pub(super) fn classify(server: &Server, error: Error) -> ConnectError {
    let name = server.name.clone();
    let unreachable = |why: String| ConnectError::Unreachable { server: name.clone(), place: place(server), why };
    match error {
        Error::Io(IoError::Tls(tls)) => ConnectError::Tls { server: name, why: printable(&tls.to_string()) },
        // The handshake's own errors come wrapped as invalid data.
        Error::Io(IoError::Io(io)) if io.kind() == ErrorKind::InvalidData => {
            ConnectError::Tls { server: name, why: printable(&io.to_string()) }
        }
        Error::Io(IoError::Io(io)) => unreachable(printable(&io.to_string())),
        Error::Driver(DriverError::NoClientSslFlagFromServer) => {
            ConnectError::Tls { server: name, why: "the server does not offer TLS".to_owned() }
        }
        Error::Server(said) => {
            let why = format!("{} {}", said.code, printable(&said.message));
            match said.code {
                1044 | 1045 | 1130 | 1251 | 1698 | 1820 | 1862 | 3118 | 3955 | 4151 => {
                    ConnectError::Denied { server: name, why }
                }
                3159 => ConnectError::Tls { server: name, why },
                _ => ConnectError::Refused { server: name, why },
            }
        }
        other => unreachable(printable(&other.to_string())),
    }
}
