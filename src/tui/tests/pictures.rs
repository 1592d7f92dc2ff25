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

#[test]
fn look() {
    for (name, story) in [
        ("running", scenes::running()),
        ("half", scenes::half_approved()),
        ("armed", scenes::armed()),
        ("refused", scenes::refused()),
        ("doubt", scenes::doubt()),
        ("unknown", scenes::unknown()),
        ("drift", scenes::drift()),
        ("manual", scenes::manual()),
        ("held", scenes::held()),
    ] {
        for (w, h) in [(100, 30), (80, 24), (60, 16), (44, 10), (20, 3)] {
            println!("=== {name} {w}x{h}\n{}", picture(&driver(&story, w, h)));
        }
    }
    for keys in ["2", "3", "4", "?", "q"] {
        println!("=== {keys}\n{}", picture(&press(driver(&scenes::half_approved(), 100, 30), keys)));
        println!("=== {keys}\n{}", picture(&press(driver(&scenes::half_approved(), 80, 24), keys)));
    }
    for (w, h) in [(100, 30), (80, 24), (60, 16), (44, 10)] {
        println!("=== review\n{}", picture(&reviewer(&scenes::half_approved(), w, h)));
    }
    let _ = (Colour::None, Glyphs::Ascii);
}
