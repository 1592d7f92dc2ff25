//! What one statement does, as far as its text can prove it. A closed world.
//!
//! Harmless is what is proved to be harmless; what is recognised is charged with what it does; everything else is
//! destructive and touches [`Effect::Anything`]. A rule in here may only ever make a statement look worse than it is.
//! What the text cannot show (triggers, views whose functions write, cascades) is named in [`Caution`]s.

mod alter;
mod cursor;
mod define;
mod functions;
mod maintain;
mod query;
mod rows;
mod serve;
mod show;
#[cfg(test)]
mod tests;
mod verdict;

pub use verdict::{Caution, Class, Classified, Effect, Keyword, Logging, Object, Touched, Written};

use super::dialect::Flavor;
use super::lexer::{Kind, Lexed, Place, Reading, Shape, lex};
use cursor::Cursor;
use verdict::Draft;

/// Why a statement is not recognised; becomes a [`Caution`].
type Unproved = Caution;

/// The judgement of one family: its draft, or why it proves nothing.
type Proof = Result<Draft, Unproved>;

/// What the families need besides the tokens.
#[derive(Debug, Clone, Copy)]
struct Context<'a> {
    flavor: Flavor,
    /// The default database of the session that will run the statement.
    default: Option<&'a str>,
}

/// Judges `text` as a server of `flavor` could read it; `default` is the session's default database.
pub fn classify(text: &str, flavor: Flavor, default: Option<&str>) -> Classified {
    let context = Context { flavor, default };
    match judge_text(text, context) {
        Ok(classified) => classified,
        Err(caution) => Draft::anything(caution).finish(),
    }
}

fn judge_text(text: &str, context: Context<'_>) -> Result<Classified, Unproved> {
    let skipped = lex(text, Reading::Skipped).map_err(Caution::Unreadable)?;
    let mut draft = judge_reading(&skipped, context);
    if let Some(caution) = executable_caution(&skipped) {
        return Err(caution);
    }
    if !skipped.executable.is_empty() {
        let expanded = lex(text, Reading::Expanded).map_err(Caution::Unreadable)?;
        draft = draft.worst(judge_reading(&expanded, context)).warn(Caution::ExecutableComment);
    }
    Ok(draft.finish())
}

/// One plain executable comment has two readings, and both are judged. With more, each server may take its own pick.
fn executable_caution(lexed: &Lexed<'_>) -> Option<Caution> {
    let ambiguous = lexed.executable.iter().any(|comment| comment.shape == Shape::Ambiguous);
    (ambiguous || lexed.executable.len() > 1).then_some(Caution::AmbiguousComment)
}

fn judge_reading(lexed: &Lexed<'_>, context: Context<'_>) -> Draft {
    let mut draft = judge_lexed(lexed, context).unwrap_or_else(Draft::anything);
    for oddity in &lexed.oddities {
        draft = draft.warn(Caution::Odd(*oddity));
    }
    draft
}

fn judge_lexed(lexed: &Lexed<'_>, context: Context<'_>) -> Proof {
    if let Some(oddity) = lexed.oddities.iter().find(|oddity| oddity.place == Place::Code) {
        return Err(Caution::Odd(*oddity));
    }
    if let Some(stray) = lexed.tokens.iter().find(|token| token.kind == Kind::Stray) {
        return Err(Caution::Stray { text: stray.text.to_owned() });
    }
    match lexed.statements()[..] {
        [] => Err(Caution::Statements { found: 0 }),
        [tokens] => judge_statement(Cursor::new(tokens), context),
        ref several => Err(Caution::Statements { found: several.len() }),
    }
}

/// Chooses the family by the first word.
fn judge_statement(cursor: Cursor<'_, '_>, context: Context<'_>) -> Proof {
    if cursor.peek_symbol("(") {
        return query::judge(cursor, context);
    }
    let verb = cursor.verb().ok_or(Caution::Unknown { what: "statement".to_owned() })?;
    match verb.as_str() {
        "SELECT" | "WITH" | "TABLE" | "VALUES" => query::judge(cursor, context),
        "SHOW" => show::show(cursor),
        "EXPLAIN" | "DESCRIBE" | "DESC" => show::explain(cursor, context),
        "HELP" => show::help(cursor),
        "ANALYZE" => maintain::analyze(cursor, context),
        "CHECK" | "CHECKSUM" | "OPTIMIZE" | "REPAIR" => maintain::tables(cursor, context),
        "FLUSH" => maintain::flush(cursor),
        "CREATE" => define::create(cursor, context),
        "DROP" => define::drop(cursor, context),
        "TRUNCATE" => define::truncate(cursor, context),
        "RENAME" => define::rename(cursor, context),
        "ALTER" => alter::judge(cursor, context),
        "INSERT" | "REPLACE" => rows::insert(cursor, context),
        "UPDATE" => rows::update(cursor, context),
        "DELETE" => rows::delete(cursor, context),
        "USE" => serve::use_database(cursor),
        "SET" => serve::set(cursor, context),
        "KILL" => serve::kill(cursor),
        "STOP" => serve::stop(cursor),
        "GRANT" | "REVOKE" => Ok(serve::security()),
        "PURGE" | "RESET" => serve::purge(cursor),
        _ => Err(Caution::Unknown { what: verb }),
    }
}

/// A statement inside of another one. Only those that servers execute there, so that nothing nests without end.
fn judge_inner(cursor: Cursor<'_, '_>, context: Context<'_>) -> Proof {
    let inner = ["SELECT", "WITH", "TABLE", "VALUES", "INSERT", "REPLACE", "UPDATE", "DELETE"];
    let known = cursor.verb().is_some_and(|verb| inner.contains(&verb.as_str()));
    if known || cursor.peek_symbol("(") { judge_statement(cursor, context) } else { Err(cursor.unknown()) }
}
