//! Statements that read, and those that look so.

use super::Grammar;

/// A table and columns of it.
type Source = (&'static str, &'static [&'static str]);

const SOURCES: &[Source] = &[
    ("orders", &["id", "customer_id", "status", "note", "amount", "created_at"]),
    ("shop.orders", &["id", "orders.status", "shop.orders.note"]),
    ("`shop`.`orders`", &["`id`", "`status`"]),
    ("shop . orders", &["id", "name"]),
    ("customers", &["id", "name"]),
    ("items", &["id", "order_id", "qty"]),
    ("t", &["id", "a", "b", "c", "x", "`y`", "v"]),
    ("m", &["id", "b"]),
    ("mem", &["id"]),
    ("squeezed", &["id", "LENGTH(b)"]),
    ("docs", &["id", "doc", "JSON_EXTRACT(doc,'$.a')"]),
    ("articles", &["id", "title", "MATCH(title,body) AGAINST ('x')"]),
    ("`odd\u{2}name`", &["`select`", "`a``b`"]),
    ("v", &["id", "status"]),
    ("drawn", &["a", "b"]),
    ("events PARTITION (p0, p2024)", &["id", "amount"]),
    ("orders USE INDEX (PRIMARY)", &["id"]),
    ("orders IGNORE INDEX FOR ORDER BY (idx_created)", &["id"]),
    ("(SELECT 1 AS id, 'x' AS s) AS d", &["id", "s"]),
    ("(SELECT id FROM a UNION SELECT id FROM b) d", &["id"]),
    ("a JOIN b USING (id)", &["id"]),
    ("a LEFT JOIN b ON a.id = b.id", &["a.id", "b.id"]),
    ("a NATURAL JOIN b", &["id"]),
    ("(a, b)", &["a.id", "b.id"]),
    ("a STRAIGHT_JOIN b", &["a.id"]),
    ("information_schema.tables", &["table_name", "table_schema", "engine"]),
    ("INFORMATION_SCHEMA.SCHEMATA", &["schema_name"]),
    ("information_schema.processlist", &["id", "user", "info"]),
    ("information_schema.innodb_trx", &["trx_id"]),
    ("information_schema.INNODB_CMP", &["page_size"]),
    ("performance_schema.threads", &["thread_id", "name"]),
    ("performance_schema.setup_consumers", &["name", "enabled"]),
    ("performance_schema.metadata_locks", &["object_name"]),
    ("mysql.user", &["user", "host"]),
    ("mysql.innodb_table_stats", &["table_name", "n_rows"]),
    ("sys.version", &["sys_version"]),
    ("sys.schema_object_overview", &["db"]),
];

/// Sources that do more than read, or that may.
const DECEPTIVE: &[Source] = &[
    ("information_schema.INNODB_CMP_RESET", &["page_size"]),
    ("information_schema.`innodb_cmpmem_reset`", &["page_size"]),
    ("information_schema . INNODB_CMP_PER_INDEX_RESET", &["table_name"]),
    ("v_writes", &["x", "id"]),
    ("shop.`v_sets`", &["x"]),
    ("v_draws", &["x"]),
    ("a, v_sets", &["x"]),
    ("(a JOIN v_writes ON 1)", &["x"]),
    ("(SELECT * FROM v_writes) w", &["x"]),
    ("a NATURAL LEFT JOIN v_writes", &["id"]),
];

const LITERALS: &[&str] = &[
    "1",
    "0",
    "-7",
    "1.5",
    ".5",
    "1e3",
    "1E-2",
    "0x41",
    "0b101",
    "x'41'",
    "X'4142'",
    "b'01'",
    "B'1'",
    "'x'",
    "\"x\"",
    "'it''s'",
    "'a\\'b'",
    "\"say\u{2}\"\"hi\"\"\"",
    "'\\\\'",
    "N'text'",
    "n'text'",
    "_utf8mb4'x'",
    "_latin1'x'",
    "_binary'x'",
    "_utf8mb4\u{2}x'41'",
    "_gbk'縗\\'\u{2}INTO\u{2}OUTFILE\u{2}\"written\"\u{2}--\u{2}'",
    "'a'\u{2}'b'",
    "NULL",
    "TRUE",
    "false",
    "''",
    "'--'",
    "'#'",
    "'/*'",
    "'*/'",
    "';'",
    "'é'",
    "'%\u{2}x%'",
    "@x",
    "@`x`",
    "@'x'",
    "@\"x\"",
    "@x.y$z",
    "@@version",
    "@@global.read_only",
    "@@session.sql_mode",
    "@@GLOBAL . port",
    "DATE'2024-01-01'",
    "TIMESTAMP'2024-01-01\u{2}00:00:00'",
    "INTERVAL(1,2)",
    "CURRENT_DATE",
    "CURRENT_USER",
    "LOCALTIME",
    "UTC_DATE",
];

const CALLS: &[(&str, u64)] = &[
    ("ABS", 1),
    ("ASCII", 1),
    ("BIN", 1),
    ("BIT_LENGTH", 1),
    ("CEIL", 1),
    ("CHAR_LENGTH", 1),
    ("COALESCE", 2),
    ("CONCAT", 3),
    ("CONCAT_WS", 3),
    ("CONNECTION_ID", 0),
    ("CONV", 3),
    ("CRC32", 1),
    ("CURDATE", 0),
    ("CURRENT_USER", 0),
    ("DATABASE", 0),
    ("DATEDIFF", 2),
    ("DAYNAME", 1),
    ("ELT", 3),
    ("EXPORT_SET", 3),
    ("FIELD", 3),
    ("FIND_IN_SET", 2),
    ("FLOOR", 1),
    ("FORMAT", 2),
    ("FOUND_ROWS", 0),
    ("FROM_UNIXTIME", 1),
    ("GREATEST", 2),
    ("HEX", 1),
    ("IF", 3),
    ("IFNULL", 2),
    ("INET_ATON", 1),
    ("INSERT", 4),
    ("INSTR", 2),
    ("ISNULL", 1),
    ("IS_FREE_LOCK", 1),
    ("IS_USED_LOCK", 1),
    ("JSON_ARRAY", 2),
    ("JSON_OBJECT", 2),
    ("JSON_QUOTE", 1),
    ("JSON_VALID", 1),
    ("LAST_INSERT_ID", 0),
    ("LEAST", 2),
    ("LEFT", 2),
    ("LENGTH", 1),
    ("LOCATE", 2),
    ("LOWER", 1),
    ("LPAD", 3),
    ("MAKEDATE", 2),
    ("MOD", 2),
    ("NOW", 0),
    ("NULLIF", 2),
    ("OCT", 1),
    ("ORD", 1),
    ("PI", 0),
    ("POW", 2),
    ("QUOTE", 1),
    ("RAND", 0),
    ("REPEAT", 2),
    ("REPLACE", 3),
    ("REVERSE", 1),
    ("RIGHT", 2),
    ("ROUND", 2),
    ("ROW_COUNT", 0),
    ("SCHEMA", 0),
    ("SESSION_USER", 0),
    ("SHA2", 2),
    ("SIGN", 1),
    ("SOUNDEX", 1),
    ("SPACE", 1),
    ("STRCMP", 2),
    ("SUBSTR", 2),
    ("SUBSTRING_INDEX", 3),
    ("SYSDATE", 0),
    ("TO_BASE64", 1),
    ("TRIM", 1),
    ("TRUNCATE", 2),
    ("UNHEX", 1),
    ("UNIX_TIMESTAMP", 0),
    ("UPPER", 1),
    ("USER", 0),
    ("UUID", 0),
    ("UUID_SHORT", 0),
    ("VERSION", 0),
    ("WEEKDAY", 1),
    ("YEAR", 1),
    ("COUNT", 1),
    ("MAX", 1),
    ("MIN", 1),
    ("SUM", 1),
    ("GROUP_CONCAT", 1),
    ("BIT_XOR", 1),
    ("STDDEV", 1),
    ("COMPRESS", 1),
    ("UNCOMPRESS", 1),
    ("EXTRACTVALUE", 2),
];

/// Calls that do something, or that may.
const DECEPTIVE_CALLS: &[&str] = &[
    "f()",
    "shop.f()",
    "`f`()",
    "f ()",
    "shop . f()",
    "g(1)",
    "`shop`.`g`(2)",
    "turns()",
    "NEXTVAL(s)",
    "nextval(shop.s)",
    "SETVAL(s,5)",
    "LASTVAL(s)",
    "NEXT VALUE FOR s",
    "PREVIOUS VALUE FOR s",
    "GET_LOCK('kept',0)",
    "RELEASE_LOCK('kept')",
    "RELEASE_ALL_LOCKS()",
    "SLEEP(0)",
    "SLEEP(0.01)",
    "BENCHMARK(9,1)",
    "LOAD_FILE('/etc/hostname')",
    "LAST_INSERT_ID(7)",
    "DEFAULT(a)",
    "DEFAULT(drawn.a)",
    "COUNT (1)",
    "`count`(1)",
    "NOW ()",
    "MASTER_POS_WAIT('x',1,0)",
    "group_replication_set_as_primary('x')",
    "asynchronous_connection_failover_add_source('a','b',1,'',50)",
    "sys.ps_thread_id(1)",
    "uuid_to_bin(UUID())",
    "(@x := 1)",
    "@x:=2",
    "{fn f()}",
    "{d '2024-01-01'}",
    "rank()",
    "any(1)",
];

const HINTS: &[&str] = &[
    "/*+\u{2}MAX_EXECUTION_TIME(500)\u{2}*/",
    "/*+\u{2}NO_INDEX_MERGE(t)\u{2}BKA(t)\u{2}*/",
    "/*+\u{2}QB_NAME(q)\u{2}*/",
    "/*+\u{2}SET_VAR(sort_buffer_size=65536)\u{2}*/",
    "/*+\u{2}SET_VAR(max_join_size=1)\u{2}MERGE(a)\u{2}*/",
    "/*+\u{2})\u{2}RESOURCE_GROUP(BKA)\u{2}*/",
    "/*+\u{2}RESOURCE_GROUP(SYS_default)\u{2}*/",
    "/*+BKA(`*/`)*/",
    "/*+*/",
];

/// After a query.
const DECEPTIVE_TAILS: &[&str] = &[
    "INTO @x",
    "INTO OUTFILE 'written'",
    "INTO DUMPFILE 'written'",
    "FOR UPDATE",
    "FOR UPDATE NOWAIT",
    "FOR SHARE",
    "FOR SHARE SKIP LOCKED",
    "LOCK IN SHARE MODE",
    "PROCEDURE ANALYSE()",
    "INTO OUTFILE 'written' LINES TERMINATED BY 'x'",
    "LIMIT 1 INTO @x",
    "INTO\u{2}@x,\u{2}@y",
    "FOR UPDATE OF t",
];

impl Grammar {
    pub(super) fn query(&mut self, depth: u64) -> String {
        let query = match self.dice.below(100) {
            0..66 => self.select(depth),
            66..74 => format!(
                "{} {} {}",
                self.select(depth),
                self.one(&["UNION", "UNION ALL", "EXCEPT", "INTERSECT"]),
                self.select(depth)
            ),
            74..82 => self.common_table(depth),
            82..88 => format!("( {} )", self.select(depth)),
            88..90 => format!("({} LIMIT 1) UNION ({})", self.select(depth), self.select(depth)),
            90..93 => {
                self.one(&["TABLE t", "TABLE shop.t LIMIT 1", "TABLE t INTO @x", "TABLE a UNION TABLE b"]).to_owned()
            }
            93..96 => self
                .one(&[
                    "VALUES ROW(1, 2), ROW(3, 4)",
                    "VALUES (1, 2), (3, 4)",
                    "VALUES ROW(f())",
                    "VALUES ROW(1) INTO @x",
                ])
                .to_owned(),
            _ => format!("SELECT * FROM ({}) AS d", self.select(depth)),
        };
        if self.chance(9) { format!("{query} {}", self.one(DECEPTIVE_TAILS)) } else { query }
    }

    fn common_table(&mut self, depth: u64) -> String {
        let inner = self.select(depth);
        match self.dice.below(10) {
            0..6 => format!("WITH w AS ({inner}) SELECT COUNT(*) FROM w"),
            6 => "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5) SELECT i FROM n"
                .to_owned(),
            7 => format!("WITH w AS ({inner}) DELETE FROM t WHERE id IN (SELECT 1 FROM w)"),
            8 => format!("WITH w AS ({inner}) UPDATE t SET a = 5"),
            _ => format!("WITH w AS ({inner}), x AS (SELECT 1 FROM w) SELECT * FROM x, w LIMIT 3"),
        }
    }

    fn select(&mut self, depth: u64) -> String {
        let (table, columns) = self.source();
        let hint = if self.chance(6) { self.one(HINTS) } else { "" };
        let modifier = if self.chance(8) {
            self.one(&["DISTINCT", "ALL", "SQL_NO_CACHE", "SQL_CALC_FOUND_ROWS", "HIGH_PRIORITY", "SQL_BUFFER_RESULT"])
        } else {
            ""
        };
        let items = match self.dice.below(10) {
            0..3 => "*".to_owned(),
            3 => "COUNT(*)".to_owned(),
            _ => self.list(3, ", ", |own| own.expression(depth, columns)),
        };
        if self.chance(10) {
            return format!("SELECT {hint} {}", self.list(3, ", ", |own| own.expression(depth, &[])));
        }
        let mut text = format!("SELECT {hint} {modifier} {items} FROM {table}");
        if self.chance(50) {
            text += &format!(" WHERE {}", self.condition(depth, columns));
        }
        if self.chance(8) {
            text += &format!(" GROUP BY {} HAVING COUNT(*) > 0", self.dice.pick(columns).unwrap_or(&"1"));
        }
        if self.chance(15) {
            text += &format!(" ORDER BY {} {}", self.expression(0, columns), self.one(&["", "DESC", "ASC"]));
        }
        text + self.one(&[" LIMIT 5", " LIMIT 3, 2", " LIMIT 2 OFFSET 1", "", ""])
    }

    fn source(&mut self) -> Source {
        let sources = if self.chance(6) { DECEPTIVE } else { SOURCES };
        self.dice.pick(sources).copied().unwrap_or(SOURCES[0])
    }

    fn expression(&mut self, depth: u64, columns: &[&'static str]) -> String {
        if self.chance(2) {
            return self.one(DECEPTIVE_CALLS).to_owned();
        }
        let choice = if depth == 0 { self.dice.below(40) } else { self.dice.below(100) };
        let next = depth.saturating_sub(1);
        match choice {
            0..24 if !columns.is_empty() => self.one(columns).to_owned(),
            0..40 => self.one(LITERALS).to_owned(),
            40..62 => self.call(next, columns),
            62..74 => format!(
                "{} {} {}",
                self.expression(next, columns),
                self.one(&["+", "-", "*", "/", "DIV", "%", "||", "<<", "&", "<=>", "!=", "->", "XOR"]),
                self.expression(next, columns)
            ),
            74..78 => format!(
                "CASE WHEN {} THEN {} ELSE {} END",
                self.condition(next, columns),
                self.expression(next, columns),
                self.expression(next, columns)
            ),
            78..82 => format!(
                "CAST({} AS {})",
                self.expression(next, columns),
                self.one(&["CHAR", "SIGNED", "DECIMAL(10,2)", "CHAR(5)", "DATETIME(3)", "BINARY(4)"])
            ),
            82..85 => format!("CONVERT({} USING utf8mb4)", self.expression(next, columns)),
            85..88 => format!(
                "(SELECT {} FROM {} LIMIT 1)",
                self.expression(0, &["id"]),
                self.one(&["a", "b", "shop.t", "v"])
            ),
            88..90 => format!("({})", self.expression(next, columns)),
            90..92 => format!("- {}", self.expression(next, columns)),
            92..94 => format!("{} AS `al\u{2}ias`", self.expression(next, columns)),
            94..97 => self
                .one(&[
                    "ROW_NUMBER() OVER ()",
                    "RANK() OVER (ORDER BY 1)",
                    "LAG(1) OVER ()",
                    "SUM(1) OVER (PARTITION BY 1)",
                    "COUNT(*) OVER w",
                ])
                .to_owned(),
            _ => self
                .one(&[
                    "EXTRACT(YEAR FROM NOW())",
                    "TRIM(BOTH 'x' FROM 'xax')",
                    "SUBSTRING('abc' FROM 2 FOR 1)",
                    "POSITION('a' IN 'ba')",
                    "DATE_ADD(NOW(), INTERVAL 1 DAY)",
                    "NOW() - INTERVAL 2 HOUR",
                    "'a' COLLATE utf8mb4_bin",
                    "BINARY 'a'",
                    "'a' REGEXP '^a'",
                ])
                .to_owned(),
        }
    }

    fn call(&mut self, depth: u64, columns: &[&'static str]) -> String {
        let (name, arguments) = self.dice.pick(CALLS).copied().unwrap_or(("PI", 0));
        let arguments: Vec<String> = (0..arguments).map(|_| self.expression(depth, columns)).collect();
        format!("{name}({})", arguments.join(", "))
    }

    fn condition(&mut self, depth: u64, columns: &[&'static str]) -> String {
        let left = self.expression(depth, columns);
        match self.dice.below(12) {
            0..3 => format!(
                "{left} {} {}",
                self.one(&["=", "<", ">=", "<>"]),
                self.expression(depth.saturating_sub(1), columns)
            ),
            3 => format!("{left} IN (1, 'x', NULL)"),
            4 => format!("{left} IN (SELECT id FROM a)"),
            5 => format!("{left} BETWEEN 1 AND 5"),
            6 => format!("{left} LIKE '%a\u{2}%'"),
            7 => format!("{left} IS NOT NULL"),
            8 => "EXISTS (SELECT 1 FROM b)".to_owned(),
            9 => format!("NOT {left}"),
            10 => format!("{left} > ALL (SELECT id FROM a)"),
            _ => format!("({left}) AND (1 OR 0)"),
        }
    }

    pub(super) fn show(&mut self) -> String {
        let what = self.one(&[
            "TABLES",
            "FULL TABLES",
            "OPEN TABLES",
            "TABLE STATUS",
            "COLUMNS FROM orders",
            "FULL COLUMNS FROM shop.t",
            "INDEX FROM t",
            "TRIGGERS",
            "EVENTS",
            "STATUS",
            "GLOBAL STATUS",
            "SESSION STATUS",
            "VARIABLES",
            "GLOBAL VARIABLES",
            "DATABASES",
            "COLLATION",
            "CHARACTER SET",
            "PROCEDURE STATUS",
            "FUNCTION STATUS",
            "KEYS FROM a FROM shop",
        ]);
        let both = self.one(&[
            "PROCESSLIST",
            "FULL PROCESSLIST",
            "ENGINES",
            "PLUGINS",
            "PRIVILEGES",
            "WARNINGS",
            "ERRORS LIMIT 1",
            "COUNT(*) WARNINGS",
            "GRANTS",
            "GRANTS FOR CURRENT_USER",
            "GRANTS FOR app@localhost",
            "CREATE TABLE t",
            "CREATE TABLE shop.`odd\u{2}name`",
            "CREATE VIEW v",
            "CREATE PROCEDURE p",
            "CREATE FUNCTION f",
            "CREATE TRIGGER tr",
            "CREATE EVENT ev",
            "CREATE USER app@localhost",
            "CREATE DATABASE shop",
            "ENGINE INNODB STATUS",
            "ENGINE PERFORMANCE_SCHEMA STATUS",
            "ENGINE INNODB MUTEX",
            "BINARY LOGS",
            "BINLOG EVENTS LIMIT 3",
            "RELAYLOG EVENTS LIMIT 1",
            "PROFILES",
            "PROFILE",
            "MASTER STATUS",
            "SLAVE STATUS",
            "REPLICA STATUS",
            "BINARY LOG STATUS",
            "REPLICAS",
            "SLAVE HOSTS",
            "ALL SLAVES STATUS",
            "EXTENDED COLUMNS FROM t",
            "CREATE SEQUENCE s",
            "EXPLAIN FOR 1",
            "USER_STATISTICS",
            "AUTHORS",
            "PROCEDURE CODE p",
            "ENGINE ALL LOGS",
        ]);
        if self.chance(50) {
            return format!("SHOW {both}");
        }
        let tail = match self.dice.below(10) {
            0..3 => String::new(),
            3..6 => format!("LIKE '{}'", self.one(&["%", "a%", "%_x", "it''s"])),
            6 => "WHERE (SELECT 1 FROM t LIMIT 1 FOR SHARE)".to_owned(),
            7 => format!(
                "WHERE {}",
                self.one(&[
                    "f()",
                    "1 = f()",
                    "(SELECT f())",
                    "EXISTS (SELECT 1 FROM information_schema.INNODB_CMP_RESET)",
                    "(SELECT NEXTVAL(s))",
                    "GET_LOCK('kept',0)"
                ])
            ),
            _ => format!("WHERE {}", self.condition(1, &[])),
        };
        format!("SHOW {what} {tail}")
    }

    pub(super) fn explain(&mut self) -> String {
        let word = self.one(&[
            "EXPLAIN",
            "EXPLAIN",
            "DESC",
            "DESCRIBE",
            "EXPLAIN FORMAT=JSON",
            "EXPLAIN EXTENDED",
            "EXPLAIN FORMAT=TREE",
            "EXPLAIN ANALYZE",
            "ANALYZE",
            "ANALYZE FORMAT=JSON",
            "EXPLAIN PARTITIONS",
        ]);
        let what = match self.dice.below(10) {
            0..5 => self.query(1),
            5 => self.one(&["t", "shop.orders", "v", "orders status", "t 'a%'"]).to_owned(),
            6 => self
                .one(&[
                    "FOR CONNECTION 1",
                    "FOR CONNECTION 999999",
                    "INTO @x SELECT 1",
                    "FOR SCHEMA shop SELECT * FROM t",
                ])
                .to_owned(),
            _ => self.row_change(),
        };
        format!("{word} {what}")
    }

    pub(super) fn about_the_session(&mut self) -> String {
        let value = self.one(&["5", "1", "DEFAULT", "100", "f()", "(SELECT f())", "@x", "'5'", "ON", "1 + 1"]);
        let name = self.one(&[
            "lock_wait_timeout",
            "innodb_lock_wait_timeout",
            "wait_timeout",
            "group_concat_max_len",
            "net_read_timeout",
            "sql_log_bin",
            "sql_mode",
            "autocommit",
            "read_only",
            "max_connections",
            "binlog_format",
            "timestamp",
        ]);
        match self.dice.below(12) {
            0 => format!("USE {}", self.one(&["shop", "`shop`", "mysql", "heartbeat"])),
            1 => format!("SET {name} = {value}"),
            2 => format!("SET SESSION {name} = {value}, @x = {value}"),
            3 => format!(
                "SET @@{}{name} := {value}",
                self.one(&["", "session.", "local.", "global.", "persist.", "`session`."])
            ),
            4 => format!("SET {} {name} = {value}", self.one(&["GLOBAL", "PERSIST", "PERSIST_ONLY", "LOCAL"])),
            5 => format!("SET @{} = {value}", self.one(&["x", "`x y`", "'z'", "a.b"])),
            6 => format!("SET STATEMENT {name} = {value} FOR {}", self.query(1)),
            7 => format!(
                "SET {}",
                self.one(&[
                    "NAMES utf8mb4",
                    "NAMES utf8mb4 COLLATE utf8mb4_bin",
                    "NAMES gbk",
                    "CHARACTER SET latin1",
                    "ROLE NONE",
                    "PASSWORD = 'x'",
                    "TRANSACTION READ WRITE",
                    "SESSION TRANSACTION ISOLATION LEVEL SERIALIZABLE",
                    "DEFAULT ROLE NONE TO app@localhost"
                ])
            ),
            8 => format!("HELP '{}'", self.one(&["SHOW", "contents", "no such thing"])),
            9 => format!(
                "CHECKSUM TABLE {} {}",
                self.one(&["t", "shop.orders, a", "m", "v", "v_writes", "information_schema.INNODB_CMP_RESET", "mem"]),
                self.one(&["", "QUICK", "EXTENDED"])
            ),
            10 => format!("SELECT {}", self.one(super::read::DECEPTIVE_CALLS)),
            _ => format!("DESCRIBE {}", self.one(&["t", "shop.t a", "v", "mysql.user 'h%'", "`odd\u{2}name`"])),
        }
    }
}
