//! `explain`: what a problem's code, an exit code or a word of the vocabulary means.

use super::error::CliError;
use super::exit::Exit;
use super::output::data;
use crate::domain::vocabulary::{Action, Condition, Spec};
use crate::domain::yaml::code;

/// The table that people read is the one that is printed.
const EXIT_CODES: &str = include_str!("../../docs/exit-codes.md");

pub fn explain(name: &str) -> Result<Exit, CliError> {
    let Some(lines) = problem(name).or_else(|| entry(name)).or_else(|| exit_code(name)) else {
        return Err(CliError::usage(format!(
            "nothing here is called `{name}`: expected the code of a problem (CS101), an exit code (4 or refused), or one of {}",
            names().collect::<Vec<_>>().join(", ")
        )));
    };
    for line in &lines {
        data(line);
    }
    Ok(Exit::Ok)
}

fn names() -> impl Iterator<Item = &'static str> {
    Action::ALL.iter().chain(Condition::ALL).map(|spec| spec.name)
}

fn problem(name: &str) -> Option<Vec<String>> {
    let code = code::ALL.iter().find(|code| code.id.eq_ignore_ascii_case(name))?;
    Some(vec![format!("{} ({})", code.id, code.severity.word()), code.meaning.to_owned()])
}

fn entry(name: &str) -> Option<Vec<String>> {
    let of = |all: &'static [Spec]| all.iter().find(|spec| spec.name == name);
    let (spec, kind) = match (of(Action::ALL), of(Condition::ALL)) {
        (Some(action), _) => (action, format!("an action, at least {}", action.danger)),
        (None, condition) => (condition?, "a condition".to_owned()),
    };
    let mut lines = vec![format!("{name}: {kind}"), spec.summary.to_owned(), "for example:".to_owned()];
    lines.extend(spec.example.lines().map(|line| format!("  {line}")));
    Some(lines)
}

fn exit_code(name: &str) -> Option<Vec<String>> {
    let exit = Exit::ALL.into_iter().find(|exit| exit.word() == name || exit.code().to_string() == name)?;
    let row = format!("| {} | {} | ", exit.code(), exit.word());
    let when = EXIT_CODES.lines().find_map(|line| line.strip_prefix(row.as_str()))?.trim_end_matches(" |");
    Some(vec![format!("exit {} ({}): {when}", exit.code(), exit.word())])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_exit_code_every_problem_and_every_entry_is_explained() {
        for exit in Exit::ALL {
            assert!(exit_code(exit.word()).is_some(), "docs/exit-codes.md has no row for {}", exit.word());
            assert_eq!(exit_code(exit.word()), exit_code(&exit.code().to_string()));
        }
        assert!(code::ALL.iter().all(|code| problem(code.id).is_some()));
        assert!(names().all(|name| entry(name).is_some_and(|lines| lines.len() > 3)));
        assert_eq!((problem("CS999"), entry("drop_everything"), exit_code("99")), (None, None, None));
    }
}
