//! Journals that an executor, or somebody with its key, could have written: the audit tells good from bad.

use countersign::domain::approval::trust::Trust;
use countersign::domain::base::{Danger, Span};
use countersign::domain::journal::audit::{Fault, Review, Summary, What, audit};
use countersign::domain::journal::record::{Choice, Ending, Record, StopReason};
use countersign::store::trust_files;

use super::made::{self, ANA, BOB, CHEN, DROP, Maker, REQUEST, STRANGER, name, step};

fn trust() -> (tempfile::TempDir, Trust) {
    let dir = tempfile::tempdir().unwrap();
    let operators = made::key_files(dir.path(), &[ANA, BOB, CHEN]);
    let state = dir.path().join("state");
    trust_files::init(&state, &operators, None, "2026-11-01T09:00:00Z".parse().unwrap()).unwrap();
    let trust = trust_files::load(&state).unwrap();
    (dir, trust)
}

fn judged(made: &Maker) -> Result<Summary, Vec<Fault>> {
    audit(&made.lines, std::slice::from_ref(&made.trust))
}

fn refused(made: &Maker) -> Vec<What> {
    judged(made).unwrap_err().into_iter().map(|fault| fault.what).collect()
}

#[test]
fn a_good_run_says_who_allowed_what() {
    let (_dir, trust) = trust();
    let summary = judged(&made::good(&trust)).unwrap_or_else(|faults| panic!("{faults:#?}"));
    assert_eq!((summary.ended, summary.gates.len()), (Some(Ending::Completed), 1));
    let gate = &summary.gates[0];
    let by: Vec<_> = gate.approvers.iter().map(|approver| (approver.by.as_str(), approver.review)).collect();
    assert_eq!(by, [("ana", Review::Reviewed { confirmed: 5, of: 6 }), ("bob", Review::Detached)]);
    assert_eq!(summary.inputs, 4, "an answer, a release and two choices");
    assert!(summary.unvouched.is_empty());
}

#[test]
fn a_run_that_goes_on_is_good_as_far_as_it_is() {
    let (_dir, trust) = trust();
    let summary = judged(&made::approved(&trust)).unwrap();
    assert_eq!((summary.ended, summary.gates.len()), (None, 0));
}
