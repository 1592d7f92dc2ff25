//! `approve`, `reject`, `withdraw`, `request` and `approval add`: what approvers do.
//!
//! Approving looks first: the approver's own client assesses the same step over its own look at the fleet and renders
//! the same request. It signs only if the text is the same to the byte, or if the approver says `--detached`.

use super::args::{ApprovalCommand, ApproveArgs, ObjectArgs, RequestCommand};
use super::error::CliError;
use super::exit::Exit;
use super::output::{data, say};
use super::place::{self, find_request, now, open_store, put, say_if_it_will_be_void, state_dir};
use super::servers::LiveObserve;
use super::sight::Sight;
use super::typed::Typed;
use super::who::Operator;
use crate::domain::approval::challenge::Challenge;
use crate::domain::approval::request::Request;
use crate::domain::approval::sshsig::{Verb, tidied};
use crate::domain::approval::trust::Trust;
use crate::domain::approval::votes::{Objection, Stop, Subject};
use crate::domain::base::{Digest, Principal, RunId};
use crate::domain::journal::record::{Approval, OwnMeasurement, Stopper};
use crate::domain::run::effect::Person;
use crate::domain::run::state::{Ended, Phase, RequestState, State};
use crate::domain::run::step_now;
use crate::domain::runbook;
use crate::domain::snapshot::Snapshot;
use crate::domain::step::{Assessment, assess};
use crate::domain::vocabulary::World;
use crate::executor::ports::Observe as _;
use crate::keys::Signer;
use crate::store::trust_files;

pub async fn approve(args: ApproveArgs) -> Result<Exit, CliError> {
    let store = open_store(&args.state)?;
    let Operator { who, signer, trust } = Operator::of(&args.operator, &args.state).await?;
    let typed = Typed::here(&args.state).by(&who);
    let (state, request) = find_request(&store, &args.request, &typed).await?;
    expect_open(&state, &request)?;
    let challenge = Challenge::of(&request);
    if !challenge.accepts(&args.answer) {
        let message = format!("the answer is not right: {}", challenge.question);
        return Err(CliError::new(Exit::Approval, message)
            .hint(format!("read the request: {}", typed.anybody(&format!("request show {}", args.request)))));
    }
    let measured =
        if args.detached { None } else { Some(own_measurement(&state, &request, &Sight::of(&args.sight)).await?) };
    if let Some(OwnMeasurement { confirmed, of }) = measured {
        say(&format!("you see what the driver saw: {confirmed} of {of} claims, the same script, the same reach"));
    }
    let said = Said { measured, answer: args.answer, reason: args.reason };
    let person = sign_approval(&signer, &trust, &who, &request, said).await?;
    put(&store, &state.opened.run, &person).await?;
    data(&format!("approval of {} by {} is on its way to {}", args.request, who, state.opened.run));
    say_if_it_will_be_void(&store, &state.opened.run, &typed).await?;
    Ok(Exit::Ok)
}

/// What an approver says beside the signature.
#[derive(Debug)]
pub struct Said {
    pub measured: Option<OwnMeasurement>,
    pub answer: String,
    pub reason: String,
}

/// The approval as a person's message, signed over the very bytes of the request. An error if it would change nothing.
pub async fn sign_approval(
    signer: &Signer,
    trust: &Trust,
    by: &Principal,
    request: &RequestState,
    said: Said,
) -> Result<Person, CliError> {
    let armored = signer.sign(Verb::Approve, request.text.as_bytes()).await?;
    let Said { measured, answer, reason } = said;
    let approval = Approval { by: by.clone(), armored, measured, answer: Some(answer), reason: Some(reason) };
    expect_counts(trust, request, &approval)?;
    Ok(Person::Approve { request: request.header.request.clone(), approval })
}

/// Says so here and now when a signature would not count; the executor counts again, by the same rule.
fn expect_counts(trust: &Trust, request: &RequestState, approval: &Approval) -> Result<(), CliError> {
    request
        .takes(approval, trust, now())
        .map_err(|why| CliError::new(Exit::Approval, format!("the signature does not count: {why}")))
}

/// Whether anything that is said to a request can still count.
pub fn expect_open(state: &State, request: &RequestState) -> Result<(), CliError> {
    if let Some(ended) = &request.ended {
        return Err(CliError::new(
            Exit::Approval,
            format!("request {} is not open any more: {ended}", request.header.request),
        ));
    }
    if let Phase::Closed { .. } = state.phase {
        let message = format!("request {} is not open any more: its run is over", request.header.request);
        return Err(CliError::new(Exit::Approval, message));
    }
    if now() >= request.header.expires {
        let expired = request.header.expires.to_seconds();
        return Err(CliError::new(Exit::Approval, format!("request {} expired at {expired}", request.header.request)));
    }
    Ok(())
}

/// Whether an objection can still count: a script that has begun can be stopped before its next command.
pub fn expect_stoppable(state: &State, request: &RequestState) -> Result<(), CliError> {
    let at_work = request.ended == Some(Ended::Used) && state.at_work() == Some(&request.header.request);
    if at_work { Ok(()) } else { expect_open(state, request) }
}

/// The approver's own assessment over the approver's own look.
pub async fn own_assessment(state: &State, sight: &Sight) -> Result<Option<(Assessment, Snapshot)>, CliError> {
    let fleet = sight.fleet(state)?;
    let runbook =
        runbook::read("the journal's runbook", &state.opened.runbook_text)?.resolve(&state.opened.params, &fleet)?;
    let tables = runbook.tables(&state.opened.run);
    let Some(step) = step_now(&runbook, state) else { return Ok(None) };
    let mut observe = LiveObserve::new(&fleet);
    let seen = observe.snapshot(&tables).await;
    let seen = seen.with(&observe.lock_waits(&step.lock_waits()).await);
    let snapshot = state.with_known(&seen);
    let snapshot = super::servers::with_acting_account(&fleet, &tables, snapshot).await;
    let world = World { fleet: &fleet, run: &state.opened.run, tables: &tables };
    Ok(Some((assess(step, world, &snapshot), snapshot)))
}

/// How much of the request the approver's own look confirms; an error if the text would not be the same.
pub async fn own_measurement(state: &State, request: &RequestState, sight: &Sight) -> Result<OwnMeasurement, CliError> {
    let differs = |what: String| {
        CliError::new(Exit::Drift, format!("your own look differs from what the request says: {what}"))
            .hint("reject it, or sign what you read with --detached if you cannot see the servers")
    };
    let Some((assessment, _)) = own_assessment(state, sight).await? else {
        return Err(differs("the run is at no step".to_owned()));
    };
    if let Some(how) = text_differs(request, &assessment) {
        return Err(differs(how));
    }
    let claims = assessment.evidence.len();
    Ok(OwnMeasurement { confirmed: claims, of: claims })
}

/// How the request that this assessment leads to differs from the one that is to be signed; `None` if it is the same.
pub fn text_differs(request: &RequestState, assessment: &Assessment) -> Option<String> {
    let own = match Request::render(&request.header, assessment) {
        Ok(own) => own,
        Err(error) => return Some(error.to_string()),
    };
    if own.text() == request.text {
        return None;
    }
    let missing = request.text.lines().find(|line| !own.text().lines().any(|theirs| theirs == *line));
    Some(format!("`{}` is not so here", missing.unwrap_or("a line")))
}

pub async fn object(args: ObjectArgs, how: Stopper) -> Result<Exit, CliError> {
    let store = open_store(&args.state)?;
    let Operator { who, signer, .. } = Operator::of(&args.operator, &args.state).await?;
    let typed = Typed::here(&args.state).by(&who);
    let (state, request) = find_request(&store, &args.request, &typed).await?;
    expect_stoppable(&state, &request)?;
    let person = sign_objection(&signer, &who, (&state.opened.run, &request), how, args.reason).await?;
    put(&store, &state.opened.run, &person).await?;
    data(&format!(
        "{} of {} by {} is on its way",
        if how == Stopper::Rejected { "rejection" } else { "withdrawal" },
        args.request,
        who
    ));
    say_if_it_will_be_void(&store, &state.opened.run, &typed).await?;
    Ok(Exit::Ok)
}

/// A rejection or a withdrawal as a person's message, signed.
pub async fn sign_objection(
    signer: &Signer,
    by: &Principal,
    (run, request): (&RunId, &RequestState),
    how: Stopper,
    reason: String,
) -> Result<Person, CliError> {
    let stop = match how {
        Stopper::Rejected => Stop::Reject,
        Stopper::Withdrawn => Stop::Withdraw,
    };
    let id = request.header.request.clone();
    let sha256 = Digest::of(request.text.as_bytes());
    let subject = Subject { run: run.clone(), request: id.clone(), sha256 };
    let objection = Objection { stop, subject, by: by.clone(), created: now(), reason };
    let text = objection.render().map_err(|error| CliError::usage(error.to_string()))?;
    let armored = signer.sign(stop.verb(), text.as_bytes()).await?;
    Ok(Person::Stop { request: id, how, text, armored })
}

pub async fn request(command: RequestCommand) -> Result<Exit, CliError> {
    match command {
        RequestCommand::Show { request, state, json } => {
            let (_, found) = find_request(&open_store(&state)?, &request, &Typed::here(&state)).await?;
            let challenge = Challenge::of(&found);
            if json {
                let value = serde_json::json!({ "request": request, "text": found.text, "challenge": { "id": challenge.id, "question": challenge.question } });
                data(&value.to_string());
            } else {
                data(found.text.trim_end());
                data(&format!("\nquestion: {}", challenge.question));
            }
        }
        RequestCommand::Export { request, state, output } => {
            let (_, found) = find_request(&open_store(&state)?, &request, &Typed::here(&state)).await?;
            std::fs::write(&output, found.text.as_bytes()).map_err(|error| {
                CliError::new(Exit::Error, format!("`{}` cannot be written: {error}", output.display()))
            })?;
            say(&format!("sign it: ssh-keygen -Y sign -f KEY -n approve@countersign {}", output.display()));
            let add = Typed::here(&state).anybody(&format!("approval add {request} {}.sig", output.display()));
            say(&format!("then:    {add}"));
        }
    }
    Ok(Exit::Ok)
}

pub async fn approval(command: ApprovalCommand) -> Result<Exit, CliError> {
    let ApprovalCommand::Add { request: id, file, state: at } = command;
    let store = open_store(&at)?;
    let trust = trust_files::load(&state_dir(&at)?)?;
    let armored =
        tidied(&place::read_file(&file)?).map_err(|error| CliError::new(Exit::Approval, error.to_string()))?;
    let typed = Typed::here(&at);
    let (state, request) = find_request(&store, &id, &typed).await?;
    expect_open(&state, &request)?;
    let signature = trust
        .verify(&armored, Verb::Approve, request.text.as_bytes(), now())
        .map_err(|error| CliError::new(Exit::Approval, format!("the signature does not count: {error}")))?;
    let by = signature.principal().clone();
    let approval = Approval { by: by.clone(), armored, measured: None, answer: None, reason: None };
    expect_counts(&trust, &request, &approval)?;
    put(&store, &state.opened.run, &Person::Approve { request: id.clone(), approval }).await?;
    data(&format!("approval of {id} by {by} is on its way (detached)"));
    say_if_it_will_be_void(&store, &state.opened.run, &typed).await?;
    Ok(Exit::Ok)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tui::fixture::{Spare, Story, detach_step, drop_step};

    #[test]
    fn what_is_said_to_a_request_that_is_used_or_whose_run_is_over_is_refused_here() {
        let mut story = Story::new(Spare::Follows, vec![detach_step(), drop_step(Spare::Detached, "binary")]);
        story.run_until(|_| false);
        let of = |story: &Story| story.state.requests.values().next_back().unwrap().clone();
        let mut request = of(&story);
        request.header.expires = crate::domain::base::Timestamp::from_millis(i64::MAX / 2);
        assert!(expect_stoppable(&story.state, &request).is_ok(), "it is open");
        let approved = OwnMeasurement { confirmed: 41, of: 41 };
        story.wait(40).approve("ana", 1, Some(approved));
        story.wait(300).approve("bob", 2, None).wait(1);
        story.run_until(|_| false);
        for refused in [expect_open(&story.state, &of(&story)), expect_stoppable(&story.state, &of(&story))] {
            let refused = refused.unwrap_err();
            assert_eq!(refused.exit, Exit::Approval);
            assert!(refused.message.contains("is not open any more"), "{}", refused.message);
        }
        // Also if nobody had used it.
        let refused = expect_stoppable(&story.state, &request).unwrap_err();
        assert!(refused.message.contains("its run is over"), "{}", refused.message);
    }
}
