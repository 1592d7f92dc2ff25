//! Who acts is proved by a key: in a file, or in the agent; a name alone is enough for nothing that is signed.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// A state directory with ana and bob, whose keys lie beside it.
struct Office(tempfile::TempDir);

impl Office {
    fn open(policy: Option<&str>) -> Self {
        let office = Self(tempfile::tempdir().unwrap());
        for name in ["ana", "bob"] {
            let file = office.path(name);
            let arguments = ["-q", "-t", "ed25519", "-N", "", "-C", name, "-f", file.to_str().unwrap()];
            assert!(Command::new("ssh-keygen").args(arguments).status().unwrap().success());
        }
        let mut arguments =
            vec!["trust", "init", "--state", "S", "--operator", "ana=ana.pub", "--operator", "bob=bob.pub"];
        if let Some(policy) = policy {
            std::fs::write(office.path("policy.yaml"), policy).unwrap();
            arguments.extend(["--policy", "policy.yaml"]);
        }
        assert_eq!(office.cli(&arguments, None).0, 0);
        office
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// The exit code and what was said on standard error.
    fn cli(&self, arguments: &[&str], agent: Option<&Path>) -> (i32, String) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_countersign"));
        command.args(arguments).current_dir(self.0.path()).stdin(Stdio::null()).env_remove("SSH_AUTH_SOCK");
        if let Some(socket) = agent {
            command.env("SSH_AUTH_SOCK", socket);
        }
        let Output { status, stderr, .. } = command.output().unwrap();
        (status.code().unwrap(), String::from_utf8(stderr).unwrap())
    }

    /// `release` asks for a signature before it looks for the run, so what it says tells whether the operator was proved.
    fn proves(&self, operator: &str, agent: Option<&Path>) -> (i32, String) {
        self.cli(&["release", "r-00000001", "--state", "S", "--operator", operator], agent)
    }
}

/// An agent that ends with the test.
struct Agent(Child, PathBuf);

impl Agent {
    fn start(office: &Office) -> Self {
        let socket = office.path("agent");
        let child =
            Command::new("ssh-agent").args(["-D", "-a", socket.to_str().unwrap()]).stdout(Stdio::null()).spawn();
        let agent = Self(child.unwrap(), socket);
        let began = Instant::now();
        while !agent.1.exists() {
            assert!(began.elapsed() < Duration::from_secs(10), "the agent does not start");
            std::thread::sleep(Duration::from_millis(10));
        }
        agent
    }

    fn add(&self, key: &Path) {
        let mut command = Command::new("ssh-add");
        assert!(command.args(["-q", key.to_str().unwrap()]).env("SSH_AUTH_SOCK", &self.1).status().unwrap().success());
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

#[test]
fn without_a_key_file_the_agent_must_hold_a_key_of_that_operator() {
    let office = Office::open(None);
    let (code, said) = office.proves("ana", None);
    assert!(code == 2 && said.contains("no `--key FILE` was given and there is no ssh agent"), "{code} {said}");

    let agent = Agent::start(&office);
    agent.add(&office.path("bob"));
    let (code, said) = office.proves("ana", Some(&agent.1));
    assert!(code == 5 && said.contains("the ssh agent holds no key of ana"), "{code} {said}");

    agent.add(&office.path("ana"));
    let (code, said) = office.proves("ana", Some(&agent.1));
    assert!(
        code == 2 && said.contains("there is no run `r-00000001`"),
        "proved, so the next thing missing is the run: {code} {said}"
    );
}

#[test]
fn a_name_that_no_key_proves_drives_only_where_the_driver_counts_as_any_other() {
    let run =
        ["run", "nothing.yaml", "--fleet", "fleet.yaml", "--state", "S", "--reason", "why", "--plain", "--operator"];
    let driven_by = |office: &Office, name: &str| {
        for (file, text) in [("nothing.yaml", RUNBOOK), ("fleet.yaml", FLEET)] {
            std::fs::write(office.path(file), text).unwrap();
        }
        office.cli(&[&run[..], &[name]].concat(), None)
    };
    let (_, said) = driven_by(&Office::open(None), "ana");
    assert!(said.contains("countersign resume"), "it started: {said}");

    let (code, said) = driven_by(&Office::open(None), "eve");
    assert!(code == 5 && said.contains("eve is not an operator here"), "{code} {said}");

    let strict = "version: 1\nclasses:\n  destructive: {approvals: 2, requester_counts: false}\n";
    let (code, said) = driven_by(&Office::open(Some(strict)), "ana");
    assert!(code == 2 && said.contains("who drives may not sign what is destructive"), "{code} {said}");
}

const RUNBOOK: &str = "countersign: 1
name: nothing
title: Look
owner: dba@example.com
use_when: A test.
not_when: Never.
steps:
  - id: look
    title: Look
    preconditions:
      - replicating: {server: db-a}
    do:
      manual: Look.
      read_back: What?
";

/// Nobody listens there.
const FLEET: &str = "countersign: 1
fleet: none
environment: TEST
owner: dba@example.com
accounts:
  observe: {user: nobody, password_command: [\"true\"]}
servers:
  db-a: {address: \"127.0.0.1:1\", socket: /nonexistent/mysqld.sock}
";
