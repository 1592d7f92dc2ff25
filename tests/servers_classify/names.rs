//! Every word that a server knows, as the name of a stored function that writes: what is classed harmless calls none.

use std::collections::BTreeSet;

use countersign::lab::{Account, Flavor};
use mysql_async::Conn;
use mysql_async::prelude::Queryable;

use crate::fixture::{Fixture, db_a};
use crate::judge::Case;

/// Names that are in no list of the server's, and one that nobody would take for built in.
const MORE: &[&str] = &["count", "now", "md5", "sha", "password", "over", "against", "row", "any_value", "surely_mine"];

/// Ways in which a word may stand before a parenthesis. `@` is the word, `#` its arguments.
const FORMS: &[&str] = &[
    "SELECT @(#)",
    "SELECT @ (#)",
    "SELECT @/**/(#)",
    "SELECT 1 + @(#)",
    "SELECT (1) @(#)",
    "SELECT (1) @ (#)",
    "SELECT 1 AS @(#)",
    "SELECT 1 FROM t WHERE @(#)",
    "SELECT 1 FROM t WHERE a @ (#)",
    "SELECT 1 FROM t WHERE 1 AND @ (#)",
    "SELECT 1 FROM t ORDER BY @(#)",
    "SELECT @((SELECT 1))",
    "SELECT @(SELECT 1)",
    "SELECT SUM(1) OVER (), @(#) FROM t",
    "SHOW STATUS WHERE @(#)",
    "EXPLAIN SELECT @(#)",
    "EXPLAIN UPDATE t SET a = 1 WHERE @(#)",
];

/// How many arguments the stored functions take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Arity {
    None,
    One,
}

impl Arity {
    const fn parameters(self) -> &'static str {
        match self {
            Self::None => "",
            Self::One => "n INT",
        }
    }

    const fn arguments(self) -> &'static str {
        match self {
            Self::None => "",
            Self::One => "1",
        }
    }
}

async fn words(conn: &mut Conn, flavor: Flavor) -> BTreeSet<String> {
    let mut words: Vec<String> = conn.query("SELECT WORD FROM information_schema.KEYWORDS").await.unwrap();
    if flavor == Flavor::Mariadb {
        let functions: Vec<String> = conn.query("SELECT FUNCTION FROM information_schema.SQL_FUNCTIONS").await.unwrap();
        words.extend(functions);
    }
    let known = words.iter().map(String::as_str).chain(MORE.iter().copied());
    let is_word = |word: &&str| word.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    known.filter(is_word).map(str::to_ascii_lowercase).collect()
}

async fn called(conn: &mut Conn) -> BTreeSet<String> {
    let names: Vec<String> = conn.query("SELECT what FROM shop.audit").await.unwrap();
    conn.query_drop("DELETE FROM shop.audit").await.unwrap();
    names.into_iter().collect()
}

pub async fn no_stored_function_is_called(flavor: Flavor) {
    let fixture = Fixture::start(flavor).await;
    let mut conn = fixture.topology.connect(&db_a(), Account::Root).await.unwrap();
    conn.query_drop("USE shop").await.unwrap();
    let words = words(&mut conn, flavor).await;
    assert!(words.len() > 600, "only {} words", words.len());
    let mut executed = 0;
    for arity in [Arity::None, Arity::One] {
        for word in &words {
            conn.query_drop(format!("DROP FUNCTION IF EXISTS `{word}`")).await.unwrap();
            let body = format!("BEGIN INSERT INTO shop.audit (what) VALUES ('{word}'); RETURN 1; END");
            let parameters = arity.parameters();
            conn.query_drop(format!("CREATE FUNCTION `{word}`({parameters}) RETURNS INT DETERMINISTIC {body}"))
                .await
                .unwrap();
            for form in FORMS {
                let text = form.replace('@', word).replace('#', arity.arguments());
                if Case::new(&text, flavor).is_harmless() {
                    // Most are refused as nonsense; only what they wrote counts.
                    let _ = conn.query_drop(&text).await;
                    executed += 1;
                }
            }
        }
        assert_eq!(called(&mut conn).await, BTreeSet::new(), "with {arity:?} arguments");
        let control = format!("SELECT surely_mine({})", arity.arguments());
        conn.query_drop(control).await.unwrap();
        assert_eq!(called(&mut conn).await, BTreeSet::from(["surely_mine".to_owned()]));
    }
    assert!(executed > 1_000, "only {executed} statements were sent");
    conn.disconnect().await.unwrap();
    fixture.topology.end().await.unwrap();
}
