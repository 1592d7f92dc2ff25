//! The facts of one table on one server.

use std::collections::BTreeSet;

use super::Reading;
use crate::domain::base::TableName;
use crate::domain::base::text::printable;
use crate::domain::snapshot::{TableFact, Value};
use crate::domain::sql::create::comparable;
use crate::observe::answer::{Refusal, Row};
use crate::observe::probe::{Probe, file_names};

/// What servers say of damaged tables: MariaDB 1877, 1712, 1034, 1194; missing files 1812, 1932; MyISAM and engine
/// errors that name a broken file.
const DAMAGE: [u16; 12] = [126, 127, 130, 145, 1033, 1034, 1194, 1195, 1712, 1812, 1877, 1932];

/// Whether an error of this number speaks of a damaged table.
pub fn is_damage(code: u16) -> bool {
    DAMAGE.contains(&code)
}

/// The value of `fact`, or why it is not known.
pub fn value(reading: &Reading, table: &TableName, fact: TableFact) -> Result<Value, String> {
    let exists = exists(reading, table);
    if fact == TableFact::Exists {
        return exists.map(Value::Flag);
    }
    if !exists? {
        return Err("the table does not exist here".to_owned());
    }
    match fact {
        TableFact::Exists => Err("it is answered above".to_owned()),
        TableFact::Engine => engine(reading, table).map(Value::Text),
        TableFact::Definition => definition(reading, table),
        TableFact::Indexes => indexes(reading, table).map(Value::Names),
        TableFact::ObjectId => object_id(reading, table).map(Value::Text),
        TableFact::Damage => damage(reading, table).map(Value::Text),
        TableFact::OwnForeignKeys => Ok(Value::Names(foreign_keys(reading, table)?.own)),
        TableFact::PointingForeignKeys => Ok(Value::Names(foreign_keys(reading, table)?.pointing)),
        TableFact::Triggers => triggers(reading, table).map(Value::Names),
        TableFact::Bytes => bytes(reading, table).map(Value::Number),
        TableFact::Finding => Err("no measurement of its rows is recorded".to_owned()),
    }
}

fn listed<'a>(reading: &'a Reading, table: &TableName) -> Result<Option<&'a Row>, String> {
    if reading.dialect.flavor() == crate::domain::sql::Flavor::MySql && !reading.dialect.has_data_dictionary() {
        return Err(
            "this release opens a table to describe it, and opening a damaged one may end the server".to_owned()
        );
    }
    Ok(reading.answers.rows(&Probe::Table(table.clone()))?.first())
}

/// Absent only if the account would see it: a server hides what one may not read.
fn exists(reading: &Reading, table: &TableName) -> Result<bool, String> {
    if listed(reading, table)?.is_some() {
        return Ok(true);
    }
    let select = reading.right("SELECT")?;
    let sibling = !reading.answers.rows(&Probe::Sibling(table.schema().to_owned()))?.is_empty();
    let by_sibling = sibling && !select.single_tables.contains(table.schema());
    if select.covers(table.schema()) || by_sibling {
        return Ok(false);
    }
    Err("it is not listed, but the observing account may not see all tables of the schema: grant it SELECT there"
        .to_owned())
}

fn row<'a>(reading: &'a Reading, table: &TableName) -> Result<&'a Row, String> {
    listed(reading, table)?.ok_or_else(|| "the table does not exist here".to_owned())
}

fn engine(reading: &Reading, table: &TableName) -> Result<String, String> {
    let row = row(reading, table)?;
    match (row.get(&["TABLE_TYPE"]), row.get(&["ENGINE"])) {
        (_, Some(engine)) => Ok(printable(engine)),
        (Some(kind), None) if kind.contains("VIEW") => Ok("view".to_owned()),
        _ => Err(format!("the server cannot open it: {}", printable(row.get(&["TABLE_COMMENT"]).unwrap_or_default()))),
    }
}

fn definition(reading: &Reading, table: &TableName) -> Result<Value, String> {
    let text = comparable(reading.dialect.flavor(), create(reading, table)?);
    text.map(|text| Value::definition(&text)).map_err(|why| why.to_string())
}

/// Both flavours print an index as a line of its own, ``KEY `name` (`column`,..)``; what else the line says stays with it.
fn indexes(reading: &Reading, table: &TableName) -> Result<BTreeSet<String>, String> {
    let lines = create(reading, table)?.lines();
    let keys = lines.filter_map(|line| line.trim().strip_prefix("KEY ")).map(|key| key.trim_end_matches(','));
    // Whoever is named with more than letters keeps the quotes, and is nobody's plain index.
    let plain = |c: char| c.is_ascii_alphanumeric() || "_`(), ".contains(c);
    Ok(keys.map(|key| if key.chars().all(plain) { key.replace('`', "") } else { printable(key) }).collect())
}

fn create<'a>(reading: &'a Reading, table: &TableName) -> Result<&'a str, String> {
    let rows = reading.answers.rows(&Probe::Definition(table.clone()))?;
    let create = rows.first().and_then(|row| row.get(&["Create Table"]));
    match create {
        Some(create) => Ok(create),
        None if reading.dialect.has_data_dictionary() => Err(
            "the server would read the table's pages to describe it, because it keeps no persistent statistics of it"
                .to_owned(),
        ),
        None => Err("the server does not describe it".to_owned()),
    }
}

/// The engine's number changes whenever the table is made anew; elsewhere the time of creation must do.
fn object_id(reading: &Reading, table: &TableName) -> Result<String, String> {
    let ids: Vec<&str> = reading
        .answers
        .rows(&Probe::ObjectId(table.clone()))?
        .iter()
        .filter_map(|row| row.get(&["TABLE_ID"]))
        .collect();
    if !ids.is_empty() {
        return Ok(format!("innodb {}", ids.join(",")));
    }
    let created = row(reading, table)?.get(&["CREATE_TIME"]);
    created.map(|time| format!("created {time}")).ok_or_else(|| "the server names no time of its creation".to_owned())
}

fn damage(reading: &Reading, table: &TableName) -> Result<String, String> {
    let mut said = BTreeSet::new();
    let row = row(reading, table)?;
    let cannot_open = row.get(&["ENGINE"]).is_none() && row.get(&["TABLE_TYPE"]) == Some("BASE TABLE");
    if cannot_open {
        said.insert(printable(row.get(&["TABLE_COMMENT"]).unwrap_or("the server cannot open it")));
    }
    let refused = reading.answers.refusal(&Probe::Definition(table.clone())).filter(|refusal| is_damage(refusal.code));
    if let Some(Refusal { code, message }) = refused {
        said.insert(format!("{code} {}", printable(message)));
    }
    if let Ok(space) = reading.answers.rows(&Probe::Space(table.clone()))
        && space.iter().any(|row| row.get(&["MISSING"]).is_some_and(|missing| missing != "0"))
    {
        said.insert("a file of the table is missing or empty".to_owned());
    }
    Ok(said.into_iter().collect::<Vec<_>>().join("; "))
}

struct ForeignKeys {
    own: BTreeSet<String>,
    pointing: BTreeSet<String>,
}

/// One that points at its own table is an own one only.
fn foreign_keys(reading: &Reading, table: &TableName) -> Result<ForeignKeys, String> {
    let rows = reading.answers.rows(&Probe::ForeignKeys(table.clone()))?;
    let mut keys = ForeignKeys { own: BTreeSet::new(), pointing: BTreeSet::new() };
    let engine_name = file_names(table).map(|names| names.whole);
    for row in rows {
        if row.get(&["PROBLEM"]).is_some() {
            return Err("its name is outside of ASCII, and this release lists foreign keys by encoded names".to_owned());
        }
        if let Some(id) = row.get(&["ID"]) {
            let owner = row.need(&["FOR_NAME"])?;
            let name = printable(id.rsplit(['/', '\u{ff}']).next().unwrap_or(id));
            if Some(owner) == engine_name.as_deref() {
                keys.own.insert(name);
            } else {
                keys.pointing.insert(format!("{}.{name}", printable(&owner.replacen('/', ".", 1))));
            }
            continue;
        }
        let (schema, owner) = (row.need(&["OWNER_SCHEMA"])?, row.need(&["OWNER_TABLE"])?);
        let name = printable(row.need(&["NAME"])?);
        if (schema, owner) == (table.schema(), table.name()) {
            keys.own.insert(name);
        } else {
            keys.pointing.insert(format!("{}.{}.{name}", printable(schema), printable(owner)));
        }
    }
    Ok(keys)
}

/// Triggers show only to an account that may also create them; nothing listed proves nothing for any other.
fn triggers(reading: &Reading, table: &TableName) -> Result<BTreeSet<String>, String> {
    let rows = reading.answers.rows(&Probe::Triggers(table.clone()))?;
    if !reading.right("TRIGGER")?.covers(table.schema()) {
        return Err("triggers show only to an account with the right TRIGGER, which could also create them".to_owned());
    }
    Ok(rows.iter().filter_map(|row| row.get(&["TRIGGER_NAME"])).map(printable).collect())
}

fn bytes(reading: &Reading, table: &TableName) -> Result<u64, String> {
    let listed = row(reading, table)?.get(&["BYTES"]);
    let text = match listed {
        Some(bytes) => bytes,
        None if reading.dialect.has_data_dictionary() => reading
            .answers
            .rows(&Probe::Space(table.clone()))?
            .first()
            .and_then(|row| row.get(&["BYTES"]))
            .ok_or("the server keeps no persistent statistics of it")?,
        None => return Err("the server does not say".to_owned()),
    };
    text.parse().map_err(|_| format!("`{}` is no number of bytes", printable(text)))
}
