//! The option file of each lab server: small, quick, and with what replication by GTID needs.

use std::fmt::Write;
use std::path::Path;

use super::flavor::Flavor;

/// What one server's option file is made of.
pub struct Settings<'a> {
    pub flavor: Flavor,
    pub server_dir: &'a Path,
    pub datadir: &'a Path,
    pub port: u16,
    /// Unique in the lab, from 1.
    pub server_id: u32,
    /// MariaDB counts GTIDs per domain; each server that writes on its own needs one of its own.
    pub domain_id: u32,
    /// Added last, so they win.
    pub extra: &'a [(String, String)],
}

/// The folder for temporary tables inside a server's folder. A MariaDB server that starts removes what looks like one in
/// its `tmpdir`, so servers that share `/tmp` take each other's away.
pub const TMP: &str = "tmp";

const COMMON: &[(&str, &str)] = &[
    ("skip_name_resolve", "ON"),
    ("bind_address", "127.0.0.1"),
    ("max_connections", "100"),
    ("innodb_buffer_pool_size", "32M"),
    ("innodb_flush_log_at_trx_commit", "2"),
    ("key_buffer_size", "1M"),
    ("sync_binlog", "0"),
    ("binlog_format", "ROW"),
    ("log_bin", "bin"),
    ("relay_log", "relay"),
    ("general_log", "ON"),
    ("report_host", "127.0.0.1"),
    ("secure_file_priv", ""),
];

const MARIADB: &[(&str, &str)] = &[
    ("innodb_log_file_size", "8M"),
    ("aria_pagecache_buffer_size", "1M"),
    ("performance_schema", "OFF"),
    ("log_slave_updates", "ON"),
    ("gtid_strict_mode", "ON"),
];

/// The performance schema stays on for MySQL: lock waits, replication workers and progress are only seen there.
const MYSQL: &[(&str, &str)] = &[
    ("innodb_redo_log_capacity", "16M"),
    ("innodb_doublewrite", "OFF"),
    ("mysqlx", "OFF"),
    ("gtid_mode", "ON"),
    ("enforce_gtid_consistency", "ON"),
    ("performance-schema-instrument", "'stage/innodb/alter%=ON'"),
    ("performance-schema-consumer-events-stages-current", "ON"),
];

/// The text of the server's option file. A file, not arguments: persisted settings count only for a server with one.
pub fn option_file(settings: &Settings<'_>) -> String {
    let mut text = "[mysqld]\n".to_owned();
    let mut set = |name: &str, value: &dyn std::fmt::Display| {
        // Writing to a `String` cannot fail.
        let _ = writeln!(text, "{name}={value}");
    };
    for (name, file) in [("socket", "mysqld.sock"), ("pid_file", "mysqld.pid"), ("log_error", "error.log")] {
        set(name, &settings.server_dir.join(file).display());
    }
    set("tmpdir", &settings.server_dir.join(TMP).display());
    set("general_log_file", &settings.server_dir.join("general.log").display());
    set("datadir", &settings.datadir.display());
    set("port", &settings.port);
    set("report_port", &settings.port);
    set("server_id", &settings.server_id);
    if rustix::process::getuid().is_root() {
        set("user", &"root");
    }
    let of_flavor = match settings.flavor {
        Flavor::Mariadb => MARIADB,
        Flavor::Mysql => MYSQL,
    };
    for (name, value) in COMMON.iter().chain(of_flavor) {
        set(name, value);
    }
    if settings.flavor == Flavor::Mariadb {
        set("gtid_domain_id", &settings.domain_id);
    }
    for (name, value) in settings.extra {
        set(name, value);
    }
    text
}

/// Arguments that must be the same when a template is made as when its copies run, and those that make it small.
pub fn for_template(flavor: Flavor) -> Vec<String> {
    let mut arguments: Vec<String> = match flavor {
        Flavor::Mariadb => vec!["--innodb-log-file-size=8M".into(), "--max-allowed-packet=8M".into()],
        Flavor::Mysql => {
            vec!["--innodb-redo-log-capacity=16M".into(), "--secure-file-priv=".into(), "--mysqlx=OFF".into()]
        }
    };
    arguments.push("--innodb-buffer-pool-size=32M".into());
    if rustix::process::getuid().is_root() {
        arguments.push("--user=root".into());
    }
    arguments
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_test_adds_stands_last_and_wins() {
        let extra = [("max_connections".to_owned(), "7".to_owned())];
        let dir = Path::new("/lab/db-a");
        let settings = Settings {
            flavor: Flavor::Mysql,
            server_dir: dir,
            datadir: dir,
            port: 1,
            server_id: 1,
            domain_id: 0,
            extra: &extra,
        };
        assert!(option_file(&settings).ends_with("max_connections=7\n"));
    }
}
