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
        let verbs = [
            "DROP",
            "DROP",
            "DROP",
            "DROP 2",
            "DROP IF EXISTS",
            "DROP IF EXISTS",
            "TRUNCATE",
            "TRUNCATE",
            "DELETE",
            "DELETE",
            "UPDATE",
            "INSERT",
            "ALTER ADD",
            "ALTER ENGINE",
            "RENAME",
            "OPTIMIZE",
            "OPTIMIZE LOCAL",
            "ANALYZE",
            "ANALYZE LOCAL",
            "CREATE",
            "CHECK",
            "REPLACE",
            "UPDATE 2",
            "INSERT SELECT",
            "CREATE INDEX",
        ];
        let verb = *self.dice.pick(&verbs).unwrap();
        let one = self.take();
        let made = |name: &str, sql: String, leaves: Leaves| statement(verb, sql, vec![(name.to_owned(), leaves)]);
        match verb {
            "DROP" => made(one, format!("DROP TABLE {one}"), Leaves::Change),
            "DROP 2" => {
                let two = self.take();
                let objects = [one, two].map(|name| (name.to_owned(), Leaves::Change)).to_vec();
                statement(verb, format!("DROP TABLE {one}, {two}"), objects)
            }
            "DROP IF EXISTS" => {
                let mut drop = made(one, format!("DROP TABLE IF EXISTS {one}"), Leaves::Change);
                drop.missing = self.dice.chance(50).then(|| one.to_owned());
                drop
            }
            "UPDATE 2" => {
                let two = self.take();
                let objects = [one, two].map(|name| (name.to_owned(), Leaves::Change)).to_vec();
                statement(verb, format!("UPDATE {one} AS a JOIN {two} AS b USING (id) SET a.v = 7, b.v = 8"), objects)
            }
            // What it reads is not touched.
            "INSERT SELECT" => {
                let two = self.take();
                made(one, format!("INSERT INTO {one} SELECT id + 50, v FROM {two}"), Leaves::Change)
            }
            "CREATE INDEX" => made(one, format!("CREATE INDEX i ON {one} (v)"), Leaves::Change),
            "TRUNCATE" => made(one, format!("TRUNCATE TABLE {one}"), Leaves::Change),
            "DELETE" => made(one, format!("DELETE FROM {one} WHERE id > 1"), Leaves::Change),
            "UPDATE" => made(one, format!("UPDATE {one} SET v = v + 1"), Leaves::Change),
            "INSERT" => made(one, format!("INSERT INTO {one} VALUES (70, 7)"), Leaves::Change),
            "REPLACE" => made(one, format!("REPLACE INTO {one} VALUES (2, 7)"), Leaves::Change),
            "ALTER ADD" => made(one, format!("ALTER TABLE {one} ADD COLUMN w INT"), Leaves::Change),
            "ALTER ENGINE" => made(one, format!("ALTER TABLE {one} ENGINE=InnoDB"), Leaves::Change),
            "OPTIMIZE" => made(one, format!("OPTIMIZE TABLE {one}"), Leaves::Change),
            "OPTIMIZE LOCAL" => made(one, format!("OPTIMIZE LOCAL TABLE {one}"), Leaves::Change),
            "ANALYZE" => made(one, format!("ANALYZE TABLE {one}"), Leaves::Change),
            "ANALYZE LOCAL" => made(one, format!("ANALYZE NO_WRITE_TO_BINLOG TABLE {one}"), Leaves::Change),
            "CHECK" => made(one, format!("CHECK TABLE {one}"), Leaves::Nothing),
            "RENAME" => self.rename(one),
            _ => self.create(one),
        }
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

    /// Whether executing it on a server in this state can be seen there afterwards.
    pub fn shows(&self, object: &str, leaves: Leaves, state: &State) -> bool {
        match leaves {
            Leaves::Change => state.contains_key(object),
            Leaves::Made => !state.contains_key(object),
            Leaves::Nothing => false,
        }
    }

    /// What it names and what must not change because it does not name it.
    pub fn named(&self) -> BTreeSet<&str> {
        self.objects.iter().map(|(name, _)| name.as_str()).collect()
    }
}
