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
