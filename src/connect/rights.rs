//! What a login finds at a server: its release, under which account it is let in, and what that account may do.
//!
//! Only asks. For `fleet check` and for looking before a run that its logins are good.

use mysql_async::prelude::Queryable;
use mysql_async::{Conn, Error};

use super::error::{ConnectError, classify};
use super::{CONNECT_LIMIT, connect, error};
use crate::domain::fleet::{Login, Server};
use crate::domain::sql::dialect::{Dialect, DialectError};
use crate::domain::sql::rights::Held;

/// One login at one server.
#[derive(Debug)]
pub struct Found {
    /// `@@version`, as the server says it.
    pub version: String,
    pub dialect: Result<Dialect, DialectError>,
    /// `CURRENT_USER()`: the account that the server took it for.
    pub account: String,
    pub held: Held,
}

/// Logs in and asks.
pub async fn found(server: &Server, login: &Login) -> Result<Found, ConnectError> {
    let mut connection = connect(server, login).await?;
    let asked = tokio::time::timeout(CONNECT_LIMIT, ask(&mut connection)).await;
    let found = asked.map_err(|_| error::silent(server, CONNECT_LIMIT))?.map_err(|why| classify(server, why))?;
    // A server that does not answer the goodbye ends the connection when it sees it gone.
    let _ = tokio::time::timeout(CONNECT_LIMIT, connection.disconnect()).await;
    Ok(found)
}

async fn ask(connection: &mut Conn) -> Result<Found, Error> {
    let asked = "SELECT @@version, @@version_comment, CURRENT_USER()";
    let (version, comment, account): (String, String, String) =
        connection.query_first(asked).await?.unwrap_or_default();
    let lines: Vec<String> = connection.query("SHOW GRANTS").await?;
    let dialect = Dialect::detect(&version, &comment);
    Ok(Found { version, dialect, account, held: Held::of(lines.iter().map(String::as_str)) })
}
