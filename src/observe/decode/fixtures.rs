//! Answers as servers give them, for tests: a healthy pair of each flavour, to be changed row by row.

use std::collections::{BTreeMap, BTreeSet};

use super::{Outcome, Reading, Surroundings, facts};
use crate::domain::base::Span;
use crate::domain::base::{Digest, Known, ServerName, TableName, Timestamp};
use crate::domain::fleet::{Accounts, Consumer, Contacts, Endpoint, Fleet, Login, Rules, Server};
use crate::domain::snapshot::{About, LinkFact, ServerFact, ServerFacts, TableFact, Value};
use crate::domain::sql::{Dialect, Flavor, Version};
use crate::observe::answer::{Answers, Refusal, Row};
use crate::observe::probe::Probe;

pub const A: &str = "9bf1d8c9-e68f-11f1-b0a2-02fc00000001";
pub const B: &str = "9c073fac-e68f-11f1-9b2d-02fc00000001";

pub fn name(text: &str) -> ServerName {
    ServerName::parse(text).unwrap()
}

pub fn orders() -> TableName {
    TableName::parse("shop.orders").unwrap()
}

pub fn row(columns: &[(&str, &str)]) -> Row {
    Row::new(columns.iter().map(|(name, value)| (*name, Some(*value))))
}

/// One server's answers, and the test's changes to them.
pub struct Answering {
    flavor: Flavor,
    variables: BTreeMap<&'static str, String>,
    status: BTreeMap<&'static str, String>,
    rows: BTreeMap<Probe, Result<Vec<Row>, Refusal>>,
}

impl Answering {
    pub fn mysql(uuid: &str) -> Self {
        let clock = [("now", "1000"), ("executed", "9bf1d8c9-e68f-11f1-b0a2-02fc00000001:1-3")];
        Self::new(Flavor::MySql, &clock)
            .variable("server_uuid", uuid)
            .variable("gtid_mode", "ON")
            .variable("super_read_only", "OFF")
    }

    pub fn mariadb(id: &str) -> Self {
        let clock = [("now", "1000"), ("binlog_position", "0-1-5"), ("replica_position", "0-1-4,7-1-1")];
        let datadir = format!("/data/{id}/");
        Self::new(Flavor::MariaDb, &clock)
            .variable("server_id", id)
            .variable("port", "3306")
            .variable("hostname", "h")
            .variable("datadir", &datadir)
    }

    fn new(flavor: Flavor, clock: &[(&str, &str)]) -> Self {
        let answering = Self { flavor, variables: BTreeMap::new(), status: BTreeMap::new(), rows: BTreeMap::new() };
        let failover: &[(&str, &str)] = &[("CHANNEL_NAME", ""), ("FAILOVER", "0")];
        [Probe::DumpThreads, Probe::Links, Probe::LogFilter, Probe::WorkerErrors, Probe::DumpUuids, Probe::GroupMembers]
            .into_iter()
            .fold(answering, |answering, probe| answering.rows(probe, &[]))
            .rows(Probe::Clock, &[clock])
            .rows(Probe::Failover, &[failover])
            .variable("binlog_format", "ROW")
            .variable("server_id", "1")
            .rows(Probe::Rights, &[&[("PRIVILEGE_TYPE", "PROCESS")], &[("PRIVILEGE_TYPE", "SELECT")]])
            .variable("log_bin", "ON")
            .variable("log_slave_updates", "ON")
            .variable("read_only", "OFF")
            .variable("performance_schema", if flavor == Flavor::MySql { "ON" } else { "OFF" })
            .status("uptime", "100")
    }

    pub fn variable(mut self, name: &'static str, value: &str) -> Self {
        self.variables.insert(name, value.to_owned());
        self
    }

    pub fn status(mut self, name: &'static str, value: &str) -> Self {
        self.status.insert(name, value.to_owned());
        self
    }

    pub fn rows(mut self, probe: Probe, rows: &[&[(&str, &str)]]) -> Self {
        self.rows.insert(probe, Ok(rows.iter().map(|columns| row(columns)).collect()));
        self
    }

    pub fn refused(mut self, probe: Probe, code: u16, message: &str) -> Self {
        self.rows.insert(probe, Err(Refusal { code, message: message.to_owned() }));
        self
    }

    /// A link as `SHOW REPLICA STATUS` shows it, with `changed` columns.
    pub fn link(self, changed: &[(&str, &str)]) -> Self {
        let healthy: &[(&str, &str)] = match self.flavor {
            Flavor::MySql => &[
                ("Channel_Name", ""),
                ("Source_Host", "db-a.example"),
                ("Source_Port", "3306"),
                ("Source_User", "repl"),
                ("Source_UUID", A),
                ("Replica_IO_Running", "Yes"),
                ("Replica_SQL_Running", "Yes"),
                ("SQL_Delay", "0"),
                ("Retrieved_Gtid_Set", ""),
                ("Executed_Gtid_Set", "9bf1d8c9-e68f-11f1-b0a2-02fc00000001:1-3"),
                ("Last_IO_Errno", "0"),
                ("Last_SQL_Errno", "0"),
            ],
            Flavor::MariaDb => &[
                ("Connection_name", ""),
                ("Master_Host", "db-a.example"),
                ("Master_Port", "3306"),
                ("Master_User", "repl"),
                ("Master_Server_Id", "1"),
                ("Slave_IO_Running", "Yes"),
                ("Slave_SQL_Running", "Yes"),
                ("SQL_Delay", "0"),
                ("Using_Gtid", "Slave_Pos"),
                ("Gtid_IO_Pos", "0-1-5"),
                ("Gtid_Slave_Pos", "0-1-4"),
                ("Last_IO_Errno", "0"),
                ("Last_SQL_Errno", "0"),
            ],
        };
        let columns: BTreeMap<&str, &str> = healthy.iter().chain(changed).copied().collect();
        let columns: Vec<(&str, &str)> = columns.into_iter().collect();
        self.rows(Probe::Links, &[&columns])
    }

    pub fn reading(&self) -> Reading {
        let version = if self.flavor == Flavor::MySql { Version::new(9, 7, 4) } else { Version::new(10, 11, 19) };
        let mut answers = Answers::default();
        for (probe, answer) in &self.rows {
            answers.put(probe.clone(), answer.clone());
        }
        for (probe, values) in [(Probe::Variables, &self.variables), (Probe::Status, &self.status)] {
            let rows = values.iter().map(|(name, value)| row(&[("Variable_name", name), ("Value", value)])).collect();
            answers.put(probe, Ok(rows));
        }
        Reading::new(Dialect::of(self.flavor, version).unwrap(), Timestamp::from_millis(1_000_000), answers)
    }

    pub fn outcome(&self) -> Outcome {
        Outcome::Answered(Box::new(self.reading()))
    }
}

pub fn silent(channels: &[&str]) -> Outcome {
    Outcome::Silent { why: "no answer".to_owned(), channels: channels.iter().map(|&c| c.to_owned()).collect() }
}

/// A fleet of `db-a`, `db-b` and `db-c`, each at its name in `example`, port 3306, from 10.0.0.1 on.
pub fn decoded(outcomes: Vec<(&str, Outcome)>, consumers: Vec<Consumer>) -> BTreeMap<ServerName, ServerFacts> {
    let server = |text: &str| Server {
        name: name(text),
        endpoint: Endpoint::Socket { path: "/s".to_owned() },
        address: format!("{text}.example:3306"),
        also: Vec::new(),
        identity: None,
        accept_untested: false,
        free_bytes_command: None,
    };
    let login = Login { defaults_file: None, group: None, user: None, password_command: None };
    let names = ["db-a", "db-b", "db-c"];
    let fleet = Fleet {
        name: "f".to_owned(),
        environment: "LAB".to_owned(),
        owner: "dba@example.com".to_owned(),
        servers: names.map(|text| (name(text), server(text))).into(),
        accounts: Accounts { observe: login, act: None },
        rules: Rules { keep_copies: 1, finding_max_age: Span::from_secs(3600) },
        contacts: Contacts::default(),
        consumers,
        managers: Vec::new(),
        digest: Digest::zero(),
    };
    let host = |(number, text): (usize, &&str)| (name(text), BTreeSet::from([format!("10.0.0.{}", number + 1)]));
    let hosts = names.iter().enumerate().map(host).collect();
    let tables = BTreeSet::from([orders()]);
    let outcomes = outcomes.into_iter().map(|(text, outcome)| (name(text), outcome)).collect();
    facts(&Surroundings { fleet: &fleet, tables: &tables, hosts: &hosts }, &outcomes)
}

/// A fact as text; an unknown one as `unknown: ` and the reason.
pub fn text(facts: &BTreeMap<ServerName, ServerFacts>, server: &str, about: &About) -> String {
    match &facts[&name(server)][about] {
        Known::Observed { value, .. } => value.to_string(),
        Known::Unknown { why } => format!("unknown: {why}"),
    }
}

pub fn server_text(facts: &BTreeMap<ServerName, ServerFacts>, server: &str, fact: ServerFact) -> String {
    text(facts, server, &About::Server(fact))
}

pub fn link_text(facts: &BTreeMap<ServerName, ServerFacts>, server: &str, fact: LinkFact) -> String {
    text(facts, server, &About::Link { channel: String::new(), fact })
}

/// A table fact of one server alone.
pub fn table_value(answering: &Answering, fact: TableFact) -> Result<Value, String> {
    super::table::value(&answering.reading(), &orders(), fact)
}

pub fn server_value(answering: &Answering, fact: ServerFact) -> Result<Value, String> {
    super::server::value(&answering.reading(), fact)
}
