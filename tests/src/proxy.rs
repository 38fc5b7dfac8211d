//! A cable that can be pulled: TCP passed on to a server of the rig, until it is cut.

use std::sync::Arc;

use anyhow::{Context, Result};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// A running proxy. It ends when dropped.
pub struct Proxy {
    address: String,
    whole: Arc<watch::Sender<bool>>,
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
        let whole = Arc::new(watch::Sender::new(true));
        let (server, state) = (server.to_owned(), Arc::clone(&whole));
        let server = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(pass(client, server.clone(), state.subscribe()));
            }
        });
        Ok(Self { address, whole, server })
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
        self.whole.send_replace(false);
    }

    /// Lets new connections through again.
    pub fn mend(&self) {
        self.whole.send_replace(true);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn pass(mut client: TcpStream, server: String, mut whole: watch::Receiver<bool>) {
    let both = async {
        if let Ok(mut server) = TcpStream::connect(server).await {
            let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
        }
    };
    tokio::select! {
        biased;
        _ = whole.wait_for(|whole| !whole) => {}
        () = both => {}
    }
}
