//! The other end of the keeper's socket, and the two ways to start a keeper.

use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader as BlockingReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command as Process, Stdio};

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;

use crate::lab::error::LabError;
use crate::lab::record::keeper_socket;

use super::protocol::{Answer, Command};

/// Talks to the keeper of one lab; a connection per question, so it can be cloned and used from anywhere.
#[derive(Debug, Clone)]
pub struct KeeperClient {
    dir: PathBuf,
}

impl KeeperClient {
    pub fn new(dir: &Path) -> Self {
        Self { dir: dir.to_owned() }
    }

    /// One command and its answer; a refusal is an error.
    pub async fn ask(&self, command: &Command) -> Result<Answer, LabError> {
        let stream = self.send(command).await.map_err(|error| self.gone(&error))?;
        let line = BufReader::new(stream).lines().next_line().await.map_err(|error| self.gone(&error))?;
        let line = line.ok_or_else(|| self.gone(&"it closed the connection"))?;
        match serde_json::from_str(&line).map_err(|error| self.gone(&error))? {
            Answer::Refused { message } => Err(LabError::Refused(message)),
            answer => Ok(answer),
        }
    }

    /// Tells the keeper to end everything and returns when it is gone; one that is gone already is fine.
    pub async fn end(&self) {
        if let Ok(mut stream) = self.send(&Command::End).await {
            let mut ignored = Vec::new();
            // The keeper never answers this; what is waited for is the end of its process.
            let _ = stream.read_to_end(&mut ignored).await;
        }
    }

    async fn send(&self, command: &Command) -> std::io::Result<UnixStream> {
        let mut stream = UnixStream::connect(keeper_socket(&self.dir)).await?;
        let mut line = serde_json::to_vec(command)?;
        line.push(b'\n');
        stream.write_all(&line).await?;
        Ok(stream)
    }

    fn gone(&self, found: &dyn std::fmt::Display) -> LabError {
        LabError::NoKeeper { dir: self.dir.clone(), found: found.to_string() }
    }
}

/// A keeper that ends with this value, or with this process.
#[derive(Debug)]
pub struct OwnedKeeper(Child);

impl Drop for OwnedKeeper {
    fn drop(&mut self) {
        // The end of its input tells it; waiting makes sure that no server is left when this returns.
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}

/// Starts a keeper that lives as long as the answer. Blocks until it can be asked.
pub fn spawn_owned(program: &Path, dir: &Path) -> Result<OwnedKeeper, LabError> {
    start(program, "owned", dir, Stdio::piped()).map(OwnedKeeper)
}

/// Starts a keeper that outlives this process. Blocks until it can be asked.
pub fn spawn_detached(program: &Path, dir: &Path) -> Result<(), LabError> {
    start(program, "detached", dir, Stdio::null()).map(drop)
}

fn start(program: &Path, life: &str, dir: &Path, input: Stdio) -> Result<Child, LabError> {
    let log = dir.join("keeper.log");
    let errors = open_log(&log).map_err(LabError::at(&log))?;
    let mut process = Process::new(program);
    process.arg("keeper").arg(life).arg(dir).current_dir("/");
    process.stdin(input).stdout(Stdio::piped()).stderr(errors);
    let mut child = process.spawn().map_err(LabError::at(program))?;
    let mut first = String::new();
    if let Some(output) = child.stdout.take() {
        BlockingReader::new(output).read_line(&mut first).map_err(LabError::at(program))?;
    }
    if first == "ready\n" {
        return Ok(child);
    }
    drop(child.stdin.take());
    // It said something else or nothing, so it must not stay; killing fails only when it has ended.
    let _ = child.kill();
    let _ = child.wait();
    let found = std::fs::read_to_string(&log).unwrap_or_default().trim().to_owned();
    Err(LabError::NoKeeper { dir: dir.to_owned(), found: format!("`{}` did not start it: {found}", program.display()) })
}

fn open_log(path: &Path) -> std::io::Result<File> {
    OpenOptions::new().create(true).append(true).open(path)
}
