//! How often the terminal is written to, counted.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use crossterm::event::{Event, KeyCode, KeyEvent, KeyModifiers};
use futures_util::stream;
use tokio::sync::mpsc;

use super::scenes;
use crate::tui::model::{Action, Msg, Seat, update};
use crate::tui::screen::{Left, Screen, drive};

/// Remembers every write by itself.
#[derive(Debug, Clone, Default)]
struct Counting(Arc<Mutex<Vec<Vec<u8>>>>);

impl Write for Counting {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().push(bytes.to_vec());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Counting {
    fn writes(&self) -> usize {
        self.0.lock().unwrap().len()
    }
}

#[test]
fn one_frame_is_one_write_and_no_change_is_none() {
    let mut model = scenes::half_approved().screen("ana", Seat::Executes, 100, 30);
    let out = Counting::default();
    let mut screen = Screen::new(out.clone(), 100, 30).unwrap();
    screen.show(&model).unwrap();
    assert_eq!(out.writes(), 1);
    screen.show(&model).unwrap();
    assert_eq!(out.writes(), 1, "nothing changed");
    // A field shows the cursor, which terminals are told by a command of its own.
    update(&mut model, Msg::Key(KeyEvent::new(KeyCode::Char('m'), KeyModifiers::NONE)));
    screen.show(&model).unwrap();
    assert_eq!(out.writes(), 2);
    update(&mut model, Msg::Resize { width: 80, height: 24 });
    screen.show(&model).unwrap();
    assert_eq!(out.writes(), 3);
}

#[test]
fn a_second_that_passes_costs_few_bytes() {
    let mut model = scenes::half_approved().screen("ana", Seat::Executes, 100, 30);
    let out = Counting::default();
    let mut screen = Screen::new(out.clone(), 100, 30).unwrap();
    screen.show(&model).unwrap();
    let now = model.now.plus(crate::domain::base::Span::from_secs(1));
    update(&mut model, Msg::Tick(now));
    screen.show(&model).unwrap();
    let sizes: Vec<usize> = out.0.lock().unwrap().iter().map(Vec::len).collect();
    assert!(sizes[1] < 400 && sizes[1] * 5 < sizes[0], "{sizes:?}");
}

#[tokio::test]
async fn a_burst_of_messages_is_drawn_few_times_and_hold_gets_out_of_it() {
    let story = scenes::half_approved();
    let mut model = story.screen("ana", Seat::Watches, 100, 30);
    let out = Counting::default();
    let mut screen = Screen::new(out.clone(), 100, 30).unwrap();
    let (to_screen, msgs) = mpsc::channel(1024);
    let (actions, mut wanted) = mpsc::channel(16);
    for number in 0..1000 {
        to_screen.try_send(Msg::Live(serde_json::json!({ "number": number }))).unwrap();
    }
    drop(to_screen);
    let hold = Event::Key(KeyEvent::new(KeyCode::Char('H'), KeyModifiers::SHIFT));
    let keys = stream::iter([Ok(hold)]);
    let left = drive(&mut screen, &mut model, keys, msgs, actions, || story.now).await.unwrap();
    assert_eq!(left, Left::Closed);
    assert_eq!(wanted.recv().await, Some(Action::Hold));
    assert_eq!(model.live["number"], 999);
    assert!(out.writes() < 100, "{} frames for a thousand messages", out.writes());
}

#[tokio::test]
async fn q_ends_the_loop_of_a_watcher() {
    let story = scenes::half_approved();
    let mut model = story.screen("bob", Seat::Watches, 100, 30);
    let mut screen = Screen::new(Counting::default(), 100, 30).unwrap();
    let (_to_screen, msgs) = mpsc::channel::<Msg>(1);
    let (actions, _wanted) = mpsc::channel(1);
    let quit = Event::Key(KeyEvent::new(KeyCode::Char('q'), KeyModifiers::NONE));
    let left = drive(&mut screen, &mut model, stream::iter([Ok(quit)]), msgs, actions, || story.now).await.unwrap();
    assert_eq!(left, Left::Leave);
}
