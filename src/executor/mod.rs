//! The loop that carries inputs to `decide` and effects to the world. It takes no decision on domain data.
//!
//! Records are durable before effects are performed, so an intent always stands in the journal before its command can
//! reach a server. One effect is performed at a time; while a long one runs, people are listened to.

pub mod journal;
pub mod ports;

use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::mpsc;

use self::journal::{ExecutorError, Onward, Recorder, Watcher};
use self::ports::{Act, Observe, Reins, Told, World, copying, with_told};
use crate::domain::base::{ServerName, Timestamp};
use crate::domain::journal::record::StopReason;
use crate::domain::run::effect::{Effect, Finish, Input, Person};
use crate::domain::run::outcome::{ConnectionState, CopyProgress, Outcome};
use crate::domain::run::state::{Phase, State};
use crate::domain::runbook::Step;
use crate::domain::snapshot::{FactKey, ServerFact, Snapshot, Value};
use crate::store::{InputBody, Store};

/// How often the inbox is looked at. People feel nothing below a tenth of a second.
const INBOX: Duration = Duration::from_millis(50);

/// How often an executor that only waits asks whether it is still the one, counted in looks at the inbox: about once a
/// second. Nothing it waits for would tell it, and people would go on believing in it.
const LEASE: u32 = 20;

/// What a run does when it stops and nobody is there to choose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AtStop {
    /// Wait for a choice.
    Wait,
    /// Leave when a rule refuses or a condition does not hold: waiting would change nothing.
    LeaveIfRefused,
}

/// Executes one run.
pub struct Executor<S, O, A, W, V> {
    pub recorder: Recorder<S, W, V>,
    pub observe: O,
    pub act: A,
    /// Hold from this very process: it needs no durable write to stop what comes next.
    pub holds: mpsc::Receiver<(String, String)>,
    /// Set when this process should go: it does, as soon as the run is held and nothing is being executed.
    pub leaving: Arc<AtomicBool>,
    pub at_stop: AtStop,
    /// What the acting account told, and for which step and attempt.
    pub told: BTreeMap<ServerName, Result<Told, String>>,
    pub told_for: Option<(usize, u32)>,
    pub last: Option<Snapshot>,
}

impl<S: Store, O: Observe, A: Act, W: World, V: Watcher> Executor<S, O, A, W, V> {
    /// Runs until the run is closed, or is left at a stop. Answers with the state it ended in.
    pub async fn run(&mut self) -> Result<&State, ExecutorError> {
        let mut input = Some(Input::Proceed);
        loop {
            if let Some(next) = input.take()
                && self.recorder.handle(next).await? == Onward::Proceed
            {
                self.settle_stop();
                if self.leaves() {
                    return Ok(&self.recorder.state);
                }
                // Records lead to the next decision, unless the answer to an effect is still to come.
                if self.recorder.pending.is_empty() {
                    input = Some(Input::Proceed);
                    continue;
                }
            }
            match self.recorder.pending.pop_front() {
                Some(Effect::Finish(Finish::Closed)) => return Ok(&self.recorder.state),
                None if self.recorder.state.held.is_some() && self.leaving.load(Ordering::SeqCst) => {
                    return Ok(&self.recorder.state);
                }
                Some(effect) => input = self.next(effect).await?,
                None => input = Some(self.listen().await?),
            }
        }
    }

    /// Hears people before anything is performed, so that a hold is never behind a chain of effects.
    async fn next(&mut self, effect: Effect) -> Result<Option<Input>, ExecutorError> {
        let before = std::mem::discriminant(&self.recorder.state.phase);
        self.hear().await?;
        if before == std::mem::discriminant(&self.recorder.state.phase) {
            return self.perform(effect).await;
        }
        // What somebody asked has changed where the run is: what was about to be done is not wanted any more.
        self.drop_effect(effect).await;
        while let Some(effect) = self.recorder.pending.pop_front() {
            self.drop_effect(effect).await;
        }
        Ok(Some(Input::Proceed))
    }

    /// Takes what people have asked so far; waits for nothing.
    async fn hear(&mut self) -> Result<(), ExecutorError> {
        while let Ok((by, reason)) = self.holds.try_recv() {
            self.recorder.handle(Input::Hold { by, reason }).await?;
        }
        let run = self.recorder.state.opened.run.clone();
        for _ in 0..self.recorder.store.inputs(&run).await?.len() {
            take_person(&mut self.recorder).await?;
        }
        Ok(())
    }

    async fn drop_effect(&mut self, effect: Effect) {
        if let Effect::Send { connection, .. } | Effect::Close(connection) = effect {
            self.act.close(&connection).await;
        }
    }

    /// A stopped run waits for nothing but people.
    fn settle_stop(&mut self) {
        if matches!(self.recorder.state.phase, Phase::Stopped { .. }) {
            self.recorder.wake = None;
        }
    }

    fn leaves(&self) -> bool {
        let stopped = match &self.recorder.state.phase {
            Phase::Stopped { why, .. } => matches!(why, StopReason::Refused | StopReason::Blocked),
            _ => false,
        };
        stopped && self.at_stop == AtStop::LeaveIfRefused
    }

    /// Waits for a person, a hold or a time.
    async fn listen(&mut self) -> Result<Input, ExecutorError> {
        let recorder = &mut self.recorder;
        let mut looks = 0_u32;
        loop {
            looks = looks.wrapping_add(1);
            if let Some(input) = take_person(recorder).await? {
                return Ok(input);
            }
            if looks.is_multiple_of(LEASE) {
                recorder.store.still_held(&recorder.lease).await?;
            }
            let wake = recorder.wake.unwrap_or(Timestamp::from_millis(i64::MAX));
            tokio::select! {
                biased;
                Some((by, reason)) = self.holds.recv() => return Ok(Input::Hold { by, reason }),
                () = recorder.world.wait_until(wake) => {
                    recorder.wake = None;
                    return Ok(Input::Tick);
                }
                () = tokio::time::sleep(INBOX) => {}
            }
        }
    }

    /// Performs one effect; its answer is the next input.
    async fn perform(&mut self, effect: Effect) -> Result<Option<Input>, ExecutorError> {
        Ok(match effect {
            Effect::Observe => Some(Input::Observed(self.look().await)),
            Effect::LastLook => Some(Input::LastLook(self.look().await)),
            Effect::Prepare { command, before } => {
                let run = self.recorder.state.opened.run.clone();
                let prepared = match self.identity(&command.server) {
                    Some(identity) => self.act.prepare(&run, &command, &identity).await.map(Some),
                    None => Err(format!("what {} is was not seen at the last look", command.server)),
                };
                Some(Input::Prepared { connection: prepared, before })
            }
            Effect::Send { cleared, connection } => {
                // It came in after the last look: the intent stands, the statement does not follow it.
                if let Some(why) = self.recorder.state.forbids_sending() {
                    self.act.close(&connection).await;
                    return Ok(Some(Input::Came(Outcome::NotSent { why })));
                }
                // Whoever took the lease over in the meantime looks for this connection; it must not begin now.
                if let Err(lost) = self.recorder.store.still_held(&self.recorder.lease).await {
                    self.act.close(&connection).await;
                    return Err(lost.into());
                }
                let (mut reins, line) = copying();
                let work = self.act.send(&connection, &cleared, &line);
                let outcome = attend(&mut self.recorder, &mut self.holds, pin!(work), Some(&mut reins)).await?;
                // A short load is over before anybody has looked; it still leaves its estimate.
                listen_to_the_copy(&mut self.recorder, &mut reins).await?;
                // A connection in doubt is left alone: whether it still works is what will be looked at.
                if !matches!(outcome, Outcome::InDoubt { .. }) {
                    self.act.close(&connection).await;
                }
                Some(Input::Came(outcome))
            }
            Effect::Measure(command) => {
                let step = self.recorder.state.step().map(ToString::to_string).unwrap_or_default();
                let work = pin!(self.observe.measure(&command, &step));
                let outcome = attend(&mut self.recorder, &mut self.holds, work, None).await?;
                Some(Input::Came(outcome))
            }
            Effect::Close(connection) => {
                self.act.close(&connection).await;
                Some(Input::Proceed)
            }
            Effect::LookFor(connection) => {
                let state = match &connection {
                    Some(connection) => self.act.look_for(connection).await,
                    None => ConnectionState::Gone,
                };
                let snapshot = self.look().await;
                Some(Input::Looked { state, snapshot })
            }
            Effect::Kill(connection) => Some(Input::Killed(self.act.kill(&connection).await)),
            Effect::WakeAt(time) => {
                self.recorder.wake = Some(time);
                None
            }
            // Taken out while the copy runs; behind its end there is nothing to stop.
            Effect::StopCopy | Effect::Finish(_) => None,
        })
    }

    /// One look at the fleet, with what the acting account tells. That is asked anew for each step and attempt, of
    /// servers that answered: waiting for one that hangs once more would hold up what protects the others.
    async fn look(&mut self) -> Snapshot {
        let (state, setup) = (&self.recorder.state, &self.recorder.setup);
        let step = (state.cursor, state.attempt);
        let mut seen = self.observe.snapshot(&setup.tables).await;
        let watched = setup.runbook.steps.get(state.cursor).map(Step::lock_waits).unwrap_or_default();
        if !watched.is_empty() {
            seen = seen.with(&self.observe.lock_waits(&watched).await);
        }
        if self.told_for != Some(step) {
            for server in setup.fleet.servers.keys() {
                let answered = seen
                    .get(&FactKey::server(server, ServerFact::Identity))
                    .is_some_and(|identity| identity.value().is_ok());
                let answer = if answered {
                    self.act.told(server, &setup.tables).await
                } else {
                    Err("it did not answer when the step began".to_owned())
                };
                self.told.insert(server.clone(), answer);
            }
            self.told_for = Some(step);
        }
        let snapshot = with_told(seen, &self.told);
        self.last = Some(snapshot.clone());
        snapshot
    }

    /// What a server must prove to be on the acting connection: what it was at the last look.
    fn identity(&self, server: &ServerName) -> Option<String> {
        let key = FactKey::server(server, ServerFact::Identity);
        match self.last.as_ref().and_then(|snapshot| snapshot.get(&key)).map(crate::domain::base::Known::value) {
            Some(Ok(Value::Text(identity))) if !identity.is_empty() => Some(identity.clone()),
            _ => None,
        }
    }
}

/// Waits for `work` and meanwhile records what people ask and how far a copy is. When nothing can be recorded any
/// more, the work is still waited for: giving a running statement up would only make its outcome unknown.
async fn attend<S: Store, W: World, V: Watcher, T>(
    recorder: &mut Recorder<S, W, V>,
    holds: &mut mpsc::Receiver<(String, String)>,
    mut work: std::pin::Pin<&mut impl Future<Output = T>>,
    mut reins: Option<&mut Reins>,
) -> Result<T, ExecutorError> {
    loop {
        let listened = tokio::select! {
            biased;
            done = &mut work => return Ok(done),
            Some((by, reason)) = holds.recv() => recorder.handle(Input::Hold { by, reason }).await.map(drop),
            () = tokio::time::sleep(INBOX) => listen_while_working(recorder, reins.as_deref_mut()).await,
        };
        if let Err(error) = listened {
            work.await;
            return Err(error);
        }
    }
}

async fn listen_while_working<S: Store, W: World, V: Watcher>(
    recorder: &mut Recorder<S, W, V>,
    reins: Option<&mut Reins>,
) -> Result<(), ExecutorError> {
    if let Some(input) = take_person(recorder).await? {
        recorder.handle(input).await?;
    }
    match reins {
        Some(reins) => listen_to_the_copy(recorder, reins).await,
        None => Ok(()),
    }
}

/// What a copy reports becomes an input; the answer that it should end does not wait until it is over.
async fn listen_to_the_copy<S: Store, W: World, V: Watcher>(
    recorder: &mut Recorder<S, W, V>,
    reins: &mut Reins,
) -> Result<(), ExecutorError> {
    let Some(now) = reins.news() else { return Ok(()) };
    put_progress(recorder, &now).await;
    recorder.handle(Input::Progress(now)).await?;
    let waiting = recorder.pending.len();
    recorder.pending.retain(|effect| !matches!(effect, Effect::StopCopy));
    if recorder.pending.len() < waiting {
        reins.end();
    }
    Ok(())
}

/// Last values for screens; losing them loses nothing.
async fn put_progress<S: Store, W: World, V: Watcher>(recorder: &Recorder<S, W, V>, now: &CopyProgress) {
    let values = serde_json::json!({ "progress": now });
    if let Err(error) = recorder.store.put_live(&recorder.lease, &values).await {
        tracing::warn!(%error, "last values were not written");
    }
}

/// The oldest input of a person, removed from the inbox once it is on record or refused on record.
async fn take_person<S: Store, W: World, V: Watcher>(
    recorder: &mut Recorder<S, W, V>,
) -> Result<Option<Input>, ExecutorError> {
    let run = recorder.state.opened.run.clone();
    let Some(input) = recorder.store.inputs(&run).await?.into_iter().next() else { return Ok(None) };
    // What asks for no record is removed without one: only by the executor whose state that follows from.
    recorder.store.still_held(&recorder.lease).await?;
    let read = match &input.body {
        InputBody::Whole(bytes) => serde_json::from_slice::<Person>(bytes).map_err(|error| error.to_string()),
        InputBody::Refused { why } => Err(why.clone()),
    };
    let onward = recorder.take(&input.id, read).await?;
    recorder.store.remove_input(&input.id).await?;
    Ok((onward == Onward::Proceed).then_some(Input::Proceed))
}
