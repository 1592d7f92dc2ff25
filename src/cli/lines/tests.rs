use super::*;
use crate::domain::base::Digest;
use crate::domain::journal::Chain;
use crate::domain::journal::record::{DoubtAnswer, OwnMeasurement};
use crate::domain::run::effect::Input;
use crate::domain::run::outcome::{ConnectionState, Outcome};
use crate::domain::run::state::Phase;
use crate::domain::vocabulary::promotion::ByHand;
use crate::tui::fixture::{Spare, Story, copy_step, detach_step, drop_step, manual_step};
use crate::tui::history::Seen;

/// Every record of a story with the state it was applied to.
fn told(story: &Story) -> Vec<String> {
    let mut state: Option<State> = None;
    let mut lines = Vec::new();
    for Seen { at, head, record } in &story.seen {
        lines.extend(plain(&Typed::default(), state.as_ref(), *at, record));
        match &mut state {
            None => state = Some(State::open(record, head.clone(), *at).unwrap()),
            Some(state) => state.apply(record, head.clone(), *at).unwrap(),
        }
    }
    lines
}

fn refused() -> Story {
    let mut story = Story::new(Spare::Follows, vec![drop_step(Spare::Follows, "binary")]);
    story.wait(2).run_until(|_| false);
    story
}

fn approved() -> Story {
    let mut story = Story::new(Spare::Follows, vec![detach_step(), drop_step(Spare::Detached, "binary")]);
    story.run_until(|_| false);
    story.wait(40).approve("ana", 1, Some(OwnMeasurement { confirmed: 41, of: 41 }));
    story.wait(300).approve("bob", 2, None).wait(1);
    story
}

#[test]
fn a_run_from_start_to_end_in_plain_lines() {
    let mut story = approved();
    story.run_until(|_| false);
    insta::assert_snapshot!("plain_run", told(&story).join("\n"));
}

#[test]
fn a_refusal_names_rule_copies_reasons_ways_back_and_the_way_out() {
    insta::assert_snapshot!("plain_refusal", told(&refused()).join("\n"));
}

#[test]
fn a_manual_step_says_how_to_answer() {
    let mut story = Story::new(Spare::Follows, vec![manual_step()]);
    story.run_until(|_| false);
    let lines = told(&story).join("\n");
    assert!(lines.contains("countersign answer r-9b02 TEXT --operator YOU"), "{lines}");
}

#[test]
fn an_estimate_has_a_range() {
    let mut story = Story::new(Spare::Detached, vec![copy_step()]);
    story.run_until(|phase| matches!(phase, Phase::Sending { .. }));
    story.wait(600).progress(12_541_790);
    let lines = told(&story);
    assert!(lines.iter().any(|line| line.contains("9%") && line.contains("1h30m to 2h15m left")), "{lines:?}");
    assert!(lines.last().unwrap().contains("ETA 04:40:02Z to 05:25:02Z"), "{lines:?}");
}

#[test]
fn a_lost_answer_says_that_nothing_is_sent_again_and_what_was_found() {
    let mut story = approved();
    story.run_until(|phase| matches!(phase, Phase::Sending { .. }));
    story.give(Input::Came(Outcome::InDoubt { why: "connection lost".to_owned() }));
    story.run_until(|phase| matches!(phase, Phase::Stopped { .. }));
    let lines = told(&story).join("\n");
    for part in [
        "in doubt",
        "nothing is sent again by itself",
        "not applied",
        "countersign choose r-9b02 NUMBER --operator YOU",
        "1  ",
    ] {
        assert!(lines.contains(part), "{part}:\n{lines}");
    }
}

/// The records that no story of these tests comes by.
fn rare(story: &Story) -> Vec<Record> {
    let step = story.state.opened.steps[0].clone();
    let request = story.state.requests.keys().next().unwrap().clone();
    let evidence = story.state.requests[&request].assessed.relies_on.iter().map(|c| c.check(&story.facts)).collect();
    let left = crate::domain::base::Span::from_secs(7200);
    vec![
        Record::ExecutorChanged {
            by: "bob".parse().unwrap(),
            host: "b\u{1b}2".to_owned(),
            journal_key: String::new(),
            signed: None,
        },
        Record::Waiting { step: step.clone(), claims: Vec::new(), until: story.now },
        Record::Blocked { step: step.clone(), why: vec!["db-c: no\u{202e} answer".to_owned()] },
        Record::SignatureRefused { request: request.clone(), why: "wrong key".to_owned() },
        Record::RequestVoid { request, why: "a claim fails".to_owned() },
        Record::NotSent { step: step.clone(), command: 0, why: "the last look differs".to_owned() },
        Record::DoubtLooked {
            step: step.clone(),
            command: 0,
            state: ConnectionState::Alive { doing: "\u{1b}[31m".to_owned() },
            answer: DoubtAnswer::Running,
            evidence,
        },
        Record::Drifted { step: step.clone(), evidence: Vec::new() },
        Record::Done { step, checks: Vec::new() },
        Record::Stopped {
            why: StopReason::TooLong { took: left, left: None, limit: left },
            choices: vec![Choice::GoOn],
        },
        Record::Advised {
            promote: "db-c".parse().unwrap(),
            steps: vec![ByHand {
                says: "let \u{1b}go".to_owned(),
                on: Some("db-a".parse().unwrap()),
                statements: vec!["SELECT '\u{202e}'".to_owned()],
            }],
        },
        Record::Noted { by: "chen".to_owned(), text: "told \u{7}support".to_owned() },
        Record::InputRefused { why: "no such request".to_owned() },
        Record::Held { by: "eve\n".to_owned(), reason: String::new() },
        Record::Closed { outcome: Ending::Aborted },
    ]
}

#[test]
fn every_record_is_printed_with_and_without_a_state_and_never_raw() {
    let story = approved();
    let records = story.seen.iter().map(|seen| seen.record.clone()).chain(rare(&story));
    for record in records {
        for before in [None, Some(&story.state)] {
            let lines = plain(&Typed::default(), before, story.now, &record);
            assert!(lines[0].len() > "03:00:00Z ".len(), "{record:?}");
            for line in lines {
                assert!(line.chars().all(|c| (' '..='~').contains(&c)), "{line:?}");
            }
        }
    }
}

#[test]
fn the_json_stream_is_the_journal_and_can_be_verified_from_it() {
    let story = approved();
    let run = story.state.opened.run.clone();
    let mut chain = Chain::start();
    for line in &story.lines {
        let text = json(&run, line);
        let object: Value = serde_json::from_str(&text).unwrap();
        assert_eq!((object["schema"].as_str(), object["run"].as_str()), (Some(SCHEMA), Some("r-9b02")));
        let data = text.split_once("\"data\":").unwrap().1.strip_suffix('}').unwrap();
        let part = |key: &str| object[key].as_str().unwrap().to_owned();
        let rebuilt = format!("{} {} {} {} {data}\n", object["seq"], part("ts"), part("prev"), part("type"));
        assert_eq!(rebuilt.as_bytes(), line.bytes());
        chain.check(rebuilt.as_bytes()).unwrap();
        assert!(!text.contains('\n'));
    }
    assert_ne!(story.state.head.digest(), &Digest::zero());
}
