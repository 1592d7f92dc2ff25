//! The statements and names that differ between flavours and releases.
//!
//! Every value goes through [`super::super::quote`]. Passwords have no place here: they never stand in a statement
//! that is printed or journaled.

use super::Dialect;
use crate::domain::sql::quote;

/// Which replication connections of a replica are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Channel<'a> {
    All,
    /// The default connection has the empty name.
    Named(&'a str),
}

/// Which threads of a connection are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Threads {
    Both,
    /// Fetches from the source ("IO thread").
    Receiver,
    /// Applies what was fetched ("SQL thread").
    Applier,
}

/// How a replica finds its place in the source's log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gtid {
    /// By what it has: auto position, or `slave_pos`.
    Follow,
    /// By file and position.
    Off,
}

/// One thing to tell a replica about its source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SourceOption<'a> {
    Host(&'a str),
    Port(u16),
    User(&'a str),
    LogFile(&'a str),
    LogPosition(u64),
    DelaySeconds(u32),
    Gtid(Gtid),
    /// Stay with this source, also when it does not answer.
    NoFailover,
}

/// What there is and what it is called.
impl Dialect {
    /// `super_read_only` exists; elsewhere `read_only` does not stop administrators.
    pub fn has_super_read_only(self) -> bool {
        !self.is_mariadb()
    }

    /// `GTID_SUBSET` and `GTID_SUBTRACT` exist, and with them `@@gtid_executed`.
    pub fn has_gtid_subset(self) -> bool {
        !self.is_mariadb()
    }

    /// `@@server_uuid` exists; elsewhere identity is a composite of other facts.
    pub fn has_server_uuid(self) -> bool {
        !self.is_mariadb()
    }

    /// `SET PERSIST` and `SET PERSIST_ONLY` exist.
    pub fn has_persist(self) -> bool {
        self.mysql_since(8, 0, 0)
    }

    /// A multi-table DROP happens as a whole or not at all.
    pub fn has_atomic_drop(self) -> bool {
        self.mysql_since(8, 0, 0)
    }

    /// Replicas take a logged `CREATE TABLE` over an existing table as an order to replace it.
    pub fn replicas_replace_on_create(self) -> bool {
        self.is_mariadb()
    }

    /// `performance_schema.processlist` exists.
    pub fn has_performance_schema_processlist(self) -> bool {
        self.mysql_since(8, 0, 22)
    }

    /// `performance_schema.replication_applier_status_by_worker` says why a worker stopped.
    pub fn has_worker_errors(self) -> bool {
        !self.is_mariadb()
    }

    /// A replica may choose another source by itself when it loses its own.
    pub fn has_source_failover(self) -> bool {
        self.mysql_since(8, 0, 22)
    }

    fn says_replica(self) -> bool {
        self.mysql_since(8, 0, 22)
    }

    fn says_source(self) -> bool {
        self.mysql_since(8, 0, 23)
    }

    fn has_new_variable_names(self) -> bool {
        self.mysql_since(8, 0, 26)
    }

    /// The variable that makes a replica write what it applies to its own binary log.
    pub fn log_replica_updates_variable(self) -> &'static str {
        if self.has_new_variable_names() { "log_replica_updates" } else { "log_slave_updates" }
    }

    /// The variable that keeps the replication threads stopped after a restart.
    pub fn skip_start_variable(self) -> &'static str {
        if self.has_new_variable_names() { "skip_replica_start" } else { "skip_slave_start" }
    }

    pub fn skip_counter_variable(self) -> &'static str {
        if self.has_new_variable_names() { "sql_replica_skip_counter" } else { "sql_slave_skip_counter" }
    }

    /// The variable that makes a session's transactions read-only.
    pub fn read_only_transaction_variable(self) -> &'static str {
        if self.is_mariadb() { "tx_read_only" } else { "transaction_read_only" }
    }

    /// What a replica shows of itself: one row per connection.
    pub fn show_replica_status(self) -> &'static str {
        match (self.is_mariadb(), self.says_replica()) {
            (true, _) => "SHOW ALL SLAVES STATUS",
            (false, true) => "SHOW REPLICA STATUS",
            (false, false) => "SHOW SLAVE STATUS",
        }
    }

    /// The replicas that registered at this server.
    pub fn show_replicas(self) -> &'static str {
        if self.says_replica() { "SHOW REPLICAS" } else { "SHOW SLAVE HOSTS" }
    }

    /// Where this server's own binary log ends.
    pub fn show_log_position(self) -> &'static str {
        if self.mysql_since(8, 2, 0) { "SHOW BINARY LOG STATUS" } else { "SHOW MASTER STATUS" }
    }

    /// The expression for everything that this server has executed, as a GTID set or position.
    pub fn gtid_executed(self) -> &'static str {
        if self.is_mariadb() { "@@GLOBAL.gtid_current_pos" } else { "@@GLOBAL.gtid_executed" }
    }
}

/// What to send.
impl Dialect {
    pub fn stop_replication(self, channel: Channel<'_>, threads: Threads) -> String {
        self.threads_statement("STOP", channel, threads)
    }

    pub fn start_replication(self, channel: Channel<'_>, threads: Threads) -> String {
        self.threads_statement("START", channel, threads)
    }

    fn threads_statement(self, verb: &str, channel: Channel<'_>, threads: Threads) -> String {
        let threads = match threads {
            Threads::Both => "",
            Threads::Receiver => " IO_THREAD",
            Threads::Applier => " SQL_THREAD",
        };
        match (self.is_mariadb(), channel) {
            (true, Channel::All) => format!("{verb} ALL SLAVES{threads}"),
            (true, Channel::Named(name)) => format!("{verb} SLAVE {}{threads}", quote::string(name)),
            (false, _) => format!("{verb} {}{threads}{}", self.replica_word(), for_channel(channel)),
        }
    }

    /// Tells a replica something about its source; the order of `options` is kept.
    pub fn change_source(self, channel: Channel<'_>, options: &[SourceOption<'_>]) -> String {
        let options: Vec<String> = options.iter().map(|option| self.source_option(*option)).collect();
        let options = options.join(", ");
        match (self.is_mariadb(), self.says_source(), channel) {
            (true, _, Channel::Named(name)) => format!("CHANGE MASTER {} TO {options}", quote::string(name)),
            (true, _, Channel::All) => format!("CHANGE MASTER TO {options}"),
            (false, true, _) => format!("CHANGE REPLICATION SOURCE TO {options}{}", for_channel(channel)),
            (false, false, _) => format!("CHANGE MASTER TO {options}{}", for_channel(channel)),
        }
    }

    fn source_option(self, option: SourceOption<'_>) -> String {
        let side = if self.says_source() { "SOURCE" } else { "MASTER" };
        match option {
            SourceOption::Host(host) => format!("{side}_HOST={}", quote::string(host)),
            SourceOption::Port(port) => format!("{side}_PORT={port}"),
            SourceOption::User(user) => format!("{side}_USER={}", quote::string(user)),
            SourceOption::LogFile(file) => format!("{side}_LOG_FILE={}", quote::string(file)),
            SourceOption::LogPosition(position) => format!("{side}_LOG_POS={position}"),
            SourceOption::DelaySeconds(seconds) => format!("{side}_DELAY={seconds}"),
            SourceOption::NoFailover => format!("{side}_CONNECTION_AUTO_FAILOVER=0"),
            SourceOption::Gtid(gtid) => match (self.is_mariadb(), gtid) {
                (true, Gtid::Follow) => "MASTER_USE_GTID=slave_pos".to_owned(),
                (true, Gtid::Off) => "MASTER_USE_GTID=no".to_owned(),
                (false, Gtid::Follow) => format!("{side}_AUTO_POSITION=1"),
                (false, Gtid::Off) => format!("{side}_AUTO_POSITION=0"),
            },
        }
    }

    /// Forgets a replica's source, coordinates and relay logs.
    pub fn forget_source(self, channel: Channel<'_>) -> String {
        match (self.is_mariadb(), channel) {
            (true, Channel::Named(name)) => format!("RESET SLAVE {} ALL", quote::string(name)),
            (true, Channel::All) => "RESET SLAVE ALL".to_owned(),
            (false, _) => format!("RESET {} ALL{}", self.replica_word(), for_channel(channel)),
        }
    }

    /// Deletes this server's binary logs and its GTID history.
    pub fn reset_binary_logs(self) -> &'static str {
        if self.mysql_since(8, 2, 0) { "RESET BINARY LOGS AND GTIDS" } else { "RESET MASTER" }
    }

    /// Waits until this server has executed `gtids`; answers 0, or another value when the time is over.
    pub fn wait_for_gtids(self, gtids: &str, seconds: u32) -> String {
        let function = if self.is_mariadb() { "MASTER_GTID_WAIT" } else { "WAIT_FOR_EXECUTED_GTID_SET" };
        format!("SELECT {function}({}, {seconds})", quote::string(gtids))
    }

    fn replica_word(self) -> &'static str {
        if self.says_replica() { "REPLICA" } else { "SLAVE" }
    }
}

fn for_channel(channel: Channel<'_>) -> String {
    match channel {
        Channel::All => String::new(),
        Channel::Named(name) => format!(" FOR CHANNEL {}", quote::string(name)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::sql::dialect::{Flavor, Version};
    use crate::domain::sql::lexer::count_statements;

    fn mariadb() -> Dialect {
        Dialect::of(Flavor::MariaDb, Version::new(10, 11, 19)).unwrap()
    }

    fn mysql(major: u16, minor: u16, patch: u16) -> Dialect {
        Dialect::of(Flavor::MySql, Version::new(major, minor, patch)).unwrap()
    }

    #[test]
    fn each_release_gets_its_own_words() {
        let row =
            |d: Dialect| (d.show_replica_status(), d.show_replicas(), d.show_log_position(), d.reset_binary_logs());
        let old = ("SHOW SLAVE STATUS", "SHOW SLAVE HOSTS", "SHOW MASTER STATUS", "RESET MASTER");
        assert_eq!(row(mysql(5, 7, 44)), old);
        assert_eq!(row(mysql(8, 0, 21)), old);
        assert_eq!(
            row(mysql(8, 0, 36)),
            ("SHOW REPLICA STATUS", "SHOW REPLICAS", "SHOW MASTER STATUS", "RESET MASTER")
        );
        let new = ("SHOW REPLICA STATUS", "SHOW REPLICAS", "SHOW BINARY LOG STATUS", "RESET BINARY LOGS AND GTIDS");
        assert_eq!(row(mysql(8, 4, 0)), new);
        assert_eq!(row(mysql(9, 7, 4)), new);
        assert_eq!(row(mariadb()), ("SHOW ALL SLAVES STATUS", old.1, old.2, old.3));
    }

    #[test]
    fn stopping_means_all_connections_unless_one_is_named() {
        assert_eq!(mariadb().stop_replication(Channel::All, Threads::Both), "STOP ALL SLAVES");
        assert_eq!(mariadb().stop_replication(Channel::Named("o'c"), Threads::Applier), "STOP SLAVE 'o''c' SQL_THREAD");
        assert_eq!(mysql(9, 7, 4).stop_replication(Channel::All, Threads::Receiver), "STOP REPLICA IO_THREAD");
        assert_eq!(
            mysql(9, 7, 4).start_replication(Channel::Named("c"), Threads::Both),
            "START REPLICA FOR CHANNEL 'c'"
        );
        assert_eq!(mysql(5, 7, 44).stop_replication(Channel::All, Threads::Both), "STOP SLAVE");
    }

    #[test]
    fn a_source_is_changed_in_the_words_of_the_release() {
        let options = [SourceOption::Host("//db-a"), SourceOption::Port(3306), SourceOption::Gtid(Gtid::Follow)];
        assert_eq!(
            mariadb().change_source(Channel::All, &options),
            "CHANGE MASTER TO MASTER_HOST='//db-a', MASTER_PORT=3306, MASTER_USE_GTID=slave_pos"
        );
        assert_eq!(
            mysql(9, 7, 4).change_source(Channel::Named("c"), &options),
            "CHANGE REPLICATION SOURCE TO SOURCE_HOST='//db-a', SOURCE_PORT=3306, SOURCE_AUTO_POSITION=1 FOR CHANNEL 'c'"
        );
        assert!(mysql(8, 0, 22).change_source(Channel::All, &options).starts_with("CHANGE MASTER TO MASTER_HOST="));
    }

    #[test]
    fn hostile_names_stay_inside_their_quotes() {
        for dialect in [mariadb(), mysql(9, 7, 4)] {
            let evil = "x'; DROP TABLE t; -- \\";
            for text in [
                dialect.stop_replication(Channel::Named(evil), Threads::Both),
                dialect.change_source(Channel::Named(evil), &[SourceOption::Host(evil), SourceOption::User(evil)]),
                dialect.forget_source(Channel::Named(evil)),
                dialect.wait_for_gtids(evil, 1),
            ] {
                assert_eq!(count_statements(&text).unwrap(), 1, "{text}");
            }
        }
    }

    #[test]
    fn capabilities_follow_the_release() {
        assert!(mysql(5, 7, 44).has_super_read_only() && !mariadb().has_super_read_only());
        assert!(!mysql(5, 7, 44).has_persist() && mysql(8, 0, 11).has_persist() && !mariadb().has_persist());
        assert_eq!(mysql(8, 0, 25).skip_start_variable(), "skip_slave_start");
        assert_eq!(mysql(8, 0, 26).skip_start_variable(), "skip_replica_start");
        assert_eq!(mariadb().log_replica_updates_variable(), "log_slave_updates");
    }
}
