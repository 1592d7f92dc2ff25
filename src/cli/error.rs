//! What a command says when it does not end well: one fact, what to do about it, and the exit code.

use super::exit::Exit;
use crate::connect::ConnectError;
use crate::domain::yaml::Problems;
use crate::executor::journal::ExecutorError;
use crate::keys::KeyError;
use crate::lab::LabError;
use crate::store::StoreError;
use crate::store::trust_files::TrustFileError;

/// A command's failure.
#[derive(Debug)]
pub struct CliError {
    pub exit: Exit,
    pub message: String,
    pub hint: Option<String>,
}

impl CliError {
    pub fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self { exit, message: message.into(), hint: None }
    }

    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(Exit::Usage, message)
    }

    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl From<StoreError> for CliError {
    fn from(error: StoreError) -> Self {
        let exit = match &error {
            StoreError::Busy { .. } => Exit::Busy,
            StoreError::NoSuchRun { .. } | StoreError::NoStateDirectory { .. } => Exit::Usage,
            StoreError::Damaged { .. } | StoreError::RolledBack { .. } => Exit::Tampered,
            _ => Exit::Error,
        };
        Self::new(exit, error.to_string())
    }
}

impl From<ExecutorError> for CliError {
    fn from(error: ExecutorError) -> Self {
        match error {
            ExecutorError::Store(error) => error.into(),
            other => Self::new(Exit::Error, other.to_string()),
        }
    }
}

impl From<KeyError> for CliError {
    fn from(error: KeyError) -> Self {
        let exit = match &error {
            KeyError::Read { .. } | KeyError::NotAFile { .. } => Exit::Usage,
            _ => Exit::Approval,
        };
        Self::new(exit, error.to_string())
    }
}

impl From<LabError> for CliError {
    fn from(error: LabError) -> Self {
        let exit = match &error {
            LabError::NoLab { .. }
            | LabError::AlreadyUp { .. }
            | LabError::NotEmpty { .. }
            | LabError::PathTooLong { .. }
            | LabError::BadShape { .. }
            | LabError::NoSuchServer { .. }
            | LabError::WrongPlace { .. }
            | LabError::TableName(_) => Exit::Usage,
            _ => Exit::Error,
        };
        Self::new(exit, error.to_string())
    }
}

impl From<ConnectError> for CliError {
    fn from(error: ConnectError) -> Self {
        Self::new(Exit::Unreachable, error.to_string())
    }
}

impl From<Problems> for CliError {
    fn from(problems: Problems) -> Self {
        Self::new(Exit::Findings, problems.to_string())
    }
}

impl From<TrustFileError> for CliError {
    fn from(error: TrustFileError) -> Self {
        match error {
            TrustFileError::Nobody => Self::usage(error.to_string()),
            TrustFileError::Key { operator, why } => {
                let why = Self::from(why);
                Self::new(why.exit, format!("the key of `{operator}`: {}", why.message))
            }
            TrustFileError::Io { doing, path, source } => StoreError::io(doing, path, source).into(),
            other => Self::new(Exit::Approval, other.to_string()),
        }
    }
}
