//! Makes the statement that creates a table's twin under another name, from what `SHOW CREATE TABLE` prints.
//!
//! Edits by token, never by text search: a column, a comment or a default may well contain the table's name. What
//! would not survive the detour over a twin is refused here, by name, before anything is created.

use std::ops::Range;

use super::dialect::Flavor;
use super::lexer::{Kind, LexError, Lexed, Reading, Token, lex};
use super::quote;
use crate::domain::base::TableName;

/// Why a table cannot have a twin.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoTwin {
    #[error("expected the definition of a table, found text that cannot be read: {0}")]
    Unreadable(#[from] LexError),
    #[error("expected a definition that begins with CREATE TABLE and a quoted name: copy tables only")]
    NotATable,
    #[error(
        "expected a table without foreign keys of its own, found one: its name is taken while the damaged table \
         stands, so drop that one first"
    )]
    ForeignKey,
    #[error("expected a table without system versioning, found one: copying would lose the history of its rows")]
    Versioned,
    #[error(
        "expected check constraints named by the server, found `{name}`: the name is taken while the damaged table \
         stands, so drop that one first"
    )]
    NamedCheck { name: String },
}

/// The definition that creates the twin `into` of the table that `create` defines.
pub fn twin(flavor: Flavor, create: &str, into: &TableName) -> Result<String, NoTwin> {
    let lexed = lex(create, Reading::Expanded)?;
    let name = name_token(&lexed)?;
    refuse(&lexed)?;
    let mut edits = checks(flavor, &lexed, name)?;
    edits.push((name.at..name.end(), quote::table(into)));
    Ok(edited(create, edits))
}

/// The definition without what differs between twins: the name, what the server derives from it, and the counter of
/// AUTO_INCREMENT, which every insert moves. Equal texts mean equal definitions.
pub fn comparable(flavor: Flavor, create: &str) -> Result<String, NoTwin> {
    let lexed = lex(create, Reading::Expanded)?;
    let name = name_token(&lexed)?;
    let mut edits = checks(flavor, &lexed, name)?;
    edits.push((name.at..name.end(), "_".to_owned()));
    edits.extend(counter(&lexed).map(|range| (range, String::new())));
    Ok(edited(create, edits))
}

fn name_token<'a>(lexed: &Lexed<'a>) -> Result<Token<'a>, NoTwin> {
    match lexed.tokens.as_slice() {
        [create, table, name, ..] if create.is("CREATE") && table.is("TABLE") && name.kind == Kind::Quoted => Ok(*name),
        _ => Err(NoTwin::NotATable),
    }
}

fn refuse(lexed: &Lexed<'_>) -> Result<(), NoTwin> {
    let follow = |first: &str, second: &str| {
        lexed.tokens.windows(2).any(|pair| matches!(pair, [one, two] if one.is(first) && two.is(second)))
    };
    if follow("FOREIGN", "KEY") {
        return Err(NoTwin::ForeignKey);
    }
    if follow("SYSTEM", "VERSIONING") || follow("SYSTEM_TIME", "(") || follow("FOR", "SYSTEM_TIME") {
        return Err(NoTwin::Versioned);
    }
    Ok(())
}

/// On MySQL the names of check constraints are unique in their schema. Those that the server made of the table's name
/// are left out, so that it makes new ones, which follow the table when it is renamed.
fn checks(flavor: Flavor, lexed: &Lexed<'_>, table: Token<'_>) -> Result<Vec<(Range<usize>, String)>, NoTwin> {
    if flavor == Flavor::MariaDb {
        return Ok(Vec::new());
    }
    let table = quote::unquoted_name(table.text).ok_or(NoTwin::NotATable)?;
    let mut edits = Vec::new();
    for triple in lexed.tokens.windows(3) {
        let [constraint, name, check] = triple else { continue };
        if !(constraint.is("CONSTRAINT") && name.kind == Kind::Quoted && check.is("CHECK")) {
            continue;
        }
        let name = quote::unquoted_name(name.text).ok_or(NoTwin::NotATable)?;
        let number = name.strip_prefix(&table).and_then(|rest| rest.strip_prefix("_chk_"));
        if !number.is_some_and(|number| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())) {
            return Err(NoTwin::NamedCheck { name });
        }
        edits.push((constraint.at..check.at, String::new()));
    }
    Ok(edits)
}

/// Where the table option `AUTO_INCREMENT=n` stands, with one space before it.
fn counter(lexed: &Lexed<'_>) -> Option<Range<usize>> {
    let mut depth = 0_usize;
    for triple in lexed.tokens.windows(3) {
        let [word, equals, number] = triple else { continue };
        if word.is_symbol("(") {
            depth += 1;
        } else if word.is_symbol(")") {
            depth = depth.saturating_sub(1);
        }
        let is_counter = word.is("AUTO_INCREMENT") && equals.is_symbol("=") && number.kind == Kind::Number;
        if depth == 0 && is_counter {
            return Some(word.at.saturating_sub(1)..number.end());
        }
    }
    None
}

/// Applies edits that do not overlap.
fn edited(text: &str, mut edits: Vec<(Range<usize>, String)>) -> String {
    edits.sort_by_key(|(range, _)| range.start);
    let mut out = String::with_capacity(text.len() + 64);
    let mut done = 0;
    for (range, replacement) in edits {
        out.push_str(&text[done..range.start]);
        out.push_str(&replacement);
        done = range.end;
    }
    out.push_str(&text[done..]);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const ORDERS: &str = "CREATE TABLE `orders` (\n  `id` int NOT NULL AUTO_INCREMENT,\n  `orders` varchar(9) DEFAULT \
                          'CREATE TABLE `orders`' COMMENT 'AUTO_INCREMENT=3',\n  PRIMARY KEY (`id`)\n) ENGINE=InnoDB \
                          AUTO_INCREMENT=1207 DEFAULT CHARSET=utf8mb4 COMMENT='`orders` AUTO_INCREMENT=9'";

    fn into() -> TableName {
        TableName::new("sh`op", "orders_cs_1").unwrap()
    }

    #[test]
    fn only_the_tables_own_name_changes() {
        let twin = twin(Flavor::MySql, ORDERS, &into()).unwrap();
        assert_eq!(twin, ORDERS.replacen("`orders`", "`sh``op`.`orders_cs_1`", 1));
    }

    #[test]
    fn twins_compare_equal_whatever_their_name_and_counter() {
        let other = ORDERS.replacen("`orders`", "`other`", 1).replacen(" AUTO_INCREMENT=1207", "", 1);
        let comparable = |text: &str| comparable(Flavor::MySql, text).unwrap();
        assert_eq!(comparable(ORDERS), comparable(&other));
        assert_ne!(comparable(ORDERS), comparable(&ORDERS.replace("varchar(9)", "varchar(8)")));
        assert!(comparable(ORDERS).contains("AUTO_INCREMENT=9"), "a comment is no counter");
    }

    #[test]
    fn names_of_checks_that_mysql_made_are_made_anew() {
        let create = "CREATE TABLE `t` (\n  `a` int,\n  CONSTRAINT `t_chk_1` CHECK ((`a` > 0))\n) ENGINE=InnoDB";
        assert!(twin(Flavor::MySql, create, &into()).unwrap().contains("  CHECK ((`a` > 0))"));
        assert!(twin(Flavor::MariaDb, create, &into()).unwrap().contains("CONSTRAINT `t_chk_1` CHECK"));
        let named = create.replace("t_chk_1", "positive");
        assert_eq!(twin(Flavor::MySql, &named, &into()), Err(NoTwin::NamedCheck { name: "positive".to_owned() }));
    }

    #[test]
    fn what_a_twin_cannot_have_is_refused() {
        let with = |clause: &str| format!("CREATE TABLE `t` (`a` int, {clause}) ENGINE=InnoDB");
        let key = with("CONSTRAINT `k` FOREIGN KEY (`a`) REFERENCES `p` (`a`)");
        assert_eq!(twin(Flavor::MariaDb, &key, &into()), Err(NoTwin::ForeignKey));
        let versioned = format!("{} WITH SYSTEM VERSIONING", with("KEY `a` (`a`)"));
        assert_eq!(twin(Flavor::MariaDb, &versioned, &into()), Err(NoTwin::Versioned));
        assert!(twin(Flavor::MySql, &with("KEY `FOREIGN KEY` (`a`)"), &into()).is_ok());
        for text in ["CREATE VIEW `t` AS SELECT 1", "CREATE TEMPORARY TABLE `t` (`a` int)", ""] {
            assert_eq!(twin(Flavor::MySql, text, &into()), Err(NoTwin::NotATable));
        }
    }
}
