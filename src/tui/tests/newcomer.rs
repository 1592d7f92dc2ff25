//! What somebody sees who has never seen these screens: whatever is said is true of what is in front of them.

use crossterm::event::KeyCode;

use super::scenes;
use crate::domain::approval::votes::InputVerb;
use crate::domain::base::Span;
use crate::domain::journal::record::{Choice, OwnMeasurement};
use crate::domain::run::effect::Input;
use crate::domain::run::outcome::Outcome;
use crate::domain::run::state::Phase;
use crate::tui::draw::ended::last_line;
use crate::tui::fixture::{Story, key, picture, type_text};
use crate::tui::model::{Model, Msg, Seat, update};

/// bob's review of the open request, with his own look made.
fn reviewing(story: &Story, width: u16, height: u16) -> Model {
    let mut model = story.screen("bob", Seat::Watches, width, height);
    type_text(&mut model, "v");
    update(&mut model, Msg::Review(story.own_look()));
    model
}

/// Gives the model what the story has written since it had `known` entries.
fn follow(model: &mut Model, story: &Story, known: usize) {
    for seen in &story.seen[known..] {
        update(model, Msg::Record(Box::new(seen.clone())));
    }
}

fn line(model: &Model, number: usize) -> String {
    picture(model).lines().nth(number).unwrap_or_default().to_owned()
}

#[test]
fn a_review_whose_request_was_used_says_so_and_asks_nothing() {
    let mut story = scenes::half_approved();
    let mut model = reviewing(&story, 100, 30);
    assert!(picture(&model).contains("reject is possible") && line(&model, 1).contains("YOU ARE ASKED"));
    let known = story.seen.len();
    story.approve("chen", 3, Some(OwnMeasurement { confirmed: 40, of: 41 })).run_until(|_| false);
    follow(&mut model, &story, known);
    let shown = picture(&model);
    assert!(!shown.contains("YOU ARE ASKED") && !shown.contains("reject is possible"), "{shown}");
    assert!(line(&model, 1).contains("drop-corrupt was used"), "{shown}");
    assert!(shown.contains("nothing can be said to it any more"), "{shown}");
    let reviewed = model.review.as_ref().unwrap().request.clone();
    type_text(&mut model, "d");
    assert!(picture(&model).contains(&format!("the bytes that are signed: request {reviewed}")));
}

/// The first request was used and its command did not arrive; the step is assessed again and asks anew.
#[test]
fn a_review_that_is_over_offers_the_request_that_waits_now() {
    let mut story = scenes::half_approved();
    let mut model = reviewing(&story, 100, 30);
    let known = story.seen.len();
    story.approve("chen", 3, Some(OwnMeasurement { confirmed: 40, of: 41 }));
    story.run_until(|phase| matches!(phase, Phase::Sending { .. }));
    story.give(Input::Came(Outcome::InDoubt { why: "connection lost".to_owned() }));
    story.run_until(|_| false);
    let Phase::Stopped { choices, .. } = &story.state.phase else { panic!("{}", story.state.phase.word()) };
    let again = choices.iter().position(|choice| *choice == Choice::TryAgain).unwrap() + 1;
    story.signed(InputVerb::Choose, &again.to_string()).run_until(|_| false);
    assert_eq!(story.state.requests.len(), 2, "{}", story.state.phase.word());
    follow(&mut model, &story, known);
    assert!(line(&model, 1).contains("was used; Esc, then v: step 2/3 drop-corrupt"), "{}", picture(&model));
    update(&mut model, key(KeyCode::Esc));
    type_text(&mut model, "v");
    assert!(line(&model, 1).contains("YOU ARE ASKED  may step 2/3 drop-corrupt"), "{}", picture(&model));
}

#[test]
fn who_is_asked_and_until_when_stand_in_80_columns() {
    let asked = line(&reviewing(&scenes::half_approved(), 80, 24), 1);
    assert!(asked.contains("29m1s left") && asked.contains("you: bob") && asked.chars().count() <= 80, "{asked}");
    let next = line(&scenes::half_approved().screen("ana", Seat::Executes, 80, 24), 1);
    assert!(next.contains("(expires in 29m1s)") && !next.contains(" ago"), "{next}");
    let narrow = line(&reviewing(&scenes::half_approved(), 60, 16), 1);
    assert!(narrow.contains("29m1s left") && narrow.contains("you: bob"), "{narrow}");
}

#[test]
fn every_character_that_is_signed_can_be_read_in_80_columns() {
    // High enough for all of it: what is asked is whether a row cuts something.
    let mut model = reviewing(&scenes::half_approved(), 80, 400);
    let text = model.open_request().unwrap().text.clone();
    assert!(text.lines().any(|line| line.chars().count() > 78), "no line is long enough to be cut");
    type_text(&mut model, "d");
    let shown = picture(&model);
    let rows = shown.lines().filter_map(|row| row.strip_prefix('│')?.strip_suffix('│'));
    let read = rows.map(|row| row.strip_prefix("  > ").unwrap_or(row)).collect::<String>().replace(' ', "");
    for line in text.lines() {
        assert!(read.contains(&line.replace(' ', "")), "`{line}` is cut:\n{read}");
    }
}

#[test]
fn the_timeline_cuts_no_entry() {
    let mut story = scenes::waiting();
    story.note("chen", "the owner of the shop was called twice, and wants to be told before anything is dropped");
    let mut model = story.screen("ana", Seat::Watches, 80, 24);
    type_text(&mut model, "4");
    let words: String = picture(&model).lines().map(|row| row.trim_matches(['│', ' ']).to_owned() + " ").collect();
    assert!(words.contains("dropped\""), "{words}");
}

#[test]
fn a_field_names_the_keys_that_work_in_it() {
    let mut manual = scenes::manual().screen("ana", Seat::Executes, 80, 24);
    update(&mut manual, key(KeyCode::Tab));
    let mut held = scenes::held().screen("ana", Seat::Executes, 80, 24);
    type_text(&mut held, "R");
    let mut choice = scenes::refused().screen("ana", Seat::Executes, 80, 24);
    update(&mut choice, key(KeyCode::Down));
    update(&mut choice, key(KeyCode::Enter));
    for model in [manual, held, choice] {
        assert!(model.ui.prompt.is_some());
        assert!(picture(&model).contains(" Enter send  Esc leaves  Ctrl-X HOLD"), "{}", picture(&model));
    }
    let mut review = reviewing(&scenes::half_approved(), 80, 24);
    update(&mut review, key(KeyCode::Tab));
    assert!(picture(&review).contains("Enter next field") && picture(&review).contains("Ctrl-X HOLD"));
}

#[test]
fn a_key_without_a_meaning_says_so_until_the_next_key() {
    let mut model = scenes::running().screen("ana", Seat::Executes, 100, 30);
    for unknown in ["/", "n", "N", "w", "c"] {
        type_text(&mut model, unknown);
        assert!(picture(&model).contains(&format!("`{unknown}` does nothing here; ? shows the keys")), "{unknown}");
    }
    type_text(&mut model, "1");
    assert!(!picture(&model).contains("does nothing here"));
}

#[test]
fn evidence_begins_with_what_was_seen_and_says_how_old_it_is() {
    let mut model = scenes::half_approved().screen("ana", Seat::Executes, 100, 30);
    let panel = picture(&model);
    let check = panel.lines().find(|line| line.contains("db-c is fenced")).unwrap();
    assert!(check.trim_end_matches(['│', ' ']).ends_with('s'), "{check}");
    type_text(&mut model, "e");
    let shown = picture(&model);
    assert!(shown.contains("db-c is fenced: nothing arrives there: ") && !shown.contains("session "), "{shown}");
    let all = crate::tui::draw::checks::evidence(&model).join("\n");
    assert!(all.contains("  session ") && all.contains(" ago\n"), "{all}");
}

#[test]
fn a_check_that_was_not_looked_at_again_grows_old() {
    let mut model = scenes::half_approved().screen("ana", Seat::Executes, 100, 30);
    model.snapshot = None;
    let now = model.now.plus(Span::from_secs(30 * 60));
    update(&mut model, Msg::Tick(now));
    let shown = picture(&model);
    let check = shown.lines().find(|line| line.contains("db-c is fenced")).unwrap();
    assert!(check.contains(" 30m"), "{check}");
}

#[test]
fn after_the_look_the_title_says_what_became_of_it() {
    let mut story = scenes::doubt();
    story.run_until(|_| false);
    let shown = picture(&story.screen("ana", Seat::Executes, 100, 30));
    assert!(shown.contains("NOT APPLIED  step 2/3") && !shown.contains("UNKNOWN"), "{shown}");
    let shown = picture(&scenes::unknown().screen("ana", Seat::Executes, 100, 30));
    assert!(shown.contains("UNKNOWN  step 2/3"), "{shown}");
}

#[test]
fn only_what_was_signed_is_called_void() {
    let refused = picture(&scenes::refused().screen("ana", Seat::Executes, 100, 30));
    assert!(refused.contains("assess the step again; needs"), "{refused}");
    let signed = picture(&scenes::unknown().screen("ana", Seat::Executes, 100, 30));
    assert!(signed.contains("what was signed before is void"), "{signed}");
}

#[test]
fn a_run_that_is_over_names_what_is_left_to_do_and_leaves_a_line_behind() {
    let model = scenes::done().screen("ana", Seat::Executes, 80, 24);
    assert!(picture(&model).contains("countersign close r-9b02"), "{}", picture(&model));
    let line = last_line(&model).unwrap();
    assert!(line.starts_with("r-9b02 completed: all of its 2 steps are done"), "{line}");
    assert_eq!(last_line(&scenes::running().screen("ana", Seat::Executes, 80, 24)), None);
}

#[test]
fn what_became_of_an_action_goes_when_the_run_goes_on_and_not_before_it_can_be_read() {
    let mut story = scenes::manual();
    let mut model = story.screen("ana", Seat::Watches, 80, 24);
    update(&mut model, Msg::Say("answer is signed and on its way".to_owned()));
    assert!(picture(&model).contains("on its way"));
    let known = story.seen.len();
    story.signed(InputVerb::Answer, "maintenance");
    follow(&mut model, &story, known);
    assert!(picture(&model).contains("on its way"), "nobody could read it");
    let now = model.now.plus(Span::from_secs(5));
    update(&mut model, Msg::Tick(now));
    let shown = picture(&model);
    assert!(!shown.contains("on its way") && shown.contains("nothing destructive has been sent so far"), "{shown}");
}

#[test]
fn a_guessed_number_of_rows_is_called_one_and_is_never_passed_by_percents() {
    let mut model = scenes::running().screen("ana", Seat::Executes, 100, 30);
    for (done, said) in
        [(100_000, "rows 100000 of about 198545 (50%)"), (200_000, "rows 200000, more than the guess of")]
    {
        let progress = crate::domain::run::outcome::CopyProgress {
            rows_done: done,
            rows_before: 0,
            rows_expected: Some(198_545),
            took: Span::from_secs(60),
            at: model.now,
        };
        update(&mut model, Msg::Live(serde_json::json!({ "progress": progress })));
        assert!(picture(&model).contains(said), "{}", picture(&model));
    }
}
