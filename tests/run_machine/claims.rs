//! Every claim of every request of the shipped runbooks: something depends on it, and it cannot be left out.
//!
//! Data driven: the claims are those that the requests list, and each finds its own falsifying fact. A claim that
//! nothing stops on fails the test by its name.

use std::collections::{BTreeMap, BTreeSet};

use countersign::domain::approval::authorized::authorize;
use countersign::domain::approval::counting::{Review, Submission};
use countersign::domain::approval::policy::Policy;
use countersign::domain::approval::request::{Header, Request};
use countersign::domain::approval::sshsig::Verb;
use countersign::domain::base::{Known, RunId, Span, Timestamp};
use countersign::domain::fleet::Fleet;
use countersign::domain::journal::record::Record;
use countersign::domain::plan::{Outlook, plan};
use countersign::domain::run::effect::{Effect, Input};
use countersign::domain::run::state::Phase;
use countersign::domain::runbook::{self, Runbook};
use countersign::domain::snapshot::fixture::{Fixture, Replica};
use countersign::domain::snapshot::{
    Claim, Effect as RowEffect, EffectKind, Evidence, Finding, Object, Patch, Position, Snapshot, Test, Value,
};
use countersign::domain::step::{Assessment, assess};
use countersign::domain::vocabulary::World;
use countersign::domain::vocabulary::private::private_table;
use countersign::simulate::people;

use crate::bench::{Bench, TABLE, connection};

/// A step that people must sign, and the facts as they are when it comes up.
struct Gate {
    name: String,
    runbook: Runbook,
    fleet: Fleet,
    before: Snapshot,
}

fn incident() -> Fixture {
    let private = private_table(&TABLE.parse().unwrap(), &RunId::parse("r-1").unwrap());
    Fixture::new()
        .server("db-a")
        .replica("db-b", Replica::of("db-a"))
        .replica("db-c", Replica::of("db-a"))
        .table(TABLE, &["db-a", "db-b", "db-c"])
        .table(&private.to_string(), &[])
        .damaged("db-a", TABLE)
}

/// The gates of one shipped runbook, each alone and with the facts that the steps before it leave behind.
fn gates(file: &str) -> Vec<Gate> {
    let path = format!("{}/runbooks/{file}", env!("CARGO_MANIFEST_DIR"));
    let source = runbook::read(file, &std::fs::read_to_string(path).unwrap()).unwrap_or_else(|why| panic!("{why}"));
    let given = [("table", TABLE), ("primary", "db-a"), ("spare", "db-c")];
    let given: BTreeMap<String, String> = given.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    let (fleet, now, run) = (incident().fleet(), incident().snapshot(), RunId::parse("r-1").unwrap());
    let runbook = source.resolve(&given, &fleet).unwrap_or_else(|why| panic!("{why}"));
    let tables = runbook.tables(&run);
    let plan = plan(&runbook, World { fleet: &fleet, run: &run, tables: &tables }, &now, &Policy::default());
    assert_eq!(plan.outlook, Outlook::ToTheEnd, "{plan}");
    let before = std::iter::once(&now).chain(plan.steps.iter().map(|step| &step.after));
    let steps = plan.steps.iter().zip(&runbook.steps).zip(before);
    steps
        .filter(|((planned, _), _)| planned.approvals > 0)
        .map(|((_, step), before)| Gate {
            name: format!("{file}: {}", step.id),
            runbook: Runbook { steps: vec![step.clone()], ..runbook.clone() },
            fleet: fleet.clone(),
            before: before.clone(),
        })
        .collect()
}

fn all_gates() -> Vec<Gate> {
    let gates: Vec<Gate> =
        ["rebuild-table-from-replica.yaml", "rebuild-table-logged.yaml"].into_iter().flat_map(gates).collect();
    assert_eq!(gates.len(), 6, "a DROP, a renaming and a reattaching each");
    gates
}

impl Gate {
    /// The run at the point where its request is open and nobody has signed.
    fn requested(&self) -> Bench {
        let mut bench =
            Bench::of(self.runbook.clone(), self.fleet.clone(), self.before.clone(), Policy::default_text());
        let _ = bench.go_on();
        assert!(matches!(bench.state.phase, Phase::Requested { .. }), "{}: {}", self.name, bench.state.phase.word());
        bench
    }

    /// The run with everything signed, its connection prepared, and only the last look between it and the server.
    fn about_to_send(&self) -> Bench {
        let mut bench = self.requested();
        sign(&mut bench);
        let _ = bench.go_on();
        bench.later(3);
        let _ = bench.give(Input::Proceed);
        let seen = bench.seen.clone();
        let mut effects = bench.give(Input::Observed(seen));
        let Some(Effect::Prepare { before, .. }) = effects.pop() else { panic!("{}: {effects:?}", self.name) };
        let effects = bench.give(Input::Prepared { connection: Ok(Some(connection())), before });
        assert!(matches!(effects[..], [Effect::LastLook]), "{}: {effects:?}", self.name);
        bench
    }

    /// The same gate where the finding that this claim dates is the oldest of all: findings age together, and it must be
    /// the only one that is too old.
    fn with_oldest(&self, claim: &Claim) -> Self {
        let mut patch = Patch::default();
        if let (Test::YoungerThan(_), Some(Known::Observed { value: Value::Finding(finding), at })) =
            (&claim.test, self.before.get(&claim.key))
        {
            let older = Finding { at: Timestamp::from_millis(finding.at.millis() - 60_000), ..finding.clone() };
            patch.set(claim.key.clone(), Value::Finding(older), *at);
        }
        let (runbook, fleet) = (self.runbook.clone(), self.fleet.clone());
        Self { name: self.name.clone(), runbook, fleet, before: self.before.with(&patch) }
    }

    fn assessment(&self, bench: &Bench) -> Assessment {
        let run = RunId::parse("r-1").unwrap();
        let world = World { fleet: &self.fleet, run: &run, tables: &bench.setup.tables };
        assess(&self.runbook.steps[0], world, &bench.seen)
    }
}

fn sign(bench: &mut Bench) {
    bench.approve("ana", 1);
    if matches!(bench.state.phase, Phase::Requested { .. }) {
        bench.approve("bob", 2);
    }
}

fn requested(bench: &Bench) -> (Header, String, Vec<Claim>) {
    let found = bench.recorded.iter().find_map(|record| match record {
        Record::Requested { header, text, assessed, .. } => {
            Some((header.clone(), text.clone(), assessed.relies_on.clone()))
        }
        _ => None,
    });
    found.unwrap()
}

/// The facts with one changed so that the claim fails, or dated so that it does.
fn falsified(claim: &Claim, seen: &Snapshot) -> Snapshot {
    let value = seen.get(&claim.key).unwrap().value().unwrap().clone();
    let mut patch = Patch::default();
    let known = |value| Known::Observed { value, at: seen.taken() };
    let other = match (&claim.test, value) {
        (Test::Known, _) => Known::unknown("it did not answer"),
        (Test::Is(value), _) => known(other_than(value)),
        (Test::IsNot(value), _) => known(value.clone()),
        (Test::AtMost(most), _) => known(Value::Number(most + 1)),
        (Test::AtLeast(least), _) => known(Value::Number(least - 1)),
        (Test::Near(time, span), _) => known(Value::Time(time.plus(*span).plus(Span::from_secs(1)))),
        (Test::Contains(_), _) => known(Value::Position(Position::parse_mariadb("").unwrap())),
        (Test::ProvesRows, Value::Finding(mut finding)) => {
            finding.good = false;
            known(Value::Finding(finding))
        }
        (Test::YoungerThan(span), Value::Finding(finding)) => {
            return seen.clone().as_of(finding.at.plus(*span).plus(Span::from_secs(1)));
        }
        (test, value) => panic!("{test} of {value}"),
    };
    patch.put(claim.key.clone(), other);
    seen.with(&patch)
}

fn other_than(value: &Value) -> Value {
    match value.clone() {
        Value::Flag(flag) => Value::Flag(!flag),
        Value::Number(number) => Value::Number(number + 1),
        Value::Text(text) => Value::Text(format!("{text}, but another")),
        Value::Names(mut names) => {
            names.insert("another".to_owned());
            Value::Names(names)
        }
        Value::Time(time) => Value::Time(time.plus(Span::from_secs(60))),
        Value::Position(_) => Value::Position(Position::parse_mariadb("7-7-7").unwrap()),
        Value::Effects(mut effects) => {
            effects.push(RowEffect { object: Object::Server, kind: EffectKind::Anything });
            Value::Effects(effects)
        }
        Value::Finding(mut finding) => {
            finding.rows = Some(finding.rows.unwrap_or_default() + 1);
            Value::Finding(finding)
        }
        Value::LockWaits(mut waits) => {
            waits.untold.insert(u64::MAX, "another".to_owned());
            Value::LockWaits(waits)
        }
        Value::Sessions(_) => Value::Sessions(Vec::new()),
    }
}

/// The claims of a request that fail over these facts, without those that speak of the same fact as `claim`.
fn collateral(claims: &[Claim], claim: &Claim, facts: &Snapshot) -> Vec<Claim> {
    let fails = |other: &&Claim| !other.check(facts).verdict.holds();
    claims.iter().filter(|other| other.key != claim.key).filter(fails).cloned().collect()
}

#[test]
#[expect(clippy::print_stdout, reason = "the counts are for whoever runs it with --nocapture")]
fn a_fact_that_falsifies_any_single_claim_stops_the_run_before_it_sends() {
    let mut kept_silent = Vec::new();
    for gate in all_gates() {
        let ready = gate.about_to_send();
        let mut bench = ready.clone();
        let (_, text, claims) = requested(&bench);
        let listed: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("claim: ")).collect();
        assert_eq!(listed, claims.iter().map(ToString::to_string).collect::<Vec<_>>(), "{}", gate.name);
        let seen = bench.seen.clone();
        let sent = bench.give(Input::LastLook(seen));
        assert!(matches!(sent[..], [Effect::Send { .. }]), "the control of {}: {sent:?}", gate.name);
        println!("{}: {} claims", gate.name, claims.len());
        for claim in &claims {
            let mut bench = match claim.test {
                Test::YoungerThan(_) => gate.with_oldest(claim).about_to_send(),
                _ => ready.clone(),
            };
            let claims = requested(&bench).2;
            assert!(claims.contains(claim), "{claim}");
            let world = falsified(claim, &bench.seen);
            assert!(!claim.check(&world).verdict.holds(), "{claim}");
            assert_eq!(collateral(&claims, claim, &world), Vec::new(), "nothing but {claim} may fail");
            let effects = bench.give(Input::LastLook(world));
            let stopped = matches!(bench.state.phase, Phase::Stopped { .. });
            let named = stopped && bench.why_stopped().contains(&claim.key.to_string());
            if !named || !matches!(effects[..], [Effect::Close(_)]) {
                kept_silent.push(format!("{}: {claim}", gate.name));
            }
        }
    }
    assert_eq!(kept_silent, Vec::<String>::new(), "nothing depends on these claims");
}

#[test]
fn a_fact_that_falsifies_any_single_claim_voids_what_was_signed() {
    let mut still_valid = Vec::new();
    for gate in all_gates() {
        let mut signed = gate.requested();
        let claims = requested(&signed).2;
        sign(&mut signed);
        for claim in &claims {
            let mut bench = signed.clone();
            let world = falsified(claim, &bench.seen);
            let _ = bench.give(Input::Proceed);
            let _ = bench.give(Input::Observed(world));
            if !bench.recorded.iter().any(|record| matches!(record, Record::RequestVoid { .. })) {
                still_valid.push(format!("{}: {claim}", gate.name));
            }
        }
    }
    assert_eq!(still_valid, Vec::<String>::new(), "a request must not outlive these claims");
}

/// The request's text without one of its claims, rendered as the program renders it.
fn without(header: &Header, assessment: &Assessment, claim: &Claim) -> String {
    let kept: Vec<Evidence> = assessment.evidence.iter().filter(|evidence| evidence.claim != *claim).cloned().collect();
    assert_eq!(kept.len() + 1, assessment.evidence.len(), "{claim}");
    let reduced = Assessment { evidence: kept, ..assessment.clone() };
    Request::render(header, &reduced).unwrap().text().to_owned()
}

#[test]
fn signatures_over_a_request_without_one_of_its_claims_permit_nothing() {
    for gate in all_gates() {
        let bench = gate.requested();
        let (header, text, claims) = requested(&bench);
        let assessment = gate.assessment(&bench);
        let whole = Request::render(&header, &assessment).unwrap();
        assert_eq!(whole.text(), text, "the control of {}", gate.name);
        let mut texts = BTreeSet::from([text]);
        for claim in &claims {
            let reduced = without(&header, &assessment, claim);
            assert!(texts.insert(reduced.clone()), "without {claim} it is the bytes of another request");
            let signed: Vec<(&str, String)> = [("ana", 1), ("bob", 2)]
                .map(|(name, seed)| (name, people::key(seed).sign(Verb::Approve, reduced.as_bytes())))
                .to_vec();
            let names: Vec<_> = signed.iter().map(|(name, _)| people::principal(name)).collect();
            let submissions: Vec<Submission<'_>> = signed
                .iter()
                .zip(&names)
                .map(|((_, armored), name)| Submission { armored, claimed: Some(name), review: Review::OwnMeasurement })
                .collect();
            let permitted = |request: &Request| {
                let (trust, now) = (&bench.setup.trust, bench.now);
                authorize(request, assessment.danger, &header.requested_by, &submissions, trust, now).is_ok()
            };
            assert!(!permitted(&whole), "{}: signed without {claim}", gate.name);
            let own = Request::recorded(&reduced, whole.script()).unwrap();
            assert!(permitted(&own), "the control: they are good signatures of what they sign");
            let mut bench = bench.clone();
            bench.approve_text("ana", 1, &reduced);
            assert!(matches!(bench.last(), Record::SignatureRefused { .. }), "{claim}: {:?}", bench.last());
        }
    }
}

#[test]
fn a_request_that_was_written_and_signed_without_one_of_its_claims_is_void() {
    for gate in all_gates() {
        let asked = gate.requested();
        let claims = requested(&asked).2;
        for claim in &claims {
            let mut bench = asked.clone();
            let assessment = gate.assessment(&bench);
            let Phase::Requested { request } = bench.state.phase.clone() else { panic!() };
            let open = bench.state.requests.get_mut(&request).unwrap();
            open.text = without(&open.header.clone(), &assessment, claim);
            sign(&mut bench);
            let effects = bench.go_on();
            assert!(!effects.iter().any(|effect| matches!(effect, Effect::Send { .. })), "{claim}");
            let void = bench.recorded.iter().find_map(|record| match record {
                Record::RequestVoid { why, .. } => Some(why.clone()),
                _ => None,
            });
            let why = void.unwrap_or_else(|| panic!("{}: valid without {claim}", gate.name));
            assert!(why.contains(&claim.to_string()), "{why}");
        }
    }
}
