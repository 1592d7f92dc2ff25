//! Sends what the classifier calls harmless to a server and tells which statement changed it.

use std::collections::BTreeMap;
use std::time::Duration;

use countersign::domain::sql;
use countersign::domain::sql::classify::{Class, Classified, Object, classify};
use countersign::domain::sql::packet::{BinlogWriting, Session};
use countersign::lab::{Account, Flavor};
use mysql_async::Conn;
use mysql_async::prelude::Queryable;

use crate::fixture::{Fixture, WRITING_VIEWS, db_a};
use crate::state::{Difference, State, Watch};

/// Longer than any statement may take on a server that is told to stop after a second.
const HANGS: Duration = Duration::from_secs(40);

/// How many statements lie between two looks at the whole server.
const BATCH: usize = 100;

/// One statement and what the product says of it.
#[derive(Debug, Clone)]
pub struct Case {
    pub text: String,
    pub judged: Classified,
}

impl Case {
    pub fn new(text: &str, flavor: Flavor) -> Self {
        Self { text: text.to_owned(), judged: classify(text, flavor_of(flavor), Some("shop")) }
    }

    pub fn is_harmless(&self) -> bool {
        self.judged.is_harmless()
    }

    /// The view that the text names and that writes: what no text can show, so it is not for the classifier to find.
    /// Whoever sends a read looks at each object that the classifier names, and refuses views.
    pub fn writing_view(&self) -> Option<&'static str> {
        let text = self.text.to_ascii_lowercase();
        WRITING_VIEWS.iter().copied().find(|view| text.contains(view))
    }

    /// Whether the classifier names the view among what the statement reads.
    pub fn names(&self, view: &str) -> bool {
        self.judged.objects.iter().any(|touched| match &touched.object {
            Object::Table(table) => table.name().eq_ignore_ascii_case(view),
            other => *other == Object::Everything,
        })
    }
}

fn flavor_of(flavor: Flavor) -> sql::Flavor {
    match flavor {
        Flavor::Mariadb => sql::Flavor::MariaDb,
        Flavor::Mysql => sql::Flavor::MySql,
    }
}

/// Who sends a statement, and in which session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seat {
    /// Nothing but the classifier protects the server.
    RootWriting,
    /// As the product sends a read.
    RootReading,
    Observer,
}

/// What became of a statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Answer {
    Done,
    Refused(u16),
    /// The connection is gone, or there was no answer in time.
    Gone,
}

/// `ER_PARSE_ERROR`.
pub const SYNTAX: Answer = Answer::Refused(1064);

/// One session on one server.
pub struct Channel {
    seat: Seat,
    conn: Conn,
}

impl Channel {
    pub async fn open(fixture: &Fixture, seat: Seat) -> Self {
        let account = if seat == Seat::Observer { Account::Observe } else { Account::Root };
        let mut channel = Self { seat, conn: fixture.topology.connect(&db_a(), account).await.unwrap() };
        channel.pin(fixture).await;
        channel
    }

    /// The session that the product gives a statement, with an end to waiting.
    async fn pin(&mut self, fixture: &Fixture) {
        let session = match self.seat {
            Seat::RootWriting => Session::statement(BinlogWriting::On),
            Seat::RootReading | Seat::Observer => Session::reading(),
        };
        let limit = match fixture.flavor() {
            Flavor::Mariadb => "SET SESSION max_statement_time = 1, lock_wait_timeout = 1",
            Flavor::Mysql => "SET SESSION max_execution_time = 1000, lock_wait_timeout = 1",
        };
        let prelude = session.prelude(fixture.dialect);
        for statement in prelude.iter().map(String::as_str).chain(["USE shop", limit]) {
            self.conn.query_drop(statement).await.unwrap_or_else(|error| panic!("{statement}: {error}"));
        }
    }

    /// Sends one statement.
    pub async fn send(&mut self, fixture: &Fixture, case: &Case) -> Answer {
        let answer = match tokio::time::timeout(HANGS, self.conn.query_drop(&case.text)).await {
            Ok(Ok(())) => Answer::Done,
            Ok(Err(mysql_async::Error::Server(error))) => Answer::Refused(error.code),
            Ok(Err(_)) | Err(_) => Answer::Gone,
        };
        if answer == Answer::Gone {
            *self = Self::open(fixture, self.seat).await;
        }
        answer
    }

    /// Ends whatever the session holds.
    pub async fn forget(&mut self, fixture: &Fixture) {
        if self.conn.reset().await.is_ok_and(|reset| reset) {
            self.pin(fixture).await;
        } else {
            *self = Self::open(fixture, self.seat).await;
        }
    }
}

/// A server, sessions on it, and the state that it must keep.
pub struct Judge {
    pub fixture: Fixture,
    watch: Watch,
    channels: Vec<Channel>,
    /// Somebody else's session, which must survive.
    bystander: Conn,
    kept: State,
}

impl Judge {
    pub async fn start(flavor: Flavor, seats: &[Seat]) -> Self {
        let fixture = Fixture::start(flavor).await;
        let bystander = fixture.topology.connect(&db_a(), Account::Act).await.unwrap();
        let mut channels = Vec::new();
        for seat in seats {
            channels.push(Channel::open(&fixture, *seat).await);
        }
        let mut watch = Watch::new(&fixture.topology).await;
        let kept = watch.rest().await;
        Self { fixture, watch, channels, bystander, kept }
    }

    pub fn bystander(&self) -> u32 {
        self.bystander.id()
    }

    /// Sends each statement from each seat, and tells what differs afterwards and how the first seat was answered.
    pub async fn send(&mut self, cases: &[&Case]) -> (Vec<Difference>, Vec<Answer>) {
        let mut answers = Vec::new();
        for (at, channel) in self.channels.iter_mut().enumerate() {
            for case in cases {
                let answer = channel.send(&self.fixture, case).await;
                // A read leaves nothing behind, which is a claim to be tested; the rest may leave a session astray.
                if case.judged.class != Class::Read {
                    channel.forget(&self.fixture).await;
                }
                if at == 0 {
                    answers.push(answer);
                }
            }
        }
        (self.differences().await, answers)
    }

    async fn differences(&mut self) -> Vec<Difference> {
        let after = self.watch.look().await;
        if self.kept.differences(&after).is_empty() {
            self.kept = after;
            return Vec::new();
        }
        let after = self.watch.rest().await;
        let found = self.kept.differences(&after);
        self.kept = after;
        found
    }

    pub async fn end(self) {
        drop((self.channels, self.watch, self.bystander));
        self.fixture.topology.end().await.unwrap();
    }
}

/// The statements that met with each answer.
pub type Answers = BTreeMap<Answer, Vec<String>>;

/// What a statement changed.
pub type Culprits = Vec<(String, Vec<Difference>)>;

/// Sends all of `cases` in batches. Where a batch changed something, its statements are tried one by one on a server of
/// their own.
pub async fn culprits(flavor: Flavor, seats: &[Seat], cases: &[Case]) -> (Culprits, Answers) {
    let mut judge = Judge::start(flavor, seats).await;
    let (mut found, mut counted) = (Vec::new(), Answers::new());
    for batch in cases.chunks(BATCH) {
        let (differences, answers) = judge.send(&batch.iter().collect::<Vec<_>>()).await;
        for (answer, case) in answers.into_iter().zip(batch) {
            counted.entry(answer).or_default().push(case.text.clone());
        }
        if !differences.is_empty() {
            let named = one_by_one(flavor, seats, batch).await;
            assert!(!named.is_empty(), "together, though none alone, {batch:#?} changed {differences:#?}");
            found.extend(named);
            // What was changed stays changed, and would be held against the next batch.
            judge.end().await;
            judge = Judge::start(flavor, seats).await;
        }
    }
    judge.end().await;
    (found, counted)
}

async fn one_by_one(flavor: Flavor, seats: &[Seat], cases: &[Case]) -> Culprits {
    let mut judge = Judge::start(flavor, seats).await;
    let mut found = Vec::new();
    for case in cases {
        let (differences, _) = judge.send(&[case]).await;
        if !differences.is_empty() {
            found.push((case.text.clone(), differences));
        }
    }
    judge.end().await;
    found
}
