//! Splits SQL text into the tokens that the server would see.
//!
//! Follows the servers' own scanner under the `sql_mode` and character set that [`super::packet::Session`] pins
//! (backslash escapes on, `"` quotes a string, utf8mb4). It must not guess: text that a server could read in two ways
//! is either lexed under both [`Reading`]s or reported, never smoothed over. It knows no grammar.

mod oddity;
mod scan;
#[cfg(test)]
mod tests;

pub use oddity::{Oddity, Place};

/// How to take executable comments (`/*! .. */`, `/*!NNNNN .. */`, `/*M! .. */`). Flavour and version decide which of
/// the two a server does, so whoever judges a statement looks at both.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reading {
    /// As a comment.
    Skipped,
    /// As code.
    Expanded,
}

/// What sort of thing a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A keyword or an unquoted name.
    Word,
    /// A name in backticks.
    Quoted,
    /// A string literal, with its prefix (`N'..'`, `x'..'`, `b'..'`) if it has one.
    Text,
    Number,
    /// `@name` in any quoting, also the `@host` of an account.
    UserVariable,
    /// An operator or a punctuation mark other than `;`.
    Symbol,
    Semicolon,
    /// `/*+ .. */` directly after a verb that takes optimizer hints.
    Hint,
    /// A character that means nothing to the server here, such as the backslash of `\G`.
    Stray,
}

/// One token and where it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Token<'a> {
    pub kind: Kind,
    pub text: &'a str,
    /// Byte offset in the statement.
    pub at: usize,
}

impl Token<'_> {
    /// Whether this is the unquoted word `word`, in any case.
    pub fn is(&self, word: &str) -> bool {
        self.kind == Kind::Word && self.text.eq_ignore_ascii_case(word)
    }

    pub fn is_symbol(&self, symbol: &str) -> bool {
        self.kind == Kind::Symbol && self.text == symbol
    }

    /// The offset of the first byte after it.
    pub fn end(&self) -> usize {
        self.at + self.text.len()
    }
}

/// An executable comment that was met.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Executable {
    pub at: usize,
    pub shape: Shape,
}

/// Whether all servers agree where an executable comment's code begins and ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// No version or one of five digits, and no comment inside.
    Plain,
    /// Servers differ: odd number of digits, or a comment inside.
    Ambiguous,
}

/// The tokens of a text, and what was noticed on the way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lexed<'a> {
    pub tokens: Vec<Token<'a>>,
    pub executable: Vec<Executable>,
    pub oddities: Vec<Oddity>,
}

/// Why a text cannot be split into tokens.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LexError {
    #[error("expected SQL text, found a NUL character at byte {at}: remove it")]
    Nul { at: usize },
    #[error("expected the end of the {what} that begins at byte {at}, found the end of the text: close it")]
    Unterminated { what: &'static str, at: usize },
    #[error("expected {expected} in the literal at byte {at}, found something else: correct it")]
    BadLiteral { expected: &'static str, at: usize },
}

/// Splits `text` into tokens under one reading.
pub fn lex(text: &str, reading: Reading) -> Result<Lexed<'_>, LexError> {
    if let Some(at) = text.find('\0') {
        return Err(LexError::Nul { at });
    }
    scan::Scanner::new(text, reading).run()
}

impl<'a> Lexed<'a> {
    /// The statements between the semicolons. What follows the last semicolon counts only if it has a token; an empty
    /// statement anywhere else counts, because the server answers it with an error.
    pub fn statements(&self) -> Vec<&[Token<'a>]> {
        let mut parts: Vec<&[Token<'a>]> = self.tokens.split(|token| token.kind == Kind::Semicolon).collect();
        if parts.last().is_some_and(|last| last.is_empty()) {
            parts.pop();
        }
        parts
    }
}

/// How many statements a server could see in `text`: the larger number of the two readings.
pub fn count_statements(text: &str) -> Result<usize, LexError> {
    let skipped = lex(text, Reading::Skipped)?.statements().len();
    let expanded = lex(text, Reading::Expanded)?.statements().len();
    Ok(skipped.max(expanded))
}
