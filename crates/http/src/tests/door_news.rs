//! News of a door: changes reach its listeners within a second, and nobody without the scope.

use std::time::{Duration, Instant};

use axum::body::BodyDataStream;
use fulfillment_config::token_hash;
use fulfillment_store::conformance::fixtures;
use fulfillment_store::{CheckIns as _, NewToken, StoreEpoch as _, Tokens as _, Withdrawals as _};
use futures::StreamExt as _;
use serde_json::{Value, json};
use tower::ServiceExt as _;

use super::door_feed::{Door, door};
use super::{App, request};

const PATH: &str = "/events/event-1/door/news";

/// A listener to the news.
struct Listener(BodyDataStream, String);

impl Listener {
    async fn of(app: &App, headers: &[(&str, &str)]) -> Self {
        let response = app.router.clone().oneshot(request("GET", PATH, headers, "")).await.unwrap();
        assert_eq!(
            (response.status().as_u16(), &response.headers()["content-type"]),
            (200, &"text/event-stream".parse().unwrap())
        );
        let mut listener = Self(response.into_body().into_data_stream(), String::new());
        assert!(listener.block().await.unwrap().contains("retry: 2000"));
        listener
    }

    /// The text before the next empty line; `None` at the end.
    async fn block(&mut self) -> Option<String> {
        loop {
            if let Some((block, rest)) = self.1.split_once("\n\n") {
                let (block, rest) = (block.to_owned(), rest.to_owned());
                self.1 = rest;
                return Some(block);
            }
            let next = tokio::time::timeout(Duration::from_secs(10), self.0.next()).await.expect("news");
            self.1.push_str(std::str::from_utf8(&next?.unwrap()).unwrap());
        }
    }

    /// The next news.
    async fn news(&mut self) -> Value {
        let block = self.block().await.unwrap();
        assert!(block.contains("event: door"), "{block}");
        serde_json::from_str(block.lines().find_map(|line| line.strip_prefix("data: ")).unwrap()).unwrap()
    }
}

/// A scanner that is a web page of another site reads the public keys, and nothing else.
#[tokio::test]
async fn web_pages_read_the_public_keys() {
    let app = App::open().await;
    for path in ["/.well-known/ticket-keys.json", "/.well-known/revoked-ticket-keys.json"] {
        assert_eq!(app.get(path, &[]).await.header("access-control-allow-origin"), "*", "{path}");
    }
    assert_eq!(app.get("/events/event-1/door", &[]).await.header("access-control-allow-origin"), "");
}

#[tokio::test]
async fn voids_and_check_ins_are_told_within_a_second() {
    let Door { app, tickets, .. } = door("").await;
    let mut listeners = [Listener::of(&app, &[]).await, Listener::of(&app, &[]).await];
    let first = listeners[0].news().await;
    assert_eq!(first, listeners[1].news().await);
    let version = first["version"].as_u64().unwrap();
    assert_eq!(first, json!({ "epoch": 1, "version": version, "sequence": 0 }));

    let begun = Instant::now();
    let who = fixtures::desk();
    assert!(app.store.void_ticket(tickets[0].id, "refund", &fixtures::quietly(), &who).await.unwrap());
    for listener in &mut listeners {
        assert_eq!(listener.news().await, json!({ "epoch": 1, "version": version + 1, "sequence": 0 }));
    }
    assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());

    let begun = Instant::now();
    let json = [("content-type", "application/json")];
    let scans = request("POST", "/events/event-1/check-ins", &json, r#"[{"code":"x"},{"code":"y"}]"#);
    assert_eq!(app.ask(scans).await.status, 200);
    for listener in &mut listeners {
        assert_eq!(listener.news().await, json!({ "epoch": 1, "version": version + 1, "sequence": 2 }));
    }
    assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());

    let rules = fulfillment_door::Rules::read(r#"{"reEntry":"always"}"#).unwrap();
    app.store.set_door_rules("event-1", &rules, &who).await.unwrap();
    assert_eq!(listeners[0].news().await["version"], version + 2);
    let epoch = app.store.new_epoch(&who).await.unwrap();
    assert_eq!(listeners[0].news().await["epoch"], epoch);
    app.get("/events/unknown/door/news", &[]).await.is_problem(404, "no-such-event");
    app.stop.cancel();
    assert_eq!(listeners[0].block().await, None);
}

#[tokio::test]
async fn they_end_with_their_token_and_have_a_limit() {
    let Door { app, .. } = door("[http]\ntoken = \"all-of-it-of-at-least-32-characters\"\n").await;
    for (name, scope) in [("gate", "door"), ("reader", "read")] {
        let sha256 = token_hash(&format!("token-of-{name}"));
        let token = NewToken { sha256, name: name.into(), scopes: vec![scope.into()], expires_at: None };
        assert!(app.store.add_token(&token, &fixtures::desk()).await.unwrap());
    }
    let of = |name: &str| format!("Bearer token-of-{name}");
    let (gate, reader) = (of("gate"), of("reader"));
    let (gate, reader) = ([("authorization", gate.as_str())], [("authorization", reader.as_str())]);
    app.get(PATH, &[]).await.is_problem(401, "unauthorized");
    // Tokens of the store are known after a moment.
    let begun = Instant::now();
    while app.get("/events/event-1/door", &gate).await.status != 200 && begun.elapsed().as_secs() < 5 {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    app.get(PATH, &reader).await.is_problem(403, "forbidden");
    let mut open = Vec::new();
    for _ in 0..crate::door::streams::OF_TOKEN {
        open.push(Listener::of(&app, &gate).await);
    }
    app.get(PATH, &gate).await.is_problem(503, "too-many-streams");
    // Others have their news all the same.
    let other = [("authorization", "Bearer all-of-it-of-at-least-32-characters")];
    Listener::of(&app, &other).await.news().await;
    open.pop();
    open.push(Listener::of(&app, &gate).await);
    let mut last = open.pop().unwrap();
    last.news().await;
    drop(open);
    assert!(app.store.revoke_token("gate", &fixtures::desk()).await.unwrap());
    let begun = Instant::now();
    assert_eq!(last.block().await, None);
    assert!(begun.elapsed() < Duration::from_secs(4), "{:?}", begun.elapsed());
}
