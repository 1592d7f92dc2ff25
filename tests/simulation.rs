//! The real executor against simulated servers, people, clocks and stores.

use std::collections::{BTreeMap, BTreeSet};

use countersign::domain::journal::record::StopReason;
use countersign::simulate::faults::Weather;
use countersign::simulate::run::{End, Honest, Report, Rig, simulate_in_no_time};
use countersign::simulate::scenario::{Expected, Scenario};

fn run_with<R: Rig>(rig: &R, scenario: &Scenario, seed: u64, weather: Weather) -> Report {
    simulate_in_no_time(rig, scenario, seed, weather).unwrap()
}

#[test]
fn in_fair_weather_every_scenario_ends_as_expected() {
    use countersign::domain::journal::record::Ending;
    for scenario in Scenario::all() {
        let report = run_with(&Honest, &scenario, 1, Weather::Fair);
        assert_eq!(report.violations, Vec::<String>::new(), "{}", scenario.name);
        match scenario.expected {
            Expected::Completed => {
                assert_eq!(report.end, End::Closed(Ending::Completed), "{}", scenario.name);
                let late = report.stops.iter().filter(|why| matches!(why, StopReason::TooLong { .. })).count();
                assert_eq!(late, usize::from(scenario.name == "rebuild-late"), "{}", scenario.name);
            }
            Expected::Refused => assert_eq!(report.stops, [StopReason::Refused], "{}", scenario.name),
        }
    }
}

#[test]
fn a_lock_storm_drains_in_a_simulated_run_of_the_shipped_runbook() {
    use countersign::domain::journal::record::Ending;
    use countersign::domain::snapshot::{FactKey, ServerFact, Value};
    let scenario = Scenario::lock_storm().unwrap();
    let report = run_with(&Honest, &scenario, 1, Weather::Fair);
    assert_eq!(report.violations, Vec::<String>::new());
    assert_eq!(report.end, End::Closed(Ending::Completed));
    let key = FactKey::server(&"a".parse().unwrap(), ServerFact::LockWaits);
    let waiting = |snapshot: &countersign::domain::snapshot::Snapshot| match snapshot.get(&key).unwrap().value() {
        Ok(Value::LockWaits(waits)) => waits.waiting(),
        other => panic!("{other:?}"),
    };
    assert_eq!(waiting(&scenario.snapshot), 10);
    assert_eq!(waiting(&report.reached.last().unwrap().1), 0);
}

/// How many seeds each scenario meets; a nightly job raises it.
fn seeds() -> u64 {
    std::env::var("COUNTERSIGN_SIMULATIONS").ok().and_then(|text| text.parse().ok()).unwrap_or(100)
}

/// What many simulations came by together.
#[derive(Debug, Default)]
struct Sum {
    runs: u64,
    records: u64,
    processes: u64,
    ends: BTreeMap<String, u64>,
    too_long: u64,
    faults: BTreeMap<String, u64>,
    phases: BTreeSet<&'static str>,
    transitions: BTreeSet<(&'static str, String, &'static str)>,
    bad: Vec<String>,
}

impl Sum {
    fn add(&mut self, report: Report) {
        self.runs += 1;
        self.records += report.records;
        self.processes += report.processes;
        let too_long = report.stops.iter().filter(|why| matches!(why, StopReason::TooLong { .. }));
        self.too_long += u64::try_from(too_long.count()).unwrap();
        let end = match &report.end {
            End::Closed(ending) => format!("{} {ending:?}", report.scenario),
            End::Waits(_) => format!("{} waits", report.scenario),
            End::Stuck(at) => format!("{} stuck {at}", report.scenario),
        };
        *self.ends.entry(end).or_default() += 1;
        for (fault, times) in report.faults {
            *self.faults.entry(fault).or_default() += times;
        }
        self.phases.extend(report.covered.phases);
        self.transitions.extend(report.covered.transitions);
        if !report.violations.is_empty() {
            let (seed, name) = (report.seed, &report.scenario);
            self.bad.push(format!(
                "{name}: {:?}\n  again: COUNTERSIGN_SEED={seed} COUNTERSIGN_SIMULATIONS=1 cargo test --test simulation rough",
                report.violations
            ));
        }
    }
}

/// Every seed meets both rebuilds; what must be refused is asked of every tenth, and a load past its limit of every
/// fifth.
fn simulate_seeds(seeds: impl Iterator<Item = u64>) -> Sum {
    let mut sum = Sum::default();
    for seed in seeds {
        let refused =
            if seed % 10 == 0 { vec![Scenario::naive_drop(), Scenario::drop_behind_a_pause()] } else { vec![] };
        let late = (seed % 5 == 0).then(Scenario::rebuild_late);
        let rebuilds = [Scenario::rebuild(), Scenario::rebuild_logged()];
        for scenario in rebuilds.into_iter().chain(late).chain(refused) {
            sum.add(run_with(&Honest, &scenario, seed, Weather::Rough));
        }
    }
    sum
}

fn first_seed() -> u64 {
    std::env::var("COUNTERSIGN_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or(0)
}

#[test]
#[expect(clippy::print_stdout, reason = "the counts are for whoever runs it with --nocapture")]
fn in_rough_weather_no_invariant_breaks() {
    let sum = simulate_seeds(first_seed()..first_seed() + seeds());
    println!("{sum:#?}");
    assert!(sum.bad.is_empty(), "{}", sum.bad.join("\n"));
    // Without these the simulation would prove nothing.
    if sum.runs >= 200 {
        for phase in ["in doubt", "stopped", "waiting for signatures", "between two commands", "verifying", "closed"] {
            assert!(sum.phases.contains(phase), "{phase} was never reached");
        }
        for fault in ["crash after an append", "append AnswerLost", "statement LostWhileItGoesOn", "clock jump"] {
            assert!(sum.faults.contains_key(fault), "{fault} never happened");
        }
        assert!(sum.ends.keys().any(|end| end == "rebuild Completed"), "no rebuild was completed");
        assert!(sum.ends.keys().any(|end| end == "rebuild-late Completed"), "no load went on past its limit");
        assert!(sum.too_long > 0, "no load ran into its limit");
        let advised = "writing down how to promote by hand";
        assert!(sum.phases.contains(advised), "nobody was told how to promote by hand");
    }
}

#[test]
fn the_same_seed_gives_the_same_journal() {
    for seed in first_seed()..first_seed() + 3 {
        let scenario = Scenario::rebuild_logged();
        let journal = |report: Report| report.journal.iter().map(|line| line.bytes().to_vec()).collect::<Vec<_>>();
        let once = journal(run_with(&Honest, &scenario, seed, Weather::Rough));
        assert_eq!(once, journal(run_with(&Honest, &scenario, seed, Weather::Rough)), "seed {seed}");
    }
}

mod broken {
    //! Deliberately broken products: each is wired from ports that lie in one way, and each must be caught.

    use std::collections::BTreeSet;
    use std::sync::Mutex;

    use countersign::domain::approval::authorized::Cleared;
    use countersign::domain::approval::policy::Policy;
    use countersign::domain::approval::trust::Trust;
    use countersign::domain::base::{RunId, ServerName, TableName};
    use countersign::domain::journal::{Head, Line};
    use countersign::domain::run::{Connection, ConnectionState, Outcome};
    use countersign::domain::script::{Command, Work};
    use countersign::domain::snapshot::Snapshot;
    use countersign::executor::ports::{Act, Copying, Observe, Told, World as _};
    use countersign::simulate::act::SimulatedAct;
    use countersign::simulate::audit::Audit;
    use countersign::simulate::observe::SimulatedObserve;
    use countersign::simulate::people;
    use countersign::simulate::run::Rig;
    use countersign::simulate::store::SimulatedStore;
    use countersign::store::{Holder, Inbox, Input, InputId, Journal, Lease, Leases, Live, StoreError};

    /// What is broken.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub enum Broken {
        /// Two keys of one person count as two people.
        CountsSignatures,
        /// The intent becomes durable together with the outcome.
        IntentAfterAct,
        /// A lost answer is answered by sending again.
        RetriesWhenLost,
        /// What is not known is taken for done.
        UnknownIsFine,
        /// The look before sending shows what was seen earlier.
        ForgetsLastLook,
        /// Whether the lease still stands is not asked before sending.
        NoFence,
    }

    impl Rig for Broken {
        type Store = LyingStore;
        type Observe = LyingObserve;
        type Act = LyingAct;

        fn store(&self, inner: SimulatedStore) -> LyingStore {
            LyingStore { inner, broken: *self, kept: Mutex::new(None) }
        }

        fn observe(&self, inner: SimulatedObserve, audit: &Audit) -> LyingObserve {
            LyingObserve { inner, broken: *self, audit: audit.clone(), last: None }
        }

        fn act(&self, inner: SimulatedAct) -> LyingAct {
            LyingAct { inner, broken: *self }
        }

        fn trust(&self) -> Result<Trust, String> {
            let aliases: &[(&str, u8)] = if *self == Self::CountsSignatures { &[("ana2", 11)] } else { &[] };
            people::trust(Policy::default_text(), aliases)
        }
    }

    #[derive(Debug)]
    pub struct LyingStore {
        inner: SimulatedStore,
        broken: Broken,
        kept: Mutex<Option<(Head, Vec<Line>)>>,
    }

    impl Journal for LyingStore {
        async fn create_run(&self, run: &RunId) -> Result<(), StoreError> {
            self.inner.create_run(run).await
        }
        async fn runs(&self) -> Result<Vec<RunId>, StoreError> {
            self.inner.runs().await
        }
        async fn head(&self, run: &RunId) -> Result<Head, StoreError> {
            self.inner.head(run).await
        }
        async fn read(&self, run: &RunId, from: u64, most: usize) -> Result<Vec<Line>, StoreError> {
            self.inner.read(run, from, most).await
        }
        async fn append(&self, lease: &Lease, expected: &Head, lines: &[Line]) -> Result<Head, StoreError> {
            let intent = lines.iter().any(|line| line.event() == "step.started");
            if self.broken == Broken::IntentAfterAct && intent {
                *self.kept.lock().unwrap() = Some((expected.clone(), lines.to_vec()));
                return Ok(lines[lines.len() - 1].head());
            }
            let (expected, lines) = match self.kept.lock().unwrap().take() {
                Some((before, kept)) => (before, [kept, lines.to_vec()].concat()),
                None => (expected.clone(), lines.to_vec()),
            };
            self.inner.append(lease, &expected, &lines).await
        }
    }

    impl Leases for LyingStore {
        async fn acquire(&self, run: &RunId, holder: &Holder) -> Result<Lease, StoreError> {
            self.inner.acquire(run, holder).await
        }
        async fn still_held(&self, lease: &Lease) -> Result<(), StoreError> {
            let held = self.inner.still_held(lease).await;
            if self.broken == Broken::NoFence { Ok(()) } else { held }
        }
        async fn release(&self, lease: Lease) -> Result<(), StoreError> {
            self.inner.release(lease).await
        }
        async fn holder(&self, run: &RunId) -> Result<Option<Holder>, StoreError> {
            self.inner.holder(run).await
        }
    }

    impl Inbox for LyingStore {
        async fn put_input(&self, run: &RunId, body: &[u8]) -> Result<InputId, StoreError> {
            self.inner.put_input(run, body).await
        }
        async fn inputs(&self, run: &RunId) -> Result<Vec<Input>, StoreError> {
            self.inner.inputs(run).await
        }
        async fn remove_input(&self, id: &InputId) -> Result<(), StoreError> {
            self.inner.remove_input(id).await
        }
    }

    impl Live for LyingStore {
        async fn put_live(&self, lease: &Lease, values: &serde_json::Value) -> Result<(), StoreError> {
            self.inner.put_live(lease, values).await
        }
        async fn live(&self, run: &RunId) -> Result<Option<serde_json::Value>, StoreError> {
            self.inner.live(run).await
        }
    }

    #[derive(Debug)]
    pub struct LyingObserve {
        inner: SimulatedObserve,
        broken: Broken,
        audit: Audit,
        last: Option<Snapshot>,
    }

    impl Observe for LyingObserve {
        async fn snapshot(&mut self, tables: &BTreeSet<TableName>) -> Snapshot {
            if self.broken == Broken::ForgetsLastLook
                && self.audit.about_to_send()
                && let Some(last) = &self.last
            {
                return last.clone().as_of(self.inner.world.now());
            }
            let seen = self.inner.snapshot(tables).await;
            self.last = Some(seen.clone());
            seen
        }

        async fn measure(&mut self, command: &Command, step: &str) -> Outcome {
            self.inner.measure(command, step).await
        }
    }

    #[derive(Debug)]
    pub struct LyingAct {
        inner: SimulatedAct,
        broken: Broken,
    }

    impl Act for LyingAct {
        async fn prepare(&mut self, run: &RunId, command: &Command, identity: &str) -> Result<Connection, String> {
            self.inner.prepare(run, command, identity).await
        }

        async fn send(&mut self, connection: &Connection, cleared: &Cleared, copying: &Copying) -> Outcome {
            let outcome = self.inner.send(connection, cleared, copying).await;
            let lost =
                matches!(outcome, Outcome::InDoubt { .. }) && matches!(cleared.command().work, Work::Statement { .. });
            match self.broken {
                Broken::RetriesWhenLost if lost => self.inner.send(connection, cleared, copying).await,
                Broken::UnknownIsFine if lost => Outcome::Done { detail: "surely".to_owned() },
                _ => outcome,
            }
        }

        async fn look_for(&mut self, connection: &Connection) -> ConnectionState {
            self.inner.look_for(connection).await
        }
        async fn close(&mut self, connection: &Connection) {
            self.inner.close(connection).await;
        }
        async fn told(&mut self, server: &ServerName, tables: &BTreeSet<TableName>) -> Result<Told, String> {
            self.inner.told(server, tables).await
        }
    }
}

/// The first seed at which the audit catches a broken product, and by which words.
fn caught(broken: broken::Broken, within: u64) -> Option<(u64, String)> {
    let scenarios = [Scenario::rebuild_logged(), Scenario::rebuild()];
    (0..within).find_map(|seed| {
        scenarios.iter().find_map(|scenario| {
            let report = run_with(&broken, scenario, seed, Weather::Rough);
            report.violations.first().map(|violation| (seed, violation.clone()))
        })
    })
}

#[test]
fn a_product_that_counts_signatures_instead_of_people_is_caught() {
    let (seed, violation) = caught(broken::Broken::CountsSignatures, 200).unwrap();
    assert!(violation.contains("with 1 people"), "{seed}: {violation}");
}

#[test]
fn a_product_that_records_its_intent_after_acting_is_caught() {
    let (seed, violation) = caught(broken::Broken::IntentAfterAct, 200).unwrap();
    assert!(violation.contains("without a durable intent"), "{seed}: {violation}");
}

#[test]
fn a_product_that_sends_again_when_the_answer_is_lost_is_caught() {
    let (seed, violation) = caught(broken::Broken::RetriesWhenLost, 200).unwrap();
    assert!(violation.contains("twice"), "{seed}: {violation}");
}

#[test]
fn a_product_that_takes_unknown_for_fine_is_caught() {
    let (seed, violation) = caught(broken::Broken::UnknownIsFine, 200).unwrap();
    assert!(violation.contains("not applied"), "{seed}: {violation}");
}

#[test]
fn a_product_that_sends_without_asking_for_its_lease_is_caught() {
    let (seed, violation) = caught(broken::Broken::NoFence, 600).unwrap();
    assert!(violation.contains("lease") || violation.contains("durable intent"), "{seed}: {violation}");
}

#[test]
fn a_product_that_forgets_the_last_look_is_caught() {
    let (seed, violation) = caught(broken::Broken::ForgetsLastLook, 600).unwrap();
    assert!(violation.contains("takes the last good copy"), "{seed}: {violation}");
}
