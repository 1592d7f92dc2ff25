//! Known answers: these bytes, these keys, these signatures, for ever.

use countersign::domain::approval::document;
use countersign::domain::approval::sshsig::{Verb, verify};
use countersign::domain::base::Digest;
use countersign::keys::SecretKey;

use crate::{forge, stock};

const REQUEST: &str = include_str!("request.txt");
const SIGNATURES: [(u8, &str); 2] = [(1, include_str!("seed-01.sig")), (2, include_str!("seed-02.sig"))];

#[test]
fn known_keys_make_the_known_signatures() {
    assert_eq!(
        Digest::of(REQUEST.as_bytes()).as_str(),
        "bdc07675264e7c64541b1c6e0bec9844d93a9da0e47d24568437ebde35705289"
    );
    for (seed, expected) in SIGNATURES {
        let key = SecretKey::from_seed(&[seed; 32]).unwrap();
        assert_eq!(key.sign(Verb::Approve, REQUEST.as_bytes()), expected);
        assert_eq!(forge::Forgery::honest(seed, Verb::Approve, REQUEST.as_bytes()).armored(), expected);
        let signed = verify(expected, Verb::Approve, REQUEST.as_bytes()).unwrap();
        assert_eq!(signed.key(), key.public());
        assert!(stock::accepts(&key.public().to_string(), Verb::Approve, expected.as_bytes(), REQUEST.as_bytes()));
    }
}

#[test]
fn the_known_request_is_a_document() {
    let parsed = document::parse(REQUEST.as_bytes()).unwrap();
    assert_eq!(parsed.kind(), "approval request");
    assert_eq!(parsed.block("statement"), Some("DROP TABLE `shop`.`orders_broken`"));
    assert_eq!(parsed.render().unwrap(), REQUEST);
}

#[test]
fn a_request_with_one_byte_changed_is_not_approved() {
    let (_, signature) = SIGNATURES[0];
    for position in 0..REQUEST.len() {
        let mut changed = REQUEST.as_bytes().to_vec();
        changed[position] ^= 0x01;
        assert!(verify(signature, Verb::Approve, &changed).is_err(), "byte {position}");
    }
    assert!(verify(signature, Verb::Approve, REQUEST.trim_end().as_bytes()).is_err());
}

#[test]
fn every_bit_flip_and_every_cut_of_a_known_signature_is_refused() {
    let blob = forge::Forgery::honest(1, Verb::Approve, REQUEST.as_bytes()).blob();
    assert!(verify(&forge::armor(&blob), Verb::Approve, REQUEST.as_bytes()).is_ok(), "the control");
    for bit in 0..blob.len() * 8 {
        let mut flipped = blob.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        assert!(verify(&forge::armor(&flipped), Verb::Approve, REQUEST.as_bytes()).is_err(), "bit {bit}");
    }
    for length in 0..blob.len() {
        assert!(verify(&forge::armor(&blob[..length]), Verb::Approve, REQUEST.as_bytes()).is_err(), "length {length}");
    }
}
