//! The accounts that every lab server has, with exactly the rights that the product asks for.
//!
//! Passwords are random per template, so that no lab on any machine listens with a password that stands in a source file.

use serde::{Deserialize, Serialize};

use crate::domain::base::text::hex;
use crate::domain::sql::{self, rights};

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

/// The global rights of an account: of ours, exactly those that `fleet check` asks for.
fn grants(flavor: Flavor, account: Account) -> String {
    let ours = |account| {
        let flavor = match flavor {
            Flavor::Mariadb => sql::Flavor::MariaDb,
            Flavor::Mysql => sql::Flavor::MySql,
        };
        rights::needed(flavor, account).join(", ")
    };
    match account {
        Account::Root => "ALL PRIVILEGES".to_owned(),
        Account::Replicate => "REPLICATION SLAVE".to_owned(),
        Account::Observe => ours(rights::Account::Observe),
        Account::Act => ours(rights::Account::Act),
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
}
