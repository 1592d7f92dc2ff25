//! A modelled incident for the tests of screens and lines: the real `decide` over modelled facts, so every record is
//! one that a run would write.

use std::collections::BTreeMap;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::history::Seen;
use super::model::{Action, Model, Msg, Seat, Viewer, update};
use super::review::{OwnLook, OwnSight, OwnText};
use super::theme::{Colour, Glyphs, Theme};
use crate::domain::approval::sshsig::Verb;
use crate::domain::approval::testing;
use crate::domain::approval::votes::{InputVerb, JournalHead};
use crate::domain::base::{Digest, Known, Principal, ServerName, Span, TableName, Timestamp};
use crate::domain::journal::record::{Approval, Opened, OwnMeasurement, Record};
use crate::domain::journal::{Head, Line};
use crate::domain::run::decide::{Setup, decide};
use crate::domain::run::effect::{Effect, Input, Moment, Person};
use crate::domain::run::outcome::{Connection, ConnectionState, CopyProgress, Measured, Outcome};
use crate::domain::run::state::{Phase, State};
use crate::domain::runbook::{Runbook, Step, Work};
use crate::domain::snapshot::fixture::{Fixture, Replica};
use crate::domain::snapshot::{About, Snapshot, SnapshotFile, TableFact, Value};
use crate::domain::vocabulary::{Action as Act, Condition};

const TABLE: &str = "shop.orders";

/// What the modelled servers are like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Spare {
    Follows,
    Detached,
}

/// A run in the making.
pub(crate) struct Story {
    pub(crate) setup: Setup,
    pub(crate) state: State,
    pub(crate) seen: Vec<Seen>,
    pub(crate) lines: Vec<Line>,
    pub(crate) facts: Snapshot,
    pub(crate) now: Timestamp,
    random: u8,
}

fn name<T: std::str::FromStr>(text: &str) -> T
where
    T::Err: std::fmt::Debug,
{
    text.parse().unwrap()
}

/// db-a is damaged, db-b and db-d follow it unchecked, db-c is the spare with a good copy.
pub(crate) fn servers(spare: Spare, at: Timestamp) -> (Fixture, Snapshot) {
    let link = match spare {
        Spare::Follows => Replica::of("db-a"),
        Spare::Detached => Replica::of("db-a").detached(),
    };
    let fixture = Fixture::new()
        .server("db-a")
        .replica("db-b", Replica::of("db-a"))
        .replica("db-c", link)
        .replica("db-d", Replica::of("db-b"))
        .table(TABLE, &["db-a", "db-b", "db-c", "db-d"])
        .damaged("db-a", TABLE)
        .good("db-c", TABLE);
    let mut file = SnapshotFile::from(&fixture.snapshot());
    file.taken = at;
    for fact in &mut file.facts {
        if let Known::Observed { value, at: seen } = &mut fact.known {
            *seen = at;
            if let Value::Finding(finding) = value {
                finding.at = at;
            }
        }
    }
    (fixture, file.into())
}

fn act(server: &str, action: &str, args: serde_json::Value) -> Work {
    let mut args = args;
    args["server"] = server.into();
    Work::Act(Act::from_args(action, args).unwrap())
}

fn step(id: &str, work: Work) -> Step {
    Step {
        id: name(id),
        title: id.to_owned(),
        why: None,
        work,
        preconditions: Vec::new(),
        postconditions: Vec::new(),
        danger: None,
        undo: None,
        repeat: None,
    }
}

pub(crate) fn condition(kind: &str, args: serde_json::Value) -> Condition {
    Condition::from_args(kind, args).unwrap()
}

/// The step that drops the damaged table, logged or not; with a detached spare it asks for what protects its copy.
pub(crate) fn drop_step(spare: Spare, log: &str) -> Step {
    let statement = "DROP TABLE `shop`.`orders`";
    let mut step = step("drop-corrupt", act("db-a", "sql", serde_json::json!({ "statement": statement, "log": log })));
    if spare == Spare::Detached {
        step.preconditions = vec![
            condition("fenced", serde_json::json!({ "server": "db-c" })),
            condition("copy_good", serde_json::json!({ "server": "db-c", "table": TABLE })),
        ];
    }
    step
}

/// A person shows a status page.
pub(crate) fn manual_step() -> Step {
    step(
        "close-writes",
        Work::Manual {
            text: "Switch the application to maintenance and look at its status page.".to_owned(),
            read_back: "the word on the status page".to_owned(),
        },
    )
}

pub(crate) fn detach_step() -> Step {
    step("protect-spare", act("db-c", "detach_replica", serde_json::json!({})))
}

pub(crate) fn copy_step() -> Step {
    let args = serde_json::json!({ "table": TABLE, "from": "db-c", "log": "none", "limit": "2h" });
    step("load-beside", act("db-a", "copy_table", args))
}

impl Story {
    pub(crate) fn new(spare: Spare, steps: Vec<Step>) -> Self {
        let now: Timestamp = name("2026-11-22T03:00:02Z");
        let (fixture, facts) = servers(spare, now);
        let trust = testing::three();
        let ids = steps.iter().map(|step| step.id.clone()).collect();
        let opened = opened(&trust, &fixture, ids);
        let runbook = Runbook {
            name: opened.runbook.clone(),
            title: "Rebuild".to_owned(),
            owner: "dba@example.com".to_owned(),
            use_when: String::new(),
            not_when: String::new(),
            params: std::collections::BTreeMap::new(),
            steps,
            digest: opened.runbook_digest.clone(),
            text: String::new(),
        };
        let setup = Setup {
            runbook,
            fleet: fixture.fleet(),
            trust,
            tables: [name(TABLE)].into(),
            driver: opened.by.clone(),
            journal_key: opened.journal_key.clone(),
            armed_for: Span::from_secs(5),
            settle_for: Span::from_secs(10),
        };
        let record = Record::Opened(Box::new(opened));
        let (event, payload) = record.to_line();
        let line = Line::next(&Head::start(), now, &event, &payload).unwrap();
        let state = State::open(&record, line.head(), now).unwrap();
        let seen = vec![Seen { at: now, head: line.head(), record }];
        Self { setup, state, seen, lines: vec![line], facts, now, random: 0x5f }
    }

    pub(crate) fn push(&mut self, record: Record) {
        let (event, payload) = record.to_line();
        let line = Line::next(&self.state.head, self.now, &event, &payload).unwrap();
        self.state.apply(&record, line.head(), self.now).unwrap();
        self.seen.push(Seen { at: self.now, head: line.head(), record });
        self.lines.push(line);
    }

    pub(crate) fn wait(&mut self, secs: u64) -> &mut Self {
        self.now = self.now.plus(Span::from_secs(secs));
        self
    }

    /// One decision: its records are applied, its effects come back.
    pub(crate) fn give(&mut self, input: Input) -> Vec<Effect> {
        self.random = self.random.wrapping_add(1);
        let decision = decide(&self.setup, &self.state, input, Moment { time: self.now, random: [self.random; 16] });
        let effects = decision.effects;
        decision.records.into_iter().for_each(|record| self.push(record));
        effects
    }

    /// Runs with servers that do what they are told, until `stop` or until people are waited for.
    pub(crate) fn run_until(&mut self, stop: impl Fn(&Phase) -> bool) -> &mut Self {
        let mut input = Input::Proceed;
        for _ in 0..200 {
            if stop(&self.state.phase) {
                return self;
            }
            let before = self.seen.len();
            let effects = self.give(input);
            input = match effects.into_iter().next() {
                Some(Effect::WakeAt(_)) if matches!(self.state.phase, Phase::Requested { .. }) => return self,
                Some(Effect::Finish(_)) => return self,
                Some(effect) => self.answer(effect),
                None if self.seen.len() > before => Input::Proceed,
                None => return self,
            };
        }
        panic!("the run does not come to rest: {:?}", self.state.phase.word());
    }

    fn answer(&mut self, effect: Effect) -> Input {
        let facts = self.facts.clone().as_of(self.now);
        match effect {
            Effect::Observe => Input::Observed(facts),
            Effect::LastLook => Input::LastLook(facts),
            Effect::Prepare { command, before } => {
                Input::Prepared { connection: Ok(Some(connection(&command.server))), before }
            }
            Effect::WakeAt(time) => {
                self.now = self.now.max(time);
                Input::Tick
            }
            Effect::Send { .. } => {
                self.come_true();
                Input::Came(Outcome::Done { detail: "0 rows affected".to_owned() })
            }
            Effect::Measure(command) => Input::Came(Outcome::Measured { findings: measured(&command.patch) }),
            Effect::LookFor(_) => Input::Looked { state: ConnectionState::Gone, snapshot: facts },
            Effect::Kill(_) => Input::Killed(Ok(())),
            Effect::Close(_) | Effect::StopCopy | Effect::Finish(_) => Input::Proceed,
        }
    }

    /// What the running command was predicted to change becomes so.
    pub(crate) fn come_true(&mut self) {
        if let Phase::Sending { plan, command, .. } = &self.state.phase {
            let mut facts = self.facts.with(&plan.assessed.predicted[*command]);
            std::mem::swap(&mut self.facts, &mut facts);
        }
    }

    pub(crate) fn approve(&mut self, who: &str, seed: u8, measured: Option<OwnMeasurement>) -> &mut Self {
        let Phase::Requested { request } = self.state.phase.clone() else { panic!("no request is open") };
        let text = self.state.requests[&request].text.clone();
        let approval = Approval {
            by: name(who),
            armored: testing::sign(seed, Verb::Approve, text.as_bytes()),
            measured,
            answer: Some("db-c".to_owned()),
            reason: Some("db-c is detached and was checked twice".to_owned()),
        };
        self.give(Input::Person(Person::Approve { request, approval }));
        self
    }

    /// A signed input of ana, as of the newest entry.
    pub(crate) fn signed(&mut self, verb: InputVerb, argument: &str) -> &mut Self {
        let head = JournalHead { entry: self.state.head.seq().unwrap(), sha256: self.state.head.digest().clone() };
        let input = crate::domain::approval::votes::Input {
            run: self.state.opened.run.clone(),
            head,
            by: name("ana"),
            created: self.now,
            verb,
            argument: argument.to_owned(),
        };
        let text = input.render().unwrap();
        let armored = testing::sign(1, Verb::Input, text.as_bytes());
        self.give(Input::Person(Person::Signed { text, armored }));
        self
    }

    pub(crate) fn note(&mut self, by: &str, text: &str) -> &mut Self {
        self.give(Input::Person(Person::Note { by: by.to_owned(), text: text.to_owned() }));
        self
    }

    pub(crate) fn progress(&mut self, rows_done: u64) -> &mut Self {
        let took = self.now.since(self.state.at_phase);
        let rows_expected = Some(125_417_902);
        let progress = CopyProgress { rows_done, rows_before: 0, rows_expected, took, at: self.now };
        self.give(Input::Progress(progress));
        self
    }

    /// The screen of `who` on this run, at the story's time.
    pub(crate) fn screen(&self, who: &str, seat: Seat, width: u16, height: u16) -> Model {
        let viewer = Viewer {
            who: Some(name(who)),
            key: "SHA256:Vt71 (agent)".to_owned(),
            environment: "PROD".to_owned(),
            operators: ["ana", "bob", "chen"].into_iter().map(name::<Principal>).collect(),
            help: "#inc-db, on call: ana > chen".to_owned(),
            rules: self.setup.fleet.rules.clone(),
            policy: self.setup.trust.policy().clone(),
            seat,
            theme: Theme { colour: Colour::None, glyphs: Glyphs::Unicode },
        };
        let mut model = Model::new(viewer, self.now, width, height);
        for seen in &self.seen {
            update(&mut model, Msg::Record(Box::new(seen.clone())));
        }
        update(&mut model, Msg::Snapshot(self.facts.clone()));
        update(&mut model, Msg::Tick(self.now));
        model
    }

    /// What a reviewer's client would see now that sees everything.
    pub(crate) fn own_look(&self) -> OwnLook {
        let Phase::Requested { request } = &self.state.phase else { panic!("no request is open") };
        let found = &self.state.requests[request];
        let facts = self.state.with_known(&self.facts);
        let claims = found.assessed.relies_on.iter().map(|claim| claim.check(&facts)).collect();
        let saw = OwnSight::Measured { assessed: Box::new(found.assessed.clone()), claims, text: OwnText::Same };
        OwnLook { request: request.clone(), at: self.now, saw }
    }
}

fn opened(
    trust: &crate::domain::approval::trust::Trust,
    fixture: &Fixture,
    steps: Vec<crate::domain::base::StepId>,
) -> Opened {
    Opened {
        format: 1,
        run: name("r-9b02"),
        by: name("ana"),
        host: "bastion-1".to_owned(),
        mode: "live".to_owned(),
        reason: "INC-4412".to_owned(),
        fleet: "prod-eu".to_owned(),
        fleet_digest: fixture.fleet().digest,
        fleet_text: String::new(),
        runbook: "rebuild-table".to_owned(),
        runbook_digest: Digest::of(b"runbook"),
        runbook_text: String::new(),
        params: BTreeMap::new(),
        steps,
        tables: vec![name::<TableName>(TABLE)],
        trust_serial: trust.serial(),
        trust_digest: trust.digest().clone(),
        journal_key: "AAAA".to_owned(),
    }
}

fn connection(server: &ServerName) -> Connection {
    Connection {
        server: server.clone(),
        id: 4711,
        lock: "countersign".to_owned(),
        identity: format!("mariadb server_id={server}"),
        booted: Timestamp::from_millis(0),
    }
}

fn measured(patch: &crate::domain::snapshot::Patch) -> Vec<Measured> {
    patch
        .changes()
        .filter_map(|(key, known)| match (&key.about, known.value()) {
            (About::Table { table, fact: TableFact::Finding }, Ok(Value::Finding(finding))) => {
                Some(Measured { server: key.server.clone(), table: table.clone(), finding: finding.clone() })
            }
            _ => None,
        })
        .collect()
}

/// A press of one key.
pub(crate) fn key(code: KeyCode) -> Msg {
    Msg::Key(KeyEvent::new(code, KeyModifiers::NONE))
}

pub(crate) fn ctrl(c: char) -> Msg {
    Msg::Key(KeyEvent::new(KeyCode::Char(c), KeyModifiers::CONTROL))
}

/// Types a text, key by key.
pub(crate) fn type_text(model: &mut Model, text: &str) -> Vec<Action> {
    text.chars().flat_map(|c| update(model, key(KeyCode::Char(c)))).collect()
}

/// A picture of the model, line by line, without blanks at their ends.
pub(crate) fn picture(model: &Model) -> String {
    let backend = ratatui::backend::TestBackend::new(model.ui.width, model.ui.height);
    let mut terminal = ratatui::Terminal::new(backend).unwrap();
    terminal.draw(|frame| super::draw::draw(model, frame)).unwrap();
    let buffer = terminal.backend().buffer();
    let row = |y| (0..model.ui.width).map(|x| buffer[(x, y)].symbol()).collect::<String>().trim_end().to_owned();
    (0..model.ui.height).map(row).collect::<Vec<_>>().join("\n")
}
