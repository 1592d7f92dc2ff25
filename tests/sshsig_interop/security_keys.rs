//! Security keys, simulated: what the hardware signs is put together here, and the stock verifier confirms it.

use countersign::domain::approval::sshsig::{PublicKey, SigError, Verb, verify};
use ed25519_dalek::Signer as _;
use sha2::{Digest as _, Sha256};

use crate::forge::{Forgery, key_blob, public, secret};
use crate::stock;

const MESSAGE: &[u8] = b"countersign approval request v1\n[end]\n";
const VERB: Verb = Verb::Approve;
const KIND: &[u8] = b"sk-ssh-ed25519@openssh.com";

struct Hardware {
    application: &'static str,
    flags: u8,
    counter: u32,
}

const TOUCHED: Hardware = Hardware { application: "ssh:", flags: 0x01, counter: 7 };

impl Hardware {
    fn sign(&self) -> Forgery {
        let forgery = Forgery::unsigned(1, VERB.namespace().as_bytes()).with(|f| {
            f.algorithm = KIND.to_vec();
            f.key = key_blob(KIND, &[public(1).point(), self.application.as_bytes()]);
            f.inner_tail = self.report();
        });
        let mut signed = Sha256::digest(self.application.as_bytes()).to_vec();
        signed.extend_from_slice(&self.report());
        signed.extend_from_slice(&Sha256::digest(forgery.envelope(MESSAGE)));
        forgery.with(|f| f.signature = secret(1).sign(&signed).to_bytes().to_vec())
    }

    fn report(&self) -> Vec<u8> {
        [&[self.flags][..], &self.counter.to_be_bytes()].concat()
    }
}

fn ours(forgery: &Forgery) -> Result<countersign::domain::approval::sshsig::Signed, SigError> {
    verify(&forgery.armored(), VERB, MESSAGE)
}

fn theirs(forgery: &Forgery) -> bool {
    stock::accepts(&forgery.key_text(), VERB, forgery.armored().as_bytes(), MESSAGE)
}

#[test]
fn a_touched_security_key_signs_and_its_report_is_kept() {
    for (flags, verified) in [(0x01, false), (0x05, true), (0x1d, true), (0x09, false)] {
        let forgery = Hardware { flags, ..TOUCHED }.sign();
        let signed = ours(&forgery).unwrap();
        let presence = signed.presence().unwrap();
        assert_eq!((presence.flags(), presence.counter(), presence.user_verified()), (flags, 7, verified));
        assert_eq!(signed.key(), &PublicKey::parse(&forgery.key_text()).unwrap());
        assert!(theirs(&forgery), "{flags:#x}");
    }
    let named = Hardware { application: "ssh:countersign", counter: 0, ..TOUCHED }.sign();
    assert!(ours(&named).is_ok() && theirs(&named));
}

#[test]
fn an_untouched_security_key_is_refused_though_stock_tools_accept_it() {
    for flags in [0x00, 0x04] {
        let forgery = Hardware { flags, ..TOUCHED }.sign();
        assert_eq!(ours(&forgery), Err(SigError::NotTouched { flags }));
        assert!(theirs(&forgery), "the signature is a real one");
    }
    for flags in [0x41, 0x81, 0x03, 0x21] {
        let forgery = Hardware { flags, ..TOUCHED }.sign();
        assert_eq!(ours(&forgery), Err(SigError::Flags { flags }));
    }
}

#[test]
fn the_report_is_covered_by_the_signature() {
    let untouched = Hardware { flags: 0x00, ..TOUCHED }.sign();
    let claims_touch = untouched.with(|f| f.inner_tail[0] = 0x01);
    assert_eq!(ours(&claims_touch), Err(SigError::Mismatch));
    let other_counter = TOUCHED.sign().with(|f| f.inner_tail[4] ^= 1);
    assert_eq!(ours(&other_counter), Err(SigError::Mismatch));
    let cut = TOUCHED.sign().with(|f| f.inner_tail.truncate(4));
    assert_eq!(ours(&cut), Err(SigError::CutShort));
    let longer = TOUCHED.sign().with(|f| f.inner_tail.push(0));
    assert_eq!(ours(&longer), Err(SigError::Trailing { count: 1 }));
}

#[test]
fn the_application_belongs_to_the_key() {
    let renamed = TOUCHED.sign().with(|f| f.key = key_blob(KIND, &[public(1).point(), b"ssh:other"]));
    assert_eq!(ours(&renamed), Err(SigError::Mismatch));
    let elsewhere = Hardware { application: "example.org", ..TOUCHED }.sign();
    assert!(matches!(ours(&elsewhere), Err(SigError::Key(_))));
    assert!(theirs(&elsewhere), "stock tools do not look at it");
}

#[test]
fn a_plain_key_does_not_pass_for_a_security_key() {
    let forgery = TOUCHED.sign().with(|f| f.key = public(1).blob());
    assert!(matches!(ours(&forgery), Err(SigError::Algorithm { .. })));
    let reverse = Forgery::honest(1, VERB, MESSAGE).with(|f| f.key = TOUCHED.sign().key);
    assert!(matches!(ours(&reverse), Err(SigError::Algorithm { .. })));
}

#[test]
fn every_bit_of_a_security_keys_signature_matters() {
    let blob = TOUCHED.sign().blob();
    for bit in 0..blob.len() * 8 {
        let mut flipped = blob.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        assert!(verify(&crate::forge::armor(&flipped), VERB, MESSAGE).is_err(), "bit {bit}");
    }
}
