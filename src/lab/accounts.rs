//! The accounts that every lab server has, with exactly the rights that the product asks for.
//!
//! Passwords are random per template, so that no lab on any machine listens with a password that stands in a source file.

use serde::{Deserialize, Serialize};

use crate::domain::base::text::hex;

use super::error::LabError;
use super::flavor::Flavor;

/// An account of a lab server. Root has no password and can log in by the unix socket only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Account {
    Root,
    /// Reads, cannot change anything.
    Observe,
    /// The executor's.
    Act,
    /// The replicas'.
    Replicate,
}

impl Account {
    pub const fn user(self) -> &'static str {
        match self {
            Self::Root => "root",
            Self::Observe => "observe",
            Self::Act => "act",
            Self::Replicate => "repl",
        }
    }
}

/// The passwords of one template.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Passwords {
    observe: String,
    act: String,
    replicate: String,
}

impl Passwords {
    /// New ones, from the operating system.
    pub fn random() -> Result<Self, LabError> {
        Ok(Self { observe: random_word()?, act: random_word()?, replicate: random_word()? })
    }

    pub fn of(&self, account: Account) -> &str {
        match account {
            Account::Root => "",
            Account::Observe => &self.observe,
            Account::Act => &self.act,
            Account::Replicate => &self.replicate,
        }
    }
}

/// Sixteen random bytes in hex: a name or a password that nobody guesses or meets twice.
pub fn random_word() -> Result<String, LabError> {
    let mut bytes = [0u8; 16];
    getrandom::fill(&mut bytes).map_err(|error| LabError::NoRandomness(error.to_string()))?;
    Ok(hex(&bytes))
}

/// Statements, one per line, that give a new server its accounts.
pub fn statements(flavor: Flavor, passwords: &Passwords) -> String {
    let mut lines = vec!["FLUSH PRIVILEGES;".to_owned()];
    if flavor == Flavor::Mariadb {
        // The bootstrap files make these for the machine's own host name and for TCP.
        lines.push(
            "DELETE FROM mysql.global_priv WHERE NOT (user IN ('root', 'mariadb.sys') AND host = 'localhost');".into(),
        );
        lines.push("FLUSH PRIVILEGES;".into());
        lines.push("ALTER USER root@localhost IDENTIFIED VIA mysql_native_password USING '';".into());
    }
    for account in [Account::Replicate, Account::Observe, Account::Act] {
        let user = account.user();
        lines.push(format!("CREATE USER {user}@'%' IDENTIFIED BY '{}';", passwords.of(account)));
        lines.push(format!("GRANT {} ON *.* TO {user}@'%';", grants(flavor, account)));
    }
    lines.push(String::new());
    lines.join("\n")
}

/// The global rights of an account. Kept short on purpose: a right that a runbook turns out to need is a finding.
fn grants(flavor: Flavor, account: Account) -> &'static str {
    match (account, flavor) {
        (Account::Root, _) => "ALL PRIVILEGES",
        (Account::Replicate, _) => "REPLICATION SLAVE",
        // SLAVE MONITOR and BINLOG MONITOR only read; the right to list registered replicas would also change settings.
        (Account::Observe, Flavor::Mariadb) => "SELECT, PROCESS, SLAVE MONITOR, BINLOG MONITOR",
        (Account::Observe, Flavor::Mysql) => "SELECT, PROCESS, REPLICATION CLIENT, REPLICATION SLAVE",
        (Account::Act, Flavor::Mariadb) => {
            "SELECT, INSERT, UPDATE, DELETE, CREATE, DROP, ALTER, INDEX, TRIGGER, REFERENCES, PROCESS, RELOAD, SLAVE MONITOR, \
             BINLOG MONITOR, REPLICATION SLAVE ADMIN, BINLOG ADMIN, CONNECTION ADMIN, READ_ONLY ADMIN"
        }
        (Account::Act, Flavor::Mysql) => {
            "SELECT, INSERT, UPDATE, DELETE, CREATE, DROP, ALTER, INDEX, TRIGGER, REFERENCES, PROCESS, RELOAD, REPLICATION CLIENT, \
             REPLICATION SLAVE, REPLICATION_SLAVE_ADMIN, SYSTEM_VARIABLES_ADMIN, SESSION_VARIABLES_ADMIN, CONNECTION_ADMIN"
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_templates_never_share_a_password() {
        let (one, other) = (Passwords::random().unwrap(), Passwords::random().unwrap());
        assert_ne!(one.of(Account::Act), other.of(Account::Act));
        assert_ne!(one.of(Account::Act), one.of(Account::Observe));
    }

    #[test]
    fn the_observer_has_no_right_that_changes_anything() {
        for flavor in Flavor::ALL {
            let rights = grants(flavor, Account::Observe);
            for word in ["INSERT", "UPDATE", "DELETE", "DROP", "ADMIN", "SUPER", "RELOAD", "ALL", "CREATE"] {
                assert!(!rights.contains(word), "{flavor}: {word}");
            }
        }
    }
}
