//! Members of a cluster execute what one of them executes, whatever binary logs and links there are.
//!
//! Which cluster a server belongs to is not looked at: every member of any cluster is taken for a peer.

use super::{Arrival, How};
use crate::domain::base::ServerName;
use crate::domain::fleet::Fleet;
use crate::domain::snapshot::{FactKey, Look, ServerFact, Value};

/// Whether a server is a member, or why that cannot be told.
fn member(look: &mut Look<'_>, server: &ServerName) -> Result<Option<String>, String> {
    match look.read(FactKey::server(server, ServerFact::Cluster)) {
        Ok(Value::Text(cluster)) if cluster == "none" => Ok(None),
        Ok(cluster) => Ok(Some(cluster.to_string())),
        Err(why) => Err(why),
    }
}

/// How a statement arrives at the peers of the server that it reached as `from` says.
pub fn peers(look: &mut Look<'_>, fleet: &Fleet, from: &Arrival) -> Vec<Arrival> {
    // Of a server that it does not reach the cluster is nobody's business, and asking would rely on it.
    if from.how.spares() {
        return Vec::new();
    }
    let Ok(Some(cluster)) = member(look, &from.server) else { return Vec::new() };
    let others = fleet.servers.keys().filter(|server| **server != from.server && !from.path.contains(server));
    others
        .filter_map(|server| {
            let (how, why) = match member(look, server) {
                Ok(None) => return None,
                Ok(Some(_)) => {
                    (in_the_cluster(&from.how), format!("{} and {server} are in a cluster ({cluster})", from.server))
                }
                Err(why) => {
                    (How::Unknown, format!("whether {server} is in the cluster of {} is unknown: {why}", from.server))
                }
            };
            let path = from.path.iter().chain([server]).cloned().collect();
            Some(Arrival { server: server.clone(), how, path, why })
        })
        .collect()
}

/// What one member executes now all of them do; what waits at one waits for all.
fn in_the_cluster(how: &How) -> How {
    match how {
        How::RunsHere | How::Now | How::Group => How::Group,
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::reach::{Carry, reach};
    use crate::domain::snapshot::fixture::{Fixture, Replica};

    fn at(fixture: &Fixture, server: &str) -> How {
        let snapshot = fixture.snapshot();
        let found = reach(&mut Look::at(&snapshot), &fixture.fleet(), &"a".parse().unwrap(), Carry::Unlogged);
        found.at(&server.parse().unwrap())
    }

    #[test]
    fn members_without_a_link_between_them_get_it_all_the_same() {
        let fleet = Fixture::new().server("a").server("b").server("c").cluster("a", "galera").cluster("b", "galera");
        assert_eq!(at(&fleet, "b"), How::Group);
        assert_eq!(at(&fleet, "c"), How::Never);
        let unknown = fleet.unknown(&FactKey::server(&"c".parse().unwrap(), ServerFact::Cluster));
        assert_eq!(at(&unknown, "c"), How::Unknown);
    }

    #[test]
    fn behind_a_replica_that_is_a_member_the_others_get_it_as_it_does() {
        let behind = |replica| {
            let fleet = Fixture::new().server("a").replica("b", replica).server("c");
            let fleet = fleet.cluster("b", "galera").cluster("c", "galera");
            let snapshot = fleet.snapshot();
            let found = reach(&mut Look::at(&snapshot), &fleet.fleet(), &"a".parse().unwrap(), Carry::Logged);
            found.at(&"c".parse().unwrap())
        };
        assert_eq!(behind(Replica::of("a")), How::Group);
        assert_eq!(behind(Replica::of("a").applier("stopped")), How::Held);
        assert_eq!(behind(Replica::of("a").detached()), How::Never);
    }
}
