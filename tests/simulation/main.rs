//! The real executor against simulated servers, people, clocks and stores.
//!
//! `COUNTERSIGN_SIMULATIONS` says how many runs, `COUNTERSIGN_SEED` with which seed they begin. A seed names the whole
//! run, its runbook included. By the thousand they want the optimised build: `cargo test --release --test simulation`.

mod broken;
mod sum;

use std::path::PathBuf;

use countersign::domain::journal::record::{Ending, StopReason};
use countersign::simulate::export;
use countersign::simulate::faults::Weather;
use countersign::simulate::invariant::Invariant;
use countersign::simulate::run::{End, Honest, Report, Rig, simulate_in_no_time};
use countersign::simulate::scenario::{Catalogue, Expected, Scenario};

use broken::Broken;
use sum::Sum;

fn run_with<R: Rig>(rig: &R, scenario: &Scenario, seed: u64, weather: Weather) -> Report {
    simulate_in_no_time(rig, scenario, seed, weather).unwrap()
}

fn setting(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

/// As many as an unoptimised build does in seconds.
fn simulations() -> u64 {
    setting("COUNTERSIGN_SIMULATIONS", 240)
}

fn first_seed() -> u64 {
    setting("COUNTERSIGN_SEED", 0)
}

#[test]
fn in_fair_weather_every_scenario_ends_as_expected() {
    let shipped = Scenario::shipped().unwrap().into_iter().chain([Scenario::shipped_late().unwrap()]);
    for scenario in Scenario::all().into_iter().chain(shipped) {
        let report = run_with(&Honest, &scenario, 1, Weather::Fair);
        assert!(report.violations.is_empty(), "{}: {:?}", scenario.name, report.violations);
        match scenario.expected {
            Expected::Completed => {
                assert_eq!(report.end, End::Closed(Ending::Completed), "{}: {:?}", scenario.name, report.stops);
                let late = report.stops.iter().filter(|why| matches!(why, StopReason::TooLong { .. })).count();
                assert_eq!(late, usize::from(scenario.name.contains("late")), "{}", scenario.name);
            }
            Expected::Refused => assert_eq!(report.stops, [StopReason::Refused], "{}", scenario.name),
            Expected::Anything => unreachable!("{} is no random one", scenario.name),
        }
    }
}

#[test]
fn a_lock_storm_drains_in_a_simulated_run_of_the_shipped_runbook() {
    use countersign::domain::snapshot::{FactKey, ServerFact, Value};
    let scenario = Scenario::lock_storm().unwrap();
    let report = run_with(&Honest, &scenario, 1, Weather::Fair);
    assert_eq!(report.violations, []);
    assert_eq!(report.end, End::Closed(Ending::Completed));
    let key = FactKey::server(&"a".parse().unwrap(), ServerFact::LockWaits);
    let waiting = |snapshot: &countersign::domain::snapshot::Snapshot| match snapshot.get(&key).unwrap().value() {
        Ok(Value::LockWaits(waits)) => waits.waiting(),
        other => panic!("{other:?}"),
    };
    assert_eq!(waiting(&scenario.snapshot), 10);
    assert_eq!(waiting(&report.reached.last().unwrap().1), 0);
}

/// One after the other on each processor.
fn simulate_all(from: u64, runs: u64) -> Sum {
    let catalogue = Catalogue::read().unwrap();
    let workers = std::thread::available_parallelism().map_or(1, |n| u64::try_from(n.get()).unwrap());
    std::thread::scope(|scope| {
        let part = |worker: u64| {
            let catalogue = &catalogue;
            scope.spawn(move || {
                let mut sum = Sum::default();
                for seed in (from..from + runs).filter(|seed| seed % workers == worker) {
                    sum.add(run_with(&Honest, &catalogue.of(seed), seed, Weather::Rough));
                }
                sum
            })
        };
        let parts: Vec<_> = (0..workers).map(part).collect();
        let sums = parts.into_iter().map(|part| part.join().unwrap());
        sums.reduce(Sum::and).unwrap()
    })
}

#[test]
#[expect(clippy::print_stdout, reason = "the counts are for whoever runs it with --nocapture")]
fn in_rough_weather_no_invariant_breaks() {
    let sum = simulate_all(first_seed(), simulations());
    println!("{sum}");
    assert!(sum.bad.is_empty(), "{}", sum.bad.join("\n"));
    // Without these the simulation would prove nothing.
    if sum.runs >= 200 {
        assert_eq!(sum.kinds_that_never_happened(), Vec::<&str>::new());
        assert_eq!(sum.phases_that_were_never_reached(), Vec::<&str>::new());
    }
    if sum.runs >= 5000 {
        assert_eq!(sum.places_without_a_crash(), Vec::<&str>::new());
        assert_eq!(sum.records_that_were_never_written(), Vec::<&str>::new());
        assert_eq!(sum.transitions_that_never_happened(), Vec::<String>::new());
    }
}

/// The run of `COUNTERSIGN_SEED` as a bundle, for `countersign replay`.
fn kept(report: &Report) -> PathBuf {
    let target = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("simulated-{}", report.seed));
    let _ = std::fs::remove_dir_all(&target);
    export::write(report, &target).unwrap();
    target
}

#[test]
#[expect(clippy::print_stdout, reason = "the lines tell where the run lies")]
fn the_run_of_a_seed_opens_in_the_product() {
    let seed = first_seed();
    let report = run_with(&Honest, &Catalogue::read().unwrap().of(seed), seed, Weather::Rough);
    let bundle = kept(&report);
    println!("{} {:?} {:?}\ncountersign replay {}", report.scenario, report.end, report.violations, bundle.display());
    let run = |words: &[&str]| {
        let output =
            std::process::Command::new(env!("CARGO_BIN_EXE_countersign")).args(words).arg(&bundle).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(0), "{words:?}: {said}");
        String::from_utf8(output.stdout).unwrap()
    };
    let told = run(&["replay"]);
    assert!(told.contains("driver ana on bastion-1"), "{told}");
    assert!(run(&["replay", "--report"]).contains(&format!("r-{seed:x}")));
    let verified = run(&["journal", "verify"]);
    assert!(!verified.is_empty());
}

#[test]
fn the_same_seed_gives_the_same_journal() {
    let catalogue = Catalogue::read().unwrap();
    for seed in first_seed()..first_seed() + 20 {
        let scenario = catalogue.of(seed);
        let journal = |report: Report| report.journal.iter().map(|line| line.bytes().to_vec()).collect::<Vec<_>>();
        let once = journal(run_with(&Honest, &scenario, seed, Weather::Rough));
        assert_eq!(once, journal(run_with(&Honest, &scenario, seed, Weather::Rough)), "seed {seed}");
    }
}

/// A broken product must be caught within so many runs.
const WITHIN: usize = 10_000;
/// The places among twenty seeds at which [`Catalogue::of`] has the logged rebuild.
const LOGGED_REBUILDS: std::ops::Range<u64> = 5..9;

/// The seeds of a broken product's runs: what can only be seen where a logged statement waits for a look is not looked
/// for elsewhere.
fn seeds(broken: Broken) -> impl Iterator<Item = u64> {
    (0..).filter(move |seed| broken != Broken::ForgetsLastLook || LOGGED_REBUILDS.contains(&(seed % 20)))
}

/// Simulates a broken product until the audit says that it breaks this rule.
#[expect(clippy::print_stdout, reason = "how many runs it took is for whoever runs it with --nocapture")]
fn caught(broken: Broken, invariant: Invariant) {
    let catalogue = Catalogue::read().unwrap();
    for (before, seed) in seeds(broken).take(WITHIN).enumerate() {
        let report = run_with(&broken, &catalogue.of(seed), seed, Weather::Rough);
        if let Some(violation) = report.violations.iter().find(|found| found.invariant == invariant) {
            println!("{broken:?} is caught in run {} of seed {seed}: {violation}", before + 1);
            return;
        }
    }
    panic!("{broken:?} breaks {invariant:?}, and {WITHIN} runs did not show it");
}

#[test]
fn a_product_that_counts_signatures_instead_of_people_is_caught() {
    caught(Broken::CountsSignatures, Invariant::TwoPeople);
}

#[test]
fn a_product_that_records_its_intent_after_acting_is_caught() {
    caught(Broken::IntentAfterAct, Invariant::IntentFirst);
}

#[test]
fn a_product_that_sends_again_when_the_answer_is_lost_is_caught() {
    caught(Broken::RetriesWhenLost, Invariant::SentOnce);
}

#[test]
fn a_product_that_takes_unknown_for_fine_is_caught() {
    caught(Broken::UnknownIsFine, Invariant::RecordsAreTrue);
}

#[test]
fn a_product_that_sends_without_asking_for_its_lease_is_caught() {
    caught(Broken::NoFence, Invariant::LiveLease);
}

#[test]
fn a_product_that_forgets_the_last_look_is_caught() {
    caught(Broken::ForgetsLastLook, Invariant::RuleOfCopies);
}

#[test]
fn a_product_whose_apply_evaluates_is_caught() {
    caught(Broken::ApplyEvaluates, Invariant::StateIsTheFold);
    caught(Broken::ApplyEvaluates, Invariant::DoneIsKnown);
}

#[test]
fn a_product_that_forgets_a_hold_when_it_resumes_is_caught() {
    caught(Broken::ForgetsHold, Invariant::HoldIsHeard);
}

#[test]
fn a_product_that_empties_its_inbox_is_caught() {
    caught(Broken::LosesInputs, Invariant::NoInputLost);
}

#[test]
fn a_product_that_waits_for_an_answer_for_ever_and_does_not_say_so_is_caught() {
    caught(Broken::NeverAnswers, Invariant::EndsOrWaits);
}

#[test]
fn each_invariant_has_a_broken_product_that_it_catches() {
    let source = include_str!("main.rs");
    for invariant in Invariant::ALL {
        let call = format!(", Invariant::{invariant:?});");
        assert!(source.contains(&call), "nothing shows that {invariant:?} can be broken");
    }
}
