//! The server that is copied from: who it is, how the table is made, and the query that reads it.

use mysql_async::{Conn, Value};

use super::Order;
use crate::act::ask;
use crate::act::session::{self, Refusal};
use crate::connect;
use crate::domain::base::TableName;
use crate::domain::fleet::Fleet;
use crate::domain::sql::chunk::{self, Described, Layout};
use crate::domain::sql::create;
use crate::domain::sql::packet::Session;

/// A connection to the source, and what is known of its table.
pub(super) struct Source {
    pub conn: Conn,
    pub layout: Layout,
    /// As the source prints it.
    pub create: String,
    /// The same for the private table.
    pub twin: String,
}

/// A query with its parameters.
pub(super) struct Reading {
    pub sql: String,
    pub parameters: Vec<Value>,
}

impl Source {
    /// Connects with the account that only reads. `target` is the identity of the server that is written.
    pub async fn open(fleet: &Fleet, order: &Order<'_>, target: &str) -> Result<Self, String> {
        let mut conn = connected(fleet, order, target).await.map_err(|refusal| refusal.to_string())?;
        let described = describe(&mut conn, order.table).await.map_err(|refusal| refusal.to_string())?;
        let (create, columns, key) = described;
        let layout = Layout::new(order.table, &columns, &key).map_err(|problem| problem.to_string())?;
        let twin = create::twin(order.dialect.flavor(), &create, order.into).map_err(|problem| problem.to_string())?;
        Ok(Self { conn, layout, create, twin })
    }

    /// The server's own estimate, when nobody counted.
    pub async fn estimated_rows(&mut self, order: &Order<'_>) -> Option<u64> {
        ask::number(&mut self.conn, &chunk::estimate(order.table)).await.ok().flatten()
    }

    /// All rows behind `marker`, or all rows.
    pub fn reading(&self, table: &TableName, marker: Option<Vec<Value>>) -> Reading {
        match marker {
            None => Reading { sql: self.layout.read(table), parameters: Vec::new() },
            Some(marker) => {
                let resumed = self.layout.read_behind(table);
                let value = |column: usize| marker.get(column).cloned().unwrap_or(Value::NULL);
                Reading { sql: resumed.sql, parameters: resumed.parameters.into_iter().map(value).collect() }
            }
        }
    }
}

async fn connected(fleet: &Fleet, order: &Order<'_>, target: &str) -> Result<Conn, Refusal> {
    let server = fleet.server(order.from).ok_or_else(|| Refusal::UnknownServer(order.from.clone()))?;
    let mut conn = connect::connect(server, &fleet.accounts.observe).await?;
    let dialect = session::detect(&mut conn).await?;
    if dialect.flavor() != order.dialect.flavor() {
        return Err(Refusal::OtherDialect { server: server.name.clone(), expected: order.dialect, found: dialect });
    }
    let found = session::identify(&mut conn, dialect).await?.to_string();
    let declared = server.identity.as_ref().filter(|declared| **declared != found).cloned();
    let another = || format!("another server than {target}");
    if let Some(expected) = declared.or_else(|| (found == target).then(another)) {
        return Err(Refusal::OtherServer { server: server.name.clone(), expected, found });
    }
    session::pin(&mut conn, Session::reading(), dialect).await?;
    ask::run(&mut conn, chunk::PATIENT_READER).await?;
    Ok(conn)
}

async fn describe(conn: &mut Conn, table: &TableName) -> Result<(String, Vec<Described>, Vec<String>), Refusal> {
    let row = ask::row(conn, &chunk::show_create(table)).await?;
    let create = row.into_iter().nth(1).flatten().ok_or(Refusal::NoAnswer { question: "SHOW CREATE TABLE" })?;
    let columns = ask::rows(conn, &chunk::describe(table)).await?.into_iter().map(described).collect();
    let key = ask::rows(conn, &chunk::primary_key(table)).await?;
    Ok((create, columns, key.into_iter().filter_map(|row| row.into_iter().next().flatten()).collect()))
}

fn described(row: ask::TextRow) -> Described {
    let mut row = row.into_iter();
    let mut next = || row.next().flatten();
    Described {
        name: next().unwrap_or_default(),
        data_type: next().unwrap_or_default(),
        character_set: next(),
        collation: next(),
        precision: next(),
        scale: next(),
        extra: next().unwrap_or_default(),
    }
}
