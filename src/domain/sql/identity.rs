//! What a server proves to be: the one text that is observed, signed and compared on the connection that acts.
//!
//! Made of global variables that any account may read, and that a statement of ours can compare again in front of
//! itself. It never contains the address by which somebody connected.

use std::fmt;

use super::dialect::Flavor;
use super::packet::{Guard, IdentityVariable};
use super::quote;
use crate::domain::base::text::printable;

/// What one server said of itself, complete.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    flavor: Flavor,
    values: Vec<(IdentityVariable, String)>,
}

/// A server that does not say what it is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the server has no variable `{variable}`, which is part of what it proves to be: connect to the server itself")]
pub struct Unproven {
    pub variable: &'static str,
}

/// MySQL has an id of its own. MariaDB has none that every installation has for itself, so it is all of these together;
/// one that moves to another port or directory is another server until somebody says otherwise.
const fn required(flavor: Flavor) -> &'static [IdentityVariable] {
    use IdentityVariable::{Datadir, Hostname, Port, ServerId, ServerUuid};
    match flavor {
        Flavor::MySql => &[ServerUuid],
        Flavor::MariaDb => &[ServerId, Hostname, Port, Datadir],
    }
}

/// What only some releases have.
const fn optional(flavor: Flavor) -> &'static [IdentityVariable] {
    match flavor {
        Flavor::MySql => &[],
        Flavor::MariaDb => &[IdentityVariable::ServerUid],
    }
}

impl Identity {
    /// The query whose rows, name and value, hold what [`Self::of`] asks for.
    pub fn query(flavor: Flavor) -> String {
        let names: Vec<String> =
            required(flavor).iter().chain(optional(flavor)).map(|variable| quote::string(variable.name())).collect();
        format!("SHOW GLOBAL VARIABLES WHERE Variable_name IN ({})", names.join(","))
    }

    /// The identity of the server whose global variables `value` gives by their lower-case name.
    pub fn of<'a>(flavor: Flavor, value: impl Fn(&str) -> Option<&'a str>) -> Result<Self, Unproven> {
        let mut values = Vec::new();
        for variable in required(flavor) {
            let found = value(variable.name()).ok_or(Unproven { variable: variable.name() })?;
            values.push((*variable, found.to_owned()));
        }
        for variable in optional(flavor) {
            values.extend(value(variable.name()).map(|found| (*variable, found.to_owned())));
        }
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

/// `mysql server_uuid=..`: a space in a value is written as `\u{20}`, so no two identities look alike.
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
    use crate::domain::sql::dialect::{Dialect, Version};

    fn mariadb(values: &[(&str, &'static str)]) -> Result<Identity, Unproven> {
        Identity::of(Flavor::MariaDb, |name| values.iter().find(|(one, _)| *one == name).map(|(_, value)| *value))
    }

    const DB_A: [(&str, &str); 4] =
        [("server_id", "1"), ("hostname", "db-a"), ("port", "3306"), ("datadir", "/var/lib/my sql/")];

    #[test]
    fn the_text_names_every_part_and_the_guards_compare_the_same_parts() {
        let identity = mariadb(&DB_A).unwrap();
        assert_eq!(identity.to_string(), "mariadb server_id=1 hostname=db-a port=3306 datadir=/var/lib/my\\u{20}sql/");
        let dialect = Dialect::of(Flavor::MariaDb, Version::new(10, 11, 19)).unwrap();
        let conditions: Vec<String> = identity.guards().iter().map(|guard| guard.condition(dialect).unwrap()).collect();
        assert_eq!(conditions.len(), 4);
        assert_eq!(conditions[3], "CAST(@@GLOBAL.datadir AS BINARY)='/var/lib/my sql/'");
        let mysql = Identity::of(Flavor::MySql, |name| (name == "server_uuid").then_some("3e11")).unwrap();
        assert_eq!(mysql.to_string(), "mysql server_uuid=3e11");
    }

    #[test]
    fn what_only_some_releases_have_counts_where_it_is() {
        let mut values = DB_A.to_vec();
        values.push(("server_uid", "x/y="));
        let identity = mariadb(&values).unwrap();
        assert!(identity.to_string().ends_with(" server_uid=x/y="));
        assert_eq!(identity.guards().len(), 5);
    }

    #[test]
    fn a_value_cannot_pose_as_another_part() {
        let posing = [("server_id", "1 hostname=x"), ("hostname", "y"), ("port", "1"), ("datadir", "/d")];
        let honest = [("server_id", "1"), ("hostname", "x hostname=y"), ("port", "1"), ("datadir", "/d")];
        assert_ne!(mariadb(&posing).unwrap().to_string(), mariadb(&honest).unwrap().to_string());
    }

    #[test]
    fn a_server_that_hides_a_part_is_not_proven() {
        assert_eq!(mariadb(&DB_A[..3]).unwrap_err().variable, "datadir");
    }
}
