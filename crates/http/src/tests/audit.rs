//! The audit by HTTP.

use fulfillment_store::{Audit as _, AuditFilter};

use super::description::fits;
use super::{Answer, App};

async fn app() -> App {
    let tokens = ["audit", "read", "admin"].map(|scope| {
        let token = format!("{scope}-token-of-at-least-32-characters");
        format!("[[token]]\nname = \"{scope}\"\ntoken = \"{token}\"\nscopes = [\"{scope}\"]\n")
    });
    App::with(&tokens.concat()).await
}

async fn ask(app: &App, scope: &str, path: &str) -> Answer {
    let token = format!("Bearer {scope}-token-of-at-least-32-characters");
    app.get(path, &[("authorization", &token), ("accept", "application/json")]).await
}

/// Waits until the reads are written.
async fn written(app: &App, count: usize) {
    while app.store.audit(&AuditFilter::default(), 100).await.unwrap().len() < count {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn answers_who_read_what_page_by_page() {
    let app = app().await;
    let ticket = app.issued().await;
    for _ in 0..3 {
        assert_eq!(ask(&app, "read", &format!("/tickets/{}", ticket.id)).await.status, 200);
    }
    written(&app, 3).await;
    let first = ask(&app, "audit", "/audit?actor=read&limit=2").await;
    assert_eq!((first.status.as_u16(), first.header("cache-control")), (200, "private, no-store"));
    fits(&first.json(), "AuditPage");
    let records = |page: &serde_json::Value| page["records"].as_array().unwrap().clone();
    let page = first.json();
    assert_eq!(records(&page).len(), 2);
    assert_eq!(records(&page)[0]["action"], "read.ticket");
    assert_eq!(records(&page)[0]["ticketId"], ticket.id.to_string());
    let last =
        ask(&app, "audit", &format!("/audit?actor=read&limit=2&before={}", page["before"])).await.json();
    assert_eq!((records(&last).len(), &last["before"]), (1, &serde_json::Value::Null));
    written(&app, 5).await;
    let own = ask(&app, "audit", "/audit?action=read.audit").await.json();
    assert_eq!(records(&own).len(), 2, "who looked is on record too");
    for (query, found) in [
        (format!("ticket={}", ticket.id), 3),
        (format!("order={}", ticket.order_id), 3),
        ("since=2999-01-01T00:00:00Z".to_owned(), 0),
        ("action=ticket".to_owned(), 0),
    ] {
        assert_eq!(
            records(&ask(&app, "audit", &format!("/audit?{query}")).await.json()).len(),
            found,
            "{query}"
        );
    }
}

#[tokio::test]
async fn refuses_other_tokens_and_what_would_find_nothing_for_ever() {
    let app = app().await;
    for scope in ["read", "admin"] {
        ask(&app, scope, "/audit").await.is_problem(403, "forbidden");
    }
    for (query, field) in [
        ("action=ticket.voided", "action"),
        ("limit=0", "limit"),
        ("limit=1001", "limit"),
        ("since=yesterday", "since"),
        ("order=x", "order"),
        ("ticket=7Q2FK-9XM4D", "ticket"),
        ("before=x", "before"),
    ] {
        let refused = ask(&app, "audit", &format!("/audit?{query}")).await;
        refused.is_problem(400, "bad-request");
        assert_eq!(refused.json()["field"], field);
    }
    ask(&app, "audit", "/audit?limit=1&limit=2").await.is_problem(400, "bad-request");
}
