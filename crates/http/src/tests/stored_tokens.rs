//! Tokens of the store: found, revoked, expired, and what happens while the store is away.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use fulfillment_config::token_hash;
use fulfillment_store::conformance::fixtures;
use fulfillment_store::sqlite::SqliteStore;
use fulfillment_store::{Actor, NewToken, StoreError, TokenRecord, Tokens, TokensInUse};
use futures::StreamExt as _;
use jiff::Timestamp;
use tower::ServiceExt as _;

use super::{Answer, App, request};

/// The store's tokens; `broken` makes them unreachable.
pub(super) struct Line {
    pub(super) store: Arc<SqliteStore>,
    pub(super) broken: AtomicBool,
}

#[async_trait]
impl Tokens for Line {
    async fn add_token(&self, token: &NewToken, by: &Actor) -> Result<bool, StoreError> {
        self.store.add_token(token, by).await
    }

    async fn tokens(&self) -> Result<Vec<TokenRecord>, StoreError> {
        self.store.tokens().await
    }

    async fn tokens_in_use(&self) -> Result<TokensInUse, StoreError> {
        if self.broken.load(Ordering::Relaxed) {
            return Err(StoreError::Unavailable("away".into()));
        }
        self.store.tokens_in_use().await
    }

    async fn revoke_token(&self, name: &str, by: &Actor) -> Result<bool, StoreError> {
        self.store.revoke_token(name, by).await
    }
}

impl App {
    async fn add_token(&self, name: &str, scope: &str, expires_at: Option<Timestamp>) {
        let sha256 = token_hash(&format!("token-of-{name}"));
        let token = NewToken {
            sha256,
            name: name.to_owned(),
            scopes: vec![scope.to_owned(), "fly".into()],
            expires_at,
        };
        assert!(self.store.add_token(&token, &fixtures::desk()).await.unwrap());
    }

    async fn ask_as(&self, name: &str, path: &str) -> Answer {
        self.get(path, &[("authorization", &format!("Bearer token-of-{name}"))]).await
    }

    /// Asks until the answer has this status, for five seconds.
    async fn until(&self, name: &str, path: &str, status: u16) -> Answer {
        let begun = Instant::now();
        loop {
            let answer = self.ask_as(name, path).await;
            if answer.status == status {
                return answer;
            }
            assert!(begun.elapsed() < Duration::from_secs(5), "still {}", answer.status);
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

const ORDER: &str = "/orders/3f2504e0-4f89-41d3-9a0c-0305e82c3301";
const CLOSED: &str = "[http]\ntoken = \"all-of-it\"\n";

#[tokio::test]
async fn a_new_token_is_let_in_at_once_and_a_revoked_one_no_more() {
    let app = App::with(CLOSED).await;
    app.ask_as("new", ORDER).await.is_problem(401, "unauthorized");
    app.add_token("new", "read", None).await;
    app.ask_as("new", ORDER).await.is_problem(404, "no-such-order");
    app.ask_as("new", "/metrics").await.is_problem(403, "forbidden");
    assert!(app.store.revoke_token("new", &fixtures::desk()).await.unwrap());
    let refused = app.until("new", ORDER, 401).await;
    assert!(refused.json()["detail"].as_str().unwrap().contains("revoked"));
}

#[tokio::test]
async fn an_expired_token_is_refused_and_says_so() {
    let app = App::with(CLOSED).await;
    // The clock of these tests stands.
    let now: Timestamp = "2026-11-22T20:00:00Z".parse().unwrap();
    app.add_token("old", "read", Some(now)).await;
    app.add_token("young", "read", Some(now + jiff::SignedDuration::from_secs(1))).await;
    let (old, young) = tokio::join!(app.ask_as("old", ORDER), app.ask_as("young", ORDER));
    old.is_problem(401, "unauthorized");
    assert_eq!(old.json()["detail"], "The token has expired.");
    young.is_problem(404, "no-such-order");
}

#[tokio::test]
async fn the_first_token_closes_a_loopback_address_for_good() {
    let (app, anonymous) = (App::open().await, App::with("[http]\nallow_anonymous = true\n").await);
    for app in [&app, &anonymous] {
        app.get(ORDER, &[]).await.is_problem(404, "no-such-order");
        app.add_token("first", "read", None).await;
        app.until("nobody", ORDER, 401).await;
        app.get(ORDER, &[]).await.is_problem(401, "unauthorized");
        app.ask_as("first", ORDER).await.is_problem(404, "no-such-order");
        assert!(app.store.revoke_token("first", &fixtures::desk()).await.unwrap());
    }
    app.until("first", ORDER, 401).await;
    app.get(ORDER, &[]).await.is_problem(401, "unauthorized");
    // Where a setting says so, the service opens again.
    anonymous.until("first", ORDER, 404).await;
}

#[tokio::test]
async fn while_the_store_is_away_nobody_is_called_unknown_and_no_revoked_token_is_let_in() {
    let app = App::with(CLOSED).await;
    for (name, scope, path, status) in
        [("reader", "read", ORDER, 404), ("watcher", "metrics", "/metrics", 200)]
    {
        app.add_token(name, scope, None).await;
        app.until(name, path, status).await;
    }
    app.tokens.broken.store(true, Ordering::Relaxed);
    app.ask_as("reader", ORDER).await.is_problem(404, "no-such-order");
    assert!(app.store.revoke_token("reader", &fixtures::desk()).await.unwrap());
    let unsure = app.until("reader", ORDER, 503).await;
    unsure.is_problem(503, "store-unavailable");
    assert_eq!(unsure.header("retry-after"), "5");
    app.ask_as("stranger", ORDER).await.is_problem(503, "store-unavailable");
    app.get(ORDER, &[]).await.is_problem(401, "unauthorized");
    assert_eq!(app.ask_as("watcher", "/metrics").await.status, 200, "an outage can be watched");
    let main = [("authorization", "Bearer all-of-it")];
    app.get(ORDER, &main).await.is_problem(404, "no-such-order");
    app.tokens.broken.store(false, Ordering::Relaxed);
    app.until("reader", ORDER, 401).await;
    app.ask_as("stranger", ORDER).await.is_problem(401, "unauthorized");
}

#[tokio::test]
async fn a_stream_ends_with_its_token() {
    let app = App::with(CLOSED).await;
    app.add_token("follower", "events", None).await;
    let headers = [("authorization", "Bearer token-of-follower")];
    let response = app.router.clone().oneshot(request("GET", "/events", &headers, "")).await.unwrap();
    assert_eq!(response.status(), 200);
    let mut stream = response.into_body().into_data_stream();
    assert!(stream.next().await.is_some());
    assert!(app.store.revoke_token("follower", &fixtures::desk()).await.unwrap());
    let end = tokio::time::timeout(Duration::from_secs(5), stream.next()).await.unwrap();
    assert!(end.is_none(), "{end:?}");
}

#[tokio::test]
async fn a_failed_try_delays_only_its_own_answer_and_only_a_hundred_at_a_time() {
    let app = &App::with(CLOSED).await;
    let begun = Instant::now();
    app.ask_as("guess", ORDER).await.is_problem(401, "unauthorized");
    assert!(begun.elapsed() >= Duration::from_millis(500));
    let guesses = futures::future::join_all((0..150).map(async |i| app.ask_as(&i.to_string(), ORDER).await));
    let others = async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        let begun = Instant::now();
        let main = [("authorization", "Bearer all-of-it")];
        app.get(ORDER, &main).await.is_problem(404, "no-such-order");
        app.get(ORDER, &[]).await.is_problem(401, "unauthorized");
        assert_eq!(app.ask_as("guess", "/health/live").await.status, 200, "health is always answered");
        begun.elapsed()
    };
    let (guesses, others) = tokio::join!(guesses, others);
    assert!(others < Duration::from_millis(450), "others waited for {others:?}");
    let (held, crowded): (Vec<_>, Vec<_>) = guesses.iter().partition(|answer| answer.status == 401);
    assert_eq!((held.len(), crowded.len()), (100, 50));
    for answer in crowded {
        answer.is_problem(429, "too-many-requests");
        assert_eq!(answer.header("retry-after"), "1");
    }
}
