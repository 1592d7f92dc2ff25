//! Random statements from a small grammar. Each takes tables that no statement of the topology has touched before, so
//! that what one did does not decide about the next.

use std::collections::BTreeSet;

use countersign::simulate::Dice;
use serde::Serialize;

use crate::shape::Shape;
use crate::state::State;

/// What a statement does to a table, as far as it can be seen afterwards.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub enum Leaves {
    /// Seen wherever the table exists.
    Change,
    /// Seen wherever the table does not exist.
    Made,
    /// Never seen.
    Nothing,
}

impl Leaves {
    /// Whether a statement that leaves this mark on `object` can be seen on a server in this state.
    pub fn shows(self, object: &str, state: &State) -> bool {
        match self {
            Self::Change => state.contains_key(object),
            Self::Made => !state.contains_key(object),
            Self::Nothing => false,
        }
    }
}

/// One statement and the session that sends it.
#[derive(Debug, Clone, Serialize)]
pub struct Statement {
    pub on: usize,
    pub sql: String,
    pub database: Option<&'static str>,
    pub unlogged: bool,
    /// What it names, by the names of [`State`], with the mark it leaves.
    pub objects: Vec<(String, Leaves)>,
    pub verb: &'static str,
    /// A table that is taken away on the executing server first, so that the statement destroys elsewhere only.
    pub missing: Option<String>,
}

/// The names that are left to be used.
pub struct Source {
    free: Vec<&'static str>,
    /// Names that no table has yet.
    unmade: Vec<&'static str>,
    unmoved: bool,
    dice: Dice,
}

const WHOLE: [&str; 12] =
    ["d.t1", "d.t2", "d.t3", "d.t4", "d.t5", "d.t6", "d.t7", "d.t8", "o.t1", "o.t2", "o.t3", "o.t4"];

/// The grammar: a name to count by, and the form. What destroys comes more often.
const FORMS: [(&str, &str); 25] = [
    ("DROP", "DROP TABLE {one}"),
    ("DROP", "DROP TABLE {one}"),
    ("DROP", "DROP TABLE {one}"),
    ("DROP 2", "DROP TABLE {one}, {two}"),
    ("DROP IF EXISTS", "DROP TABLE IF EXISTS {one}"),
    ("DROP IF EXISTS", "DROP TABLE IF EXISTS {one}"),
    ("TRUNCATE", "TRUNCATE TABLE {one}"),
    ("TRUNCATE", "TRUNCATE TABLE {one}"),
    ("DELETE", "DELETE FROM {one} WHERE id > 1"),
    ("DELETE", "DELETE FROM {one} WHERE id > 1"),
    ("UPDATE", "UPDATE {one} SET v = v + 1"),
    ("INSERT", "INSERT INTO {one} VALUES (70, 7)"),
    ("ALTER ADD", "ALTER TABLE {one} ADD COLUMN w INT"),
    ("ALTER ENGINE", "ALTER TABLE {one} ENGINE=InnoDB"),
    ("RENAME", ""),
    ("OPTIMIZE", "OPTIMIZE TABLE {one}"),
    ("OPTIMIZE LOCAL", "OPTIMIZE LOCAL TABLE {one}"),
    ("ANALYZE", "ANALYZE TABLE {one}"),
    ("ANALYZE LOCAL", "ANALYZE NO_WRITE_TO_BINLOG TABLE {one}"),
    ("CREATE", ""),
    ("CHECK", "CHECK TABLE {one}"),
    ("REPLACE", "REPLACE INTO {one} VALUES (2, 7)"),
    ("UPDATE 2", "UPDATE {one} AS a JOIN {two} AS b USING (id) SET a.v = 7, b.v = 8"),
    ("INSERT SELECT", "INSERT INTO {one} SELECT id + 50, v FROM {two}"),
    ("CREATE INDEX", "CREATE INDEX i ON {one} (v)"),
];

impl Source {
    pub fn new(dice: Dice) -> Self {
        Self { free: WHOLE.to_vec(), unmade: vec!["d.made", "o.made"], unmoved: true, dice }
    }

    fn take(&mut self) -> &'static str {
        let at = usize::try_from(self.dice.below(u64::try_from(self.free.len()).unwrap())).unwrap();
        self.free.remove(at)
    }

    /// The next statement for a topology; `None` when the tables are used up.
    pub fn next(&mut self, shape: &Shape) -> Option<Statement> {
        if self.free.len() < 2 {
            return None;
        }
        let on = shape.target(&mut self.dice);
        let database = *self.dice.pick(&[None, Some("d"), Some("o")]).unwrap();
        let unlogged = self.dice.chance(12);
        let mut statement = self.draft();
        if let Some(database) = database.filter(|_| self.dice.chance(60)) {
            statement.sql = statement.sql.replace(&format!(" {database}."), " ");
        }
        Some(Statement { on, database, unlogged, ..statement })
    }

    fn draft(&mut self) -> Statement {
        let (verb, form) = *self.dice.pick(&FORMS).unwrap();
        let one = self.take();
        match verb {
            "RENAME" => return self.rename(one),
            "CREATE" => return self.create(one),
            _ => {}
        }
        let mut sql = form.replace("{one}", one);
        let mut objects = vec![(one.to_owned(), if verb == "CHECK" { Leaves::Nothing } else { Leaves::Change })];
        if sql.contains("{two}") {
            let two = self.take();
            sql = sql.replace("{two}", two);
            // What an INSERT reads is not touched.
            objects.extend((verb != "INSERT SELECT").then(|| (two.to_owned(), Leaves::Change)));
        }
        let missing = (verb == "DROP IF EXISTS" && self.dice.chance(50)).then(|| one.to_owned());
        Statement { missing, ..statement(verb, sql, objects) }
    }

    fn rename(&mut self, one: &'static str) -> Statement {
        if !one.starts_with("d.") || !std::mem::replace(&mut self.unmoved, false) {
            return drop_one(one);
        }
        let objects = vec![(one.to_owned(), Leaves::Change), ("d.moved".to_owned(), Leaves::Made)];
        statement("RENAME", format!("RENAME TABLE {one} TO d.moved"), objects)
    }

    fn create(&mut self, one: &'static str) -> Statement {
        let Some(name) = self.unmade.pop() else { return drop_one(one) };
        statement("CREATE", format!("CREATE TABLE {name} (id INT PRIMARY KEY)"), vec![(name.to_owned(), Leaves::Made)])
    }
}

fn drop_one(name: &str) -> Statement {
    statement("DROP", format!("DROP TABLE {name}"), vec![(name.to_owned(), Leaves::Change)])
}

/// The last statement of a topology: a whole schema.
pub fn drop_schema(mut dice: Dice, shape: &Shape) -> Statement {
    let on = shape.target(&mut dice);
    let database = *dice.pick(&[None, Some("d"), Some("o")]).unwrap();
    let schema = *dice.pick(&["k", "d", "o"]).unwrap();
    let tables: &[&str] = match schema {
        "k" => &["k.t1", "k.t2"],
        _ => &[],
    };
    let objects = tables.iter().map(|name| ((*name).to_owned(), Leaves::Change));
    let objects = objects.chain([(format!("{schema}.*"), Leaves::Change)]).collect();
    let drop = statement("DROP DATABASE", format!("DROP DATABASE {schema}"), objects);
    Statement { on, database, unlogged: dice.chance(10), ..drop }
}

fn statement(verb: &'static str, sql: String, objects: Vec<(String, Leaves)>) -> Statement {
    Statement { on: 0, sql, database: None, unlogged: false, objects, verb, missing: None }
}

impl Statement {
    /// A logged statement that changes one table, in a session without a default database.
    pub fn plain(on: usize, sql: &str, object: &str) -> Self {
        Self { on, ..statement("plain", sql.to_owned(), vec![(object.to_owned(), Leaves::Change)]) }
    }

    /// The same, and it changes another table as well.
    #[must_use]
    pub fn and(mut self, object: &str) -> Self {
        self.objects.push((object.to_owned(), Leaves::Change));
        self
    }

    /// What it names and what must not change because it does not name it.
    pub fn named(&self) -> BTreeSet<&str> {
        self.objects.iter().map(|(name, _)| name.as_str()).collect()
    }
}
