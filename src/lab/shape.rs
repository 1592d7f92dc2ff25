//! Which servers a lab has and who replicates from whom.

use crate::domain::base::ServerName;

use super::error::LabError;

/// Servers in starting order; every source stands before its replicas, so there is no circle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shape(Vec<(ServerName, Vec<ServerName>)>);

impl Shape {
    /// `db-a` with `replicas` direct replicas `db-b`, `db-c` and so on.
    pub fn replicas(replicas: usize) -> Result<Self, LabError> {
        Self::from_links(1 + replicas, |_| 0)
    }

    /// `db-a`, `db-b` replicating from it, `db-c` from that, `servers` in all.
    pub fn chain(servers: usize) -> Result<Self, LabError> {
        Self::from_links(servers, |index| index - 1)
    }

    /// Any shape: each server with its sources. Several sources make one named channel each, `c_` and the source.
    pub fn of(servers: &[(&str, &[&str])]) -> Result<Self, LabError> {
        let mut known: Vec<(ServerName, Vec<ServerName>)> = Vec::new();
        for (name, sources) in servers {
            let name = parse(name)?;
            let sources = sources.iter().map(|source| parse(source)).collect::<Result<Vec<_>, _>>()?;
            if known.iter().any(|(other, _)| *other == name) {
                return Err(LabError::BadShape { found: format!("`{name}` stands twice") });
            }
            if let Some(late) = sources.iter().find(|source| known.iter().all(|(other, _)| other != *source)) {
                return Err(LabError::BadShape {
                    found: format!("`{name}` names `{late}`, which does not stand before it"),
                });
            }
            known.push((name, sources));
        }
        if known.is_empty() {
            return Err(LabError::BadShape { found: "no server".to_owned() });
        }
        Ok(Self(known))
    }

    pub fn servers(&self) -> &[(ServerName, Vec<ServerName>)] {
        &self.0
    }

    fn from_links(servers: usize, source_of: impl Fn(usize) -> usize) -> Result<Self, LabError> {
        let mut members = Vec::new();
        for index in 0..servers {
            let sources = if index == 0 { Vec::new() } else { vec![numbered(source_of(index))?] };
            members.push((numbered(index)?, sources));
        }
        if members.is_empty() {
            return Err(LabError::BadShape { found: "no server".to_owned() });
        }
        Ok(Self(members))
    }
}

/// `db-a` to `db-z`, then `db-aa`.
fn numbered(index: usize) -> Result<ServerName, LabError> {
    let mut letters = Vec::new();
    let mut rest = index + 1;
    while rest > 0 {
        // The remainder is below 26, so this is a lower-case letter.
        letters.push(char::from(b'a' + u8::try_from((rest - 1) % 26).unwrap_or(0)));
        rest = (rest - 1) / 26;
    }
    parse(&format!("db-{}", letters.iter().rev().collect::<String>()))
}

fn parse(name: &str) -> Result<ServerName, LabError> {
    ServerName::parse(name).map_err(|error| LabError::BadShape { found: error.to_string() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(shape: &Shape) -> String {
        let one = |(name, sources): &(ServerName, Vec<ServerName>)| match sources.first() {
            Some(source) => format!("{source}>{name}"),
            None => name.to_string(),
        };
        shape.servers().iter().map(one).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn replicas_follow_the_first_and_a_chain_follows_on() {
        assert_eq!(text(&Shape::replicas(2).unwrap()), "db-a db-a>db-b db-a>db-c");
        assert_eq!(text(&Shape::chain(3).unwrap()), "db-a db-a>db-b db-b>db-c");
    }

    #[test]
    fn the_twenty_seventh_server_has_two_letters() {
        assert_eq!(numbered(25).unwrap().as_str(), "db-z");
        assert_eq!(numbered(26).unwrap().as_str(), "db-aa");
    }

    #[test]
    fn a_source_must_stand_before_its_replica() {
        let error = Shape::of(&[("db-a", &["db-b"]), ("db-b", &[])]).unwrap_err().to_string();
        assert!(error.contains("`db-b`, which does not stand before it"), "{error}");
        assert!(Shape::of(&[("db-a", &[]), ("db-a", &[])]).is_err());
        assert!(Shape::chain(0).is_err());
    }
}
