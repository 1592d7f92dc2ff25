//! A relay in front of one server that understands where the packets of the client/server protocol begin and end.
//!
//! It counts what clients send, remembers the packets of a connection that is watched, and breaks that connection at an
//! exact place: before a packet, inside it or behind it, or at once. Every other connection passes unchanged. It knows
//! packets, not statements: what they mean is for the test that uses it.

// Each test program has its own copy of this module and uses another part of it.
#![allow(dead_code)]

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::sync::watch;

/// The command byte of a query.
const QUERY: u8 = 3;

/// Who sent a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    Client,
    Server,
}

/// One packet of a watched connection, with its header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    pub by: Side,
    pub bytes: Vec<u8>,
}

impl Seen {
    /// The text of a query, if it is one.
    pub fn query(&self) -> Option<String> {
        let is_query = self.by == Side::Client && self.bytes.get(3) == Some(&0) && self.bytes.get(4) == Some(&QUERY);
        is_query.then(|| String::from_utf8_lossy(&self.bytes[5..]).into_owned())
    }
}

/// Where in the packet with a number, counted over both directions from zero, the connection breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cut {
    pub packet: usize,
    pub place: Place,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    Before,
    /// Half of its bytes have passed.
    Inside,
    Behind,
    /// The client is gone and the server does not know: the packet waits on its way until [`Watched::deliver`].
    OnItsWay,
}

/// What a watched connection is told from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Order {
    Pass,
    Break,
    Deliver,
    /// What was delivered late ends as well.
    End,
}

/// A connection that is watched.
#[derive(Debug, Clone)]
pub struct Watched {
    cut: Option<Cut>,
    packets: Arc<Mutex<Vec<Seen>>>,
    order: Arc<watch::Sender<Order>>,
}

impl Watched {
    fn new(cut: Option<Cut>) -> Self {
        Self { cut, packets: Arc::default(), order: Arc::new(watch::channel(Order::Pass).0) }
    }

    /// Every packet that arrived at the relay so far, the one at which it was cut among them.
    pub fn packets(&self) -> Vec<Seen> {
        self.packets.lock().unwrap().clone()
    }

    /// Whether the packet at which it is cut has arrived.
    pub fn was_cut(&self) -> bool {
        self.cut.is_some_and(|cut| self.packets.lock().unwrap().len() > cut.packet)
    }

    /// Ends the connection for both, now.
    pub fn break_now(&self) {
        self.order.send_replace(Order::Break);
    }

    /// Lets the packet arrive that was kept on its way; the server's side stays open.
    pub fn deliver(&self) {
        self.order.send_replace(Order::Deliver);
    }

    /// Ends the server's side of a connection whose packet was kept on its way.
    pub fn end(&self) {
        self.order.send_replace(Order::End);
    }

    fn arrived(&self, by: Side, bytes: &[u8]) -> Option<Place> {
        let mut packets = self.packets.lock().unwrap();
        let number = packets.len();
        packets.push(Seen { by, bytes: bytes.to_vec() });
        self.cut.filter(|cut| cut.packet == number).map(|cut| cut.place)
    }
}

#[derive(Debug, Clone)]
enum Target {
    Port(u16),
    Socket(PathBuf),
}

/// A relay. It ends with the runtime it was started in.
#[derive(Debug)]
pub struct Proxy {
    shared: Arc<Shared>,
    port: u16,
    socket: Option<(PathBuf, tempfile::TempDir)>,
}

#[derive(Debug)]
struct Shared {
    target: Target,
    queries: AtomicUsize,
    /// What becomes of the next connections; those behind them just pass.
    next: Mutex<VecDeque<Option<Watched>>>,
}

impl Shared {
    fn new(target: Target) -> Arc<Self> {
        Arc::new(Self { target, queries: AtomicUsize::new(0), next: Mutex::default() })
    }

    fn plan(&self) -> Option<Watched> {
        self.next.lock().unwrap().pop_front().flatten()
    }
}

impl Proxy {
    /// Listens on a port and passes everything on to the server that listens on `target`.
    pub async fn to_port(target: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let shared = Shared::new(Target::Port(target));
        let all = Arc::clone(&shared);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                client.set_nodelay(true).unwrap();
                let watched = all.plan();
                tokio::spawn(relay(client, Arc::clone(&all), watched));
            }
        });
        Self { shared, port, socket: None }
    }

    /// The same between two unix sockets.
    pub fn to_socket(target: &Path) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("relay.sock");
        let listener = UnixListener::bind(&path).unwrap();
        let shared = Shared::new(Target::Socket(target.to_owned()));
        let all = Arc::clone(&shared);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let watched = all.plan();
                tokio::spawn(relay(client, Arc::clone(&all), watched));
            }
        });
        Self { shared, port: 0, socket: Some((path, dir)) }
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    pub fn socket(&self) -> &Path {
        &self.socket.as_ref().unwrap().0
    }

    /// Query commands that clients have sent so far, over all connections.
    pub fn queries(&self) -> usize {
        self.shared.queries.load(Ordering::SeqCst)
    }

    /// Watches a connection that is to be opened, behind `passed` others that just pass, and cuts it there.
    pub fn watch(&self, passed: usize, cut: Option<Cut>) -> Watched {
        let watched = Watched::new(cut);
        let mut next = self.shared.next.lock().unwrap();
        assert!(next.is_empty(), "one connection is watched at a time");
        next.extend(std::iter::repeat_n(None, passed));
        next.push_back(Some(watched.clone()));
        watched
    }
}

async fn relay<C: AsyncRead + AsyncWrite>(client: C, shared: Arc<Shared>, watched: Option<Watched>) {
    // A server that is down refuses; the client sees its connection end.
    match shared.target.clone() {
        Target::Port(port) => {
            if let Ok(server) = TcpStream::connect(("127.0.0.1", port)).await {
                server.set_nodelay(true).unwrap();
                between(client, server, shared, watched).await;
            }
        }
        Target::Socket(path) => {
            if let Ok(server) = UnixStream::connect(path).await {
                between(client, server, shared, watched).await;
            }
        }
    }
}

/// Why a direction has ended.
enum Ended {
    Closed,
    /// The packet that the server has not been given yet.
    OnItsWay(Vec<u8>),
}

async fn between<C, S>(client: C, server: S, shared: Arc<Shared>, watched: Option<Watched>)
where
    C: AsyncRead + AsyncWrite,
    S: AsyncRead + AsyncWrite,
{
    let (mut from_client, mut to_client) = tokio::io::split(client);
    let (mut from_server, mut to_server) = tokio::io::split(server);
    let ended = {
        let forth = pass(Side::Client, &mut from_client, &mut to_server, &shared, watched.as_ref());
        let back = pass(Side::Server, &mut from_server, &mut to_client, &shared, watched.as_ref());
        tokio::select! {
            ended = forth => ended,
            ended = back => ended,
            () = ordered(watched.as_ref(), Order::Break) => Ended::Closed,
        }
    };
    let (Ended::OnItsWay(packet), Some(watched)) = (ended, watched) else { return };
    // The client is gone here and now; the server's side is held.
    let _ = to_client.shutdown().await;
    drop((from_client, to_client));
    ordered(Some(&watched), Order::Deliver).await;
    to_server.write_all(&packet).await.unwrap();
    let mut nobody = tokio::io::sink();
    tokio::select! {
        _ = tokio::io::copy(&mut from_server, &mut nobody) => {}
        () = ordered(Some(&watched), Order::End) => {}
    }
}

async fn ordered(watched: Option<&Watched>, wanted: Order) {
    match watched {
        Some(watched) => drop(watched.order.subscribe().wait_for(|order| *order == wanted).await),
        None => std::future::pending().await,
    }
}

/// Passes packets on until one side ends or the connection is to break.
async fn pass(
    by: Side,
    source: &mut (impl AsyncRead + Unpin),
    sink: &mut (impl AsyncWrite + Unpin),
    shared: &Shared,
    watched: Option<&Watched>,
) -> Ended {
    while let Some(packet) = packet(source).await {
        if by == Side::Client && packet[3] == 0 && packet.get(4) == Some(&QUERY) {
            shared.queries.fetch_add(1, Ordering::SeqCst);
        }
        let place = watched.and_then(|watched| watched.arrived(by, &packet));
        let passed = match place {
            None | Some(Place::Behind) => &packet[..],
            Some(Place::Before | Place::OnItsWay) => &[],
            Some(Place::Inside) => &packet[..packet.len() / 2],
        };
        if sink.write_all(passed).await.is_err() || sink.flush().await.is_err() {
            break;
        }
        match place {
            None => {}
            Some(Place::OnItsWay) => return Ended::OnItsWay(packet),
            Some(Place::Before | Place::Inside | Place::Behind) => break,
        }
    }
    Ended::Closed
}

/// Four bytes of header, length and number, then the payload. Nothing once the connection is closed.
async fn packet(source: &mut (impl AsyncRead + Unpin)) -> Option<Vec<u8>> {
    let mut packet = vec![0; 4];
    source.read_exact(&mut packet).await.ok()?;
    let length = usize::from(packet[0]) | usize::from(packet[1]) << 8 | usize::from(packet[2]) << 16;
    packet.resize(4 + length, 0);
    source.read_exact(&mut packet[4..]).await.ok()?;
    Some(packet)
}
