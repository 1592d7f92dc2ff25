//! The lab on real servers of both flavors: replication flows, damage is the damage it is said to be, and no process
//! outlives its owner.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use countersign::domain::base::{ServerName, TableName};
use countersign::lab::keeper::ProcessState;
use countersign::lab::{self, Account, Damage, Flavor, LabError, Setup, Shape, Topology, UpOptions};

const KEEPER: &str = env!("CARGO_BIN_EXE_countersign");

fn server(name: &str) -> ServerName {
    ServerName::parse(name).unwrap()
}

fn orders() -> TableName {
    TableName::parse("shop.orders").unwrap()
}

/// The command lines of all processes that name `dir`.
fn processes_of(dir: &Path) -> Vec<String> {
    let marker = dir.to_string_lossy().into_owned();
    let numbers = std::fs::read_dir("/proc").unwrap().flatten().map(|entry| entry.path().join("cmdline"));
    let lines = numbers.filter_map(|path| std::fs::read(path).ok());
    let lines = lines.map(|bytes| String::from_utf8_lossy(&bytes).replace('\0', " "));
    lines.filter(|line| line.contains(&marker)).collect()
}

/// Looks until `ok` or for twenty seconds.
fn eventually(what: &str, mut ok: impl FnMut() -> bool) {
    let began = Instant::now();
    while !ok() {
        assert!(began.elapsed() < Duration::from_secs(20), "never: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

async fn start(flavor: Flavor, replicas: usize) -> Topology {
    Setup::new(flavor, Shape::replicas(replicas).unwrap()).start(Path::new(KEEPER)).await.unwrap()
}

async fn checksum(topology: &Topology, name: &ServerName) -> String {
    let sql = "SELECT CONCAT(COUNT(*), ':', MAX(id), ':', SUM(CRC32(CONCAT_WS('|', id, customer, state, \
               IFNULL(note, 'null'), amount, tax, IFNULL(HEX(payload), 'null'), placed_at)))) FROM shop.orders";
    topology.value(name, sql).await.unwrap().unwrap()
}

/// The whole life of a detached lab, as `countersign lab` drives it.
async fn life_of_a_lab(flavor: Flavor) {
    let home = tempfile::tempdir().unwrap();
    let dir = home.path().join("lab");
    let shape = Shape::replicas(2).unwrap();
    let options = UpOptions { flavor, shape, dir: dir.clone(), keeper: PathBuf::from(KEEPER) };
    let info = lab::up(options.clone()).await.unwrap();
    assert_eq!(info.servers.len(), 3);
    assert!(matches!(lab::up(options).await, Err(LabError::AlreadyUp { .. })));
    let data = Topology::attach(&dir).unwrap().datadir(&server("db-a"));
    check_fleet_file(&info);

    let seeded = lab::seed(&dir, &orders(), 2_500).await.unwrap();
    assert_eq!((seeded.rows, seeded.server.as_str()), (2_500, "db-a"));
    let topology = Topology::attach(&dir).unwrap();
    let good = checksum(&topology, &server("db-a")).await;
    assert!(good.starts_with("2500:3500:"), "the gap is missing: {good}");
    assert_eq!(checksum(&topology, &server("db-c")).await, good);

    let broken = lab::break_it(&dir, Damage::CorruptTable, &server("db-a"), &orders()).await.unwrap();
    let code = if flavor == Flavor::Mariadb { "1877" } else { "1812" };
    assert!(broken.answer.as_deref().unwrap().contains(code), "{broken:?}");
    assert_eq!(checksum(&topology, &server("db-b")).await, good, "the damage must stay on one server");

    let status = lab::status(&dir).await.unwrap();
    assert!(status.keeper);
    assert!(status.servers.iter().all(|one| matches!(one.process, ProcessState::Running { .. })));
    assert!(status.servers[1..].iter().all(|one| one.links.iter().all(lab::Link::flows)), "{status:?}");

    lab::down(&dir).await.unwrap();
    assert_eq!(processes_of(&dir), Vec::<String>::new());
    assert!(!dir.exists() && !data.exists());
    assert!(matches!(lab::status(&dir).await, Err(LabError::NoLab { .. })));
}

/// The fleet file names every server as it listens, and its logins are for this user alone.
fn check_fleet_file(info: &lab::LabInfo) {
    use std::os::unix::fs::PermissionsExt;
    let fleet: serde_yaml::Value = serde_yaml::from_str(&std::fs::read_to_string(&info.fleet_file).unwrap()).unwrap();
    for one in &info.servers {
        let declared = &fleet["servers"][one.name.as_str()];
        assert_eq!(declared["socket"].as_str().map(Path::new), Some(one.socket.as_path()));
        assert_eq!(declared["address"].as_str(), Some(format!("127.0.0.1:{}", one.port).as_str()));
    }
    for account in ["observe", "act"] {
        let login = Path::new(fleet["accounts"][account]["defaults_file"].as_str().unwrap());
        assert!(login.is_absolute());
        assert_eq!(std::fs::metadata(login).unwrap().permissions().mode() & 0o777, 0o600);
        let text = std::fs::read_to_string(login).unwrap();
        assert!(text.starts_with(&format!("[client]\nuser={account}\npassword=")), "{text}");
    }
}

#[tokio::test]
async fn a_mariadb_lab_goes_up_is_seeded_broken_looked_at_and_down() {
    life_of_a_lab(Flavor::Mariadb).await;
}

#[tokio::test]
async fn a_mysql_lab_goes_up_is_seeded_broken_looked_at_and_down() {
    life_of_a_lab(Flavor::Mysql).await;
}

/// A row written on the primary arrives at the end of a chain, and each server can be stopped, killed and started.
async fn a_chain_survives_restarts(flavor: Flavor) {
    let topology = Setup::new(flavor, Shape::chain(3).unwrap()).start(Path::new(KEEPER)).await.unwrap();
    let (first, middle, last) = (server("db-a"), server("db-b"), server("db-c"));
    topology.query(&first, "CREATE DATABASE d").await.unwrap();
    topology.query(&first, "CREATE TABLE d.t (id INT PRIMARY KEY)").await.unwrap();
    // A MariaDB replica that is killed while it applies a CREATE has logged it but not counted it, and stays stopped.
    topology.wait_caught_up().await.unwrap();
    topology.kill(&middle).await.unwrap();
    assert!(matches!(topology.processes().await.unwrap()[&middle], ProcessState::Ended { .. }));
    topology.query(&first, "INSERT INTO d.t VALUES (1), (2)").await.unwrap();
    topology.start(&middle).await.unwrap();
    topology.restart(&last).await.unwrap();
    topology.wait_caught_up().await.unwrap();
    assert_eq!(topology.value(&last, "SELECT COUNT(*) FROM d.t").await.unwrap().as_deref(), Some("2"));
    assert!(topology.general_log(&first).unwrap().contains("INSERT INTO d.t VALUES (1), (2)"));
    assert!(!topology.general_log(&last).unwrap().contains("INSERT INTO d.t"), "row events are not statements");
}

#[tokio::test]
async fn a_mariadb_chain_survives_restarts() {
    a_chain_survives_restarts(Flavor::Mariadb).await;
}

#[tokio::test]
async fn a_mysql_chain_survives_restarts() {
    a_chain_survives_restarts(Flavor::Mysql).await;
}

/// One replica of two primaries gets the rows of both.
async fn two_sources_flow_into_one(flavor: Flavor) {
    let shape = Shape::of(&[("db-a", &[]), ("db-b", &[]), ("db-ms", &["db-a", "db-b"])]).unwrap();
    let topology = Setup::new(flavor, shape).start(Path::new(KEEPER)).await.unwrap();
    topology.query(&server("db-a"), "CREATE DATABASE from_a").await.unwrap();
    topology.query(&server("db-b"), "CREATE DATABASE from_b").await.unwrap();
    topology.wait_caught_up().await.unwrap();
    let found = topology.query(&server("db-ms"), "SHOW DATABASES LIKE 'from%'").await.unwrap();
    assert_eq!(found.len(), 2);
    assert_eq!(topology.links(&server("db-ms")).await.unwrap().len(), 2);
}

#[tokio::test]
async fn two_mariadb_sources_flow_into_one() {
    two_sources_flow_into_one(Flavor::Mariadb).await;
}

#[tokio::test]
async fn two_mysql_sources_flow_into_one() {
    two_sources_flow_into_one(Flavor::Mysql).await;
}

/// The two logins of the fleet file work by socket and by TCP, and have the rights and the limits they are meant to have.
async fn accounts_have_their_rights(flavor: Flavor) {
    use mysql_async::prelude::Queryable;
    let topology = start(flavor, 1).await;
    let (primary, replica) = (server("db-a"), server("db-b"));
    topology.query(&primary, "CREATE DATABASE d").await.unwrap();
    topology.query(&primary, "CREATE TABLE d.t (id INT PRIMARY KEY)").await.unwrap();
    topology.wait_caught_up().await.unwrap();

    let mut observe = topology.connect(&replica, Account::Observe).await.unwrap();
    let may: &[&str] = match flavor {
        Flavor::Mariadb => &["SHOW ALL SLAVES STATUS", "SHOW BINLOG STATUS", "SHOW PROCESSLIST"],
        Flavor::Mysql => &["SHOW REPLICA STATUS", "SHOW REPLICAS", "SHOW BINARY LOG STATUS", "SHOW PROCESSLIST"],
    };
    for sql in
        may.iter().chain(&["SELECT * FROM d.t", "CHECK TABLE d.t", "SELECT * FROM information_schema.innodb_trx"])
    {
        observe.query_drop(*sql).await.unwrap_or_else(|error| panic!("observe, {sql}: {error}"));
    }
    let stop = if flavor == Flavor::Mariadb { "STOP SLAVE" } else { "STOP REPLICA" };
    for sql in
        ["DROP TABLE d.t", "INSERT INTO d.t VALUES (9)", stop, "SET SESSION sql_log_bin=0", "SET GLOBAL read_only=1"]
    {
        assert!(observe.query_drop(sql).await.is_err(), "observe must not: {sql}");
    }
    observe.disconnect().await.unwrap();

    let mut act = topology.connect(&replica, Account::Act).await.unwrap();
    let change = match flavor {
        Flavor::Mariadb => "CHANGE MASTER TO MASTER_HOST='//127.0.0.1'",
        Flavor::Mysql => "CHANGE REPLICATION SOURCE TO SOURCE_HOST='//127.0.0.1'",
    };
    let mine = "CREATE TABLE d.t_cs_r1 LIKE d.t";
    for sql in [
        stop,
        change,
        "SET SESSION sql_log_bin=0",
        mine,
        "INSERT INTO d.t_cs_r1 VALUES (1)",
        "DROP TABLE d.t",
        "RENAME TABLE d.t_cs_r1 TO d.t",
        "ALTER TABLE d.t ADD COLUMN k INT",
        "SELECT GET_LOCK('countersign', 1)",
        "SET GLOBAL read_only=1",
        "SET GLOBAL read_only=0",
    ] {
        act.query_drop(sql).await.unwrap_or_else(|error| panic!("act, {sql}: {error}"));
    }
    for sql in ["GRANT SELECT ON *.* TO observe", "SHUTDOWN"] {
        assert!(act.query_drop(sql).await.is_err(), "act must not: {sql}");
    }
    let mut victim = topology.connect(&replica, Account::Observe).await.unwrap();
    act.query_drop(format!("KILL {}", victim.id())).await.unwrap();
    assert!(victim.ping().await.is_err());
    act.disconnect().await.unwrap();
    log_in_by_tcp(&topology, &replica).await;
}

async fn log_in_by_tcp(topology: &Topology, name: &ServerName) {
    // With certificates that the server made itself, as MySQL does; MariaDB 10.11 has none and needs none.
    let ssl =
        mysql_async::SslOpts::default().with_danger_accept_invalid_certs(true).with_danger_skip_domain_validation(true);
    let options = mysql_async::OptsBuilder::default()
        .ip_or_hostname("127.0.0.1")
        .tcp_port(topology.port(name).unwrap())
        .prefer_socket(Some(false))
        .user(Some("act"))
        .pass(Some(topology.password(Account::Act)))
        .ssl_opts((topology.flavor() == Flavor::Mysql).then_some(ssl));
    mysql_async::Conn::new(options).await.unwrap().disconnect().await.unwrap();
    let root = mysql_async::OptsBuilder::default()
        .ip_or_hostname("127.0.0.1")
        .tcp_port(topology.port(name).unwrap())
        .prefer_socket(Some(false))
        .user(Some("root"));
    assert!(mysql_async::Conn::new(root).await.is_err(), "root without a password must not be reachable by TCP");
}

#[tokio::test]
async fn mariadb_accounts_have_their_rights_and_no_more() {
    accounts_have_their_rights(Flavor::Mariadb).await;
}

#[tokio::test]
async fn mysql_accounts_have_their_rights_and_no_more() {
    accounts_have_their_rights(Flavor::Mysql).await;
}

#[tokio::test]
async fn a_damaged_root_page_ends_a_mysql_server_when_it_is_read() {
    let topology = start(Flavor::Mysql, 0).await;
    let primary = server("db-a");
    lab::seed::seed(&topology, &orders(), 100).await.unwrap();
    lab::break_it::break_it(&topology, Damage::RootPage, &primary, &orders()).await.unwrap();
    assert!(topology.query(&primary, "SELECT * FROM shop.orders").await.is_err());
    let ended = || async { matches!(topology.processes().await.unwrap()[&primary], ProcessState::Ended { .. }) };
    let began = Instant::now();
    while !ended().await {
        assert!(began.elapsed() < Duration::from_secs(30), "the server still runs");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_server_that_cannot_start_is_told_with_its_own_words() {
    let setup = Setup::new(Flavor::Mariadb, Shape::replicas(0).unwrap()).option("no_such_option", "1");
    let error = setup.start(Path::new(KEEPER)).await.map(drop).unwrap_err().to_string();
    assert!(error.contains("no_such_option") || error.contains("no-such-option"), "{error}");
}

#[tokio::test]
async fn a_dropped_topology_leaves_no_process_and_no_file() {
    let topology = start(Flavor::Mariadb, 1).await;
    let (dir, data) = (topology.dir().to_owned(), topology.datadir(&server("db-a")));
    assert_eq!(processes_of(&dir).len(), 3, "two servers and their keeper must be found while they live");
    drop(topology);
    assert_eq!(processes_of(&dir), Vec::<String>::new());
    assert!(!dir.exists() && !data.exists());
}

#[tokio::test]
async fn a_lab_whose_directory_is_removed_ends() {
    let home = tempfile::tempdir().unwrap();
    let dir = home.path().join("lab");
    let shape = Shape::replicas(0).unwrap();
    lab::up(UpOptions { flavor: Flavor::Mariadb, shape, dir: dir.clone(), keeper: KEEPER.into() }).await.unwrap();
    let data = Topology::attach(&dir).unwrap().datadir(&server("db-a"));
    assert_eq!(processes_of(&dir).len(), 2);
    std::fs::remove_dir_all(&dir).unwrap();
    eventually("the keeper notices", || processes_of(&dir).is_empty() && !data.exists());
}

#[tokio::test]
async fn down_cleans_up_after_a_killed_keeper() {
    let home = tempfile::tempdir().unwrap();
    let dir = home.path().join("lab");
    let shape = Shape::replicas(0).unwrap();
    lab::up(UpOptions { flavor: Flavor::Mariadb, shape, dir: dir.clone(), keeper: KEEPER.into() }).await.unwrap();
    let data = Topology::attach(&dir).unwrap().datadir(&server("db-a"));
    kill(keeper_of(&dir));
    eventually("the server dies with its keeper", || processes_of(&dir).is_empty());
    assert!(!lab::status(&dir).await.unwrap().keeper);
    lab::down(&dir).await.unwrap();
    assert!(!dir.exists() && !data.exists());
}

/// The number of the process whose arguments are `keeper detached DIR`.
fn keeper_of(dir: &Path) -> rustix::process::Pid {
    let wanted = format!("\0keeper\0detached\0{}\0", dir.display());
    let entries = std::fs::read_dir("/proc").unwrap().flatten();
    let is_keeper = |path: &Path| {
        std::fs::read(path.join("cmdline")).is_ok_and(|line| String::from_utf8_lossy(&line).ends_with(&wanted))
    };
    let path = entries.map(|entry| entry.path()).find(|path| is_keeper(path)).expect("a keeper");
    let number = path.file_name().unwrap().to_str().unwrap().parse().unwrap();
    rustix::process::Pid::from_raw(number).unwrap()
}

fn kill(pid: rustix::process::Pid) {
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
}

/// Not a test of its own: the process that `servers_do_not_outlive_a_killed_owner` starts and kills.
#[tokio::test]
#[ignore = "started by another test"]
async fn owner_that_waits_to_be_killed() {
    let topology = start(Flavor::Mariadb, 1).await;
    writeln!(std::io::stdout(), "\nlab {}", topology.dir().display()).unwrap();
    std::future::pending::<()>().await;
}

/// A child that does not outlive its test, however that ends.
struct Owner(Child);

impl Owner {
    fn kill(&mut self) {
        // Fails only for one that has ended.
        let _ = self.0.kill();
        self.0.wait().unwrap();
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        self.kill();
    }
}

fn owner() -> Command {
    let mut owner = Command::new(std::env::current_exe().unwrap());
    owner.args(["--ignored", "--exact", "owner_that_waits_to_be_killed", "--nocapture"]).stdout(Stdio::piped());
    owner
}

/// The directory of the lab that an owner has started.
fn lab_of(Owner(owner): &mut Owner) -> PathBuf {
    let mut lines = BufReader::new(owner.stdout.take().unwrap()).lines().map(Result::unwrap);
    lines.find_map(|line| line.strip_prefix("lab ").map(PathBuf::from)).expect("a lab")
}

#[test]
fn two_processes_that_want_the_same_template_make_one() {
    let cache = tempfile::tempdir().unwrap();
    let start = || Owner(owner().env("COUNTERSIGN_LAB_CACHE", cache.path()).spawn().unwrap());
    let mut owners = [start(), start()];
    for owner in &mut owners {
        lab_of(owner);
        owner.kill();
    }
    let names = std::fs::read_dir(cache.path().join("templates")).unwrap().map(|entry| entry.unwrap().path());
    let folders: Vec<PathBuf> = names.filter(|path| path.is_dir()).collect();
    assert_eq!(folders.len(), 1, "{folders:?}");
}

#[test]
fn servers_do_not_outlive_a_killed_owner() {
    let mut owner = Owner(owner().spawn().unwrap());
    let dir = lab_of(&mut owner);
    assert_eq!(processes_of(&dir).len(), 3, "two servers and their keeper must be found while they live");
    owner.kill();
    eventually("no process is left", || processes_of(&dir).is_empty());
    eventually("no file is left", || !dir.exists());
}
