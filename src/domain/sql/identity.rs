//! What a server proves to be: the one text that is observed, signed and compared on the connection that acts.
//!
//! Only what any account may read, and what a statement of ours can compare again in front of itself. MariaDB has no
//! identifier of its own, so its identity is a composite; on MySQL the composite also tells apart two servers whose
//! data directory was copied together with its identifier. It never contains an address by which somebody connected.

use std::fmt;

use super::dialect::{Dialect, Flavor};
use super::packet::{Guard, IdentityVariable};
use crate::domain::base::text::printable;

/// What one server said of itself, complete.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    flavor: Flavor,
    values: Vec<(IdentityVariable, String)>,
}

/// A server that does not say what it is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected the server to tell its `{variable}`, found nothing: connect to the server itself, not to a proxy")]
pub struct Unproven {
    pub variable: &'static str,
}

impl Identity {
    /// What is asked of a server, in this order.
    pub const fn variables(flavor: Flavor) -> &'static [IdentityVariable] {
        use IdentityVariable::{Datadir, Hostname, PidFile, Port, ServerId, ServerUuid, Socket};
        match flavor {
            Flavor::MySql => &[ServerUuid, Hostname, Port, Datadir],
            Flavor::MariaDb => &[ServerId, Hostname, Port, Datadir, PidFile, Socket],
        }
    }

    /// The query whose only row [`Self::of`] takes.
    pub fn query(dialect: Dialect) -> String {
        let columns: Vec<String> =
            Self::variables(dialect.flavor()).iter().map(|variable| variable.expression()).collect();
        format!("SELECT {}", columns.join(", "))
    }

    /// The identity in the row that [`Self::query`] returned, as text.
    pub fn of(flavor: Flavor, row: &[Option<String>]) -> Result<Self, Unproven> {
        let value = |(column, variable): (usize, &IdentityVariable)| match row.get(column) {
            Some(Some(value)) => Ok((*variable, value.clone())),
            _ => Err(Unproven { variable: variable.name() }),
        };
        let values = Self::variables(flavor).iter().enumerate().map(value).collect::<Result<_, _>>()?;
        Ok(Self { flavor, values })
    }

    /// The same as conditions that the server itself confirms in the packet that carries a statement.
    pub fn guards(&self) -> Vec<Guard> {
        let guard = |(variable, value): &(IdentityVariable, String)| Guard::Identity {
            variable: *variable,
            value: value.clone(),
        };
        self.values.iter().map(guard).collect()
    }
}

/// `mysql server_uuid=.. hostname=..`: a space in a value is written as `\u{20}`, so no two identities look alike.
impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.flavor {
            Flavor::MySql => "mysql",
            Flavor::MariaDb => "mariadb",
        })?;
        for (variable, value) in &self.values {
            write!(f, " {}={}", variable.name(), printable(value).replace(' ', "\\u{20}"))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::sql::dialect::Version;

    fn row(values: &[&str]) -> Vec<Option<String>> {
        values.iter().map(|value| Some((*value).to_owned())).collect()
    }

    #[test]
    fn the_text_names_every_part_and_the_guards_compare_the_same_parts() {
        let mysql = Identity::of(Flavor::MySql, &row(&["3e11", "db-a", "3306", "/var/lib/my sql/"])).unwrap();
        assert_eq!(mysql.to_string(), "mysql server_uuid=3e11 hostname=db-a port=3306 datadir=/var/lib/my\\u{20}sql/");
        let dialect = Dialect::of(Flavor::MySql, Version::new(9, 7, 4)).unwrap();
        let conditions: Vec<String> = mysql.guards().iter().map(|guard| guard.condition(dialect).unwrap()).collect();
        assert_eq!(conditions.len(), 4);
        assert_eq!(conditions[3], "CAST(@@GLOBAL.datadir AS BINARY)='/var/lib/my sql/'");
    }

    #[test]
    fn a_value_cannot_pose_as_another_part() {
        let one = Identity::of(Flavor::MySql, &row(&["3e11 hostname=x", "y", "1", "/d"])).unwrap();
        let other = Identity::of(Flavor::MySql, &row(&["3e11", "x hostname=y", "1", "/d"])).unwrap();
        assert_ne!(one.to_string(), other.to_string());
    }

    #[test]
    fn a_server_that_hides_a_part_is_not_proven() {
        let mut answer = row(&["1", "db-a", "3306", "/d", "/d/pid", "/d/sock"]);
        assert!(Identity::of(Flavor::MariaDb, &answer).is_ok());
        answer[3] = None;
        let error = Identity::of(Flavor::MariaDb, &answer).unwrap_err();
        assert_eq!(error.variable, "datadir");
        assert!(Identity::of(Flavor::MariaDb, &answer[..3]).is_err());
    }
}
