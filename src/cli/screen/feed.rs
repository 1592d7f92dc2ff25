//! What comes to a screen: new lines of the journal, last live values, who drives, and looks at the fleet.

use std::collections::BTreeSet;
use std::time::Duration;

use tokio::sync::mpsc;

use super::super::error::CliError;
use super::super::exit::Exit;
use super::super::place::executor_of;
use super::super::servers::LiveObserve;
use crate::domain::base::{RunId, TableName};
use crate::domain::fleet::Fleet;
use crate::domain::journal::Line;
use crate::domain::journal::record::Record;
use crate::executor::ports::Observe as _;
use crate::store::sqlite::SqliteStore;
use crate::store::{Journal as _, Live as _, StoreError};
use crate::tui::history::Seen;
use crate::tui::model::{Model, Msg, Seat, update};

/// How often the journal is asked for more. People feel nothing below a tenth of a second.
const JOURNAL: Duration = Duration::from_millis(75);
/// How many rounds pass between two questions who drives the run.
const HOLDER_EVERY: u32 = 14;
/// How long a look at the fleet stays on the screen before the next one.
const FLEET: Duration = Duration::from_secs(5);
/// How many lines are read at once.
const PAGE: usize = 500;

/// Reads for one screen.
pub struct Feed {
    pub store: SqliteStore,
    pub run: RunId,
    pub msgs: mpsc::Sender<Msg>,
}

impl Feed {
    /// Takes what is on record already into the model; answers with the number of the first line that was not taken.
    /// The newest line is left, so that what waits now is told to the screen as news.
    pub async fn catch_up(&self, model: &mut Model) -> Result<u64, CliError> {
        // Requests of the past are nothing to review: the seat is taken when the present is reached.
        let seat = std::mem::replace(&mut model.viewer.seat, Seat::Watches);
        let head = self.store.head(&self.run).await?.seq().unwrap_or(0);
        let mut next = 0;
        while next < head {
            let lines = self.store.read(&self.run, next, PAGE).await?;
            if lines.is_empty() {
                break;
            }
            for line in lines.iter().filter(|line| line.seq() < head) {
                update(model, seen(line).map_err(|why| CliError::new(Exit::Tampered, why))?);
                next = line.seq() + 1;
            }
        }
        model.viewer.seat = seat;
        Ok(next)
    }

    /// Tells everything new from line `next` on; ends when the screen has ended.
    pub async fn journal(&self, mut next: u64) {
        let mut closed = false;
        for round in 0_u32.. {
            match self.news(&mut next, &mut closed).await {
                Ok(()) => {}
                Err(why) => {
                    let _ = self.msgs.send(Msg::Say(why)).await;
                    return std::future::pending().await;
                }
            }
            if round % HOLDER_EVERY == 0 && !closed {
                self.holder().await;
            }
            tokio::time::sleep(JOURNAL).await;
        }
    }

    async fn news(&self, next: &mut u64, closed: &mut bool) -> Result<(), String> {
        let lines = match self.store.read(&self.run, *next, PAGE).await {
            Ok(lines) => lines,
            // What is damaged stays damaged; anything else may pass.
            Err(error @ (StoreError::Damaged { .. } | StoreError::RolledBack { .. })) => return Err(error.to_string()),
            Err(error) => {
                let _ = self.msgs.send(Msg::Say(error.to_string())).await;
                return Ok(());
            }
        };
        for line in &lines {
            let msg = seen(line)?;
            if let Msg::Record(seen) = &msg {
                *closed = matches!(seen.record, Record::Closed { .. }) || *closed;
            }
            *next = line.seq() + 1;
            let _ = self.msgs.send(msg).await;
        }
        if let Ok(Some(live)) = self.store.live(&self.run).await {
            let _ = self.msgs.send(Msg::Live(live)).await;
        }
        Ok(())
    }

    async fn holder(&self) {
        if let Ok(executor) = executor_of(&self.store, &self.run).await {
            let _ = self.msgs.send(Msg::Executor(executor)).await;
        }
    }

    /// Looks at the fleet now and then, for the ages and copies of the fleet view. Decisions never see these looks.
    pub async fn fleet(&self, fleet: &Fleet, tables: &BTreeSet<TableName>) {
        let mut observe = LiveObserve::new(fleet);
        loop {
            let snapshot = observe.snapshot(tables).await;
            let _ = self.msgs.send(Msg::Snapshot(snapshot)).await;
            tokio::time::sleep(FLEET).await;
        }
    }
}

/// One line as the model takes it.
fn seen(line: &Line) -> Result<Msg, String> {
    let record = Record::from_line(line.seq(), line.event(), line.payload()).map_err(|error| error.to_string())?;
    Ok(Msg::Record(Box::new(Seen { at: line.at(), head: line.head(), record })))
}
