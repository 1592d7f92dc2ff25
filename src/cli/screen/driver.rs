//! The driver's screen: a thread of its own beside the executor, so that a key is heard whatever the executor does.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::{mpsc, watch};

use super::super::error::CliError;
use super::super::exit::Exit;
use super::super::sight::Sight;
use super::super::who::Operator;
use super::{Screening, show};
use crate::domain::base::RunId;
use crate::store::sqlite::SqliteStore;
use crate::tui::model::Seat;

/// Where this process's executor is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Over {
    Works,
    /// The run is closed; its end stays on the screen until the driver leaves.
    Closed,
    /// The executor has left the run where it stands.
    Left,
}

/// What ties a screen to the executor of the same process.
#[derive(Debug)]
pub struct DriverScreen {
    pub over: watch::Receiver<Over>,
    pub hold: mpsc::Sender<(String, String)>,
    pub leaving: Arc<AtomicBool>,
}

/// Holds the run from this very process.
#[derive(Debug, Clone)]
pub struct Handle {
    hold: mpsc::Sender<(String, String)>,
    leaving: Arc<AtomicBool>,
}

impl Handle {
    /// Answers whether an executor is there to hear it.
    pub async fn hold(&self, by: &str, reason: &str) -> bool {
        self.hold.send((by.to_owned(), reason.to_owned())).await.is_ok()
    }

    pub async fn hold_and_leave(&self, by: &str, reason: &str) -> bool {
        self.leaving.store(true, Ordering::SeqCst);
        self.hold(by, reason).await
    }
}

impl DriverScreen {
    pub fn handle(&self) -> Handle {
        Handle { hold: self.hold.clone(), leaving: Arc::clone(&self.leaving) }
    }

    /// Shows the run on a thread of its own until it is left. However the screen ends, a run whose driver does not see
    /// it any more is held.
    pub fn spawn(
        self,
        store: SqliteStore,
        run: RunId,
        person: Operator,
    ) -> std::io::Result<std::thread::JoinHandle<Result<(), CliError>>> {
        std::thread::Builder::new().name("screen".to_owned()).spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .map_err(|error| CliError::new(Exit::Error, format!("the screen cannot start: {error}")))?;
            let (handle, over, who) = (self.handle(), self.over.clone(), person.who.to_string());
            // The executor of this process runs these commands anyway.
            let (seat, sight) = (Seat::Executes, Sight::RecordedWithCommands);
            let shown = runtime.block_on(show(Screening { store, run, person, seat, driver: Some(self), sight }));
            if *over.borrow() == Over::Works {
                runtime.block_on(handle.hold_and_leave(&who, "the driver's screen ended"));
            }
            // A look at the fleet that is under way must not keep the process.
            runtime.shutdown_background();
            shown
        })
    }
}
