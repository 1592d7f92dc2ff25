//! One line of typed text. What is pasted never gets in: a person types what a person vouches for.

/// The longest text a field takes.
const LONGEST: usize = 200;

/// A line under the cursor.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Field {
    text: String,
    /// In characters.
    cursor: usize,
}

/// What a key does to a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Edit {
    Insert(char),
    Backspace,
    Delete,
    Left,
    Right,
    Home,
    End,
    Clear,
}

impl Field {
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Where the next character goes, in characters.
    pub fn cursor(&self) -> usize {
        self.cursor
    }

    pub fn edit(&mut self, edit: Edit) {
        let length = self.text.chars().count();
        match edit {
            Edit::Insert(c) if !c.is_control() && length < LONGEST => {
                self.text.insert(self.byte(self.cursor), c);
                self.cursor += 1;
            }
            Edit::Backspace if self.cursor > 0 => {
                self.cursor -= 1;
                self.text.remove(self.byte(self.cursor));
            }
            Edit::Delete if self.cursor < length => {
                self.text.remove(self.byte(self.cursor));
            }
            Edit::Insert(_) | Edit::Backspace | Edit::Delete => {}
            Edit::Left => self.cursor = self.cursor.saturating_sub(1),
            Edit::Right => self.cursor = length.min(self.cursor + 1),
            Edit::Home => self.cursor = 0,
            Edit::End => self.cursor = length,
            Edit::Clear => *self = Self::default(),
        }
    }

    /// Whether the typed text is `expected`; letter case and blanks are forgiven, nothing else is.
    pub fn says(&self, expected: &str) -> bool {
        plain(&self.text) == plain(expected)
    }

    pub fn is_empty(&self) -> bool {
        self.text.trim().is_empty()
    }

    fn byte(&self, character: usize) -> usize {
        self.text.char_indices().nth(character).map_or(self.text.len(), |(at, _)| at)
    }
}

fn plain(text: &str) -> String {
    text.chars().filter(|c| !c.is_whitespace()).flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(text: &str) -> Field {
        let mut field = Field::default();
        text.chars().for_each(|c| field.edit(Edit::Insert(c)));
        field
    }

    #[test]
    fn editing_keeps_the_cursor_between_characters_of_any_width() {
        let mut field = typed("aéz");
        field.edit(Edit::Left);
        field.edit(Edit::Backspace);
        field.edit(Edit::Insert('b'));
        assert_eq!((field.text(), field.cursor()), ("abz", 2));
        field.edit(Edit::Delete);
        field.edit(Edit::Delete);
        assert_eq!(field.text(), "ab");
    }

    #[test]
    fn case_and_blanks_are_forgiven_and_nothing_else() {
        assert!(typed(" DB-c ").says("db-c"));
        assert!(!typed("db-b").says("db-c"));
        assert!(!typed("").says("db-c"));
    }

    #[test]
    fn control_characters_do_not_get_in() {
        assert!(typed("\u{1b}\u{7}\n").is_empty());
    }
}
