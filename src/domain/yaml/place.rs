//! The second look at a document: where everything stands, and whether anything is in it that we do not read.
//!
//! Works on parser events, so it sees what a value no longer shows: duplicate keys, anchors, tags, documents.

use std::collections::BTreeMap;

use saphyr_parser::{Event, Parser, ScalarStyle, Span};

use super::code::{self, Code};
use super::path::{Path, Segment};
use super::problem::{Mark, Problem};
use super::{MAX_DEPTH, MAX_KEY, shortened};

/// Where a value stands, where its key stands if it has one, and what is inside.
#[derive(Debug, Clone)]
pub struct Place {
    key: Option<Mark>,
    value: Mark,
    pub(super) inside: Inside,
}

/// What the events say a value is made of.
#[derive(Debug, Clone)]
pub(super) enum Inside {
    /// `plain` is text without quotes, which can be something else than a text.
    Scalar {
        text: String,
        plain: bool,
    },
    List(Vec<Place>),
    Map(BTreeMap<String, Place>),
}

impl Place {
    /// The place at `path`, or the nearest one around it that is there.
    fn nearest(&self, path: &Path) -> &Self {
        path.segments().iter().try_fold(self, |place, segment| place.child(segment).ok_or(place)).unwrap_or_else(|p| p)
    }

    fn child(&self, segment: &Segment) -> Option<&Self> {
        match (&self.inside, segment) {
            (Inside::Map(map), Segment::Key(key)) => map.get(key),
            (Inside::List(list), Segment::Index(index)) => list.get(*index),
            _ => None,
        }
    }

    /// Where the value at `path` stands; for a list, a mapping or nothing under a key, where the
    /// key stands.
    pub fn value(&self, path: &Path) -> Mark {
        let place = self.nearest(path);
        let shows = matches!(&place.inside, Inside::Scalar { text, plain } if !(*plain && text.is_empty()));
        if shows { place.value } else { place.key.unwrap_or(place.value) }
    }

    /// Where the key of the value at `path` stands; for an item of a list, where the item begins.
    pub fn key(&self, path: &Path) -> Mark {
        let place = self.nearest(path);
        place.key.unwrap_or(place.value)
    }
}

/// Reads the events of `text`. Problems here mean that the values cannot be trusted.
pub(super) fn places(text: &str) -> Result<Place, Vec<Problem>> {
    let mut reader = Reader { events: Parser::new_from_str(text), problems: Vec::new() };
    match reader.document() {
        Ok(Some(root)) if reader.problems.is_empty() => return Ok(root),
        Ok(None) => reader.refuse(code::EMPTY, Mark::START, "the file is empty", ""),
        Ok(Some(_)) | Err(Stop) => {}
    }
    Err(reader.problems)
}

/// Reading cannot go on; the reason is among the problems.
struct Stop;

struct Reader<'a> {
    events: Parser<'a, saphyr_parser::StrInput<'a>>,
    problems: Vec<Problem>,
}

impl<'a> Reader<'a> {
    fn next(&mut self) -> Result<(Event<'a>, Mark), Stop> {
        match self.events.next() {
            Some(Ok((event, span))) => Ok((event, mark(span))),
            Some(Err(error)) => {
                let at = Mark { line: error.marker().line().max(1), column: error.marker().col() + 1, length: 1 };
                let message = format!("this is not YAML: {}", shortened(error.info()));
                self.refuse(
                    code::NOT_YAML,
                    at,
                    message,
                    "the cause is often an indentation or a quote in the line above",
                );
                Err(Stop)
            }
            None => Ok((Event::StreamEnd, Mark::START)),
        }
    }

    /// The whole stream: one document or none.
    fn document(&mut self) -> Result<Option<Place>, Stop> {
        let mut root = None;
        loop {
            let (event, at) = self.next()?;
            match event {
                Event::StreamEnd => return Ok(root),
                Event::DocumentStart(_) if root.is_some() => {
                    let help = "put it into a file of its own";
                    self.refuse(code::SECOND_DOCUMENT, at, "a second document begins here", help);
                    return Err(Stop);
                }
                Event::DocumentStart(_) => {
                    let (event, at) = self.next()?;
                    root = Some(self.place(event, at, None, 1)?);
                }
                _ => {}
            }
        }
    }

    fn place(&mut self, event: Event<'a>, at: Mark, key: Option<Mark>, depth: usize) -> Result<Place, Stop> {
        if depth > MAX_DEPTH {
            self.refuse(
                code::TOO_DEEP,
                at,
                format!("more than {MAX_DEPTH} levels of nesting"),
                "make the file flatter",
            );
            return Err(Stop);
        }
        let inside = match event {
            Event::Scalar(text, style, anchor, tag) => {
                self.refuse_extras(anchor, tag.is_some(), at);
                Inside::Scalar { text: text.into_owned(), plain: style == ScalarStyle::Plain }
            }
            Event::SequenceStart(anchor, tag) => {
                self.refuse_extras(anchor, tag.is_some(), at);
                self.list(depth)?
            }
            Event::MappingStart(anchor, tag) => {
                self.refuse_extras(anchor, tag.is_some(), at);
                self.map(depth)?
            }
            Event::Alias(_) => {
                self.refuse_extras(1, false, at);
                Inside::Scalar { text: String::new(), plain: true }
            }
            other => {
                self.refuse(code::NOT_YAML, at, format!("this is not YAML: found {other:?}"), "");
                return Err(Stop);
            }
        };
        Ok(Place { key, value: at, inside })
    }

    fn list(&mut self, depth: usize) -> Result<Inside, Stop> {
        let mut items = Vec::new();
        loop {
            let (event, at) = self.next()?;
            if event == Event::SequenceEnd {
                return Ok(Inside::List(items));
            }
            items.push(self.place(event, at, None, depth + 1)?);
        }
    }

    fn map(&mut self, depth: usize) -> Result<Inside, Stop> {
        let mut map: BTreeMap<String, Place> = BTreeMap::new();
        loop {
            let (event, at) = self.next()?;
            if event == Event::MappingEnd {
                return Ok(Inside::Map(map));
            }
            let key = self.map_key(event, at)?;
            let (event, value_at) = self.next()?;
            let place = self.place(event, value_at, Some(at), depth + 1)?;
            if let Some(first) = map.get(&key) {
                let line = first.key.unwrap_or(first.value).line;
                let message =
                    format!("the key `{}` stands in this mapping twice, first in line {line}", shortened(&key));
                self.refuse(code::DUPLICATE_KEY, at, message, "remove one of the two");
            } else {
                map.insert(key, place);
            }
        }
    }

    fn map_key(&mut self, event: Event<'a>, at: Mark) -> Result<String, Stop> {
        let Event::Scalar(text, style, anchor, tag) = event else {
            let help = "write a parameter as `$name`, and a text that begins with a brace or a bracket in quotes";
            self.refuse(code::BAD_KEY, at, "a key must be a text", help);
            return Err(Stop);
        };
        self.refuse_extras(anchor, tag.is_some(), at);
        if text == "<<" && style == ScalarStyle::Plain {
            self.refuse(
                code::MERGE_KEY,
                at,
                "the merge key `<<` is not read",
                "write the keys out where they are needed",
            );
        }
        if text.chars().count() > MAX_KEY {
            self.refuse(code::BAD_KEY, at, format!("a key of more than {MAX_KEY} characters"), "shorten it");
            return Err(Stop);
        }
        Ok(text.into_owned())
    }

    fn refuse_extras(&mut self, anchor: usize, tagged: bool, at: Mark) {
        if anchor > 0 {
            let help = "write the value out where it is needed; a text that begins with `&` or `*` needs quotes";
            self.refuse(code::ANCHOR, at, "anchors and aliases are not read", help);
        }
        if tagged {
            let help = "leave it out; a text that begins with `!` needs quotes";
            self.refuse(code::TAG, at, "tags are not read", help);
        }
    }

    fn refuse(&mut self, code: Code, at: Mark, message: impl Into<String>, help: &str) {
        let help = (!help.is_empty()).then(|| help.to_owned());
        self.problems.push(Problem::new(code, String::new(), at, message).help_maybe(help));
    }
}

fn mark(span: Span) -> Mark {
    let (start, end) = (span.start, span.end);
    let length = if start.line() == end.line() { end.col().saturating_sub(start.col()) } else { 1 };
    Mark { line: start.line().max(1), column: start.col() + 1, length: length.max(1) }
}
