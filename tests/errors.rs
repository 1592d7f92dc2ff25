//! What goes wrong before any server is asked, tried as a person would: each message says what to do, each exit code is
//! the documented one, and nothing is left behind.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

#[path = "desk/mod.rs"]
mod desk;

use countersign::domain::sql::Flavor;
use countersign::domain::sql::rights::{Account, needed};
use desk::{Desk, RUNBOOK, Said};

const FLEET: &str = "\
countersign: 1
fleet: f
environment: LAB
owner: dba@example.com
accounts: {observe: {user: observe}, act: {user: act}}
servers:
  db-a: {address: '127.0.0.1:1', tls: {mode: off}}
  db-b: {address: '127.0.0.1:2', tls: {mode: off}}
";

/// Only asks a person, so that it needs no server.
const MANUAL: &str = "\
countersign: 1
name: ask
title: Ask
owner: dba@example.com
use_when: In a test.
not_when: Never.
steps:
  - {id: ask, title: Say a word, do: {manual: Say the word., read_back: Which word?}}
";

fn desk() -> Desk {
    let desk = Desk::new();
    desk.write("fleet.yaml", FLEET);
    desk.write("manual.yaml", MANUAL);
    desk
}

/// A run of `runbook` by `operator` with `key`; whatever is wrong must leave the state directory as it was.
#[track_caller]
fn refused_run(desk: &Desk, runbook: &str, (operator, key): (&str, &str), more: &[&str]) -> Said {
    let before = desk.files();
    let arguments = ["run", runbook, "--fleet", "fleet.yaml", "--state", "S", "--operator", operator, "--key", key];
    let said = desk.cli(&[&arguments[..], &["--reason", "INC-1", "--plain"], more].concat());
    assert_eq!(desk.files(), before, "{said:?}");
    assert!(!desk.path("S/runs").exists(), "no run was begun: {said:?}");
    assert_ne!(said.code, 0);
    said
}

#[test]
fn the_readme_names_the_rights_that_are_checked() {
    let readme = include_str!("../README.md");
    for account in Account::ALL {
        let lists = [Flavor::MariaDb, Flavor::MySql].map(|flavor| (flavor, needed(flavor, account).join(", ")));
        let said: Vec<String> = lists.iter().map(|(flavor, rights)| format!("{flavor} `{rights}`")).collect();
        let sentence = format!("login needs: {}.", said.join("; "));
        assert!(readme.contains(&sentence), "README.md does not say: {sentence}");
    }
}

const ANA: (&str, &str) = ("ana", "ana");
const SPARE: [&str; 2] = ["-p", "spare=db-b"];

#[test]
fn broken_yaml_is_shown_where_it_breaks() {
    let desk = desk();
    desk.write("broken.yaml", "countersign: 1\nname: x\n  title: [oops\n");
    let words = ["error[CS001]: this is not YAML", "broken.yaml:3:8", "  title: [oops", "exit 3 (findings)"];
    let said = refused_run(&desk, "broken.yaml", ANA, &[]).expect(3, &words);
    assert!(!said.err.contains("error: error"), "{}", said.err);
    desk.cli(&["lint", "broken.yaml"]).expect(3, &words[..3]);
}

#[test]
fn an_unknown_key_comes_with_a_suggestion() {
    let desk = desk();
    desk.write("typo.yaml", &RUNBOOK.replace("    server: $spare", "    sevrer: $spare"));
    let words = ["there is no key `sevrer` here", "typo.yaml:17:5", "did you mean `server`?"];
    refused_run(&desk, "typo.yaml", ANA, &SPARE).expect(3, &words);
    desk.write("fleet.yaml", &FLEET.replace("fleet: f", "fleet: f\nacounts: {}"));
    refused_run(&desk, "ask.yaml", ANA, &SPARE).expect(3, &["there is no key `acounts`", "did you mean `accounts`?"]);
}

#[test]
fn several_problems_are_told_at_once_also_over_several_files() {
    let desk = desk();
    let runbook = RUNBOOK
        .replace("owner:", "ownr:")
        .replace("detach_replica", "detach_replcia")
        .replace("role: replica", "role: boss");
    desk.write("several.yaml", &runbook);
    let words = ["did you mean `owner`?", "`owner` is missing", "did you mean `detach_replica`?", "`boss`"];
    refused_run(&desk, "several.yaml", ANA, &SPARE).expect(3, &words);
    desk.write("bad-fleet.yaml", &FLEET.replace("address", "adress"));
    let said = desk.cli(&["lint", "bad-fleet.yaml", "several.yaml"]).expect(3, &words);
    assert!(said.out.contains("did you mean `address`?"), "{}", said.out);
}

#[test]
fn an_unknown_server_is_answered_with_those_there_are() {
    let desk = desk();
    let unknown = ["-p", "spare=db-x"];
    refused_run(&desk, "ask.yaml", ANA, &unknown).expect(3, &["fleet `f` has no server `db-x`", "did you mean `db-"]);
    let reach = ["reach", "--fleet", "fleet.yaml", "--on", "db-x", "DROP TABLE a.b"];
    desk.cli(&reach).expect(2, &["no server `db-x`", "expected one of db-a, db-b"]);
}

#[test]
fn an_unknown_operator_is_answered_with_those_there_are() {
    let desk = desk();
    let words = ["zoe is not an operator here: expected one of ana, bob, eve", "trust show", "exit 5 (approval)"];
    refused_run(&desk, "ask.yaml", ("zoe", "ana"), &SPARE).expect(5, &words);
    refused_run(&desk, "ask.yaml", ("ana", "bob"), &SPARE).expect(5, &["is not a key of ana", "SHA256:"]);
    refused_run(&desk, "ask.yaml", ("ana", "nokey"), &SPARE).expect(2, &["`nokey` cannot be read"]);
}

#[test]
fn one_key_under_two_names_makes_no_trust() {
    let desk = desk();
    let init =
        |pair: &str| desk.cli(&["trust", "init", "--state", "T", "--operator", "ana=ana.pub", "--operator", pair]);
    init("bob=ana.pub").expect(5, &["one key for two people: `ana` (line 1) and `bob`"]);
    init("bob=no.pub").expect(2, &["the key of `bob`: `no.pub` cannot be read"]);
    init("bob").expect(2, &["expected `--operator NAME=FILE.pub`, found `bob`"]);
    assert!(!desk.path("T").exists());
    init("bob=bob.pub").expect(0, &["trust 1 "]);
    init("bob=bob.pub").expect(5, &["`T/trust` exists already"]);
}

#[test]
fn a_wrong_passphrase_opens_no_key() {
    let desk = desk();
    desk.key("sealed", "the right one");
    let with = |passphrase: &str| {
        desk.write("passphrase", passphrase);
        let arguments = ["run", "ask.yaml", "--fleet", "fleet.yaml", "--state", "S", "--operator", "ana"];
        let more = ["--key", "sealed", "--reason", "INC-1", "--plain", "-p", "spare=db-b"];
        let mut command = desk.command(env!("CARGO_BIN_EXE_countersign"), &[&arguments[..], &more].concat());
        Said::from(command.env("COUNTERSIGN_PASSPHRASE_FILE", desk.path("passphrase")).output().unwrap())
    };
    with("a wrong one\n").expect(5, &["the passphrase does not open `sealed`"]);
    // The control: the right one opens it, and then it is the wrong person's.
    with("the right one\n").expect(5, &["is not a key of ana"]);
    refused_run(&desk, "ask.yaml", ("ana", "sealed"), &SPARE)
        .expect(5, &["`sealed` is encrypted: give its passphrase"]);
}

#[test]
fn where_no_run_was_made_nothing_waits() {
    let desk = desk();
    desk.cli(&["status", "--state", "S"]).expect(0, &["nothing waits"]);
    assert_eq!(desk.cli(&["status", "--state", "S", "--json"]).expect(0, &[]).out, "");
    let person = ["--state", "S", "--operator", "ana", "--key", "ana"];
    desk.cli(&[&["review"], &person[..]].concat()).expect(0, &["no request waits for ana"]);
    desk.cli(&["status", "r-00000000", "--state", "S"]).expect(2, &["there is no run `r-00000000` here"]);
    desk.cli(&[&["resume", "r-00000000"], &person[..]].concat()).expect(2, &["there is no run `r-00000000` here"]);
    desk.cli(&["status", "--state", "nowhere"]).expect(2, &["there is no state directory `nowhere`"]);
    assert!(!desk.path("nowhere").exists());
}

#[test]
fn a_first_server_that_is_away_is_told_before_a_run_is_begun() {
    let desk = desk();
    desk.write("fleet.yaml", &FLEET.replace("{user: observe}", "{defaults_file: /does/not/exist.cnf}"));
    let words = ["the option file `/does/not/exist.cnf` cannot be read", "nothing was begun", "exit 9 (unreachable)"];
    refused_run(&desk, "ask.yaml", ANA, &SPARE).expect(9, &words);
    desk.write("fleet.yaml", FLEET);
    desk.write("protect.yaml", include_str!("../runbooks/protect-copy.yaml"));
    let words = ["`db-b` cannot be reached at `127.0.0.1:2`", "check that it runs", "nothing was begun"];
    refused_run(&desk, "protect.yaml", ANA, &SPARE).expect(9, &words);
    let words = ["db-a observe: `db-a` cannot be reached", "not all was looked at: a login failed at db-a, db-b"];
    let checked = desk.cli(&["fleet", "check", "--fleet", "fleet.yaml"]).expect(9, &words);
    assert!(!checked.out.contains("every fact"), "{}", checked.out);
    let words = ["warning: db-a was not seen: `db-a` cannot be reached", "warning: db-b was not seen", "0 facts in"];
    desk.cli(&["fleet", "snapshot", "--fleet", "fleet.yaml", "-o", "seen.yaml"]).expect(9, &words);
    let shown = desk.cli(&["fleet", "show", "--fleet", "fleet.yaml"]).expect(9, &["db-a: ? `db-a` cannot be reached"]);
    assert_eq!(shown.out.lines().count(), 2, "one line for each server: {}", shown.out);
}

#[test]
fn a_runbook_that_acts_is_not_begun_without_an_account_to_act_with() {
    let desk = desk();
    desk.write("fleet.yaml", &FLEET.replace(", act: {user: act}", ""));
    let words = ["the step `protect` changes servers", "`f` has no account for that", "nothing was begun"];
    refused_run(&desk, "ask.yaml", ANA, &SPARE).expect(2, &words);
    // One that only asks a person needs none: it gets as far as its key.
    refused_run(&desk, "manual.yaml", ("ana", "bob"), &[]).expect(5, &["is not a key of ana"]);
}

/// Runs the program as a user who owns nothing here; an ordinary user takes the right to write away instead.
#[test]
fn without_the_right_to_write_there_is_no_run_and_no_trust() {
    let desk = desk();
    let root = rustix::process::geteuid().is_root();
    let mode = |name: &str, mode| fs::set_permissions(desk.path(name), fs::Permissions::from_mode(mode)).unwrap();
    fs::create_dir(desk.path("empty")).unwrap();
    desk.write("program", "");
    fs::copy(env!("CARGO_BIN_EXE_countersign"), desk.path("program")).unwrap();
    let (open, closed) = if root { (0o755, 0o755) } else { (0o700, 0o500) };
    mode(".", open);
    mode("program", 0o755);
    mode("S", closed);
    mode("empty", closed);
    if root {
        fs::copy(desk.path("ana"), desk.path("theirs")).unwrap();
        std::os::unix::fs::chown(desk.path("theirs"), Some(65_534), Some(65_534)).unwrap();
        mode("theirs", 0o600);
    }
    let them = |arguments: &[&str]| {
        let program = desk.path("program");
        let become_them = ["--reuid", "65534", "--regid", "65534", "--clear-groups", program.to_str().unwrap()];
        let mut command = if root {
            desk.command("setpriv", &[&become_them[..], arguments].concat())
        } else {
            desk.command(program.to_str().unwrap(), arguments)
        };
        Said::from(command.output().unwrap())
    };
    let before = desk.files();
    let key = if root { "theirs" } else { "ana" };
    let run = ["run", "manual.yaml", "--fleet", "fleet.yaml", "--state", "S", "--operator", "ana", "--key", key];
    let words = ["this user may not make `S/runs`", "use the executor's account", "exit 1 (error)"];
    them(&[&run[..], &["--reason", "INC-1", "--plain"]].concat()).expect(1, &words);
    let init = ["trust", "init", "--state", "empty", "--operator", "ana=ana.pub", "--operator", "bob=bob.pub"];
    them(&init).expect(1, &["this user may not make `empty/", "ask its owner for access"]);
    assert_eq!(desk.files(), before);
    assert_eq!(fs::read_dir(desk.path("empty")).unwrap().count(), 0);
    mode("S", 0o700);
    mode("empty", 0o700);
}

/// A file system of one mebibyte in a mount namespace of its own, which `unshare` gives to root and, through a user
/// namespace, to others.
const FULL: &str = r#"
set -e
mount -t tmpfs -o size=1m none S
fill() { dd if=/dev/zero of=S/filler bs=4k 2>/dev/null || true; }
files() { find S -type f ! -name filler | sort; }
fill
"$0" trust init --state S/T --operator ana=ana.pub --operator bob=bob.pub 2>&1 || echo "code $?"
echo "left: $(files)"
rm -r S/T S/filler
"$0" trust init --state S/T --operator ana=ana.pub --operator bob=bob.pub >trust 2>&1
before=$(files)
fill
"$0" run manual.yaml --fleet fleet.yaml --state S/T --operator ana --key ana --reason INC-1 --plain 2>&1 || echo "code $?"
test "$before" = "$(files)" && echo "the same files"
"$0" status --state S/T
"#;

#[test]
fn on_a_full_disk_nothing_is_begun() {
    let desk = desk();
    let program = env!("CARGO_BIN_EXE_countersign");
    let mut last = None;
    for user in [&[][..], &["--user", "--map-root-user"]] {
        let arguments = [user, &["--mount", "sh", "-c", FULL, program]].concat();
        let said = Said::from(desk.command("unshare", &arguments).output().unwrap());
        if said.code == 0 {
            let words = [
                "no space is left for `S/T/.new-trust-",
                "free some space and try again",
                "code 1\nleft: \n",
                "runs/.new-",
                "the same files\nnothing waits",
            ];
            said.expect(0, &words);
            return;
        }
        last = Some(said);
    }
    panic!("this test needs a mount namespace (`unshare --mount`): {last:?}");
}
