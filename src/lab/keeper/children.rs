//! The keeper's children: one slot per server, each with the handle of its process.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tokio::process::{Child, Command as Process};
use tokio::sync::Mutex;

use crate::domain::base::ServerName;
use crate::lab::record::{LabRecord, server_dir};

use super::protocol::{Answer, Command, ProcessState};

/// Longer than any orderly end that was seen; MySQL waits some 11 s for attached replicas.
const STOP_LIMIT: Duration = Duration::from_mins(1);

/// All servers of a lab, started or not.
pub struct Children {
    dir: PathBuf,
    program: PathBuf,
    slots: BTreeMap<ServerName, Mutex<Slot>>,
}

#[derive(Default)]
enum Slot {
    #[default]
    NotStarted,
    Started(Child),
}

impl Children {
    pub fn new(dir: &Path, record: &LabRecord) -> Self {
        let slots = record.order.iter().map(|name| (name.clone(), Mutex::default())).collect();
        Self { dir: dir.to_owned(), program: record.program.clone(), slots }
    }

    pub async fn obey(&self, command: Command) -> Answer {
        let done = match &command {
            Command::Status => return self.states().await,
            Command::Start { server } => self.start(server).await,
            Command::Stop { server } => self.stop(server).await,
            Command::Kill { server } => self.kill(server).await,
            Command::End => Err("the end is not a child's matter".to_owned()),
        };
        done.map_or_else(|message| Answer::Refused { message }, |()| Answer::Done)
    }

    /// Kills whatever runs and waits for it.
    pub async fn end(&self) {
        for slot in self.slots.values() {
            if let Slot::Started(child) = &mut *slot.lock().await {
                // Fails only for a child that has ended, which is what is wanted.
                let _ = child.start_kill();
            }
        }
        for slot in self.slots.values() {
            if let Slot::Started(child) = &mut *slot.lock().await {
                let _ = child.wait().await;
            }
        }
    }

    async fn states(&self) -> Answer {
        let mut servers = BTreeMap::new();
        for (name, slot) in &self.slots {
            servers.insert(name.clone(), slot.lock().await.state());
        }
        Answer::Servers { servers }
    }

    async fn start(&self, server: &ServerName) -> Result<(), String> {
        let mut slot = self.slot(server)?.lock().await;
        if let ProcessState::Running { pid } = slot.state() {
            return Err(format!("`{server}` runs already, as process {pid}"));
        }
        let log = server_dir(&self.dir, server).join("output.log");
        let output = append(&log).map_err(|error| format!("`{}`: {error}", log.display()))?;
        let errors = output.try_clone().map_err(|error| error.to_string())?;
        let mut process = self.process(server);
        process.stdin(Stdio::null()).stdout(output).stderr(errors).process_group(0).kill_on_drop(true);
        let child = process.spawn().map_err(|error| format!("`{}`: {error}", self.program.display()))?;
        *slot = Slot::Started(child);
        Ok(())
    }

    /// The server's command. Where `setpriv` exists the kernel kills the server when even the keeper is killed.
    fn process(&self, server: &ServerName) -> Process {
        let file = server_dir(&self.dir, server).join("my.cnf");
        let mut option = std::ffi::OsString::from("--defaults-file=");
        option.push(file);
        let setpriv = Path::new("/usr/bin/setpriv");
        let mut process = if cfg!(target_os = "linux") && setpriv.exists() {
            let mut process = Process::new(setpriv);
            process.args(["--pdeathsig", "KILL"]).arg(&self.program);
            process
        } else {
            Process::new(&self.program)
        };
        process.arg(option);
        process
    }

    async fn stop(&self, server: &ServerName) -> Result<(), String> {
        let mut slot = self.slot(server)?.lock().await;
        let child = slot.running(server)?;
        // The handle has not been waited for, so the number still belongs to this child.
        let pid = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        let pid = pid.ok_or_else(|| format!("`{server}` has ended"))?;
        kill_process(pid, Signal::TERM).map_err(|error| error.to_string())?;
        match tokio::time::timeout(STOP_LIMIT, child.wait()).await {
            Ok(_) => Ok(()),
            Err(_) => Err(format!("`{server}` did not stop within {} s", STOP_LIMIT.as_secs())),
        }
    }

    async fn kill(&self, server: &ServerName) -> Result<(), String> {
        let mut slot = self.slot(server)?.lock().await;
        slot.running(server)?.kill().await.map_err(|error| error.to_string())
    }

    fn slot(&self, server: &ServerName) -> Result<&Mutex<Slot>, String> {
        self.slots.get(server).ok_or_else(|| format!("no server `{server}`"))
    }
}

impl Slot {
    fn state(&mut self) -> ProcessState {
        let Self::Started(child) = self else { return ProcessState::NotStarted };
        match child.try_wait() {
            Ok(None) => ProcessState::Running { pid: child.id().unwrap_or(0) },
            Ok(Some(status)) => ProcessState::Ended { how: status.to_string() },
            Err(error) => ProcessState::Ended { how: error.to_string() },
        }
    }

    fn running(&mut self, server: &ServerName) -> Result<&mut Child, String> {
        if !matches!(self.state(), ProcessState::Running { .. }) {
            return Err(format!("`{server}` does not run"));
        }
        match self {
            Self::Started(child) => Ok(child),
            Self::NotStarted => Err(format!("`{server}` does not run")),
        }
    }
}

fn append(path: &Path) -> std::io::Result<File> {
    OpenOptions::new().create(true).append(true).open(path)
}
