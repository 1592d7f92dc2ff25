//! The text of the fact about how a server marks its own transactions, written by whoever observes and read by whoever
//! judges filters on such marks.

use std::fmt;
use std::str::FromStr;

/// What stands on every transaction that begins on a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Origin {
    pub server_id: u64,
    /// MariaDB's `gtid_domain_id` for new sessions; MySQL has none.
    pub domain: Option<u64>,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "server {}", self.server_id)?;
        match self.domain {
            Some(domain) => write!(f, ", domain {domain}"),
            None => Ok(()),
        }
    }
}

/// A text that is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` does not say how a server marks its transactions: expected `server 1` or `server 1, domain 0`")]
pub struct NoOrigin(String);

impl FromStr for Origin {
    type Err = NoOrigin;

    fn from_str(text: &str) -> Result<Self, NoOrigin> {
        let no = || NoOrigin(text.to_owned());
        let (server, domain) = match text.split_once(", ") {
            Some((server, domain)) => (server, Some(domain.strip_prefix("domain ").ok_or_else(no)?)),
            None => (text, None),
        };
        let number = |text: &str| text.parse().map_err(|_| no());
        Ok(Self {
            server_id: number(server.strip_prefix("server ").ok_or_else(no)?)?,
            domain: domain.map(number).transpose()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_survives_its_own_text() {
        for origin in [Origin { server_id: 7, domain: None }, Origin { server_id: 7, domain: Some(3) }] {
            assert_eq!(origin.to_string().parse(), Ok(origin));
        }
        assert!("server x".parse::<Origin>().is_err());
        assert!("server 1, 2".parse::<Origin>().is_err());
    }
}
