//! Makes statements: most that read, in every dress that SQL has, many that look so and are not, and all families that
//! change something. From a seed, so that a run can be had again.

mod change;
mod dress;
mod read;

use countersign::simulate::Dice;

pub struct Grammar {
    dice: Dice,
}

impl Grammar {
    pub fn new(seed: u64) -> Self {
        Self { dice: Dice::new(seed) }
    }

    /// One statement, dressed up.
    pub fn statement(&mut self) -> String {
        let plain = match self.dice.below(100) {
            0..52 => self.query(2),
            52..62 => self.show(),
            62..70 => self.explain(),
            70..77 => self.about_the_session(),
            _ => self.change(),
        };
        self.dress(&plain)
    }

    fn one(&mut self, choices: &[&'static str]) -> &'static str {
        self.dice.pick(choices).copied().unwrap_or_default()
    }

    fn chance(&mut self, percent: u64) -> bool {
        self.dice.chance(percent)
    }

    /// `text` in some cases, else nothing.
    fn maybe(&mut self, percent: u64, text: &str) -> String {
        if self.chance(percent) { text.to_owned() } else { String::new() }
    }

    fn list(&mut self, most: u64, separator: &str, mut make: impl FnMut(&mut Self) -> String) -> String {
        let length = 1 + self.dice.below(most);
        (0..length).map(|_| make(self)).collect::<Vec<_>>().join(separator)
    }
}

/// A space that belongs to a string or a name, where nothing may be put.
pub const INNER: char = '\u{2}';
