//! The keeper's children: one slot per server and one for the clients of a storm, each with the handle of its process.

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
use crate::lab::storm::{self, Storm};

use super::protocol::{Answer, Command, ProcessState};

/// Longer than any orderly end that was seen; MySQL waits some 11 s for attached replicas.
const STOP_LIMIT: Duration = Duration::from_mins(1);

/// All servers of a lab, started or not.
pub struct Children {
    dir: PathBuf,
    program: PathBuf,
    slots: BTreeMap<ServerName, Mutex<Slot>>,
    storm: Mutex<Slot>,
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
        Self { dir: dir.to_owned(), program: record.program.clone(), slots, storm: Mutex::default() }
    }

    pub async fn obey(&self, command: Command) -> Answer {
        let done = match &command {
            Command::Status => return self.states().await,
            Command::Start { server } => self.start(server).await,
            Command::Stop { server } => self.stop(server).await,
            Command::Kill { server } => self.kill(server).await,
            Command::Storm { storm } => self.raise(storm).await,
            Command::End => Err("the end is not a child's matter".to_owned()),
        };
        done.map_or_else(|message| Answer::Refused { message }, |()| Answer::Done)
    }

    /// Kills whatever runs and waits for it.
    pub async fn end(&self) {
        for slot in self.all() {
            if let Slot::Started(child) = &mut *slot.lock().await {
                // Fails only for a child that has ended, which is what is wanted.
                let _ = child.start_kill();
            }
        }
        for slot in self.all() {
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
        Answer::Servers { servers, storm: self.storm.lock().await.state() }
    }

    fn all(&self) -> impl Iterator<Item = &Mutex<Slot>> {
        self.slots.values().chain([&self.storm])
    }

    /// Ends the clients that are there and starts others. What the earlier ones reported must not be taken for theirs.
    async fn raise(&self, storm: &Storm) -> Result<(), String> {
        let mut slot = self.storm.lock().await;
        if let Slot::Started(child) = &mut *slot {
            // Fails only for a child that has ended, which is what is wanted.
            let _ = child.kill().await;
        }
        for file in [storm::report_path(&self.dir), storm::log_path(&self.dir)] {
            match std::fs::remove_file(&file) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(format!("`{}`: {error}", file.display()));
                }
                _ => {}
            }
        }
        let log = append(&storm::log_path(&self.dir)).map_err(|error| error.to_string())?;
        let own = std::env::current_exe().map_err(|error| format!("this program cannot find itself: {error}"))?;
        let mut process = dying_with_us(&own);
        process.arg("keeper").arg("storm").arg(&self.dir);
        process.args([storm.server.as_str(), &storm.table.to_string(), storm.kind.word()]);
        // Its input ends with this process, also where nothing else tells it.
        process.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(log).process_group(0).kill_on_drop(true);
        *slot = Slot::Started(process.spawn().map_err(|error| format!("`{}`: {error}", own.display()))?);
        Ok(())
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

    fn process(&self, server: &ServerName) -> Process {
        let mut option = std::ffi::OsString::from("--defaults-file=");
        option.push(server_dir(&self.dir, server).join("my.cnf"));
        let mut process = dying_with_us(&self.program);
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

/// A child's command. Where `setpriv` exists the kernel kills the child when even the keeper is killed.
fn dying_with_us(program: &Path) -> Process {
    let setpriv = Path::new("/usr/bin/setpriv");
    if cfg!(target_os = "linux") && setpriv.exists() {
        let mut process = Process::new(setpriv);
        process.args(["--pdeathsig", "KILL"]).arg(program);
        process
    } else {
        Process::new(program)
    }
}

fn append(path: &Path) -> std::io::Result<File> {
    OpenOptions::new().create(true).append(true).open(path)
}
