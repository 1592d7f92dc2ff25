//! What replication filters make of a statement, on the source's side and on the replica's.
//!
//! The rules are the servers' own: a definition is judged by the session's default database and by the names it
//! writes, rows by the table they are in, the first table of a statement that meets a rule decides for all of it. What
//! cannot be read out of the filter's text is unclear and never taken for an answer. A filter protects nothing, however
//! clear it is: the next session has another default database.

use super::statement::{Names, Statement};
use crate::domain::base::TableName;
use crate::domain::snapshot::origin::Origin;

/// What a set of filters does with one statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Filtering {
    Passes,
    Stops,
    /// It cannot be told, and why.
    Unclear(&'static str),
}

/// How a change of rows stands in the log that the filters are applied to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RowsAs {
    Rows,
    /// As the statement that changed them, or one cannot know.
    Either,
}

/// Which log the filters are applied to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Side {
    #[default]
    Replica,
    Source,
}

/// The filters of one link or one binary log.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Filters {
    side: Side,
    do_db: Vec<String>,
    ignore_db: Vec<String>,
    do_table: Vec<String>,
    ignore_table: Vec<String>,
    wild_do: Vec<String>,
    wild_ignore: Vec<String>,
    ignore_servers: Vec<u64>,
    do_domains: Vec<u64>,
    ignore_domains: Vec<u64>,
    renames: bool,
}

const ODD_NAME: &str = "a name in the filter is not one that can be compared";
const CASE: &str = "names differ in the case of letters only, and whether that counts is the server's setting";

/// Characters of which a rule may be made; others may be quoted or cut in a server's listing.
fn plain(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '$' | '%' | '.' | '-')
}

impl Filters {
    /// Reads the text of a fact about filters: `Name=rule,rule; Name=rule`, with the names that servers give them.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let mut filters = Self::default();
        for entry in text.split("; ").filter(|entry| !entry.is_empty()) {
            let (name, rules) = entry.split_once('=').ok_or("the filter is not understood")?;
            filters.add(name, rules)?;
        }
        Ok(filters)
    }

    fn add(&mut self, name: &str, rules: &str) -> Result<(), &'static str> {
        let rules = || rules.split(',').map(str::trim).filter(|rule| !rule.is_empty());
        let names = || -> Result<Vec<String>, &'static str> {
            rules().map(|rule| if rule.chars().all(plain) { Ok(rule.to_owned()) } else { Err(ODD_NAME) }).collect()
        };
        let numbers = || -> Result<Vec<u64>, &'static str> {
            rules().map(|rule| rule.parse().map_err(|_| "a rule of the filter is no number")).collect()
        };
        let name = name.to_ascii_lowercase();
        if name.starts_with("binlog_") {
            self.side = Side::Source;
        }
        match name.as_str() {
            "replicate_do_db" | "binlog_do_db" => self.do_db = names()?,
            "replicate_ignore_db" | "binlog_ignore_db" => self.ignore_db = names()?,
            "replicate_do_table" => self.do_table = names()?,
            "replicate_ignore_table" => self.ignore_table = names()?,
            "replicate_wild_do_table" => self.wild_do = names()?,
            "replicate_wild_ignore_table" => self.wild_ignore = names()?,
            "replicate_ignore_server_ids" => self.ignore_servers = numbers()?,
            "replicate_do_domain_ids" => self.do_domains = numbers()?,
            "replicate_ignore_domain_ids" => self.ignore_domains = numbers()?,
            "replicate_rewrite_db" => self.renames = true,
            // Only what a session marks for skipping is skipped, and nothing here marks.
            "replicate_events_marked_for_skip" => {}
            _ => return Err("a kind of filter that is not known"),
        }
        Ok(())
    }

    /// Whether an answer needs to know where a statement was first executed.
    pub fn ask_origin(&self) -> bool {
        !(self.ignore_servers.is_empty() && self.do_domains.is_empty() && self.ignore_domains.is_empty())
    }

    /// What these filters do with `statement`, which was first executed at `origin` if that is known.
    pub fn judge(&self, statement: &Statement, rows: RowsAs, origin: Option<Origin>) -> Filtering {
        if self.renames {
            return Filtering::Unclear("it gives schemas other names, so what is touched there has another name too");
        }
        let marked = self.by_origin(origin);
        if marked != Filtering::Passes {
            return marked;
        }
        let default = statement.default.as_deref();
        let verdict = match &statement.names {
            Names::Unknown => self.names_nothing(),
            Names::Schema(schema) => self.schema(schema),
            Names::Tables(tables) => self.as_statement(default, tables),
            Names::Rows(tables) => match rows {
                RowsAs::Rows => self.as_rows(tables),
                RowsAs::Either => either(self.as_rows(tables), self.as_statement(default, tables)),
            },
        };
        match verdict {
            Ok(true) => Filtering::Passes,
            Ok(false) => Filtering::Stops,
            Err(why) => Filtering::Unclear(why),
        }
    }

    fn by_origin(&self, origin: Option<Origin>) -> Filtering {
        if !self.ask_origin() {
            return Filtering::Passes;
        }
        let unclear = Filtering::Unclear("it filters by where a statement began, and that is not known");
        let Some(origin) = origin else { return unclear };
        if self.ignore_servers.contains(&origin.server_id) {
            return Filtering::Stops;
        }
        match (origin.domain, self.do_domains.is_empty() && self.ignore_domains.is_empty()) {
            (_, true) => Filtering::Passes,
            (None, false) => unclear,
            (Some(domain), false) => {
                let wanted = self.do_domains.is_empty() || self.do_domains.contains(&domain);
                if wanted && !self.ignore_domains.contains(&domain) { Filtering::Passes } else { Filtering::Stops }
            }
        }
    }

    fn names_nothing(&self) -> Result<bool, &'static str> {
        let empty =
            [&self.do_db, &self.ignore_db, &self.do_table, &self.ignore_table, &self.wild_do, &self.wild_ignore];
        if empty.iter().all(|rules| rules.is_empty()) { Ok(true) } else { Err("what the statement names is not known") }
    }

    /// CREATE, ALTER and DROP of a schema are judged by its name, not by the default database.
    fn schema(&self, schema: &str) -> Result<bool, &'static str> {
        if !self.database(Some(schema))? {
            return Ok(false);
        }
        let name = format!("{schema}.");
        Ok(if wild(&self.wild_do, &name)? {
            true
        } else if wild(&self.wild_ignore, &name)? {
            false
        } else {
            self.wild_do.is_empty()
        })
    }

    /// A statement in the log: its default database, then the tables it writes.
    fn as_statement(&self, default: Option<&str>, tables: &[TableName]) -> Result<bool, &'static str> {
        Ok(self.database(default)? && self.tables(tables)?)
    }

    /// Rows in the log: each table by itself. Different answers for two tables are "passes": it arrives for one.
    fn as_rows(&self, tables: &[TableName]) -> Result<bool, &'static str> {
        let mut passes = false;
        for table in tables {
            passes |= self.database(Some(table.schema()))? && self.tables(std::slice::from_ref(table))?;
        }
        Ok(passes)
    }

    fn database(&self, name: Option<&str>) -> Result<bool, &'static str> {
        if self.do_db.is_empty() && self.ignore_db.is_empty() {
            return Ok(true);
        }
        match name {
            None if self.do_db.is_empty() => Ok(true),
            None => self.without_default(),
            Some(name) if !self.do_db.is_empty() => named(&self.do_db, name),
            Some(name) => named(&self.ignore_db, name).map(|ignored| !ignored),
        }
    }

    /// A replica that wants some schemas wants nothing that names none as its default; a source was never seen with such
    /// a list.
    fn without_default(&self) -> Result<bool, &'static str> {
        match self.side {
            Side::Replica => Ok(false),
            Side::Source => Err("the session has no default database, and what the list makes of that is not known"),
        }
    }

    /// The first table that meets a rule decides; without one a list of what is wanted ignores the rest.
    fn tables(&self, tables: &[TableName]) -> Result<bool, &'static str> {
        for table in tables {
            let name = format!("{}.{}", table.schema(), table.name());
            if named(&self.do_table, &name)? {
                return Ok(true);
            }
            if named(&self.ignore_table, &name)? {
                return Ok(false);
            }
            if wild(&self.wild_do, &name)? {
                return Ok(true);
            }
            if wild(&self.wild_ignore, &name)? {
                return Ok(false);
            }
        }
        Ok(self.do_table.is_empty() && self.wild_do.is_empty())
    }
}

fn either(one: Result<bool, &'static str>, other: Result<bool, &'static str>) -> Result<bool, &'static str> {
    match (one?, other?) {
        (one, other) if one == other => Ok(one),
        _ => Err("it depends on whether rows or the statement stand in the log"),
    }
}

fn named(rules: &[String], name: &str) -> Result<bool, &'static str> {
    match rules.iter().any(|rule| rule == name) {
        true => Ok(true),
        false if rules.iter().any(|rule| rule.eq_ignore_ascii_case(name)) => Err(CASE),
        false => Ok(false),
    }
}

fn wild(rules: &[String], name: &str) -> Result<bool, &'static str> {
    let lower = name.to_ascii_lowercase();
    match rules.iter().any(|rule| is_like(rule, name)) {
        true => Ok(true),
        false if rules.iter().any(|rule| is_like(&rule.to_ascii_lowercase(), &lower)) => Err(CASE),
        false => Ok(false),
    }
}

/// SQL's LIKE without escapes, which [`plain`] keeps out.
fn is_like(pattern: &str, text: &str) -> bool {
    // Which prefixes of the text the pattern matches so far.
    let text: Vec<char> = text.chars().collect();
    let mut matched = vec![false; text.len() + 1];
    matched[0] = true;
    for sign in pattern.chars() {
        let mut next = vec![false; text.len() + 1];
        for at in 0..=text.len() {
            next[at] = match sign {
                '%' => matched[at] || (at > 0 && next[at - 1]),
                _ => at > 0 && matched[at - 1] && (sign == '_' || sign == text[at - 1]),
            };
        }
        matched = next;
    }
    matched[text.len()]
}

#[cfg(test)]
mod tests;
