//! What servers count: every kind of statement, rows written, the binary log, and the general log.

use std::collections::BTreeMap;

use countersign::lab::Flavor;

use crate::scene::{SERVERS, Scene};

/// Statements that change nothing on the server for anybody else.
const READS: [&str; 14] = [
    "Com_select",
    "Com_show_",
    "Com_set_option",
    "Com_prepare_sql",
    "Com_execute_sql",
    "Com_dealloc_sql",
    "Com_execute_immediate",
    "Com_stmt_prepare",
    "Com_stmt_execute",
    "Com_stmt_close",
    "Com_stmt_reprepare",
    "Com_admin_commands",
    "Com_change_db",
    "Com_binlog",
];
/// How a statement of an account that only looks begins.
const LOOKS: [&str; 8] = [
    "SELECT ",
    "SHOW ",
    "SET @countersign_show = ",
    "SET NAMES ",
    "SET SESSION ",
    "PREPARE ",
    "EXECUTE ",
    "DEALLOCATE ",
];

/// The counters of every server and how far its general log had come.
pub struct Counters {
    servers: BTreeMap<&'static str, One>,
}

struct One {
    counted: BTreeMap<String, String>,
    logged: usize,
}

impl One {
    async fn of(scene: &Scene, name: &str) -> Self {
        let mut counted = BTreeMap::new();
        let status = "SHOW GLOBAL STATUS WHERE Variable_name LIKE 'Com\\_%' OR Variable_name LIKE 'Innodb\\_rows\\_%' OR \
                      Variable_name IN ('Binlog_cache_use', 'Binlog_stmt_cache_use', 'Handler_update', 'Handler_delete')";
        // MySQL counts its internal temporary tables here too.
        let status = match scene.topology.flavor() {
            Flavor::Mariadb => format!("{status} OR Variable_name = 'Handler_write'"),
            Flavor::Mysql => status.to_owned(),
        };
        for row in scene.rows(name, &status).await {
            counted.insert(row[0].clone().unwrap(), row[1].clone().unwrap());
        }
        let (executed, log) = match scene.topology.flavor() {
            Flavor::Mariadb => ("SELECT @@gtid_binlog_state, @@gtid_slave_pos", "SHOW MASTER STATUS"),
            Flavor::Mysql => ("SELECT @@gtid_executed", "SHOW BINARY LOG STATUS"),
        };
        counted.insert("executed".to_owned(), format!("{:?}", scene.rows(name, executed).await));
        counted.insert("binary log".to_owned(), format!("{:?}", scene.rows(name, log).await));
        let logged = scene.topology.general_log(&crate::scene::server(name)).unwrap().len();
        Self { counted, logged }
    }

    /// What differs and is no reading.
    fn writes_since(&self, before: &Self) -> Vec<String> {
        let moved = self.counted.iter().filter(|(name, value)| before.counted.get(*name) != Some(value));
        let writes = moved.filter(|(name, _)| {
            let read = READS.iter().any(|read| if read.ends_with('_') { name.starts_with(read) } else { name == read });
            // The rows read while looking count among InnoDB's rows.
            !read && name.as_str() != "Innodb_rows_read"
        });
        writes.map(|(name, value)| format!("{name}: {:?} > {value}", before.counted.get(name))).collect()
    }
}

impl Counters {
    pub async fn of(scene: &Scene) -> Self {
        let mut servers = BTreeMap::new();
        for name in SERVERS {
            servers.insert(name, One::of(scene, name).await);
        }
        Self { servers }
    }

    /// No server counted a write since then, and every statement of the program's accounts was a look.
    pub async fn expect_only_reads(&self, scene: &Scene) {
        for (name, before) in &self.servers {
            let after = One::of(scene, name).await;
            assert_eq!(after.writes_since(before), Vec::<String>::new(), "on {name}");
            let log = scene.topology.general_log(&crate::scene::server(name)).unwrap();
            let sent = statements(&log[before.logged..]);
            for user in ["observe", "act"] {
                let sent: Vec<&String> = sent.iter().filter(|(by, _)| by == user).map(|(_, text)| text).collect();
                assert!(sent.len() >= 2, "the log of {name} does not tell what `{user}` sent: {sent:?}");
                let others: Vec<&&String> = sent.iter().filter(|text| !is_look(text)).collect();
                assert!(others.is_empty(), "`{user}` sent {others:?} to {name}");
            }
        }
    }

    /// The control: a single row shows in the counters of the primary.
    pub async fn expect_a_write_to_show(scene: &Scene) {
        let before = One::of(scene, "db-a").await;
        scene.rows("db-a", "INSERT INTO crm.visits (at, who) VALUES (NOW(6), 'a control')").await;
        let after = One::of(scene, "db-a").await;
        let writes = after.writes_since(&before);
        let rows = if scene.topology.flavor() == Flavor::Mariadb { "Handler_write:" } else { "Innodb_rows_inserted:" };
        for counter in ["Com_insert:", rows, "executed:", "binary log:"] {
            assert!(writes.iter().any(|write| write.starts_with(counter)), "no `{counter}` in {writes:?}");
        }
        let log = scene.topology.general_log(&crate::scene::server("db-a")).unwrap();
        let sent = statements(&log[before.logged..]);
        let no_looks: Vec<&str> = sent.iter().filter(|(_, text)| !is_look(text)).map(|(by, _)| by.as_str()).collect();
        assert_eq!(no_looks, ["root"], "{sent:?}");
    }
}

fn is_look(statement: &str) -> bool {
    LOOKS.iter().any(|look| statement.starts_with(look))
}

/// The statements of a general log with the account that sent each.
fn statements(log: &str) -> Vec<(String, String)> {
    let mut users: BTreeMap<u64, String> = BTreeMap::new();
    let mut sent = Vec::new();
    for line in log.lines() {
        let Some((id, command, text)) = event(line) else { continue };
        match command {
            "Connect" => {
                let user = text.split('@').next().unwrap_or_default().trim();
                users.insert(id, user.to_owned());
            }
            "Query" | "Prepare" | "Execute" => {
                if let Some(user) = users.get(&id) {
                    sent.push((user.clone(), text.to_owned()));
                }
            }
            _ => {}
        }
    }
    sent
}

/// `.. 12 Query<tab>SELECT 1`: the connection, what happened, the text.
fn event(line: &str) -> Option<(u64, &str, &str)> {
    let (head, text) = line.rsplit_once('\t').filter(|(head, _)| head.contains(' '))?;
    let words = head.split('\t').next_back()?.trim_start();
    let (id, command) = words.split_once(' ')?;
    Some((id.parse().ok()?, command.trim(), text))
}
