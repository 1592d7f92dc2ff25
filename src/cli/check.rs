//! `fleet check`: what is missing before a run can be made here, and the statements that would mend it.
//!
//! Versions in three columns, the rights of both accounts on every server, and the facts that cannot be seen.

use std::collections::BTreeSet;

use futures_util::future::join_all;

use super::exit::Exit;
use super::output::data;
use super::servers::{LiveObserve, with_acting_account};
use crate::connect::ConnectError;
use crate::connect::rights::{Found, found};
use crate::domain::base::ServerName;
use crate::domain::base::text::printable;
use crate::domain::fleet::{Endpoint, Fleet, Server};
use crate::domain::snapshot::{About, FactKey, ServerFact, Snapshot, Value};
use crate::domain::sql::dialect::{DialectError, Support};
use crate::domain::sql::rights::{Account, grant};
use crate::executor::ports::Observe as _;
use crate::tui::words::count;

/// The columns of the versions, as the documentation has them.
const COLUMNS: [&str; 3] = ["tested here", "by documentation only", "refused"];

/// One account's login at one server.
pub struct Login<'a> {
    pub server: &'a Server,
    pub account: Account,
    pub found: Result<Found, ConnectError>,
}

impl Login<'_> {
    /// The rights that are missing, as far as they are known.
    pub fn lacking(&self) -> Vec<&'static str> {
        match &self.found {
            Ok(Found { held, dialect: Ok(dialect), .. }) => held.lacks(*dialect, self.account).rights,
            _ => Vec::new(),
        }
    }
}

/// Logs in with every declared account to the servers that are `wanted`, to all at once.
pub async fn logins(fleet: &Fleet, wanted: impl Fn(&ServerName) -> bool) -> Vec<Login<'_>> {
    let accounts = [(Account::Observe, Some(&fleet.accounts.observe)), (Account::Act, fleet.accounts.act.as_ref())];
    let servers = fleet.servers.values().filter(|server| wanted(&server.name));
    let each = servers.flat_map(|server| {
        let declared = accounts.into_iter().filter_map(|(account, login)| Some((account, login?)));
        declared
            .map(move |(account, login)| async move { Login { server, account, found: found(server, login).await } })
    });
    join_all(each).await
}

/// Lines to print, and how bad it is.
struct Told {
    lines: Vec<String>,
    exit: Exit,
}

impl Told {
    fn fine(line: String) -> Self {
        Self { lines: vec![line], exit: Exit::Ok }
    }
}

pub async fn check(fleet: &Fleet) -> Exit {
    let logins = logins(fleet, |_| true).await;
    let nothing = BTreeSet::new();
    let snapshot = LiveObserve::new(fleet).snapshot(&nothing).await;
    let snapshot = with_acting_account(fleet, &nothing, snapshot).await;
    let mut told = vec![versions(&logins), Told::fine(String::new())];
    told.extend(logins.iter().map(rights));
    if fleet.accounts.act.is_none() {
        told.push(Told::fine("no `act` account in fleet.yaml: this machine can look and plan, not run".to_owned()));
    }
    told.push(strangers(&snapshot));
    told.push(unseen(fleet, &logins, &snapshot));
    told.iter().flat_map(|told| &told.lines).for_each(|line| data(line));
    told.iter().map(|told| told.exit).max_by_key(|exit| rank(*exit)).unwrap_or(Exit::Ok)
}

/// A server that cannot be asked says least; a refused release cannot be mended by a right.
fn rank(exit: Exit) -> u8 {
    match exit {
        Exit::Ok => 0,
        Exit::Findings => 1,
        Exit::Refused => 2,
        _ => 3,
    }
}

fn versions(logins: &[Login<'_>]) -> Told {
    let mut rows = vec![["server".to_owned()].into_iter().chain(COLUMNS.map(str::to_owned)).collect::<Vec<_>>()];
    let (mut notes, mut exit) = (Vec::new(), Exit::Ok);
    let mut seen: BTreeSet<&ServerName> = BTreeSet::new();
    for login in logins {
        let Ok(found) = &login.found else { continue };
        if !seen.insert(&login.server.name) {
            continue;
        }
        let (support, words) = standing(found);
        let mut row = vec![login.server.name.to_string(), String::new(), String::new(), String::new()];
        let (column, worse) = match support {
            Support::Tested => (1, Exit::Ok),
            Support::ByDocumentation if login.server.accept_untested => (2, Exit::Ok),
            Support::ByDocumentation => (2, Exit::Findings),
            Support::Refused => (3, Exit::Refused),
        };
        if worse == Exit::Findings {
            notes.push(format!("acting on {} needs `accept_untested: true` in its entry", login.server.name));
        }
        if let Err(why) = &found.dialect {
            notes.push(format!("{}: {why}", login.server.name));
        }
        row[column] = words;
        rows.push(row);
        exit = if rank(worse) > rank(exit) { worse } else { exit };
    }
    let mut lines = table(&rows);
    lines.extend(notes);
    Told { lines, exit }
}

fn standing(found: &Found) -> (Support, String) {
    match &found.dialect {
        Ok(dialect) => (dialect.support(), dialect.to_string()),
        Err(DialectError::TooOld { flavor, found, .. }) => (Support::Refused, format!("{flavor} {found}")),
        Err(_) => (Support::Refused, printable(&found.version)),
    }
}

/// Columns as wide as their widest cell.
fn table(rows: &[Vec<String>]) -> Vec<String> {
    let width = |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max();
    let line = |row: &Vec<String>| {
        let cells = row.iter().enumerate().map(|(n, cell)| format!("{cell:<w$}", w = width(n).unwrap_or_default()));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect()
}

fn rights(login: &Login<'_>) -> Told {
    let (server, word) = (&login.server.name, login.account.word());
    let found = match &login.found {
        Ok(found) => found,
        Err(why) => return Told { lines: vec![format!("{server} {word}: {why}")], exit: Exit::Unreachable },
    };
    // Which rights there are depends on the release, and this one is not handled anyway.
    let Ok(dialect) = found.dialect else { return Told { lines: Vec::new(), exit: Exit::Refused } };
    let lacks = found.held.lacks(dialect, login.account);
    let name = printable(&found.account);
    let mut lines = Vec::new();
    for (right, places) in &lacks.in_part {
        let places: Vec<String> = places.iter().map(|place| printable(place)).collect();
        lines.push(format!("{server} {word}: {name} has {right} on {} only", places.join(", ")));
    }
    let Some(statement) = grant(&lacks.rights, &found.account) else {
        lines.push(format!("{server} {word}: {name} has every right it needs"));
        return Told { lines, exit: Exit::Ok };
    };
    lines.push(format!("{server} {word}: {name} lacks {}; as an administrator there:", lacks.rights.join(", ")));
    lines.push(format!("  {statement};"));
    Told { lines, exit: Exit::Findings }
}

/// Readers of a binary log that nothing explains: what is destroyed may be destroyed there too, so nothing is.
fn strangers(snapshot: &Snapshot) -> Told {
    let told = |server: &ServerName, names: &BTreeSet<String>| {
        let names: Vec<String> = names.iter().map(|name| printable(name)).collect();
        format!(
            "{server}: its binary log has {} that nothing explains: {}; nothing destructive runs there until each is \
             in fleet.yaml (a replica under `servers`, any other under `consumers`) or ended",
            count(names.len(), "reader"),
            names.join(", ")
        )
    };
    let lines: Vec<String> = snapshot
        .facts()
        .filter_map(|(key, known)| match (key.about, known.value()) {
            (About::Server(ServerFact::UnexplainedReaders), Ok(Value::Names(names))) if !names.is_empty() => {
                Some(told(&key.server, names))
            }
            _ => None,
        })
        .collect();
    let exit = if lines.is_empty() { Exit::Ok } else { Exit::Findings };
    Told { lines, exit }
}

/// The facts that cannot be seen although the server lets us in.
fn unseen(fleet: &Fleet, logins: &[Login<'_>], snapshot: &Snapshot) -> Told {
    let looks = |login: &&Login<'_>| login.account == Account::Observe && login.found.is_ok();
    let let_in = |key: &FactKey| logins.iter().filter(looks).any(|login| login.server.name == key.server);
    let facts = snapshot.facts().filter(|(key, _)| let_in(key) && expected(fleet, key));
    let missing: Vec<String> = facts
        .filter_map(|(key, known)| known.value().err().map(|why| format!("cannot be seen: {key}: {why}")))
        .collect();
    let exit = if missing.is_empty() { Exit::Ok } else { Exit::Findings };
    let mut shut: Vec<&str> =
        logins.iter().filter(|login| login.found.is_err()).map(|login| login.server.name.as_str()).collect();
    shut.dedup();
    let last = match (missing.len(), shut.is_empty()) {
        (0, true) => "every fact that a run may ask for can be seen".to_owned(),
        (0, false) => format!("not all was looked at: a login failed at {}", shut.join(", ")),
        (some, true) => format!("{} cannot be seen", count(some, "fact")),
        (some, false) => {
            format!("{} cannot be seen, and a login failed at {}", count(some, "fact"), shut.join(", "))
        }
    };
    Told { lines: missing.into_iter().chain([last]).collect(), exit }
}

/// Whether a fact can be seen from here at all.
fn expected(fleet: &Fleet, key: &FactKey) -> bool {
    match key.about {
        About::Server(ServerFact::SemiSync) => false,
        About::Server(ServerFact::UnloggedSessions) => fleet.accounts.act.is_some(),
        // Only the machine that keeps the data knows how much room there is.
        About::Server(ServerFact::FreeBytes) => {
            fleet.server(&key.server).is_some_and(|server| matches!(server.endpoint, Endpoint::Socket { .. }))
        }
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::base::{Digest, Timestamp};
    use crate::domain::fleet::read;
    use crate::domain::snapshot::Patch;
    use crate::domain::sql::Dialect;
    use crate::domain::sql::rights::Held;

    fn fleet(rest: &str) -> Fleet {
        let text = format!(
            "{{countersign: 1, fleet: f, environment: LAB, owner: o, accounts: {{observe: {{user: observe}}}}, \
             servers: {{a: {{address: '10.0.0.1:3306'{rest}}}}}}}"
        );
        read::resolve(serde_yaml::from_str(&text).unwrap(), Digest::zero()).unwrap()
    }

    fn told(rest: &str, version: &str) -> (Told, Told) {
        let fleet = fleet(rest);
        let found = Found {
            version: version.to_owned(),
            dialect: Dialect::detect(version, ""),
            account: "observe@%".to_owned(),
            held: Held::default(),
        };
        let server = fleet.servers.values().next().unwrap();
        let login = Login { server, account: Account::Observe, found: Ok(found) };
        (versions(std::slice::from_ref(&login)), rights(&login))
    }

    #[test]
    fn a_version_stands_in_the_column_that_says_what_may_be_done() {
        let column = |rest, version| {
            let (versions, _) = told(rest, version);
            let at = COLUMNS.map(|column| versions.lines[0].find(column).unwrap());
            let digit = versions.lines[1].find(|c: char| c.is_ascii_digit()).unwrap();
            (at.iter().rposition(|start| *start <= digit).unwrap(), versions.exit)
        };
        assert_eq!(column("", "10.11.6-MariaDB"), (0, Exit::Ok));
        assert_eq!(column("", "8.0.36"), (1, Exit::Findings));
        assert_eq!(column(", accept_untested: true", "8.0.36"), (1, Exit::Ok));
        assert_eq!(column("", "5.6.51"), (2, Exit::Refused));
    }

    #[test]
    fn a_refused_release_is_told_what_was_expected_and_given_no_rights() {
        let (versions, rights) = told("", "5.6.51");
        assert!(versions.lines.iter().any(|line| line.contains("expected MySQL 5.7")), "{:?}", versions.lines);
        assert_eq!((rights.lines.len(), rights.exit), (0, Exit::Refused));
    }

    #[test]
    fn what_is_missing_is_one_statement() {
        let (_, rights) = told("", "10.11.6-MariaDB");
        assert_eq!(rights.exit, Exit::Findings);
        let statement = "  GRANT SELECT, PROCESS, SLAVE MONITOR, BINLOG MONITOR ON *.* TO 'observe'@'%';";
        assert_eq!(rights.lines.last().map(String::as_str), Some(statement));
    }

    #[test]
    fn an_unexplained_reader_is_a_finding_with_its_way_out() {
        let server = ServerName::parse("a").unwrap();
        let seen = |names: &[&str]| {
            let names = Value::Names(names.iter().map(|name| (*name).to_owned()).collect());
            let mut patch = Patch::default();
            patch.set(FactKey::server(&server, ServerFact::UnexplainedReaders), names, Timestamp::from_millis(0));
            Snapshot::new(Timestamp::from_millis(0), std::collections::BTreeMap::new()).with(&patch)
        };
        let none = strangers(&seen(&[]));
        assert_eq!((none.lines.len(), none.exit), (0, Exit::Ok));
        let one = strangers(&seen(&["repl from 10.0.0.9"]));
        assert_eq!(one.exit, Exit::Findings);
        assert!(one.lines[0].contains("1 reader that nothing explains: repl from 10.0.0.9"), "{:?}", one.lines);
        assert!(one.lines[0].contains("`consumers`"), "{:?}", one.lines);
    }
}
