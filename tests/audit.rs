//! A finished run for an auditor: the bundle that the library writes is good to us and to stock tools, and every tamper
//! is refused by both.

#[path = "audit/bundles.rs"]
mod bundles;
#[path = "audit/golden.rs"]
mod golden;
#[path = "audit/made.rs"]
mod made;
#[path = "audit/records.rs"]
mod records;
#[path = "audit/report.rs"]
mod report;
#[path = "audit/story.rs"]
mod story;
