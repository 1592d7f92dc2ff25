//! The replication links of one server, out of `SHOW REPLICA STATUS` and its older spellings.

use super::Reading;
use crate::domain::base::text::printable;
use crate::domain::snapshot::fact::NOWHERE;
use crate::domain::snapshot::{LinkFact, Position, Value};
use crate::domain::sql::Flavor;
use crate::observe::answer::Row;
use crate::observe::probe::Probe;

/// Channels of group replication: they have no source of their own, the fact `cluster` speaks for them.
const GROUP_CHANNELS: [&str; 2] = ["group_replication_applier", "group_replication_recovery"];

/// How far the receiver of a link is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Receiver {
    Running,
    Connecting,
    Stopped,
}

/// One replication link as its replica tells it.
#[derive(Debug, Clone)]
pub struct Link<'a> {
    reading: &'a Reading,
    row: &'a Row,
    pub channel: &'a str,
    /// `host:port` as configured, without the mark of a detached link.
    pub address: String,
    pub detached: bool,
    pub receiver: Receiver,
    pub user: Option<&'a str>,
    pub source_uuid: Option<&'a str>,
    pub source_id: Option<&'a str>,
}

/// All links of a server, or why they are not known.
pub fn links(reading: &Reading) -> Result<Vec<Link<'_>>, String> {
    let rows = reading.answers.rows(&Probe::Links)?;
    let links = rows.iter().map(|row| Link::of(reading, row)).collect::<Result<Vec<_>, _>>()?;
    Ok(links.into_iter().filter(|link| !GROUP_CHANNELS.contains(&link.channel)).collect())
}

impl<'a> Link<'a> {
    fn of(reading: &'a Reading, row: &'a Row) -> Result<Self, String> {
        let host = row.need(&["Source_Host", "Master_Host"])?;
        let port = row.need(&["Source_Port", "Master_Port"])?;
        let receiver = match row.need(&["Replica_IO_Running", "Slave_IO_Running"])? {
            "Yes" => Receiver::Running,
            "No" => Receiver::Stopped,
            _ => Receiver::Connecting,
        };
        let given = |names: &[&str]| row.get(names).filter(|value| !value.is_empty());
        Ok(Self {
            reading,
            row,
            channel: row.get(&["Channel_Name", "Connection_name"]).unwrap_or_default(),
            address: format!("{}:{port}", host.strip_prefix(NOWHERE).unwrap_or(host)),
            detached: host.starts_with(NOWHERE),
            receiver,
            user: given(&["Source_User", "Master_User"]),
            source_uuid: given(&["Source_UUID", "Master_UUID"]),
            source_id: given(&["Source_Server_Id", "Master_Server_Id"]),
        })
    }

    /// The value of `fact`; `source` is the fleet's business.
    pub fn value(&self, fact: LinkFact) -> Result<Value, String> {
        match fact {
            LinkFact::Source => Err("it is told with the fleet".to_owned()),
            LinkFact::Address => {
                Ok(Value::text(format!("{}{}", if self.detached { NOWHERE } else { "" }, self.address)))
            }
            LinkFact::Fence => Ok(Value::text(if self.detached { "detached" } else { "none" })),
            LinkFact::Receiver => Ok(Value::text(match self.receiver {
                Receiver::Running => "running",
                Receiver::Connecting => "connecting",
                Receiver::Stopped => "stopped",
            })),
            LinkFact::Applier => Ok(Value::text(if self.applies()? { "running" } else { "stopped" })),
            LinkFact::Failover => self.failover().map(Value::Flag),
            LinkFact::Delay => self.delay().map(Value::Number),
            LinkFact::Until => Ok(Value::Text(self.until())),
            LinkFact::Filters => self.filters().map(Value::Text),
            LinkFact::Received => self.received().map(Value::Position),
            LinkFact::Error => self.error().map(Value::Text),
            // Nothing in a server tells what waits in a log; the run that held it adds it.
            LinkFact::Held => Ok(Value::Effects(Vec::new())),
        }
    }

    fn applies(&self) -> Result<bool, String> {
        Ok(self.row.need(&["Replica_SQL_Running", "Slave_SQL_Running"])? == "Yes")
    }

    /// Whether it leaves its source for another one by itself. Releases that cannot do that are not asked.
    fn failover(&self) -> Result<bool, String> {
        if !self.reading.dialect.has_source_failover() {
            return Ok(false);
        }
        let rows = self.reading.answers.rows(&Probe::Failover)?;
        let own = rows.iter().find(|row| row.get(&["CHANNEL_NAME"]).unwrap_or_default() == self.channel);
        let setting = own.ok_or("the server does not list this channel")?.need(&["FAILOVER"])?;
        Ok(super::is_on(setting))
    }

    /// MySQL leaves the condition in the listing once it has stopped there; the applier says whether it still runs.
    fn until(&self) -> String {
        match self.row.get(&["Until_Condition"]).filter(|condition| !matches!(*condition, "" | "None")) {
            None => String::new(),
            Some(condition) => {
                let place = ["Until_Log_File", "Until_Log_Pos"].map(|name| self.row.get(&[name]).unwrap_or_default());
                printable(format!("until {condition} {}", place.join(" ")).trim_end())
            }
        }
    }

    fn delay(&self) -> Result<u64, String> {
        let text = self.row.need(&["SQL_Delay"])?;
        text.parse().map_err(|_| format!("`{}` is not a number of seconds", printable(text)))
    }

    fn filters(&self) -> Result<String, String> {
        const NAMES: [&str; 10] = [
            "Replicate_Do_DB",
            "Replicate_Ignore_DB",
            "Replicate_Do_Table",
            "Replicate_Ignore_Table",
            "Replicate_Wild_Do_Table",
            "Replicate_Wild_Ignore_Table",
            "Replicate_Ignore_Server_Ids",
            "Replicate_Do_Domain_Ids",
            "Replicate_Ignore_Domain_Ids",
            "Replicate_Rewrite_DB",
        ];
        let mut filters = Vec::new();
        for name in NAMES {
            if let Some(value) = self.row.get(&[name]).filter(|value| !value.is_empty()) {
                filters.push(format!("{name}={}", printable(value)));
            }
        }
        let skip = self.reading.optional("replicate_events_marked_for_skip")?.unwrap_or("REPLICATE");
        if !skip.eq_ignore_ascii_case("REPLICATE") {
            filters.push(format!("replicate_events_marked_for_skip={}", printable(skip)));
        }
        Ok(filters.join("; "))
    }

    /// What was applied has been received, also when the logs it came in are gone.
    fn received(&self) -> Result<Position, String> {
        let parse = |text: &str| {
            let read = match self.reading.dialect.flavor() {
                Flavor::MySql => Position::parse_mysql(text),
                Flavor::MariaDb => Position::parse_mariadb(text),
            };
            read.ok_or_else(|| format!("`{}` is not a GTID position", printable(text)))
        };
        let (received, applied) = match self.reading.dialect.flavor() {
            Flavor::MySql => {
                if !self.reading.variable("gtid_mode")?.eq_ignore_ascii_case("ON") {
                    return Err("gtid_mode is not ON: what was received is not counted".to_owned());
                }
                (self.row.need(&["Retrieved_Gtid_Set"])?, self.row.need(&["Executed_Gtid_Set"])?)
            }
            Flavor::MariaDb => {
                if self.row.need(&["Using_Gtid"])? == "No" {
                    return Err("this link does not use GTIDs".to_owned());
                }
                (self.row.need(&["Gtid_IO_Pos"])?, self.row.need(&["Gtid_Slave_Pos"])?)
            }
        };
        parse(received)?.union(&parse(applied)?).ok_or_else(|| "two positions of two flavours".to_owned())
    }

    /// The error of a thread that stopped. A receiver that still tries has none yet: its text counts the attempts.
    fn error(&self) -> Result<String, String> {
        let mut errors = Vec::new();
        if self.receiver == Receiver::Stopped {
            errors.extend(self.said("receiver", &["Last_IO_Errno"], &["Last_IO_Error"]));
        }
        if !self.applies()? {
            errors.extend(self.said("applier", &["Last_SQL_Errno"], &["Last_SQL_Error"]));
            // With parallel workers the status only says that one of them stopped.
            let workers = self.reading.answers.rows(&Probe::WorkerErrors).unwrap_or_default();
            for row in workers.iter().filter(|row| row.get(&["CHANNEL_NAME"]).unwrap_or_default() == self.channel) {
                let (number, text) = (row.get(&["LAST_ERROR_NUMBER"]), row.get(&["LAST_ERROR_MESSAGE"]));
                errors.push(format!("worker {}: {}", number.unwrap_or("?"), printable(text.unwrap_or_default())));
            }
        }
        Ok(errors.join("; "))
    }

    fn said(&self, thread: &str, number: &[&str], text: &[&str]) -> Option<String> {
        let number = self.row.get(number).filter(|number| *number != "0")?;
        Some(format!("{thread} {number}: {}", printable(self.row.get(text).unwrap_or_default())))
    }
}
