//! Opens the one connection of a command and proves, on that very connection, that it is what was approved: the
//! server, its release, the session's settings, and that no other executor of the same run is at work there.

use std::collections::{BTreeMap, BTreeSet};

use mysql_async::Conn;

use super::ask;
use super::fault::Fault;
use crate::connect::{self, ConnectError};
use crate::domain::base::TableName;
use crate::domain::base::text::printable;
use crate::domain::base::{RunId, ServerName, Timestamp};
use crate::domain::fleet::{Fleet, Login, Server};
use crate::domain::run::Connection;
use crate::domain::script::{Command, Work};
use crate::domain::sql::Dialect;
use crate::domain::sql::dialect::{DialectError, Support};
use crate::domain::sql::identity::{Identity, Unproven};
use crate::domain::sql::lookup;
use crate::domain::sql::packet::{BinlogWriting, Guard, Mismatch, Session};
use crate::executor::ports::Told;

/// Why a command is not sent on this connection. Nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("expected a server of the fleet, found `{0}`: declare it in fleet.yaml")]
    UnknownServer(ServerName),
    #[error("expected an `act` account in fleet.yaml, found none: declare it where the executor runs")]
    NoAccount,
    #[error("expected a command that changes something, found one that only measures")]
    MeasuresOnly,
    #[error(transparent)]
    Connect(#[from] ConnectError),
    #[error(transparent)]
    Dialect(#[from] DialectError),
    #[error("expected {expected} on {server}, found {found}: the script was rendered for another release, look again")]
    OtherDialect { server: ServerName, expected: Dialect, found: Dialect },
    #[error("{found} on {server} was never tested: set `accept_untested` of the server in fleet.yaml to act there")]
    Untested { server: ServerName, found: Dialect },
    #[error(transparent)]
    Unproven(#[from] Unproven),
    #[error(
        "expected {server} to be `{expected}`, found `{found}`: nothing is sent to another server than the approved one"
    )]
    OtherServer { server: ServerName, expected: String, found: String },
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Session(Vec<Mismatch>),
    #[error(
        "expected the lock `{lock}` to be free, found it held by connection {holder}: an earlier command of this run is \
         still at work there, wait for it or end it"
    )]
    LockHeld { lock: String, holder: String },
    #[error("expected an answer to `{question}`, found none: the server is too restricted to act on")]
    NoAnswer { question: &'static str },
    #[error("opening the session failed: {0}")]
    Fault(#[from] Fault),
}

/// A connection that is ready to send one command.
pub(super) struct Prepared {
    pub conn: Conn,
    /// Opened beforehand, because an incident may leave no room for another connection.
    pub control: Conn,
    pub identity: Identity,
    pub connection: Connection,
}

impl Prepared {
    /// The conditions that travel in front of everything this connection changes.
    pub fn guards(&self, binlog: BinlogWriting) -> Vec<Guard> {
        let mut guards = vec![Guard::Binlog(binlog)];
        guards.extend(self.identity.guards());
        guards.push(Guard::HoldsLock(self.connection.lock.clone()));
        guards.push(Guard::DefaultDatabase(None));
        guards
    }

    /// Says goodbye. The lock is given back first, because a server ends a connection a moment after the goodbye.
    pub async fn close(mut self) {
        let _ = ask::run(&mut self.conn, &lookup::give_lock_back(&self.connection.lock)).await;
        let _ = self.conn.disconnect().await;
        let _ = self.control.disconnect().await;
    }
}

/// Opens, proves, pins and locks.
pub(super) async fn prepare(
    fleet: &Fleet,
    run: &RunId,
    command: &Command,
    identity: &str,
) -> Result<Prepared, Refusal> {
    let (session, dialect) = match &command.work {
        Work::Statement { session, dialect, .. }
        | Work::Copy { session, dialect, .. }
        | Work::Kill { session, dialect, .. } => (*session, *dialect),
        Work::Check { .. } | Work::Compare { .. } | Work::ListBlockers | Work::WatchLockWaits { .. } => {
            return Err(Refusal::MeasuresOnly);
        }
    };
    let (server, login) = acting_login(fleet, &command.server)?;
    let mut conn = connect::connect(server, login).await?;
    let proven = prove(&mut conn, server, dialect, identity).await?;
    pin(&mut conn, session, dialect).await?;
    let mut control = connect::connect(server, login).await?;
    prove(&mut control, server, dialect, identity).await?;
    let lock = lookup::lock_name(run, &command.server);
    take_lock(&mut conn, &lock).await?;
    let id = ask::number(&mut conn, lookup::CONNECTION_ID)
        .await?
        .ok_or(Refusal::NoAnswer { question: "CONNECTION_ID()" })?;
    let booted = booted(&mut conn, dialect).await?;
    let connection = Connection { server: command.server.clone(), id, lock, identity: proven.to_string(), booted };
    Ok(Prepared { conn, control, identity: proven, connection })
}

/// Whether the acting account may keep a session out of the binary log.
pub(super) async fn told(fleet: &Fleet, server: &ServerName, tables: &BTreeSet<TableName>) -> Result<Told, Refusal> {
    let (server, login) = acting_login(fleet, server)?;
    let mut conn = connect::connect(server, login).await?;
    let unlogged_sessions = match ask::run(&mut conn, lookup::STOP_LOGGING).await {
        Ok(()) => ask::value(&mut conn, lookup::IS_LOGGING).await?.as_deref() == Some("0"),
        Err(Fault::Refused { .. }) => false,
        Err(lost) => return Err(lost.into()),
    };
    let mut triggers = BTreeMap::new();
    for table in tables {
        let rows = ask::rows(&mut conn, &lookup::triggers(table)).await?;
        triggers.insert(table.clone(), rows.into_iter().flatten().flatten().collect());
    }
    let _ = conn.disconnect().await;
    Ok(Told { unlogged_sessions, triggers })
}

/// The declared server and the login that may change it.
pub(super) fn acting_login<'a>(fleet: &'a Fleet, name: &ServerName) -> Result<(&'a Server, &'a Login), Refusal> {
    let server = fleet.server(name).ok_or_else(|| Refusal::UnknownServer(name.clone()))?;
    Ok((server, fleet.accounts.act.as_ref().ok_or(Refusal::NoAccount)?))
}

/// What answers on this connection.
pub(super) async fn detect(conn: &mut Conn) -> Result<Dialect, Refusal> {
    let row = ask::row(conn, lookup::VERSION).await?;
    let word = |column: usize| row.get(column).cloned().flatten().unwrap_or_default();
    Ok(Dialect::detect(&word(0), &word(1))?)
}

/// Who answers on this connection.
pub(super) async fn identify(conn: &mut Conn, dialect: Dialect) -> Result<Identity, Refusal> {
    let rows = ask::rows(conn, &Identity::query(dialect.flavor())).await?;
    let pair = |row: ask::TextRow| {
        let mut columns = row.into_iter().flatten();
        Some((columns.next()?.to_ascii_lowercase(), columns.next()?))
    };
    let variables: BTreeMap<String, String> = rows.into_iter().filter_map(pair).collect();
    Ok(Identity::of(dialect.flavor(), |name| variables.get(name).map(String::as_str))?)
}

/// When the server that answers was started.
pub(super) async fn booted(conn: &mut Conn, dialect: Dialect) -> Result<Timestamp, Refusal> {
    let seconds = ask::number(conn, &lookup::booted(dialect)).await?.and_then(|seconds| i64::try_from(seconds).ok());
    let seconds = seconds.ok_or(Refusal::NoAnswer { question: "Uptime" })?;
    Ok(Timestamp::from_millis(seconds.saturating_mul(1000)))
}

/// Proves that the server is the approved one, in the release the script was rendered for. Reads only, and first.
async fn prove(conn: &mut Conn, server: &Server, dialect: Dialect, identity: &str) -> Result<Identity, Refusal> {
    let found = detect(conn).await?;
    if found != dialect {
        return Err(Refusal::OtherDialect { server: server.name.clone(), expected: dialect, found });
    }
    if found.support() != Support::Tested && !server.accept_untested {
        return Err(Refusal::Untested { server: server.name.clone(), found });
    }
    let proven = identify(conn, dialect).await?;
    let found = proven.to_string();
    if found != identity || server.identity.as_ref().is_some_and(|declared| *declared != found) {
        let expected =
            if found == identity { server.identity.clone().unwrap_or_default() } else { printable(identity) };
        return Err(Refusal::OtherServer { server: server.name.clone(), expected, found });
    }
    Ok(proven)
}

/// Pins the session and reads every setting back.
pub(super) async fn pin(conn: &mut Conn, session: Session, dialect: Dialect) -> Result<(), Refusal> {
    for statement in session.prelude(dialect) {
        ask::run(conn, &statement).await?;
    }
    let row = ask::row(conn, &session.read_back(dialect)).await?;
    let mismatches = session.compare(dialect, &row);
    if mismatches.is_empty() { Ok(()) } else { Err(Refusal::Session(mismatches)) }
}

async fn take_lock(conn: &mut Conn, lock: &str) -> Result<(), Refusal> {
    let row = ask::row(conn, &lookup::take_lock(lock)).await?;
    let answer = |column: usize| row.get(column).cloned().flatten();
    if answer(0).as_deref() == Some("1") {
        return Ok(());
    }
    Err(Refusal::LockHeld { lock: lock.to_owned(), holder: answer(1).unwrap_or_else(|| "unknown".to_owned()) })
}
