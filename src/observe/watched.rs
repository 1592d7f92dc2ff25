//! One server and the connection kept to it: sends the probes in one packet and sorts what comes back.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use mysql_async::prelude::Queryable;
use mysql_async::{Conn, Error, Value};
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::answer::{Answers, Refusal, Row};
use super::decode::{Outcome, Reading};
use super::disk::Disk;
use super::now;
use super::probe::{self, Probe};
use crate::connect::{self, ConnectError};
use crate::domain::base::TableName;
use crate::domain::base::text::printable;
use crate::domain::fleet::{Login, Server};
use crate::domain::sql::Dialect;

/// How long a look waits for a connection to a server that gave no answer to the look before. Connecting goes on
/// between looks, so a server that comes back is seen; one that hangs does not cost every look the whole deadline.
const MOMENT: Duration = Duration::from_millis(100);

/// One server of the fleet.
pub(super) struct Watched {
    server: Arc<Server>,
    login: Arc<Login>,
    line: Line,
    disk: Disk,
    /// The channels of the last answer.
    channels: BTreeSet<String>,
    last: Last,
}

/// What came of the last look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Last {
    /// An answer, or there was none yet.
    Answered,
    Silent,
}

/// The connection, in the state it is in.
enum Line {
    Down,
    /// Goes on beyond the deadline of one look; ends with this value.
    Connecting(JoinSet<Result<Session, Why>>),
    Up(Box<Session>),
}

/// An open connection and what is known about its server.
pub(super) struct Session {
    connection: Conn,
    dialect: Dialect,
    /// Asked once, not again on this connection.
    refused: BTreeMap<Probe, Refusal>,
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Why {
    #[error(transparent)]
    Connect(#[from] ConnectError),
    #[error("{0}")]
    Dialect(#[from] crate::domain::sql::dialect::DialectError),
    #[error("the connection broke: {0}")]
    Broke(String),
}

impl From<Error> for Why {
    fn from(error: Error) -> Self {
        Self::Broke(printable(&error.to_string()))
    }
}

impl Watched {
    pub(super) fn new(server: &Server, login: &Login) -> Self {
        Self {
            server: Arc::new(server.clone()),
            login: Arc::new(login.clone()),
            line: Line::Down,
            disk: Disk::default(),
            channels: BTreeSet::new(),
            last: Last::Answered,
        }
    }

    /// One look. A connection that the server closed meanwhile is made anew once.
    pub(super) async fn look(&mut self, tables: &BTreeSet<TableName>, deadline: Instant) -> Outcome {
        let kept = matches!(self.line, Line::Up(_));
        let mut outcome = self.try_look(tables, deadline).await;
        if kept && matches!(outcome, Err(Some(Why::Broke(_)))) {
            outcome = self.try_look(tables, deadline).await;
        }
        self.last = if outcome.is_ok() { Last::Answered } else { Last::Silent };
        match outcome {
            Ok(reading) => {
                self.channels = super::decode::channels(&reading);
                Outcome::Answered(Box::new(reading))
            }
            Err(why) => Outcome::Silent {
                why: why.map_or_else(|| "no answer before the deadline".to_owned(), |why| why.to_string()),
                channels: self.channels.clone(),
            },
        }
    }

    /// Asks each question by itself; the answers come in the order of the questions.
    pub(super) async fn ask_each(
        &mut self,
        questions: impl Fn(Dialect) -> Vec<String>,
        deadline: Instant,
    ) -> Result<(Dialect, Vec<Result<Vec<Row>, Refusal>>), String> {
        let words =
            |why: Option<Why>| why.map_or_else(|| "no answer before the deadline".to_owned(), |why| why.to_string());
        let mut session = self.connected(deadline).await.map_err(words)?;
        let dialect = session.dialect;
        let mut answers = Vec::new();
        for question in questions(dialect) {
            // Whatever ends an answer early also ends its connection.
            let asked = tokio::time::timeout_at(deadline, run(&mut session.connection, &question)).await;
            let (mut sets, refused) = asked.map_err(|_| words(None))?.map_err(|why| words(Some(why)))?;
            answers.push(match refused {
                Some((_, refusal)) => Err(refusal),
                None => Ok(if sets.is_empty() { Vec::new() } else { sets.swap_remove(0) }),
            });
        }
        self.line = Line::Up(session);
        Ok((dialect, answers))
    }

    /// `Err(None)` when the time is up. Whatever ends an answer early also ends its connection: what the server still
    /// sends on it could be taken for the answer to a later question.
    async fn try_look(&mut self, tables: &BTreeSet<TableName>, deadline: Instant) -> Result<Reading, Option<Why>> {
        let mut session = self.connected(deadline).await?;
        let answers = tokio::time::timeout_at(deadline, session.ask(tables)).await.map_err(|_| None)??;
        let mut reading = Reading::new(session.dialect, now(), answers);
        let datadir = reading.variable("datadir").map(str::to_owned);
        reading.free_bytes = self.disk.room(&self.server, datadir.as_deref().map_err(Clone::clone), deadline).await;
        self.line = Line::Up(session);
        Ok(reading)
    }

    /// Takes the open connection, or waits for one.
    async fn connected(&mut self, deadline: Instant) -> Result<Box<Session>, Option<Why>> {
        let mut connecting = match std::mem::replace(&mut self.line, Line::Down) {
            Line::Up(session) => return Ok(session),
            Line::Connecting(task) => task,
            Line::Down => {
                let (server, login) = (Arc::clone(&self.server), Arc::clone(&self.login));
                let mut task = JoinSet::new();
                task.spawn(async move { Session::open(&server, &login).await });
                task
            }
        };
        let patience = match self.last {
            Last::Answered => deadline,
            Last::Silent => deadline.min(Instant::now() + MOMENT),
        };
        match tokio::time::timeout_at(patience, connecting.join_next()).await {
            Err(_) => {
                self.line = Line::Connecting(connecting);
                Err(None)
            }
            Ok(Some(Ok(session))) => Ok(Box::new(session?)),
            Ok(Some(Err(ended))) => Err(Some(Why::Broke(ended.to_string()))),
            Ok(None) => Err(Some(Why::Broke("no connection was being made".to_owned()))),
        }
    }
}

impl Session {
    /// Connects, learns what the server is, and makes the session read-only.
    pub(super) async fn open(server: &Server, login: &Login) -> Result<Self, Why> {
        let mut connection = connect::connect(server, login).await?;
        let row: Option<(String, String)> = connection.query_first("SELECT @@version, @@version_comment").await?;
        let (version, comment) = row.unwrap_or_default();
        let dialect = Dialect::detect(&version, &comment)?;
        connection.query_drop(probe::prelude(dialect)).await?;
        Ok(Self { connection, dialect, refused: BTreeMap::new() })
    }

    pub(super) fn connection(&mut self) -> &mut Conn {
        &mut self.connection
    }

    pub(super) fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// Asks everything in one packet; each probe that is refused costs one packet more, the first time.
    pub(super) async fn ask(&mut self, tables: &BTreeSet<TableName>) -> Result<Answers, Why> {
        let mut answers = Answers::default();
        let mut open = Vec::new();
        for probe in probe::probes(self.dialect, tables) {
            match self.refused.get(&probe) {
                Some(refusal) => answers.put(probe, Err(refusal.clone())),
                None => open.push(probe),
            }
        }
        while !open.is_empty() {
            let mut rest = open.split_off(self.send(&open, &mut answers).await?);
            if !rest.is_empty() {
                let probe = rest.remove(0);
                if let Some(refusal) = answers.refusal(&probe).filter(|refusal| refusal.is_lasting()) {
                    self.refused.insert(probe, refusal.clone());
                }
            }
            open = rest;
        }
        Ok(answers)
    }

    /// Sends `probes` as one packet. Gives the number of them that were answered; the next one, if any, was refused.
    async fn send(&mut self, probes: &[Probe], answers: &mut Answers) -> Result<usize, Why> {
        let questions: Vec<_> = probes.iter().map(|probe| probe.question(self.dialect)).collect();
        let statements: Vec<&str> = questions.iter().flat_map(|q| &q.statements).map(String::as_str).collect();
        let (sets, refused) = run(&mut self.connection, &statements.join("; ")).await?;
        let mut start = 0;
        for (index, (probe, question)) in probes.iter().zip(&questions).enumerate() {
            let end = start + question.statements.len();
            if let Some((at, refusal)) = &refused
                && *at < end
            {
                answers.put(probe.clone(), Err(refusal.clone()));
                return Ok(index);
            }
            let rows = sets.get(start + question.answer_at).cloned();
            answers.put(probe.clone(), Ok(rows.ok_or_else(|| Why::Broke("an answer is missing".to_owned()))?));
            start = end;
        }
        Ok(probes.len())
    }
}

/// The result sets of a packet, and the statement at which the server stopped, if it did.
async fn run(connection: &mut Conn, packet: &str) -> Result<(Vec<Vec<Row>>, Option<(usize, Refusal)>), Why> {
    let mut sets = Vec::new();
    let mut result = match connection.query_iter(packet).await {
        Ok(result) => result,
        Err(error) => return Ok((sets, Some((0, refusal(error)?)))),
    };
    loop {
        let mut rows = Vec::new();
        if let Err(error) = result.for_each(|row| rows.push(decoded(row))).await {
            let at = sets.len();
            return Ok((sets, Some((at, refusal(error)?))));
        }
        sets.push(rows);
        if result.is_empty() {
            break;
        }
    }
    // The driver keeps an error of the next statement back until somebody asks for more.
    let stopped = result.drop_result().await.err().map(refusal).transpose()?;
    let at = sets.len();
    Ok((sets, stopped.map(|refusal| (at, refusal))))
}

/// Only what the server itself said is a refusal; anything else ends the connection.
fn refusal(error: Error) -> Result<Refusal, Why> {
    match error {
        Error::Server(said) if said.code != 1053 => Ok(Refusal { code: said.code, message: said.message }),
        other => Err(other.into()),
    }
}

fn decoded(row: mysql_async::Row) -> Row {
    let names: Vec<String> = row.columns_ref().iter().map(|column| column.name_str().into_owned()).collect();
    Row::new(names.into_iter().zip(row.unwrap()).map(|(name, value)| (name, text(value))))
}

/// Answers of plain queries come as text.
fn text(value: Value) -> Option<String> {
    match value {
        Value::NULL => None,
        Value::Bytes(bytes) => Some(String::from_utf8_lossy(&bytes).into_owned()),
        other => Some(other.as_sql(true).trim_matches('\'').to_owned()),
    }
}
