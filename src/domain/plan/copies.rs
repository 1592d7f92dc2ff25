//! Where the data is good: one row for each server's copy of a table, as it stands at one moment of a plan.

use serde::Serialize;

use crate::domain::base::{ServerName, TableName};
use crate::domain::reach::copies::fenced;
use crate::domain::reach::{Copy, copy_of};
use crate::domain::snapshot::{Look, Snapshot};
use crate::domain::vocabulary::World;
use crate::domain::vocabulary::private::{is_private, private_table};

/// The state of a copy in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Word {
    Good,
    Corrupt,
    Absent,
    /// It is there, and nothing proves it.
    Unproved,
    Unknown,
}

/// One server's copy of one table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CopyRow {
    pub table: TableName,
    pub server: ServerName,
    pub cell: Cell,
}

/// What is known of one copy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Cell {
    pub copy: Word,
    /// Why, where one word is too little.
    pub why: Option<String>,
    /// The run's private table beside it, if it is there.
    pub beside: Option<Word>,
    /// A fence keeps everything away from the server.
    pub out_of_reach: bool,
}

/// The copies of every table of the run, in the order of tables and servers.
pub(super) fn rows(world: World<'_>, snapshot: &Snapshot) -> Vec<CopyRow> {
    let own = world.tables.iter().filter(|table| !is_private(table, world.run, world.tables));
    own.flat_map(|table| {
        world.fleet.servers.keys().map(|server| {
            let cell = cell(world, snapshot, server, table);
            CopyRow { table: table.clone(), server: server.clone(), cell }
        })
    })
    .collect()
}

fn cell(world: World<'_>, snapshot: &Snapshot, server: &ServerName, table: &TableName) -> Cell {
    let mut look = Look::at(snapshot);
    let (copy, why) = word(copy_of(&mut look, &world.fleet.rules, server, table));
    let private = private_table(table, world.run);
    let beside = match word(copy_of(&mut look, &world.fleet.rules, server, &private)).0 {
        Word::Absent | Word::Unknown => None,
        there => Some(there),
    };
    Cell { copy, why, beside, out_of_reach: fenced(&mut look, server) }
}

fn word(copy: Copy) -> (Word, Option<String>) {
    match copy {
        Copy::Good { .. } => (Word::Good, None),
        Copy::Corrupt { why } => (Word::Corrupt, Some(why)),
        Copy::Absent => (Word::Absent, None),
        Copy::Unproved { why } => (Word::Unproved, Some(why)),
        Copy::Unknown { why } => (Word::Unknown, Some(why)),
    }
}

impl std::fmt::Display for Cell {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let word = match self.copy {
            Word::Good => "GOOD",
            Word::Corrupt => "CORRUPT",
            Word::Absent => "ABSENT",
            Word::Unproved => "unproved",
            Word::Unknown => "unknown",
        };
        let beside = match self.beside {
            None => "",
            Some(Word::Good) => " +GOOD",
            Some(_) => " +loading",
        };
        let fence = if self.out_of_reach { " ||" } else { "" };
        f.pad(&format!("{word}{beside}{fence}"))
    }
}
