//! One client of a storm: connects, sends its script again and again, and comes again when it is sent away.

use std::time::Duration;

use mysql_async::prelude::Queryable;
use mysql_async::{Conn, Error, Opts};

use super::board::Line;
use super::script::{Script, Then};

/// Between being sent away or giving up, and coming again.
const BREATH: Duration = Duration::from_millis(100);
/// A lock wait that took too long, and a deadlock.
const GIVEN_UP: [u16; 2] = [1205, 1213];

/// The end of a client's work without the loss of its connection.
struct Rests;

/// Lives as long as the process, but for a client that rests: the end of its connection is its own.
pub async fn live(opts: Opts, script: Script, line: Line) {
    loop {
        let error = match Conn::new(opts.clone()).await {
            Ok(mut conn) => {
                line.change(|client| {
                    client.connection = conn.id();
                    client.connects += 1;
                });
                match work(&mut conn, &script, &line).await {
                    // Never drops the connection: it is what the client is there for.
                    Ok(Rests) => return std::future::pending().await,
                    Err(error) => error,
                }
            }
            Err(error) => error,
        };
        note_failure(&line, &error);
        if script.then == Then::Rest {
            return;
        }
        tokio::time::sleep(BREATH).await;
    }
}

async fn work(conn: &mut Conn, script: &Script, line: &Line) -> Result<Rests, Error> {
    for sql in &script.session {
        conn.query_drop(sql).await?;
    }
    loop {
        match transaction(conn, script).await {
            Ok(()) => line.change(|client| client.done += 1),
            Err(Error::Server(answer)) => {
                if GIVEN_UP.contains(&answer.code) {
                    line.change(|client| client.retries += 1);
                } else {
                    note_failure(line, &Error::Server(answer));
                }
                conn.query_drop("ROLLBACK").await?;
                if script.then != Then::Rest {
                    tokio::time::sleep(BREATH).await;
                    continue;
                }
            }
            Err(lost) => return Err(lost),
        }
        match script.then {
            Then::Again(pause) => tokio::time::sleep(pause).await,
            Then::Rest => return Ok(Rests),
        }
    }
}

async fn transaction(conn: &mut Conn, script: &Script) -> Result<(), Error> {
    for sql in &script.transaction {
        conn.query_drop(sql).await?;
    }
    Ok(())
}

fn note_failure(line: &Line, error: &Error) {
    line.change(|client| {
        client.failures += 1;
        client.last_failure = Some(error.to_string());
    });
}
