//! The screens of `attach`, `review` and of a driver: what is read goes to the model, what a person wants goes to the
//! inbox.
//!
//! A screen is one more client: it sees the journal, the last live values and its own looks at the fleet, and it says
//! nothing that a command could not say. It takes no decision about the run.

mod desk;
mod driver;
mod feed;

use std::sync::Arc;

use tokio::sync::{mpsc, watch};

use self::desk::Desk;
use self::feed::Feed;
use super::args::{AttachArgs, OutputArgs, ReviewArgs};
use super::error::CliError;
use super::exit::Exit;
use super::output::data;
use super::place::{begun, find_request, now, open_store, state_of};
use super::sight::Sight;
use super::typed::Typed;
use super::who::Operator;
use crate::domain::base::{Principal, RunId};
use crate::domain::fleet::Fleet;
use crate::domain::run::state::{Phase, State};
use crate::domain::runbook;
use crate::keys::Signer;
use crate::store::sqlite::SqliteStore;
use crate::tui::draw::ended;
use crate::tui::model::{Model, Seat, Viewer};
use crate::tui::review::approved;
use crate::tui::terminal::{self, Environment, TakenTerminal};

pub use self::driver::{DriverScreen, Over};

/// Messages that may wait before the screen has taken them in.
const WAITING_MSGS: usize = 256;
/// What a person asked for and was not done yet.
const WAITING_ACTIONS: usize = 64;

/// Whether a run is shown on a screen: there is a terminal for it, and nobody asked for lines.
pub fn is_wanted(output: OutputArgs) -> bool {
    !output.plain && !output.json && TakenTerminal::is_there()
}

pub async fn attach(args: AttachArgs) -> Result<Exit, CliError> {
    expect_terminal(&Typed::here(&args.state).anybody(&format!("status {}", args.run)))?;
    let store = open_store(&args.state)?;
    let person = Operator::of(&args.operator, &args.state).await?;
    show(Screening { store, run: args.run, person, seat: Seat::Watches, driver: None, sight: Sight::of(&args.sight) })
        .await?;
    Ok(Exit::Ok)
}

pub async fn review(args: ReviewArgs) -> Result<Exit, CliError> {
    let store = open_store(&args.state)?;
    let person = Operator::of(&args.operator, &args.state).await?;
    let typed = Typed::here(&args.state);
    let (run, instead) = match &args.request {
        Some(id) => {
            let (state, request) = find_request(&store, id, &typed).await?;
            super::approve::expect_open(&state, &request)?;
            (Some(state.opened.run), format!("request show {id}"))
        }
        None => (first_waiting(&store, &person.who).await?, "status".to_owned()),
    };
    let Some(run) = run else {
        data(&format!("no request waits for {}", person.who));
        return Ok(Exit::Ok);
    };
    expect_terminal(&typed.anybody(&instead))?;
    show(Screening { store, run, person, seat: Seat::Reviews, driver: None, sight: Sight::of(&args.sight) }).await?;
    Ok(Exit::Ok)
}

fn expect_terminal(instead: &str) -> Result<(), CliError> {
    if TakenTerminal::is_there() {
        return Ok(());
    }
    Err(CliError::usage("there is no terminal to show a screen on").hint(format!("without one: `{instead}`")))
}

/// The first run with an open request that `who` can still say something to.
async fn first_waiting(store: &SqliteStore, who: &Principal) -> Result<Option<RunId>, CliError> {
    let waiting = begun(store).await?.into_iter().find(|state| waits_for(state, who));
    Ok(waiting.map(|state| state.opened.run))
}

fn waits_for(state: &State, who: &Principal) -> bool {
    let Phase::Requested { request } = &state.phase else { return false };
    let Some(request) = state.requests.get(request) else { return false };
    let header = &request.header;
    let may = *who != header.requested_by || header.requester_counts;
    request.ended.is_none() && now() < header.expires && may && !approved(request, who)
}

/// What a screen is made of.
pub struct Screening {
    pub store: SqliteStore,
    pub run: RunId,
    pub person: Operator,
    pub seat: Seat,
    pub driver: Option<DriverScreen>,
    pub sight: Sight,
}

/// Shows one run until the person leaves, a signal ends it, or a driver's run is left.
pub async fn show(with: Screening) -> Result<(), CliError> {
    let Screening { store, run, person, seat, driver, sight } = with;
    let state = state_of(&store, &run).await?;
    let fleet = sight.fleet(&state)?;
    let mut model = Model::new(viewer(&person, &fleet, seat), now(), 80, 24);
    let (msgs, incoming) = mpsc::channel(WAITING_MSGS);
    let (actions, wishes) = mpsc::channel(WAITING_ACTIONS);
    let feed = Feed { store: store.clone(), run: run.clone(), msgs: msgs.clone() };
    let next = feed.catch_up(&mut model).await?;
    let (over, leaves) = match &driver {
        Some(driver) => (Some(driver.over.clone()), Some(driver.handle())),
        None => (None, None),
    };
    let desk = Arc::new(Desk::new(store, run, person, leaves, sight, msgs));
    let tables = runbook::read("the journal's runbook", &state.opened.runbook_text)?
        .resolve(&state.opened.params, &fleet)?
        .tables(&state.opened.run);
    let left = tokio::select! {
        left = terminal::run(&mut model, incoming, actions, now) => left.map(drop),
        () = feed.journal(next) => Ok(()),
        () = feed.fleet(&fleet, &tables) => Ok(()),
        () = desk.serve(wishes) => Ok(()),
        () = signalled() => Ok(()),
        () = left_by_executor(over) => Ok(()),
    };
    left.map_err(|error| CliError::new(Exit::Error, format!("the terminal cannot be used: {error}")))?;
    if let Some(line) = ended::last_line(&model) {
        data(&line);
    }
    Ok(())
}

/// Returns when the executor of this very process has left its run.
async fn left_by_executor(over: Option<watch::Receiver<Over>>) {
    match over {
        // A sender that is gone without a word is an executor that is gone.
        Some(mut over) => drop(over.wait_for(|over| *over == Over::Left).await),
        None => std::future::pending().await,
    }
}

/// Returns with the first signal that wants this process to end; the terminal is given back then.
async fn signalled() {
    use tokio::signal::unix::{SignalKind, signal};
    let wait = |kind| async move {
        match signal(kind) {
            Ok(mut signals) => drop(signals.recv().await),
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        () = wait(SignalKind::hangup()) => {}
        () = wait(SignalKind::terminate()) => {}
        () = wait(SignalKind::interrupt()) => {}
    }
}

fn viewer(person: &Operator, fleet: &Fleet, seat: Seat) -> Viewer {
    let kind = match &person.signer {
        Signer::Agent { .. } => "agent",
        Signer::File(_) => "file",
    };
    let calls = fleet.contacts.on_call.join(" > ");
    let help = [fleet.contacts.channel.clone(), (!calls.is_empty()).then(|| format!("on call: {calls}"))];
    Viewer {
        who: Some(person.who.clone()),
        key: format!("{} ({kind})", person.signer.key().fingerprint()),
        environment: fleet.environment.to_uppercase(),
        operators: person.trust.roster().operators().iter().map(|operator| operator.principal.clone()).collect(),
        help: help.into_iter().flatten().collect::<Vec<_>>().join(", "),
        rules: fleet.rules.clone(),
        policy: person.trust.policy().clone(),
        seat,
        theme: theme(),
    }
}

fn theme() -> crate::tui::theme::Theme {
    let var = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let (no_color, term, ascii) = (var("NO_COLOR"), var("TERM"), var("COUNTERSIGN_ASCII"));
    let locale = var("LC_ALL").or_else(|| var("LC_CTYPE")).or_else(|| var("LANG"));
    let environment = Environment {
        no_color: no_color.as_deref(),
        term: term.as_deref(),
        locale: locale.as_deref(),
        ascii: ascii.as_deref(),
    };
    environment.theme(None)
}
