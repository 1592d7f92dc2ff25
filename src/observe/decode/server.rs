//! The facts of a server as a whole, except the readers of its binary log, which take the whole fleet to explain.

use super::{Reading, is_on};
use crate::domain::base::text::printable;
use crate::domain::base::{Span, Timestamp};
use crate::domain::snapshot::origin::Origin;
use crate::domain::snapshot::semi_sync::SemiSync;
use crate::domain::snapshot::{Position, ServerFact, Value};
use crate::domain::sql::Flavor;
use crate::domain::sql::identity::Identity;
use crate::observe::answer::Row;
use crate::observe::probe::Probe;

/// The value of `fact`, or why it is not known.
pub fn value(reading: &Reading, fact: ServerFact) -> Result<Value, String> {
    match fact {
        ServerFact::Identity => identity(reading).map(Value::Text),
        ServerFact::Version => Ok(Value::Text(reading.dialect.to_string().to_ascii_lowercase())),
        ServerFact::BootedAt => booted_at(reading).map(Value::Time),
        ServerFact::ReadOnly => read_only(reading).map(Value::text),
        ServerFact::LogBin => reading.switch(&["log_bin"]).map(Value::Flag),
        ServerFact::LogReplicaUpdates => reading.switch(&["log_replica_updates", "log_slave_updates"]).map(Value::Flag),
        ServerFact::BinlogFilter => binlog_filter(reading).map(Value::Text),
        ServerFact::BinlogFormat => {
            reading.variable("binlog_format").map(|word| Value::text(word.to_ascii_lowercase()))
        }
        ServerFact::Origin => origin(reading).map(|origin| Value::text(origin.to_string())),
        ServerFact::Cluster => cluster(reading).map(Value::text),
        ServerFact::Position => position(reading).map(Value::Position),
        ServerFact::SemiSync => semi_sync(reading).map(|told| Value::text(told.to_string())),
        ServerFact::Acknowledges => acknowledges(reading).map(Value::Flag),
        ServerFact::FreeBytes => reading.free_bytes.clone().map(Value::Number),
        ServerFact::UnloggedSessions => Err("only the acting account can tell, and this one only looks".to_owned()),
        ServerFact::LockWaits => Err("it is looked at for a step that needs it".to_owned()),
        ServerFact::Blockers | ServerFact::Victims => Err("only a run knows it".to_owned()),
        ServerFact::Channels | ServerFact::UnexplainedReaders => Err("it is told with the links".to_owned()),
    }
}

/// The one text of `domain::sql::identity`, which the acting connection compares again.
pub fn identity(reading: &Reading) -> Result<String, String> {
    let variables = reading.variables.as_ref().map_err(Clone::clone)?;
    let value = |name: &str| variables.get(name).map(String::as_str);
    Identity::of(reading.dialect.flavor(), value).map(|identity| identity.to_string()).map_err(|why| why.to_string())
}

fn clock(reading: &Reading) -> Result<&Row, String> {
    reading.answers.rows(&Probe::Clock)?.first().ok_or_else(|| "the server gave no row".to_owned())
}

/// By the server's own clock, so that every observer sees the same time.
fn booted_at(reading: &Reading) -> Result<Timestamp, String> {
    let number = |text: &str| text.parse::<i64>().map_err(|_| format!("`{}` is no number", printable(text)));
    let now = number(clock(reading)?.need(&["now"])?)?;
    let uptime = number(reading.status("uptime")?)?;
    Ok(Timestamp::from_millis((now - uptime) * 1000))
}

/// `super` is what stops administrators too.
fn read_only(reading: &Reading) -> Result<&'static str, String> {
    let engine = reading.optional("innodb_read_only")?.is_some_and(is_on);
    let administrators = reading.optional("super_read_only")?.is_some_and(is_on);
    Ok(match reading.variable("read_only")?.to_ascii_uppercase().as_str() {
        _ if engine || administrators => "super",
        "NO_LOCK_NO_ADMIN" => "super",
        "ON" | "1" | "NO_LOCK" => "on",
        _ => "off",
    })
}

fn binlog_filter(reading: &Reading) -> Result<String, String> {
    let rows = reading.answers.rows(&Probe::LogFilter)?;
    let mut filters = Vec::new();
    for row in rows {
        for name in ["Binlog_Do_DB", "Binlog_Ignore_DB"] {
            if let Some(value) = row.get(&[name]).filter(|value| !value.is_empty()) {
                filters.push(format!("{name}={}", printable(value)));
            }
        }
    }
    Ok(filters.join("; "))
}

/// A session may choose another domain; what it has without choosing is told.
fn origin(reading: &Reading) -> Result<Origin, String> {
    let number = |text: &str| text.parse::<u64>().map_err(|_| format!("`{}` is no number", printable(text)));
    Ok(Origin {
        server_id: number(reading.variable("server_id")?)?,
        domain: reading.optional("gtid_domain_id")?.map(number).transpose()?,
    })
}

fn cluster(reading: &Reading) -> Result<&'static str, String> {
    let provider = reading.optional("wsrep_provider")?.unwrap_or("none");
    if reading.optional("wsrep_on")?.is_some_and(is_on) && !matches!(provider, "none" | "") {
        return Ok("galera");
    }
    // Without its plugin the variable is not there, and then there is no group.
    if reading.optional("group_replication_group_name")?.is_none() {
        return Ok("none");
    }
    let members = reading.answers.rows(&Probe::GroupMembers)?;
    let in_group = members.iter().any(|row| row.get(&["MEMBER_STATE"]).is_some_and(|state| state != "OFFLINE"));
    Ok(if in_group { "group_replication" } else { "none" })
}

fn position(reading: &Reading) -> Result<Position, String> {
    let row = clock(reading)?;
    let unreadable = |text: &str| format!("`{}` is not a GTID position", printable(text));
    if reading.dialect.flavor() == Flavor::MySql {
        let mode = reading.variable("gtid_mode")?;
        // An empty set would be part of every other, and so look caught up.
        if !mode.eq_ignore_ascii_case("ON") {
            return Err(format!("gtid_mode is {}: what was executed is not counted", printable(mode)));
        }
        let text = row.need(&["executed"])?;
        return Position::parse_mysql(text).ok_or_else(|| unreadable(text));
    }
    let parse = |name: &str| {
        let text = row.need(&[name])?;
        Position::parse_mariadb(text).ok_or_else(|| unreadable(text))
    };
    let (logged, applied) = (parse("binlog_position")?, parse("replica_position")?);
    if !reading.switch(&["log_bin"])? && applied == Position::MariaDb(std::collections::BTreeMap::new()) {
        return Err("it writes no binary log and follows nobody by GTID: its writes are not counted".to_owned());
    }
    logged.union(&applied).ok_or_else(|| "two positions of two flavours".to_owned())
}

fn semi_sync(reading: &Reading) -> Result<SemiSync, String> {
    let enabled = reading.any(&["rpl_semi_sync_source_enabled", "rpl_semi_sync_master_enabled"])?;
    if !enabled.is_some_and(is_on) {
        return Ok(SemiSync::Off);
    }
    let number = |text: &str| text.parse::<u64>().map_err(|_| format!("`{}` is no number", printable(text)));
    let timeout = reading.any(&["rpl_semi_sync_source_timeout", "rpl_semi_sync_master_timeout"])?;
    let needed = ["rpl_semi_sync_source_wait_for_replica_count", "rpl_semi_sync_master_wait_for_slave_count"];
    let clients =
        reading.status("rpl_semi_sync_source_clients").or_else(|_| reading.status("rpl_semi_sync_master_clients"))?;
    Ok(SemiSync::On {
        acknowledging: number(clients)?,
        // Where it cannot be set, one is enough.
        needed: number(reading.any(&needed)?.unwrap_or("1"))?,
        timeout: Span::from_millis(number(timeout.ok_or("the server does not tell the timeout")?)?),
    })
}

/// A server without the plugin has no such status, and acknowledges nothing.
fn acknowledges(reading: &Reading) -> Result<bool, String> {
    let all = reading.status.as_ref().map_err(Clone::clone)?;
    let status = ["rpl_semi_sync_replica_status", "rpl_semi_sync_slave_status"].iter().find_map(|name| all.get(*name));
    Ok(status.is_some_and(|status| is_on(status)))
}
