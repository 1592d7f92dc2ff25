//! The functions and words that may stand before a parenthesis in a query without doing anything.
//!
//! A function is listed only if every supported release of the flavour has it built in: where it were missing, the
//! server would look for a stored or loadable function of that name, which may do anything. MySQL 9.7 has no `MD5`,
//! `SHA` and `SHA1` any more unless a component is installed, so they are not among its own.

use super::super::dialect::Flavor;

/// Built into both flavours, without side effects.
#[rustfmt::skip]
const BOTH: &[&str] = &[
    "ABS", "ACOS", "ADDDATE", "ADDTIME", "ASCII", "ASIN", "ATAN", "ATAN2", "AVG", "BIN", "BIT_AND", "BIT_COUNT",
    "BIT_LENGTH", "BIT_OR", "BIT_XOR", "CAST", "CEIL", "CEILING", "CHAR", "CHARACTER_LENGTH", "CHARSET",
    "CHAR_LENGTH", "COALESCE", "COERCIBILITY", "COLLATION", "COMPRESS", "CONCAT", "CONCAT_WS", "CONNECTION_ID",
    "CONV", "CONVERT", "CONVERT_TZ", "COS", "COT", "COUNT", "CRC32", "CURDATE", "CURRENT_DATE", "CURRENT_TIME",
    "CURRENT_TIMESTAMP", "CURRENT_USER", "CURTIME", "DATABASE", "DATE", "DATEDIFF", "DATE_ADD", "DATE_FORMAT",
    "DATE_SUB", "DAY", "DAYNAME", "DAYOFMONTH", "DAYOFWEEK", "DAYOFYEAR", "DEGREES", "ELT", "EXP",
    "EXPORT_SET", "EXTRACT", "EXTRACTVALUE", "FIELD", "FIND_IN_SET", "FLOOR", "FORMAT", "FOUND_ROWS", "FROM_BASE64",
    "FROM_DAYS", "FROM_UNIXTIME", "GET_FORMAT", "GREATEST", "GROUP_CONCAT", "HEX", "HOUR", "IF", "IFNULL",
    "INET6_ATON", "INET6_NTOA", "INET_ATON", "INET_NTOA", "INSERT", "INSTR", "ISNULL", "IS_FREE_LOCK", "IS_IPV4",
    "IS_IPV6", "IS_USED_LOCK", "JSON_ARRAY", "JSON_CONTAINS", "JSON_CONTAINS_PATH", "JSON_DEPTH", "JSON_EXTRACT",
    "JSON_KEYS", "JSON_LENGTH", "JSON_OBJECT", "JSON_QUOTE", "JSON_SEARCH", "JSON_TYPE", "JSON_UNQUOTE",
    "JSON_VALID", "LAST_DAY", "LCASE", "LEAST", "LEFT", "LENGTH", "LN", "LOCALTIME", "LOCALTIMESTAMP", "LOCATE",
    "LOG", "LOG10", "LOG2", "LOWER", "LPAD", "LTRIM", "MAKEDATE", "MAKETIME", "MAKE_SET", "MAX",
    "MICROSECOND", "MID", "MIN", "MINUTE", "MOD", "MONTH", "MONTHNAME", "NOW", "NULLIF", "OCT",
    "OCTET_LENGTH", "ORD", "PERIOD_ADD", "PERIOD_DIFF", "PI", "POSITION", "POW", "POWER", "QUARTER", "QUOTE",
    "RADIANS", "RAND", "REPEAT", "REPLACE", "REVERSE", "RIGHT", "ROUND", "ROW_COUNT", "RPAD", "RTRIM", "SCHEMA",
    "SECOND", "SEC_TO_TIME", "SESSION_USER", "SHA2", "SIGN", "SIN", "SOUNDEX", "SPACE", "SQRT",
    "STD", "STDDEV", "STDDEV_POP", "STDDEV_SAMP", "STRCMP", "STR_TO_DATE", "SUBDATE", "SUBSTR", "SUBSTRING",
    "SUBSTRING_INDEX", "SUBTIME", "SUM", "SYSDATE", "SYSTEM_USER", "TAN", "TIME", "TIMEDIFF", "TIMESTAMP",
    "TIMESTAMPADD", "TIMESTAMPDIFF", "TIME_FORMAT", "TIME_TO_SEC", "TO_BASE64", "TO_DAYS", "TO_SECONDS", "TRIM",
    "TRUNCATE", "UCASE", "UNCOMPRESS", "UNCOMPRESSED_LENGTH", "UNHEX", "UNIX_TIMESTAMP", "UPDATEXML", "UPPER",
    "USER", "UTC_DATE", "UTC_TIME", "UTC_TIMESTAMP", "UUID", "UUID_SHORT", "VARIANCE", "VAR_POP", "VAR_SAMP",
    "VERSION", "WEEK", "WEEKDAY", "WEEKOFYEAR", "YEAR", "YEARWEEK",
];

/// `DEFAULT` evaluates the default of a column. On MariaDB that may draw from a sequence; MySQL refuses to evaluate any
/// but a constant.
const MYSQL: &[&str] = &["ANY_VALUE", "DEFAULT", "GTID_SUBSET", "GTID_SUBTRACT"];

const MARIADB: &[&str] = &[
    "BINLOG_GTID_POS",
    "JSON_COMPACT",
    "JSON_DETAILED",
    "JSON_EXISTS",
    "JSON_LOOSE",
    "JSON_QUERY",
    "JSON_VALUE",
    "LENGTHB",
    "MD5",
    "REGEXP_INSTR",
    "REGEXP_REPLACE",
    "REGEXP_SUBSTR",
    "SHA",
    "SHA1",
];

/// Safe only where `OVER` follows, which no release takes after a stored function.
#[rustfmt::skip]
const WINDOW: &[&str] = &[
    "CUME_DIST", "DENSE_RANK", "FIRST_VALUE", "LAG", "LAST_VALUE", "LEAD", "MEDIAN", "NTH_VALUE", "NTILE",
    "PERCENT_RANK", "RANK", "ROW_NUMBER",
];

/// Words before a parenthesis that call nothing. All are reserved in every supported release.
#[rustfmt::skip]
const RESERVED: &[&str] = &[
    "ALL", "AND", "AS", "BETWEEN", "BY", "CASE", "CHAR", "CHARACTER", "DECIMAL", "DISTINCT", "DIV", "DOUBLE", "ELSE",
    "EXISTS", "FLOAT", "FROM", "HAVING", "IN", "INDEX", "INTERVAL", "JOIN", "KEY", "LIKE", "MATCH", "NOT", "ON", "OR",
    "PARTITION", "REGEXP", "RLIKE", "SELECT", "STRAIGHT_JOIN", "THEN", "UNION", "USING", "VALUES", "WHEN", "WHERE",
    "WITH", "XOR",
];

/// What a word means that stands before a parenthesis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Callable {
    /// Calls nothing.
    Syntax,
    /// A type: calls nothing after `AS`.
    Type,
    /// Calls nothing if the parenthesis begins with SELECT; older releases take it for a name otherwise.
    BeforeSelect,
    /// Calls nothing after a closing parenthesis; older releases take it for a name otherwise.
    AfterParenthesis,
    /// Built in, without side effects.
    Pure,
    /// Built in if `OVER` follows its parentheses.
    Window,
    /// `LAST_INSERT_ID`: without side effects if it has no argument.
    PureIfEmpty,
    Unknown,
}

pub(super) fn callable(word: &str, flavor: Flavor) -> Callable {
    let word = word.to_ascii_uppercase();
    let word = word.as_str();
    let own = match flavor {
        Flavor::MySql => MYSQL,
        Flavor::MariaDb => MARIADB,
    };
    match word {
        _ if BOTH.contains(&word) || own.contains(&word) => Callable::Pure,
        _ if RESERVED.contains(&word) => Callable::Syntax,
        // MySQL never takes this keyword for the name of a function; of MariaDB it is not known.
        "ROW" if flavor == Flavor::MySql => Callable::Syntax,
        "BINARY" | "DATETIME" | "NCHAR" | "VARCHAR" => Callable::Type,
        "ANY" | "SOME" | "EXCEPT" | "INTERSECT" => Callable::BeforeSelect,
        "OVER" | "AGAINST" => Callable::AfterParenthesis,
        "LAST_INSERT_ID" => Callable::PureIfEmpty,
        _ if WINDOW.contains(&word) => Callable::Window,
        _ => Callable::Unknown,
    }
}
