//! What the demo tells between the lines of its runs.

use crate::cli::output::data;

pub fn opening(where_it_plays: &str) {
    for line in [
        "== countersign demo ==",
        "The CxAlloy outage of March 2022: a migration corrupts a large table on the primary. The replicas still have it.",
        "The team exported it, then dropped and reloaded it. The DROP replicated, and the last live copy was gone.",
    ] {
        data(line);
    }
    data(&format!("This plays {where_it_plays}: db-a is the primary, db-b and db-c follow it."));
}

pub fn broken(table: &str, rows: u64) {
    data("");
    data(&format!("== {table} ({rows} rows) is corrupt on db-a now =="));
}

pub fn naive() {
    data("");
    data("== First, what they did: DROP TABLE on the primary, with nothing else ==");
}

pub fn rebuild() {
    data("");
    data("== Now the rebuild that ships: protect the spare, copy beside, compare, drop unlogged, signed by two ==");
    data("ana drives; ana and bob are played by this demo, with keys made for it.");
}

pub fn asked(servers: &[String]) {
    data("");
    data("== Asked of the servers themselves: rows and checksum of the table ==");
    for line in servers {
        data(line);
    }
}

pub fn closing() {
    data("");
    data("No replica was touched, every copy is equal, and the journal verifies.");
    data("Next: countersign reach --fleet FLEET --on SERVER 'DROP TABLE schema.table' on your own fleet (see README).");
}
