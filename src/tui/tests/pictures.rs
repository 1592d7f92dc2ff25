//! Every screen as a picture, in the sizes that people have.

use super::scenes;
use crate::tui::fixture::{Story, key, picture};
use crate::tui::model::{Model, Msg, Seat, update};
use crate::tui::theme::{Colour, Glyphs};
use crossterm::event::KeyCode;

fn driver(story: &Story, width: u16, height: u16) -> Model {
    story.screen("ana", Seat::Executes, width, height)
}

fn reviewer(story: &Story, width: u16, height: u16) -> Model {
    let mut model = story.screen("bob", Seat::Watches, width, height);
    update(&mut model, key(KeyCode::Char('v')));
    update(&mut model, Msg::Review(story.own_look()));
    model
}

fn press(mut model: Model, keys: &str) -> Model {
    for c in keys.chars() {
        update(&mut model, key(KeyCode::Char(c)));
    }
    model
}

/// Compares with the stored picture of this name.
fn compare(name: &str, model: &Model) {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("../snapshots");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(name, picture(model)));
}

const WIDE: (u16, u16) = (100, 30);
const NARROW: (u16, u16) = (80, 24);
const SMALL: [(u16, u16); 3] = [(60, 16), (44, 10), (20, 3)];

fn in_sizes(name: &str, story: &Story, sizes: &[(u16, u16)]) {
    for (width, height) in sizes {
        compare(&format!("{name}_{width}x{height}"), &driver(story, *width, *height));
    }
}

#[test]
fn every_moment_of_a_run_in_both_common_sizes() {
    for (name, story) in scenes::all() {
        in_sizes(name, &story, &[WIDE, NARROW]);
    }
}

/// What stays to be read when a run is over; nothing stops it any more.
#[test]
fn the_end_of_a_run() {
    for (name, story) in [("done", scenes::done()), ("advised", scenes::advised()), ("drained", scenes::drained())] {
        in_sizes(name, &story, &[WIDE, NARROW]);
    }
}

#[test]
fn two_signatures_without_an_own_look_say_what_is_missing() {
    let story = scenes::unmeasured();
    let shown = picture(&driver(&story, 100, 30));
    assert!(shown.contains("GATE 2/2") && shown.contains("2/2 have approved; 1 own measurement missing"), "{shown}");
    assert!(shown.lines().nth(1).unwrap().contains("(1 own measurement missing)"), "{shown}");
    let mut measured = scenes::unmeasured();
    measured.approve("bob", 2, Some(crate::domain::journal::record::OwnMeasurement { confirmed: 41, of: 41 }));
    let shown = picture(&driver(&measured, 100, 30));
    assert!(shown.contains("GATE 2/2") && !shown.contains("missing"), "{shown}");
}

#[test]
fn small_windows_still_say_whose_turn_it_is_and_how_to_stop() {
    for (name, story) in [("half_approved", scenes::half_approved()), ("refused", scenes::refused())] {
        in_sizes(name, &story, &SMALL);
    }
}

#[test]
fn the_other_views() {
    for (name, keys) in [("fleet", "2"), ("approvals", "3"), ("timeline", "4"), ("keys", "?"), ("leave", "q")] {
        for (width, height) in [WIDE, NARROW] {
            let model = press(driver(&scenes::half_approved(), width, height), keys);
            compare(&format!("{name}_{width}x{height}"), &model);
        }
    }
}

#[test]
fn the_review_in_the_sizes_that_can_approve_and_below() {
    for (width, height) in [WIDE, NARROW, SMALL[0], SMALL[1]] {
        compare(&format!("review_{width}x{height}"), &reviewer(&scenes::half_approved(), width, height));
    }
}

#[test]
fn no_size_makes_drawing_panic() {
    let mut refused = driver(&scenes::refused(), 1, 1);
    let mut review = reviewer(&scenes::half_approved(), 1, 1);
    for width in (1..=130).step_by(7) {
        for height in (1..=45).step_by(4) {
            for model in [&mut refused, &mut review] {
                update(model, Msg::Resize { width, height });
                let _ = picture(model);
            }
        }
    }
}

#[test]
fn every_window_down_to_20x3_names_the_state_and_the_key_that_stops() {
    for (_, story) in scenes::all() {
        for (width, height) in [WIDE, NARROW, SMALL[0], SMALL[1], SMALL[2]] {
            let shown = picture(&driver(&story, width, height));
            let word = crate::tui::status::run_word(&driver(&story, width, height)).word;
            assert!(shown.lines().next().unwrap().contains(word), "{shown}");
            assert!(shown.contains("H HOLD"), "{shown}");
        }
    }
}

/// Colours and signs may go: the words stay the same, and no two states look alike without them.
#[test]
fn nothing_is_said_by_colour_or_sign_alone() {
    let mut told = std::collections::BTreeMap::new();
    for (name, story) in scenes::all() {
        let mut model = driver(&story, 100, 30);
        let plain = picture(&model);
        model.viewer.theme.colour = Colour::Ansi;
        assert_eq!(picture(&model), plain, "{name}: colour changes text");
        model.viewer.theme.glyphs = Glyphs::Ascii;
        let ascii = picture(&model);
        assert!(ascii.is_ascii(), "{name}: {ascii}");
        let line = crate::tui::status::step_line(&model, story.state.cursor);
        let words: String = line.word.chars().filter(char::is_ascii_alphabetic).collect();
        assert!(!words.is_empty(), "{name} has no word");
        told.entry(words).or_insert_with(Vec::new).push(name);
    }
    let alike: Vec<_> = told.values().filter(|names| names.len() > 1).collect();
    // A held run waits in the same place; the first line says that it is held.
    assert_eq!(alike, [&vec!["half_approved", "held", "victims"], &vec!["manual", "held_manual"]]);
}

#[test]
fn text_from_a_server_cannot_reach_the_terminal_raw() {
    let mut story = scenes::doubt();
    let found = crate::domain::run::outcome::ConnectionState::Alive { doing: "\u{1b}[2Jgone\u{202e}".to_owned() };
    let step = story.state.step().unwrap().clone();
    story.push(crate::domain::journal::record::Record::DoubtLooked {
        step,
        command: 0,
        state: found,
        answer: crate::domain::journal::record::DoubtAnswer::Running,
        evidence: Vec::new(),
    });
    let model = driver(&story, 100, 30);
    let shown = picture(&model);
    assert!(shown.contains("\\u{1b}[2Jgone\\u{202e}"), "{shown}");
    let timeline = picture(&press(model, "4"));
    assert!(!shown.contains('\u{1b}') && !timeline.contains('\u{1b}'), "{timeline}");
}

#[test]
fn a_damaged_journal_is_said_and_not_guessed_over() {
    let story = scenes::waiting();
    let mut model = driver(&story, 100, 30);
    // The intent of a command, where the run waits for signatures.
    let mut again = story.seen[3].clone();
    again.at = story.now;
    update(&mut model, Msg::Record(Box::new(again)));
    assert!(picture(&model).contains("this screen stopped following"), "{}", picture(&model));
}
