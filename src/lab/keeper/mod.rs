//! The process that the lab's servers belong to.
//!
//! It starts, stops and kills them by their handles, never by name or number file, and it ends them all when its owner is
//! gone: an owned keeper at the end of its standard input, a detached one when the lab's directory is removed or when it
//! is told. The clients of a lock storm are its child as well. Everything else about a lab is done by the program that talks to it. It opens no network port.

mod children;
mod client;
mod protocol;

use std::ffi::OsString;
use std::io::Write;
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::unix::pipe;
use tokio::net::{UnixListener, UnixStream};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Notify;

use self::children::Children;
use super::error::LabError;
use super::files::remove_dir;
use super::record::{LabRecord, keeper_socket};
use super::storm;

pub use self::client::{KeeperClient, OwnedKeeper, spawn_detached, spawn_owned};
pub use self::protocol::{Answer, Command, ProcessState};

/// How often a detached keeper looks whether its lab is still there.
const LOOK: Duration = Duration::from_millis(500);

/// What the keeper's life hangs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Life {
    /// Standard input is a pipe from the owner.
    Owned,
    /// The lab's directory.
    Detached,
}

/// `countersign keeper owned|detached DIR`: runs until the lab ends. Prints `ready` when it can be asked.
/// `countersign keeper storm DIR SERVER TABLE KIND` is its child: the clients of a lock storm.
pub fn main(arguments: impl Iterator<Item = OsString>) -> ExitCode {
    match run(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Standard error is the lab's `keeper.log`; when even that is gone there is nobody to tell.
            let _ = writeln!(std::io::stderr(), "keeper: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(mut arguments: impl Iterator<Item = OsString>) -> Result<(), LabError> {
    let usage = || LabError::Refused("expected `keeper owned|detached DIR`".to_owned());
    let life = match arguments.next().as_deref().and_then(std::ffi::OsStr::to_str) {
        Some("storm") => return storm::process::run(arguments),
        Some("owned") => Life::Owned,
        Some("detached") => Life::Detached,
        _ => return Err(usage()),
    };
    let dir = PathBuf::from(arguments.next().ok_or_else(usage)?);
    // A session of its own: neither a key in the terminal nor the end of the owner's process group reaches it, so it is
    // still there to end the servers. It fails only for a group leader, which nothing here starts it as.
    let _ = rustix::process::setsid();
    // One thread: the servers are told to die with the thread that started them, so that must be the main one.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(LabError::at(&dir))?.block_on(keep(life, &dir))
}

async fn keep(life: Life, dir: &Path) -> Result<(), LabError> {
    let record = LabRecord::read(dir)?;
    let socket = keeper_socket(dir);
    let listener = UnixListener::bind(&socket).map_err(LabError::at(&socket))?;
    let children = Arc::new(Children::new(dir, &record));
    let told = Arc::new(Notify::new());
    say_ready();
    let mut terminated = signal(SignalKind::terminate()).map_err(LabError::at(dir))?;
    let mut interrupted = signal(SignalKind::interrupt()).map_err(LabError::at(dir))?;
    let orphaned = until_orphaned(life, &socket);
    tokio::pin!(orphaned);
    loop {
        tokio::select! {
            Ok((stream, _)) = listener.accept() => {
                tokio::spawn(serve(stream, Arc::clone(&children), Arc::clone(&told)));
            }
            () = &mut orphaned => break,
            () = told.notified() => break,
            _ = terminated.recv() => break,
            _ = interrupted.recv() => break,
        }
    }
    children.end().await;
    remove_dir(&record.data_home)?;
    match life {
        // Nobody is left who could look at an owned lab.
        Life::Owned => remove_dir(dir),
        Life::Detached => Ok(()),
    }
}

/// The one line on standard output; the starter waits for it.
fn say_ready() {
    let mut output = std::io::stdout();
    // A starter that is gone already is noticed by `until_orphaned`.
    let _ = output.write_all(b"ready\n").and_then(|()| output.flush());
}

/// Returns when nobody needs the servers any more.
async fn until_orphaned(life: Life, socket: &Path) {
    match life {
        Life::Owned => until_owner_ends().await,
        Life::Detached => {
            // By inode, so that a new lab in the same place does not keep this one alive.
            let own = inode(socket);
            while own.is_some() && inode(socket) == own {
                tokio::time::sleep(LOOK).await;
            }
        }
    }
}

/// Returns at the end of standard input, which is a pipe from the owner. Something else than a pipe is no owner.
pub async fn until_owner_ends() {
    let input = std::io::stdin().as_fd().try_clone_to_owned().and_then(pipe::Receiver::from_owned_fd);
    let mut ignored = [0u8; 64];
    let Ok(mut input) = input else { return };
    while matches!(input.read(&mut ignored).await, Ok(count) if count > 0) {}
}

fn inode(path: &Path) -> Option<u64> {
    std::fs::symlink_metadata(path).ok().map(|found| found.ino())
}

/// Answers one connection: a line in, a line out. One that asked for the end stays open until the keeper is gone.
async fn serve(stream: UnixStream, children: Arc<Children>, told: Arc<Notify>) {
    let (input, mut output) = stream.into_split();
    let mut lines = BufReader::new(input).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        let command = serde_json::from_str::<Command>(&line);
        if matches!(command, Ok(Command::End)) {
            // The connection ends with the process and not before, whatever becomes of the runtime: who waits for its end
            // may rely on the keeper being gone.
            std::mem::forget((lines, output));
            told.notify_one();
            return;
        }
        let answer = match command {
            Ok(command) => children.obey(command).await,
            Err(error) => Answer::Refused { message: error.to_string() },
        };
        let Ok(mut text) = serde_json::to_vec(&answer) else { return };
        text.push(b'\n');
        if output.write_all(&text).await.is_err() {
            return;
        }
    }
}
