//! A TCP proxy on the loopback that counts the commands a client sends.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Ends with the runtime it was started in.
pub struct Proxy {
    pub port: u16,
    queries: Arc<AtomicUsize>,
}

impl Proxy {
    /// Passes everything on to the server that listens on `target`.
    pub async fn start(target: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let queries = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&queries);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let server = TcpStream::connect(("127.0.0.1", target)).await.unwrap();
                tokio::spawn(pass(client, server, Arc::clone(&counter)));
            }
        });
        Self { port, queries }
    }

    /// Query commands seen so far.
    pub fn queries(&self) -> usize {
        self.queries.load(Ordering::SeqCst)
    }
}

async fn pass(client: TcpStream, server: TcpStream, queries: Arc<AtomicUsize>) {
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let back = tokio::spawn(async move { tokio::io::copy(&mut from_server, &mut to_client).await });
    // Four bytes of header, length and number, then the payload; a command is a first packet with its byte.
    let mut header = [0u8; 4];
    while from_client.read_exact(&mut header).await.is_ok() {
        let length = usize::from(header[0]) | usize::from(header[1]) << 8 | usize::from(header[2]) << 16;
        let mut payload = vec![0u8; length];
        if from_client.read_exact(&mut payload).await.is_err() {
            break;
        }
        if header[3] == 0 && payload.first() == Some(&3) {
            queries.fetch_add(1, Ordering::SeqCst);
        }
        if to_server.write_all(&header).await.is_err() || to_server.write_all(&payload).await.is_err() {
            break;
        }
    }
    drop(to_server);
    back.abort();
}
