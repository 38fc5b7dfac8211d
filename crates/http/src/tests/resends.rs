//! A ticket's event sent once more over HTTP.

use std::time::Duration;

use fulfillment_store::conformance::fixtures;
use fulfillment_store::{Audit, AuditFilter, Outbox, Withdrawals};
use serde_json::{Value, json};

use super::{Answer, App, request};

async fn post(app: &App, path: &str, key: Option<&str>, body: &str) -> Answer {
    let mut headers = vec![("content-type", "application/json")];
    headers.extend(key.map(|key| ("idempotency-key", key)));
    app.ask(request("POST", path, &headers, body.to_owned())).await
}

#[tokio::test]
async fn a_request_sends_another_event_once_to_one_destination() {
    let app = App::open().await;
    let ticket = app.issued().await;
    let path = format!("/tickets/{}/resend", ticket.id);
    post(&app, &path, None, "").await.is_problem(400, "bad-request");
    let unknown = post(&app, &path, Some("a"), r#"{"to": "webhook:nobody"}"#).await;
    unknown.is_problem(400, "bad-request");
    let said = unknown.json()["detail"].to_string();
    assert!(said.contains("kafka, webhook:mailer, stream"), "{said}");
    post(&app, &path, Some("a"), r#"{"to": 7.5e99}"#).await.is_problem(400, "bad-request");

    for _ in 0..2 {
        let sent = post(&app, &path, Some("a"), "").await;
        assert_eq!((sent.status.as_u16(), &sent.json()["sequence"]), (200, &json!(2)), "{:?}", sent.body);
    }
    let lent = app.store.claim_deliveries("kafka", 9, Duration::from_secs(60)).await.unwrap();
    assert_eq!(lent.len(), 1, "the first was for nobody, and the repeat is none");
    let again: Value = serde_json::from_slice(&lent[0].event.value).unwrap();
    assert_eq!((&again["sequence"], &again["sentAgain"]), (&json!(2), &json!(true)), "{again}");
    assert_eq!(again["qrCodeData"], ticket.code.data);
    let path_of = format!("/tickets/{}.pdf?s=", ticket.id);
    assert!(again["ticketPdfUrl"].as_str().unwrap().contains(&path_of), "{again}");
    let mailer = post(&app, &path, Some("b"), r#"{"to": "webhook:mailer"}"#).await;
    assert_eq!(mailer.json()["sequence"], 3);
    let lent = app.store.claim_deliveries("webhook:mailer", 9, Duration::from_secs(60)).await.unwrap();
    assert_eq!(lent.len(), 1);
    let audited = app.store.audit(&AuditFilter::default(), 10).await.unwrap();
    let subjects: Vec<_> = audited.iter().filter_map(|record| record.entry.subject.as_deref()).collect();
    assert_eq!(subjects, ["webhook:mailer", "kafka"], "{audited:?}");

    app.store.void_ticket(ticket.id, "off", &fixtures::quietly(), &fixtures::desk()).await.unwrap();
    post(&app, &path, Some("c"), "").await.is_problem(410, "ticket-voided");
    let nobody = "/tickets/3f2504e0-4f89-41d3-9a0c-0305e82c3301/resend";
    post(&app, nobody, Some("x"), "").await.is_problem(404, "no-such-ticket");
}
