//! Asks the product who gets a statement: `countersign reach` as an operator types it, over its own observation.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::pool::{PROGRAM, Pool};
use crate::shape::{Cloud, Shape, seat_name};
use crate::statement::Statement;

/// The answer: how a statement arrives, by server and object.
#[derive(Debug, Clone)]
pub struct Prediction {
    lines: BTreeMap<(String, String), (String, String)>,
}

impl Prediction {
    /// The same answer with one word in place of another, to see that it is found wrong.
    pub fn distorted(mut self, word: &str, instead: &str) -> Self {
        for (how, _) in self.lines.values_mut().filter(|(how, _)| how == word) {
            instead.clone_into(how);
        }
        self
    }

    /// The word and the reason for one server and object.
    pub fn of(&self, server: &str, object: &str) -> (&str, &str) {
        let found = [object, "*"].iter().find_map(|object| self.lines.get(&(server.to_owned(), (*object).to_owned())));
        found.map_or(("no line", ""), |(how, why)| (how, why))
    }
}

/// The fleet file of a topology, with what the observer may know of it.
pub fn fleet_file(pool: &Pool, shape: &Shape, home: &Path) -> PathBuf {
    let dir = pool.topology.dir();
    let mut text = format!(
        "countersign: 1\nfleet: topologies\nenvironment: LAB\nowner: dba@example.com\naccounts:\n  \
         observe: {{defaults_file: \"{}\"}}\nservers:\n",
        dir.join("observe.cnf").display()
    );
    for seat in shape.declared() {
        let seat = &pool.seats[seat];
        let nowhere = shape.cloud == Cloud::Unreachable(seat.number);
        let socket = if nowhere { dir.join("nobody.sock") } else { pool.topology.socket(&seat.name) };
        writeln!(text, "  {}: {{socket: \"{}\", address: \"127.0.0.1:{}\"}}", seat.name, socket.display(), seat.port)
            .unwrap();
    }
    let path = home.join("fleet.yaml");
    std::fs::write(&path, text).unwrap();
    path
}

/// What the program answers, or why it does not.
pub async fn predict(fleet: &Path, statement: &Statement) -> Result<Prediction, String> {
    let mut command = tokio::process::Command::new(PROGRAM);
    command.args(["reach", "--json", "--fleet"]).arg(fleet).arg("--on").arg(seat_name(statement.on));
    if let Some(database) = statement.database {
        command.args(["--database", database]);
    }
    if statement.unlogged {
        command.arg("--unlogged");
    }
    let output = command.arg(&statement.sql).kill_on_drop(true).output().await.unwrap();
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    Ok(read(&serde_json::from_slice(&output.stdout).unwrap()))
}

fn read(json: &Value) -> Prediction {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let lines = json["reach"].as_array().unwrap().iter();
    let lines =
        lines.map(|line| ((text(&line["server"]), text(&line["object"])), (text(&line["how"]), text(&line["why"]))));
    Prediction { lines: lines.collect() }
}
