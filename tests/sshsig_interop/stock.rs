//! The stock tools, each in a directory of its own.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use countersign::domain::approval::sshsig::Verb;

/// Runs `command` with `input` and without any terminal or agent of whoever runs the tests.
fn run(command: &mut Command, input: &[u8]) -> Output {
    command.env_remove("DISPLAY").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("ssh-keygen, ssh-agent and ssh-add are installed (openssh-client)");
    // A tool that refuses early closes its input; its answer is what counts.
    let _ = child.stdin.take().unwrap().write_all(input);
    child.wait_with_output().unwrap()
}

fn keygen() -> Command {
    let mut command = Command::new("ssh-keygen");
    command.env_remove("SSH_AUTH_SOCK");
    command
}

/// Makes a key with `ssh-keygen`; the file is `dir/name`, its public half `dir/name.pub`.
pub fn make_key(dir: &Path, name: &str, arguments: &[&str]) -> PathBuf {
    let path = dir.join(name);
    let output = run(keygen().args(["-q", "-t", "ed25519", "-C", name, "-f"]).arg(&path).args(arguments), b"");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    path
}

/// `ssh-keygen -Y sign` with the key file, or with the agent if there is one and `key` is a `.pub` file.
pub fn sign(key: &Path, namespace: &str, message: &[u8], agent: Option<&Path>, extra: &[&str]) -> String {
    let mut command = keygen();
    if let Some(socket) = agent {
        command.env("SSH_AUTH_SOCK", socket);
    }
    let output = run(command.args(["-Y", "sign", "-n", namespace]).args(extra).arg("-f").arg(key), message);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// `ssh-keygen -Y verify` with an operators file that gives `key` (as `TYPE BASE64`) to ana.
pub fn accepts(key: &str, verb: Verb, armored: &[u8], message: &[u8]) -> bool {
    let roster = format!("ana namespaces=\"{}\" {key}\n", verb.namespace());
    accepts_with(&roster, "ana", verb, armored, message, &[])
}

/// `ssh-keygen -Y verify` with this operators file.
pub fn accepts_with(roster: &str, name: &str, verb: Verb, armored: &[u8], message: &[u8], extra: &[&str]) -> bool {
    let dir = tempfile::tempdir().unwrap();
    let (operators, signature) = (dir.path().join("operators"), dir.path().join("signature"));
    fs::write(&operators, roster).unwrap();
    fs::write(&signature, armored).unwrap();
    let mut command = keygen();
    command.args(["-Y", "verify", "-I", name, "-n", verb.namespace()]).args(extra);
    run(command.arg("-f").arg(operators).arg("-s").arg(signature), message).status.success()
}

/// An `ssh-agent` in the foreground, ended when this is dropped.
pub struct RunningAgent {
    child: Child,
    dir: tempfile::TempDir,
}

impl RunningAgent {
    pub fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut child = Command::new("ssh-agent")
            .args(["-D", "-a"])
            .arg(dir.path().join("agent"))
            .env("SSH_ASKPASS", "/bin/false")
            .env("SSH_ASKPASS_REQUIRE", "force")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .expect("ssh-agent is installed (openssh-client)");
        // It says where it listens once it does.
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert!(line.contains("SSH_AUTH_SOCK"), "{line}");
        Self { child, dir }
    }

    pub fn socket(&self) -> PathBuf {
        self.dir.path().join("agent")
    }

    pub fn add(&self, key: &Path, arguments: &[&str]) {
        let mut command = Command::new("ssh-add");
        command.env("SSH_AUTH_SOCK", self.socket()).args(arguments).arg(key);
        let output = run(&mut command, b"");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
}

impl Drop for RunningAgent {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
