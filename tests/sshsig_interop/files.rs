//! Key files made by `ssh-keygen`, and signatures in both directions.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;

use base64ct::{Base64, Encoding as _};
use countersign::domain::approval::roster::{Operator, Roster};
use countersign::domain::approval::sshsig::{Verb, tidied, verify};
use countersign::domain::base::Principal;
use countersign::keys::{KeyError, Signer, read_public_key};

use crate::stock;

const MESSAGE: &[u8] = b"countersign approval request v1\n[end]\n";
const PASSPHRASE: &str = "correct horse";

fn open(path: &Path) -> Result<Signer, KeyError> {
    Signer::open(path, Some(PASSPHRASE), None)
}

fn refused(path: &Path) -> KeyError {
    open(path).unwrap_err()
}

/// The bytes inside a private key file, changed.
fn rewritten(path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    let text = fs::read_to_string(path).unwrap();
    let body: String = text.lines().filter(|line| !line.starts_with('-')).collect();
    let mut bytes = Base64::decode_vec(&body).unwrap();
    change(&mut bytes);
    let body = Base64::encode_string(&bytes);
    let lines: Vec<&str> = body.as_bytes().chunks(70).map(|line| std::str::from_utf8(line).unwrap()).collect();
    let text =
        format!("-----BEGIN OPENSSH PRIVATE KEY-----\n{}\n-----END OPENSSH PRIVATE KEY-----\n", lines.join("\n"));
    fs::write(path, text).unwrap();
}

#[tokio::test]
async fn signatures_go_both_ways_for_plain_and_encrypted_key_files() {
    let dir = tempfile::tempdir().unwrap();
    let encrypted = |cipher| vec!["-N", PASSPHRASE, "-a", "2", "-Z", cipher];
    let keys = [
        ("plain", vec!["-N", ""]),
        ("ctr", encrypted("aes256-ctr")),
        ("gcm", encrypted("aes256-gcm@openssh.com")),
        ("chacha", encrypted("chacha20-poly1305@openssh.com")),
    ];
    for (name, arguments) in keys {
        let path = stock::make_key(dir.path(), name, &arguments);
        let public = read_public_key(&path.with_extension("pub")).unwrap();
        assert_eq!(read_public_key(&path).unwrap(), public, "{name}");
        let signer = open(&path).unwrap();
        assert_eq!(signer.key(), &public);
        let signature = signer.sign(Verb::Approve, MESSAGE).await.unwrap();
        assert!(stock::accepts(&public.to_string(), Verb::Approve, signature.as_bytes(), MESSAGE), "{name}");
        assert!(!stock::accepts(&public.to_string(), Verb::Approve, signature.as_bytes(), b"other"), "{name}");
        if name == "plain" {
            let theirs = stock::sign(&path, Verb::Approve.namespace(), MESSAGE, None, &[]);
            assert_eq!(theirs, signature, "one key, one message, one text");
            assert_eq!(tidied(&theirs).unwrap(), theirs);
        } else {
            assert!(matches!(Signer::open(&path, None, None), Err(KeyError::NeedsPassphrase { .. })));
            assert!(matches!(Signer::open(&path, Some("wrong"), None), Err(KeyError::WrongPassphrase { .. })));
        }
    }
}

#[test]
fn a_stock_signature_is_accepted_for_each_verb_and_only_with_sha512() {
    let dir = tempfile::tempdir().unwrap();
    let path = stock::make_key(dir.path(), "ana", &["-N", ""]);
    for verb in Verb::ALL {
        let text = stock::sign(&path, verb.namespace(), MESSAGE, None, &[]);
        assert!(verify(&text, verb, MESSAGE).is_ok(), "{verb:?}");
    }
    let sha256 = stock::sign(&path, Verb::Approve.namespace(), MESSAGE, None, &["-O", "hashalg=sha256"]);
    assert!(verify(&sha256, Verb::Approve, MESSAGE).is_err());
}

#[tokio::test]
async fn our_roster_is_an_operators_file_for_stock_tools_with_its_dates() {
    let dir = tempfile::tempdir().unwrap();
    let signer = open(&stock::make_key(dir.path(), "ana", &["-N", ""])).unwrap();
    let mut operator = Operator::new(Principal::parse("ana").unwrap(), signer.key().clone());
    operator.valid_after = Some("2026-11-01T00:00:00Z".parse().unwrap());
    operator.valid_before = Some("2026-12-01T00:00:00Z".parse().unwrap());
    let roster = Roster::new(vec![operator]).unwrap();
    let revoked = dir.path().join("revoked_keys");
    fs::write(&revoked, format!("{}\n", signer.key())).unwrap();
    for verb in [Verb::Approve, Verb::Input] {
        let signature = signer.sign(verb, MESSAGE).await.unwrap();
        let accepts =
            |extra: &[&str]| stock::accepts_with(&roster.render(), "ana", verb, signature.as_bytes(), MESSAGE, extra);
        for (stamp, time) in [
            ("20261031235959Z", "2026-10-31T23:59:59Z"),
            ("20261101000000Z", "2026-11-01T00:00:00Z"),
            ("20261130235959Z", "2026-11-30T23:59:59Z"),
            ("20261201000001Z", "2026-12-01T00:00:01Z"),
        ] {
            let ours = roster.find(signer.key(), verb, time.parse().unwrap()).is_ok();
            assert_eq!(accepts(&["-O", &format!("verify-time={stamp}")]), ours, "{time}");
        }
        let during = "verify-time=20261115000000Z";
        assert!(!accepts(&["-O", during, "-r", revoked.to_str().unwrap()]), "a plain list of keys revokes");
    }
}

#[test]
fn a_private_key_that_others_can_read_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = stock::make_key(dir.path(), "ana", &["-N", ""]);
    assert!(open(&path).is_ok(), "the control");
    for mode in [0o644, 0o640, 0o604, 0o620, 0o601] {
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        assert!(matches!(refused(&path), KeyError::Exposed { mode: found, .. } if found == mode), "{mode:o}");
    }
}

#[test]
fn other_keys_and_broken_files_are_refused_with_a_reason() {
    let dir = tempfile::tempdir().unwrap();
    let rsa = stock::make_key(dir.path(), "rsa", &["-N", "", "-t", "rsa", "-b", "2048"]);
    assert!(refused(&rsa).to_string().contains("ssh-ed25519"), "{}", refused(&rsa));
    assert!(matches!(read_public_key(&rsa.with_extension("pub")), Err(KeyError::Refused { .. })));

    let cut = stock::make_key(dir.path(), "cut", &["-N", ""]);
    let text = fs::read_to_string(&cut).unwrap();
    for length in [40, text.len() / 2, text.len() - 40] {
        fs::write(&cut, &text[..length]).unwrap();
        assert!(matches!(refused(&cut), KeyError::NotAKey { .. }), "{length}");
    }
    assert!(matches!(refused(&dir.path().join("absent")), KeyError::Read { .. }));
    assert!(matches!(refused(dir.path()), KeyError::NotAFile { .. }));
    let device = dir.path().join("zero");
    symlink("/dev/zero", &device).unwrap();
    assert!(matches!(refused(&device), KeyError::NotAFile { .. }));
    let text_file = dir.path().join("text");
    fs::write(&text_file, "hello\n").unwrap();
    assert!(matches!(refused(&text_file), KeyError::Refused { .. }));
}

#[test]
fn a_key_file_cannot_ask_for_hours_of_work() {
    let dir = tempfile::tempdir().unwrap();
    let path = stock::make_key(dir.path(), "ana", &["-N", PASSPHRASE, "-a", "1"]);
    rewritten(&path, |bytes| {
        let at = bytes.windows(6).position(|window| window == b"bcrypt").unwrap() + 6 + 4 + 4 + 16;
        assert_eq!(bytes[at..at + 4], 1u32.to_be_bytes());
        bytes[at..at + 4].copy_from_slice(&(1u32 << 31).to_be_bytes());
    });
    assert!(matches!(refused(&path), KeyError::TooManyRounds { rounds: 0x8000_0000, .. }));
}

#[test]
fn halves_that_do_not_belong_together_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = stock::make_key(dir.path(), "ana", &["-N", ""]);
    let own = *read_public_key(&path).unwrap().point();
    let other = *read_public_key(&stock::make_key(dir.path(), "bob", &["-N", ""])).unwrap().point();
    rewritten(&path, |bytes| {
        let places: Vec<usize> = (0..bytes.len() - 32).filter(|at| bytes[*at..*at + 32] == own).collect();
        assert_eq!(places.len(), 3);
        for at in places {
            bytes[at..at + 32].copy_from_slice(&other);
        }
    });
    let error = refused(&path);
    assert!(matches!(error, KeyError::HalvesDiffer { .. } | KeyError::NotAKey { .. }), "{error}");
}
