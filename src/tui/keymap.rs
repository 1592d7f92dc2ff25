//! The one table of keys. The key line, the help and the handling are made of it, so they cannot disagree.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::model::{Model, Seat};
use super::review::Focus;
use super::ui::{Popup, View};
use crate::domain::run::state::{Phase, RequestState};

/// What a key asks of the screens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Command {
    Hold,
    Show(View),
    Next,
    Previous,
    Up,
    Down,
    PageUp,
    PageDown,
    Top,
    Bottom,
    Open,
    Back,
    Help,
    FullText,
    Evidence,
    Copy,
    Measure,
    Note,
    Release,
    Abort,
    Withdraw,
    Follow,
    Redraw,
    Leave,
    HoldAndLeave,
    Interrupt,
}

/// When a key counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// Also inside a text field.
    Always,
    /// Where letters are keys.
    Reading,
}

/// One row of the table.
#[derive(Debug, Clone, Copy)]
pub struct Binding {
    pub chords: &'static [Chord],
    pub when: When,
    pub command: Command,
    /// How the keys are written.
    pub keys: &'static str,
    pub says: &'static str,
}

/// A key with or without Ctrl.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Chord {
    Plain(KeyCode),
    Ctrl(char),
}

const fn letter(c: char) -> Chord {
    Chord::Plain(KeyCode::Char(c))
}

const fn row(
    chords: &'static [Chord],
    when: When,
    command: Command,
    keys: &'static str,
    says: &'static str,
) -> Binding {
    Binding { chords, when, command, keys, says }
}

use Chord::{Ctrl, Plain};
use When::{Always, Reading};

/// Every key. Gate words (`approve`, `reject`, `release`, ..) have no key on purpose: they are typed.
pub const TABLE: &[Binding] = &[
    row(&[letter('H')], Reading, Command::Hold, "H", "HOLD"),
    row(&[Ctrl('x')], Always, Command::Hold, "Ctrl-X", "HOLD, also while typing"),
    row(&[letter('1')], Reading, Command::Show(View::Steps), "1", "steps"),
    row(&[letter('2')], Reading, Command::Show(View::Fleet), "2", "fleet"),
    row(&[letter('3')], Reading, Command::Show(View::Approvals), "3", "approvals"),
    row(&[letter('4')], Reading, Command::Show(View::Timeline), "4", "timeline"),
    row(&[letter('v')], Reading, Command::Show(View::Review), "v", "review"),
    row(&[Plain(KeyCode::Tab)], Always, Command::Next, "Tab", "next field"),
    row(&[Plain(KeyCode::BackTab)], Always, Command::Previous, "Shift-Tab", "previous field"),
    row(&[Plain(KeyCode::Up), letter('k')], Reading, Command::Up, "Up", "up"),
    row(&[Plain(KeyCode::Down), letter('j')], Reading, Command::Down, "Down", "down"),
    row(&[Plain(KeyCode::PageUp)], Always, Command::PageUp, "PgUp", "page up"),
    row(&[Plain(KeyCode::PageDown)], Always, Command::PageDown, "PgDn", "page down"),
    row(&[letter('g'), Plain(KeyCode::Home)], Reading, Command::Top, "g", "top"),
    row(&[letter('G'), Plain(KeyCode::End)], Reading, Command::Bottom, "G", "bottom"),
    row(&[Plain(KeyCode::Enter)], Always, Command::Open, "Enter", "details"),
    row(&[Plain(KeyCode::Esc)], Always, Command::Back, "Esc", "back"),
    row(&[letter('d')], Reading, Command::FullText, "d", "full request"),
    row(&[letter('e')], Reading, Command::Evidence, "e", "evidence"),
    row(&[letter('y')], Reading, Command::Copy, "y", "copy"),
    row(&[letter('r')], Reading, Command::Measure, "r", "look again yourself"),
    row(&[letter('m')], Reading, Command::Note, "m", "note"),
    row(&[letter('R')], Reading, Command::Release, "R", "release..."),
    row(&[letter('A')], Reading, Command::Abort, "A", "abort..."),
    row(&[letter('x')], Reading, Command::Withdraw, "x", "withdraw request..."),
    row(&[letter('f')], Reading, Command::Follow, "f", "follow"),
    row(&[letter('?')], Reading, Command::Help, "?", "keys"),
    row(&[Ctrl('l')], Always, Command::Redraw, "Ctrl-L", "redraw"),
    row(&[letter('L')], Reading, Command::HoldAndLeave, "L", "hold and leave"),
    row(&[letter('q')], Reading, Command::Leave, "q", "leave"),
    row(&[Ctrl('c')], Always, Command::Interrupt, "Ctrl-C", "leave; twice: hold and leave"),
];

/// Where the person's keys go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    Reading,
    Typing,
}

/// Where keys go on the present screen.
pub fn mode(model: &Model) -> Mode {
    let in_review = || model.review.as_ref().is_some_and(|review| review.focus != Focus::Reading);
    let typing =
        model.ui.popup.is_none() && (model.ui.prompt.is_some() || (model.ui.view == View::Review && in_review()));
    if typing { Mode::Typing } else { Mode::Reading }
}

/// The command of a key, if it has one where the person is.
pub fn lookup(mode: Mode, key: &KeyEvent) -> Option<Command> {
    let chord = match key.code {
        KeyCode::Char(c) if key.modifiers.contains(KeyModifiers::CONTROL) => Ctrl(c.to_ascii_lowercase()),
        // A terminal may send Shift with the letter that Shift made.
        code => Plain(code),
    };
    let counts = |binding: &&Binding| binding.when == Always || mode == Mode::Reading;
    TABLE.iter().filter(counts).find(|binding| binding.chords.contains(&chord)).map(|binding| binding.command)
}

/// Why a command is off here and now; `None` if it is on.
pub fn why_off(model: &Model, command: Command) -> Option<String> {
    let Some(state) = &model.state else {
        return match command {
            Command::Release
            | Command::Abort
            | Command::Withdraw
            | Command::Note
            | Command::Measure
            | Command::FullText
            | Command::Show(View::Review) => Some("no run is open yet".to_owned()),
            _ => None,
        };
    };
    let off = |why: &str| Some(why.to_owned());
    match command {
        Command::Hold | Command::Abort if model.is_over() => off("the run is over"),
        Command::Hold if state.held.is_some() => off("it is held already"),
        Command::Release if state.held.is_none() => off("nobody holds the run"),
        Command::Abort if matches!(state.phase, Phase::Sending { .. }) => {
            off("a command is running and is let finish; hold, and abort behind it")
        }
        Command::Abort if matches!(state.phase, Phase::Doubt { .. } | Phase::Killing { .. }) => {
            off("a command in doubt is being looked at; choices follow in some seconds")
        }
        Command::Withdraw => why_not_withdraw(model),
        Command::FullText if model.request_in_front().is_none() => off("no request is open"),
        Command::Show(View::Review) | Command::Measure if model.open_request().is_none() => off("no request is open"),
        Command::Release | Command::Abort if model.viewer.who.is_none() => off("you are not known as an operator"),
        Command::HoldAndLeave if model.viewer.seat != Seat::Executes => off("this process executes nothing: q leaves"),
        _ => None,
    }
}

fn why_not_withdraw(model: &Model) -> Option<String> {
    let requester = |request: &RequestState| request.header.requested_by.clone();
    match (model.open_request().map(requester), &model.viewer.who) {
        (None, _) => Some("no request is open".to_owned()),
        (Some(requester), Some(who)) if requester == *who => None,
        (Some(requester), _) => Some(format!("only {requester} can withdraw it; others reject it in the review")),
    }
}

/// The commands that the key line of the present screen names, most needed first.
pub fn offered(model: &Model) -> Vec<Command> {
    use Command::*;
    const VIEWS: [Command; 4] = [Show(View::Steps), Show(View::Fleet), Show(View::Approvals), Show(View::Timeline)];
    match &model.ui.popup {
        Some(Popup::Leave) => return vec![Hold, Back, HoldAndLeave],
        Some(_) => return vec![Hold, Down, Up, Back],
        None => {}
    }
    if model.ui.prompt.is_some() {
        return typing(model, &[Open, Back, Hold]);
    }
    if mode(model) == Mode::Typing {
        return typing(model, &[Open, Next, Back, Hold, PageDown]);
    }
    let mut commands = vec![Hold];
    match model.ui.view {
        View::Steps => commands.extend([Show(View::Review), Release, Open]),
        View::Review => return vec![Hold, Next, PageDown, Back, Help, FullText, Evidence, Measure],
        View::Fleet => commands.extend([Up, Down]),
        View::Approvals => commands.extend([Show(View::Review), FullText, Withdraw, Copy]),
        View::Timeline => commands.extend([Note, Follow, Copy]),
    }
    commands.extend([Help, Leave]);
    commands.extend(VIEWS.into_iter().filter(|command| *command != Show(model.ui.view)));
    if model.ui.view == View::Steps {
        commands.extend([Evidence, Note]);
    }
    // Holding is named wherever it means something, also while it holds already.
    commands.retain(|command| (*command == Hold && !model.is_over()) || why_off(model, *command).is_none());
    commands
}

fn typing(model: &Model, commands: &[Command]) -> Vec<Command> {
    commands.iter().copied().filter(|command| *command != Command::Hold || !model.is_over()).collect()
}

/// What the key line calls a command: in a field, keys do what a field is for.
pub fn label(model: &Model, binding: &Binding) -> &'static str {
    let more = || model.review.as_ref().is_some_and(|review| review.focus != Focus::Decision);
    match (mode(model), binding.command) {
        (Mode::Typing, Command::Hold) => "HOLD",
        (Mode::Typing, Command::Back) => "leaves",
        (Mode::Typing, Command::Open) if model.ui.prompt.is_none() && more() => "next field",
        (Mode::Typing, Command::Open) => "send",
        (Mode::Typing, Command::Next) => "next",
        _ => binding.says,
    }
}

/// The row that stands for a command on the key line where the person is.
pub fn binding(command: Command, mode: Mode) -> Option<&'static Binding> {
    TABLE.iter().find(|row| row.command == command && (row.when == Always || mode == Mode::Reading))
}
