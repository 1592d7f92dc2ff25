//! How a declared server is reached and logged in to: a [`Server`] and a [`Login`] become one connection.
//!
//! Nothing is pooled, nothing reconnects by itself, no file of this machine is ever sent, and no secret stands in an
//! error, a log line or a `Debug` output. What is said on the connection is the business of `observe` and `act`.

pub mod command;
mod credentials;
mod error;
mod option_file;
pub mod rights;

use std::path::PathBuf;
use std::time::Duration;

use mysql_async::{Conn, Opts, OptsBuilder, SslOpts};

use crate::domain::fleet::{Endpoint, Login, Server, Tls, TlsMode};

pub use credentials::Credentials;
pub use error::ConnectError;
pub use option_file::{OptionFile, OptionFileError};

/// How long the server may take to let us in, without the time of a password command.
const CONNECT_LIMIT: Duration = Duration::from_secs(3);

/// The largest answer taken. Given here, because the driver would otherwise ask the server on every connect.
const LARGEST_PACKET: usize = 1 << 30;

/// Said for the same reason; the driver uses it for its pool alone, which this program does not have.
const WAIT_TIMEOUT: usize = 28_800;

/// Connects to `server` as `login` says.
pub async fn connect(server: &Server, login: &Login) -> Result<Conn, ConnectError> {
    let options = options(server, login).await?;
    match tokio::time::timeout(CONNECT_LIMIT, Conn::new(options)).await {
        Err(_) => Err(error::silent(server, CONNECT_LIMIT)),
        Ok(Err(driver)) => Err(error::classify(server, driver)),
        Ok(Ok(connection)) => Ok(connection),
    }
}

/// The settings of one connection; runs the password command, so they are good for one connection only.
pub async fn options(server: &Server, login: &Login) -> Result<Opts, ConnectError> {
    let credentials = Credentials::of(login).await?;
    let base = OptsBuilder::default()
        .user(Some(credentials.user()))
        .pass(credentials.password())
        .max_allowed_packet(Some(LARGEST_PACKET))
        .wait_timeout(Some(WAIT_TIMEOUT))
        .prefer_socket(false)
        .tcp_nodelay(true)
        .connect_attribute("program_name", "countersign");
    Ok(match &server.endpoint {
        Endpoint::Socket { path } => base.socket(Some(path.clone())).into(),
        Endpoint::Tcp { host, port, tls } => {
            base.ip_or_hostname(host.clone()).tcp_port(*port).ssl_opts(ssl(tls, &credentials)).into()
        }
    })
}

/// The fleet file's authority wins over the login's: it belongs to the server, the login may be shared.
fn ssl(tls: &Tls, credentials: &Credentials) -> Option<SslOpts> {
    match tls.mode {
        TlsMode::Off => None,
        TlsMode::Required => {
            let authority = tls.ca.clone().or_else(|| credentials.ssl_ca().map(str::to_owned));
            let roots = authority.into_iter().map(|path| PathBuf::from(path).into()).collect();
            Some(SslOpts::default().with_root_certs(roots).with_disable_built_in_roots(true))
        }
    }
}

#[cfg(test)]
mod tests;
