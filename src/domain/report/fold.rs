//! Walks the records once, beside the fold of the run's state, and collects what the report tells.

use super::say::{connection_words, outcome_words, say};
use super::{Asked, Compared, Doubt, Entry, Refused, Report, ReportError, Signature, Statement, StepTime, Time};
use crate::domain::approval::sshsig::{Verb, verify};
use crate::domain::base::{Danger, RequestId, Span, StepId, Timestamp};
use crate::domain::journal::Line;
use crate::domain::journal::audit::Review;
use crate::domain::journal::record::{Approval, Record, doubt_word};
use crate::domain::run::outcome::Outcome;
use crate::domain::run::state::{Armed, Phase, State, TAKEN_OVER};

pub(super) fn report(lines: &[Line]) -> Result<Report, ReportError> {
    let first = lines.first().ok_or(ReportError::Empty)?;
    let read = |line: &Line| Record::from_line(line.seq(), line.event(), line.payload());
    let impossible = |line: &Line| {
        let line = line.seq();
        move |why| ReportError::Impossible { line, why }
    };
    let record = read(first)?;
    let state = State::open(&record, first.head(), first.at()).map_err(impossible(first))?;
    let mut teller = Teller { report: empty(&state), state, last: first.at() };
    teller.timeline(first, &record);
    for line in &lines[1..] {
        let record = read(line)?;
        teller.tell(line, &record);
        teller.state.apply(&record, line.head(), line.at()).map_err(impossible(line))?;
    }
    Ok(teller.finish())
}

fn empty(state: &State) -> Report {
    let opened = &state.opened;
    Report {
        run: opened.run.clone(),
        runbook: opened.runbook.clone(),
        fleet: opened.fleet.clone(),
        mode: opened.mode.clone(),
        reason: opened.reason.clone(),
        driver: opened.by.clone(),
        params: opened.params.clone(),
        head: state.head.clone(),
        started: state.at,
        until: state.at,
        outcome: None,
        closed_by: Vec::new(),
        standing: None,
        time: Time::default(),
        steps: Vec::new(),
        statements: Vec::new(),
        requests: Vec::new(),
        refusals: Vec::new(),
        doubts: Vec::new(),
        comparisons: Vec::new(),
        given_up: Vec::new(),
        timeline: Vec::new(),
    }
}

struct Teller {
    report: Report,
    /// As it was before the record that is told.
    state: State,
    last: Timestamp,
}

impl Teller {
    fn tell(&mut self, line: &Line, record: &Record) {
        self.pass(line.at());
        self.timeline(line, record);
        match record {
            Record::Entered { step, attempt, .. } => self.entered(step, *attempt, line.at()),
            Record::Done { step, .. } => self.done(step, line.at()),
            Record::Refused { step, refusals } => {
                let refused = |refusal| Refused { at: line.at(), step: step.clone(), refusal };
                self.report.refusals.extend(refusals.iter().cloned().map(refused));
            }
            Record::Drifted { step, evidence } => {
                let drifted = evidence.iter().map(ToString::to_string).collect();
                self.compared(step, line.at(), drifted);
            }
            Record::Closed { outcome } => self.report.outcome = Some(*outcome),
            Record::Requested { .. }
            | Record::Approved { .. }
            | Record::RequestStopped { .. }
            | Record::RequestVoid { .. } => self.request(line, record),
            Record::Intended { .. } => self.started(line, record),
            Record::NotSent { why, .. } => self.came(line.at(), format!("not sent: {why}")),
            Record::Came { outcome, .. } => self.outcome(line.at(), outcome),
            Record::InDoubt { step, why, .. } => self.doubted(step, why, line.at()),
            Record::ExecutorChanged { .. } => self.orphaned(line.at()),
            Record::DoubtLooked { state, answer, .. } => {
                if let Some(doubt) = self.report.doubts.last_mut() {
                    doubt.looks.push(format!("{}: {}", connection_words(state), doubt_word(*answer)));
                }
            }
            _ => {}
        }
    }

    fn timeline(&mut self, line: &Line, record: &Record) {
        let Some(said) = say(record) else { return };
        self.report.timeline.push(Entry {
            line: line.seq(),
            at: line.at(),
            who: said.who,
            step: said.step,
            what: said.what,
        });
    }

    /// The time since the record before went into what the run was doing then.
    fn pass(&mut self, now: Timestamp) {
        let span = now.since(self.last);
        let time = &mut self.report.time;
        let part = match &self.state.phase {
            _ if self.state.held.is_some() => &mut time.held,
            Phase::Requested { .. } => &mut time.signatures,
            Phase::Asking => &mut time.people,
            Phase::Waiting { .. } => &mut time.facts,
            Phase::Stopped { .. } => &mut time.stopped,
            _ => &mut time.working,
        };
        *part = add(*part, span);
        time.whole = add(time.whole, span);
        if let Some(step) = self.report.steps.last_mut().filter(|step| !step.done) {
            step.took = add(step.took, span);
        }
        self.last = self.last.max(now);
    }

    fn entered(&mut self, step: &StepId, attempt: u32, at: Timestamp) {
        match self.report.steps.last_mut().filter(|last| last.step == *step && !last.done) {
            Some(last) => last.attempts = attempt,
            None => self.report.steps.push(StepTime {
                step: step.clone(),
                started: at,
                took: Span::default(),
                attempts: attempt,
                done: false,
            }),
        }
    }

    fn done(&mut self, step: &StepId, at: Timestamp) {
        if let Some(last) = self.report.steps.last_mut() {
            last.done = true;
        }
        self.compared(step, at, Vec::new());
    }

    /// Only what was sent was predicted; a step that a person does has nothing to compare.
    fn compared(&mut self, step: &StepId, at: Timestamp, drifted: Vec<String>) {
        let Phase::Settling { plan: Some(plan) } = &self.state.phase else { return };
        let promised = plan.assessed.script.iter().map(|command| command.promises().len()).sum();
        let relied_on = plan.assessed.relies_on.len();
        self.report.comparisons.push(Compared { at, step: step.clone(), relied_on, promised, drifted });
    }

    fn request(&mut self, line: &Line, record: &Record) {
        match record {
            Record::Requested { header, danger, assessed, .. } => {
                let way_back = assessed.way_back.as_ref();
                self.report.requests.push(Asked {
                    request: header.request.clone(),
                    step: header.step.clone(),
                    danger: *danger,
                    made: line.at(),
                    need: header.need,
                    signed: Vec::new(),
                    ended: "open".to_owned(),
                    way_back_before: way_back.map(|way| way.before.clone()),
                    way_back_after: way_back.map(|way| way.after.clone()),
                });
            }
            Record::Approved { request, signature } => {
                let text = self.state.requests.get(request).map(|request| request.text.clone()).unwrap_or_default();
                let signed = signed(signature, &text, line.at());
                self.with_request(request, |asked| asked.signed.push(signed));
            }
            Record::RequestStopped { request, by, reason, .. } => {
                let ended = format!("{by} said no: {reason}");
                self.with_request(request, |asked| asked.ended = ended);
            }
            Record::RequestVoid { request, why } => {
                let ended = format!("void: {why}");
                self.with_request(request, |asked| asked.ended = ended);
            }
            _ => {}
        }
    }

    fn with_request(&mut self, id: &RequestId, change: impl FnOnce(&mut Asked)) {
        if let Some(asked) = self.report.requests.iter_mut().rfind(|asked| asked.request == *id) {
            change(asked);
        }
    }

    fn started(&mut self, line: &Line, record: &Record) {
        let Record::Intended { step, command, request, text, .. } = record else { return };
        let plan: Option<&Armed> = match &self.state.phase {
            Phase::Armed { plan, .. } | Phase::Between { plan, .. } => Some(plan),
            _ => None,
        };
        let intended = plan.and_then(|plan| plan.assessed.script.get(*command));
        if *command == 0 {
            let against = plan.map(|plan| plan.assessed.against.clone()).unwrap_or_default();
            self.report.given_up.extend(against.into_iter().map(|against| format!("{step}: {against}")));
        }
        self.report.statements.push(Statement {
            line: line.seq(),
            at: line.at(),
            step: step.clone(),
            server: intended.map(|command| command.server.clone()),
            danger: intended.map_or(Danger::Destructive, |command| command.danger),
            text: text.clone(),
            request: request.clone(),
            outcome: "in doubt: no outcome is recorded".to_owned(),
            took: None,
        });
        if let Some(id) = request {
            let ended = "used".to_owned();
            self.with_request(id, |asked| asked.ended = ended);
        }
    }

    fn came(&mut self, at: Timestamp, outcome: String) {
        if let Some(statement) = self.report.statements.last_mut() {
            statement.outcome = outcome;
            statement.took = Some(at.since(statement.at));
        }
    }

    fn outcome(&mut self, at: Timestamp, outcome: &Outcome) {
        self.came(at, outcome_words(outcome));
        if let Some(doubt) = self.report.doubts.last_mut().filter(|doubt| doubt.settled.is_none()) {
            doubt.settled = Some(at);
        }
    }

    fn doubted(&mut self, step: &StepId, why: &str, at: Timestamp) {
        let (step, why) = (step.clone(), why.to_owned());
        self.report.doubts.push(Doubt { at, step, why, looks: Vec::new(), settled: None });
    }

    /// A new executor does not know what the old one was just doing, and what was asked for is void.
    fn orphaned(&mut self, at: Timestamp) {
        let requests = &self.state.requests;
        let open = |asked: &&mut Asked| requests.get(&asked.request).is_some_and(|request| request.ended.is_none());
        for asked in self.report.requests.iter_mut().filter(open) {
            asked.ended = format!("void: {TAKEN_OVER}");
        }
        if let (Phase::Sending { .. }, Some(step)) = (&self.state.phase, self.state.step().cloned()) {
            self.doubted(&step, "the executor that sent it is gone", at);
        }
    }

    fn finish(mut self) -> Report {
        self.report.head = self.state.head.clone();
        self.report.until = self.last;
        if self.report.outcome.is_none() {
            let held = self.state.held.as_ref().map(|by| format!(", held by {by}")).unwrap_or_default();
            self.report.standing = Some(format!("{}{held}", self.state.phase.word()));
        }
        self.report
    }
}

fn signed(approval: &Approval, text: &str, at: Timestamp) -> Signature {
    let key = verify(&approval.armored, Verb::Approve, text.as_bytes()).ok();
    Signature {
        by: approval.by.clone(),
        at,
        fingerprint: key.map(|signed| signed.key().fingerprint()),
        review: match approval.measured {
            Some(measured) => Review::Reviewed { confirmed: measured.confirmed, of: measured.of },
            None => Review::Detached,
        },
        answer: approval.answer.clone(),
        reason: approval.reason.clone(),
    }
}

fn add(a: Span, b: Span) -> Span {
    Span::from_millis(a.millis().saturating_add(b.millis()))
}
