//! What keys do, and what no keys do.

use std::collections::BTreeSet;

use crossterm::event::KeyCode;

use super::scenes;
use crate::domain::approval::challenge::Challenge;
use crate::domain::base::Span;
use crate::domain::run::state::Phase;
use crate::tui::fixture::{Story, ctrl, key, picture, type_text};
use crate::tui::keymap::{Chord, Command, Mode, TABLE, When, lookup, mode};
use crate::tui::model::{Action, Model, Msg, Seat, update};
use crate::tui::review::{Focus, OwnSight, OwnText};
use crate::tui::ui::View;

fn press(model: &mut Model, code: KeyCode) -> Vec<Action> {
    update(model, key(code))
}

fn letters(model: &mut Model, keys: &str) -> Vec<Action> {
    keys.chars().flat_map(|c| press(model, KeyCode::Char(c))).collect()
}

fn later(model: &mut Model, secs: u64) {
    let now = model.now.plus(Span::from_secs(secs));
    update(model, Msg::Tick(now));
}

/// bob's screen with the review open and his own look made.
fn reviewing(story: &Story) -> Model {
    let mut model = story.screen("bob", Seat::Watches, 100, 30);
    letters(&mut model, "v");
    update(&mut model, Msg::Review(story.own_look()));
    model
}

/// The answer that the question of the open request wants.
fn right_answer(story: &Story) -> String {
    let Phase::Requested { request } = &story.state.phase else { panic!("no request") };
    let challenge = Challenge::of(&story.state.requests[request]);
    let tried = ["db-a", "db-b", "db-c", "db-d", "1", "2", "3", "4"];
    tried.into_iter().find(|answer| challenge.accepts(answer)).unwrap().to_owned()
}

fn fill(model: &mut Model, answer: &str, reason: &str, decision: &str) -> Vec<Action> {
    let mut actions = press(model, KeyCode::Tab);
    for text in [answer, reason, decision] {
        actions.extend(type_text(model, text));
        actions.extend(press(model, KeyCode::Enter));
    }
    actions
}

fn screens() -> Vec<(&'static str, Model)> {
    let mut screens = Vec::new();
    for (name, story) in scenes::all() {
        for (size, (width, height)) in [("wide", (100, 30)), ("narrow", (80, 24)), ("tiny", (20, 3))] {
            for view in ["1", "2", "3", "4", "v", "?", "q", "e", "d", "m"] {
                let mut model = story.screen("ana", Seat::Executes, width, height);
                letters(&mut model, view);
                screens.push((name, model.clone()));
                press(&mut model, KeyCode::Tab);
                screens.push((size, model));
            }
        }
    }
    screens
}

#[test]
fn ctrl_x_holds_from_every_screen_popup_and_text_field() {
    let mut typing = 0;
    for (name, mut model) in screens() {
        typing += usize::from(mode(&model) == Mode::Typing);
        assert_eq!(update(&mut model, ctrl('x')), [Action::Hold], "{name}");
    }
    assert!(typing > 20, "the screens hold too few text fields: {typing}");
}

#[test]
fn h_holds_wherever_letters_are_keys_and_is_text_in_a_field() {
    for (name, mut model) in screens() {
        let expected: &[Action] = if mode(&model) == Mode::Reading { &[Action::Hold] } else { &[] };
        assert_eq!(letters(&mut model, "H"), expected, "{name}");
    }
}

#[test]
fn a_held_run_takes_another_hold_and_needs_a_typed_word_to_go_on() {
    let mut model = scenes::held().screen("ana", Seat::Executes, 100, 30);
    assert_eq!(letters(&mut model, "H"), [Action::Hold]);
    assert_eq!(letters(&mut model, "R"), []);
    type_text(&mut model, "relase");
    assert_eq!(press(&mut model, KeyCode::Enter), []);
    type_text(&mut model, "Release");
    let seen = model.head();
    assert_eq!(press(&mut model, KeyCode::Enter), [Action::Release { seen }]);
}

#[test]
fn enter_space_y_and_digits_for_a_minute_on_the_review_screen_approve_nothing() {
    let story = scenes::half_approved();
    for start in [Focus::Reading, Focus::Answer, Focus::Reason, Focus::Decision] {
        let mut model = reviewing(&story);
        let mut random: u32 = 7;
        for beat in 0..600 {
            if let Some(review) = &mut model.review
                && beat == 0
            {
                review.focus = start;
            }
            random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let keys = ['\n', ' ', 'y', '0', '1', '2', '3', '4', '5', '9', '\t'];
            let code = match keys[(random >> 16) as usize % keys.len()] {
                '\n' => KeyCode::Enter,
                '\t' => KeyCode::Tab,
                c => KeyCode::Char(c),
            };
            for action in press(&mut model, code) {
                let harmless = matches!(action, Action::Note { .. } | Action::Copy { .. } | Action::Measure { .. });
                assert!(harmless, "{start:?}: {action:?}");
            }
            if beat % 10 == 9 {
                later(&mut model, 1);
            }
        }
    }
}

#[test]
fn a_full_right_answer_after_the_reading_time_approves() {
    let story = scenes::half_approved();
    let mut model = reviewing(&story);
    later(&mut model, 16);
    let answer = right_answer(&story);
    let actions = fill(&mut model, &answer.to_uppercase(), "spare is detached", "approve");
    let [Action::Approve { request, answer: given, reason }] = actions.as_slice() else { panic!("{actions:?}") };
    assert_eq!(Some(request), model.open_request().map(|open| &open.header.request));
    assert_eq!((given.as_str(), reason.as_str()), (answer.to_uppercase().as_str(), "spare is detached"));
}

#[test]
fn a_request_that_was_signed_here_does_not_open_again_while_its_signature_is_on_its_way() {
    let mut story = scenes::half_approved();
    let mut model = story.screen("bob", Seat::Reviews, 100, 30);
    update(&mut model, Msg::Review(story.own_look()));
    assert!(model.review.is_some(), "it opens by itself");
    later(&mut model, 16);
    let actions = fill(&mut model, &right_answer(&story), "spare is detached", "approve");
    assert!(matches!(actions[..], [Action::Approve { .. }]), "{actions:?}");
    let known = story.seen.len();
    story.note("chen", "calling the owner");
    for seen in &story.seen[known..] {
        update(&mut model, Msg::Record(Box::new(seen.clone())));
    }
    assert!(model.review.is_none() && story.seen.len() > known);
}

#[test]
fn approving_is_off_before_the_reading_time_and_says_why() {
    let story = scenes::half_approved();
    let mut model = reviewing(&story);
    later(&mut model, 14);
    assert_eq!(fill(&mut model, &right_answer(&story), "because", "approve"), []);
    assert!(picture(&model).contains("1s reading time left"), "{}", picture(&model));
}

#[test]
fn approving_is_off_after_the_request_expired() {
    let story = scenes::half_approved();
    let mut model = reviewing(&story);
    later(&mut model, 3 * 3600);
    assert_eq!(fill(&mut model, &right_answer(&story), "because", "approve"), []);
    assert!(picture(&model).contains("expired"), "{}", picture(&model));
}

#[test]
fn approving_is_off_while_rows_are_unread() {
    let story = scenes::half_approved();
    let mut model = story.screen("bob", Seat::Watches, 60, 16);
    letters(&mut model, "v");
    update(&mut model, Msg::Review(story.own_look()));
    later(&mut model, 20);
    let answer = right_answer(&story);
    assert_eq!(fill(&mut model, &answer, "because", "approve"), []);
    assert!(model.ui.message.as_ref().unwrap().contains("not read yet"), "{:?}", model.ui.message);
    press(&mut model, KeyCode::Esc);
    letters(&mut model, "G");
    assert!(model.ui.scroll > 0);
    letters(&mut model, "v");
    let review = model.review.as_mut().unwrap();
    review.focus = Focus::Decision;
    assert_eq!(press(&mut model, KeyCode::Enter), [], "jumping to the end is not reading");
    model.review.as_mut().unwrap().focus = Focus::Reading;
    letters(&mut model, "g");
    for _ in 0..12 {
        press(&mut model, KeyCode::PageDown);
    }
    model.review.as_mut().unwrap().focus = Focus::Decision;
    let actions = press(&mut model, KeyCode::Enter);
    assert!(matches!(actions.as_slice(), [Action::Approve { .. }]), "{actions:?} {:?}", model.ui.message);
}

#[test]
fn approving_is_off_when_the_own_look_contradicts_or_is_missing() {
    let story = scenes::half_approved();
    let mut model = story.screen("bob", Seat::Watches, 100, 30);
    assert!(matches!(letters(&mut model, "v").as_slice(), [Action::Measure { .. }]));
    later(&mut model, 20);
    let answer = right_answer(&story);
    assert_eq!(fill(&mut model, &answer, "because", "approve"), []);
    let mut look = story.own_look();
    if let OwnSight::Measured { text, .. } = &mut look.saw {
        *text = OwnText::Differs { how: "the driver's script is another one".to_owned() };
    }
    update(&mut model, Msg::Review(look));
    assert_eq!(press(&mut model, KeyCode::Enter), []);
    assert!(picture(&model).contains("your own look differs"), "{}", picture(&model));
}

#[test]
fn a_window_that_is_too_small_approves_nothing() {
    let story = scenes::half_approved();
    let mut model = reviewing(&story);
    later(&mut model, 20);
    update(&mut model, Msg::Resize { width: 44, height: 10 });
    assert_eq!(fill(&mut model, &right_answer(&story), "because", "approve"), []);
}

#[test]
fn who_approved_once_cannot_approve_again() {
    let story = scenes::half_approved();
    let mut model = story.screen("ana", Seat::Watches, 100, 30);
    letters(&mut model, "v");
    update(&mut model, Msg::Review(story.own_look()));
    later(&mut model, 20);
    assert_eq!(fill(&mut model, &right_answer(&story), "because", "approve"), []);
}

#[test]
fn rejecting_needs_only_a_reason_and_no_waiting() {
    let mut model = reviewing(&scenes::half_approved());
    assert_eq!(fill(&mut model, "", "", "reject"), []);
    model.review.as_mut().unwrap().focus = Focus::Reason;
    type_text(&mut model, "not tonight");
    model.review.as_mut().unwrap().focus = Focus::Decision;
    let actions = press(&mut model, KeyCode::Enter);
    assert!(matches!(actions.as_slice(), [Action::Reject { reason, .. }] if reason == "not tonight"), "{actions:?}");
}

#[test]
fn three_wrong_answers_close_the_review_and_the_journal_is_told() {
    let story = scenes::half_approved();
    let mut model = reviewing(&story);
    later(&mut model, 20);
    fill(&mut model, "db-z", "because", "approve");
    let mut actions = Vec::new();
    for _ in 0..2 {
        type_text(&mut model, "db-z");
        model.review.as_mut().unwrap().focus = Focus::Decision;
        actions = press(&mut model, KeyCode::Enter);
    }
    assert!(matches!(actions.as_slice(), [Action::Note { text }] if text.contains("three wrong")), "{actions:?}");
    assert!(model.review.is_none());
}

#[test]
fn nothing_is_pasted_into_any_field() {
    let mut model = reviewing(&scenes::half_approved());
    press(&mut model, KeyCode::Tab);
    update(&mut model, Msg::Paste);
    assert!(model.review.as_ref().unwrap().answer.is_empty());
    assert!(model.ui.message.as_ref().unwrap().contains("type it"));
}

#[test]
fn a_choice_that_lets_something_happen_wants_the_step_name_and_looking_wants_only_enter() {
    let mut model = scenes::unknown().screen("ana", Seat::Executes, 100, 30);
    let seen = model.head();
    assert_eq!(press(&mut model, KeyCode::Enter), [Action::Choose { number: 1, seen: seen.clone() }]);
    press(&mut model, KeyCode::Down);
    assert_eq!(press(&mut model, KeyCode::Enter), []);
    assert_eq!(press(&mut model, KeyCode::Enter), [], "an empty line is no answer");
    type_text(&mut model, "drop-corrupt");
    assert_eq!(press(&mut model, KeyCode::Enter), [Action::Choose { number: 2, seen }]);
}

#[test]
fn after_a_refusal_enter_chooses_nothing_by_itself() {
    let mut model = scenes::refused().screen("ana", Seat::Executes, 100, 30);
    for _ in 0..5 {
        assert_eq!(press(&mut model, KeyCode::Enter), []);
        press(&mut model, KeyCode::Esc);
    }
}

#[test]
fn a_read_back_is_typed_and_sent_with_enter() {
    let mut model = scenes::manual().screen("ana", Seat::Executes, 80, 24);
    press(&mut model, KeyCode::Tab);
    type_text(&mut model, "Hmaintenance");
    let seen = model.head();
    let text = "Hmaintenance".to_owned();
    assert_eq!(press(&mut model, KeyCode::Enter), [Action::Answer { text, seen }]);
}

#[test]
fn what_was_being_typed_is_dropped_when_the_run_goes_on() {
    let mut story = scenes::manual();
    let mut model = story.screen("ana", Seat::Watches, 80, 24);
    press(&mut model, KeyCode::Tab);
    type_text(&mut model, "main");
    let known = story.seen.len();
    story.signed(crate::domain::approval::votes::InputVerb::Answer, "maintenance");
    for seen in &story.seen[known..] {
        update(&mut model, Msg::Record(Box::new(seen.clone())));
    }
    assert!(model.ui.prompt.is_none());
    assert!(model.ui.message.as_ref().unwrap().contains("not sent"));
}

#[test]
fn leaving_a_run_that_this_process_executes_holds_first() {
    let mut executing = scenes::running().screen("ana", Seat::Executes, 100, 30);
    assert_eq!(letters(&mut executing, "q"), []);
    assert_eq!(letters(&mut executing, "L"), [Action::HoldAndLeave]);
    let mut watching = scenes::running().screen("ana", Seat::Watches, 100, 30);
    assert_eq!(letters(&mut watching, "q"), [Action::Leave]);
}

#[test]
fn ctrl_c_twice_within_two_seconds_holds_and_leaves_and_once_only_asks() {
    let mut model = scenes::running().screen("ana", Seat::Executes, 100, 30);
    assert_eq!(update(&mut model, ctrl('c')), []);
    later(&mut model, 3);
    assert_eq!(update(&mut model, ctrl('c')), []);
    later(&mut model, 1);
    assert_eq!(update(&mut model, ctrl('c')), [Action::HoldAndLeave]);
}

#[test]
fn aborting_wants_the_runs_name_and_withdrawing_a_reason() {
    let mut model = scenes::waiting().screen("ana", Seat::Executes, 100, 30);
    let seen = model.head();
    letters(&mut model, "A");
    type_text(&mut model, "r-9b02");
    assert_eq!(press(&mut model, KeyCode::Enter), [Action::Abort { seen }]);
    letters(&mut model, "x");
    type_text(&mut model, "wrong table");
    let actions = press(&mut model, KeyCode::Enter);
    assert!(matches!(actions.as_slice(), [Action::Withdraw { reason, .. }] if reason == "wrong table"), "{actions:?}");
    letters(&mut model, "m");
    type_text(&mut model, "told support");
    assert_eq!(press(&mut model, KeyCode::Enter), [Action::Note { text: "told support".to_owned() }]);
}

#[test]
fn a_key_that_is_off_says_why() {
    let mut model = scenes::running().screen("ana", Seat::Executes, 100, 30);
    for (keys, why) in [("x", "no request is open"), ("R", "nobody holds"), ("A", "is let finish"), ("v", "no request")]
    {
        assert_eq!(letters(&mut model, keys), []);
        assert!(model.ui.message.as_ref().unwrap().contains(why), "{keys}: {:?}", model.ui.message);
        assert!(picture(&model).contains(why));
    }
}

#[test]
fn no_two_rows_of_the_keymap_claim_the_same_key() {
    let mut claimed = Vec::new();
    for row in TABLE {
        for chord in row.chords {
            assert!(!claimed.contains(chord), "{} claims a key again", row.says);
            claimed.push(*chord);
        }
    }
}

#[test]
fn every_command_is_reached_by_its_keys() {
    let mut reached = BTreeSet::new();
    for row in TABLE {
        for chord in row.chords {
            let event = match chord {
                Chord::Plain(code) => key(*code),
                Chord::Ctrl(c) => ctrl(*c),
            };
            let Msg::Key(event) = event else { panic!("not a key") };
            assert_eq!(lookup(Mode::Reading, &event), Some(row.command));
            let typing = (row.when == When::Always).then_some(row.command);
            assert_eq!(lookup(Mode::Typing, &event), typing, "{}", row.keys);
            reached.insert(row.command);
        }
    }
    assert!(reached.contains(&Command::Show(View::Review)) && reached.len() >= 28, "{}", reached.len());
}

#[test]
fn no_second_passed_nothing_changed() {
    let mut model = scenes::running().screen("ana", Seat::Executes, 100, 30);
    let before = model.revision;
    let now = model.now.plus(Span::from_millis(300));
    update(&mut model, Msg::Tick(now));
    assert_eq!(model.revision, before);
    later(&mut model, 1);
    assert_eq!(model.revision, before + 1);
}

#[test]
fn one_person_who_signs_twice_is_shown_as_one() {
    let mut story = scenes::half_approved();
    story.approve("ana", 1, None);
    let model = story.screen("ana", Seat::Watches, 100, 30);
    assert_eq!(model.open_request().unwrap().approvals.len(), 1);
    let shown = picture(&model);
    assert!(shown.contains("GATE 1/2") && !shown.contains("GATE 2/2"), "{shown}");
}
