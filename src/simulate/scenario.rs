//! What is simulated: a fleet, a runbook on it, and how its run should end.

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
}

/// How a run ends in fair weather.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expected {
    Completed,
    /// A rule of the program refuses a step.
    Refused,
}

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
        let (fleet, snapshot) = (fixture.fleet(), fixture.snapshot());
        let runbook = source.resolve(&given, &fleet).map_err(|problems| problems.to_string())?;
        Ok(Self {
            name: "lock-storm".to_owned(),
            fleet,
            snapshot,
            runbook,
            table: table(),
            expected: Expected::Completed,
        })
    }

    fn of(name: &str, steps: Vec<Step>, expected: Expected) -> Self {
        let fixture = Fixture::new()
            .server("a")
            .replica("b", Replica::of("a"))
            .replica("c", Replica::of("a"))
            .table(TABLE, &["a", "b", "c"])
            .damaged("a", TABLE);
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
        Self { name: name.to_owned(), fleet, snapshot, runbook, table: table(), expected }
    }
}

const TABLE: &str = "shop.orders";

fn table() -> TableName {
    TABLE.parse().unwrap_or_else(|why| panic!("{why}"))
}

fn server(name: &str) -> ServerName {
    ServerName::parse(name).unwrap_or_else(|why| panic!("{why}"))
}

fn id(name: &str) -> StepId {
    StepId::parse(name).unwrap_or_else(|why| panic!("{why}"))
}

fn step(name: &str, work: Work) -> Step {
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

fn act(name: &str, action: Action) -> Step {
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

fn rebuild(log: Log) -> Vec<Step> {
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
