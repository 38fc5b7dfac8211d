//! A cable that can be pulled: TCP passed on to a server of the rig, cut, slowed down, deafened or answered for.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// What becomes of connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    /// They are passed on.
    Whole,
    /// They end, and each new one at once.
    Cut,
    /// What the client says gets there; what the server answers does not, and soon the connection ends.
    Deaf,
    /// Everything comes so much later.
    Slow(Duration),
    /// An HTTP server that says 500 to whatever is asked.
    Failing,
}

/// How long a client waits for answers that do not come, until its connection ends.
const DEAF_FOR: Duration = Duration::from_millis(300);

/// A running proxy. It ends when dropped.
pub struct Proxy {
    address: String,
    mode: Arc<watch::Sender<Mode>>,
    server: JoinHandle<()>,
}

impl Proxy {
    /// Passes a free port on to `server`, `host:port`.
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

    /// The URL with this proxy's address in the place of the server's.
    ///
    /// # Errors
    /// It is no URL with a host and a port.
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

    /// Ends all connections, and each new one at once.
    pub fn cut(&self) {
        self.mode.send_replace(Mode::Cut);
    }

    /// Loses what the server answers, on connections that are there and on new ones, and ends them soon after.
    pub fn lose_answers(&self) {
        self.mode.send_replace(Mode::Deaf);
    }

    /// Ends all connections; on new ones every piece comes so much later, each way.
    pub fn slow_down(&self, by: Duration) {
        self.mode.send_replace(Mode::Slow(by));
    }

    /// Ends all connections; new ones are answered 500, as HTTP.
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

/// Until the connection is not what it was; a deaf one lives a little longer.
async fn ended(mut mode: watch::Receiver<Mode>, begun: Mode) {
    let now = mode.wait_for(|now| *now != begun || *now == Mode::Deaf).await.map(|now| *now);
    if matches!(now, Ok(Mode::Deaf)) {
        tokio::time::sleep(DEAF_FOR).await;
    }
}

/// Passes on what comes; `answers` tells when it is to be lost.
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
        // A body that is still coming must not reset what was answered.
        while let Ok(1..) = client.read(&mut head).await {}
    }
}
