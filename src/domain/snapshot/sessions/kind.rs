//! What kind of session it is, and the lists that nobody may kill by. The lists are compiled in and only grow.

use serde::{Deserialize, Serialize};

/// What a session is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SessionKind {
    /// Somebody's program.
    Client,
    /// Executes or receives what another server has logged.
    Replication,
    /// Sends the binary log to a replica.
    Dump,
    EventScheduler,
    /// The server's own, or an account that only the server uses.
    System,
    /// An account of countersign.
    Ours,
}

/// Users that are no clients, in lower case.
pub const NOT_CLIENTS: &[&str] = &[
    "",
    "system user",
    "event_scheduler",
    "unauthenticated user",
    "mysql.sys",
    "mysql.session",
    "mysql.infoschema",
    "mariadb.sys",
];

/// Commands of sessions that nobody kills, in lower case.
pub const UNTOUCHABLE_COMMANDS: &[&str] = &[
    "binlog dump",
    "binlog dump gtid",
    "daemon",
    "connect",
    "slave_io",
    "slave_sql",
    "slave_worker",
    "group replication",
    "register slave",
    "register replica",
    "binlog_dump",
];

/// States in which a change of a definition is past the point where it can be taken back, in lower case.
pub const ENDS_A_DEFINITION: &[&str] = &[
    "committing alter table to storage engine",
    "renaming result table",
    "rename result table",
    "rename",
    "end",
    "query end",
    "commit",
    "committing",
    "starting commit",
    "waiting for handler commit",
    "waiting for binlog group commit",
    "removing tmp table",
    "verifying table",
    "discard_or_import_tablespace",
    "manage keys",
];

impl SessionKind {
    /// What a session is, by the words of the process list. `ours` are the users of countersign's own accounts.
    pub fn of(user: &str, command: &str, ours: &[&str]) -> Self {
        let (name, command) = (user.to_lowercase(), command.to_lowercase());
        match name.as_str() {
            _ if command.starts_with("binlog dump") || command == "binlog_dump" => Self::Dump,
            "event_scheduler" => Self::EventScheduler,
            "system user" if command != "daemon" => Self::Replication,
            _ if NOT_CLIENTS.contains(&name.as_str()) => Self::System,
            _ if command.starts_with("slave_") || command == "group replication" => Self::Replication,
            _ if UNTOUCHABLE_COMMANDS.contains(&command.as_str()) => Self::System,
            _ if ours.contains(&user) => Self::Ours,
            _ => Self::Client,
        }
    }

    /// In words, for lists.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Replication => "replication thread",
            Self::Dump => "binary log dump",
            Self::EventScheduler => "event scheduler",
            Self::System => "thread of the server",
            Self::Ours => "countersign itself",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_is_told_by_user_and_command() {
        for (user, command, kind) in [
            ("app", "Sleep", SessionKind::Client),
            ("app", "Query", SessionKind::Client),
            ("system user", "Slave_SQL", SessionKind::Replication),
            ("system user", "Connect", SessionKind::Replication),
            ("system user", "Daemon", SessionKind::System),
            ("repl", "Binlog Dump GTID", SessionKind::Dump),
            ("event_scheduler", "Daemon", SessionKind::EventScheduler),
            ("mysql.session", "Query", SessionKind::System),
            ("unauthenticated user", "Connect", SessionKind::System),
            ("observe", "Query", SessionKind::Ours),
        ] {
            assert_eq!(SessionKind::of(user, command, &["observe", "act"]), kind, "{user} {command}");
        }
    }
}
