//! After a lost answer: is the connection still at work? Decides nothing about what it did.
//!
//! A server goes on with the statement of a client that is gone, and may apply it seconds later; while the connection
//! or its lock lives, nothing can be concluded.

use mysql_async::Conn;

use super::ask::{self, TextRow};
use super::session::{self, Refusal};
use crate::connect;
use crate::domain::base::Span;
use crate::domain::base::text::printable;
use crate::domain::fleet::Fleet;
use crate::domain::run::{Connection, ConnectionState};
use crate::domain::sql::lookup;

/// Start times are exact to the second unless somebody sets the server's clock.
const CLOCK_SLACK: Span = Span::from_secs(2);

/// Looks on a connection of its own, so that it also works for a command of another process.
pub(super) async fn look_for(fleet: &Fleet, connection: &Connection) -> ConnectionState {
    match look(fleet, connection).await {
        Ok((conn, state)) => {
            let _ = conn.disconnect().await;
            state
        }
        Err(refusal) => ConnectionState::Unknown { why: refusal.to_string() },
    }
}

/// Ends the connection if it is alive.
pub(super) async fn kill(fleet: &Fleet, connection: &Connection) -> Result<(), String> {
    let (mut conn, state) = look(fleet, connection).await.map_err(|refusal| refusal.to_string())?;
    let killed = match state {
        ConnectionState::Alive { .. } => {
            ask::run(&mut conn, &lookup::kill(connection.id)).await.map_err(|fault| fault.to_string())
        }
        ConnectionState::Gone | ConnectionState::Restarted => Err("it is gone already".to_owned()),
        ConnectionState::Unknown { why } => Err(why),
    };
    let _ = conn.disconnect().await;
    killed
}

async fn look(fleet: &Fleet, connection: &Connection) -> Result<(Conn, ConnectionState), Refusal> {
    let (server, login) = session::acting_login(fleet, &connection.server)?;
    let mut conn = connect::connect(server, login).await?;
    let dialect = session::detect(&mut conn).await?;
    let found = session::identify(&mut conn, dialect).await?.to_string();
    if found != connection.identity {
        let expected = connection.identity.clone();
        return Err(Refusal::OtherServer { server: connection.server.clone(), expected, found });
    }
    let booted = session::booted(&mut conn, dialect).await?;
    if booted.since(connection.booted).max(connection.booted.since(booted)) > CLOCK_SLACK {
        return Ok((conn, ConnectionState::Restarted));
    }
    // In this order: a connection is taken off the list after it gave its lock back.
    let holder = ask::number(&mut conn, &lookup::lock_holder(&connection.lock)).await?;
    let processes = ask::rows(&mut conn, lookup::PROCESSES).await?;
    let id = connection.id.to_string();
    let listed = processes.iter().find(|row| row.first().and_then(Option::as_ref) == Some(&id));
    let state = match (listed, holder == Some(connection.id)) {
        (Some(row), _) => ConnectionState::Alive { doing: doing(row) },
        (None, true) => ConnectionState::Alive { doing: "it holds its lock and is not in the process list".to_owned() },
        (None, false) => ConnectionState::Gone,
    };
    Ok((conn, state))
}

/// Command, seconds, state and statement of a row of the process list.
fn doing(row: &TextRow) -> String {
    let column = |index: usize| printable(row.get(index).and_then(Option::as_deref).unwrap_or("-"));
    format!("{} for {} s, {}: {}", column(4), column(5), column(6), column(7))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_connection_does_is_one_printable_line() {
        let row = ["7", "act", "localhost", "", "Query", "12", "Waiting for table metadata lock", "DROP TABLE\n`t`"];
        let row: TextRow = row.iter().map(|text| Some((*text).to_owned())).collect();
        assert_eq!(doing(&row), "Query for 12 s, Waiting for table metadata lock: DROP TABLE\\u{a}`t`");
        assert_eq!(doing(&vec![None; 8]), "- for - s, -: -");
    }
}
