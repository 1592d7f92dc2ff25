//! Walks over the tokens of one statement. Knows names and punctuation, no statement.

use super::verdict::{Caution, Object};
use super::{Context, Unproved};
use crate::domain::base::TableName;
use crate::domain::sql::lexer::{Kind, Token};
use crate::domain::sql::quote;

#[derive(Clone, Copy)]
pub(super) struct Cursor<'t, 'a> {
    tokens: &'t [Token<'a>],
    at: usize,
}

/// A table as the statement names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Named {
    pub(super) schema: Option<String>,
    pub(super) name: String,
}

impl Named {
    /// The table in the context's default database, unless it names its own.
    pub(super) fn resolve(&self, context: Context<'_>) -> Result<TableName, Unproved> {
        let schema = self.schema.as_deref().or(context.default);
        let schema = schema.ok_or_else(|| Caution::NoDefaultDatabase { name: self.name.clone() })?;
        TableName::new(schema, &self.name).map_err(|_| Caution::Unknown { what: self.name.clone() })
    }

    /// The object for reading: a name that cannot be resolved stands for everything.
    pub(super) fn object(&self, context: Context<'_>) -> Object {
        self.resolve(context).map_or(Object::Everything, Object::Table)
    }
}

impl<'t, 'a> Cursor<'t, 'a> {
    pub(super) fn new(tokens: &'t [Token<'a>]) -> Self {
        Self { tokens, at: 0 }
    }

    /// The tokens from here on.
    pub(super) fn rest(&self) -> &'t [Token<'a>] {
        &self.tokens[self.at..]
    }

    pub(super) fn peek(&self) -> Option<Token<'a>> {
        self.tokens.get(self.at).copied()
    }

    pub(super) fn peek_word(&self, word: &str) -> bool {
        self.peek().is_some_and(|token| token.is(word))
    }

    pub(super) fn peek_symbol(&self, symbol: &str) -> bool {
        self.peek().is_some_and(|token| token.is_symbol(symbol))
    }

    /// The first word in upper case, without moving.
    pub(super) fn verb(&self) -> Option<String> {
        self.peek().filter(|token| token.kind == Kind::Word).map(|token| token.text.to_ascii_uppercase())
    }

    pub(super) fn next(&mut self) -> Option<Token<'a>> {
        let token = self.peek()?;
        self.at += 1;
        Some(token)
    }

    /// Takes `word` if it is next.
    pub(super) fn word(&mut self, word: &str) -> bool {
        let found = self.peek_word(word);
        self.at += usize::from(found);
        found
    }

    /// Takes the words of `phrase`, separated by spaces, if all of them are next.
    pub(super) fn phrase(&mut self, phrase: &str) -> bool {
        let words = phrase.split(' ');
        let count = words.clone().count();
        let found = self.rest().len() >= count && words.zip(self.rest()).all(|(word, token)| token.is(word));
        if found {
            self.at += count;
        }
        found
    }

    /// Takes one of `phrases` if it is next.
    pub(super) fn any_phrase(&mut self, phrases: &[&'static str]) -> Option<&'static str> {
        phrases.iter().copied().find(|phrase| self.phrase(phrase))
    }

    pub(super) fn symbol(&mut self, symbol: &str) -> bool {
        let found = self.peek_symbol(symbol);
        self.at += usize::from(found);
        found
    }

    pub(super) fn kind(&mut self, kind: Kind) -> Option<Token<'a>> {
        let token = self.peek().filter(|token| token.kind == kind)?;
        self.at += 1;
        Some(token)
    }

    pub(super) fn is_at_end(&self) -> bool {
        self.at >= self.tokens.len()
    }

    /// Succeeds at the end of the statement only.
    pub(super) fn end(&self) -> Result<(), Unproved> {
        match self.peek() {
            None => Ok(()),
            Some(token) => Err(Caution::Unknown { what: token.text.to_owned() }),
        }
    }

    /// A caution about what stands here.
    pub(super) fn unknown(&self) -> Unproved {
        let what = self.peek().map_or("end of the statement", |token| token.text);
        Caution::Unknown { what: what.to_owned() }
    }

    pub(super) fn identifier(&mut self) -> Result<String, Unproved> {
        let caution = self.unknown();
        let token = self.peek().ok_or_else(|| caution.clone())?;
        let name = match token.kind {
            Kind::Word => token.text.to_owned(),
            Kind::Quoted => quote::unquoted_name(token.text).ok_or(caution)?,
            _ => return Err(caution),
        };
        self.at += 1;
        Ok(name)
    }

    pub(super) fn named(&mut self) -> Result<Named, Unproved> {
        let first = self.identifier()?;
        if self.symbol(".") {
            Ok(Named { schema: Some(first), name: self.identifier()? })
        } else {
            Ok(Named { schema: None, name: first })
        }
    }

    pub(super) fn table(&mut self, context: Context<'_>) -> Result<TableName, Unproved> {
        self.named()?.resolve(context)
    }

    /// A comma-separated list of tables.
    pub(super) fn tables(&mut self, context: Context<'_>) -> Result<Vec<TableName>, Unproved> {
        let mut tables = vec![self.table(context)?];
        while self.symbol(",") {
            tables.push(self.table(context)?);
        }
        Ok(tables)
    }

    /// MariaDB's `WAIT n` and `NOWAIT`.
    pub(super) fn lock_wait(&mut self) {
        if !self.word("NOWAIT") && self.peek_word("WAIT") {
            let before = self.at;
            self.at += 1;
            if self.kind(Kind::Number).is_none() {
                self.at = before;
            }
        }
    }
}
