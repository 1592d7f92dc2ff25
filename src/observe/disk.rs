//! How much room a server's data directory has. No SQL tells it on both flavours, so it is measured beside the
//! connection: on this machine by asking the file system, elsewhere by the command that `fleet.yaml` declares.

use std::time::Duration;

use tokio::time::Instant;

use crate::connect::command;
use crate::domain::base::text::printable;
use crate::domain::fleet::{Endpoint, Server};

/// A command may be a login on another machine: one answer serves the looks of this time.
const GOOD_FOR: Duration = Duration::from_secs(30);

/// Free bytes, or why they are not known.
pub(super) type Room = Result<u64, String>;

/// The last answer of a declared command.
#[derive(Debug, Default)]
pub(super) struct Disk {
    last: Option<(Instant, Room)>,
}

impl Disk {
    /// The free bytes of the file system that holds `datadir`.
    pub(super) async fn room(&mut self, server: &Server, datadir: Result<&str, String>, deadline: Instant) -> Room {
        match (&server.free_bytes_command, &server.endpoint) {
            (Some(command), _) => self.told(command, deadline).await,
            (None, Endpoint::Socket { .. }) => here(datadir?),
            (None, Endpoint::Tcp { .. }) => Err("the server is on another machine: \
                give `free_bytes_command` at the server in the fleet file, a command that prints the free bytes"
                .to_owned()),
        }
    }

    async fn told(&mut self, command: &[String], deadline: Instant) -> Room {
        if let Some((at, room)) = &self.last
            && at.elapsed() < GOOD_FOR
        {
            return room.clone();
        }
        let room = match tokio::time::timeout_at(deadline, command::first_line(command)).await {
            Err(_) => Err("the free_bytes_command did not answer before the deadline of this look".to_owned()),
            Ok(Err(problem)) => Err(format!("the free_bytes_command {problem}")),
            Ok(Ok(line)) => line.trim().parse().map_err(|_| {
                format!("the free_bytes_command wrote `{}`: expected a number of bytes", printable(&line))
            }),
        };
        self.last = Some((Instant::now(), room.clone()));
        room
    }
}

fn here(datadir: &str) -> Room {
    let space = rustix::fs::statvfs(datadir).map_err(|error| {
        format!("`{}`: {error}; give `free_bytes_command` at the server in the fleet file", printable(datadir))
    })?;
    Ok(space.f_bavail.saturating_mul(space.f_frsize))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::base::ServerName;
    use crate::domain::snapshot::fixture::Fixture;

    /// A server behind a unix socket.
    fn server() -> Server {
        let name = ServerName::parse("db-a").unwrap();
        Fixture::new().server("db-a").fleet().server(&name).unwrap().clone()
    }

    fn later() -> Instant {
        Instant::now() + Duration::from_secs(10)
    }

    fn declared(words: &[&str]) -> Server {
        let command = words.iter().map(|&word| word.to_owned()).collect();
        Server { free_bytes_command: Some(command), ..server() }
    }

    #[tokio::test]
    async fn a_declared_command_says_the_free_bytes() {
        let room = Disk::default().room(&declared(&["echo", "1048576"]), Err("unused".to_owned()), later()).await;
        assert_eq!(room, Ok(1_048_576));
    }

    #[tokio::test]
    async fn what_is_no_number_of_bytes_is_not_known() {
        let room = Disk::default().room(&declared(&["echo", "12G"]), Ok("/"), later()).await;
        assert_eq!(room, Err("the free_bytes_command wrote `12G`: expected a number of bytes".to_owned()));
    }

    #[tokio::test]
    async fn the_command_is_not_run_for_every_look() {
        let dir = tempfile::tempdir().unwrap();
        let script = format!("echo x >> {0}; wc -l < {0}", dir.path().join("runs").display());
        let (server, mut disk) = (declared(&["sh", "-c", &script]), Disk::default());
        assert_eq!(disk.room(&server, Ok("/"), later()).await, Ok(1));
        assert_eq!(disk.room(&server, Ok("/"), later()).await, Ok(1));
        assert_eq!(Disk::default().room(&server, Ok("/"), later()).await, Ok(2), "the control: it counts its runs");
    }

    #[tokio::test]
    async fn a_server_elsewhere_without_a_command_is_not_known_and_says_what_to_do() {
        let endpoint = Endpoint::Tcp { host: "db".to_owned(), port: 3306, tls: crate::domain::fleet::Tls::default() };
        let room = Disk::default().room(&Server { endpoint, ..server() }, Ok("/"), later()).await;
        assert!(room.unwrap_err().contains("free_bytes_command"));
    }
}
