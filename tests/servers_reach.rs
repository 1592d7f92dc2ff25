//! `countersign reach` against real servers: what it costs them, and what it says of servers that are not what the fleet
//! file takes them for.

#[path = "support/proxy.rs"]
mod proxy;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use countersign::domain::base::{Digest, ServerName};
use countersign::domain::fleet::{Fleet, read};
use countersign::lab::{Flavor, Setup, Shape, Topology, seed};
use countersign::observe::{Observer, Scope};
use proxy::Proxy;
use serde_json::Value;

const PROGRAM: &str = env!("CARGO_BIN_EXE_countersign");
const DROP: &str = "DROP TABLE shop.orders";

async fn start(flavor: Flavor) -> Topology {
    let topology = Setup::new(flavor, Shape::replicas(2).unwrap()).start(Path::new(PROGRAM)).await.unwrap();
    seed::seed(&topology, &"shop.orders".parse().unwrap(), 100).await.unwrap();
    topology
}

fn parsed(text: &str) -> Fleet {
    read::resolve(serde_yaml::from_str(text).unwrap(), Digest::of(text.as_bytes())).unwrap()
}

/// A fleet file beside the lab's own.
fn written(topology: &Topology, name: &str, text: &str) -> PathBuf {
    let path = topology.dir().join(name);
    std::fs::write(&path, text).unwrap();
    path
}

async fn asked(fleet: &Path) -> Value {
    let command = tokio::process::Command::new(PROGRAM)
        .args(["reach", "--json", "--on", "db-a", DROP, "--fleet"])
        .arg(fleet)
        .output()
        .await
        .unwrap();
    let (out, err) = (String::from_utf8_lossy(&command.stdout), String::from_utf8_lossy(&command.stderr));
    serde_json::from_str(&out).unwrap_or_else(|error| panic!("{error}: {out}{err}"))
}

fn how(answer: &Value, server: &str) -> (String, String) {
    let lines = answer["reach"].as_array().unwrap();
    let line = lines.iter().find(|line| line["server"] == server).unwrap();
    (line["how"].as_str().unwrap().to_owned(), line["why"].as_str().unwrap().to_owned())
}

/// The lab's fleet with a proxy in front of each server; other servers go on to call each by its own address.
async fn proxied(topology: &Topology) -> (String, Vec<Proxy>) {
    let own = std::fs::read_to_string(topology.fleet_file()).unwrap();
    let mut text = own.split("servers:").next().unwrap().to_owned() + "servers:\n";
    let mut proxies = Vec::new();
    for name in topology.names() {
        let port = topology.port(name).unwrap();
        let proxy = Proxy::to_port(port).await;
        let at = proxy.port();
        text +=
            &format!("  {name}: {{address: \"127.0.0.1:{at}\", also: [\"127.0.0.1:{port}\"], tls: {{mode: off}}}}\n");
        proxies.push(proxy);
    }
    (text, proxies)
}

async fn it_costs_one_look(flavor: Flavor) {
    let topology = start(flavor).await;
    let (text, proxies) = proxied(&topology).await;
    let queries = || proxies.iter().map(Proxy::queries).sum::<usize>();
    let scope = Scope { tables: BTreeSet::from(["shop.orders".parse().unwrap()]) };
    let snapshot = Observer::new(&parsed(&text)).snapshot(&scope).await;
    assert!(snapshot.facts().count() > 50);
    let one_look = queries();
    assert!(one_look >= 3, "the control: the proxies count");
    let answer = asked(&written(&topology, "proxied.yaml", &text)).await;
    assert_eq!(how(&answer, "db-b").0, "now");
    let reach = queries() - one_look;
    assert!(reach * 10 <= one_look * 11, "{reach} queries for reach, {one_look} for one look");
    topology.end().await.unwrap();
}

async fn servers_that_are_not_what_they_are_taken_for(flavor: Flavor) {
    let topology = start(flavor).await;
    let own = std::fs::read_to_string(topology.fleet_file()).unwrap();
    let path = |name: &str| topology.socket(&name.parse::<ServerName>().unwrap()).to_string_lossy().into_owned();
    let answer = asked(&topology.fleet_file()).await;
    assert_eq!(how(&answer, "db-c").0, "now", "the control");

    let twin = own.replace(&path("db-c"), &path("db-b"));
    let answer = asked(&written(&topology, "twin.yaml", &twin)).await;
    for name in ["db-b", "db-c"] {
        let (how, why) = how(&answer, name);
        assert!(how == "now" || how == "unknown", "{name}: {how} ({why})");
    }
    // Out of reach is what must not be said of either.
    let detach = if flavor == Flavor::Mariadb { "STOP ALL SLAVES" } else { "STOP REPLICA" };
    let away = if flavor == Flavor::Mariadb {
        "CHANGE MASTER TO MASTER_HOST='//127.0.0.1'"
    } else {
        "CHANGE REPLICATION SOURCE TO SOURCE_HOST='//127.0.0.1'"
    };
    for sql in [detach, away] {
        topology.query(&"db-b".parse().unwrap(), sql).await.unwrap();
    }
    let honest = asked(&topology.fleet_file()).await;
    assert_eq!((how(&honest, "db-b").0.as_str(), how(&honest, "db-c").0.as_str()), ("never", "now"));
    let answer = asked(&topology.dir().join("twin.yaml")).await;
    for name in ["db-b", "db-c"] {
        let (how, why) = how(&answer, name);
        assert_eq!(how, "unknown", "{name}: {why}");
        assert!(why.contains("proves to be the same server"), "{why}");
    }

    // A proxy that leads elsewhere: the file says what must answer.
    let declared = own.replace("  db-b: {", "  db-b: {identity: \"mysql server_uuid=elsewhere\", ");
    let answer = asked(&written(&topology, "declared.yaml", &declared)).await;
    let (how_b, why) = how(&answer, "db-b");
    assert!(how_b == "unknown" && why.contains("fleet.yaml expects"), "{how_b}: {why}");

    // A replica of which the fleet file knows nothing is a reader that nothing explains.
    let without: String =
        own.lines().filter(|line| !line.starts_with("  db-c:")).map(|line| format!("{line}\n")).collect();
    let answer = asked(&written(&topology, "without.yaml", &without)).await;
    assert!(answer["unexplained_readers"][0]["why"].as_str().unwrap().contains("repl@127.0.0.1"), "{answer}");
    topology.end().await.unwrap();
}

#[tokio::test]
async fn on_mariadb_reach_costs_one_look() {
    it_costs_one_look(Flavor::Mariadb).await;
}

#[tokio::test]
async fn on_mysql_reach_costs_one_look() {
    it_costs_one_look(Flavor::Mysql).await;
}

#[tokio::test]
async fn on_mariadb_no_impostor_is_out_of_reach() {
    servers_that_are_not_what_they_are_taken_for(Flavor::Mariadb).await;
}

#[tokio::test]
async fn on_mysql_no_impostor_is_out_of_reach() {
    servers_that_are_not_what_they_are_taken_for(Flavor::Mysql).await;
}
