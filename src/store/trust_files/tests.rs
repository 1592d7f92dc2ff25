use std::os::unix::fs::PermissionsExt as _;

use super::*;
use crate::keys::SecretKey;

const NOW: Timestamp = Timestamp::from_millis(1_795_000_000_000);

struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn state(&self) -> PathBuf {
        self.0.path().join("state")
    }

    fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.path().join(name);
        fs::write(&path, text).unwrap();
        path
    }

    fn operator(&self, name: &str, seed: u8) -> (Principal, PathBuf) {
        let key = SecretKey::from_seed(&[seed; 32]).unwrap().public().to_string();
        (Principal::parse(name).unwrap(), self.file(&format!("{name}-{seed}.pub"), &format!("{key} {name}@laptop\n")))
    }

    fn init(&self, operators: &[(Principal, PathBuf)]) -> Result<Made, TrustFileError> {
        init(&self.state(), operators, None, NOW)
    }

    fn three(&self) -> Made {
        self.init(&[self.operator("ana", 1), self.operator("bob", 2), self.operator("chen", 3)]).unwrap()
    }

    /// After a refusal, nothing of it may be left.
    fn nothing_written(&self) -> bool {
        !self.state().exists() || fs::read_dir(self.state()).unwrap().next().is_none()
    }
}

#[test]
fn what_init_makes_is_what_load_verifies() {
    let place = Place::new();
    let made = place.three();
    assert_eq!(made.warnings, Vec::<String>::new());
    let trust = load(&place.state()).unwrap();
    assert_eq!((trust.serial(), trust.digest(), trust.threshold()), (1, &made.anchor, 2));
    assert_eq!(trust, load_anchored(&place.state(), &made.anchor).unwrap());
    let shown = show(&trust).join("\n");
    assert!(shown.contains("operator chen SHA256:") && shown.contains("destructive needs 2 approvals"), "{shown}");
}

#[test]
fn one_key_under_two_names_is_refused_with_both_names() {
    let place = Place::new();
    let error = place.init(&[place.operator("ana", 1), place.operator("bob", 1)]).unwrap_err().to_string();
    assert!(error.contains("`ana`") && error.contains("`bob`"), "{error}");
    assert!(place.nothing_written());
}

#[test]
fn nothing_is_written_when_anything_is_wrong() {
    let place = Place::new();
    let ana = place.operator("ana", 1);
    let unreadable = (Principal::parse("bob").unwrap(), place.0.path().join("missing.pub"));
    let not_a_key = (Principal::parse("bob").unwrap(), place.file("rsa.pub", "ssh-rsa AAAAB3NzaC1yc2E bob\n"));
    let key_problems = [unreadable, not_a_key];
    for bob in key_problems {
        let error = place.init(&[ana.clone(), bob]).unwrap_err();
        assert!(matches!(&error, TrustFileError::Key { operator, .. } if operator.as_str() == "bob"), "{error}");
    }
    assert!(matches!(place.init(&[]), Err(TrustFileError::Nobody)));
    let low = place.file("policy.yaml", "version: 1\nclasses: {destructive: {approvals: 1, own_measurement: 1}}\n");
    let error = init(&place.state(), &[ana, place.operator("bob", 2)], Some(&low), NOW).unwrap_err();
    assert!(matches!(error, TrustFileError::Policy { .. }), "{error}");
    assert!(place.nothing_written());
}

#[test]
fn a_policy_that_is_good_is_taken_as_it_is() {
    let place = Place::new();
    let strict = place.file("policy.yaml", "version: 1\nclasses: {destructive: {approvals: 3}}\n");
    let operators = [place.operator("ana", 1), place.operator("bob", 2)];
    let made = init(&place.state(), &operators, Some(&strict), NOW).unwrap();
    assert!(made.warnings.iter().any(|warning| warning.contains("destructive") && warning.contains("3 people")));
    assert_eq!(load(&place.state()).unwrap().policy().rule(Danger::Destructive).approvals(), 3);
}

#[test]
fn trust_that_exists_is_not_touched() {
    let place = Place::new();
    place.three();
    let before = load(&place.state()).unwrap();
    assert!(matches!(place.init(&[place.operator("eve", 8)]), Err(TrustFileError::Exists { .. })));
    assert_eq!(load(&place.state()).unwrap(), before);
}

#[test]
fn a_lone_engineer_is_told_what_can_never_run() {
    let place = Place::new();
    let warnings = place.init(&[place.operator("ana", 1)]).unwrap().warnings;
    assert!(warnings.iter().any(|warning| warning.contains("destructive")), "{warnings:?}");
    let place = Place::new();
    let warnings = place.init(&[place.operator("ana", 1), place.operator("bob", 2)]).unwrap().warnings;
    assert!(matches!(&warnings[..], [one] if one.contains("third")), "{warnings:?}");
}

#[test]
fn an_anchor_that_others_may_change_is_not_believed() {
    for (path, mode) in [("trust/anchor", 0o664), ("trust/anchor", 0o646), ("trust", 0o775), ("trust", 0o757)] {
        let place = Place::new();
        place.three();
        fs::set_permissions(place.state().join(path), fs::Permissions::from_mode(mode)).unwrap();
        assert!(matches!(load(&place.state()), Err(TrustFileError::Exposed { .. })), "{path} {mode:o}");
    }
}

#[test]
fn another_anchor_than_the_readers_own_is_refused() {
    let place = Place::new();
    place.three();
    let mine = Digest::of(b"mine");
    assert!(matches!(load_anchored(&place.state(), &mine), Err(TrustFileError::OtherAnchor { .. })));
    fs::write(place.state().join("trust/anchor"), format!("{mine}\n")).unwrap();
    assert!(matches!(load(&place.state()), Err(TrustFileError::Versions(_))));
    fs::write(place.state().join("trust/anchor"), "nonsense\n").unwrap();
    assert!(matches!(load(&place.state()), Err(TrustFileError::Anchor { .. })));
}

#[test]
fn every_changed_file_is_noticed() {
    for file in ["trust.txt", "operators", "policy.yaml", "revoked_keys"] {
        let place = Place::new();
        place.three();
        let path = place.state().join("trust/1").join(file);
        let text = fs::read_to_string(&path).unwrap();
        fs::write(&path, format!("{text}# more\n")).unwrap();
        assert!(load(&place.state()).is_err(), "{file}");
        fs::remove_file(&path).unwrap();
        assert!(load(&place.state()).is_err(), "{file} missing");
    }
}

#[test]
fn a_second_version_counts_when_the_first_ones_operators_signed_it() {
    use crate::domain::approval::trust::TrustText;
    let place = Place::new();
    let made = place.three();
    let directory = place.state().join("trust/2");
    fs::create_dir(&directory).unwrap();
    let first = place.state().join("trust/1");
    for file in ["operators", "policy.yaml", "revoked_keys"] {
        fs::copy(first.join(file), directory.join(file)).unwrap();
    }
    let mut text = TrustText::parse(&fs::read(first.join("trust.txt")).unwrap()).unwrap();
    (text.serial, text.previous) = (2, made.anchor);
    let text = text.render().unwrap();
    fs::write(directory.join("trust.txt"), &text).unwrap();
    let sign = |name: &str, seed: u8| {
        let armored = SecretKey::from_seed(&[seed; 32]).unwrap().sign(Verb::Trust, text.as_bytes());
        fs::write(directory.join(format!("trust.txt.{name}.sig")), armored).unwrap();
    };
    sign("ana", 1);
    assert!(matches!(load(&place.state()), Err(TrustFileError::Versions(_))), "one of two");
    sign("bob", 2);
    assert_eq!(load(&place.state()).unwrap().serial(), 2);
    sign("chen", 1);
    assert!(matches!(load(&place.state()), Err(TrustFileError::Versions(_))), "ana's under chen's name");
}

#[test]
fn a_state_directory_without_trust_says_how_to_make_it() {
    let error = load(Place::new().0.path()).unwrap_err().to_string();
    assert!(error.contains("trust init"), "{error}");
}
