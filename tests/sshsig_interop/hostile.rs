//! Hostile signatures. Each is refused here; and for each the property holds that what is accepted here is accepted
//! by the stock verifier.

use countersign::domain::approval::roster::Roster;
use countersign::domain::approval::sshsig::{KeyProblem, PublicKey, Verb, verify};
use curve25519_dalek::constants::{ED25519_BASEPOINT_POINT, EIGHT_TORSION};
use curve25519_dalek::edwards::EdwardsPoint;
use curve25519_dalek::scalar::Scalar;
use sha2::{Digest as _, Sha512};

use crate::forge::{Forgery, armor, key_blob, public, secret};
use crate::stock;

const MESSAGE: &[u8] = b"countersign approval request v1\n[end]\n";
const VERB: Verb = Verb::Approve;

struct Case {
    name: String,
    text: Vec<u8>,
    key: String,
}

fn case(name: &str, forgery: &Forgery) -> Case {
    Case { name: name.to_owned(), text: forgery.armored().into_bytes(), key: forgery.key_text() }
}

fn text_case(name: &str, text: impl Into<Vec<u8>>) -> Case {
    Case { name: name.to_owned(), text: text.into(), key: public(1).to_string() }
}

fn honest() -> Forgery {
    Forgery::honest(1, VERB, MESSAGE)
}

fn ours(text: &[u8]) -> bool {
    std::str::from_utf8(text).is_ok_and(|text| verify(text, VERB, MESSAGE).is_ok())
}

/// The second half of a signature with the group order added: the same number to a careless verifier.
pub fn plus_order(signature: &mut [u8]) {
    const ORDER: [u8; 16] =
        [0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14];
    let mut carry = 0u16;
    for (index, byte) in signature[32..64].iter_mut().enumerate() {
        let add = if index == 31 { 0x10 } else { ORDER.get(index).copied().unwrap_or(0) };
        let sum = u16::from(*byte) + u16::from(add) + carry;
        *byte = sum.to_le_bytes()[0];
        carry = sum >> 8;
    }
}

/// A key with a small-order part, and a signature under it that even a strict equation accepts.
fn mixed_order() -> Forgery {
    let a = secret(1).to_scalar();
    let point = (ED25519_BASEPOINT_POINT * a + EIGHT_TORSION[1]).compress().to_bytes();
    let forgery = Forgery::unsigned(1, VERB.namespace().as_bytes())
        .with(|forgery| forgery.key = key_blob(b"ssh-ed25519", &[&point]));
    let envelope = forgery.envelope(MESSAGE);
    for attempt in 1u64.. {
        let r = Scalar::from(attempt);
        let commitment = EdwardsPoint::mul_base(&r).compress().to_bytes();
        let hash = Sha512::new().chain_update(commitment).chain_update(point).chain_update(&envelope).finalize();
        let k = Scalar::from_bytes_mod_order_wide(&hash.into());
        if k.as_bytes()[0].is_multiple_of(8) {
            let s = r + k * a;
            return forgery.with(|forgery| forgery.signature = [commitment, s.to_bytes()].concat());
        }
    }
    unreachable!("one in eight attempts succeeds")
}

fn points_and_numbers() -> Vec<Case> {
    let mut cases = vec![
        case("malleable twin", &honest().with(|f| plus_order(&mut f.signature))),
        case("key with a small-order part", &mixed_order()),
    ];
    for (index, point) in EIGHT_TORSION.iter().enumerate() {
        let point = point.compress().to_bytes();
        let mut zero = [0; 64];
        zero[0] = 1;
        let forgery = honest().with(|f| {
            f.key = key_blob(b"ssh-ed25519", &[&point]);
            f.signature = zero.to_vec();
        });
        cases.push(case(&format!("small-order key {index}"), &forgery));
    }
    cases
}

fn fields() -> Vec<Case> {
    let other_hash = |hash: &[u8]| {
        Forgery::unsigned(1, VERB.namespace().as_bytes()).with(|f| f.hash = hash.to_vec()).signed(1, MESSAGE)
    };
    let covered = Forgery::unsigned(1, VERB.namespace().as_bytes()).with(|f| f.reserved = b"x".to_vec());
    vec![
        case("reserved, covered", &covered.signed(1, MESSAGE)),
        case("reserved, not covered", &honest().with(|f| f.reserved = b"x".to_vec())),
        case("version 0", &honest().with(|f| f.version = 0)),
        case("version 2", &honest().with(|f| f.version = 2)),
        case("other magic", &honest().with(|f| f.magic = b"SSHSIH".to_vec())),
        case("sha256", &other_hash(b"sha256")),
        case("unknown hash", &other_hash(b"sha3")),
        case("empty hash", &other_hash(b"")),
        case("tail behind the blob", &honest().with(|f| f.tail = vec![0])),
        case("tail behind the signature", &honest().with(|f| f.inner_tail = vec![0])),
        case("63 bytes", &honest().with(|f| f.signature.truncate(63))),
        case("65 bytes", &honest().with(|f| f.signature.push(0))),
        case("another key named", &honest().with(|f| f.key = public(2).blob())),
        text_case("huge length", armor(b"SSHSIG\0\0\0\x01\xff\xff\xff\xff")),
    ]
}

fn namespaces() -> Vec<Case> {
    let good = VERB.namespace();
    let names = [
        "reject@countersign".to_owned(),
        good[..good.len() - 1].to_owned(),
        format!("{good}x"),
        good.to_uppercase(),
        format!("{good}\0"),
        "git".to_owned(),
        String::new(),
    ];
    let mut cases: Vec<Case> = names
        .iter()
        .map(|name| case(&format!("namespace {name:?}"), &Forgery::unsigned(1, name.as_bytes()).signed(1, MESSAGE)))
        .collect();
    let renamed = Forgery::honest(1, Verb::Reject, MESSAGE).with(|f| f.namespace = good.as_bytes().to_vec());
    cases.push(case("renamed after signing", &renamed));
    cases
}

fn other_messages() -> Vec<Case> {
    use ed25519_dalek::Signer as _;
    let raw = |bytes: &[u8]| honest().with(|f| f.signature = secret(1).sign(bytes).to_bytes().to_vec());
    let mut login = Vec::new();
    for part in [b"session".as_slice(), b"2ana", b"ssh-connection", b"publickey"] {
        countersign::domain::approval::sshsig::put_string(&mut login, part);
    }
    vec![
        case("signature of the bare message", &raw(MESSAGE)),
        case("signature of its hash", &raw(&Sha512::digest(MESSAGE))),
        case("signature of a login", &raw(&login)),
        case("another message", &Forgery::honest(1, VERB, b"another")),
    ]
}

fn key_types() -> Vec<Case> {
    let point = *public(1).point();
    let certificate = key_blob(b"ssh-ed25519-cert-v01@openssh.com", &[b"nonce", &point]);
    let kinds: [(&[u8], Vec<u8>); 6] = [
        (b"ssh-rsa", key_blob(b"ssh-rsa", &[&[1, 0, 1], &[0x7f; 128]])),
        (b"ecdsa-sha2-nistp256", key_blob(b"ecdsa-sha2-nistp256", &[b"nistp256", &[4; 65]])),
        (
            b"sk-ecdsa-sha2-nistp256@openssh.com",
            key_blob(b"sk-ecdsa-sha2-nistp256@openssh.com", &[b"nistp256", &[4; 65], b"ssh:"]),
        ),
        (b"ssh-ed25519", certificate),
        (
            b"webauthn-sk-ecdsa-sha2-nistp256@openssh.com",
            key_blob(b"webauthn-sk-ecdsa-sha2-nistp256@openssh.com", &[b"nistp256", &[4; 65], b"ssh:"]),
        ),
        (b"sk-ssh-ed25519@openssh.com", public(1).blob()),
    ];
    kinds
        .into_iter()
        .map(|(algorithm, key)| {
            let forgery = honest().with(|f| {
                f.algorithm = algorithm.to_vec();
                f.key = key;
            });
            case(&format!("labelled {}", String::from_utf8_lossy(algorithm)), &forgery)
        })
        .collect()
}

fn texts() -> Vec<Case> {
    let good = honest().armored();
    let body: String = good.lines().filter(|line| !line.starts_with('-')).collect();
    let whole = |body: &str| format!("-----BEGIN SSH SIGNATURE-----\n{body}\n-----END SSH SIGNATURE-----\n");
    vec![
        text_case("text before", format!("hello\n{good}")),
        text_case("text behind", format!("{good}hello\n")),
        text_case("two signatures", format!("{good}{good}")),
        text_case("no end", good.replace("-----END SSH SIGNATURE-----\n", "")),
        text_case("no last line feed", good.trim_end()),
        text_case("CRLF", good.replace('\n', "\r\n")),
        text_case("one long line", whole(&body)),
        text_case("not base64", good.replacen('A', "!", 1)),
        text_case("bits left over", whole(&format!("{}B=", &body))),
        text_case("padding", good.replacen("\n-----END", "=\n-----END", 1)),
        text_case("5 KiB", whole(&"A".repeat(5 * 1024))),
        text_case("NUL", good.replacen('A', "\0", 1)),
        text_case("byte order mark", format!("\u{feff}{good}")),
        text_case("not UTF-8", [b"\xff".as_slice(), good.as_bytes()].concat()),
        text_case("empty line inside", good.replacen("SIGNATURE-----\n", "SIGNATURE-----\n\n", 1)),
        text_case("nothing", ""),
    ]
}

#[test]
fn no_hostile_signature_is_accepted_and_nothing_accepted_here_is_refused_by_stock_tools() {
    let good = case("good", &honest());
    assert!(ours(&good.text) && stock::accepts(&good.key, VERB, &good.text, MESSAGE), "the control");
    let mut stock_alone = Vec::new();
    for groups in [points_and_numbers(), fields(), namespaces(), other_messages(), key_types(), texts()] {
        for hostile in groups {
            assert_ne!(hostile.text, good.text, "{}", hostile.name);
            assert!(!ours(&hostile.text), "{} is accepted", hostile.name);
            if stock::accepts(&hostile.key, VERB, &hostile.text, MESSAGE) {
                stock_alone.push(hostile.name);
            }
        }
    }
    // The forgeries are real: stock tools take these, of every version we know.
    for name in ["reserved, not covered", "version 0", "sha256", "text behind", "one long line"] {
        assert!(stock_alone.iter().any(|known| known == name), "{name} is not among {stock_alone:?}");
    }
}

#[test]
fn the_key_check_refuses_what_the_strict_equation_accepts() {
    let forgery = mixed_order();
    let point: [u8; 32] = forgery.key[forgery.key.len() - 32..].try_into().unwrap();
    let key = ed25519_dalek::VerifyingKey::from_bytes(&point).unwrap();
    let signature = ed25519_dalek::Signature::from_slice(&forgery.signature).unwrap();
    assert!(key.verify_strict(&forgery.envelope(MESSAGE), &signature).is_ok(), "the forgery is a real one");
    assert_eq!(PublicKey::ed25519(&point), Err(KeyProblem::Torsion));
    assert!(!ours(forgery.armored().as_bytes()));
}

#[test]
fn a_point_has_one_encoding() {
    let mut decoded = 0;
    for low in 0..19u8 {
        for sign in [0x00, 0x80] {
            // The field's prime and what follows it: numbers that stand for 0, 1, 2 and so on a second time.
            let mut bytes = [0xff; 32];
            (bytes[0], bytes[31]) = (0xed + low, 0x7f | sign);
            decoded += usize::from(ed25519_dalek::VerifyingKey::from_bytes(&bytes).is_ok());
            assert!(PublicKey::ed25519(&bytes).is_err(), "{low} {sign}");
        }
    }
    assert!(decoded > 0, "the library alone would take some of them");
}

#[test]
fn a_malformed_first_line_does_not_leave_the_rest_in_force() {
    let key = public(1).to_string();
    let good = format!("ana namespaces=\"{}\" {key}\n", VERB.namespace());
    let text = format!("ana no-such-option {key}\n{good}");
    let armored = honest().armored();
    assert!(stock::accepts_with(&text, "ana", VERB, armored.as_bytes(), MESSAGE, &[]), "stock tools go on");
    assert!(Roster::parse(text.as_bytes()).is_err());
    assert!(Roster::parse(good.as_bytes()).is_ok());
}

#[test]
fn one_key_for_two_people_and_patterns_verify_in_stock_tools_only() {
    let key = public(1).to_string();
    let armored = honest().armored();
    for (line, name) in [("ana,bob", "bob"), ("*@example.org", "eve@example.org")] {
        let text = format!("{line} namespaces=\"{}\" {key}\n", VERB.namespace());
        assert!(stock::accepts_with(&text, name, VERB, armored.as_bytes(), MESSAGE, &[]), "{line}");
        assert!(Roster::parse(text.as_bytes()).is_err(), "{line}");
    }
}
