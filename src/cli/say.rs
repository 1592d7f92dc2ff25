//! What operators say to a run: signed answers, choices, release and abort; hold and notes without a signature.

use super::args::{NoteArgs, OperatorArgs, StateArg};
use super::error::CliError;
use super::exit::Exit;
use super::output::data;
use super::place::{now, open_store, put, say_if_nobody_executes, state_of};
use super::typed::Typed;
use super::who::Operator;
use crate::domain::approval::sshsig::Verb;
use crate::domain::approval::votes::{Input, InputVerb, JournalHead};
use crate::domain::base::{Principal, RunId};
use crate::domain::journal::Head;
use crate::domain::journal::record::SignedText;
use crate::domain::run::effect::Person;
use crate::domain::run::state::{Phase, State};
use crate::keys::Signer;

/// Signs one input for the run as it stands and leaves it in the inbox.
pub async fn signed(
    run: &RunId,
    state: &StateArg,
    operator: &OperatorArgs,
    verb: InputVerb,
    argument: &str,
) -> Result<Exit, CliError> {
    let Operator { who, signer, .. } = Operator::of(operator, state).await?;
    let store = open_store(state)?;
    let current = state_of(&store, run).await?;
    expect_open(&current)?;
    let person = sign_input(&signer, &who, &current, verb, argument).await?;
    put(&store, run, &person).await?;
    data(&format!("{} said to {run} as {}", verb.word(), who));
    say_if_nobody_executes(&store, run, &Typed::here(state).by(&who)).await?;
    Ok(Exit::Ok)
}

/// The input as a person's message, signed over the journal as it stands.
pub async fn sign_input(
    signer: &Signer,
    by: &Principal,
    state: &State,
    verb: InputVerb,
    argument: &str,
) -> Result<Person, CliError> {
    sign_at(signer, by, (&state.opened.run, &state.head), verb, argument).await
}

/// The input as a person's message, signed over the journal as far as that person has seen it.
pub async fn sign_at(
    signer: &Signer,
    by: &Principal,
    journal: (&RunId, &Head),
    verb: InputVerb,
    argument: &str,
) -> Result<Person, CliError> {
    let SignedText { text, armored } = sign_text(signer, by, journal, verb, argument).await?;
    Ok(Person::Signed { text, armored })
}

/// The input's text and its signature.
pub async fn sign_text(
    signer: &Signer,
    by: &Principal,
    (run, seen): (&RunId, &Head),
    verb: InputVerb,
    argument: &str,
) -> Result<SignedText, CliError> {
    let input = Input {
        run: run.clone(),
        head: JournalHead { entry: seen.seq().unwrap_or(0), sha256: seen.digest().clone() },
        by: by.clone(),
        created: now(),
        verb,
        argument: argument.to_owned(),
    };
    let text = input.render().map_err(|error| CliError::usage(error.to_string()))?;
    let armored = signer.sign(Verb::Input, text.as_bytes()).await?;
    Ok(SignedText { text, armored })
}

fn expect_open(state: &State) -> Result<(), CliError> {
    match state.phase {
        Phase::Closed { .. } => Err(CliError::usage(format!("run {} is over", state.opened.run))),
        _ => Ok(()),
    }
}

pub async fn hold(args: NoteArgs) -> Result<Exit, CliError> {
    let by = who(args.operator);
    unsigned(&args.run, &args.state, Person::Hold { by, reason: args.text }).await
}

pub async fn note(args: NoteArgs) -> Result<Exit, CliError> {
    if args.text.is_empty() {
        return Err(CliError::usage("the note is empty: expected `countersign note RUN TEXT`"));
    }
    let by = who(args.operator);
    unsigned(&args.run, &args.state, Person::Note { by, text: args.text }).await
}

fn who(operator: Option<Principal>) -> String {
    operator.map_or_else(|| std::env::var("USER").unwrap_or_else(|_| "somebody".to_owned()), |name| name.to_string())
}

async fn unsigned(run: &RunId, state: &StateArg, person: Person) -> Result<Exit, CliError> {
    let store = open_store(state)?;
    expect_open(&state_of(&store, run).await?)?;
    put(&store, run, &person).await?;
    data(&format!("left for {run}"));
    say_if_nobody_executes(&store, run, &Typed::here(state)).await?;
    Ok(Exit::Ok)
}
