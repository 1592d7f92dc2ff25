//! Names that must not be mixed up, each its own type, each checked where it enters the program.
//!
//! A `ServerName` is what `fleet.yaml` calls a server; it is for people and maps, never the proof of an identity.

use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// Why a text is not the name it was given as. The message says what was expected and what was found.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{found}` is not a {what}: expected {expected}")]
pub struct BadName {
    pub what: &'static str,
    pub found: String,
    pub expected: &'static str,
}

/// Declares a checked text type: `parse` is the only way in, so a value that exists is valid.
macro_rules! name_type {
    ($(#[$doc:meta])* $name:ident, $what:literal, $expected:literal, $check:expr) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// Checks `text` and makes the name of it.
            pub fn parse(text: &str) -> Result<Self, BadName> {
                let check: fn(&str) -> bool = $check;
                if check(text) {
                    Ok(Self(text.to_owned()))
                } else {
                    Err(BadName { what: $what, found: super::text::printable(text), expected: $expected })
                }
            }

            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = BadName;
            fn try_from(text: String) -> Result<Self, BadName> {
                Self::parse(&text)
            }
        }

        impl std::str::FromStr for $name {
            type Err = BadName;
            fn from_str(text: &str) -> Result<Self, BadName> {
                Self::parse(text)
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> String {
                name.0
            }
        }

        impl schemars::JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }
            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({ "type": "string", "format": $what })
            }
            fn inline_schema() -> bool {
                true
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:?}", self.0)
            }
        }
    };
}

fn word(text: &str, extra: &[u8], longest: usize) -> bool {
    let bytes = text.as_bytes();
    let inner = |b: &u8| b.is_ascii_lowercase() || b.is_ascii_digit() || extra.contains(b);
    bytes.first().is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
        && bytes.len() <= longest
        && bytes.iter().all(inner)
}

name_type!(
    /// What `fleet.yaml` calls a server, for people and as a key. Never an identity.
    ServerName, "server name", "1 to 63 characters of a-z, 0-9, `-`, `_` and `.`, first a letter or digit",
    |t| word(t, b"-_.", 63)
);
name_type!(
    /// The name of one step inside a runbook.
    StepId, "step id", "1 to 63 characters of a-z, 0-9 and `-`, first a letter or digit",
    |t| word(t, b"-", 63)
);
name_type!(
    /// One execution of a runbook.
    RunId, "run id", "`r-` and lower-case letters, digits and `-`",
    |t| t.starts_with("r-") && t.len() > 2 && word(t, b"-", 63)
);
name_type!(
    /// One request for approval: 32 hex digits from the operating system's randomness.
    RequestId, "request id", "32 lower-case hex digits",
    |t| t.len() == 32 && t.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
);
name_type!(
    /// Who signs: the principal of a line in the roster.
    Principal, "principal", "`[a-z0-9][a-z0-9._+-]*`, then optionally `@` and a host name in lower case",
    |t| match t.split_once('@') {
        None => word(t, b"._+-", 128),
        Some((user, host)) => {
            word(user, b"._+-", 128)
                && !host.is_empty()
                && host.len() <= 253
                && host.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'.' || b == b'-')
        }
    }
);
name_type!(
    /// A SHA-256 in 64 lower-case hex digits, of bytes that the place where it stands names.
    Digest, "SHA-256 digest", "64 lower-case hex digits",
    |t| t.len() == 64 && t.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
);

impl Digest {
    /// The digest that stands before the first line of a chain.
    pub fn zero() -> Self {
        Self("0".repeat(64))
    }

    /// SHA-256 of `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        Self(super::text::hex(&Sha256::digest(bytes)))
    }

    /// The first 12 digits, for people; never for comparing.
    pub fn short(&self) -> &str {
        &self.0[..12]
    }
}

/// A table of one schema, as the server spells both names.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TableName {
    schema: String,
    name: String,
}

impl TableName {
    /// Makes the name of its two parts. Each part: 1 to 64 characters, no NUL (the servers' own limit).
    pub fn new(schema: &str, name: &str) -> Result<Self, BadName> {
        let fits = |part: &str| !part.is_empty() && part.chars().count() <= 64 && !part.contains('\0');
        if fits(schema) && fits(name) {
            Ok(Self { schema: schema.to_owned(), name: name.to_owned() })
        } else {
            Err(Self::bad(&format!("{schema}.{name}")))
        }
    }

    /// Reads `schema.table`; a name with a dot in it cannot be written this way.
    pub fn parse(text: &str) -> Result<Self, BadName> {
        match text.split_once('.') {
            Some((schema, name)) if !name.contains('.') => Self::new(schema, name),
            _ => Err(Self::bad(text)),
        }
    }

    pub fn schema(&self) -> &str {
        &self.schema
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    fn bad(found: &str) -> BadName {
        BadName {
            what: "table",
            found: super::text::printable(found),
            expected: "`schema.table`, each 1 to 64 characters",
        }
    }
}

impl TryFrom<String> for TableName {
    type Error = BadName;
    fn try_from(text: String) -> Result<Self, BadName> {
        Self::parse(&text)
    }
}

impl std::str::FromStr for TableName {
    type Err = BadName;
    fn from_str(text: &str) -> Result<Self, BadName> {
        Self::parse(text)
    }
}

impl From<TableName> for String {
    fn from(table: TableName) -> String {
        table.to_string()
    }
}

impl schemars::JsonSchema for TableName {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "TableName".into()
    }
    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "format": "table" })
    }
    fn inline_schema() -> bool {
        true
    }
}

impl fmt::Display for TableName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.schema, self.name)
    }
}

impl fmt::Debug for TableName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn principals_follow_the_rosters_grammar() {
        for good in ["ana", "bob@example.org", "c.h+e_n-1"] {
            assert!(Principal::parse(good).is_ok(), "{good}");
        }
        for bad in ["", "Ana", "*@example.org", "a,b", "a@", "@a", "a b", "!a", "a@b@c"] {
            assert!(Principal::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_table_is_two_parts() {
        let table = TableName::parse("shop.orders").unwrap();
        assert_eq!((table.schema(), table.name()), ("shop", "orders"));
        assert!(TableName::parse("orders").is_err());
        assert!(TableName::parse("a.b.c").is_err());
        assert!(TableName::parse("a.").is_err());
    }

    #[test]
    fn a_bad_name_says_what_was_expected_and_never_prints_raw_bytes() {
        let error = ServerName::parse("db\u{1b}[2K").unwrap_err().to_string();
        assert!(error.contains("expected") && !error.contains('\u{1b}'), "{error}");
    }

    #[test]
    fn digest_of_nothing_is_the_known_one() {
        assert_eq!(Digest::of(b"").as_str(), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    }
}
