//! The outages that this program exists for, on real servers of both flavors, through the built program and its command
//! line alone: what operators type is what is typed here, and what came of it is asked of the servers.

#![expect(clippy::print_stdout, reason = "measured times, for whoever reads the log")]

#[path = "postmortems/approvals.rs"]
mod approvals;
#[path = "postmortems/crashes.rs"]
mod crashes;
#[path = "postmortems/daily.rs"]
mod daily;
#[path = "postmortems/driver.rs"]
mod driver;
#[path = "postmortems/held.rs"]
mod held;
#[path = "postmortems/limit.rs"]
mod limit;
#[path = "postmortems/mortal.rs"]
mod mortal;
#[path = "postmortems/online_index.rs"]
mod online_index;
#[path = "postmortems/protect.rs"]
mod protect;
#[path = "postmortems/rebuild.rs"]
mod rebuild;
#[path = "postmortems/refusals.rs"]
mod refusals;
#[path = "postmortems/scene.rs"]
mod scene;
#[path = "postmortems/victims.rs"]
mod victims;
