//! The form of a row: how the fleet is prepared, the statement, what must be predicted, and what must come.

use countersign::lab::Flavor;

/// One thing to do to the fleet. Statements are given for MariaDB and for MySQL; `$d` is the row's schema and `$port(s)`
/// the port of a server.
#[derive(Debug, Clone, Copy)]
pub enum Do {
    Sql(&'static str, (&'static str, &'static str)),
    /// Sets an option in the server's file and restarts it; `None` takes the options that were set away.
    Restart(&'static str, Option<(&'static str, &'static str)>),
    /// Makes a replica start anew from where its source is now.
    Rebuild(&'static str),
    /// Waits until every link of the server receives.
    WaitFlowing(&'static str),
    /// Waits until a link of the server says that it is broken.
    WaitBroken(&'static str),
    /// Makes the server count the row's statement as executed without executing it.
    Inject(&'static str),
    /// Executes the row's statement once, so that what follows happens behind it.
    Execute,
    /// Lets the applier of a stopped replica run up to (MySQL) or through (MariaDB) the next transaction of `db-a`.
    StartUntilNext(&'static str),
    /// Waits until nothing moves any more.
    Settle,
    /// The same, and for what delays keep back as well.
    WaitDelays,
    /// Takes all of a server's binary logs away but the one it writes.
    Purge(&'static str),
}

/// When the product is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// Before the statement is executed, as always.
    Before,
    /// Of a statement that was executed among the preparations: what will it still reach?
    OfExecuted,
}

/// How one sees that a statement arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seen {
    /// By the table: there or not, its rows, its definition, its id.
    InTheTable,
    /// By the server's general log, for statements that leave a table as it was.
    InTheLog,
}

/// Who executes the statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Through {
    Session,
    /// An event of the server's scheduler.
    Event,
}

/// Where a row can run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Runs {
    Everywhere,
    /// On one flavour; the other has no such thing, for this reason.
    Only(Flavor, &'static str),
    /// Nowhere here, for this reason.
    Nowhere(&'static str),
}

/// One row of the tables of facts.
#[derive(Debug, Clone, Copy)]
pub struct Row {
    /// Which facts it proves, for example `T3`.
    pub id: &'static str,
    pub says: &'static str,
    /// Rows of other tables that say the same.
    pub also: &'static [&'static str],
    pub runs: Runs,
    pub prepare: &'static [Do],
    /// The server that executes the statement, the session's default database, and whether it logs.
    pub on: &'static str,
    pub database: Option<&'static str>,
    pub unlogged: bool,
    pub sql: &'static str,
    pub through: Through,
    pub asked: Asked,
    pub seen: Seen,
    /// The servers that do not have the tables.
    pub absent: &'static [&'static str],
    pub engine: &'static str,
    /// A schema of this name instead of the row's own.
    pub schema: Option<&'static str>,
    /// Managers that the fleet file declares.
    pub managers: &'static [&'static str],
    /// By table, on `db-a` to `db-d`: the word of the prediction; behind a slash what came, where the word does not say.
    pub expect: &'static [(&'static str, [&'static str; 4])],
    pub undo: &'static [Do],
    /// Servers where what was held or delayed never arrives.
    pub never_arrives: &'static [&'static str],
    /// Done after everything was compared, to give the next row a healthy fleet.
    pub repair: &'static [Do],
}

/// A row with nothing special; the table names what differs.
pub const PLAIN: Row = Row {
    id: "",
    says: "",
    also: &[],
    runs: Runs::Everywhere,
    prepare: &[],
    on: "db-a",
    database: None,
    unlogged: false,
    sql: "DROP TABLE $d.t",
    through: Through::Session,
    asked: Asked::Before,
    seen: Seen::InTheTable,
    absent: &[],
    engine: "InnoDB",
    schema: None,
    managers: &[],
    expect: &[("t", ["runs_here", "now", "now", "now"])],
    undo: &[],
    never_arrives: &[],
    repair: &[],
};

impl Row {
    pub fn schema(&self) -> String {
        self.schema.map_or_else(
            || {
                let word: String = self.id.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
                format!("d_{}", word.to_ascii_lowercase())
            },
            str::to_owned,
        )
    }

    pub fn runs_on(&self, flavor: Flavor) -> bool {
        match self.runs {
            Runs::Everywhere => true,
            Runs::Only(only, _) => only == flavor,
            Runs::Nowhere(_) => false,
        }
    }
}
