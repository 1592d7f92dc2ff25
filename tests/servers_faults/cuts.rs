//! The acting connections break at every boundary of a packet and inside every packet, from the greeting to the goodbye.
//! What the run then says of its DROP is what the server's logs say, and nothing is sent a second time.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Instant;

use countersign::act::Acting;
use countersign::domain::approval::authorized::Cleared;
use countersign::domain::base::{RunId, ServerName, TableName};
use countersign::domain::run::{Connection, ConnectionState, Outcome};
use countersign::domain::script::Command;
use countersign::executor::ports::{Act, Copying, Told as ToldByAct};
use countersign::lab::Flavor;

use crate::judge::{self, Drops, Judge};
use crate::play::{self, Told, Verdict};
use crate::proxy::{Cut, Place, Proxy, Seen, Side, Watched};
use crate::stage::{DROP, Stage};

/// Which of the two connections of a command is watched: they are opened one behind the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    /// The one that the statement travels on.
    Acting,
    /// The one that watches it.
    Second,
}

/// The real acting side, which has the relay watch a connection of the first command that it prepares.
pub struct Relayed {
    inner: Acting,
    proxy: Arc<Proxy>,
    plan: Option<(Which, Option<Cut>)>,
    watched: Arc<std::sync::Mutex<Option<Watched>>>,
}

impl Act for Relayed {
    async fn prepare(&mut self, run: &RunId, command: &Command, identity: &str) -> Result<Connection, String> {
        if let Some((which, cut)) = self.plan.take() {
            let passed = usize::from(which == Which::Second);
            *self.watched.lock().unwrap() = Some(self.proxy.watch(passed, cut));
        }
        self.inner.prepare(run, command, identity).await
    }

    async fn send(&mut self, connection: &Connection, cleared: &Cleared, copying: &Copying) -> Outcome {
        self.inner.send(connection, cleared, copying).await
    }

    async fn look_for(&mut self, connection: &Connection) -> ConnectionState {
        self.inner.look_for(connection).await
    }

    async fn close(&mut self, connection: &Connection) {
        self.inner.close(connection).await;
    }

    async fn told(&mut self, server: &ServerName, tables: &BTreeSet<TableName>) -> Result<ToldByAct, String> {
        self.inner.told(server, tables).await
    }
}

/// A run behind a relay: what it told, what was seen on the watched connection, and what the server says.
pub struct Round {
    pub told: Told,
    pub judge: Judge,
    act: Option<Relayed>,
    watched: Arc<std::sync::Mutex<Option<Watched>>>,
}

impl Round {
    pub async fn new(stage: &Stage, which: Which, cut: Option<Cut>) -> Self {
        stage.restore().await;
        let (proxy, fleet) = stage.relayed();
        let watched = Arc::default();
        let act = Relayed {
            inner: Acting::new(Arc::new(fleet)),
            proxy: Arc::new(proxy),
            plan: Some((which, cut)),
            watched: Arc::clone(&watched),
        };
        Self { told: Told::default(), judge: Judge::from_now(stage).await, act: Some(act), watched }
    }

    /// Plays the run to where it ends or stops.
    pub async fn play(&mut self, stage: &Stage) {
        let act = self.act.take().unwrap();
        play::play(stage, &play::next_run(), act, &self.told).await;
    }

    /// The acting side, for a run that somebody meddles with while it plays.
    pub fn take_act(&mut self) -> Relayed {
        self.act.take().unwrap()
    }

    pub fn watched(&self) -> Option<Watched> {
        self.watched.lock().unwrap().clone()
    }
}

/// What the verdict must be when the server tells this.
pub fn expect_right(what: &str, verdict: &Verdict, drops: Drops, told: &Told) {
    let right = match verdict {
        Verdict::Applied => Drops { sent: 1, logged: 1, table: false },
        // It may have been sent and given up.
        Verdict::NotApplied => Drops { sent: drops.sent.min(1), logged: 0, table: true },
        Verdict::NotSent => Drops { sent: 0, logged: 0, table: true },
        Verdict::Other(why) => panic!("{what}: the run cannot say what became of it: {why}"),
    };
    assert_eq!(drops, right, "{what}: the run says {verdict:?}: {:#?}", told.records());
}

/// What a connection that nobody breaks carries: the places where the others break.
pub async fn unbroken(stage: &Stage, which: Which) -> Vec<Seen> {
    let mut round = Round::new(stage, which, None).await;
    round.play(stage).await;
    let drops = round.judge.drops(stage).await;
    assert_eq!(drops, Drops { sent: 1, logged: 1, table: false }, "{:#?}", round.told.records());
    round.watched().unwrap().packets()
}

/// Every place of a connection with these packets, or one in so many before `all_from`.
fn places(packets: &[Seen], all_from: usize, one_in: usize) -> Vec<Cut> {
    let mut cuts = Vec::new();
    for packet in 0..packets.len() {
        for place in [Place::Before, Place::Inside] {
            let number = cuts.len() + packet;
            if packet >= all_from || number.is_multiple_of(one_in) {
                cuts.push(Cut { packet, place });
            }
        }
    }
    cuts.push(Cut { packet: packets.len() - 1, place: Place::Behind });
    cuts
}

/// The packet with the DROP in it.
pub fn statement(packets: &[Seen]) -> usize {
    let is = |seen: &Seen| seen.query().is_some_and(|text| text.contains(DROP) && !text.starts_with("PREPARE"));
    packets.iter().position(is).unwrap()
}

/// The packet that first names the DROP: the server is asked whether it is one statement.
fn first_named(packets: &[Seen]) -> usize {
    packets.iter().position(|seen| seen.query().is_some_and(|text| text.contains("DROP"))).unwrap()
}

fn everything() -> bool {
    std::env::var("COUNTERSIGN_CRASHES").as_deref() == Ok("all")
}

/// Breaks the connection at these places, one run for each, and counts the verdicts.
async fn break_at(stage: &Stage, which: Which, cuts: &[Cut]) -> BTreeMap<String, usize> {
    let mut verdicts: BTreeMap<String, usize> = BTreeMap::new();
    for cut in cuts {
        let what = format!("{which:?} cut {:?} packet {}", cut.place, cut.packet);
        let mut round = Round::new(stage, which, Some(*cut)).await;
        round.play(stage).await;
        assert!(round.watched().is_some_and(|watched| watched.was_cut()), "{what}: it was not cut");
        let verdict = round.told.verdict();
        expect_right(&what, &verdict, round.judge.drops(stage).await, &round.told);
        *verdicts.entry(format!("{verdict:?}")).or_default() += 1;
    }
    verdicts
}

#[expect(clippy::print_stdout, reason = "the figures are for whoever asked for every place")]
async fn every_place_of_the_acting_connection(flavor: Flavor) {
    let stage = Stage::new(flavor).await;
    judge::expect_to_see(&stage).await;
    let packets = unbroken(&stage, Which::Acting).await;
    let (named, sent) = (first_named(&packets), statement(&packets));
    let answer = packets[sent + 1..].iter().filter(|seen| seen.by == Side::Server).count();
    assert!(named < sent && answer >= 4, "guard and statement are answered: {} packets", packets.len());
    let one_in = if everything() { 1 } else { 12 };
    let cuts = places(&packets, named, one_in);
    let began = Instant::now();
    let verdicts = break_at(&stage, Which::Acting, &cuts).await;
    let (count, took) = (cuts.len(), began.elapsed());
    println!("{flavor}: {count} cuts over {} packets in {took:?}: {verdicts:?}", packets.len());
    // Without all three the sweep would prove nothing.
    for verdict in ["NotSent", "NotApplied", "Applied"] {
        assert!(verdicts.contains_key(verdict), "{verdict} never came up: {verdicts:?}");
    }
    judge::expect_to_see(&stage).await;
}

/// The second connection only looks and kills: without it the statement goes on, and its own answer decides.
async fn every_boundary_of_the_second_connection(flavor: Flavor) {
    let stage = Stage::new(flavor).await;
    judge::expect_to_see(&stage).await;
    let packets = unbroken(&stage, Which::Second).await;
    let one_in = if everything() { 1 } else { 9 };
    let cuts = places(&packets, packets.len(), one_in);
    let verdicts = break_at(&stage, Which::Second, &cuts).await;
    for verdict in ["NotSent", "Applied"] {
        assert!(verdicts.contains_key(verdict), "{verdict} never came up: {verdicts:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mariadb_every_boundary_of_the_second_connection() {
    every_boundary_of_the_second_connection(Flavor::Mariadb).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mysql_every_boundary_of_the_second_connection() {
    every_boundary_of_the_second_connection(Flavor::Mysql).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mysql_every_place_of_the_acting_connection() {
    every_place_of_the_acting_connection(Flavor::Mysql).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mariadb_every_place_of_the_acting_connection() {
    every_place_of_the_acting_connection(Flavor::Mariadb).await;
}
