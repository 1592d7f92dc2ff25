//! A small real fleet with everything that a test of acting needs: commands, a place to look, and a line to cut.

use super::signed::cleared;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use countersign::act::Acting;
use countersign::domain::base::{Danger, Digest, RunId, ServerName, TableName};
use countersign::domain::fleet::read::{FleetFile, resolve};
use countersign::domain::fleet::{Endpoint, Fleet};
use countersign::domain::reach::Carry;
use countersign::domain::run::{Connection, ConnectionState, Outcome};
use countersign::domain::script::{Command, Work};
use countersign::domain::snapshot::{Effect, EffectKind, Object, Patch};
use countersign::domain::sql::Dialect;
use countersign::domain::sql::identity::Identity;
use countersign::domain::sql::packet::{BinlogWriting, Session};
use countersign::executor::ports::{Act, Copying, copying};
use countersign::lab::{Flavor, Setup, Shape, Topology};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

const KEEPER: &str = env!("CARGO_BIN_EXE_countersign");

pub struct Stage {
    pub topology: Topology,
    pub fleet: Fleet,
    pub dialect: Dialect,
}

pub fn server(name: &str) -> ServerName {
    name.parse().unwrap()
}

pub fn table(name: &str) -> TableName {
    name.parse().unwrap()
}

pub fn run() -> RunId {
    RunId::parse("r-9b02").unwrap()
}

pub type Rows = Vec<Vec<Option<String>>>;

impl Stage {
    pub async fn new(flavor: Flavor, replicas: usize) -> Self {
        let topology = Setup::new(flavor, Shape::replicas(replicas).unwrap()).start(Path::new(KEEPER)).await.unwrap();
        let text = std::fs::read(topology.fleet_file()).unwrap();
        let file: FleetFile = serde_yaml::from_slice(&text).unwrap();
        let fleet = resolve(file, Digest::of(&text)).unwrap();
        let version = topology.value(&server("db-a"), "SELECT @@version").await.unwrap().unwrap();
        Self { dialect: Dialect::detect(&version, "").unwrap(), topology, fleet }
    }

    pub fn acting(&self) -> Acting {
        Acting::new(Arc::new(self.fleet.clone()))
    }

    pub async fn sql(&self, name: &str, sql: &str) -> Rows {
        self.topology.query(&server(name), sql).await.unwrap_or_else(|error| panic!("{sql}: {error}"))
    }

    pub async fn value(&self, name: &str, sql: &str) -> Option<String> {
        self.topology.value(&server(name), sql).await.unwrap_or_else(|error| panic!("{sql}: {error}"))
    }

    pub async fn identity(&self, name: &str) -> String {
        let rows = self.sql(name, &Identity::query(self.dialect.flavor())).await;
        let value =
            |wanted: &str| rows.iter().find(|row| row[0].as_deref() == Some(wanted)).and_then(|row| row[1].as_deref());
        Identity::of(self.dialect.flavor(), value).unwrap().to_string()
    }

    pub async fn has(&self, name: &str, wanted: &TableName) -> bool {
        let sql = format!(
            "SELECT COUNT(*) FROM information_schema.TABLES WHERE TABLE_SCHEMA='{}' AND TABLE_NAME='{}'",
            wanted.schema(),
            wanted.name()
        );
        self.value(name, &sql).await.as_deref() == Some("1")
    }

    /// A fresh `d.t` with one row, everywhere.
    pub async fn with_table(&self) -> TableName {
        self.sql("db-a", "CREATE DATABASE IF NOT EXISTS d").await;
        self.sql("db-a", "CREATE TABLE d.t (id INT PRIMARY KEY) ENGINE=InnoDB").await;
        self.sql("db-a", "INSERT INTO d.t VALUES (1)").await;
        self.topology.wait_caught_up().await.unwrap();
        table("d.t")
    }

    pub fn statement(&self, text: &str, log: BinlogWriting) -> Command {
        let work = Work::Statement { text: text.to_owned(), session: Session::statement(log), dialect: self.dialect };
        command(work, &[table("d.t")])
    }

    pub fn reading(&self, text: &str) -> Command {
        let work = Work::Statement { text: text.to_owned(), session: Session::reading(), dialect: self.dialect };
        command(work, &[])
    }

    pub fn copy(&self, from: &str, of: &TableName, into: &TableName) -> Command {
        let session = Session::load(BinlogWriting::Off);
        let (from, table, dialect) = (server(from), of.clone(), self.dialect);
        command(
            Work::Copy { from, table, into: into.clone(), limit: None, session, dialect },
            std::slice::from_ref(into),
        )
    }

    /// Prepares and sends, and closes again.
    pub async fn act(&self, command: &Command) -> Outcome {
        let mut acting = self.acting();
        let connection = acting.prepare(&run(), command, &self.identity("db-a").await).await.unwrap();
        let outcome = acting.send(&connection, &cleared(command), &silent()).await;
        acting.close(&connection).await;
        outcome
    }

    /// The fleet as seen over a line to `db-a` that can be cut.
    pub fn behind(&self, line: &Line) -> Acting {
        let mut fleet = self.fleet.clone();
        let path = line.path.to_string_lossy().into_owned();
        fleet.servers.get_mut(&server("db-a")).unwrap().endpoint = Endpoint::Socket { path };
        Acting::new(Arc::new(fleet))
    }

    /// Looks until the connection is in the wanted state or for thirty seconds.
    pub async fn eventually(&self, connection: &Connection, wanted: impl Fn(&ConnectionState) -> bool) {
        let began = Instant::now();
        let mut acting = self.acting();
        loop {
            let state = acting.look_for(connection).await;
            if wanted(&state) {
                return;
            }
            assert!(began.elapsed() < Duration::from_secs(30), "still {state:?}");
            tokio::task::yield_now().await;
        }
    }
}

fn command(work: Work, tables: &[TableName]) -> Command {
    let effect = |table: &TableName| Effect { object: Object::Table(table.clone()), kind: EffectKind::Dropped };
    Command {
        server: server("db-a"),
        work,
        danger: Danger::Destructive,
        effects: tables.iter().map(effect).collect(),
        carry: Carry::Unlogged,
        patch: Patch::default(),
    }
}

/// A line to a copy that nobody listens to.
pub fn silent() -> Copying {
    copying().1
}

pub fn done(outcome: Outcome) -> String {
    match outcome {
        Outcome::Done { detail } => detail,
        other => panic!("{other:?}"),
    }
}

pub fn not_sent(outcome: Outcome) -> String {
    match outcome {
        Outcome::NotSent { why } => why,
        other => panic!("{other:?}"),
    }
}

/// A relay in front of a server's socket. Cutting it is what a broken network does, seen from both sides; freezing it
/// is what a firewall does that has forgotten the connection.
pub struct Line {
    path: std::path::PathBuf,
    _dir: tempfile::TempDir,
    relays: Arc<tokio::sync::Mutex<JoinSet<()>>>,
    accepting: tokio::task::JoinHandle<()>,
    freeze: watch::Sender<bool>,
}

impl Line {
    pub fn to(stage: &Stage) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("line.sock");
        let listener = UnixListener::bind(&path).unwrap();
        let target = stage.topology.socket(&server("db-a"));
        let relays = Arc::new(tokio::sync::Mutex::new(JoinSet::new()));
        let all = Arc::clone(&relays);
        let (freeze, frozen) = watch::channel(false);
        let accepting = tokio::spawn(async move {
            let mut first = true;
            while let Ok((client, _)) = listener.accept().await {
                all.lock().await.spawn(relay(client, target.clone(), first.then(|| frozen.clone())));
                first = false;
            }
        });
        Self { path, _dir: dir, relays, accepting, freeze }
    }

    pub async fn cut(&self) {
        self.accepting.abort();
        self.relays.lock().await.shutdown().await;
    }

    /// Nothing passes any more on the connection that was opened first, and nobody is told.
    pub fn freeze_the_first(&self) {
        self.freeze.send_replace(true);
    }
}

async fn relay(mut client: UnixStream, target: std::path::PathBuf, frozen: Option<watch::Receiver<bool>>) {
    let mut server = UnixStream::connect(target).await.unwrap();
    let forgotten = async {
        match frozen {
            Some(mut frozen) => drop(frozen.wait_for(|frozen| *frozen).await.unwrap()),
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        _ = tokio::io::copy_bidirectional(&mut client, &mut server) => {}
        () = forgotten => std::future::pending().await,
    }
}
