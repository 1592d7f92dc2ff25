//! The people of the demo: they answer, look for themselves, and sign, as the commands do for real people.

use std::time::Duration;

use crate::cli::approve::own_measurement;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::place::{put, state_of};
use crate::cli::say::sign_input;
use crate::cli::sight::Sight;
use crate::domain::approval::challenge::Challenge;
use crate::domain::approval::sshsig::Verb;
use crate::domain::approval::votes::InputVerb;
use crate::domain::base::{Principal, RunId};
use crate::domain::journal::record::{Approval, StopReason};
use crate::domain::run::effect::Person;
use crate::domain::run::state::{Phase, RequestState, State};
use crate::keys::Signer;
use crate::store::StoreError;
use crate::store::sqlite::SqliteStore;

/// One operator of the demo.
#[derive(Debug)]
pub struct Player {
    pub name: Principal,
    pub signer: Signer,
}

/// How often the players look what is waited for.
const LOOK: Duration = Duration::from_millis(100);

/// Plays until the run is over; comes back only with an error.
pub async fn play(store: &SqliteStore, run: &RunId, cast: &[Player]) -> CliError {
    let mut answered = 0;
    loop {
        tokio::time::sleep(LOOK).await;
        // Until its first record is there, the run is not found.
        let Ok(state) = state_of(store, run).await else { continue };
        if let Err(error) = turn(store, &state, cast, &mut answered).await {
            return error;
        }
    }
}

async fn turn(store: &SqliteStore, state: &State, cast: &[Player], answered: &mut u64) -> Result<(), CliError> {
    let run = &state.opened.run;
    match &state.phase {
        Phase::Asking if state.since > *answered => {
            *answered = state.since;
            let Some(player) = cast.first() else { return Ok(()) };
            let person = sign_input(&player.signer, &player.name, state, InputVerb::Answer, "maintenance").await?;
            put(store, run, &person).await
        }
        Phase::Requested { request } => {
            let Some(found) = state.requests.get(request).filter(|found| found.ended.is_none()) else { return Ok(()) };
            let open = cast.iter().find(|player| !found.approvals.iter().any(|approval| approval.by == player.name));
            match open {
                Some(player) => approve(store, state, found, player).await,
                None => Ok(()),
            }
        }
        Phase::Stopped { why, .. } if !matches!(why, StopReason::Refused | StopReason::Blocked) => {
            Err(CliError::new(Exit::Failed, format!("the run stopped at step {:?}: {why}", state.step())))
        }
        _ => Ok(()),
    }
}

async fn approve(store: &SqliteStore, state: &State, request: &RequestState, player: &Player) -> Result<(), CliError> {
    let challenge = Challenge::of(request);
    let approval = Approval {
        by: player.name.clone(),
        armored: player.signer.sign(Verb::Approve, request.text.as_bytes()).await?,
        measured: Some(own_measurement(state, request, &Sight::RecordedWithCommands).await?),
        answer: challenge.answers().first().cloned(),
        reason: Some("demo".to_owned()),
    };
    let id = request.header.request.clone();
    put(store, &state.opened.run, &Person::Approve { request: id.clone(), approval }).await?;
    // The executor takes a moment to record it; signing again meanwhile would only be refused.
    for _ in 0..50 {
        tokio::time::sleep(LOOK).await;
        let now = state_of(store, &state.opened.run).await?;
        let recorded =
            now.requests.get(&id).is_some_and(|r| r.ended.is_some() || r.approvals.iter().any(|a| a.by == player.name));
        if recorded {
            return Ok(());
        }
    }
    Err(CliError::from(StoreError::NoSuchRun { run: state.opened.run.clone() }))
}
