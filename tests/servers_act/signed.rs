//! Commands that two people have really signed: acting takes nothing else.

use countersign::domain::approval::authorized::{Cleared, authorize};
use countersign::domain::approval::counting::{Review, Submission};
use countersign::domain::approval::policy::Policy;
use countersign::domain::approval::request::{Header, Request};
use countersign::domain::approval::sshsig::Verb;
use countersign::domain::base::{Danger, Digest, RequestId, Timestamp};
use countersign::domain::script::Command;
use countersign::domain::step::Assessment;
use countersign::simulate::people;

const ANA: u8 = 1;
const BOB: u8 = 2;

/// `command` as a script of its own, signed by ana and bob.
pub fn cleared(command: &Command) -> Cleared {
    let at = Timestamp::from_millis(1_800_000_000_000);
    let trust = people::trust(Policy::default_text(), &[]).unwrap();
    let assessment = Assessment {
        checks: Vec::new(),
        script: vec![command.clone()],
        offer: None,
        reaches: Vec::new(),
        survivors: Vec::new(),
        refusals: Vec::new(),
        unrendered: None,
        danger: Danger::Destructive,
        against: Vec::new(),
        predicted: Vec::new(),
        evidence: Vec::new(),
    };
    let request = Request::render(&header(at), &assessment).unwrap();
    let signatures: Vec<String> =
        [ANA, BOB].map(|seed| people::key(seed).sign(Verb::Approve, request.text().as_bytes())).to_vec();
    let submissions: Vec<Submission<'_>> = signatures
        .iter()
        .map(|armored| Submission { armored, claimed: None, review: Review::OwnMeasurement })
        .collect();
    let ana = people::principal("ana");
    authorize(&request, Danger::Destructive, &ana, &submissions, &trust, at).unwrap().clear(0).unwrap()
}

fn header(at: Timestamp) -> Header {
    Header {
        request: RequestId::parse(&"0a".repeat(16)).unwrap(),
        run: "r-act".parse().unwrap(),
        mode: "LAB".to_owned(),
        fleet: "lab".to_owned(),
        fleet_digest: Digest::zero(),
        reason: "test".to_owned(),
        requested_by: people::principal("ana"),
        created: at,
        expires: at,
        need: 2,
        requester_counts: true,
        trust_serial: 1,
        trust_digest: Digest::zero(),
        runbook: "test".to_owned(),
        runbook_digest: Digest::zero(),
        step: "act".parse().unwrap(),
        step_number: 1,
        steps: 1,
        attempt: 1,
        journal: "start".to_owned(),
        journal_key: String::new(),
    }
}
