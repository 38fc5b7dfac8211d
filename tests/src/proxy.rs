//! A TCP proxy in front of a server of the rig that can cut or slow down connections, lose answers, or answer with
//! errors.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// How connections are treated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    /// They are forwarded.
    Whole,
    /// They are closed, and each new one immediately.
    Cut,
    /// Requests reach the server, but its answers are lost, and soon the connection is closed.
    Deaf,
    /// All data is delayed by this much.
    Slow(Duration),
    /// Acts as an HTTP server that answers every request with 500.
    Failing,
}

/// How long a client waits for lost answers until its connection is closed.
const DEAF_FOR: Duration = Duration::from_millis(300);

/// A running proxy. It ends when dropped.
pub struct Proxy {
    address: String,
    mode: Arc<watch::Sender<Mode>>,
    server: JoinHandle<()>,
}

impl Proxy {
    /// Forwards a free port to `server`, `host:port`.
    ///
    /// # Errors
    /// No port is free.
    pub async fn to(server: &str) -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?.to_string();
        let mode = Arc::new(watch::Sender::new(Mode::Whole));
        let (server, state) = (server.to_owned(), Arc::clone(&mode));
        let server = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(pass(client, server.clone(), state.subscribe()));
            }
        });
        Ok(Self { address, mode, server })
    }

    /// The URL with this proxy's address in place of the server's.
    ///
    /// # Errors
    /// It is not a URL with a host and a port.
    pub async fn in_front_of(url: &str) -> Result<(Self, String)> {
        let (scheme, rest) = url.split_once("://").context("no URL")?;
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let (user, server) = match authority.rsplit_once('@') {
            Some((user, server)) => (format!("{user}@"), server),
            None => (String::new(), authority),
        };
        let proxy = Self::to(server).await?;
        let url = format!("{scheme}://{user}{}/{path}", proxy.address);
        Ok((proxy, url.trim_end_matches('/').to_owned()))
    }

    /// Closes all connections, and each new one immediately.
    pub fn cut(&self) {
        self.mode.send_replace(Mode::Cut);
    }

    /// Loses the server's answers, on existing and new connections, and closes them soon after.
    pub fn lose_answers(&self) {
        self.mode.send_replace(Mode::Deaf);
    }

    /// Closes all connections; on new ones, all data is delayed by this much in both directions.
    pub fn slow_down(&self, by: Duration) {
        self.mode.send_replace(Mode::Slow(by));
    }

    /// Closes all connections; new ones are answered with HTTP status 500.
    pub fn fail(&self) {
        self.mode.send_replace(Mode::Failing);
    }

    /// Lets new connections through again.
    pub fn mend(&self) {
        self.mode.send_replace(Mode::Whole);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn pass(client: TcpStream, server: String, mut mode: watch::Receiver<Mode>) {
    let begun = *mode.borrow_and_update();
    match begun {
        Mode::Cut => {}
        Mode::Failing => fail(client).await,
        Mode::Whole | Mode::Deaf | Mode::Slow(_) => {
            let Ok(server) = TcpStream::connect(server).await else { return };
            let delay = if let Mode::Slow(by) = begun { by } else { Duration::ZERO };
            let (from_client, to_client) = client.into_split();
            let (from_server, to_server) = server.into_split();
            let answers = mode.clone();
            tokio::select! {
                () = copy(from_client, to_server, delay, None) => {}
                () = copy(from_server, to_client, delay, Some(answers)) => {}
                () = ended(mode, begun) => {}
            }
        }
    }
}

/// Waits until the connection's mode has changed; one that loses answers lasts a little longer.
async fn ended(mut mode: watch::Receiver<Mode>, begun: Mode) {
    let now = mode.wait_for(|now| *now != begun || *now == Mode::Deaf).await.map(|now| *now);
    if matches!(now, Ok(Mode::Deaf)) {
        tokio::time::sleep(DEAF_FOR).await;
    }
}

/// Forwards data; `answers` reports when it is to be lost.
async fn copy(
    mut from: tokio::net::tcp::OwnedReadHalf,
    mut to: tokio::net::tcp::OwnedWriteHalf,
    delay: Duration,
    answers: Option<watch::Receiver<Mode>>,
) {
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(count @ 1..) = from.read(&mut buffer).await {
        if answers.as_ref().is_some_and(|mode| *mode.borrow() == Mode::Deaf) {
            continue;
        }
        tokio::time::sleep(delay).await;
        if to.write_all(&buffer[..count]).await.is_err() {
            return;
        }
    }
}

async fn fail(mut client: TcpStream) {
    let mut head = vec![0; 16 * 1024];
    if let Ok(1..) = client.read(&mut head).await {
        let answer = b"HTTP/1.1 500 Internal Server Error\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
        let _ = client.write_all(answer).await;
        let _ = client.shutdown().await;
        // A request body that is still arriving must not reset the connection before the answer is read.
        while let Ok(1..) = client.read(&mut head).await {}
    }
}
