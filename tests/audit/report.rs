//! The report of the run made by hand, as a whole: what people read, and what programs read.

use countersign::domain::journal::record::Record;
use countersign::domain::report::{Report, ReportError};
use countersign::store::trust_files;

use super::made::{self, ANA, BOB, CHEN};
use super::story;

fn trust() -> countersign::domain::approval::trust::Trust {
    let dir = tempfile::tempdir().unwrap();
    let operators = made::key_files(dir.path(), &[ANA, BOB, CHEN]);
    trust_files::init(&dir.path().join("state"), &operators, None, "2026-11-01T09:00:00Z".parse().unwrap()).unwrap();
    trust_files::load(&dir.path().join("state")).unwrap()
}

#[test]
fn the_report_of_a_whole_run_reads_like_this() {
    let report = Report::of(&story::good(&trust()).lines).unwrap();
    insta::assert_snapshot!(report.markdown());
}

#[test]
fn the_parts_of_the_time_add_up() {
    let time = Report::of(&story::good(&trust()).lines).unwrap().time;
    let parts = [time.working, time.signatures, time.people, time.facts, time.held, time.stopped];
    assert_eq!(parts.iter().map(|part| part.millis()).sum::<u64>(), time.whole.millis());
    assert!(time.held.secs() >= 30 && time.signatures.secs() >= 128 && time.people.secs() >= 64, "{time:?}");
}

#[test]
fn the_json_says_who_signed_with_which_key() {
    let json: serde_json::Value =
        serde_json::from_str(&Report::of(&story::good(&trust()).lines).unwrap().json()).unwrap();
    let signed = &json["requests"][0]["signed"];
    assert_eq!(signed[0]["by"], "ana");
    assert_eq!(signed[0]["fingerprint"], made::secret(ANA).public().fingerprint());
    assert_eq!(signed[1]["review"], "detached");
    assert_eq!(json["statements"][2]["server"], "db-a");
    assert_eq!(json["outcome"], "completed");
}

#[test]
fn a_report_can_be_written_at_any_line() {
    let made = story::good(&trust());
    for count in 1..=made.lines.len() {
        let report = Report::of(&made.lines[..count]).unwrap();
        assert_eq!(report.head, made.lines[count - 1].head());
        assert_eq!(report.outcome.is_none(), report.standing.is_some());
        assert!(report.markdown().is_ascii());
    }
    assert_eq!(Report::of(&[]), Err(ReportError::Empty));
}

#[test]
fn what_people_and_servers_say_cannot_become_markup_or_escape_sequences() {
    let mut made = story::before_the_drop(&trust());
    made.push(Record::Noted { by: "eve".to_owned(), text: "\u{1b}[2K<img src=x>|cell|\n# title".to_owned() });
    let text = Report::of(&made.lines).unwrap().markdown();
    assert!(text.contains("\\<img src=x\\>\\|cell\\|") && !text.contains('\u{1b}') && !text.contains("\n# title"));
}
