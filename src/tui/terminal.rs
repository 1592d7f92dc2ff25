//! The real terminal: taken over, given back in every case, and the theme that suits it.

use std::fs::File;
use std::io::{self, IsTerminal as _, Write as _};
use std::os::fd::AsFd as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crossterm::cursor::Show;
use crossterm::event::{DisableBracketedPaste, EnableBracketedPaste, EventStream};
use crossterm::execute;
use crossterm::terminal::{EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode};
use tokio::sync::mpsc;

use super::model::{Action, Model, Msg};
use super::screen::{Left, Screen, drive};
use super::theme::{Colour, Glyphs, Theme};
use crate::domain::base::Timestamp;

/// How often it is looked whether a panic gave the terminal back.
const LOOK: Duration = Duration::from_millis(100);

/// The terminal while the screens have it. Dropping it gives the terminal back.
#[derive(Debug)]
pub struct TakenTerminal {
    back: Arc<AtomicBool>,
}

impl TakenTerminal {
    /// Enters raw mode and the alternate screen, and makes sure that a panic leaves both.
    pub fn take() -> io::Result<Self> {
        let taken = Self { back: Arc::new(AtomicBool::new(false)) };
        taken.on_panic();
        enable_raw_mode()?;
        execute!(io::stdout(), EnterAlternateScreen, EnableBracketedPaste)?;
        Ok(taken)
    }

    /// The size of the terminal now.
    pub fn size() -> io::Result<(u16, u16)> {
        crossterm::terminal::size()
    }

    /// Whether there is a terminal to draw on and to read keys from.
    pub fn is_there() -> bool {
        io::stdout().is_terminal() && io::stdin().is_terminal()
    }

    /// Returns when a panic gave the terminal back: drawing on must end then.
    async fn lost(&self) {
        let mut look = tokio::time::interval(LOOK);
        while !self.back.load(Ordering::SeqCst) {
            look.tick().await;
        }
    }

    /// A panic message on the alternate screen would vanish with it, so the terminal is given back before it is printed.
    fn on_panic(&self) {
        let back = Arc::clone(&self.back);
        let print = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            give_back(&back);
            print(panic);
        }));
    }
}

impl Drop for TakenTerminal {
    fn drop(&mut self) {
        give_back(&self.back);
    }
}

/// Leaves in the reverse order, once. Nothing can be done about a terminal that does not take it.
fn give_back(back: &AtomicBool) {
    if back.swap(true, Ordering::SeqCst) {
        return;
    }
    let _ = execute!(io::stdout(), DisableBracketedPaste, LeaveAlternateScreen, Show);
    let _ = disable_raw_mode();
    let _ = io::stdout().flush();
}

/// Shows `model` on this process's terminal until the person leaves or `msgs` ends. See [`drive`].
pub async fn run(
    model: &mut Model,
    msgs: mpsc::Receiver<Msg>,
    actions: mpsc::Sender<Action>,
    clock: impl Fn() -> Timestamp,
) -> io::Result<Left> {
    let taken = TakenTerminal::take()?;
    let (width, height) = TakenTerminal::size()?;
    (model.ui.width, model.ui.height) = (width, height);
    // A file of its own: the standard stream would split a frame at its line feeds.
    let out = File::from(io::stdout().as_fd().try_clone_to_owned()?);
    let mut screen = Screen::new(out, width, height)?;
    tokio::select! {
        left = drive(&mut screen, model, EventStream::new(), msgs, actions, clock) => left,
        () = taken.lost() => Err(io::Error::other("a part of the program panicked; its message is above")),
    }
}

/// What the environment says about looks.
#[derive(Debug, Clone, Copy, Default)]
pub struct Environment<'a> {
    /// `NO_COLOR`; any value but the empty one counts.
    pub no_color: Option<&'a str>,
    pub term: Option<&'a str>,
    /// `LC_ALL`, else `LC_CTYPE`, else `LANG`.
    pub locale: Option<&'a str>,
    /// `COUNTERSIGN_ASCII`.
    pub ascii: Option<&'a str>,
}

impl Environment<'_> {
    /// The theme for it; `--ascii` asks for [`Glyphs::Ascii`] whatever the environment says.
    pub fn theme(self, asked: Option<Glyphs>) -> Theme {
        let set = |value: Option<&str>| value.is_some_and(|value| !value.is_empty());
        let dumb = self.term == Some("dumb");
        let colour = if set(self.no_color) || dumb { Colour::None } else { Colour::Ansi };
        let utf8 = self.locale.is_some_and(|locale| {
            let locale = locale.to_ascii_lowercase();
            locale.contains("utf-8") || locale.contains("utf8")
        });
        let plain = dumb || set(self.ascii) || !utf8;
        let glyphs = asked.unwrap_or(if plain { Glyphs::Ascii } else { Glyphs::Unicode });
        Theme { colour, glyphs }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_decides_colour_and_glyphs() {
        let utf8 = Environment { locale: Some("de_AT.UTF-8"), ..Environment::default() };
        assert_eq!(utf8.theme(None), Theme { colour: Colour::Ansi, glyphs: Glyphs::Unicode });
        assert_eq!(utf8.theme(Some(Glyphs::Ascii)).glyphs, Glyphs::Ascii);
        assert_eq!(Environment { no_color: Some("1"), ..utf8 }.theme(None).colour, Colour::None);
        assert_eq!(Environment { no_color: Some(""), ..utf8 }.theme(None).colour, Colour::Ansi);
        assert_eq!(Environment { ascii: Some("1"), ..utf8 }.theme(None).glyphs, Glyphs::Ascii);
        assert_eq!(Environment { locale: Some("C"), ..utf8 }.theme(None).glyphs, Glyphs::Ascii);
        let dumb = Environment { term: Some("dumb"), ..utf8 }.theme(None);
        assert_eq!(dumb, Theme { colour: Colour::None, glyphs: Glyphs::Ascii });
    }
}
