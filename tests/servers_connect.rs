//! Connecting to real servers: TLS with an authority of our own, and what goes wrong with it.

use std::path::Path;
use std::process::Command;

use countersign::connect::{ConnectError, connect};
use countersign::domain::base::Digest;
use countersign::domain::fleet::{Endpoint, Fleet, Login, Server, Tls, TlsMode, read};
use countersign::lab::{Flavor, Setup, Shape, Topology};
use mysql_async::prelude::Queryable;

const KEEPER: &str = env!("CARGO_BIN_EXE_countersign");

fn openssl(dir: &Path, arguments: &str) {
    let done = Command::new("openssl").args(arguments.split(' ')).current_dir(dir).output().expect("install `openssl`");
    assert!(done.status.success(), "openssl {arguments}: {}", String::from_utf8_lossy(&done.stderr));
}

/// `ca.pem`, `server.pem` and `server.key` for 127.0.0.1, and `other.pem`, an authority that signed nothing.
fn certificates(dir: &Path) {
    let key = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes";
    for name in ["ca", "other"] {
        openssl(dir, &format!("req -x509 {key} -keyout {name}.key -out {name}.pem -days 2 -subj /CN={name}"));
    }
    std::fs::write(dir.join("ext"), "subjectAltName=IP:127.0.0.1\n").unwrap();
    openssl(dir, &format!("req {key} -keyout server.key -out server.csr -subj /CN=db"));
    openssl(
        dir,
        "x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile ext -out server.pem",
    );
}

fn fleet(topology: &Topology) -> Fleet {
    let text = std::fs::read_to_string(topology.fleet_file()).unwrap();
    let file: read::FleetFile = serde_yaml::from_str(&text).unwrap();
    read::resolve(file, Digest::of(text.as_bytes())).unwrap()
}

async fn tls_is_demanded_and_checked(flavor: Flavor) {
    let home = tempfile::tempdir().unwrap();
    certificates(home.path());
    let file = |name: &str| home.path().join(name).to_string_lossy().into_owned();
    let topology = Setup::new(flavor, Shape::replicas(0).unwrap())
        .option("ssl_ca", &file("ca.pem"))
        .option("ssl_cert", &file("server.pem"))
        .option("ssl_key", &file("server.key"))
        .start(Path::new(KEEPER))
        .await
        .unwrap();
    let fleet = fleet(&topology);
    let (login, declared) = (&fleet.accounts.observe, fleet.servers.values().next().unwrap());
    let port = topology.port(&declared.name).unwrap();
    let at = |host: &str, mode, ca: Option<String>| Server {
        endpoint: Endpoint::Tcp { host: host.to_owned(), port, tls: Tls { mode, ca } },
        ..declared.clone()
    };

    let cipher = async |server: &Server, login: &Login| {
        let mut connection = connect(server, login).await?;
        let row: Option<(String, String)> = connection.query_first("SHOW STATUS LIKE 'Ssl_cipher'").await.unwrap();
        Ok::<_, ConnectError>(row.unwrap().1)
    };
    assert_ne!(cipher(&at("127.0.0.1", TlsMode::Required, Some(file("ca.pem"))), login).await.unwrap(), "");
    assert_eq!(cipher(&at("127.0.0.1", TlsMode::Off, None), login).await.unwrap(), "");
    // Another authority, none at all, and a name that is not in the certificate.
    for wrong in [
        at("127.0.0.1", TlsMode::Required, Some(file("other.pem"))),
        at("127.0.0.1", TlsMode::Required, None),
        at("localhost", TlsMode::Required, Some(file("ca.pem"))),
    ] {
        let error = cipher(&wrong, login).await.unwrap_err();
        assert!(matches!(error, ConnectError::Tls { .. }), "{error:?}");
        assert!(error.to_string().contains("tls.ca"), "{error}");
    }
    topology.end().await.unwrap();
}

#[tokio::test]
async fn tls_is_demanded_and_checked_on_mariadb() {
    tls_is_demanded_and_checked(Flavor::Mariadb).await;
}

#[tokio::test]
async fn tls_is_demanded_and_checked_on_mysql() {
    tls_is_demanded_and_checked(Flavor::Mysql).await;
}

/// MariaDB can run without TLS; then nothing is sent in the clear either.
#[tokio::test]
async fn a_server_without_tls_gets_no_password() {
    let setup = Setup::new(Flavor::Mariadb, Shape::replicas(0).unwrap()).option("skip_ssl", "1");
    let topology = setup.start(Path::new(KEEPER)).await.unwrap();
    let fleet = fleet(&topology);
    let declared = fleet.servers.values().next().unwrap();
    let port = topology.port(&declared.name).unwrap();
    let tls = Tls { mode: TlsMode::Required, ca: None };
    let server = Server { endpoint: Endpoint::Tcp { host: "127.0.0.1".to_owned(), port, tls }, ..declared.clone() };
    let error = connect(&server, &fleet.accounts.observe).await.unwrap_err();
    assert!(error.to_string().contains("does not offer TLS"), "{error}");
    topology.end().await.unwrap();
}
