use base64ct::Encoding as _;
use ed25519_dalek::SigningKey;

use super::*;

const ALL: &str =
    "approve@countersign,reject@countersign,withdraw@countersign,trust@countersign,close@countersign,input@countersign";

fn key(seed: u8) -> PublicKey {
    PublicKey::ed25519(SigningKey::from_bytes(&[seed; 32]).verifying_key().as_bytes()).unwrap()
}

fn line(name: &str, seed: u8) -> String {
    format!("{name} namespaces=\"{ALL}\" {}\n", key(seed))
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn problem(text: &str) -> (usize, RosterProblem) {
    let error = Roster::parse(text.as_bytes()).unwrap_err();
    (error.line, error.problem)
}

#[test]
fn a_roster_is_read_as_it_is_written() {
    let text = format!("# operators\n{}{}{}", line("ana", 1), line("bob@example.org", 2), line("ana", 3));
    let roster = Roster::parse(text.as_bytes()).unwrap();
    assert_eq!(roster.operators().len(), 3);
    assert_eq!(roster.principals(Verb::Approve).len(), 2);
    let now = at("2026-11-22T08:00:00Z");
    assert_eq!(roster.find(&key(3), Verb::Approve, now).unwrap().as_str(), "ana");
    assert_eq!(roster.find(&key(2), Verb::Input, now).unwrap().as_str(), "bob@example.org");
    assert!(matches!(roster.find(&key(9), Verb::Approve, now), Err(Stranger::Unknown { .. })));
    assert_eq!(Roster::parse(roster.render().as_bytes()).unwrap(), roster);
}

#[test]
fn a_key_signs_only_what_its_line_names_and_only_in_its_time() {
    let text = format!(
        "ana namespaces=\"reject@countersign\",valid-after=\"20261101Z\",valid-before=\"20261201120000Z\" {}\n",
        key(1)
    );
    let roster = Roster::parse(text.as_bytes()).unwrap();
    let find = |verb, time: &str| roster.find(&key(1), verb, at(time)).cloned();
    assert!(find(Verb::Reject, "2026-11-01T00:00:00Z").is_ok());
    assert!(find(Verb::Reject, "2026-12-01T11:59:59.999Z").is_ok());
    assert!(matches!(find(Verb::Reject, "2026-10-31T23:59:59.999Z"), Err(Stranger::NotYet { .. })));
    assert!(matches!(find(Verb::Reject, "2026-12-01T12:00:00Z"), Err(Stranger::Expired { .. })));
    assert!(matches!(find(Verb::Approve, "2026-11-02T00:00:00Z"), Err(Stranger::NotForVerb { .. })));
    assert_eq!(Roster::parse(roster.render().as_bytes()).unwrap(), roster);
}

#[test]
fn one_key_for_two_people_is_refused_and_both_are_named() {
    let (line_number, found) = problem(&format!("{}{}{}", line("ana", 1), line("bob", 2), line("eve", 1)));
    assert_eq!(line_number, 3);
    let text = found.to_string();
    assert!(text.contains("`ana` (line 1) and `eve`"), "{text}");
    assert!(matches!(problem(&line("ana", 1).repeat(2)), (2, RosterProblem::KeyTwice { line: 1, .. })));
}

#[test]
fn a_security_key_with_the_point_of_a_plain_key_is_the_same_key() {
    let plain = key(1);
    let mut blob = Vec::new();
    for part in [b"sk-ssh-ed25519@openssh.com".as_slice(), plain.point(), b"ssh:"] {
        super::super::sshsig::put_string(&mut blob, part);
    }
    let twin = PublicKey::from_blob(&blob).unwrap();
    let text = format!("{}bob namespaces=\"{ALL}\" {twin}\n", line("ana", 1));
    assert!(matches!(problem(&text), (2, RosterProblem::KeyShared { .. })));
    let roster = Roster::parse(line("ana", 1).as_bytes()).unwrap();
    let now = at("2026-11-22T08:00:00Z");
    assert!(matches!(roster.find(&twin, Verb::Approve, now), Err(Stranger::Unknown { .. })));
    assert!(RevokedKeys::default().with(plain).contains(&twin));
}

/// Every line here is read by stock tools in some way, or looks as if it could be.
#[test]
fn the_whole_file_is_refused_at_the_first_deviation() {
    let good = line("ana", 1);
    let key = key(2).to_string();
    let options = format!("namespaces=\"{ALL}\"");
    let hostile = [
        format!("ana,bob {options} {key}\n"),
        format!("*@example.org {options} {key}\n"),
        format!("b?b {options} {key}\n"),
        format!("!bob {options} {key}\n"),
        format!("\"bob\" {options} {key}\n"),
        format!("Bob {options} {key}\n"),
        format!("bob\t{options} {key}\n"),
        format!("bob {options} {key}\r\n"),
        format!("bob {options} {key} a comment\n"),
        format!("bob {options} {key} \n"),
        format!("bob  {options} {key}\n"),
        format!(" bob {options} {key}\n"),
        format!("\u{feff}bob {options} {key}\n"),
        format!("bob {key}\n"),
        format!("bob cert-authority {key}\n"),
        format!("bob cert-authority,{options} {key}\n"),
        format!("bob {options},cert-authority {key}\n"),
        format!("bob {options},no-touch-required {key}\n"),
        format!("bob namespaces=\"*@countersign\" {key}\n"),
        format!("bob namespaces=\"git\" {key}\n"),
        format!("bob namespaces=\"\" {key}\n"),
        format!("bob namespaces=\"journal@countersign\" {key}\n"),
        format!("bob namespaces=\"approve@countersign,approve@countersign\" {key}\n"),
        format!("bob namespaces=\"approve@countersign, reject@countersign\" {key}\n"),
        format!("bob namespaces=approve@countersign {key}\n"),
        format!("bob Namespaces=\"approve@countersign\" {key}\n"),
        format!("bob {options},valid-before=\"20271231\" {key}\n"),
        format!("bob {options},valid-before=\"20270231Z\" {key}\n"),
        format!("bob {options},valid-before=\"2027123112Z\" {key}\n"),
        format!("bob {options},valid-before=\"20271231235960Z\" {key}\n"),
        format!("bob {options},valid-before=\"20270101Z\",valid-after=\"20260101Z\" {key}\n"),
        format!("bob {options},valid-after=\"20270101Z\",valid-before=\"20260101Z\" {key}\n"),
        format!("bob {options},valid-after=\"20270101Z {key}\n"),
        format!("bob {options} \\\n{key}\n"),
        format!("bob {options} {key}"),
        format!("bob {options} ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAgQDX\n"),
        format!("bob {options} sk-ssh-ed25519@openssh.com {}\n", key.split(' ').next_back().unwrap()),
        format!("bob {options} {key}=\n"),
        format!("bob {options} {}\n", &key[..key.len() - 4]),
        "\n".to_owned(),
        format!("bob {options} ssh-ed25519-cert-v01@openssh.com AAAA\n"),
    ];
    for bad in &hostile {
        let (line_number, _) = problem(&format!("{good}{bad}"));
        assert!(line_number >= 2, "{bad}");
        // Also when the line that deviates stands before a good one for the same person.
        assert_eq!(problem(&format!("{bad}{}", line("bob", 3))).0, 1, "{bad}");
    }
    assert!(Roster::parse(format!("{good}bob {options} {key}\n").as_bytes()).is_ok(), "the control");
}

#[test]
fn weak_keys_are_refused_when_the_roster_is_read() {
    let mut blob = Vec::new();
    let mut identity = [0; 32];
    identity[0] = 1;
    for part in [b"ssh-ed25519".as_slice(), &identity] {
        super::super::sshsig::put_string(&mut blob, part);
    }
    let text = format!("ana namespaces=\"{ALL}\" ssh-ed25519 {}\n", base64ct::Base64::encode_string(&blob));
    assert_eq!(problem(&text), (1, RosterProblem::Key(KeyProblem::SmallOrder)));
}

#[test]
fn a_roster_without_operators_or_too_long_is_refused() {
    assert_eq!(problem("").1, RosterProblem::Empty);
    assert_eq!(problem("# nobody\n").1, RosterProblem::Empty);
    assert!(matches!(problem(&"#\n".repeat(LONGEST)).1, RosterProblem::TooLong { .. }));
}

#[test]
fn revoked_keys_are_plain_keys_and_may_be_none() {
    assert_eq!(RevokedKeys::parse(b"").unwrap(), RevokedKeys::default());
    let one = RevokedKeys::default().with(key(1)).with(key(1));
    assert_eq!(one.keys().len(), 1);
    assert_eq!(RevokedKeys::parse(format!("# lost\n{}", one.render()).as_bytes()).unwrap(), one);
    for bad in
        [format!("{} comment\n", key(1)), format!("{}\n\n", key(1)), "serial: 7\n".to_owned(), key(1).to_string()]
    {
        assert!(RevokedKeys::parse(bad.as_bytes()).is_err(), "{bad}");
    }
}

proptest::proptest! {
    #[test]
    fn no_bytes_make_the_reader_panic(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..200), text in "[a-z@ \",=\n0-9Z-]*") {
        let _ = Roster::parse(&bytes);
        let _ = Roster::parse(text.as_bytes());
        let _ = Roster::parse(format!("ana namespaces=\"approve@countersign\"{text} {}\n", key(1)).as_bytes());
    }
}
