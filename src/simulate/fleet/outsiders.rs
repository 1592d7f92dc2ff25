//! What others do to the simulated servers: restarts, and colleagues who start and reattach replicas.

use std::collections::BTreeMap;

use super::{AT_LAST, Fate, Model};
use crate::domain::base::{ServerName, Timestamp};
use crate::domain::snapshot::{About, LinkFact, ServerFact, Value};

impl Model {
    /// The same servers, to see what would become of them.
    pub(super) fn imagined(&self) -> Self {
        Self {
            servers: self.servers.clone(),
            declared: self.declared.clone(),
            connections: BTreeMap::new(),
            opened: 0,
            sent: Vec::new(),
            fewest: None,
        }
    }

    /// Somebody else does something, unless it would take the last copy: that would be theirs to answer for, and no
    /// program here could have kept them from it.
    fn somebody(&mut self, now: Timestamp, act: impl Fn(&mut Self)) -> bool {
        let mut imagined = self.imagined();
        act(&mut imagined);
        imagined.flow(now.plus(AT_LAST));
        let may = self.copies() == 0 || imagined.copies() > 0;
        if may {
            act(self);
            self.advance(now);
        }
        may
    }

    /// The server stops and starts again: what ran is undone, threads start by themselves.
    pub(in crate::simulate) fn restart(&mut self, server: &ServerName, now: Timestamp) {
        self.advance(now);
        let cut: Vec<u64> =
            self.connections.iter().filter(|(_, open)| open.server == *server).map(|(id, _)| *id).collect();
        for id in cut {
            if let Some((sent, ..)) = self.connections.remove(&id).and_then(|open| open.running) {
                self.sent[sent].fate = Fate::NotApplied(0, "the server was restarted".to_owned());
            }
        }
        if let Some(server) = self.servers.get_mut(server) {
            server.set(About::Server(ServerFact::BootedAt), Value::Time(now), now);
            server.start_threads(now);
        }
    }

    /// Somebody types START; answers whether they did.
    pub(in crate::simulate) fn start_threads(&mut self, server: &ServerName, now: Timestamp) -> bool {
        self.somebody(now, |model| {
            model.servers.entry(server.clone()).and_modify(|server| server.start_threads(now));
        })
    }

    /// Somebody takes the fence away and starts; answers whether they did.
    pub(in crate::simulate) fn reattach(&mut self, server: &ServerName, now: Timestamp) -> bool {
        self.somebody(now, |model| {
            model.servers.entry(server.clone()).and_modify(|server| {
                for channel in server.channels() {
                    let address = server.link(&channel, LinkFact::Address).unwrap_or_default();
                    let plain = address.trim_start_matches('/').to_owned();
                    server.set_link(&channel, LinkFact::Address, Value::Text(plain), now);
                    server.set_link(&channel, LinkFact::Fence, Value::text("none"), now);
                }
                server.start_threads(now);
            });
        })
    }
}
