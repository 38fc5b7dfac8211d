//! `GET /status`: who may ask, and that nobody is in the answer.

use fulfillment_store::conformance::fixtures::{LONG, at, claimed, message, quietly};
use fulfillment_store::{DeadLetterRoute, Inbox as _, NextStep, OrderQueue as _, Release};

use super::App;
use super::description::fits;
use crate::PartState;

async fn app() -> App {
    let scopes = ["read:status", "read", "admin", "metrics", "ingest", "events", "door"];
    let tokens = scopes.map(|scope| {
        format!("[[token]]\nname = \"{scope}\"\ntoken = \"t-{scope}\"\nscopes = [\"{scope}\"]\n")
    });
    App::with(&tokens.concat()).await
}

#[tokio::test]
async fn states_of_everything_for_those_who_may_read_states() {
    let app = app().await;
    for (scope, status) in [
        ("read:status", 200),
        ("read", 200),
        ("admin", 200),
        ("metrics", 403),
        ("ingest", 403),
        ("events", 403),
        ("door", 403),
    ] {
        let answer = app.get("/status", &[("authorization", &format!("Bearer t-{scope}"))]).await;
        assert_eq!(answer.status, status, "{scope}");
    }
    app.get("/status", &[]).await.is_problem(401, "unauthorized");
    let token = [("authorization", "Bearer t-read:status")];
    app.get("/status?before=x", &token).await.is_problem(400, "bad-request");
    app.get("/status?past=perhaps", &token).await.is_problem(400, "bad-request");
}

#[tokio::test]
async fn what_needs_a_person_comes_first_and_names_nobody() {
    let app = app().await;
    let token = [("authorization", "Bearer t-read:status")];
    app.readiness.set("store", PartState::Ok, at());
    let idle = app.get("/status?past=true", &token).await;
    assert_eq!(idle.header("cache-control"), "private, no-store");
    fits(&idle.json(), "Status");
    assert_eq!(idle.json()["needsAPerson"], serde_json::json!([]));
    assert_eq!(idle.json()["service"]["lag"][0]["messages"], 7);

    let claims = claimed(app.store.as_ref(), 3).await;
    let releases: Vec<_> = claims
        .iter()
        .map(|claim| Release {
            order_id: claim.order_id,
            fence: claim.fence,
            reason: format!("Ordering cannot tell {} of \"Ada Lovelace\" <ada@example.org>", claim.order_id),
            failed: vec![],
            then: NextStep::Retry(LONG),
            refused_answer: None,
        })
        .collect();
    app.store.release(&releases).await.unwrap();
    let letter = message(70, b"x ada@example.org");
    app.store.ingest(&[letter], &DeadLetterRoute::default(), &quietly()).await.unwrap();
    app.readiness.set("ordering", PartState::Degraded("refuses ada@example.org".into()), at());
    let answer = app.get("/status", &token).await;
    let status = answer.json();
    fits(&status, "Status");
    let first = &status["needsAPerson"][0];
    assert_eq!((&first["kind"], &first["count"]), (&"waiting_for_ordering".into(), &releases.len().into()));
    let error = "Ordering cannot tell <id> of <text> <address>";
    assert_eq!(first["failures"][0]["error"], error, "{first}");
    assert_eq!(first["failures"][0]["count"], releases.len());
    assert_eq!(status["needsAPerson"][1]["kind"], "unreadable_messages");
    assert_eq!(status["service"]["parts"][0]["lastError"], "refuses <address>");
    let text = String::from_utf8_lossy(&answer.body);
    assert!(!text.contains("example.org") && !text.contains("Lovelace"), "{text}");
}
