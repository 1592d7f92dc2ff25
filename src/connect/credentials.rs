//! Who we are to a server: user and password out of a declared [`Login`].

use std::fmt;
use std::path::PathBuf;

use super::command::first_line;
use super::error::ConnectError;
use super::option_file::OptionFile;
use crate::domain::base::text::printable;
use crate::domain::fleet::Login;

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
        let file = option_file(login)?;
        let option = |name: &str| file.get(login.group.as_deref(), name).map(str::to_owned);
        let user = login.user.clone().or_else(|| option("user")).ok_or(ConnectError::NoUser)?;
        let password = match &login.password_command {
            Some(command) => Some(ask(command).await?),
            None => option("password"),
        };
        Ok(Self { user, password, ssl_ca: option("ssl-ca") })
    }

    /// The user alone, without asking for a password. None where nobody says, or where the file cannot be read here.
    pub fn user_of(login: &Login) -> Option<String> {
        let of_file = || Some(option_file(login).ok()?.get(login.group.as_deref(), "user")?.to_owned());
        login.user.clone().or_else(of_file)
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

fn option_file(login: &Login) -> Result<OptionFile, ConnectError> {
    match &login.defaults_file {
        None => Ok(OptionFile::default()),
        Some(path) => Ok(OptionFile::read(&expand_home(path))?),
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
    first_line(command).await.map_err(|problem| ConnectError::PasswordCommand { program, problem })
}
