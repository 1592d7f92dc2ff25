//! Looks at live servers: a [`Snapshot`] of the whole fleet, and measurements of single tables.
//!
//! Uses the account `observe` only and cannot change anything: each session is read-only besides. Decides nothing.
//! What could not be seen is unknown with its reason, never left out and never taken for fine.

mod answer;
mod decode;
mod disk;
pub mod measure;
mod probe;
mod sessions;
mod watched;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures_util::future::join_all;

use crate::domain::base::{ServerName, TableName, Timestamp};
use crate::domain::fleet::{Fleet, Server};
use crate::domain::snapshot::Snapshot;

use decode::{Outcome, Surroundings};
use watched::Watched;

/// How long one server may take for a look, unless the caller says otherwise.
const DEADLINE: Duration = Duration::from_secs(2);

/// How long the names in fleet.yaml may take to become addresses; done once.
const RESOLVE_LIMIT: Duration = Duration::from_secs(1);

/// What to look at besides the servers themselves.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Scope {
    pub tables: BTreeSet<TableName>,
}

/// Keeps one connection to each server of a fleet and looks at all of them at once.
pub struct Observer {
    fleet: Fleet,
    deadline: Duration,
    servers: BTreeMap<ServerName, Watched>,
    /// Filled by the first look.
    hosts: Option<BTreeMap<ServerName, BTreeSet<String>>>,
}

impl Observer {
    /// Connects to nothing yet.
    pub fn new(fleet: &Fleet) -> Self {
        let watched = |server: &Server| (server.name.clone(), Watched::new(server, &fleet.accounts.observe));
        let servers = fleet.servers.values().map(watched).collect();
        Self { fleet: fleet.clone(), deadline: DEADLINE, servers, hosts: None }
    }

    /// Gives each server this long for a look. A connection that takes longer is there at the next look.
    #[must_use]
    pub fn with_deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// Asks every server at the same time; takes no longer than the deadline.
    pub async fn snapshot(&mut self, scope: &Scope) -> Snapshot {
        if self.hosts.is_none() {
            self.hosts = Some(hosts(&self.fleet).await);
        }
        let deadline = tokio::time::Instant::now() + self.deadline;
        let looks = self
            .servers
            .iter_mut()
            .map(|(name, watched)| async move { (name.clone(), watched.look(&scope.tables, deadline).await) });
        let outcomes: BTreeMap<ServerName, Outcome> = join_all(looks).await.into_iter().collect();
        let nowhere = BTreeMap::new();
        let around =
            Surroundings { fleet: &self.fleet, tables: &scope.tables, hosts: self.hosts.as_ref().unwrap_or(&nowhere) };
        Snapshot::new(now(), decode::facts(&around, &outcomes))
    }
}

/// The time, to the millisecond.
fn now() -> Timestamp {
    Timestamp::from_millis(jiff::Timestamp::now().as_millisecond())
}

/// The names and addresses under which each server appears to the others.
async fn hosts(fleet: &Fleet) -> BTreeMap<ServerName, BTreeSet<String>> {
    join_all(fleet.servers.values().map(|server| async { (server.name.clone(), hosts_of(server).await) }))
        .await
        .into_iter()
        .collect()
}

async fn hosts_of(server: &Server) -> BTreeSet<String> {
    let mut hosts = BTreeSet::new();
    for address in std::iter::once(&server.address).chain(&server.also) {
        hosts.extend(address.rsplit_once(':').map(|(host, _)| host.to_owned()));
        let resolved = tokio::time::timeout(RESOLVE_LIMIT, tokio::net::lookup_host(address)).await;
        // A name that does not resolve here stays a name; what it explains then is less, never more.
        hosts.extend(resolved.into_iter().flatten().flatten().map(|address| address.ip().to_string()));
    }
    hosts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::base::Digest;
    use crate::domain::fleet::read;

    fn fleet(address: &str) -> Fleet {
        let text = format!(
            "{{countersign: 1, fleet: f, environment: LAB, owner: o, accounts: {{observe: {{user: observe}}}}, \
             servers: {{db-a: {{address: '{address}', tls: {{mode: off}}}}}}}}"
        );
        read::resolve(serde_yaml::from_str(&text).unwrap(), Digest::zero()).unwrap()
    }

    #[tokio::test]
    async fn a_server_that_says_nothing_costs_the_deadline_and_its_facts_are_unknown() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let scope = Scope { tables: BTreeSet::from([TableName::parse("shop.orders").unwrap()]) };
        let mut observer =
            Observer::new(&fleet(&listener.local_addr().unwrap().to_string())).with_deadline(Duration::from_millis(50));
        for _ in 0..2 {
            let began = std::time::Instant::now();
            let snapshot = observer.snapshot(&scope).await;
            // Well below the limit for connecting, which is what would show without a deadline.
            assert!(began.elapsed() < Duration::from_secs(2));
            assert_eq!(snapshot.facts().count(), 17 + 11);
            assert!(snapshot.facts().all(|(_, known)| known.value() == Err("no answer before the deadline")));
        }
    }

    #[tokio::test]
    async fn a_server_that_hangs_costs_the_deadline_once() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let limit = Duration::from_secs(1);
        let mut observer = Observer::new(&fleet(&listener.local_addr().unwrap().to_string())).with_deadline(limit);
        let scope = Scope::default();
        let mut took = Vec::new();
        for _ in 0..3 {
            let began = std::time::Instant::now();
            observer.snapshot(&scope).await;
            took.push(began.elapsed());
        }
        assert!(took[0] >= limit, "the control: it does hang: {took:?}");
        assert!(took[1] < limit && took[2] < limit, "{took:?}");
    }
}
