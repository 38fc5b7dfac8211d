//! The event stream: replayed from a reader's position, then followed.

use std::sync::Arc;
use std::time::Duration;

use axum::body::BodyDataStream;
use fulfillment_domain::clock::FixedClock;
use fulfillment_store::conformance::fixtures;
use fulfillment_store::sqlite::SqliteStore;
use fulfillment_store::{DeliveryOutcome, Outbox, StoreEpoch};
use futures::StreamExt;
use tower::ServiceExt;

use super::{App, request};

/// A reader of the stream, as text.
struct Reader(BodyDataStream, String);

impl Reader {
    async fn of(app: &App, path: &str, headers: &[(&str, &str)]) -> Self {
        let response = app.router.clone().oneshot(request("GET", path, headers, "")).await.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        let mut reader = Self(response.into_body().into_data_stream(), String::new());
        assert!(reader.block().await.unwrap().contains("retry: 2000"));
        reader
    }

    /// The text before the next empty line; `None` at the end.
    async fn block(&mut self) -> Option<String> {
        loop {
            if let Some((block, rest)) = self.1.split_once("\n\n") {
                let (block, rest) = (block.to_owned(), rest.to_owned());
                self.1 = rest;
                return Some(block);
            }
            let next = tokio::time::timeout(Duration::from_secs(10), self.0.next()).await.expect("an event");
            self.1.push_str(std::str::from_utf8(&next?.unwrap()).unwrap());
        }
    }

    async fn ids(&mut self, count: usize) -> Vec<String> {
        let mut ids = Vec::new();
        for _ in 0..count {
            let block = self.block().await.unwrap();
            ids.push(block.lines().find_map(|l| l.strip_prefix("id: ")).unwrap().to_owned());
        }
        ids
    }
}

#[tokio::test]
async fn replays_from_where_the_reader_was() {
    let app = App::open().await;
    let tickets = fixtures::issued(app.store.as_ref(), 1, 3).await;
    assert_eq!(app.store.sequence_events(10).await.unwrap(), 3);
    let mut all = Reader::of(&app, "/events?after=0", &[]).await;
    let first = all.block().await.unwrap();
    assert!(first.contains("event: ticket-issued"), "{first}");
    let data = first.lines().find_map(|l| l.strip_prefix("data: ")).unwrap();
    let event: serde_json::Value = serde_json::from_str(data).unwrap();
    assert_eq!((&event["specversion"], &event["type"]), (&"1.0".into(), &"ticket-issued".into()));
    assert_eq!(event["subject"], event["data"]["ticketId"]);
    assert!(tickets.iter().any(|t| event["subject"] == t.id.to_string()));
    assert!(data.contains("\"price\":49.90,"), "digits as they were written");
    assert_eq!(all.ids(2).await, ["2", "3"]);

    let mut rest = Reader::of(&app, "/events", &[("last-event-id", "2")]).await;
    assert_eq!(rest.ids(1).await, ["3"]);
    let by_event = format!("/events?types=ticket-issued&after={}", event["id"].as_str().unwrap());
    assert_eq!(Reader::of(&app, &by_event, &[]).await.ids(2).await, ["2", "3"]);
}

#[tokio::test]
async fn a_position_that_would_hide_a_gap_is_refused() {
    let app = App::open().await;
    fixtures::issued(app.store.as_ref(), 1, 3).await;
    assert_eq!(app.store.sequence_events(10).await.unwrap(), 3);
    let ask = async |after: &str| {
        let response = app
            .router
            .clone()
            .oneshot(request("GET", &format!("/events?after={after}"), &[], ""))
            .await
            .unwrap();
        let status = response.status();
        let body = axum::body::to_bytes(response.into_body(), 1 << 16).await.unwrap();
        (status.as_u16(), serde_json::from_slice::<serde_json::Value>(&body).unwrap())
    };
    let (status, problem) = ask("4").await;
    assert_eq!((status, &problem["newest"]), (400, &3.into()), "{problem}");

    // The reader connects, and what it has not read is deleted.
    let mut slow = Reader::of(&app, "/events?after=0", &[]).await;
    let lent = app.store.claim_deliveries("kafka", 10, Duration::from_secs(60)).await.unwrap();
    let sent: Vec<_> = lent.iter().map(|delivery| (delivery.outbox_id, DeliveryOutcome::Sent)).collect();
    app.store.record_deliveries("kafka", &sent).await.unwrap();
    let tomorrow = Arc::new(FixedClock("2026-11-23T20:00:00Z".parse().unwrap()));
    let tomorrow = SqliteStore::open(&app.dir.path().join("f.db"), tomorrow).await.unwrap();
    assert!(tomorrow.prune(Duration::from_secs(3600), 100).await.unwrap() >= 2);
    assert!(slow.block().await.is_none(), "it ends, and does not jump");
    let (status, problem) = ask("0").await;
    assert_eq!(status, 410, "{problem}");
    assert_eq!(problem["type"], "urn:fulfillment:problem:events-pruned");
    assert_eq!(problem["resumeAfter"], 2, "the newest is always kept: {problem}");
    assert_eq!(Reader::of(&app, "/events?after=2", &[]).await.ids(1).await, ["3"]);
}

#[tokio::test]
async fn a_position_of_another_epoch_is_refused() {
    let app = App::open().await;
    fixtures::issued(app.store.as_ref(), 1, 3).await;
    assert_eq!(app.store.sequence_events(10).await.unwrap(), 3);
    let mut before = Reader::of(&app, "/events?after=1", &[]).await;
    assert_eq!(before.ids(1).await, ["2"]);
    let epoch = app.store.new_epoch(&fixtures::desk()).await.unwrap();
    for (path, last) in [("/events?after=2", None), ("/events", Some("2")), ("/events?after=1.2", None)] {
        let headers: Vec<_> = last.map(|last| ("last-event-id", last)).into_iter().collect();
        app.get(path, &headers).await.is_problem(410, "another-epoch");
    }
    let (here, later) = (format!("{epoch}.2"), format!("{}.2", epoch + 1));
    app.get(&format!("/events?after={later}"), &[]).await.is_problem(410, "another-epoch");
    let mut rest = Reader::of(&app, &format!("/events?after={here}"), &[]).await;
    assert_eq!(rest.ids(1).await, [format!("{epoch}.3")]);
    let mut all = Reader::of(&app, "/events?after=0", &[]).await;
    assert_eq!(all.ids(2).await, [format!("{epoch}.1"), here]);
}

#[tokio::test]
async fn follows_what_happens_and_ends_with_the_service() {
    let app = App::open().await;
    let mut reader = Reader::of(&app, "/events", &[]).await;
    fixtures::issued(app.store.as_ref(), 1, 2).await;
    let top = app.store.sequence_events(10).await.unwrap();
    app.head.send_replace(top);
    assert_eq!(reader.ids(2).await, ["1", "2"]);
    // A reader that connects now sees only later events.
    let mut late = Reader::of(&app, "/events", &[]).await;
    app.stop.cancel();
    assert_eq!(reader.block().await, None);
    assert_eq!(late.block().await, None);
}

#[tokio::test]
async fn what_cannot_be_followed_is_said() {
    let app = App::open().await;
    for query in
        ["after=x", "after=-1", "after=3f2504e0-4f89-41d3-9a0c-0305e82c3301", "types=dead-letter", "types=x"]
    {
        app.get(&format!("/events?{query}"), &[]).await.is_problem(400, "bad-request");
    }
    app.get("/events?after=0", &[("last-event-id", "x")]).await.is_problem(400, "bad-request");
    let mut open = Vec::new();
    for _ in 0..crate::api::MAX_STREAMS {
        open.push(Reader::of(&app, "/events", &[]).await);
    }
    app.get("/events", &[]).await.is_problem(503, "too-many-streams");
    open.pop();
    Reader::of(&app, "/events", &[]).await;
}
