//! A run made by hand: every kind of record, with real signatures by ana, bob and chen.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use countersign::domain::approval::request::{Header, Request};
use countersign::domain::approval::sshsig::Verb;
use countersign::domain::approval::trust::Trust;
use countersign::domain::approval::votes::{Input, InputVerb, JournalHead, Objection, Stop, Subject};
use countersign::domain::base::{Danger, Digest, Principal, RequestId, RunId, Span, StepId, Timestamp, Verdict};
use countersign::domain::journal::record::{
    Approval, Assessed, Checked, Choice, Ending, Opened, OwnMeasurement, Record, SignedText, StopReason, Stopper,
};
use countersign::domain::journal::{Head, Line};
use countersign::domain::reach::{Arrival, Carry, How, Reach, WayBack};
use countersign::domain::run::{Connection, Outcome};
use countersign::domain::script::{Command, Work};
use countersign::domain::snapshot::{
    Claim, Effect, EffectKind, Evidence, FactKey, LinkFact, Object, Patch, TableFact, Test, Value,
};
use countersign::domain::sql::packet::{BinlogWriting, Session};
use countersign::domain::sql::{Dialect, Flavor, Version};
use countersign::domain::step::Assessment;
use countersign::keys::{RunKey, SecretKey};

pub const ANA: u8 = 1;
pub const BOB: u8 = 2;
pub const CHEN: u8 = 3;
pub const STRANGER: u8 = 8;
pub const RUN_KEY: u8 = 9;
pub const NEXT_RUN_KEY: u8 = 10;
pub const REQUEST: &str = "9f1c2e4ab0d94e7f8a3356c1d27be804";
pub const DROP: &str = "DROP TABLE `shop`.`orders`";

pub fn name(seed: u8) -> Principal {
    Principal::parse(match seed {
        ANA => "ana",
        BOB => "bob",
        CHEN => "chen",
        _ => "eve",
    })
    .unwrap()
}

pub fn secret(seed: u8) -> SecretKey {
    SecretKey::from_seed(&[seed; 32]).unwrap()
}

pub fn run() -> RunId {
    RunId::parse("r-7k3q9d").unwrap()
}

pub fn step(id: &str) -> StepId {
    StepId::parse(id).unwrap()
}

/// Public key files for `trust init`.
pub fn key_files(dir: &Path, seeds: &[u8]) -> Vec<(Principal, PathBuf)> {
    seeds
        .iter()
        .map(|seed| {
            let path = dir.join(format!("{}.pub", name(*seed)));
            std::fs::write(&path, format!("{} {}\n", secret(*seed).public(), name(*seed))).unwrap();
            (name(*seed), path)
        })
        .collect()
}

fn dialect() -> Dialect {
    Dialect::of(Flavor::MariaDb, Version::new(10, 11, 19)).unwrap()
}

pub fn statement(server: &str, text: &str, danger: Danger, binlog: BinlogWriting) -> Command {
    let carry = if binlog == BinlogWriting::On { Carry::Logged } else { Carry::Unlogged };
    let kind = if danger == Danger::Destructive { EffectKind::Dropped } else { EffectKind::NoRows };
    let patch = if danger == Danger::Destructive { gone() } else { Patch::default() };
    Command {
        server: server.parse().unwrap(),
        work: Work::Statement { text: text.to_owned(), session: Session::statement(binlog), dialect: dialect() },
        danger,
        effects: vec![Effect { object: Object::Table("shop.orders".parse().unwrap()), kind }],
        carry,
        patch,
    }
}

fn gone() -> Patch {
    let table = FactKey::table(&"db-a".parse().unwrap(), &"shop.orders".parse().unwrap(), TableFact::Exists);
    let mut patch = Patch::default();
    patch.set(table, Value::Flag(false), Timestamp::from_millis(0));
    patch
}

fn assessed(script: Vec<Command>) -> Assessed {
    let destroys = script.iter().any(|command| command.danger == Danger::Destructive);
    let against = destroys.then(|| "the good copy on db-b is given up (now)".to_owned());
    Assessed {
        predicted: script.iter().map(|command| command.patch.clone()).collect(),
        script,
        reaches: vec![Reach {
            arrivals: vec![
                arrival("db-a", How::RunsHere, "", &["db-a"]),
                arrival("db-c", How::Never, "it is detached", &["db-a", "db-c"]),
            ],
            strangers: Vec::new(),
        }],
        checks: vec![Checked {
            says: "db-c is fenced".to_owned(),
            verdict: Verdict::Holds,
            seen: vec!["db-c: fence: detached".to_owned()],
        }],
        relies_on: vec![fenced()],
        against: against.into_iter().collect(),
        way_back: Some(WayBack { before: "promote db-c".to_owned(), after: "copy the table from db-c".to_owned() }),
    }
}

fn arrival(server: &str, how: How, why: &str, path: &[&str]) -> Arrival {
    Arrival {
        server: server.parse().unwrap(),
        how,
        path: path.iter().map(|server| server.parse().unwrap()).collect(),
        why: why.to_owned(),
    }
}

fn fenced() -> Claim {
    Claim::new(FactKey::link(&"db-c".parse().unwrap(), "", LinkFact::Fence), Test::Is(Value::text("detached")))
}

pub fn evidence(verdict: Verdict, seen: &str) -> Evidence {
    Evidence { claim: fenced(), verdict, seen: seen.to_owned(), at: None }
}

fn connection() -> Connection {
    Connection {
        server: "db-a".parse().unwrap(),
        id: 41,
        lock: "countersign r-7k3q9d".to_owned(),
        identity: "mariadb 10.11.19 server_id=1".to_owned(),
        booted: "2026-11-20T00:00:00Z".parse().unwrap(),
    }
}

/// Writes records as an executor does: chained, with signed heads.
pub struct Maker {
    pub trust: Trust,
    pub key: RunKey,
    pub lines: Vec<Line>,
    pub records: Vec<Record>,
    pub now: Timestamp,
    pub opened: Opened,
    /// The executor's key, and how the run is made different from the good one.
    pub attempt: u32,
}

impl Maker {
    pub fn open(trust: &Trust, steps: &[&str]) -> Self {
        let key = RunKey::from_seed(run(), &[RUN_KEY; 32]).unwrap();
        let (fleet_text, runbook_text) = ("fleet: shop\n".to_owned(), "countersign: 1\n".to_owned());
        let opened = Opened {
            format: 1,
            run: run(),
            by: name(ANA),
            host: "bastion-1".to_owned(),
            mode: "live".to_owned(),
            reason: "INC-4412 table corrupt".to_owned(),
            fleet: "shop".to_owned(),
            fleet_digest: Digest::of(fleet_text.as_bytes()),
            fleet_text,
            runbook: "rebuild-table-from-replica".to_owned(),
            runbook_digest: Digest::of(runbook_text.as_bytes()),
            runbook_text,
            params: BTreeMap::from([("table".to_owned(), "shop.orders".to_owned())]),
            steps: steps.iter().map(|id| step(id)).collect(),
            tables: vec!["shop.orders".parse().unwrap()],
            trust_serial: trust.serial(),
            trust_digest: trust.digest().clone(),
            journal_key: key.journal_key(),
        };
        let now = "2026-11-22T03:00:02Z".parse().unwrap();
        let mut maker = Self {
            trust: trust.clone(),
            key,
            lines: Vec::new(),
            records: Vec::new(),
            now,
            opened: opened.clone(),
            attempt: 1,
        };
        maker.push(Record::Opened(Box::new(opened)));
        maker
    }

    pub fn head(&self) -> Head {
        self.lines.last().map_or_else(Head::start, Line::head)
    }

    pub fn push(&mut self, record: Record) {
        self.push_together(&[record]);
    }

    pub fn push_together(&mut self, records: &[Record]) {
        let head = self.head();
        for (record, line) in self.key.lines(&head, self.now, records).unwrap() {
            self.records.push(record);
            self.lines.push(line);
        }
        self.wait(1);
    }

    pub fn wait(&mut self, secs: u64) {
        self.now = self.now.plus(Span::from_secs(secs));
    }

    pub fn input(&self, seed: u8, verb: InputVerb, argument: &str) -> SignedText {
        let head = self.head();
        let head = JournalHead { entry: head.seq().unwrap(), sha256: head.digest().clone() };
        let argument = argument.to_owned();
        let input = Input { run: run(), head, by: name(seed), created: self.now, verb, argument };
        let text = input.render().unwrap();
        SignedText { armored: secret(seed).sign(Verb::Input, text.as_bytes()), text }
    }

    pub fn answer(&mut self, seed: u8, id: &str, text: &str) {
        let signed = self.input(seed, InputVerb::Answer, text);
        self.push(Record::Answered { step: step(id), by: name(seed), text: text.to_owned(), signed });
    }

    pub fn choose(&mut self, seed: u8, number: usize, choice: Choice) {
        let signed = self.input(seed, InputVerb::Choose, &number.to_string());
        self.push(Record::Chosen { by: name(seed), choice, signed });
    }

    pub fn release(&mut self, seed: u8) {
        let signed = self.input(seed, InputVerb::Release, "back");
        self.push(Record::Released { by: name(seed), signed });
    }

    pub fn entered(&mut self, id: &str, number: usize) {
        self.push(Record::Entered { step: step(id), number, attempt: self.attempt });
    }

    pub fn done(&mut self, id: &str) {
        let checks = vec![Checked { says: "as promised".to_owned(), verdict: Verdict::Holds, seen: Vec::new() }];
        self.push(Record::Done { step: step(id), checks });
    }

    pub fn came(&mut self, id: &str, outcome: Outcome) {
        self.push(Record::Came { step: step(id), command: 0, outcome, learned: Vec::new() });
    }

    pub fn armed(&mut self, id: &str, request: Option<&str>, danger: Danger, script: Vec<Command>) {
        let request = request.map(|id| RequestId::parse(id).unwrap());
        self.push(Record::Armed { step: step(id), request, until: self.now, danger, assessed: assessed(script) });
    }

    pub fn intended(&mut self, id: &str, request: Option<&str>, text: &[&str]) {
        let request = request.map(|id| RequestId::parse(id).unwrap());
        let sha256 = request.as_ref().map(|id| Digest::of(self.text_of(id).as_bytes()));
        self.push(Record::Intended {
            step: step(id),
            command: 0,
            request,
            sha256,
            text: text.iter().map(|line| (*line).to_owned()).collect(),
            connection: Some(connection()),
            before: Vec::new(),
        });
    }

    pub fn header(&self, id: &str, number: usize) -> Header {
        Header {
            request: RequestId::parse(REQUEST).unwrap(),
            run: run(),
            mode: self.opened.mode.clone(),
            fleet: self.opened.fleet.clone(),
            fleet_digest: self.opened.fleet_digest.clone(),
            reason: self.opened.reason.clone(),
            requested_by: name(ANA),
            created: self.now,
            expires: self.now.plus(Span::from_secs(30 * 60)),
            need: 2,
            requester_counts: true,
            trust_serial: self.trust.serial(),
            trust_digest: self.trust.digest().clone(),
            runbook: self.opened.runbook.clone(),
            runbook_digest: self.opened.runbook_digest.clone(),
            step: step(id),
            step_number: number,
            steps: self.opened.steps.len(),
            attempt: self.attempt,
            journal: self.head().to_string(),
            journal_key: self.key.journal_key(),
        }
    }

    pub fn request(&mut self, header: Header, danger: Danger, script: Vec<Command>) {
        let kept = assessed(script);
        let assessment = Assessment {
            checks: Vec::new(),
            script: kept.script.clone(),
            offer: None,
            reaches: kept.reaches.clone(),
            survivors: Vec::new(),
            refusals: Vec::new(),
            unrendered: None,
            danger,
            against: kept.against.clone(),
            predicted: kept.predicted.clone(),
            evidence: vec![evidence(Verdict::Holds, "detached")],
        };
        let text = Request::render(&header, &assessment).unwrap().text().to_owned();
        self.push(Record::Requested { header, danger, text, assessed: kept });
    }

    pub fn text_of(&self, id: &RequestId) -> String {
        self.records
            .iter()
            .find_map(|record| match record {
                Record::Requested { header, text, .. } if header.request == *id => Some(text.clone()),
                _ => None,
            })
            .unwrap()
    }

    pub fn approve(&mut self, seed: u8, review: Option<OwnMeasurement>) {
        let text = self.text_of(&RequestId::parse(REQUEST).unwrap());
        let armored = secret(seed).sign(Verb::Approve, text.as_bytes());
        self.approve_with(&name(seed), armored, review);
    }

    pub fn approve_with(&mut self, by: &Principal, armored: String, measured: Option<OwnMeasurement>) {
        let (answer, reason) = (measured.map(|_| "db-c".to_owned()), Some("read the script".to_owned()));
        let signature = Approval { by: by.clone(), armored, measured, answer, reason };
        self.push(Record::Approved { request: RequestId::parse(REQUEST).unwrap(), signature });
    }

    pub fn reject(&mut self, seed: u8) {
        let request = RequestId::parse(REQUEST).unwrap();
        let sha256 = Digest::of(self.text_of(&request).as_bytes());
        let subject = Subject { run: run(), request: request.clone(), sha256 };
        let reason = "the checksum is older than the restart".to_owned();
        let stop = Stop::Reject;
        let objection = Objection { stop, subject, by: name(seed), created: self.now, reason: reason.clone() };
        let text = objection.render().unwrap();
        let signed = SignedText { armored: secret(seed).sign(Verb::Reject, text.as_bytes()), text };
        self.push(Record::RequestStopped { request, by: name(seed), how: Stopper::Rejected, reason, signed });
    }

    pub fn stopped(&mut self, why: StopReason, choices: &[Choice]) {
        self.push(Record::Stopped { why, choices: choices.to_vec() });
    }

    pub fn closed(&mut self) {
        self.push(Record::Closed { outcome: Ending::Completed });
    }
}
