//! The questions of one look at a server, as SQL. Pure; what is not needed is not asked.
//!
//! No probe may read a table's pages: on MySQL that ends the server when the table is damaged. Tables are therefore
//! described from the data dictionary, and `SHOW CREATE TABLE`, which opens the table, is run by the server only
//! where its own dictionary says that opening takes no page (persistent statistics are there).

use std::collections::BTreeSet;

use crate::domain::base::TableName;
use crate::domain::sql::{Dialect, Flavor, lookup, quote};

/// One question. The order is the order in the packet: those that may be refused stand last, because a refusal ends
/// the packet.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Probe {
    /// The server's clock and how far it has come.
    Clock,
    Variables,
    Status,
    /// Who reads the binary log.
    DumpThreads,
    /// What the observing account may see.
    Rights,
    /// A table as the dictionary lists it.
    Table(TableName),
    /// Any table of a schema, to tell "absent" from "not visible".
    Sibling(String),
    Triggers(TableName),
    /// The replication links of this server.
    Links,
    LogFilter,
    ForeignKeys(TableName),
    ObjectId(TableName),
    /// Bytes by persistent statistics, and the size of the file.
    Space(TableName),
    WorkerErrors,
    /// Which links choose another source by themselves.
    Failover,
    /// The replica behind each dump thread.
    DumpUuids,
    GroupMembers,
    Definition(TableName),
}

/// The statements of a probe and which of them answers.
pub struct Question {
    pub statements: Vec<String>,
    pub answer_at: usize,
}

/// The settings that make every answer mean the same on each server, and keep the session from changing anything.
pub fn prelude(dialect: Dialect) -> String {
    let mut settings = "SET NAMES utf8mb4; SET SESSION TRANSACTION READ ONLY; SET SESSION sql_mode='', \
                        SESSION time_zone='+00:00', SESSION sql_quote_show_create=1, SESSION lock_wait_timeout=1, \
                        SESSION group_concat_max_len=1048576"
        .to_owned();
    if dialect.has_data_dictionary() {
        // Without it sizes may be a day old.
        settings.push_str(", SESSION information_schema_stats_expiry=0");
    }
    settings
}

/// All questions for a look at a server of this dialect.
pub fn probes(dialect: Dialect, tables: &BTreeSet<TableName>) -> BTreeSet<Probe> {
    use Probe::*;
    let mut probes = BTreeSet::from([Clock, Variables, Status, DumpThreads, Rights, Links, LogFilter]);
    let mysql = dialect.flavor() == Flavor::MySql;
    if mysql {
        probes.extend([WorkerErrors, DumpUuids, GroupMembers]);
    }
    if dialect.has_source_failover() {
        probes.insert(Failover);
    }
    if mysql && !dialect.has_data_dictionary() {
        // Every description of a table would open it.
        return probes;
    }
    for table in tables {
        let table = || table.clone();
        probes.extend([Table(table()), Sibling(table().schema().to_owned()), Triggers(table()), ForeignKeys(table())]);
        probes.extend([ObjectId(table()), Definition(table())]);
        if mysql {
            probes.insert(Space(table()));
        }
    }
    probes
}

impl Probe {
    pub fn question(&self, dialect: Dialect) -> Question {
        if let Self::Definition(table) = self {
            return definition(dialect, table);
        }
        Question { statements: vec![self.sql(dialect)], answer_at: 0 }
    }

    fn sql(&self, dialect: Dialect) -> String {
        let mariadb = dialect.flavor() == Flavor::MariaDb;
        match self {
            Self::Clock if mariadb => "SELECT UNIX_TIMESTAMP() AS now, @@GLOBAL.gtid_binlog_pos AS binlog_position, \
                                       @@GLOBAL.gtid_slave_pos AS replica_position"
                .to_owned(),
            // `SHOW VARIABLES` would cut a long set off.
            Self::Clock => "SELECT UNIX_TIMESTAMP() AS now, @@GLOBAL.gtid_executed AS executed".to_owned(),
            Self::Variables => format!("SHOW GLOBAL VARIABLES WHERE Variable_name IN ({})", list(VARIABLES)),
            Self::Status => format!("SHOW GLOBAL STATUS WHERE Variable_name IN ({})", list(STATUS)),
            Self::DumpThreads => {
                let performance = dialect.has_performance_schema_processlist();
                let list =
                    if performance { "performance_schema.processlist" } else { "information_schema.PROCESSLIST" };
                format!("SELECT ID, USER, HOST FROM {list} WHERE COMMAND IN ('Binlog Dump', 'Binlog Dump GTID')")
            }
            Self::Rights => rights(),
            Self::Sibling(schema) => {
                let schema = quote::string(schema);
                format!("SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = {schema} LIMIT 1")
            }
            Self::Links => dialect.show_replica_status().to_owned(),
            Self::LogFilter => dialect.show_log_position().to_owned(),
            Self::WorkerErrors => "SELECT CHANNEL_NAME, LAST_ERROR_NUMBER, LAST_ERROR_MESSAGE FROM \
                                   performance_schema.replication_applier_status_by_worker WHERE LAST_ERROR_NUMBER <> 0"
                .to_owned(),
            Self::Failover => "SELECT CHANNEL_NAME, SOURCE_CONNECTION_AUTO_FAILOVER AS FAILOVER FROM \
                               performance_schema.replication_connection_configuration"
                .to_owned(),
            Self::DumpUuids => {
                "SELECT t.PROCESSLIST_ID AS ID, v.VARIABLE_NAME AS NAME, CAST(v.VARIABLE_VALUE AS CHAR) \
                                AS UUID FROM performance_schema.user_variables_by_thread v JOIN \
                                performance_schema.threads t ON t.THREAD_ID = v.THREAD_ID WHERE v.VARIABLE_NAME IN \
                                ('slave_uuid', 'replica_uuid')"
                    .to_owned()
            }
            Self::GroupMembers => "SELECT MEMBER_STATE FROM performance_schema.replication_group_members".to_owned(),
            Self::Table(table) => listed(dialect, table),
            Self::Triggers(table) => lookup::triggers(table),
            Self::ForeignKeys(table) => foreign_keys(dialect, table),
            Self::ObjectId(table) => object_id(dialect, table),
            Self::Space(table) => space(table),
            Self::Definition(_) => String::new(),
        }
    }
}

const VARIABLES: &[&str] = &[
    "version",
    "version_comment",
    "server_uuid",
    "server_id",
    "server_uid",
    "hostname",
    "port",
    "datadir",
    "gtid_mode",
    "read_only",
    "super_read_only",
    "innodb_read_only",
    "log_bin",
    "log_slave_updates",
    "log_replica_updates",
    "wsrep_on",
    "wsrep_provider",
    "group_replication_group_name",
    "rpl_semi_sync_master_enabled",
    "rpl_semi_sync_master_timeout",
    "rpl_semi_sync_master_wait_for_slave_count",
    "rpl_semi_sync_source_enabled",
    "rpl_semi_sync_source_timeout",
    "rpl_semi_sync_source_wait_for_replica_count",
    "replicate_events_marked_for_skip",
    "binlog_format",
    "gtid_domain_id",
    "partial_revokes",
    "performance_schema",
];

const STATUS: &[&str] = &[
    "Uptime",
    "Rpl_semi_sync_master_clients",
    "Rpl_semi_sync_source_clients",
    "Rpl_semi_sync_slave_status",
    "Rpl_semi_sync_replica_status",
];

fn list(names: &[&str]) -> String {
    names.iter().map(|name| quote::string(name)).collect::<Vec<_>>().join(",")
}

/// The rights that decide whether "not there" means absent or not visible. Rights by role are not listed.
fn rights() -> String {
    let me = "GRANTEE = CONCAT('''', SUBSTRING_INDEX(CURRENT_USER(), '@', 1), '''@''', \
              SUBSTRING_INDEX(CURRENT_USER(), '@', -1), '''')";
    let rights = "PRIVILEGE_TYPE IN ('SELECT', 'PROCESS', 'TRIGGER')";
    format!(
        "SELECT NULL AS TABLE_SCHEMA, NULL AS TABLE_NAME, PRIVILEGE_TYPE FROM information_schema.USER_PRIVILEGES WHERE {me} AND {rights} \
         UNION ALL SELECT TABLE_SCHEMA, NULL, PRIVILEGE_TYPE FROM information_schema.SCHEMA_PRIVILEGES WHERE {me} AND {rights} \
         UNION ALL SELECT TABLE_SCHEMA, TABLE_NAME, PRIVILEGE_TYPE FROM information_schema.TABLE_PRIVILEGES WHERE {me} AND {rights}"
    )
}

fn here(table: &TableName) -> String {
    format!("TABLE_SCHEMA = {} AND TABLE_NAME = {}", quote::string(table.schema()), quote::string(table.name()))
}

/// Where there is a dictionary, no column that only an open table has.
fn listed(dialect: Dialect, table: &TableName) -> String {
    let bytes = if dialect.has_data_dictionary() { "NULL" } else { "DATA_LENGTH + INDEX_LENGTH" };
    format!(
        "SELECT TABLE_TYPE, ENGINE, TABLE_COMMENT, CREATE_TIME, {bytes} AS BYTES FROM information_schema.TABLES WHERE {}",
        here(table)
    )
}

fn definition(dialect: Dialect, table: &TableName) -> Question {
    let opening_is_safe = if dialect.has_data_dictionary() {
        format!(
            "ENGINE IS NOT NULL AND (ENGINE <> 'InnoDB' OR (CREATE_OPTIONS NOT LIKE '%stats_persistent=0%' AND \
             (@@GLOBAL.innodb_stats_persistent = 1 OR CREATE_OPTIONS LIKE '%stats_persistent=1%') AND \
             EXISTS (SELECT 1 FROM mysql.innodb_table_stats WHERE {})))",
            statistics_of(table)
        )
    } else {
        "ENGINE IS NOT NULL".to_owned()
    };
    let show = quote::string(&format!("SHOW CREATE TABLE {}", quote::table(table)));
    let choose = format!(
        "SET @countersign_show = IF((SELECT COUNT(*) FROM information_schema.TABLES WHERE {} AND TABLE_TYPE = \
         'BASE TABLE' AND {opening_is_safe}) = 1, {show}, 'SELECT NULL')",
        here(table)
    );
    let statements = [
        choose.as_str(),
        "PREPARE countersign_show FROM @countersign_show",
        "EXECUTE countersign_show",
        "DEALLOCATE PREPARE countersign_show",
    ];
    Question { statements: statements.map(str::to_owned).to_vec(), answer_at: 2 }
}

/// The rows of a table and of its partitions in the persistent statistics.
fn statistics_of(table: &TableName) -> String {
    let (schema, name) = (quote::string(table.schema()), quote::string(table.name()));
    let partition = quote::string(&format!("{}#p#", table.name()));
    format!(
        "database_name = {schema} AND (table_name = {name} OR LEFT(table_name, CHAR_LENGTH({partition})) = {partition})"
    )
}

fn space(table: &TableName) -> String {
    let files = file_names(table).map_or_else(|| "1 = 0".to_owned(), |names| names.matching("NAME"));
    format!(
        "SELECT (SELECT SUM(clustered_index_size + sum_of_other_index_sizes) * @@GLOBAL.innodb_page_size FROM \
         mysql.innodb_table_stats WHERE {}) AS BYTES, (SELECT COUNT(*) FROM information_schema.INNODB_TABLESPACES \
         WHERE ({files}) AND FILE_SIZE = 0) AS MISSING",
        statistics_of(table)
    )
}

fn object_id(dialect: Dialect, table: &TableName) -> String {
    let view = if dialect.has_data_dictionary() { "INNODB_TABLES" } else { "INNODB_SYS_TABLES" };
    let files = file_names(table).map_or_else(|| "1 = 0".to_owned(), |names| names.matching("NAME"));
    format!("SELECT TABLE_ID FROM information_schema.{view} WHERE {files}")
}

fn foreign_keys(dialect: Dialect, table: &TableName) -> String {
    let (schema, name) = (quote::string(table.schema()), quote::string(table.name()));
    if dialect.has_data_dictionary() {
        return format!(
            "SELECT CONSTRAINT_SCHEMA AS OWNER_SCHEMA, TABLE_NAME AS OWNER_TABLE, CONSTRAINT_NAME AS NAME, \
             UNIQUE_CONSTRAINT_SCHEMA AS TARGET_SCHEMA, REFERENCED_TABLE_NAME AS TARGET_TABLE FROM \
             information_schema.REFERENTIAL_CONSTRAINTS WHERE (CONSTRAINT_SCHEMA = {schema} AND TABLE_NAME = {name}) \
             OR (UNIQUE_CONSTRAINT_SCHEMA = {schema} AND REFERENCED_TABLE_NAME = {name})"
        );
    }
    // The standard view would open every table of every schema to find those that point here.
    let Some(names) = file_names(table) else {
        return "SELECT 'unnameable' AS PROBLEM".to_owned();
    };
    let table = quote::string(&names.whole);
    format!(
        "SELECT ID, FOR_NAME, REF_NAME FROM information_schema.INNODB_SYS_FOREIGN WHERE FOR_NAME = {table} OR REF_NAME = {table}"
    )
}

/// How the storage engine names a table: `schema/table`, with anything but letters, digits and `_` encoded.
pub struct FileNames {
    pub whole: String,
}

impl FileNames {
    /// The condition for the table and its partitions.
    fn matching(&self, column: &str) -> String {
        let whole = quote::string(&self.whole);
        let partition = quote::string(&format!("{}#p#", self.whole));
        format!("{column} = {whole} OR LEFT({column}, CHAR_LENGTH({partition})) = {partition}")
    }
}

/// `None` for names outside of ASCII: their encoding has tables of its own, and a guess could name another table.
pub fn file_names(table: &TableName) -> Option<FileNames> {
    let part = |name: &str| {
        name.chars()
            .map(|c| match c {
                c if c.is_ascii_alphanumeric() || c == '_' => Some(c.to_string()),
                c if c.is_ascii() => Some(format!("@{:04x}", u32::from(c))),
                _ => None,
            })
            .collect::<Option<String>>()
    };
    Some(FileNames { whole: format!("{}/{}", part(table.schema())?, part(table.name())?) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::sql::Version;

    fn dialect(flavor: Flavor, major: u16, minor: u16) -> Dialect {
        Dialect::of(flavor, Version::new(major, minor, 30)).unwrap()
    }

    fn tables() -> BTreeSet<TableName> {
        BTreeSet::from([TableName::parse("shop.orders").unwrap()])
    }

    #[test]
    fn mysql_without_a_dictionary_is_never_asked_to_describe_a_table() {
        let probes = probes(dialect(Flavor::MySql, 5, 7), &tables());
        assert!(
            !probes.iter().any(|probe| matches!(probe, Probe::Table(_) | Probe::Definition(_) | Probe::ObjectId(_)))
        );
    }

    #[test]
    fn with_a_dictionary_only_the_guarded_definition_opens_a_table() {
        let dialect = dialect(Flavor::MySql, 8, 0);
        for probe in probes(dialect, &tables()) {
            let text = probe.question(dialect).statements.join(";");
            assert!(!text.contains("DATA_LENGTH") && !text.contains("TABLE_ROWS"), "{text}");
            assert_eq!(text.contains("SHOW CREATE"), matches!(probe, Probe::Definition(_)), "{text}");
            assert!(!text.contains("SHOW CREATE") || text.contains("innodb_table_stats"), "{text}");
        }
    }

    #[test]
    fn names_are_encoded_as_the_engine_does_or_not_at_all() {
        let names = |text| file_names(&TableName::parse(text).unwrap()).map(|names| names.whole);
        assert_eq!(names("shop.my-table").as_deref(), Some("shop/my@002dtable"));
        assert_eq!(names("shop.a$b").as_deref(), Some("shop/a@0024b"));
        assert_eq!(names("shop.é"), None);
    }

    #[test]
    fn a_name_with_a_quote_stays_one_string() {
        let table = TableName::new("sh'op", "or`ders").unwrap();
        let text = listed(dialect(Flavor::MySql, 8, 0), &table);
        assert!(text.contains("'sh''op'"), "{text}");
        let show = definition(dialect(Flavor::MySql, 8, 0), &table).statements[0].clone();
        assert!(show.contains("'SHOW CREATE TABLE `sh''op`.`or``ders`'"), "{show}");
    }
}
