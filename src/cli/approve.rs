//! `approve`, `reject`, `withdraw`, `request` and `approval add`: what approvers do.
//!
//! Approving looks first: the approver's own client assesses the same step over its own look at the fleet and renders
//! the same request. It signs only if the text is the same to the byte, or if the approver says `--detached`.

use super::args::{ApprovalCommand, ApproveArgs, ObjectArgs, RequestCommand};
use super::error::CliError;
use super::exit::Exit;
use super::output::{data, say};
use super::place::{self, expect_operator, find_request, now, open_store, put, signer, state_dir};
use super::servers::LiveObserve;
use crate::domain::approval::challenge::Challenge;
use crate::domain::approval::request::Request;
use crate::domain::approval::sshsig::{Verb, tidied};
use crate::domain::approval::votes::{Objection, Stop, Subject};
use crate::domain::base::Digest;
use crate::domain::journal::record::{Approval, OwnMeasurement, Stopper};
use crate::domain::run::effect::Person;
use crate::domain::run::state::{RequestState, State};
use crate::domain::runbook;
use crate::domain::step::{Assessment, assess};
use crate::domain::vocabulary::World;
use crate::executor::ports::Observe as _;
use crate::store::trust_files;

pub async fn approve(args: ApproveArgs) -> Result<Exit, CliError> {
    let store = open_store(&args.state)?;
    let trust = trust_files::load(&state_dir(&args.state)?)?;
    let signer = signer(&args.operator)?;
    expect_operator(&trust, &signer, &args.operator.operator)?;
    let (state, request) = find_request(&store, &args.request).await?;
    expect_open(&request)?;
    let challenge = challenge(&request);
    if !challenge.accepts(&args.answer) {
        let message = format!("the answer is not right: {}", challenge.question);
        return Err(CliError::new(Exit::Approval, message).hint("read the request: countersign request show"));
    }
    let measured = if args.detached { None } else { Some(own_measurement(&state, &request).await?) };
    if let Some(OwnMeasurement { confirmed, of }) = measured {
        say(&format!("you see what the driver saw: {confirmed} of {of} claims, the same script, the same reach"));
    }
    let armored = signer.sign(Verb::Approve, request.text.as_bytes()).await?;
    let approval = Approval {
        by: args.operator.operator.clone(),
        armored,
        measured,
        answer: Some(args.answer),
        reason: Some(args.reason),
    };
    put(&store, &state.opened.run, &Person::Approve { request: args.request.clone(), approval }).await?;
    data(&format!("approval of {} by {} is on its way to {}", args.request, args.operator.operator, state.opened.run));
    Ok(Exit::Ok)
}

fn expect_open(request: &RequestState) -> Result<(), CliError> {
    if let Some(ended) = &request.ended {
        return Err(CliError::new(
            Exit::Approval,
            format!("request {} is not open any more: {ended:?}", request.header.request),
        ));
    }
    if now() >= request.header.expires {
        let expired = request.header.expires.to_seconds();
        return Err(CliError::new(Exit::Approval, format!("request {} expired at {expired}", request.header.request)));
    }
    Ok(())
}

/// The question of a request, with its right answers.
pub fn challenge(request: &RequestState) -> Challenge {
    Challenge::of(&request.header.request, &request.assessed, &kept(&request.text))
}

/// The servers that the request says keep a good copy.
fn kept(text: &str) -> Vec<String> {
    let line = text.lines().filter_map(|line| line.strip_prefix("copies: "));
    line.filter_map(|line| line.split_once(" stays good on "))
        .flat_map(|(_, servers)| servers.split(' ').map(str::to_owned).collect::<Vec<_>>())
        .collect()
}

/// The approver's own assessment over the approver's own look.
pub async fn own_assessment(state: &State) -> Result<Option<Assessment>, CliError> {
    let fleet = place::parse_fleet("the journal's fleet file", &state.opened.fleet_text)?;
    let runbook =
        runbook::read("the journal's runbook", &state.opened.runbook_text)?.resolve(&state.opened.params, &fleet)?;
    let tables = runbook.tables(&state.opened.run);
    let Some(step) = runbook.steps.get(state.cursor) else { return Ok(None) };
    let mut observe = LiveObserve::new(&fleet);
    let snapshot = state.with_known(&observe.snapshot(&tables).await);
    let snapshot = super::servers::with_acting_account(&fleet, &tables, snapshot).await;
    let world = World { fleet: &fleet, run: &state.opened.run, tables: &tables };
    Ok(Some(assess(step, world, &snapshot)))
}

/// How much of the request the approver's own look confirms; an error if the text would not be the same.
pub async fn own_measurement(state: &State, request: &RequestState) -> Result<OwnMeasurement, CliError> {
    let differs = |what: String| {
        CliError::new(Exit::Drift, format!("your own look differs from what the request says: {what}"))
            .hint("reject it, or sign what you read with --detached if you cannot see the servers")
    };
    let Some(assessment) = own_assessment(state).await? else {
        return Err(differs("the run is at no step".to_owned()));
    };
    let own = Request::render(&request.header, &assessment).map_err(|error| differs(error.to_string()))?;
    let lines: Vec<&str> = request.text.lines().collect();
    if own.text() != request.text {
        let missing = lines.iter().find(|line| !own.text().lines().any(|theirs| theirs == **line));
        return Err(differs(format!("`{}` is not so here", missing.unwrap_or(&"a line"))));
    }
    let claims = assessment.evidence.len();
    Ok(OwnMeasurement { confirmed: claims, of: claims })
}

pub async fn object(args: ObjectArgs, how: Stopper) -> Result<Exit, CliError> {
    let store = open_store(&args.state)?;
    let trust = trust_files::load(&state_dir(&args.state)?)?;
    let signer = signer(&args.operator)?;
    expect_operator(&trust, &signer, &args.operator.operator)?;
    let (state, request) = find_request(&store, &args.request).await?;
    let stop = match how {
        Stopper::Rejected => Stop::Reject,
        Stopper::Withdrawn => Stop::Withdraw,
    };
    let objection = Objection {
        stop,
        subject: Subject {
            run: state.opened.run.clone(),
            request: args.request.clone(),
            sha256: Digest::of(request.text.as_bytes()),
        },
        by: args.operator.operator.clone(),
        created: now(),
        reason: args.reason,
    };
    let text = objection.render().map_err(|error| CliError::usage(error.to_string()))?;
    let armored = signer.sign(stop.verb(), text.as_bytes()).await?;
    put(&store, &state.opened.run, &Person::Stop { request: args.request.clone(), how, text, armored }).await?;
    data(&format!(
        "{} of {} by {} is on its way",
        if how == Stopper::Rejected { "rejection" } else { "withdrawal" },
        args.request,
        args.operator.operator
    ));
    Ok(Exit::Ok)
}

pub async fn request(command: RequestCommand) -> Result<Exit, CliError> {
    match command {
        RequestCommand::Show { request, state, json } => {
            let (_, found) = find_request(&open_store(&state)?, &request).await?;
            let challenge = challenge(&found);
            if json {
                let value = serde_json::json!({ "request": request, "text": found.text, "challenge": challenge });
                data(&value.to_string());
            } else {
                data(found.text.trim_end());
                data(&format!("\nquestion: {}", challenge.question));
            }
        }
        RequestCommand::Export { request, state, output } => {
            let (_, found) = find_request(&open_store(&state)?, &request).await?;
            std::fs::write(&output, found.text.as_bytes()).map_err(|error| {
                CliError::new(Exit::Error, format!("`{}` cannot be written: {error}", output.display()))
            })?;
            say(&format!("sign it: ssh-keygen -Y sign -f KEY -n approve@countersign {}", output.display()));
            say(&format!("then:    countersign approval add {request} {}.sig", output.display()));
        }
    }
    Ok(Exit::Ok)
}

pub async fn approval(command: ApprovalCommand) -> Result<Exit, CliError> {
    let ApprovalCommand::Add { request: id, file, state } = command;
    let store = open_store(&state)?;
    let trust = trust_files::load(&state_dir(&state)?)?;
    let armored =
        tidied(&place::read_file(&file)?).map_err(|error| CliError::new(Exit::Approval, error.to_string()))?;
    let (run, request) = find_request(&store, &id).await?;
    expect_open(&request)?;
    let signature = trust
        .verify(&armored, Verb::Approve, request.text.as_bytes(), now())
        .map_err(|error| CliError::new(Exit::Approval, format!("the signature does not count: {error}")))?;
    let by = signature.principal().clone();
    let approval = Approval { by: by.clone(), armored, measured: None, answer: None, reason: None };
    put(&store, &run.opened.run, &Person::Approve { request: id.clone(), approval }).await?;
    data(&format!("approval of {id} by {by} is on its way (detached)"));
    Ok(Exit::Ok)
}
