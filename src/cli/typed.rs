//! Commands as a person is told to type them: whole, so that they run as they are printed.
//!
//! Nothing here knows what a run waits for; it only adds what every command line needs beside its own words.

use super::args::StateArg;
use crate::domain::base::Principal;

/// Stands where the name of whoever reads it belongs.
const SOMEBODY: &str = "YOU";

/// What command lines need here to find the same state directory, and to say who acts.
#[derive(Debug, Clone, Default)]
pub struct Typed {
    state: Option<String>,
    operator: Option<Principal>,
}

impl Typed {
    /// For whoever reads it, in the state directory of the command that prints it.
    pub fn here(state: &StateArg) -> Self {
        Self { state: state.state.as_ref().map(|dir| quoted(&dir.to_string_lossy())), operator: None }
    }

    /// For a person who is known.
    #[must_use]
    pub fn by(self, operator: &Principal) -> Self {
        Self { operator: Some(operator.clone()), ..self }
    }

    /// A command that somebody signs or answers for: `countersign WORDS --operator YOU --state DIR`.
    pub fn person(&self, words: &str) -> String {
        let operator = self.operator.as_ref().map_or(SOMEBODY, Principal::as_str);
        self.anybody(&format!("{words} --operator {operator}"))
    }

    /// A command that asks nobody's name: `countersign WORDS --state DIR`.
    pub fn anybody(&self, words: &str) -> String {
        match &self.state {
            Some(dir) => format!("countersign {words} --state {dir}"),
            None => format!("countersign {words}"),
        }
    }
}

/// The word as a shell takes it back.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+:@%,=".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_names_the_state_directory_only_if_it_is_not_the_default_one_and_survives_a_shell() {
        let at = |dir: &str| Typed::here(&StateArg { state: Some(dir.into()) });
        let here = Typed::here(&StateArg { state: None });
        assert_eq!(here.person("release r-1"), "countersign release r-1 --operator YOU");
        assert_eq!(here.anybody("hold r-1"), "countersign hold r-1");
        assert_eq!(at("/var/cs").anybody("hold r-1"), "countersign hold r-1 --state /var/cs");
        let ana = Principal::parse("ana").unwrap();
        assert_eq!(at("a b's").by(&ana).person("x"), r"countersign x --operator ana --state 'a b'\''s'");
    }
}
