//! `status`: what each run is at and whom it waits for.

use serde_json::{Value, json};

use super::args::StatusArgs;
use super::error::CliError;
use super::exit::Exit;
use super::output::data;
use super::place::{begun, executor_of, open_store, state_of};
use super::typed::Typed;
use crate::domain::base::Digest;
use crate::domain::base::text::printable;
use crate::domain::journal::record::Choice;
use crate::domain::run::state::{Phase, RequestState, State};
use crate::domain::run::waits::Waits;
use crate::domain::snapshot::sessions::Blocker;
use crate::tui::model::Executor;

pub async fn status(args: StatusArgs) -> Result<Exit, CliError> {
    let store = open_store(&args.state)?;
    let states = match args.run {
        Some(run) => vec![state_of(&store, &run).await?],
        None => begun(&store).await?,
    };
    if states.is_empty() && !args.json {
        data("nothing waits: there are no runs here");
    }
    let typed = Typed::here(&args.state);
    for state in states {
        let executor = executor_of(&store, &state.opened.run).await?;
        if args.json {
            data(&describe(&state, executor).to_string());
        } else {
            for line in lines(&state, executor, &typed) {
                data(&line);
            }
        }
    }
    Ok(Exit::Ok)
}

/// A run as people read it.
fn lines(state: &State, executor: Executor, typed: &Typed) -> Vec<String> {
    let step = state.step().map_or("-".to_owned(), ToString::to_string);
    let (word, note) = match executor {
        Executor::Gone if !is_closed(state) && word(state) == "running" => ("orphaned", "   its executor is gone"),
        Executor::Gone if !is_closed(state) => (word(state), "   its executor is gone"),
        Executor::Gone | Executor::Alive => (word(state), ""),
    };
    let head = format!("{:<9} {} {} step {step}{note}", word.to_uppercase(), state.opened.run, state.opened.runbook);
    let next = next_lines(state, executor, typed).into_iter().map(|line| format!("  {line}"));
    std::iter::once(head).chain(next).collect()
}

fn is_closed(state: &State) -> bool {
    matches!(state.phase, Phase::Closed { .. })
}

/// The state's one word.
pub fn word(state: &State) -> &'static str {
    match &state.phase {
        Phase::Closed { outcome: crate::domain::journal::record::Ending::Completed } => "done",
        Phase::Closed { .. } => "aborted",
        Phase::Stopped { .. } => "stopped",
        _ if state.held.is_some() => "held",
        Phase::Requested { .. } | Phase::Asking | Phase::Choosing { .. } | Phase::Waiting { .. } => "waiting",
        _ => "running",
    }
}

/// A run as scripts read it.
pub fn describe(state: &State, executor: Executor) -> Value {
    json!({
        "run": state.opened.run,
        "state": word(state),
        "executor": match executor {
            Executor::Alive => "alive",
            Executor::Gone => "gone",
        },
        "runbook": state.opened.runbook,
        "step": state.step(),
        "waiting": waiting(state),
        "waits": Waits::of(state),
        "skipped": state.skipped,
        "undone": state.undone,
    })
}

fn waiting(state: &State) -> Vec<Value> {
    match &state.phase {
        Phase::Requested { request } => state.requests.get(request).map(approval).into_iter().collect(),
        Phase::Asking => vec![json!({ "kind": "answer", "step": state.step() })],
        Phase::Choosing { server, offered, at_most } => vec![json!({
            "kind": "choice",
            "step": state.step(),
            "server": server,
            "at_most": at_most,
            "sessions": offered,
        })],
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

/// What can be done; only the first is what the run waits for, the rest can be done meanwhile.
fn next_lines(state: &State, executor: Executor, typed: &Typed) -> Vec<String> {
    let run = &state.opened.run;
    let over = matches!(state.phase, Phase::Finished { .. } | Phase::Closed { .. });
    let resume = (executor == Executor::Gone && !is_closed(state))
        .then(|| format!("NEXT resume: {}", typed.person(&format!("resume {run}"))));
    let release = state.held.as_ref().filter(|_| !over).map(|by| {
        let release = typed.person(&format!("release {run}"));
        format!("NEXT release: {release} ({} holds it; nothing new begins before)", printable(by))
    });
    let mut lines: Vec<String> = resume.into_iter().chain(release).chain(asked_lines(state, typed)).collect();
    for line in lines.iter_mut().skip(1) {
        *line = line.replacen("NEXT", "then", 1);
    }
    lines
}

fn asked_lines(state: &State, typed: &Typed) -> Vec<String> {
    let run = &state.opened.run;
    match &state.phase {
        Phase::Requested { request } => {
            vec![format!("NEXT approve: {}", typed.anybody(&format!("request show {request}")))]
        }
        Phase::Waiting { .. } | Phase::Doubt { .. } | Phase::Armed { .. } => waits_lines(state),
        Phase::Asking => vec![format!("NEXT answer: {}", typed.person(&format!("answer {run} TEXT")))],
        Phase::Choosing { offered, at_most, .. } => {
            let next = typed.person(&format!("choose {run} \"ID,ID\""));
            std::iter::once(format!("NEXT choose: {next} (at most {at_most} of these, or `none`)"))
                .chain(offered.iter().map(Blocker::line))
                .collect()
        }
        Phase::Stopped { why, choices, .. } => {
            let choose = |number| typed.person(&format!("choose {run} {number}"));
            let choices =
                choices.iter().enumerate().map(|(n, choice)| format!("{} {choice}: {}", n + 1, choose(n + 1)));
            std::iter::once(why.to_string()).chain(choices).collect()
        }
        _ => Vec::new(),
    }
}

/// What it waits for, until when, and what happens then.
fn waits_lines(state: &State) -> Vec<String> {
    let Some(waits) = Waits::of(state) else { return Vec::new() };
    let what = waits.what.iter().map(|what| format!("waits for {}", printable(what)));
    let until = waits.until.map(|until| format!("until {}, then {}", until.clock(), waits.then));
    what.chain(until).collect()
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
        assert!(next_lines(&story.state, Executor::Alive, &Typed::default())[0].starts_with("NEXT answer"));
        story.give(Input::Hold { by: "chen".to_owned(), reason: "wait".to_owned() });
        let lines = next_lines(&story.state, Executor::Alive, &Typed::default());
        assert!(lines[0].starts_with("NEXT release") && lines[0].contains("chen holds it"), "{lines:?}");
        assert!(lines[1].starts_with("then answer"), "{lines:?}");
    }

    #[test]
    fn a_run_without_an_executor_waits_for_a_new_one_first() {
        let mut story = Story::new(Spare::Follows, vec![manual_step(), detach_step()]);
        story.wait(2).run_until(|_| false);
        let gone = lines(&story.state, Executor::Gone, &Typed::default());
        assert!(gone[0].contains("its executor is gone"), "{gone:?}");
        assert_eq!(gone[1], "  NEXT resume: countersign resume r-9b02 --operator YOU");
        assert!(gone[2].starts_with("  then answer: countersign answer"), "{gone:?}");
        assert_eq!(describe(&story.state, Executor::Gone)["executor"], "gone");
        let alive = lines(&story.state, Executor::Alive, &Typed::default());
        assert!(!alive.concat().contains("resume") && !alive[0].contains("gone"), "{alive:?}");
        assert_eq!(describe(&story.state, Executor::Alive)["executor"], "alive");
    }
}
