use super::*;
use crate::domain::base::ServerName;

fn server(endpoint: Endpoint) -> Server {
    Server {
        name: ServerName::parse("db-a").unwrap(),
        endpoint,
        address: "db-a.example:3306".to_owned(),
        also: Vec::new(),
        identity: None,
        accept_untested: false,
        free_bytes_command: None,
    }
}

fn login(command: &[&str]) -> Login {
    Login {
        defaults_file: None,
        group: None,
        user: Some("observe".to_owned()),
        password_command: Some(command.iter().map(|&word| word.to_owned()).collect()),
    }
}

fn tcp(port: u16, mode: TlsMode) -> Endpoint {
    Endpoint::Tcp { host: "127.0.0.1".to_owned(), port, tls: Tls { mode, ca: None } }
}

#[tokio::test]
async fn the_first_line_of_the_password_command_is_the_password() {
    let login = login(&["printf", "s3cret\\r\\nmore\\n"]);
    let credentials = Credentials::of(&login).await.unwrap();
    assert_eq!((credentials.user(), credentials.password()), ("observe", Some("s3cret")));
    assert!(!format!("{credentials:?}").contains("s3cret"));
    let options = options(&server(tcp(1, TlsMode::Off)), &login).await.unwrap();
    assert!(options.local_infile_handler().is_none() && options.ssl_opts().is_none());
}

#[tokio::test]
async fn the_password_command_runs_anew_for_each_connection() {
    let dir = tempfile::tempdir().unwrap();
    let counter = dir.path().join("n");
    let script = format!("printf x >> {0}; wc -c < {0}", counter.display());
    let login = login(&["sh", "-c", &script]);
    let first = Credentials::of(&login).await.unwrap();
    let second = Credentials::of(&login).await.unwrap();
    assert_eq!((first.password(), second.password()), (Some("1"), Some("2")));
}

#[tokio::test]
async fn a_failing_password_command_is_named_without_what_it_wrote() {
    for (command, expected) in [
        (&["sh", "-c", "echo s3cret; echo s3cret >&2; exit 3"][..], "exit status: 3"),
        (&["true"], "wrote no line"),
        (&["/nowhere/s"], "could not be started"),
        (&[], "is empty"),
    ] {
        let error = Credentials::of(&login(command)).await.unwrap_err();
        let text = format!("{error} {error:?}");
        assert!(text.contains(expected) && !text.contains("s3cret"), "{text}");
    }
}

#[tokio::test]
async fn a_closed_port_and_a_missing_socket_are_unreachable_and_named() {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    for (endpoint, place) in [
        (tcp(port, TlsMode::Off), format!("127.0.0.1:{port}")),
        (Endpoint::Socket { path: "/nowhere/mysqld.sock".to_owned() }, "/nowhere/mysqld.sock".to_owned()),
    ] {
        let error = connect(&server(endpoint), &login(&["echo", "s3cret"])).await.unwrap_err();
        assert!(matches!(error, ConnectError::Unreachable { .. }), "{error:?}");
        let text = error.to_string();
        assert!(text.contains("db-a") && text.contains(&place) && !text.contains("s3cret"), "{text}");
    }
}

#[tokio::test]
async fn a_server_that_accepts_and_says_nothing_is_given_up() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let error = connect(&server(tcp(port, TlsMode::Off)), &login(&["echo", "x"])).await.unwrap_err();
    assert!(error.to_string().contains("no answer within 3 s"), "{error}");
}

#[tokio::test]
async fn a_login_without_a_user_says_what_to_set() {
    let nobody = Login { user: None, ..login(&["echo", "x"]) };
    assert_eq!(Credentials::of(&nobody).await.unwrap_err(), ConnectError::NoUser);
}
