//! Real servers and real faults: connections that break at every place, and executors and people that race. What became
//! of a statement is asked of the servers' own logs, and compared with what the run says of it.

mod cuts;
mod judge;
mod locks;
mod play;
#[path = "../support/proxy.rs"]
mod proxy;
mod races;
mod stage;
mod twins;
