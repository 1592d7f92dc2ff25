//! What happened in the run made by hand: the rebuild of a corrupt table, with every kind of trouble.

use countersign::domain::approval::trust::Trust;
use countersign::domain::base::{Danger, RequestId, Span, Verdict};
use countersign::domain::journal::record::{Choice, DoubtAnswer, OwnMeasurement, Record, StopReason};
use countersign::domain::reach::copies::Copy;
use countersign::domain::reach::survivors::CopyLine;
use countersign::domain::reach::{How, Refusal, WayBack};
use countersign::domain::run::{ConnectionState, Measured, Outcome};
use countersign::domain::script::{Command, Work};
use countersign::domain::snapshot::{Finding, Method};
use countersign::domain::sql::packet::BinlogWriting;

use super::made::{ANA, BOB, CHEN, DROP, Maker, REQUEST, evidence, statement, step};

pub fn drop_script() -> Vec<Command> {
    vec![statement("db-a", DROP, Danger::Destructive, BinlogWriting::Off)]
}

pub fn protective_script() -> Vec<Command> {
    vec![statement("db-c", "STOP REPLICA", Danger::Protective, BinlogWriting::On)]
}

/// What the client of an approver who looked reports.
#[expect(clippy::unnecessary_wraps, reason = "the other kind of approval is `None`")]
pub fn measured() -> Option<OwnMeasurement> {
    Some(OwnMeasurement { confirmed: 5, of: 6 })
}

fn refusal() -> Refusal {
    let copy = |server: &str, copy, how, why: &str| CopyLine {
        server: server.parse().unwrap(),
        copy,
        how,
        why: why.to_owned(),
    };
    let unproved = Copy::Unproved { why: "nobody checked it".to_owned() };
    Refusal {
        rule: "keep_copies: at least 1 good copy of shop.orders must stay out of reach, 0 would".to_owned(),
        table: Some("shop.orders".parse().unwrap()),
        why: vec!["db-c is reached (now): db-a > db-c is running".to_owned()],
        copies: vec![
            copy("db-a", Copy::Corrupt { why: "1877".to_owned() }, How::RunsHere, ""),
            copy("db-c", unproved, How::Now, "db-a > db-c is running"),
        ],
        way_back: WayBack { before: "promote db-c".to_owned(), after: "none known".to_owned() },
        hint: "take db-c out of reach first".to_owned(),
    }
}

fn finding() -> Measured {
    Measured {
        server: "db-c".parse().unwrap(),
        table: "shop.orders".parse().unwrap(),
        finding: Finding {
            method: Method::Check,
            good: true,
            detail: "OK".to_owned(),
            rows: Some(125_417_902),
            checksum: None,
            at: "2026-11-22T03:02:00Z".parse().unwrap(),
            position: None,
            booted: None,
            definition: None,
            object_id: None,
            step: "check-spare".to_owned(),
        },
    }
}

fn check_script() -> Vec<Command> {
    let work = Work::Check { table: "shop.orders".parse().unwrap() };
    vec![Command { work, effects: Vec::new(), ..statement("db-c", "", Danger::Observe, BinlogWriting::On) }]
}

pub const STEPS: [&str; 4] = ["tell-app", "protect-spare", "check-spare", "drop-corrupt"];

/// Up to the moment where the destructive step begins.
pub fn before_the_drop(trust: &Trust) -> Maker {
    let mut made = Maker::open(trust, &STEPS);
    made.entered("tell-app", 1);
    let text = "switch the application to maintenance".to_owned();
    made.push(Record::Asked { step: step("tell-app"), text, read_back: "the word on the status page".to_owned() });
    made.wait(64);
    made.answer(ANA, "tell-app", "maintenance");
    made.done("tell-app");
    made.entered("protect-spare", 2);
    made.armed("protect-spare", None, Danger::Protective, protective_script());
    made.intended("protect-spare", None, &["STOP REPLICA"]);
    made.came("protect-spare", Outcome::Done { detail: "ok, 0 rows".to_owned() });
    made.done("protect-spare");
    made.push(Record::Noted { by: "chen".to_owned(), text: "support told customers: ETA 06:45".to_owned() });
    made.push(Record::Held { by: "chen".to_owned(), reason: "wait for the phone call".to_owned() });
    made.wait(30);
    made.release(BOB);
    made.entered("check-spare", 3);
    made.armed("check-spare", None, Danger::Observe, check_script());
    made.intended("check-spare", None, &["check shop.orders and count its rows"]);
    made.wait(60);
    made.push(Record::Estimated {
        step: step("check-spare"),
        rows_done: 40_000_000,
        rows_expected: Some(125_000_000),
        rows_per_second: 650_000,
        took: Span::from_secs(60),
        left_low: Span::from_secs(130),
        left_high: Span::from_secs(195),
    });
    made.wait(140);
    made.came("check-spare", Outcome::Measured { findings: vec![finding()] });
    made.done("check-spare");
    made.entered("drop-corrupt", 4);
    made.push(Record::Refused { step: step("drop-corrupt"), refusals: vec![refusal()] });
    made.stopped(StopReason::Refused, &[Choice::TryAgain, Choice::Abort]);
    made.choose(BOB, 1, Choice::TryAgain);
    made.attempt = 2;
    made.entered("drop-corrupt", 4);
    made
}

/// The request is made and signed by ana and bob.
pub fn approved(trust: &Trust) -> Maker {
    let mut made = before_the_drop(trust);
    let header = made.header("drop-corrupt", 4);
    made.request(header, Danger::Destructive, drop_script());
    made.wait(41);
    made.approve(ANA, measured());
    let why = "the key is not in the roster".to_owned();
    made.push(Record::SignatureRefused { request: RequestId::parse(REQUEST).unwrap(), why });
    made.wait(87);
    made.approve(BOB, None);
    made.armed("drop-corrupt", Some(REQUEST), Danger::Destructive, drop_script());
    made.wait(5);
    made
}

/// What follows once the drop was started: its answer is lost, it is found applied, a fact differs, it ends well.
pub fn finish(made: &mut Maker) {
    let id = "drop-corrupt";
    made.push(Record::InDoubt { step: step(id), command: 0, why: "the connection was lost".to_owned() });
    made.push(Record::DoubtLooked {
        step: step(id),
        command: 0,
        state: ConnectionState::Gone,
        answer: DoubtAnswer::Applied,
        evidence: vec![evidence(Verdict::Holds, "detached")],
    });
    made.came(id, Outcome::Done { detail: "found applied when looked at".to_owned() });
    made.push(Record::Drifted { step: step(id), evidence: vec![evidence(Verdict::Fails, "none")] });
    made.stopped(StopReason::Drift, &[Choice::LookAgain, Choice::Abort]);
    made.wait(20);
    made.choose(CHEN, 1, Choice::LookAgain);
    made.done(id);
    made.closed();
}

/// The whole good run.
pub fn good(trust: &Trust) -> Maker {
    let mut made = approved(trust);
    made.intended("drop-corrupt", Some(REQUEST), &[DROP]);
    finish(&mut made);
    made
}
