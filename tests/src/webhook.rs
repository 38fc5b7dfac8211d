//! A webhook receiver that records requests and answers as scripted.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result};
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::wait::eventually;

/// One request as received.
#[derive(Debug, Clone)]
pub struct Request {
    /// The path it was sent to.
    pub path: String,
    /// All its headers.
    pub headers: HeaderMap,
    /// The body, byte for byte: signatures are over these.
    pub body: Bytes,
    /// The status it was answered with.
    pub answered: u16,
}

impl Request {
    /// The body, parsed as JSON.
    ///
    /// # Errors
    /// It is not JSON.
    pub fn json(&self) -> Result<Value> {
        serde_json::from_slice(&self.body).context("the webhook's body")
    }

    /// A header's text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

/// A running receiver, for any path. It stops when dropped.
pub struct Receiver {
    base: String,
    seen: Arc<Mutex<Seen>>,
    server: JoinHandle<()>,
}

#[derive(Default)]
struct Seen {
    requests: Vec<Request>,
    statuses: VecDeque<u16>,
}

impl Receiver {
    /// Starts on a free port and answers 204.
    ///
    /// # Errors
    /// No port is free.
    pub async fn start() -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let base = format!("http://{}", listener.local_addr()?);
        let seen = Arc::new(Mutex::new(Seen::default()));
        let routes = Router::new().fallback(receive).with_state(Arc::clone(&seen));
        let server = tokio::spawn(async move {
            if let Err(error) = axum::serve(listener, routes).await {
                eprintln!("the webhook receiver stopped: {error}");
            }
        });
        Ok(Self { base, seen, server })
    }

    /// Its base URL, to which any path may be added.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.base
    }

    /// Sets the statuses for the next requests, one each; after them, 204 again.
    pub fn answer(&self, statuses: impl IntoIterator<Item = u16>) {
        lock(&self.seen).statuses = statuses.into_iter().collect();
    }

    /// All requests so far, in order of arrival.
    #[must_use]
    pub fn requests(&self) -> Vec<Request> {
        lock(&self.seen).requests.clone()
    }

    /// Waits until this many requests were answered with success, and returns those.
    ///
    /// # Errors
    /// They did not arrive in time.
    pub async fn accepted(&self, count: usize, limit: Duration) -> Result<Vec<Request>> {
        eventually(limit, &format!("{count} webhooks"), async || {
            let mut requests = self.requests();
            requests.retain(|request| request.answered < 300);
            Ok((requests.len() >= count).then_some(requests))
        })
        .await
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn receive(
    State(seen): State<Arc<Mutex<Seen>>>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> StatusCode {
    let mut seen = lock(&seen);
    let answered = seen.statuses.pop_front().unwrap_or(204);
    seen.requests.push(Request { path: uri.path().to_owned(), headers, body, answered });
    StatusCode::from_u16(answered).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

fn lock(seen: &Mutex<Seen>) -> MutexGuard<'_, Seen> {
    seen.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn remembers_what_came_and_what_it_answered() {
        let receiver = Receiver::start().await.unwrap();
        receiver.answer([500]);
        let client = reqwest::Client::new();
        for _ in 0..2 {
            let url = format!("{}/hook", receiver.url());
            client.post(url).header("webhook-id", "7").body("{\"a\":1}").send().await.unwrap();
        }
        let all = receiver.requests();
        assert_eq!(all.iter().map(|request| request.answered).collect::<Vec<_>>(), [500, 204]);
        let accepted = receiver.accepted(1, Duration::from_secs(5)).await.unwrap();
        assert_eq!(accepted[0].header("webhook-id"), Some("7"));
        assert_eq!(accepted[0].json().unwrap()["a"], 1);
        assert_eq!(accepted[0].path, "/hook");
    }
}
