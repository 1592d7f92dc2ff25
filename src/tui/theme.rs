//! How meaning looks: five roles, and a sign with a word for every state.
//!
//! No meaning is carried by colour alone. The terminal's own foreground and background are used, with yellow and red
//! for caution and alarm; a background is only ever set by reversing.

use ratatui::style::{Color, Modifier, Style};
use ratatui::symbols::border;

/// Whether colours are used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Colour {
    Ansi,
    /// `NO_COLOR`, `--color never`, `TERM=dumb`.
    None,
}

/// Which characters frames and signs are made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Glyphs {
    Unicode,
    /// `--ascii`, or a locale that is not UTF-8.
    Ascii,
}

/// What a piece of text is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    Text,
    Dim,
    Strong,
    Caution,
    Alarm,
    Focus,
    /// Reversed: stopped, orphaned, a production fleet.
    Badge,
}

/// A state that has a sign. Each sign stands beside a word, never alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Sign {
    Pending,
    Checking,
    Blocked,
    Refused,
    Waiting,
    Armed,
    Running,
    Verifying,
    Done,
    Failed,
    Unknown,
    Drifted,
    Skipped,
    Cursor,
    Fork,
    Corner,
    Trunk,
}

/// The choice of colours and characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Theme {
    pub colour: Colour,
    pub glyphs: Glyphs,
}

const ASCII_BORDER: border::Set<'static> = border::Set {
    top_left: "+",
    top_right: "+",
    bottom_left: "+",
    bottom_right: "+",
    vertical_left: "|",
    vertical_right: "|",
    horizontal_top: "-",
    horizontal_bottom: "-",
};

impl Theme {
    pub fn style(self, role: Role) -> Style {
        let style = match role {
            Role::Text => Style::new(),
            Role::Dim => Style::new().add_modifier(Modifier::DIM),
            Role::Strong => Style::new().add_modifier(Modifier::BOLD),
            Role::Caution => Style::new().fg(Color::Yellow).add_modifier(Modifier::BOLD),
            Role::Alarm => Style::new().fg(Color::Red).add_modifier(Modifier::BOLD),
            Role::Focus => Style::new().add_modifier(Modifier::BOLD | Modifier::UNDERLINED),
            Role::Badge => Style::new().add_modifier(Modifier::BOLD | Modifier::REVERSED),
        };
        match self.colour {
            Colour::Ansi => style,
            Colour::None => Style { fg: None, ..style },
        }
    }

    pub fn border(self) -> border::Set<'static> {
        match self.glyphs {
            Glyphs::Unicode => border::PLAIN,
            Glyphs::Ascii => ASCII_BORDER,
        }
    }

    /// The sign of a state, the same width for all states of one theme.
    pub const fn sign(self, sign: Sign) -> &'static str {
        let (unicode, ascii) = match sign {
            Sign::Pending => (" ", "   "),
            Sign::Checking => ("~", "[~]"),
            Sign::Blocked => ("✗", "[x]"),
            Sign::Refused => ("⊘", "[#]"),
            Sign::Waiting => ("◌", "[o]"),
            Sign::Armed => ("!", "[!]"),
            Sign::Running => ("»", "[>]"),
            Sign::Verifying => ("=", "[=]"),
            Sign::Done => ("✓", "[v]"),
            Sign::Failed => ("✗", "[F]"),
            Sign::Unknown => ("?", "[?]"),
            Sign::Drifted => ("≠", "[D]"),
            Sign::Skipped => ("-", "[-]"),
            Sign::Cursor => ("»", ">"),
            Sign::Fork => ("├─ ", "|- "),
            Sign::Corner => ("└─ ", "`- "),
            Sign::Trunk => ("│  ", "|  "),
        };
        match self.glyphs {
            Glyphs::Unicode => unicode,
            Glyphs::Ascii => ascii,
        }
    }
}
