//! `status`: what each run is at and whom it waits for.

use serde_json::{Value, json};

use super::args::StatusArgs;
use super::error::CliError;
use super::exit::Exit;
use super::output::data;
use super::place::{begun, open_store, state_of};
use crate::domain::base::Digest;
use crate::domain::base::text::printable;
use crate::domain::journal::record::Choice;
use crate::domain::run::state::{Phase, RequestState, State};

pub async fn status(args: StatusArgs) -> Result<Exit, CliError> {
    let store = open_store(&args.state)?;
    let states = match args.run {
        Some(run) => vec![state_of(&store, &run).await?],
        None => begun(&store).await?,
    };
    if states.is_empty() && !args.json {
        data("nothing waits: there are no runs here");
    }
    for state in states {
        if args.json {
            data(&describe(&state).to_string());
        } else {
            let step = state.step().map_or("-".to_owned(), ToString::to_string);
            data(&format!(
                "{:<9} {} {} step {step}",
                word(&state).to_uppercase(),
                state.opened.run,
                state.opened.runbook
            ));
            for line in next_lines(&state) {
                data(&format!("  {line}"));
            }
        }
    }
    Ok(Exit::Ok)
}

/// The state's one word.
pub fn word(state: &State) -> &'static str {
    match &state.phase {
        Phase::Closed { outcome: crate::domain::journal::record::Ending::Completed } => "done",
        Phase::Closed { .. } => "aborted",
        Phase::Stopped { .. } => "stopped",
        _ if state.held.is_some() => "held",
        Phase::Requested { .. } | Phase::Asking | Phase::Waiting { .. } => "waiting",
        _ => "running",
    }
}

/// A run as scripts read it.
pub fn describe(state: &State) -> Value {
    json!({
        "run": state.opened.run,
        "state": word(state),
        "runbook": state.opened.runbook,
        "step": state.step(),
        "waiting": waiting(state),
    })
}

fn waiting(state: &State) -> Vec<Value> {
    match &state.phase {
        Phase::Requested { request } => state.requests.get(request).map(approval).into_iter().collect(),
        Phase::Asking => vec![json!({ "kind": "answer", "step": state.step() })],
        Phase::Stopped { choices, why, .. } => vec![json!({
            "kind": "choice",
            "step": state.step(),
            "why": why.to_string(),
            "choices": choices.iter().map(Choice::to_string).collect::<Vec<_>>(),
        })],
        _ => Vec::new(),
    }
}

fn approval(request: &RequestState) -> Value {
    let script = &request.assessed.script;
    let statement: Vec<String> = script.iter().flat_map(crate::domain::script::Command::lines).collect();
    let mut people: Vec<&str> = request.approvals.iter().map(|approval| approval.by.as_str()).collect();
    people.sort_unstable();
    people.dedup();
    json!({
        "kind": "approval",
        "request": request.header.request,
        "step": request.header.step,
        "server": script.first().map(|command| command.server.clone()),
        "statement_sha256": Digest::of(statement.join("\n").as_bytes()),
        "need": request.header.need,
        "have": people.len(),
    })
}

fn next_lines(state: &State) -> Vec<String> {
    let run = &state.opened.run;
    let over = matches!(state.phase, Phase::Finished { .. } | Phase::Closed { .. });
    let held = state.held.as_ref().filter(|_| !over);
    let release = held.map(|by| {
        format!("NEXT release: countersign release {run} ({} holds it; nothing new begins before)", printable(by))
    });
    let asks = asked_lines(state).into_iter().map(|line| match held {
        // It can be done meanwhile, and it is not what the run waits for first.
        Some(_) => line.replacen("NEXT", "then", 1),
        None => line,
    });
    release.into_iter().chain(asks).collect()
}

fn asked_lines(state: &State) -> Vec<String> {
    let run = &state.opened.run;
    match &state.phase {
        Phase::Requested { request } => vec![format!("NEXT approve: countersign request show {request}")],
        Phase::Asking => vec![format!("NEXT answer: countersign answer {run} TEXT")],
        Phase::Stopped { why, choices, .. } => std::iter::once(format!("{why}"))
            .chain(
                choices
                    .iter()
                    .enumerate()
                    .map(|(n, choice)| format!("{} {choice}: countersign choose {run} {}", n + 1, n + 1)),
            )
            .collect(),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::run::effect::Input;
    use crate::tui::fixture::{Spare, Story, detach_step, manual_step};

    #[test]
    fn a_held_run_waits_for_its_release_first_also_while_a_person_is_asked() {
        let mut story = Story::new(Spare::Follows, vec![manual_step(), detach_step()]);
        story.wait(2).run_until(|_| false);
        assert!(next_lines(&story.state)[0].starts_with("NEXT answer"));
        story.give(Input::Hold { by: "chen".to_owned(), reason: "wait".to_owned() });
        let lines = next_lines(&story.state);
        assert!(lines[0].starts_with("NEXT release") && lines[0].contains("chen holds it"), "{lines:?}");
        assert!(lines[1].starts_with("then answer"), "{lines:?}");
    }
}
