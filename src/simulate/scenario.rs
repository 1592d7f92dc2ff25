//! What is simulated: a fleet, a runbook on it, and how its run should end.

use std::borrow::Cow;
use std::collections::BTreeMap;

use crate::domain::base::{Digest, ServerName, Span, StepId, TableName};
use crate::domain::fleet::Fleet;
use crate::domain::runbook::{self, Runbook, Step, Work};
use crate::domain::snapshot::fixture::{Fixture, Replica};
use crate::domain::snapshot::sessions::fixture::waits;
use crate::domain::snapshot::{FactKey, ServerFact, Snapshot, Value};
use crate::domain::vocabulary::action::copy_table::Log;
use crate::domain::vocabulary::action::{
    CheckTable, CompareCopies, CopyTable, DetachReplica, PauseReplica, PutInPlace, ReattachReplica, Sql,
};
use crate::domain::vocabulary::condition::{
    CaughtUp, FeedsNobody, Fenced, FindingHolds, Replicating, TableAbsent, TablePresent,
};
use crate::domain::vocabulary::{Action, Condition};

/// One thing to simulate.
#[derive(Debug, Clone)]
pub struct Scenario {
    pub name: String,
    pub fleet: Fleet,
    pub snapshot: Snapshot,
    pub runbook: Runbook,
    /// The table whose copies are watched.
    pub table: TableName,
    pub expected: Expected,
    pub promise: Promise,
}

/// What a run that is completed promises of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Promise {
    /// Every server has the right rows of it.
    EveryCopyRight,
    Nothing,
}

/// How a run ends in fair weather.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expected {
    Completed,
    /// A rule of the program refuses a step.
    Refused,
    /// It was made by chance; nobody knows.
    Anything,
}

/// The runbooks that the program ships, with their files.
const SHIPPED: [(&str, &str); 3] = [
    ("rebuild-table-from-replica", include_str!("../../runbooks/rebuild-table-from-replica.yaml")),
    ("rebuild-table-logged", include_str!("../../runbooks/rebuild-table-logged.yaml")),
    ("protect-copy", include_str!("../../runbooks/protect-copy.yaml")),
];

impl Scenario {
    /// Every scenario that is built in.
    pub fn all() -> Vec<Self> {
        vec![
            Self::rebuild(),
            Self::rebuild_logged(),
            Self::rebuild_late(),
            Self::naive_drop(),
            Self::drop_behind_a_pause(),
        ]
    }

    /// The shipped way: everything without the binary log, the spare detached.
    pub fn rebuild() -> Self {
        Self::of("rebuild", rebuild(Log::None), Expected::Completed)
    }

    /// Where the binary log cannot be left out: reattaching releases what was held, and is destructive itself.
    pub fn rebuild_logged() -> Self {
        Self::of("rebuild-logged", rebuild(Log::Binary), Expected::Completed)
    }

    /// The load takes longer than its limit: it ends between two chunks, and people choose.
    pub fn rebuild_late() -> Self {
        let mut steps = rebuild(Log::None);
        for step in &mut steps {
            if let Work::Act(Action::CopyTable(copy)) = &mut step.work {
                copy.limit = Some(Span::from_secs(1));
            }
        }
        Self::of("rebuild-late", steps, Expected::Completed)
    }

    /// What was done in 2022: a logged DROP while everything replicates.
    pub fn naive_drop() -> Self {
        let steps = vec![act("check", check("c")), act("drop", drop_table(Log::Binary))];
        Self::of("naive-drop", steps, Expected::Refused)
    }

    /// A pause is no fence.
    pub fn drop_behind_a_pause() -> Self {
        let pause = Action::PauseReplica(PauseReplica { server: server("c") });
        let steps = vec![act("pause", pause), act("check", check("c")), act("drop", drop_table(Log::Binary))];
        Self::of("drop-behind-a-pause", steps, Expected::Refused)
    }

    /// Every runbook that the program ships, on a fleet whose primary has a corrupt table.
    pub fn shipped() -> Result<Vec<Self>, String> {
        SHIPPED.iter().map(|(name, _)| Self::from_file(name, None)).collect()
    }

    /// The shipped rebuild, with a limit that its load does not keep.
    pub fn shipped_late() -> Result<Self, String> {
        let late = Self::from_file("rebuild-table-from-replica", Some("1s"))?;
        Ok(Self { name: "rebuild-table-from-replica, late".to_owned(), ..late })
    }

    fn from_file(name: &str, limit: Option<&str>) -> Result<Self, String> {
        let file = SHIPPED.iter().find(|(shipped, _)| *shipped == name);
        let (_, text) = file.ok_or_else(|| format!("there is no shipped runbook `{name}`"))?;
        let source = runbook::read(name, text).map_err(|problems| problems.to_string())?;
        let declared: Vec<String> = source.params().iter().map(|param| param.name.clone()).collect();
        let given = [("table", Some(TABLE)), ("primary", Some("a")), ("spare", Some("c")), ("limit", limit)];
        let given = given.into_iter().filter(|(name, _)| declared.iter().any(|known| known == name));
        let given = given.filter_map(|(name, value)| Some((name.to_owned(), value?.to_owned()))).collect();
        let fixture = corrupt();
        let runbook = source.resolve(&given, &fixture.fleet()).map_err(|problems| problems.to_string())?;
        Ok(Self { runbook, ..Self::on(&fixture, name, Vec::new(), Expected::Completed, promised(name)) })
    }

    /// The shipped runbook against a lock storm: one root, and waiters that block each other. It watches no copies, so it
    /// is not one of [`Self::all`].
    pub fn lock_storm() -> Result<Self, String> {
        let text = include_str!("../../runbooks/kill-root-blockers.yaml");
        let source = runbook::read("kill-root-blockers.yaml", text).map_err(|problems| problems.to_string())?;
        let mut edges: Vec<(u64, u64)> = (11..=20).map(|waiter| (waiter, 10)).collect();
        edges.extend((12..=20).map(|waiter| (waiter, waiter - 1)));
        let storm = waits(&(10..=20).collect::<Vec<_>>(), &edges);
        let key = FactKey::server(&server("a"), ServerFact::LockWaits);
        let fixture = Fixture::new().server("a").replica("b", Replica::of("a")).table(TABLE, &["a", "b"]);
        let fixture = fixture.fact(&key, Value::LockWaits(storm));
        let given = BTreeMap::from([("server".to_owned(), "a".to_owned())]);
        let runbook = source.resolve(&given, &fixture.fleet()).map_err(|problems| problems.to_string())?;
        Ok(Self { runbook, ..Self::on(&fixture, "lock-storm", Vec::new(), Expected::Completed, Promise::Nothing) })
    }

    fn of(name: &str, steps: Vec<Step>, expected: Expected) -> Self {
        Self::on(&corrupt(), name, steps, expected, Promise::EveryCopyRight)
    }

    /// These steps on this fleet.
    pub(super) fn on(fixture: &Fixture, name: &str, steps: Vec<Step>, expected: Expected, promise: Promise) -> Self {
        let runbook = Runbook {
            name: name.to_owned(),
            title: "Rebuild a corrupt table from a replica's copy".to_owned(),
            owner: "dba@example.com".to_owned(),
            use_when: "a table is corrupt".to_owned(),
            not_when: "no other server has a clean copy".to_owned(),
            steps,
            params: std::collections::BTreeMap::new(),
            digest: Digest::of(name.as_bytes()),
            text: name.to_owned(),
        };
        let (fleet, snapshot) = (fixture.fleet(), fixture.snapshot());
        Self { name: name.to_owned(), fleet, snapshot, runbook, table: table(), expected, promise }
    }
}

/// Everything that is simulated by number, read and made once.
#[derive(Debug)]
pub struct Catalogue {
    rebuild: Scenario,
    logged: Scenario,
    late: Scenario,
    protect: Scenario,
    naive: Scenario,
    paused: Scenario,
}

impl Catalogue {
    pub fn read() -> Result<Self, String> {
        let shipped = |name| Scenario::from_file(name, None);
        Ok(Self {
            rebuild: shipped("rebuild-table-from-replica")?,
            logged: shipped("rebuild-table-logged")?,
            late: Scenario::shipped_late()?,
            protect: shipped("protect-copy")?,
            naive: Scenario::naive_drop(),
            paused: Scenario::drop_behind_a_pause(),
        })
    }

    /// What the run of this seed simulates: of twenty, twelve shipped runbooks, two that must be refused, six random.
    pub fn of(&self, seed: u64) -> Cow<'_, Scenario> {
        match seed % 20 {
            0..5 => Cow::Borrowed(&self.rebuild),
            5..9 => Cow::Borrowed(&self.logged),
            9 => Cow::Borrowed(&self.late),
            10..12 => Cow::Borrowed(&self.protect),
            12 => Cow::Borrowed(&self.naive),
            13 => Cow::Borrowed(&self.paused),
            _ => Cow::Owned(super::random::scenario(seed)),
        }
    }
}

/// Protecting a copy leaves the corrupt table where it is.
fn promised(name: &str) -> Promise {
    if name == "protect-copy" { Promise::Nothing } else { Promise::EveryCopyRight }
}

/// A primary with a corrupt table and two replicas with good copies.
fn corrupt() -> Fixture {
    Fixture::new()
        .server("a")
        .replica("b", Replica::of("a"))
        .replica("c", Replica::of("a"))
        .table(TABLE, &["a", "b", "c"])
        .damaged("a", TABLE)
}

pub(super) const TABLE: &str = "shop.orders";

pub(super) fn table() -> TableName {
    TABLE.parse().unwrap_or_else(|why| panic!("{why}"))
}

pub(super) fn server(name: &str) -> ServerName {
    ServerName::parse(name).unwrap_or_else(|why| panic!("{why}"))
}

fn id(name: &str) -> StepId {
    StepId::parse(name).unwrap_or_else(|why| panic!("{why}"))
}

pub(super) fn step(name: &str, work: Work) -> Step {
    Step {
        id: id(name),
        title: name.replace('-', " "),
        why: None,
        work,
        preconditions: Vec::new(),
        postconditions: Vec::new(),
        danger: None,
        undo: None,
        repeat: None,
    }
}

pub(super) fn act(name: &str, action: Action) -> Step {
    step(name, Work::Act(action))
}

fn check(on: &str) -> Action {
    Action::CheckTable(CheckTable { server: server(on), table: table() })
}

fn drop_table(log: Log) -> Action {
    Action::Sql(Sql { server: server("a"), statement: "DROP TABLE `shop`.`orders`".to_owned(), log })
}

fn compare(on: &[&str], private_on: Option<&str>) -> Action {
    let on = on.iter().map(|name| server(name)).collect();
    Action::CompareCopies(CompareCopies { table: table(), on, private_on: private_on.map(server) })
}

pub(super) fn rebuild(log: Log) -> Vec<Step> {
    let (a, c) = (server("a"), server("c"));
    let close_writes =
        Work::Manual { text: "Close the application's writes.".to_owned(), read_back: "writes per minute".to_owned() };
    let copy = CopyTable { server: a.clone(), table: table(), from: c.clone(), log, limit: None };
    let mut steps = vec![
        act("protect-spare", Action::DetachReplica(DetachReplica { server: c.clone() })),
        step("close-writes", close_writes),
        act("check-spare", check("c")),
        act("copy", Action::CopyTable(copy)),
        act("compare", compare(&["b", "c"], Some("a"))),
        act("drop", drop_table(log)),
        act("put-in-place", Action::PutInPlace(PutInPlace { server: a.clone(), table: table(), log })),
        act("reattach", Action::ReattachReplica(ReattachReplica { server: c.clone() })),
        step("caught-up", waits_for(&a, &c)),
        act("compare-all", compare(&["a", "b", "c"], None)),
    ];
    steps[0].preconditions = vec![Condition::FeedsNobody(FeedsNobody { server: c.clone() })];
    steps[5].preconditions = vec![
        Condition::Fenced(Fenced { server: c.clone() }),
        Condition::FindingHolds(FindingHolds { step: id("compare") }),
    ];
    steps[5].postconditions = vec![Condition::TableAbsent(TableAbsent { server: a.clone(), table: table() })];
    steps[6].postconditions = vec![Condition::TablePresent(TablePresent { server: a, table: table() })];
    steps
}

fn waits_for(primary: &ServerName, spare: &ServerName) -> Work {
    let conditions = vec![
        Condition::Replicating(Replicating { server: spare.clone() }),
        Condition::CaughtUp(CaughtUp { server: spare.clone(), with: primary.clone() }),
    ];
    Work::WaitUntil { conditions, at_most: Span::from_secs(600) }
}
