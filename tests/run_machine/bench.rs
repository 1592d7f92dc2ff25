//! A run without an executor: `decide` answers, the test plays everybody else.

use std::collections::{BTreeMap, BTreeSet};

use countersign::domain::approval::policy::Policy;
use countersign::domain::approval::sshsig::Verb;
use countersign::domain::approval::votes::{Input as SignedInput, InputVerb, JournalHead, Objection, Stop, Subject};
use countersign::domain::base::{Digest, RunId, ServerName, Span, TableName, Timestamp};
use countersign::domain::fleet::Fleet;
use countersign::domain::journal::record::{Approval, Choice, Opened, OwnMeasurement, Record, Stopper};
use countersign::domain::journal::{Head, Line};
use countersign::domain::run::decide::{Setup, decide};
use countersign::domain::run::effect::{Effect, Input, Moment, Person};
use countersign::domain::run::state::{Phase, State};
use countersign::domain::run::{Connection, Outcome};
use countersign::domain::runbook::{Runbook, Step};
use countersign::domain::snapshot::fixture::Fixture;
use countersign::domain::snapshot::fixture::Replica;
use countersign::domain::snapshot::{FactKey, Patch, Snapshot, TableFact, Value};
use countersign::domain::vocabulary::private::private_table;
use countersign::simulate::people;
use countersign::simulate::scenario::Scenario;

pub const TABLE: &str = "shop.orders";

/// A run without an executor: what decide answers is applied, and what it asks for is handed back.
#[derive(Clone)]
pub struct Bench {
    pub setup: Setup,
    pub state: State,
    pub now: Timestamp,
    pub seen: Snapshot,
    pub recorded: Vec<Record>,
}

pub fn fixture() -> Fixture {
    let run = RunId::parse("r-1").unwrap();
    let private = private_table(&TABLE.parse().unwrap(), &run);
    Fixture::new()
        .server("a")
        .replica("b", Replica::of("a"))
        .replica("c", Replica::of("a").detached())
        .table(TABLE, &["a", "b", "c"])
        .table(&private.to_string(), &[])
        .damaged("a", TABLE)
        .good("b", TABLE)
        .good("c", TABLE)
}

/// The steps of the built-in rebuild with these names, without their preconditions.
pub fn steps(names: &[&str]) -> Vec<Step> {
    let all = Scenario::rebuild().runbook.steps;
    let named = |name: &&str| all.iter().find(|step| step.id.as_str() == *name).unwrap().clone();
    names.iter().map(named).map(|step| Step { preconditions: Vec::new(), ..step }).collect()
}

impl Bench {
    pub fn new(names: &[&str]) -> Self {
        Self::with(names, Policy::default_text())
    }

    pub fn with(names: &[&str], policy: &str) -> Self {
        let mut runbook = Scenario::rebuild().runbook;
        runbook.steps = steps(names);
        Self::of(runbook, fixture().fleet(), fixture().snapshot(), policy)
    }

    /// A run of any runbook over any facts.
    pub fn of(runbook: Runbook, fleet: Fleet, seen: Snapshot, policy: &str) -> Self {
        let run = RunId::parse("r-1").unwrap();
        let tables: BTreeSet<TableName> = runbook.tables(&run);
        let setup = Setup {
            runbook,
            fleet,
            trust: people::trust(policy, &[]).unwrap(),
            tables,
            driver: people::principal("ana"),
            journal_key: "AAAA".to_owned(),
            armed_for: Span::from_secs(3),
            settle_for: Span::from_secs(10),
        };
        let opened = opened(&setup, &run);
        let now = Timestamp::from_millis(1000);
        let (event, payload) = opened.to_line();
        let line = Line::next(&Head::start(), now, &event, &payload).unwrap();
        let state = State::open(&opened, line.head(), now).unwrap();
        Self { setup, state, now, seen: seen.as_of(now), recorded: vec![opened] }
    }

    /// One input: its records are applied, and its effects are the answer.
    pub fn give(&mut self, input: Input) -> Vec<Effect> {
        let random = u128::from(self.state.head.entries()).to_le_bytes();
        let decision = decide(&self.setup, &self.state, input, Moment { time: self.now, random });
        for record in decision.records {
            self.record(record).unwrap();
        }
        decision.effects
    }

    pub fn record(&mut self, record: Record) -> Result<(), String> {
        let (event, payload) = record.to_line();
        let line = Line::next(&self.state.head, self.now, &event, &payload).unwrap();
        let read = Record::from_line(line.seq(), line.event(), line.payload()).unwrap();
        assert_eq!(read, record, "a record survives its line");
        let applied = self.state.apply(&record, line.head(), self.now).map_err(|error| error.to_string());
        self.recorded.push(record);
        applied
    }

    /// Goes on as the executor would, answering every look with what is seen, until something else is asked.
    pub fn go_on(&mut self) -> Vec<Effect> {
        let mut input = Input::Proceed;
        for _ in 0..50 {
            let before = self.recorded.len();
            let mut effects = self.give(input);
            input = match effects.pop() {
                Some(Effect::Observe) => Input::Observed(self.seen.clone()),
                Some(Effect::LastLook) => Input::LastLook(self.seen.clone()),
                Some(Effect::Prepare { before, .. }) => Input::Prepared { connection: Ok(Some(connection())), before },
                Some(effect) => {
                    effects.push(effect);
                    return effects;
                }
                None if self.recorded.len() > before => Input::Proceed,
                None => return Vec::new(),
            };
        }
        panic!("it goes round in circles: {:?}", self.state.phase.word());
    }

    pub fn later(&mut self, seconds: u64) {
        self.now = self.now.plus(Span::from_secs(seconds));
        self.seen = self.seen.clone().as_of(self.now);
    }

    pub fn sees(&mut self, key: FactKey, value: Value) {
        let mut patch = Patch::default();
        patch.set(key, value, self.now);
        self.seen = self.seen.with(&patch);
    }

    pub fn approve(&mut self, name: &str, seed: u8) {
        let Phase::Requested { request } = self.state.phase.clone() else { panic!("{:?}", self.state.phase.word()) };
        let text = self.state.requests[&request].text.clone();
        self.approve_text(name, seed, &text);
    }

    /// Signs a text, whichever it is, as an approval of the request that is open.
    pub fn approve_text(&mut self, name: &str, seed: u8, text: &str) {
        let Phase::Requested { request } = self.state.phase.clone() else { panic!("{:?}", self.state.phase.word()) };
        let armored = people::key(seed).sign(Verb::Approve, text.as_bytes());
        let measured = Some(OwnMeasurement { confirmed: 1, of: 1 });
        let approval = Approval { by: people::principal(name), armored, measured, answer: None, reason: None };
        let _ = self.give(Input::Person(Person::Approve { request, approval }));
    }

    /// Goes on until the step's request has both signatures and is armed.
    pub fn armed(&mut self) {
        let _ = self.go_on();
        self.approve("ana", 1);
        self.approve("bob", 2);
        let _ = self.go_on();
        assert!(matches!(self.state.phase, Phase::Armed { .. }), "{}", self.state.phase.word());
    }

    /// Another process, driven by bob, goes on with the run.
    pub fn taken_over(&mut self) {
        let changed = Record::ExecutorChanged {
            by: people::principal("bob"),
            host: "bastion-2".to_owned(),
            journal_key: "BBBB".to_owned(),
            signed: None,
        };
        self.record(changed).unwrap();
    }

    /// Chen rejects the newest request.
    pub fn rejected(&mut self) {
        self.objected(Stopper::Rejected, ("chen", 3));
    }

    /// Somebody, by name and key, says no to the first request.
    pub fn objected(&mut self, how: Stopper, (name, key): (&str, u8)) {
        let (stop, verb) = match how {
            Stopper::Rejected => (Stop::Reject, Verb::Reject),
            Stopper::Withdrawn => (Stop::Withdraw, Verb::Withdraw),
        };
        let id = self.state.requests.keys().next().unwrap().clone();
        let sha256 = Digest::of(self.state.requests[&id].text.as_bytes());
        let objection = Objection {
            stop,
            subject: Subject { run: self.state.opened.run.clone(), request: id.clone(), sha256 },
            by: people::principal(name),
            created: self.now,
            reason: "not now".to_owned(),
        };
        let text = objection.render().unwrap();
        let armored = people::key(key).sign(verb, text.as_bytes());
        let stop = Person::Stop { request: id, how, text, armored };
        let _ = self.give(Input::Person(stop));
    }

    /// The table that this run loads.
    pub fn private(&self) -> TableName {
        private_table(&TABLE.parse().unwrap(), &self.state.opened.run)
    }

    pub fn signed(&mut self, verb: InputVerb, argument: &str, head: JournalHead) {
        let input = SignedInput {
            run: self.state.opened.run.clone(),
            head,
            by: people::principal("ana"),
            created: self.now,
            verb,
            argument: argument.to_owned(),
        };
        let text = input.render().unwrap();
        let armored = people::key(1).sign(Verb::Input, text.as_bytes());
        let _ = self.give(Input::Person(Person::Signed { text, armored }));
    }

    pub fn head(&self) -> JournalHead {
        JournalHead { entry: self.state.head.seq().unwrap(), sha256: self.state.head.digest().clone() }
    }

    pub fn why_stopped(&self) -> String {
        match &self.state.phase {
            Phase::Stopped { why, .. } => why.to_string(),
            other => panic!("it is {}", other.word()),
        }
    }

    pub fn choices(&self) -> Vec<Choice> {
        match &self.state.phase {
            Phase::Stopped { choices, .. } => choices.clone(),
            other => panic!("it is {}", other.word()),
        }
    }

    pub fn last(&self) -> &Record {
        self.recorded.last().unwrap()
    }
}

pub fn opened(setup: &Setup, run: &RunId) -> Record {
    Record::Opened(Box::new(Opened {
        format: 1,
        run: run.clone(),
        by: setup.driver.clone(),
        host: "bastion-1".to_owned(),
        mode: "simulated".to_owned(),
        reason: "INC-1".to_owned(),
        fleet: setup.fleet.name.clone(),
        fleet_digest: setup.fleet.digest.clone(),
        fleet_text: String::new(),
        runbook: setup.runbook.name.clone(),
        runbook_digest: setup.runbook.digest.clone(),
        runbook_text: String::new(),
        params: BTreeMap::new(),
        steps: setup.runbook.steps.iter().map(|step| step.id.clone()).collect(),
        tables: setup.tables.iter().cloned().collect(),
        trust_serial: 1,
        trust_digest: setup.trust.digest().clone(),
        journal_key: "AAAA".to_owned(),
    }))
}

pub fn connection() -> Connection {
    let server = ServerName::parse("a").unwrap();
    let (lock, identity) = ("countersign/r-1".to_owned(), "mariadb server_id=a".to_owned());
    Connection { server, id: 7, lock, identity, booted: Timestamp::from_millis(0) }
}

pub fn server(name: &str) -> ServerName {
    ServerName::parse(name).unwrap()
}

pub fn exists_on_a() -> FactKey {
    FactKey::table(&server("a"), &TABLE.parse().unwrap(), TableFact::Exists)
}

pub fn lost() -> Outcome {
    Outcome::InDoubt { why: "the connection was lost".to_owned() }
}

pub fn in_doubt() -> Bench {
    let mut bench = Bench::new(&["drop"]);
    bench.armed();
    bench.later(3);
    assert!(matches!(bench.go_on()[..], [Effect::Send { .. }]));
    let _ = bench.give(Input::Came(lost()));
    bench
}
