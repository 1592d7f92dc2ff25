//! Questions about a connection and the server's binary log, asked around a statement and after a lost answer.
//!
//! All of them read, except the user lock and the KILL, which change nothing but our own connections.

use super::dialect::{Dialect, Flavor};
use super::lexer::{Kind, Reading, lex};
use super::quote;
use crate::domain::base::{Digest, RunId, ServerName, TableName};

/// `CONNECTION_ID()` of the connection that asks.
pub const CONNECTION_ID: &str = "SELECT CONNECTION_ID()";

/// Version and comment, as [`Dialect::detect`] takes them.
pub const VERSION: &str = "SELECT @@version, @@version_comment";

/// Every connection that the account may see; those of its own user it always sees.
pub const PROCESSES: &str = "SHOW FULL PROCESSLIST";

/// The longest name that a user lock may have.
const LONGEST_LOCK: usize = 64;

/// The user lock that `run` holds on `server` while it acts there. It keeps a second executor of the same run away.
pub fn lock_name(run: &RunId, server: &ServerName) -> String {
    // A run id has no dot, so the two parts cannot be confused.
    let plain = format!("cs.{run}.{server}");
    if plain.len() <= LONGEST_LOCK { plain } else { format!("cs:{}", &Digest::of(plain.as_bytes()).as_str()[..60]) }
}

/// Takes the lock without waiting. Answers 1, or 0 when it is taken, and who holds it then.
pub fn take_lock(name: &str) -> String {
    let name = quote::string(name);
    format!("SELECT GET_LOCK({name},0), IS_USED_LOCK({name})")
}

/// Gives the lock back.
pub fn give_lock_back(name: &str) -> String {
    format!("DO RELEASE_LOCK({})", quote::string(name))
}

/// The connection that holds the lock, or NULL.
pub fn lock_holder(name: &str) -> String {
    format!("SELECT IS_USED_LOCK({})", quote::string(name))
}

/// When the server was started, in seconds since 1970 by its own clock, which must not be mixed with ours.
pub fn booted(dialect: Dialect) -> String {
    let (table, name) = match dialect.flavor() {
        Flavor::MariaDb => ("information_schema.GLOBAL_STATUS", "UPTIME"),
        Flavor::MySql => ("performance_schema.global_status", "Uptime"),
    };
    format!("SELECT CAST(UNIX_TIMESTAMP() - VARIABLE_VALUE AS SIGNED) FROM {table} WHERE VARIABLE_NAME='{name}'")
}

/// Ends connection `id` and what it does.
pub fn kill(id: u64) -> String {
    format!("KILL CONNECTION {id}")
}

/// Ends what connection `id` executes; the connection and its transaction stay.
pub fn kill_query(id: u64) -> String {
    format!("KILL QUERY {id}")
}

/// Sets the session apart from the binary log, to learn whether the account may.
pub const STOP_LOGGING: &str = "SET SESSION sql_log_bin=0";

/// The triggers of a table, one name a row; only an account with the right TRIGGER sees them.
pub fn triggers(table: &TableName) -> String {
    format!(
        "SELECT TRIGGER_NAME FROM information_schema.TRIGGERS WHERE EVENT_OBJECT_SCHEMA = {} AND EVENT_OBJECT_TABLE = {}",
        quote::string(table.schema()),
        quote::string(table.name())
    )
}

/// Whether the session writes to the binary log.
pub const IS_LOGGING: &str = "SELECT @@SESSION.sql_log_bin";

/// The server's own proof that `statement` is one statement: it must prepare it under `name`, which executes nothing.
///
/// Said in SQL, because client libraries rewrite what they prepare.
pub fn prove_single(name: &str, statement: &str) -> String {
    format!("PREPARE {name} FROM {}", quote::string(statement))
}

/// Forgets what [`prove_single`] prepared.
pub fn forget_proof(name: &str) -> String {
    format!("DEALLOCATE PREPARE {name}")
}

/// Up to `limit` events of the binary log `file` from byte `from` on.
pub fn log_events(file: &str, from: u64, limit: u32) -> String {
    format!("SHOW BINLOG EVENTS IN {} FROM {from} LIMIT {limit}", quote::string(file))
}

/// Whether an event of the binary log, as the server prints it, names `table`.
///
/// Errs towards yes: a table of that name in another schema counts, in a statement that was logged as text.
pub fn event_names(kind: &str, info: &str, table: &TableName) -> bool {
    if kind.eq_ignore_ascii_case("Table_map") {
        return info.to_lowercase().ends_with(&format!("({}.{})", table.schema(), table.name()).to_lowercase());
    }
    let same = |name: &str| name.to_lowercase() == table.name().to_lowercase();
    match lex(info, Reading::Expanded) {
        Ok(lexed) => lexed.tokens.iter().any(|token| match token.kind {
            Kind::Word => same(token.text),
            Kind::Quoted => quote::unquoted_name(token.text).is_some_and(|name| same(&name)),
            _ => false,
        }),
        Err(_) => info.to_lowercase().contains(&table.name().to_lowercase()),
    }
}

/// The next file, if an event of this kind ends its file.
pub fn event_rotates_to<'a>(kind: &str, info: &'a str) -> Option<&'a str> {
    if !kind.eq_ignore_ascii_case("Rotate") {
        return None;
    }
    info.rsplit_once(";pos=").map(|(file, _)| file)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::sql::lexer::count_statements;

    #[test]
    fn a_lock_names_run_and_server_and_fits() {
        let run = RunId::parse("r-9b02").unwrap();
        assert_eq!(lock_name(&run, &"db-a".parse().unwrap()), "cs.r-9b02.db-a");
        let long = RunId::parse(&format!("r-{}", "a".repeat(61))).unwrap();
        let (one, other) = (lock_name(&long, &"db-a".parse().unwrap()), lock_name(&long, &"db-b".parse().unwrap()));
        assert!(one.len() <= 64 && one != other, "{one} {other}");
    }

    #[test]
    fn hostile_text_stays_inside_its_quotes() {
        let evil = "x'); DROP TABLE t; -- \\";
        for text in
            [take_lock(evil), give_lock_back(evil), lock_holder(evil), log_events(evil, 4, 1), prove_single("p", evil)]
        {
            assert_eq!(count_statements(&text).unwrap(), 1, "{text}");
        }
    }

    #[test]
    fn events_that_name_the_table_are_told_from_those_that_name_its_neighbour() {
        let orders: TableName = "shop.orders".parse().unwrap();
        for (kind, info) in [
            ("Query", "use `shop`; DROP TABLE `orders` /* generated by server */"),
            ("Query", "DROP TABLE shop.Orders"),
            ("Query", "RENAME TABLE `shop`.`orders_cs_1` TO `shop`.`orders`"),
            ("Table_map", "table_id: 91 (shop.orders)"),
            ("Query", "DROP TABLE orders /* unterminated"),
        ] {
            assert!(event_names(kind, info, &orders), "{info}");
        }
        for (kind, info) in [
            ("Query", "use `shop`; DROP TABLE `orders_old` /* orders */"),
            ("Query", "INSERT INTO t VALUES ('orders')"),
            ("Table_map", "table_id: 91 (shop.orders_old)"),
            ("Gtid", "SET @@SESSION.GTID_NEXT= '3e11:7'"),
            ("Xid", "COMMIT /* xid=9 */"),
        ] {
            assert!(!event_names(kind, info, &orders), "{info}");
        }
    }

    #[test]
    fn a_rotation_tells_the_next_file() {
        assert_eq!(event_rotates_to("Rotate", "bin.000002;pos=4"), Some("bin.000002"));
        assert_eq!(event_rotates_to("Query", "bin.000002;pos=4"), None);
    }
}
