//! Whether a statement leaves a server: whether it stands in the binary log that the server's replicas read.

use super::How;
use super::filter::{Filtering, Filters, RowsAs};
use super::statement::{Carry, Names, Statement};
use crate::domain::base::ServerName;
use crate::domain::snapshot::origin::Origin;
use crate::domain::snapshot::{FactKey, Look, ServerFact, Value};

/// Where a statement was first executed, which decides how it stands in every log behind it.
#[derive(Debug, Clone)]
pub struct Origins {
    first: ServerName,
}

impl Origins {
    pub fn of(first: &ServerName) -> Self {
        Self { first: first.clone() }
    }

    /// How the first server marks its transactions.
    fn mark(&self, look: &mut Look<'_>) -> Option<Origin> {
        match look.read(FactKey::server(&self.first, ServerFact::Origin)) {
            Ok(Value::Text(text)) => text.parse().ok(),
            _ => None,
        }
    }

    /// How changed rows stand in the log of the first server, and so in all others: a statement may become rows on the
    /// way, rows stay rows.
    fn rows(&self, look: &mut Look<'_>) -> RowsAs {
        match look.read(FactKey::server(&self.first, ServerFact::BinlogFormat)) {
            Ok(Value::Text(format)) if format == "row" => RowsAs::Rows,
            _ => RowsAs::Either,
        }
    }
}

/// One statement that leaves servers.
#[derive(Debug)]
pub struct Leaving<'a> {
    pub statement: &'a Statement,
    pub origins: Origins,
}

impl Leaving<'_> {
    /// Whether what `target` executes enters its binary log: the `How` that every link starts from.
    pub fn from_target(&self, look: &mut Look<'_>, target: &ServerName) -> (How, String) {
        match look.read(FactKey::server(target, ServerFact::Cluster)) {
            Ok(Value::Text(cluster)) if cluster == "none" => {}
            Ok(cluster) => return (How::Group, format!("{target} is a member of a cluster ({cluster})")),
            Err(why) => return (How::Unknown, format!("whether {target} is in a cluster is unknown: {why}")),
        }
        if self.statement.carry == Carry::Unlogged {
            return (How::NotLogged, "not logged".to_owned());
        }
        self.logs(look, target)
    }

    /// Whether what `server` applies from others goes on to its own replicas.
    pub fn from_relay(&self, look: &mut Look<'_>, server: &ServerName) -> (How, String) {
        let (own, why) = self.logs(look, server);
        if own == How::NotLogged {
            return (own, why);
        }
        match look.read(FactKey::server(server, ServerFact::LogReplicaUpdates)) {
            Ok(Value::Flag(true)) => (own, why),
            Ok(Value::Flag(false)) => (How::NotLogged, format!("{server} does not log what it applies")),
            Ok(other) => (How::Unknown, format!("log_replica_updates of {server} is `{other}`")),
            Err(unknown) => (How::Unknown, format!("log_replica_updates of {server} is unknown: {unknown}")),
        }
    }

    fn logs(&self, look: &mut Look<'_>, server: &ServerName) -> (How, String) {
        match look.read(FactKey::server(server, ServerFact::LogBin)) {
            Ok(Value::Flag(false)) => (How::NotLogged, format!("{server} keeps no binary log")),
            Ok(Value::Flag(true)) => match look.read(FactKey::server(server, ServerFact::BinlogFilter)) {
                Ok(Value::Text(filter)) => self.filtered(look, &filter, &format!("{server} filters its binary log")),
                Ok(other) => (How::Unknown, format!("the binary log filter of {server} is `{other}`")),
                Err(why) => (How::Unknown, format!("the binary log filter of {server} is unknown: {why}")),
            },
            Ok(other) => (How::Unknown, format!("the binary log of {server} is `{other}`")),
            Err(why) => (How::Unknown, format!("the binary log of {server} is unknown: {why}")),
        }
    }

    /// What a filter with this text makes of the statement; `whose` begins the reason.
    pub fn filtered(&self, look: &mut Look<'_>, text: &str, whose: &str) -> (How, String) {
        if text.is_empty() {
            return (How::Now, String::new());
        }
        let unclear = |why: &str| (How::Unknown, format!("{whose} ({text}), and {why}"));
        let filters = match Filters::parse(text) {
            Ok(filters) => filters,
            Err(why) => return unclear(why),
        };
        let origin = if filters.ask_origin() { self.origins.mark(look) } else { None };
        let rows = match self.statement.names {
            Names::Rows(_) => self.origins.rows(look),
            _ => RowsAs::Rows,
        };
        match filters.judge(self.statement, rows, origin) {
            Filtering::Passes => (How::Now, String::new()),
            Filtering::Stops => (How::Filtered, format!("{whose}, which keeps this away from it: {text}")),
            Filtering::Unclear(why) => unclear(why),
        }
    }
}
