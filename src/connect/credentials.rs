//! Who we are to a server: user and password out of a declared [`Login`].

use std::fmt;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;

use super::error::{ConnectError, PasswordProblem};
use super::option_file::OptionFile;
use crate::domain::base::text::printable;
use crate::domain::fleet::Login;

/// Longer than a person needs to touch a token, shorter than somebody waits without looking.
const PASSWORD_LIMIT: Duration = Duration::from_secs(10);

/// A user with what proves it. `Debug` shows the user only.
#[derive(Clone)]
pub struct Credentials {
    user: String,
    password: Option<String>,
    ssl_ca: Option<String>,
}

impl Credentials {
    /// Reads the option file and runs the password command, as far as `login` names them.
    ///
    /// What `login` says itself wins over the file. Endpoints in the file are not used: one login serves many
    /// servers, and where each one is stands in `fleet.yaml`.
    pub async fn of(login: &Login) -> Result<Self, ConnectError> {
        let file = match &login.defaults_file {
            None => OptionFile::default(),
            Some(path) => OptionFile::read(&expand_home(path))?,
        };
        let option = |name: &str| file.get(login.group.as_deref(), name).map(str::to_owned);
        let user = login.user.clone().or_else(|| option("user")).ok_or(ConnectError::NoUser)?;
        let password = match &login.password_command {
            Some(command) => Some(ask(command).await?),
            None => option("password"),
        };
        Ok(Self { user, password, ssl_ca: option("ssl-ca") })
    }

    pub fn user(&self) -> &str {
        &self.user
    }

    pub fn password(&self) -> Option<&str> {
        self.password.as_deref()
    }

    pub fn ssl_ca(&self) -> Option<&str> {
        self.ssl_ca.as_deref()
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("user", &self.user).finish_non_exhaustive()
    }
}

/// `~/` at the start means the home directory, as shells have it.
fn expand_home(path: &str) -> PathBuf {
    match (path.strip_prefix("~/"), std::env::var_os("HOME")) {
        (Some(rest), Some(home)) => PathBuf::from(home).join(rest),
        _ => PathBuf::from(path),
    }
}

/// Runs a password command and returns the first line it writes.
async fn ask(command: &[String]) -> Result<String, ConnectError> {
    let program = command.first().map_or_else(String::new, |program| printable(program));
    run(command).await.map_err(|problem| ConnectError::PasswordCommand { program, problem })
}

async fn run(command: &[String]) -> Result<String, PasswordProblem> {
    let (program, arguments) = command.split_first().ok_or(PasswordProblem::Empty)?;
    let child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .output();
    let output = tokio::time::timeout(PASSWORD_LIMIT, child)
        .await
        .map_err(|_| PasswordProblem::TooSlow(PASSWORD_LIMIT))?
        .map_err(|error| PasswordProblem::NotStarted(error.kind()))?;
    if !output.status.success() {
        return Err(PasswordProblem::Failed(output.status.to_string()));
    }
    let line = output.stdout.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    if line.is_empty() {
        return Err(PasswordProblem::NoLine);
    }
    String::from_utf8(line.to_vec()).map_err(|_| PasswordProblem::NotText)
}
