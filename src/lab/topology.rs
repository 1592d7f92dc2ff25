//! A running lab: its servers by name, and what can be done to them.

mod setup;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use mysql_async::Conn;
use mysql_async::prelude::Queryable;

use crate::domain::base::ServerName;

use super::accounts::Account;
use super::clock::Deadline;
use super::error::LabError;
use super::files::remove_dir;
use super::flavor::Flavor;
use super::keeper::{Answer, Command, KeeperClient, OwnedKeeper, ProcessState};
use super::record::{self, LabRecord};
use super::replication::{self, Link};
use super::server::{self, Failed};
use super::storm::Storm;
use super::{Address, fleet_file};

pub use setup::Setup;

/// How long a replica may take to catch up or a link to flow.
const CATCH_UP: Duration = Duration::from_mins(1);

/// The servers of one lab. An owned one ends, without a trace, when this value is dropped or this process dies.
pub struct Topology {
    dir: PathBuf,
    record: LabRecord,
    keeper: KeeperClient,
    /// Held for its end alone; absent when the lab is detached.
    owned: Option<OwnedKeeper>,
}

impl Topology {
    /// The lab that is up in `dir`, whoever started it.
    pub fn attach(dir: &Path) -> Result<Self, LabError> {
        let dir = std::path::absolute(dir).map_err(LabError::at(dir))?;
        let record = LabRecord::read(&dir)?;
        Ok(Self { keeper: KeeperClient::new(&dir), dir, record, owned: None })
    }

    /// Ends the servers and removes what the lab made. Waits until no process is left.
    pub async fn end(self) -> Result<(), LabError> {
        self.keeper.end().await;
        drop(self.owned);
        // The keeper does this too; it is repeated for one that was killed.
        remove_dir(&self.record.data_home)?;
        for name in &self.record.order {
            remove_dir(&record::server_dir(&self.dir, name))?;
        }
        let own = [
            "fleet.yaml",
            "observe.cnf",
            "act.cnf",
            "keeper.sock",
            "keeper.log",
            "storm.json",
            "storm.log",
            "lab.json",
        ];
        for file in own {
            match std::fs::remove_file(self.dir.join(file)) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(LabError::at(&self.dir)(error));
                }
                _ => {}
            }
        }
        // Stays when a person put a file of their own there.
        let _ = std::fs::remove_dir(&self.dir);
        Ok(())
    }

    pub fn dir(&self) -> &Path {
        &self.dir
    }

    pub fn flavor(&self) -> Flavor {
        self.record.flavor
    }

    /// The server program's own words for its version.
    pub fn version(&self) -> &str {
        &self.record.version
    }

    pub fn fleet_file(&self) -> PathBuf {
        fleet_file::path(&self.dir)
    }

    /// All servers in starting order; the first is a primary.
    pub fn names(&self) -> &[ServerName] {
        &self.record.order
    }

    /// The server called `name`, for example `db-a`.
    pub fn name(&self, name: &str) -> Result<ServerName, LabError> {
        let parsed = ServerName::parse(name).map_err(|error| LabError::Refused(error.to_string()))?;
        self.record.member(&parsed).map(|_| parsed)
    }

    pub fn address(&self, server: &ServerName) -> Result<Address, LabError> {
        let member = self.record.member(server)?;
        Ok(Address {
            name: server.clone(),
            socket: self.socket(server),
            port: member.port,
            sources: member.sources.clone(),
        })
    }

    pub fn socket(&self, server: &ServerName) -> PathBuf {
        record::socket(&self.dir, server)
    }

    pub fn port(&self, server: &ServerName) -> Result<u16, LabError> {
        self.record.member(server).map(|member| member.port)
    }

    pub fn datadir(&self, server: &ServerName) -> PathBuf {
        self.record.datadir(server)
    }

    /// The server's option file; a change counts from the next start.
    pub fn option_file(&self, server: &ServerName) -> PathBuf {
        record::server_dir(&self.dir, server).join("my.cnf")
    }

    /// Every statement the server was sent, as it logged them.
    pub fn general_log(&self, server: &ServerName) -> Result<String, LabError> {
        read_lossy(&record::server_dir(&self.dir, server).join("general.log"))
    }

    pub fn error_log(&self, server: &ServerName) -> Result<String, LabError> {
        read_lossy(&record::server_dir(&self.dir, server).join("error.log"))
    }

    /// The password of an account of this lab.
    pub fn password(&self, account: Account) -> &str {
        self.record.passwords.of(account)
    }

    /// Options for a connection of an account by the server's unix socket.
    pub fn login(&self, server: &ServerName, account: Account) -> mysql_async::OptsBuilder {
        server::login(&self.dir, &self.record, server, account)
    }

    pub async fn connect(&self, server: &ServerName, account: Account) -> Result<Conn, LabError> {
        self.record.member(server)?;
        Conn::new(self.login(server, account)).await.map_err(LabError::on(server))
    }

    /// Runs `sql` as root on a connection of its own and gives all rows of the first result as text.
    pub async fn query(&self, server: &ServerName, sql: &str) -> Result<Vec<Vec<Option<String>>>, LabError> {
        let mut conn = self.connect(server, Account::Root).await?;
        let rows = server::rows(&mut conn, sql).await.map_err(LabError::on(server));
        // The answer counts; a connection that cannot say goodbye is gone anyway.
        let _ = conn.disconnect().await;
        rows
    }

    /// Like [`Self::query`], the first column of the first row; `None` for NULL and for no row.
    pub async fn value(&self, server: &ServerName, sql: &str) -> Result<Option<String>, LabError> {
        Ok(self.query(server, sql).await?.into_iter().next().and_then(|row| row.into_iter().next().flatten()))
    }

    /// Every server's process, as the keeper sees it.
    pub async fn processes(&self) -> Result<BTreeMap<ServerName, ProcessState>, LabError> {
        match self.keeper.ask(&Command::Status).await? {
            Answer::Servers { servers, .. } => Ok(servers),
            other => Err(LabError::Refused(format!("an unexpected answer: {other:?}"))),
        }
    }

    /// The process of the lab's lock storm, as the keeper sees it.
    pub async fn storm(&self) -> Result<ProcessState, LabError> {
        match self.keeper.ask(&Command::Status).await? {
            Answer::Servers { storm, .. } => Ok(storm),
            other => Err(LabError::Refused(format!("an unexpected answer: {other:?}"))),
        }
    }

    /// Has the keeper start the clients of a storm; does not wait for them.
    pub(super) async fn raise(&self, storm: &Storm) -> Result<(), LabError> {
        self.keeper.ask(&Command::Storm { storm: storm.clone() }).await.map(drop)
    }

    /// Starts a server that is down and waits until it answers. Replication goes on by itself.
    pub async fn start(&self, server: &ServerName) -> Result<(), LabError> {
        let deadline = Deadline::after(CATCH_UP);
        loop {
            match self.start_once(server).await {
                // Its port was lent to somebody's outgoing connection meanwhile, which ends.
                Err(Failed::PortTaken) if !deadline.is_over() => deadline.pause().await,
                Err(Failed::PortTaken) => {
                    let log = server::log_tail(&self.dir, server, 0);
                    return Err(LabError::Died { server: server.clone(), how: "its port is taken".to_owned(), log });
                }
                Err(Failed::Other(error)) => return Err(error),
                Ok(()) => return Ok(()),
            }
        }
    }

    /// Asks a server to end in order and waits. MySQL would wait some 10 s for the threads that send to its replicas, so
    /// those are sent away first.
    pub async fn stop(&self, server: &ServerName) -> Result<(), LabError> {
        self.send_replicas_away(server).await;
        self.keeper.ask(&Command::Stop { server: server.clone() }).await.map(drop)
    }

    /// Kills a server without warning and waits until it is gone.
    pub async fn kill(&self, server: &ServerName) -> Result<(), LabError> {
        self.keeper.ask(&Command::Kill { server: server.clone() }).await.map(drop)
    }

    pub async fn restart(&self, server: &ServerName) -> Result<(), LabError> {
        self.stop(server).await?;
        self.start(server).await
    }

    /// What a replica says of its sources.
    pub async fn links(&self, server: &ServerName) -> Result<Vec<Link>, LabError> {
        let mut conn = self.connect(server, Account::Root).await?;
        let links = replication::links(&mut conn, self.flavor()).await.map_err(LabError::on(server));
        let _ = conn.disconnect().await;
        links
    }

    /// Waits until every replica has executed what its sources have written so far, sources first.
    pub async fn wait_caught_up(&self) -> Result<(), LabError> {
        for replica in self.names() {
            for source in &self.record.member(replica)?.sources {
                self.wait_for(replica, source).await?;
            }
        }
        Ok(())
    }

    /// Waits until both threads of every link of `replica` run.
    pub async fn wait_until_flowing(&self, replica: &ServerName) -> Result<(), LabError> {
        let wanted = self.record.member(replica)?.sources.len();
        let deadline = Deadline::after(CATCH_UP);
        loop {
            let links = self.links(replica).await?;
            if links.len() >= wanted && links.iter().all(Link::flows) {
                return Ok(());
            }
            if deadline.is_over() {
                let source = self.record.member(replica)?.sources.first().unwrap_or(replica);
                return Err(late(replica, source, &links, deadline.waited()));
            }
            deadline.pause().await;
        }
    }

    /// Sends the replicas away for good: in offline mode, which ends with the process, they cannot come back at once.
    async fn send_replicas_away(&self, server: &ServerName) {
        if self.flavor() == Flavor::Mysql {
            // A server that takes no connection is stopped all the same, only slower.
            let _ = self.query(server, "SET GLOBAL offline_mode = ON").await;
        }
    }

    async fn wait_for(&self, replica: &ServerName, source: &ServerName) -> Result<(), LabError> {
        let flavor = self.flavor();
        let mut conn = self.connect(source, Account::Root).await?;
        let position = replication::position(&mut conn, flavor).await.map_err(LabError::on(source))?;
        let _ = conn.disconnect().await;
        let mut conn = self.connect(replica, Account::Root).await?;
        let reached = replication::reached(&mut conn, flavor, &position, CATCH_UP).await;
        let _ = conn.disconnect().await;
        if reached.map_err(LabError::on(replica))? {
            return Ok(());
        }
        let links = self.links(replica).await?;
        Err(late(replica, source, &links, CATCH_UP))
    }

    async fn start_once(&self, server: &ServerName) -> Result<(), Failed> {
        let log_before = server::log_size(&self.dir, server);
        self.keeper.ask(&Command::Start { server: server.clone() }).await.map_err(Failed::Other)?;
        server::wait_until_up(&self.dir, &self.record, server, &self.keeper, log_before).await
    }

    /// Makes a replica follow its sources and waits until that works.
    async fn follow_sources(&self, replica: &ServerName) -> Result<(), LabError> {
        let sources = &self.record.member(replica)?.sources;
        if sources.is_empty() {
            return Ok(());
        }
        let mut conn = self.connect(replica, Account::Root).await?;
        for source in sources {
            let channel = replication::channel(sources, source);
            let port = self.port(source)?;
            for sql in replication::follow(self.flavor(), &channel, port, &self.record.passwords) {
                conn.query_drop(sql).await.map_err(LabError::on(replica))?;
            }
        }
        let _ = conn.disconnect().await;
        self.wait_until_flowing(replica).await
    }
}

fn late(replica: &ServerName, source: &ServerName, links: &[Link], waited: Duration) -> LabError {
    let found = links.iter().map(Link::summary).collect::<Vec<_>>().join("; ");
    LabError::NotCaughtUp { replica: replica.clone(), source_server: source.clone(), waited, found }
}

fn read_lossy(path: &Path) -> Result<String, LabError> {
    std::fs::read(path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).map_err(LabError::at(path))
}
