//! The process of a storm: lets its clients come in order, and reports as long as it lives.
//!
//! It ends with the keeper, whose pipe is its standard input, and with nothing else: what becomes of the storm is for a
//! run to show.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use mysql_async::{Conn, Opts, OptsBuilder};

use crate::domain::base::ServerName;
use crate::lab::accounts::Account;
use crate::lab::clock::Deadline;
use crate::lab::error::LabError;
use crate::lab::flavor::Flavor;
use crate::lab::keeper::until_owner_ends;
use crate::lab::server::{named_rows, rows};
use crate::lab::topology::Topology;

use super::board::Board;
use super::report::{ClientReport, Role, StormReport, Waiting};
use super::{Storm, StormKind, client, report_path, script};

/// Between two looks at the server, each with a report.
const LOOK: Duration = Duration::from_millis(500);
/// The same while the storm rises. Not shorter: `MariaDB` shows a new `innodb_trx` only to who comes more than 100 ms after
/// the last reader.
const RISING: Duration = Duration::from_millis(150);
/// What a server says of an update at work, and of one that sleeps at its last row.
const UPDATES: [&str; 2] = ["updating", "user sleep"];
/// Rows that clients have for themselves.
const ROWS: usize = 40;
/// How long the clients of an earlier storm may take to be gone: what one of them changed may have to be rolled back.
const SILENCE: Duration = Duration::from_mins(1);

/// `DIR SERVER TABLE KIND`: the clients of one storm, until the keeper ends.
pub fn run(arguments: impl Iterator<Item = OsString>) -> Result<(), LabError> {
    let words: Vec<String> = arguments.map(|word| word.to_string_lossy().into_owned()).collect();
    let usage = || LabError::Refused("expected `keeper storm DIR SERVER TABLE KIND`".to_owned());
    let [dir, server, table, kind] = words.as_slice() else { return Err(usage()) };
    let storm = Storm {
        server: server.parse().map_err(|_| usage())?,
        table: table.parse().map_err(|_| usage())?,
        kind: kind.parse().map_err(|_| usage())?,
    };
    let dir = PathBuf::from(dir);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(LabError::at(&dir))?.block_on(async {
        tokio::select! {
            ended = rage(&dir, storm) => ended,
            () = until_owner_ends() => Ok(()),
        }
    })
}

async fn rage(dir: &Path, storm: Storm) -> Result<(), LabError> {
    let topology = Topology::attach(dir)?;
    let stage = Stage::prepare(&topology, storm).await?;
    let mut watch = Watch { stage, conn: None, stood: false };
    for (role, count) in script::cast(watch.stage.storm.kind) {
        watch.stage.enter(role, count)?;
        loop {
            let seen = watch.look().await?;
            if watch.is_in_place(role, &seen) {
                break;
            }
            tokio::time::sleep(RISING).await;
        }
    }
    watch.stood = true;
    loop {
        // A server that is down for a while is a part of the practice; the next look may find it again.
        let _ = watch.look().await;
        tokio::time::sleep(LOOK).await;
    }
}

/// Everything that clients need to come.
struct Stage<'a> {
    topology: &'a Topology,
    storm: Storm,
    rows: Vec<u64>,
    board: Board,
}

impl<'a> Stage<'a> {
    async fn prepare(topology: &'a Topology, storm: Storm) -> Result<Self, LabError> {
        let primary = source_of(topology, &storm.server)?;
        wait_for_silence(topology, &primary).await?;
        wait_for_silence(topology, &storm.server).await?;
        for sql in script::preparation(&storm.table) {
            topology.query(&primary, &sql).await?;
        }
        topology.wait_caught_up().await?;
        if storm.kind == StormKind::Applier {
            // The innocents write on the replica, unlogged.
            let right = match topology.flavor() {
                Flavor::Mariadb => "BINLOG ADMIN",
                Flavor::Mysql => "SESSION_VARIABLES_ADMIN",
            };
            topology.query(&primary, &format!("GRANT {right} ON *.* TO innocent@localhost")).await?;
            topology.wait_caught_up().await?;
        }
        let rows = first_and_last(topology, &storm).await?;
        Ok(Self { topology, storm, rows, board: Board::default() })
    }

    /// Lets `count` clients of a role come.
    fn enter(&self, role: Role, count: u32) -> Result<(), LabError> {
        for number in 0..count {
            let script = script::script(self.storm.kind, &self.storm.table, &self.rows, role, number);
            let line = self.board.add(role, number);
            tokio::spawn(client::live(self.login(role)?, script, line));
        }
        Ok(())
    }

    fn login(&self, role: Role) -> Result<Opts, LabError> {
        let server = match role {
            Role::Source => source_of(self.topology, &self.storm.server)?,
            _ => self.storm.server.clone(),
        };
        let login: OptsBuilder = self.topology.login(&server, Account::Root);
        Ok(login.user(Some(script::user(role))).into())
    }
}

/// The server that a replica follows; a primary itself.
fn source_of(topology: &Topology, server: &ServerName) -> Result<ServerName, LabError> {
    Ok(topology.address(server)?.sources.first().unwrap_or(server).clone())
}

/// The numbers of the first rows of the table, and of its last one.
async fn first_and_last(topology: &Topology, storm: &Storm) -> Result<Vec<u64>, LabError> {
    let Storm { server, table, .. } = storm;
    let sql = format!("(SELECT id FROM {table} ORDER BY id LIMIT {ROWS}) UNION ALL (SELECT MAX(id) FROM {table})");
    let wrong = |found: String| LabError::Table { server: server.clone(), table: table.clone(), found };
    let found =
        topology.query(server, &sql).await.map_err(|error| wrong(format!("{error}; create it with `lab seed`")))?;
    let rows: Vec<u64> = found.into_iter().flatten().flatten().filter_map(|id| id.parse().ok()).collect();
    match rows.len() {
        few if few <= ROWS => Err(wrong(format!("it has {few} rows and a storm needs more than {ROWS}"))),
        _ => Ok(rows),
    }
}

/// Waits until the server has noticed that the clients of an earlier storm are gone.
async fn wait_for_silence(topology: &Topology, server: &ServerName) -> Result<(), LabError> {
    let sql = "SELECT COUNT(*) FROM information_schema.processlist WHERE user IN ('app', 'migration', 'innocent')";
    let deadline = Deadline::after(SILENCE);
    while topology.value(server, sql).await?.as_deref() != Some("0") {
        if deadline.is_over() {
            return Err(LabError::Refused(format!("`{server}` still has clients of an earlier storm")));
        }
        tokio::time::sleep(RISING).await;
    }
    Ok(())
}

/// Looks at the server and writes the report.
struct Watch<'a> {
    stage: Stage<'a>,
    conn: Option<Conn>,
    stood: bool,
}

/// What one look found.
struct Seen {
    waiting: Waiting,
    /// What the root's connection is doing; none when the server has it no more.
    root: Option<String>,
}

impl Watch<'_> {
    async fn look(&mut self) -> Result<Seen, LabError> {
        let server = &self.stage.storm.server;
        let mut conn = match self.conn.take() {
            Some(conn) => conn,
            None => self.stage.topology.connect(server, Account::Root).await?,
        };
        let root = self.stage.board.connection(Role::Root);
        let seen = see(&mut conn, root).await.map_err(LabError::on(server))?;
        self.conn = Some(conn);
        let clients = self.stage.board.clients();
        let ended = clients.iter().any(|client| client.role == Role::Root && client.failures > 0);
        let report = StormReport {
            storm: self.stage.storm.clone(),
            root,
            root_holds: seen.root.is_some() && !ended,
            stood: self.stood,
            waiting: seen.waiting,
            clients,
        };
        report.write(&report_path(self.stage.topology.dir()))?;
        Ok(seen)
    }

    /// Whether everybody who has come so far, the last of them in `role`, is where the storm wants them.
    fn is_in_place(&self, role: Role, seen: &Seen) -> bool {
        let clients = self.stage.board.clients();
        let all_done = clients.iter().filter(|client| client.role == role).all(|client| client.done > 0);
        match (role, self.stage.storm.kind) {
            // It need not be through: who comes next waits for its first row, which it has by then.
            (Role::Root, StormKind::Update) => {
                seen.root.as_ref().is_some_and(|state| UPDATES.contains(&state.to_lowercase().as_str()))
            }
            (Role::Root | Role::Innocent, _) => all_done,
            _ => seen.waiting.row + seen.waiting.metadata >= expected(&clients),
        }
    }
}

/// How many must wait when these clients have come. Who gives up after a moment is on the way at times; the writer on the
/// source stands for the applier.
fn expected(clients: &[ClientReport]) -> u32 {
    let count = |wanted: fn(Role) -> bool| clients.iter().filter(|client| wanted(client.role)).count();
    let patient = count(|role| matches!(role, Role::Queue | Role::SecondRow | Role::Alter | Role::Source));
    let impatient = count(|role| matches!(role, Role::Writer | Role::Reader));
    u32::try_from(patient + impatient / 2).unwrap_or(u32::MAX)
}

async fn see(conn: &mut Conn, root: u32) -> Result<Seen, mysql_async::Error> {
    let sessions = named_rows(conn, "SHOW FULL PROCESSLIST").await?;
    let state = |row: &BTreeMap<String, String>| row.get("State").cloned().unwrap_or_default();
    let metadata = sessions.iter().filter(|row| state(row).starts_with("Waiting for table metadata lock")).count();
    let row = rows(conn, "SELECT COUNT(*) FROM information_schema.innodb_trx WHERE trx_state = 'LOCK WAIT'").await?;
    let row = row.first().and_then(|row| row.first()?.as_ref()?.parse().ok()).unwrap_or(0);
    let root = sessions.iter().find(|row| row.get("Id") == Some(&root.to_string())).map(state);
    Ok(Seen { waiting: Waiting { row, metadata: u32::try_from(metadata).unwrap_or(u32::MAX) }, root })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_patient_are_all_expected_and_of_the_impatient_half() {
        let come = |role, count| (0..count).map(move |number| ClientReport::new(role, number));
        let clients: Vec<ClientReport> = come(Role::Innocent, 5)
            .chain(come(Role::Root, 1))
            .chain(come(Role::Queue, 8))
            .chain(come(Role::Alter, 1))
            .chain(come(Role::Reader, 16))
            .collect();
        assert_eq!(expected(&clients), 8 + 1 + 8);
    }
}
