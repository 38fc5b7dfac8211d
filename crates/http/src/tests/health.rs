//! Readiness, and the state of the parts.

use fulfillment_store::conformance::fixtures::at;

use super::App;
use crate::PartState;

#[tokio::test]
async fn not_ready_only_without_the_store_or_at_the_end() {
    let app = App::open().await;
    let ask = |path: &'static str| app.get(path, &[]);
    assert_eq!(ask("/health/ready").await.status, 503, "the store has not been asked yet");
    assert_eq!(ask("/health/live").await.status, 200);

    app.readiness.set("store", PartState::Ok, at());
    app.readiness.set("ordering", PartState::Ok, at());
    assert_eq!(ask("/health/ready").await.json()["status"], "ready");
    assert_eq!(ask("/health").await.json()["status"], "Healthy");

    app.readiness.set("ordering", PartState::Down("no answer".into()), at());
    let ready = ask("/health/ready").await;
    assert_eq!((ready.status.as_u16(), &ready.json()["status"]), (200, &"degraded".into()));
    assert_eq!(ready.json()["parts"]["ordering"]["reason"], "no answer");
    let platform = ask("/health").await;
    assert_eq!((platform.status.as_u16(), &platform.json()["status"]), (200, &"Degraded".into()));
    assert_eq!(platform.json()["entries"]["ordering"]["description"], "no answer");
    assert_eq!(platform.json()["totalDuration"].as_str().unwrap().len(), "00:00:00.0000000".len());

    app.readiness.draining(at());
    assert_eq!(ask("/health/ready").await.status, 503);
    let platform = ask("/health").await;
    assert_eq!((platform.status.as_u16(), &platform.json()["status"]), (503, &"Unhealthy".into()));
    assert_eq!(ask("/health/live").await.status, 200);
}

#[tokio::test]
async fn keys_and_metrics_have_their_types() {
    let app = App::open().await;
    let keys = app.get("/.well-known/ticket-keys.json", &[]).await;
    let set = keys.json();
    assert_eq!(set["keys"].as_array().map(Vec::len), Some(1), "{set}");
    assert!(set["keys"][0]["x"].is_string() && set["keys"][0]["d"].is_null(), "the public half alone");
    assert_eq!(keys.header("cache-control"), "public, max-age=300");
    assert!(app.get("/metrics", &[]).await.header("content-type").starts_with("text/plain; version=0.0.4"));
}

#[tokio::test]
async fn a_process_of_another_role_serves_operators_only() {
    let mut app = App::open().await;
    app.router = app.operations.clone();
    app.readiness.set("store", PartState::Ok, at());
    for path in ["/health", "/health/live", "/health/ready", "/metrics", "/status"] {
        assert_eq!(app.get(path, &[]).await.status, 200, "{path}");
    }
    app.get("/orders/3f2504e0-4f89-41d3-9a0c-0305e82c3301", &[]).await.is_problem(404, "no-such-page");
}
