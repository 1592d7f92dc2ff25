use ed25519_dalek::{Signer as _, SigningKey};

use super::*;

fn signed(seed: u8, verb: Verb, message: &[u8]) -> String {
    let key = SigningKey::from_bytes(&[seed; 32]);
    let public = PublicKey::ed25519(key.verifying_key().as_bytes()).unwrap();
    armored(&public, verb, &plain_signature(&key.sign(&envelope(verb, message)).to_bytes()))
}

#[test]
fn a_signature_is_accepted_for_its_verb_and_bytes_only() {
    let text = signed(1, Verb::Approve, b"request");
    let signed = verify(&text, Verb::Approve, b"request").unwrap();
    assert_eq!(signed.key().point(), SigningKey::from_bytes(&[1; 32]).verifying_key().as_bytes());
    assert_eq!(signed.presence(), None);
    assert_eq!(verify(&text, Verb::Approve, b"Request"), Err(SigError::Mismatch));
    for verb in Verb::ALL.into_iter().filter(|verb| *verb != Verb::Approve) {
        assert!(matches!(verify(&text, verb, b"request"), Err(SigError::Namespace { .. })), "{verb:?}");
    }
}

#[test]
fn every_bit_and_every_byte_of_a_signature_matters() {
    let text = signed(1, Verb::Approve, b"request");
    let blob = armor::unwrap(&text).unwrap();
    let mut tried = 0;
    for bit in 0..blob.len() * 8 {
        let mut flipped = blob.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        assert!(verify(&armor::wrap(&flipped), Verb::Approve, b"request").is_err(), "bit {bit}");
        tried += 1;
    }
    for length in 0..blob.len() {
        assert!(verify(&armor::wrap(&blob[..length]), Verb::Approve, b"request").is_err(), "length {length}");
        tried += 1;
    }
    assert_eq!(tried, blob.len() * 9);
}

#[test]
fn a_pasted_signature_is_brought_into_its_one_form() {
    let text = signed(1, Verb::Approve, b"request");
    let one_line = text.lines().collect::<Vec<_>>().join("\r\n");
    let body: String = text.lines().filter(|line| !line.starts_with('-')).collect();
    let unwrapped = format!("-----BEGIN SSH SIGNATURE-----\n{body}\n-----END SSH SIGNATURE-----");
    for pasted in [format!("  \n{one_line}\r\n \n"), unwrapped] {
        assert!(verify(&pasted, Verb::Approve, b"request").is_err());
        assert_eq!(tidied(&pasted).unwrap(), text);
    }
    assert_eq!(tidied(&format!("hello\n{text}")), Err(SigError::NoBegin));
}

#[test]
fn public_keys_are_read_as_they_are_written() {
    let key = PublicKey::ed25519(SigningKey::from_bytes(&[1; 32]).verifying_key().as_bytes()).unwrap();
    assert_eq!(key.to_string(), "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIqI4910CfGV/VLbLTy6XXLKZwm/HZQSG/N0iAG0D29c");
    assert_eq!(PublicKey::parse(&key.to_string()).unwrap(), key);
    assert_eq!(PublicKey::parse_pub_file(&format!("{key} ana on laptop\n")).unwrap(), key);
    assert_eq!(PublicKey::parse_pub_file(&format!("{key}\n{key}\n")), Err(KeyProblem::Form));
    assert!(matches!(PublicKey::parse("ssh-rsa AAAA"), Err(KeyProblem::Type { .. })));
    assert_eq!(PublicKey::parse("ssh-ed25519"), Err(KeyProblem::Form));
}

proptest::proptest! {
    #[test]
    fn no_input_makes_the_verifier_panic(text in ".*", bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..300)) {
        assert!(verify(&text, Verb::Approve, b"").is_err());
        assert!(verify(&armor::wrap(&bytes), Verb::Approve, b"").is_err());
        let mut real = b"SSHSIG\0\0\0\x01".to_vec();
        real.extend_from_slice(&bytes);
        assert!(verify(&armor::wrap(&real), Verb::Approve, b"").is_err());
        let _ = PublicKey::from_blob(&bytes);
        let _ = tidied(&text);
    }
}
