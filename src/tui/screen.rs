//! Frames: one write for each, only when the model changed, at most every 33 ms. And the loop that feeds the model.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crossterm::event::Event;
use crossterm::queue;
use crossterm::terminal::{BeginSynchronizedUpdate, Clear, ClearType, EndSynchronizedUpdate};
use futures_util::{Stream, StreamExt as _};
use ratatui::backend::CrosstermBackend;
use ratatui::layout::Rect;
use ratatui::{Terminal, TerminalOptions, Viewport};
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};

use super::draw::draw;
use super::model::{Action, Model, Msg, update};
use crate::domain::base::Timestamp;

/// The shortest time between two frames.
const FRAME: Duration = Duration::from_millis(33);

/// Collects the bytes of one frame; flushing is not writing.
#[derive(Debug, Clone, Default)]
struct FrameBytes(Arc<Mutex<Vec<u8>>>);

impl FrameBytes {
    fn take(&self) -> Vec<u8> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Write for FrameBytes {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Draws models on `W`, each frame with one write.
#[derive(Debug)]
pub struct Screen<W: Write> {
    terminal: Terminal<CrosstermBackend<FrameBytes>>,
    bytes: FrameBytes,
    out: W,
    drawn: Option<u64>,
}

impl<W: Write> Screen<W> {
    pub fn new(out: W, width: u16, height: u16) -> io::Result<Self> {
        let bytes = FrameBytes::default();
        let terminal = terminal(&bytes, width, height)?;
        Ok(Self { terminal, bytes, out, drawn: None })
    }

    /// Draws the model if it changed since the last frame.
    pub fn show(&mut self, model: &Model) -> io::Result<()> {
        if self.drawn == Some(model.revision) {
            return Ok(());
        }
        queue!(self.bytes, BeginSynchronizedUpdate)?;
        let area = self.terminal.get_frame().area();
        if (area.width, area.height) != (model.ui.width, model.ui.height) || self.drawn.is_none() {
            self.terminal = terminal(&self.bytes, model.ui.width, model.ui.height)?;
            queue!(self.bytes, Clear(ClearType::All))?;
        }
        self.terminal.draw(|frame| draw(model, frame))?;
        queue!(self.bytes, EndSynchronizedUpdate)?;
        self.drawn = Some(model.revision);
        self.send()
    }

    /// Forgets what is on the screen, so that the next frame draws all of it.
    pub fn forget(&mut self) {
        self.drawn = None;
    }

    /// Puts `text` into the clipboard of the terminal, where it allows that (OSC 52).
    pub fn copy(&mut self, text: &str) -> io::Result<()> {
        use base64ct::{Base64, Encoding as _};
        write!(self.bytes, "\x1b]52;c;{}\x07", Base64::encode_string(text.as_bytes()))?;
        self.send()
    }

    fn send(&mut self) -> io::Result<()> {
        let bytes = self.bytes.take();
        self.out.write_all(&bytes)?;
        self.out.flush()
    }
}

fn terminal(bytes: &FrameBytes, width: u16, height: u16) -> io::Result<Terminal<CrosstermBackend<FrameBytes>>> {
    // A fixed area: the size comes from the model, so drawing never asks the terminal for anything.
    let viewport = Viewport::Fixed(Rect::new(0, 0, width, height));
    Terminal::with_options(CrosstermBackend::new(bytes.clone()), TerminalOptions { viewport })
}

/// How the loop ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Left {
    /// The person left.
    Leave,
    /// Nobody feeds the screen any more.
    Closed,
}

/// Feeds the model from the keyboard, from `msgs` and from the clock, draws it, and hands every action on, until the
/// person leaves or every sender of `msgs` is gone.
///
/// `Copy`, `Redraw` and `Leave` are done here; `HoldAndLeave` is handed on, and the caller ends the loop by dropping
/// the sender once the run is held.
pub async fn drive<W: Write>(
    screen: &mut Screen<W>,
    model: &mut Model,
    mut events: impl Stream<Item = io::Result<Event>> + Unpin,
    mut msgs: mpsc::Receiver<Msg>,
    actions: mpsc::Sender<Action>,
    clock: impl Fn() -> Timestamp,
) -> io::Result<Left> {
    let mut second = interval(Duration::from_secs(1));
    second.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let mut next_frame = Instant::now();
    let mut keyboard = Keyboard::Open;
    loop {
        let due = screen.drawn != Some(model.revision);
        let msg = tokio::select! {
            biased;
            event = events.next(), if keyboard == Keyboard::Open => {
                if event.is_none() {
                    keyboard = Keyboard::Closed;
                }
                event.transpose()?.as_ref().and_then(message)
            }
            () = sleep_until(next_frame), if due => {
                screen.show(model)?;
                next_frame = Instant::now() + FRAME;
                None
            }
            _ = second.tick() => Some(Msg::Tick(clock())),
            msg = msgs.recv() => {
                if msg.is_none() {
                    screen.show(model)?;
                    return Ok(Left::Closed);
                }
                msg
            }
        };
        let Some(msg) = msg else { continue };
        if matches!(msg, Msg::Key(_)) {
            // Waiting times and double presses are measured at the key, not at the last full second.
            model.now = clock();
        }
        for action in update(model, msg) {
            if let Some(left) = perform(screen, model, action, &actions).await? {
                return Ok(left);
            }
        }
    }
}

/// Whether keys still come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Keyboard {
    Open,
    Closed,
}

async fn perform<W: Write>(
    screen: &mut Screen<W>,
    model: &mut Model,
    action: Action,
    actions: &mpsc::Sender<Action>,
) -> io::Result<Option<Left>> {
    match action {
        Action::Leave => return Ok(Some(Left::Leave)),
        Action::Redraw => screen.forget(),
        Action::Copy { text } => {
            screen.copy(&text)?;
            update(model, Msg::Say("copied, if the terminal allows it".to_owned()));
        }
        action => {
            if actions.send(action).await.is_err() {
                update(model, Msg::Say("nobody takes what you ask for: the program is ending".to_owned()));
            }
        }
    }
    Ok(None)
}

fn message(event: &Event) -> Option<Msg> {
    match event {
        Event::Key(key) => Some(Msg::Key(*key)),
        Event::Paste(_) => Some(Msg::Paste),
        Event::Resize(width, height) => Some(Msg::Resize { width: *width, height: *height }),
        Event::FocusGained | Event::FocusLost | Event::Mouse(_) => None,
    }
}
