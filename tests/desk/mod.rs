//! A desk for tests that try the built program as a person would: a directory with keys, trust and files, and commands.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// What a command ended with and said.
#[derive(Debug)]
pub struct Said {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl From<Output> for Said {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

impl Said {
    /// Checks the exit code, and that each of `words` was said.
    #[track_caller]
    pub fn expect(self, code: i32, words: &[&str]) -> Self {
        assert_eq!(self.code, code, "{}\n{}", self.out, self.err);
        for word in words {
            assert!(self.out.contains(word) || self.err.contains(word), "no `{word}`:\n{}\n{}", self.out, self.err);
        }
        self
    }
}

pub struct Desk {
    home: tempfile::TempDir,
}

pub const RUNBOOK: &str = "\
countersign: 1
name: ask-then-protect
title: Ask, then take a replica out of reach
owner: dba@example.com
use_when: In a test.
not_when: Never.
params:
  spare: {type: server, role: replica, help: the replica}
steps:
  - id: ask
    title: Say a word
    do:
      manual: Say the word.
      read_back: Which word?
  - id: protect
    title: Take $spare out of reach
    server: $spare
    do: detach_replica
    undo: reattach_replica
";

impl Desk {
    /// Keys of ana, bob and eve, and their trust in `S`.
    pub fn new() -> Self {
        let desk = Self { home: tempfile::tempdir().unwrap() };
        for name in ["ana", "bob", "eve"] {
            desk.key(name, "");
        }
        let trust = ["trust", "init", "--state", "S", "--operator", "ana=ana.pub", "--operator", "bob=bob.pub"];
        desk.cli(&[&trust[..], &["--operator", "eve=eve.pub"]].concat()).expect(0, &["trust 1 "]);
        desk.write("ask.yaml", RUNBOOK);
        desk
    }

    pub fn key(&self, name: &str, passphrase: &str) {
        let file = self.path(name);
        let arguments = ["-q", "-t", "ed25519", "-N", passphrase, "-C", name, "-f", file.to_str().unwrap()];
        assert!(Command::new("ssh-keygen").args(arguments).status().unwrap().success());
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    pub fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).unwrap();
    }

    /// A command in this directory, with nothing of the environment that it would listen to.
    pub fn command(&self, program: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(program);
        command.args(arguments).current_dir(self.home.path()).stdin(Stdio::null());
        let listened = ["COUNTERSIGN_STATE", "COUNTERSIGN_FLEET", "COUNTERSIGN_PASSPHRASE_FILE", "SSH_AUTH_SOCK"];
        for name in listened {
            command.env_remove(name);
        }
        command
    }

    pub fn cli(&self, arguments: &[&str]) -> Said {
        self.command(env!("CARGO_BIN_EXE_countersign"), arguments).output().unwrap().into()
    }

    /// Every file of the state directory.
    pub fn files(&self) -> BTreeSet<PathBuf> {
        let mut found = BTreeSet::new();
        collect(&self.path("S"), &mut found);
        assert!(found.iter().any(|file| file.ends_with("trust/anchor")), "the control: {found:?}");
        found
    }
}

fn collect(directory: &Path, found: &mut BTreeSet<PathBuf>) {
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, found);
        } else {
            found.insert(path);
        }
    }
}
