//! Queries: proves that one only reads.
//!
//! Not a grammar. Beyond reading, a query can only write into files or variables, lock rows, draw from a sequence,
//! change settings by a hint, or call a function. Each of these needs a reserved word, an operator, a hint or a name
//! before a parenthesis, so it is enough to look at every token.

use super::cursor::{Cursor, Named};
use super::functions::{Callable, callable};
use super::verdict::{Caution, Class, Draft, Effect, Logging};
use super::{Context, Proof, Unproved};
use crate::domain::sql::lexer::{Kind, Token};
use crate::domain::sql::quote;

/// Words that no harmless query has unquoted. All are reserved in both flavours or begin a form that writes.
#[rustfmt::skip]
const FORBIDDEN: &[&str] = &[
    "ALTER", "ANALYSE", "CALL", "CREATE", "DELETE", "DROP", "DUMPFILE", "EXECUTE", "GRANT", "INSERT", "INTO",
    "LASTVAL", "LOAD", "LOCK", "NEXTVAL", "OUTFILE", "PREPARE", "PREVIOUS", "PROCEDURE", "PURGE", "RENAME",
    "REPLACE", "RETURNING", "REVOKE", "SET", "SETVAL", "UNLOCK", "UPDATE",
];

/// Tables of `information_schema` that a server empties when they are read, so that a query of them loses what they count.
const EMPTIED_BY_READING: &[&str] = &["INNODB_CMP_RESET", "INNODB_CMPMEM_RESET", "INNODB_CMP_PER_INDEX_RESET"];

/// What may follow `FOR` when it does not lock.
const AFTER_FOR: &[&str] = &["SYSTEM_TIME", "JOIN", "ORDER", "GROUP"];

/// Hints that choose a plan or a time limit and nothing else.
#[rustfmt::skip]
const HINTS: &[&str] = &[
    "BKA", "BNL", "DERIVED_CONDITION_PUSHDOWN", "GROUP_INDEX", "HASH_JOIN", "INDEX", "INDEX_MERGE", "JOIN_FIXED_ORDER",
    "JOIN_INDEX", "JOIN_ORDER", "JOIN_PREFIX", "JOIN_SUFFIX", "MAX_EXECUTION_TIME", "MERGE", "MRR", "NO_BKA",
    "NO_BNL", "NO_DERIVED_CONDITION_PUSHDOWN", "NO_GROUP_INDEX", "NO_HASH_JOIN", "NO_ICP", "NO_INDEX",
    "NO_INDEX_MERGE", "NO_JOIN_INDEX", "NO_MERGE", "NO_MRR", "NO_ORDER_INDEX", "NO_RANGE_OPTIMIZATION",
    "NO_SEMIJOIN", "NO_SKIP_SCAN", "ORDER_INDEX", "QB_NAME", "SEMIJOIN", "SKIP_SCAN", "SUBQUERY",
];

/// Which statement the scanned tokens belong to; each has words of its own that are harmless there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Within {
    Query,
    /// The part of a row change after its verb and target, where `SET`, `UPDATE` and the like belong.
    RowChange,
}

pub(super) fn judge(cursor: Cursor<'_, '_>, context: Context<'_>) -> Proof {
    let tokens = cursor.rest();
    prove_pure(tokens, Within::Query, context)?;
    if !tokens.iter().any(|token| ["SELECT", "TABLE", "VALUES"].iter().any(|verb| token.is(verb))) {
        return Err(cursor.unknown());
    }
    Ok(with_reads(Draft::new(Class::Read, Logging::Never), tokens, context))
}

/// Adds the tables that `tokens` read, apart from those to which the statement does more.
pub(super) fn with_reads(draft: Draft, tokens: &[Token<'_>], context: Context<'_>) -> Draft {
    tables_read(tokens)
        .iter()
        .map(|named| named.object(context))
        .fold(draft, |draft, object| if draft.touches(&object) { draft } else { draft.touch(object, Effect::Read) })
}

/// Succeeds if nothing among `tokens` can change anything.
pub(super) fn prove_pure(tokens: &[Token<'_>], within: Within, context: Context<'_>) -> Result<(), Unproved> {
    for (at, token) in tokens.iter().enumerate() {
        let next = tokens.get(at + 1);
        let qualified = at > 0 && tokens[at - 1].is_symbol(".");
        match token.kind {
            Kind::Symbol if matches!(token.text, ":=" | "{" | "}") => return Err(forbidden(token)),
            Kind::Hint => prove_hint(token)?,
            Kind::Word if !qualified => prove_word(token, next, within)?,
            _ => {}
        }
        prove_name(token)?;
        if matches!(token.kind, Kind::Word | Kind::Quoted) && next.is_some_and(|next| next.is_symbol("(")) {
            prove_call(tokens, at, qualified, context)?;
        }
    }
    Ok(())
}

fn forbidden(token: &Token<'_>) -> Caution {
    Caution::Forbidden { word: token.text.to_owned() }
}

fn prove_word(token: &Token<'_>, next: Option<&Token<'_>>, within: Within) -> Result<(), Unproved> {
    let calls = next.is_some_and(|next| next.is_symbol("(") && next.at == token.end());
    let is = |words: &[&str]| words.iter().any(|word| token.is(word));
    let function_too = calls && is(&["INSERT", "REPLACE"]);
    let at_home = within == Within::RowChange && is(&["SET", "UPDATE", "RETURNING"]);
    if is(FORBIDDEN) && !function_too && !at_home {
        return Err(forbidden(token));
    }
    let locks = |next: &Token<'_>| next.kind != Kind::Number && !AFTER_FOR.iter().any(|word| next.is(word));
    if token.is("FOR") && next.is_none_or(locks) {
        return Err(forbidden(token));
    }
    let draws = |next: &Token<'_>| next.is("VALUE");
    if token.is("NEXT") && next.is_some_and(draws) {
        return Err(forbidden(token));
    }
    Ok(())
}

/// Wherever such a name stands: schema, quoting and aliases do not change what reading the table does.
fn prove_name(token: &Token<'_>) -> Result<(), Unproved> {
    let name = match token.kind {
        Kind::Word => Some(token.text.to_owned()),
        Kind::Quoted => quote::unquoted_name(token.text),
        _ => None,
    };
    let emptied = |name: &String| EMPTIED_BY_READING.iter().any(|table| table.eq_ignore_ascii_case(name));
    if name.as_ref().is_some_and(emptied) { Err(forbidden(token)) } else { Ok(()) }
}

fn prove_hint(token: &Token<'_>) -> Result<(), Unproved> {
    let inside = token.text.trim_start_matches("/*+").trim_end_matches("*/");
    let mut depth = 0_i32;
    let mut word = String::new();
    for character in inside.chars().chain([' ']) {
        if character.is_ascii_alphanumeric() || matches!(character, '_' | '@' | '.') {
            word.push(character);
            continue;
        }
        let listed = HINTS.iter().any(|hint| hint.eq_ignore_ascii_case(&word));
        if depth == 0 && !word.is_empty() && !listed {
            return Err(Caution::Forbidden { word });
        }
        word.clear();
        match character {
            '(' => depth += 1,
            ')' if depth > 0 => depth -= 1,
            ' ' | ',' | '\n' | '\t' => {}
            _ => return Err(Caution::Forbidden { word: token.text.to_owned() }),
        }
    }
    Ok(())
}

/// Judges the name at `at`, which stands before a parenthesis.
fn prove_call(tokens: &[Token<'_>], at: usize, qualified: bool, context: Context<'_>) -> Result<(), Unproved> {
    let (name, open) = (&tokens[at], &tokens[at + 1]);
    if is_column_list(tokens, at) {
        return Ok(());
    }
    let unknown = Err(Caution::UnknownFunction { name: name.text.to_owned() });
    if qualified || name.kind == Kind::Quoted {
        return unknown;
    }
    // With a space between, a server takes many built-in names for stored functions.
    let adjacent = open.at == name.end();
    let before = at.checked_sub(1).and_then(|before| tokens.get(before));
    let inside = tokens.get(at + 2);
    match callable(name.text, context.flavor) {
        Callable::Syntax => Ok(()),
        Callable::Type if before.is_some_and(|token| token.is("AS")) => Ok(()),
        Callable::BeforeSelect if inside.is_some_and(|token| token.is("SELECT")) => Ok(()),
        Callable::AfterParenthesis if before.is_some_and(|token| token.is_symbol(")")) => Ok(()),
        Callable::Pure if adjacent || is_syntax_too(name) => Ok(()),
        Callable::Window if adjacent && followed_by_over(&tokens[at + 1..]) => Ok(()),
        Callable::PureIfEmpty if adjacent && inside.is_some_and(|token| token.is_symbol(")")) => Ok(()),
        _ => unknown,
    }
}

/// Reserved words among the functions: no stored function can have them as an unquoted name.
fn is_syntax_too(name: &Token<'_>) -> bool {
    ["IF", "CONVERT", "CHAR", "INTERVAL", "LEFT", "RIGHT", "MOD", "DATABASE", "VALUES"].iter().any(|word| name.is(word))
}

/// Whether `tokens[at]` is the name of a common table expression or derived table with its columns, as in
/// `seq (n) AS (`: words only, then `AS (`. No call looks like that.
fn is_column_list(tokens: &[Token<'_>], at: usize) -> bool {
    let Some(length) = tokens[at + 1..].iter().position(|token| token.is_symbol(")")) else { return false };
    let inside = &tokens[at + 2..at + 1 + length];
    let after = &tokens[at + 2 + length..];
    let names = inside.iter().all(|token| matches!(token.kind, Kind::Word | Kind::Quoted) || token.is_symbol(","));
    names && !inside.is_empty() && after.len() >= 2 && after[0].is("AS") && after[1].is_symbol("(")
}

fn followed_by_over(from_parenthesis: &[Token<'_>]) -> bool {
    let mut depth = 0_u32;
    for (at, token) in from_parenthesis.iter().enumerate() {
        if token.is_symbol("(") {
            depth += 1;
        } else if token.is_symbol(")") {
            depth = depth.saturating_sub(1);
            if depth == 0 {
                return from_parenthesis.get(at + 1).is_some_and(|next| next.is("OVER"));
            }
        }
    }
    false
}

/// The tables that stand after FROM, JOIN, TABLE and the commas of a FROM list; without the names that WITH defines.
pub(super) fn tables_read(tokens: &[Token<'_>]) -> Vec<Named> {
    let defined = defined_names(tokens);
    let mut found: Vec<Named> = Vec::new();
    let mut lists = vec![Listing::Outside];
    for (at, token) in tokens.iter().enumerate() {
        let introduces = introduces_table(token, &lists);
        step_lists(tokens, at, &mut lists);
        let named = introduces.then(|| named_at(&tokens[at + 1..])).flatten();
        if let Some(named) = named
            && !(named.schema.is_none() && defined.contains(&named.name.to_ascii_lowercase()))
            && !(named.schema.is_none() && named.name.eq_ignore_ascii_case("dual"))
            && !found.contains(&named)
        {
            found.push(named);
        }
    }
    found
}

/// The tables that an INSERT or UPDATE names before its columns, values or SET.
pub(super) fn tables_first_named(tokens: &[Token<'_>]) -> Vec<Named> {
    let ends = |token: &Token<'_>| ["SET", "VALUES", "VALUE", "SELECT", "WITH"].iter().any(|word| token.is(word));
    let head = &tokens[..tokens.iter().position(ends).unwrap_or(tokens.len())];
    let after_commas = head.iter().enumerate().filter(|(_, token)| token.is_symbol(",")).map(|(at, _)| &head[at + 1..]);
    std::iter::once(head).chain(after_commas).filter_map(named_at).collect()
}

/// Whether a comma at this depth of parentheses separates tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Listing {
    Outside,
    /// After FROM, until a clause ends the list.
    Tables,
    /// Inside the parentheses of a function that has a FROM of its own.
    Function,
}

fn introduces_table(token: &Token<'_>, lists: &[Listing]) -> bool {
    match lists.last() {
        Some(Listing::Function) => false,
        Some(Listing::Tables) if token.is_symbol(",") => true,
        _ => ["FROM", "JOIN", "STRAIGHT_JOIN", "TABLE"].iter().any(|word| token.is(word)),
    }
}

fn step_lists(tokens: &[Token<'_>], at: usize, lists: &mut Vec<Listing>) {
    let token = &tokens[at];
    if token.is_symbol("(") {
        let before = at.checked_sub(1).map(|before| &tokens[before]);
        let is = |words: &[&str]| before.is_some_and(|token| words.iter().any(|word| token.is(word)));
        let inside = match lists.last() {
            _ if is(&["EXTRACT", "TRIM", "SUBSTRING", "SUBSTR", "MID", "POSITION"]) => Listing::Function,
            Some(Listing::Tables) if is(&["FROM", "JOIN"]) || before.is_some_and(|t| t.is_symbol(",")) => {
                Listing::Tables
            }
            _ => Listing::Outside,
        };
        lists.push(inside);
    } else if token.is_symbol(")") && lists.len() > 1 {
        lists.pop();
    } else if let Some(current) = lists.last_mut()
        && *current != Listing::Function
    {
        if token.is("FROM") {
            *current = Listing::Tables;
        } else if ["WHERE", "GROUP", "HAVING", "ORDER", "LIMIT", "UNION", "SELECT", "WINDOW"]
            .iter()
            .any(|w| token.is(w))
        {
            *current = Listing::Outside;
        }
    }
}

fn named_at(tokens: &[Token<'_>]) -> Option<Named> {
    let name = |token: &Token<'_>| match token.kind {
        Kind::Word => Some(token.text.to_owned()),
        Kind::Quoted => quote::unquoted_name(token.text),
        _ => None,
    };
    // A parenthesis may be opened before the first table of a join.
    let start = tokens.iter().position(|token| !token.is_symbol("("))?;
    let first = tokens.get(start).filter(|token| !(token.is("SELECT") || token.is("VALUES") || token.is("WITH")))?;
    match tokens.get(start + 1) {
        Some(dot) if dot.is_symbol(".") => {
            Some(Named { schema: Some(name(first)?), name: name(tokens.get(start + 2)?)? })
        }
        _ => Some(Named { schema: None, name: name(first)? }),
    }
}

/// The lower-case names before `AS (` or before a column list and `AS (`.
fn defined_names(tokens: &[Token<'_>]) -> Vec<String> {
    let mut names = Vec::new();
    for (at, token) in tokens.iter().enumerate() {
        let plain =
            tokens.get(at + 1).is_some_and(|t| t.is("AS")) && tokens.get(at + 2).is_some_and(|t| t.is_symbol("("));
        let with_columns = tokens.get(at + 1).is_some_and(|t| t.is_symbol("(")) && is_column_list(tokens, at);
        if (plain || with_columns)
            && let Some(named) = named_at(&tokens[at..=at])
            && matches!(token.kind, Kind::Word | Kind::Quoted)
        {
            names.push(named.name.to_ascii_lowercase());
        }
    }
    names
}
