//! What goes wrong between this machine and real servers, tried as a person would: each message says what to do, each
//! exit code is the documented one, and the servers stay as they were. One lab for each flavour.

use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use countersign::domain::base::ServerName;
use countersign::lab::{Flavor, Setup, Shape, Topology};

#[path = "desk/mod.rs"]
mod desk;

use desk::{Desk, Said};

const SERVERS: [&str; 3] = ["db-a", "db-b", "db-c"];
/// The longest that one thing may take to be seen.
const SOON: Duration = Duration::from_secs(30);

struct Scene {
    topology: Topology,
    desk: Desk,
}

/// What must be the same afterwards: how far each server is, and whether it replicates.
type Standing = Vec<Vec<Vec<Option<String>>>>;

fn server(name: &str) -> ServerName {
    name.parse().unwrap()
}

impl Scene {
    async fn open(flavor: Flavor) -> Self {
        let keeper = Path::new(env!("CARGO_BIN_EXE_countersign"));
        let topology = Setup::new(flavor, Shape::replicas(2).unwrap()).start(keeper).await.unwrap();
        let scene = Self { topology, desk: Desk::new() };
        scene.desk.write("protect.yaml", include_str!("../runbooks/protect-copy.yaml"));
        scene.desk.write("drop.yaml", include_str!("cases/naive-drop.yaml"));
        for sql in [
            "CREATE DATABASE shop",
            "CREATE TABLE shop.orders (id INT PRIMARY KEY)",
            "CREATE USER little@'%' IDENTIFIED BY 'little'",
            "GRANT SELECT ON *.* TO little@'%'",
        ] {
            scene.topology.query(&server("db-a"), sql).await.unwrap();
        }
        scene.topology.wait_caught_up().await.unwrap();
        scene
    }

    fn flavor(&self) -> Flavor {
        self.topology.flavor()
    }

    /// The lab's fleet file with something changed.
    fn fleet(&self, name: &str, change: impl Fn(&str) -> String) -> String {
        let text = std::fs::read_to_string(self.topology.fleet_file()).unwrap();
        let changed: Vec<String> = text.lines().map(&change).collect();
        assert_ne!(changed.join("\n"), text.trim_end(), "the change of {name} changes nothing");
        self.desk.write(name, &changed.join("\n"));
        name.to_owned()
    }

    /// The fleet in which one account has another login.
    fn with_login(&self, account: &str, user: &str, password: &str) -> String {
        let file = format!("{account}-{user}.cnf");
        self.desk.write(&file, &format!("[client]\nuser={user}\npassword={password}\n"));
        let path = self.desk.path(&file);
        self.fleet(&format!("{account}-{user}.yaml"), |line| {
            if line.trim_start().starts_with(&format!("{account}:")) {
                format!("  {account}: {{defaults_file: \"{}\"}}", path.display())
            } else {
                line.to_owned()
            }
        })
    }

    async fn standing(&self) -> Standing {
        let (position, links) = match self.flavor() {
            Flavor::Mariadb => ("SELECT @@GLOBAL.gtid_binlog_pos, @@GLOBAL.gtid_slave_pos", "SHOW ALL SLAVES STATUS"),
            Flavor::Mysql => ("SELECT @@GLOBAL.gtid_executed", "SHOW REPLICA STATUS"),
        };
        let mut standing = Vec::new();
        for name in SERVERS {
            standing.push(self.topology.query(&server(name), position).await.unwrap());
            // Only whether the threads run: other columns count seconds.
            let links = self.topology.query(&server(name), links).await.unwrap();
            let running = links.iter().flatten().filter(|cell| cell.as_deref() == Some("Yes")).cloned().collect();
            standing.push(vec![running]);
        }
        standing
    }

    fn run(&self, runbook: &str, fleet: &str, params: &[&str]) -> Said {
        self.desk.cli(&run_arguments(runbook, fleet, params))
    }

    /// A run that must leave neither a file here nor a trace there.
    async fn refused(&self, runbook: &str, fleet: &str, params: &[&str]) -> Said {
        let (files, standing) = (self.desk.files(), self.standing().await);
        let said = self.run(runbook, fleet, params);
        assert_eq!(self.desk.files(), files, "{said:?}");
        assert_eq!(self.standing().await, standing, "{said:?}");
        said
    }
}

fn run_arguments<'a>(runbook: &'a str, fleet: &'a str, params: &[&'a str]) -> Vec<&'a str> {
    let who = ["--operator", "ana", "--key", "ana", "--reason", "INC-1", "--plain"];
    let mut arguments = [&["run", runbook, "--fleet", fleet, "--state", "S"][..], &who].concat();
    arguments.extend(params.iter().flat_map(|param| ["-p", param]));
    arguments
}

async fn wrong_password_and_unknown_server(scene: &Scene) {
    for account in ["observe", "act"] {
        let fleet = scene.with_login(account, account, "wrong");
        let words = ["`db-c` refused the login: 1045", "check user and password", "nothing was begun"];
        scene.refused("protect.yaml", &fleet, &["spare=db-c"]).await.expect(9, &words);
        let line = format!("db-a {account}: `db-a` refused the login");
        scene.desk.cli(&["fleet", "check", "--fleet", &fleet]).expect(9, &[&line]);
    }
    let reach = ["reach", "--fleet", "observe-observe.yaml", "--on", "db-a", "DROP TABLE shop.orders"];
    scene.desk.cli(&reach).expect(9, &["db-a cannot be looked at", "refused the login"]);
    let lab = scene.topology.fleet_file();
    let words = ["fleet `lab` has no server `db-x`", "did you mean `db-"];
    scene.refused("protect.yaml", lab.to_str().unwrap(), &["spare=db-x"]).await.expect(3, &words);
}

async fn unreachable_replica(scene: &Scene) {
    let fleet = scene.fleet("away.yaml", |line| {
        if line.trim_start().starts_with("db-c:") {
            "  db-c: {address: '127.0.0.1:1', tls: {mode: off}}".to_owned()
        } else {
            line.to_owned()
        }
    });
    let words = ["`db-c` cannot be reached at `127.0.0.1:1`", "check that it runs", "exit 9 (unreachable)"];
    scene.refused("protect.yaml", &fleet, &["spare=db-c"]).await.expect(9, &words);
    // Another server's step begins, and the rule that needs to know every reader refuses it.
    let standing = scene.standing().await;
    let words = ["make db-c visible first", "db-c did not tell", "way back now:"];
    scene.run("drop.yaml", &fleet, &["table=shop.orders", "primary=db-a"]).expect(4, &words);
    assert_eq!(scene.standing().await, standing);
}

/// The right that replication cannot be watched, or changed, without.
fn rights(flavor: Flavor) -> (&'static str, &'static str) {
    match flavor {
        Flavor::Mariadb => ("SLAVE MONITOR", "REPLICATION SLAVE ADMIN"),
        Flavor::Mysql => ("REPLICATION CLIENT", "REPLICATION_SLAVE_ADMIN"),
    }
}

async fn missing_privilege(scene: &Scene) {
    let (watch, change) = rights(scene.flavor());
    let standing = scene.standing().await;
    let observe = scene.with_login("observe", "little", "little");
    let words = ["warning: the account `observe` lacks PROCESS", "the channels of db-b are unknown", watch];
    scene.run("protect.yaml", &observe, &["spare=db-b"]).expect(4, &words);
    assert_eq!(scene.standing().await, standing);
    let act = scene.with_login("act", "little", "little");
    let program = env!("CARGO_BIN_EXE_countersign");
    let mut command = scene.desk.command(program, &run_arguments("protect.yaml", &act, &["spare=db-b"]));
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let run = stopped(&scene.desk);
    let choose = ["choose", &run, "2", "--state", "S", "--operator", "ana", "--key", "ana"];
    scene.desk.cli(&choose).expect(0, &[]);
    let words = ["lacks INSERT", "ERROR 1227: Access denied", change, "abort"];
    finished(child).expect(12, &words);
    assert_eq!(scene.standing().await, standing);
}

/// The run that waits for a choice after a failure.
fn stopped(desk: &Desk) -> String {
    let began = Instant::now();
    loop {
        let said = desk.cli(&["status", "--state", "S", "--json"]);
        let states = said.out.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
        let mut failed = states.filter(|state| state["waiting"][0]["why"].to_string().contains("1227"));
        if let Some(state) = failed.next() {
            return state["run"].as_str().unwrap().to_owned();
        }
        assert!(began.elapsed() < SOON, "no run stopped: {said:?}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn finished(child: Child) -> Said {
    child.wait_with_output().unwrap().into()
}

/// What is printed is executed as it stands, and then nothing is missing.
async fn the_printed_grants_are_enough(scene: &Scene) {
    for account in ["observe", "act"] {
        let fleet = scene.with_login(account, "little", "little");
        let check = ["fleet", "check", "--fleet", &fleet];
        let heading = format!("db-a {account}: little@% lacks ");
        let said = scene.desk.cli(&check).expect(3, &[&heading, "tested here", "by documentation only", "refused"]);
        let mut lines = said.out.lines().skip_while(|line| !line.starts_with(&heading)).skip(1);
        let grant = lines.next().unwrap().trim().trim_end_matches(';');
        assert!(grant.starts_with("GRANT ") && grant.ends_with("ON *.* TO 'little'@'%'"), "{grant}");
        scene.topology.query(&server("db-a"), grant).await.unwrap();
        scene.topology.wait_caught_up().await.unwrap();
        let line = format!("db-c {account}: little@% has every right it needs");
        scene.desk.cli(&check).expect(0, &[&line, "every fact that a run may ask for can be seen"]);
        scene.topology.query(&server("db-a"), "REVOKE ALL PRIVILEGES, GRANT OPTION FROM little@'%'").await.unwrap();
        scene.topology.query(&server("db-a"), "GRANT SELECT ON *.* TO little@'%'").await.unwrap();
        scene.topology.wait_caught_up().await.unwrap();
    }
}

/// The state directory on a file system of one mebibyte, which fills up while the run waits for an answer.
const FILLS_UP: &str = r#"
set -e
as_ana="--state S/T --operator ana --key ana"
sent() { grep 'Query.*STOP ALL SLAVES\|Query.*STOP REPLICA' "$2" | grep -vc PREPARE || true; }
mount -t tmpfs -o size=1m none S
"$0" trust init --state S/T --operator ana=ana.pub --operator bob=bob.pub >trust 2>&1
"$0" run ask.yaml --fleet "$1" $as_ana -p spare=db-c --reason INC-1 --plain >run.out 2>&1 &
executor=$!
left=1500
until "$0" status --state S/T --json 2>/dev/null | grep -q '"answer"'; do
    left=$((left - 1)); test $left -gt 0; sleep 0.02
done
run=$(ls S/T/runs)
kill -STOP $executor
"$0" answer "$run" word $as_ana
dd if=/dev/zero of=S/filler bs=4k 2>/dev/null || true
kill -CONT $executor
wait $executor || echo "code $?"
grep error: run.out
echo "sent while full: $(sent "$@")"
rm S/filler
"$0" resume "$run" $as_ana --plain
echo "sent afterwards: $(sent "$@")"
"#;

fn a_disk_that_fills_up_stops_before_the_next_send(scene: &Scene) {
    let (fleet, log) = (scene.topology.fleet_file(), scene.topology.dir().join("db-c/general.log"));
    let places = [env!("CARGO_BIN_EXE_countersign"), fleet.to_str().unwrap(), log.to_str().unwrap()];
    let may = |user: &[&str]| {
        let probe = [user, &["--mount", "sh", "-c", "mount -t tmpfs none S"]].concat();
        scene.desk.command("unshare", &probe).output().is_ok_and(|output| output.status.success())
    };
    let user: &[&str] = match () {
        () if may(&[]) => &[],
        () if may(&["--user", "--map-root-user"]) => &["--user", "--map-root-user"],
        () => panic!("this test needs a mount namespace (`unshare --mount`)"),
    };
    let arguments = [user, &["--mount", "sh", "-c", FILLS_UP], &places].concat();
    let words = ["no space is left for", "code 1\n", "sent while full: 0\n", "done", "sent afterwards: 1\n"];
    Said::from(scene.desk.command("unshare", &arguments).output().unwrap()).expect(0, &words);
}

async fn all(flavor: Flavor) {
    let scene = Scene::open(flavor).await;
    wrong_password_and_unknown_server(&scene).await;
    unreachable_replica(&scene).await;
    missing_privilege(&scene).await;
    the_printed_grants_are_enough(&scene).await;
    a_disk_that_fills_up_stops_before_the_next_send(&scene);
}

#[tokio::test]
async fn what_goes_wrong_with_mariadb_servers_is_said_and_changes_nothing() {
    all(Flavor::Mariadb).await;
}

#[tokio::test]
async fn what_goes_wrong_with_mysql_servers_is_said_and_changes_nothing() {
    all(Flavor::Mysql).await;
}
