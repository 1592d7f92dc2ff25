//! The scanner itself: one pass over the bytes. All delimiters are ASCII, so slices fall on character boundaries.

use super::oddity::{self, Oddity, Place};
use super::{Executable, Kind, LexError, Lexed, Reading, Shape, Token};

/// Longest first, so the first match is the server's.
const OPERATORS: [&str; 13] = ["->>", "<=>", "->", "<=", ">=", "<>", "!=", "<<", ">>", "||", "&&", ":=", "@@"];

/// The verbs after which a server looks for optimizer hints; elsewhere `/*+` opens an ordinary comment.
const HINTED: [&str; 5] = ["SELECT", "INSERT", "REPLACE", "UPDATE", "DELETE"];

pub(super) struct Scanner<'a> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
    reading: Reading,
    /// Where the executable comment that we are inside of began.
    inside: Option<usize>,
    tokens: Vec<Token<'a>>,
    executable: Vec<Executable>,
    oddities: Vec<Oddity>,
}

pub(super) fn is_word_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$') || byte >= 0x80
}

/// The servers' whitespace in utf8mb4: no character outside ASCII is one.
fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t'..=b'\r')
}

impl<'a> Scanner<'a> {
    pub(super) fn new(text: &'a str, reading: Reading) -> Self {
        Self {
            text,
            bytes: text.as_bytes(),
            at: 0,
            reading,
            inside: None,
            tokens: Vec::new(),
            executable: Vec::new(),
            oddities: Vec::new(),
        }
    }

    pub(super) fn run(mut self) -> Result<Lexed<'a>, LexError> {
        while let Some(byte) = self.byte(0) {
            self.step(byte)?;
        }
        match self.inside {
            Some(at) => Err(LexError::Unterminated { what: "executable comment", at }),
            None => Ok(Lexed { tokens: self.tokens, executable: self.executable, oddities: self.oddities }),
        }
    }

    fn step(&mut self, byte: u8) -> Result<(), LexError> {
        match byte {
            _ if is_space(byte) => self.space(),
            b'#' => self.line_comment(),
            b'-' if self.byte(1) == Some(b'-') && self.byte(2).is_none_or(|b| is_space(b) || b.is_ascii_control()) => {
                self.line_comment();
            }
            b'/' if self.byte(1) == Some(b'*') => self.block_comment()?,
            b'*' if self.inside.is_some() && self.byte(1) == Some(b'/') => {
                self.inside = None;
                self.at += 2;
            }
            b'\'' | b'"' => self.quoted(self.at, byte, Kind::Text, "string")?,
            b'`' => self.quoted(self.at, byte, Kind::Quoted, "quoted name")?,
            b'@' if self.byte(1) != Some(b'@') => self.user_variable()?,
            b';' => self.push(Kind::Semicolon, self.at + 1),
            b'.' if self.byte(1).is_some_and(|b| b.is_ascii_digit()) && !self.after_name() => self.fraction(self.at),
            _ if is_word_byte(byte) => self.word_or_number(byte)?,
            _ => self.symbol(),
        }
        Ok(())
    }

    fn byte(&self, ahead: usize) -> Option<u8> {
        self.bytes.get(self.at + ahead).copied()
    }

    /// Takes everything up to `end` as one token.
    fn push(&mut self, kind: Kind, end: usize) {
        let text = &self.text[self.at..end];
        let place = if matches!(kind, Kind::Text | Kind::Quoted) { Place::Text } else { Place::Code };
        oddity::collect(text, self.at, place, &mut self.oddities);
        self.tokens.push(Token { kind, text, at: self.at });
        self.at = end;
    }

    fn skip_to(&mut self, end: usize, place: Place) {
        oddity::collect(&self.text[self.at..end], self.at, place, &mut self.oddities);
        self.at = end;
    }

    fn space(&mut self) {
        let end = self.run_from(self.at, is_space);
        self.skip_to(end, Place::Code);
    }

    fn run_from(&self, start: usize, member: fn(u8) -> bool) -> usize {
        self.bytes[start..].iter().position(|b| !member(*b)).map_or(self.bytes.len(), |length| start + length)
    }

    /// A line ends at a line feed only; a lone carriage return does not end it.
    fn line_comment(&mut self) {
        let end = self.text[self.at..].find('\n').map_or(self.text.len(), |length| self.at + length);
        self.skip_to(end, Place::Comment);
    }

    fn block_comment(&mut self) -> Result<(), LexError> {
        let rest = &self.text[self.at..];
        for opening in ["/*!", "/*M!", "/*m!"] {
            if rest.starts_with(opening) {
                return self.executable_comment(opening.len());
            }
        }
        let end = self.comment_end()?;
        if rest.starts_with("/*+") && self.tokens.last().is_some_and(|t| HINTED.iter().any(|verb| t.is(verb))) {
            self.push(Kind::Hint, end);
        } else {
            self.skip_to(end, Place::Comment);
        }
        Ok(())
    }

    fn comment_end(&self) -> Result<usize, LexError> {
        match self.text[self.at + 2..].find("*/") {
            Some(length) => Ok(self.at + 2 + length + 2),
            None => Err(LexError::Unterminated { what: "comment", at: self.at }),
        }
    }

    fn executable_comment(&mut self, opening: usize) -> Result<(), LexError> {
        let end = self.comment_end()?;
        let digits_end = self.run_from(self.at + opening, |b| b.is_ascii_digit());
        let digits = digits_end - self.at - opening;
        let nested = self.inside.is_some() || self.text[self.at + 2..end].contains("/*");
        let shape = if matches!(digits, 0 | 5) && !nested { Shape::Plain } else { Shape::Ambiguous };
        self.executable.push(Executable { at: self.at, shape });
        match self.reading {
            Reading::Skipped => self.skip_to(end, Place::Comment),
            Reading::Expanded => {
                self.inside = Some(self.at);
                self.at = digits_end;
            }
        }
        Ok(())
    }

    /// A literal or name from the quote at `opening`, as a token that begins where we stand.
    fn quoted(&mut self, opening: usize, quote: u8, kind: Kind, what: &'static str) -> Result<(), LexError> {
        let end = self.closing(opening, quote).ok_or(LexError::Unterminated { what, at: self.at })?;
        self.push(kind, end);
        Ok(())
    }

    /// The offset after the quote that closes the one at `opening`. A doubled quote and, outside of backticks, a
    /// backslash and its successor belong to the inside.
    fn closing(&self, opening: usize, quote: u8) -> Option<usize> {
        let mut at = opening + 1;
        while let Some(byte) = self.bytes.get(at).copied() {
            if byte == b'\\' && quote != b'`' {
                at += 2;
            } else if byte != quote {
                at += 1;
            } else if self.bytes.get(at + 1) == Some(&quote) {
                at += 2;
            } else {
                return Some(at + 1);
            }
        }
        None
    }

    fn user_variable(&mut self) -> Result<(), LexError> {
        if let Some(quote @ (b'\'' | b'"' | b'`')) = self.byte(1) {
            return self.quoted(self.at + 1, quote, Kind::UserVariable, "variable");
        }
        let end = self.run_from(self.at + 1, |b| is_word_byte(b) || b == b'.');
        self.push(if end == self.at + 1 { Kind::Stray } else { Kind::UserVariable }, end);
        Ok(())
    }

    /// Whether a name ends exactly here, so that a dot continues it.
    fn after_name(&self) -> bool {
        self.tokens.last().is_some_and(|t| t.end() == self.at && matches!(t.kind, Kind::Word | Kind::Quoted))
    }

    /// Whether the dot before us continues a name, so that `db.1e5` is a table and not a number.
    fn after_qualifier(&self) -> bool {
        self.tokens.last().is_some_and(|t| t.end() == self.at && t.is_symbol("."))
    }

    fn word_or_number(&mut self, byte: u8) -> Result<(), LexError> {
        let end = self.run_from(self.at, is_word_byte);
        if self.after_qualifier() {
            self.push(Kind::Word, end);
        } else if byte.is_ascii_digit() {
            self.number(end);
        } else if end == self.at + 1 && self.bytes.get(end) == Some(&b'\'') && b"nNxXbB".contains(&byte) {
            return self.prefixed(byte.to_ascii_lowercase());
        } else {
            self.push(Kind::Word, end);
        }
        Ok(())
    }

    fn prefixed(&mut self, prefix: u8) -> Result<(), LexError> {
        let (at, body) = (self.at, self.at + 2);
        self.quoted(at + 1, b'\'', Kind::Text, "string")?;
        let content = &self.bytes[body..self.at - 1];
        let bad = |expected| Err(LexError::BadLiteral { expected, at });
        match prefix {
            b'x' if content.len() % 2 == 1 || !content.iter().all(u8::is_ascii_hexdigit) => bad("pairs of hex digits"),
            b'b' if !content.iter().all(|b| matches!(b, b'0' | b'1')) => bad("zeros and ones"),
            _ => Ok(()),
        }
    }

    /// Text that begins with a digit: a number, or a name if a letter follows that no number has.
    fn number(&mut self, word_end: usize) {
        let digits_end = self.run_from(self.at, |b| b.is_ascii_digit());
        let word = &self.bytes[self.at..word_end];
        let radix = |prefix: &[u8], member: fn(&u8) -> bool| {
            word.strip_prefix(prefix).is_some_and(|rest| !rest.is_empty() && rest.iter().all(member))
        };
        if radix(b"0x", u8::is_ascii_hexdigit) || radix(b"0b", |b| matches!(b, b'0' | b'1')) {
            self.push(Kind::Number, word_end);
        } else if digits_end == word_end {
            match self.bytes.get(word_end) {
                Some(b'.') => self.fraction(word_end),
                _ => self.push(Kind::Number, word_end),
            }
        } else if let Some(end) = self.exponent(digits_end) {
            self.push(Kind::Number, end);
        } else {
            self.push(Kind::Word, word_end);
        }
    }

    /// The dot at `dot` with the digits and the exponent after it.
    fn fraction(&mut self, dot: usize) {
        let digits_end = self.run_from(dot + 1, |b| b.is_ascii_digit());
        self.push(Kind::Number, self.exponent(digits_end).unwrap_or(digits_end));
    }

    /// The offset after an exponent that begins at `start`, if there is one.
    fn exponent(&self, start: usize) -> Option<usize> {
        if !matches!(self.bytes.get(start), Some(b'e' | b'E')) {
            return None;
        }
        let signed = usize::from(matches!(self.bytes.get(start + 1), Some(b'+' | b'-')));
        let digits = start + 1 + signed;
        let end = self.run_from(digits.min(self.bytes.len()), |b| b.is_ascii_digit());
        (end > digits).then_some(end)
    }

    fn symbol(&mut self) {
        let rest = &self.text[self.at..];
        let length = OPERATORS.iter().find(|operator| rest.starts_with(**operator)).map_or(1, |o| o.len());
        let known = length > 1 || b"+-*/%<>=!&|^~(),.?:{}@".contains(&self.bytes[self.at]);
        self.push(if known { Kind::Symbol } else { Kind::Stray }, self.at + length);
    }
}
