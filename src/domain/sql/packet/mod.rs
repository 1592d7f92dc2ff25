//! What goes over the wire around a statement: the session prelude and the guard in front of it.
//!
//! The statement's own bytes are never changed, re-rendered or trimmed: what was approved is what is sent.

mod session;

pub use session::{BinlogWriting, Checks, LockWait, Mismatch, Session, Setting, Writes};

use super::dialect::{Dialect, Flavor};
use super::lexer::{LexError, count_statements};
use super::quote;

/// A variable that helps to prove which server answers. All of them can be read by any account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum IdentityVariable {
    ServerUuid,
    /// Some MariaDB releases only.
    ServerUid,
    ServerId,
    Hostname,
    Port,
    Datadir,
    PidFile,
    Socket,
}

impl IdentityVariable {
    pub const fn name(self) -> &'static str {
        match self {
            Self::ServerUuid => "server_uuid",
            Self::ServerUid => "server_uid",
            Self::ServerId => "server_id",
            Self::Hostname => "hostname",
            Self::Port => "port",
            Self::Datadir => "datadir",
            Self::PidFile => "pid_file",
            Self::Socket => "socket",
        }
    }

    /// What to select to read it, before a guard is made of it.
    pub fn expression(self) -> String {
        format!("@@GLOBAL.{}", self.name())
    }
}

/// On or off, for settings that are one or the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Switch {
    On,
    Off,
}

impl Switch {
    const fn digit(self) -> u8 {
        match self {
            Self::On => 1,
            Self::Off => 0,
        }
    }
}

/// One condition that the server itself must confirm in the packet that carries the statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Guard {
    /// The session writes to the binary log, or does not.
    Binlog(BinlogWriting),
    /// The server is the one that was observed. Compared byte by byte.
    Identity {
        variable: IdentityVariable,
        value: String,
    },
    /// This very connection holds the user lock.
    HoldsLock(String),
    ReadOnly(Switch),
    SuperReadOnly(Switch),
    /// Nobody has written since: the executed GTIDs are exactly these.
    GtidsAre(String),
    /// At least these GTIDs were executed.
    GtidsInclude(String),
    /// The session's default database, which decides about filters and unqualified names.
    DefaultDatabase(Option<String>),
}

/// Why there is no packet.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PacketError {
    #[error("expected at least one guard condition, found none: a statement never travels alone")]
    NoGuard,
    #[error("expected one statement, found {found}: send them one at a time")]
    NotOneStatement { found: usize },
    #[error(transparent)]
    Unreadable(#[from] LexError),
    #[error("expected a guard that {dialect} can evaluate, found {guard}: use another condition")]
    NotOnThisServer { guard: &'static str, dialect: Dialect },
}

/// One multi-statement packet: a guard, then the statement.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub struct Packet {
    text: String,
    statement_at: usize,
}

impl Packet {
    /// Puts `guards` before `statement`. If a condition is false or NULL, the server stops with error 1242 at the
    /// guard and does not look at the statement.
    pub fn guarded(dialect: Dialect, guards: &[Guard], statement: &str) -> Result<Self, PacketError> {
        if guards.is_empty() {
            return Err(PacketError::NoGuard);
        }
        match count_statements(statement)? {
            1 => {}
            found => return Err(PacketError::NotOneStatement { found }),
        }
        let conditions = guards.iter().map(|guard| guard.condition(dialect)).collect::<Result<Vec<_>, _>>()?;
        let guard = format!("SELECT IF({},'ok',(SELECT 1 UNION SELECT 2)); ", conditions.join(" AND "));
        Ok(Self { statement_at: guard.len(), text: guard + statement })
    }

    /// The same with a second guard behind the first: `still` is about the object of the statement, not about where it
    /// is sent. The second guard's row or error tells the two apart.
    pub fn guarded_while(
        dialect: Dialect,
        guards: &[Guard],
        still: &str,
        statement: &str,
    ) -> Result<Self, PacketError> {
        let one = Self::guarded(dialect, guards, statement)?;
        let before = format!("{}; SELECT IF({still},'ok',(SELECT 1 UNION SELECT 2)); ", one.guard());
        Ok(Self { statement_at: before.len(), text: before + statement })
    }

    /// The bytes to send.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The guard query alone, as it is printed in a request.
    pub fn guard(&self) -> &str {
        self.text[..self.statement_at].trim_end_matches("; ")
    }

    /// The statement, unchanged.
    pub fn statement(&self) -> &str {
        &self.text[self.statement_at..]
    }
}

impl Guard {
    /// The condition as SQL.
    pub fn condition(&self, dialect: Dialect) -> Result<String, PacketError> {
        let mariadb = dialect.flavor() == Flavor::MariaDb;
        let only_if = |able: bool, guard, text: String| {
            if able { Ok(text) } else { Err(PacketError::NotOnThisServer { guard, dialect }) }
        };
        match self {
            Self::Binlog(writing) => Ok(format!("@@SESSION.sql_log_bin={}", writing.digit())),
            Self::Identity { variable, value } => {
                let able = *variable != IdentityVariable::ServerUuid || dialect.has_server_uuid();
                let text = format!("CAST({} AS BINARY)={}", variable.expression(), quote::string(value));
                only_if(able, "server_uuid", text)
            }
            Self::HoldsLock(name) => Ok(format!("IS_USED_LOCK({})=CONNECTION_ID()", quote::string(name))),
            Self::ReadOnly(switch) => Ok(format!("@@GLOBAL.read_only={}", switch.digit())),
            Self::SuperReadOnly(switch) => {
                let text = format!("@@GLOBAL.super_read_only={}", switch.digit());
                only_if(dialect.has_super_read_only(), "super_read_only", text)
            }
            Self::GtidsAre(gtids) => Ok(gtids_are(dialect, gtids)),
            Self::GtidsInclude(gtids) => {
                let text = format!("GTID_SUBSET({},@@GLOBAL.gtid_executed)", quote::string(gtids));
                only_if(!mariadb, "GTID_SUBSET", text)
            }
            Self::DefaultDatabase(None) => Ok("DATABASE() IS NULL".to_owned()),
            Self::DefaultDatabase(Some(name)) => Ok(format!("CAST(DATABASE() AS BINARY)={}", quote::string(name))),
        }
    }
}

/// On MySQL sets are compared both ways, because the server may print the same set in another shape.
fn gtids_are(dialect: Dialect, gtids: &str) -> String {
    let (executed, gtids) = (dialect.gtid_executed(), quote::string(gtids));
    if dialect.has_gtid_subset() {
        format!("GTID_SUBSET({gtids},{executed}) AND GTID_SUBSET({executed},{gtids})")
    } else {
        format!("{executed}={gtids}")
    }
}

#[cfg(test)]
mod tests;
