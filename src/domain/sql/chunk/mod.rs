//! The statements of a copy in chunks: read in primary-key order from a place on, insert many rows, find the place again.
//!
//! Values never stand in these texts; they travel as parameters, so that numbers, times and bytes arrive as they left.
//! Text columns travel as the bytes that are stored, unless they are `utf8mb4`, which is what the session speaks: a
//! conversion on the way could lose what the character set cannot say.

use super::quote;
use crate::domain::base::TableName;
use crate::domain::base::text::printable;

/// What a data dictionary says of one column, as text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Described {
    pub name: String,
    /// `varchar`, `int`.
    pub data_type: String,
    pub character_set: Option<String>,
    pub collation: Option<String>,
    pub precision: Option<String>,
    pub scale: Option<String>,
    pub extra: String,
}

/// Why a table cannot be copied in chunks.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Uncopyable {
    #[error("expected columns of {0}, found none: check that the account may read the table")]
    NoColumns(TableName),
    #[error("expected a primary key on {0}, found none: its rows have no order to resume in, copy it by hand")]
    NoPrimaryKey(TableName),
    #[error("expected primary key column `{}` among the columns of {table}, found none: check who changes the table", printable(.column))]
    StrangeKey { table: TableName, column: String },
    #[error("expected a plain name of a character set, a collation or a precision, found `{}`", printable(.found))]
    StrangeWord { found: String },
}

/// How the values of one column travel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Travel {
    AsIs,
    /// As the bytes that are stored.
    Bytes,
}

/// How a column of the key is compared so that the order is the index's own.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Order {
    Plain,
    Binary,
    Decimal {
        precision: String,
        scale: String,
    },
    Text {
        character_set: String,
        collation: String,
    },
    /// By its number: ENUM, SET and BIT are stored so.
    Number,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Column {
    quoted: String,
    travel: Travel,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct KeyColumn {
    quoted: String,
    order: Order,
}

/// The columns of one table, as a copy handles them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    /// Those that are stored by an insert; generated ones are not.
    columns: Vec<Column>,
    key: Vec<KeyColumn>,
}

/// A query and which column of the marker each of its parameters takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resumed {
    pub sql: String,
    pub parameters: Vec<usize>,
}

/// Asks for the rows that [`Described`] holds, in their order.
pub fn describe(table: &TableName) -> String {
    format!(
        "SELECT COLUMN_NAME, DATA_TYPE, CHARACTER_SET_NAME, COLLATION_NAME, NUMERIC_PRECISION, NUMERIC_SCALE, EXTRA \
         FROM information_schema.COLUMNS WHERE {} ORDER BY ORDINAL_POSITION",
        is_table(table)
    )
}

/// Asks for the names of the primary key's columns, in their order.
pub fn primary_key(table: &TableName) -> String {
    format!(
        "SELECT COLUMN_NAME FROM information_schema.STATISTICS WHERE {} AND INDEX_NAME='PRIMARY' ORDER BY SEQ_IN_INDEX",
        is_table(table)
    )
}

/// Asks for the server's estimate of a table's rows.
pub fn estimate(table: &TableName) -> String {
    format!("SELECT TABLE_ROWS FROM information_schema.TABLES WHERE {}", is_table(table))
}

/// Asks how many rows a table has.
pub fn count(table: &TableName) -> String {
    format!("SELECT COUNT(*) FROM {}", quote::table(table))
}

/// Asks for a table's definition; it stands in the second column.
pub fn show_create(table: &TableName) -> String {
    format!("SHOW CREATE TABLE {}", quote::table(table))
}

/// Begins a chunk.
pub const BEGIN: &str = "START TRANSACTION";
/// Ends a chunk; its rows are the marker.
pub const COMMIT: &str = "COMMIT";
/// Gives a chunk up.
pub const ROLLBACK: &str = "ROLLBACK";
/// Lets a reader wait for a slow writer: the longest time, in seconds, that the server keeps a result it cannot send.
pub const PATIENT_READER: &str = "SET SESSION net_write_timeout=3600";
/// The longest packet that the server takes.
pub const LONGEST_PACKET: &str = "SELECT @@GLOBAL.max_allowed_packet";

fn is_table(table: &TableName) -> String {
    format!("TABLE_SCHEMA={} AND TABLE_NAME={}", quote::string(table.schema()), quote::string(table.name()))
}

impl Layout {
    /// The layout of `table`, from the answers to [`describe`] and [`primary_key`].
    pub fn new(table: &TableName, described: &[Described], key: &[String]) -> Result<Self, Uncopyable> {
        if key.is_empty() {
            return Err(Uncopyable::NoPrimaryKey(table.clone()));
        }
        let columns: Vec<Column> = described.iter().filter(|column| !column.is_generated()).map(Column::of).collect();
        if columns.is_empty() {
            return Err(Uncopyable::NoColumns(table.clone()));
        }
        let of_key = |name: &String| {
            let found = described.iter().find(|column| column.name.eq_ignore_ascii_case(name));
            let strange = || Uncopyable::StrangeKey { table: table.clone(), column: name.clone() };
            found.ok_or_else(strange).and_then(KeyColumn::of)
        };
        Ok(Self { columns, key: key.iter().map(of_key).collect::<Result<_, _>>()? })
    }

    /// How many values one row has.
    pub fn width(&self) -> usize {
        self.columns.len()
    }

    /// Reads all rows in the order of the primary key.
    pub fn read(&self, table: &TableName) -> String {
        self.reading(table, "")
    }

    /// Reads the rows behind the marker. Comparing column by column is what lets servers start inside the index; a
    /// comparison of whole rows would read everything before the marker again.
    pub fn read_behind(&self, table: &TableName) -> Resumed {
        let mut parameters = vec![0];
        let mut alternatives = Vec::new();
        for (last, column) in self.key.iter().enumerate() {
            let equal = self.key[..last].iter().map(|column| column.compare("="));
            let all: Vec<String> = equal.chain([column.compare(">")]).collect();
            parameters.extend(0..=last);
            alternatives.push(format!("({})", all.join(" AND ")));
        }
        let first = self.key.first().map(|column| column.compare(">=")).unwrap_or_default();
        let condition = format!(" WHERE {first} AND ({})", alternatives.join(" OR "));
        Resumed { sql: self.reading(table, &condition), parameters }
    }

    fn reading(&self, table: &TableName, condition: &str) -> String {
        let columns: Vec<String> = self.columns.iter().map(Column::read).collect();
        let order: Vec<&str> = self.key.iter().map(|column| column.quoted.as_str()).collect();
        format!(
            "SELECT {} FROM {} FORCE INDEX (PRIMARY){condition} ORDER BY {}",
            columns.join(", "),
            quote::table(table),
            order.join(", ")
        )
    }

    /// Finds the marker: the greatest primary key, one value for each of its columns. No row means an empty table.
    pub fn marker(&self, table: &TableName) -> String {
        let values: Vec<String> = self.key.iter().map(KeyColumn::read).collect();
        let order: Vec<String> = self.key.iter().map(|column| format!("{} DESC", column.quoted)).collect();
        format!("SELECT {} FROM {} ORDER BY {} LIMIT 1", values.join(", "), quote::table(table), order.join(", "))
    }

    /// Inserts `rows` rows.
    pub fn insert(&self, table: &TableName, rows: usize) -> String {
        let names: Vec<&str> = self.columns.iter().map(|column| column.quoted.as_str()).collect();
        let places: Vec<&str> = self.columns.iter().map(Column::place).collect();
        let row = format!("({})", places.join(","));
        format!("INSERT INTO {} ({}) VALUES {}", quote::table(table), names.join(","), vec![row; rows].join(","))
    }
}

impl Described {
    fn is_generated(&self) -> bool {
        // `DEFAULT_GENERATED` is only a default.
        let extra = self.extra.to_ascii_uppercase();
        ["STORED GENERATED", "VIRTUAL GENERATED", "PERSISTENT GENERATED"].iter().any(|kind| extra.contains(kind))
    }

    fn is(&self, types: &[&str]) -> bool {
        types.iter().any(|one| self.data_type.eq_ignore_ascii_case(one))
    }
}

impl Column {
    fn of(described: &Described) -> Self {
        let foreign = described.character_set.as_deref().is_some_and(|set| !set.eq_ignore_ascii_case("utf8mb4"));
        let shapes = [
            "geometry",
            "point",
            "linestring",
            "polygon",
            "multipoint",
            "multilinestring",
            "multipolygon",
            "geometrycollection",
            "geomcollection",
            "vector",
        ];
        let travel = if foreign || described.is(&shapes) { Travel::Bytes } else { Travel::AsIs };
        Self { quoted: quoted(&described.name), travel }
    }

    fn read(&self) -> String {
        match self.travel {
            Travel::AsIs => self.quoted.clone(),
            Travel::Bytes => format!("CAST({} AS BINARY)", self.quoted),
        }
    }

    const fn place(&self) -> &'static str {
        match self.travel {
            Travel::AsIs => "?",
            Travel::Bytes => "CAST(? AS BINARY)",
        }
    }
}

impl KeyColumn {
    fn of(described: &Described) -> Result<Self, Uncopyable> {
        let order = if described.is(&["enum", "set", "bit"]) {
            Order::Number
        } else if described.is(&["binary", "varbinary", "tinyblob", "blob", "mediumblob", "longblob"]) {
            Order::Binary
        } else if described.is(&["decimal"]) {
            let (precision, scale) = (word(described.precision.as_deref())?, word(described.scale.as_deref())?);
            Order::Decimal { precision, scale }
        } else if described.character_set.is_some() {
            let character_set = word(described.character_set.as_deref())?;
            Order::Text { character_set, collation: word(described.collation.as_deref())? }
        } else {
            Order::Plain
        };
        Ok(Self { quoted: quoted(&described.name), order })
    }

    /// The column as a value of the marker.
    fn read(&self) -> String {
        match self.order {
            Order::Plain | Order::Binary | Order::Decimal { .. } => self.quoted.clone(),
            Order::Text { .. } => format!("CAST({} AS BINARY)", self.quoted),
            Order::Number => format!("{}+0", self.quoted),
        }
    }

    /// The column compared with a value of the marker.
    fn compare(&self, operator: &str) -> String {
        let (column, value) = match &self.order {
            Order::Plain => (self.quoted.clone(), "?".to_owned()),
            Order::Binary => (self.quoted.clone(), "CAST(? AS BINARY)".to_owned()),
            Order::Decimal { precision, scale } => {
                (self.quoted.clone(), format!("CAST(? AS DECIMAL({precision},{scale}))"))
            }
            Order::Text { character_set, collation } => {
                let value = format!("CONVERT(CAST(? AS BINARY) USING {character_set}) COLLATE {collation}");
                (self.quoted.clone(), value)
            }
            Order::Number => (format!("{}+0", self.quoted), "?".to_owned()),
        };
        format!("{column}{operator}{value}")
    }
}

/// A name from a data dictionary: not empty, and without NUL, as the server itself guarantees.
fn quoted(name: &str) -> String {
    quote::identifier(name).unwrap_or_else(|_| "``".to_owned())
}

/// A word that may stand in a statement without quotes.
fn word(found: Option<&str>) -> Result<String, Uncopyable> {
    let found = found.unwrap_or_default();
    let plain = !found.is_empty() && found.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if plain { Ok(found.to_owned()) } else { Err(Uncopyable::StrangeWord { found: found.to_owned() }) }
}

#[cfg(test)]
mod tests;
