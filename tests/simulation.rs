//! The real executor against simulated servers, people, clocks and stores.

use countersign::simulate::faults::Weather;
use countersign::simulate::run::{End, Honest, Report, Rig, simulate};
use countersign::simulate::scenario::{Expected, Scenario};

fn run_with<R: Rig>(rig: &R, scenario: &Scenario, seed: u64, weather: Weather) -> Report {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(simulate(rig, scenario, seed, weather)).unwrap()
}

#[test]
fn in_fair_weather_every_scenario_ends_as_expected() {
    use countersign::domain::journal::record::{Ending, StopReason};
    for scenario in Scenario::all() {
        let report = run_with(&Honest, &scenario, 1, Weather::Fair);
        for line in &report.journal {
            println!("{} {} {:.300}", line.seq(), line.event(), line.payload());
        }
        assert_eq!(report.violations, Vec::<String>::new(), "{}", scenario.name);
        match scenario.expected {
            Expected::Completed => assert_eq!(report.end, End::Closed(Ending::Completed), "{}", scenario.name),
            Expected::Refused => assert_eq!(report.stops, [StopReason::Refused], "{}", scenario.name),
        }
    }
}

/// How many seeds each scenario meets; a nightly job raises it.
fn seeds() -> u64 {
    std::env::var("COUNTERSIGN_SIMULATIONS").ok().and_then(|text| text.parse().ok()).unwrap_or(60)
}

#[test]
fn in_rough_weather_no_invariant_breaks() {
    let mut bad = 0;
    let first: u64 = std::env::var("COUNTERSIGN_SEED").ok().and_then(|t| t.parse().ok()).unwrap_or(0);
    let mut ends = std::collections::BTreeMap::<String, u64>::new();
    let mut faults = std::collections::BTreeMap::<String, u64>::new();
    let mut transitions = std::collections::BTreeSet::new();
    for seed in first..first + seeds() {
        for scenario in Scenario::all() {
            let started = std::time::Instant::now();
            let report = run_with(&Honest, &scenario, seed, Weather::Rough);
            *ends.entry(format!("{} {:?}", scenario.name, report.end)).or_default() += 1;
            for (f, n) in report.faults { *faults.entry(f).or_default() += n; }
            transitions.extend(report.covered.transitions);
            if !report.violations.is_empty() || started.elapsed().as_millis() > 1500 {
                bad += 1;
                println!("SEED {seed} {} {:?} {:?} {} {:?}", scenario.name, report.end, report.violations, report.records, started.elapsed());
            }
        }
    }
    println!("{ends:#?} {faults:#?} {} ", transitions.len());
    assert_eq!(bad, 0);
}
